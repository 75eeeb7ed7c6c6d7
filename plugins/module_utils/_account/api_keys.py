# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""API keys of the account. A key is in the reply that creates it and nowhere else, and its name need not be unique."""

from __future__ import annotations

import collections.abc as c
import os
import typing as t

from .._api.client import Client, Route, malformed
from .._api.clock import Deadline
from .._api.errors import Ambiguous, AuthError, Invalid, PermissionDenied, UnknownOutcome, VastError
from .._api.redact import MASK
from .._core.crud import ANSWERS_WITHIN, Crud, Entry, Move, bring, to_bring
from .._core.kind import Write
from .._core.plan import Change
from .._core.resource import Ref
from .._core.rows import Row, is_id
from .rights import LIST, read

CREATE = Route("POST", "/api/v0/auth/apikeys/", 2.0)
DELETE = Route("DELETE", "/api/v0/auth/apikeys/{id}/", 2.0)

OF_USERS = (None, "api")
"""The `key_type` of a key that a user made; older servers do not tell (F6.4)."""

Save = t.Callable[[str], None]


class ApiKeys(Crud):
    """The keys of one name. `known`: the ids that were listed before anything was sent."""

    noun = "API key"

    def __init__(self, name: str, permissions: t.Any = None) -> None:
        self.name = name
        self.permissions = permissions
        self.known: frozenset[int] = frozenset()

    def listed(self, client: Client) -> list[Row]:
        """All keys of the account. Raises ProtocolError for a listing without names."""
        rows = read(client)
        if not all("name" in row for row in rows):
            raise malformed(client, LIST, self.noun, "it contains keys without names")
        return rows

    def unknown(self, rows: c.Iterable[Row]) -> list[Row]:
        """Those of the name that came since."""
        return [row for row in rows if row["name"] == self.name and row["id"] not in self.known]

    def read(self, client: Client, items: c.Sequence[Move]) -> dict[Ref, Entry]:
        """A key by its id, and one that is created by being new."""
        rows = self.listed(client)
        return {item.ref: item.before._replace(row=self._row(rows, item)) for item in items}

    def _row(self, rows: list[Row], item: Move) -> Row | None:
        number = item.reply.get("id") if item.before.row is None else item.before.id
        among = self.unknown(rows) if item.before.row is None else rows
        return next((row for row in among if number is None or row["id"] == number), None)

    def write(self, item: Move) -> Write:
        """One create, never sent twice: it would make a second key."""
        if item.plan.changes[0].after == "absent":
            return Write(DELETE, {}, {"id": item.before.id})
        rights = {} if self.permissions is None else {"permissions": self.permissions}
        return Write(CREATE, {"name": self.name, **rights}, once=True)

    def shows(self, item: Move, _change: Change) -> bool:
        """Whether the key that replaces another is there."""
        return item.seen.row is not None


def checked_permissions(given: t.Any) -> t.Any:
    """The rights as the API takes them; a list of categories is the short form. Raises Invalid for anything else."""
    if given is None or (isinstance(given, dict) and given):
        return given
    if isinstance(given, list) and given and all(isinstance(name, str) and name for name in given):
        return {"api": {name: {} for name in given}}
    raise Invalid(
        "permissions must be a list of categories, such as [instance_read, misc], or a dictionary in the format "
        "of the API, and must not be empty. Nothing was sent."
    )


def find(client: Client, kind: ApiKeys) -> Entry:
    """The key of the name. Raises Ambiguous for several."""
    rows = kind.listed(client)
    named = [row for row in rows if row["name"] == kind.name]
    if len(named) > 1:
        ids = ", ".join(str(row["id"]) for row in named)
        raise Ambiguous(
            f"{len(named)} API keys have the name {kind.name} (ids {ids}). Nothing was sent. Delete all but one at "
            "https://cloud.vast.ai/manage-keys/, or use another name."
        )
    kind.known = frozenset(row["id"] for row in rows)
    return Entry(kind.noun, kind.name, named[0] if named else None)


def to_create(entry: Entry) -> Move:
    """The item of a key that is to come, beside the one that is there."""
    change = Change("state", "absent", "present", f"create {entry.display_name}", {})
    if entry.row is not None:
        change = Change("key", MASK, MASK, f"replace {entry.display_name}", {}, secret=True)
    return to_bring(entry._replace(row=None), (change,))


