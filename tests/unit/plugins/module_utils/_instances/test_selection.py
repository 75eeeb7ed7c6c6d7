# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which instances a selection means: what the API is asked to filter, what is filtered here, and what they cost."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import MAX_LABEL, STATUSES, Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import (
    IDS_IN_A_FILTER,
    Selection,
    cost,
    count_by_label,
    select_instances,
)

from ...harness import Api, instance_row, list_query, listing, make_client, stopped_row

LIST = "/api/v1/instances/"
Options = dict[str, t.Any]


def instance(**fields: t.Any) -> Instance:
    return Instance(4711, instance_row(**{"machine_id": 7, **fields}))


def chosen(api: Api, options: Options, *rows: dict[str, t.Any]) -> list[int]:
    """The ids that are chosen when the API filters nothing."""
    selection = Selection.from_options(options)
    api.expect("GET", LIST, listing(*rows), query=list_query(selection.filters))
    return [found.id for found in select_instances(make_client(), selection)]


@pytest.mark.parametrize(
    ("options", "filters"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"ids": [2, 1]}, {"id": {"in": [2, 1]}}, id="ids"),
        pytest.param({"label": ["a", "ü b"]}, {"label": {"in": ["a", "ü b"]}}, id="labels"),
        pytest.param({"label": [""]}, {"label": {"in": ["", None]}}, id="no label is null there"),
        pytest.param({"label": ["a", ""]}, {"label": {"in": ["a", "", None]}}, id="a label or none"),
        pytest.param({"label_prefix": "dev-"}, {}, id="a prefix is no filter of the API"),
        pytest.param({"status": ["running", "exited"]}, {"actual_status": {"in": ["running", "exited"]}}, id="status"),
        pytest.param({"status": ["offline"]}, {}, id="offline is not stored"),
        pytest.param({"status": ["unknown"]}, {}, id="unknown is not stored"),
        pytest.param({"status": ["restarting"]}, {}, id="restarting is not stored"),
        pytest.param({"status": ["running", "offline"]}, {}, id="one that is not stored spoils the filter"),
        pytest.param({"gpu_name": ["RTX 4090"]}, {"gpu_name": {"in": ["RTX 4090"]}}, id="gpu"),
        pytest.param({"gpu_name": ["RTX_4090", "H100"]}, {"gpu_name": {"in": ["RTX 4090", "H100"]}}, id="underscore"),
        pytest.param({"machine_id": [7]}, {}, id="a machine is no filter of the API"),
        pytest.param(
            {"ids": [1], "label": ["a"], "label_prefix": "a", "status": ["running"], "gpu_name": ["H100"]},
            {
                "id": {"in": [1]},
                "label": {"in": ["a"]},
                "actual_status": {"in": ["running"]},
                "gpu_name": {"in": ["H100"]},
            },
            id="all together",
        ),
        pytest.param(
            dict.fromkeys(("ids", "label", "label_prefix", "status", "gpu_name", "machine_id")), {}, id="null"
        ),
    ],
)
def test_the_api_filters_what_it_stores(options: Options, filters: dict[str, t.Any]) -> None:
    assert Selection.from_options(options).filters == filters


@pytest.mark.parametrize("status", STATUSES)
def test_every_known_status_can_be_chosen_by(api: Api, status: str) -> None:
    other = "loading" if status == "running" else "running"
    rows = [instance_row(1, actual_status=status), instance_row(2, actual_status=other)]
    assert chosen(api, {"status": [status]}, *rows) == [1]


def test_more_ids_than_an_address_holds_are_filtered_here(api: Api) -> None:
    ids = list(range(1, IDS_IN_A_FILTER + 1))
    assert Selection.from_options({"ids": ids}).filters == {"id": {"in": ids}}
    more = [*ids, IDS_IN_A_FILTER + 1]
    assert Selection.from_options({"ids": more}).filters == {}
    assert chosen(api, {"ids": more}, instance_row(5), instance_row(4711)) == [5]


