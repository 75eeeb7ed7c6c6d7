# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment variables of the account. Values never come back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..checks import as_mapping
from ..model import Account
from ..reply import Reply, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route

MOST = 16
MASK = "********"
NAME = re.compile(r"[A-Za-z_]\w*")


def values(account: Account) -> dict[str, str]:
    found: dict[str, str] = account.things.setdefault("secrets", {})
    return found


def secrets(account: Account) -> Iterable[str]:
    return [value for value in values(account).values() if value]


def list_names(account: Account, _request: Request) -> Reply:
    return json_reply({"success": True, "secrets": dict.fromkeys(values(account), MASK)})


def given(request: Request) -> tuple[str, str] | None:
    name: Any = request.fields.get("key")
    value: Any = request.fields.get("value")
    if not isinstance(name, str) or not isinstance(value, str) or not NAME.fullmatch(name):
        return None
    return name.upper(), value


def create(account: Account, request: Request) -> Reply:
    pair = given(request)
    if pair is None:
        return refusal(400, "missing_input", "Both 'key' and 'value' are required.")
    if pair[0] in values(account):
        return refusal(400, "existing_key", "Environment variable already exists.")
    if len(values(account)) >= MOST:
        return refusal(400, "max_secrets", f"User has reached the limit of {MOST} environment variables.")
    return keep(account, *pair, "create")


def update(account: Account, request: Request) -> Reply:
    pair = given(request)
    if pair is None:
        return refusal(400, "missing_input", "Both 'key' and 'value' are required.")
    if pair[0] not in values(account):
        return refusal(400, "nonexistent_key", "Environment variable not found")
    return keep(account, *pair, "change")


def keep(account: Account, name: str, value: str, did: str) -> Reply:
    values(account)[name] = value
    account.note("secret", 0, did)
    return json_reply({"success": True, "msg": "Environment variable saved successfully"})


def delete(account: Account, request: Request) -> Reply:
    name = request.fields.get("key")
    if not isinstance(name, str):
        return refusal(400, "missing_input", "'key' required.")
    if values(account).pop(name.upper(), None) is None:
        return refusal(400, "nonexistent_key", "Environment variable not found")
    account.note("secret", 0, "delete")
    return json_reply({"success": True, "msg": "Environment variable deleted successfully"})


def load(account: Account, section: Any, where: str) -> None:
    """Names with their values."""
    for name, value in as_mapping(section, where).items():
        values(account)[name.upper()] = str(value)


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/secrets/", list_names, "user_read", 5.0),
        Route("POST", f"{V0}/secrets/", create, "user_write", 3.0),
        Route("PUT", f"{V0}/secrets/", update, "user_write", 3.0),
        Route("DELETE", f"{V0}/secrets/", delete, "user_write", 3.0),
    ),
    sections={"secrets": load},
    secrets=secrets,
)
