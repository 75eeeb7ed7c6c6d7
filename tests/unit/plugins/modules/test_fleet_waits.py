# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet while it waits: instances that do not get there, and polls that fail."""

from __future__ import annotations

import pytest

from ..harness import Api, FakeClock, list_query
from .fleets import (
    LIST,
    TAKEN,
    Row,
    changed,
    expect_bulk,
    expect_look,
    expect_put,
    failure,
    loading,
    name,
    off,
    queued,
    started,
    stop,
    stopping,
    told,
    up,
)


@pytest.mark.parametrize("wait", [False, True])
def test_a_yes_for_many_proves_nothing_for_one_which_does_not_wait_out_the_time(
    api: Api, clock: FakeClock, wait: bool
) -> None:
    api.expect_listing(off(1), off(2), off(3))
    expect_bulk(api, "running", [1, 2, 3])
    expect_look(api, [1, 2, 3], queued(1), started(2), started(3))
    for _poll in range(2):
        expect_look(api, [1], queued(1))
    expect_put(api, 1, "running", TAKEN)
    expect_look(api, [1], queued(1))
    if wait:
        expect_look(api, [2, 3], loading(2), up(3))
        expect_look(api, [2], up(2))
    expect_put(api, 1, "stopped")
    expect_look(api, [1], off(1))
    result = failure("unavailable", f"{name(1)} cannot start now", "was cancelled", state="running", wait=wait)
    assert told(result) == {1: "unavailable", 2: None, 3: None}
    assert changed(result) == [2, 3]
    assert sum(clock.slept) < 20


def test_a_stop_that_takes_too_long_fails_and_is_not_touched_again(api: Api) -> None:
    api.expect_listing(up(1), queued(2))
    expect_bulk(api, "stopped", [1, 2])
    expect_look(api, [1, 2], stopping(1), off(2))
    expect_look(api, [1], stopping(1))
    result = failure("timeout", f"{name(1)} was not stopped within wait_timeout (6 s)", state="stopped", wait_timeout=6)
    assert told(result) == {1: "timeout", 2: None}


def test_a_stop_of_a_queued_start_that_does_not_take_is_sent_twice_and_no_more(api: Api) -> None:
    api.expect_listing(queued(1))
    expect_bulk(api, "stopped", [1])
    for _look in range(3):
        expect_look(api, [1], queued(1))
    expect_put(api, 1, "stopped")
    for _look in range(3):
        expect_look(api, [1], queued(1))
    failure("server", f"{name(1)} still does not report state=stopped after two requests", state="stopped")


@pytest.mark.parametrize(
    ("bad", "looks", "says"),
    [
        ({"actual_status": "offline"}, 3, "its host has not answered for 150 s"),
        ({"actual_status": "unknown"}, 3, "its host has not answered for 150 s"),
        ({"actual_status": "created", "status_msg": "OCI runtime create failed: x"}, 1, "its container cannot be"),
    ],
)
def test_one_that_will_not_get_there_fails_and_the_others_go_on(api: Api, bad: Row, looks: int, says: str) -> None:
    api.expect_listing(up(1, **bad), off(2))
    expect_bulk(api, "running", [2])
    expect_look(api, [2], started(2))
    expect_look(api, [1, 2], up(1, **bad), up(2))
    for _look in range(looks - 1):
        expect_look(api, [1], up(1, **bad))
    result = failure("unavailable", f"{name(1)} cannot become running: {says}", state="running", wait_interval=50)
    assert told(result) == {1: "unavailable", 2: None}
    assert changed(result) == [2]


def test_one_that_somebody_sets_otherwise_fails_and_the_others_go_on(api: Api) -> None:
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2])
    expect_look(api, [1, 2], started(1), started(2))
    expect_look(api, [1, 2], off(1), loading(2))
    expect_look(api, [2], up(2))
    result = failure(
        "unavailable", f"{name(1)} cannot become running: it was set to stopped by someone else", state="running"
    )
    assert told(result) == {1: "unavailable", 2: None}


def test_one_that_crashes_as_it_boots_fails_and_the_others_go_on(api: Api) -> None:
    crashed = up(1, actual_status="exited")
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2])
    expect_look(api, [1, 2], started(1), started(2))
    expect_look(api, [1, 2], loading(1), loading(2))
    expect_look(api, [1, 2], crashed, loading(2))
    expect_look(api, [1, 2], crashed, up(2))
    expect_look(api, [1], crashed)
    result = failure(
        "unavailable", "its container exited on its own and has not restarted", state="running", wait_interval=20
    )
    assert told(result) == {1: "unavailable", 2: None}
    assert changed(result) == [1, 2]


@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [
        (500, {"msg": "boom"}, "server"),
        (200, {"success": True}, "protocol"),
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth"),
    ],
)
def test_a_listing_that_fails_in_the_middle_of_the_poll_fails_those_on_their_way(
    api: Api, status: int, reply: Row, error_class: str
) -> None:
    api.expect_listing(up(1), up(2), up(3))
    expect_bulk(api, "stopped", [1, 2, 3])
    expect_look(api, [1, 2, 3], off(1), stopping(2), stopping(3))
    api.expect("GET", LIST, reply, status=status, query=list_query({"id": {"in": [2, 3]}}))
    result = failure(
        error_class,
        "2 of 3 instances failed",
        f"{name(2)} could not be polled after a change was sent to it, which may have been carried out. "
        "Last seen: actual_status running, intended_status stopped",
        state="stopped",
    )
    assert told(result) == {1: None, 2: error_class, 3: error_class}
    assert changed(result) == [1, 2, 3]
    assert result["method"] == "GET"


def test_a_start_seen_queued_is_taken_back_when_the_poll_fails(api: Api) -> None:
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2])
    expect_look(api, [1, 2], queued(1), started(2))
    api.expect("GET", LIST, {"msg": "boom"}, status=500, query=list_query({"id": {"eq": 1}}))
    expect_look(api, [2], up(2))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], off(1))
    result = failure("server", "boom", "was cancelled", state="running")
    assert changed(result) == [2]


def test_a_poll_refused_for_its_pace_or_by_the_gateway_is_asked_again(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2])
    query = list_query({"id": {"in": [1, 2]}})
    api.expect("GET", LIST, "API requests too frequent", status=429, query=query)
    api.expect("GET", LIST, "bad gateway", status=502, query=query)
    expect_look(api, [1, 2], off(1), off(2))
    assert changed(stop()) == [1, 2]
