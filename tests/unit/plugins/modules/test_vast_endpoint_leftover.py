# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_endpoint: draining before a deletion, and destroying what was left over after it."""

from __future__ import annotations

import functools
import pathlib
import typing as t

import pytest

from ..harness import Api, FakeClock, endpoint_row, fail_as, interrupt_after, succeed
from .test_vast_endpoint import (
    GROUP,
    GROUPS,
    NAME,
    expect_begin,
    expect_delete,
    expect_engine,
    expect_groups,
    expect_rows,
    leak,
    leave,
    memory,
    worker,
)
from .test_vast_endpoint_present import LOST

failure = functools.partial(fail_as, "vast_endpoint", state="absent")
remove = functools.partial(succeed, "vast_endpoint", state="absent")
present = functools.partial(succeed, "vast_endpoint", state="present")
PARTLY = {"success": True, "deleted_workers": [1001], "failed_workers": [1002]}


def expect_destroy(api: Api, number: int, *, goes: bool = True) -> None:
    """Declare the destruction of an instance, and the listing after it."""
    api.expect("DELETE", f"/api/v0/instances/{number}/", {"success": True}, body={})
    api.expect_listing(*([] if goes else [worker(number)]), id=number)


def expect_setting(api: Api, body: dict[str, t.Any], reply: t.Any = None, **more: t.Any) -> None:
    api.expect("PUT", GROUP, {"success": True} if reply is None else reply, body=body, **more)


def test_what_vast_failed_to_delete_is_destroyed_at_once(api: Api, home: pathlib.Path, clock: FakeClock) -> None:
    expect_begin(api)
    expect_delete(api, PARTLY)
    expect_groups(api)
    expect_rows(api, worker(1002))
    expect_destroy(api, 1002)
    result = remove(id=77)
    assert result["changed"] is True
    assert (result["failed_workers"], result["destroyed_workers"]) == ([1002], [1002])
    assert result["actions"][1] == f"destroy the leftover workers 1002 of {NAME} (0.420 $/h)"
    assert memory(home) == []
    assert sum(clock.slept) < 30


def test_others_are_waited_for_before_they_are_destroyed(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api, PARTLY)
    expect_groups(api)
    expect_rows(api, worker(1001), worker(1002))
    expect_destroy(api, 1002)
    for _poll in range(3):
        api.expect_listing(worker(1001), id=[1001])
    expect_destroy(api, 1001)
    result = remove(id=77, wait_timeout=10)
    assert result["destroyed_workers"] == [1002, 1001]
    assert memory(home) == []


def test_what_cannot_be_destroyed_either_is_leaked(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api, PARTLY)
    expect_groups(api)
    expect_rows(api, worker(1002))
    api.expect("DELETE", "/api/v0/instances/1002/", {"success": False, "msg": "odd"}, status=400, body={})
    api.expect_listing(worker(1002), id=1002)
    result = failure("leaked", "1002 still exist", id=77)
    assert [each["id"] for each in result["leaked_workers"]] == [1002]
    assert (result["changed"], result["destroyed_workers"]) == (True, [])
    assert memory(home) == [leak(1001, 1002, failed=[1002])]


def test_without_waiting_nothing_is_destroyed(api: Api) -> None:
    expect_begin(api)
    expect_delete(api, PARTLY)
    expect_groups(api)
    expect_rows(api, worker(1002), ids=[1002])
    failure("leaked", "1002", id=77, wait=False)


def test_a_later_run_destroys_what_an_earlier_one_left_over_and_is_changed(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001, failed=[1001]))
    expect_groups(api)
    expect_rows(api, worker(1001), ids=[1001])
    expect_rows(api, worker(1001), ids=[1001])
    expect_destroy(api, 1001)
    result = remove(id=77)
    assert (result["changed"], result["endpoint"]) == (True, None)
    assert result["actions"] == [f"destroy the leftover workers 1001 of {NAME} (0.420 $/h)"]
    assert result["diff"]["before"] == {"leftover_workers": [1001]}
    assert memory(home) == []


