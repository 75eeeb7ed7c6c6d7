# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_endpoint, by the requests it sends, the result it gives, and what it remembers."""

from __future__ import annotations

import functools
import hashlib
import json
import pathlib
import random
import typing as t
from unittest import mock

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Deadline, Waits
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import endpoints, teardown
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.leaks import Memory
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.proof import Case

from ..harness import (
    KEY,
    URL,
    Api,
    FakeClock,
    Result,
    endpoint_row,
    fail_as,
    instance_row,
    list_query,
    listing,
    make_client,
    stopped_row,
    succeed,
)

GROUPS = "/api/v0/endptjobs/"
GROUP = "/api/v0/endptjobs/77/"
INSTANCES = "/api/v1/instances/"
NAME = "endpoint 77 (llama-prod)"
LOST = requests.ConnectionError("Connection reset by peer")
EMPTY = {"success": False, "error": "invalid_args", "msg": "No endpoints for user found"}
ABSENT = {"success": False, "error": "invalid_args", "msg": "Routegroup not found for user"}
GONE = {"success": False, "error": "not_found", "msg": "Endpoint 77 for user 5 not found."}
WORKERS = [1001, 1002]
TODO = (
    "To have them destroyed, run this task with on_leftover=destroy and wait=true. Or destroy what is left in the "
    "console or with the official client (vastai destroy instance ID), then run this task "
    "again: it fails until complete listings show that they are gone."
)

failure = functools.partial(fail_as, "vast_endpoint", state="absent", on_leftover="fail")


def remove(**options: t.Any) -> Result:
    return succeed("vast_endpoint", state="absent", **{"on_leftover": "fail", **options})


def expect_groups(api: Api, *rows: dict[str, t.Any]) -> None:
    api.expect("GET", GROUPS, {"success": True, "results": list(rows)})


def expect_engine(api: Api, reply: t.Any, group: int = 77, **more: t.Any) -> None:
    """Declare what the engine says of the workers: ids, or a reply of another form."""
    if isinstance(reply, list):
        reply = [{"id": worker, "status": "idle"} if isinstance(worker, int) else worker for worker in reply]
    api.expect("POST", "/get_endpoint_workers/", reply, body={"id": group}, **more)


