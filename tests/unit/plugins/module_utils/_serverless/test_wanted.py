# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task wants of an endpoint and its workergroups: refusals, which is which, and what differs."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid, NotFound
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import wanted as pure
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import Endpoint
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.wanted import Group, Wanted, WantedGroup

from ...harness import endpoint_row

GROUP = {"template_hash": "abc", "search_params": "gpu_name=RTX_4090"}
ROW = {
    "id": 501,
    "endpoint_id": 77,
    "template_hash": "abc",
    "template_id": 9,
    "search_query": {"gpu_name": {"eq": "RTX 4090"}, "verified": {"eq": True}},
    "gpu_ram": 24.0,
    "cold_workers": 1,
    "launch_args": "--env A=SECRET",
    "min_load": 1.0,
}


def wanted(**options: t.Any) -> Wanted:
    return Wanted.from_options({"id": None, "name": "llama-prod", **options})


def group(number: int = 501, **fields: t.Any) -> Group:
    return Group(number, {**ROW, "id": number, **fields})


def want(**options: t.Any) -> WantedGroup:
    return WantedGroup.from_options("workergroups[0]", options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target_util": 1.1}, "target_util must be from 0.01 to 1"),
        ({"target_util": 0}, "target_util"),
        ({"max_workers": -1}, "max_workers must be from 0"),
        ({"min_load": -0.5}, "min_load"),
        ({"cold_workers": 3, "max_workers": 2}, r"cold_workers \(3\) must not be above max_workers \(2\)"),
        ({"target_queue_time": 31, "max_queue_time": 30}, r"target_queue_time \(31\) must not be above"),
        ({"workergroups": []}, "workergroups must not be empty"),
        ({"workergroups": [], "purge_workergroups": True}, "workergroups must not be empty"),
        ({"purge_workergroups": True}, "purge_workergroups requires workergroups"),
        ({"wait_for_workers": 3, "max_workers": 2}, r"wait_for_workers \(3\) must not be above"),
        ({"wait_for_workers": 1, "endpoint_state": "stopped"}, "endpoint_state=stopped"),
        ({"wait_for_workers": -1}, "wait_for_workers"),
        ({"workergroups": [GROUP, GROUP]}, r"workergroups\[1\] names the same workergroup as workergroups\[0\]"),
        ({"workergroups": [{"id": 5}, {"id": 5, **GROUP}]}, "names the same"),
        ({"workergroups": [{"template_hash": "a", "template_id": 1}]}, "by template_hash and template_id"),
        ({"workergroups": [{"template_hash": " "}]}, r"workergroups\[0\].template_hash must not be empty"),
        ({"workergroups": [{"search": {}, "search_params": "a=1"}]}, "search or search_params, not both"),
        ({"workergroups": [{"search_params": "nonsense"}]}, "cannot be read at 'nonsense'"),
        ({"workergroups": [{"id": 0}]}, r"workergroups\[0\].id"),
        ({"workergroups": [{"gpu_ram": -1}]}, r"workergroups\[0\].gpu_ram"),
        ({"workergroups": [{"cold_workers": 2, "max_workers": 1}]}, r"workergroups\[0\].cold_workers \(2\)"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_request(options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        wanted(**options)


@pytest.mark.parametrize("value", [-1, 0, 600.5])
def test_a_negative_inactivity_timeout_means_never(value: float) -> None:
    assert wanted(inactivity_timeout=value).settings == {"inactivity_timeout": value}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"workergroups": [GROUP]}, "max_workers is needed to create it"),
        ({"max_workers": 2}, "workergroups is needed to create it"),
        ({"max_workers": 2, "workergroups": [{"id": 5, **GROUP}]}, "does not exist yet"),
        ({"max_workers": 2, "workergroups": [{"template_hash": "abc"}]}, "needs search or search_params"),
        ({"max_workers": 2, "workergroups": [{"search_params": "a=1"}]}, "needs a template"),
    ],
)
def test_a_new_endpoint_needs_a_limit_and_workergroups(options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        wanted(**options).check(None)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cold_workers": 9}, r"cold_workers \(9\) must not be above max_workers \(8\)"),
        ({"max_workers": 1}, r"cold_workers \(2\) must not be above max_workers \(1\)"),
        ({"wait_for_workers": 9}, r"wait_for_workers \(9\)"),
    ],
)
def test_what_contradicts_the_endpoint_that_is_there_is_refused(options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        wanted(**options).check(Endpoint(77, endpoint_row()))


def test_an_endpoint_that_contradicts_itself_may_be_changed_in_other_things() -> None:
    wanted(min_load=5).check(Endpoint(77, endpoint_row(cold_workers=9)))


def test_a_create_sends_what_is_given_and_holds_the_workers_to_the_limit() -> None:
    assert wanted(max_workers=2, min_load=0).creation() == {
        "endpoint_name": "llama-prod",
        "cold_workers": 2,
        "max_workers": 2,
        "min_load": 0,
    }
    assert "cold_workers" not in wanted(max_workers=5).creation()
    assert wanted(max_workers=2, cold_workers=0).creation()["cold_workers"] == 0


def test_only_what_is_given_and_differs_is_planned() -> None:
    found = Endpoint(77, endpoint_row())
    plan = pure.plan_endpoint(found, wanted(min_load=10, target_util=0.9, max_workers=4, endpoint_state="stopped"))
    assert (plan.before, plan.after) == (
        {"endpoint_state": "active", "max_workers": 8},
        {"endpoint_state": "stopped", "max_workers": 4},
    )
    assert plan.actions == [
        "set endpoint_state of endpoint 77 (llama-prod) to stopped",
        "set max_workers of endpoint 77 (llama-prod) to 4",
    ]
    assert not pure.plan_endpoint(found, wanted()).changed


def test_with_an_id_the_name_is_the_new_one() -> None:
    plan = pure.plan_endpoint(Endpoint(77, endpoint_row()), wanted(id=77, name="llama-next"))
    assert plan.after == {"endpoint_name": "llama-next"}


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({"id": 502, "template_hash": "new"}, 502),
        ({"template_hash": "abc", "search_params": "gpu_name=RTX_4090"}, 501),
        ({"template_hash": "abc"}, 501),
        ({"template_hash": "new", "search_params": "gpu_name=RTX_3090"}, 502),
        ({"search_params": "gpu_name=RTX_3090"}, 502),
    ],
)
def test_which_workergroup_is_meant(options: dict[str, t.Any], number: int) -> None:
    groups = [group(501), group(502, template_hash="old", search_query={"gpu_name": {"eq": "RTX 3090"}})]
    pairs = pure.match([want(**options)], groups)
    assert [(each.id, one) for one, each in pairs.known] == [(number, want(**options))]
    assert [each.id for each in pairs.others] == [503 - number + 500]
    assert pairs.new == []


