# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import signal
import typing as t

import pytest
import requests

from ..harness import NULL, Api, FakeClock, Result, fail_as, instance_row, list_query, listing, stopped_row, succeed

LIST = "/api/v1/instances/"
BULK = "/api/v0/instances/"
PAGE = 25
IDS_AT_ONCE = 200
IDS_IN_A_CHANGE = 64
DEV = {"label_prefix": "dev-"}
TAKEN = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}
LOST = requests.ConnectionError("Connection reset by peer")
OTHER_PORTS = {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "33333"}]}
Row = dict[str, t.Any]

failure = functools.partial(fail_as, "vast_fleet", select=DEV)
stop = functools.partial(succeed, "vast_fleet", select=DEV, state="stopped")
start = functools.partial(succeed, "vast_fleet", select=DEV, state="running")
recycle = functools.partial(succeed, "vast_fleet", select=DEV, state="recycled")


def up(number: int, **fields: t.Any) -> Row:
    return instance_row(number, **{"label": f"dev-{number}", **fields})


def off(number: int, **fields: t.Any) -> Row:
    return stopped_row(number, **{"label": f"dev-{number}", **fields})


def stopping(number: int) -> Row:
    return up(number, intended_status="stopped")


def queued(number: int) -> Row:
    return off(number, intended_status="running")


def started(number: int) -> Row:
    return off(number, intended_status="running", cur_state="running")


def loading(number: int) -> Row:
    return up(number, actual_status="loading", ports=None)


def recycling(number: int) -> Row:
    return up(number, actual_status="recycling", ports=None)


def renewed(number: int) -> Row:
    return up(number, ports=OTHER_PORTS)


def name(number: int) -> str:
    return f"instance {number} (dev-{number})"


def expect_bulk(api: Api, state: str, ids: list[int], reply: t.Any = None, **more: t.Any) -> None:
    """Declare the change of many, which for one is that of the single form."""
    if len(ids) == 1:
        expect_put(api, ids[0], state, reply, **more)
        return
    for first in range(0, len(ids), IDS_IN_A_CHANGE):
        body = {"state": state, "ids": ids[first : first + IDS_IN_A_CHANGE]}
        api.expect("PUT", BULK, {"success": True} if reply is None else reply, body=body, **more)


def expect_put(api: Api, number: int, state: str, reply: t.Any = None, **more: t.Any) -> None:
    api.expect("PUT", f"{BULK}{number}/", {"success": True} if reply is None else reply, body={"state": state}, **more)


def expect_recycle(api: Api, number: int, reply: t.Any = None, **more: t.Any) -> None:
    api.expect("PUT", f"{BULK}recycle/{number}/", {"success": True} if reply is None else reply, body={}, **more)


def expect_endpoints(api: Api, *rows: Row) -> None:
    """Declare the listing of endpoint groups, by which it is asked for whose workers there are."""
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [*rows]})


def expect_look(api: Api, ids: list[int], *rows: Row) -> None:
    """Declare one shared look at these."""
    api.expect_listing(*rows, id=ids if len(ids) > 1 else ids[0])


def expect_pages(api: Api, filters: Row, rows: list[Row]) -> None:
    """Declare one complete listing, on as many pages as it takes."""
    pages = [rows[first : first + PAGE] for first in range(0, len(rows), PAGE)]
    for number, page in enumerate(pages):
        more = {"after_token": f"t{number}"} if number else {}
        token = f"t{number + 1}" if number + 1 < len(pages) else None
        reply = listing(*page, total_instances=len(rows), next_token=token)
        api.expect("GET", LIST, reply, query=list_query(filters, **more))


def expect_looks_at_all(api: Api, rows: list[Row]) -> None:
    """Declare one shared look at more than one page, or one address, holds."""
    for first in range(0, len(rows), IDS_AT_ONCE):
        some = rows[first : first + IDS_AT_ONCE]
        expect_pages(api, {"id": {"in": [row["id"] for row in some]}}, some)


def told(result: Result) -> dict[int, str | None]:
    """The kind of failure of each instance, None where it went well."""
    assert all(each["failed"] is (each["error_class"] is not None) for each in result["instances"])
    return {each["id"]: each["error_class"] for each in result["instances"]}


def messages(result: Result) -> dict[int, str]:
    return {each["id"]: each["msg"] for each in result["instances"]}


def changed(result: Result) -> list[int]:
    """The ids of what was changed; the counts must agree, and add up."""
    ids = [each["id"] for each in result["instances"] if each["changed"]]
    assert result["changed"] is bool(ids)
    counts = result["counts"]
    assert counts["changed"] == sum(each["changed"] and not each["failed"] for each in result["instances"])
    assert counts["failed"] == sum(each["failed"] for each in result["instances"])
    assert counts["selected"] == counts["changed"] + counts["unchanged"] + counts["failed"] == len(result["instances"])
    return ids


def test_what_is_released_is_left_out_and_counted(api: Api) -> None:
    api.expect_listing(off(1), off(2, cur_state="unloaded"), instance_row(3, label="x", cur_state="unloaded"))
    result = stop()
    assert [each["id"] for each in result["instances"]] == [1]
    assert result["counts"] == {"selected": 1, "changed": 0, "unchanged": 1, "failed": 0, "skipped": 0, "unloaded": 1}


def test_what_is_released_is_counted_in_a_failure_too(api: Api) -> None:
    api.expect_listing(up(1), off(2, cur_state="unloaded"))
    expect_put(api, 1, "stopped", {"success": False, "error": "invalid_args", "msg": "no"}, status=403)
    api.expect_listing(up(1), id=1)
    assert failure("permission", state="stopped")["counts"]["unloaded"] == 1


