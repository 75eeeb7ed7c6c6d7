#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_api_key
short_description: Manage an API key of a Vast.ai account
version_added: 0.3.0
description:
  - Creates an API key with given permissions, or deletes it.
  - Vast.ai shows a key only once, when it is created. O(dest) writes it to a file, and O(return_key) returns it.
  - When the reply to the creation is lost, or when the file cannot be written, the module deletes the new key, because
    it cannot be read again, and the task fails.
  - The permissions of an existing key are not compared with O(permissions), because Vast.ai does not return them
    reliably. To change them, replace the key.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  name:
    description:
      - The name of the key. The task fails when several keys have this name.
      - Vast.ai does not report which key the task itself uses. Do not use O(state=absent) or O(force=true) with the
        name of that key.
    type: str
    required: true
  permissions:
    description:
      - The permissions of the key, either as a list of categories or as the dictionary that the API accepts.
      - Categories are V(instance_read), V(instance_write), V(user_read), V(user_write), V(billing_read),
        V(billing_write), V(machine_read), V(machine_write), V(misc), V(team_read) and V(team_write). V(misc) includes
        searches and endpoints.
      - They apply only when the key is created. If not given, the new key has B(all permissions).
    type: raw
  dest:
    description:
      - The file to write the key to, with mode C(0600), on the machine that runs the module. Its directory must exist.
      - An existing file is overwritten only with O(force=true).
      - The task fails when the key exists but the file does not, unless O(force=true).
      - One of O(dest) and O(return_key) is required to create a key.
    type: path
  return_key:
    description:
      - Whether to return the key as RV(key) when it is created.
      - The output of the task is then hidden, as with C(no_log), but the registered result contains the key. Use
        C(no_log) for all tasks that show this variable.
      - Cannot be used with C(async). For ad hoc commands use O(dest).
    type: bool
    default: false
  force:
    description:
      - Whether to overwrite an existing file when the key does not exist, and to replace an existing key when its file
        does not exist.
      - When both exist, nothing changes. Without O(dest), every run replaces the key.
      - The old key is deleted after the new one is saved.
    type: bool
    default: false
  state:
    description:
      - V(present) creates the key if it does not exist.
      - V(absent) deletes the key and keeps the file O(dest). Keys that no user created, such as the primary key, are
        never deleted.
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
      - With O(force=true) and without O(dest), every run replaces the key.
seealso:
  - module: vastai.cloud.vast_env_var
"""

EXAMPLES = r"""
- name: Create a read-only key for dashboards
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
  description: The id of the key, or null when it does not exist.
  returned: success, and when a key could not be deleted
  type: int
  sample: 1234
key:
  description: The key. Only the registered result contains it.
  returned: when O(return_key=true) and the key was created
  type: str
actions:
  description: The actions that were taken, or would be in check mode, in order.
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
