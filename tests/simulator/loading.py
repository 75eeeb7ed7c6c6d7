# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an account file to a live account, with errors that name the place."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from . import lifecycle, serverless
from .filesystem import FileTree
from .model import PERMISSIONS, Account, Behaviour, Clock, Instance, Key, Options, Row, Timings
from .rows import KNOWN_FIELDS, new_row

SECTIONS = ("user", "keys", "read_only_key", "options", "timings", "generate", "instances", "endpoints")
STATES = ("running", "stopped", "creating")
CHOICES = {
    "limit_style": ("text", "json", "retry_after"),
    "no_endpoints": ("error", "list"),
    "bad_key_status": (404, 401),
    "refused_intended": ("running", "stopped"),
}
IMAGE_FILES: dict[str, int | None] = {
    "/bin/bash": 1396520,
    "/etc/os-release": 386,
    "/root/.bashrc": 3106,
    "/workspace": None,
}
LOG = ["Starting container", "sshd: Server listening on 0.0.0.0 port 22.", "Ready"]
TYPES: dict[str, type | tuple[type, ...]] = {"str": str, "float": (int, float), "None": type(None)}

Settings = TypeVar("Settings", Options, Timings, Behaviour)


class AccountError(ValueError):
    """The description of the account is wrong."""


def read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AccountError(f"cannot read the account file: {error}") from error
    try:
        spec = json.loads(text)
    except ValueError as error:
        spec = read_yaml(text, error)
    return as_mapping(spec, "the account file")


def read_yaml(text: str, json_error: ValueError) -> Any:
    try:
        yaml: Any = import_module("yaml")
    except ImportError as error:
        raise AccountError(f"not JSON ({json_error}), and PyYAML, which YAML needs, is not installed") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise AccountError(f"neither JSON nor YAML: {error}") from error


def load_account(spec: dict[str, Any], api_key: str, clock: Clock) -> Account:
    check_names(as_mapping(spec, "account"), SECTIONS, "account")
    account = Account(
        clock=clock,
        keys=load_keys(spec, api_key),
        user={
            "id": 700001,
            "email": "simulated@example.com",
            "username": "simulated",
            "balance": 0.0,
            "credit": 42.5,
            "ssh_key": "",
            "sid": "SECRET-sid",
            "key_id": 1,
            "host_agreement_accepted": False,
            "api_key": "SECRET-user-api-key",
            **as_mapping(spec.get("user", {}), "user"),
        },
        options=load_settings(Options, spec.get("options", {}), "options"),
        timings=load_settings(Timings, spec.get("timings", {}), "timings"),
    )
    for position, instance in enumerate(as_list(spec.get("instances", []), "instances")):
        add_instance(account, instance, f"instances[{position}]")
    for position, endpoint in enumerate(as_list(spec.get("endpoints", []), "endpoints")):
        add_endpoint(account, endpoint, f"endpoints[{position}]")
    generate(account, spec.get("generate", 0))
    return account


def load_keys(spec: dict[str, Any], api_key: str) -> dict[str, Key]:
    keys = {api_key: Key()}
    read_only = spec.get("read_only_key")
    if read_only is not None:
        keys[read_only] = Key(frozenset(("instance_read", "user_read")))
    if not all(isinstance(value, str) and value for value in keys):
        raise AccountError("a key must be a text that is not empty")
    for value, rights in as_mapping(spec.get("keys", {}), "keys").items():
        where = f"keys.{value[:4]}..."
        check_names(as_mapping(rights, where), ("permissions", "expired"), where)
        permissions = rights.get("permissions")
        if permissions is not None:
            check_names(as_list(permissions, f"{where}.permissions"), PERMISSIONS, f"{where}.permissions")
        keys[value] = Key(None if permissions is None else frozenset(permissions), bool(rights.get("expired", False)))
    return keys


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


def add_endpoint(account: Account, spec: Any, where: str) -> None:
    spec = dict(as_mapping(spec, where))
    groups = as_list(spec.pop("workergroups", []), f"{where}.workergroups")
    check_names(spec, ("id", *serverless.ENDPOINT_DEFAULTS, "endpoint_state"), where)
    endpoint = serverless.new_endpoint(account, spec)
    for position, group in enumerate(groups):
        add_workergroup(account, endpoint, group, f"{where}.workergroups[{position}]")


def add_workergroup(account: Account, endpoint: Row, spec: Any, where: str) -> None:
    spec = dict(as_mapping(spec, where))
    workers = spec.pop("workers", [])
    check_names(spec, ("id", *serverless.WORKERGROUP_DEFAULTS), where)
    group = serverless.new_workergroup(account, endpoint, spec)
    for position, worker in enumerate([{}] * workers if isinstance(workers, int) else as_list(workers, where)):
        add_instance(account, worker, f"{where}.workers[{position}]", group["id"])


def generate(account: Account, spec: Any) -> None:
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


def load_settings(kind: type[Settings], values: Any, where: str) -> Settings:
    settings = kind()
    for name, value in as_mapping(values, where).items():
        change_setting(settings, name, value, where)
    return settings


def change_setting(settings: Options | Timings | Behaviour, name: str, value: Any, where: str) -> None:
    known = {entry.name: str(entry.type) for entry in fields(settings)}
    check_names((name,), known, where)
    accepted = known[name].split(" | ")
    if not any(has_type(value, each) for each in accepted):
        raise AccountError(f"{where}.{name}: {value!r} is not of type {known[name]}")
    if name in CHOICES and value not in CHOICES[name]:
        raise AccountError(f"{where}.{name}: {value!r} is none of {', '.join(map(str, CHOICES[name]))}")
    setattr(settings, name, value)


def has_type(value: Any, name: str) -> bool:
    if name == "bool":
        return isinstance(value, bool)
    if name == "int":
        # `true` reads well where a number of times is meant.
        return isinstance(value, int)
    return isinstance(value, TYPES[name]) and not isinstance(value, bool)


def check_names(names: Any, known: Any, where: str) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise AccountError(f"{where}: unknown {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}")


def as_mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise AccountError(f"{where}: expected a mapping")
    return value


def as_list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise AccountError(f"{where}: expected a list")
    return value
