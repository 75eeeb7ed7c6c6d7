# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_instance and vast_fleet where they destroy and restart, and whose workers they leave alone."""

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
    run_module,
    stopped_row,
    succeed,
)
from .test_vast_endpoint_info import worker_row

PATH = "/api/v0/instances/"
NAME = "instance 4711 (train-01)"
LOST = requests.ConnectionError("Connection reset by peer")
DENIED = {"success": False, "msg": "Not allowed"}
GONE = {"success": False, "error": "no_such_instance", "msg": "Instance 4711 not found."}
NOT_STARTED = {"success": False, "error": "invalid_id", "msg": "Invalid instance id. Is the container started?"}
TAKEN = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}
Row = dict[str, t.Any]

destroy = functools.partial(succeed, "vast_instance", state="absent")
restart = functools.partial(succeed, "vast_instance", id=4711, state="restarted")
not_destroyed = functools.partial(fail_as, "vast_instance", state="absent")
not_restarted = functools.partial(fail_as, "vast_instance", id=4711, state="restarted")
destroy_all = functools.partial(succeed, "vast_fleet", select={"all": True}, state="absent", max_affected=9)
FLEET: dict[str, t.Any] = {"select": {"all": True}}


def expect_delete(api: Api, number: int = 4711, reply: t.Any = None, status: int = 200) -> None:
    api.expect("DELETE", f"{PATH}{number}/", {"success": True} if reply is None else reply, body={}, status=status)


def expect_bulk(api: Api, *ids: int, reply: t.Any = None, status: int = 200) -> None:
    answer = {"success": True} if reply is None else reply
    api.expect("DELETE", PATH, answer, body={"instance_ids": [*ids]}, status=status)


def expect_reboot(api: Api, number: int = 4711, reply: t.Any = None, status: int = 200) -> None:
    api.expect("PUT", f"{PATH}reboot/{number}/", {"success": True} if reply is None else reply, body={}, status=status)


def expect_polls(api: Api, *rows: Row | None, number: int = 4711) -> None:
    for row in rows:
        api.expect_listing(*([] if row is None else [row]), id=number)


def expect_endpoints(api: Api, *rows: Row) -> None:
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [*rows]})


def expect_workers(api: Api, *ids: int, reply: t.Any = None) -> None:
    answer = [worker_row(number) for number in ids] if reply is None else reply
    api.expect("POST", "/get_endpoint_workers/", answer, body={"id": 77})


def unlabelled(number: int = 4711, **fields: t.Any) -> Row:
    return instance_row(number, **{"label": None, **fields})


def rebooting(number: int = 4711, **fields: t.Any) -> Row:
    return instance_row(number, **{"actual_status": "rebooting", "ports": None, **fields})


# One instance, destroyed.


@pytest.mark.parametrize("wait", [True, False])
def test_an_instance_is_destroyed_and_proven_gone(api: Api, clock: FakeClock, wait: bool) -> None:
    api.expect_listing(instance_row(), label="train-01")
    expect_delete(api)
    expect_polls(api, None)
    result = destroy(label="train-01", wait=wait)
    assert result["changed"] is True
    assert result["destroyed"] == {"id": 4711, "label": "train-01"}
    assert result["actions"] == [f"destroy {NAME}: its disk is lost, and it no longer bills"]
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"state": "running"}, {"state": "absent"})
    assert result["instance"]["id"] == 4711
    assert clock.slept == pytest.approx([1.06])


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("target", [{"id": 4711}, {"label": "train-01"}, {"id": 4711, "label": "train-01"}])
def test_a_second_run_finds_nothing_and_sends_nothing(api: Api, target: Row, check_mode: bool) -> None:
    by = {"id": 4711} if "id" in target else {"label": "train-01"}
    api.expect_listing(**by)
    if "id" not in target:
        api.expect_listing()
    result = destroy(**target, check_mode=check_mode)
    assert result.warnings == []
    assert (result["changed"], result["instance"], result["destroyed"]) == (False, None, None)
    assert (result["actions"], result["diff"]["before"]) == ([], {})


