# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Plain rows as desired state: found by a natural key in a complete listing, and brought there by the engine.

The API has no token that keeps a create from happening twice, so a create is one request, and the listing decides.
"""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client
from .._api.clock import Deadline
from .._api.errors import ServerError
from .kind import Kind, Write
from .plan import Change, Plan
from .resource import Item, Ref
from .rows import Row

SHOWN_WITHIN = 10.0
"""For how many seconds a write may stay invisible in the listing."""
ANSWERS_WITHIN = 60.0
"""Seconds that a task about such rows has beside its retry_timeout."""


class Entry(t.NamedTuple):
    """A thing by its natural key; without a row, no complete listing contains it. It shows itself without the row."""

    noun: str
    name: str
    row: Row | None = None

    def __repr__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """How messages call it."""
        return f"{self.noun} {self.name}"

    @property
    def described(self) -> str:
        """Whether the listing contains it."""
        return "not listed" if self.row is None else "listed"

    @property
    def id(self) -> t.Any:
        """The id of its row, or None."""
        return None if self.row is None else self.row.get("id")

    def result(self) -> dict[str, t.Any]:
        """Rows may hold secrets; each module says what it shows."""
        return {}


Move = Item[Entry]


class Crud(Kind[Entry]):
    """The base of each kind of such rows. A kind finds, and says how its writes and its rows look."""

    want = ""
    queues = False
    shown_within = SHOWN_WITHIN

    def find(self, client: Client, entry: Entry) -> Entry:
        """The same thing as a complete listing shows it. Raises the leaves of VastError, Ambiguous for several."""
        raise NotImplementedError

    def write(self, item: Move) -> Write:
        """The request for what is open."""
        raise NotImplementedError

    def shows(self, item: Move, change: Change) -> bool:
        """Whether what was seen last shows a change of a field; of a kind without any it is never asked."""
        raise NotImplementedError

    def read(self, client: Client, items: c.Sequence[Move]) -> dict[Ref, Entry]:
        """How each is listed, or is not."""
        return {item.ref: self.find(client, item.before) for item in items}

    def writes(self, items: c.Sequence[Move], *, alone: bool) -> c.Iterator[tuple[Write, list[Move]]]:
        """One request for each: each is alone."""
        del alone
        for item in items:
            yield self.write(item), [item]

    def missing(self, item: Move) -> tuple[Change, ...]:
        """The changes of its plan that it does not show."""
        return tuple(change for change in item.plan.changes if not self._shows(item, change))

    def _shows(self, item: Move, change: Change) -> bool:
        if change.field == "state":
            return (item.seen.row is None) is bool(change.after == "absent")
        return self.shows(item, change)

    def differs(self, item: Move) -> bool:
        """Whether it came, went, or shows another value of a field of its plan."""
        before, seen = item.before.row, item.seen.row
        if before is None or seen is None:
            return before is not seen
        return any(before.get(change.field) != seen.get(change.field) for change in item.plan.changes)

    def judge(self, _item: Move, _now: float) -> bool:
        """What is listed is there."""
        return True


def plan_presence(entry: Entry, state: str, create: str = "create") -> tuple[Change, ...]:
    """What it takes that it is there, or is not. Pure."""
    before = "absent" if entry.row is None else "present"
    if state == before:
        return ()
    verb = create if state == "present" else "delete"
    return (Change("state", before, state, f"{verb} {entry.display_name}", {}),)


def to_bring(entry: Entry, changes: tuple[Change, ...], ref: Ref | None = None) -> Move:
    """The item that is to be brought to this."""
    return Item(ref or Ref(label=entry.name), entry, Plan(entry.display_name, changes))


def bring(client: Client, kind: Crud, items: c.Sequence[Move], deadline: Deadline) -> None:
    """Carry out the plans; what becomes of each is noted in it. Raises nothing."""
    if not any(item.plan.changes for item in items):
        return
    from .converge import NO_WAIT, converge

    converge(client, kind, items, NO_WAIT, deadline)
    for item in items:
        if item.sent and item.left and item.error is None:
            fields = ", ".join(change.field for change in item.left)
            item.error = ServerError(
                f"The API accepted the request, but {item.name} does not show the change ({fields}); nothing was "
                f"sent again. Last seen: {item.seen.described}."
            )


def outcome(items: c.Sequence[Move], shown: dict[str, t.Any], *, planned: bool) -> dict[str, t.Any]:
    """What a task returns: the plan of all items, the keys `shown`, and whether it changed something.

    Raises the error of the first item that has one.
    """
    # What a clear refusal did not do, somebody else did.
    changed = any(item.changed and item.wrote for item in items)
    for item in items:
        if item.error is not None:
            raise item.error.with_context(item.error.msg, changed=changed, **shown)
    plan = Plan(items[0].plan.subject, tuple(change for item in items for change in item.plan.changes))
    return {**plan.result(), **shown, "changed": plan.changed if planned else changed}
