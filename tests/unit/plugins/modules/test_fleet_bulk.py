# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet where the bulk form is unknown, its reply is lost, or it is refused."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import Api, FakeClock, list_query
from .fleets import (
    BULK,
    LIST,
    LOST,
    TAKEN,
    Row,
    changed,
    expect_bulk,
    expect_look,
    expect_put,
    failure,
    messages,
    name,
    off,
    queued,
    started,
    stop,
    stopping,
    told,
    up,
)


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (404, {"success": False, "error": "not_found", "msg": "no such route"}),
        (405, {"detail": "Method Not Allowed"}),
        (405, b""),
        (410, {"success": False, "error": "deprecated_endpoint", "msg": "/api/v0/instances/ is deprecated."}),
        (410, b"Gone"),
        (400, {"success": False, "error": "no_such_instance", "msg": "No such instance."}),
    ],
)
@pytest.mark.parametrize("wait", [False, True])
def test_where_the_bulk_form_is_unknown_each_is_sent_alone(api: Api, status: int, reply: t.Any, wait: bool) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2], reply, status=status)
    expect_put(api, 1, "stopped")
    expect_put(api, 2, "stopped")
    expect_look(api, [1, 2], off(1), off(2))
    result = stop(wait=wait)
    assert changed(result) == [1, 2]
    assert messages(result) == {1: "", 2: ""}


def test_of_those_sent_alone_one_may_fail_and_the_others_go_on(api: Api) -> None:
    api.expect_listing(up(1), up(2), up(3), up(4))
    expect_bulk(api, "stopped", [1, 2, 3, 4], {"msg": "no such route"}, status=404)
    expect_put(api, 1, "stopped", {"success": False, "error": "no_such_instance", "msg": "gone"}, status=404)
    expect_put(api, 2, "stopped", LOST)
    expect_put(api, 3, "stopped")
    expect_put(api, 4, "stopped", {"success": False, "msg": "contract ended"}, status=410)
    expect_look(api, [1, 2, 3, 4], stopping(2), stopping(3), up(4))
    expect_look(api, [2, 3], off(2), off(3))
    result = failure(
        "not_found", f"2 of 4 instances failed. {name(1)} no longer exists", "contract ended", state="stopped"
    )
    assert told(result) == {1: "not_found", 2: None, 3: None, 4: "unavailable"}
    assert changed(result) == [2, 3]
    assert messages(result)[2] == ""


def test_where_the_bulk_form_is_unknown_a_queued_start_is_cancelled_alone(api: Api) -> None:
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2], b"", status=405)
    expect_put(api, 1, "running", TAKEN)
    expect_put(api, 2, "running")
    expect_look(api, [1, 2], queued(1), up(2))
    expect_put(api, 1, "stopped")
    expect_look(api, [1], off(1))
    result = failure("unavailable", "was cancelled", state="running")
    assert told(result) == {1: "unavailable", 2: None}
    assert changed(result) == [2]


def test_a_bulk_change_whose_reply_is_lost_and_that_was_done_is_not_sent_again(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2], LOST)
    expect_look(api, [1, 2], off(1), off(2))
    assert changed(stop()) == [1, 2]


@pytest.mark.parametrize("reply", [LOST, b"", "<html><title>504</title></html>"])
def test_a_bulk_change_whose_reply_is_lost_and_that_was_not_done_is_sent_one_by_one(api: Api, reply: t.Any) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2], reply)
    for _look in range(3):
        expect_look(api, [1, 2], up(1), up(2))
    expect_put(api, 1, "stopped")
    expect_put(api, 2, "stopped")
    expect_look(api, [1, 2], off(1), off(2))
    assert changed(stop()) == [1, 2]


