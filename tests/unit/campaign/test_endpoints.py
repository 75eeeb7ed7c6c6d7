# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoints that are deployed, changed and torn down while each write goes wrong in each way, or the task is killed.

No endpoint and no workergroup comes about twice, a second run completes what the first one began, no worker is left.
"""

from __future__ import annotations

import typing as t

import pytest

from .campaign import a_world
from .steps import End, Fault, Meanwhile, Nature, Task
from .world import World

KINDS = ("502-after", "500-after", "502", "429-text", "drop-after", "drop")
WRITES = ("create-endpoint", "change", "create-group", "change-group", "update-workers")
GROUP = {"template_hash": "first", "search_params": "num_gpus=1"}
DEPLOY: dict[str, t.Any] = {"name": "fresh", "state": "present", "cold_workers": 1, "max_workers": 2}


@pytest.fixture
def world() -> t.Iterator[World]:
    """A world of its own for each test, at its start; it takes a second endpoint of one name."""
    with a_world() as made:
        made.begin(Nature({"duplicate_names": "accepted"}))
        yield made


def deploy(template: str = "first", **options: t.Any) -> Task:
    """The endpoint `fresh` with one workergroup."""
    return Task("vast_endpoint", {**DEPLOY, "workergroups": [{**GROUP, "template_hash": template}], **options})


ABSENT = Task("vast_endpoint", {"name": "fresh", "state": "absent"})


def there(world: World) -> tuple[int, int]:
    """How many endpoints named `fresh` there are, and workergroups of such."""
    ids = [number for number, row in world.account.endpoints.items() if row["endpoint_name"] == "fresh"]
    return len(ids), sum(len(world.account.groups_of(number)) for number in ids)


def once(world: World) -> None:
    """Nothing is there twice."""
    endpoints, groups = there(world)
    assert endpoints <= 1
    assert groups <= 1


def complete(world: World, task: Task) -> None:
    """A second run, with which nothing goes wrong, brings it about; a third one has nothing to do."""
    second, _others = world.run(task)
    assert not second.result.failed, second.result.values
    assert there(world) == (1, 1)
    third, _others = world.run(task)
    assert third.result["changed"] is False


@pytest.mark.parametrize("place", WRITES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_write_may_go_wrong(world: World, place: str, kind: str) -> None:
    if place not in ("create-endpoint", "create-group"):
        world.run(deploy())
    task = deploy() if place.startswith("create") else deploy("second", max_workers=3)
    first, _others = world.run(task, [Fault(kind, place)])
    assert first.result.failed or first.result["changed"] is True
    once(world)
    complete(world, task)


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("after", [False, True])
def test_a_deployment_may_be_killed_anywhere(world: World, at: int, after: bool) -> None:
    world.run(deploy(), end=End("kill", at, after))
    once(world)
    complete(world, deploy())


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("at", range(3, 10))
@pytest.mark.parametrize("after", [False, True])
def test_a_signal_in_a_deployment_is_told_with_what_was_sent(world: World, how: str, at: int, after: bool) -> None:
    run, _others = world.run(deploy(), end=End(how, at, after))
    if any(sent.done for sent in run.writes) and run.result.failed:
        assert (run.result["error_class"], run.result["changed"]) == ("timeout", True)
        assert f"Interrupted by {how}" in run.result["msg"]
        assert "fresh" in run.result["msg"]
        assert "Run the task again" in run.result["msg"]
    once(world)
    complete(world, deploy())


@pytest.mark.parametrize("at", range(4, 8))
def test_a_signal_in_a_teardown_is_told(world: World, at: int) -> None:
    world.run(deploy(wait_for_workers=1))
    run, _others = world.run(ABSENT, end=End("SIGTERM", at, True))
    assert any(sent.done for sent in run.writes)
    if run.result.failed:
        assert (run.result["error_class"], run.result["changed"]) == ("timeout", True)
    second, _others = world.run(ABSENT)
    assert not second.result.failed, second.result.values
    assert there(world) == (0, 0)


@pytest.mark.parametrize("at", range(1, 10))
@pytest.mark.parametrize("after", [False, True])
def test_a_teardown_may_be_killed_anywhere_and_leaves_no_worker(world: World, at: int, after: bool) -> None:
    world.run(deploy(wait_for_workers=1))
    workers = [each.id for each in world.account.instances.values() if each.id > 100]
    assert workers != []
    for number in workers:
        world.simulator.set_instance(number, delete_fails=True)
    world.run(ABSENT, end=End("kill", at, after))
    second, _others = world.run(ABSENT)
    assert not second.result.failed, second.result.values
    assert [number for number in workers if number in second.after] == []
    assert there(world) == (0, 0)


def test_a_leftover_worker_that_somebody_labelled_is_left_alone(world: World) -> None:
    absent = {"name": "leaky", "state": "absent", "wait_timeout": 30}
    first, _others = world.run(Task("vast_endpoint", {**absent, "on_leftover": "fail"}))
    (worker,) = [each["id"] for each in first.result["leaked_workers"]]
    world.account.instances[worker].update({"label": "alice-keep"}, world.account.clock.now())
    for _run in range(2):
        run, _others = world.run(Task("vast_endpoint", absent))
        assert run.result["error_class"] == "leaked"
        assert (run.result["destroyed_workers"], worker in run.after) == ([], True)


@pytest.mark.parametrize("names", ["accepted", "refused"])
@pytest.mark.parametrize("at", range(2, 9))
def test_a_second_task_on_the_same_machine_creates_nothing_twice(world: World, at: int, names: str) -> None:
    world.begin(Nature({"duplicate_names": names}))
    first, (other,) = world.run(deploy(), meanwhile=[Meanwhile(deploy(wait_timeout=20), at)])
    assert not first.result.failed, first.result.values
    # The first one cannot go on before the other ends.
    assert not other.result.failed or other.result["error_class"] == "timeout"
    assert there(world) == (1, 1)
    third, _others = world.run(deploy())
    assert third.result["changed"] is False


@pytest.mark.parametrize("at", range(2, 9))
def test_a_second_task_on_another_machine_is_told(world: World, at: int) -> None:
    """Without a token two tasks may both create: never silently."""
    first, (other,) = world.run(deploy(), meanwhile=[Meanwhile(deploy(), at, elsewhere=True)])
    endpoints, groups = there(world)
    warned = any("Another task has created" in each for each in (*first.result.warnings, *other.result.warnings))
    assert groups == 1 or warned
    if endpoints > 1:
        assert "ambiguous" in [run.result.values.get("error_class") for run in (first, other)]
