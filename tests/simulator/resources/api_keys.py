# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""API keys of the account. A key is shown once, when it is created, and opens the account from then on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..auth import given_key
from ..checks import as_list, as_mapping, check_names
from ..model import Account, Key, Row
from ..reply import Reply, json_reply
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route

FIELDS = ("id", "user_id", "key_type", "name", "team_id", "team_name", "team_owner")


def table(account: Account) -> dict[int, Row]:
    return account.table("api_keys")


def secrets(account: Account) -> Iterable[str]:
    return [row["secret"] for row in table(account).values()]


def add(account: Account, name: str, key_type: str = "api", rights: frozenset[str] | None = None) -> Row:
    number = account.new_id()
    row = dict.fromkeys(FIELDS)
    secret = f"made-key-{number:032x}"
    row.update(id=number, user_id=account.user["id"], key_type=key_type, name=name, secret=secret)
    account.keys[secret] = Key(rights)
    table(account)[number] = row
    return row


def list_keys(account: Account, _request: Request) -> Reply:
    rows = [{"key": None, **{name: row[name] for name in FIELDS}} for row in table(account).values()]
    return json_reply({"apikeys": rows})


def asked_rights(permissions: Any) -> frozenset[str] | None:
    """None: all of them. What is no right of the simulator is kept and never asked for."""
    if permissions is None:
        return None
    api = permissions.get("api") if isinstance(permissions, dict) else None
    return frozenset(api if isinstance(api, dict) else ())


def create(account: Account, request: Request) -> Reply:
    name: Any = request.fields.get("name")
    permissions: Any = request.fields.get("permissions")
    if not isinstance(name, str) or not name:
        return json_reply({"msg": "API Key name not provided."}, 400)
    rights = asked_rights(permissions)
    own = account.keys[str(given_key(request))].permissions
    if own is not None and (rights is None or not rights <= own):
        return json_reply({"msg": "Cannot grant permissions that the key does not have."}, 401)
    row = add(account, name, rights=rights)
    account.note("api_key", row["id"], "create")
    shown = {"api": {}} if permissions is None else permissions
    return json_reply({"success": True, "id": row["id"], "key": row["secret"], "permissions": shown})


def delete(account: Account, request: Request) -> Reply:
    row = table(account).get(request.id or 0)
    if row is None:
        return json_reply({"msg": "API Key not found."}, 404)
    if row["key_type"] != "api":
        return json_reply({"msg": "Only user-created API keys can be deleted."}, 400)
    account.keys.pop(row["secret"], None)
    del table(account)[row["id"]]
    account.note("api_key", row["id"], "delete")
    return json_reply("Successfully Deleted API Key")


def load(account: Account, section: Any, where: str) -> None:
    """A list of objects with `name` and `key_type`."""
    for number, row in enumerate(as_list(section, where)):
        check_names(as_mapping(row, f"{where}[{number}]"), ("name", "key_type"), f"{where}[{number}]")
        add(account, str(row.get("name")), str(row.get("key_type", "api")))


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/auth/apikeys/", list_keys, "user_read", 1.0),
        Route("POST", f"{V0}/auth/apikeys/", create, "user_write", 2.0),
        Route("DELETE", f"{V0}/auth/apikeys/{{id}}/", delete, "user_write", 2.0),
    ),
    sections={"api_keys": load},
    secrets=secrets,
)
