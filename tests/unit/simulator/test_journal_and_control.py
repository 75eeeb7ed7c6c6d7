# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

LIST = "/api/v1/instances/"


def test_entry(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.sim.api_key}", "User-Agent": "me/1"}
    api.put("/api/v0/instances/30101/", {"label": "a"}, headers=headers, params={"owner": "me"})
    (entry,) = api.sim.journal()
    assert isinstance(entry.pop("time"), float)
    assert entry == {
        "seq": 1,
        "method": "PUT",
        "path": "/api/v0/instances/30101/",
        "route": "/api/v0/instances/{id}/",
        "query": {"owner": "me"},
        "body": {"label": "a"},
        "status": 200,
        "authorised": True,
        "has_authorization": True,
        "user_agent": "me/1",
        "write": True,
        "fault": None,
        "effects": [{"kind": "instance", "id": 30101, "did": "change", "changed": True}],
    }


def test_no_key_is_ever_in_the_journal(api: Api) -> None:
    key = api.sim.api_key
    api.get(LIST, params={"api_key": "wrong-key", "other": key})
    api.put("/api/v0/instances/30101/", {"api_key": key, "label": f"x {key}", "deep": [{"api_key": "wrong-key"}]})
    api.call("PUT", "/api/v0/instances/30101/", data=f"not json {key}")
    api.get(LIST, headers={"Authorization": f"Bearer {key}", "User-Agent": key})
    text = str(api.sim.journal())
    assert key not in text
    assert "wrong-key" not in text


def test_reads_are_no_writes(api: Api) -> None:
    api.get(LIST)
    api.post("/get_endpoint_workers/", {"id": 4001})
    api.put("/api/v0/instances/request_logs/30101/", {})
    api.delete("/api/v0/instances/30101/")
    assert [entry["write"] for entry in api.sim.journal()] == [False, False, False, True]


def test_time_follows_the_clock(api: Api, clock: ManualClock) -> None:
    api.get(LIST)
    clock.step(5)
    api.get(LIST)
    first, second = api.sim.journal()
    assert second["time"] - first["time"] == pytest.approx(5)
    assert (first["seq"], second["seq"]) == (1, 2)


def test_control_needs_no_key_and_leaves_no_trace(api: Api) -> None:
    assert "journal" in api.get("/_simulator/", headers={}).text
    assert api.get("/_simulator/journal", headers={}).json() == []


def test_journal_over_the_control_path(api: Api) -> None:
    api.get(LIST)
    assert [entry["route"] for entry in api.get("/_simulator/journal").json()] == [LIST]
    assert api.delete("/_simulator/journal").json() == {"success": True}
    assert api.sim.journal() == []


@pytest.mark.parametrize("wrap", [lambda rule: rule, lambda rule: [rule]])
def test_faults_over_the_control_path(api: Api, wrap: Callable[[Any], Any]) -> None:
    assert api.post("/_simulator/faults", wrap({"action": "reply", "status": 500})).status_code == 200
    assert [rule["action"] for rule in api.get("/_simulator/faults").json()] == ["reply"]
    assert api.get(LIST).status_code == 500
    api.delete("/_simulator/faults")
    assert api.get(LIST).status_code == 200


def test_instance_over_the_control_path(api: Api) -> None:
    assert api.put("/_simulator/instances/30101", {"label": "x", "gpu_available": False}).status_code == 200
    assert api.row(30101)["label"] == "x"
    assert api.sim.account.instances[30101].behaviour.gpu_available is False


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "instances/1", {"label": "x"}, 404),
        ("PUT", "instances/x", {}, 404),
        ("PUT", "instances/30101", {"lable": "x"}, 400),
        ("PUT", "instances/30101", {"gpu_available": "no"}, 400),
        ("POST", "faults", {"action": "explode"}, 400),
        ("GET", "nothing", None, 404),
        ("PATCH", "reset", None, 404),
    ],
)
def test_control_refusals(api: Api, method: str, path: str, body: Any, status: int) -> None:
    assert api.call(method, f"/_simulator/{path}", json=body).status_code == status


def test_account_is_shown_without_secrets(api: Api) -> None:
    reply = api.get("/_simulator/account")
    assert "SECRET" not in reply.text
    assert api.sim.api_key not in reply.text
    assert {row["label"] for row in reply.json()["instances"]} >= {"train-01", "dev-bob"}


def test_reset(api: Api) -> None:
    api.delete("/api/v0/instances/30101/", {})
    api.sim.add_fault({"action": "drop", "path": "/never"})
    assert api.post("/_simulator/reset").json() == {"success": True}
    assert api.sim.journal() == []
    assert api.get("/_simulator/faults").json() == []
    assert api.row(30101)["label"] == "train-01"


def test_clear(api: Api) -> None:
    api.sim.add_fault({"action": "drop"})
    api.sim.clear_faults()
    api.get(LIST)
    api.sim.clear_journal()
    assert api.sim.journal() == []
    api.sim.reset()
    assert api.row(30101)
