# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the engine has to know of a kind of thing, and the requests for one. Not for a task that changes nothing."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.errors import VastError
from .plan import Change, Plan
from .resource import Item, Ref, T


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

    def withheld(self, _item: Item[T], /) -> VastError | None:
        """Why it must not be sent once more, by what it was last seen as; None when it may."""
        return None

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
        return f"Cancelling the change of {item.name} could NOT be confirmed: {reason} It may take effect later."
