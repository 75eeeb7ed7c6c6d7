# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which instances a selection means: what the API is asked to filter, what is filtered here, and what they cost."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid, NotFound, ProtocolError
from ansible_collections.vastai.cloud.plugins.module_utils._instances.cost import cost
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import (
    IDS_IN_A_FILTER,
    MAX_LABEL,
    STATUSES,
    Instance,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import (
    Selection,
    choose,
    chunks,
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
        pytest.param({"unlabelled": True}, {"label": {"in": ["", None]}}, id="no label is null there"),
        pytest.param({"unlabelled": False}, {}, id="false is no criterion"),
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


def test_more_ids_than_an_address_holds_are_asked_for_in_groups(api: Api) -> None:
    ids = list(range(1, IDS_IN_A_FILTER + 2))
    api.expect_listing(instance_row(5), instance_row(4711), id=ids[:-1])
    api.expect_listing(instance_row(ids[-1]), id=ids[-1:])
    selection = Selection.from_options({"ids": ids})
    assert [found.id for found in select_instances(make_client(), selection)] == [5, ids[-1]]


def test_labels_are_grouped_by_what_an_address_holds() -> None:
    assert list(chunks([])) == []
    assert list(chunks(range(IDS_IN_A_FILTER + 1))) == [list(range(IDS_IN_A_FILTER)), [IDS_IN_A_FILTER]]
    long = ["ü" * 300, "a" * 300, "ü" * 300]
    assert [len(group) for group in chunks(long)] == [2, 1]
    assert list(chunks(["ü" * MAX_LABEL, "b"])) == [["ü" * MAX_LABEL], ["b"]]


FITS = [
    pytest.param({"ids": [4711, 1]}, {}, True, id="id"),
    pytest.param({"ids": [471]}, {}, False, id="another id"),
    pytest.param({"label": ["x", "train-01"]}, {}, True, id="label"),
    pytest.param({"label": ["Train-01"]}, {}, False, id="a label in another case"),
    pytest.param({"label": ["train"]}, {}, False, id="the beginning of a label"),
    pytest.param({"unlabelled": True}, {"label": None}, True, id="no label"),
    pytest.param({"unlabelled": True}, {"label": ""}, True, id="an empty label"),
    pytest.param({"unlabelled": True}, {}, False, id="a label where none is asked for"),
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
    [{"ids": [1]}, {"unlabelled": True}, {"label_prefix": "a"}, {"status": ["exited"]}, {"gpu_name": ["x"]}],
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
        ({"ids": [0]}, "ids must be a positive number, not 0"),
        ({"ids": [4711, -1]}, "ids must be a positive number, not -1"),
        ({"ids": [True]}, "ids must be a number, not True"),
        ({"ids": [2**63]}, "ids must be a positive number, not a number of more than 18 digits"),
        ({"machine_id": [0]}, "machine_id must be a positive number, not 0"),
        ({"label": ["a", "x" * (MAX_LABEL + 1)]}, "label: a label has at most 1024 characters"),
        ({"label_prefix": "x" * (MAX_LABEL + 1)}, "label_prefix: a label has at most 1024 characters"),
    ],
)
@pytest.mark.parametrize("looks", [False, True])
def test_criteria_that_nothing_can_fit_are_refused(options: Options, says: str, looks: bool) -> None:
    with pytest.raises(Invalid, match=f"^filters.{says}"):
        Selection.from_options(options, path="filters.", looks=looks)


EMPTY = [
    {"ids": []},
    {"label": []},
    {"label": [""]},
    {"label": ["", ""]},
    {"label": [" "]},
    {"label_prefix": ""},
    {"label_prefix": "  "},
    {"status": []},
    {"gpu_name": []},
    {"gpu_name": [""]},
    {"machine_id": []},
]


@pytest.mark.parametrize("options", [*EMPTY, {"label": ["dev-9", ""]}, {"gpu_name": ["", "H100"]}])
def test_an_empty_criterion_is_refused_by_name_whatever_else_is_given(options: Options) -> None:
    (name,) = options
    with pytest.raises(Invalid, match=rf"^select.{name} must not be empty; omit it instead\.$"):
        Selection.from_options({"status": ["running"], **options}, path="select.")


@pytest.mark.parametrize("options", EMPTY)
def test_who_only_looks_gets_nothing_for_an_empty_criterion_and_sends_nothing(api: Api, options: Options) -> None:
    selection = Selection.from_options({"status": ["running"], **options}, looks=True)
    assert not selection.is_empty
    assert not selection.matches(instance())
    assert choose(make_client(), selection).instances == []
    assert api.calls == []


def test_an_empty_item_beside_others_fits_nothing_for_who_only_looks() -> None:
    assert Selection.from_options({"label": ["dev-9", ""]}, looks=True) == Selection(label=("dev-9",))


@pytest.mark.parametrize("name", ["ids", "label", "label_prefix", "status", "gpu_name", "machine_id"])
def test_null_is_refused_where_the_caller_knows_that_it_was_given(name: str) -> None:
    options = dict.fromkeys(("ids", "label", "label_prefix", "status", "gpu_name", "machine_id"))
    assert Selection.from_options(options).is_empty
    with pytest.raises(Invalid, match=f"^{name} must not be empty"):
        Selection.from_options(options, given=[name])
    assert Selection.from_options(options, given=[name], looks=True).fits_nothing


@pytest.mark.parametrize("other", [{"label": ["a"]}, {"label_prefix": "a"}])
def test_no_label_and_a_label_can_be_excluded_together_but_not_selected(other: Options) -> None:
    selection = Selection.from_options({"unlabelled": True, **other})
    with pytest.raises(Invalid, match=f"select.unlabelled and select.{next(iter(other))} exclude each other"):
        selection.check_all("select.")
    assert selection.matches_any(instance(label=None))
    assert selection.matches_any(instance(label="a"))
    assert not selection.matches_any(instance(label="b"))


def test_what_is_released_is_counted_and_not_chosen(api: Api) -> None:
    api.expect_listing(instance_row(1), instance_row(2, cur_state="unloaded"), instance_row(3, label="x"))
    choice = choose(make_client(), Selection(label_prefix="train-"))
    assert [found.id for found in choice.instances] == [1]
    assert choice.unloaded == 1


def many(count: int, label: str, first: int = 1) -> list[dict[str, t.Any]]:
    return [instance_row(number, label=f"{label}{number}") for number in range(first, first + count)]


def counts(rows: list[dict[str, t.Any]]) -> dict[str, int]:
    return count_by_label(Instance(row["id"], row) for row in rows)


def expect_pages(api: Api, rows: list[dict[str, t.Any]], filters: Options, **fields: t.Any) -> None:
    """Declare a complete listing on as many pages as it takes."""
    for start in range(0, max(len(rows), 1), 25):
        token = f"t{start + 25}" if start + 25 < len(rows) else None
        more = {"after_token": f"t{start}"} if start else {}
        fields = {"total_instances": len(rows), "label_counts": counts(rows), **fields}
        reply = listing(*rows[start : start + 25], next_token=token, **fields)
        api.expect("GET", LIST, reply, query=list_query(filters, **more))


ACCOUNT = [*many(150, "prod-"), *many(30, "dev-", 201), *many(20, "prod-", 301)]
DEV = [row for row in ACCOUNT if row["label"].startswith("dev-")]
DEV_LABELS = [row["label"] for row in DEV]
PREFIX = Selection(label_prefix="dev-")


def expect_first(api: Api, filters: Options | None = None, **fields: t.Any) -> None:
    fields = {"total_instances": len(ACCOUNT), "label_counts": counts(ACCOUNT), "next_token": "t25", **fields}
    api.expect("GET", LIST, listing(*ACCOUNT[:25], **fields), query=list_query(filters or {}))


def test_of_many_only_those_with_the_prefix_are_read(api: Api) -> None:
    expect_first(api)
    expect_pages(api, DEV, {"label": {"in": DEV_LABELS}})
    assert [found.id for found in choose(make_client(), PREFIX).instances] == [row["id"] for row in DEV]
    assert len(api.calls) == 3


def test_a_prefix_that_no_label_has_costs_one_page(api: Api) -> None:
    expect_first(api)
    assert choose(make_client(), Selection(label_prefix="nobody-")).instances == []


def test_counts_of_the_whole_account_beside_another_filter_serve_as_well(api: Api) -> None:
    filters = {"actual_status": {"in": ["running"]}}
    expect_first(api, filters, total_instances=180)
    expect_pages(api, DEV[:3], {**filters, "label": {"in": DEV_LABELS}})
    select = Selection(label_prefix="dev-", status=("running",))
    assert [found.id for found in choose(make_client(), select).instances] == [201, 202, 203]


WRONG_COUNTS: list[dict[str, t.Any]] = [
    {"label_counts": {}},
    {"label_counts": None},
    {"label_counts": ["dev-201"]},
    {"label_counts": {**counts(ACCOUNT), "dev-201": True}},
    {"label_counts": {**counts(ACCOUNT), "dev-201": "1"}},
    {"label_counts": {**counts(ACCOUNT), "dev-201": -1, "x": 2}},
    {"label_counts": {"prod-1": 199}},
    {"label_counts": {"dev-201": 500}},
    {"total_instances": None},
    {"total_instances": "200"},
]


@pytest.mark.parametrize("wrong", WRONG_COUNTS)
def test_counts_that_cannot_account_for_all_are_not_relied_on(api: Api, wrong: dict[str, t.Any]) -> None:
    expect_first(api, **wrong)
    for start in range(25, len(ACCOUNT), 25):
        token = f"t{start + 25}" if start + 25 < len(ACCOUNT) else None
        reply = listing(*ACCOUNT[start : start + 25], next_token=token, total_instances=len(ACCOUNT))
        api.expect("GET", LIST, reply, query=list_query({}, after_token=f"t{start}"))
    assert len(choose(make_client(), PREFIX).instances) == len(DEV)


def test_where_most_fit_the_pages_are_read_on(api: Api) -> None:
    rows = [*many(60, "dev-"), *many(3, "prod-", 100)]
    expect_pages(api, rows, {})
    assert len(choose(make_client(), PREFIX).instances) == 60


def test_a_narrow_listing_that_is_cut_short_is_a_failure(api: Api) -> None:
    expect_first(api)
    api.expect("GET", LIST, listing(*DEV[:5], total_instances=30), query=list_query({"label": {"in": DEV_LABELS}}))
    with pytest.raises(ProtocolError, match="announces 30 instances and shows 5"):
        choose(make_client(), PREFIX)


NAMED: list[tuple[Options, str]] = [
    ({"label": ["train-01", "train-O1"]}, "No instance of this account has the label 'train-O1'"),
    ({"ids": [1, 99]}, "There is no instance 99 in this account"),
    ({"gpu_name": ["RTX_4090", "RTX 409"]}, "No instance of this account has the GPU 'RTX 409'"),
    ({"machine_id": [7, 8]}, "No instance of this account is on machine 8"),
]
MINE = instance_row(1, machine_id=7)


def declare_named(api: Api, options: Options) -> None:
    """The listing by that name, and for a text a page that knows what comes near."""
    filters = Selection.from_options(options).filters
    api.expect("GET", LIST, listing(MINE), query=list_query(filters))
    if options.keys() & {"label", "gpu_name"}:
        api.expect("GET", LIST, listing(MINE, label_counts={"train-01": 1}), query=list_query({}))


@pytest.mark.parametrize(("options", "says"), NAMED)
def test_what_is_named_and_not_found_fails_and_names_what_comes_near(api: Api, options: Options, says: str) -> None:
    declare_named(api, options)
    with pytest.raises(NotFound) as failed:
        choose(make_client(), Selection.from_options(options))
    assert failed.value.msg.startswith(f"{says} (by a complete listing).")
    near = {"label": "Did you mean 'train-01'?", "gpu_name": "Did you mean 'RTX 4090'?"}
    assert near.get(next(iter(options)), "") in failed.value.msg
    assert failed.value.msg.endswith("Nothing was changed. Set missing to warn or ignore to allow this.")


@pytest.mark.parametrize(("options", "says"), NAMED)
def test_or_it_is_a_warning(api: Api, options: Options, says: str) -> None:
    declare_named(api, options)
    warnings: list[str] = []
    choice = choose(make_client(warnings.append), Selection.from_options(options), missing="warn")
    assert [found.id for found in choice.instances] == [1]
    assert len(warnings) == 1
    assert warnings[0].startswith(says)


@pytest.mark.parametrize("options", [options for options, _says in NAMED])
def test_or_it_is_silence_for_one_request(api: Api, options: Options) -> None:
    api.expect("GET", LIST, listing(MINE), query=list_query(Selection.from_options(options).filters))
    assert len(choose(make_client(), Selection.from_options(options), missing="ignore").instances) == 1


def test_near_misses_are_a_courtesy_that_may_fail(api: Api) -> None:
    api.expect_listing(label=["x"])
    api.expect("GET", LIST, {"success": False, "msg": "no"}, status=403, query=list_query({}))
    with pytest.raises(NotFound, match=r"the label 'x' \(by a complete listing\)\. Nothing"):
        choose(make_client(), Selection(label=("x",)))


def test_what_exists_and_does_not_fit_the_rest_is_not_missing(api: Api) -> None:
    filters = {"label": {"in": ["train-01", "dev-1"]}, "actual_status": {"in": ["running"]}}
    api.expect("GET", LIST, listing(MINE), query=list_query(filters))
    api.expect_listing(stopped_row(2, label="dev-1"), label=["dev-1"])
    select = Selection(label=("train-01", "dev-1"), status=("running",))
    assert [found.id for found in choose(make_client(), select).instances] == [1]


def test_what_is_released_is_missing(api: Api) -> None:
    api.expect_listing(instance_row(9, cur_state="unloaded"), id=[9])
    with pytest.raises(NotFound, match="There is no instance 9"):
        choose(make_client(), Selection(ids=(9,)))


def test_a_prefix_names_nothing(api: Api) -> None:
    api.expect_listing(MINE)
    assert choose(make_client(), Selection(label_prefix="dev-")).instances == []


TRAINING = [instance_row(1, label="train-1"), instance_row(2, label="train-2"), instance_row(3, label="dev")]


@pytest.mark.parametrize("missing", ["fail", "warn", "ignore"])
@pytest.mark.parametrize(
    ("select", "exclude", "says"),
    [
        ("Train-", "", "label_prefix: no instance that was read has a label that begins with 'Train-'. Did you mean"),
        (
            "train-",
            "trian-",
            "exclude.label_prefix: no instance that was read has a label that begins with 'trian-'. Did",
        ),
        ("train-", "train-9", ""),
        ("train-7", "", ""),
        ("prod-", "", ""),
        ("de", "", ""),
    ],
)
def test_a_prefix_that_comes_near_one_that_is_there_is_warned_of(
    api: Api, select: str, exclude: str, says: str, missing: str
) -> None:
    api.expect_listing(*TRAINING)
    warnings: list[str] = []
    client = make_client(warnings.append)
    choose(client, Selection(label_prefix=select), Selection(label_prefix=exclude), missing=missing)
    assert [each[: len(says)] for each in warnings] == ([says] if says and missing != "ignore" else [])


def test_the_counts_tell_which_prefix_comes_near(api: Api) -> None:
    expect_first(api)
    warnings: list[str] = []
    assert choose(make_client(warnings.append), Selection(label_prefix="Dev-")).instances == []
    assert warnings == [
        "label_prefix: no instance that was read has a label that begins with 'Dev-'. Did you mean 'dev-'?"
    ]


def test_what_is_excluded_must_exist_in_the_account(api: Api) -> None:
    api.expect_listing(instance_row(1), label=["train-01"])
    api.expect_listing(label=["train-O2"])
    api.expect_listing(instance_row(1), instance_row(2, label="train-02"))
    with pytest.raises(NotFound, match=r"'train-O2', as exclude.label says \(by a .*Did you mean 'train-02'"):
        choose(make_client(), Selection(label=("train-01",)), Selection(label=("train-O2",)))


def test_what_is_excluded_and_exists_elsewhere_costs_one_request_for_each_column(api: Api) -> None:
    api.expect_listing(instance_row(1), label=["train-01"])
    api.expect_listing(instance_row(5), id=[5])
    api.expect_listing(instance_row(6, label="dev-1"), label=["dev-1"])
    exclude = Selection(ids=(5, 1), label=("dev-1", "train-01"))
    assert choose(make_client(), Selection(label=("train-01",)), exclude).instances == []


def test_in_a_whole_listing_what_is_excluded_costs_nothing(api: Api) -> None:
    api.expect_listing(MINE, instance_row(2, label="dev-1", machine_id=8), instance_row(3, label="dev-2"))
    exclude = Selection(ids=(1,), machine_id=(8,), label=("train-01",))
    assert [found.id for found in choose(make_client(), Selection(label_prefix="dev-"), exclude).instances] == [3]


def test_the_counts_tell_that_an_excluded_label_exists(api: Api) -> None:
    expect_first(api)
    expect_pages(api, DEV, {"label": {"in": DEV_LABELS}})
    exclude = Selection(label=("prod-301", "dev-201"))
    assert len(choose(make_client(), PREFIX, exclude).instances) == len(DEV) - 1
    assert len(api.calls) == 3


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
    ],
)
def test_costs_are_summed_by_state(found: list[Instance], sums: tuple[float, ...]) -> None:
    assert cost(found) == {
        **dict(zip(("running", "if_started", "storage", "per_hour"), sums, strict=True)),
        "unknown": [],
    }


