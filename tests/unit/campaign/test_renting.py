# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bad days of renting and destroying, one by one; the campaign plays them at random, and all at once."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._renting import mounts

from .campaign import Broken, a_world, play
from .registry import SUBJECTS
from .steps import End, Event, Fault, Meanwhile, Nature, Step, Task
from .world import Run, World

pytestmark = pytest.mark.skipif(not {"rent", "destroy"} <= SUBJECTS.keys(), reason="no module rents or destroys")
OFFER = {"gpu_name": ["RTX 4090"], "num_gpus": 1, "max_price": 1.0}
LATE = Nature(behaviour={"row_lag": 9.0})


@pytest.fixture
def world() -> t.Iterator[World]:
    """A world of its own for each test, at its start."""
    with a_world() as made:
        made.begin()
        yield made


def rent(label: str = "job", **options: t.Any) -> Task:
    """One box of a label."""
    what = {"label": label, "state": "running", "image": "alpine", "disk": 20, "attempts": 1, "boot_timeout": 60}
    return Task("vast_instance", {**what, "wait": True, "wait_interval": 5.0, "offer": OFFER, **options})


def absent(label: str = "job") -> Task:
    """No box of a label."""
    return Task("vast_instance", {"label": label, "state": "absent"})


def played(world: World, step: Step, nature: Nature | None = None) -> Run:
    """One step that keeps every invariant, then once more for a look at it."""
    play(world, [step], nature=nature)
    world.begin(nature)
    run, _others = world.run(step.task, step.faults, step.events, step.end, step.meanwhile)
    return run


def boxes(run: Run, label: str = "job") -> list[int]:
    """What has the label in the end."""
    return [number for number, fact in run.after.items() if fact.label == label]


@pytest.mark.parametrize("nature", [None, LATE])
@pytest.mark.parametrize(
    "kind", ["drop-after", "502-after", "500-after", "truncate", "too-slow", "empty-after", "no-contract-told"]
)
def test_a_create_that_is_not_heard_of_is_adopted(world: World, kind: str, nature: Nature | None) -> None:
    run = played(world, Step(rent(), (Fault(kind, "create"),)), nature)
    assert not run.result.failed, run.result.text
    assert boxes(run) == [run.result["instance"]["id"]]
    assert len([sent for sent in run.writes if sent.method == "PUT"]) == 1


@pytest.mark.parametrize("kind", ["drop", "502", "524"])
def test_nothing_else_is_rented_after_a_create_that_came_to_nothing(world: World, kind: str) -> None:
    run = played(world, Step(rent(attempts=3), (Fault(kind, "create"),)))
    assert run.result["error_class"] == "unknown_outcome"
    assert boxes(run) == []
    assert len(run.writes) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("how", ["kill", "SIGTERM"])
def test_a_task_that_ends_at_any_moment_leaves_one_box_at_most(world: World, how: str, at: int, after: bool) -> None:
    play(world, [Step(rent(), end=End(how, at, after)), Step(absent())])
    assert world.facts().keys() == {1, 2, 3, 4, 5, 6, 91, 92, 93}


@pytest.mark.parametrize("at", [2, 3, 4, 5])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_two_tasks_at_once_end_with_one_box(world: World, at: int, elsewhere: bool) -> None:
    run = played(world, Step(rent(), meanwhile=(Meanwhile(rent(), at, elsewhere),)))
    # Here the second one waits in the midst of the first one, whose time passes with it.
    assert len(boxes(run)) == 1 if elsewhere else len(boxes(run)) <= 1


def test_a_create_that_is_delivered_twice_leaves_one_box(world: World) -> None:
    run = played(world, Step(rent(), (Fault("create-twice", "create"),)))
    assert len(boxes(run)) == 1
    keeps = tuple(Event("keeps_offers", number) for number in (101, 102, 103))
    run = played(world, Step(rent(), (Fault("create-twice", "create"),), keeps))
    assert len(boxes(run)) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "boxes_have_oci_failures",
        "boxes_crash",
        "boxes_are_offline",
        "boxes_are_stuck",
        "other_gpu",
        "other_disk",
        "other_price",
        "does_not_start",
        "asks_are_gone",
        "asks_are_unknown",
    ],
)
def test_a_machine_that_is_no_good_is_left_for_the_next_one(world: World, kind: str) -> None:
    run = played(world, Step(rent(attempts=2), (), (Event(kind, 101),)))
    assert not run.result.failed, run.result.text
    (box,) = boxes(run)
    assert run.after[box].machine_id != 101


def test_a_box_that_cannot_be_destroyed_is_named(world: World) -> None:
    run = played(world, Step(rent(), (Fault("403", "destroy", 0, None),), (Event("other_price", 101),)))
    assert run.result.failed
    (box,) = boxes(run)
    assert str(box) in run.result["msg"]


@pytest.mark.parametrize("kind", ["drop", "drop-after", "502", "502-after", "404-html", "429-text"])
def test_a_deletion_whose_reply_is_lost_is_proven(world: World, kind: str) -> None:
    run = played(world, Step(absent("web"), (Fault(kind, "destroy"),)))
    assert boxes(run, "web") == [] or run.result.failed


WITH_DATA: dict[str, t.Any] = {"offer": {**OFFER, "machine_id": [101]}, "volumes": [{"name": "data", "path": "/data"}]}


@pytest.mark.parametrize("kind", ["drop-after", "502-after", "no-contract-told", "429-text"])
def test_a_box_that_is_not_heard_of_has_its_volume(world: World, kind: str) -> None:
    run = played(world, Step(rent(**WITH_DATA), (Fault(kind, "create"),)))
    assert not run.result.failed, run.result.text


def test_a_box_without_its_volume_does_not_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "attached", lambda *_arguments: {})
    with pytest.raises(Broken, match="has no volume"):
        play(world, [Step(rent(**WITH_DATA))])
