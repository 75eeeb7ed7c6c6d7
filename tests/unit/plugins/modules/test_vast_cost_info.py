# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_cost_info against declared calls."""

from __future__ import annotations

import types
import typing as t

import pytest

from ..harness import NULL, Api, FakeClock, Result, fail_as, instance_row, list_query, stopped_row, succeed

NOW = 1_000_000
DAY = 86400
NOTHING: t.Mapping[str, t.Any] = types.MappingProxyType({})
DENIED = {"success": False, "error": "forbidden", "msg": "Your key lacks the api.x access"}


def volume_row(volume_id: int = 900, **fields: t.Any) -> dict[str, t.Any]:
    """A volume as the API lists it."""
    return {
        "id": volume_id,
        "label": "models",
        "status": "in-use",
        "instances": [4711],
        "machine_id": 501,
        "storage_total_cost": 0.02,
        "start_date": NOW - 5 * DAY,
        **fields,
    }


def account(
    api: Api,
    *rows: dict[str, t.Any],
    workers: dict[int, list[int]] | None = None,
    volumes: t.Sequence[dict[str, t.Any]] = (),
    rate: t.Any = None,
    credit: t.Any = 42.0,
    pending: t.Sequence[int] = (),
    charged: t.Mapping[str, t.Any] | None = NOTHING,
    older: tuple[int, dict[str, t.Any]] | None = None,
    since: int = NOW - 7 * DAY,
) -> None:
    """Declare everything that the module asks for, in order; without `charged` the charges are left to the test."""
    api.expect_listing(*rows)
    found = workers or {}
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [{"id": number} for number in found]})
    for number, ids in found.items():
        api.expect("POST", "/get_endpoint_workers/", [{"id": each} for each in ids], body={"id": number})
    api.expect("GET", "/api/v0/volumes/", {"volumes": list(volumes)}, query={"owner": "me", "type": "all_volume"})
    if rate is not None:
        api.expect("GET", "/api/v0/users/spend-rate/", {"volume_storage_cost_per_hour": rate})
    api.expect("GET", "/api/v0/users/current/", {"credit": credit, "balance": 0.0, "api_key": "SECRET-x"})
    increases = [{"pending_price_increase_id": 1, "contract_id": each} for each in pending]
    reply = {"success": True, "count": 0, "truncated": False, "pending_price_increases": increases}
    api.expect("GET", "/api/v0/instances/pending-price-increases/", reply)
    if charged is not None:
        expect_charges(api, since, charged)
    if older:
        expect_charges(api, *older)


def expect_charges(api: Api, since: int, charged: t.Mapping[str, t.Any], **more: t.Any) -> None:
    """Declare a page of charges."""
    rows = [{"source": source, "amount": amount} for source, amount in charged.items()]
    query = {"select_filters": {"day": {"gte": since, "lte": NOW}}, "limit": 500}
    reply = {"success": True, "count": len(rows), "total": len(rows), "results": rows, "next_token": None, **more}
    api.expect("GET", "/api/v0/charges/", reply, query=query)


def per_hour(result: Result) -> dict[str, t.Any]:
    """The burn by part."""
    return {part: periods["per_hour"] for part, periods in result["burn"].items()}


def remarks(result: Result) -> dict[int, list[str]]:
    """Why each item is worth a look."""
    return {item["id"]: item["remarks"] for item in result["entries"]}


def test_everything_that_bills_is_added_up_by_part(api: Api) -> None:
    rows = [instance_row(1), stopped_row(2), instance_row(3, label=None), instance_row(4, cur_state="unloaded")]
    account(api, *rows, workers={77: [3]}, volumes=[volume_row()])
    result = succeed("vast_cost_info")
    assert per_hour(result) == {"running": 0.42, "stopped_disk": 0.01, "volumes": 0.02, "workers": 0.42, "total": 0.87}
    assert result["burn"]["total"] == {"per_hour": 0.87, "per_day": 20.88, "per_30_days": 626.4}
    assert [(item["kind"], item["id"], item["part"]) for item in result["entries"]] == [
        ("instance", 1, "running"),
        ("worker", 3, "workers"),
        ("volume", 900, "volumes"),
        ("instance", 2, "stopped_disk"),
    ]
    assert [item["worker_of"] for item in result["entries"]] == [None, 77, None, None]
    assert (result["changed"], result["over_limit"], result["reasons"], result.warnings) == (False, False, [], [])
    assert result["account"]["hours_left"] == round(42 / 0.87, 2)
    assert "SECRET" not in result.text


def test_check_mode_looks_all_the_same(api: Api) -> None:
    account(api, instance_row(1))
    assert per_hour(succeed("vast_cost_info", check_mode=True))["total"] == 0.42