def test_a_label_that_may_be_mistyped_is_warned_of_since_what_was_meant_bills_on(api: Api) -> None:
    api.expect_listing(label="tran-01")
    api.expect_listing(instance_row(), instance_row(2, label="tran-02"))
    result = destroy(label="tran-01")
    assert result["changed"] is False
    assert result.warnings == [
        "No instance has the label 'tran-01', so nothing was destroyed. Did you mean 'train-01'?"
    ]


def test_one_that_is_released_already_is_gone(api: Api) -> None:
    api.expect_listing(stopped_row(cur_state="unloaded"), id=4711)
    assert destroy(id=4711)["changed"] is False


def test_check_mode_says_what_would_be_destroyed(api: Api) -> None:
    api.expect_listing(stopped_row(), id=4711)
    result = destroy(id=4711, check_mode=True)
    assert (result["changed"], result["destroyed"]) == (True, {"id": 4711, "label": "train-01"})
    assert result["diff"]["before"] == {"state": "stopped"}


def test_a_failed_listing_is_no_absence(api: Api) -> None:
    api.expect_any("GET", "/api/v1/instances/", {"success": False, "error": "not_found", "msg": "No instances found."})
    result = run_module("vast_instance", id=4711, state="absent")
    assert result.failed


def test_several_with_the_label_are_named_and_none_is_destroyed(api: Api) -> None:
    api.expect_listing(instance_row(1), instance_row(2), label="train-01")
    not_destroyed("ambiguous", "2 instances have the label 'train-01': 1, 2", label="train-01")


@pytest.mark.parametrize(
    ("row", "guard", "says"),
    [
        (instance_row(), "other", "has the label 'train-01', not 'other', so nothing was destroyed"),
        (unlabelled(), "train-01", "has no label, not 'train-01'"),
        (instance_row(), "", "has the label 'train-01', not ''"),
    ],
)
def test_a_label_beside_the_id_is_a_guard(api: Api, row: Row, guard: str, says: str) -> None:
    api.expect_listing(row, id=4711)
    not_destroyed("invalid", says, id=4711, label=guard)


