# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever listings do, and whoever else reaps: nothing outside the rules dies."""

from __future__ import annotations

import collections.abc as c
import typing as t

import pytest

from .campaign import a_world
from .steps import LISTING_KINDS, End, Event, Fault, Meanwhile, Nature, Task
from .world import Run, World

OPTIONS: dict[str, t.Any] = {
    "select": {"all": True},
    "rules": [{"name": "old", "running_for": "1h", "action": "destroy"}],
    "protect": {"ids": [6]},
    "max_fraction": 1,
    "api_pacing": False,
    "wait_timeout": 120,
}
REAP = Task("vast_reaper", OPTIONS)
OLD = {1, 4}
"""What runs, is not protected and no worker."""


@pytest.fixture
def world() -> c.Iterator[World]:
    """An account at its start."""
    with a_world() as found:
        found.begin()
        yield found


def gone(run: Run) -> set[int]:
    """Which instances a run ended."""
    return {*run.before} - {*run.after}


def test_without_faults_what_falls_under_the_rule_is_gone(world: World) -> None:
    run, _others = world.run(REAP)
    assert (run.result.failed, gone(run)) == (False, OLD)


@pytest.mark.parametrize("skip", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", LISTING_KINDS)
def test_a_listing_that_cannot_be_relied_on_ends_nothing_else(world: World, kind: str, skip: int) -> None:
    run, _others = world.run(REAP, [Fault(kind, "listing", skip, 2)])
    assert gone(run) <= OLD
    if skip < 2:
        # It was wrong while they were chosen; what it announces counts on the last page only.
        assert run.result.failed == (not gone(run))
        assert run.result.failed or kind in ("more-announced", "total-text")


@pytest.mark.parametrize("lag", [2.0, 30.0])
def test_old_rows_end_nothing_else(world: World, lag: float) -> None:
    world.begin(Nature(behaviour={"row_lag": lag}))
    run, _others = world.run(REAP)
    assert gone(run) <= OLD


@pytest.mark.parametrize("kind", ["stopped", "relabelled"])
@pytest.mark.parametrize("at", range(2, 8))
def test_what_falls_under_the_rule_no_more_is_spared(world: World, kind: str, at: int) -> None:
    run, _others = world.run(REAP, events=[Event(kind, 1, at)])
    assert gone(run) <= OLD
    last = max((sent.seq for sent in run.sent if sent.method == "GET" and 1 in sent.rows), default=0)
    if run.touched(1) and not run.touched(1, last + 1):
        assert 1 in run.after


@pytest.mark.parametrize("at", [9, 10, 11])
def test_what_is_relabelled_after_a_lost_reply_is_not_destroyed_by_a_second_request(world: World, at: int) -> None:
    run, _others = world.run(REAP, [Fault("502", "destroy")], [Event("relabelled", 4, at)])
    assert (run.result.failed, run.result["changed"], gone(run)) == (True, True, {1})


@pytest.mark.parametrize("at", range(2, 6))
def test_what_is_started_meanwhile_is_not_among_the_chosen_any_more(world: World, at: int) -> None:
    rules = [{"name": "batch", "label_prefix": "batch", "action": "destroy"}]
    task = Task("vast_reaper", {**OPTIONS, "select": {"status": ["exited"]}, "rules": rules})
    run, _others = world.run(task, events=[Event("started", 2, at)])
    assert (run.result.failed, gone(run)) == (False, set())


@pytest.mark.parametrize("at", range(1, 9))
def test_two_reapers_at_once(world: World, at: int) -> None:
    run, others = world.run(REAP, meanwhile=[Meanwhile(REAP, at)])
    assert gone(run) == OLD
    assert [each.result.failed for each in (run, *others)] == [False] * (1 + len(others))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
def test_a_reaper_that_is_killed_leaves_the_rest_to_the_next(world: World, at: int, after: bool) -> None:
    run, _others = world.run(REAP, end=End("kill", at, after))
    assert gone(run) <= OLD
    again, _others = world.run(REAP)
    assert again.result.failed is False
    assert {*again.after} == {*run.before} - OLD
