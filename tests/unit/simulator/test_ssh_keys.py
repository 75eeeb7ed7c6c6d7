# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ssh keys of the account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

Start = Callable[..., Api]
KEY = "ssh-ed25519 AAAA me@here"
PATH = "/api/v0/ssh/"


def texts(api: Api) -> list[Any]:
    return [row["public_key"] for row in api.get(PATH).json()]


def test_a_list_of_none_comes_in_two_forms(start: Start) -> None:
    assert start().get(PATH).json() == []
    assert start({"options": {"no_ssh_keys": "not_found"}}).get(PATH).status_code == 404


def test_a_key_is_added_changed_and_deleted(start: Start) -> None:
    api = start({})
    row = api.post(PATH, {"ssh_key": KEY}).json()["key"]
    assert texts(api) == [KEY]
    assert api.put(f"{PATH}{row['id']}/", {"ssh_key": KEY}).json()["msg"].endswith("already exists on this account")
    assert api.put(f"{PATH}9/", {"ssh_key": KEY}).status_code == 404
    assert api.put(f"{PATH}{row['id']}/", {}).status_code == 400
    assert api.put(f"{PATH}{row['id']}/", {"ssh_key": "ssh-rsa BBBB"}).json()["success"] is True
    assert texts(api) == ["ssh-rsa BBBB"]
    assert api.delete(f"{PATH}{row['id']}/").json() == {"success": True}
    assert (api.delete(f"{PATH}{row['id']}/").status_code, texts(api)) == (400, [])


def test_a_second_one_is_a_second_row(start: Start) -> None:
    api = start({"ssh_keys": [KEY], "options": {"ssh_key_field": "key"}})
    assert api.post(PATH, {"ssh_key": KEY}).status_code == 200
    assert [row["key"] for row in api.get(PATH).json()] == [KEY, KEY]
    assert api.post(PATH, {"ssh_key": "nonsense"}).status_code == 400


def test_a_new_instance_gets_them_and_an_old_one_does_not(start: Start) -> None:
    api = start({"machines": [{"id": 1}], "ssh_keys": [KEY], "instances": [{"id": 5}]})
    offer = api.post("/api/v0/bundles/", {}).json()["offers"][0]["id"]
    number = api.put(f"/api/v0/asks/{offer}/", {"image": "alpine", "disk": 10}).json()["new_contract"]
    keys = {each: json.loads(api.get(f"/api/v0/instances/{each}/ssh/").json()["ssh_keys"]) for each in (number, 5)}
    assert [len(rows) for rows in keys.values()] == [1, 0]


def test_attaching_makes_the_account_row(start: Start) -> None:
    api = start({"instances": [{"id": 5}]})
    api.post("/api/v0/instances/5/ssh/", {"ssh_key": KEY})
    assert texts(api) == [KEY]
