# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the campaign has found so far, played again one by one."""

from __future__ import annotations

import typing as t

import pytest

from .campaign import a_world, play
from .steps import Event, Fault, Step, Task
from .world import Run, World


@pytest.fixture
def world() -> t.Iterator[World]:
    """A world of its own for each test, at its start."""
    with a_world() as made:
        made.begin()
        yield made


def start(instance_id: int, **options: t.Any) -> Task:
    """A start that fails at once when there is no GPU."""
    return Task("vast_instance", {"id": instance_id, "state": "running", **options})


def fleet(*ids: int, state: str = "running") -> Task:
    """The same for many."""
    return Task("vast_fleet", {"select": {"ids": list(ids)}, "state": state})


def played(world: World, step: Step) -> Run:
    """One step that keeps every invariant, and then once more for a look at it."""
    play(world, [step])
    world.begin()
    return world.run(step.task, step.faults, step.events)


def test_a_label_that_was_set_counts_when_the_start_beside_it_fails(world: World) -> None:
    run = played(world, Step(start(3, label="mine")))
    assert run.result["error_class"] == "unavailable"
    assert run.result["changed"] is True
    assert run.after[3].label == "mine"
    assert run.after[3].intended_status == "stopped"


def test_a_start_that_was_queued_before_and_is_taken_back_counts(world: World) -> None:
    queued = Event("started", 3, at=1)
    for task in (start(3), fleet(3)):
        run = played(world, Step(task, (), (queued,)))
        assert run.result.failed
        assert run.result["changed"] is True
        assert run.after[3].intended_status == "stopped"


@pytest.mark.parametrize("task", [start(3), fleet(3)])
def test_a_start_that_the_api_queued_and_called_an_error_is_taken_back(world: World, task: Task) -> None:
    run = played(world, Step(task, (Fault("500-after", "put"),)))
    assert run.result["error_class"] == "unavailable"
    assert "It may have been carried out" in run.result["msg"]
    assert "was cancelled" in run.result["msg"]
    assert run.after[3].intended_status == "stopped"


def test_a_start_whose_outcome_cannot_be_seen_is_told(world: World) -> None:
    run = played(world, Step(start(3), (Fault("500-after", "put"), Fault("500", "listing", 1, None))))
    assert run.result.failed
    assert run.result["changed"] is True
    assert "could NOT be confirmed" in run.result["msg"]
    assert run.after[3].intended_status == "stopped"


@pytest.mark.parametrize("task", [start(3), fleet(3)])
def test_a_404_in_place_of_a_listing_does_not_leave_a_start_queued(world: World, task: Task) -> None:
    run = played(world, Step(task, (Fault("404", "listing", 1, 1),)))
    assert run.result.failed
    assert run.after[3].intended_status == "stopped"


def test_a_404_of_a_proxy_to_the_second_start_does_not_leave_the_first_one_queued(world: World) -> None:
    run = played(world, Step(fleet(3), (Fault("404", "put", 1, 1),)))
    assert run.result.failed
    assert run.after[3].intended_status == "stopped"


def test_a_bulk_change_that_the_api_made_and_called_an_error_counts(world: World) -> None:
    run = played(world, Step(fleet(1, 4, state="stopped"), (Fault("500-after", "put"),)))
    assert not run.result.failed
    assert run.result["changed"] is True
    assert [member["changed"] for member in run.result["instances"]] == [True, True]


def test_a_bulk_change_whose_outcome_cannot_be_seen_is_told(world: World) -> None:
    run = played(world, Step(fleet(1, state="stopped"), (Fault("502-after", "put"), Fault("404", "listing", 1, None))))
    assert run.result.failed
    assert "may have been carried out" in run.result["msg"]