def test_the_only_one_left_on_each_side_is_paired_and_others_are_new() -> None:
    changed = want(template_hash="new", search_params="gpu_name=H100")
    assert pure.match([changed], [group()]).known == [(changed, group())]
    kept = want(**GROUP)
    assert pure.match([kept, changed], [group()]) == ([(kept, group())], [changed], [])
    both = pure.match([changed], [group(501), group(502)])
    assert (both.known, both.new, [each.id for each in both.others]) == ([], [changed], [501, 502])


def test_an_id_of_another_endpoint_is_refused() -> None:
    with pytest.raises(NotFound, match=r"has no workergroup 9\. Its workergroups are: 501"):
        pure.match([want(id=9)], [group()])
    with pytest.raises(NotFound, match="are: none"):
        pure.match([want(id=9)], [])


def test_drift_of_a_workergroup_is_told_field_by_field() -> None:
    given = want(template_hash="new", search_params="num_gpus=2", gpu_ram=48, test_workers=3, cold_workers=1)
    plan = pure.plan_group(given, group())
    assert plan.after == {"template_hash": "new", "search_params": {"num_gpus": {"eq": 2.0}}, "gpu_ram": 48}
    assert plan.before["search_params"] == {"gpu_name": {"eq": "RTX 4090"}, "verified": {"eq": True}}
    assert not any(pure.shows(group(), change) for change in plan.changes)
    after = group(template_hash="new", search_query={"num_gpus": {"eq": "2"}}, gpu_ram=48.0)
    assert all(pure.shows(after, change) for change in plan.changes)
    assert pure.update_body(given, group(), 77) == {
        "endpoint_id": 77,
        "template_hash": "new",
        "search_params": "num_gpus=2",
        "gpu_ram": 48,
        "cold_workers": 1,
        "test_workers": 3,
        "min_load": 1.0,
        "launch_args": "--env A=SECRET",
    }


def test_what_no_row_shows_is_no_drift() -> None:
    assert not pure.plan_group(want(test_workers=5, max_workers=9, **GROUP), group()).changed


def test_launch_args_are_compared_and_never_shown() -> None:
    plan = pure.plan_group(want(launch_args="--env A=SECRET2"), group())
    assert "SECRET" not in str((plan.result(), plan.actions))
    assert plan.changed


def test_an_update_repeats_what_is_not_given() -> None:
    body = pure.update_body(want(gpu_ram=48), group(), 77)
    assert body["search_params"] == ROW["search_query"]
    assert (body["template_hash"], "template_id" in body) == ("abc", False)
    assert pure.update_body(want(gpu_ram=48), group(template_hash=None), 77)["template_id"] == 9


@pytest.mark.parametrize("fields", [{"search_query": None}, {"search_query": None, "search_params": None}])
def test_a_search_that_is_not_known_is_not_overwritten(fields: dict[str, t.Any]) -> None:
    with pytest.raises(Invalid, match="needs search or search_params"):
        pure.update_body(want(gpu_ram=48), group(**fields), 77)


def test_a_search_of_a_row_that_cannot_be_read_differs_from_any() -> None:
    odd = group(search_query=None, search_params="nonsense")
    assert odd.search is None
    assert pure.plan_group(want(search_params="a=1"), odd).before == {"search_params": None}
    assert "search None" in odd.described
    assert (repr(odd), odd.result()) == ("workergroup 501", {"id": 501})


def test_only_rows_of_the_endpoint_with_an_id_are_its_workergroups() -> None:
    rows = [ROW, {**ROW, "id": 502, "endpoint_id": 78}, {**ROW, "id": "x"}]
    assert [each.id for each in pure.groups_of(rows, 77)] == [501]
