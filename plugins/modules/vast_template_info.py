#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_template_info
short_description: List your templates and public templates on Vast.ai
version_added: 0.3.0
description:
  - Returns the templates that are visible to the user of the API key and that meet all criteria.
  - Without criteria, it returns all public templates, which are many. If Vast.ai returns them in pages, the module
    reads up to 40 pages.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
  - vastai.cloud.attributes.info
options:
  name:
    description:
      - The exact name of the template.
    type: str
  hash_id:
    description:
      - The C(hash_id) of the template.
    type: str
  own:
    description:
      - V(true) returns only templates that the user created. V(false) returns only templates of other users. Both
        require the permission C(user_read).
    type: bool
  recommended:
    description:
      - V(true) returns only templates that Vast.ai recommends. V(false) returns only others.
    type: bool
seealso:
  - module: vastai.cloud.vast_template
"""

EXAMPLES = r"""
- name: List your templates
  vastai.cloud.vast_template_info:
    own: true
  register: mine

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ mine.templates | map(attribute='name') | list }}"

- name: Look up a template by its name
  vastai.cloud.vast_template_info:
    name: trainer
"""

RETURN = r"""
templates:
  description: The templates, sorted by id, without fields that may contain secrets.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 4321
      hash_id: 5915f1dc1ce881defb572015eb9d8178
      name: trainer
  contains:
    # shared: template
    id:
      description: The id of the template.
      returned: always
      type: int
    hash_id:
      description: The hash to use as C(template_hash_id). It changes with every edit of the template.
      returned: always
      type: str
    name:
      description: The name of the template.
      returned: always
      type: str
    image:
      description: The image.
      returned: always
      type: str
    tag:
      description: The tag of the image.
      returned: always
      type: str
    runtype:
      description: How the container is launched, V(ssh), V(jupyter) or V(args).
      returned: always
      type: str
    ssh_direct:
      description: Whether SSH connects directly to the machine.
      returned: always
      type: bool
    jup_direct:
      description: Whether Jupyter connects directly to the machine.
      returned: always
      type: bool
    recommended_disk_space:
      description: The recommended disk size in GB.
      returned: always
      type: float
    private:
      description: Whether the template is hidden from other users.
      returned: always
      type: bool
    creator_id:
      description: The id of the user who created the template.
      returned: always
      type: int
    created_at:
      description: When the template was created, in seconds since 1970.
      returned: always
      type: float
    count_created:
      description: How many instances were created from the template.
      returned: always
      type: int
    desc:
      description: The description, without the line that M(vastai.cloud.vast_template) adds at its end.
      returned: always
      type: str
    # end
more:
  description: >-
    Whether there are pages that were not read. A template may then exist although it is not in the list. Use more
    criteria in this case.
  returned: success
  type: bool
  sample: false
# shared: failure
error_class:
  description: >-
    The kind of failure: V(auth), V(permission), V(not_found), V(ambiguous), V(invalid), V(rate_limited), V(quota),
    V(unavailable), V(budget), V(leaked), V(deprecated), V(server), V(transport), V(unknown_outcome), V(timeout),
    V(protocol) or V(dependency).
  returned: failure
  type: str
  sample: unavailable
status_code:
  description: The HTTP status of the reply that made the task fail, or null without a reply.
  returned: failure of a request
  type: int
  sample: 429
error:
  description: The error code that the API returned, or null.
  returned: failure of a request
  type: str
  sample: resources_unavailable
method:
  description: The HTTP method of the failed request.
  returned: failure of a request
  type: str
  sample: PUT
url:
  description: The URL of the failed request, without its query.
  returned: failure of a request
  type: str
  sample: https://console.vast.ai/api/v0/instances/4711/
response:
  description: The first 1024 characters of the reply, without secrets, or null without a reply.
  returned: failure of a request
  type: str
# end
"""

import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import Spec, VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import templates

OPTIONS: Spec = {
    "name": {"type": "str"},
    "hash_id": {"type": "str"},
    "own": {"type": "bool"},
    "recommended": {"type": "bool"},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Ask for them, and hold each against what was asked for."""
    module.connect()
    options = module.params
    asked = {name: options[name] for name in ("name", "hash_id", "recommended") if options[name] is not None}
    conditions: dict[str, t.Any] = {name: {"eq": value} for name, value in asked.items()}
    user_id = None if options["own"] is None else templates.current_user(module.client)
    if user_id is not None:
        conditions["creator_id"] = {"eq" if options["own"] else "neq": user_id}
    answer = templates.search(module.client, conditions)
    found = [
        row
        for row in answer.rows
        if all(row.get(name) == value for name, value in asked.items() if name in row)
        and (user_id is None or (row.get("creator_id") == user_id) is options["own"])
    ]
    return {
        "changed": False,
        "templates": [templates.shown(row) for row in sorted(found, key=lambda row: int(row["id"]))],
        "more": answer.more,
    }


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, criteria=("name", "hash_id"))


if __name__ == "__main__":
    main()
