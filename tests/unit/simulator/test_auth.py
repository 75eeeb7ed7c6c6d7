# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

LIST = "/api/v1/instances/"


def test_without_a_key(api: Api) -> None:
    reply = api.get(LIST, headers={})
    assert reply.status_code == 403
    assert reply.json() == {"success": False, "error": "auth_error", "msg": "This action requires login."}


def test_wrong_key_is_a_404(api: Api) -> None:
    reply = api.get(LIST, headers={"Authorization": "Bearer wrong"})
    assert reply.status_code == 404
    assert reply.json() == {"success": False, "error": "auth_error", "msg": "Invalid user key"}


def test_wrong_key_is_a_401_for_accounts_that_follow_the_documents(start: Callable[..., Api]) -> None:
    api = start({"options": {"bad_key_status": 401}})
    assert api.get(LIST, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_key_in_the_query(api: Api) -> None:
    reply = api.get(LIST, headers={}, params={"api_key": api.sim.api_key})
    assert reply.status_code == 200
    entry = api.sim.journal()[-1]
    assert entry["query"] == {"api_key": "********"}
    assert entry["authorised"] is True
    assert entry["has_authorization"] is False


def test_read_only_key(start: Callable[..., Api]) -> None:
    api = start({"read_only_key": "looker", "instances": [{"id": 1}]})
    headers = {"Authorization": "Bearer looker"}
    assert api.get(LIST, headers=headers).status_code == 200
    refused = api.put("/api/v0/instances/1/", {"state": "stopped"}, headers=headers)
    assert refused.status_code == 403
    assert "instance_write" in refused.json()["msg"]
    assert api.get("/api/v0/endptjobs/", headers=headers).status_code == 403
    assert api.row(1)["intended_status"] == "running"


def test_expired_session(start: Callable[..., Api]) -> None:
    api = start({"keys": {"old-session": {"expired": True}}})
    reply = api.get(LIST, headers={"Authorization": "Bearer old-session"})
    assert (reply.status_code, reply.json()["msg"]) == (404, "Session expired. Please log in again.")


@pytest.mark.parametrize("path", ["/api/v0/gpu_names/unique/", "/api/v0/gpu_types/"])
def test_open_calls(api: Api, path: str) -> None:
    assert api.get(path, headers={}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/instances"), ("PUT", "/api/v0/instances/30101"), ("DELETE", "/api/v0/endptjobs/4001")],
)
def test_missing_slash_is_redirected(api: Api, method: str, path: str) -> None:
    reply = api.call(method, path + "?a=b")
    assert reply.status_code == 301
    assert reply.headers["Location"] == path + "/?a=b"


def test_redirected_write_loses_its_body(api: Api) -> None:
    reply = api.put("/api/v0/instances/30101", {"state": "stopped"}, allow_redirects=True)
    assert reply.status_code == 400
    assert api.row(30101)["intended_status"] == "running"


@pytest.mark.parametrize("path", ["/api/v0/users/current", "/api/v0/volumes", "/api/v0/users/current/"])
def test_paths_that_work_without_a_slash(api: Api, path: str) -> None:
    assert api.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/api/v0/instances/1/", 405), ("GET", "/", 404)]
)
def test_unknown_paths(api: Api, method: str, path: str, status: int) -> None:
    assert api.call(method, path).status_code == status


def test_ssh_keys_and_user(api: Api) -> None:
    user: dict[str, Any] = api.get("/api/v0/users/current").json()
    assert "SECRET" in user["api_key"]
    assert api.get("/api/v0/ssh/").json() == []
