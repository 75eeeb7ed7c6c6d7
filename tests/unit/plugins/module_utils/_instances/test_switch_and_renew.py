# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is planned for an instance, and what is made of what is seen of it. No requests."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid, Unavailable, UnknownOutcome
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.renew import is_under_way, plan_recycle
from ansible_collections.vastai.cloud.plugins.module_utils._instances.switch import plan_switch
from ansible_collections.vastai.cloud.plugins.module_utils._instances.watch import (
    CRASH_GRACE,
    LOST_GRACE,
    RECYCLE_GRACE,
    START_GRACE,
    Watch,
)

from ...harness import instance_row, stopped_row

OCI = "Error: OCI runtime create failed: no such device"
OTHER_PORTS = {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "33333"}]}


def running(**fields: t.Any) -> Instance:
    return Instance(4711, instance_row(**fields))


def stopped(**fields: t.Any) -> Instance:
    return Instance(4711, stopped_row(**fields))


def queued(**fields: t.Any) -> Instance:
    return stopped(intended_status="running", **fields)


def booting(status: str | None, **fields: t.Any) -> Instance:
    return running(actual_status=status, ports=None, **fields)


START, STOP = "start instance 4711 (train-01)", "stop instance 4711 (train-01)"


@pytest.mark.parametrize(
    ("current", "state", "label", "actions"),
    [
        pytest.param(running(), "running", None, [], id="runs already"),
        pytest.param(running(), "stopped", None, [STOP], id="runs, to be stopped"),
        pytest.param(stopped(), "stopped", None, [], id="stopped already"),
        pytest.param(stopped(), "running", None, [START], id="stopped, to be started"),
        pytest.param(queued(), "running", None, [START], id="a queued start is asked for again"),
        pytest.param(queued(), "stopped", None, [STOP], id="a queued start is cancelled"),
        pytest.param(stopped(next_state="running"), "stopped", None, [STOP], id="a start queued in next_state only"),
        pytest.param(queued(actual_status="running"), "running", None, [START], id="queued, and a stale report"),
        pytest.param(booting("loading"), "running", None, [], id="is booting"),
        pytest.param(running(actual_status="exited"), "running", None, [], id="crashed, but asked to run"),
        pytest.param(running(intended_status="stopped"), "stopped", None, [], id="is stopping"),
        pytest.param(running(intended_status="stopped"), "running", None, [START], id="is stopping, to be started"),
        pytest.param(running(intended_status="frozen"), "running", None, [START], id="frozen, to be started"),
        pytest.param(running(intended_status="frozen"), "stopped", None, [STOP], id="frozen, to be stopped"),
        pytest.param(running(actual_status="offline"), "stopped", None, [STOP], id="lost, to be stopped"),
        pytest.param(running(), None, "train-01", [], id="has the label"),
        pytest.param(
            running(), None, "Train-01", ["set the label of instance 4711 (train-01) to 'Train-01'"], id="case"
        ),
        pytest.param(running(), None, "", ["remove the label of instance 4711 (train-01)"], id="label to remove"),
        pytest.param(running(label=None), None, "", [], id="no label to remove"),
        pytest.param(running(label=None), None, "a", ["set the label of instance 4711 to 'a'"], id="label to give"),
        pytest.param(
            running(), "stopped", "a", ["set the label of instance 4711 (train-01) to 'a'", STOP], id="label and state"
        ),
        pytest.param(stopped(), "stopped", "train-01", [], id="label and state as wanted"),
        pytest.param(stopped(), "running", "train-01", [START], id="only the state differs"),
    ],
)
def test_plans_what_differs_and_nothing_else(
    current: Instance, state: str | None, label: str | None, actions: list[str]
) -> None:
    plan = plan_switch(current, state, label)
    assert [change.action for change in plan.changes] == actions
    assert plan.changed is bool(actions)


def test_the_diff_shows_a_state_that_has_no_word_with_its_fields() -> None:
    diff = plan_switch(queued(status_msg=None), "running", None).result()["diff"]
    assert diff["before"] == {"state": "actual_status exited, intended_status running, cur_state stopped"}
    assert diff["after"] == {"state": "running"}


