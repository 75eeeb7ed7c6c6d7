# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Time: the one clock everything here waits by, and bounded rounds of looking."""

from __future__ import annotations

import collections.abc as c
import time
import typing as t


class Clock:
    """Seconds that never run backwards, and sleep; tests put their own in its place."""

    def now(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Do nothing for that long."""
        time.sleep(seconds)


class Waits(t.NamedTuple):
    """The wait options of a task, in seconds."""

    wait: bool
    timeout: float
    interval: float


def rounds(clock: Clock, *, first: float, interval: float, timeout: float) -> c.Iterator[float]:
    """Sleep, then yield the seconds gone since the start: after `first`, then each `interval`, last at `timeout`.

    The caller looks once in each round and leaves the loop when it has seen enough; there is always at least one round.
    """
    start = clock.now()
    pause = min(first, timeout)
    while True:
        clock.sleep(max(0.0, pause))
        elapsed = clock.now() - start
        yield elapsed
        remaining = timeout - (clock.now() - start)
        if remaining <= 0:
            return
        pause = min(interval, remaining)