def expect_delete(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    deleted = {"success": True, "deleted_workers": WORKERS, "failed_workers": []}
    api.expect("DELETE", GROUP, deleted if reply is None else reply, **more)


def expect_rows(api: Api, *rows: dict[str, t.Any], ids: list[int] | None = None) -> None:
    api.expect_listing(*rows, id=WORKERS if ids is None else ids)


def expect_unlabelled(api: Api, *rows: dict[str, t.Any]) -> None:
    api.expect_listing(*rows, label=["", None])


def expect_begin(api: Api, *others: dict[str, t.Any]) -> None:
    """Declare what comes before the deletion: the listing, the workers from the engine, and their instances."""
    expect_groups(api, endpoint_row(), *others)
    expect_engine(api, WORKERS)
    expect_rows(api, worker(1001), worker(1002))


def expect_unknown_begin(api: Api) -> None:
    """The same with an engine that does not tell the workers."""
    expect_groups(api, endpoint_row())
    expect_engine(api, {"error_msg": "no workers are ready"})


def worker(number: int, **fields: t.Any) -> dict[str, t.Any]:
    return instance_row(number, label=None, status_msg=None, **fields)


def memory(home: pathlib.Path) -> list[dict[str, t.Any]]:
    """What is remembered."""
    files = list((home / ".cache" / "ansible-vastai-cloud").glob("endpoints-*.json"))
    return [leak for file in files for leak in json.loads(file.read_text() or "[]")]


def leak(*workers: int, failed: t.Sequence[int] = (), unknown: bool = False, **fields: t.Any) -> dict[str, t.Any]:
    """One entry of the memory."""
    return {
        "id": 77,
        "name": "llama-prod",
        "workers": list(workers),
        "failed": list(failed),
        "unknown": unknown,
        **fields,
    }


def leave(home: pathlib.Path, *leaks: dict[str, t.Any] | str) -> pathlib.Path:
    """Let an earlier task have remembered this; a text is the whole content of the file."""
    identity = hashlib.blake2b(f"{URL} {KEY}".encode(), digest_size=16).hexdigest()
    file = home / ".cache" / "ansible-vastai-cloud" / f"endpoints-{identity}.json"
    file.parent.mkdir(mode=0o700, parents=True)
    text = leaks[0] if leaks and isinstance(leaks[0], str) else json.dumps(leaks)
    file.write_text(text)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("options", [{"id": 77}, {"name": "llama-prod"}])
def test_deletes_the_group_and_proves_its_workers_gone(
    api: Api, clock: FakeClock, home: pathlib.Path, options: dict[str, t.Any]
) -> None:
    expect_begin(api, endpoint_row(78, endpoint_name="other"))
    expect_delete(api)
    expect_groups(api, endpoint_row(78, endpoint_name="other"))
    expect_rows(api, worker(1001), worker(1002))
    expect_rows(api, worker(1002))
    expect_rows(api)
    result = remove(**options)
    assert result["changed"] is True
    assert result["actions"] == [f"delete {NAME} with its workergroups and workers 1001, 1002 (0.840 $/h)"]
    assert result["endpoint"]["id"] == 77
    assert result["deleted_workers"] == WORKERS
    assert result["failed_workers"] == []
    assert result["workers"][0] == {
        "id": 1001,
        "status": "idle",
        "gpu_name": "RTX 4090",
        "actual_status": "running",
        "intended_status": "running",
        "cur_state": "running",
        "dph_total": 0.42,
        "worker_of": 77,
    }
    assert result["diff"]["before"]["endpoint"]["endpoint_name"] == "llama-prod"
    assert [each["id"] for each in result["diff"]["before"]["endpoint"]["workers"]] == WORKERS
    assert result["diff"]["after"] == {"endpoint": None}
    assert "known" not in result.values
    assert memory(home) == []
    assert [pause for pause in clock.slept if pause > 1.2] == pytest.approx([3.2, 3.2, 5.0, 5.0])


def test_check_mode_lists_the_workers_that_would_go_with_their_price_and_sends_no_write(
    api: Api, clock: FakeClock, home: pathlib.Path
) -> None:
    expect_begin(api)
    result = remove(id=77, check_mode=True)
    assert result["changed"] is True
    assert result["endpoint"]["endpoint_name"] == "llama-prod"
    assert result["deleted_workers"] == []
    assert [(each["id"], each["dph_total"]) for each in result["workers"]] == [(1001, 0.42), (1002, 0.42)]
    assert result["actions"] == [f"delete {NAME} with its workergroups and workers 1001, 1002 (0.840 $/h)"]
    assert clock.slept == []
    assert not (home / ".cache" / "ansible-vastai-cloud").exists() or memory(home) == []


@pytest.mark.parametrize(
    ("price", "shown", "told"),
    [(None, None, "at least 0.420 $/h"), ("0.42", None, "at least 0.420 $/h"), (True, None, "at least 0.420 $/h")],
)
def test_a_price_that_is_no_number_is_not_counted(api: Api, price: t.Any, shown: t.Any, told: str) -> None:
    expect_groups(api, endpoint_row())
    expect_engine(api, WORKERS)
    expect_rows(api, worker(1001), worker(1002, dph_total=price))
    result = remove(id=77, check_mode=True)
    assert result["workers"][1]["dph_total"] == shown
    assert result["actions"] == [f"delete {NAME} with its workergroups and workers 1001, 1002 ({told})"]


def test_workers_that_the_listing_does_not_have_have_no_price(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_engine(api, [1001])
    expect_rows(api, ids=[1001])
    result = remove(id=77, check_mode=True)
    assert result["actions"] == [f"delete {NAME} with its workergroups and workers 1001 (an unknown price)"]
    assert result["workers"][0]["dph_total"] is None


@pytest.mark.parametrize(
    ("status", "reply", "reason"),
    [
        (200, {"error_msg": "no workers are ready"}, "no workers are ready"),
        (400, {"error_msg": "no workers are ready"}, "no workers are ready"),
        (200, '"authenticate: invalid api_key"', "invalid api_key"),
        (200, {"workers": None}, "it returned no list of workers"),
        (200, [{"id": 1001}, "1002"], "its list of workers has entries that are no workers"),
        (200, [{"id": 1001}, {"id": "1002"}], "its list of workers has entries without an id"),
        (500, {"msg": "boom"}, "boom"),
    ],
)
def test_check_mode_says_that_the_workers_are_not_known(api: Api, status: int, reply: t.Any, reason: str) -> None:
    expect_groups(api, endpoint_row())
    expect_engine(api, reply, status=status)
    if isinstance(reply, list):
        expect_rows(api, worker(1001), ids=[1001])
    result = remove(id=77, check_mode=True)
    assert result["workers"] is None
    assert result["diff"]["before"]["endpoint"]["workers"] is None
    assert result["actions"] == [f"delete {NAME} with its workergroups and workers"]
    (warning,) = result.warnings
    assert warning.startswith(f"Which workers {NAME} has is not known. The serverless engine did not list its workers")
    assert reason in warning


@pytest.mark.parametrize("reply", [[], {"workers": []}])
def test_a_group_without_workers_needs_no_look_at_instances(api: Api, reply: t.Any) -> None:
    expect_groups(api, endpoint_row())
    expect_engine(api, reply)
    expect_delete(api, {"success": True, "deleted_workers": [], "failed_workers": []})
    expect_groups(api)
    result = remove(id=77)
    assert result["deleted_workers"] == result["workers"] == []
    assert result["actions"] == [f"delete {NAME} with its workergroups; it has no workers"]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("options", [{"id": 77}, {"name": "llama-prod"}])
@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, {"success": True, "results": []}),
        (200, {"success": True, "results": [endpoint_row(78, endpoint_name="other")]}),
        (200, EMPTY),
        (400, EMPTY),
        (400, {"success": False, "error": "invalid_args", "msg": "No endpoints for user 5 found."}),
        (404, {"success": False, "error": "not_found", "msg": "No endpoints for user 5 found."}),
    ],
)
def test_an_absent_group_is_no_change_and_what_there_is_is_known(
    api: Api, status: int, reply: dict[str, t.Any], options: dict[str, t.Any], check_mode: bool
) -> None:
    api.expect("GET", GROUPS, reply, status=status)
    result = remove(check_mode=check_mode, **options)
    assert result["changed"] is False
    assert result["endpoint"] is None
    assert result["actions"] == []
    assert result["deleted_workers"] == result["failed_workers"] == result["workers"] == []
    assert result["known"] == [
        {"id": row["id"], "endpoint_name": row["endpoint_name"]} for row in reply.get("results") or ()
    ]
    assert result.warnings == []


def test_a_name_that_is_nearly_right_is_asked_about(api: Api) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78, endpoint_name="other"))
    result = remove(name="Llama-prd")
    assert result["changed"] is False
    assert result.warnings == ["There is no endpoint group named 'Llama-prd'. Did you mean 'llama-prod'?"]


def test_a_listing_that_lags_is_looked_at_again(api: Api) -> None:
    expect_begin(api)
    expect_delete(api)
    expect_groups(api, endpoint_row())
    expect_groups(api, endpoint_row())
    expect_groups(api)
    expect_rows(api)
    assert remove(id=77)["changed"] is True


def test_foreign_instances_in_an_unfiltered_listing_are_not_taken_for_workers(api: Api) -> None:
    expect_begin(api)
    expect_delete(api)
    expect_groups(api)
    expect_rows(api, instance_row(4711), instance_row(4712))
    assert remove(id=77)["changed"] is True


