# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Time: the one clock everything here waits by, deadlines, and bounded rounds of polling."""

from __future__ import annotations

import collections.abc as c
import time
import typing as t

RESOLUTION = 0.001
"""A rest of time that is shorter, in seconds, is none."""


class Clock:
    """Seconds that never run backwards, and sleep; tests put their own in its place."""

    def now(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Do nothing for that long."""
        time.sleep(seconds)


class Deadline:
    """A moment that bounds work: made once by whoever knows the limit, and handed down to all that wait."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at = clock.now() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never less than 0."""
        return max(0.0, self._at - self._clock.now())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining <= 0

    def bounded(self, seconds: float) -> Deadline:
        """The deadline of a part of the work: in that many seconds, but not after this one."""
        return Deadline(self._clock, min(seconds, self.remaining))


class Waits(t.NamedTuple):
    """The wait options of a task, in seconds."""

    wait: bool
    timeout: float
    interval: float


def rounds(clock: Clock, *, first: float, interval: float, timeout: float | Deadline) -> c.Iterator[float]:
    """Sleep, then yield the seconds gone since the start: after `first`, then each `interval`, last at `timeout`.

    The caller polls once in each round and leaves the loop when it has seen enough; there is always at least one round,
    also when no time is left.
    """
    start = clock.now()
    deadline = timeout if isinstance(timeout, Deadline) else Deadline(clock, timeout)
    pause = min(first, deadline.remaining)
    while True:
        clock.sleep(pause)
        yield clock.now() - start
        if deadline.remaining < RESOLUTION:
            return
        pause = min(interval, deadline.remaining)
