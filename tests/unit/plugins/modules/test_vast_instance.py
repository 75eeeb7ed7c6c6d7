# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_instance, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import typing as t

import pytest
import requests

from ..harness import Api, FakeClock, fail_as, instance_row, list_query, stopped_row, succeed

MANAGE = "/api/v0/instances/4711/"
LIST = "/api/v1/instances/"
NAME = "instance 4711 (train-01)"
TAKEN = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}
LOST = requests.ConnectionError("Connection reset by peer")
QUEUED = stopped_row(intended_status="running")
STOPPING = instance_row(intended_status="stopped")
STARTED = stopped_row(intended_status="running", cur_state="running")
LOADING = instance_row(actual_status="loading", ports=None)
OTHER_PORTS = {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "33333"}]}

failure = functools.partial(fail_as, "vast_instance")


def expect_put(api: Api, body: dict[str, t.Any], reply: t.Any = None, **more: t.Any) -> None:
    api.expect("PUT", MANAGE, {"success": True} if reply is None else reply, body=body, **more)


def expect_looks(api: Api, *rows: dict[str, t.Any]) -> None:
    for row in rows:
        api.expect_listing(row, id=4711)


def test_stops_a_running_instance_and_waits(api: Api, clock: FakeClock) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"})
    expect_looks(api, STOPPING, stopped_row())
    result = succeed("vast_instance", id=4711, state="stopped")
    assert result["changed"] is True
    assert result["actions"] == [f"stop {NAME}"]
    assert result["instance"]["cur_state"] == "stopped"
    assert clock.slept == pytest.approx([1.06, 5.0])


def test_starts_a_stopped_instance_and_returns_its_new_address(api: Api, clock: FakeClock) -> None:
    api.expect_listing(stopped_row(), label="train-01")
    expect_put(api, {"state": "running"})
    expect_looks(api, STARTED, LOADING, instance_row(ports=OTHER_PORTS))
    result = succeed("vast_instance", label="train-01", state="running", wait_interval=15)
    assert result["changed"] is True
    assert result["actions"] == [f"start {NAME}"]
    assert result["instance"]["ssh"]["port"] == 33333
    assert result["diff"]["before"] == {"state": "stopped"}
    assert result["diff"]["after"] == {"state": "running"}
    assert clock.slept == pytest.approx([1.06, 15.0, 15.0])


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("row", "options"),
    [
        (stopped_row(), {"state": "stopped"}),
        (instance_row(), {"state": "running"}),
        (instance_row(), {"label": "train-01"}),
        (instance_row(label=None), {"label": ""}),
        (stopped_row(), {"label": "train-01", "state": "stopped"}),
    ],
)
def test_leaves_alone_what_is_as_wanted(
    api: Api, clock: FakeClock, row: dict[str, t.Any], options: dict[str, t.Any], check_mode: bool
) -> None:
    expect_looks(api, row)
    result = succeed("vast_instance", id=4711, check_mode=check_mode, **options)
    assert result["changed"] is False
    assert result["actions"] == []
    assert result["diff"]["before"] == result["diff"]["after"] == {}
    assert result["instance"]["id"] == 4711
    assert clock.slept == []


@pytest.mark.parametrize(
    ("row", "options", "actions"),
    [
        (instance_row(), {"state": "stopped"}, [f"stop {NAME}"]),
        (stopped_row(), {"state": "running"}, [f"start {NAME}"]),
        (QUEUED, {"state": "running"}, [f"start {NAME}"]),
        (instance_row(), {"label": "a"}, [f"set the label of {NAME} to 'a'"]),
        (instance_row(), {"label": ""}, [f"remove the label of {NAME}"]),
        (instance_row(), {"label": "a", "state": "stopped"}, [f"set the label of {NAME} to 'a'", f"stop {NAME}"]),
    ],
)
def test_check_mode_tells_what_it_would_do_and_sends_nothing(
    api: Api, clock: FakeClock, row: dict[str, t.Any], options: dict[str, t.Any], actions: list[str]
) -> None:
    expect_looks(api, row)
    result = succeed("vast_instance", id=4711, check_mode=True, **options)
    assert result["changed"] is True
    assert result["actions"] == actions
    assert result["diff"]["before"] != result["diff"]["after"]
    assert clock.slept == []