def test_where_the_filter_is_refused_the_whole_listing_is_the_proof(api: Api) -> None:
    refusal = {"success": False, "error": "invalid_request", "msg": "id is not a valid search key"}
    expect_groups(api, endpoint_row())
    expect_engine(api, WORKERS)
    for rows in ([worker(1001), instance_row(4711)], [instance_row(4711)]):
        api.expect("GET", INSTANCES, refusal, status=400, query=list_query({"id": {"in": WORKERS}}))
        api.expect_listing(*rows)
        if len(rows) == 2:
            expect_delete(api)
            expect_groups(api)
    assert [each["dph_total"] for each in remove(id=77)["workers"]] == [0.42, None]


def test_ids_are_asked_for_in_chunks(api: Api) -> None:
    ids = list(range(1000, 1201))
    expect_groups(api, endpoint_row())
    expect_engine(api, ids)
    for rows in (True, False):
        expect_rows(api, *([worker(1000)] if rows else []), ids=ids[:200])
        expect_rows(api, ids=ids[200:])
        if rows:
            expect_delete(api, {"success": True, "deleted_workers": ids, "failed_workers": []})
            expect_groups(api)
    assert remove(id=77)["deleted_workers"] == ids


def test_ids_that_come_as_objects_are_taken_without_their_secrets(api: Api) -> None:
    expect_begin(api)
    secret = {"jupyter_token": "SECRET-token"}
    expect_delete(
        api,
        {"success": True, "deleted_workers": [{"id": 1001, **secret}], "failed_workers": [{"id": 1002, **secret}]},
    )
    expect_groups(api)
    for _look in range(2):
        expect_rows(api)
    result = remove(id=77)
    assert (result["deleted_workers"], result["failed_workers"]) == ([1001], [1002])


@pytest.mark.parametrize(
    ("status", "reply"), [(400, ABSENT), (404, GONE), (400, GONE), (404, {"msg": "no such group"})]
)
def test_a_group_that_somebody_else_deleted_meanwhile_is_no_change_when_its_workers_are_gone(
    api: Api, home: pathlib.Path, status: int, reply: dict[str, t.Any]
) -> None:
    expect_begin(api)
    expect_delete(api, reply, status=status)
    for _look in range(2):
        expect_groups(api)
    for _look in range(2):
        expect_rows(api)
    result = remove(id=77)
    assert result["changed"] is False
    assert result["actions"] == []
    assert result["endpoint"]["id"] == 77
    assert memory(home) == []


def test_workers_of_a_group_that_somebody_else_deleted_meanwhile_are_told(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api, GONE, status=404)
    for _look in range(2):
        expect_groups(api)
    for _look in range(4):
        expect_rows(api, worker(1002))
    result = failure("leaked", f"{NAME} no longer exists, but its workers 1002 still exist", id=77, wait_timeout=6)
    assert result["changed"] is False
    assert memory(home) == [leak(1001, 1002)]


@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [(400, ABSENT, "invalid"), (404, {"msg": "no such group"}, "not_found"), (404, GONE, "not_found")],
)
def test_a_group_said_to_be_absent_and_still_listed_is_a_failure(
    api: Api, status: int, reply: dict[str, t.Any], error_class: str
) -> None:
    expect_begin(api)
    expect_delete(api, reply, status=status)
    for _look in range(4):
        expect_groups(api, endpoint_row())
    result = failure(
        error_class, GROUP, reply["msg"].rstrip("."), "Its workers 1001, 1002 may continue to bill (0.840 $/h)", id=77
    )
    assert [each["id"] for each in result["workers"]] == WORKERS


def test_a_group_that_is_missing_from_one_listing_only_is_still_there(api: Api) -> None:
    expect_begin(api)
    expect_delete(api, GONE, status=404)
    for rows in ([], [endpoint_row()], [], [endpoint_row()]):
        expect_groups(api, *rows)
    failure("not_found", "Endpoint 77 for user 5 not found", id=77)


def test_a_group_said_to_be_deleted_and_still_listed_is_a_failure(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api)
    for _look in range(4):
        expect_groups(api, endpoint_row())
    result = failure("server", f"accepted the deletion of {NAME}, but it is still listed after 12 s", id=77)
    assert result["deleted_workers"] == WORKERS
    assert result["endpoint"]["id"] == 77
    assert memory(home) == [leak(1001, 1002)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "id, name"),
        ({"id": 77, "name": "llama-prod"}, "mutually exclusive"),
        ({"id": 0}, "id must be a positive number"),
        ({"id": "llama-prod"}, "id"),
        ({"name": ""}, "name must not be empty; select the endpoint group by id."),
        ({"name": " "}, "name must not be empty; select the endpoint group by id."),
        ({"id": 77, "state": None}, "state"),
        ({"id": 77, "state": "gone"}, "state must be one of: absent, present"),
        ({"id": 77, "wait_timeout": 0}, "wait_timeout must be greater than 0"),
        ({"id": 77, "wait_interval": -1}, "wait_interval must be greater than 0"),
        ({"id": 77, "workers": []}, "workers must not be empty; omit it instead."),
        ({"id": 77, "workers": [0]}, "must be a positive number"),
        ({"id": 77, "workers": ["a"]}, "workers"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: dict[str, t.Any], says: str
) -> None:
    failure("invalid", says, **options)


def test_without_a_key_nothing_is_sent(api: Api) -> None:
    failure("auth", "Set the option api_key or the environment variable VAST_API_KEY", id=77, api_key=None)


def test_a_name_that_several_carry_is_ambiguous(api: Api) -> None:
    expect_groups(api, endpoint_row(77), endpoint_row(78))
    failure("ambiguous", "77, 78", "Select one of them by id", name="llama-prod")