def test_an_empty_account_burns_nothing_and_its_credit_lasts(api: Api) -> None:
    account(api)
    result = succeed("vast_cost_info", limits={"hours_left": 1000})
    assert per_hour(result)["total"] == 0
    assert (result["account"]["hours_left"], result["over_limit"]) == (None, False)


@pytest.mark.parametrize("status", ["loading", "created", None])
def test_what_loads_pays_its_disk(api: Api, status: str | None) -> None:
    account(api, instance_row(1, actual_status=status))
    result = succeed("vast_cost_info")
    assert per_hour(result)["running"] == 0.01
    assert (result["entries"][0]["pays"], remarks(result)[1]) == ("disk", ["loading"])


@pytest.mark.parametrize("row", [instance_row, stopped_row])
def test_what_is_offline_pays_nothing(api: Api, row: t.Any) -> None:
    account(api, row(1, actual_status="offline"))
    result = succeed("vast_cost_info")
    assert per_hour(result)["total"] == 0
    assert result["entries"][0]["pays"] == "nothing"
    assert "offline" in remarks(result)[1]


def test_a_stopped_disk_without_a_price_is_worked_out_by_its_size(api: Api) -> None:
    account(api, stopped_row(1, storage_total_cost=None, storage_cost=0.144, disk_space=100.0))
    assert per_hour(succeed("vast_cost_info"))["stopped_disk"] == 0.02


@pytest.mark.parametrize(
    "row",
    [
        instance_row(1, dph_total=None),
        instance_row(1, dph_total="0.4"),
        instance_row(1, dph_total=-1.0),
        instance_row(1, dph_total=True),
        instance_row(1, cur_state="melting"),
        stopped_row(1, storage_total_cost="much"),
        stopped_row(1, storage_total_cost=None, storage_cost=0.1, disk_space="big"),
    ],
)
def test_a_price_that_is_none_makes_the_sum_unknown_and_exceeds_every_limit(api: Api, row: dict[str, t.Any]) -> None:
    account(api, row, instance_row(2))
    result = succeed("vast_cost_info", limits={"per_hour": 1000, "hours_left": 1, "per_instance": 1000})
    assert per_hour(result)["total"] is None
    assert result["account"]["hours_left"] is None
    assert [reason.split(":")[0] for reason in result["reasons"]] == ["per_hour", "hours_left", "per_instance"]
    assert result["entries"][0]["id"] == 1
    assert "price not known" in remarks(result)[1]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999", b'"0.1"'])
def test_numbers_that_are_none_in_the_reply_itself(api: Api, number: bytes) -> None:
    row = (
        b'{"id": 1, "cur_state": "running", "actual_status": "running", "intended_status": "running", '
        b'"label": "a", "dph_total": ' + number + b"}"
    )
    page = b'{"success": true, "total_instances": 1, "next_token": null, "instances": [' + row + b"]}"
    api.expect("GET", "/api/v1/instances/", page, query=list_query({}))
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": []})
    api.expect("GET", "/api/v0/volumes/", {"volumes": []}, query={"owner": "me", "type": "all_volume"})
    api.expect("GET", "/api/v0/users/current/", {"credit": 5.0})
    api.expect("GET", "/api/v0/instances/pending-price-increases/", {"pending_price_increases": [], "truncated": False})
    expect_charges(api, NOW - 7 * DAY, {})
    assert succeed("vast_cost_info", limits={"per_hour": 5})["over_limit"] is True


def test_a_credit_that_is_not_known_breaches_the_hours_left(api: Api) -> None:
    account(api, credit="plenty")
    (reason,) = succeed("vast_cost_info", limits={"hours_left": 1})["reasons"]
    assert reason == "hours_left: the credit is not known, it has to last 1 h"


def test_limits_that_are_exceeded_are_told_and_fail_only_on_demand(api: Api) -> None:
    account(api, instance_row(1), instance_row(2, dph_total=3.0), credit=7.0)
    limits = {"per_hour": 3, "hours_left": 48, "per_instance": 1}
    reasons = [
        "per_hour: everything costs 3.42 $/h, the limit is 3 $/h",
        "hours_left: the credit lasts 2.05 h, it has to last 48 h",
        "per_instance: instance 2 (train-01) costs 3 $/h, the limit is 1 $/h",
    ]
    assert succeed("vast_cost_info", limits=limits)["reasons"] == reasons
    account(api, instance_row(1), instance_row(2, dph_total=3.0), credit=7.0)
    result = fail_as("vast_cost_info", "budget", reasons[0], limits=limits, fail_over_limit=True)
    assert (result["over_limit"], result["reasons"], result["total_entries"]) == (True, reasons, 2)