def test_label_and_state_go_in_one_request(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"label": "a", "state": "stopped"})
    expect_looks(api, stopped_row(label="a"))
    result = succeed("vast_instance", id=4711, label="a", state="stopped")
    assert result["instance"]["label"] == "a"
    assert result["diff"]["before"] == {"label": "train-01", "state": "running"}
    assert result["diff"]["after"] == {"label": "a", "state": "stopped"}


def test_only_what_differs_is_sent(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"label": "a"})
    expect_looks(api, stopped_row(label="a"))
    assert succeed("vast_instance", id=4711, label="a", state="stopped")["actions"] == [
        f"set the label of {NAME} to 'a'"
    ]


def test_an_empty_label_removes_it(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"label": ""})
    expect_looks(api, instance_row(label=None))
    assert succeed("vast_instance", id=4711, label="")["instance"]["label"] is None


def test_a_label_of_the_full_length_is_sent(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"label": "ü" * 1024})
    expect_looks(api, instance_row(label="ü" * 1024))
    assert succeed("vast_instance", id=4711, label="ü" * 1024)["changed"] is True


def test_without_waiting_it_returns_as_soon_as_the_change_shows(api: Api, clock: FakeClock) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"})
    expect_looks(api, STOPPING)
    result = succeed("vast_instance", id=4711, state="stopped", wait=False)
    assert result["changed"] is True
    assert result["instance"]["intended_status"] == "stopped"
    assert clock.slept == pytest.approx([1.06])


def test_an_instance_on_its_way_is_waited_for_and_nothing_is_sent(api: Api, clock: FakeClock) -> None:
    expect_looks(api, LOADING, LOADING, instance_row())
    result = succeed("vast_instance", id=4711, state="running")
    assert result["changed"] is False
    assert result["instance"]["actual_status"] == "running"
    assert clock.slept == pytest.approx([5.0, 5.0])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "id, label"),
        ({"state": "stopped"}, "id, label"),
        ({"id": 4711}, "state, label"),
        ({"label": "train-01"}, "state is required when label selects the instance"),
        ({"label": "", "state": "stopped"}, "label must not be empty; select the instance by id"),
        ({"id": 0, "state": "stopped"}, "id must be a positive number, not 0"),
        ({"id": -5, "state": "stopped"}, "id must be a positive number, not -5"),
        ({"id": "train-01", "state": "stopped"}, "id"),
        ({"id": 4711, "state": "frozen"}, "state must be one of: present, running, stopped, restarted, absent"),
        ({"id": 1, "label": "a", "state": "restarted"}, "state=restarted cannot set a label"),
        ({"id": 4711, "state": "running", "on_unavailable": "queue"}, "on_unavailable must be one of: fail, wait"),
        ({"id": 4711, "state": "running", "on_unavailable": "wait", "wait": False}, "needs wait=true"),
        ({"id": 4711, "label": "x" * 1025}, "label has 1025 characters; Vast.ai allows 1024"),
        ({"label": "x" * 1025, "state": "stopped"}, "label has 1025 characters"),
        ({"id": 4711, "state": "stopped", "wait_timeout": 0}, "wait_timeout must be greater than 0, not 0"),
        ({"id": 4711, "state": "stopped", "wait_timeout": "long"}, "wait_timeout"),
        ({"id": 4711, "state": "stopped", "wait_interval": 0}, "wait_interval must be greater than 0"),
        ({"id": 4711, "state": "stopped", "wait_interval": "nan"}, "wait_interval must be a finite number"),
        ({"id": 4711, "state": "stopped", "wait": "perhaps"}, "wait"),
        ({"id": 4711, "state": "stopped", "name": "train-01"}, "name"),
        ({"id": 4711, "state": "stopped", "api_timeout": 0}, "api_timeout must be greater than 0"),
        ({"id": 4711, "state": "stopped", "retry_timeout": -1}, "retry_timeout must not be negative"),
        ({"id": 4711, "state": "stopped", "api_url": "vast.test"}, "api_url must begin with https://"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: dict[str, t.Any], says: str, check_mode: bool
) -> None:
    failure("invalid", says, check_mode=check_mode, **options)