@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (401, {"msg": "Unauthorized"}, "auth", "The API key is wrong"),
        (403, {"msg": "Not allowed"}, "permission", "lacks the permission"),
        (400, {"error": "invalid_args", "msg": "bad client_id"}, "invalid", "bad client_id"),
        (404, {"msg": "no such route"}, "not_found", "no such route"),
        (200, {"success": True}, "protocol", "run the task again"),
        (
            200,
            {"success": True, "results": [{"endpoint_name": "llama-prod"}]},
            "protocol",
            "no list of endpoint groups with ids",
        ),
        (200, "<html><title>Sorry</title></html>", "protocol", "an HTML page titled 'Sorry'"),
        (301, "", "protocol", "Check api_url"),
        (500, {"msg": "boom"}, "server", "boom"),
    ],
)
def test_a_listing_that_fails_is_never_taken_for_absence(
    api: Api, status: int, reply: t.Any, error_class: str, says: str
) -> None:
    api.expect("GET", GROUPS, reply, status=status)
    result = failure(error_class, says, name="llama-prod")
    assert (result["method"], result["status_code"]) == ("GET", status)


REFUSALS = [
    (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
    (403, {"msg": "Not allowed"}, "permission", "lacks the permission"),
    (400, {"error": "invalid_args", "msg": "busy"}, "invalid", "busy"),
    (200, {"success": False, "msg": "no way"}, "invalid", "no way"),
    (301, "", "protocol", "Check api_url"),
]


@pytest.mark.parametrize(("status", "reply", "error_class", "says"), REFUSALS)
def test_a_refused_deletion_fails_and_is_not_sent_again(
    api: Api, home: pathlib.Path, status: int, reply: t.Any, error_class: str, says: str
) -> None:
    expect_begin(api)
    expect_delete(api, reply, status=status)
    result = failure(error_class, says, GROUP, id=77)
    assert (result["method"], result["status_code"]) == ("DELETE", status)
    assert result["endpoint"]["id"] == 77
    assert "workers" not in result.values
    assert memory(home) == [leak(1001, 1002)]


def test_a_refused_deletion_keeps_what_is_known_of_the_workers(api: Api, home: pathlib.Path) -> None:
    """Somebody else may delete the group, and leave its workers, before the next task."""
    leave(home, leak(1002, 1009, failed=[1009]), leak(5, id=78, name="other"))
    expect_groups(api, endpoint_row())
    expect_engine(api, WORKERS)
    expect_rows(api, worker(1001), worker(1002), ids=[1001, 1002, 1009])
    expect_delete(api, {"msg": "Not allowed"}, status=403)
    failure("permission", id=77)
    assert memory(home) == [leak(5, id=78, name="other"), leak(1001, 1002, 1009, failed=[1009])]

    expect_groups(api)
    for _look in range(2):
        expect_rows(api, worker(1001), ids=[1001, 1002, 1009])
    failure("leaked", "its workers 1001 still exist", id=77, wait=False)


def test_a_deletion_refused_for_its_pace_is_sent_again(api: Api, clock: FakeClock) -> None:
    expect_begin(api)
    expect_delete(api, "API requests too frequent endpoint threshold=3.0", status=429)
    expect_delete(api)
    expect_groups(api)
    expect_rows(api)
    assert remove(id=77)["changed"] is True
    assert clock.slept[0] >= 3.0


def expect_failed(api: Api) -> None:
    expect_begin(api)
    expect_delete(api, {"success": True, "deleted_workers": [1001], "failed_workers": [1003]})
    expect_groups(api)


@pytest.mark.parametrize(("wait", "asked"), [(True, [1001, 1002, 1003]), (False, [1003])])
def test_workers_that_could_not_be_deleted_are_leaked_at_once_and_remembered(
    api: Api, home: pathlib.Path, wait: bool, asked: list[int]
) -> None:
    expect_failed(api)
    expect_rows(api, stopped_row(1003, label=None, status_msg=None), ids=asked)
    result = failure("leaked", id=77, wait=wait)
    assert result["msg"] == (
        f"{NAME} is deleted, but its workers 1003 still exist and bill 0.420 $/h: instance 1003: actual_status exited, "
        "intended_status stopped, cur_state stopped, 0.420 $/h. Vast.ai reported that it failed to delete 1003. " + TODO
    )
    assert result["changed"] is True
    assert result["failed_workers"] == [1003]
    assert result["deleted_workers"] == [1001]
    assert result["endpoint"]["id"] == 77
    assert [(each["id"], each["dph_total"]) for each in result["leaked_workers"]] == [(1003, 0.42)]
    assert memory(home) == [leak(1001, 1002, 1003, failed=[1003])]


def test_workers_that_could_not_be_deleted_and_are_gone_all_the_same_are_proven_by_two_listings(
    api: Api, home: pathlib.Path
) -> None:
    expect_failed(api)
    for _look in range(2):
        expect_rows(api, ids=[1001, 1002, 1003])
    result = remove(id=77)
    assert (result["changed"], result["failed_workers"]) == (True, [1003])
    assert memory(home) == []


def test_workers_that_stay_listed_are_leaked_with_their_state(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api)
    expect_groups(api)
    for _look in range(4):
        expect_rows(api, worker(1002))
    result = failure(
        "leaked",
        f"{NAME} is deleted, but its workers 1002 still exist after wait_timeout (10 s) and bill 0.420 $/h",
        "instance 1002: actual_status running, intended_status running, cur_state running, 0.420 $/h. " + TODO,
        id=77,
        wait_timeout=10,
    )
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS
    assert memory(home) == [leak(1001, 1002)]


def test_without_waiting_it_returns_when_the_group_is_gone_and_the_next_task_proves(
    api: Api, clock: FakeClock, home: pathlib.Path
) -> None:
    expect_begin(api)
    expect_delete(api)
    expect_groups(api)
    result = remove(id=77, wait=False)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS
    assert clock.slept == pytest.approx([3.2])
    assert memory(home) == [leak(1001, 1002)]

    expect_groups(api)
    expect_rows(api, worker(1002))
    expect_rows(api, worker(1002))
    result = failure("leaked", f"{NAME} no longer exists, but its workers 1002 still exist", id=77, wait=False)
    assert result["changed"] is False
    assert memory(home) == [leak(1001, 1002)]

    expect_groups(api)
    for _look in range(3):
        expect_rows(api)
    result = remove(name="llama-prod", wait=False)
    assert result["changed"] is False
    assert [each["id"] for each in result["workers"]] == WORKERS
    assert memory(home) == []


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("options", [{"id": 77}, {"name": "llama-prod"}])
def test_every_later_task_is_red_until_complete_listings_show_the_workers_gone(
    api: Api, home: pathlib.Path, options: dict[str, t.Any], check_mode: bool
) -> None:
    file = leave(home, leak(1001, 1003, failed=[1003]), leak(5, id=78, name="other"))
    before = file.read_text()
    for _run in range(2):
        expect_groups(api, endpoint_row(78, endpoint_name="other"))
        for _look in range(2):
            expect_rows(api, worker(1003), ids=[1001, 1003])
        result = failure("leaked", f"{NAME} no longer exists", "1003", check_mode=check_mode, **options)
        assert (result["changed"], result["endpoint"]) == (False, None)
        assert file.read_text() == before

    expect_groups(api, endpoint_row(78, endpoint_name="other"))
    for _look in range(3):
        expect_rows(api, ids=[1001, 1003])
    result = remove(check_mode=check_mode, **options)
    assert (result["changed"], result["actions"]) == (False, [])
    assert memory(home) == (json.loads(before) if check_mode else [leak(5, id=78, name="other")])


@pytest.mark.parametrize("options", [{"id": 78}, {"name": "other"}])
def test_the_leak_of_one_group_is_not_that_of_another(api: Api, home: pathlib.Path, options: dict[str, t.Any]) -> None:
    leave(home, leak(1001))
    expect_groups(api)
    assert remove(**options)["changed"] is False
    assert memory(home) == [leak(1001)]


def test_the_leak_of_another_account_is_not_mine(api: Api, home: pathlib.Path) -> None:
    file = leave(home, leak(1001))
    file.rename(file.with_name(f"endpoints-{'0' * 32}.json"))
    expect_groups(api)
    assert remove(id=77)["changed"] is False


def test_a_leftover_worker_missing_from_one_listing_only_still_exists(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1001))
    expect_groups(api)
    for rows in ([worker(1001)], [], [worker(1001)], [worker(1001)], [worker(1001)], [worker(1001)]):
        expect_rows(api, *rows, ids=[1001])
    failure("leaked", "1001", id=77, wait_timeout=15)