def test_stops_all_with_one_request_and_one_shared_poll(api: Api, clock: FakeClock) -> None:
    api.expect_listing(up(1), up(2), off(3), instance_row(4, label="prod"))
    expect_bulk(api, "stopped", [1, 2])
    expect_look(api, [1, 2], stopping(1), stopping(2))
    expect_look(api, [1, 2], off(1), stopping(2))
    expect_look(api, [2], off(2))
    result = stop()
    assert changed(result) == [1, 2]
    assert told(result) == {1: None, 2: None, 3: None}
    assert result["actions"] == [f"stop {name(1)}", f"stop {name(2)}"]
    assert result["diff"]["before"] == {name(1): {"state": "running"}, name(2): {"state": "running"}}
    assert result["diff"]["after"] == {name(1): {"state": "stopped"}, name(2): {"state": "stopped"}}
    assert [each["after"]["cur_state"] for each in result["instances"]] == ["stopped"] * 3
    assert result["cost"]["before"]["running"] == 0.84
    assert result["cost"]["after"]["running"] == 0
    assert clock.slept == pytest.approx([1.06, 5.0, 5.0])


def test_starts_all_with_one_request_and_one_shared_poll(api: Api, clock: FakeClock) -> None:
    api.expect_listing(off(1), up(2), off(3))
    expect_bulk(api, "running", [1, 3])
    expect_look(api, [1, 3], started(1), started(3))
    expect_look(api, [1, 3], loading(1), up(3))
    expect_look(api, [1], up(1))
    result = start(wait_interval=15)
    assert changed(result) == [1, 3]
    assert result["actions"] == [f"start {name(1)}", f"start {name(3)}"]
    assert result["cost"]["after"]["running"] == 1.26
    assert clock.slept == pytest.approx([1.06, 15.0, 15.0])


WANTED = [
    ("stopped", [off(1), off(2, actual_status="stopped")]),
    ("running", [up(1), up(2)]),
    ("recycled", [off(1), queued(2)]),
]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(("state", "rows"), WANTED)
def test_a_fleet_that_is_as_wanted_costs_its_listing_only(
    api: Api, clock: FakeClock, state: str, rows: list[Row], check_mode: bool
) -> None:
    api.expect_listing(*rows)
    result = succeed("vast_fleet", select=DEV, state=state, check_mode=check_mode)
    assert changed(result) == []
    assert result["actions"] == []
    assert result["diff"] == {"before": {}, "after": {}}
    assert result["cost"]["before"] == result["cost"]["after"]
    assert clock.slept == []


@pytest.mark.parametrize(
    ("state", "action", "running"),
    [("stopped", "stop", 0.0), ("running", "start", 0.84), ("recycled", "recycle", 0.42)],
)
def test_check_mode_returns_the_plan_and_sends_nothing(
    api: Api, clock: FakeClock, state: str, action: str, running: float
) -> None:
    api.expect_listing(up(1), off(2))
    result = succeed("vast_fleet", select=DEV, state=state, check_mode=True)
    mover = 2 if state == "running" else 1
    assert changed(result) == [mover]
    assert [planned.partition(":")[0] for planned in result["actions"]] == [f"{action} {name(mover)}"]
    assert result["diff"]["before"].keys() == result["diff"]["after"].keys() == {name(mover)}
    by_id = {each["id"]: each for each in result["instances"]}
    assert by_id[3 - mover]["before"] == by_id[3 - mover]["after"]
    assert by_id[mover]["after"] == by_id[3 - mover if state != "recycled" else mover]["before"]
    assert [(each["gpu_name"], each["machine_id"], each["dph_total"]) for each in result["instances"]] == [
        ("RTX 4090", None, 0.42)
    ] * 2
    assert result["cost"]["before"]["running"] == 0.42
    assert result["cost"]["after"]["running"] == running
    assert clock.slept == []


def test_without_waiting_it_returns_as_soon_as_the_change_shows(api: Api, clock: FakeClock) -> None:
    api.expect_listing(up(1), stopping(2))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], stopping(1))
    result = stop(wait=False)
    assert changed(result) == [1]
    assert result["cost"]["after"]["running"] == 0.84
    assert clock.slept == pytest.approx([1.06])


def test_instances_on_their_way_are_waited_for_and_nothing_is_sent(api: Api, clock: FakeClock) -> None:
    api.expect_listing(loading(1), up(2), loading(3))
    expect_look(api, [1, 3], up(1), loading(3))
    expect_look(api, [3], up(3))
    assert changed(start()) == []
    assert clock.slept == pytest.approx([5.0, 5.0])


@pytest.mark.parametrize(
    ("select", "filters", "rows", "ids"),
    [
        ({"all": True}, {}, [up(1), up(2, label=None)], [1, 2]),
        ({"ids": [2, 1]}, {"id": {"in": [2, 1]}}, [up(1), up(2)], [1, 2]),
        ({"unlabelled": True}, {"label": {"in": ["", None]}}, [up(1, label=None), up(2, label="a")], [1]),
        ({"status": ["running"], **DEV}, {"actual_status": {"in": ["running"]}}, [up(1), up(2, label="x")], [1]),
        ({"status": ["offline"]}, {}, [up(1), up(2, actual_status="offline")], [2]),
        ({"gpu_name": ["RTX_4090"]}, {"gpu_name": {"in": ["RTX 4090"]}}, [up(1), up(2, gpu_name="H100")], [1]),
        ({"machine_id": [7]}, {}, [up(1, machine_id=7), up(2, machine_id=8)], [1]),
    ],
)
def test_selects_by_every_criterion(api: Api, select: Row, filters: Row, rows: list[Row], ids: list[int]) -> None:
    expect_pages(api, filters, rows)
    if any(row["id"] in ids and not row["label"] for row in rows):
        expect_endpoints(api)
    assert changed(succeed("vast_fleet", select=select, state="stopped", check_mode=True)) == ids


