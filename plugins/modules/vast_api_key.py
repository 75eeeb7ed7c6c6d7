#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_api_key
short_description: Keep an API key of a Vast.ai account
version_added: 0.3.0
description:
  - Creates an API key with the rights that it is to have, or deletes it.
  - Vast.ai shows a key once, when it is created. O(dest) writes it to a file, O(return_key) returns it.
  - When the reply to the creation is lost, or the file cannot be written, nobody has the key. It is then deleted again,
    and the task fails.
  - Rights of a key that exists are not compared with O(permissions), because Vast.ai does not show them reliably. To
    change them, replace the key.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  name:
    description:
      - The name of the key. The task fails when several keys have it.
      - Vast.ai does not tell which key a task itself uses. Do not name that one with O(state=absent) or O(force=true).
    type: str
    required: true
  permissions:
    description:
      - What the key may do, either as a list of categories or as the dictionary that the API takes.
      - Categories are V(instance_read), V(instance_write), V(user_read), V(user_write), V(billing_read),
        V(billing_write), V(machine_read), V(machine_write), V(misc), V(team_read) and V(team_write). Searches and
        endpoints are under V(misc).
      - It counts when the key is created only. When it is omitted, the key may do everything.
    type: raw
  dest:
    description:
      - The file to write the key to, with mode C(0600), on the machine that the task runs on. Its folder must exist.
      - It is never overwritten unless O(force=true).
      - The task fails when the key exists and the file does not.
      - One of O(dest) and O(return_key) is required to create a key.
    type: path
  return_key:
    description:
      - Whether to return the key as RV(key) when it is created.
      - Every display of the task is then hidden, as with C(no_log), but the registered result has the key. Whatever
        shows that variable shows the key, so use C(no_log) there, too.
      - Cannot be used with C(async). For ad hoc commands use O(dest).
    type: bool
    default: false
  force:
    description:
      - Whether a file that exists may be overwritten when the key does not exist, and a key that exists may be replaced
        when its file does not.
      - When both exist nothing is done. Without O(dest) the key is replaced in each run.
      - The old key is deleted once the new one is saved.
    type: bool
    default: false
  state:
    description:
      - Whether the key is to exist.
      - V(absent) deletes the key and leaves O(dest) alone. A key that no user made, such as the primary one, is never
        deleted.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Keys are never shown.
  idempotent:
    support: partial
    details:
      - With O(force=true) and without O(dest) each run replaces the key.
seealso:
  - module: vastai.cloud.vast_env_var
"""

EXAMPLES = r"""
- name: Keep a key for dashboards, which may only read
  vastai.cloud.vast_api_key:
    name: dashboards
    permissions: [instance_read, user_read, billing_read]
    dest: "{{ secrets_folder }}/vast-dashboards.key"

- name: Replace a key whose file is lost
  vastai.cloud.vast_api_key:
    name: monitoring
    permissions: [instance_read, user_read, billing_read]
    dest: "{{ secrets_folder }}/vast-monitoring.key"
    force: true

- name: Create a key and keep it in a variable
  vastai.cloud.vast_api_key:
    name: nightly
    permissions: [instance_read, instance_write, misc]
    return_key: true
  register: nightly

- name: Delete a key
  vastai.cloud.vast_api_key:
    name: monitoring
    state: absent
"""

RETURN = r"""
name:
  description: The name of the key.
  returned: success, and when a key could not be deleted
  type: str
  sample: monitoring
id:
  description: The id of the key, or null when it is not there.
  returned: success, and when a key could not be deleted
  type: int
  sample: 1234
key:
  description: The key itself. It is in the registered result only.
  returned: when O(return_key=true) and the key was created
  type: str
actions:
  description: What was done, or would be done in check mode, in order; one sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - create API key monitoring
# shared: plan
diff:
  description: What changed or would change, as C(before) and C(after).
  returned: success
  type: dict
  contains:
    before_header:
      description: What the diff is about.
      returned: always
      type: str
    after_header:
      description: What the diff is about, once more.
      returned: always
      type: str
    before:
      description: The fields that differ, as they were.
      returned: always
      type: dict
    after:
      description: The same fields, as wanted.
      returned: always
      type: dict