def test_a_new_group_of_the_name_answers_for_the_old_one(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1003, id=76))
    expect_groups(api, endpoint_row())
    expect_engine(api, [1001])
    expect_rows(api, worker(1001), worker(1003), ids=[1001, 1003])
    expect_delete(api, {"success": True, "deleted_workers": [1001], "failed_workers": []})
    expect_groups(api)
    for _look in range(4):
        expect_rows(api, worker(1003), ids=[1001, 1003])
    failure("leaked", f"{NAME} is deleted, but its workers 1003 still exist", name="llama-prod", wait_timeout=10)
    assert memory(home) == [leak(1003, id=76), leak(1001)]


def test_of_two_groups_of_the_name_the_one_with_unknown_workers_is_not_forgotten(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(unknown=True, id=75), leak(1003, id=76))
    expect_groups(api)
    for _look in range(3):
        expect_rows(api, ids=[1003])
    expect_unlabelled(api, worker(1009))
    failure("leaked", "could not learn which workers it had", "instance 1009", name="llama-prod")


def test_without_waiting_only_the_leftover_workers_are_looked_at(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(1003, id=76))
    expect_groups(api, endpoint_row())
    expect_engine(api, [1001])
    expect_rows(api, worker(1001), ids=[1001, 1003])
    expect_delete(api, {"success": True, "deleted_workers": [1001], "failed_workers": []})
    expect_groups(api)
    for _look in range(2):
        expect_rows(api, ids=[1003])
    assert remove(name="llama-prod", wait=False)["changed"] is True
    assert memory(home) == [leak(1001)]


def teardown_of_77() -> None:
    """The same as the module does, without the harness that takes every end for a result."""
    client = make_client()
    case = Case("endpoint 77", (groups := endpoints.read(client)), groups[0])
    deadline = Deadline(client.clock, 60.0)
    memory = Memory(client)
    teardown.survey(client, case, deadline, memory)
    teardown.tear_down(client, case, memory, Waits(True, 60.0, 5.0), deadline)


