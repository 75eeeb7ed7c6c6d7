# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the reaper does to its victims: each is seen once more right before it is stopped or destroyed, and proven."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits
from .._api.errors import Invalid, RateLimited, VastError, WaitTimeout
from .._core.interrupts import TaskInterrupted, failing_at_signals
from .._core.resource import Item, T
from .._instances.destroy import destroy, to_destroy
from .._instances.instance import Instance
from .._instances.look import look
from .._instances.switch import switch, to_switch

AT_ONCE = 64
"""So many are seen again by one listing, and destroyed by one request."""
FRESH = 5.0
"""For so many seconds after that listing they may be destroyed."""

StillFalls = c.Callable[[Instance, Instance], str]
"""Why one is spared, seen as it was and as it is now; '' for one that still falls under its rule."""


class Fate(t.NamedTuple):
    """What became of one victim: an item, a failure before anything was sent, or why it was spared."""

    instance: Instance
    item: Item[Instance] | None = None
    error: VastError | None = None
    spared: str = ""


def reap(
    client: Client,
    victims: c.Sequence[tuple[Instance, str]],
    still_falls: StillFalls,
    waits: Waits,
    deadline: Deadline,
) -> list[Fate]:
    """Stop and destroy, a few at a time. Raises nothing: a failure of one does not stop the others."""
    run = _Run(client, still_falls, waits, deadline)
    fates: list[Fate] = []
    for action in ("stop", "destroy"):
        those = [instance for instance, wanted in victims if wanted == action]
        for start in range(0, len(those), AT_ONCE):
            some = those[start : start + AT_ONCE]
            if any(_interrupted(fate) for fate in fates):
                fates += [Fate(each, error=_left(each, "the task was interrupted")) for each in some]
            elif deadline.expired:
                fates += [Fate(each, error=_left(each, f"no time was left to {action} it")) for each in some]
            else:
                fates += run.reap(some, action)
    return fates


class _Run(t.NamedTuple):
    """What all victims of one task have in common."""

    client: Client
    still_falls: StillFalls
    waits: Waits
    deadline: Deadline

    def reap(self, some: list[Instance], action: str) -> list[Fate]:
        """What becomes of some; those that took too long to be sent are seen once more."""
        done: list[Fate] = []
        for _round in range(len(some)):
            fates = self.reap_once(some, action)
            late = [] if self.deadline.expired else [fate for fate in fates if _was_late(fate)]
            done += [fate for fate in fates if fate not in late]
            some = [fate.instance for fate in late]
            if not some or len(late) == len(fates):
                return [*done, *late]
        return done

    def reap_once(self, some: list[Instance], action: str) -> list[Fate]:
        """See them, and stop or destroy those that still fall under their rules."""
        read_at = self.client.clock.now()
        try:
            with failing_at_signals():
                now = {each.id: each for each in look(self.client, [each.id for each in some])}
        except VastError as error:
            text = "could not be checked again, so nothing was sent"
            return [Fate(each, error=error.with_context(f"{each.display_name} {text}: {error.msg}")) for each in some]
        fates = [self.fate(each, now.get(each.id), action) for each in some]
        items = [fate.item for fate in fates if fate.item is not None]
        held = Held(self.client, items, self.still_falls, read_at, FRESH if action == "destroy" else None)
        if action == "destroy":
            destroy(held.as_client, items, self.deadline)
        else:
            switch(held.as_client, items, "stopped", self.waits, self.deadline)
        held.explain()
        return fates

    def fate(self, instance: Instance, now: Instance | None, action: str) -> Fate:
        """What is to become of one that was seen once more: an item, unless it is spared."""
        if now is None or now.is_unloaded:
            return Fate(instance, spared="it no longer exists")
        if spared := self.still_falls(instance, now):
            return Fate(instance, spared=spared)
        return Fate(instance, to_destroy(now) if action == "destroy" else to_switch(now, "stopped", None))


def _was_late(fate: Fate) -> bool:
    """Whether its request did not leave in time."""
    item = fate.item
    late = item is not None and not item.wrote and not item.gone
    return late and item is not None and isinstance(item.error, (WaitTimeout, RateLimited)) and not _interrupted(fate)


class Held(t.Generic[T]):
    """The client, but nothing is sent to what does not fall under its rule any more, by the last poll.

    `fresh`: for so many seconds after it was seen something may be sent to it; None for any time.
    """

    def __init__(
        self,
        client: Client,
        items: c.Iterable[Item[T]],
        still_falls: c.Callable[[T, T], str],
        read_at: float,
        fresh: float | None,
    ) -> None:
        self._client = client
        self._items = {item.ref.id: item for item in items}
        self._still_falls = still_falls
        self._read_at = read_at
        self._fresh = fresh
        self._free: dict[str, float] = {}
        self._withheld: list[tuple[Item[T], str]] = []

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._client, name)

    @property
    def as_client(self) -> Client:
        """The same for those who send."""
        return t.cast("Client", self)

    def call(self, route: Route, *, deadline: Deadline | None = None, **request: t.Any) -> dict[str, t.Any]:
        """As the client does. Raises Invalid and WaitTimeout instead of sending."""
        if route.safe:
            # What was polled is fresh again.
            self._read_at = self._client.clock.now()
            return self._client.call(route, deadline=deadline, **request)
        # A request for many has no id of its own, and is sent only right after the listing.
        item = self._items.get((request.get("ids") or request.get("body") or {}).get("id"))
        why = self._still_falls(item.before, item.seen) if item else ""
        if item and why:
            self._withheld.append((item, why))
            raise Invalid(f"Nothing was sent: {why}.")
        return self._client.call(route, deadline=self._in_time(route, deadline), **request)

    def _in_time(self, route: Route, deadline: Deadline | None) -> Deadline | None:
        """Until when it may be sent. Raises WaitTimeout when it was last seen too long ago."""
        if self._fresh is None:
            return deadline
        clock = self._client.clock
        # The request has to wait for its turn after the last one.
        leaves = max(clock.now(), self._free.get(route.name, 0.0))
        if leaves - self._read_at > self._fresh:
            raise WaitTimeout("Nothing was sent: it was last seen too long ago. Run the task again.")
        self._free[route.name] = leaves + (route.interval if self._client.settings.api_pacing else 0.0)
        return Deadline(clock, self._read_at + self._fresh - clock.now())

    def explain(self) -> None:
        """Note in the items to which nothing more was sent why that is so."""
        for item, why in self._withheld:
            if item.error is None or item.gone or _is_interrupted(item):
                continue
            before = f" {item.doubt.msg}" if item.doubt else ""
            item.error = Invalid(
                f"{item.name} was left as it is: {why}. Nothing more was sent to it. "
                f"What was sent before may have been carried out.{before}",
                item.doubt.exchange if item.doubt else None,
            )


def _interrupted(fate: Fate) -> bool:
    return isinstance(fate.error, TaskInterrupted) or (fate.item is not None and _is_interrupted(fate.item))


def _is_interrupted(item: Item[t.Any]) -> bool:
    return isinstance(item.error, TaskInterrupted)


def _left(instance: Instance, reason: str) -> WaitTimeout:
    return WaitTimeout(f"{instance.display_name} was left as it is: {reason}. Run the task again.")
