# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_endpoint with state=present, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import pathlib
import random
import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._api import private_files
from ansible_collections.vastai.cloud.plugins.module_utils._core import interrupts

from ..harness import Api, FakeClock, Result, endpoint_row, fail_as, instance_row, interrupt_after, succeed
from .test_vast_endpoint import leak, leave, memory

ENDPOINTS = "/api/v0/endptjobs/"
GROUPS = "/api/v0/workergroups/"
LOST = requests.ConnectionError("Connection reset by peer")
NAME = "endpoint 77 (llama-prod)"
GROUP = {"template_hash": "abc", "search_params": "gpu_name=RTX_4090"}
CREATE = {"endpoint_name": "llama-prod", "cold_workers": 1, "max_workers": 8}
NEW: dict[str, t.Any] = {"name": "llama-prod", "cold_workers": 1, "max_workers": 8, "workergroups": [GROUP]}

failure = functools.partial(fail_as, "vast_endpoint", state="present")


def present(**options: t.Any) -> Result:
    return succeed("vast_endpoint", state="present", **options)


def group_row(number: int | None = 501, **fields: t.Any) -> dict[str, t.Any]:
    return {
        "id": number,
        "endpoint_id": 77,
        "template_hash": "abc",
        "template_id": 9,
        "search_query": {"gpu_name": {"eq": "RTX 4090"}, "verified": {"eq": True}},
        "gpu_ram": 24.0,
        "launch_args": "--env A=SECRET",
        "api_key": "SECRET-group-key",
        **fields,
    }


def expect_endpoints(api: Api, *rows: dict[str, t.Any]) -> None:
    api.expect("GET", ENDPOINTS, {"success": True, "results": list(rows)})


def expect_groups(api: Api, *rows: dict[str, t.Any]) -> None:
    api.expect("GET", GROUPS, {"success": True, "results": list(rows)})


def expect_create(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    api.expect("POST", ENDPOINTS, {"success": True, "result": 77} if reply is None else reply, body=CREATE, **more)


def expect_create_group(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    body = more.pop("body", {"endpoint_id": 77, **GROUP})
    api.expect("POST", GROUPS, {"success": True, "id": 501} if reply is None else reply, body=body, **more)


def expect_change(api: Api, reply: t.Any = None, *, body: t.Any) -> None:
    api.expect("PUT", f"{ENDPOINTS}77/", {"success": True} if reply is None else reply, body=body)


def expect_change_group(api: Api, reply: t.Any = None, **fields: t.Any) -> None:
    body = {
        "endpoint_id": 77,
        "template_hash": "abc",
        "search_params": group_row()["search_query"],
        "gpu_ram": 24.0,
        "launch_args": "--env A=SECRET",
        **fields,
    }
    api.expect("PUT", f"{GROUPS}501/", {"success": True} if reply is None else reply, body=body)


def expect_there(api: Api, *groups: dict[str, t.Any], **fields: t.Any) -> None:
    """Declare what is read first of an endpoint that is there."""
    expect_endpoints(api, endpoint_row(**fields), endpoint_row(78, endpoint_name="other"))
    expect_groups(api, *(groups or [group_row()]), group_row(600, endpoint_id=78))


def expect_nothing(api: Api, *, times: int = 2) -> None:
    """Declare what is read before a creation: to plan and, once no other task creates the same, again."""
    for _time in range(times):
        expect_endpoints(api)
        expect_groups(api)


def expect_created(api: Api, **fields: t.Any) -> None:
    """Declare the creation of an endpoint, and the listing that shows it."""
    expect_create(api)
    expect_endpoints(api, endpoint_row(**fields))


def test_creates_the_endpoint_with_its_workergroup_and_sees_both(api: Api) -> None:
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api)
    expect_groups(api, group_row())
    result = present(**NEW)
    assert result["changed"] is True
    assert result["actions"] == [
        "create endpoint llama-prod with at most 8 workers",
        "create a workergroup of endpoint llama-prod with template_hash abc",
    ]
    assert (result["endpoint"]["id"], result["endpoint"]["created_at"]) == (77, 1_790_000_000.0)
    assert [group["id"] for group in result["workergroups"]] == [501]
    assert result["diff"]["before"] == {"endpoint": None, "workergroups[0]": None}
    assert result["diff"]["after"] == {"endpoint": CREATE, "workergroups[0]": GROUP}


def test_check_mode_foretells_the_creation_and_sends_no_write(api: Api) -> None:
    expect_nothing(api, times=1)
    result = present(**NEW, check_mode=True)
    assert (result["changed"], result["endpoint"], result["workergroups"]) == (True, None, [])
    assert result["diff"]["after"]["endpoint"] == CREATE


@pytest.fixture
def locks(home: pathlib.Path) -> t.Callable[[], int]:
    """How many locks of deployments were taken so far."""
    return lambda: len(list(home.rglob("deploy-*")))


def busy_for(monkeypatch: pytest.MonkeyPatch, tries: int) -> None:
    """Let another task have the lock for so many tries."""
    left = iter(range(tries))
    real = private_files.PrivateFile.locked

    def locked(self: private_files.PrivateFile) -> t.Any:
        if self._name.startswith("deploy-") and next(left, None) is not None:
            raise BlockingIOError(11, "busy")
        return real(self)

    monkeypatch.setattr(private_files.PrivateFile, "locked", locked)


def test_the_second_of_two_tasks_waits_for_the_first_and_creates_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy_for(monkeypatch, 2)
    expect_nothing(api, times=1)
    expect_there(api, cold_workers=1)
    result = present(**NEW)
    assert (result["changed"], result["actions"]) == (False, [])
    assert [group["id"] for group in result["workergroups"]] == [501]
    (warning,) = result.warnings
    assert warning.startswith("Another task of this user is deploying endpoint 'llama-prod'. Waiting for it, at most ")


def test_what_the_first_one_left_out_the_second_one_does(api: Api) -> None:
    expect_nothing(api, times=1)
    expect_there(api, cold_workers=2)
    expect_change(api, body={"cold_workers": 1})
    expect_endpoints(api, endpoint_row(cold_workers=1))
    result = present(**NEW)
    assert result["actions"] == [f"set cold_workers of {NAME} to 1"]
    assert result["diff"]["before"] == {"cold_workers": 2}


def test_the_second_of_two_tasks_waits_no_longer_than_wait_timeout(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    busy_for(monkeypatch, 1000)
    expect_nothing(api, times=1)
    says = "Another task of this user was still deploying endpoint 'llama-prod'", "Nothing was created."
    failure("timeout", *says, **NEW, wait_timeout=20)


@pytest.mark.parametrize("options", [{"id": 77}, {"name": "llama-prod"}, {"id": 77, "name": "llama-next"}])
def test_an_id_and_the_name_of_one_endpoint_are_one_lock(
    api: Api, locks: t.Callable[[], int], options: dict[str, t.Any]
) -> None:
    expect_nothing(api)
    expect_create(api, {"success": False, "msg": "no"}, status=400)
    failure("invalid", "no", **NEW)
    for _reading in range(2):
        expect_endpoints(api, endpoint_row())
        expect_groups(api)
    if len(options) > 1:
        expect_change(api, body={"endpoint_name": "llama-next"})
        expect_endpoints(api, endpoint_row(endpoint_name="llama-next"))
    expect_create_group(api, {"success": False, "msg": "no"}, status=400)
    failure("invalid", "no", **options, workergroups=[GROUP])
    assert locks() == 1


def test_nothing_is_locked_by_a_task_that_creates_nothing(api: Api, locks: t.Callable[[], int]) -> None:
    expect_nothing(api, times=1)
    present(**NEW, check_mode=True)
    expect_there(api, cold_workers=2)
    expect_change(api, body={"cold_workers": 1})
    expect_endpoints(api, endpoint_row(cold_workers=1))
    present(**NEW)
    expect_there(api, cold_workers=1)
    assert present(**NEW)["changed"] is False
    assert locks() == 0


def test_where_nothing_can_be_locked_it_creates_with_a_warning(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api)
    expect_groups(api, group_row())
    says = "Other tasks of this user may be deploying endpoint 'llama-prod' at the same time: "
    assert [each for each in present(**NEW).warnings if each.startswith(says)] != []


def test_a_second_endpoint_of_the_name_that_shows_after_the_creation_is_told(api: Api) -> None:
    expect_nothing(api)
    expect_create(api)
    expect_endpoints(api, endpoint_row(), endpoint_row(79), endpoint_row(80, endpoint_name="other"))
    says = "2 endpoints are named 'llama-prod' now: 77, 79", "This task has created 77, without a workergroup"
    result = failure("ambiguous", *says, **NEW)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)
    assert "continues from what exists" not in result["msg"]


@pytest.mark.parametrize(("template", "is_told"), [("abc", True), ("other", False)])
def test_a_second_workergroup_like_the_new_one_is_warned_of(api: Api, template: str, is_told: bool) -> None:
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api)
    expect_groups(api, group_row(), group_row(502, template_hash=template))
    warnings = present(**NEW).warnings
    says = f"Another task has created the same workergroup of {NAME} meanwhile: workergroup 502. Both rent workers."
    assert [each.startswith(says) for each in warnings] == [True] * is_told