def test_a_limit_that_is_met_exactly_is_not_exceeded(api: Api) -> None:
    account(api, instance_row(1), credit=0.84)
    limits = {"per_hour": 0.42, "hours_left": 2, "per_instance": 0.42}
    assert succeed("vast_cost_info", limits=limits, fail_over_limit=True)["over_limit"] is False


def test_no_more_than_twenty_reasons_are_told(api: Api) -> None:
    account(api, *[instance_row(number) for number in range(1, 25)])
    reasons = succeed("vast_cost_info", limits={"per_instance": 0.1})["reasons"]
    assert (len(reasons), reasons[-1]) == (21, "... and 4 more")


def test_a_debt_leaves_no_hours(api: Api) -> None:
    account(api, instance_row(1), credit=-3.0)
    assert succeed("vast_cost_info")["account"]["hours_left"] == 0


def test_groups_with_what_has_no_value_among_them(api: Api) -> None:
    rows = [
        instance_row(1, label="dev-a", country_code="NO", machine_id=5),
        stopped_row(2, label="dev-b"),
        instance_row(3, label=None),
    ]
    account(api, *rows, workers={77: [3]}, volumes=[volume_row(label=None, machine_id=None)])
    by = ["label_prefix", "status", "endpoint", "country", "machine", "gpu_name", "label"]
    groups = succeed("vast_cost_info", group_by=by)["groups"]
    assert [*groups] == by
    assert [(row["value"], row["count"], row["per_hour"]) for row in groups["label_prefix"]] == [
        (None, 2, 0.44),
        ("dev", 2, 0.43),
    ]
    assert {row["value"]: row["count"] for row in groups["status"]} == {"running": 2, "exited": 1, "in-use": 1}
    assert {row["value"]: row["count"] for row in groups["endpoint"]} == {"77": 1, None: 3}
    assert {row["value"]: row["count"] for row in groups["machine"]} == {"5": 1, None: 3}
    assert groups["gpu_name"][0]["value"] == "RTX 4090"


def test_another_separator(api: Api) -> None:
    account(api, instance_row(1, label="dev-a/x"), instance_row(2, label="dev-a/y"))
    groups = succeed("vast_cost_info", group_by=["label_prefix"], separator="/")["groups"]
    assert [(row["value"], row["count"]) for row in groups["label_prefix"]] == [("dev-a", 2)]


def test_why_things_are_worth_a_look(api: Api) -> None:
    rows = [
        instance_row(1, gpu_util=0.0),
        instance_row(2, gpu_util=80.0, end_date=NOW + 5.5 * 3600),
        stopped_row(3, label=None, end_date=NOW - 1),
        stopped_row(4, is_bid=True, min_bid=0.5, dph_base=0.3),
        stopped_row(5, is_bid=True, min_bid=0.2, dph_base=0.3),
        stopped_row(6, next_state="running"),
        instance_row(7, actual_status="unknown"),
        instance_row(8, label=None),
    ]
    account(api, *rows, workers={77: [8]}, volumes=[volume_row(instances=[])], pending=[2])
    assert remarks(succeed("vast_cost_info")) == {
        1: ["idle"],
        2: ["contract ends in 5 hours", "price increase pending"],
        3: ["stopped", "contract has ended", "no label"],
        4: ["outbid"],
        5: ["stopped"],
        6: ["start queued"],
        7: ["host does not answer"],
        8: [],
        900: ["not attached"],
    }


def test_since_when_it_is_stopped_is_what_the_reaper_has_seen(api: Api, clock: FakeClock) -> None:
    rule = {"name": "a", "stopped_for": "9d", "action": "report"}
    api.expect_listing(stopped_row(1))
    succeed("vast_reaper", select={"all": True}, rules=[rule])
    clock.seconds += 3.2 * DAY
    api.expect_listing(stopped_row(1), instance_row(2))
    for path in ("/api/v0/endptjobs/", "/api/v0/volumes/", "/api/v0/users/current/"):
        api.expect_any("GET", path, {"results": [], "volumes": [], "credit": 1.0})
    api.expect_any("GET", "/api/v0/instances/pending-price-increases/", {"pending_price_increases": []})
    api.expect_any("GET", "/api/v0/charges/", {"results": []})
    assert remarks(succeed("vast_cost_info")) == {1: ["stopped for 3 days"], 2: []}


def test_only_the_most_expensive_are_returned(api: Api) -> None:
    account(api, instance_row(1), instance_row(2, dph_total=2.0))
    result = succeed("vast_cost_info", top=1)
    assert ([item["id"] for item in result["entries"]], result["total_entries"]) == ([2], 2)
    assert per_hour(result)["total"] == 2.42