@pytest.mark.parametrize(
    ("exclude", "ids"),
    [
        ({"unlabelled": True}, [1, 2, 3]),
        ({"ids": [2]}, [1, 3]),
        ({"label": ["dev-1"]}, [2, 3]),
        ({"label_prefix": "dev-"}, []),
        ({"status": ["exited"]}, [1, 2]),
        ({"ids": [1], "gpu_name": ["H100"]}, [3]),
        ({"machine_id": [7], "label": ["dev-3"]}, [2]),
    ],
)
def test_leaves_alone_whatever_any_excluding_criterion_fits(api: Api, exclude: Row, ids: list[int]) -> None:
    api.expect_listing(up(1, machine_id=7), up(2, gpu_name="H100"), up(3, actual_status="exited"))
    result = succeed("vast_fleet", select=DEV, exclude=exclude, state="stopped", check_mode=True)
    assert changed(result) == ids
    assert [each["id"] for each in result["instances"]] == ids


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"select": None}, "select"),
        ({"select": {}}, "select needs at least one criterion, or all=true and none"),
        (
            {"select": {"ids": [], "label_prefix": "", "label": []}},
            "select.ids, select.label, select.label_prefix must not be empty",
        ),
        ({"select": {"ids": [], "label_prefix": "dev-"}}, "select.ids must not be empty"),
        ({"select": {"all": False}}, "select needs at least one criterion"),
        ({"select": {"all": True, "ids": [1]}}, "or all=true and none"),
        ({"select": {"everything": True}}, "everything"),
        ({"select": NULL}, "select must not be null"),
        ({"select": {"label": ""}}, "select.label must not be empty"),
        ({"select": {"label": ","}}, "select.label must not be empty"),
        ({"select": {"label": "dev-9,"}}, "select.label must not be empty"),
        ({"select": {"label_prefix": None}}, "select.label_prefix must not be null"),
        ({"select": {"all": True, "label": None}}, "select.label must not be null"),
        ({"select": {"all": None, "label": ["a"]}}, "select.all must not be null"),
        ({"select": {"label": ["a", None]}}, "select.label[1] must not be null"),
        ({"select": {"ids": [True]}}, "select.ids[0] must be a number, not true"),
        ({"select": {"unlabelled": True, **DEV}}, "select.unlabelled and select.label_prefix exclude each other"),
        ({"exclude": NULL}, "exclude must not be null"),
        ({"exclude": {}}, "exclude must not be empty; omit it instead"),
        ({"exclude": {"unlabelled": False}}, "exclude must not be empty; omit it instead"),
        ({"exclude": {"ids": []}}, "exclude.ids must not be empty"),
        ({"exclude": {"label": ""}}, "exclude.label must not be empty"),
        ({"exclude": {"label": ["a", ""]}}, "exclude.label must not be empty"),
        ({"exclude": {"label": None}}, "exclude.label must not be null"),
        ({"missing": NULL}, "missing must not be null"),
        ({"missing": "shrug"}, "missing must be one of: fail, warn, ignore"),
        ({"max_affected": NULL}, "max_affected must not be null"),
        ({"max_affected": True}, "max_affected must be a number, not true"),
        ({"max_affected": "1e999999999"}, "max_affected must be a finite number"),
        ({"batch": NULL}, "batch must not be null"),
        ({"select": {"ids": [0]}}, "select.ids must be a positive number, not 0"),
        ({"select": {"ids": ["dev-1"]}}, "ids"),
        ({"select": {"label": ["x" * 1025]}}, "at most 1024 characters"),
        ({"select": {"status": ["sleeping"]}}, "status"),
        ({"exclude": {"ids": [-4711]}}, "exclude.ids must be a positive number, not -4711"),
        ({"exclude": {"all": True}}, "all"),
        ({"state": None}, "state"),
        ({"state": "frozen"}, "state must be one of: running, stopped, restarted, recycled, absent"),
        ({"state": "absent"}, "state=absent needs max_affected"),
        ({"state": "restarted", "wait": False}, "state=restarted needs wait=true"),
        ({"state": "absent", "max_affected": 1, "batch": 2}, "batch needs state=recycled or state=restarted"),
        ({"max_affected": -1}, "max_affected must be 0 or more, not -1"),
        ({"max_affected": "few"}, "max_affected"),
        ({"batch": 2}, "batch needs state=recycled or state=restarted; state=stopped sends all at once"),
        ({"state": "recycled", "batch": -2}, "batch must be a positive number, not -2"),
        ({"state": "recycled", "wait": False}, "state=recycled needs wait=true"),
        ({"wait_timeout": 0}, "wait_timeout must be greater than 0"),
        ({"wait_interval": -1}, "wait_interval must be greater than 0"),
        ({"retry_timeout": -1}, "retry_timeout must not be negative"),
        ({"id": 4711}, "id"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: Row, says: str, check_mode: bool
) -> None:
    fail_as("vast_fleet", "invalid", says, check_mode=check_mode, **{"select": DEV, "state": "stopped", **options})


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("select", "exclude"),
    [
        ({"label_prefix": "dev-"}, {"label": ["dev-l"]}),
        ({"all": True}, {"ids": [11]}),
        ({"all": True}, {"machine_id": [5]}),
    ],
)
def test_what_is_excluded_and_not_found_fails_before_anything_is_sent(
    api: Api, select: Row, exclude: Row, check_mode: bool
) -> None:
    api.expect_listing(up(1), up(2))
    says = "or 'dev-1'?" if "label" in exclude else "Nothing was changed"
    fail_as("vast_fleet", "not_found", says, select=select, exclude=exclude, state="stopped", check_mode=check_mode)