FITS = [
    pytest.param({"ids": [4711, 1]}, {}, True, id="id"),
    pytest.param({"ids": [471]}, {}, False, id="another id"),
    pytest.param({"label": ["x", "train-01"]}, {}, True, id="label"),
    pytest.param({"label": ["Train-01"]}, {}, False, id="a label in another case"),
    pytest.param({"label": ["train"]}, {}, False, id="the beginning of a label"),
    pytest.param({"label": [""]}, {"label": None}, True, id="no label"),
    pytest.param({"label": [""]}, {"label": ""}, True, id="an empty label"),
    pytest.param({"label": [""]}, {}, False, id="a label where none is asked for"),
    pytest.param({"label": ["{{ x }}"]}, {"label": "{{ x }}"}, True, id="braces in a label"),
    pytest.param({"label": ["a/b c"]}, {"label": "a/b c"}, True, id="a slash and a blank in a label"),
    pytest.param({"label": [" a"]}, {"label": "a"}, False, id="a blank before a label"),
    pytest.param({"label_prefix": "train-"}, {}, True, id="prefix"),
    pytest.param({"label_prefix": "rain"}, {}, False, id="not at the beginning"),
    pytest.param({"label_prefix": "grün"}, {"label": "grün-1"}, True, id="unicode in a prefix"),
    pytest.param({"label_prefix": "t"}, {"label": None}, False, id="prefix, and no label"),
    pytest.param({"status": ["loading", "running"]}, {}, True, id="status"),
    pytest.param({"status": ["running"]}, {"actual_status": "Running "}, True, id="status in capitals"),
    pytest.param({"status": ["exited"]}, {}, False, id="another status"),
    pytest.param({"status": ["exited"]}, {"actual_status": None}, False, id="no status"),
    pytest.param({"gpu_name": ["RTX_4090"]}, {}, True, id="gpu with an underscore"),
    pytest.param({"gpu_name": ["RTX 4090"]}, {"gpu_name": "RTX_4090"}, True, id="gpu stored with an underscore"),
    pytest.param({"gpu_name": ["RTX 409"]}, {}, False, id="another gpu"),
    pytest.param({"gpu_name": ["RTX 4090"]}, {"gpu_name": None}, False, id="no gpu name"),
    pytest.param({"machine_id": [1, 7]}, {}, True, id="machine"),
    pytest.param({"machine_id": [1]}, {}, False, id="another machine"),
    pytest.param({"machine_id": [7]}, {"machine_id": None}, False, id="no machine"),
]


@pytest.mark.parametrize(("options", "fields", "fits"), FITS)
def test_one_criterion_fits_alike_to_choose_and_to_exclude(options: Options, fields: Options, fits: bool) -> None:
    selection = Selection.from_options(options)
    assert selection.matches(instance(**fields)) is fits
    assert selection.matches_any(instance(**fields)) is fits


BOTH = [
    ({"label_prefix": "train-", "status": ["running"]}, True, True),
    ({"label_prefix": "train-", "status": ["exited"]}, False, True),
    ({"label_prefix": "dev-", "status": ["running"]}, False, True),
    ({"label_prefix": "dev-", "status": ["exited"]}, False, False),
    ({"ids": [4711], "machine_id": [7], "gpu_name": ["H100"]}, False, True),
    ({"ids": [1], "label": ["x"], "gpu_name": ["H100"]}, False, False),
]


@pytest.mark.parametrize(("options", "all_fit", "any_fits"), BOTH)
def test_choosing_needs_all_criteria_and_excluding_any(options: Options, all_fit: bool, any_fits: bool) -> None:
    selection = Selection.from_options(options)
    assert selection.matches(instance()) is all_fit
    assert selection.matches_any(instance()) is any_fits


@pytest.mark.parametrize("options", [{}, {"label_prefix": None, "ids": None, "label": None}])
def test_without_a_criterion_everything_is_chosen_and_nothing_excluded(options: Options) -> None:
    selection = Selection.from_options(options)
    assert selection.is_empty
    assert selection.matches(instance(label=None)) is True
    assert selection.matches_any(instance(label=None)) is False


@pytest.mark.parametrize(
    "options",
    [{"ids": [1]}, {"label": [""]}, {"label_prefix": "a"}, {"status": ["exited"]}, {"gpu_name": ["x"]}],
)
def test_a_criterion_is_a_criterion(options: Options) -> None:
    assert not Selection.from_options(options).is_empty