def test_without_a_key_nothing_is_sent(api: Api) -> None:
    says = ("No API key was found. Set the option api_key or", "VAST_API_KEY", "(vastai set api-key)")
    failure("auth", *says, id=4711, state="stopped", api_key=None)


SELECTING = [
    ("vast_instance", {"state": "stopped"}),
    ("vast_instance_recycle", {}),
    ("vast_instance_exec", {"command": "ls /workspace"}),
]
"""Every module that selects an instance, with the rest of what it needs."""

every_selecting_module = pytest.mark.parametrize(("name", "options"), SELECTING)


@every_selecting_module
@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (401, {"detail": "Unauthorized"}, "auth", "The API key is wrong"),
        (403, {"success": False, "error": "auth_error", "msg": "This action requires login."}, "auth", "manage-keys"),
        (403, {"success": False, "msg": "Not allowed"}, "permission", "lacks the permission"),
        (
            410,
            {"success": False, "error": "deprecated_endpoint", "msg": "Use v2"},
            "deprecated",
            "update the collection",
        ),
        (200, {"success": False, "error": "invalid_args", "msg": "no way"}, "invalid", "no way"),
        (200, {"success": True}, "protocol", "run the task again"),
        (200, b"", "protocol", "an empty body"),
        (200, "<html><title>Sorry</title></html>", "protocol", "an HTML page titled 'Sorry'"),
        (200, [], "protocol", "not with a JSON object"),
        (301, "", "protocol", "Check api_url"),
        (500, {"msg": "boom"}, "server", "boom"),
    ],
)
def test_a_listing_that_fails_is_never_taken_for_absence(
    api: Api, name: str, options: dict[str, t.Any], status: int, reply: t.Any, error_class: str, says: str
) -> None:
    api.expect("GET", LIST, reply, status=status, query=list_query({"id": {"eq": 4711}}))
    result = fail_as(name, error_class, says, id=4711, **options)
    assert result["status_code"] == status
    assert result["method"] == "GET"
    assert result["url"] == "https://vast.test/api/v1/instances/"
    assert {"error", "response"} <= result.values.keys()


@every_selecting_module
def test_an_unknown_id_is_not_found(api: Api, name: str, options: dict[str, t.Any]) -> None:
    api.expect_listing(id=4711)
    fail_as(name, "not_found", "no instance 4711 in this account", id=4711, **options)


@every_selecting_module
def test_an_unknown_label_is_not_found(api: Api, name: str, options: dict[str, t.Any]) -> None:
    api.expect_listing(label="train-01")
    api.expect_listing(instance_row(1, label="train-10"), instance_row(2, label="Train-01"), stopped_row(3, label="x"))
    says = "has the label 'train-01'", "Did you mean 'Train-01' or 'train-10'?"
    fail_as(name, "not_found", *says, label="train-01", **options)


@every_selecting_module
def test_near_misses_of_a_label_are_a_courtesy_that_may_fail(api: Api, name: str, options: dict[str, t.Any]) -> None:
    api.expect_listing(label="train-01")
    api.expect("GET", "/api/v1/instances/", {"msg": "no"}, status=403, query=list_query({}))
    result = fail_as(name, "not_found", "has the label 'train-01'", label="train-01", **options)
    assert "Did you mean" not in result["msg"]


@every_selecting_module
def test_a_label_that_several_carry_is_ambiguous(api: Api, name: str, options: dict[str, t.Any]) -> None:
    api.expect_listing(instance_row(4711), stopped_row(4712), label="train-01")
    fail_as(name, "ambiguous", "4711, 4712", "Select one of them by id", label="train-01", **options)


def test_a_start_without_a_gpu_is_taken_back_and_fails(api: Api, clock: FakeClock) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, QUEUED)
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    result = failure(
        "unavailable",
        "Required resources are currently unavailable",
        f"The queued start of {NAME} was cancelled (state=stopped)",
        "on_unavailable=wait",
        id=4711,
        state="running",
    )
    assert result["error"] == "resources_unavailable"
    assert result["status_code"] == 200
    assert result["instance"]["intended_status"] == "stopped"
    assert clock.slept == pytest.approx([1.06, 1.06])


