# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers of two generations say the same in other words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

ENDPOINTS = "/api/v0/endptjobs/"
GROUPS = "/api/v0/workergroups/"
NEW = {"options": {"texts": "new"}}
NOT_FOUND = "Endpoint 9 for user 700001 not found."


@pytest.fixture
def new(start: Callable[..., Api]) -> Api:
    return start(NEW)


@pytest.mark.parametrize(
    ("method", "path", "status", "error", "msg"),
    [
        ("GET", f"{ENDPOINTS}", 400, "invalid_args", "No endpoints for user 700001 found."),
        ("GET", f"{ENDPOINTS}9/", 404, "not_found", "Endpoint job 9 not found"),
        ("PUT", f"{ENDPOINTS}9/", 400, "not_found", NOT_FOUND),
        ("DELETE", f"{ENDPOINTS}9/", 404, "not_found", NOT_FOUND),
        ("DELETE", f"{GROUPS}9/", 404, "no_such_workergroup", "No autojob by that id is available."),
        ("DELETE", "/api/v0/instances/9/", 404, "no_such_instance", "Instance 9 not found."),
        ("PUT", "/api/v0/instances/recycle/9/", 200, "invalid_id", "Invalid instance id."),
    ],
)
def test_new_texts(new: Api, method: str, path: str, status: int, error: str, msg: str) -> None:
    reply = new.call(method, path, json={})
    assert (reply.status_code, reply.json()["error"], reply.json()["msg"]) == (status, error, msg)
    assert reply.json()["success"] is False


def test_reboot_of_what_does_not_run(start: Callable[..., Api]) -> None:
    api = start({**NEW, "instances": [{"id": 1, "state": "stopped"}]})
    reply = api.put("/api/v0/instances/reboot/1/", {})
    assert (reply.status_code, reply.json()["msg"]) == (200, "Invalid instance id. Is the container started?")


def test_a_key_that_lacks_a_right_is_a_401(start: Callable[..., Api]) -> None:
    api = start({**NEW, "read_only_key": "looker", "instances": [{"id": 1}]})
    reply = api.put("/api/v0/instances/recycle/1/", {}, headers={"Authorization": "Bearer looker"})
    msg = (
        "Authorization Error. Your key lacks the api.instances.recycle route access which is required for this action."
    )
    assert (reply.status_code, reply.json()) == (401, {"msg": msg})


def test_no_endpoints_as_a_404(start: Callable[..., Api]) -> None:
    reply = start({"options": {"no_endpoints": "not_found"}}).get(ENDPOINTS)
    assert (reply.status_code, reply.json()["msg"]) == (404, "No endpoints for user found")


def test_endpoint_names_are_unique(start: Callable[..., Api]) -> None:
    api = start({})
    body = {"endpoint_name": "llama"}
    assert api.post(ENDPOINTS, body).status_code == 200
    reply = api.post(ENDPOINTS, body)
    assert (reply.status_code, reply.json()["error"]) == (400, "duplicate")
    api.sim.account.options.duplicate_names = "accepted"
    assert api.post(ENDPOINTS, body).status_code == 200


@pytest.mark.parametrize(("status", "error"), [(404, None), (405, "method_not_allowed"), (410, "deprecated_endpoint")])
def test_workergroups_under_the_older_name_only(api: Api, status: int, error: str | None) -> None:
    api.sim.account.options.workergroups_status = status
    reply = api.get(GROUPS)
    assert reply.status_code == status
    assert error is None or reply.json()["error"] == error
    assert api.get("/api/v0/autojobs/").status_code == 200


def test_a_deletion_that_lists_no_workers(api: Api) -> None:
    api.sim.account.options.worker_lists = False
    assert api.delete(f"{ENDPOINTS}4002/").json() == {"success": True}


def test_search_params_as_an_object(api: Api) -> None:
    search = {"gpu_ram": {"gte": 24}}
    group_id = api.post(GROUPS, {"endpoint_id": 4001, "search_params": search}).json()["id"]
    rows = {row["id"]: row for row in api.get(GROUPS).json()["results"]}
    assert rows[group_id]["search_query"] == search


def test_a_redirect_has_a_body(api: Api) -> None:
    reply = api.get("/api/v1/instances")
    assert (reply.status_code, reply.json()["success"]) == (301, False)
