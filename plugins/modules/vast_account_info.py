#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_account_info
short_description: Show the owner, the credit and the billed and unused resources of a Vast.ai account
version_added: 0.3.0
description:
  - Returns the owner and the credit of the account, the permissions of the API key if Vast.ai reports them, and the
    number of resources that bill or may be unused.
  - Values that the API key may not read are null, with a warning. Without the permission C(user_read), these are the
    user, the credit, the permissions and most of RV(left_over).
  - For the cost of each resource, see M(vastai.cloud.vast_cost_info).
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
  - vastai.cloud.attributes.info
seealso:
  - module: vastai.cloud.vast_cost_info
  - module: vastai.cloud.vast_reaper
"""

EXAMPLES = r"""
- name: Look at the account
  vastai.cloud.vast_account_info:
  register: account

- name: Show the credit and what bills
  ansible.builtin.debug:
    msg: "{{ account.credit }} $ left, {{ account.billing.running }} running, {{ account.billing.volumes }} volumes"
"""

RETURN = r"""
user:
  description: The user that the API key belongs to, or null when the key may not read it.
  returned: success
  type: dict
  sample: {id: 700001, username: alice, email: alice@example.com}
  contains:
    id:
      description: The id of the user.
      returned: always
      type: int
    username:
      description: The name of the user, or null.
      returned: always
      type: str
    email:
      description: The email address of the user, or null.
      returned: always
      type: str
credit:
  description: The credit in US dollars, or null.
  returned: success
  type: float
  sample: 42.5
balance:
  description: The balance in US dollars, as Vast.ai reports it, or null.
  returned: success
  type: float
  sample: 0.0
rights:
  description: >-
    The permissions of the API key, as categories such as V(instance_read) and as names of single calls. Null when
    Vast.ai does not report them.
  returned: success
  type: list
  elements: str
  sample: [instance_read, user_read]
billing:
  description: Number of resources that bill. An unknown number is null.
  returned: success
  type: dict
  sample: {running: 2, stopped: 1, workers: 0, volumes: 1}
  contains:
    running:
      description: >-
        Instances that hold their GPU, without workers. Includes workers when Vast.ai does not report which instances
        are workers.
      returned: always
      type: int
    stopped:
      description: Stopped instances, whose disks bill. Without workers, as above.
      returned: always
      type: int
    workers:
      description: Workers of serverless endpoints, in any state.
      returned: always
      type: int
    volumes:
      description: Volumes, attached or not.
      returned: always
      type: int
left_over:
  description: Number of resources that are easily forgotten. An unknown number is null.
  returned: success
  type: dict
  sample: {unattached_volumes: 0, ssh_keys: 1, environment_variables: 2, templates: 1, api_keys: 3}
  contains:
    unattached_volumes:
      description: Volumes that no instance uses. They bill nevertheless.
      returned: always
      type: int
    ssh_keys:
      description: SSH keys of the account.
      returned: always
      type: int
    environment_variables:
      description: Environment variables of the account.
      returned: always
      type: int
    templates:
      description: Templates that the user created.
      returned: always
      type: int
    api_keys:
      description: API keys of the account.
      returned: always
      type: int
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

import collections.abc as c
import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import (
    charges,
    env_vars,
    rights,
    ssh_keys,
    templates,
)
from ansible_collections.vastai.cloud.plugins.module_utils._account.charges import optional
from ansible_collections.vastai.cloud.plugins.module_utils._account.volume_listing import volumes
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._core.amounts import number
from ansible_collections.vastai.cloud.plugins.module_utils._core.rows import is_id
from ansible_collections.vastai.cloud.plugins.module_utils._core.user import user_row
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import read
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import endpoints, workers


def run(module: VastModule) -> dict[str, t.Any]:
    """Read what the key may read."""
    module.connect()
    client = module.client
    user = optional(client, "The user and the credit are", lambda: user_row(client))
    keys = optional(client, "Which API keys and rights there are is", lambda: rights.read(client))
    stored = optional(client, "Which volumes there are is", lambda: volumes(client))
    return {
        "changed": False,
        "user": None if user is None else shown(user),
        "credit": number((user or {}).get("credit")),
        "balance": number((user or {}).get("balance")),
        "rights": rights.rights(keys or (), (user or {}).get("key_id")),
        "billing": {**instances(client), "volumes": count(stored)},
        "left_over": {
            "unattached_volumes": None if stored is None else sum(not charges.is_attached(row) for row in stored),
            "ssh_keys": count(optional(client, "Which SSH keys there are is", lambda: ssh_keys.read(client))),
            "environment_variables": count(
                optional(client, "Which environment variables there are is", lambda: env_vars.read(client))
            ),
            "templates": count(own_templates(client, (user or {}).get("id"))),
            "api_keys": count(keys),
        },
    }


def count(rows: c.Sized | None) -> int | None:
    """How many; None: not known."""
    return None if rows is None else len(rows)


def shown(user: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The user as results show it; the row has secrets."""
    return {name: user.get(name) for name in ("id", "username", "email")}


def instances(client: Client) -> dict[str, int | None]:
    """How many instances and workers there are."""
    listed = optional(client, "Which instances there are is", lambda: read(client, {}))
    groups = optional(client, "Which instances are workers is", lambda: endpoints.read(client))
    owners = None if groups is None else workers.owners(client, groups)
    known = owners is not None and owners.complete
    if listed is None:
        return {"running": None, "stopped": None, "workers": None}
    there = [each for each in listed if not each.is_unloaded]
    own = [each for each in there if owners is None or each.id not in owners.endpoints]
    stopped = sum(each.word("cur_state") == "stopped" for each in own)
    return {"running": len(own) - stopped, "stopped": stopped, "workers": len(there) - len(own) if known else None}


def own_templates(client: Client, user_id: t.Any) -> list[t.Mapping[str, t.Any]] | None:
    """The templates of the user; None while it is not known who that is."""
    if not is_id(user_id):
        return None
    condition = {"creator_id": {"eq": user_id}}
    found = optional(client, "Which templates there are is", lambda: templates.read(client, condition))
    return None if found is None else [row for row in found if row.get("creator_id") == user_id]


def main() -> None:
    """Run as a module."""
    run_module(run, {})


if __name__ == "__main__":
    main()
