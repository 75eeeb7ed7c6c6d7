# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SSH keys of the account. They are copied into an instance when it is created, and never later."""

from __future__ import annotations

from typing import Any

from ..checks import as_list
from ..model import Account, Row
from ..reply import Reply, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route

KEY_WORDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-", "sk-")


def table(account: Account) -> dict[int, Row]:
    return account.table("ssh_keys")


def of_instance(account: Account, instance_id: int) -> list[Row]:
    found: list[Row] = account.things.setdefault("instance_keys", {}).setdefault(instance_id, [])
    return found


def copy_into(account: Account, instance_id: int) -> None:
    of_instance(account, instance_id).extend(table(account).values())


def add(account: Account, text: str) -> Row:
    """The account's row for a key, made when there is none."""
    known = next((row for row in table(account).values() if row["public_key"].split()[:2] == text.split()[:2]), None)
    if known is not None:
        return known
    row = {"id": account.new_id(), "user_id": account.user["id"], "public_key": text, "deleted_at": None}
    table(account)[row["id"]] = row
    return row


def show(account: Account, row: Row) -> Row:
    """One row; servers differ in the name of the text."""
    return {(account.options.ssh_key_field if name == "public_key" else name): value for name, value in row.items()}


def list_keys(account: Account, _request: Request) -> Reply:
    if not table(account) and account.options.no_ssh_keys == "not_found":
        return refusal(404, "not_found", "No SSH keys found for the user.")
    return json_reply([show(account, row) for row in table(account).values()])


def create(account: Account, request: Request) -> Reply:
    """What a second key with the same text is answered with is not published; here it is a second row."""
    text: Any = request.fields.get("ssh_key")
    if not isinstance(text, str) or not text.startswith(KEY_WORDS):
        return refusal(400, "no_ssh_key", "No ssh key provided")
    row = {"id": account.new_id(), "user_id": account.user["id"], "public_key": text, "deleted_at": None}
    table(account)[row["id"]] = row
    account.note("ssh_key", row["id"], "create")
    return json_reply({"success": True, "key": row})


def change(account: Account, request: Request) -> Reply:
    text: Any = request.fields.get("ssh_key")
    row = table(account).get(request.id or 0)
    if not isinstance(text, str) or not text.startswith(KEY_WORDS):
        return refusal(400, "no_ssh_key", "No ssh key provided")
    if row is None:
        return refusal(404, "not_found", "The SSH key does not exist on this account")
    if any(other["public_key"].split()[:2] == text.split()[:2] for other in table(account).values()):
        return refusal(400, "invalid_args", "The SSH key already exists on this account")
    row["public_key"] = text
    account.note("ssh_key", row["id"], "change")
    return json_reply({"success": True, "key": row})


def delete(account: Account, request: Request) -> Reply:
    if table(account).pop(request.id or 0, None) is None:
        return refusal(400, "no_ssh_key", "No ssh key provided")
    account.note("ssh_key", request.id or 0, "delete")
    return json_reply({"success": True})


def load(account: Account, section: Any, where: str) -> None:
    """A list of texts."""
    for text in as_list(section, where):
        add(account, str(text))


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/ssh/", list_keys, "user_read", 1.0),
        Route("POST", f"{V0}/ssh/", create, "user_write", 1.0),
        Route("PUT", f"{V0}/ssh/{{id}}/", change, "user_write", 1.0),
        Route("DELETE", f"{V0}/ssh/{{id}}/", delete, "user_write", 1.0),
    ),
    sections={"ssh_keys": load},
)