def claimed(number: int) -> dict[str, t.Any]:
    """A leftover worker that somebody has labelled meanwhile."""
    return {**worker(number), "label": "alice-keep"}


LEFT_ALONE = (
    "Not destroyed because someone labelled it and a worker has no label of its own: instance 1001 (alice-keep)."
)


def test_what_somebody_labelled_meanwhile_is_left_alone_and_stays_owed(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001, 1002, failed=[1001, 1002]))
    expect_groups(api)
    expect_rows(api, worker(1001), worker(1002))
    expect_rows(api, claimed(1001), worker(1002))
    expect_destroy(api, 1002)
    result = failure("leaked", LEFT_ALONE, "workers 1001 still exist", "Destroy what is left in the console", id=77)
    assert "on_leftover" not in result["msg"]
    assert (result["changed"], result["destroyed_workers"]) == (True, [1002])
    assert [each["id"] for each in result["leaked_workers"]] == [1001]
    assert memory(home) == [leak(1001, 1002, failed=[1001, 1002])]


def test_it_is_not_waited_for(api: Api, home: pathlib.Path, clock: FakeClock) -> None:
    leave(home, leak(1001))
    expect_groups(api)
    expect_rows(api, claimed(1001), ids=[1001])
    expect_rows(api, claimed(1001), ids=[1001])
    result = failure("leaked", LEFT_ALONE, id=77)
    assert result["changed"] is False
    assert "after wait_timeout" not in result["msg"]
    assert sum(clock.slept) < 30


def test_what_is_labelled_while_others_are_waited_for_is_left_alone_too(api: Api) -> None:
    expect_begin(api)
    expect_delete(api, PARTLY)
    expect_groups(api)
    expect_rows(api, worker(1001), worker(1002))
    expect_destroy(api, 1002)
    for row in (worker(1001), worker(1001), claimed(1001)):
        api.expect_listing(row, id=[1001])
    result = failure("leaked", LEFT_ALONE, id=77, wait_timeout=10)
    assert (result["destroyed_workers"], [each["id"] for each in result["leaked_workers"]]) == ([1002], [1001])


@pytest.mark.parametrize("options", [{"wait": False}, {"on_leftover": "fail"}])
def test_nor_is_anybody_told_to_have_it_destroyed_by_the_task(
    api: Api, home: pathlib.Path, options: dict[str, t.Any]
) -> None:
    leave(home, leak(1001))
    expect_groups(api)
    expect_rows(api, claimed(1001), ids=[1001])
    expect_rows(api, claimed(1001), ids=[1001])
    assert "on_leftover" not in failure("leaked", LEFT_ALONE, id=77, **options)["msg"]


def test_check_mode_foretells_that_it_is_left_alone(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001))
    expect_groups(api)
    expect_rows(api, claimed(1001), ids=[1001])
    expect_rows(api, claimed(1001), ids=[1001])
    failure("leaked", LEFT_ALONE, id=77, check_mode=True)


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_endpoint_that_stays_leaves_it_alone_too(api: Api, home: pathlib.Path, check_mode: bool) -> None:
    leave(home, leak(1001, failed=[1001]))
    expect_there(api)
    expect_engine(api, [])
    for _look in range(1 + check_mode):
        expect_rows(api, claimed(1001), ids=[1001])
    fail_as("vast_endpoint", "leaked", LEFT_ALONE, id=77, state="present", check_mode=check_mode)


def test_check_mode_foretells_that(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001, failed=[1001]))
    expect_groups(api)
    expect_rows(api, worker(1001), ids=[1001])
    result = remove(id=77, check_mode=True)
    assert result["actions"] == [f"destroy the leftover workers 1001 of {NAME} (0.420 $/h)"]
    assert memory(home) == [leak(1001, failed=[1001])]


