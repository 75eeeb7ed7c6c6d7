# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is sent, there is a reply, and none of the 500s that a crash would be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.simulator import registry
from ansible_collections.vastai.cloud.tests.simulator.fleet import DEFAULT_ACCOUNT
from ansible_collections.vastai.cloud.tests.simulator.request import Request
from ansible_collections.vastai.cloud.tests.simulator.resources.serverless import (
    ENDPOINT_DEFAULTS,
    WORKERGROUP_DEFAULTS,
)
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "30101",
    [],
    [None],
    [[1]],
    [30101, "x"],
    {},
    {"a": {}},
)
NAMES = (
    "state",
    "label",
    "ids",
    "instance_ids",
    "command",
    "tail",
    "filter",
    "endpoint_name",
    "endpoint_id",
    "search_params",
    "target_util",
    "max_workers",
    "id",
    "api_key",
    "endpoint",
    "pending_price_increase_id",
    "ssh_key",
    "key",
    "hash_id",
    "template_id",
    "name",
)
ROUTES = [(route.method, route.template) for each in registry.RESOURCES for route in each.routes]
QUERY: dict[str, tuple[Any, ...]] = {
    "select_filters": (
        {"label": {}},
        {"label": {"in": [[]]}},
        {"id": {"gt": {}}},
        {"id": {"in": [{}]}},
        {"label": {"eq": []}},
    ),
    "order_by": ([{"col": []}], [{"col": {}}], [{"col": None}], [[]], [None], [{"col": "id", "dir": {}}]),
    "select_cols": ([[]], [{}], [None], [1]),
    "limit": ({}, [], 1.5, "1e3", 10**30),
    "after_token": ({}, "e30=", "eyJ2YWx1ZXMiOiB7ImlkIjoge319fQ==", "eyJ2YWx1ZXMiOiBbXX0="),
}


def status(api: Api, method: str, path: str, content: bytes) -> int:
    """Of the reply, without a socket in between: there are thousands of these."""
    headers = {"Authorization": f"Bearer {api.sim.api_key}"}
    return api.sim.application.handle(Request(method, path, headers, content)).reply.status


@pytest.mark.parametrize(("method", "template"), ROUTES)
def test_bodies(api: Api, method: str, template: str) -> None:
    path = template.replace("{id}", "30104").replace("{name}", "x")
    bodies = [*VALUES, *({name: value} for name, value in itertools.product(NAMES, VALUES))]
    bodies += [{"state": "stopped", "ids": value} for value in VALUES]
    bodies += [{"endpoint_id": 4001, "search_params": value} for value in VALUES]
    for body in bodies:
        assert status(api, method, path, json.dumps(body).encode()) < 500, body


SERVERLESS = [route for route in ROUTES if any(word in route[1] for word in ("endpt", "groups", "autojobs", "worker"))]


@pytest.mark.parametrize("texts", ["old", "new"])
@pytest.mark.parametrize(("method", "template"), SERVERLESS)
def test_fields_of_endpoints_and_workergroups(
    start: Callable[..., Api], method: str, template: str, texts: str
) -> None:
    api = start({**DEFAULT_ACCOUNT, "options": {"texts": texts}})
    number = "4001" if "endpt" in template else "5001"
    path = template.replace("{id}", number)
    names = (*ENDPOINT_DEFAULTS, *WORKERGROUP_DEFAULTS, "endpoint_state", "workergroup_id", "cancel_update", "tail")
    base = {"endpoint_id": 4001, "search_params": "num_gpus=1"}
    for name, value in itertools.product(names, (*VALUES, float("nan"), 10**400)):
        body = json.dumps({**base, name: value}).encode()
        assert status(api, method, path, body) < 500, (name, value)
    assert status(api, "GET", "/api/v0/endptjobs/", b"") in (200, 400)
    assert api.sim.application.defects == []


@pytest.mark.parametrize("value", [1.5, -1, 10**30, "3", True, [], {}])
def test_numbers_of_workers_are_whole_and_no_more_than_there_can_be(api: Api, value: Any) -> None:
    for field in ("cold_workers", "max_workers"):
        assert api.put("/api/v0/endptjobs/4001/", {field: value}).status_code == 400
        body = {"endpoint_id": 4001, "search_params": "num_gpus=1", field: value}
        assert api.post("/api/v0/workergroups/", body).status_code == 400
    assert api.post("/api/v0/endptjobs/", {"endpoint_name": "x", "cold_workers": value}).status_code == 400


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"nul", b"[" * 5000, b'"\\ud800"', b"1e999", b'{"state": NaN}'])
def test_bodies_that_are_no_json(api: Api, content: bytes) -> None:
    for method, template in ROUTES:
        path = template.replace("{id}", "30104").replace("{name}", "x")
        assert status(api, method, path, content) < 500


@pytest.mark.parametrize("name", QUERY)
def test_queries(api: Api, name: str) -> None:
    for value in (*QUERY[name], *VALUES):
        for text in (value, json.dumps(value)):
            reply = api.get("/api/v1/instances/", params={name: str(text)})
            assert reply.status_code in (200, 400), value


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 40, "%00", "²", "1.5", "true"])
def test_ids(api: Api, number: str) -> None:
    for method, template in ROUTES:
        if "{id}" in template:
            assert status(api, method, template.replace("{id}", number), b"{}") < 500


@pytest.mark.parametrize("content", [b"[" * 5000, b"[" * 900 + b"]" * 900, b'{"search_params": {}}'])
def test_over_the_wire(api: Api, content: bytes) -> None:
    assert api.call("POST", "/api/v0/workergroups/", data=content).status_code == 400
    assert api.sim.application.defects == []