def test_what_is_to_be_proven_is_remembered_before_the_deletion(api: Api, home: pathlib.Path) -> None:
    """As if the task was killed while the deletion was under way."""
    expect_begin(api)
    with mock.patch.object(teardown, "delete", side_effect=SystemExit), pytest.raises(SystemExit):
        teardown_of_77()
    assert memory(home) == [leak(1001, 1002)]

    expect_groups(api)
    for _look in range(2):
        expect_rows(api, worker(1001))
    failure("leaked", "1001", id=77, wait=False)


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_workers_of_a_group_that_somebody_else_deletes_after_a_failed_task_are_told(
    api: Api, home: pathlib.Path, check_mode: bool
) -> None:
    """The task fails after it asked for the workers and before it deletes anything; check mode remembers nothing."""
    expect_groups(api, endpoint_row())
    expect_engine(api, [1001, 1002])
    api.expect("GET", INSTANCES, {"msg": "boom"}, status=500, query=list_query({"id": {"in": WORKERS}}))
    failure("server", "boom", id=77, check_mode=check_mode)
    assert memory(home) == ([] if check_mode else [leak(1001, 1002)])
    if check_mode:
        return

    expect_groups(api)
    for _look in range(2):
        expect_rows(api, worker(1001))
    failure("leaked", "1001", id=77, wait=False)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        "7",
        "null",
        "[7]",
        '[{"id": 77}]',
        '[{"id": true, "name": "a", "workers": [], "failed": []}]',
        '[{"id": 77, "name": "llama-prod", "workers": ["1"], "failed": []}]',
        '[{"id": 77, "name": "llama-prod", "workers": [1]}]',
        "[" * 20000,
        "[" + " " * 70000 + "]",
    ],
)
def test_a_damaged_memory_is_told_and_not_taken_for_an_empty_one(api: Api, home: pathlib.Path, text: str) -> None:
    file = leave(home, text)
    expect_groups(api)
    (warning,) = remove(id=77).warnings
    assert warning.startswith(f"The leftover workers of earlier tasks are not known: {file} cannot be used: ")
    assert "list leftover workers in the option workers" in warning
    assert file.read_text() == text


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_memory_that_others_can_use_is_told(api: Api, home: pathlib.Path, mode: int) -> None:
    leave(home, leak(1001)).chmod(mode)
    expect_groups(api)
    (warning,) = remove(id=77).warnings
    assert "cannot be used: " in warning


def test_a_damaged_memory_is_written_anew_when_there_is_something_to_remember(api: Api, home: pathlib.Path) -> None:
    leave(home, "{")
    expect_begin(api)
    expect_delete(api)
    expect_groups(api)
    result = remove(id=77, wait=False)
    assert ["cannot be used" in result.warnings[0], "is replaced" in result.warnings[1]] == [True, True]
    assert memory(home) == [leak(1001, 1002)]


def test_without_a_place_for_the_memory_the_task_says_so_and_goes_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    expect_begin(api)
    expect_delete(api)
    expect_groups(api)
    expect_rows(api)
    result = remove(id=77, api_pacing=False)
    assert result["changed"] is True
    assert result.warnings
    assert all("cannot be recorded" in warning for warning in result.warnings)


def test_named_workers_are_held_to_the_same_proof(api: Api, home: pathlib.Path) -> None:
    expect_groups(api, endpoint_row(78, endpoint_name="other"))
    expect_rows(api, worker(1001))
    expect_engine(api, [5], group=78)
    expect_rows(api, worker(1001))
    result = failure("leaked", "endpoint 77 no longer exists, but its workers 1001", id=77, workers=WORKERS, wait=False)
    assert [each["id"] for each in result["leaked_workers"]] == [1001]

    expect_groups(api)
    for _look in range(3):
        expect_rows(api)
    result = remove(id=77, workers=WORKERS)
    assert result["changed"] is False
    assert [each["id"] for each in result["workers"]] == WORKERS


def test_named_workers_are_proven_together_with_those_of_the_group(api: Api, home: pathlib.Path) -> None:
    expect_groups(api, endpoint_row())
    expect_engine(api, [1001])
    expect_rows(api, worker(1001))
    expect_delete(api, {"success": True, "deleted_workers": [1001], "failed_workers": []})
    expect_groups(api)
    for _look in range(2):
        expect_rows(api)
    assert remove(id=77, workers=[1002])["changed"] is True


@pytest.mark.parametrize("check_mode", [False, True])
def test_named_instances_with_a_label_of_their_own_are_refused(api: Api, check_mode: bool) -> None:
    expect_groups(api, endpoint_row())
    expect_engine(api, [])
    expect_rows(api, instance_row(1001), worker(1002))
    failure(
        "invalid",
        "workers must not name an instance that has a label of its own, as instance 1001 (train-01) has.",
        "Nothing was changed",
        id=77,
        workers=WORKERS,
        check_mode=check_mode,
    )


@pytest.mark.parametrize("check_mode", [False, True])
def test_named_workers_of_another_group_are_refused(api: Api, check_mode: bool) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78, endpoint_name="other"))
    expect_engine(api, [])
    expect_rows(api, worker(1001), worker(1002))
    expect_engine(api, [1002, 1003], group=78)
    failure(
        "invalid",
        "workers must not name a worker of another endpoint, as 1002 is one of endpoint 78",
        id=77,
        workers=WORKERS,
        check_mode=check_mode,
    )


LOSSES = [
    ({"reply": LOST}, "unknown_outcome"),
    ({"reply": "bad gateway", "status": 502}, "unknown_outcome"),
    ({"reply": b""}, "unknown_outcome"),
    ({"reply": "deleted"}, "unknown_outcome"),
    ({"reply": {"msg": "boom"}, "status": 500}, "server"),
]
losses = pytest.mark.parametrize(("lost", "error_class"), LOSSES)


@losses
def test_a_lost_reply_is_proven_by_what_was_read_before(
    api: Api, home: pathlib.Path, lost: dict[str, t.Any], error_class: str
) -> None:
    expect_begin(api)
    expect_delete(api, **lost)
    for _look in range(2):
        expect_groups(api)
    expect_rows(api, worker(1002))
    for _look in range(2):
        expect_rows(api)
    result = remove(id=77)
    assert result["changed"] is True
    assert result["deleted_workers"] == []
    assert [each["id"] for each in result["workers"]] == WORKERS
    assert memory(home) == []


