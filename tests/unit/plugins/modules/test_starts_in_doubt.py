# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every way a start can be in doubt: it is looked at, and cancelled unless it runs, by one module as by the other."""

from __future__ import annotations

import os
import signal
import typing as t

import pytest
import requests

from ..harness import Api, FakeClock, Result, fail_as, instance_row, list_query, stopped_row, succeed

LIST = "/api/v1/instances/"
BULK = "/api/v0/instances/"
MODULES = ("vast_instance", "vast_fleet")
LOST = requests.ConnectionError("Connection reset by peer")
GATEWAY: dict[str, t.Any] = {"reply": "<html><title>502 Bad Gateway</title></html>", "status": 502}
BROKEN: dict[str, t.Any] = {"reply": {"msg": "boom"}, "status": 500}
REDIRECT: dict[str, t.Any] = {"reply": "", "status": 301, "headers": {"Location": "http://["}}
NO_PAGE: dict[str, t.Any] = {"reply": "404 page not found", "status": 404}
TAKEN = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}
OFF = stopped_row(1)
QUEUED = stopped_row(1, intended_status="running")
NEXT = stopped_row(1, next_state="running")
STALE = stopped_row(1, actual_status="running", intended_status="running", next_state="running")
STARTED = stopped_row(1, intended_status="running", cur_state="running", next_state="running")
UP = instance_row(1)
NAME = "instance 1 (train-01)"

each_module = pytest.mark.parametrize("module", MODULES)
Row = dict[str, t.Any]


def options(api: Api, module: str, row: Row = OFF, state: str = "running") -> Row:
    """Declare the listing that a module begins with; what makes it start, or stop, this one instance."""
    if module == "vast_instance":
        api.expect_listing(row, id=1)
        return {"name": module, "id": 1, "state": state}
    api.expect_listing(row, id=[1])
    return {"name": module, "select": {"ids": [1]}, "state": state}


def put(api: Api, state: str, reply: t.Any = None, *, number: int = 1, **more: t.Any) -> None:
    api.expect("PUT", f"{BULK}{number}/", {"success": True} if reply is None else reply, body={"state": state}, **more)


def polls(api: Api, *rows: Row | None) -> None:
    for row in rows:
        api.expect_listing(*([] if row is None else [row]), id=1)


def cancelled(api: Api) -> None:
    """Declare a cancellation that is proven."""
    put(api, "stopped")
    polls(api, OFF)


def failed(error_class: str, *says: str, name: str, **more: t.Any) -> Result:
    """Fail in this way."""
    return fail_as(name, error_class, *says, **more)


def run(error_class: str, *says: str, name: str, **more: t.Any) -> Result:
    """Fail, with a message that says how the start ended."""
    result = fail_as(name, error_class, NAME, *says, **more)
    assert ("was cancelled" in result["msg"]) is not ("could NOT be confirmed" in result["msg"]), result["msg"]
    return result


@each_module
@pytest.mark.parametrize("shows", [QUEUED, NEXT, STALE])
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("answer", [BROKEN, GATEWAY, NO_PAGE, {"reply": LOST}, {}])
def test_a_start_that_is_queued_whatever_was_answered_and_however_it_shows_is_cancelled(
    api: Api, module: str, shows: Row, wait: bool, answer: Row
) -> None:
    task = options(api, module)
    for _attempt in range(2):
        put(api, "running", **answer)
        polls(api, shows, shows, shows)
    cancelled(api)
    result = run("unavailable", "its GPU is taken", "was cancelled", wait=wait, **task)
    assert result["changed"] is False


@each_module
@pytest.mark.parametrize(
    "refusal",
    [
        {"reply": {"success": False, "msg": "Required resources are unavailable, state change queued."}},
        {"reply": {"success": False, "error": "invalid_args", "msg": "no"}},
        {"reply": {"success": False, "error": "invalid_args", "msg": "state change queued"}, "status": 400},
        {"reply": {"msg": "Not allowed"}, "status": 403},
        {"reply": {"detail": "Unauthorized"}, "status": 401},
        REDIRECT,
    ],
)
@pytest.mark.parametrize("shows", [QUEUED, NEXT, STALE])
def test_a_start_that_is_refused_in_any_words_and_queued_all_the_same_is_cancelled(
    api: Api, module: str, refusal: Row, shows: Row
) -> None:
    task = options(api, module)
    put(api, "running", **refusal)
    polls(api, shows)
    cancelled(api)
    assert run("unavailable", "was cancelled", **task)["changed"] is False


DENIED: dict[str, t.Any] = {"reply": {"msg": "Not allowed"}, "status": 403}
EXPIRED: dict[str, t.Any] = {"reply": {"detail": "Unauthorized"}, "status": 401}
TOO_FREQUENT: dict[str, t.Any] = {"reply": "too frequent endpoint threshold=3.0", "status": 429}


