# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New instances, from their description in an account file."""

from __future__ import annotations

from typing import Any

from . import lifecycle
from .checks import AccountError, as_list, as_mapping, check_names, load_settings
from .filesystem import FileTree
from .model import Account, Behaviour, Instance
from .rows import KNOWN_FIELDS, new_row

STATES = ("running", "stopped", "creating")
IMAGE_FILES: dict[str, int | None] = {
    "/bin/bash": 1396520,
    "/etc/os-release": 386,
    "/root/.bashrc": 3106,
    "/workspace": None,
}
LOG = ["Starting container", "sshd: Server listening on 0.0.0.0 port 22.", "Ready"]


def add_instance(account: Account, spec: Any, where: str, workergroup_id: int | None = None) -> Instance:
    spec = dict(as_mapping(spec, where))
    state = spec.pop("state", "running")
    if state not in STATES:
        raise AccountError(f"{where}.state: {state!r} is none of {', '.join(STATES)}")
    behaviour = load_settings(Behaviour, spec.pop("behaviour", {}), f"{where}.behaviour")
    files = as_mapping(spec.pop("files", {}), f"{where}.files")
    log = [str(line) for line in as_list(spec.pop("log", LOG), f"{where}.log")]
    check_names(spec, KNOWN_FIELDS, where)
    instance_id = spec.setdefault("id", account.new_id())
    if not isinstance(instance_id, int) or instance_id in account.instances:
        raise AccountError(f"{where}.id: {instance_id!r} is not a number or is taken")
    row = new_row(instance_id, account.clock, spec)
    instance = Instance(row, behaviour, image_files(), log, workergroup_id, billed_until=account.clock.now())
    add_files(instance.files, files, f"{where}.files")
    account.instances[instance_id] = instance
    lifecycle.begin(account, instance, state, keep=spec)
    return instance


def image_files() -> FileTree:
    return FileTree(IMAGE_FILES)


def add_files(tree: FileTree, files: dict[str, Any], where: str) -> None:
    """A number is a file of that size, null an empty directory, a list the names in a directory."""
    for path, content in files.items():
        if isinstance(content, list):
            tree.add(path, None)
            for name in content:
                tree.add(f"{path}/{name}", 0)
        elif content is None or (isinstance(content, int) and not isinstance(content, bool)):
            tree.add(path, content)
        else:
            raise AccountError(f"{where}.{path}: expected a size in bytes, null or a list of names")


def load_instances(account: Account, specs: Any, where: str) -> None:
    for position, spec in enumerate(as_list(specs, where)):
        add_instance(account, spec, f"{where}[{position}]")


def generate(account: Account, spec: Any, _where: str) -> None:
    """A fleet for tests of paging and pace: a number, or count, label and any field of an instance."""
    if isinstance(spec, int):
        spec = {"count": spec}
    spec = dict(as_mapping(spec, "generate"))
    count = spec.pop("count", 0)
    label = spec.pop("label", "node-{n:03d}")
    if not isinstance(count, int) or not isinstance(label, str):
        raise AccountError("generate: count must be a number and label a text such as node-{n:03d}")
    for n in range(1, count + 1):
        add_instance(account, {**spec, "label": label.format(n=n)}, f"generate[{n}]")
