# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the engine works on: things, what is to become of each, and what a task about one returns."""

from __future__ import annotations

import typing as t

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

    `sent`: a request for it left. `wrote`: one may have been carried out. `unsure`: what is scarce was refused in words
    that do not say that it will not come about. `accepted`: one was answered with a plain yes for it. `looked`: a
    complete listing has shown it since the last request. `left`: the changes that it does not show. `requests`: so many
    left. `held`: it has shown since that nothing scarce is missing to it; `shown`: that all is as planned. `differs`:
    it shows a change of what a plan can change. `absent`: so many listings in a row did not contain it. `denied`: the
    fields that were refused to it alone. `follow`: it is waited for. `reply`: what the last request that was not
    refused was answered with; it may hold a secret that is shown once. `memory` is its kind's own.
    """

    def __init__(self, ref: Ref, before: T, plan: Plan, *, follow: bool = True, note: str = "") -> None:
        self.ref = ref
        self.before = before
        self.plan = plan
        self.follow = follow
        self.note = note
        self.seen = before
        self.left = plan.changes
        self.sent = self.wrote = self.unsure = self.accepted = self.once = False
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


def outcome(item: Item[T], key: str, *, planned: bool) -> dict[str, t.Any]:
    """What a task about one thing returns; `planned`: what it would do, as in check mode. Raises its error."""
    shown = {key: item.seen.result()}
    if item.error is not None:
        raise item.error.with_context(item.error.msg, changed=item.changed, **shown)
    return {**item.plan.result(), "changed": item.plan.changed if planned else item.changed, **shown}
