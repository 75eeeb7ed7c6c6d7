# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an endpoint group looks like, and how one is told from another."""

from __future__ import annotations

import dataclasses
import json
import random
import typing as t

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Waits
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
    Ambiguous,
    AuthError,
    Exchange,
    Invalid,
    NotFound,
    ProtocolError,
    VastError,
)
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import endpoints
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import (
    Deletion,
    Endpoint,
    delete,
    describe,
    find,
    plan_absent,
    prove_workers_gone,
    read,
)

from ...harness import Api, FakeClock, endpoint_row, instance_row, list_query, make_client, stopped_row

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
    assert Endpoint(77, row).display_name == name


GROUP = {
    "id": 77,
    "endpoint_name": "llama-prod",
    "endpoint_state": "active",
    "min_load": 10.0,
    "min_cold_load": 0.5,
    "target_util": 0.9,
    "cold_mult": 2.5,
    "cold_workers": 2,
    "max_workers": 8,
    "max_queue_time": 30.0,
    "target_queue_time": 10.0,
    "inactivity_timeout": 600,
    "autoscaler_instance": "prod",
    "created_at": 1_790_000_000.0,
}
WORKERGROUP = {
    "id": 501,
    "min_load": 5.0,
    "target_util": 0.9,
    "cold_mult": 2.5,
    "test_workers": 3,
    "template_id": 9,
    "template_hash": "abc",
    "search_query": {"verified": {"eq": True}},
    "gpu_ram": 24.0,
    "created_at": 1_790_000_001.0,
}
WORKER = {
    "id": 1001,
    "status": "idle",
    "gpu_name": "RTX 4090",
    "url": "https://w.test",
    "created_at": 1_790_000_002.0,
    "started_at": 1_790_000_003.0,
    "loaded_at": 1_790_000_004.0,
}
"""What is told of each, whole and without secrets (F4.1, F4.2, F4.3)."""


def test_the_result_has_every_field_as_the_api_has_it_and_no_secret() -> None:
    group = Endpoint(77, {**GROUP, "user_id": 5, "api_key": "SECRET-endpoint-key"})
    assert group.result() == GROUP
    assert "SECRET" not in repr(group)


def test_the_result_has_every_key_even_when_the_row_has_none() -> None:
    assert Endpoint(77, {"id": 77}).result() == {**dict.fromkeys(GROUP), "id": 77}


def test_what_was_read_cannot_be_altered() -> None:
    field = "id"
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(Endpoint(77, {}), field, 78)


@pytest.mark.parametrize(
    ("route", "method", "path", "interval", "safe"),
    [
        (endpoints.LIST, "GET", "/api/v0/endptjobs/", 3.0, True),
        (endpoints.DELETE, "DELETE", "/api/v0/endptjobs/{id}/", 3.0, False),
        (endpoints.WORKERGROUPS, "GET", "/api/v0/workergroups/", 2.0, True),
        (endpoints.AUTOJOBS, "GET", "/api/v0/autojobs/", 2.0, True),
        (endpoints.WORKERS, "POST", "/get_endpoint_workers/", 1.0, True),
    ],
)
def test_each_route_has_its_published_interval_and_only_the_deletion_is_never_repeated(
    route: Route, method: str, path: str, interval: float, safe: bool
) -> None:
    assert (route.method, route.path, route.interval, route.safe) == (method, path, interval, safe)


def test_what_is_there_is_planned_to_be_deleted_with_its_workers() -> None:
    result = plan_absent(Endpoint(77, endpoint_row()), "endpoint 77").result()
    assert result["diff"]["before_header"] == result["diff"]["after_header"] == "endpoint 77 (llama-prod)"
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
    with pytest.raises(ProtocolError) as raised:
        read(make_client())
    assert raised.value.msg == (
        "The listing of endpoint groups cannot be relied on: it holds no list of groups with ids. "
        "Nothing is concluded from it; run the task again."
    )
    assert raised.value.exchange == Exchange("GET", "https://vast.test/api/v0/endptjobs/", 200)


WORKERGROUPS, AUTOJOBS, WORKERS = "/api/v0/workergroups/", "/api/v0/autojobs/", "/get_endpoint_workers/"
REFUSED = requests.ConnectionError(NewConnectionError(t.cast("t.Any", object()), "Connection refused"))


def described(groups: list[Endpoint], warnings: list[str] | None = None) -> list[dict[str, t.Any]]:
    return describe(make_client(pytest.fail if warnings is None else warnings.append), groups)