@each_module
@pytest.mark.parametrize(
    ("refusal", "error_class"), [(DENIED, "permission"), (EXPIRED, "auth"), (TOO_FREQUENT, "rate_limited")]
)
def test_a_start_is_not_said_to_be_queued_where_its_stop_is_refused_for_the_same_reason(
    api: Api, module: str, refusal: Row, error_class: str
) -> None:
    task = options(api, module)
    put(api, "running", **refusal)
    polls(api, OFF, OFF, OFF)
    put(api, "stopped", **refusal)
    polls(api, OFF)
    result = failed(error_class, retry_timeout=0, **task)
    assert "queued" not in result["msg"]
    assert result["changed"] is False


@each_module
@pytest.mark.parametrize(("refusal", "error_class"), [(DENIED, "permission"), (EXPIRED, "auth")])
def test_a_start_that_shows_when_its_stop_is_refused_for_the_same_reason_is_told(
    api: Api, module: str, refusal: Row, error_class: str
) -> None:
    task = options(api, module)
    put(api, "running", **refusal)
    polls(api, OFF, OFF, OFF)
    for _attempt in range(3):
        put(api, "stopped", **refusal)
        polls(api, QUEUED)
    run(error_class, "may be queued could NOT be confirmed", retry_timeout=0, **task)


@each_module
@pytest.mark.parametrize("status", [200, 400])
def test_a_start_that_is_refused_in_unknown_words_and_never_shows_is_cancelled_too(
    api: Api, module: str, status: int
) -> None:
    task = options(api, module)
    put(api, "running", {"success": False, "error": "invalid_args", "msg": "bad state"}, status=status)
    polls(api, OFF, OFF, OFF)
    cancelled(api)
    result = run("invalid", "bad state", f"The start of {NAME} that may be queued was cancelled", **task)
    assert result["changed"] is False


@each_module
def test_a_start_that_may_be_queued_after_a_refusal_and_cannot_be_cancelled_is_told(api: Api, module: str) -> None:
    task = options(api, module)
    put(api, "running", {"success": False, "error": "invalid_args", "msg": "bad state"}, status=400)
    polls(api, OFF, OFF, OFF)
    for _attempt in range(3):
        put(api, "stopped", {"success": False, "error": "invalid_args", "msg": "bad state"}, status=400)
        polls(api, OFF)
    says = f"Cancelling the start of {NAME} that may be queued could NOT be confirmed"
    assert run("invalid", "bad state", says, **task)["changed"] is False


def test_a_label_that_is_refused_needs_no_cancelling(api: Api) -> None:
    task = {**options(api, "vast_instance", OFF, "stopped"), "label": "new"}
    api.expect("PUT", f"{BULK}1/", {"success": False, "msg": "bad label"}, status=400, body={"label": "new"})
    polls(api, OFF)
    assert "cancelled" not in failed("invalid", "bad label", **task)["msg"]


@each_module
def test_a_start_whose_replies_are_lost_and_that_never_shows_is_cancelled_too(api: Api, module: str) -> None:
    task = options(api, module)
    for _attempt in range(2):
        put(api, "running", LOST)
        polls(api, OFF, OFF, OFF)
    cancelled(api)
    result = run("unknown_outcome", "It may have been carried out", "was cancelled", **task)
    assert result["changed"] is False


@each_module
@pytest.mark.parametrize("state", ["running", "stopped"])
def test_replies_that_are_lost_are_no_change_when_the_listing_shows_none(api: Api, module: str, state: str) -> None:
    before = OFF if state == "running" else UP
    task = options(api, module, before, state)
    for _attempt in range(2):
        put(api, state, LOST)
        polls(api, before, before, before)
    if state == "running":
        cancelled(api)
    assert failed("unknown_outcome", **task)["changed"] is False


@each_module
@pytest.mark.parametrize("second", [{"reply": {"msg": "Not allowed"}, "status": 403}, {"reply": TAKEN}])
def test_a_doubt_is_not_forgotten_when_another_error_comes(api: Api, module: str, second: Row) -> None:
    task = options(api, module)
    put(api, "running", **GATEWAY)
    polls(api, OFF, OFF, OFF)
    put(api, "running", **second)
    polls(api, *[OFF] * (1 if second["reply"] == TAKEN else 3))
    cancelled(api)
    error_class = "unavailable" if second["reply"] == TAKEN else "unknown_outcome"
    run(error_class, "Bad Gateway", second["reply"]["msg"].rstrip("."), "was cancelled", **task)