MAY_BE = "may have been carried out; its reply was not awaited."


@pytest.mark.parametrize("reply", [LOST, {"success": True}])
def test_an_interrupted_task_says_that_the_endpoint_may_have_been_created(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, reply: t.Any
) -> None:
    interrupt_after(api, clock, monkeypatch, 5)
    expect_nothing(api)
    expect_create(api, reply)
    says = f"Interrupted by SIGTERM. The creation of endpoint 'llama-prod' {MAY_BE} Run the task again"
    result = failure("timeout", says, **NEW)
    assert result["changed"] is True
    assert "endpoint" not in result.values


def test_an_interrupted_task_names_the_endpoint_that_it_has_created(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(api, clock, monkeypatch, 5)
    expect_nothing(api)
    expect_create(api)
    result = failure("timeout", f"Interrupted by SIGTERM. Created before: {NAME}. Run the task again", **NEW)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (LOST, f"The creation of a workergroup of {NAME} with template_hash abc {MAY_BE} Created before: {NAME}."),
        (None, f"Interrupted by SIGTERM. Created before: {NAME}, workergroup 501. Run the task again"),
    ],
)
def test_an_interrupted_task_tells_of_the_workergroup_too(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, reply: t.Any, says: str
) -> None:
    interrupt_after(api, clock, monkeypatch, 7)
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api, reply)
    assert failure("timeout", says, **NEW)["changed"] is True


@pytest.mark.parametrize("created", [False, True])
def test_a_task_that_nobody_waits_for_any_more_creates_nothing_more(
    api: Api, monkeypatch: pytest.MonkeyPatch, created: bool
) -> None:
    """After the task keyword `timeout` the module lives on."""
    asked = iter([*[False] * created, *[True] * 9])
    monkeypatch.setattr(interrupts, "is_abandoned", lambda: next(asked))
    expect_nothing(api)
    if created:
        expect_created(api)
    result = failure("timeout", "Interrupted by the end of the Ansible task", **NEW)
    assert (result.values.get("changed", False), "Created before" in result["msg"]) == (created, created)
    assert MAY_BE not in result["msg"]