# end
# shared: failure
error_class:
  description: >-
    What kind of failure it is: V(auth), V(permission), V(not_found), V(ambiguous), V(invalid), V(rate_limited),
    V(quota), V(unavailable), V(budget), V(leaked), V(deprecated), V(server), V(transport), V(unknown_outcome),
    V(timeout), V(protocol) or V(dependency).
  returned: failure
  type: str
  sample: unavailable
status_code:
  description: The HTTP status of the reply that made the task fail, or null when there was none.
  returned: failure of a request
  type: int
  sample: 429
error:
  description: The API's own short name of the error, or null.
  returned: failure of a request
  type: str
  sample: resources_unavailable
method:
  description: The method of the request that failed.
  returned: failure of a request
  type: str
  sample: PUT
url:
  description: The address of the request that failed, without its query.
  returned: failure of a request
  type: str
  sample: https://console.vast.ai/api/v0/instances/4711/
response:
  description: The beginning of the reply, at most 1024 characters, without secrets; null when there was none.
  returned: failure of a request
  type: str
# end
"""

import functools
import os
import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import Spec, VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import api_keys
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.crud import (
    ANSWERS_WITHIN,
    Entry,
    Move,
    bring,
    outcome,
    to_bring,
)

OPTIONS: Spec = {
    "name": {"type": "str", "required": True},
    "permissions": {"type": "raw"},
    "dest": {"type": "path"},
    "return_key": {"type": "bool", "default": False, "no_log": False},
    "force": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def plan(module: VastModule, entry: Entry) -> list[Move]:
    """What to create and what to delete, in that order. Raises Invalid for what cannot be done."""
    dest, force = module.params["dest"], module.params["force"]
    if module.params["state"] == "absent":
        return [api_keys.to_delete(module.client, entry)]
    if entry.row is not None and not (force and (dest is None or not os.path.lexists(dest))):
        if dest is not None and not os.path.lexists(dest):
            raise Invalid(
                f"{entry.display_name} (id {entry.id}) exists, but dest ({dest}) does not, and Vast.ai shows a key "
                "only once. Nothing was sent. Set force=true to replace the key."
            )
        return [to_bring(entry, ())]
    if dest is None and not module.params["return_key"]:
        raise Invalid(f"dest or return_key is required to create {entry.display_name}. Nothing was sent.")
    if dest is not None:
        api_keys.check_place(dest, replace=force)
    new = api_keys.to_create(entry)
    return [new] if entry.row is None else [new, api_keys.to_delete(module.client, entry)]


def make(module: VastModule, kind: api_keys.ApiKeys, item: Move) -> None:
    """Create the key, and have it where the user wants it."""
    dest, force = module.params["dest"], module.params["force"]
    save = functools.partial(api_keys.save, dest, replace=force) if dest else _nowhere
    key = api_keys.create(module.client, kind, item, module.deadline, save)
    if module.params["return_key"]:
        module.shown_once = {"key": key}


def _nowhere(_key: str) -> None:
    return None


def run(module: VastModule) -> dict[str, t.Any]:
    """Look at the keys, plan, create and delete unless in check mode: a refused creation leaves the old key."""
    for option in ("name", "dest"):
        if module.params[option] is not None and not module.params[option].strip():
            raise Invalid(f"{option} must not be empty.")
    kind = api_keys.ApiKeys(module.params["name"], api_keys.checked_permissions(module.params["permissions"]))
    module.connect()
    item, *old = plan(module, api_keys.find(module.client, kind))
    module.bound(module.params["retry_timeout"] + ANSWERS_WITHIN)
    if item.plan.changes and module.params["state"] == "present" and not module.check_mode:
        make(module, kind, item)
    else:
        module.bring(bring, kind, [item])
    shown = {"name": kind.name, "id": item.seen.id}
    result = outcome([item], shown, planned=module.check_mode)
    if old:
        module.bound(module.params["retry_timeout"] + ANSWERS_WITHIN)
        module.bring(bring, kind, old)
        if old[0].error is not None:
            msg = f"The new key (id {item.seen.id}) is there, but the old one is not deleted. {old[0].error.msg}"
            raise old[0].error.with_context(msg, changed=True, **shown)
    return result


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
