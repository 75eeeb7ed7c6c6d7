# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an endpoint group looks like, and how one is told from another."""

from __future__ import annotations

import json
import random
import typing as t

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from ansible_collections.vastai.cloud.plugins.module_utils._endpoints import (
    RESULT_FIELDS,
    WORKER_FIELDS,
    WORKERGROUP_FIELDS,
    Endpoint,
    describe,
    find,
    plan_absent,
    read,
)
from ansible_collections.vastai.cloud.plugins.module_utils._errors import (
    Ambiguous,
    AuthError,
    Invalid,
    NotFound,
    ProtocolError,
)

from ..harness import Api, FakeClock, endpoint_row, make_client

LIST = "/api/v0/endptjobs/"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"endpoint_name": "llama-prod"}, "endpoint 77 (llama-prod)"),
        ({"endpoint_name": ""}, "endpoint 77"),
        ({"endpoint_name": None}, "endpoint 77"),
        ({}, "endpoint 77"),
    ],
)
def test_messages_call_it_by_id_and_name(row: dict[str, t.Any], name: str) -> None:
    assert Endpoint(77, row).name == name


def test_the_result_has_every_key_and_no_secret() -> None:
    result = Endpoint(77, endpoint_row()).result()
    assert result.keys() == {"id", *RESULT_FIELDS}
    assert (result["id"], result["endpoint_name"], result["max_workers"]) == (77, "llama-prod", 8)
    assert "SECRET" not in json.dumps(result)
    assert "SECRET" not in repr(Endpoint(77, endpoint_row()))


def test_what_is_there_is_planned_to_be_deleted_with_its_workers() -> None:
    result = plan_absent(Endpoint(77, endpoint_row()), "endpoint 77").result()
    assert result["changed"] is True
    assert result["actions"] == ["delete endpoint 77 (llama-prod) with its workergroups and workers"]
    assert result["diff"]["before"]["endpoint"]["endpoint_name"] == "llama-prod"
    assert result["diff"]["after"] == {"endpoint": None}


def test_nothing_is_planned_for_what_is_not_there() -> None:
    plan = plan_absent(None, "endpoint llama-prod")
    assert not plan.changed
    assert plan.subject == "endpoint llama-prod"


@pytest.mark.parametrize(
    ("endpoint_id", "name", "found"),
    [(77, None, 77), (78, None, 78), (79, None, None), (None, "llama-prod", 77), (None, "LLAMA-prod", None)],
)
def test_finds_by_id_or_exact_name(api: Api, endpoint_id: int | None, name: str | None, found: int | None) -> None:
    api.expect("GET", LIST, {"success": True, "results": [endpoint_row(), endpoint_row(78, endpoint_name="test")]})
    group = find(make_client(), endpoint_id, name)
    assert (group.id if group else None) == found


def test_several_with_the_name_are_all_named(api: Api) -> None:
    api.expect("GET", LIST, {"success": True, "results": [endpoint_row(), endpoint_row(78)]})
    with pytest.raises(Ambiguous, match=r"2 endpoint groups are named 'llama-prod': 77, 78\. Select one of them by id"):
        find(make_client(), None, "llama-prod")


@pytest.mark.parametrize("status", [200, 400])
def test_an_account_without_endpoint_groups_may_be_told_by_a_refusal(api: Api, status: int) -> None:
    refusal = {"success": False, "error": "invalid_args", "msg": "No endpoints for user found"}
    api.expect("GET", LIST, refusal, status=status)
    assert read(make_client()) == []


def test_another_refusal_is_not_an_empty_account(api: Api) -> None:
    api.expect("GET", LIST, {"success": False, "error": "invalid_args", "msg": "bad client_id"}, status=400)
    with pytest.raises(Invalid, match="bad client_id"):
        read(make_client())


