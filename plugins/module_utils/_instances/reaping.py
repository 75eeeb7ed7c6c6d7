# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the reaper does to its victims: each is seen once more right before it is stopped or destroyed, and proven."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits
from .._api.errors import RateLimited, VastError, WaitTimeout
from .._core.interrupts import TaskInterrupted
from .._core.resource import Item
from .destroy import destroy, to_destroy
from .instance import Instance
from .selection import read_all
from .switch import switch, to_switch

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
                fates += _some(client, some, action, still_falls, waits, deadline)
    return fates


def _some(
    client: Client, some: list[Instance], action: str, still_falls: StillFalls, waits: Waits, deadline: Deadline
) -> list[Fate]:
    """What becomes of some; those that took too long to be sent are seen once more."""
    done: list[Fate] = []
    for _round in range(len(some)):
        fates = _seen_again(client, some, action, still_falls, waits, deadline)
        late = [] if deadline.expired else [fate for fate in fates if _was_late(fate)]
        done += [fate for fate in fates if fate not in late]
        some = [fate.instance for fate in late]
        if not some or len(late) == len(fates):
            return [*done, *late]
    return done


def _seen_again(
    client: Client, some: list[Instance], action: str, still_falls: StillFalls, waits: Waits, deadline: Deadline
) -> list[Fate]:
    read_at = client.clock.now()
    try:
        now = {each.id: each for each in read_all(client, {"id": {"in": [each.id for each in some]}})}
    except VastError as error:
        text = "could not be seen once more, so that nothing was sent"
        return [Fate(each, error=error.with_context(f"{each.display_name} {text}: {error.msg}")) for each in some]
    fates: list[Fate] = []
    items: list[Item[Instance]] = []
    for each in some:
        seen = now.get(each.id)
        spared = "it no longer exists" if seen is None or seen.is_unloaded else still_falls(each, seen)
        if spared or seen is None:
            fates.append(Fate(each, spared=spared))
        else:
            items.append(to_destroy(seen) if action == "destroy" else to_switch(seen, "stopped", None))
            fates.append(Fate(each, items[-1]))
    if action == "destroy":
        destroy(t.cast("Client", _Fresh(client, read_at)), items, deadline)
    else:
        switch(client, items, "stopped", waits, deadline)
    return fates


def _was_late(fate: Fate) -> bool:
    """Whether its request did not leave in time."""
    item = fate.item
    late = item is not None and not item.wrote and not item.gone
    return late and item is not None and isinstance(item.error, (WaitTimeout, RateLimited)) and not _interrupted(fate)


class _Fresh:
    """The client, but what destroys is sent only while the last listing is fresh, and not again after that."""

    def __init__(self, client: Client, read_at: float) -> None:
        self._client = client
        self._read_at = read_at
        self._free: dict[str, float] = {}

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._client, name)

    def call(self, route: Route, *, deadline: Deadline | None = None, **request: t.Any) -> dict[str, t.Any]:
        """As the client does. Raises WaitTimeout instead of destroying what was last seen too long ago."""
        clock = self._client.clock
        if route.safe:
            # What was polled is fresh again.
            self._read_at = clock.now()
        else:
            # The request has to wait for its turn after the last one.
            leaves = max(clock.now(), self._free.get(route.name, 0.0))
            if leaves - self._read_at > FRESH:
                raise WaitTimeout("Nothing was sent: too long ago that it was seen last. Run the task again.")
            self._free[route.name] = leaves + (route.interval if self._client.settings.api_pacing else 0.0)
            deadline = Deadline(clock, self._read_at + FRESH - clock.now())
        return self._client.call(route, deadline=deadline, **request)


def _interrupted(fate: Fate) -> bool:
    return fate.item is not None and isinstance(fate.item.error, TaskInterrupted)


def _left(instance: Instance, reason: str) -> WaitTimeout:
    return WaitTimeout(f"{instance.display_name} was left as it is: {reason}. Run the task again.")
