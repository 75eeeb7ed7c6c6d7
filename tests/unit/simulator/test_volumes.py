# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Volumes: searching and renting; test_money holds what they bill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

Start = Callable[..., Api]
PATH = "/api/v0/volumes/"
MACHINES = [{"id": 501, "disk_space": 200.0, "storage_cost": 0.2}, {"id": 502, "disk_space": 50.0}]


def found(api: Api, query: Any) -> list[int]:
    return [row["machine_id"] for row in api.post(f"{PATH}search/", query).json()["offers"]]


def test_offers_are_found_and_rented_until_there_is_no_room(start: Start) -> None:
    api = start({"machines": MACHINES})
    assert found(api, {}) == [502, 501]
    assert found(api, {"disk_space": {"gte": 100}, "order": [], "limit": 5}) == [501]
    (offer,) = api.post(f"{PATH}search/", {"machine_id": {"eq": 501}}).json()["offers"]
    reply = api.put(PATH, {"id": offer["id"], "size": 150, "name": "data"}).json()
    assert reply["volume_name"] == f"V.{reply['volume_id']}"
    (row,) = api.get(PATH).json()["volumes"]
    assert (row["label"], row["disk_space"], row["machine_id"], row["instances"]) == ("data", 150.0, 501, [])
    assert found(api, {"disk_space": {"gte": 100}}) == []
    assert api.post(f"{PATH}search/", []).status_code == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [({"name": "a-b"}, 422), ({"name": 7}, 422), ({"id": 1}, 400), ({"size": 201}, 400), ({"size": "x"}, 400)],
)
def test_what_cannot_be_rented(start: Start, change: dict[str, Any], status: int) -> None:
    api = start({"machines": MACHINES})
    (offer,) = api.post(f"{PATH}search/", {"machine_id": {"eq": 501}}).json()["offers"]
    assert api.put(PATH, {"id": offer["id"], "size": 10, "name": "data", **change}).status_code == status
    assert api.get(PATH).json()["volumes"] == []


def test_without_credit_nothing_is_rented(start: Start) -> None:
    api = start({"machines": MACHINES, "user": {"credit": 0.0}})
    (offer,) = api.post(f"{PATH}search/", {"machine_id": {"eq": 501}}).json()["offers"]
    assert api.put(PATH, {"id": offer["id"], "size": 10}).json()["error"] == "insufficient_credit"


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [("", {"id": 301}, 200), ("?id=301", {}, 200), ("?id=301", None, 200), ("?id=9", {}, 404), ("?id=x", {}, 404)],
)
def test_one_is_deleted_by_its_body_or_as_the_official_client_does(
    start: Start, query: str, body: Any, status: int
) -> None:
    api = start({"volumes": [{"id": 301}]})
    assert api.delete(f"{PATH}{query}", body).status_code == status
    assert len(api.get(PATH).json()["volumes"]) == (status != 200)