def test_a_task_that_is_interrupted_before_it_sends_anything_has_changed_nothing(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy_for(monkeypatch, 5)
    interrupt_after(api, clock, monkeypatch, 2)
    expect_nothing(api, times=1)
    result = failure("timeout", "Interrupted by SIGTERM.", **NEW)
    assert result.values.get("changed", False) is False
    assert "Run the task again" not in result["msg"]


def test_a_task_that_is_interrupted_while_it_waits_for_workers_names_the_endpoint(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(api, clock, monkeypatch, 3)
    expect_there(api)
    expect_states(api, "loading", route="endpoint")
    result = failure("timeout", "Interrupted by SIGTERM.", id=77, wait_for_workers=1)
    assert (result["changed"], result["endpoint"]["id"]) == (False, 77)


def test_a_task_that_is_interrupted_in_a_purge_says_so(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, home: pathlib.Path
) -> None:
    interrupt_after(api, clock, monkeypatch, 5)
    expect_purge_begin(api)
    expect_purge(api)
    result = failure("timeout", f"The deletion of workergroup 502 of {NAME} may have been carried out", **PURGE)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)
    assert memory(home) == [leak(1001, 1002)]


def test_launch_args_are_not_shown(api: Api) -> None:
    expect_nothing(api, times=1)
    result = present(**{**NEW, "workergroups": [{**GROUP, "launch_args": "--env A=SECRET"}]}, check_mode=True)
    assert result["diff"]["after"]["workergroups[0]"]["launch_args"] == "********"


def test_a_second_run_changes_nothing(api: Api) -> None:
    expect_there(api)
    result = present(**{**NEW, "cold_workers": 2})
    assert (result["changed"], result["actions"]) == (False, [])
    assert [group["id"] for group in result["workergroups"]] == [501]


def test_criteria_are_sent_as_conditions_in_the_units_of_the_api(api: Api) -> None:
    search = {"gpu_name": ["RTX_4090"], "min_gpu_ram_gb": 24, "max_price": 0.5, "query": {"disk_space": {"gte": 100}}}
    conditions = {
        "gpu_name": {"in": ["RTX 4090"]},
        "gpu_ram": {"gte": 24000},
        "verified": {"eq": True},
        "dph_total": {"lte": 0.5},
        "disk_space": {"gte": 100},
    }
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api, body={"endpoint_id": 77, "template_id": 9, "search_params": conditions})
    expect_groups(api, group_row())
    present(**{**NEW, "workergroups": [{"template_id": 9, "search": search}]})


def test_wrong_criteria_are_refused_before_any_request(api: Api) -> None:
    failure("invalid", "looks like MB", name="a", workergroups=[{"search": {"min_gpu_ram_gb": 24000}}])


def test_only_what_differs_is_sent(api: Api) -> None:
    expect_there(api)
    expect_change(api, body={"max_workers": 4, "endpoint_state": "suspended"})
    expect_endpoints(api, endpoint_row(max_workers=4, endpoint_state="suspended"))
    result = present(id=77, max_workers=4, endpoint_state="suspended", min_load=10)
    assert result["changed"] is True
    assert result["endpoint"]["max_workers"] == 4
    assert result["diff"]["before"] == {"endpoint_state": "active", "max_workers": 8}


def test_a_rename_sends_the_name_only(api: Api) -> None:
    expect_there(api)
    expect_change(api, body={"endpoint_name": "llama-next"})
    expect_endpoints(api, endpoint_row(endpoint_name="llama-next"))
    result = present(id=77, name="llama-next")
    assert result["endpoint"]["endpoint_name"] == "llama-next"
    assert result["actions"] == [f"set endpoint_name of {NAME} to llama-next"]


def test_a_lost_change_that_shows_is_a_success(api: Api) -> None:
    expect_there(api)
    expect_change(api, LOST, body={"max_workers": 4})
    expect_endpoints(api, endpoint_row(max_workers=4))
    assert present(id=77, max_workers=4)["changed"] is True


def test_a_lost_change_that_does_not_show_is_sent_once_more(api: Api) -> None:
    expect_there(api)
    expect_change(api, LOST, body={"max_workers": 4})
    for _poll in range(10):
        expect_endpoints(api, endpoint_row())
    expect_change(api, body={"max_workers": 4})
    expect_endpoints(api, endpoint_row(max_workers=4))
    assert present(id=77, max_workers=4)["changed"] is True


def test_a_change_refused_for_its_pace_is_sent_again(api: Api, clock: FakeClock) -> None:
    expect_there(api)
    api.expect(
        "PUT",
        f"{ENDPOINTS}77/",
        "API requests too frequent endpoint threshold=2.0",
        status=429,
        body={"max_workers": 4},
    )
    expect_change(api, body={"max_workers": 4})
    expect_endpoints(api, endpoint_row(max_workers=4))
    assert present(id=77, max_workers=4)["changed"] is True
    assert [pause for pause in clock.slept if pause >= 2.0]


BAD_KEY = {"success": False, "error": "auth_error", "msg": "Invalid user key"}


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [
        (404, BAD_KEY, "auth"),
        (200, {"success": True}, "protocol"),
        (200, {"success": True, "results": [endpoint_row(), {"endpoint_name": "llama-prod"}]}, "protocol"),
        (500, {"msg": "boom"}, "server"),
    ],
)
def test_nothing_is_created_when_the_endpoints_cannot_be_listed(
    api: Api, status: int, reply: t.Any, error_class: str, check_mode: bool
) -> None:
    api.expect("GET", ENDPOINTS, reply, status=status)
    failure(error_class, **NEW, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [
        (404, BAD_KEY, "auth"),
        (200, {"success": True}, "protocol"),
        (200, {"success": True, "results": [group_row(None)]}, "protocol"),
        (200, {"success": True, "results": [group_row(502), group_row(502)]}, "protocol"),
        (500, {"msg": "boom"}, "server"),
    ],
)
def test_no_workergroup_is_created_when_they_cannot_be_listed(
    api: Api, status: int, reply: t.Any, error_class: str, check_mode: bool
) -> None:
    expect_endpoints(api, endpoint_row())
    api.expect("GET", GROUPS, reply, status=status)
    failure(error_class, id=77, workergroups=[GROUP, {**GROUP, "template_hash": "def"}], check_mode=check_mode)


