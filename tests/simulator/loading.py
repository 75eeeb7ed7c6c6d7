# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an account file to a live account, with errors that name the place."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from .checks import AccountError, as_list, as_mapping, check_names, load_settings
from .model import PERMISSIONS, Account, Clock, Key, Options, Timings
from .registry import SECTIONS

OWN_SECTIONS = ("user", "keys", "read_only_key", "options", "timings")


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
    check_names(as_mapping(spec, "account"), (*OWN_SECTIONS, *SECTIONS), "account")
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
    for name, load in SECTIONS.items():
        if name in spec:
            load(account, spec[name], name)
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