def test_drains_before_it_deletes(api: Api, clock: FakeClock) -> None:
    expect_begin(api)
    expect_setting(api, {"max_workers": 0})
    expect_groups(api, endpoint_row(max_workers=0))
    expect_engine(api, [{"id": 1001, "status": "busy"}, {"id": 1003, "status": "destroying"}])
    expect_engine(api, [{"id": 1001, "status": "STOPPED"}, {"id": 1003, "status": "destroying"}])
    expect_delete(api)
    expect_groups(api)
    expect_rows(api, ids=[1001, 1002, 1003])
    result = remove(id=77, drain=60)
    assert result["actions"][0].startswith(f"drain {NAME} for up to 60 s, then delete")
    assert [each["id"] for each in result["workers"]] == [1001, 1002, 1003]


def test_a_drain_is_bounded(api: Api) -> None:
    expect_begin(api)
    expect_setting(api, {"max_workers": 0})
    expect_groups(api, endpoint_row(max_workers=0))
    for _poll in range(2):
        expect_engine(api, [{"id": 1001, "status": "busy"}])
    expect_delete(api)
    expect_groups(api)
    expect_rows(api)
    remove(id=77, drain=10)


def test_where_no_worker_is_refused_it_suspends(api: Api) -> None:
    expect_begin(api)
    expect_setting(api, {"max_workers": 0}, {"success": False, "error": "invalid_args", "msg": "no"}, status=400)
    expect_groups(api, endpoint_row())
    expect_setting(api, {"endpoint_state": "suspended"})
    expect_groups(api, endpoint_row(endpoint_state="suspended"))
    expect_engine(api, [])
    expect_delete(api)
    expect_groups(api)
    expect_rows(api)
    remove(id=77, drain=10)


def test_a_drain_that_is_refused_either_way_deletes_nothing(api: Api) -> None:
    expect_begin(api)
    for body in ({"max_workers": 0}, {"endpoint_state": "suspended"}):
        expect_setting(api, body, {"success": False, "error": "invalid_args", "msg": "no way"}, status=400)
        expect_groups(api, endpoint_row())
    failure("invalid", "no way", id=77, drain=10)


def test_a_drain_that_is_not_allowed_is_not_tried_in_another_way(api: Api) -> None:
    expect_begin(api)
    expect_setting(api, {"max_workers": 0}, {"success": False, "msg": "no"}, status=403)
    expect_groups(api, endpoint_row())
    failure("permission", "no", id=77, drain=10)


def test_what_is_drained_already_is_left_as_it_is(api: Api) -> None:
    expect_groups(api, endpoint_row(max_workers=0))
    expect_engine(api, [])
    expect_engine(api, [])
    expect_delete(api, {"success": True, "deleted_workers": [], "failed_workers": []})
    expect_groups(api)
    remove(id=77, drain=10)


@pytest.mark.parametrize(
    ("status", "says"),
    [(200, "max_workers was set back to 8."), (400, "max_workers is 0 and could not be set back to 8")],
)
def test_a_drain_is_set_back_when_the_deletion_is_refused(api: Api, status: int, says: str) -> None:
    expect_begin(api)
    expect_setting(api, {"max_workers": 0})
    expect_groups(api, endpoint_row(max_workers=0))
    expect_engine(api, [])
    expect_delete(api, {"success": False, "msg": "no"}, status=403)
    expect_setting(api, {"max_workers": 8}, {"success": status == 200, "error": "invalid_args"}, status=status)
    expect_groups(api, endpoint_row(max_workers=8 if status == 200 else 0))
    result = failure("permission", says, id=77, drain=10)
    assert result["changed"] is (status != 200)


@pytest.mark.parametrize(
    ("shown", "says", "changed"),
    [
        (0, "max_workers was set to 0 for the drain; before it was 8.", True),
        (8, f"{NAME} was not deleted. Run the task again.", False),
    ],
)
def test_a_drain_that_is_interrupted_as_it_begins_says_what_it_has_set(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, shown: int, says: str, changed: bool
) -> None:
    interrupt_after(api, clock, monkeypatch, 4)
    expect_begin(api)
    expect_setting(api, {"max_workers": 0})
    expect_groups(api, endpoint_row(max_workers=shown))
    assert failure("timeout", says, id=77, drain=60)["changed"] is changed