def test_what_is_selected_and_not_found_fails_unless_told_otherwise(api: Api) -> None:
    for _run in range(3):
        api.expect_listing(off(1), id=[1, 9])
    select = {"ids": [1, 9]}
    fail_as("vast_fleet", "not_found", "There is no instance 9", select=select, state="stopped")
    (warning,) = succeed("vast_fleet", select=select, state="stopped", missing="warn").warnings
    assert warning.startswith("There is no instance 9")
    assert succeed("vast_fleet", select=select, state="stopped", missing="ignore").warnings == []


def test_a_result_tells_when_each_contract_ends(api: Api) -> None:
    api.expect_listing(off(1, end_date=1_790_000_000.0), off(2))
    assert [each["end_date"] for each in stop()["instances"]] == [1_790_000_000.0, None]


def test_50_of_5000_by_prefix_and_already_stopped_take_three_requests(api: Api) -> None:
    rows = [off(number) for number in range(1, 51)]
    labels = {f"prod-{number}": 1 for number in range(4950)} | {row["label"]: 1 for row in rows}
    page = [instance_row(number, label=f"prod-{number}") for number in range(25)]
    first = listing(*page, total_instances=5000, label_counts=labels, next_token="t")
    api.expect("GET", LIST, first, query=list_query({}))
    expect_pages(api, {"label": {"in": [row["label"] for row in rows]}}, rows)
    assert changed(stop(exclude={"label": ["prod-7", "dev-1"]})) == []
    assert len(api.calls) == 3


def test_without_a_key_nothing_is_sent(api: Api) -> None:
    failure("auth", "Set the option api_key or the environment variable VAST_API_KEY", state="stopped", api_key=None)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("state", ["stopped", "recycled"])
def test_more_than_max_affected_fail_before_anything_is_sent(api: Api, state: str, check_mode: bool) -> None:
    api.expect_listing(up(1), off(2), up(3))
    says = (f"2 instances would change but max_affected is 1, so nothing was sent: {name(1)}, {name(3)}.",)
    failure("invalid", *says, state=state, max_affected=1, check_mode=check_mode)


@pytest.mark.parametrize("limit", [0, 2])
def test_what_is_left_alone_does_not_count_for_max_affected(api: Api, limit: int) -> None:
    rows = [up(1), up(2)][:limit]
    api.expect_listing(*rows, off(3))
    assert changed(stop(max_affected=limit, check_mode=True)) == [1, 2][:limit]


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


@pytest.mark.parametrize("state", ["stopped", "running"])
@pytest.mark.parametrize("reply", [None, LOST])
def test_an_instance_that_vanishes_before_the_change_fails_and_the_others_go_on(
    api: Api, state: str, reply: t.Any
) -> None:
    before, after = (up, off) if state == "stopped" else (off, up)
    api.expect_listing(before(1), before(2), before(3))
    expect_bulk(api, state, [1, 2, 3], reply)
    expect_look(api, [1, 2, 3], after(1), after(3))
    # What may be queued is not given up for one listing that lacks it.
    for _poll in range(2 if state == "running" else 0):
        expect_look(api, [2])
    result = failure("not_found", f"1 of 3 instances failed. {name(2)} no longer exists", "Last seen", state=state)
    assert told(result) == {1: None, 2: "not_found", 3: None}
    assert result["instances"][1]["after"] == result["instances"][1]["before"]


def test_an_instance_that_vanishes_while_waiting_fails_and_the_others_go_on(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2])
    expect_look(api, [1, 2], stopping(1), stopping(2))
    expect_look(api, [1, 2], stopping(1))
    expect_look(api, [1], off(1))
    result = failure("not_found", f"{name(2)} no longer exists", state="stopped")
    assert told(result) == {1: None, 2: "not_found"}


def test_an_instance_whose_label_changes_meanwhile_is_followed_by_its_id(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2])
    expect_look(api, [1, 2], off(1), up(2, label="prod", intended_status="stopped"))
    expect_look(api, [2], off(2, label="prod"))
    result = stop()
    assert [each["label"] for each in result["instances"]] == ["dev-1", "prod"]
    assert result["actions"] == [f"stop {name(1)}", f"stop {name(2)}"]


def test_a_failure_of_an_instance_whose_label_changed_is_found_by_its_old_name(api: Api) -> None:
    api.expect_listing(up(1))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], up(1, label="prod", intended_status="stopped"))
    expect_look(api, [1])
    failure("not_found", f"{name(1)} no longer exists", state="stopped")


def expect_taken_for_three(api: Api) -> None:
    """Ten are started, and three find no GPU."""
    ids, taken = list(range(1, 11)), [3, 6, 9]
    api.expect_listing(*map(off, ids))
    expect_bulk(api, "running", ids, TAKEN)
    expect_look(api, ids, *[queued(number) if number in taken else started(number) for number in ids])
    expect_look(api, taken, *map(queued, taken))
    expect_look(api, taken, *map(queued, taken))


def test_a_gpu_that_is_taken_for_three_of_ten_fails_those_and_takes_them_back(api: Api) -> None:
    taken, others = [3, 6, 9], [1, 2, 4, 5, 7, 8, 10]
    expect_taken_for_three(api)
    for number in taken:
        expect_put(api, number, "running", TAKEN)
    expect_look(api, taken, *map(queued, taken))
    expect_look(api, others, *map(up, others))
    expect_bulk(api, "stopped", taken)
    expect_look(api, taken, *map(off, taken))
    result = failure("unavailable", "3 of 10 instances failed. ", *map(name, taken), state="running")
    assert changed(result) == others
    assert told(result) == {number: "unavailable" if number in taken else None for number in range(1, 11)}
    for number in taken:
        assert messages(result)[number].startswith(f"{name(number)} cannot start now because its GPU is taken. ")
        assert f"The queued start of {name(number)} was cancelled (state=stopped)" in messages(result)[number]
    assert {each["after"]["intended_status"] for each in result["instances"] if each["failed"]} == {"stopped"}
    assert (result["error"], result["status_code"]) == ("resources_unavailable", 200)
    assert result["url"] == "https://vast.test/api/v0/instances/3/"