def test_a_start_is_taken_back_too_where_the_refusal_does_not_show(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    failure("unavailable", "was cancelled", id=4711, state="running", wait=False)


def test_the_label_beside_a_refused_start_is_set_all_the_same(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"label": "a", "state": "running"}, TAKEN)
    expect_looks(api, QUEUED, QUEUED, QUEUED)
    expect_put(api, {"label": "a"})
    expect_looks(api, {**QUEUED, "label": "a"})
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row(label="a"))
    failure("unavailable", "was cancelled", id=4711, state="running", label="a")


def test_a_gpu_that_is_free_again_at_the_first_look_is_used(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, LOADING, instance_row())
    assert succeed("vast_instance", id=4711, state="running")["instance"]["actual_status"] == "running"


def test_a_start_that_cannot_be_taken_back_says_that_it_may_bill(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, QUEUED)
    for _attempt in range(3):
        expect_put(api, {"state": "stopped"}, {"success": False, "msg": "Not allowed"}, status=403)
        expect_looks(api, QUEUED)
    failure(
        "unavailable",
        f"Cancelling the queued start of {NAME} could NOT be confirmed",
        "Not allowed",
        "It may start and bill later. Run state=stopped on it until that succeeds",
        id=4711,
        state="running",
    )


@pytest.mark.parametrize("reply", [None, LOST])
def test_a_cancellation_that_does_not_show_is_repeated_and_then_told(api: Api, reply: t.Any) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, QUEUED)
    for _attempt in range(3):
        expect_put(api, {"state": "stopped"}, reply)
        expect_looks(api, QUEUED, QUEUED, QUEUED)
    result = failure("unavailable", "could NOT be confirmed", "bill later", id=4711, state="running")
    assert result["instance"]["intended_status"] == "running"


@pytest.mark.parametrize("seen", [[QUEUED] * 3, [stopped_row()]])
def test_a_cancellation_whose_reply_is_lost_is_repeated_until_there_is_a_plain_yes(api: Api, seen: t.Any) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, QUEUED)
    expect_put(api, {"state": "stopped"}, LOST)
    expect_looks(api, *seen)
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    failure("unavailable", "was cancelled", id=4711, state="running")


def test_a_cancellation_that_nobody_ever_said_yes_to_is_not_called_cancelled(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, QUEUED)
    for _attempt in range(3):
        expect_put(api, {"state": "stopped"}, LOST)
        expect_looks(api, stopped_row())
    result = failure("unavailable", "could NOT be confirmed", "was lost", "bill later", id=4711, state="running")
    assert "was cancelled" not in result["msg"]
    assert result["changed"] is True


