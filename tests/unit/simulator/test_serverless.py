# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

ENDPOINTS = "/api/v0/endptjobs/"
GROUPS = ("/api/v0/workergroups/", "/api/v0/autojobs/")


def test_list(api: Api) -> None:
    reply = api.call("GET", ENDPOINTS, json={"client_id": "me", "api_key": api.sim.api_key}).json()
    assert reply["success"] is True
    assert [row["endpoint_name"] for row in reply["results"]] == ["llama-prod", "sdxl-leaky"]
    assert {"SECRET" in row["api_key"] for row in reply["results"]} == {True}
    assert api.sim.journal()[-1]["body"]["api_key"] == "********"


def test_none_is_an_error_for_most_accounts(start: Callable[..., Api]) -> None:
    reply = start({}).get(ENDPOINTS)
    assert (reply.status_code, reply.json()["msg"]) == (400, "No endpoints for user found")


def test_none_is_an_empty_list_for_others(start: Callable[..., Api]) -> None:
    reply = start({"options": {"no_endpoints": "list"}}).get(ENDPOINTS)
    assert reply.json() == {"success": True, "results": []}


def test_delete(api: Api, clock: ManualClock) -> None:
    assert api.delete(f"{ENDPOINTS}4001/", {"client_id": "me", "endptjob_id": 4001}).json() == {
        "success": True,
        "deleted_workers": [30201, 30202],
        "failed_workers": [],
        "msg": "Deleted endpoint job and 2 workers",
    }
    assert [row["id"] for row in api.get(GROUPS[0]).json()["results"]] == [5002]
    assert api.state(30201) == ("running", "stopped", "unloaded")
    clock.step(2.1)
    assert api.row(30201) == api.row(30202) == {}


def test_delete_with_a_worker_that_fails(api: Api, clock: ManualClock) -> None:
    body = api.delete(f"{ENDPOINTS}4002/").json()
    assert (body["success"], body["deleted_workers"], body["failed_workers"]) == (True, [30203], [30204])
    clock.step(600)
    assert api.row(30203) == {}
    assert api.state(30204) == ("running", "running", "running")


def test_worker_that_lingers_although_reported_deleted(api: Api, clock: ManualClock) -> None:
    api.sim.set_instance(30202, lingers=True)
    assert api.delete(f"{ENDPOINTS}4001/").json()["deleted_workers"] == [30201, 30202]
    clock.step(600)
    assert api.state(30202) == ("running", "running", "running")


@pytest.mark.parametrize("endpoint_id", ["1", "x"])
def test_delete_unknown(api: Api, endpoint_id: str) -> None:
    reply = api.delete(f"{ENDPOINTS}{endpoint_id}/")
    assert reply.status_code == 400
    assert reply.json() == {"success": False, "error": "invalid_args", "msg": "Routegroup not found for user"}


def test_create_update_show(api: Api) -> None:
    body = {"endpoint_name": "new", "min_load": 0.0, "max_queue_time": None, "client_id": "me"}
    endpoint_id = api.post(ENDPOINTS, body).json()["result"]
    row = api.get(f"{ENDPOINTS}{endpoint_id}/").json()["result"]
    assert (row["endpoint_name"], row["min_load"], row["max_workers"]) == ("new", 0.0, 20)
    update = {"endpoint_state": "suspended", "max_workers": None}
    assert api.put(f"{ENDPOINTS}{endpoint_id}/", update).json() == {"success": True}
    row = api.get(f"{ENDPOINTS}{endpoint_id}/").json()["result"]
    assert (row["endpoint_state"], row["max_workers"]) == ("suspended", 20)


@pytest.mark.parametrize("body", [{"endpoint_state": "off"}, {"target_util": 1.5}])
def test_refused_update(api: Api, body: dict[str, Any]) -> None:
    assert api.put(f"{ENDPOINTS}4001/", body).status_code == 400


def test_update_unknown(api: Api) -> None:
    assert api.put(f"{ENDPOINTS}1/", {}).json()["msg"] == "Endpointgroup not found for user"


