# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet: which instances it chooses, one request and one shared poll for all, check mode, what is refused."""

from __future__ import annotations

import pytest

from ..harness import NULL, Api, FakeClock, fail_as, instance_row, list_query, listing, succeed
from .fleets import (
    DEV,
    LIST,
    Row,
    changed,
    expect_bulk,
    expect_endpoints,
    expect_look,
    expect_pages,
    expect_put,
    failure,
    loading,
    name,
    off,
    queued,
    start,
    started,
    stop,
    stopping,
    told,
    up,
)


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
