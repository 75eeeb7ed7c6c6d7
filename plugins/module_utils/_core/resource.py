# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the engine works on: things, what is to become of each, the requests for it, and what a kind has to know."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.errors import Unavailable, VastError
from .plan import Change, Plan


class Ref(t.NamedTuple):
    """Which thing is meant: by id, else by the label that exactly one carries; also one that has no id yet."""

    id: int | None = None
    label: str | None = None


class Thing(t.Protocol):
    """What can be read from the API."""

    @property
    def display_name(self) -> str:
        """How messages call it."""

    @property
    def described(self) -> str:
        """The state as last seen, for messages."""

    def result(self) -> dict[str, t.Any]:
        """How results show it, without secrets."""


T = t.TypeVar("T", bound=Thing)


class Item(t.Generic[T]):
    """One thing on its way: how it was, what is planned, how it was last seen, and what became of it.

    `sent`: a request for it left. `wrote`: one may have been carried out. `accepted`: one was answered with a plain yes
    for it. `looked`: a complete listing has shown it since the last request. `left`: the changes that it does not show.
    `requests`: so many left. `held`: it has shown since that nothing scarce is missing to it; `shown`: that all is as
    planned. `differs`: it shows a change of what a plan can change. `absent`: so many listings in a row did not contain
    it. `denied`: the fields that were refused to it alone. `follow`: it is waited for. `reply`: what the last request
    that was not refused was answered with; it may hold a secret that is shown once. `memory` is its kind's own.
    """

    def __init__(self, ref: Ref, before: T, plan: Plan, *, follow: bool = True, note: str = "") -> None:
        self.ref = ref
        self.before = before
        self.plan = plan
        self.follow = follow
        self.note = note
        self.seen = before
        self.left = plan.changes
        self.sent = self.wrote = self.accepted = self.once = False
        self.held = self.shown = self.differs = self.gone = self.reached = False
        self.looked = True
        self.absent = self.requests = 0
        self.denied: frozenset[str] = frozenset()
        self.unavailable: Unavailable | None = None
        self.refused: VastError | None = None
        self.doubt: VastError | None = None
        self.error: VastError | None = None
        self.reply: t.Mapping[str, t.Any] = {}
        self.memory: t.Any = None

    @property
    def name(self) -> str:
        """How messages call it, also when its label changes meanwhile."""
        return self.before.display_name

    @property
    def open(self) -> tuple[Change, ...]:
        """The changes that it does not show and that were not refused to it."""
        return tuple(change for change in self.left if change.field not in self.denied)

    @property
    def changed(self) -> bool:
        """Whether the task changed it: the listing decides, and where there is none, what may have been done."""
        return self.shown or (self.differs if self.looked else self.wrote)


class Write(t.NamedTuple):
    """One request, for one item or for many. `once`: it is never sent a second time."""

    route: Route
    body: t.Mapping[str, t.Any]
    ids: t.Mapping[str, int] | None = None
    once: bool = False


class Kind(t.Protocol[T]):
    """What the engine has to know of a kind of thing. Only `read` talks to the API; the rest is pure.

    A kind of which nothing is scarce, and so never queued, needs nothing from `undo` on.

    `want`: the state in a word. `queues`: a scarce change may stay queued while it is waited for. `shown_within`: for
    how many seconds an accepted change may stay invisible. `removes`: its things are to be gone, so that one that a
    complete listing lacks is as planned.
    """

    want: str
    queues: bool
    shown_within: float
    removes: bool = False

    def read(self, client: Client, items: c.Sequence[Item[T]]) -> dict[Ref, T]:
        """Those of them that a complete listing contains. Raises the leaves of VastError."""

    def writes(self, items: c.Sequence[Item[T]], *, alone: bool) -> c.Iterator[tuple[Write, list[Item[T]]]]:
        """The requests for what is open in the items, each with those it is for; `alone`: one item a request."""

    def missing(self, item: Item[T], /) -> tuple[Change, ...]:
        """The changes of its plan that it does not show."""

    def differs(self, item: Item[T], /) -> bool:
        """Whether it shows a change of what a plan can change."""

    def judge(self, item: Item[T], now: float, /) -> bool:
        """Whether it is where it is to be. Raises a leaf of VastError when it can no longer get there."""

    def undo(self, _item: Item[T], /) -> Plan | None:
        """What keeps its plan from coming about later; None when it cannot."""
        return None

    def pending(self, _item: Item[T], /) -> bool:
        """Whether it shows that something may come about later."""
        return False

    def proven(self, _item: Item[T], /) -> bool:
        """Whether it shows that nothing scarce is missing to it, so that nothing is to be undone."""
        return True

    def unavailable(self, item: Item[T], /) -> str:
        """A sentence: what it cannot have now."""
        return f"{item.name} cannot be changed now, what it needs is taken."

    def undone(self, item: Item[T], /) -> str:
        """A sentence: that it was undone, which is proven."""
        return f"The change of {item.name} was cancelled."

    def not_undone(self, item: Item[T], reason: str, /) -> str:
        """Sentences: that this could not be confirmed, what it means for the bill, and what to do."""
        return f"That the change of {item.name} is cancelled could NOT be confirmed: {reason} It may come about later."


def outcome(item: Item[T], key: str, *, planned: bool) -> dict[str, t.Any]:
    """What a task about one thing returns; `planned`: what it would do, as in check mode. Raises its error."""
    shown = {key: item.seen.result()}
    if item.error is not None:
        raise item.error.with_context(item.error.msg, changed=item.changed, **shown)
    return {**item.plan.result(), "changed": item.plan.changed if planned else item.changed, **shown}