def test_creations_refused_for_their_pace_are_sent_again(api: Api, clock: FakeClock) -> None:
    expect_nothing(api)
    expect_create(api, "API requests too frequent endpoint threshold=4.0", status=429)
    expect_created(api)
    expect_create_group(api, "API requests too frequent endpoint threshold=4.0", status=429)
    expect_create_group(api)
    expect_groups(api, group_row())
    assert present(**NEW)["changed"] is True
    assert len([pause for pause in clock.slept if pause >= 4.0]) >= 2


def test_a_key_that_is_revoked_meanwhile_is_told_with_what_was_done(api: Api) -> None:
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api, BAD_KEY, status=404)
    result = failure("auth", f"{NAME} exists", **NEW)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)


def test_a_refused_change_says_what_the_api_said(api: Api) -> None:
    expect_there(api)
    refusal = {"success": False, "error": "invalid_args", "msg": "Endpoint is managed by a deployment"}
    api.expect("PUT", f"{ENDPOINTS}77/", refusal, status=400, body={"max_workers": 4})
    expect_endpoints(api, endpoint_row())
    result = failure("invalid", "managed by a deployment", id=77, max_workers=4)
    assert (result["changed"], result["endpoint"]["max_workers"]) == (False, 8)


def test_a_workergroup_is_sent_whole(api: Api) -> None:
    expect_there(api)
    expect_change_group(api, gpu_ram=48)
    expect_groups(api, group_row(gpu_ram=48.0))
    result = present(name="llama-prod", workergroups=[{"template_hash": "abc", "gpu_ram": 48}])
    assert result["changed"] is True
    assert result["actions"] == [f"change workergroup 501 of {NAME}: set gpu_ram of workergroup 501 to 48.0"]
    assert result["workergroups"][0]["gpu_ram"] == 48.0
    assert result["diff"]["before"] == {"workergroup 501": {"gpu_ram": 24.0}}


def test_a_lost_change_of_a_workergroup_that_shows_is_a_success(api: Api) -> None:
    expect_there(api)
    expect_change_group(api, LOST, gpu_ram=48)
    expect_groups(api, group_row(gpu_ram=48.0))
    assert present(id=77, workergroups=[{"id": 501, "gpu_ram": 48}])["changed"] is True


def test_a_change_of_a_workergroup_that_is_refused_names_the_endpoint(api: Api) -> None:
    expect_there(api)
    expect_change(api, body={"max_workers": 4})
    expect_endpoints(api, endpoint_row(max_workers=4))
    body = {"endpoint_id": 77, "template_hash": "bad", "search_params": group_row()["search_query"], "gpu_ram": 24.0}
    refusal = {"success": False, "error": "invalid_args", "msg": "no such template"}
    api.expect("PUT", f"{GROUPS}501/", refusal, status=400, body={**body, "launch_args": "--env A=SECRET"})
    expect_groups(api, group_row())
    options = {"id": 77, "max_workers": 4, "workergroups": [{"id": 501, "template_hash": "bad"}]}
    result = failure("invalid", "no such template", **options)
    assert (result["changed"], result["endpoint"]["max_workers"]) == (True, 4)


def test_a_changed_search_says_that_workers_stay(api: Api) -> None:
    expect_there(api)
    expect_change_group(api, search_params="num_gpus=2")
    expect_groups(api, group_row(search_query={"num_gpus": {"eq": "2"}, "rented": {"eq": False}}))
    result = present(id=77, workergroups=[{"id": 501, "search_params": "num_gpus=2"}])
    assert result.warnings == ["The search of workergroup 501 was changed; running workers are not replaced."]


def test_a_further_workergroup_is_created_and_the_other_left_alone(api: Api) -> None:
    second = {"template_hash": "def", "search_params": "gpu_name=H100"}
    expect_there(api)
    expect_there(api)
    expect_create_group(api, {"success": True, "id": 502}, body={"endpoint_id": 77, **second})
    expect_groups(api, group_row(), group_row(502, template_hash="def"))
    result = present(id=77, workergroups=[GROUP, second])
    assert [group["id"] for group in result["workergroups"]] == [501, 502]


@pytest.mark.parametrize("reply", [LOST, {"success": True}, {"success": True, "result": True}])
def test_a_lost_create_is_looked_up_and_not_sent_again(api: Api, reply: t.Any) -> None:
    expect_nothing(api)
    expect_create(api, reply)
    expect_endpoints(api)
    expect_endpoints(api, endpoint_row(cold_workers=1))
    expect_groups(api)
    expect_create_group(api)
    expect_groups(api, group_row())
    assert present(**NEW)["changed"] is True


def test_a_lost_create_that_nothing_shows_is_an_unknown_outcome(api: Api, clock: FakeClock) -> None:
    expect_nothing(api)
    expect_create(api, LOST)
    for _poll in range(10):
        expect_endpoints(api)
    failure("unknown_outcome", "nothing was sent again", "Run the task again", **NEW)
    assert sum(clock.slept) >= 30


def test_a_poll_that_fails_tells_nothing(api: Api) -> None:
    expect_nothing(api)
    expect_create(api, LOST)
    api.expect("GET", ENDPOINTS, {"success": False, "error": "invalid_args", "msg": "odd"}, status=400)
    for _poll in range(9):
        api.expect("GET", ENDPOINTS, {"success": False, "error": "invalid_args", "msg": "odd"}, status=400)
    failure("unknown_outcome", "The last poll failed", **NEW)