def test_a_gpu_that_is_free_when_it_is_asked_for_alone_is_used(api: Api) -> None:
    everybody = list(range(1, 11))
    expect_taken_for_three(api)
    for number in (3, 6, 9):
        expect_put(api, number, "running")
    expect_look(api, [3, 6, 9], *map(started, (3, 6, 9)))
    expect_look(api, everybody, *map(up, everybody))
    assert changed(start()) == everybody


def test_a_queued_start_is_taken_back_without_waiting_too(api: Api) -> None:
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2], TAKEN)
    expect_look(api, [1, 2], started(1), off(2))
    expect_look(api, [2], off(2))
    expect_look(api, [2], off(2))
    expect_put(api, 2, "running", TAKEN)
    expect_look(api, [2], off(2))
    expect_bulk(api, "stopped", [2])
    expect_look(api, [2], off(2))
    result = failure("unavailable", "was cancelled", state="running", wait=False)
    assert changed(result) == [1]


def test_taking_back_a_start_that_was_queued_before_is_a_change(api: Api) -> None:
    api.expect_listing(queued(1))
    expect_bulk(api, "running", [1], TAKEN)
    expect_look(api, [1], queued(1))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], off(1))
    assert changed(failure("unavailable", "was cancelled", state="running")) == [1]


def expect_queued(api: Api) -> None:
    """One is started, and finds no GPU."""
    api.expect_listing(off(1))
    expect_bulk(api, "running", [1], TAKEN)
    expect_look(api, [1], queued(1))


def test_a_take_back_that_is_refused_is_told_once_with_what_to_do(api: Api) -> None:
    expect_queued(api)
    for _attempt in range(3):
        expect_bulk(api, "stopped", [1], {"success": False, "msg": "Not allowed"}, status=403)
        expect_look(api, [1], queued(1))
    result = failure(
        "unavailable",
        f"Cancelling the queued start of {name(1)} could NOT be confirmed: ",
        "Not allowed",
        "It may start and bill later. Run state=stopped on it until that succeeds.",
        state="running",
    )
    assert result["msg"].count("could NOT be confirmed") == 1
    assert changed(result) == [1]


@pytest.mark.parametrize("reply", [None, LOST])
def test_a_cancellation_that_does_not_show_is_repeated_and_then_told(api: Api, reply: t.Any) -> None:
    expect_queued(api)
    for _attempt in range(3):
        expect_put(api, 1, "stopped", reply)
        for _look in range(3):
            expect_look(api, [1], queued(1))
    result = failure("unavailable", "could NOT be confirmed", "bill later", state="running")
    assert result["instances"][0]["after"]["intended_status"] == "running"


def test_a_take_back_that_shows_only_when_it_is_sent_alone_is_confirmed(api: Api) -> None:
    expect_queued(api)
    expect_bulk(api, "stopped", [1])
    for _look in range(3):
        expect_look(api, [1], queued(1))
    expect_put(api, 1, "stopped")
    expect_look(api, [1], off(1))
    failure("unavailable", "was cancelled", state="running")


def test_a_start_is_taken_back_too_when_the_look_after_its_refusal_fails(api: Api) -> None:
    api.expect_listing(off(1))
    expect_bulk(api, "running", [1], TAKEN)
    api.expect("GET", LIST, {"msg": "boom"}, status=500, query=list_query({"id": {"eq": 1}}))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], off(1))
    failure("unavailable", "state change queued", "boom", "was cancelled", state="running")


def test_an_instance_that_goes_while_its_start_is_refused_is_not_written_to(api: Api) -> None:
    api.expect_listing(off(1))
    expect_bulk(api, "running", [1], TAKEN)
    for _poll in range(3):
        expect_look(api, [1])
    failure("not_found", f"{name(1)} no longer exists", state="running")


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


def page(number: int, **fields: t.Any) -> Row:
    """One of four pages of two."""
    token = f"t{number}" if number < 4 else None
    return listing(up(2 * number - 1), up(2 * number), **{"total_instances": 8, "next_token": token, **fields})


def expect_page(api: Api, number: int, reply: t.Any, **more: t.Any) -> None:
    after = {} if number == 1 else {"after_token": f"t{number - 1}"}
    api.expect("GET", LIST, reply, query=list_query({}, **after), **more)


@pytest.mark.parametrize("state", ["stopped", "running", "restarted", "recycled", "absent"])
@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        pytest.param(
            404, {"error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong", id="bad key"
        ),
        pytest.param(500, {"msg": "boom"}, "server", "boom", id="fails"),
        pytest.param(
            400, {"success": False, "error": "invalid_token", "msg": "bad token"}, "invalid", "bad token", id="refused"
        ),
        pytest.param(200, page(1), "protocol", "page 2 lists instance 1 a second time", id="repeats"),
        pytest.param(
            200, page(2, next_token="t1"), "protocol", "page 2 does not name a new page", id="repeats its token"
        ),
        pytest.param(200, page(2, next_token=None), "protocol", "announces 8 instances and shows 4", id="ends early"),
        pytest.param(200, {"success": True}, "protocol", "page 2 has no list of instances", id="malformed"),
        pytest.param(200, b"<html>", "protocol", "an HTML page", id="html"),
        pytest.param(200, listing({"label": "dev-3"}), "protocol", "page 2 has a row without an id", id="no id"),
    ],
)
def test_nothing_is_sent_when_page_2_of_4_is_wrong(
    api: Api, status: int, reply: t.Any, error_class: str, says: str, check_mode: bool, state: str
) -> None:
    expect_page(api, 1, page(1))
    expect_page(api, 2, reply, status=status)
    result = failure(error_class, says, state=state, max_affected=99, check_mode=check_mode)
    assert "instances" not in result.values