def test_a_change_whose_replies_are_all_lost_and_that_does_not_show_may_have_been_carried_out(api: Api) -> None:
    api.expect_listing(up(1))
    expect_bulk(api, "stopped", [1], LOST)
    for _look in range(3):
        expect_look(api, [1], up(1))
    expect_put(api, 1, "stopped", LOST)
    for _look in range(3):
        expect_look(api, [1], up(1))
    failure("unknown_outcome", "It may have been carried out", "still does not report state=stopped", state="stopped")


def test_a_bulk_change_refused_for_its_pace_is_sent_again_when_it_was_asked_to(api: Api, clock: FakeClock) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2], "too frequent endpoint threshold=4.0", status=429)
    expect_bulk(api, "stopped", [1, 2])
    expect_look(api, [1, 2], off(1), off(2))
    assert changed(stop()) == [1, 2]
    assert 4.0 <= clock.slept[0] <= 4.4


def test_a_bulk_change_refused_for_its_pace_for_ever_changes_nothing(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    for _attempt in range(3):
        expect_bulk(api, "stopped", [1, 2], "too frequent endpoint threshold=4.0", status=429)
    expect_look(api, [1, 2], up(1), up(2))
    result = failure("rate_limited", "Gave up after trying 3 times", state="stopped", retry_timeout=10)
    assert changed(result) == []
    assert told(result) == {1: "rate_limited", 2: "rate_limited"}


@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (403, {"success": False, "msg": "Not allowed"}, "permission", "lacks the permission"),
        (401, {"detail": "Unauthorized"}, "auth", "The API key is wrong"),
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (400, {"success": False, "error": "invalid_args", "msg": "bad ids"}, "invalid", "bad ids"),
        (200, {"success": False, "msg": "rejected"}, "invalid", "rejected"),
        (301, "", "protocol", "Check api_url"),
    ],
)
def test_a_refused_bulk_change_fails_all_of_it_and_the_others_go_on(
    api: Api, status: int, reply: t.Any, error_class: str, says: str
) -> None:
    api.expect_listing(up(1), up(2), stopping(3))
    expect_bulk(api, "stopped", [1, 2], reply, status=status, headers={"Location": "https://vast.test/elsewhere"})
    expect_look(api, [1, 2], up(1), up(2))
    expect_look(api, [3], off(3))
    result = failure(error_class, f"2 of 3 instances failed. {name(1)}, {name(2)}: ", says, state="stopped")
    assert told(result) == {1: error_class, 2: error_class, 3: None}
    assert changed(result) == []
    assert result["instances"][2]["after"]["cur_state"] == "stopped"
    assert (result["status_code"], result["url"]) == (status, f"https://vast.test{BULK}")


REFUSALS: list[tuple[int, t.Any, str]] = [
    (400, {"success": False, "error": "invalid_args", "msg": "bad ids"}, "invalid"),
    (401, {"detail": "Unauthorized"}, "auth"),
    (403, {"success": False, "msg": "Not allowed"}, "permission"),
    (200, {"success": False, "msg": "rejected"}, "invalid"),
]


@pytest.mark.parametrize(("status", "reply", "error_class"), REFUSALS)
def test_after_a_refusal_the_listing_says_what_was_done_all_the_same(
    api: Api, status: int, reply: t.Any, error_class: str
) -> None:
    api.expect_listing(up(1), up(2), up(3))
    expect_bulk(api, "stopped", [1, 2, 3], reply, status=status)
    expect_look(api, [1, 2, 3], off(1), up(2), up(3))
    result = failure(error_class, "2 of 3 instances failed", state="stopped")
    assert told(result) == {1: None, 2: error_class, 3: error_class}
    assert changed(result) == [1]
    assert result["cost"]["after"]["running"] == 0.84