NO_PRICES: list[t.Any] = [None, "0.5", "", True, [], float("nan"), float("inf"), float("-inf"), 10**400, -0.01]


@pytest.mark.parametrize("price", NO_PRICES)
def test_a_price_that_is_none_is_unknown_and_counts_as_nothing_nowhere(price: t.Any) -> None:
    found = [running(dph_total=price), running(dph_total=0.5), stopped(dph_total=1, storage_total_cost=0.01)]
    assert cost(found) == {
        "running": None,
        "if_started": 1.0,
        "storage": 0.01,
        "per_hour": None,
        "unknown": [1],
    }
    found = [running(dph_total=0.5), stopped(dph_total=1, storage_total_cost=price)]
    assert cost(found) == {"running": 0.5, "if_started": 1.0, "storage": None, "per_hour": None, "unknown": [2]}


def test_a_sum_beyond_every_number_is_unknown() -> None:
    assert cost([running(dph_total=1.7e308), running(dph_total=1.7e308)])["per_hour"] is None


def test_a_row_without_prices_has_unknown_costs() -> None:
    bare = [Instance(1, {"id": 1, "cur_state": "running"}), Instance(2, {"id": 2})]
    assert cost(bare) == {"running": None, "if_started": None, "storage": None, "per_hour": None, "unknown": [1, 2]}