def test_several_that_were_created_at_once_are_ambiguous(api: Api) -> None:
    expect_nothing(api)
    expect_create(api, LOST)
    expect_endpoints(api, endpoint_row(77), endpoint_row(79))
    failure("ambiguous", "77, 79", **NEW)


def test_a_name_that_is_taken_is_adopted(api: Api) -> None:
    expect_nothing(api)
    expect_create(api, {"success": False, "msg": "An endpoint with the name llama-prod exists."}, status=400)
    expect_endpoints(api, endpoint_row(max_workers=20))
    expect_groups(api, group_row())
    expect_change(api, body={"cold_workers": 1, "max_workers": 8})
    expect_endpoints(api, endpoint_row(cold_workers=1))
    assert present(**NEW)["endpoint"]["max_workers"] == 8


@pytest.mark.parametrize("msg", ["An endpoint with the name llama-prod exists.", "no"])
def test_a_refused_create_is_a_failure_unless_the_name_is_there(api: Api, msg: str) -> None:
    expect_nothing(api)
    expect_create(api, {"success": False, "msg": msg}, status=400)
    if msg != "no":
        expect_endpoints(api)
    failure("invalid", msg, **NEW)


def test_an_endpoint_whose_workergroup_failed_is_named(api: Api) -> None:
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api, {"success": False, "error": "invalid_args", "msg": "bad template"}, status=400)
    result = failure("invalid", f"bad template. {NAME} exists. Run the task again", **NEW)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)


def test_and_a_second_run_completes_it(api: Api) -> None:
    for _reading in range(2):
        expect_endpoints(api, endpoint_row(cold_workers=1, auto_delete_in_seconds=300.0))
        expect_groups(api)
    expect_create_group(api)
    expect_groups(api, group_row())
    result = present(**NEW)
    assert result["actions"] == [f"create a workergroup of {NAME} with template_hash abc"]
    assert result.warnings == []


@pytest.mark.parametrize("reply", [LOST, {"success": True}])
def test_a_lost_create_of_a_workergroup_is_looked_up_and_not_sent_again(api: Api, reply: t.Any) -> None:
    expect_there(api)
    expect_there(api)
    second = {"template_hash": "def", "search_params": "gpu_name=H100"}
    new = group_row(502, template_hash="def", search_query={"gpu_name": {"eq": "H100"}})
    expect_create_group(api, reply, body={"endpoint_id": 77, **second})
    expect_groups(api, group_row())
    expect_groups(api, group_row(), new)
    expect_groups(api, group_row(), new)
    assert present(id=77, workergroups=[GROUP, second])["changed"] is True


def test_a_workergroup_without_an_id_that_does_not_show_is_not_known(api: Api) -> None:
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api, {"success": True})
    for _poll in range(10):
        expect_groups(api)
    says = "returned a reply without the id of the new workergroup", f"No new workergroup of {NAME} was listed"
    assert failure("unknown_outcome", *says, **NEW)["endpoint"]["id"] == 77


def test_workergroups_that_do_not_show_are_a_failure(api: Api) -> None:
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api)
    for _poll in range(10):
        expect_groups(api)
    failure("server", "Vast.ai accepted the workergroups 501", **NEW)


@pytest.mark.parametrize("seconds", [300.0, None])
def test_an_endpoint_without_any_workergroup_may_be_changed_with_a_warning(api: Api, seconds: float | None) -> None:
    expect_endpoints(api, endpoint_row(auto_delete_in_seconds=seconds))
    expect_groups(api)
    result = present(id=77, max_workers=8)
    when = " in 300 s" if seconds else ""
    assert result.warnings == [f"{NAME} has no workergroup; Vast.ai deletes it{when} unless it gets one."]


def test_the_name_of_a_template_stands_for_its_hash(api: Api) -> None:
    row = {"name": "llama", "hash_id": "abc"}
    expect_endpoints(api, endpoint_row())
    query = {"select_filters": {"name": {"eq": "llama"}}}
    api.expect("GET", "/api/v0/template/", {"templates": [row, row, {"name": "llama-2", "hash_id": "x"}]}, query=query)
    expect_groups(api, group_row())
    assert (
        present(
            id=77,
            workergroups=[
                {"template_name": "llama"},
            ],
        )["changed"]
        is False
    )


@pytest.mark.parametrize(
    ("reply", "error_class", "says"),
    [
        ({"templates": []}, "not_found", "no template named 'llama'"),
        ({"success": False, "msg": "No templates found"}, "not_found", "no template named 'llama'"),
        ({"success": False, "msg": "odd"}, "invalid", "odd"),
        ({"templates": [{"name": "llama", "hash_id": each} for each in "ab"]}, "ambiguous", "a, b"),
    ],
)
def test_the_name_of_a_template_must_mean_one(api: Api, reply: t.Any, error_class: str, says: str) -> None:
    expect_endpoints(api, endpoint_row())
    query = {"select_filters": {"name": {"eq": "llama"}}}
    api.expect("GET", "/api/v0/template/", reply, query=query)
    failure(error_class, says, id=77, workergroups=[{"template_name": "llama"}])


def test_an_id_that_does_not_exist_is_a_failure(api: Api) -> None:
    expect_endpoints(api, endpoint_row(78))
    result = failure("not_found", "There is no endpoint 77", id=77, max_workers=1)
    assert result["known"] == [{"id": 78, "endpoint_name": "llama-prod"}]