def test_a_rate_limit_in_the_middle_of_the_listing_is_waited_out(api: Api, clock: FakeClock) -> None:
    expect_page(api, 1, page(1))
    expect_page(api, 2, "too frequent endpoint threshold=3.0", status=429)
    for number in (2, 3, 4):
        expect_page(api, number, page(number))
    assert changed(stop(check_mode=True)) == list(range(1, 9))
    assert sum(clock.slept) >= 3.0 + 2 * 3.0


STRANGE = [None, "", "grün / 1", "{{ lookup('env', 'HOME') }}", "a b", "日本", 'it\'s "x"']


def test_labels_of_every_kind_are_returned_as_they_are(api: Api) -> None:
    ids = list(range(1, len(STRANGE) + 1))
    api.expect_listing(*[up(number, label=label) for number, label in zip(ids, STRANGE, strict=True)])
    expect_endpoints(api)
    expect_bulk(api, "stopped", ids)
    expect_look(api, ids, *[off(number, label=label) for number, label in zip(ids, STRANGE, strict=True)])
    result = succeed("vast_fleet", select={"all": True}, state="stopped")
    assert [each["label"] for each in result["instances"]] == [label or None for label in STRANGE]
    assert result["actions"][:3] == ["stop instance 1", "stop instance 2", "stop instance 3 (grün / 1)"]
    assert "instance 4 ({{ lookup('env', 'HOME') }})" in result["diff"]["before"]


@pytest.mark.parametrize("label", [label for label in STRANGE if label])
def test_a_label_of_any_kind_selects_and_excludes(api: Api, label: str) -> None:
    api.expect_listing(up(1, label=label), label=[label])
    result = succeed("vast_fleet", select={"label": [label]}, state="stopped", check_mode=True)
    assert changed(result) == [1]
    api.expect_listing(up(1, label=label), up(2))
    exclude = {"label": [label]}
    result = succeed("vast_fleet", select={"all": True}, exclude=exclude, state="stopped", check_mode=True)
    assert changed(result) == [2]


def test_a_status_of_tomorrow_is_waited_on_and_warned_of_once(api: Api) -> None:
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2])
    thawing = [up(number, actual_status="Thawing") for number in (1, 2)]
    expect_look(api, [1, 2], *thawing)
    expect_look(api, [1, 2], *thawing)
    expect_look(api, [1, 2], up(1), up(2))
    (warning,) = start().warnings
    assert "a status that this collection does not know; kept waiting: 'thawing'." in warning


