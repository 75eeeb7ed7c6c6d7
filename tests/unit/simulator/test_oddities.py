# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the real API has shown, or may show, once in a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.simulator.lifecycle import UNAVAILABLE
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

ONE = "/api/v0/instances/1/"
MANY = "/api/v0/instances/"
START = {"state": "running"}
STOP = {"state": "stopped"}


def single(start: Callable[..., Api], state: str = "stopped", options: Any = None, **behaviour: Any) -> Api:
    instance = {"id": 1, "label": "one", "state": state, "behaviour": behaviour}
    return start({"instances": [instance], "options": options or {}})


def fleet(start: Callable[..., Api], **options: Any) -> Api:
    return start({"generate": {"count": 3, "label": "node", "state": "stopped"}, "options": options})


@pytest.mark.parametrize(
    ("form", "status", "body"),
    [
        ("slug", 200, {"success": False, "error": "resources_unavailable", "msg": UNAVAILABLE}),
        ("no_slug", 200, {"success": False, "msg": UNAVAILABLE}),
        ("other_slug", 200, {"success": False, "error": "no_capacity", "msg": UNAVAILABLE}),
        ("status_400", 400, {"success": False, "error": "resources_unavailable", "msg": UNAVAILABLE}),
        ("silent", 200, {"success": True}),
    ],
)
def test_ways_to_say_that_a_start_is_queued(
    start: Callable[..., Api], form: str, status: int, body: dict[str, Any]
) -> None:
    api = single(start, gpu_available=False, refusal=form)
    reply = api.put(ONE, START)
    assert (reply.status_code, reply.json()) == (status, body)
    assert api.sim.account.instances[1].queued is True


def test_a_label_is_set_though_the_start_beside_it_is_refused(start: Callable[..., Api]) -> None:
    api = single(start, gpu_available=False)
    assert api.put(ONE, {"label": "two", **START}).json()["success"] is False
    assert api.row(1)["label"] == "two"


def test_a_container_that_shows_running_long_after_its_contract_stopped(
    start: Callable[..., Api], clock: ManualClock
) -> None:
    api = single(start, "running", stale_status=30.0, gpu_available=False)
    api.put(ONE, STOP)
    clock.step(2)
    assert api.state(1) == ("running", "stopped", "stopped")
    api.put(ONE, START)
    assert api.state(1) == ("running", "running", "stopped")
    assert api.sim.describe()["instances"][0]["gpu_seconds"] == 1.0
    clock.step(30)
    assert api.state(1) == ("exited", "running", "stopped")


def test_a_start_on_a_stale_container_boots_it_anew(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, "running", stale_status=30.0)
    api.put(ONE, STOP)
    clock.step(2)
    api.put(ONE, START)
    assert api.state(1) == ("exited", "running", "running")
    clock.step(3)
    assert api.state(1) == ("running", "running", "running")


def test_an_accepted_start_that_comes_about_late(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, start_delay=30.0)
    assert api.put(ONE, START).json() == api.put(ONE, START).json() == {"success": True}
    clock.step(29)
    assert (api.state(1), api.row(1)["next_state"]) == (("exited", "stopped", "stopped"), "stopped")
    clock.step(4.1)
    assert api.state(1) == ("running", "running", "running")


def test_an_accepted_start_that_is_cancelled_before_it_comes_about(
    start: Callable[..., Api], clock: ManualClock
) -> None:
    api = single(start, start_delay=30.0)
    api.put(ONE, START)
    api.put(ONE, STOP)
    clock.step(600)
    assert api.state(1) == ("exited", "stopped", "stopped")
    assert api.sim.account.instances[1].queued is False


def test_rows_that_lag(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, "running", row_lag=9.0)
    api.put(ONE, {"label": "two", **STOP})
    clock.step(5)
    assert (api.row(1)["label"], api.state(1)) == ("one", ("running", "running", "running"))
    assert api.get(ONE).json()["instances"]["label"] == "one"
    assert api.listing(select_filters={"label": {"eq": "two"}})["total_instances"] == 0
    clock.step(5.1)
    assert (api.row(1)["label"], api.state(1)) == ("two", ("exited", "stopped", "stopped"))


def test_a_row_that_is_missing_once(start: Callable[..., Api]) -> None:
    api = single(start, missing_listings=1)
    assert api.listing()["total_instances"] == 0
    assert api.listing()["total_instances"] == 1