def test_a_drain_whose_outcome_is_not_seen_is_set_back(api: Api) -> None:
    expect_begin(api)
    expect_setting(api, {"max_workers": 0}, LOST)
    api.expect("GET", GROUPS, {"success": False, "msg": "down"}, status=500)
    expect_setting(api, {"max_workers": 8})
    expect_groups(api, endpoint_row())
    failure("server", "max_workers was set back to 8.", id=77, drain=10)


def test_an_interrupted_drain_says_what_it_has_set(api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(api, clock, monkeypatch, 6)
    expect_begin(api)
    expect_setting(api, {"max_workers": 0})
    expect_groups(api, endpoint_row(max_workers=0))
    expect_engine(api, [{"id": 1001, "status": "busy"}])
    says = f"Interrupted by SIGTERM. {NAME} was not deleted. max_workers was set to 0 for the drain; before it was 8."
    result = failure("timeout", says, id=77, drain=60)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (LOST, f"Whether {NAME} is deleted is not known."),
        (None, f"Vast.ai accepted the deletion of {NAME}; that it is gone was not seen."),
    ],
)
def test_an_interrupted_deletion_is_told_with_its_workers(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, home: pathlib.Path, reply: t.Any, says: str
) -> None:
    interrupt_after(api, clock, monkeypatch, 4)
    expect_begin(api)
    expect_delete(api, reply)
    result = failure("timeout", "Interrupted by SIGTERM.", says, "Its workers 1001, 1002 may continue to bill", id=77)
    assert (result["changed"], [each["id"] for each in result["workers"]]) == (True, [1001, 1002])
    assert memory(home) == [leak(1001, 1002)]


def test_an_interrupted_proof_is_told(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, home: pathlib.Path
) -> None:
    interrupt_after(api, clock, monkeypatch, 6)
    expect_begin(api)
    expect_delete(api)
    expect_groups(api)
    expect_rows(api, worker(1001))
    says = f"Interrupted by SIGTERM. {NAME} is deleted; whether its workers 1001, 1002 are gone is not proven."
    result = failure("timeout", says, "Run the task again.", id=77)
    assert (result["changed"], result["deleted_workers"]) == (True, [1001, 1002])
    assert memory(home) == [leak(1001, 1002)]