def test_a_start_is_taken_back_when_the_look_after_its_refusal_fails(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    api.expect("GET", LIST, {"success": True}, query=list_query({"id": {"eq": 4711}}))
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    failure("unavailable", "Required resources", "is not valid", "was cancelled", id=4711, state="running")


waiting_for_a_gpu = functools.partial(failure, id=4711, state="running", on_unavailable="wait")


def expect_queued(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, QUEUED)


def test_a_gpu_is_waited_for_until_it_comes_free(api: Api, clock: FakeClock) -> None:
    expect_queued(api)
    expect_looks(api, QUEUED, QUEUED, STARTED, LOADING, instance_row())
    result = succeed("vast_instance", id=4711, state="running", on_unavailable="wait")
    assert result["changed"] is True
    assert result["instance"]["actual_status"] == "running"
    assert clock.slept == pytest.approx([1.06] + [5.0] * 5)


def test_a_queued_start_that_shows_as_stopped_is_waited_for(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"}, TAKEN)
    expect_looks(api, stopped_row(), stopped_row(), LOADING, instance_row())
    succeed("vast_instance", id=4711, state="running", on_unavailable="wait")


def test_a_gpu_that_does_not_come_free_in_time_is_not_waited_for_any_longer(api: Api) -> None:
    expect_queued(api)
    expect_looks(api, QUEUED, QUEUED)
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    waiting_for_a_gpu(
        "unavailable",
        f"{NAME} was not running within wait_timeout (10 s)",
        "Last seen: actual_status exited, intended_status running, cur_state stopped",
        "was cancelled",
        wait_timeout=10,
    )


@pytest.mark.parametrize(
    ("status", "reply", "says"),
    [
        (500, {"msg": "boom"}, "boom"),
        (404, {"error": "auth_error", "msg": "Invalid user key"}, "Invalid user key"),
        (200, {"success": True}, "is not valid"),
    ],
)
def test_an_error_while_a_gpu_is_waited_for_takes_the_start_back(
    api: Api, status: int, reply: dict[str, t.Any], says: str
) -> None:
    expect_queued(api)
    api.expect("GET", LIST, reply, status=status, query=list_query({"id": {"eq": 4711}}))
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    waiting_for_a_gpu("unavailable", says, f"{NAME} could not be polled", "was cancelled")


def test_a_start_that_found_its_gpu_is_not_taken_back_when_it_takes_too_long(api: Api) -> None:
    expect_queued(api)
    expect_looks(api, STARTED, LOADING)
    result = waiting_for_a_gpu("timeout", "actual_status loading", wait_timeout=10)
    assert result["changed"] is True


def test_an_instance_that_goes_while_its_gpu_is_waited_for_is_not_written_to(api: Api) -> None:
    expect_queued(api)
    for _poll in range(3):
        api.expect_listing(id=4711)
    waiting_for_a_gpu("not_found", f"{NAME} no longer exists")


@pytest.mark.parametrize("wait", [False, True])
def test_a_start_that_is_accepted_and_stays_queued_is_asked_for_again_and_cancelled(
    api: Api, clock: FakeClock, wait: bool
) -> None:
    expect_looks(api, stopped_row())
    for _attempt in range(2):
        expect_put(api, {"state": "running"})
        expect_looks(api, QUEUED, QUEUED, QUEUED)
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    failure(
        "unavailable",
        f"{NAME} cannot start now because its GPU is taken",
        "was cancelled",
        id=4711,
        state="running",
        wait=wait,
    )
    assert sum(clock.slept) < 12


def test_a_queued_start_of_somebody_else_is_asked_for_again(api: Api) -> None:
    expect_looks(api, QUEUED)
    expect_put(api, {"state": "running"})
    expect_looks(api, instance_row())
    assert succeed("vast_instance", id=4711, state="running")["changed"] is True


@pytest.mark.parametrize(
    ("want", "start", "first", "path", "error_class", "says"),
    [
        pytest.param("running", stopped_row(), STARTED, [], "not_found", "no longer exists", id="gone on its way up"),
        pytest.param(
            "stopped", instance_row(), STOPPING, [], "not_found", "no longer exists", id="gone on its way down"
        ),
        pytest.param(
            "running",
            stopped_row(),
            STARTED,
            [LOADING, *[STARTED] * 6],
            "unavailable",
            "its container exited on its own and has not restarted for 35 s; recycle it",
            id="crashed",
        ),
        pytest.param(
            "running",
            stopped_row(),
            STARTED,
            [instance_row(actual_status="offline")] * 19,
            "unavailable",
            "its host has not answered for 126 s",
            id="offline",
        ),
        pytest.param(
            "running",
            stopped_row(),
            STARTED,
            [instance_row(actual_status="created", status_msg="Error: OCI runtime create failed: x")] * 6,
            "unavailable",
            "its container cannot be created",
            id="cannot boot",
        ),
        pytest.param(
            "running",
            stopped_row(),
            STARTED,
            [stopped_row()],
            "unavailable",
            "it was set to stopped by someone else",
            id="stopped by someone else",
        ),
        pytest.param(
            "stopped",
            instance_row(),
            STOPPING,
            [instance_row()],
            "unavailable",
            "it was set to running by someone else",
            id="started by someone else",
        ),
    ],
)
def test_a_wait_ends_as_soon_as_the_state_can_no_longer_be_reached(
    api: Api,
    want: str,
    start: dict[str, t.Any],
    first: dict[str, t.Any],
    path: list[dict[str, t.Any]],
    error_class: str,
    says: str,
) -> None:
    expect_looks(api, start)
    expect_put(api, {"state": want})
    expect_looks(api, first, *path)
    if error_class == "not_found":
        for _poll in range(3 if want == "running" else 1):
            api.expect_listing(id=4711)
    result = failure(error_class, NAME, says, "Last seen: actual_status", id=4711, state=want, wait_interval=7)
    assert result["changed"] is True
    assert result["instance"]["id"] == 4711


@pytest.mark.parametrize(
    ("want", "start", "seen", "last"),
    [
        ("running", stopped_row(), LOADING, "actual_status loading, intended_status running, cur_state running"),
        ("stopped", instance_row(), STOPPING, "actual_status running, intended_status stopped, cur_state running"),
    ],
)
def test_a_wait_that_takes_too_long_tells_the_last_state_seen(
    api: Api, clock: FakeClock, want: str, start: dict[str, t.Any], seen: dict[str, t.Any], last: str
) -> None:
    expect_looks(api, start)
    expect_put(api, {"state": want})
    expect_looks(api, seen, seen, seen, seen)
    says = f"{NAME} was not {want} within wait_timeout (13 s). Last seen: {last}"
    result = failure("timeout", says, id=4711, state=want, wait_timeout=13)
    assert result["changed"] is True
    assert result["instance"]["actual_status"] == seen["actual_status"]
    assert clock.slept == pytest.approx([1.06, 5.0, 5.0, 1.94])


def test_a_status_of_tomorrow_is_waited_on_with_a_warning(api: Api) -> None:
    expect_looks(api, stopped_row())
    expect_put(api, {"state": "running"})
    expect_looks(api, instance_row(actual_status="thawing"), instance_row())
    result = succeed("vast_instance", id=4711, state="running")
    assert result.warnings == [
        "Some instances showed a status that this collection does not know; kept waiting: 'thawing'."
    ]


def test_an_error_while_waiting_names_the_instance_and_what_it_waited_for(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"})
    expect_looks(api, STOPPING)
    api.expect("GET", LIST, {"msg": "boom"}, status=500, query=list_query({"id": {"eq": 4711}}))
    result = failure("server", "boom", f"{NAME} could not be polled after a change was sent", id=4711, state="stopped")
    assert result["changed"] is True


def test_what_does_not_take_is_sent_once_more_alone(api: Api, clock: FakeClock) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"label": "a", "state": "stopped"})
    expect_looks(api, STOPPING, STOPPING, STOPPING)
    expect_put(api, {"label": "a"})
    expect_looks(api, stopped_row(label="a"))
    succeed("vast_instance", id=4711, label="a", state="stopped")
    assert clock.slept == pytest.approx([1.06, 2.12, 1.82, 1.06])


def test_when_nothing_takes_each_is_sent_once_more_alone(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"label": "a", "state": "stopped"})
    expect_looks(api, instance_row(), instance_row(), instance_row())
    expect_put(api, {"label": "a"})
    expect_put(api, {"state": "stopped"})
    expect_looks(api, instance_row(), instance_row(label="a"), stopped_row(label="a"))
    succeed("vast_instance", id=4711, label="a", state="stopped")


