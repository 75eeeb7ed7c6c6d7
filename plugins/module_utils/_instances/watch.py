# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Judging what is seen of an instance on its way to a state. Pure: it is told what was seen and when."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client
from .._api.errors import Unavailable, UnknownOutcome
from .._core.resource import Item
from .instance import STATUSES, Instance

START_GRACE = 600.0
"""A started instance may show `exited` this long before it counts as crashed (F3.4: clients allow 10 minutes)."""
CRASH_GRACE = 30.0
"""The same once its container has been seen to boot."""
LOST_GRACE = 120.0
"""`offline` and `unknown` often pass; beyond this many seconds they count as final."""
RECYCLE_GRACE = 60.0
"""For how many seconds a recycled instance may go on showing its former container."""
BOOTING = ("created", "loading", "running")


class Watch:
    """Judges one instance on its way.

    `must_depart`: running counts only once the instance has left its former container.
    """

    def __init__(self, want: str, start: Instance, now: float, *, must_depart: bool = False) -> None:
        self.want = want
        self.last = start
        self.departed = not must_depart
        self.foreign: set[str] = set()
        self._start = start
        self._booted = False
        self._began = now
        self._since = now

    def see(self, seen: Instance, now: float, *, may_queue: bool = False) -> bool:
        """Take in one poll; True when the state is reached. `may_queue`: a start that waits may look stopped.

        Raises Unavailable when the instance can no longer get there, UnknownOutcome when it never left its container.
        """
        self.note(seen, now)
        reached = seen.is_stopped if self.want == "stopped" else seen.is_running and self.departed
        if reached:
            return True
        if reason := self._hopeless(seen, now - self._since, may_queue=may_queue):
            raise Unavailable(
                f"{seen.display_name} cannot become {self.want}: {reason}. Last seen: {seen.described}.",
            )
        if not self.departed and seen.is_running and now - self._began > RECYCLE_GRACE:
            raise UnknownOutcome(
                f"{seen.display_name} still shows its former container, and no sign of a recycle for "
                f"{RECYCLE_GRACE:g} s. It may have been carried out; nothing was sent again. Check the instance before "
                f"you run the task again. Last seen: {seen.described}."
            )
        return False

    def note(self, seen: Instance, now: float) -> None:
        """Take in what one poll shows, without a judgement."""
        if seen.actual_status != self.last.actual_status:
            self._since = now
        self.last = seen
        if seen.actual_status not in (None, *STATUSES):
            self.foreign.add(str(seen.actual_status))
        if fingerprint(seen) != fingerprint(self._start):
            self.departed = True
        if seen.actual_status in BOOTING and seen.actual_status != self._start.actual_status:
            self._booted = True

    def _hopeless(self, seen: Instance, unchanged_for: float, *, may_queue: bool) -> str | None:
        intended = seen.word("intended_status")
        if not may_queue and intended != self.want and intended in ("running", "stopped", "frozen"):
            return f"it was set to {intended} by someone else"
        if seen.is_lost and unchanged_for > LOST_GRACE:
            return f"its host has not answered for {unchanged_for:.0f} s"
        if self.want == "running" and seen.cannot_boot and unchanged_for > CRASH_GRACE:
            return "its container cannot be created"
        grace = CRASH_GRACE if self._booted else START_GRACE
        if self.want == "running" and seen.actual_status == "exited" and seen.has_gpu and unchanged_for > grace:
            return f"its container exited on its own and has not restarted for {unchanged_for:.0f} s; recycle it"
        return None


def changed_meanwhile(item: Item[Instance], what: str) -> Unavailable | None:
    """Why an instance that was to get a container anew is to be left alone, by what it was planned as and shows now."""
    before, now = item.before, item.seen
    healed = now.is_running and not before.is_running
    if now.label == before.label and now.wants_running and now.has_gpu and not healed:
        return None
    return Unavailable(
        f"{item.name} was changed by someone else before its turn, so it was not {what}; nothing was sent to it. "
        f"Last seen: label {now.label!r}, {now.described}."
    )


def fingerprint(instance: Instance) -> tuple[t.Any, ...]:
    """What tells one container from the next: its status, and the ports a recycle changes (F3.8)."""
    return (
        instance.actual_status,
        str(instance.row.get("ports")),
        instance.row.get("ssh_port"),
        instance.text("ssh_host"),
    )


def warn_of_foreign(client: Client, items: c.Iterable[Item[Instance]]) -> None:
    """Warn once of words for a status that this collection does not know."""
    watches = [item.memory for item in items if isinstance(item.memory, Watch)]
    foreign = {word for watch in watches for word in watch.foreign}
    if foreign:
        words = ", ".join(repr(word) for word in sorted(foreign))
        client.warn(f"Some instances showed a status that this collection does not know; kept waiting: {words}.")
