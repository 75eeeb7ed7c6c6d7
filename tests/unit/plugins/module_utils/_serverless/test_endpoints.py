# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an endpoint group looks like, and how one is told from another."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
    Ambiguous,
    Exchange,
    Invalid,
    NotFound,
    ProtocolError,
    VastError,
)
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import (
    Endpoint,
    find,
    known,
    missing_from,
    near_miss,
    read,
)

from ...harness import Api, endpoint_row, make_client

LIST = "/api/v0/endptjobs/"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"endpoint_name": "llama-prod"}, "endpoint 77 (llama-prod)"),
        ({"endpoint_name": ""}, "endpoint 77"),
        ({"endpoint_name": None}, "endpoint 77"),
        ({}, "endpoint 77"),
        ({"endpoint_name": "a\n\x1b[2J\u202eb"}, r"endpoint 77 (a\n\x1b[2J\u202eb)"),
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
"""All that is told of one (F4.1)."""


def test_the_result_has_every_field_as_the_api_has_it_and_no_secret() -> None:
    group = Endpoint(77, {**GROUP, "user_id": 5, "api_key": "SECRET-endpoint-key"})
    assert group.result() == GROUP
    assert repr(group) == "endpoint 77 (llama-prod)"


def test_the_result_has_every_key_even_when_the_row_has_none() -> None:
    assert Endpoint(77, {"id": 77}).result() == {**dict.fromkeys(GROUP), "id": 77}


def test_what_was_read_cannot_be_altered() -> None:
    field = "id"
    with pytest.raises(AttributeError):
        setattr(Endpoint(77, {}), field, 78)


@pytest.mark.parametrize(
    ("endpoint_id", "name", "found"),
    [(77, None, 77), (78, None, 78), (79, None, None), (None, "llama-prod", 77), (None, "LLAMA-prod", None)],
)
def test_finds_by_id_or_exact_name(api: Api, endpoint_id: int | None, name: str | None, found: int | None) -> None:
    api.expect("GET", LIST, {"success": True, "results": [endpoint_row(), endpoint_row(78, endpoint_name="test")]})
    group = find(read(make_client()), endpoint_id, name)
    assert (group.id if group else None) == found


def test_several_with_the_name_are_all_named(api: Api) -> None:
    api.expect("GET", LIST, {"success": True, "results": [endpoint_row(), endpoint_row(78)]})
    with pytest.raises(Ambiguous, match=r"2 endpoint groups are named 'llama-prod': 77, 78\. Select one of them by id"):
        find(read(make_client()), None, "llama-prod")


@pytest.mark.parametrize("msg", ["No endpoints for user found", "No endpoints for user 4711 found."])
@pytest.mark.parametrize("status", [200, 400, 404])
def test_an_account_without_endpoint_groups_may_be_told_by_a_refusal(api: Api, status: int, msg: str) -> None:
    refusal = {"success": False, "error": "invalid_args", "msg": msg}
    api.expect("GET", LIST, refusal, status=status)
    assert read(make_client()) == []


@pytest.mark.parametrize("msg", ["bad client_id", "No endpoints for users were found", "User not found"])
@pytest.mark.parametrize(("status", "error"), [(400, Invalid), (404, NotFound)])
def test_another_refusal_is_not_an_empty_account(api: Api, status: int, error: type[VastError], msg: str) -> None:
    api.expect("GET", LIST, {"success": False, "error": "invalid_args", "msg": msg}, status=status)
    with pytest.raises(error, match=msg):
        read(make_client())


def test_a_group_that_is_listed_twice_makes_the_listing_malformed(api: Api) -> None:
    api.expect("GET", LIST, {"success": True, "results": [endpoint_row(), endpoint_row()]})
    with pytest.raises(ProtocolError, match="it lists a row twice"):
        read(make_client())


def test_what_there_is_is_known_by_id_and_name() -> None:
    assert known([Endpoint(77, endpoint_row()), Endpoint(78, {})]) == [
        {"id": 77, "endpoint_name": "llama-prod"},
        {"id": 78, "endpoint_name": ""},
    ]


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("llama-prd", " Did you mean 'llama-prod' or 'LLAMA-prod2'?"),
        ("LLAMA-PROD", " Did you mean 'llama-prod' or 'LLAMA-prod2'?"),
        ("sdxl", ""),
        ("", ""),
    ],
)
def test_names_that_are_nearly_the_same_are_asked_about(name: str, question: str) -> None:
    groups = [Endpoint(number, {"endpoint_name": each}) for number, each in enumerate(NAMES)]
    assert near_miss(groups, name) == question


NAMES = ["llama-prod", "LLAMA-prod2", "other", None]


@pytest.mark.parametrize(
    ("ids", "names", "texts"),
    [
        ([77], ["llama-prod"], []),
        ([], [], []),
        (
            [5, 77, 6],
            [],
            ["There is no endpoint group 5 in this account.", "There is no endpoint group 6 in this account."],
        ),
        ([], ["zzz", "zzz"], ["There is no endpoint group named 'zzz' in this account."]),
    ],
)
def test_what_is_named_and_does_not_exist_has_a_sentence(ids: list[int], names: list[str], texts: list[str]) -> None:
    assert missing_from([Endpoint(77, endpoint_row())], ids, names) == texts


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
        "The listing of endpoint groups is not valid: it contains no list of endpoint groups with ids. "
        "It was ignored; run the task again."
    )
    assert raised.value.exchange == Exchange("GET", "https://vast.test/api/v0/endptjobs/", 200)