@pytest.mark.parametrize(
    ("reply", "error_class", "says"),
    [
        (None, "server", "The API accepted the request, but"),
        (LOST, "unknown_outcome", "It may have been carried out"),
    ],
)
def test_what_still_does_not_take_is_a_failure(api: Api, reply: t.Any, error_class: str, says: str) -> None:
    expect_looks(api, instance_row())
    for _attempt in range(2):
        expect_put(api, {"state": "stopped"}, reply)
        expect_looks(api, instance_row(), instance_row(), instance_row())
    last = "Last seen: actual_status running, intended_status running, cur_state running"
    failure(
        error_class,
        says,
        f"{NAME} still does not report state=stopped after two requests",
        last,
        id=4711,
        state="stopped",
    )


@pytest.mark.parametrize(
    "lost",
    [
        {"reply": LOST},
        {"reply": requests.ReadTimeout("timed out")},
        {"reply": "<html><title>502 Bad Gateway</title></html>", "status": 502},
        {"reply": b"", "status": 504},
        {"reply": "OK"},
    ],
)
@pytest.mark.parametrize("done", [True, False])
def test_after_a_lost_reply_it_looks_and_sends_again_only_what_was_not_done(
    api: Api, lost: dict[str, t.Any], done: bool
) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"}, **lost)
    if not done:
        expect_looks(api, instance_row(), instance_row(), instance_row())
        expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    assert succeed("vast_instance", id=4711, state="stopped")["changed"] is True