NOTHING: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("current", "only_if_status", "recycled"),
    [
        pytest.param(running(), NOTHING, True, id="runs"),
        pytest.param(running(), ("running",), True, id="runs, named"),
        pytest.param(running(), ("exited",), False, id="runs, not named"),
        pytest.param(running(actual_status="exited"), NOTHING, True, id="crashed"),
        pytest.param(running(actual_status="EXITED"), ("exited",), True, id="crashed, named"),
        pytest.param(running(actual_status="exited"), ("offline", "exited"), True, id="crashed, one of the named"),
        pytest.param(running(actual_status="offline"), ("exited",), False, id="lost, not named"),
        pytest.param(stopped(), ("exited",), False, id="stopped, although it shows exited"),
        pytest.param(queued(), ("exited",), False, id="waiting for its GPU, although it shows exited"),
        pytest.param(stopped(cur_state="running"), ("exited",), False, id="stopping, although it shows exited"),
        pytest.param(running(intended_status="stopped"), ("running",), False, id="stopping, although it shows running"),
        pytest.param(booting("recycling"), NOTHING, False, id="under way"),
        pytest.param(booting(None), NOTHING, False, id="provisioned"),
        pytest.param(booting("loading"), NOTHING, False, id="loading"),
        pytest.param(booting("loading"), ("loading",), True, id="stuck in loading, named"),
        pytest.param(booting("loading"), ("exited",), False, id="loading, not named"),
        pytest.param(booting("created"), NOTHING, False, id="created"),
        pytest.param(booting("created"), ("created",), True, id="stuck in created, named"),
        pytest.param(booting("created", status_msg=OCI), NOTHING, True, id="cannot be created"),
        pytest.param(booting("rebooting"), NOTHING, True, id="rebooting is no new container"),
    ],
)
def test_recycles_only_where_that_is_meant(current: Instance, only_if_status: tuple[str, ...], recycled: bool) -> None:
    assert plan_recycle(current, only_if_status).changed is recycled


@pytest.mark.parametrize(
    ("current", "word"),
    [
        (stopped(), "stopped"),
        (queued(), "waiting for its GPU"),
        (running(intended_status="stopped"), "being stopped"),
        (booting("loading", intended_status="stopped"), "being stopped"),
    ],
)
def test_recycling_what_has_no_gpu_is_refused(current: Instance, word: str) -> None:
    with pytest.raises(Invalid, match=rf"instance 4711 \(train-01\) is {word}; .*state=running"):
        plan_recycle(current, NOTHING)


def test_the_plan_of_a_recycle_warns_of_the_loss() -> None:
    (action,) = plan_recycle(running(), NOTHING).result()["actions"]
    assert "pytorch/pytorch:latest" in action
    assert "file system is lost" in action
    assert "its image" in plan_recycle(running(image_uuid=None), NOTHING).changes[0].action


@pytest.mark.parametrize(
    ("current", "only_if_status", "under_way"),
    [
        (booting("recycling"), NOTHING, True),
        (booting("recycling"), ("exited",), True),
        (booting("loading"), NOTHING, True),
        (booting("loading"), ("loading",), False),
        (booting("loading", intended_status="stopped"), NOTHING, False),
        (booting("loading", cur_state="stopped"), NOTHING, False),
        (booting("created", status_msg=OCI), NOTHING, False),
        (running(), NOTHING, False),
        (running(actual_status="exited"), NOTHING, False),
    ],
)
def test_tells_whether_a_new_container_is_being_made(
    current: Instance, only_if_status: tuple[str, ...], under_way: bool
) -> None:
    assert is_under_way(current, only_if_status) is under_way


@pytest.mark.parametrize(
    ("want", "seen", "reached"),
    [
        ("running", running(), True),
        ("running", booting("loading"), False),
        ("running", running(actual_status="exited"), False),
        ("running", queued(), False),
        ("running", queued(actual_status="running"), False),
        ("stopped", stopped(), True),
        ("stopped", stopped(next_state="running"), False),
        ("stopped", stopped(actual_status="running"), True),
        ("stopped", running(intended_status="stopped"), False),
        ("stopped", stopped(actual_status="offline"), True),
    ],
)
def test_a_state_counts_as_reached_only_when_all_fields_agree(want: str, seen: Instance, reached: bool) -> None:
    assert Watch(want, seen, 0.0).see(seen, 1.0) is reached


@pytest.mark.parametrize(
    ("want", "intended"), [("running", "stopped"), ("running", "frozen"), ("stopped", "running"), ("stopped", "frozen")]
)
def test_an_instance_that_somebody_set_otherwise_ends_the_wait(want: str, intended: str) -> None:
    seen = running(actual_status="loading", intended_status=intended)
    watch = Watch(want, seen, 0.0)
    with pytest.raises(Unavailable, match=rf"4711 .*cannot become {want}: it was set to {intended} by someone else"):
        watch.see(seen, 1.0)


@pytest.mark.parametrize("intended", ["stopped", "running", None, "scheduled"])
def test_a_queued_start_is_waited_for_whatever_it_is_said_to_intend(intended: str | None) -> None:
    seen = stopped(intended_status=intended)
    assert Watch("running", seen, 0.0).see(seen, 10_000.0, may_queue=True) is False


@pytest.mark.parametrize("intended", [None, "scheduled"])
def test_an_unknown_intention_is_waited_on(intended: str | None) -> None:
    assert Watch("running", stopped(), 0.0).see(stopped(intended_status=intended), 1.0) is False