def test_a_destruction_that_is_interrupted_ends_the_task(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not go on to wait for the others."""
    interrupt_after(api, clock, monkeypatch, 7)
    expect_begin(api)
    expect_delete(api, PARTLY)
    expect_groups(api)
    expect_rows(api, worker(1001), worker(1002))
    expect_destroy(api, 1002, goes=False)
    result = failure("timeout", "Interrupted by SIGTERM", "1001, 1002 are gone is not proven", id=77)
    assert result["destroyed_workers"] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"drain": -1}, "drain must be from 0 to 86400"),
        ({"drain": 5, "state": "present"}, "drain is for state=absent only"),
    ],
)
def test_a_drain_that_cannot_work_is_refused(api: Api, options: dict[str, t.Any], says: str) -> None:
    fail_as("vast_endpoint", "invalid", says, id=77, **{"state": "absent", **options})


def expect_there(api: Api) -> None:
    """Declare an endpoint that is there as it should be."""
    expect_groups(api, endpoint_row())
    api.expect("GET", "/api/v0/workergroups/", {"results": [{"id": 501, "endpoint_id": 77}]})


def test_a_leak_of_an_endpoint_that_stays_is_destroyed_and_its_workers_are_not(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001, 1002, failed=[1002]))
    expect_there(api)
    expect_engine(api, [1001])
    expect_rows(api, worker(1002), ids=[1002])
    expect_destroy(api, 1002)
    result = present(id=77)
    assert (result["changed"], result["destroyed_workers"]) == (True, [1002])
    assert result["actions"] == [f"destroy the leftover workers 1002 of {NAME} (0.420 $/h)"]
    assert memory(home) == []


def test_check_mode_foretells_that_too(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001, 1002, 1003))
    expect_there(api)
    expect_engine(api, [1001])
    expect_rows(api, worker(1002), ids=[1002, 1003])
    result = present(id=77, check_mode=True)
    assert (result["changed"], result["destroyed_workers"]) == (True, [])
    assert result["actions"] == [f"destroy the leftover workers 1002 of {NAME} (0.420 $/h)"]
    assert [(each["id"], each["worker_of"]) for each in result["workers"]] == [(1002, 77), (1003, 77)]
    assert result["diff"] == {
        "before_header": NAME,
        "after_header": NAME,
        "before": {"leftover_workers": [1002]},
        "after": {"leftover_workers": []},
    }
    assert memory(home) == [leak(1001, 1002, 1003)]


@pytest.mark.parametrize("options", [{"on_leftover": "fail"}, {"wait": False}])
def test_check_mode_is_red_where_nothing_would_be_destroyed(
    api: Api, home: pathlib.Path, options: dict[str, t.Any]
) -> None:
    leave(home, leak(1002))
    expect_there(api)
    expect_engine(api, [1001])
    expect_rows(api, worker(1002), ids=[1002])
    result = fail_as(
        "vast_endpoint", "leaked", "1002", id=77, state="present", max_workers=4, check_mode=True, **options
    )
    assert result["changed"] is False


def test_what_was_changed_before_a_leak_is_red_stays_told(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1002, failed=[1002]))
    expect_there(api)
    expect_setting(api, {"max_workers": 4})
    expect_groups(api, endpoint_row(max_workers=4))
    expect_engine(api, [1001])
    expect_rows(api, worker(1002), ids=[1002])
    options: dict[str, t.Any] = {"state": "present", "max_workers": 4, "on_leftover": "fail"}
    result = fail_as("vast_endpoint", "leaked", "1002", id=77, **options)
    assert (result["changed"], result["endpoint"]["max_workers"]) == (True, 4)


def test_what_was_changed_before_a_signal_stays_told(
    api: Api, clock: FakeClock, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(home, leak(1002, failed=[1002]))
    expect_there(api)
    expect_setting(api, {"max_workers": 4})
    expect_groups(api, endpoint_row(max_workers=4))
    expect_engine(api, "no JSON", status=502)
    interrupt_after(api, clock, monkeypatch, 5)
    result = fail_as("vast_endpoint", "timeout", "Interrupted by SIGTERM", id=77, state="present", max_workers=4)
    assert (result["changed"], memory(home)) == (True, [leak(1002, failed=[1002])])


def test_and_keeps_it_red_otherwise(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001, 1002, failed=[1002]))
    expect_there(api)
    expect_engine(api, [1001])
    expect_rows(api, worker(1002), ids=[1002])
    says = f"Earlier tasks left workers of {NAME} over, but its workers 1002 still exist"
    fail_as("vast_endpoint", "leaked", says, id=77, state="present", on_leftover="fail")
    assert memory(home) == [leak(1001, 1002, failed=[1002])]


def test_an_engine_that_does_not_tell_leaves_a_leak_open(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1002))
    expect_there(api)
    expect_engine(api, {"error_msg": "no workers are ready"})
    result = present(id=77)
    assert [text for text in result.warnings if "Whether 1002 are workers of" in text]
    assert memory(home) == [leak(1002)]


@pytest.mark.parametrize(("workers", "said"), [((1002,), "1002"), ((), "not known which")])
def test_a_new_endpoint_of_that_name_only_warns(api: Api, home: pathlib.Path, workers: t.Any, said: str) -> None:
    leave(home, leak(*workers, unknown=True, id=70))
    expect_there(api)
    result = present(name="llama-prod")
    says = f"Workers of endpoint 70 (llama-prod), which had this name, may still exist: {said}."
    assert result.warnings == [f"{says} Run state=absent for id 70."]
    assert result["changed"] is False