@pytest.mark.parametrize(("status", "reply", "error_class"), REFUSALS)
def test_after_a_refusal_a_start_that_was_queued_all_the_same_is_cancelled(
    api: Api, status: int, reply: t.Any, error_class: str
) -> None:
    api.expect_listing(off(1), off(2), off(3))
    expect_bulk(api, "running", [1, 2, 3], reply, status=status)
    expect_look(api, [1, 2, 3], started(1), queued(2), off(3))
    for _poll in range(2):
        expect_look(api, [3], off(3))
    expect_look(api, [1], up(1))
    # Nothing says that 3 is not queued, too; a yes to both proves nothing for it.
    expect_bulk(api, "stopped", [2, 3])
    expect_look(api, [2, 3], off(2), off(3))
    expect_put(api, 3, "stopped")
    expect_look(api, [3], off(3))
    result = failure("unavailable", f"{name(2)} cannot start now", "was cancelled", state="running")
    assert told(result) == {1: None, 2: "unavailable", 3: error_class}
    assert changed(result) == [1]


@pytest.mark.parametrize("lost", [{"reply": {"msg": "boom"}, "status": 500}, {"reply": LOST}])
def test_what_a_doubtful_change_did_is_not_sent_again_and_the_rest_is(api: Api, lost: Row) -> None:
    api.expect_listing(up(1), up(2), up(3))
    expect_bulk(api, "stopped", [1, 2, 3], **lost)
    expect_look(api, [1, 2, 3], off(1), up(2), up(3))
    for _poll in range(2):
        expect_look(api, [2, 3], up(2), up(3))
    expect_put(api, 2, "stopped")
    expect_put(api, 3, "stopped")
    expect_look(api, [2, 3], off(2), off(3))
    assert changed(stop()) == [1, 2, 3]


def test_a_doubt_that_cannot_be_looked_up_may_be_a_change(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2], {"msg": "boom"}, status=500)
    api.expect("GET", LIST, {"msg": "bang"}, status=500, query=list_query({"id": {"in": [1, 2]}}))
    result = failure("server", "bang", "which may have been carried out", state="stopped")
    assert changed(result) == [1, 2]


def test_half_of_a_bulk_change_that_does_not_take_is_sent_once_more_alone(api: Api, clock: FakeClock) -> None:
    ids = [1, 2, 3, 4]
    api.expect_listing(*map(up, ids))
    expect_bulk(api, "stopped", ids)
    expect_look(api, ids, stopping(1), stopping(2), up(3), up(4))
    expect_look(api, [3, 4], up(3), up(4))
    expect_look(api, [3, 4], up(3), up(4))
    expect_put(api, 3, "stopped")
    expect_put(api, 4, "stopped")
    expect_look(api, [3, 4], stopping(3), off(4))
    expect_look(api, [1, 2, 3], off(1), off(2), off(3))
    result = stop()
    assert changed(result) == ids
    assert told(result) == dict.fromkeys(ids)
    assert clock.slept == pytest.approx([1.06, 2.12, 1.82, 1.05, 1.06, 5.0], abs=0.01)


def test_what_does_not_take_alone_either_fails_after_the_others_are_done(api: Api) -> None:
    ids = [1, 2, 3, 4]
    api.expect_listing(*map(up, ids))
    expect_bulk(api, "stopped", ids)
    expect_look(api, ids, stopping(1), stopping(2), up(3), up(4))
    expect_look(api, [3, 4], up(3), up(4))
    expect_look(api, [3, 4], up(3), up(4))
    expect_put(api, 3, "stopped")
    expect_put(api, 4, "stopped", {"success": False, "msg": "Not allowed"}, status=403)
    expect_look(api, [3, 4], up(3), up(4))
    for _look in range(2):
        expect_look(api, [3], up(3))
    expect_look(api, [1, 2], off(1), off(2))
    result = failure(
        "server",
        "2 of 4 instances failed. The API accepted the request, but "
        f"{name(3)} still does not report state=stopped after two requests. Last seen: actual_status running",
        f" | {name(4)}: Vast.ai answered 403",
        state="stopped",
    )
    assert told(result) == {1: None, 2: None, 3: "server", 4: "permission"}
    assert [each["after"]["cur_state"] for each in result["instances"]] == ["stopped", "stopped", "running", "running"]
