# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The life of serverless workers over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock, Row

ENDPOINTS = "/api/v0/endptjobs/"
GROUPS = "/api/v0/workergroups/"
SLOW = {"timings": {"provisioning": 2.0, "loading": 10.0, "worker_loading": 20.0}}


def deploy(api: Api, **fields: Any) -> int:
    """An endpoint with one workergroup, by calls."""
    body = {"endpoint_name": "new", "cold_workers": 1, "max_workers": 2, **fields}
    number: int = api.post(ENDPOINTS, body).json()["result"]
    group = {"endpoint_id": number, "template_hash": "a", "search_params": "num_gpus=1"}
    assert api.post(GROUPS, group).status_code == 200
    return number


def workers(api: Api, number: int) -> list[Row]:
    rows: list[Row] = api.post("/get_endpoint_workers/", {"id": number}).json()
    return rows


def states(api: Api, number: int) -> list[str]:
    return [worker["status"] for worker in workers(api, number)]


def test_a_worker_loads_its_container_then_its_model(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start(SLOW)
    number = deploy(api)
    seen = []
    for seconds in (0, 3, 10, 20):
        clock.step(seconds)
        seen += states(api, number)
    assert seen == ["creating", "loading", "model_loading", "idle"]


def test_one_that_fails_is_replaced_and_bills_until_then(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"options": {"worker_failures": 1}, "timings": {"worker_patience": 150.0, "worker_deletion": 2.0}})
    number = deploy(api)
    (first,) = workers(api, number)
    clock.step(30)
    assert states(api, number) == ["error"]
    clock.step(125)
    second = workers(api, number)
    assert [(row["id"] == first["id"], row["status"]) for row in second] == [(True, "destroying"), (False, "creating")]
    clock.step(30)
    assert [(row["id"], row["status"]) for row in workers(api, number)] == [(second[1]["id"], "idle")]
    assert api.row(first["id"]) == {}
    spent = api.sim.ledger()
    assert any(row["id"] == first["id"] and row["gpu_cost"] > 0 for row in spent["instances"])
    log = api.post("/get_endpoint_logs/", {"id": number}).json()["info0"]
    assert f"worker {first['id']}: error, not ready, destroyed" in log


def test_an_image_that_always_fails_loops(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"options": {"worker_failures": 1000}})
    number = deploy(api)
    seen = {row["id"] for row in workers(api, number)}
    for _round in range(4):
        clock.step(160)
        seen |= {row["id"] for row in workers(api, number)}
    assert len(seen) == 5
    assert "idle" not in states(api, number)


def test_one_that_is_ready_is_not_waited_for_any_more(api: Api, clock: ManualClock) -> None:
    number = deploy(api)
    api.get(ENDPOINTS)
    clock.step(20)
    (worker,) = workers(api, number)
    api.sim.set_instance(worker["id"], actual_status="offline")
    clock.step(400)
    assert [row["id"] for row in workers(api, number)] == [worker["id"]]


def test_one_that_is_destroyed_is_replaced_only_while_it_is_needed(api: Api, clock: ManualClock) -> None:
    number = deploy(api)
    clock.step(20)
    (first,) = workers(api, number)
    api.delete(f"/api/v0/instances/{first['id']}/")
    (second,) = workers(api, number)
    assert second["id"] != first["id"]
    api.put(f"{ENDPOINTS}{number}/", {"cold_workers": 0})
    api.delete(f"/api/v0/instances/{second['id']}/")
    assert workers(api, number) == []


def test_a_suspended_endpoint_replaces_nothing(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"options": {"worker_failures": 1}})
    number = deploy(api)
    (first,) = workers(api, number)
    api.put(f"{ENDPOINTS}{number}/", {"endpoint_state": "suspended"})
    clock.step(400)
    assert [(row["id"], row["status"]) for row in workers(api, number)] == [(first["id"], "error")]


