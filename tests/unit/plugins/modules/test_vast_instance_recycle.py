# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_instance_recycle, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import typing as t

import pytest
import requests

from ..harness import Api, FakeClock, fail_as, instance_row, list_query, listing, stopped_row, succeed

RECYCLE = "/api/v0/instances/recycle/4711/"
LIST = "/api/v1/instances/"
NAME = "instance 4711 (train-01)"
LOST = requests.ConnectionError("Connection reset by peer")
MODULE = "vast_instance_recycle"
OLD = instance_row()
NEW = instance_row(ports={"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "33333"}]})
CRASHED = instance_row(actual_status="exited", ports=None)
RECYCLING = instance_row(actual_status="recycling", ports=None)
LOADING = instance_row(actual_status="loading", ports=None)
STOPPING = instance_row(intended_status="stopped")

failure = functools.partial(fail_as, MODULE)


def expect_recycle(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    api.expect("PUT", RECYCLE, {"success": True} if reply is None else reply, body={}, **more)


def expect_looks(api: Api, *rows: dict[str, t.Any]) -> None:
    for row in rows:
        api.expect_listing(row, id=4711)


def test_recycles_and_waits_for_the_new_address(api: Api, clock: FakeClock) -> None:
    api.expect_listing(OLD, label="train-01")
    expect_recycle(api)
    expect_looks(api, RECYCLING, LOADING, NEW)
    result = succeed(MODULE, label="train-01")
    assert result["changed"] is True
    assert result["actions"] == [
        f"recycle {NAME}: a new container from a fresh pull of pytorch/pytorch:latest; its file system is lost"
    ]
    assert result["diff"]["before"] == {"container": "present"}
    assert result["diff"]["after"] == {"container": "new"}
    assert result["instance"]["ssh"]["port"] == 33333
    assert clock.slept == pytest.approx([1.06, 5.0, 5.0])


def test_a_status_that_lags_is_not_taken_for_the_new_container(api: Api) -> None:
    expect_looks(api, OLD)
    expect_recycle(api)
    expect_looks(api, OLD, OLD, OLD, RECYCLING, NEW)
    assert succeed(MODULE, id=4711)["instance"]["ssh"]["port"] == 33333


def test_changed_ports_are_enough_of_a_sign(api: Api, clock: FakeClock) -> None:
    expect_looks(api, OLD)
    expect_recycle(api)
    expect_looks(api, NEW)
    assert succeed(MODULE, id=4711)["instance"]["ssh"]["port"] == 33333
    assert clock.slept == pytest.approx([1.06])


def test_a_recycle_that_leaves_no_trace_is_no_success(api: Api, clock: FakeClock) -> None:
    expect_looks(api, OLD)
    expect_recycle(api)
    expect_looks(api, *[OLD] * 22)
    result = failure("unknown_outcome", NAME, "no sign of a recycle for 60 s", "nothing was sent again", id=4711)
    assert result["changed"] is True
    assert 79 < sum(clock.slept) < 90


def test_without_waiting_a_recycle_that_leaves_no_trace_yet_is_warned_of(api: Api, clock: FakeClock) -> None:
    expect_looks(api, OLD)
    expect_recycle(api)
    expect_looks(api, *[OLD] * 10)
    result = succeed(MODULE, id=4711, wait=False)
    assert result["changed"] is True
    assert [f"{NAME} shows no sign of its recycle yet, 20 s after it was accepted" in each for each in result.warnings]
    assert len(result.warnings) == 1
    assert sum(clock.slept) == pytest.approx(20)


def test_a_minute_of_refusals_before_it_does_not_count_as_that_minute(api: Api, clock: FakeClock) -> None:
    expect_looks(api, OLD)
    expect_recycle(api, "too frequent", status=429, headers={"Retry-After": "90"})
    expect_recycle(api)
    expect_looks(api, OLD, RECYCLING, NEW)
    assert succeed(MODULE, id=4711)["instance"]["ssh"]["port"] == 33333


def test_check_mode_tells_what_it_would_do_and_sends_nothing(api: Api, clock: FakeClock) -> None:
    expect_looks(api, OLD)
    result = succeed(MODULE, id=4711, check_mode=True)
    assert result["changed"] is True
    assert "file system is lost" in result["actions"][0]
    assert clock.slept == []


def test_without_waiting_it_returns_after_one_look(api: Api, clock: FakeClock) -> None:
    expect_looks(api, OLD)
    expect_recycle(api)
    expect_looks(api, RECYCLING)
    result = succeed(MODULE, id=4711, wait=False)
    assert result["changed"] is True
    assert result["instance"]["actual_status"] == "recycling"
    assert clock.slept == pytest.approx([1.06])


@pytest.mark.parametrize(
    "row", [RECYCLING, LOADING, instance_row(actual_status=None), instance_row(actual_status="created")]
)
def test_one_under_way_is_waited_for_and_not_sent_again(api: Api, clock: FakeClock, row: dict[str, t.Any]) -> None:
    expect_looks(api, row, LOADING, NEW)
    result = succeed(MODULE, id=4711)
    assert result["changed"] is False
    assert result["actions"] == []
    assert result["instance"]["ssh"]["port"] == 33333
    assert clock.slept == pytest.approx([5.0, 5.0])


@pytest.mark.parametrize("options", [{"wait": False}, {"check_mode": True}])
def test_one_under_way_is_left_alone_at_once_where_it_must_not_wait(
    api: Api, clock: FakeClock, options: dict[str, t.Any]
) -> None:
    expect_looks(api, RECYCLING)
    assert succeed(MODULE, id=4711, **options)["changed"] is False
    assert clock.slept == []


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("row", "statuses"),
    [
        (OLD, ["exited"]),
        (OLD, ["exited", "offline", "unknown"]),
        (LOADING, ["exited"]),
        (stopped_row(), ["exited"]),
        (stopped_row(actual_status="loading"), ["loading"]),
        (stopped_row(cur_state="running"), ["exited"]),
        (STOPPING, ["running"]),
    ],
)
def test_only_an_instance_found_in_a_named_status_is_recycled(
    api: Api, clock: FakeClock, row: dict[str, t.Any], statuses: list[str], check_mode: bool
) -> None:
    expect_looks(api, row)
    result = succeed(MODULE, id=4711, only_if_status=statuses, check_mode=check_mode)
    assert result["changed"] is False
    assert clock.slept == []


@pytest.mark.parametrize(
    ("row", "statuses"),
    [
        (CRASHED, ["exited"]),
        (CRASHED, ["offline", "exited"]),
        (OLD, ["running"]),
        (LOADING, ["loading"]),
        (instance_row(actual_status="offline"), ["offline"]),
        (instance_row(actual_status="created", status_msg="Error: OCI runtime create failed: x"), []),
    ],
)
def test_an_instance_found_in_a_named_status_is_recycled(api: Api, row: dict[str, t.Any], statuses: list[str]) -> None:
    expect_looks(api, row)
    expect_recycle(api)
    expect_looks(api, RECYCLING, NEW)
    assert succeed(MODULE, id=4711, only_if_status=statuses)["changed"] is True


def test_healing_a_crashed_instance_twice_changes_nothing_the_second_time(api: Api) -> None:
    expect_looks(api, CRASHED)
    expect_recycle(api)
    expect_looks(api, LOADING, NEW, NEW)
    assert succeed(MODULE, id=4711, only_if_status=["exited"])["changed"] is True
    assert succeed(MODULE, id=4711, only_if_status=["exited"])["changed"] is False


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("row", [stopped_row(), STOPPING])
def test_a_stopped_instance_is_refused(api: Api, row: dict[str, t.Any], check_mode: bool) -> None:
    expect_looks(api, row)
    result = failure("invalid", NAME, "stopped", "state=running", id=4711, check_mode=check_mode)
    assert result["instance"]["id"] == 4711


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "id, label"),
        ({"id": 4711, "label": "train-01"}, "mutually exclusive"),
        ({"id": 0}, "id must be a positive number"),
        ({"label": ""}, "label must not be empty"),
        ({"label": "x" * 1025}, "label has 1025 characters"),
        ({"id": 4711, "only_if_status": ["stopped"]}, "only_if_status must be one or more of"),
        ({"id": 4711, "only_if_status": ["recycling"]}, "only_if_status must be one or more of"),
        ({"id": 4711, "only_if_status": ["exited", "crashed"]}, "crashed"),
        ({"id": 4711, "wait_timeout": -1}, "wait_timeout must be greater than 0"),
        ({"id": 4711, "wait_interval": 0}, "wait_interval must be greater than 0"),
        ({"id": 4711, "state": "running"}, "state"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: dict[str, t.Any], says: str
) -> None:
    failure("invalid", says, **options)


@pytest.mark.parametrize(
    "lost",
    [
        {"reply": LOST},
        {"reply": {"msg": "boom"}, "status": 500},
        {"reply": requests.ReadTimeout("timed out")},
        {"reply": "bad gateway", "status": 502},
    ],
)
@pytest.mark.parametrize("lag", [0, 3])
def test_after_a_lost_reply_a_sign_counts_as_done_and_nothing_is_sent_again(
    api: Api, lost: dict[str, t.Any], lag: int
) -> None:
    expect_looks(api, OLD)
    expect_recycle(api, **lost)
    expect_looks(api, *[OLD] * lag, RECYCLING, NEW)
    result = succeed(MODULE, id=4711)
    assert result["changed"] is True
    assert result["instance"]["ssh"]["port"] == 33333


def test_after_a_lost_reply_without_a_sign_nothing_is_sent_again(api: Api, clock: FakeClock) -> None:
    expect_looks(api, OLD)
    expect_recycle(api, LOST)
    expect_looks(api, *[OLD] * 10)
    result = failure(
        "unknown_outcome",
        "It may have been carried out",
        f"{NAME} still does not report container=new; nothing was sent again",
        "Last seen: actual_status running",
        id=4711,
    )
    assert result["instance"]["actual_status"] == "running"
    assert sum(clock.slept) == pytest.approx(20)


@pytest.mark.parametrize("reply", [None, LOST])
def test_a_look_that_fails_after_a_recycle_tells_that_it_was_sent(api: Api, reply: t.Any) -> None:
    expect_looks(api, OLD)
    expect_recycle(api, reply)
    api.expect("GET", LIST, {"success": True}, query=list_query({"id": {"eq": 4711}}))
    result = failure("protocol", f"{NAME} could not be polled after a change was sent to it", "may have been", id=4711)
    assert result["changed"] is True
    assert result["instance"]["id"] == 4711


@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (
            400,
            {"success": False, "error": "invalid_id", "msg": "Invalid instance id."},
            "not_found",
            "Invalid instance id.",
        ),
        (403, {"msg": "Not allowed"}, "permission", "lacks the permission"),
        (404, {"error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (200, {"success": False, "error": "resources_unavailable", "msg": "No GPU"}, "unavailable", "No GPU"),
        (301, "", "protocol", "Check api_url"),
    ],
)
def test_a_refused_recycle_fails_and_is_not_sent_again(
    api: Api, status: int, reply: t.Any, error_class: str, says: str
) -> None:
    expect_looks(api, OLD)
    expect_recycle(api, reply, status=status)
    expect_looks(api, OLD)
    result = failure(error_class, says, RECYCLE, id=4711)
    assert (result["method"], result["status_code"]) == ("PUT", status)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        ({"error": "auth_error", "msg": "Invalid user key"}, 404, "auth"),
        (listing(OLD, total_instances=2), 200, "protocol"),
        ("too frequent", 429, "rate_limited"),
    ],
)
def test_without_a_complete_listing_nothing_is_sent(
    api: Api, reply: t.Any, status: int, error_class: str, check_mode: bool
) -> None:
    api.expect("GET", LIST, reply, status=status, query=list_query({"label": {"eq": "train-01"}}))
    failure(error_class, label="train-01", check_mode=check_mode, retry_timeout=0)


