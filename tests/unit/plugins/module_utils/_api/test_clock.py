# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deadlines and rounds of polling: when they come, and that they end."""

from __future__ import annotations

import itertools
import time

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock, Deadline, rounds

from ...harness import FakeClock


@pytest.mark.parametrize(
    ("first", "interval", "timeout", "looks"),
    [
        pytest.param(1, 5, 12, [1, 6, 11, 12], id="the-last-one-at-the-timeout"),
        pytest.param(1, 5, 11, [1, 6, 11], id="no-two-at-the-same-time"),
        pytest.param(5, 5, 3, [3], id="first-beyond-the-timeout"),
        pytest.param(0, 5, 5, [0, 5], id="at-once"),
        pytest.param(1, 5, 0, [0], id="no-time-at-all"),
        pytest.param(1, 5, -1, [0], id="less-than-no-time"),
        pytest.param(1, float("inf"), 30, [1, 30], id="interval-beyond-the-timeout"),
    ],
)
def test_looks_come_after_first_then_each_interval_last_at_the_timeout(
    clock: FakeClock, first: float, interval: float, timeout: float, looks: list[float]
) -> None:
    assert list(rounds(Clock(), first=first, interval=interval, timeout=timeout)) == pytest.approx(looks)
    assert sum(clock.slept) == pytest.approx(looks[-1])


def test_time_the_caller_spends_counts(clock: FakeClock) -> None:
    seen = []
    for elapsed in rounds(Clock(), first=1, interval=5, timeout=20):
        seen.append(elapsed)
        clock.seconds += 9
    assert seen == pytest.approx([1, 15])


def test_a_caller_who_has_seen_enough_does_not_sleep_again(clock: FakeClock) -> None:
    assert list(itertools.islice(rounds(Clock(), first=1, interval=5, timeout=20), 2)) == pytest.approx([1, 6])
    assert clock.slept == pytest.approx([1, 5])


def test_rounds_end_with_the_deadline_of_the_whole_task(clock: FakeClock) -> None:
    deadline = Deadline(Clock(), 20)
    clock.sleep(9)
    assert list(rounds(Clock(), first=1, interval=5, timeout=deadline)) == pytest.approx([1, 6, 11])


def test_one_round_is_left_after_the_deadline(clock: FakeClock) -> None:
    deadline = Deadline(Clock(), 20)
    clock.sleep(30)
    assert list(rounds(Clock(), first=1, interval=5, timeout=deadline)) == [0]


def test_a_deadline_tells_what_is_left_and_never_less_than_nothing(clock: FakeClock) -> None:
    deadline = Deadline(Clock(), 20)
    assert (deadline.remaining, deadline.expired) == (20, False)
    clock.seconds += 15
    assert (deadline.remaining, deadline.expired) == (5, False)
    clock.seconds += 5
    assert (deadline.remaining, deadline.expired) == (0, True)
    clock.seconds += 5
    assert (deadline.remaining, deadline.expired) == (0, True)


@pytest.mark.parametrize(("seconds", "remaining"), [(5, 5), (20, 20), (60, 20), (-1, 0)])
def test_the_deadline_of_a_part_is_never_after_that_of_the_whole(seconds: float, remaining: float) -> None:
    assert Deadline(Clock(), 20).bounded(seconds).remaining == remaining


def test_the_real_clock_is_the_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    before = time.monotonic()
    assert before <= Clock().now() <= time.monotonic()
    Clock().sleep(3.0)
    assert slept == [3.0]