@pytest.mark.parametrize("path", GROUPS)
def test_workergroups(api: Api, path: str, clock: ManualClock) -> None:
    group_id = api.post(path, {"endpoint_name": "llama-prod", "search_params": "gpu_ram=24"}).json()["id"]
    rows = {row["id"]: row for row in api.get(path).json()["results"]}
    assert set(rows) == {5001, 5002, group_id}
    assert (rows[group_id]["endpoint_id"], rows[group_id]["search_query"]) == (4001, {"gpu_ram": {"eq": "24"}})
    assert "SECRET" in rows[group_id]["api_key"]
    assert api.put(f"{path}{group_id}/", {"endpoint_id": 4001, "gpu_ram": 48}).json() == {"success": True}
    assert api.delete(f"{path}5001/").json()["deleted_workers"] == [30201, 30202]
    clock.step(3)
    assert api.row(30201) == {}


def test_workergroup_refusals(api: Api) -> None:
    reply = api.delete(f"{GROUPS[0]}1/")
    assert (reply.status_code, reply.json()["error"], reply.json()["id"]) == (404, "no_such_workergroup", 1)
    assert api.delete(f"{GROUPS[0]}x/").json()["msg"] == "Invalid autojob ID"
    assert api.put(f"{GROUPS[0]}1/", {}).json()["msg"] == "Workgroup not found for user"
    assert "valid endpoint identifier" in api.post(GROUPS[0], {"endpoint_id": 1}).json()["msg"]


@pytest.mark.parametrize("path", ["/get_endpoint_workers/", "/get_endpoint_workers"])
def test_engine_workers(api: Api, path: str) -> None:
    workers = api.post(path, {"id": 4001}).json()
    assert [(worker["id"], worker["status"]) for worker in workers] == [(30201, "idle"), (30202, "idle")]
    assert [worker["id"] for worker in api.post("/get_workergroup_workers/", {"id": 5001}).json()] == [30201, 30202]


def test_engine_logs(api: Api) -> None:
    assert set(api.post("/get_endpoint_logs/", {"endpoint": "llama-prod"}).json()) == {
        "info0",
        "info1",
        "trace",
        "debug",
    }
    assert "5001" in api.post("/get_workergroup_logs/", {"id": 5001}).json()["info0"]


def test_engine_says_no_with_a_200(api: Api) -> None:
    text = "authenticate_endpoint_apikey: invalid api_key or endpoint 4001 not found"
    reply = api.post("/get_endpoint_workers/", {"id": 4001}, headers={"Authorization": "Bearer wrong"})
    assert (reply.status_code, reply.json()) == (200, text)
    assert api.post("/get_endpoint_workers/", {"id": 9}).json() == text.replace("4001", "9")


def test_engine_takes_the_key_of_the_group(api: Api) -> None:
    body = {"id": 4001, "api_key": "SECRET-endpoint-key-4001"}
    assert len(api.post("/get_endpoint_workers/", body, headers={}).json()) == 2
    assert "SECRET" not in str(api.sim.journal())


def new_endpoint(api: Api, **fields: Any) -> int:
    body = {"endpoint_name": "new", "cold_workers": 2, "max_workers": 3, **fields}
    number: int = api.post(ENDPOINTS, body).json()["result"]
    return number


def new_group(api: Api, endpoint_id: int) -> int:
    body = {"endpoint_id": endpoint_id, "template_hash": "a", "search_params": "num_gpus=1"}
    number: int = api.post(GROUPS[0], body).json()["id"]
    return number


def test_an_endpoint_without_workergroups_is_deleted(api: Api, clock: ManualClock) -> None:
    number = new_endpoint(api)
    row = api.get(f"{ENDPOINTS}{number}/").json()["result"]
    assert row["auto_delete_in_seconds"] == pytest.approx(3600, abs=1)
    clock.step(3601)
    assert api.get(f"{ENDPOINTS}{number}/").status_code == 400


