# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from ansible_collections.vastai.cloud.tests.simulator import FaultError
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

LIST = "/api/v1/instances/"
ONE = "/api/v0/instances/30101/"
STOP = {"state": "stopped"}


def intended(api: Api) -> str:
    return str(api.sim.account.instances[30101].row["intended_status"])


@pytest.mark.parametrize(("when", "expected"), [("before", "running"), ("after", "stopped")])
def test_reply(api: Api, when: str, expected: str) -> None:
    fault = {"action": "reply", "status": 502, "body": "<html>", "headers": {"Content-Type": "text/html", "X-A": "b"}}
    api.sim.add_fault({**fault, "method": "PUT", "when": when, "name": "gateway"})
    reply = api.put(ONE, STOP)
    assert (reply.status_code, reply.text, reply.headers["Content-Type"]) == (502, "<html>", "text/html")
    assert reply.headers["X-A"] == "b"
    assert intended(api) == expected
    assert (api.sim.journal()[-1]["fault"], api.sim.journal()[-1]["status"]) == ("gateway", 502)
    assert api.get(LIST).status_code == 200


def test_json_body(api: Api) -> None:
    api.sim.add_fault({"action": "reply", "status": 503, "body": {"msg": "no"}})
    assert api.get(LIST).json() == {"msg": "no"}


@pytest.mark.parametrize(("when", "expected"), [("before", "running"), ("after", "stopped")])
def test_drop(api: Api, when: str, expected: str) -> None:
    api.sim.add_fault({"action": "drop", "when": when, "times": 1})
    with pytest.raises(requests.ConnectionError):
        api.put(ONE, STOP)
    assert intended(api) == expected
    assert api.sim.journal()[-1]["status"] is None


def test_skip_and_times(api: Api) -> None:
    api.sim.add_fault({"action": "reply", "status": 500, "path": "/api/v1/*", "skip": 1, "times": 2})
    assert [api.get(LIST).status_code for _each in range(4)] == [200, 500, 500, 200]


def test_path_and_method(api: Api) -> None:
    api.sim.add_fault({"action": "reply", "status": 500, "path": "/api/v0/instances/3*/", "method": "PUT"})
    assert api.get(ONE).status_code == 200
    assert api.put("/api/v0/instances/recycle/30101/", {}).status_code == 200
    assert api.put(ONE, STOP).status_code == 500


def test_truncate(api: Api) -> None:
    api.sim.add_fault({"action": "truncate", "keep": 10})
    with pytest.raises(requests.RequestException):
        api.get(LIST)


def test_redirect(api: Api) -> None:
    api.sim.add_fault({"action": "redirect", "status": 307, "location": "/elsewhere"})
    reply = api.put(ONE, STOP)
    assert (reply.status_code, reply.headers["Location"]) == (307, "/elsewhere")
    assert intended(api) == "running"


def test_merge(api: Api) -> None:
    rule = {"action": "merge", "set": {"success": False, "instances.0.label": "?"}, "delete": ["next_token"]}
    api.sim.add_fault(rule)
    body = api.listing()
    assert (body["success"], body["instances"][0]["label"], "next_token" in body) == (False, "?", False)


@pytest.mark.parametrize("rule", [{"set": {"nothing.at.all": 1}}, {"delete": ["instances.99.id"]}])
def test_merge_without_such_a_place(api: Api, rule: dict[str, Any]) -> None:
    api.sim.add_fault({"action": "merge", **rule})
    assert api.listing()["success"] is True
    assert api.get("/nothing").status_code == 404


def test_large(api: Api) -> None:
    api.sim.add_fault({"action": "large", "size": 100_000})
    reply = api.get(LIST)
    assert len(reply.content) == 100_000
    assert reply.json()["success"] is True


def test_drip(api: Api) -> None:
    api.sim.add_fault({"action": "drip", "when": "before", "body": "x" * 20, "rate": 200})
    begin = time.monotonic()
    assert api.get(LIST).text == "x" * 20
    assert time.monotonic() - begin >= 0.09


@pytest.mark.parametrize(("when", "expected"), [("before", "running"), ("after", "stopped")])
def test_delay(start: Callable[..., Api], when: str, expected: str) -> None:
    seen: list[str] = []
    api: Api = start(sleep=lambda seconds: seen.append(f"{intended(api)} {seconds}"))
    api.sim.add_fault({"action": "delay", "seconds": 30, "when": when})
    assert api.put(ONE, STOP).json() == {"success": True}
    assert seen == [f"{expected} 30"]
    assert intended(api) == "stopped"


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"action": "explode"},
        {"action": "reply", "wen": "after"},
        {"action": "reply", "when": "never"},
        {"action": "merge", "when": "before"},
        {"action": "redirect"},
        {"action": "drip", "rate": 0},
    ],
)
def test_bad_rules(api: Api, rule: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        api.sim.add_fault(rule)
