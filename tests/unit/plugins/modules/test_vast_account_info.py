# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_account_info against declared calls."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import Api, fail_as, instance_row, list_query, stopped_row, succeed

MODULE = "vast_account_info"
USER: dict[str, t.Any] = {
    "id": 5,
    "key_id": 12,
    "username": "alice",
    "email": "alice@example.com",
    "credit": 42.0,
    "balance": 0.5,
    "api_key": "SECRET-of-the-user",
    "ssh_key": "ssh-rsa x",
}
CATEGORIES: dict[str, t.Any] = {
    "api": {"user_read": {}, "instance_read": {}},
    "api.instance.request_logs": {"constraints": {}},
}
KEYS = {"apikeys": [{"id": 11, "key": None}, {"id": 12, "key": None, "permissions": CATEGORIES}]}
TEMPLATES = {"success": True, "templates": [{"id": 1, "creator_id": 5}, {"id": 2, "creator_id": 6}]}
DENIED = {"success": False, "error": "forbidden", "msg": "Your key lacks the api.x access"}
NO_USER = "user", "credit", "balance", "rights"


def account(
    api: Api,
    *rows: dict[str, t.Any],
    readable: bool = True,
    keys: t.Any = None,
    volumes: t.Sequence[t.Sequence[int]] = (),
    workers: t.Sequence[int] = (),
    engine: t.Any = None,
) -> None:
    """Declare everything that the module asks for, in order. Unless `readable` the key lacks the right `user_read`."""
    denied = 200 if readable else 403
    told = KEYS if keys is None else keys
    api.expect("GET", "/api/v0/users/current/", USER if readable else DENIED, status=denied)
    api.expect("GET", "/api/v0/auth/apikeys/", told if readable else DENIED, status=denied)
    listed = [{"id": number, "instances": used} for number, used in enumerate(volumes, start=900)]
    api.expect("GET", "/api/v0/volumes/", {"volumes": listed}, query={"owner": "me", "type": "all_volume"})
    api.expect_listing(*rows)
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [{"id": 40}] if workers or engine else []})
    if workers or engine:
        reply = [{"id": number} for number in workers]
        api.expect("POST", "/get_endpoint_workers/", engine or reply, body={"id": 40})
    api.expect("GET", "/api/v0/ssh/", [{"id": 3}] if readable else DENIED, status=denied)
    api.expect("GET", "/api/v0/secrets/", {"secrets": {"A": "*", "B": "*"}} if readable else DENIED, status=denied)
    if readable:
        query = {"select_filters": {"creator_id": {"eq": 5}}, "select_cols": ["*"]}
        api.expect("GET", "/api/v0/template/", TEMPLATES, query=query)


def test_it_tells_who_what_is_left_and_what_stands_around(api: Api) -> None:
    account(api, instance_row(1), instance_row(2), stopped_row(3), volumes=([1], [], []), workers=(2,))
    result = succeed(MODULE)
    assert result["user"] == {"id": 5, "username": "alice", "email": "alice@example.com"}
    assert (result["credit"], result["balance"], result["changed"]) == (42.0, 0.5, False)
    assert result["rights"] == ["api.instance.request_logs", "instance_read", "user_read"]
    assert result["billing"] == {"running": 1, "stopped": 1, "workers": 1, "volumes": 3}
    assert result["left_over"] == {
        "unattached_volumes": 2,
        "ssh_keys": 1,
        "environment_variables": 2,
        "templates": 1,
        "api_keys": 2,
    }
    assert result.warnings == []
    assert "SECRET" not in str(result)


def test_check_mode_asks_the_same_and_tells_the_same(api: Api) -> None:
    told = []
    for check_mode in (False, True):
        account(api, instance_row(1), volumes=([1], []), workers=(1,))
        told.append(succeed(MODULE, check_mode=check_mode).values)
    assert told[0] == told[1]


def test_without_the_right_user_read_the_rest_is_told(api: Api) -> None:
    account(api, instance_row(1), readable=False, volumes=([1],))
    result = succeed(MODULE)
    assert [result[key] for key in NO_USER] == [None] * 4
    assert result["billing"] == {"running": 1, "stopped": 0, "workers": 0, "volumes": 1}
    assert result["left_over"].pop("unattached_volumes") == 0
    assert set(result["left_over"].values()) == {None}
    assert len(result.warnings) == 4
    assert "The user and the credit are not known" in result.warnings[0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, None),
        ({"permissions": False}, None),
        ({"rights": '{"api": {"misc": {}}}'}, ["misc"]),
        ({"rights": "{broken"}, None),
        ({"permissions": {"api": None}}, []),
    ],
)
def test_rights_are_as_the_api_tells_them(api: Api, row: dict[str, t.Any], expected: t.Any) -> None:
    account(api, keys={"apikeys": [{"id": 12, **row}, {"id": 13, "rights": CATEGORIES}]})
    assert succeed(MODULE)["rights"] == expected


def test_a_key_that_is_not_listed_has_unknown_rights(api: Api) -> None:
    account(api, keys={"apikeys": []})
    result = succeed(MODULE)
    assert (result["rights"], result["left_over"]["api_keys"]) == (None, 0)


@pytest.mark.parametrize("number", [None, True, "5"])
def test_a_user_without_an_id_has_no_known_templates(api: Api, number: t.Any) -> None:
    api.expect("GET", "/api/v0/users/current/", {**USER, "id": number})
    api.expect_any("GET", "/api/v0/auth/apikeys/", KEYS)
    api.expect_any("GET", "/api/v0/volumes/", {"volumes": []})
    api.expect_listing()
    api.expect_any("GET", "/api/v0/endptjobs/", {"success": True, "results": []})
    api.expect_any("GET", "/api/v0/ssh/", [])
    api.expect_any("GET", "/api/v0/secrets/", {"secrets": {}})
    assert succeed(MODULE)["left_over"]["templates"] is None


def test_workers_are_unknown_while_the_engine_tells_nothing(api: Api) -> None:
    account(api, instance_row(1), engine={"error": "x"})
    result = succeed(MODULE)
    assert (result["billing"]["workers"], result["billing"]["running"]) == (None, 1)
    assert result.warnings != []


def test_what_cannot_be_read_is_null_and_never_nothing(api: Api) -> None:
    api.expect("GET", "/api/v0/users/current/", USER)
    api.expect("GET", "/api/v0/auth/apikeys/", {"apikeys": None})
    api.expect_any("GET", "/api/v0/volumes/", {"volumes": "x"})
    api.expect("GET", "/api/v1/instances/", DENIED, status=403, query=list_query({}))
    api.expect("GET", "/api/v0/endptjobs/", DENIED, status=403)
    api.expect("GET", "/api/v0/ssh/", [{}])
    api.expect("GET", "/api/v0/secrets/", {"secrets": []})
    api.expect_any("GET", "/api/v0/template/", {"templates": [{}]})
    result = succeed(MODULE)
    assert {*result["billing"].values(), *result["left_over"].values()} == {None}
    assert len(result.warnings) == 7
    assert result["credit"] == 42.0


def test_a_wrong_key_is_a_failure(api: Api) -> None:
    refusal = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", "/api/v0/users/current/", refusal, status=404)
    fail_as(MODULE, "auth")


def test_what_is_refused_for_its_pace_only_is_never_unknown(api: Api) -> None:
    api.expect("GET", "/api/v0/users/current/", USER)
    api.expect("GET", "/api/v0/auth/apikeys/", "API requests too frequent", status=429)
    fail_as(MODULE, "rate_limited", retry_timeout=0)
