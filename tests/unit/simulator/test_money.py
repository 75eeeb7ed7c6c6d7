# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

ONE = "/api/v0/instances/1/"
HOUR = 3600
PRICES = {"dph_base": 2.0, "storage_total_cost": 0.01}


@pytest.fixture
def priced(start: Callable[..., Api]) -> Api:
    return start({"instances": [{"id": 1, "label": "one", **PRICES}], "user": {"credit": 10.0}})


def test_gpu_and_disk_by_the_second(priced: Api, clock: ManualClock) -> None:
    clock.step(HOUR - 1)
    priced.put(ONE, {"state": "stopped"})
    clock.step(1)
    assert priced.sim.ledger()["per_hour"] == 0.01
    clock.step(HOUR)
    ledger = priced.get("/_simulator/ledger", headers={}).json()
    assert ledger["instances"] == [
        {
            "id": 1,
            "label": "one",
            "exists": True,
            "gpu_seconds": HOUR,
            "disk_seconds": 2 * HOUR,
            "gpu_cost": pytest.approx(2.0),
            "disk_cost": pytest.approx(0.02),
        }
    ]
    assert ledger["total"] == pytest.approx(2.02)
    assert priced.get("/api/v0/users/current/").json()["credit"] == pytest.approx(7.98)


def test_what_is_gone_stays_billed_and_bills_no_more(priced: Api, clock: ManualClock) -> None:
    clock.step(HOUR)
    priced.delete(ONE, {})
    clock.step(HOUR)
    ledger = priced.sim.ledger()
    assert (ledger["total"], ledger["per_hour"]) == (pytest.approx(2.01), 0)
    assert [entry["exists"] for entry in ledger["instances"]] == [False]


def test_spend_rate(priced: Api) -> None:
    path = "/api/v0/users/spend-rate/"
    body = priced.get(path).json()
    assert (body["gpu_cost_per_hour"], body["container_storage_cost_per_hour"]) == (2.0, 0.01)
    assert body["has_active_resources"] is True
    priced.delete(ONE, {})
    assert priced.get(path).json()["has_active_resources"] is False


def test_a_price_that_is_none_costs_nothing(priced: Api, clock: ManualClock) -> None:
    priced.sim.set_instance(1, dph_base="NaN", storage_total_cost=None)
    clock.step(HOUR)
    assert priced.sim.ledger()["total"] == 0


def test_options_change_in_between(priced: Api) -> None:
    call = "/_simulator/options"
    assert priced.put(call, {"texts": "new", "bulk": False}, headers={}).json() == {"success": True}
    assert (priced.sim.account.options.texts, priced.sim.account.options.bulk) == ("new", False)
    refused = priced.put(call, {"texts": "newest"}, headers={})
    assert (refused.status_code, "options.texts" in refused.json()["msg"]) == (400, True)


def test_credit_that_runs_out_stops_what_runs(start: Callable[..., Api], clock: ManualClock) -> None:
    account = {
        "instances": [{"id": 1, "label": "one", **PRICES}],
        "machines": [{"id": 1}],
        "user": {"credit": 2.0},
        "options": {"stop_without_credit": True},
    }
    api = start(account)
    clock.step(HOUR / 2)
    assert api.state(1)[2] == "running"
    clock.step(HOUR / 2)
    api.listing()
    clock.step(10)
    assert api.state(1) == ("exited", "stopped", "stopped")
    reply = api.put(ONE, {"state": "running"})
    assert (reply.status_code, reply.json()["error"]) == (400, "missing_billing")
    offer = api.post("/api/v0/bundles/", {}).json()["offers"][0]["id"]
    reply = api.put(f"/api/v0/asks/{offer}/", {"image": "alpine"})
    assert (reply.status_code, reply.json()["error"]) == (400, "insufficient_credit")


def test_credit_that_runs_out_stops_nothing_by_default(priced: Api, clock: ManualClock) -> None:
    clock.step(100 * HOUR)
    assert priced.get("/api/v0/users/current/").json()["credit"] < 0
    assert priced.state(1)[2] == "running"


DAYS = {"day": {"gte": 0, "lte": 4e9}}
STORED = {"instances": [{"id": 1, "label": "one", **PRICES}], "volumes": [{"id": 9, "storage_total_cost": 0.5}]}