@pytest.mark.parametrize(
    ("want", "path", "grace", "reason"),
    [
        pytest.param(
            "running",
            [running(actual_status="exited")],
            START_GRACE,
            "exited on its own",
            id="started, and never boots",
        ),
        pytest.param(
            "running",
            [running(actual_status="exited"), booting("loading"), running(actual_status="exited")],
            CRASH_GRACE,
            "exited on its own",
            id="crashes after it has begun to boot",
        ),
        pytest.param(
            "running",
            [booting("created", status_msg=OCI)],
            CRASH_GRACE,
            "cannot be created",
            id="container cannot be created",
        ),
        pytest.param("running", [booting("offline")], LOST_GRACE, "has not answered", id="offline on its way up"),
        pytest.param("running", [booting("unknown")], LOST_GRACE, "has not answered", id="unknown on its way up"),
        pytest.param(
            "stopped",
            [running(actual_status="offline", intended_status="stopped")],
            LOST_GRACE,
            "has not answered",
            id="offline on its way down",
        ),
    ],
)
def test_a_bad_state_ends_the_wait_only_beyond_its_grace_time(
    want: str, path: list[Instance], grace: float, reason: str
) -> None:
    watch = Watch(want, path[0], 0.0)
    for second, seen in enumerate(path):
        watch.see(seen, float(second))
    since = float(len(path) - 1)
    assert watch.see(path[-1], since + grace) is False
    with pytest.raises(Unavailable, match=rf"instance 4711 \(train-01\) cannot become {want}: .*{reason}") as raised:
        watch.see(path[-1], since + grace + 0.1)
    assert f"Last seen: {path[-1].described}" in raised.value.msg


@pytest.mark.parametrize(
    ("bad", "between", "grace"),
    [
        (booting("offline"), booting("loading"), LOST_GRACE),
        (booting("created", status_msg=OCI), booting("loading"), CRASH_GRACE),
        (running(actual_status="exited"), booting("rebooting"), START_GRACE),
    ],
)
def test_a_grace_time_begins_anew_when_the_status_changes(bad: Instance, between: Instance, grace: float) -> None:
    watch = Watch("running", bad, 0.0)
    for now, seen in [(grace, bad), (grace + 1, between), (grace + 2, bad), (2 * grace + 2, bad)]:
        assert watch.see(seen, now) is False


@pytest.mark.parametrize(
    ("want", "seen"),
    [
        pytest.param(
            "stopped", running(actual_status="exited", intended_status="stopped"), id="exited on its way down"
        ),
        pytest.param(
            "stopped", booting("created", status_msg=OCI, intended_status="stopped"), id="not created, going down"
        ),
        pytest.param("running", queued(), id="exited without a GPU is queued, not crashed"),
        pytest.param("running", booting("loading"), id="a long pull"),
        pytest.param("running", booting(None), id="a long provisioning"),
        pytest.param("running", booting("rebooting"), id="a long reboot"),
    ],
)
def test_what_may_still_get_there_is_waited_on(want: str, seen: Instance) -> None:
    watch = Watch(want, seen, 0.0)
    assert watch.see(seen, 100_000.0) is False
    assert watch.foreign == set()


def test_a_recycle_whose_old_container_still_shows_has_not_begun_to_boot() -> None:
    watch = Watch("running", running(), 0.0, must_depart=True)
    watch.see(running(), 1.0)
    ended = running(actual_status="exited")
    watch.see(ended, 2.0)
    assert watch.see(ended, 2.0 + START_GRACE) is False
    with pytest.raises(Unavailable, match="exited on its own"):
        watch.see(ended, 2.1 + START_GRACE)


def test_an_unknown_word_is_noted_and_waited_on() -> None:
    watch = Watch("running", stopped(), 0.0)
    assert watch.see(booting("Thawing"), 1.0) is False
    assert watch.see(booting("melting"), 100_000.0) is False
    assert watch.see(running(), 100_001.0) is True
    assert watch.foreign == {"thawing", "melting"}


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(booting("recycling"), id="status"),
        pytest.param(booting(None), id="no status"),
        pytest.param(running(ports=OTHER_PORTS), id="ports"),
        pytest.param(running(ssh_port=20000), id="proxy port"),
        pytest.param(running(ssh_host="ssh9.vast.ai"), id="proxy host"),
    ],
)
def test_a_recycled_instance_runs_again_only_after_a_sign_of_departure(sign: Instance) -> None:
    watch = Watch("running", running(), 0.0, must_depart=True)
    assert watch.see(running(), 1.0) is False
    watch.see(sign, 2.0)
    assert watch.departed
    assert watch.see(running(), 3.0) is True


def test_a_recycle_that_shows_no_sign_is_not_taken_for_done() -> None:
    watch = Watch("running", running(), 100.0, must_depart=True)
    assert watch.see(running(), 100.0 + RECYCLE_GRACE) is False
    with pytest.raises(UnknownOutcome, match=r"instance 4711 \(train-01\) still shows its former container"):
        watch.see(running(), 100.0 + RECYCLE_GRACE + 0.1)
    assert not watch.departed


def test_other_fields_are_no_sign_of_a_recycle() -> None:
    watch = Watch("running", running(), 0.0, must_depart=True)
    watch.see(running(label="other", gpu_util=99.0, status_msg="lags"), 1.0)
    assert not watch.departed
