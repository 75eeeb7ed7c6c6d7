# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_endpoint, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import typing as t

import pytest
import requests

from ..harness import (
    Api,
    FakeClock,
    Result,
    endpoint_row,
    fail_as,
    instance_row,
    list_query,
    listing,
    stopped_row,
    succeed,
)

GROUPS = "/api/v0/endptjobs/"
GROUP = "/api/v0/endptjobs/77/"
INSTANCES = "/api/v1/instances/"
NAME = "endpoint 77 (llama-prod)"
LOST = requests.ConnectionError("Connection reset by peer")
EMPTY = {"success": False, "error": "invalid_args", "msg": "No endpoints for user found"}
ABSENT = {"success": False, "error": "invalid_args", "msg": "Routegroup not found for user"}
WORKERS = [1001, 1002]

failure = functools.partial(fail_as, "vast_endpoint", state="absent")


def remove(**options: t.Any) -> Result:
    return succeed("vast_endpoint", state="absent", **options)


def expect_groups(api: Api, *rows: dict[str, t.Any]) -> None:
    api.expect("GET", GROUPS, {"success": True, "results": list(rows)})


def expect_delete(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    deleted = {"success": True, "deleted_workers": WORKERS, "failed_workers": []}
    api.expect("DELETE", GROUP, deleted if reply is None else reply, **more)


def expect_workers(api: Api, *rows: dict[str, t.Any]) -> None:
    api.expect_listing(*rows, id=WORKERS)


@pytest.mark.parametrize("options", [{"id": 77}, {"name": "llama-prod"}])
def test_deletes_the_group_and_proves_its_workers_gone(api: Api, clock: FakeClock, options: dict[str, t.Any]) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78, endpoint_name="other"))
    expect_delete(api)
    expect_groups(api, endpoint_row(78, endpoint_name="other"))
    expect_workers(api, instance_row(1001), instance_row(1002))
    expect_workers(api, instance_row(1002))
    expect_workers(api)
    result = remove(**options)
    assert result["changed"] is True
    assert result["actions"] == [f"delete {NAME} with its workergroups and workers"]
    assert result["endpoint"]["id"] == 77
    assert result["deleted_workers"] == WORKERS
    assert result["failed_workers"] == []
    assert result["diff"]["before"]["endpoint"]["endpoint_name"] == "llama-prod"
    assert result["diff"]["after"] == {"endpoint": None}
    assert clock.slept == pytest.approx([3.2, 3.2, 5.0, 5.0])


def test_check_mode_tells_what_it_would_do_and_sends_nothing(api: Api, clock: FakeClock) -> None:
    expect_groups(api, endpoint_row())
    result = remove(id=77, check_mode=True)
    assert result["changed"] is True
    assert result["endpoint"]["endpoint_name"] == "llama-prod"
    assert result["deleted_workers"] == []
    assert clock.slept == []


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("options", [{"id": 77}, {"name": "llama-prod"}])
@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, {"success": True, "results": []}),
        (200, {"success": True, "results": [endpoint_row(78, endpoint_name="LLAMA-prod")]}),
        (400, EMPTY),
    ],
)
def test_an_absent_group_is_no_change(
    api: Api, status: int, reply: dict[str, t.Any], options: dict[str, t.Any], check_mode: bool
) -> None:
    api.expect("GET", GROUPS, reply, status=status)
    result = remove(check_mode=check_mode, **options)
    assert result["changed"] is False
    assert result["endpoint"] is None
    assert result["actions"] == []
    assert result["deleted_workers"] == result["failed_workers"] == []


def test_without_waiting_it_returns_when_the_group_is_gone(api: Api, clock: FakeClock) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api)
    expect_groups(api)
    result = remove(id=77, wait=False)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS
    assert clock.slept == pytest.approx([3.2])


def test_a_group_without_workers_needs_no_look_at_instances(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, {"success": True, "deleted_workers": [], "failed_workers": []})
    expect_groups(api)
    assert remove(id=77)["deleted_workers"] == []


def test_a_listing_that_lags_is_looked_at_again(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api)
    expect_groups(api, endpoint_row())
    expect_groups(api, endpoint_row())
    expect_groups(api)
    expect_workers(api)
    assert remove(id=77)["changed"] is True


def test_foreign_instances_in_an_unfiltered_listing_are_not_taken_for_workers(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api)
    expect_groups(api)
    expect_workers(api, instance_row(4711), instance_row(4712))
    assert remove(id=77)["changed"] is True


def test_a_group_that_somebody_else_deleted_meanwhile_is_no_change(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, ABSENT, status=400)
    expect_groups(api)
    result = remove(id=77)
    assert result["changed"] is False
    assert result["actions"] == []
    assert result["endpoint"]["id"] == 77