def test_filters_that_the_api_ignores_choose_nobody_elses_instance(api: Api) -> None:
    rows = [
        instance_row(1),
        instance_row(2, label="other"),
        instance_row(3, actual_status="exited"),
        instance_row(4, gpu_name="H100"),
        instance_row(5),
    ]
    options = {"ids": [1, 2, 3, 4], "label": ["train-01"], "status": ["running"], "gpu_name": ["RTX_4090"]}
    assert chosen(api, options, *rows) == [1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ids": [0]}, r"ids must be positive numbers, not \[0\]"),
        ({"ids": [4711, -1]}, r"ids must be positive numbers, not \[4711, -1\]"),
        ({"label": ["a", "x" * (MAX_LABEL + 1)]}, "A label has at most 1024 characters"),
        ({"label_prefix": "x" * (MAX_LABEL + 1)}, "A label has at most 1024 characters"),
        ({"ids": [], "label_prefix": "dev-"}, "ids is empty, which could mean nothing or everything"),
        ({"label": [], "machine_id": []}, "label, machine_id is empty"),
        ({"label_prefix": ""}, "label_prefix is empty"),
    ],
)
def test_criteria_that_nothing_can_fit_are_refused(options: Options, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        Selection.from_options(options)


def test_the_longest_label_is_accepted() -> None:
    longest = "ü" * MAX_LABEL
    selection = Selection.from_options({"label": [longest], "label_prefix": longest})
    assert selection.matches(instance(label=longest))


def test_labels_are_counted_and_none_is_the_empty_one() -> None:
    found = [instance(label=label) for label in ("b", "a", "b", None, "", "{{ x }}", "grün / 1")]
    assert count_by_label(found) == {"b": 2, "a": 1, "": 2, "{{ x }}": 1, "grün / 1": 1}
    assert count_by_label([]) == {}


def running(**prices: t.Any) -> Instance:
    return Instance(1, instance_row(1, **prices))


def stopped(**prices: t.Any) -> Instance:
    return Instance(2, stopped_row(2, **prices))


@pytest.mark.parametrize(
    ("found", "sums"),
    [
        pytest.param([], (0, 0, 0, 0), id="none"),
        pytest.param([running(dph_total=0.5, storage_total_cost=0.01)], (0.5, 0, 0, 0.5), id="running pays all in one"),
        pytest.param([stopped(dph_total=0.5, storage_total_cost=0.01)], (0, 0.5, 0.01, 0.01), id="stopped pays a disk"),
        pytest.param(
            [
                running(dph_total=0.1),
                running(dph_total=0.2),
                stopped(dph_total=1, storage_total_cost=0.01),
                stopped(dph_total=2.5, storage_total_cost=0.02),
            ],
            (0.3, 3.5, 0.03, 0.33),
            id="sums",
        ),
        pytest.param(
            [running(actual_status="exited", dph_total=0.5)], (0.5, 0, 0, 0.5), id="a crashed one holds its GPU"
        ),
        pytest.param(
            [running(intended_status="stopped", dph_total=0.5)], (0.5, 0, 0, 0.5), id="one on its way down pays still"
        ),
        pytest.param(
            [stopped(intended_status="running", dph_total=0.5, storage_total_cost=0.01)],
            (0, 0.5, 0.01, 0.01),
            id="a queued one has no GPU to pay",
        ),
        pytest.param([running(dph_total=None), running(dph_total=0.5)], (0.5, 0, 0, 0.5), id="a price that is null"),
        pytest.param([stopped(dph_total="0.5", storage_total_cost=True)], (0, 0, 0, 0), id="prices that are none"),
    ],
)
def test_costs_are_summed_by_state(found: list[Instance], sums: tuple[float, ...]) -> None:
    assert cost(found) == dict(zip(("running", "stopped", "storage", "per_hour"), sums, strict=True))


def test_a_row_without_prices_costs_nothing() -> None:
    bare = [Instance(1, {"id": 1, "cur_state": "running"}), Instance(2, {"id": 2})]
    assert cost(bare) == {"running": 0.0, "stopped": 0.0, "storage": 0.0, "per_hour": 0.0}