@pytest.mark.parametrize(
    "reply",
    [
        {"success": True},
        {"success": True, "results": None},
        {"success": True, "results": {"77": endpoint_row()}},
        {"success": True, "results": ["77"]},
        {"success": True, "results": [{"endpoint_name": "llama-prod"}]},
        {"success": True, "results": [endpoint_row(id="77")]},
        {"success": True, "results": [endpoint_row(id=True)]},
        {"success": True, "results": [endpoint_row(), None]},
    ],
)
def test_nothing_is_concluded_from_a_malformed_listing(api: Api, reply: dict[str, t.Any]) -> None:
    api.expect("GET", LIST, reply)
    with pytest.raises(ProtocolError, match=r"listing of endpoint groups cannot be relied on.*run the task again"):
        read(make_client())


WORKERGROUPS, AUTOJOBS, WORKERS = "/api/v0/workergroups/", "/api/v0/autojobs/", "/get_endpoint_workers/"
REFUSED = requests.ConnectionError(NewConnectionError(t.cast("t.Any", object()), "Connection refused"))


def described(groups: list[Endpoint], warnings: list[str] | None = None) -> list[dict[str, t.Any]]:
    return describe(make_client(pytest.fail if warnings is None else warnings.append), groups)


def test_a_description_has_every_key_of_group_workergroup_and_worker_and_no_other(api: Api) -> None:
    secrets = {"api_key": "SECRET-a", "launch_args": "SECRET-b", "token": "SECRET-c"}
    api.expect("GET", WORKERGROUPS, {"results": [{"endpoint_id": 77, **secrets}]})
    api.expect("POST", WORKERS, [secrets], body={"id": 77})
    (group,) = described([Endpoint(77, endpoint_row())])
    assert group.keys() == {"id", *RESULT_FIELDS, "workergroups", "workers"}
    assert group["workergroups"] == [dict.fromkeys(WORKERGROUP_FIELDS)]
    assert group["workers"] == [dict.fromkeys(WORKER_FIELDS)]
    assert "SECRET" not in json.dumps(group)


def test_without_a_group_nothing_is_asked_for(api: Api) -> None:
    assert described([]) == []


@pytest.mark.parametrize("endpoint_id", [None, "77", 78])
def test_a_workergroup_of_no_chosen_group_is_left_out(api: Api, endpoint_id: t.Any) -> None:
    api.expect("GET", WORKERGROUPS, {"results": [{"id": 1, "endpoint_id": endpoint_id}, {"id": 2}]})
    api.expect("POST", WORKERS, [], body={"id": 77})
    assert described([Endpoint(77, endpoint_row())])[0]["workergroups"] == []


def test_a_wrong_key_is_not_taken_for_a_missing_route(api: Api) -> None:
    api.expect("GET", WORKERGROUPS, {"error": "auth_error", "msg": "Invalid user key"}, status=404)
    with pytest.raises(AuthError):
        described([Endpoint(77, endpoint_row())])


def test_where_neither_name_is_known_it_fails(api: Api) -> None:
    api.expect("GET", WORKERGROUPS, {"msg": "no such route"}, status=404)
    api.expect("GET", AUTOJOBS, {"msg": "no such route"}, status=404)
    with pytest.raises(NotFound, match="autojobs"):
        described([Endpoint(77, endpoint_row())])


def test_an_engine_that_cannot_be_reached_is_given_up_for_all_groups_that_are_left(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    api.expect("GET", WORKERGROUPS, {"results": []})
    api.expect("POST", WORKERS, [], body={"id": 77})
    for _attempt in range(8):
        api.expect("POST", WORKERS, REFUSED, body={"id": 78})
    warnings: list[str] = []
    begin = clock.now()
    groups = described([Endpoint(number, {"id": number}) for number in (77, 78, 79, 80)], warnings)
    assert [group["workers"] for group in groups] == [[], None, None, None]
    assert len(warnings) == 1
    assert "endpoint 78 and of those after it are not known" in warnings[0]
    assert clock.now() - begin <= 120