def to_delete(client: Client, entry: Entry) -> Move:
    """The item of a key that is to go. Raises Invalid for the caller's own, and for one that no user made."""
    row = entry.row or {}
    if row.get("key_type") not in OF_USERS or row.get("key") == client.settings.api_key:
        why = "no user created it" if row.get("key_type") not in OF_USERS else "this task uses it"
        raise Invalid(f"{entry.display_name} (id {entry.id}) is never deleted: {why}. Nothing was sent.")
    change = Change("state", "present", "absent", f"delete {entry.display_name}", {})
    return to_bring(entry, (change,) if entry.row else ())


def create(client: Client, kind: ApiKeys, item: Move, deadline: Deadline, save: Save) -> str:
    """Create a key and have it saved; the key. One that nobody has is deleted again.

    Raises the leaves of VastError; what cannot be saved is Invalid.
    """
    # What a task without changes does not need.
    from .._core.interrupts import interruptible

    # A signal must not come between a key and its place, nor keep one that nobody has.
    with interruptible():
        return _created(client, kind, item, deadline, save)


def _created(client: Client, kind: ApiKeys, item: Move, deadline: Deadline, save: Save) -> str:
    bring(client, kind, [item], deadline)
    key = item.reply.get("key")
    error = item.error
    if error is None and isinstance(key, str) and key and is_id(item.reply.get("id")):
        try:
            save(key)
        except OSError as failure:
            error = Invalid(f"{item.name} was created, but dest cannot be written: {failure.strerror or failure}.")
        else:
            return key
    elif error is None:
        lost = item.doubt.msg if item.doubt else "The reply does not contain it."
        error = UnknownOutcome(f"{item.name} was created, but could not be read. {lost}")
    if not item.wrote:
        raise _refused(item, error)
    said, gone = _discard(client, kind, item)
    raise error.with_context(f"{error.msg} {said}", changed=not gone)


def _refused(item: Move, error: VastError) -> VastError:
    """The refusal of a creation; the key of the task was good for the listing, so that a 401 is about its rights."""
    exchange = error.exchange
    if isinstance(error, AuthError) and exchange and exchange.status_code == 401 and exchange.error != "auth_error":
        says = error.msg.partition(" The API key is wrong")[0]
        error = PermissionDenied(
            f"{says} {item.name} cannot get these permissions from the key of this task.", exchange
        )
    return error.with_context(error.msg, changed=False)


def _discard(client: Client, kind: ApiKeys, item: Move) -> tuple[str, bool]:
    """Delete the new key that nobody has; what became of it, in a sentence, and whether that is proven."""
    try:
        ids = {row["id"] for row in kind.unknown(kind.listed(client))}
    except VastError as error:
        ids = {item.reply["id"]} - kind.known if is_id(item.reply.get("id")) else set()
        if not ids:
            return f"Whether a key was left behind could NOT be confirmed: {error.msg}", False
    if item.reply.get("id") in ids:
        ids = {item.reply["id"]}
    if not ids:
        return "No new key of that name is listed.", True
    if len(ids) > 1:
        listed = ", ".join(map(str, sorted(ids)))
        return f"Several new keys have that name (ids {listed}); none was deleted. Delete the unused ones.", False
    (number,) = ids
    change = Change("state", "present", "absent", f"delete {item.name}", {})
    undoing = to_bring(Entry(kind.noun, kind.name, {"id": number}), (change,))
    bring(client, kind, [undoing], Deadline(client.clock, ANSWERS_WITHIN))
    if undoing.error is None:
        return f"The new key (id {number}) was deleted. Run the task again.", True
    return f"The new key (id {number}) could NOT be deleted: {undoing.error.msg} Delete it.", False


def check_place(path: str, *, replace: bool) -> None:
    """Raises Invalid for a path that a key cannot be written to; the file itself is not touched."""
    folder = os.path.dirname(os.path.abspath(path))
    problem = ""
    if not os.path.isdir(folder):
        problem = f"there is no directory {folder}"
    elif not os.access(folder, os.W_OK | os.X_OK):
        problem = f"the directory {folder} is not writable"
    elif os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
        problem = "it is not a regular file"
    elif os.path.lexists(path) and not replace:
        problem = "it exists; set force=true to overwrite it"
    if problem:
        raise Invalid(f"The key cannot be written to dest ({path}): {problem}. Nothing was sent.")


def save(path: str, key: str, *, replace: bool) -> None:
    """Write the key to a file of its user alone, whole or not at all. Raises OSError."""
    target = f"{path}.{os.getpid()}.new" if replace else path
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(target, path)
    except BaseException:
        os.unlink(target)
        raise
