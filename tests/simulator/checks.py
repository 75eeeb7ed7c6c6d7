# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks of what an account file or a control call says, with errors that name the place."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from .model import Behaviour, Options, Timings

CHOICES = {
    "limit_style": ("text", "json", "retry_after"),
    "no_endpoints": ("error", "not_found", "list"),
    "no_ssh_keys": ("list", "not_found"),
    "ssh_key_field": ("public_key", "key"),
    "bad_key_status": (404, 401),
    "refusal": ("slug", "no_slug", "other_slug", "status_400", "silent"),
    "queue_shows": ("intended", "next_state", "both", "nothing"),
    "bulk_unavailable": ("silent", "told"),
    "ports_after_stop": ("cleared", "kept"),
    "texts": ("old", "new"),
    "repeated_id": ("accepted", "refused"),
    "duplicate_names": ("refused", "accepted"),
    "worker_listing": ("list", "object", "until_ready"),
    "workergroups_status": (None, 404, 405, 410),
}
TYPES: dict[str, type | tuple[type, ...]] = {"str": str, "float": (int, float), "None": type(None)}

Settings = TypeVar("Settings", Options, Timings, Behaviour)


class AccountError(ValueError):
    """The description of the account is wrong."""


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