@pytest.mark.parametrize(
    ("status", "reply", "error_class"), [(400, ABSENT, "invalid"), (404, {"msg": "no such group"}, "not_found")]
)
def test_a_group_said_to_be_absent_and_still_listed_is_a_failure(
    api: Api, status: int, reply: dict[str, t.Any], error_class: str
) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, reply, status=status)
    for _look in range(4):
        expect_groups(api, endpoint_row())
    failure(error_class, GROUP, reply["msg"], id=77)


def test_a_group_said_to_be_deleted_and_still_listed_is_a_failure(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api)
    for _look in range(4):
        expect_groups(api, endpoint_row())
    result = failure("server", f"said that {NAME} is deleted, and it is still listed", id=77)
    assert result["deleted_workers"] == WORKERS
    assert result["endpoint"]["id"] == 77


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "id, name"),
        ({"id": 77, "name": "llama-prod"}, "mutually exclusive"),
        ({"id": 0}, "id must be a positive number"),
        ({"id": "llama-prod"}, "id"),
        ({"name": ""}, "An empty name selects no endpoint group; give its id"),
        ({"id": 77, "state": None}, "state"),
        ({"id": 77, "state": "present"}, "state must be one of: absent"),
        ({"id": 77, "wait_timeout": 0}, "wait_timeout must be greater than 0"),
        ({"id": 77, "wait_interval": -1}, "wait_interval must be greater than 0"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: dict[str, t.Any], says: str
) -> None:
    failure("invalid", says, **options)


def test_without_a_key_nothing_is_sent(api: Api) -> None:
    failure("auth", "VAST_API_KEY", id=77, api_key=None)


def test_a_name_that_several_carry_is_ambiguous(api: Api) -> None:
    expect_groups(api, endpoint_row(77), endpoint_row(78))
    failure("ambiguous", "77, 78", "Select one of them by id", name="llama-prod")


@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (401, {"msg": "Unauthorized"}, "auth", "The API key is wrong"),
        (403, {"msg": "Not allowed"}, "permission", "lacks the permission"),
        (400, {"error": "invalid_args", "msg": "bad client_id"}, "invalid", "bad client_id"),
        (404, {"msg": "no such route"}, "not_found", "no such route"),
        (200, {"success": True}, "protocol", "run the task again"),
        (
            200,
            {"success": True, "results": [{"endpoint_name": "llama-prod"}]},
            "protocol",
            "no list of groups with ids",
        ),
        (200, "<html><title>Sorry</title></html>", "protocol", "an HTML page titled 'Sorry'"),
        (301, "", "protocol", "Check api_url"),
        (500, {"msg": "boom"}, "server", "boom"),
    ],
)
def test_a_listing_that_fails_is_never_taken_for_absence(
    api: Api, status: int, reply: t.Any, error_class: str, says: str
) -> None:
    api.expect("GET", GROUPS, reply, status=status)
    result = failure(error_class, says, name="llama-prod")
    assert (result["method"], result["status_code"]) == ("GET", status)


@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (403, {"msg": "Not allowed"}, "permission", "lacks the permission"),
        (400, {"error": "invalid_args", "msg": "busy"}, "invalid", "busy"),
        (200, {"success": False, "msg": "no way"}, "invalid", "no way"),
        (301, "", "protocol", "Check api_url"),
        (500, {"msg": "boom"}, "server", "boom"),
    ],
)
def test_a_refused_deletion_fails_and_is_not_sent_again(
    api: Api, status: int, reply: t.Any, error_class: str, says: str
) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, reply, status=status)
    result = failure(error_class, says, GROUP, id=77)
    assert (result["method"], result["status_code"]) == ("DELETE", status)


def test_a_deletion_refused_for_its_pace_is_sent_again(api: Api, clock: FakeClock) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, "API requests too frequent endpoint threshold=3.0", status=429)
    expect_delete(api)
    expect_groups(api)
    expect_workers(api)
    assert remove(id=77)["changed"] is True
    assert clock.slept[0] >= 3.0


@pytest.mark.parametrize(("listed", "states"), [([stopped_row(1003)], "instance 1003"), ([], "none of its workers")])
@pytest.mark.parametrize("wait", [True, False])
def test_workers_that_could_not_be_deleted_are_named(
    api: Api, listed: list[dict[str, t.Any]], states: str, wait: bool
) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, {"success": True, "deleted_workers": [1001], "failed_workers": [1003]})
    expect_groups(api)
    api.expect_listing(*listed, id=[1001, 1003])
    result = failure(
        "server",
        f"{NAME} is deleted, but Vast.ai failed to delete its workers 1003",
        states,
        "billing",
        id=77,
        wait=wait,
    )
    assert result["changed"] is True
    assert result["failed_workers"] == [1003]
    assert result["deleted_workers"] == [1001]
    assert result["endpoint"]["id"] == 77