def test_a_look_that_fails_after_a_lost_reply_tells_what_was_sent(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"}, LOST)
    api.expect("GET", LIST, {"success": True}, query=list_query({"id": {"eq": 4711}}))
    result = failure(
        "protocol",
        "run the task again",
        f"{NAME} could not be polled after a change was sent",
        id=4711,
        state="stopped",
    )
    assert result["instance"]["id"] == 4711


def test_an_instance_that_is_gone_after_the_change_is_told(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"})
    api.expect_listing(id=4711)
    failure("not_found", f"{NAME} no longer exists", "Last seen", id=4711, state="stopped")


@pytest.mark.parametrize(
    ("refusal", "waited"),
    [
        ({"reply": "API requests too frequent"}, 1.0),
        ({"reply": "API requests too frequent endpoint threshold=2.5"}, 2.5),
        ({"reply": {"detail": "API requests too frequent endpoint threshold=4.0"}}, 4.0),
        ({"reply": {"success": False, "error": "rate_limit_exceeded", "retry_after": 7}}, 7.0),
        ({"reply": "API requests too frequent", "headers": {"Retry-After": "9"}}, 9.0),
    ],
)
def test_a_write_refused_for_its_pace_is_sent_again_when_it_was_asked_to(
    api: Api, clock: FakeClock, refusal: dict[str, t.Any], waited: float
) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"}, status=429, **refusal)
    expect_put(api, {"state": "stopped"})
    expect_looks(api, stopped_row())
    assert succeed("vast_instance", id=4711, state="stopped")["changed"] is True
    assert waited <= clock.slept[0] <= waited * 1.1


def test_a_read_refused_for_its_pace_in_the_middle_of_a_wait_is_sent_again(api: Api) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"})
    expect_looks(api, STOPPING)
    query = list_query({"id": {"eq": 4711}})
    api.expect("GET", LIST, "API requests too frequent", status=429, query=query)
    api.expect("GET", LIST, "bad gateway", status=502, query=query)
    expect_looks(api, stopped_row())
    succeed("vast_instance", id=4711, state="stopped")


def test_a_pace_that_is_refused_for_ever_fails_within_the_budget(api: Api, clock: FakeClock) -> None:
    expect_looks(api, instance_row())
    for _attempt in range(3):
        expect_put(api, {"state": "stopped"}, "too frequent endpoint threshold=4.0", status=429)
    expect_looks(api, instance_row())
    failure("rate_limited", MANAGE, "Gave up after trying 3 times", id=4711, state="stopped", retry_timeout=10)
    assert sum(clock.slept) <= 12


@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (301, "", "protocol", "Check api_url"),
        (403, {"success": False, "msg": "Not allowed"}, "permission", "lacks the permission"),
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (404, {"success": False, "error": "no_such_instance", "msg": "gone"}, "not_found", "gone"),
        (400, {"success": False, "error": "invalid_args", "msg": "bad label"}, "invalid", "bad label"),
        (410, {"success": False, "msg": "contract ended"}, "unavailable", "contract ended"),
    ],
)
def test_a_refused_write_fails_and_is_not_sent_again(
    api: Api, status: int, reply: t.Any, error_class: str, says: str
) -> None:
    expect_looks(api, instance_row())
    expect_put(api, {"state": "stopped"}, reply, status=status, headers={"Location": "https://vast.test/elsewhere"})
    expect_looks(api, instance_row())
    result = failure(error_class, says, MANAGE, id=4711, state="stopped")
    assert (result["method"], result["url"]) == ("PUT", f"https://vast.test{MANAGE}")
    assert result["status_code"] == status