def test_the_guard_fits(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_delete(api)
    expect_polls(api, None)
    assert destroy(id=4711, label="train-01")["changed"] is True


def test_a_lost_reply_is_looked_up(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_delete(api, reply=LOST)
    expect_polls(api, None, None)
    assert destroy(id=4711)["changed"] is True


@pytest.mark.parametrize("reply", [LOST, {"success": True}])
def test_what_somebody_labelled_anew_meanwhile_is_not_destroyed_by_a_second_request(api: Api, reply: t.Any) -> None:
    api.expect_listing(instance_row(), label="train-01")
    expect_delete(api, reply=reply)
    expect_polls(api, *[instance_row(label="mine")] * 10)
    says = f"{NAME} has the label 'mine' now, set by someone else, so the request was not repeated"
    result = not_destroyed("invalid", says, "If it is not destroyed, it bills 0.42 $/h", label="train-01")
    assert result["instance"]["label"] == "mine"


def test_somebody_else_was_faster(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_delete(api, reply=GONE, status=404)
    expect_polls(api, None)
    assert destroy(id=4711)["changed"] is False


def test_what_stays_is_leaked_and_named(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    for _time in range(2):
        expect_delete(api)
        expect_polls(api, *[instance_row()] * 10)
    result = not_destroyed("leaked", f"{NAME} was not destroyed: it is still listed and bills 0.42 $/h", id=4711)
    assert (result["changed"], result["instance"]["id"]) == (True, 4711)


def test_a_refusal_destroys_nothing(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_delete(api, reply=DENIED, status=403)
    expect_polls(api, instance_row())
    result = not_destroyed("permission", f"{NAME} was not destroyed; it bills 0.42 $/h", id=4711)
    assert result["changed"] is False


BAD_KEY = {"success": False, "error": "auth_error", "msg": "Invalid user key"}


@pytest.mark.parametrize(
    ("reply", "status", "error_class"), [(BAD_KEY, 404, "auth"), ("too frequent", 429, "rate_limited")]
)
def test_neither_a_bad_key_nor_the_pace_says_that_something_is_gone(
    api: Api, reply: t.Any, status: int, error_class: str
) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_delete(api, reply=reply, status=status)
    expect_polls(api, instance_row())
    result = not_destroyed(error_class, f"{NAME} was not destroyed", id=4711, retry_timeout=0)
    assert result["changed"] is False
    rows = [instance_row(1, label="a"), instance_row(2, label="b")]
    api.expect_listing(*rows)
    expect_bulk(api, 1, 2, reply=reply, status=status)
    api.expect_listing(*rows, id=[1, 2])
    result = fail_as("vast_fleet", error_class, **FLEET, state="absent", max_affected=2, retry_timeout=0)
    assert [each["changed"] for each in result["instances"]] == [False, False]


@pytest.mark.parametrize(
    ("reply", "status", "error_class"), [(BAD_KEY, 404, "auth"), (listing(total_instances=1), 200, "protocol")]
)
def test_half_a_listing_or_a_bad_key_proves_no_absence(api: Api, reply: t.Any, status: int, error_class: str) -> None:
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"))
    expect_bulk(api, 1, 2)
    query = list_query({"id": {"in": [1, 2]}})
    api.expect("GET", "/api/v1/instances/", reply, status=status, query=query)
    result = fail_as("vast_fleet", error_class, "is not proven", **FLEET, state="absent", max_affected=2)
    assert [(each["changed"], each["failed"]) for each in result["instances"]] == [(True, True)] * 2


def test_a_fleet_whose_destruction_lost_its_reply_is_looked_up_twice(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"))
    expect_bulk(api, 1, 2, reply=LOST)
    api.expect_listing(id=[1, 2])
    api.expect_listing(id=[1, 2])
    assert destroy_all()["counts"]["changed"] == 2


# Workers of endpoints.


def test_a_worker_is_not_destroyed(api: Api) -> None:
    api.expect_listing(unlabelled(), id=4711)
    expect_endpoints(api, endpoint_row())
    expect_workers(api, 4711)
    result = not_destroyed("invalid", "instance 4711 is a worker of endpoint 77, so it was not destroyed", id=4711)
    assert result["instance"]["worker_of"] == 77


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_may_be_a_worker_is_not_destroyed_while_the_engine_does_not_tell(api: Api, check_mode: bool) -> None:
    api.expect_listing(unlabelled(), id=4711)
    expect_endpoints(api, endpoint_row())
    expect_workers(api, reply={"error_msg": "no workers are ready"})
    not_destroyed("invalid", "may be a worker of an endpoint", "include_workers", id=4711, check_mode=check_mode)


def test_what_may_be_a_worker_is_not_destroyed_while_endpoints_cannot_be_listed(api: Api) -> None:
    api.expect_listing(unlabelled(), id=4711)
    api.expect("GET", "/api/v0/endptjobs/", DENIED, status=403)
    result = not_destroyed("invalid", "may be a worker of an endpoint", id=4711)
    assert any("endpoints of this account could not be listed" in warning for warning in result.warnings)


def test_one_without_a_label_that_is_no_worker_is_destroyed(api: Api) -> None:
    api.expect_listing(unlabelled(), id=4711)
    expect_endpoints(api, endpoint_row())
    expect_workers(api, 5)
    expect_delete(api)
    expect_polls(api, None)
    assert destroy(id=4711)["destroyed"] == {"id": 4711, "label": None}


def test_a_worker_is_destroyed_when_that_is_asked_for(api: Api) -> None:
    api.expect_listing(unlabelled(), id=4711)
    expect_delete(api)
    expect_polls(api, None)
    assert destroy(id=4711, include_workers=True)["changed"] is True


def expect_account(api: Api, *workers: int, reply: t.Any = None) -> None:
    """One of the user's own with a label, one without, and a worker."""
    api.expect_listing(instance_row(1, label="a"), unlabelled(2), unlabelled(93))
    expect_endpoints(api, endpoint_row())
    expect_workers(api, *workers, reply=reply)


@pytest.mark.parametrize("state", ["running", "stopped", "recycled", "restarted", "absent"])
def test_a_fleet_leaves_out_workers(api: Api, state: str) -> None:
    rows = [stopped_row, stopped_row] if state == "running" else [instance_row, instance_row]
    api.expect_listing(rows[0](1, label="a"), rows[1](2, label=None), rows[1](93, label=None))
    expect_endpoints(api, endpoint_row())
    expect_workers(api, 93)
    result = succeed("vast_fleet", **FLEET, state=state, max_affected=2, check_mode=True)
    assert [each["id"] for each in result["instances"]] == [1, 2]
    assert [each["worker_of"] for each in result["instances"]] == [None, None]
    assert result["skipped_instances"] == [{"id": 93, "label": None, "worker_of": 77}]
    assert result["counts"] == {"selected": 3, "changed": 2, "unchanged": 0, "failed": 0, "skipped": 1, "unloaded": 0}
    assert result.warnings == []


def test_a_fleet_names_the_workers_of_the_endpoints_for_which_the_engine_answers(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), unlabelled(2), unlabelled(93))
    expect_endpoints(api, endpoint_row(), endpoint_row(78))
    expect_workers(api, 93)
    api.expect("POST", "/get_endpoint_workers/", {"error_msg": "none is ready"}, body={"id": 78})
    result = destroy_all(check_mode=True)
    assert result["skipped_instances"] == [{"id": 2, "label": None}, {"id": 93, "label": None, "worker_of": 77}]


def test_a_fleet_leaves_out_all_without_a_label_while_the_engine_does_not_tell(api: Api) -> None:
    expect_account(api, reply={"error_msg": "no workers are ready"})
    result = destroy_all(check_mode=True)
    assert [each["id"] for each in result["instances"]] == [1]
    assert result["skipped_instances"] == [{"id": 2, "label": None}, {"id": 93, "label": None}]
    assert "worker_of" not in result["instances"][0]
    assert any("were skipped: 2, 93. To include them" in warning for warning in result.warnings)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_fleet_includes_workers_when_that_is_asked_for(api: Api, check_mode: bool) -> None:
    api.expect_listing(instance_row(1, label="a"), unlabelled(93))
    if not check_mode:
        expect_bulk(api, 1, 93)
        api.expect_listing(id=[1, 93])
        api.expect_listing(id=[1, 93])
    result = destroy_all(include_workers=True, check_mode=check_mode)
    assert result["skipped_instances"] == []
    assert not any("worker_of" in each for each in result["instances"])
    assert result["counts"]["changed"] == 2


def test_endpoints_are_asked_for_only_when_something_would_become_of_one_without_a_label(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), stopped_row(2, label=None))
    assert succeed("vast_fleet", **FLEET, state="stopped", check_mode=True)["counts"]["unchanged"] == 1
    api.expect_listing(instance_row(1, label="a"), stopped_row(2, label="b"))
    assert destroy_all(check_mode=True)["counts"]["changed"] == 2


# Many, destroyed.


def test_a_fleet_is_destroyed_at_once_and_proven_gone(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), stopped_row(2, label="b"))
    expect_bulk(api, 1, 2)
    api.expect_listing(id=[1, 2])
    api.expect_listing(id=[1, 2])
    result = destroy_all()
    assert [(each["changed"], each["failed"], set(each["after"].values())) for each in result["instances"]] == [
        (True, False, {None})
    ] * 2
    assert (result["cost"]["before"]["per_hour"], result["cost"]["after"]["per_hour"]) == (0.43, 0.0)


@pytest.mark.parametrize("select", [{"ids": [1]}, {"label": ["a"]}])
def test_a_second_run_by_name_fails_unless_what_is_missing_is_ignored(api: Api, select: Row) -> None:
    by = {"id": [1]} if "ids" in select else {"label": ["a"]}
    task: dict[str, t.Any] = {"select": select, "state": "absent", "max_affected": 1}
    api.expect_listing(instance_row(1, label="a"), **by)
    expect_delete(api, 1)
    expect_polls(api, None, number=1)
    assert succeed("vast_fleet", **task)["changed"] is True
    api.expect_listing(**by)
    if "label" in select:
        api.expect_listing()
    fail_as("vast_fleet", "not_found", "Set missing to warn or ignore", **task)
    api.expect_listing(stopped_row(1, label="a", cur_state="unloaded"), **by)
    result = succeed("vast_fleet", missing="ignore", **task)
    assert (result["changed"], result["counts"]["unloaded"]) == (False, 1)


def test_check_mode_of_a_fleet_says_what_it_would_cost(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"))
    result = destroy_all(check_mode=True)
    assert result["actions"] == ["destroy instance 1 (a): its disk is lost, and it no longer bills"]
    assert (result["cost"]["after"]["per_hour"], result["instances"][0]["after"]["cur_state"]) == (0.0, None)


def test_more_than_may_be_destroyed(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"))
    fail_as("vast_fleet", "invalid", "max_affected is 1", **FLEET, state="absent", max_affected=1)


def test_of_a_fleet_one_stays_and_is_leaked(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"))
    expect_bulk(api, 1, 2, reply={"detail": "Not Found"}, status=404)
    expect_delete(api, 1)
    expect_delete(api, 2)
    api.expect_listing(instance_row(2, label="b"), id=[1, 2])
    expect_polls(api, *[instance_row(2, label="b")] * 9, number=2)
    expect_delete(api, 2)
    expect_polls(api, *[instance_row(2, label="b")] * 10, number=2)
    result = fail_as(
        "vast_fleet",
        "leaked",
        "1 of 2 instances failed. instance 2 (b) was not destroyed",
        **FLEET,
        state="absent",
        max_affected=2,
    )
    assert [each["changed"] for each in result["instances"]] == [True, True]
    assert result["cost"]["after"]["per_hour"] == 0.42


# Restarted.


def test_a_restart_is_seen_on_its_way(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api)
    expect_polls(api, instance_row(), rebooting(), instance_row())
    result = restart()
    assert (result["changed"], result.warnings) == (True, [])
    assert result["actions"] == [f"restart {NAME}: its container stops and starts, and keeps its disk"]
    assert result["instance"]["actual_status"] == "running"


def test_check_mode_of_a_restart(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    assert restart(check_mode=True)["diff"]["after"] == {"container": "restarted"}


def test_a_restart_that_is_accepted_and_never_seen_is_done_with_a_warning(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api)
    expect_polls(api, *[instance_row()] * 10)
    result = restart()
    assert result["changed"] is True
    assert [warning for warning in result.warnings if "no listing showed it within 20 s" in warning] != []


def test_a_restart_that_there_is_no_time_to_see_is_not_said_to_be_over(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api)
    expect_polls(api, instance_row(), instance_row())
    result = not_restarted("timeout", "wait_timeout left no time to see it", wait_timeout=2)
    assert result["changed"] is True


@pytest.mark.parametrize("wait", [True, False])
def test_a_restart_that_a_stop_by_somebody_overtakes_is_no_success(api: Api, wait: bool) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api)
    overtaken = rebooting(intended_status="stopped")
    expect_polls(api, overtaken)
    result = not_restarted("unavailable", f"{NAME} cannot become running", "set to stopped by someone else", wait=wait)
    assert result["changed"] is True


def test_a_lost_restart_that_is_never_seen_is_not_sent_again(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api, reply=LOST)
    expect_polls(api, *[instance_row()] * 10)
    not_restarted("unknown_outcome", "It may have been carried out", "nothing was sent again")


def test_a_lost_restart_that_is_seen_is_done(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api, reply=LOST)
    expect_polls(api, rebooting(), instance_row())
    assert restart()["changed"] is True


@pytest.mark.parametrize(
    ("reply", "status", "error_class"), [(BAD_KEY, 404, "auth"), ("too frequent", 429, "rate_limited")]
)
def test_a_restart_refused_for_its_key_or_its_pace_stops_the_rest(
    api: Api, reply: t.Any, status: int, error_class: str
) -> None:
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"))
    expect_reboot(api, 1, reply=reply, status=status)
    expect_polls(api, instance_row(1, label="a"), number=1)
    result = fail_as("vast_fleet", error_class, **FLEET, state="restarted", retry_timeout=0)
    assert [(each["changed"], each["failed"]) for each in result["instances"]] == [(False, True), (False, False)]
    assert result["instances"][1]["msg"] == "Skipped: instance 1 (a) failed."


def test_a_restart_refused_for_its_pace_is_sent_again(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api, reply="too frequent", status=429)
    expect_reboot(api)
    expect_polls(api, rebooting(), instance_row())
    assert restart()["changed"] is True


@pytest.mark.parametrize(("reply", "status"), [(NOT_STARTED, 200), (NOT_STARTED, 400), (DENIED, 403)])
def test_a_refused_restart_changes_nothing(api: Api, reply: Row, status: int) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_reboot(api, reply=reply, status=status)
    expect_polls(api, instance_row())
    result = not_restarted("permission" if status == 403 else "invalid", reply["msg"].rstrip("."))
    assert result["changed"] is False


def test_a_stopped_one_starts(api: Api) -> None:
    api.expect_listing(stopped_row(), id=4711)
    api.expect("PUT", f"{PATH}4711/", {"success": True}, body={"state": "running"})
    expect_polls(api, instance_row())
    result = restart()
    assert (result["changed"], result["actions"]) == (True, [f"start {NAME}"])


def test_a_stopped_one_whose_gpu_is_taken_is_not_left_queued(api: Api) -> None:
    api.expect_listing(stopped_row(), id=4711)
    api.expect("PUT", f"{PATH}4711/", TAKEN, body={"state": "running"})
    expect_polls(api, stopped_row(intended_status="running"))
    api.expect("PUT", f"{PATH}4711/", {"success": True}, body={"state": "stopped"})
    expect_polls(api, stopped_row())
    not_restarted("unavailable", "was cancelled")


def restart_fleet(**options: t.Any) -> Result:
    return succeed("vast_fleet", **FLEET, state="restarted", **options)


def test_a_fleet_restarts_one_after_the_other(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), stopped_row(2, label="b"))
    expect_reboot(api, 1)
    expect_polls(api, rebooting(1, label="a"), instance_row(1, label="a"), number=1)
    expect_polls(api, stopped_row(2, label="b"), number=2)
    api.expect("PUT", f"{PATH}2/", {"success": True}, body={"state": "running"})
    expect_polls(api, instance_row(2, label="b"), number=2)
    result = restart_fleet()
    assert result["counts"]["changed"] == 2


def test_a_fleet_does_not_restart_what_somebody_stopped_before_its_turn(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"))
    expect_reboot(api, 1)
    expect_polls(api, rebooting(1, label="a"), instance_row(1, label="a"), number=1)
    expect_polls(api, stopped_row(2, label="b"), number=2)
    says = "instance 2 (b) was changed by someone else before its turn, so it was not restarted"
    fail_as("vast_fleet", "unavailable", says, **FLEET, state="restarted")


def test_a_fleet_restarts_in_batches(api: Api) -> None:
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"))
    expect_reboot(api, 1)
    expect_reboot(api, 2)
    api.expect_listing(rebooting(1, label="a"), rebooting(2, label="b"), id=[1, 2])
    api.expect_listing(instance_row(1, label="a"), instance_row(2, label="b"), id=[1, 2])
    assert restart_fleet(batch=2)["counts"]["changed"] == 2


def test_an_empty_fleet_is_no_change(api: Api) -> None:
    api.expect_listing()
    assert restart_fleet()["changed"] is False
    api.expect_listing()
    assert destroy_all()["changed"] is False


# Present.


@pytest.mark.parametrize("row", [instance_row(), stopped_row(), stopped_row(intended_status="running")])
def test_present_is_content_with_any_state(api: Api, row: Row) -> None:
    api.expect_listing(row, label="train-01")
    result = succeed("vast_instance", label="train-01", state="present")
    assert (result["changed"], result["instance"]["id"]) == (False, 4711)


def test_present_sets_a_label(api: Api) -> None:
    api.expect_listing(stopped_row(), id=4711)
    api.expect("PUT", f"{PATH}4711/", {"success": True}, body={"label": "b"})
    expect_polls(api, stopped_row(label="b"))
    assert succeed("vast_instance", id=4711, label="b", state="present")["changed"] is True


def test_present_of_what_does_not_exist(api: Api) -> None:
    api.expect_listing(label="x")
    api.expect_listing()
    fail_as("vast_instance", "not_found", "has the label 'x'", label="x", state="present")