def test_what_was_charged_in_the_window_and_over_each_life(api: Api) -> None:
    rows = [instance_row(1, start_date=NOW - DAY), instance_row(2, start_date=NOW - 20 * DAY), instance_row(3)]
    charged = {"instance-1": 1.5, "instance-2": 4.0, "instance-9": 0.5}
    older = (NOW - 20 * DAY - 1, {"instance-1": 1.5, "instance-2": 11.0})
    account(api, *rows, charged=charged, older=older)
    result = succeed("vast_cost_info")
    assert result["account"] == {
        "credit": 42.0,
        "balance": 0.0,
        "hours_left": 33.33,
        "spent": 6.0,
        "since": NOW - 7 * DAY,
    }
    assert {item["id"]: item["cost_so_far"] for item in result["entries"]} == {1: 1.5, 2: 11.0, 3: None}


def test_charges_are_not_looked_for_further_back_than_a_year(api: Api) -> None:
    account(api, instance_row(1, start_date=NOW - 400 * DAY), charged={"instance-1": 4.0})
    assert succeed("vast_cost_info")["entries"][0]["cost_so_far"] is None


def test_another_window(api: Api) -> None:
    account(api, since=NOW - DAY // 2)
    assert succeed("vast_cost_info", since="12h")["account"]["since"] == NOW - DAY // 2


def test_charges_come_in_pages(api: Api) -> None:
    account(api, charged=None)
    expect_charges(api, NOW - 7 * DAY, {"instance-1": 1.0}, total=2, next_token="p2")
    rows = [{"source": "instance-1", "amount": 0.5}]
    query = {"select_filters": {"day": {"gte": NOW - 7 * DAY, "lte": NOW}}, "limit": 500, "after_token": "p2"}
    api.expect("GET", "/api/v0/charges/", {"total": 2, "results": rows, "next_token": None}, query=query)
    assert succeed("vast_cost_info")["account"]["spent"] == 1.5


def test_a_volume_without_a_price_takes_the_sum_of_the_api(api: Api) -> None:
    account(api, volumes=[volume_row(1, storage_total_cost=None), volume_row(2)], rate=0.05)
    result = succeed("vast_cost_info")
    assert per_hour(result)["volumes"] == per_hour(result)["total"] == 0.05
    assert [item["per_hour"] for item in result["entries"]] == [None, 0.02]


def test_a_volume_whose_price_nobody_tells_is_not_known(api: Api) -> None:
    account(api, instance_row(1), volumes=[volume_row(1, storage_total_cost=None)], rate="NaN")
    burn = per_hour(succeed("vast_cost_info"))
    assert (burn["running"], burn["volumes"], burn["total"]) == (0.42, None, None)


def test_what_a_key_may_not_read_is_null_with_a_warning(api: Api) -> None:
    api.expect_listing(instance_row(1, start_date=NOW - 9 * DAY))
    query = {"owner": "me", "type": "all_volume"}
    api.expect("GET", "/api/v0/endptjobs/", DENIED, status=401)
    api.expect("GET", "/api/v0/volumes/", DENIED, status=401, query=query)
    api.expect("GET", "/api/v0/users/current/", DENIED, status=403)
    api.expect("GET", "/api/v0/instances/pending-price-increases/", DENIED, status=401)
    hosts = {"success": False, "msg": "Host users do not have instance charges", "count": 0}
    days = {"select_filters": {"day": {"gte": NOW - 7 * DAY, "lte": NOW}}, "limit": 500}
    api.expect("GET", "/api/v0/charges/", hosts, query=days)
    result = succeed("vast_cost_info")
    assert per_hour(result) == {"running": 0.42, "stopped_disk": 0, "volumes": None, "workers": None, "total": None}
    assert {key: value for key, value in result["account"].items() if key != "since"} == {
        "credit": None,
        "balance": None,
        "hours_left": None,
        "spent": None,
    }
    assert "worker_of" not in result["entries"][0]
    starts = [warning.split(" not known: ")[0] for warning in result.warnings]
    assert starts == [
        "Which instances are workers is",
        "Which volumes there are is",
        "The credit of the account is",
        "Which price increases are pending is",
        "What was charged is",
    ]


def test_an_engine_that_does_not_tell_leaves_the_total_known(api: Api) -> None:
    api.expect_listing(instance_row(1))
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [{"id": 77}]})
    api.expect("POST", "/get_endpoint_workers/", {"error_msg": "not ready"}, body={"id": 77})
    api.expect("GET", "/api/v0/volumes/", {"volumes": []}, query={"owner": "me", "type": "all_volume"})
    api.expect("GET", "/api/v0/users/current/", {"credit": 5.0})
    api.expect("GET", "/api/v0/instances/pending-price-increases/", {"pending_price_increases": [], "truncated": False})
    expect_charges(api, NOW - 7 * DAY, {})
    result = succeed("vast_cost_info")
    burn = per_hour(result)
    assert (burn["workers"], burn["running"], burn["total"]) == (None, 0.42, 0.42)
    assert "worker_of" not in result["entries"][0]