def test_a_status_of_tomorrow_is_warned_of_once_over_all_batches(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    for number in (1, 2):
        if number == 2:
            expect_look(api, [2], up(2))
        expect_recycle(api, number)
        expect_look(api, [number], up(number, actual_status="thawing"))
        expect_look(api, [number], renewed(number))
    (warning,) = recycle().warnings
    assert "thawing" in warning


SHOWN = {"intended_status": {"eq": "stopped"}}
NOT_SHOWN = {"intended_status": {"neq": "stopped"}}
THERE = {**SHOWN, "cur_state": {"eq": "stopped"}, "next_state": {"eq": "stopped"}, "actual_status": {"eq": "exited"}}
NOT_THERE = {"cur_state": {"neq": "stopped"}}


def expect_count(api: Api, ids: list[int], filters: Row, total: t.Any, **more: t.Any) -> None:
    """Declare the question how many match."""
    query = {"select_filters": {"id": {"in": ids}, **filters}, "limit": 1}
    api.expect("GET", LIST, listing(total_instances=total), query=query, **more)


def expect_counts(api: Api, ids: list[int], filters: Row) -> None:
    """Declare that all of them match, in as many questions as addresses hold."""
    for first in range(0, len(ids), IDS_AT_ONCE):
        some = ids[first : first + IDS_AT_ONCE]
        expect_count(api, some, filters, len(some))


@pytest.mark.parametrize(("count", "pages", "questions"), [(26, 2, 1), (200, 8, 1), (201, 9, 2), (500, 20, 3)])
def test_stopping_many_costs_their_listing_their_changes_and_a_few_questions(
    api: Api, count: int, pages: int, questions: int
) -> None:
    ids = list(range(1, count + 1))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_counts(api, ids, SHOWN)
    expect_counts(api, ids, THERE)
    result = stop()
    assert changed(result) == ids
    assert {tuple(each["after"].values()) for each in result["instances"]} == {("exited", "stopped", "stopped")}
    assert len(api.calls) == pages + -(-count // IDS_IN_A_CHANGE) + 2 * questions


def test_stopping_as_many_as_a_page_holds_reads_their_rows(api: Api) -> None:
    ids = list(range(1, 26))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_looks_at_all(api, list(map(stopping, ids)))
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


def expect_30(api: Api) -> list[int]:
    """Thirty that are told to stop, and show it."""
    ids = list(range(1, 31))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    return ids


def test_of_many_only_those_that_are_not_there_yet_are_read(api: Api) -> None:
    ids = expect_30(api)
    expect_count(api, ids, SHOWN, 28)
    expect_count(api, ids, NOT_SHOWN, 2)
    expect_pages(api, {"id": {"in": ids}, **NOT_SHOWN}, [up(3), up(4)])
    expect_look(api, [3, 4], stopping(3), stopping(4))
    expect_count(api, ids, THERE, 29)
    expect_count(api, ids, NOT_THERE, 1)
    expect_pages(api, {"id": {"in": ids}, **NOT_THERE}, [stopping(30)])
    expect_look(api, [30], off(30))
    assert changed(stop()) == ids


def test_of_too_many_that_are_not_there_yet_only_the_number_is_asked_for(api: Api) -> None:
    ids = list(range(1, 61))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_counts(api, ids, SHOWN)
    for _poll in range(2):
        expect_count(api, ids, THERE, 0)
        expect_count(api, ids, NOT_THERE, 60)
    expect_counts(api, ids, THERE)
    assert changed(stop()) == ids


def test_now_and_then_all_rows_are_read_since_one_may_never_get_there(api: Api) -> None:
    ids = list(range(1, 61))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_counts(api, ids, SHOWN)
    expect_count(api, ids, THERE, 0)
    expect_count(api, ids, NOT_THERE, 60)
    expect_looks_at_all(api, [*map(off, ids[:-1]), up(60, intended_status="running")])
    result = failure("unavailable", "it was set to running by someone else", state="stopped", wait_interval=40)
    assert told(result)[60] == "unavailable"


@pytest.mark.parametrize(("shown", "other"), [(28, 1), (31, 0), (-1, 0), (None, 0), ("30", 0), (28, 3)])
def test_numbers_that_do_not_add_up_are_not_believed(api: Api, shown: t.Any, other: int) -> None:
    ids = expect_30(api)
    expect_count(api, ids, SHOWN, shown)
    expect_count(api, ids, NOT_SHOWN, other)
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


def test_rows_that_do_not_fit_their_number_are_not_believed(api: Api) -> None:
    ids = expect_30(api)
    expect_count(api, ids, SHOWN, 28)
    expect_count(api, ids, NOT_SHOWN, 2)
    expect_pages(api, {"id": {"in": ids}, **NOT_SHOWN}, [up(3), up(99)])
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


def test_where_the_api_does_not_filter_by_a_column_the_complete_listing_decides(api: Api) -> None:
    ids = expect_30(api)
    refused = {"success": False, "error": "invalid_request", "msg": "intended_status is not a valid search key"}
    query = {"select_filters": {"id": {"in": ids}, **SHOWN}, "limit": 1}
    api.expect("GET", LIST, refused, status=400, query=query)
    expect_looks_at_all(api, list(map(stopping, ids)))
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


@pytest.mark.parametrize(("count", "pages"), [(26, 2), (500, 20)])
def test_the_second_run_costs_the_listing_at_the_pace_of_the_api_and_no_write(
    api: Api, clock: FakeClock, count: int, pages: int
) -> None:
    expect_pages(api, {}, list(map(off, range(1, count + 1))))
    assert changed(stop()) == []
    assert {method for method, _url in api.calls} == {"GET"}
    assert len(api.calls) == pages
    assert sum(clock.slept) == pytest.approx(1.05 * (pages - 1))


def test_a_bulk_change_of_many_that_shows_late_is_not_sent_again(api: Api) -> None:
    ids = list(range(1, 501))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    for first in range(0, 500, IDS_AT_ONCE):
        some = ids[first : first + IDS_AT_ONCE]
        expect_count(api, some, SHOWN, 0)
        expect_count(api, some, NOT_SHOWN, len(some))
    expect_counts(api, ids, SHOWN)
    expect_counts(api, ids, THERE)
    assert changed(stop()) == ids
    assert sum(method == "PUT" for method, _url in api.calls) == 8


def test_500_chosen_by_id_are_not_written_into_one_address(api: Api) -> None:
    ids = list(range(1, 501))
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop(select={"ids": ids})) == []


def test_recycles_one_after_the_other_each_only_when_the_last_one_runs(api: Api, clock: FakeClock) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1)
    expect_look(api, [1], recycling(1))
    expect_look(api, [1], loading(1))
    expect_look(api, [1], renewed(1))
    expect_look(api, [2], up(2))
    expect_recycle(api, 2)
    expect_look(api, [2], renewed(2))
    result = recycle()
    assert changed(result) == [1, 2]
    assert [action.partition(":")[0] for action in result["actions"]] == [f"recycle {name(1)}", f"recycle {name(2)}"]
    assert all("its file system is lost" in action for action in result["actions"])
    assert messages(result) == {1: "", 2: ""}
    assert clock.slept == pytest.approx([1.06, 5.0, 5.0, 1.05, 1.06])