def test_a_refusal_for_its_pace_for_ever_changes_nothing(api: Api) -> None:
    expect_looks(api, OLD)
    expect_recycle(api, "too frequent", status=429)
    expect_looks(api, OLD)
    assert failure("rate_limited", "Gave up", id=4711, retry_timeout=0)["changed"] is False


def test_a_refusal_for_its_pace_was_not_carried_out_and_is_sent_again(api: Api) -> None:
    expect_looks(api, OLD)
    expect_recycle(api, "API requests too frequent", status=429)
    expect_recycle(api)
    expect_looks(api, NEW)
    assert succeed(MODULE, id=4711)["changed"] is True


@pytest.mark.parametrize(
    ("path", "error_class", "says"),
    [
        ([RECYCLING, None], "not_found", "no longer exists"),
        ([None], "not_found", "no longer exists"),
        ([RECYCLING, LOADING, *[CRASHED] * 6], "unavailable", "exited on its own"),
        ([RECYCLING, *[instance_row(actual_status="offline")] * 19], "unavailable", "its host has not answered"),
        ([RECYCLING, stopped_row()], "unavailable", "it was set to stopped by someone else"),
        ([RECYCLING, LOADING, LOADING], "timeout", "was not running within wait_timeout (14 s)"),
    ],
)
def test_a_new_container_that_does_not_come_up_is_told_with_its_last_state(
    api: Api, path: list[dict[str, t.Any] | None], error_class: str, says: str
) -> None:
    expect_looks(api, OLD)
    expect_recycle(api)
    for row in path:
        api.expect_listing(*([] if row is None else [row]), id=4711)
    timeout = 14 if error_class == "timeout" else 600
    result = failure(
        error_class, NAME, says, "Last seen: actual_status", id=4711, wait_timeout=timeout, wait_interval=7
    )
    assert result["instance"]["id"] == 4711
