# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The workers as the engine lists them, in all the forms that it has."""

from __future__ import annotations

import random
import typing as t

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Deadline
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import VastError
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import workers
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import Endpoint

from ...harness import Api, FakeClock, endpoint_row, make_client

WORKERS = "/get_endpoint_workers/"
WORKER = {
    "id": 1001,
    "status": "idle",
    "gpu_name": "RTX 4090",
    "url": "https://w.test",
    "created_at": 1_790_000_002.0,
    "started_at": 1_790_000_003.0,
    "loaded_at": 1_790_000_004.0,
}
"""All that is told of one (F4.3)."""
REFUSED = requests.ConnectionError(NewConnectionError(t.cast("t.Any", object()), "Connection refused"))
GROUP = Endpoint(77, endpoint_row())


def ask(api: Api, reply: t.Any, status: int = 200) -> workers.Workers:
    api.expect("POST", WORKERS, reply, status=status, body={"id": 77})
    client = make_client()
    return workers.ask(client, GROUP, Deadline(client.clock, 60.0))


def test_asking_changes_nothing_and_goes_to_the_engine() -> None:
    assert workers.WORKERS == ("POST", WORKERS, 1.0, True, True)


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"workers": rows}])
def test_a_list_is_told_whole_and_without_secrets(api: Api, wrap: t.Callable[[t.Any], t.Any]) -> None:
    told = ask(api, wrap([{**WORKER, "signature": "SECRET-a"}, {"id": 1002}]))
    own = {"worker_of": 77}
    assert told.results(77) == [{**WORKER, **own}, {**dict.fromkeys(WORKER), "id": 1002, **own}]
    assert (told.ids, told.reason) == ((1001, 1002), "")


@pytest.mark.parametrize(
    ("reply", "ids", "reason"),
    [
        ({"error_msg": "no workers are ready"}, (), "no workers are ready"),
        ({"error_msg": None}, (), "it returned no list of workers"),
        ({}, (), "it returned no list of workers"),
        ({"workers": None}, (), "it returned no list of workers"),
        ({"workers": {"1001": {}}}, (), "it returned no list of workers"),
        ([{"id": 1001}, None], (1001,), "its list of workers has entries that are no workers"),
    ],
)
def test_anything_else_than_a_list_of_workers_leaves_them_unknown(
    api: Api, reply: t.Any, ids: tuple[int, ...], reason: str
) -> None:
    told = ask(api, reply)
    assert (told.rows, told.results(77), told.ids) == (None, None, ids)
    assert reason in told.reason


@pytest.mark.parametrize("success", [{}, {"success": False}])
def test_that_none_is_ready_is_no_failure_of_the_engine(api: Api, success: dict[str, t.Any]) -> None:
    assert "none is ready" in ask(api, {"error_msg": "none is ready", **success}).reason


@pytest.mark.parametrize("reply", [{"success": False, "msg": "no"}, {"success": False, "error": "x", "msg": "no"}])
def test_another_refusal_with_200_is_a_failure_of_the_engine(api: Api, reply: dict[str, t.Any]) -> None:
    with pytest.raises(VastError, match="no"):
        ask(api, reply)


@pytest.mark.parametrize("worker_id", [None, "1002", True, 1.5])
def test_a_worker_without_an_id_is_shown_and_leaves_the_list_unproven(api: Api, worker_id: t.Any) -> None:
    told = ask(api, [{"id": 1001}, {"id": worker_id}])
    assert told.rows is not None
    assert (told.ids, told.reason) == ((1001,), "its list of workers has entries without an id")


@pytest.mark.parametrize(
    ("reply", "status"), [('"no such group"', 200), ({"error_msg": "no such group"}, 400), ("no such group", 500)]
)
def test_a_refusal_in_any_form_is_an_error(api: Api, reply: t.Any, status: int) -> None:
    with pytest.raises(VastError, match="no such group"):
        ask(api, reply, status)


def test_an_engine_that_cannot_be_reached_is_given_up_for_all_groups_that_are_left(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    api.expect("POST", WORKERS, [], body={"id": 77})
    for _attempt in range(8):
        api.expect("POST", WORKERS, REFUSED, body={"id": 78})
    warnings: list[str] = []
    begin = clock.now()
    found = workers.read(make_client(warnings.append), [Endpoint(number, {}) for number in (77, 78, 79, 80)])
    assert list(found) == [77]
    assert len(warnings) == 2
    assert "Trying again for at most" in warnings[0]
    assert "endpoint 78 and of those after it are not known" in warnings[1]
    assert clock.now() - begin <= 130


@pytest.mark.parametrize(
    ("reply", "complete"),
    [([], True), ([{"id": 3}], True), ([{"id": 3}, {}], False), ({"error_msg": "none"}, False)],
)
def test_whose_workers_are_known_and_whether_they_are_all(api: Api, reply: t.Any, complete: bool) -> None:
    api.expect("POST", WORKERS, [{"id": 1}, {"id": 2}], body={"id": 77})
    api.expect("POST", WORKERS, reply, body={"id": 78})
    owners = workers.owners(make_client(), [Endpoint(77, {}), Endpoint(78, {})])
    assert owners.endpoints == {1: 77, 2: 77, **({3: 78} if isinstance(reply, list) and reply else {})}
    assert owners.complete is complete


def test_a_group_that_the_engine_refuses_leaves_the_owners_incomplete(api: Api) -> None:
    api.expect("POST", WORKERS, {"error_msg": "no"}, body={"id": 77}, status=400)
    api.expect("POST", WORKERS, [{"id": 2}], body={"id": 78})
    warnings: list[str] = []
    owners = workers.owners(make_client(warnings.append), [Endpoint(77, {}), Endpoint(78, {})])
    assert owners == ({2: 78}, False)
    assert len(warnings) == 1


def test_without_groups_nobody_is_asked_and_all_is_known() -> None:
    assert workers.owners(make_client(), []) == ({}, True)


@pytest.mark.parametrize(
    ("complete", "instance_id", "key"),
    [
        (True, 1, {"worker_of": 77}),
        (True, 2, {"worker_of": None}),
        (False, 1, {"worker_of": 77}),
        (False, 2, {}),
    ],
)
def test_who_is_no_worker_is_told_apart_from_who_may_be_one(
    complete: bool, instance_id: int, key: dict[str, int | None]
) -> None:
    assert workers.Owners({1: 77}, complete).worker_of(instance_id) == key
    assert workers.UNKNOWN.worker_of(instance_id) == {}