@pytest.mark.parametrize(
    "now",
    [up(2, label="alice-keep"), off(2), stopping(2), up(2)],
    ids=["labelled", "stopped", "being stopped", "healed"],
)
def test_what_somebody_changed_before_its_turn_is_not_recycled(api: Api, now: Row) -> None:
    healed = now["label"] == "dev-2" and now["intended_status"] == "running"
    api.expect_listing(up(1), up(2, actual_status="unknown") if healed else up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    expect_look(api, [2], now)
    says = f"{name(2)} was changed by someone else before its turn, so it was not recycled; nothing was sent to it"
    result = failure("unavailable", says, state="recycled")
    assert changed(result) == [1]
    assert messages(result)[3] == f"Skipped: {name(2)} failed."


def test_a_signal_between_two_batches_says_what_was_done_and_sends_nothing_more(
    api: Api, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    sleep = clock.sleep

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        # The listing has to wait for its turn after that of the batch before.
        if len(clock.slept) == 2:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(clock, "sleep", interrupted)
    api.expect_listing(up(1), up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    says = f"Interrupted by SIGTERM: {name(2)} was not finished; nothing had been sent to it."
    result = failure("timeout", says, state="recycled")
    assert changed(result) == [1]
    assert messages(result)[3] == f"Skipped: {name(2)} failed."


def test_one_that_is_gone_before_its_turn_is_told_and_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    expect_look(api, [2])
    result = failure("not_found", f"{name(2)} no longer exists", state="recycled")
    assert messages(result)[3] == f"Skipped: {name(2)} failed."


def test_a_batch_is_recycled_together_and_polled_together(api: Api) -> None:
    api.expect_listing(up(1), off(2), up(3), up(4))
    expect_recycle(api, 1)
    expect_recycle(api, 3)
    expect_look(api, [1, 3], recycling(1), renewed(3))
    expect_look(api, [1], renewed(1))
    expect_look(api, [4], up(4))
    expect_recycle(api, 4)
    expect_look(api, [4], renewed(4))
    assert changed(recycle(batch=2)) == [1, 3, 4]


def test_a_recycle_without_a_sign_is_no_success_and_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1)
    for _poll in range(10 + 2):
        expect_look(api, [1], up(1))
    result = failure("unknown_outcome", f"{name(1)} still shows", "no sign", state="recycled", wait_interval=40)
    assert messages(result)[2] == f"Skipped: {name(1)} failed."


REFUSED = {"success": False, "error": "invalid_id", "msg": "Invalid instance id."}


def test_a_recycle_that_is_refused_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    expect_look(api, [2], up(2))
    expect_recycle(api, 2, REFUSED, status=400)
    expect_look(api, [2], up(2))
    result = failure("not_found", f"1 of 3 instances failed. {name(2)}: ", "Invalid instance id", state="recycled")
    assert told(result) == {1: None, 2: "not_found", 3: None}
    assert changed(result) == [1]
    assert messages(result)[3] == f"Skipped: {name(2)} failed."
    assert result["instances"][2]["action"] is not None


@pytest.mark.parametrize("refused", [1, 2])
def test_a_refusal_within_a_batch_stops_its_rest_and_those_sent_are_waited_for(api: Api, refused: int) -> None:
    api.expect_listing(up(1), up(2), up(3), up(4))
    if refused == 2:
        expect_recycle(api, 1)
    expect_recycle(api, refused, REFUSED, status=400)
    expect_look(api, list(range(1, refused + 1)), *([renewed(1)] if refused == 2 else []), up(refused))
    result = failure("not_found", state="recycled", batch=3)
    assert changed(result) == [1] * (refused - 1)
    untouched = [number for number, msg in messages(result).items() if "Skipped: " in msg]
    assert untouched == list(range(refused + 1, 5))


@pytest.mark.parametrize(
    ("looks", "error_class", "says"),
    [
        ([[up(1, actual_status="exited")]] * 3, "unavailable", "its container exited on its own"),
        ([[]], "not_found", "no longer exists"),
        ([[loading(1)]] * 5, "timeout", "was not running within wait_timeout (1200 s)"),
    ],
)
def test_one_that_does_not_come_back_stops_the_rest(
    api: Api, looks: list[list[Row]], error_class: str, says: str
) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1)
    for rows in looks:
        expect_look(api, [1], *rows)
    options = {"wait_interval": 350, "wait_timeout": 1200}
    result = failure(error_class, f"{name(1)} ", says, state="recycled", **options)
    assert told(result) == {1: error_class, 2: None}
    assert changed(result) == [1]
    assert messages(result)[2] == f"Skipped: {name(1)} failed."


@pytest.mark.parametrize("sign", [recycling(1), renewed(1)])
def test_a_lost_recycle_with_a_sign_counts_and_is_not_sent_again(api: Api, sign: Row) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1, LOST)
    expect_look(api, [1], up(1))
    expect_look(api, [1], sign)
    if sign["actual_status"] == "recycling":
        expect_look(api, [1], renewed(1))
    expect_look(api, [2], up(2))
    expect_recycle(api, 2)
    expect_look(api, [2], renewed(2))
    result = recycle()
    assert changed(result) == [1, 2]
    assert told(result) == {1: None, 2: None}


def test_a_lost_recycle_without_a_sign_is_not_sent_again_and_stops_the_rest(api: Api, clock: FakeClock) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1, LOST)
    for _look in range(10):
        expect_look(api, [1], up(1))
    result = failure(
        "unknown_outcome",
        "It may have been carried out",
        f"{name(1)} still does not report container=new; nothing was sent again.",
        state="recycled",
    )
    assert told(result) == {1: "unknown_outcome", 2: None}
    assert "Skipped: " in messages(result)[2]
    assert sum(clock.slept) == pytest.approx(20.0, abs=0.1)


def test_a_lost_recycle_that_cannot_be_looked_at_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1, LOST)
    api.expect("GET", LIST, {"msg": "boom"}, status=500, query=list_query({"id": {"eq": 1}}))
    result = failure("server", "boom", f"{name(1)} could not be polled", state="recycled")
    assert changed(result) == [1]


def test_those_without_a_gpu_are_left_alone_and_told_why(api: Api) -> None:
    api.expect_listing(off(1), queued(2), stopping(3), up(4))
    expect_recycle(api, 4)
    expect_look(api, [4], renewed(4))
    result = recycle()
    assert changed(result) == [4]
    notes = messages(result)
    assert f"Skipped: {name(1)} is stopped; " in notes[1]
    assert f"Skipped: {name(2)} is waiting for its GPU; " in notes[2]
    assert f"Skipped: {name(3)} is being stopped; " in notes[3]


def test_one_that_is_under_way_is_not_sent_again_and_waited_for_before_the_next(api: Api) -> None:
    api.expect_listing(up(1), recycling(2), loading(3))
    expect_look(api, [2, 3], renewed(2), loading(3))
    expect_look(api, [3], up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    result = recycle()
    assert changed(result) == [1]
    assert messages(result)[2] == f"{name(2)} is being recycled already."


def test_one_that_is_under_way_and_does_not_come_back_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), recycling(2))
    expect_look(api, [2], recycling(2))
    expect_look(api, [2], recycling(2))
    result = failure("timeout", f"{name(2)} was not running", state="recycled", wait_timeout=10)
    assert told(result) == {1: None, 2: "timeout"}
    assert messages(result)[1] == f"Skipped: {name(2)} failed."
    assert changed(result) == []


def test_a_recycle_refused_for_its_pace_is_sent_again_since_it_was_not_carried_out(api: Api) -> None:
    api.expect_listing(up(1))
    expect_recycle(api, 1, "API requests too frequent", status=429)
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    assert changed(recycle()) == [1]