def test_stopped_and_started_workers_load_their_model_again(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start(SLOW)
    number = deploy(api)
    api.get(ENDPOINTS)
    clock.step(40)
    assert states(api, number) == ["idle"]
    api.put(f"{ENDPOINTS}{number}/", {"endpoint_state": "stopped"})
    api.get(ENDPOINTS)
    clock.step(500)
    assert states(api, number) == ["stopped"]
    api.put(f"{ENDPOINTS}{number}/", {"endpoint_state": "active"})
    api.get(ENDPOINTS)
    clock.step(15)
    assert states(api, number) == ["model_loading"]
    clock.step(20)
    assert states(api, number) == ["idle"]


def test_workers_keep_their_template_until_they_are_updated(api: Api, clock: ManualClock) -> None:
    def runs() -> set[str]:
        return {api.row(row["id"])["template_hash_id"] for row in workers(api, 4001)}

    before = runs()
    update = {"endpoint_id": 4001, "template_hash": "new", "search_params": "num_gpus=1"}
    assert api.put(f"{GROUPS}5001/", update).json() == {"success": True}
    clock.step(600)
    assert runs() == before != {"new"}
    api.post("/update_workers/", {"workergroup_id": 5001})
    assert runs() == before
    clock.step(3)
    assert runs() == {"new"}


def test_a_new_worker_runs_the_template_of_its_workergroup(api: Api) -> None:
    (worker,) = workers(api, deploy(api))
    assert api.row(worker["id"])["template_hash_id"] == "a"


def test_a_cancelled_update_leaves_the_template(api: Api, clock: ManualClock) -> None:
    before = api.row(30201)["template_hash_id"]
    api.put(f"{GROUPS}5001/", {"endpoint_id": 4001, "template_hash": "new", "search_params": "num_gpus=1"})
    api.post("/update_workers/", {"workergroup_id": 5001})
    api.post("/update_workers/", {"workergroup_id": 5001, "cancel_update": True})
    clock.step(10)
    api.get(ENDPOINTS)
    assert api.row(30201)["template_hash_id"] == before


def test_workers_that_are_deleted_show_it(api: Api) -> None:
    number = deploy(api, cold_workers=2)
    assert states(api, number) == ["creating", "creating"]
    api.put(f"{ENDPOINTS}{number}/", {"cold_workers": 1, "max_workers": 1})
    assert sorted(states(api, number)) == ["creating", "destroying"]


@pytest.mark.parametrize(
    ("form", "early", "late"),
    [
        ("list", list, list),
        ("object", dict, dict),
        ("until_ready", dict, list),
    ],
)
def test_the_forms_of_listings(
    start: Callable[..., Api], clock: ManualClock, form: str, early: type, late: type
) -> None:
    api = start({"options": {"worker_listing": form}})
    number = deploy(api)
    api.get(ENDPOINTS)
    shown = [api.post("/get_endpoint_workers/", {"id": number}).json()]
    clock.step(20)
    shown.append(api.post("/get_endpoint_workers/", {"id": number}).json())
    assert [type(each) for each in shown] == [early, late]
    assert ("error_msg" in shown[0]) == (form == "until_ready")


def test_what_workers_cost_follows_their_state(api: Api, clock: ManualClock) -> None:
    def spent(kind: str) -> dict[int, float | None]:
        rows = api.get(f"/api/v0/serverless/{kind}/spend/").json()[kind]
        return {row["id"]: row["hourly_spend"] for row in rows}

    running = spent("endpoints")[4001]
    assert running == pytest.approx(sum(api.row(each)["dph_total"] for each in (30201, 30202)))
    assert spent("workergroups")[5001] == running
    for each in (30201, 30202):
        api.put(f"/api/v0/instances/{each}/", {"state": "stopped"})
    clock.step(5)
    disks = spent("endpoints")[4001]
    assert disks is not None
    assert running is not None
    assert 0 < disks < running
    number = deploy(api, cold_workers=0)
    assert spent("endpoints")[number] is None


@pytest.mark.parametrize("texts", ["old", "new"])
def test_newer_servers_create_the_endpoint_that_a_workergroup_names(start: Callable[..., Api], texts: str) -> None:
    api = start({"options": {"texts": texts, "no_endpoints": "list"}})
    body = {"endpoint_name": "implied", "search_params": "num_gpus=1", "min_cold_load": 3.0, "cold_workers": 0}
    reply = api.post(GROUPS, body)
    found = api.get(ENDPOINTS).json()["results"]
    assert (reply.status_code, [(row["endpoint_name"], row["min_cold_load"]) for row in found]) == (
        (200, [("implied", 3.0)]) if texts == "new" else (400, [])
    )


def test_newer_servers_need_a_search_and_say_when_in_seconds(start: Callable[..., Api]) -> None:
    api = start({"options": {"texts": "new"}})
    assert "search_params" in api.post(GROUPS, {"endpoint_name": "x"}).json()["msg"]
    number = deploy(api, cold_workers=0)
    assert isinstance(api.get(f"{ENDPOINTS}{number}/").json()["result"]["created_at"], float)
    assert api.get(f"{ENDPOINTS}x/").json()["msg"] == "Invalid endpoint job ID"
    reply = api.post("/get_endpoint_workers/", {"id": 9})
    assert (reply.status_code, "not found" in reply.json()["error_msg"]) == (400, True)
