# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""SSH keys of the account, and of single instances. A key is known by its type and base64, not by its comment."""

from __future__ import annotations

import collections.abc as c
import json
import re
import typing as t

from .._api.client import Client, Route
from .._api.errors import NotFound
from .._core.crud import Crud, Entry, Move, plan_presence, to_bring
from .._core.kind import Write
from .._core.plan import Change
from .._core.public_keys import PublicKey
from .._core.resource import Ref
from .._core.rows import Row, checked_rows

LIST = Route("GET", "/api/v0/ssh/", 1.0)
CREATE = Route("POST", "/api/v0/ssh/", 1.0)
DELETE = Route("DELETE", "/api/v0/ssh/{id}/", 1.0)
LIST_ATTACHED = Route("GET", "/api/v0/instances/{id}/ssh/", 2.0)
ATTACH = Route("POST", "/api/v0/instances/{id}/ssh/", 2.0)
DETACH = Route("DELETE", "/api/v0/instances/{id}/ssh/{key}/", 2.0)

EMPTY_TEXT = r"\bno ssh[ _]keys?\b"
"""What an account without keys answers with a 404."""


class Keys(Crud):
    """The keys of the account."""

    noun = "ssh key"

    def __init__(self, key: PublicKey) -> None:
        self.key = key

    def read(self, client: Client, items: c.Sequence[Move]) -> dict[Ref, Entry]:
        """How each is listed; one listing for all."""
        rows = _same(read(client), self.key)
        return {item.ref: item.before._replace(row=_meant(rows, item.before)) for item in items}

    def write(self, item: Move) -> Write:
        """One create, never sent twice: whether the API would keep a second row is not known."""
        if item.plan.changes[0].after == "present":
            return Write(CREATE, {"ssh_key": self.key.text}, once=True)
        return Write(DELETE, {}, {"id": item.before.id})


class Attachments(Crud):
    """One key on single instances: the API copies the keys of the account into new ones only (F6.1)."""

    noun = "ssh key"

    def __init__(self, key: PublicKey) -> None:
        self.key = key

    def read(self, client: Client, items: c.Sequence[Move]) -> dict[Ref, Entry]:
        """Whether each instance has it."""
        return {item.ref: self.look(client, item.ref, item.before) for item in items}

    def look(self, client: Client, ref: Ref, entry: Entry) -> Entry:
        """The same for one. Raises ProtocolError for a list that cannot be read."""
        return entry._replace(row=_meant(self.rows(client, t.cast(int, ref.id)), entry))

    def rows(self, client: Client, number: int) -> list[Row]:
        """All rows of the key on an instance."""
        reply = client.call(LIST_ATTACHED, ids={"id": number})
        rows = checked_rows(client, LIST_ATTACHED, _decoded(reply.get("ssh_keys")), self.noun)
        return _same(_living(rows), self.key)

    def shows(self, item: Move, change: Change) -> bool:
        """Whether the instance has it, or has it no more."""
        return (item.seen.row is None) is bool(change.after == "absent")

    def write(self, item: Move) -> Write:
        """One attachment; a second one would be refused, which does no harm."""
        number = t.cast(int, item.ref.id)
        if item.plan.changes[0].after == "attached":
            return Write(ATTACH, {"ssh_key": self.key.text}, {"id": number})
        return Write(DETACH, {}, {"id": number, "key": item.before.id})


def read(client: Client) -> list[Row]:
    """All keys of the account; one without any may answer 404 (F6.1)."""
    try:
        reply = client.call(LIST, list_key="keys")
    except NotFound as error:
        if not re.search(EMPTY_TEXT, error.msg.lower()):
            raise
        return []
    return _living(checked_rows(client, LIST, reply.get("keys"), Keys.noun))


def _decoded(rows: t.Any) -> t.Any:
    """A list may come as JSON inside a text (F6.1); what cannot be read is no list."""
    if not isinstance(rows, str):
        return rows
    try:
        return json.loads(rows)
    except (ValueError, RecursionError):
        return None


def _living(rows: list[Row]) -> list[Row]:
    """A row may stay listed with the time at which it was deleted (F6.1)."""
    return [row for row in rows if not row.get("deleted_at")]


def _same(rows: c.Iterable[Row], key: PublicKey) -> list[Row]:
    return [row for row in rows if key.is_same(row.get("public_key") or row.get("key"))]


def _meant(rows: list[Row], entry: Entry) -> Row | None:
    """What is known is known by its id, since a key may be there several times; else the first."""
    if entry.row is None:
        return rows[0] if rows else None
    return next((row for row in rows if row["id"] == entry.id), None)


def to_keep(client: Client, key: PublicKey, state: str) -> list[Move]:
    """The items of the account's key, as it is and as it is to be; to delete it, one for each row that has it."""
    rows: list[Row | None] = [*_same(read(client), key)]
    entries = [Entry(Keys.noun, key.name, row) for row in (rows if state == "absent" else rows[:1]) or [None]]
    return [to_bring(each, plan_presence(each, state, "add"), Ref(id=each.id, label=key.name)) for each in entries]


def to_attach(client: Client, key: PublicKey, state: str, instances: c.Mapping[int, str]) -> list[Move]:
    """The items of the key on instances, which are given by id with what messages call them."""
    kind, items = Attachments(key), []
    after, verb, to = ("attached", "attach", "to") if state == "present" else ("absent", "detach", "from")
    for number, name in instances.items():
        rows: list[Row | None] = [*kind.rows(client, number)]
        for row in (rows if state == "absent" else rows[:1]) or [None]:
            entry = Entry(kind.noun, f"{key.name} on {name}", row)
            before = "absent" if row is None else "attached"
            action = f"{verb} {kind.noun} {key.name} {to} {name}"
            changes = () if before == after else (Change(f"instance {number}", before, after, action, {}),)
            items.append(to_bring(entry, changes, Ref(id=number, label=f"{key.name} {entry.id}")))
    return items