def test_a_bulk_change_by_halves(start: Callable[..., Api]) -> None:
    api = fleet(start)
    ids = [row["id"] for row in api.listing()["instances"]]
    api.sim.add_fault({"action": "reply", "status": 429, "when": "after", "parts": 1, "method": "PUT", "times": 1})
    assert api.put(MANY, {"ids": ids, **START}).status_code == 429
    assert [api.row(each)["intended_status"] for each in ids] == ["running", "stopped", "stopped"]
    assert [effect["id"] for effect in api.sim.journal()[-4]["effects"]] == ids[:1]
    assert api.put(MANY, {"ids": ids, **START}).json() == {"success": True}
    assert [api.row(each)["intended_status"] for each in ids] == ["running"] * 3


def test_a_label_that_is_set_and_a_state_that_is_not(start: Callable[..., Api]) -> None:
    api = single(start)
    api.sim.add_fault({"action": "reply", "status": 400, "when": "after", "parts": 1, "method": "PUT"})
    assert api.put(ONE, {"label": "two", **START}).status_code == 400
    assert (api.row(1)["label"], api.row(1)["intended_status"]) == ("two", "stopped")


def test_a_request_that_is_delivered_twice(start: Callable[..., Api]) -> None:
    api = single(start, "running")
    api.sim.add_fault({"action": "duplicate", "method": "PUT"})
    assert api.put("/api/v0/instances/recycle/1/", {}).json() == {"success": True}
    assert [effect["did"] for effect in api.sim.journal()[-1]["effects"]] == ["recycle", "recycle"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_bulk_limits(start: Callable[..., Api], method: str) -> None:
    api = fleet(start)
    name = "ids" if method == "PUT" else "instance_ids"
    reply = api.call(method, MANY, json={name: [*range(65)], **STOP})
    assert (reply.status_code, reply.json()["msg"]) == (400, "chunk length of 65 > 64")
    reply = api.call(method, MANY, json={name: [1, 2], **STOP})
    assert (reply.status_code, "auth_error" in reply.text) == (404, False)


def test_bulk_intervals(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"generate": 1}, interval_scale=1.0)
    for method, seconds in (("PUT", 4.0), ("DELETE", 3.0)):
        api.call(method, MANY)
        clock.step(seconds - 0.1)
        assert f"threshold={seconds}" in api.call(method, MANY).text


def test_a_bulk_label(start: Callable[..., Api]) -> None:
    api = fleet(start)
    ids = [row["id"] for row in api.listing()["instances"]]
    assert api.put(MANY, {"ids": ids, "label": "all"}).json() == {"success": True}
    assert api.listing()["label_counts"] == {"all": 3}


def test_no_label_counts(start: Callable[..., Api]) -> None:
    assert "label_counts" not in fleet(start, label_counts=False).listing()


def test_columns_that_may_not_be_asked_for(start: Callable[..., Api]) -> None:
    api = fleet(start, refused_columns="intended_status,cur_state")
    reply = api.get("/api/v1/instances/", params={"select_filters": '{"cur_state": {"eq": "stopped"}}'})
    assert (reply.status_code, reply.json()["msg"][-43:]) == (
        400,
        "parameters: cur_state is not a valid search key"[-43:],
    )


def test_price_block_of_a_stopped_row(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, "running")
    row = api.row(1)
    assert row["instance"] == row["search"]
    assert row["storage_total_cost"] == pytest.approx(row["storage_cost"] * row["disk_space"] / 720)
    assert row["dph_total"] == pytest.approx(row["dph_base"] + row["storage_total_cost"])
    api.put(ONE, STOP)
    clock.step(2)
    stopped = api.row(1)
    assert (stopped["instance"]["gpuCostPerHour"], stopped["instance"]["totalHour"]) == (0, row["storage_total_cost"])
    assert stopped["search"] == row["search"]


@pytest.mark.parametrize("kept", [True, False])
def test_ports_of_a_stopped_instance(start: Callable[..., Api], clock: ManualClock, kept: bool) -> None:
    api = single(start, "running", {"ports_after_stop": "kept" if kept else "cleared"})
    before = api.row(1)["ports"]
    api.put(ONE, STOP)
    clock.step(2)
    assert api.row(1)["ports"] == (before if kept else None)
    api.put(ONE, START)
    assert api.row(1)["ports"] is None


@pytest.mark.parametrize(
    ("behaviour", "seconds"), [({"offline_on_start": True}, 0), ({"stuck": "loading"}, 0), ({}, 97)]
)
def test_the_gpu_bills_only_while_it_runs(
    start: Callable[..., Api], clock: ManualClock, behaviour: dict[str, Any], seconds: float
) -> None:
    api = single(start, **behaviour)
    api.put(ONE, START)
    clock.step(100)
    api.put(ONE, {"label": "x"})
    assert api.sim.describe()["instances"][0]["gpu_seconds"] == seconds