@each_module
def test_a_start_that_is_too_frequent_after_a_doubt_is_cancelled(api: Api, module: str) -> None:
    task = options(api, module)
    put(api, "running", **GATEWAY)
    polls(api, OFF, OFF, OFF)
    put(api, "running", "too frequent", status=429)
    polls(api, OFF, OFF, OFF)
    cancelled(api)
    run("unknown_outcome", "Bad Gateway", "too frequent", "was cancelled", retry_timeout=0, **task)


@each_module
@pytest.mark.parametrize("error", [KeyError("boom"), ArithmeticError("boom"), RecursionError("boom")])
def test_any_exception_at_all_after_the_write_is_undone_and_typed(api: Api, module: str, error: Exception) -> None:
    task = options(api, module)
    for _attempt in range(2):
        put(api, "running", error)
        polls(api, QUEUED, QUEUED, QUEUED)
    cancelled(api)
    run("unavailable", "boom", "was cancelled", **task)


@each_module
def test_an_exception_while_it_waits_is_undone_and_typed(
    api: Api, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise OverflowError("int too large")

    monkeypatch.setattr(
        "ansible_collections.vastai.cloud.plugins.module_utils._instances.switching.Switch.missing", breaks
    )
    task = options(api, module)
    put(api, "running")
    polls(api, QUEUED)
    put(api, "stopped")
    polls(api, OFF)
    result = run("unknown_outcome", "OverflowError: int too large", **task)
    assert "could NOT be confirmed" in result["msg"]


@each_module
def test_a_start_that_shows_only_after_ten_seconds_was_cancelled_before(
    api: Api, module: str, clock: FakeClock
) -> None:
    task = options(api, module)
    for _attempt in range(2):
        put(api, "running")
        polls(api, OFF, OFF, OFF)
    put(api, "stopped")
    polls(api, QUEUED, OFF)
    run("server", "The API accepted the request, but", "was cancelled", **task)
    assert sum(clock.slept) > 10


@each_module
def test_a_cancellation_is_proven_only_when_no_field_shows_a_start(api: Api, module: str) -> None:
    task = options(api, module)
    put(api, "running", TAKEN)
    polls(api, NEXT)
    put(api, "stopped", **GATEWAY)
    polls(api, NEXT, NEXT, NEXT)
    put(api, "stopped")
    polls(api, NEXT, NEXT, NEXT)
    put(api, "stopped")
    polls(api, NEXT, NEXT, NEXT)
    result = run("unavailable", "It may start and bill later. Run state=stopped on it", "Bad Gateway", **task)
    assert "could NOT be confirmed" in result["msg"]
    assert result["changed"] is True


@each_module
@pytest.mark.parametrize("wait", [True, False])
def test_a_stale_report_of_the_former_container_is_not_taken_for_running(api: Api, module: str, wait: bool) -> None:
    task = options(api, module, stopped_row(1, actual_status="running"))
    put(api, "running", TAKEN)
    polls(api, STALE)
    cancelled(api)
    run("unavailable", "was cancelled", wait=wait, **task)


def test_a_stale_report_is_waited_through(api: Api) -> None:
    task = options(api, "vast_instance", stopped_row(1, actual_status="running"))
    put(api, "running", TAKEN)
    polls(api, STALE, STALE, STARTED, UP)
    assert succeed(task.pop("name"), on_unavailable="wait", **task)["changed"] is True


@each_module
def test_a_start_queued_in_next_state_only_is_no_stopped_instance(api: Api, module: str) -> None:
    task = options(api, module, NEXT, "stopped")
    put(api, "stopped")
    polls(api, OFF)
    assert succeed(task.pop("name"), **task)["changed"] is True


@each_module
def test_what_a_killed_task_left_queued_is_cancelled_by_its_next_run(api: Api, module: str) -> None:
    task = options(api, module, QUEUED)
    put(api, "running", TAKEN)
    polls(api, QUEUED)
    cancelled(api)
    assert run("unavailable", "was cancelled", **task)["changed"] is True


@each_module
@pytest.mark.parametrize("without", [1, 2])
def test_one_listing_that_lacks_it_is_no_absence_while_a_start_may_be_queued(
    api: Api, module: str, without: int
) -> None:
    task = options(api, module)
    put(api, "running", TAKEN)
    polls(api, *[None] * without, QUEUED)
    cancelled(api)
    run("unavailable", "was cancelled", **task)


@each_module
def test_a_listing_that_fails_after_a_start_does_not_leave_it_queued(api: Api, module: str) -> None:
    task = options(api, module)
    put(api, "running")
    api.expect("GET", LIST, {"msg": "bang"}, status=500, query=list_query({"id": {"eq": 1}}))
    cancelled(api)
    run("server", "bang", "was cancelled", **task)


@each_module
def test_a_cancellation_that_no_listing_can_confirm_is_sent_once(api: Api, module: str) -> None:
    task = options(api, module)
    put(api, "running", TAKEN)
    polls(api, QUEUED)
    put(api, "stopped")
    for _poll in range(9):
        api.expect("GET", LIST, {"msg": "bang"}, status=500, query=list_query({"id": {"eq": 1}}))
    result = run("unavailable", "could NOT be confirmed", "bang", "bill later", **task)
    assert result["changed"] is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@each_module
@pytest.mark.parametrize("sleeps", [1, 2])
def test_a_signal_after_the_start_undoes_it_and_says_so(
    api: Api, module: str, number: signal.Signals, sleeps: int, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    former = signal.getsignal(number)
    sleep = clock.sleep

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        if len(clock.slept) == sleeps:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(clock, "sleep", interrupted)
    task = options(api, module)
    put(api, "running")
    polls(api, *[QUEUED] * (sleeps - 1))
    if sleeps == 1:
        polls(api, QUEUED)
    cancelled(api)
    result = run("timeout", f"Interrupted by {number.name}", "a change had been sent to it", "was cancelled", **task)
    assert result["changed"] is False
    assert signal.getsignal(number) is former


def test_a_signal_while_a_start_that_has_its_gpu_boots_leaves_it_and_says_so(
    api: Api, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    sleep = clock.sleep

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        if len(clock.slept) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(clock, "sleep", interrupted)
    task = options(api, "vast_instance")
    put(api, "running")
    polls(api, STARTED)
    result = failed("timeout", "Interrupted by SIGTERM", **task)
    assert "cur_state running" in result["msg"]
    assert result["changed"] is True


def expect_two(api: Api) -> Row:
    """Two to be started at once."""
    api.expect_listing(OFF, stopped_row(2, label="b"), id=[1, 2])
    return {"name": "vast_fleet", "select": {"ids": [1, 2]}, "state": "running"}


def both(api: Api, first: Row, second: Row) -> None:
    api.expect_listing(first, second, id=[1, 2])


UP_2 = instance_row(2, label="b")


def test_without_the_bulk_form_a_start_that_is_queued_and_called_an_error_is_cancelled(api: Api) -> None:
    task = expect_two(api)
    api.expect("PUT", BULK, b"", status=405, body={"state": "running", "ids": [1, 2]})
    put(api, "running", **BROKEN)
    put(api, "running", number=2)
    both(api, QUEUED, UP_2)
    polls(api, QUEUED, QUEUED)
    put(api, "running", **BROKEN)
    polls(api, QUEUED, QUEUED, QUEUED)
    cancelled(api)
    result = run("unavailable", "boom", "was cancelled", **task)
    assert [each["changed"] for each in result["instances"]] == [False, True]
    assert result["counts"] == {"selected": 2, "changed": 1, "unchanged": 0, "failed": 1, "skipped": 0, "unloaded": 0}


def test_of_a_bulk_start_one_that_is_ignored_and_queued_by_the_second_request_is_cancelled(api: Api) -> None:
    task = expect_two(api)
    api.expect("PUT", BULK, {"success": True}, body={"state": "running", "ids": [1, 2]})
    both(api, OFF, UP_2)
    polls(api, OFF, OFF)
    put(api, "running", **BROKEN)
    polls(api, QUEUED, QUEUED, QUEUED)
    cancelled(api)
    run("unavailable", "boom", "was cancelled", **task)


def test_several_are_cancelled_at_once_and_those_that_never_showed_it_alone(api: Api) -> None:
    queued_2, off_2 = (stopped_row(2, label="b", intended_status=word) for word in ("running", "stopped"))
    task = expect_two(api)
    api.expect("PUT", BULK, TAKEN, body={"state": "running", "ids": [1, 2]})
    for _poll in range(3):
        both(api, OFF, queued_2)
    for number in (1, 2):
        put(api, "running", TAKEN, number=number)
    both(api, OFF, queued_2)
    api.expect("PUT", BULK, {"success": True}, body={"state": "stopped", "ids": [1, 2]})
    both(api, OFF, off_2)
    put(api, "stopped")
    polls(api, OFF)
    result = run("unavailable", "2 of 2 instances failed", "was cancelled", **task)
    assert all("was cancelled" in each["msg"] for each in result["instances"])


def test_what_a_task_never_came_to_is_told_and_not_sent(api: Api, clock: FakeClock) -> None:
    task = expect_two(api)
    api.expect("PUT", BULK, b"", status=405, body={"state": "running", "ids": [1, 2]})
    put(api, "running", "too frequent", status=429, headers={"Retry-After": "8"})
    put(api, "running")
    polls(api, UP)
    result = failed("timeout", wait_timeout=8, **task)
    assert "wait_timeout expired before the turn of instance 2 (b); nothing was sent to it" in result["msg"]
    assert [each["changed"] for each in result["instances"]] == [True, False]
