# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The modules about rows of the account on bad days that are the same for all: a wrong key, a pace that is refused."""

from __future__ import annotations

import collections.abc as c
import typing as t

import pytest

from ..harness import Api, fail_as, instance_row, succeed
from . import test_vast_api_key as api_key
from . import test_vast_env_var as env_var
from . import test_vast_ssh_key as ssh_key
from . import test_vast_template as template
from . import test_vast_volume as volume

WRONG_KEY = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
TOO_FAST = "API requests too frequent endpoint threshold=1.0"
Call = tuple[str, str, dict[str, t.Any]]


class Case(t.NamedTuple):
    """One module: how to ask for its row, and its requests on a day when all is well."""

    module: str
    wanted: dict[str, t.Any]
    unwanted: dict[str, t.Any]
    first: Call
    listed: c.Callable[..., None]
    row: t.Any
    create: c.Callable[..., None]
    remove: c.Callable[..., None]


def _names(api: Api, *rows: t.Any) -> None:
    env_var.names(api, *rows)


def _post(api: Api, *reply: t.Any, **more: t.Any) -> None:
    env_var.send(api, "POST", *reply, **more)


def _drop_template(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    api.expect("DELETE", template.PATH, reply or {"success": True}, body={"template_id": 8}, **more)


def _make(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    api_key.make(api, reply or api_key.made(key="shown-once"), **more)


def _drop_api_key(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    api_key.drop(api, reply=reply or api_key.DELETED, **more)


OF_VOLUMES = {"owner": "me", "type": "all_volume"}
CASES = [
    Case(
        "vast_ssh_key",
        {"public_key": ssh_key.KEY},
        {"public_key": ssh_key.KEY, "state": "absent"},
        ("GET", ssh_key.PATH, {}),
        ssh_key.keys,
        ssh_key.row(),
        ssh_key.add,
        ssh_key.remove,
    ),
    Case(
        "vast_api_key",
        api_key.given(return_key=True),
        {"name": "ci", "state": "absent"},
        ("GET", api_key.PATH, {}),
        api_key.keys,
        api_key.row(),
        _make,
        _drop_api_key,
    ),
    Case(
        "vast_env_var",
        env_var.GIVEN,
        {"name": "HF_TOKEN", "state": "absent"},
        ("GET", env_var.PATH, {}),
        _names,
        "HF_TOKEN",
        _post,
        env_var.drop,
    ),
    Case(
        "vast_template",
        template.GIVEN,
        {"name": "vllm", "state": "absent"},
        ("GET", "/api/v0/users/current/", {}),
        template.listed,
        template.row(),
        template.create,
        _drop_template,
    ),
    Case(
        "vast_volume",
        volume.GIVEN,
        volume.GONE,
        ("GET", volume.PATH, OF_VOLUMES),
        volume.listed,
        volume.row(),
        volume.rent,
        volume.drop,
    ),
]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.module)


def first(api: Api, case: Case, reply: t.Any, status: int) -> None:
    """Declare that the first request of a task is refused."""
    method, path, query = case.first
    api.expect(method, path, reply, status=status, query=query)


def begin(api: Api, case: Case, *rows: t.Any) -> None:
    """Declare what a task looks at before it writes."""
    if case.module == "vast_template":
        template.user(api)
    case.listed(api, *rows)


@EACH
@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_wrong_key_is_never_taken_for_an_empty_account(api: Api, case: Case, state: str, check_mode: bool) -> None:
    first(api, case, WRONG_KEY, 404)
    given = case.wanted if state == "present" else case.unwanted
    fail_as(case.module, "auth", **given, check_mode=check_mode)


@EACH
def test_a_listing_refused_for_its_pace_is_asked_again(api: Api, case: Case) -> None:
    first(api, case, TOO_FAST, 429)
    begin(api, case)
    assert succeed(case.module, **case.unwanted)["changed"] is False


@EACH
def test_a_creation_refused_for_its_pace_is_sent_again(api: Api, case: Case) -> None:
    begin(api, case)
    if case.module == "vast_volume":
        volume.search(api, volume.offer())
    case.create(api, TOO_FAST, status=429)
    case.create(api)
    case.listed(api, case.row)
    assert succeed(case.module, **case.wanted)["changed"] is True


@EACH
def test_a_deletion_refused_for_its_pace_is_sent_again(api: Api, case: Case) -> None:
    begin(api, case, case.row)
    case.remove(api, TOO_FAST, status=429)
    case.remove(api)
    case.listed(api)
    assert succeed(case.module, **case.unwanted)["changed"] is True


@EACH
def test_check_mode_deletes_nothing(api: Api, case: Case) -> None:
    begin(api, case, case.row)
    result = succeed(case.module, **case.unwanted, check_mode=True)
    assert (result["changed"], result["diff"]["after"]) == (True, {"state": "absent"})


@pytest.mark.parametrize("rows", [None, "x", [{}], [{"id": True}], [volume.row(), volume.row()]])
@pytest.mark.parametrize("given", [volume.GIVEN, volume.GONE])
def test_nothing_is_concluded_from_what_is_no_listing_of_volumes(
    api: Api, rows: t.Any, given: dict[str, t.Any]
) -> None:
    api.expect("GET", volume.PATH, {"volumes": rows}, query=OF_VOLUMES)
    fail_as("vast_volume", "protocol", "listing of volumes", **given)


def test_keys_of_an_instance_are_not_read_with_a_wrong_key(api: Api) -> None:
    api.expect_listing(instance_row(1), id=1)
    ssh_key.keys(api, ssh_key.row())
    api.expect("GET", "/api/v0/instances/1/ssh/", WRONG_KEY, status=404)
    fail_as("vast_ssh_key", "auth", **{**CASES[0].unwanted, "instances": ["1"]})


ALL_TEMPLATES = {"select_filters": {}, "select_cols": ["*"]}


@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        (WRONG_KEY, 404, "auth"),
        ({"success": True, "templates": None}, 200, "protocol"),
        ({"success": True, "templates_found": 2, "templates": [template.row()]}, 200, "protocol"),
    ],
)
def test_templates_that_cannot_be_told_are_not_none(api: Api, reply: t.Any, status: int, error_class: str) -> None:
    api.expect("GET", template.PATH, reply, status=status, query=ALL_TEMPLATES)
    fail_as(template.INFO, error_class)


def test_templates_refused_for_the_pace_are_asked_for_again(api: Api) -> None:
    api.expect("GET", template.PATH, TOO_FAST, status=429, query=ALL_TEMPLATES)
    template.info(api, {}, template.row())
    assert template.ids(succeed(template.INFO)) == [8]
