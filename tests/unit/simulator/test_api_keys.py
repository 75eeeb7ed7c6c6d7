# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API keys of the account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

Start = Callable[..., Api]
PATH = "/api/v0/auth/apikeys/"


def listed(api: Api) -> list[dict[str, Any]]:
    return list(api.get(PATH).json()["apikeys"])


def test_a_key_is_shown_once_and_works_until_it_is_deleted(start: Start) -> None:
    api = start({})
    made = api.post(PATH, {"name": "a", "permissions": {"api": {"user_read": {}}}}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert [(row["name"], row["key"]) for row in listed(api)] == [("a", None)]
    assert api.get(PATH, headers=headers).status_code == 200
    assert api.post(PATH, {"name": "b"}, headers=headers).status_code == 403
    assert made["key"] not in str(api.sim.journal())
    deleted = api.delete(f"{PATH}{made['id']}/")
    assert (deleted.status_code, deleted.json()) == (200, "Successfully Deleted API Key")
    assert listed(api) == []
    assert api.get(PATH, headers=headers).json()["error"] == "auth_error"


def test_a_name_need_not_be_unique(start: Start) -> None:
    api = start({"api_keys": [{"name": "a"}]})
    api.post(PATH, {"name": "a"})
    assert [row["name"] for row in listed(api)] == ["a", "a"]


def test_nobody_grants_what_they_may_not_do(start: Start) -> None:
    api = start({"keys": {"partial-key-0123456789": {"permissions": ["user_read", "user_write"]}}})
    headers = {"Authorization": "Bearer partial-key-0123456789"}
    too_much: tuple[dict[str, Any], ...] = ({}, {"permissions": {"api": {"misc": {}}}})
    for given in too_much:
        refused = api.post(PATH, {"name": "a", **given}, headers=headers)
        assert (refused.status_code, list(refused.json())) == (401, ["msg"])
    given = {"permissions": {"api": {"user_read": {}}}}
    assert api.post(PATH, {"name": "a", **given}, headers=headers).json()["success"] is True


def test_what_cannot_be_done(start: Start) -> None:
    api = start({"api_keys": [{"name": "main", "key_type": "primary"}]})
    (row,) = listed(api)
    assert api.delete(f"{PATH}{row['id']}/").status_code == 400
    assert api.delete(f"{PATH}99/").status_code == 404
    assert api.post(PATH, {}).status_code == 400