def test_the_other_spelling_is_used_for_writes_too(api: Api) -> None:
    expect_endpoints(api, endpoint_row())
    api.expect("GET", GROUPS, {"msg": "no such route"}, status=404)
    api.expect("GET", "/api/v0/autojobs/", {"results": [group_row()]})
    body = {"endpoint_id": 77, "template_hash": "abc", "search_params": group_row()["search_query"], "gpu_ram": 48}
    api.expect("PUT", "/api/v0/autojobs/501/", {"success": True}, body={**body, "launch_args": "--env A=SECRET"})
    api.expect("GET", GROUPS, {"msg": "no such route"}, status=404)
    api.expect("GET", "/api/v0/autojobs/", {"results": [group_row(gpu_ram=48)]})
    assert present(id=77, workergroups=[{"id": 501, "gpu_ram": 48}])["changed"] is True


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "a", "workers": [1]}, "workers is for state=absent only"),
        ({"name": "a", "max_workers": -1}, "max_workers"),
        ({"name": "a", "workergroups": []}, "workergroups must not be empty"),
        ({"name": ""}, "name must not be empty"),
    ],
)
def test_what_cannot_work_is_refused_before_any_request(api: Api, options: dict[str, t.Any], says: str) -> None:
    failure("invalid", says, **options)


def purge_row() -> dict[str, t.Any]:
    return group_row(502, template_hash="old", search_query={"gpu_name": {"eq": "H100"}})


def expect_purge_begin(api: Api, engine: t.Any = None) -> None:
    """Declare what is read before workergroup 502 is purged, which has the workers 1001 and 1002."""
    expect_there(api, group_row(), purge_row())
    told = [{"id": 1001, "status": "idle"}, {"id": 1002, "status": "idle"}] if engine is None else engine
    api.expect("POST", "/get_workergroup_workers/", told, body={"id": 502})
    if engine is None:
        api.expect_listing(worker(1001), worker(1002), id=[1001, 1002])


def worker(number: int) -> dict[str, t.Any]:
    return instance_row(number, label=None)


def expect_purge(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    done = {"success": True, "deleted_workers": [1001, 1002], "failed_workers": []}
    api.expect("DELETE", f"{GROUPS}502/", done if reply is None else reply, **more)


PURGE: dict[str, t.Any] = {"id": 77, "workergroups": [GROUP], "purge_workergroups": True}


def test_a_purged_workergroup_goes_with_its_workers_proven_gone(api: Api, home: pathlib.Path) -> None:
    expect_purge_begin(api)
    expect_purge(api)
    expect_groups(api, group_row())
    api.expect_listing(worker(1001), id=[1001, 1002])
    api.expect_listing(id=[1001, 1002])
    result = present(**PURGE)
    assert result["changed"] is True
    assert result["actions"] == [f"delete workergroup 502 of {NAME} with its workers 1001, 1002 (0.840 $/h)"]
    assert (result["deleted_workers"], result["failed_workers"]) == ([1001, 1002], [])
    assert [each["id"] for each in result["workers"]] == [1001, 1002]
    assert [each["worker_of"] for each in result["workers"]] == [77, 77]
    assert [each["id"] for each in result["workergroups"]] == [501]
    assert memory(home) == []


def test_check_mode_tells_which_workers_a_purge_would_take(api: Api) -> None:
    expect_purge_begin(api)
    result = present(**PURGE, check_mode=True)
    assert [each["dph_total"] for each in result["workers"]] == [0.42, 0.42]
    assert [each["id"] for each in result["diff"]["before"]["workergroup 502"]["workers"]] == [1001, 1002]
    assert result["diff"]["after"] == {"workergroup 502": None}


def test_without_purge_others_are_left_alone(api: Api) -> None:
    expect_there(api, group_row(), purge_row())
    assert present(**{**PURGE, "purge_workergroups": False})["changed"] is False


def test_a_worker_that_a_purge_leaves_over_is_leaked_and_remembered(api: Api, home: pathlib.Path) -> None:
    expect_purge_begin(api)
    expect_purge(api, {"success": True, "deleted_workers": [1001], "failed_workers": [1002]})
    expect_groups(api, group_row())
    api.expect_listing(worker(1002), id=[1001, 1002])
    result = failure("leaked", f"workergroup 502 of {NAME} is deleted", "1002", **PURGE, on_leftover="fail")
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)
    assert [each["id"] for each in result["leaked_workers"]] == [1002]
    assert memory(home) == [leak(1001, 1002, failed=[1002])]


def test_a_purge_that_is_accepted_and_not_done_is_no_success(api: Api, home: pathlib.Path) -> None:
    expect_purge_begin(api)
    expect_purge(api)
    for _look in range(4):
        expect_groups(api, group_row(), purge_row())
    says = f"accepted the deletion of workergroup 502 of {NAME}, but it is still listed after 12 s"
    result = failure("server", says, "1001, 1002 may continue to bill", **PURGE)
    assert result["changed"] is True
    assert memory(home) == [leak(1001, 1002)]


def test_a_lost_purge_that_was_not_carried_out_is_sent_once_more(api: Api) -> None:
    expect_purge_begin(api)
    expect_purge(api, LOST)
    for _look in range(4):
        expect_groups(api, group_row(), purge_row())
    expect_purge(api)
    expect_groups(api, group_row())
    api.expect_listing(id=[1001, 1002])
    assert present(**PURGE)["changed"] is True


def test_a_lost_purge_is_looked_up(api: Api) -> None:
    expect_purge_begin(api)
    expect_purge(api, LOST)
    expect_groups(api, group_row())
    expect_groups(api, group_row())
    api.expect_listing(id=[1001, 1002])
    api.expect_listing(id=[1001, 1002])
    assert present(**PURGE)["changed"] is True


def test_a_refused_purge_says_what_may_go_on_billing(api: Api, home: pathlib.Path) -> None:
    expect_purge_begin(api)
    expect_purge(api, {"success": False, "error": "invalid_args", "msg": "owned by a deployment"}, status=400)
    result = failure("invalid", "owned by a deployment", "1001, 1002 may continue to bill", **PURGE)
    assert [each["id"] for each in result["workers"]] == [1001, 1002]
    assert memory(home) == [leak(1001, 1002)]


