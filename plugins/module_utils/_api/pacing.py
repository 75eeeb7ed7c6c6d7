# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Minimum intervals between requests, kept by all processes of one user (F2.4).

Vast.ai wants a minimum interval between two calls of one route by one identity. A process reserves the next free slot
of its route in a small file before it sends, and sleeps until then. What counts is when a request arrives, which may be
long after its slot: so each reply is noted too, and who comes next keeps clear of it. Where the file cannot be used the
intervals are kept within the process. Times are seconds since the machine was started: nobody can set that clock, and
all processes share it.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import json
import time
import typing as t

from .private_files import PrivateFile, digest

MARGIN = 0.05
"""Added to the distance of two slots, as a share of the interval: two requests do not take the same time to arrive."""
MAX_INTERVAL = 60.0
"""A threshold named by the API is believed up to this many seconds."""
LEARNED_FOR = 3600.0
"""For how many seconds an interval learned from a refusal is kept."""
MAX_AHEAD = 600.0
"""Nobody queues for longer than this many seconds; a slot well beyond it is none of this run of the machine."""
MAX_BOOTS = 4
"""Of how many runs of machines (a home may be shared by several) the slots are kept."""
BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"


class Slot:
    """One route: its next slot, when it is clear of the last request, the interval the API taught."""

    def __init__(
        self, free_at: float = 0.0, clear_at: float = 0.0, interval: float = 0.0, learned_at: float = 0.0
    ) -> None:
        self.free_at = free_at
        self.clear_at = clear_at
        self.interval = interval
        self.learned_at = learned_at


class Ledger:
    """The slots of one identity. Pure: time is told, nothing is read or written."""

    def __init__(self, slots: dict[str, Slot] | None = None) -> None:
        self.slots = slots if slots is not None else {}

    def reserve(self, route: str, interval: float, now: float, max_wait: float) -> float | None:
        """Take the next slot of a route: seconds to wait for it, or None (nothing taken) when that exceeds max_wait."""
        slot = self._slot(route, now)
        wait = max(0.0, slot.free_at - now)
        if wait > min(max_wait, MAX_AHEAD):
            return None
        slot.free_at = now + wait + max(interval, slot.interval) * (1 + MARGIN)
        return wait

    def answered(self, route: str, interval: float, now: float) -> None:
        """Note a reply: its request has arrived by now, and the next one must keep clear of it."""
        slot = self._slot(route, now)
        slot.clear_at = max(slot.clear_at, now + max(interval, slot.interval))
        slot.free_at = max(slot.free_at, slot.clear_at)

    def clearance(self, route: str, now: float) -> float:
        """Seconds until a route is clear of the last request that was answered."""
        return max(0.0, self._slot(route, now).clear_at - now)

    def hold(self, route: str, now: float, wait: float, threshold: float | None) -> None:
        """Let nobody call a route for `wait` seconds, and keep the interval that the API named."""
        slot = self._slot(route, now)
        slot.clear_at = max(slot.clear_at, now + min(wait, MAX_AHEAD))
        slot.free_at = max(slot.free_at, slot.clear_at)
        if threshold is not None and threshold >= slot.interval:
            slot.interval = min(threshold, MAX_INTERVAL)
            slot.learned_at = now

    def _slot(self, route: str, now: float) -> Slot:
        slot = self.slots.setdefault(route, Slot())
        limit = now + MAX_AHEAD + 2 * MAX_INTERVAL
        if not (slot.free_at <= limit and slot.clear_at <= limit):
            slot.free_at = slot.clear_at = 0.0
        if not 0 <= now - slot.learned_at <= LEARNED_FOR:
            slot.interval = 0.0
        return slot

    def merge(self, other: Ledger) -> None:
        """Take over what the other ledger knows beyond this one."""
        for route, slot in other.slots.items():
            mine = self.slots.setdefault(route, Slot())
            mine.free_at = max(mine.free_at, slot.free_at)
            mine.clear_at = max(mine.clear_at, slot.clear_at)
            if slot.learned_at > mine.learned_at:
                mine.interval, mine.learned_at = slot.interval, slot.learned_at

    @classmethod
    def load(cls, stored: t.Any, now: float) -> Ledger:
        """Read what `dump` gave; whatever else is found there counts as nothing."""
        ledger = cls()
        with contextlib.suppress(ValueError, TypeError, AttributeError, OverflowError):
            ledger.slots = {str(route): Slot(*(float(number) for number in slot)) for route, slot in stored.items()}
        for route in ledger.slots:
            ledger._slot(route, now)
        return ledger

    def dump(self, now: float) -> dict[str, list[float]]:
        """The slots that still matter, as JSON has them."""
        return {
            route: [slot.free_at, slot.clear_at, slot.interval, slot.learned_at]
            for route, slot in self.slots.items()
            if slot.free_at > now or (slot.interval and now - slot.learned_at <= LEARNED_FOR)
        }


class Pacer:
    """Reserves slots for one identity: in a file shared by all processes of the user, else in memory."""

    def __init__(self, identity: str, directory: str | None) -> None:
        self._file = PrivateFile(directory, f"{digest(identity)}.json")
        self._boot = boot_id()
        self._own = Ledger()
        """What this process knows: it goes on pacing itself when the file cannot be read or written."""

    def reserve(self, route: str, interval: float, max_wait: float) -> float | None:
        """See `Ledger.reserve`."""
        with self._ledger() as (ledger, now):
            return ledger.reserve(route, interval, now, max_wait)

    def answered(self, route: str, interval: float) -> None:
        """See `Ledger.answered`."""
        with self._ledger() as (ledger, now):
            ledger.answered(route, interval, now)

    def clearance(self, route: str) -> float:
        """See `Ledger.clearance`."""
        with self._ledger() as (ledger, now):
            return ledger.clearance(route, now)

    def hold(self, route: str, wait: float, threshold: float | None) -> None:
        """See `Ledger.hold`."""
        with self._ledger() as (ledger, now):
            ledger.hold(route, now, wait, threshold)

    @contextlib.contextmanager
    def _ledger(self) -> c.Iterator[tuple[Ledger, float]]:
        with contextlib.ExitStack() as stack:
            content = None
            with contextlib.suppress(OSError):
                content = stack.enter_context(self._file.locked())
            boots = {} if content is None else _boots(content.data)
            now = machine_time()
            ledger = Ledger.load(boots.pop(self._boot, {}), now)
            ledger.merge(self._own)
            yield ledger, now
            self._own = ledger
            if content is not None:
                kept = dict([*boots.items(), (self._boot, ledger.dump(now))][-MAX_BOOTS:])
                with contextlib.suppress(OSError):
                    content.save(json.dumps(kept).encode())


def _boots(data: bytes) -> dict[str, t.Any]:
    """The slots by the run of a machine, the last used one last; whatever else is found there counts as nothing."""
    with contextlib.suppress(ValueError, RecursionError):
        stored = json.loads(data)
        if isinstance(stored, dict):
            return {boot: slots for boot, slots in stored.items() if isinstance(slots, dict)}
    return {}


def machine_time() -> float:
    """Seconds since this machine was started, its sleep included where the system counts it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def boot_id() -> str:
    """Which run of which machine this is; systems that do not tell share one, and slots beyond reach are dropped."""
    with contextlib.suppress(OSError, ValueError), open(BOOT_ID_FILE, encoding="ascii") as file:
        return file.read(64).strip()
    return "unknown"