@losses
def test_a_lost_reply_is_unknown_where_the_engine_had_not_told_the_workers(
    api: Api, home: pathlib.Path, lost: dict[str, t.Any], error_class: str
) -> None:
    expect_unknown_begin(api)
    expect_delete(api, **lost)
    for _look in range(2):
        expect_groups(api)
    expect_unlabelled(api, worker(1001), instance_row(1002))
    result = failure(
        "unknown_outcome",
        f"{NAME} is deleted, but which workers it had is not known. The serverless engine did not list its workers",
        "no workers are ready",
        "may be its workers, and bill 0.420 $/h: instance 1001: actual_status running",
        "option workers",
        id=77,
    )
    assert result["changed"] is True
    assert result["method"] == "DELETE"
    assert [(each["id"], "worker_of" in each) for each in result["leaked_workers"]] == [(1001, False)]
    assert memory(home) == [leak(unknown=True)]


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize(
    ("reply", "gap"),
    [
        ({"success": True}, "has no list of deleted_workers. The reply to its deletion has no list of failed_workers"),
        ({"success": True, "deleted_workers": []}, "has no list of failed_workers"),
        ({"success": True, "failed_workers": []}, "has no list of deleted_workers"),
        ({"deleted_workers": "1001", "failed_workers": []}, "has no list of deleted_workers"),
        ({"deleted_workers": [], "failed_workers": {"1001": True}}, "has no list of failed_workers"),
        ({"deleted_workers": ["1001"], "failed_workers": []}, "has deleted_workers without an id"),
        ({"deleted_workers": [True], "failed_workers": []}, "has deleted_workers without an id"),
        ({"deleted_workers": [], "failed_workers": [None]}, "has failed_workers without an id"),
        ({"deleted_workers": [], "failed_workers": [{"name": 1}]}, "has failed_workers without an id"),
    ],
)
def test_a_reply_without_the_workers_is_not_a_reply_without_workers(
    api: Api, home: pathlib.Path, reply: dict[str, t.Any], gap: str, wait: bool
) -> None:
    expect_unknown_begin(api)
    expect_delete(api, reply)
    expect_groups(api)
    expect_unlabelled(api)
    result = failure("unknown_outcome", gap, "No instance without a label exists now.", id=77, wait=wait)
    assert (result["changed"], result["leaked_workers"]) == (True, [])
    assert "method" not in result.values
    assert memory(home) == [leak(unknown=True)]


def test_a_reply_without_the_workers_falls_back_on_what_was_read_before(api: Api) -> None:
    expect_begin(api)
    expect_delete(api, {"success": True})
    expect_groups(api)
    expect_rows(api, worker(1001))
    expect_rows(api)
    result = remove(id=77)
    assert result["changed"] is True
    assert result.warnings == []


def test_what_the_engine_did_not_tell_the_reply_may(api: Api, home: pathlib.Path) -> None:
    expect_unknown_begin(api)
    expect_delete(api)
    expect_groups(api)
    expect_rows(api)
    result = remove(id=77)
    assert [each["id"] for each in result["workers"]] == WORKERS
    assert memory(home) == []


def test_ids_of_a_broken_list_are_proven_and_the_rest_stays_unknown(api: Api, home: pathlib.Path) -> None:
    expect_unknown_begin(api)
    expect_delete(api, {"deleted_workers": [1001, "1002"], "failed_workers": []})
    expect_groups(api)
    expect_rows(api, ids=[1001])
    expect_unlabelled(api)
    result = failure("unknown_outcome", id=77)
    assert result["msg"] == (
        f"{NAME} is deleted, but which workers it had is not known. The serverless engine did not list its workers: "
        f'Vast.ai answered 200 to POST {URL}/get_endpoint_workers/ {{"id": 77}}: no workers are ready. '
        "The reply to its deletion has deleted_workers without an id. No instance without a label exists now. "
        "Destroy what is left, and run the task again; if you know its workers, name them in the option workers."
    )
    assert memory(home) == [leak(1001, unknown=True)]


def test_unknown_workers_are_red_until_no_instance_can_be_one(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(unknown=True))
    other = endpoint_row(78, endpoint_name="other")
    expect_groups(api, other)
    expect_unlabelled(api, worker(1001), worker(1002), instance_row(4711))
    expect_engine(api, [1002], group=78)
    result = failure(
        "leaked",
        f"{NAME} no longer exists, but an earlier task could not learn which workers it had",
        "instance 1001",
        "option workers",
        id=77,
    )
    assert [each["id"] for each in result["leaked_workers"]] == [1001]
    assert memory(home) == [leak(unknown=True)]

    expect_groups(api, other)
    expect_unlabelled(api, worker(1002))
    expect_engine(api, [1002], group=78)
    assert remove(id=77)["changed"] is False
    assert memory(home) == []


def test_named_workers_settle_what_is_unknown(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(unknown=True))
    expect_groups(api)
    for _look in range(3):
        expect_rows(api)
    assert remove(name="llama-prod", workers=WORKERS)["changed"] is False
    assert memory(home) == []


def test_where_labels_cannot_be_asked_for_the_whole_listing_is(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(unknown=True))
    expect_groups(api)
    refusal = {"success": False, "error": "invalid_request", "msg": "not a valid search key"}
    api.expect("GET", INSTANCES, refusal, status=400, query=list_query({"label": {"in": ["", None]}}))
    api.expect_listing(instance_row(4711), worker(1001))
    failure("leaked", "instance 1001", id=77)


def expect_lost_and_not_done(api: Api, **lost: t.Any) -> None:
    expect_delete(api, **{"reply": LOST, **lost})
    for _look in range(4):
        expect_groups(api, endpoint_row())


NOT_DONE = {"success": False, "error": "invalid_args", "msg": "Endpoint job 77 delete update failed!"}


@pytest.mark.parametrize("lost", [{}, {"reply": {"msg": "boom"}, "status": 500}, {"reply": NOT_DONE, "status": 400}])
def test_after_a_lost_reply_a_group_that_is_still_there_is_deleted_once_more(api: Api, lost: dict[str, t.Any]) -> None:
    expect_begin(api)
    expect_lost_and_not_done(api, **lost)
    expect_delete(api)
    expect_groups(api)
    expect_rows(api)
    result = remove(id=77)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS


@pytest.mark.parametrize(
    ("first", "second", "error_class"),
    [
        ({}, {}, "unknown_outcome"),
        ({"reply": NOT_DONE, "status": 400}, {"reply": NOT_DONE, "status": 400}, "invalid"),
        ({}, {"reply": NOT_DONE, "status": 400}, "unknown_outcome"),
        ({"reply": NOT_DONE, "status": 400}, {}, "unknown_outcome"),
    ],
)
def test_two_deletions_without_effect_are_a_failure_of_the_graver_kind(
    api: Api, home: pathlib.Path, first: dict[str, t.Any], second: dict[str, t.Any], error_class: str
) -> None:
    expect_begin(api)
    expect_lost_and_not_done(api, **first)
    expect_lost_and_not_done(api, **second)
    result = failure(error_class, f"{NAME} is still listed", id=77)
    assert result["endpoint"]["id"] == 77
    assert memory(home) == [leak(1001, 1002)]


@pytest.mark.parametrize(("status", "reply", "_class", "says"), REFUSALS)
def test_a_doubt_is_not_forgotten_when_the_second_deletion_is_refused(
    api: Api, status: int, reply: t.Any, _class: str, says: str
) -> None:
    expect_begin(api)
    expect_lost_and_not_done(api)
    expect_delete(api, reply, status=status)
    failure("unknown_outcome", "was lost", f"{NAME} is still listed. The second deletion was refused", says, id=77)


def test_two_lost_replies_and_a_group_that_is_gone_are_proven_by_what_was_read_before(api: Api) -> None:
    expect_begin(api)
    expect_lost_and_not_done(api)
    expect_delete(api, LOST)
    for _look in range(2):
        expect_groups(api)
    for _look in range(2):
        expect_rows(api)
    assert remove(id=77)["changed"] is True


def test_a_first_request_that_was_carried_out_late_is_ours(api: Api) -> None:
    expect_begin(api)
    expect_lost_and_not_done(api)
    expect_delete(api, ABSENT, status=400)
    for _look in range(2):
        expect_groups(api)
    for _look in range(2):
        expect_rows(api)
    assert remove(id=77)["changed"] is True


def test_a_lost_reply_that_cannot_be_looked_into_stays_unknown(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api, LOST)
    api.expect("GET", GROUPS, {"msg": "boom"}, status=500)
    result = failure(
        "unknown_outcome",
        f"Whether {NAME} is gone could not be seen",
        "Its workers 1001, 1002 may continue to bill (0.840 $/h); the next task for this endpoint checks for them.",
        id=77,
    )
    assert result["endpoint"]["id"] == 77
    assert [each["id"] for each in result["workers"]] == WORKERS
    assert memory(home) == [leak(1001, 1002)]


def test_a_word_of_absence_that_cannot_be_looked_into_is_remembered(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api, GONE, status=404)
    api.expect("GET", GROUPS, {"msg": "boom"}, status=500)
    failure("not_found", f"Whether {NAME} is gone could not be seen", "boom", id=77)
    assert memory(home) == [leak(1001, 1002)]


def test_a_deletion_that_cannot_be_looked_at_tells_its_workers(api: Api, home: pathlib.Path) -> None:
    expect_begin(api)
    expect_delete(api)
    api.expect("GET", GROUPS, {"msg": "boom"}, status=500)
    result = failure("server", "boom", f"accepted the deletion of {NAME}", "1001, 1002", "not proven", id=77)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS
    assert result["endpoint"]["id"] == 77
    assert memory(home) == [leak(1001, 1002)]


def test_a_listing_that_cannot_be_relied_on_after_the_deletion_leaves_the_workers_told(api: Api) -> None:
    expect_begin(api)
    expect_delete(api)
    api.expect("GET", GROUPS, {"success": True, "results": [None]})
    result = failure("protocol", f"accepted the deletion of {NAME}", "1001, 1002 may continue to bill", id=77)
    assert result["changed"] is True
    assert [each["id"] for each in result["workers"]] == WORKERS


def test_a_listing_that_is_down_after_the_deletion_holds_the_task_up_for_a_minute_at_most(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    expect_begin(api)
    expect_delete(api)
    for _attempt in range(6):
        api.expect("GET", GROUPS, "<html></html>", status=502)
    begin = clock.now()
    failure("server", "502", "are gone is not proven", id=77, wait_timeout=5, retry_timeout=600)
    assert clock.now() - begin < 5 + 60 + 10


@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [(500, {"msg": "boom"}, "server"), (200, listing(total_instances=1), "protocol")],
)
def test_workers_that_cannot_be_looked_for_are_not_proven_gone(
    api: Api, home: pathlib.Path, status: int, reply: dict[str, t.Any], error_class: str
) -> None:
    expect_begin(api)
    expect_delete(api)
    expect_groups(api)
    api.expect("GET", INSTANCES, reply, status=status, query=list_query({"id": {"in": WORKERS}}))
    result = failure(error_class, f"{NAME} is deleted", "1001, 1002 are gone is not proven", id=77)
    assert result["changed"] is True
    assert result["deleted_workers"] == WORKERS
    assert memory(home) == [leak(1001, 1002)]


def test_an_engine_that_is_down_holds_up_the_deletion_for_half_a_minute_at_most(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    expect_groups(api, endpoint_row())
    for _attempt in range(5):
        expect_engine(api, "<html></html>", status=502)
    expect_delete(api)
    expect_groups(api)
    expect_rows(api)
    begin = clock.now()
    assert remove(id=77)["changed"] is True
    assert clock.now() - begin < 30 + 10


def test_a_timeout_that_the_deletion_used_up_leaves_time_for_the_proof(api: Api, clock: FakeClock) -> None:
    expect_begin(api)
    expect_delete(api)
    for _look in range(2):
        expect_groups(api, endpoint_row())
    expect_groups(api)
    for _look in range(2):
        expect_rows(api, worker(1001))
    expect_rows(api)
    assert remove(id=77, wait_timeout=5)["changed"] is True