def test_a_description_has_every_key_of_group_workergroup_and_worker_and_no_other(api: Api) -> None:
    secrets = {"api_key": "SECRET-a", "launch_args": "SECRET-b", "token": "SECRET-c"}
    api.expect("GET", WORKERGROUPS, {"results": [{"endpoint_id": 77, **secrets}]})
    api.expect("POST", WORKERS, [secrets], body={"id": 77})
    (group,) = described([Endpoint(77, endpoint_row())])
    assert group.keys() == {*GROUP, "workergroups", "workers"}
    assert group["workergroups"] == [dict.fromkeys(WORKERGROUP)]
    assert group["workers"] == [dict.fromkeys(WORKER)]
    assert "SECRET" not in json.dumps(group)


def test_workergroups_and_workers_are_passed_on_as_they_are_told(api: Api) -> None:
    api.expect("GET", WORKERGROUPS, {"results": [{**WORKERGROUP, "endpoint_id": 77, "api_key": "SECRET-a"}]})
    api.expect("POST", WORKERS, [{**WORKER, "signature": "SECRET-b"}], body={"id": 77})
    assert described([Endpoint(77, GROUP)]) == [{**GROUP, "workergroups": [WORKERGROUP], "workers": [WORKER]}]


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
    assert len(warnings) == 2
    assert "Trying again for at most" in warnings[0]
    assert "endpoint 78 and of those after it are not known" in warnings[1]
    assert clock.now() - begin <= 120


NAME = "endpoint 77 (llama-prod)"
LOST = requests.ConnectionError("Connection reset by peer")
DOUBT = (
    "The reply to DELETE https://vast.test/api/v0/endptjobs/77/ was lost: Connection reset by peer. "
    "It may have been carried out."
)
BOOM = "Vast.ai answered 500 to GET https://vast.test/api/v0/endptjobs/: boom."
DELETED = {"deleted_workers": [1001, 1002], "failed_workers": [1003]}
Step = t.Callable[[Api], None]


def step(*replies: t.Any, status: int = 200) -> Step:
    """A deletion that is answered so, or the listings after it: of groups with these ids."""

    def declare(api: Api) -> None:
        for reply in replies:
            if isinstance(reply, list):
                api.expect("GET", LIST, {"success": True, "results": [{**GROUP, "id": number} for number in reply]})
            else:
                api.expect("DELETE", f"{LIST}77/", reply, status=status)

    return declare


def boom(api: Api) -> None:
    api.expect("GET", LIST, {"msg": "boom"}, status=500)


def failure_to_delete(api: Api, *steps: Step) -> VastError:
    for declare in steps:
        declare(api)
    with pytest.raises(VastError) as raised:
        delete(make_client(), Endpoint(77, GROUP))
    return raised.value


STILL_THERE = step([77], [77, 78], [77], [77])
UNSEEN = (
    f"{DOUBT} {NAME} is gone from the listing, but the reply that names its workers was lost. "
    "Look for leftover workers among the instances of the account: they bill."
)


@pytest.mark.parametrize(
    ("steps", "error_class", "msg", "result"),
    [
        pytest.param(
            [step(DELETED), STILL_THERE],
            "server",
            f"The API said that {NAME} is deleted, and it is still listed after 12 s.",
            DELETED,
            id="deleted and still listed",
        ),
        pytest.param(
            [step(DELETED), boom],
            "server",
            f"{BOOM} The API said that {NAME} is deleted; whether it and its workers 1001, 1002, 1003 are gone "
            "is not proven.",
            {"changed": True, **DELETED},
            id="deleted and not seen",
        ),
        pytest.param(
            [step({"deleted_workers": [], "failed_workers": []}), boom],
            "server",
            f"{BOOM} The API said that {NAME} is deleted; whether it and its workers (none named) are gone "
            "is not proven.",
            {"changed": True, "deleted_workers": [], "failed_workers": []},
            id="deleted without workers and not seen",
        ),
        pytest.param([step(LOST), step([78])], "unknown_outcome", UNSEEN, {"changed": True}, id="lost and gone"),
        pytest.param(
            [step(LOST), boom],
            "unknown_outcome",
            f"{DOUBT} Whether {NAME} is gone could not be seen: {BOOM}",
            {},
            id="lost and not seen",
        ),
        pytest.param(
            [step(LOST), STILL_THERE, step(LOST), STILL_THERE],
            "unknown_outcome",
            f"{DOUBT} {NAME} is still listed.",
            {},
            id="lost twice and still listed",
        ),
        pytest.param(
            [step(LOST), STILL_THERE, step(LOST), step([])],
            "unknown_outcome",
            UNSEEN,
            {"changed": True},
            id="lost twice and gone",
        ),
        pytest.param(
            [step(LOST), STILL_THERE, step(LOST), boom],
            "unknown_outcome",
            f"{DOUBT} Whether {NAME} is gone could not be seen: {BOOM}",
            {},
            id="lost twice and not seen",
        ),
        pytest.param(
            [step(LOST), STILL_THERE, step({"msg": "no such group"}, status=404), step([])],
            "unknown_outcome",
            UNSEEN,
            {"changed": True},
            id="lost and carried out late",
        ),
    ],
)
def test_a_deletion_that_fails_tells_what_is_known_and_what_to_look_for(
    api: Api, steps: list[Step], error_class: str, msg: str, result: dict[str, t.Any]
) -> None:
    failed = failure_to_delete(api, *steps)
    assert (failed.error_class, failed.msg) == (error_class, msg)
    assert failed.result == {"endpoint": GROUP, **result}