def test_a_purge_that_is_refused_forgets_nothing_of_the_unknown_workers_of_an_earlier_one(
    api: Api, home: pathlib.Path
) -> None:
    leave(home, leak(unknown=True))
    expect_purge_begin(api)
    expect_purge(api, {"success": False, "error": "invalid_args", "msg": "owned by a deployment"}, status=400)
    failure("invalid", "owned by a deployment", **PURGE)
    assert memory(home) == [leak(1001, 1002, unknown=True)]


def test_a_purge_says_nothing_of_the_unknown_workers_of_an_earlier_one(api: Api, home: pathlib.Path) -> None:
    leave(home, leak(unknown=True))
    expect_purge_begin(api)
    expect_purge(api)
    expect_groups(api, group_row())
    api.expect_listing(id=[1001, 1002])
    assert present(**PURGE)["changed"] is True
    assert memory(home) == [leak(unknown=True)]


def test_a_listing_that_is_down_after_a_purge_holds_the_task_up_for_a_minute_at_most(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    expect_purge_begin(api)
    expect_purge(api)
    for _attempt in range(6):
        api.expect("GET", GROUPS, "<html></html>", status=502)
    begin = clock.now()
    failure("server", "502", "are gone is not proven", **PURGE, wait_timeout=5, retry_timeout=600)
    assert clock.now() - begin < 5 + 60 + 10


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (404, {"success": False, "error": "no_such_workergroup", "msg": "No autojob by that id is available."}),
        (400, {"success": False, "error": "invalid_args", "msg": "Workgroup not found for user"}),
    ],
)
def test_a_workergroup_that_somebody_else_deleted_is_proven_all_the_same(api: Api, status: int, reply: t.Any) -> None:
    expect_purge_begin(api)
    expect_purge(api, reply, status=status)
    for _look in range(2):
        expect_groups(api, group_row())
    for _look in range(2):
        api.expect_listing(id=[1001, 1002])
    assert present(**PURGE)["changed"] is False


def test_a_worker_of_it_that_is_destroyed_is_a_change(api: Api) -> None:
    expect_purge_begin(api)
    expect_purge(api, {"success": False, "error": "no_such_workergroup", "msg": "No such autojob."}, status=404)
    for _look in range(2):
        expect_groups(api, group_row())
    for _look in range(2):
        api.expect_listing(worker(1001), id=[1001, 1002])
    api.expect_listing(worker(1001), id=[1001])
    api.expect("DELETE", "/api/v0/instances/1001/", {"success": True}, body={})
    api.expect_listing(id=1001)
    result = present(**PURGE, wait_timeout=1, wait_interval=15)
    assert (result["changed"], result["destroyed_workers"]) == (True, [1001])


def test_a_purge_without_waiting_leaves_the_proof_to_the_next_task(api: Api, home: pathlib.Path) -> None:
    expect_purge_begin(api)
    expect_purge(api)
    expect_groups(api, group_row())
    assert present(**PURGE, wait=False)["changed"] is True
    assert memory(home) == [leak(1001, 1002)]

    expect_there(api)
    expect_states(api, route="endpoint")
    api.expect_listing(worker(1001), id=[1001, 1002])
    failure("leaked", "its workers 1001 still exist", **PURGE, wait=False)
    assert memory(home) == [leak(1001, 1002)]


def test_unknown_workers_of_a_purge_are_taken_from_the_reply(api: Api, home: pathlib.Path) -> None:
    expect_purge_begin(api, {"error_msg": "no workers are ready"})
    expect_purge(api)
    expect_groups(api, group_row())
    api.expect_listing(id=[1001, 1002])
    result = present(**PURGE)
    assert [each["id"] for each in result["workers"]] == [1001, 1002]
    assert memory(home) == []


def test_unknown_workers_of_a_purge_are_not_foretold(api: Api) -> None:
    expect_purge_begin(api, {"error_msg": "no workers are ready"})
    result = present(**PURGE, check_mode=True)
    assert result["workers"] is None
    assert result["actions"] == [f"delete workergroup 502 of {NAME} with its workers"]


def test_a_purge_without_workers_says_so(api: Api) -> None:
    expect_purge_begin(api, [])
    result = present(**PURGE, check_mode=True)
    assert result["actions"] == [f"delete workergroup 502 of {NAME} with no workers"]


def expect_states(api: Api, *states: str | None, route: str = "workergroup", reply: t.Any = None) -> None:
    """Declare what the engine says of the workers of workergroup 501, or of the endpoint."""
    rows = [{"id": 1001 + number, "status": state} for number, state in enumerate(states)]
    body = {"id": 501 if route == "workergroup" else 77}
    api.expect("POST", f"/get_{route}_workers/", rows if reply is None else reply, body=body)


