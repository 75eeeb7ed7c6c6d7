# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates, own and public ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

Start = Callable[..., Api]
PATH = "/api/v0/template/"
BODY = {"name": "mine", "image": "alpine", "private": True, "desc": "x"}
FOREIGN = {"name": "theirs", "image": "alpine", "creator_id": 5}


def found(api: Api, **filters: Any) -> list[Any]:
    reply = api.get(PATH, params={"select_filters": json.dumps(filters), "select_cols": '["*"]'}).json()
    return list(reply.get("templates", []))


def test_none_are_a_refusal(start: Start) -> None:
    reply = start({}).get(PATH)
    assert (reply.status_code, reply.json()) == (200, {"success": False, "msg": "No templates found"})


def test_what_is_public_is_shown_and_what_is_private_only_to_its_creator(start: Start) -> None:
    api = start({"templates": [BODY, FOREIGN, {**FOREIGN, "name": "hidden", "private": True}]})
    assert [row["name"] for row in found(api)] == ["mine", "theirs"]
    assert [row["name"] for row in found(api, creator_id={"eq": 5})] == ["theirs"]


def test_the_same_contents_are_not_made_again(start: Start) -> None:
    api = start({"templates": [FOREIGN]})
    first = api.post(PATH, {**BODY, "docker_login_pass": "SECRET"}).json()
    assert (first["success"], first["template"]["docker_login_pass"]) == (True, "********")
    again = api.post(PATH, {**BODY, "docker_login_pass": "SECRET"}).json()
    assert (again["success"], again["template"]["id"]) == (False, first["template"]["id"])
    theirs = api.post(PATH, {"name": "theirs", "image": "alpine"}).json()
    assert (theirs["success"], theirs["template"]["creator_id"]) == (False, 5)
    assert api.post(PATH, {**BODY, "desc": "y"}).json()["success"] is True


def test_an_edit_needs_the_hash_and_moves_it_on(start: Start) -> None:
    api = start({"templates": [BODY, FOREIGN]})
    mine, theirs = found(api)
    edited = api.put(PATH, {"hash_id": mine["hash_id"], "desc": "z"}).json()
    assert (edited["template"]["id"], edited["template"]["image"]) == (mine["id"], "alpine")
    assert edited["hash_id"] != mine["hash_id"]
    assert "None found for given Hash" in api.put(PATH, {"hash_id": mine["hash_id"], "desc": "z"}).json()["msg"]
    assert "Creator" in api.put(PATH, {"hash_id": theirs["hash_id"], "desc": "z"}).json()["msg"]
    assert "Unexpected Key 'x'" in api.put(PATH, {"hash_id": edited["hash_id"], "x": 1}).json()["msg"]


def test_an_edit_of_the_official_client(start: Start) -> None:
    api = start({"templates": [BODY, FOREIGN]})
    mine, theirs = found(api)
    path = "/api/v1/template/"
    assert api.put(path, {**mine, "hash_id": "stale"}).status_code == 404
    assert api.put(path, theirs).status_code == 400
    assert api.put(path, {**mine, "x": 1}).status_code == 400
    assert api.put(path, mine).json()["msg"].startswith("No Edits made")
    assert api.put(path, {**mine, "desc": "z"}).json()["template"]["desc"] == "z"


def test_what_others_use_is_copied_and_not_deleted(start: Start) -> None:
    api = start({"templates": [{**BODY, "used_by_others": True}]})
    (mine,) = found(api)
    copy = api.put(PATH, {"hash_id": mine["hash_id"], "desc": "z"}).json()["template"]
    assert copy["id"] != mine["id"]
    assert api.delete(PATH, {"template_id": mine["id"]}).status_code == 400
    assert api.delete(PATH, {"hash_id": copy["hash_id"]}).json()["success"] is True
    assert [row["id"] for row in found(api)] == [mine["id"]]


@pytest.mark.parametrize(("body", "status"), [({}, 400), ({"template_id": 9}, 400), ({"template_id": "x"}, 400)])
def test_deletions_that_cannot_be(start: Start, body: Any, status: int) -> None:
    api = start({"templates": [FOREIGN]})
    assert api.delete(PATH, body).status_code == status
    assert api.delete(PATH, {"template_id": found(api)[0]["id"]}).status_code == 401


def test_the_size_of_the_disk_may_be_a_text_as_the_official_client_sends_it(start: Start) -> None:
    made = start({}).post(PATH, {**BODY, "recommended_disk_space": "20.5"}).json()["template"]
    assert made["recommended_disk_space"] == 20.5


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {**BODY, "image": 7},
        {**BODY, "private": 1},
        {**BODY, "x": 1},
        {**BODY, "recommended_disk_space": "x"},
    ],
)
def test_creates_that_cannot_be(start: Start, body: Any) -> None:
    assert start({}).post(PATH, body).status_code == 400


@pytest.mark.parametrize("text", ["{", "7", '{"a": 7}', '{"a": {"x": 1}}', '{"id": {"in": 7}}'])
def test_filters_that_cannot_be(start: Start, text: str) -> None:
    api = start({"templates": [BODY]})
    assert api.get(PATH, params={"select_filters": text}).status_code == 400


def test_a_search_may_come_in_pages(start: Start) -> None:
    templates = [{**BODY, "name": name} for name in "abc"]
    api = start({"templates": templates, "options": {"template_page": 2}})
    first = api.get(PATH).json()
    assert ([row["name"] for row in first["templates"]], first["templates_found"]) == (["a", "b"], 2)
    second = api.get(PATH, params={"after_token": first["next_token"]}).json()
    assert ([row["name"] for row in second["templates"]], second["next_token"]) == (["c"], None)
    for token in ("x", "9"):
        assert api.get(PATH, params={"after_token": token}).json()["error"] == "invalid_token"