@pytest.mark.parametrize(
    "reply",
    [
        {"volumes": None},
        {"volumes": [7]},
        {"volumes": [{"id": None}]},
        {"volumes": [{"id": True}]},
        {"volumes": [volume_row(1), volume_row(1)]},
    ],
)
def test_volumes_that_cannot_be_relied_on_are_not_known(api: Api, reply: t.Any) -> None:
    api.expect_listing()
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": []})
    api.expect("GET", "/api/v0/volumes/", reply, query={"owner": "me", "type": "all_volume"})
    api.expect("GET", "/api/v0/users/current/", {"credit": 5.0})
    api.expect("GET", "/api/v0/instances/pending-price-increases/", {"pending_price_increases": {}})
    expect_charges(api, NOW - 7 * DAY, {})
    result = succeed("vast_cost_info", limits={"per_hour": 9})
    assert (per_hour(result)["total"], result["over_limit"]) == (None, True)
    assert [warning.split(" not known")[0] for warning in result.warnings] == [
        "Which volumes there are is",
        "Which price increases are pending is",
    ]


@pytest.mark.parametrize(
    "reply",
    [
        {"results": None},
        {"results": ["x"]},
        {"results": [], "total": 3},
        {"results": [], "next_token": 7},
    ],
)
def test_charges_that_cannot_be_relied_on_are_not_known(api: Api, reply: t.Any) -> None:
    account(api, charged=None)
    query = {"select_filters": {"day": {"gte": NOW - 7 * DAY, "lte": NOW}}, "limit": 500}
    api.expect("GET", "/api/v0/charges/", reply, query=query)
    result = succeed("vast_cost_info")
    assert result["account"]["spent"] is None
    assert "The listing of charges is not valid" in result.warnings[0]


def test_an_amount_that_is_none_makes_what_was_spent_unknown(api: Api) -> None:
    account(api, instance_row(1, start_date=NOW - DAY), charged={"instance-1": "x", "instance-2": 1.0})
    result = succeed("vast_cost_info")
    assert (result["account"]["spent"], result["entries"][0]["cost_so_far"]) == (None, None)


def test_charges_never_take_more_than_twenty_pages(api: Api) -> None:
    account(api, charged=None)
    for number in range(20):
        api.expect_any("GET", "/api/v0/charges/", {"results": [], "next_token": f"p{number}"})
    assert succeed("vast_cost_info")["account"]["spent"] is None


def test_a_listing_that_fails_is_a_failure(api: Api) -> None:
    page = {"success": True, "instances": [instance_row(1)], "total_instances": 2, "next_token": None}
    api.expect("GET", "/api/v1/instances/", page, query=list_query({}))
    fail_as("vast_cost_info", "protocol", "announces 2")


def test_a_wrong_key_is_told_as_that(api: Api) -> None:
    refusal = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", "/api/v1/instances/", refusal, status=404, query=list_query({}))
    fail_as("vast_cost_info", "auth", "API key")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"since": "7"}, "since must be a span of time such as 45m"),
        ({"since": "7 parsecs"}, "since must be a span of time"),
        ({"since": "0d"}, "since must be more than nothing"),
        ({"since": "900000000d"}, "at most ten years"),
        ({"since": ""}, "since must be a span of time"),
        ({"top": 0}, "top must be a positive number"),
        ({"separator": ""}, "separator must not be empty"),
        ({"limits": {}}, "limits must not be empty"),
        ({"limits": NULL}, "limits must not be null"),
        ({"limits": {"per_hour": -1}}, "limits.per_hour must be 0 or more"),
        ({"limits": {"per_hour": float("nan")}}, "limits.per_hour must be a finite number"),
        ({"limits": {"dollars": 1}}, "dollars"),
        ({"fail_over_limit": True}, "fail_over_limit needs limits"),
        ({"group_by": ["colour"]}, "colour"),
    ],
)
def test_nothing_is_sent_for_options_that_cannot_be_meant(api: Api, options: dict[str, t.Any], says: str) -> None:
    fail_as("vast_cost_info", "invalid", says, **options)
    assert api.calls == []
