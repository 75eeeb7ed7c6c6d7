#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_ssh_key
short_description: Manage an SSH key of a Vast.ai account and of its instances
version_added: 0.3.0
description:
  - Adds a public SSH key to the account or deletes it, and attaches it to instances or detaches it.
  - A key is identified by its type and its base64 data. The comment is not compared.
  - Vast.ai copies the keys of the account into an instance when it is created, and never later. For existing instances,
    use O(instances).
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  public_key:
    description:
      - The public key in OpenSSH format, in one line, such as C(ssh-ed25519 AAAA... you@example.com).
      - A private key is refused before anything is sent.
      - Exactly one of O(public_key) and O(file) is required.
    type: str
  file:
    description:
      - The path of the file with the public key, on the machine that runs the module.
    type: path
  state:
    description:
      - V(present) adds the key to the account, and attaches it to O(instances).
      - V(absent) detaches the key from O(instances) and deletes it from the account. B(All other instances keep the
        key.) To detach it everywhere, set O(instances) to V(all).
    type: str
    choices: [present, absent]
    default: present
  instances:
    description:
      - Ids or labels of the instances to attach the key to, or to detach it from. A label must be unique. A number is
        an id.
      - V(all) as the only item selects all instances of the account. This takes about two seconds per instance.
    type: list
    elements: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vastai.cloud.vast_instance_info
"""

EXAMPLES = r"""
- name: Add a key to the account, so that new instances accept it
  vastai.cloud.vast_ssh_key:
    file: "{{ public_key_file }}"

- name: Give a colleague access, also to two existing instances
  vastai.cloud.vast_ssh_key:
    public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIG2N9j80sbaY1nmljEToRcN55XktyW4TR4LTP2exYzp bob@example.com
    instances: [train-01, 4711]

- name: Remove the access of a former colleague from the account and all instances
  vastai.cloud.vast_ssh_key:
    public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIG2N9j80sbaY1nmljEToRcN55XktyW4TR4LTP2exYzp bob@example.com
    state: absent
    instances: all
"""

RETURN = r"""
id:
  description: The id of the key in the account, or null when it does not exist.
  returned: when the account was read
  type: int
  sample: 1234
public_key:
  description: The key as stored in the account, or as given in the task when the account does not have it.
  returned: when the account was read
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIG2N9j80sbaY1nmljEToRcN55XktyW4TR4LTP2exYzp bob@example.com
attached:
  description: The ids of the instances in O(instances) that have the key.
  returned: when the account was read
  type: list
  elements: int
  sample: [4711]
actions:
  description: The actions that were taken, or would be in check mode, in order.
  returned: success
  type: list
  elements: str
  sample:
    - add ssh key ssh-ed25519 ...TR4LTP2exYzp (bob@example.com)
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

import os
import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import Spec, VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import ssh_keys
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.crud import ANSWERS_WITHIN, Move, bring, outcome
from ansible_collections.vastai.cloud.plugins.module_utils._core.public_keys import MAX_KEY, PublicKey, parse
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import read
from ansible_collections.vastai.cloud.plugins.module_utils._instances.named import named

OPTIONS: Spec = {
    "public_key": {"type": "str", "no_log": False},
    "file": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "instances": {"type": "list", "elements": "str"},
}


def given_key(module: VastModule) -> PublicKey:
    """The key of the task. Raises Invalid for what is no public key, without showing it."""
    path = module.params["file"]
    if path is None:
        return parse(module.params["public_key"])
    try:
        # A FIFO in its place is not waited for.
        with open(path, encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            text = file.read(MAX_KEY + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"file cannot be read: {error}.") from error
    return parse(text)


def given_refs(module: VastModule) -> list[Ref] | None:
    """The instances that the task names; None for all of them. Raises Invalid for names that cannot be."""
    names = module.params["instances"]
    if names == ["all"]:
        return None
    if names is not None and not names:
        raise Invalid("instances must not be empty; omit it instead.")
    return [named(name, "instances") for name in names or ()]


def run(module: VastModule) -> dict[str, t.Any]:
    """Look at the account and the instances, plan, bring them there unless in check mode."""
    key, refs, state = given_key(module), given_refs(module), module.params["state"]
    module.connect()
    boxes = read(module.client, {}) if refs is None else [find(module.client, ref) for ref in refs]
    instances = {each.id: each.display_name for each in boxes if not each.is_unloaded}
    own = ssh_keys.to_keep(module.client, key, state)
    attached = ssh_keys.to_attach(module.client, key, state, instances)
    carry_out(module, key, own, attached)
    items = [*own, *attached] if state == "present" else [*attached, *own]
    row = next((item.seen.row for item in own if item.seen.row is not None), {})
    shown = {
        "id": row.get("id"),
        "public_key": row.get("public_key") or row.get("key") or key.text,
        "attached": [*dict.fromkeys(item.ref.id for item in attached if item.seen.row is not None)],
    }
    return outcome(items, shown, planned=module.check_mode)


def carry_out(module: VastModule, key: PublicKey, own: list[Move], attached: list[Move]) -> None:
    """The account first, to add; the instances first, to delete. After a failure the rest is left alone."""
    parts: list[tuple[ssh_keys.Keys | ssh_keys.Attachments, list[Move]]] = [
        (ssh_keys.Keys(key), own),
        *((ssh_keys.Attachments(key), [item]) for item in attached),
    ]
    if module.params["state"] == "absent":
        parts.append(parts.pop(0))
    module.bound(module.params["retry_timeout"] + ANSWERS_WITHIN * len(parts))
    for kind, items in parts:
        module.bring(bring, kind, items)
        if any(item.error is not None for item in items):
            return


def main() -> None:
    """Run as a module."""
    together: dict[str, t.Any] = {
        "required_one_of": [("public_key", "file")],
        "mutually_exclusive": [("public_key", "file")],
    }
    run_module(run, OPTIONS, **together)


if __name__ == "__main__":
    main()