def expect_roll(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    done = {"success": True, "workers_to_update": 2}
    api.expect("POST", "/update_workers/", done if reply is None else reply, body={"workergroup_id": 501}, **more)


def expect_new_template(api: Api) -> None:
    expect_there(api)
    expect_change_group(api, template_hash="new")
    expect_groups(api, group_row(template_hash="new"))


ROLL: dict[str, t.Any] = {"id": 77, "workergroups": [{"id": 501, "template_hash": "new"}]}


def test_workers_follow_a_changed_template(api: Api, clock: FakeClock) -> None:
    expect_new_template(api)
    expect_roll(api)
    expect_states(api, "IDLE", "UPDATE_READY")
    expect_states(api, "UPDATE_STARTING", "idle")
    expect_states(api, "idle", "idle")
    result = present(**ROLL)
    assert result["actions"] == [
        f"change workergroup 501 of {NAME}: set template_hash of workergroup 501 to new; then replace its workers"
    ]
    assert clock.slept.count(5.0) == 3


def test_check_mode_replaces_no_worker(api: Api) -> None:
    expect_there(api)
    assert "then replace its workers" in present(**ROLL, check_mode=True)["actions"][0]


@pytest.mark.parametrize("options", [{"update_workers": "none"}])
def test_workers_may_stay_as_they_are(api: Api, options: dict[str, t.Any]) -> None:
    expect_new_template(api)
    assert "replace" not in present(**ROLL, **options)["actions"][0]


def test_no_worker_that_shows_an_update_for_two_polls_means_that_none_is_left(api: Api) -> None:
    expect_new_template(api)
    expect_roll(api)
    expect_states(api, reply={"error_msg": "no workers are ready"})
    expect_states(api, "idle")
    expect_states(api, "idle")
    present(**ROLL)


def test_nothing_is_waited_for_when_there_is_nothing_to_update(api: Api) -> None:
    expect_new_template(api)
    expect_roll(api, {"success": True, "workers_to_update": 0})
    present(**ROLL)


def test_without_waiting_the_update_is_sent_only(api: Api) -> None:
    expect_new_template(api)
    expect_roll(api)
    present(**ROLL, wait=False)


def test_a_lost_update_that_shows_is_not_sent_again(api: Api) -> None:
    expect_new_template(api)
    expect_roll(api, LOST)
    expect_states(api, "idle")
    expect_states(api, "UPDATE_REBOOTING")
    expect_states(api, "idle")
    present(**ROLL)


def test_a_lost_update_that_does_not_show_is_sent_once_more(api: Api) -> None:
    expect_new_template(api)
    expect_roll(api, LOST)
    expect_states(api, "idle")
    expect_states(api, "idle")
    expect_roll(api, LOST)
    expect_states(api, "idle")
    expect_states(api, "idle")
    result = failure("unknown_outcome", "after two requests", "vastai update workers 501", **ROLL)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)


def test_a_refused_update_says_what_to_do(api: Api) -> None:
    expect_new_template(api)
    expect_roll(api, {"success": False, "error_msg": "odd"}, status=400)
    failure("invalid", "odd", "vastai update workers 501", **ROLL)


def test_an_update_that_takes_too_long_is_a_timeout(api: Api) -> None:
    expect_new_template(api)
    expect_roll(api)
    for _poll in range(2):
        expect_states(api, "UPDATE_READY", "idle")
    says = "1 idle, 1 update_ready. The engine continues on its own."
    failure("timeout", says, **ROLL, wait_timeout=10, wait_interval=6)


def test_waits_until_enough_workers_are_ready_also_when_nothing_changed(api: Api) -> None:
    expect_there(api)
    expect_states(api, route="endpoint", reply={"error_msg": "no workers are ready"})
    expect_states(api, "loading", "busy", None, route="endpoint")
    expect_states(api, "READY", "busy", "error", route="endpoint")
    assert present(id=77, wait_for_workers=2)["changed"] is False


@pytest.mark.parametrize("options", [{"wait": False}, {"check_mode": True}])
def test_nobody_waits_for_workers_unless_the_task_does(api: Api, options: dict[str, t.Any]) -> None:
    expect_there(api)
    assert present(id=77, wait_for_workers=2, **options)["changed"] is False


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ({"logs": "a\nOOM: token=SECRET-abcdef0123456789\n\n"}, "The log of the endpoint ends: a | OOM"),
        ({"info0": "", "info1": "pulling image\n"}, "The log of the endpoint ends: pulling image."),
        ({"logs": "gave up.\n"}, "The log of the endpoint ends: gave up."),
        ("no such endpoint", "Workers bill while they load."),
    ],
)
def test_workers_that_do_not_get_ready_are_told_with_the_log(api: Api, reply: t.Any, says: str) -> None:
    expect_there(api)
    for _poll in range(2):
        expect_states(api, "loading", "loading", "error", route="endpoint")
    logs = {"json": reply} if isinstance(reply, str) else reply
    api.expect("POST", "/get_endpoint_logs/", logs, body={"id": 77, "tail": 20})
    begins = f"0 of 1 workers of {NAME} were ready within wait_timeout (3 s). Last seen: 1 error, 2 loading."
    failure("timeout", begins, says, id=77, wait_for_workers=1, wait_timeout=3)


def test_a_new_endpoint_whose_workers_do_not_get_ready_is_told_in_sentences(api: Api) -> None:
    expect_nothing(api)
    expect_created(api)
    expect_create_group(api)
    expect_groups(api, group_row())
    expect_states(api, "error", route="endpoint")
    expect_states(api, "error", route="endpoint")
    api.expect("POST", "/get_endpoint_logs/", {"logs": "worker 1001: error"}, body={"id": 77, "tail": 20})
    says = f"The log of the endpoint ends: worker 1001: error. {NAME} exists. Run the task again"
    result = failure("timeout", says, **NEW, wait_for_workers=1, wait_timeout=14)
    assert (result["changed"], result["endpoint"]["id"]) == (True, 77)


def test_an_engine_that_is_down_is_asked_again(api: Api) -> None:
    expect_there(api)
    expect_states(api, "idle", route="endpoint")
    for _poll in range(2):
        api.expect("POST", "/get_endpoint_workers/", {"msg": "odd"}, status=500, body={"id": 77})
    says = "1 of 2 workers", "the engine did not list the workers"
    failure("timeout", *says, id=77, wait_for_workers=2, wait_timeout=6, retry_timeout=0)


def test_an_engine_that_refuses_is_a_failure(api: Api) -> None:
    expect_there(api)
    api.expect("POST", "/get_endpoint_workers/", {"msg": "no"}, status=403, body={"id": 77})
    failure("permission", "no", id=77, wait_for_workers=2)
