#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_env_var
short_description: Manage an environment variable of a Vast.ai account
version_added: 0.3.0
description:
  - Creates, updates or deletes an environment variable that Vast.ai sets in every instance of the account.
  - An instance receives the variables when it is created and when it is recycled. Running instances are not changed.
  - Vast.ai never returns a value, so the module cannot compare it. O(update) defines whether an existing value is
    replaced.
  - An account can have at most 16 variables.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  name:
    description:
      - The name of the variable. Vast.ai stores names in upper case, so V(hf_token) is the same as V(HF_TOKEN).
    type: str
    required: true
  value:
    description:
      - The value. Required with O(state=present).
      - The API reference documents only letters, digits, V(_), V(.) and V(-). For other values, the module warns and
        sends them.
    type: str
  update:
    description:
      - V(on_create) sends the value only when the variable does not exist. An existing variable is not changed,
        whatever its value.
      - V(always) sends the value and reports a change in every run.
    type: str
    choices: [on_create, always]
    default: on_create
  state:
    description:
      - V(present) creates or updates the variable. V(absent) deletes it.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Values are never shown.
  idempotent:
    support: partial
    details:
      - With O(update=always), every run reports a change.
seealso:
  - module: vastai.cloud.vast_instance_recycle
"""

EXAMPLES = r"""
- name: Set a token for all new instances
  vastai.cloud.vast_env_var:
    name: HF_TOKEN
    value: "{{ hf_token }}"

- name: Replace the token
  vastai.cloud.vast_env_var:
    name: HF_TOKEN
    value: "{{ hf_token }}"
    update: always

- name: Delete a variable
  vastai.cloud.vast_env_var:
    name: WANDB_API_KEY
    state: absent
"""

RETURN = r"""
name:
  description: The name of the variable, in upper case.
  returned: when the account was read
  type: str
  sample: HF_TOKEN
actions:
  description: The actions that were taken, or would be in check mode, in order.
  returned: success
  type: list
  elements: str
  sample:
    - create environment variable HF_TOKEN
    - set the value of environment variable HF_TOKEN
# shared: plan
diff:
  description: What changed or would change, as C(before) and C(after).
  returned: success
  type: dict
  contains:
    before_header:
      description: The name of what the diff describes.
      returned: always
      type: str
    after_header:
      description: The same as C(before_header).
      returned: always
      type: str
    before:
      description: The fields that differ, with their values before the task.
      returned: always
      type: dict
    after:
      description: The same fields, with the requested values.
      returned: always
      type: dict
# end
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
from ansible_collections.vastai.cloud.plugins.module_utils._account.env_vars import (
    EnvVars,
    checked_name,
    is_plain,
    to_keep,
)
from ansible_collections.vastai.cloud.plugins.module_utils._core.crud import ANSWERS_WITHIN, bring, outcome

OPTIONS: Spec = {
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "no_log": True},
    "update": {"type": "str", "choices": ["on_create", "always"], "default": "on_create"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Look whether the name is there, plan, send the value unless in check mode."""
    name, value, state = checked_name(module.params["name"]), module.params["value"], module.params["state"]
    kind = EnvVars(name, value)
    module.connect()
    item = to_keep(module.client, kind, state, module.params["update"])
    if item.plan.changes and state == "present" and not is_plain(value):
        module.warn(
            f"The value of {name} has other characters than letters, digits, _, . and -, which is all that Vast.ai "
            "documents. It may be refused."
        )
    module.bound(module.params["retry_timeout"] + ANSWERS_WITHIN)
    module.bring(bring, kind, [item])
    return outcome([item], {"name": name}, planned=module.check_mode)


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_if=[("state", "present", ["value"])])


if __name__ == "__main__":
    main()