def charges(api: Api, filters: Any = None, **query: Any) -> Any:
    filters = DAYS if filters is None else filters
    return api.get("/api/v0/charges/", params={"select_filters": json.dumps(filters), **query})


def test_charges_by_contract_and_span(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start(STORED)
    begin = api.sim.account.clock.wall()
    clock.step(HOUR)
    api.put(ONE, {"state": "stopped"})
    clock.step(HOUR)
    reply = charges(api).json()
    assert (reply["count"], reply["total"], reply["next_token"]) == (2, 2, None)
    assert {row["source"]: row["amount"] for row in reply["results"]} == {"instance-1": 2.021, "volume-9": 1.0}
    second = charges(api, {"day": {"gte": begin + HOUR + 1, "lte": begin + 2 * HOUR}}).json()["results"]
    assert {row["source"]: row["amount"] for row in second} == {"instance-1": 0.01, "volume-9": 0.5}
    assert charges(api, {"day": {"gte": 0, "lte": 1}}).json()["results"] == []


def test_charges_come_in_pages(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start(STORED)
    clock.step(HOUR)
    first = charges(api, limit=1).json()
    second = charges(api, limit=1, after_token=first["next_token"]).json()
    assert [row["source"] for row in first["results"] + second["results"]] == ["instance-1", "volume-9"]
    assert (second["total"], second["next_token"]) == (2, None)


@pytest.mark.parametrize("filters", [{}, {"day": {"gte": 1}}, {"day": 7}, [], {"day": {"gte": "x", "lte": 1}}])
def test_charges_need_days(priced: Api, filters: Any) -> None:
    reply = charges(priced, filters)
    assert (reply.status_code, "Must provide both" in reply.json()["msg"]) == (400, True)
    assert charges(priced, limit=0).status_code == 400


def test_hosts_have_no_charges(start: Callable[..., Api]) -> None:
    api = start({"user": {"host_agreement_accepted": True}})
    assert charges(api).json()["msg"] == "Host users do not have instance charges"


def test_invoices(start: Callable[..., Api]) -> None:
    api = start({"invoices": [{"when": 100.0, "amount": 25.0}, {"when": 900.0}]})
    path = "/api/v1/invoices/"
    reply = api.get(path, params={"select_filters": json.dumps({"when": {"gte": 0, "lte": 500}})}).json()
    assert [(row["when"], row["amount"]) for row in reply["results"]] == [(100.0, 25.0)]
    for bad in ({}, {"when": {"gte": 5, "lte": 1}}):
        assert api.get(path, params={"select_filters": json.dumps(bad)}).json()["msg"] == "Invalid date range"


def test_volumes_bill_until_they_are_deleted(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"instances": [{"id": 1}], "volumes": [{"id": 9, "instances": [1], "storage_total_cost": 0.5}]})
    path = "/api/v0/volumes/"
    assert api.get("/api/v0/users/spend-rate/").json()["volume_storage_cost_per_hour"] == 0.5
    clock.step(HOUR)
    assert api.delete(path, {"id": 9}).status_code == 409
    api.delete(ONE, {})
    assert [row["id"] for row in api.get(path).json()["volumes"]] == [9]
    assert api.delete(path, {"id": 9}).json()["error"] == "volume in use"
    clock.step(31)
    assert api.delete(path, {"id": 9}).json() == {"success": True}
    clock.step(HOUR)
    assert api.sim.ledger()["volumes"] == [{"id": 9, "exists": False, "cost": pytest.approx(0.5, abs=0.01)}]
    assert api.get(path).json()["volumes"] == []
    assert [api.delete(path, {"id": wrong}).status_code for wrong in (9, "x", None)] == [404, 404, 404]


def test_what_is_offline_bills_nothing(priced: Api, clock: ManualClock) -> None:
    priced.sim.set_instance(1, actual_status="offline")
    clock.step(HOUR)
    ledger = priced.sim.ledger()
    assert (ledger["total"], ledger["per_hour"]) == (0, 0)


def test_the_clock_is_set_forward(priced: Api) -> None:
    call = "/_simulator/clock"
    assert priced.post(call, {"seconds": HOUR}, headers={}).json() == {"success": True}
    assert priced.sim.ledger()["total"] == pytest.approx(2.01)
    for wrong in (-1, "1", None, True, 1e18):
        assert priced.post(call, {"seconds": wrong}, headers={}).status_code == 400
