# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Minimum intervals between requests, kept by all processes of one user (F2.4).

Vast.ai wants a minimum interval between two calls of one route by one identity. A process reserves the next free slot
of its route in a small file before it sends, and sleeps until then. What counts is when a request arrives, which may be
long after its slot: so each reply is noted too, and who comes next keeps clear of it. Where the file cannot be used the
intervals are kept within the process.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import stat
import time
import typing as t

MARGIN = 0.05
"""Added to the distance of two slots, as a share of the interval: two requests do not take the same time to arrive."""
MAX_INTERVAL = 60.0
"""A threshold named by the API is believed up to this many seconds."""
LEARNED_FOR = 3600.0
"""For how many seconds an interval learned from a refusal is kept."""
MAX_AHEAD = 600.0
"""Nobody queues for longer than this many seconds; a slot well beyond it means a clock that was set back."""
MAX_LOCK_WAIT = 2.0
MAX_LEDGER_BYTES = 65536


@dataclasses.dataclass
class Slot:
    """One route: its next slot, when it is clear of the last request, the interval the API taught (wall clock)."""

    free_at: float = 0.0
    clear_at: float = 0.0
    interval: float = 0.0
    learned_at: float = 0.0


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

    @classmethod
    def load(cls, text: bytes) -> Ledger:
        """Read what `dump` wrote; whatever else is found there counts as nothing."""
        with contextlib.suppress(ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            return cls(
                {str(route): Slot(*(float(number) for number in slot)) for route, slot in json.loads(text).items()}
            )
        return cls()

    def dump(self, now: float) -> bytes:
        """The slots that still matter, as JSON."""
        kept = {
            route: dataclasses.astuple(slot)
            for route, slot in self.slots.items()
            if slot.free_at > now or (slot.interval and now - slot.learned_at <= LEARNED_FOR)
        }
        return json.dumps(kept).encode()


class Pacer:
    """Reserves slots for one identity: in a file shared by all processes of the user, else in memory."""

    def __init__(self, identity: str, directory: str | None) -> None:
        self._name = hashlib.blake2b(identity.encode(), digest_size=16).hexdigest() + ".json"
        self._directory = directory
        self._memory = Ledger()

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
        try:
            handle = self._open()
        except OSError:
            handle = None
        if handle is None:
            yield self._memory, time.time()
            return
        with os.fdopen(handle, "r+b", buffering=0) as file:
            before = file.read(MAX_LEDGER_BYTES)
            ledger = Ledger.load(before or b"{}")
            now = time.time()
            yield ledger, now
            with contextlib.suppress(OSError):
                file.seek(0)
                # To shorten the file would take longer than all the rest; JSON allows blanks.
                file.write(ledger.dump(now).ljust(len(before)))

    def _open(self) -> int | None:
        """The locked file of this identity, or None without a place for it.

        Raises OSError when the folder is not ours alone, is a link, or the lock cannot be had in time.
        """
        if self._directory is None:
            return None
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _refuse_foreign(os.fstat(folder))
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle = os.open(self._name, flags, 0o600, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            _refuse_foreign(os.fstat(handle))
            _lock(handle)
        except OSError:
            os.close(handle)
            raise
        return handle


def _refuse_foreign(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError("not private to this user")


def _lock(handle: int) -> None:
    deadline = time.monotonic() + MAX_LOCK_WAIT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def shared_directory(environ: t.Mapping[str, str]) -> str | None:
    """Where the processes of this user meet: below `XDG_CACHE_HOME`, by default `~/.cache`; None without a home."""
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", ""), ".cache")
    return os.path.join(cache, "ansible-vastai-cloud") if os.path.isabs(cache) else None