def test_one_with_a_workergroup_stays_and_gets_workers(api: Api, clock: ManualClock) -> None:
    number = new_endpoint(api)
    new_group(api, number)
    clock.step(4000)
    assert api.get(f"{ENDPOINTS}{number}/").json()["result"]["auto_delete_in_seconds"] is None
    assert len(api.post("/get_endpoint_workers/", {"id": number}).json()) == 2
    clock.step(10)
    statuses = [worker["status"] for worker in api.post("/get_endpoint_workers/", {"id": number}).json()]
    assert statuses == ["idle", "idle"]
    spend = {
        row["id"]: row["hourly_spend"] for row in api.get("/api/v0/serverless/endpoints/spend/").json()["endpoints"]
    }
    assert spend[number] > 0


def test_fewer_workers_and_none(api: Api, clock: ManualClock) -> None:
    number = new_endpoint(api)
    new_group(api, number)
    clock.step(10)
    api.put(f"{ENDPOINTS}{number}/", {"cold_workers": 0, "max_workers": 1})
    api.get(ENDPOINTS)
    clock.step(10)
    assert len(api.post("/get_endpoint_workers/", {"id": number}).json()) == 1
    api.put(f"{ENDPOINTS}{number}/", {"endpoint_state": "stopped"})
    api.get(ENDPOINTS)
    clock.step(10)
    assert [worker["status"] for worker in api.post("/get_endpoint_workers/", {"id": number}).json()] == ["stopped"]


def test_an_update_resets_what_it_leaves_out(api: Api) -> None:
    rows = {row["id"]: row for row in api.get(GROUPS[0]).json()["results"]}
    assert "max_workers" not in rows[5001]
    number = new_group(api, 4001)
    assert api.put(f"{GROUPS[0]}{number}/", {"endpoint_id": 4001, "gpu_ram": 48}).json() == {"success": True}
    row = {row["id"]: row for row in api.get(GROUPS[0]).json()["results"]}[number]
    assert (row["template_hash"], row["gpu_ram"], "num_gpus" in row["search_query"]) == ("a", 48, False)


@pytest.mark.parametrize("body", [{"gpu_ram": 48}, {"endpoint_id": 1, "gpu_ram": 48}])
def test_an_update_needs_the_endpoint(api: Api, body: dict[str, Any]) -> None:
    assert "valid endpoint identifier" in api.put(f"{GROUPS[0]}5001/", body).json()["msg"]


@pytest.mark.parametrize(
    "body", [{"cold_workers": 30}, {"target_queue_time": 5, "max_queue_time": 4}, {"endpoint_name": "sdxl-leaky"}]
)
def test_contradictions_and_taken_names_are_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.put(f"{ENDPOINTS}4001/", body).status_code == 400


def test_what_a_deployment_owns_cannot_be_changed(start: Callable[..., Api]) -> None:
    spec = {"id": 40, "endpoint_name": "d", "deployed": True, "workergroups": [{"id": 50}]}
    api = start({"endpoints": [spec]})
    assert "deployment" in api.put(f"{ENDPOINTS}40/", {"max_workers": 1}).json()["msg"]
    assert "deployment" in api.put(f"{GROUPS[0]}50/", {"endpoint_id": 40}).json()["msg"]


def test_a_rolling_update_shows_in_the_states(api: Api, clock: ManualClock) -> None:
    def statuses() -> list[str]:
        return [worker["status"] for worker in api.post("/get_workergroup_workers/", {"id": 5001}).json()]

    assert api.post("/update_workers/", {"workergroup_id": 5001}).json() == {"success": True, "workers_to_update": 2}
    assert statuses() == ["UPDATE_REBOOTING", "UPDATE_REBOOTING"]
    clock.step(2.1)
    assert statuses() == ["idle", "idle"]
    api.post("/update_workers/", {"workergroup_id": 5001})
    assert api.post("/update_workers/", {"workergroup_id": 5001, "cancel_update": True}).json()["cancelled"] is True
    assert statuses() == ["idle", "idle"]
    assert "not found" in api.post("/update_workers/", {"workergroup_id": 1}).json()