@pytest.mark.parametrize("key", ["deleted_workers", "failed_workers"])
def test_ids_in_a_wrong_shape_are_shown_in_short(api: Api, key: str) -> None:
    failed = failure_to_delete(api, step({"deleted_workers": [], "failed_workers": [], key: "9" * 500}))
    assert failed.msg == (
        f"{NAME} is deleted, but the reply has no list of ids in {key}, so that its workers cannot be looked for: "
        f"{'9' * 200}."
    )
    assert (failed.error_class, failed.result) == ("protocol", {"endpoint": GROUP, "changed": True})
    assert failed.exchange == Exchange("DELETE", "https://vast.test/api/v0/endptjobs/77/", 200)


def failure_to_prove(api: Api, deletion: Deletion, timeout: float = 10.0) -> VastError:
    with pytest.raises(VastError) as raised:
        prove_workers_gone(make_client(), Endpoint(77, GROUP), deletion, Waits(True, timeout, 5.0))
    return raised.value


TODO = "They may go on billing: destroy them in the console or with the official client (vastai destroy instance ID)."


def test_workers_that_stay_are_told_with_their_state_and_what_to_do(api: Api) -> None:
    for _look in range(3):
        api.expect_listing(
            instance_row(1002, label="w", status_msg=None),
            stopped_row(1001, label=None, status_msg=None),
            id=[1001, 1002],
        )
    failed = failure_to_prove(api, Deletion([1002, 1001]))
    assert failed.error_class == "timeout"
    assert failed.msg == (
        f"{NAME} is deleted, but its workers 1002, 1001 are still listed after wait_timeout (10 s): "
        "instance 1002 (w): actual_status running, intended_status running, cur_state running; "
        f"instance 1001: actual_status exited, intended_status stopped, cur_state stopped. {TODO}"
    )
    assert failed.result == {
        "endpoint": GROUP,
        "changed": True,
        "deleted_workers": [1002, 1001],
        "failed_workers": [],
    }


@pytest.mark.parametrize(
    ("rows", "listed"),
    [
        ([], "none of its workers is listed now"),
        (
            [instance_row(1003, label=None, status_msg=None)],
            "instance 1003: actual_status running, intended_status running, cur_state running",
        ),
    ],
)
def test_workers_that_were_not_deleted_are_told_after_one_look(
    api: Api, rows: list[dict[str, t.Any]], listed: str
) -> None:
    api.expect_listing(*rows, id=[1001, 1003, 1004])
    failed = failure_to_prove(api, Deletion([1001], [1003, 1004]))
    assert (failed.error_class, failed.msg) == (
        "server",
        f"{NAME} is deleted, but Vast.ai failed to delete its workers 1003, 1004. Listed: {listed}. {TODO}",
    )
    assert failed.result == {
        "endpoint": GROUP,
        "changed": True,
        "deleted_workers": [1001],
        "failed_workers": [1003, 1004],
    }


def test_workers_that_cannot_be_looked_for_are_told_in_order(api: Api) -> None:
    query = list_query({"id": {"in": [1001, 1002]}})
    api.expect("GET", "/api/v1/instances/", {"msg": "boom"}, status=500, query=query)
    failed = failure_to_prove(api, Deletion([1002, 1001]))
    assert failed.error_class == "server"
    assert failed.msg == (
        "Vast.ai answered 500 to GET https://vast.test/api/v1/instances/: boom. "
        f"{NAME} is deleted; whether its workers 1001, 1002 are gone is not proven."
    )
    assert failed.result == {
        "endpoint": GROUP,
        "changed": True,
        "deleted_workers": [1002, 1001],
        "failed_workers": [],
    }


@pytest.mark.parametrize(("interval", "slept"), [(2.0, [2.0, 2.0]), (5.0, [3.2, 5.0])])
def test_workers_are_first_looked_for_when_the_listing_may_be_asked_again(
    api: Api, clock: FakeClock, interval: float, slept: list[float]
) -> None:
    api.expect_listing(instance_row(1001), id=[1001])
    api.expect_listing(id=[1001])
    prove_workers_gone(make_client(), Endpoint(77, GROUP), Deletion([1001]), Waits(True, 60.0, interval))
    assert clock.slept == pytest.approx(slept, abs=0.1)
