# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workergroups under both names of their route."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import AuthError, VastError
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import workergroups

from ...harness import Api, make_client

WORKERGROUPS, AUTOJOBS = "/api/v0/workergroups/", "/api/v0/autojobs/"
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
"""All that is told of one (F4.2)."""


def test_each_row_is_told_whole_and_without_secrets(api: Api) -> None:
    row = {**WORKERGROUP, "endpoint_id": 77, "api_key": "SECRET-a", "launch_args": "SECRET-b"}
    api.expect("GET", WORKERGROUPS, {"results": [row]})
    assert workergroups.results(workergroups.read(make_client()), 77) == [WORKERGROUP]


def test_a_field_that_is_missing_is_null() -> None:
    assert workergroups.results([{"endpoint_id": 77}], 77) == [dict.fromkeys(WORKERGROUP)]


@pytest.mark.parametrize("endpoint_id", [None, "77", 78])
def test_a_workergroup_of_no_chosen_group_is_left_out(endpoint_id: t.Any) -> None:
    assert workergroups.results([{"id": 1, "endpoint_id": endpoint_id}, {"id": 2}], 77) == []


@pytest.mark.parametrize("first", [404, 405, 410])
@pytest.mark.parametrize("second", [404, 405, 410])
def test_where_neither_name_is_known_it_fails(api: Api, first: int, second: int) -> None:
    api.expect("GET", WORKERGROUPS, {"msg": "no such route"}, status=first)
    api.expect("GET", AUTOJOBS, {"msg": "no such route"}, status=second)
    with pytest.raises(VastError, match="autojobs"):
        workergroups.read(make_client())


def test_the_other_name_is_believed(api: Api) -> None:
    api.expect("GET", WORKERGROUPS, {"msg": "no such route"}, status=405)
    api.expect("GET", AUTOJOBS, {"results": [{"id": 501}]})
    assert workergroups.read(make_client()) == [{"id": 501}]


def test_a_wrong_key_is_not_taken_for_a_missing_route(api: Api) -> None:
    api.expect("GET", WORKERGROUPS, {"error": "auth_error", "msg": "Invalid user key"}, status=404)
    with pytest.raises(AuthError):
        workergroups.read(make_client())


def test_another_refusal_is_not_taken_for_a_missing_route(api: Api) -> None:
    api.expect("GET", WORKERGROUPS, {"msg": "no"}, status=400)
    with pytest.raises(VastError, match="400"):
        workergroups.read(make_client())


def test_each_route_has_its_published_interval() -> None:
    assert workergroups.WORKERGROUPS == ("GET", WORKERGROUPS, 2.0, False, False)
    assert workergroups.AUTOJOBS == ("GET", AUTOJOBS, 2.0, False, False)
