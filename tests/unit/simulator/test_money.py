# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable

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