def test_workers_that_stay_listed_are_named_with_their_state(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api)
    expect_groups(api)
    for _look in range(3):
        expect_workers(api, instance_row(1002, label=None))
    result = failure(
        "timeout",
        f"{NAME} is deleted, but its workers 1002 are still listed after wait_timeout (10 s)",
        "instance 1002: actual_status running",
        "vastai destroy instance",
        id=77,
        wait_timeout=10,
    )
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS


@pytest.mark.parametrize(
    "lost", [{"reply": LOST}, {"reply": "bad gateway", "status": 502}, {"reply": b""}, {"reply": "deleted"}]
)
def test_after_a_lost_reply_a_group_that_is_gone_leaves_its_workers_in_doubt(api: Api, lost: dict[str, t.Any]) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, **lost)
    expect_groups(api)
    result = failure("unknown_outcome", f"{NAME} is gone", "leftover workers", "they bill", id=77)
    assert result["changed"] is True
    assert result["endpoint"]["id"] == 77


def expect_lost_and_not_done(api: Api) -> None:
    expect_delete(api, LOST)
    for _look in range(4):
        expect_groups(api, endpoint_row())


def test_after_a_lost_reply_a_group_that_is_still_there_is_deleted_once_more(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_lost_and_not_done(api)
    expect_delete(api)
    expect_groups(api)
    expect_workers(api)
    result = remove(id=77)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS


def test_two_lost_replies_and_a_group_that_is_still_there_are_a_failure(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_lost_and_not_done(api)
    expect_lost_and_not_done(api)
    failure("unknown_outcome", f"{NAME} is still listed", id=77)


def test_two_lost_replies_and_a_group_that_is_gone_leave_its_workers_in_doubt(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_lost_and_not_done(api)
    expect_delete(api, LOST)
    expect_groups(api)
    failure("unknown_outcome", f"{NAME} is gone", "leftover workers", id=77)


def test_a_first_request_that_was_carried_out_late_leaves_the_workers_in_doubt(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_lost_and_not_done(api)
    expect_delete(api, ABSENT, status=400)
    expect_groups(api)
    result = failure("unknown_outcome", f"{NAME} is gone", "leftover workers", id=77)
    assert result["changed"] is True


def test_a_lost_reply_that_cannot_be_looked_into_stays_unknown(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, LOST)
    api.expect("GET", GROUPS, {"msg": "boom"}, status=500)
    result = failure("unknown_outcome", f"Whether {NAME} is gone could not be seen", "boom", id=77)
    assert result["endpoint"]["id"] == 77


def test_a_deletion_that_cannot_be_looked_at_tells_its_workers(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api)
    api.expect("GET", GROUPS, {"msg": "boom"}, status=500)
    result = failure("server", "boom", f"{NAME} is deleted", "1001, 1002", "not proven", id=77)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS
    assert result["endpoint"]["id"] == 77


@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [(500, {"msg": "boom"}, "server"), (200, listing(total_instances=1), "protocol")],
)
def test_workers_that_cannot_be_looked_for_are_not_proven_gone(
    api: Api, status: int, reply: dict[str, t.Any], error_class: str
) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api)
    expect_groups(api)
    api.expect("GET", INSTANCES, reply, status=status, query=list_query({"id": {"in": WORKERS}}))
    result = failure(error_class, f"{NAME} is deleted", "1001, 1002 are gone is not proven", id=77)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS


@pytest.mark.parametrize("key", ["deleted_workers", "failed_workers"])
@pytest.mark.parametrize("value", ["1001", {"1001": True}, ["1001"], [True], [None], 5])
def test_workers_told_in_a_wrong_shape_are_not_guessed(api: Api, key: str, value: t.Any) -> None:
    expect_groups(api, endpoint_row())
    expect_delete(api, {"success": True, "deleted_workers": [], "failed_workers": [], key: value})
    result = failure("protocol", f"{NAME} is deleted", f"no list of ids in {key}", id=77)
    assert result["changed"] is True
    assert result["endpoint"]["id"] == 77


@pytest.mark.parametrize("key", ["deleted_workers", "failed_workers"])
def test_workers_that_are_not_told_at_all_are_warned_of(api: Api, key: str) -> None:
    expect_groups(api, endpoint_row())
    reply = {"success": True, "deleted_workers": [], "failed_workers": []}
    del reply[key]
    expect_delete(api, reply)
    expect_groups(api)
    result = remove(id=77)
    assert result.warnings == [f"Vast.ai did not tell the {key} of {NAME}; none could be looked for."]
