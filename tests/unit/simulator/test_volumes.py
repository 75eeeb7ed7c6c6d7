# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Volumes: searching and renting; test_money holds what they bill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

Start = Callable[..., Api]
PATH = "/api/v0/volumes/"
MACHINES = [{"id": 501, "disk_space": 200.0, "storage_cost": 0.2}, {"id": 502, "disk_space": 50.0}]


def found(api: Api, query: Any) -> list[int]:
    return [row["machine_id"] for row in api.post(f"{PATH}search/", query).json()["offers"]]


def test_offers_are_found_and_rented_until_there_is_no_room(start: Start) -> None:
    api = start({"machines": MACHINES})
    assert found(api, {}) == [502, 501]
    assert found(api, {"disk_space": {"gte": 100}, "order": [], "limit": 5}) == [501]
    assert found(api, {"geolocation": {"in": ["XX"]}}) == []
    assert found(api, {"verified": {"eq": True}, "external": {"eq": False}, "unheard_of": {"eq": 1}}) == [502, 501]
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


VOLUMES = [
    {"id": 900, "label": "data", "machine_id": 501, "disk_space": 10.0},
    {"id": 901, "label": "models", "machine_id": 501},
    {"id": 902, "machine_id": 502},
    {"id": 903, "machine_id": 501, "status": "initialized"},
]
LINK = {"create_new": False, "volume_id": 900, "mount_path": "/data"}


def rented(api: Api, **fields: Any) -> Any:
    (offer,) = api.post("/api/v0/bundles/", {"machine_id": {"eq": 501}, "num_gpus": {"eq": 1}}).json()["offers"]
    return api.put(f"/api/v0/asks/{offer['id']}/", {"image": "alpine", **fields})


@pytest.mark.parametrize(
    ("fields", "flags", "ids"),
    [
        ({"volume_info": LINK}, ["-v data:/data"], [900]),
        ({"env": {"A": "1", "-v V.900:/a": "1", "-v models:/b": "1"}}, ["A", "-v data:/a", "-v models:/b"], [900, 901]),
        ({"env": {"-v /host:/a": "1"}}, ["-v /host:/a"], []),
    ],
)
def test_an_instance_has_the_volumes_that_its_create_named(
    start: Start, fields: dict[str, Any], flags: list[str], ids: list[int]
) -> None:
    api = start({"machines": [{**MACHINES[0], "num_gpus": 1}, MACHINES[1]], "volumes": VOLUMES})
    reply = rented(api, **fields)
    if not ids:
        assert (reply.status_code, reply.json()["msg"]) == (404, "Volume /host does not exist.")
        return
    number = reply.json()["new_contract"]
    row = api.row(number)
    assert [name for name, _value in row["extra_env"]] == flags
    assert [told["id"] for told in row["volume_info"]] == ids
    users = {row["id"]: (row["instances"], row["status"]) for row in api.get(PATH).json()["volumes"]}
    assert [number for number, (instances, _status) in users.items() if instances] == ids
    assert users[900] == ([number], "in-use")


def test_a_volume_lets_go_of_an_instance_a_while_after_it_is_gone(start: Start, clock: ManualClock) -> None:
    api = start({"machines": [{**MACHINES[0], "num_gpus": 1}], "volumes": VOLUMES[:1]})
    number = rented(api, volume_info=LINK).json()["new_contract"]
    api.delete(f"/api/v0/instances/{number}/", {})
    assert api.get(PATH).json()["volumes"][0]["instances"] == [number]
    assert api.delete(PATH, {"id": 900}).status_code == 409
    clock.step(31)
    (row,) = api.get(PATH).json()["volumes"]
    assert (row["instances"], row["status"]) == ([], "created")
    assert api.delete(PATH, {"id": 900}).json() == {"success": True}


@pytest.mark.parametrize(
    ("info", "status"),
    [
        ({**LINK, "volume_id": 1}, 404),
        ({**LINK, "volume_id": "900"}, 404),
        ({**LINK, "volume_id": 902}, 400),
        ({**LINK, "volume_id": 903}, 404),
        ({**LINK, "create_new": True}, 400),
        ({"volume_id": 900}, 400),
        ("data", 400),
    ],
)
def test_what_cannot_be_attached_rents_nothing(start: Start, info: Any, status: int) -> None:
    api = start({"machines": [{**MACHINES[0], "num_gpus": 1}, MACHINES[1]], "volumes": VOLUMES})
    assert rented(api, volume_info=info).status_code == status
    assert api.listing()["instances"] == []


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
