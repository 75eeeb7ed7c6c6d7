# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_instance_info, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance

from ..harness import (
    NULL,
    Api,
    FakeClock,
    Result,
    endpoint_row,
    fail_as,
    instance_row,
    list_query,
    listing,
    stopped_row,
    succeed,
)

LIST = "/api/v1/instances/"
Row = dict[str, t.Any]

failure = functools.partial(fail_as, "vast_instance_info")
info = functools.partial(succeed, "vast_instance_info")

every_mode = pytest.mark.parametrize("check_mode", [False, True])


def expect_listing(api: Api, filters: Row, *rows: Row) -> None:
    api.expect("GET", LIST, listing(*rows), query=list_query(filters))


def ids(result: Result) -> list[int]:
    return [each["id"] for each in result["instances"]]


@every_mode
def test_returns_all_with_what_they_cost(api: Api, clock: FakeClock, check_mode: bool) -> None:
    running = instance_row(1, dph_total=0.5, storage_total_cost=0.01)
    stopped = stopped_row(2, label=None, dph_total=0.25, storage_total_cost=0.02)
    expect_listing(api, {}, running, stopped, instance_row(3, dph_total=0))
    result = info(check_mode=check_mode)
    assert result["changed"] is False
    assert ids(result) == [1, 2, 3]
    assert result["total"] == 3
    assert result["labels"] == {"train-01": 2, "": 1}
    assert result["cost"] == {
        "running": 0.5,
        "if_started": 0.25,
        "storage": 0.02,
        "per_hour": 0.52,
        "unknown": [],
    }
    assert clock.slept == []


def test_each_has_the_keys_that_vast_instance_returns(api: Api) -> None:
    expect_listing(api, {}, instance_row(1))
    expect_listing(api, {"id": {"eq": 1}}, instance_row(1))
    assert info()["instances"] == [succeed("vast_instance", id=1, state="running")["instance"]]


def expect_owners(api: Api, *replies: t.Any) -> None:
    """Declare an endpoint for each reply of the engine."""
    rows = [endpoint_row(77 + number) for number in range(len(replies))]
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": rows})
    for row, reply in zip(rows, replies, strict=True):
        api.expect("POST", "/get_endpoint_workers/", reply, body={"id": row["id"]})


@every_mode
def test_tells_the_endpoint_of_workers_when_that_is_asked_for(api: Api, check_mode: bool) -> None:
    expect_listing(api, {}, instance_row(1), instance_row(1001, label=None), instance_row(1002, label=None))
    expect_owners(api, [{"id": 1001}], [{"id": 1002}, {"id": 7}])
    result = info(find_workers=True, check_mode=check_mode)
    assert [each["worker_of"] for each in result["instances"]] == [None, 77, 78]
    assert result.warnings == []


def test_without_being_asked_for_it_does_not_say_who_is_a_worker(api: Api) -> None:
    expect_listing(api, {}, instance_row(1, label=None))
    assert "worker_of" not in info()["instances"][0]


def test_an_empty_list_asks_for_no_workers(api: Api) -> None:
    expect_listing(api, {})
    assert info(find_workers=True)["instances"] == []


def test_who_may_be_a_worker_has_no_word_of_it_and_is_warned_of(api: Api) -> None:
    expect_listing(api, {}, instance_row(1), instance_row(1001, label=None))
    expect_owners(api, [{"id": 1001}], {"error_msg": "no workers are ready"})
    result = info(find_workers=True)
    assert [each.get("worker_of", "not known") for each in result["instances"]] == ["not known", 77]
    assert [warning for warning in result.warnings if "those lack worker_of" in warning]


def test_worker_of_is_one_of_the_fields_where_it_is_asked_for(api: Api) -> None:
    expect_listing(api, {}, instance_row(1))
    expect_owners(api)
    assert info(find_workers=True, fields=["worker_of"])["instances"] == [{"id": 1, "worker_of": None}]
    fail_as("vast_instance_info", "invalid", "fields: worker_of needs find_workers=true", fields=["worker_of"])


@every_mode
def test_an_account_without_instances_has_an_empty_list(api: Api, check_mode: bool) -> None:
    expect_listing(api, {})
    result = info(check_mode=check_mode)
    assert result["instances"] == []
    assert result["total"] == 0
    assert result["labels"] == {}
    assert result["cost"] == {"running": 0, "if_started": 0, "storage": 0, "per_hour": 0, "unknown": []}


ROWS = (
    instance_row(1, label="dev-1", machine_id=7),
    instance_row(2, label="dev-2", gpu_name="H100", machine_id=8),
    stopped_row(3, label=None, machine_id=7),
    instance_row(4, label="{{ x }} / ü", actual_status="offline", machine_id=None),
)


@every_mode
@pytest.mark.parametrize(
    ("options", "filters", "found"),
    [
        ({"ids": [4, 1]}, {"id": {"in": [4, 1]}}, [1, 4]),
        ({"unlabelled": True}, {"label": {"in": ["", None]}}, [3]),
        ({"label": ["{{ x }} / ü"]}, {"label": {"in": ["{{ x }} / ü"]}}, [4]),
        ({"label": "dev-1"}, {"label": {"in": ["dev-1"]}}, [1]),
        ({"label_prefix": "dev-"}, {}, [1, 2]),
        ({"status": ["exited"]}, {"actual_status": {"in": ["exited"]}}, [3]),
        ({"status": ["offline", "exited"]}, {}, [3, 4]),
        ({"gpu_name": ["H100"]}, {"gpu_name": {"in": ["H100"]}}, [2]),
        ({"gpu_name": ["RTX_4090"]}, {"gpu_name": {"in": ["RTX 4090"]}}, [1, 3, 4]),
        ({"machine_id": [7]}, {}, [1, 3]),
        (
            {"machine_id": [7], "label_prefix": "dev-", "status": ["running"]},
            {"actual_status": {"in": ["running"]}},
            [1],
        ),
    ],
)
def test_returns_those_that_fit_all_criteria(
    api: Api, options: Row, filters: Row, found: list[int], check_mode: bool
) -> None:
    expect_listing(api, filters, *ROWS)
    result = info(check_mode=check_mode, **options)
    assert ids(result) == found
    assert result["total"] == sum(result["labels"].values()) == len(found)


EMPTY = [
    {"ids": []},
    {"ids": NULL},
    {"ids": [None]},
    {"label": ""},
    {"label": ","},
    {"label": NULL},
    {"label": [None]},
    {"label_prefix": ""},
    {"label_prefix": NULL},
    {"status": []},
    {"gpu_name": NULL},
    {"machine_id": NULL},
]


@every_mode
@pytest.mark.parametrize("options", EMPTY)
def test_an_empty_criterion_gives_an_empty_result_without_a_request(api: Api, options: Row, check_mode: bool) -> None:
    result = info(check_mode=check_mode, **{"status": ["running"], **options})
    assert (result["instances"], result["total"], result["labels"]) == ([], 0, {})
    assert result["cost"]["per_hour"] == 0


def test_an_empty_item_does_not_stand_for_no_label(api: Api) -> None:
    api.expect_listing(ROWS[0], label=["dev-1"])
    assert ids(info(label="dev-1,")) == [1]


def test_what_is_named_and_not_found_is_a_warning(api: Api) -> None:
    api.expect_listing(ROWS[0], label=["dev-1", "dev-l"])
    api.expect("GET", LIST, listing(*ROWS), query=list_query({}))
    result = info(label=["dev-1", "dev-l"])
    assert ids(result) == [1]
    (warning,) = result.warnings
    assert warning.startswith("No instance of this account has the label 'dev-l' (by a complete listing).")
    assert "Did you mean 'dev-2' or 'dev-1'?" in warning


@pytest.mark.parametrize("check_mode", [False, True])
def test_or_a_failure_or_nothing_as_the_option_says(api: Api, check_mode: bool) -> None:
    for _run in range(2):
        api.expect_listing(id=[99])
    assert ids(info(ids=[99], missing="ignore", check_mode=check_mode)) == []
    failure("not_found", "There is no instance 99", ids=[99], missing="fail", check_mode=check_mode)


def test_returns_only_the_wanted_fields_and_the_id(api: Api) -> None:
    expect_listing(api, {}, instance_row(1, dph_total=0.5))
    result = info(fields=["label", "dph_total"])
    assert result["instances"] == [{"id": 1, "label": "train-01", "dph_total": 0.5}]
    assert result["cost"]["running"] == 0.5


def test_a_price_that_is_not_known_is_told(api: Api) -> None:
    expect_listing(api, {}, instance_row(1, dph_total="cheap"), instance_row(2))
    result = info()
    assert result["cost"] == {"running": None, "if_started": 0, "storage": 0, "per_hour": None, "unknown": [1]}
    (warning,) = result.warnings
    assert warning.startswith("Vast.ai reports no price for 1:")


def test_what_is_released_is_counted_and_left_out(api: Api) -> None:
    expect_listing(api, {}, instance_row(1), instance_row(2, cur_state="unloaded"))
    result = info()
    assert ids(result) == [1]
    assert (result["total"], result["unloaded"], result["labels"]) == (1, 1, {"train-01": 1})


def test_reads_every_page(api: Api, clock: FakeClock) -> None:
    rows = [instance_row(number) for number in range(1, 27)]
    first = listing(*rows[:25], next_token="a", total_instances=26)
    api.expect("GET", LIST, first, query=list_query({}))
    api.expect("GET", LIST, listing(rows[25], total_instances=26), query=list_query({}, after_token="a"))
    assert info()["total"] == 26
    assert clock.slept == pytest.approx([1.05])


def test_a_label_that_looks_like_a_template_is_returned_as_it_is(api: Api) -> None:
    expect_listing(api, {}, ROWS[3])
    result = info()
    assert result["instances"][0]["label"] == "{{ x }} / ü"
    assert result["labels"] == {"{{ x }} / ü": 1}


def test_a_status_of_tomorrow_is_returned_without_a_word(api: Api) -> None:
    expect_listing(api, {}, instance_row(actual_status="thawing"))
    result = info()
    assert result["instances"][0]["actual_status"] == "thawing"
    assert result.warnings == []


def test_a_bare_row_has_every_key(api: Api) -> None:
    expect_listing(api, {}, {"id": 5})
    assert info()["instances"] == [Instance(5, {"id": 5}).result()]


@every_mode
@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong"),
        (403, {"success": False, "msg": "Not allowed"}, "permission", "lacks the permission"),
        (
            410,
            {"success": False, "error": "deprecated_endpoint", "msg": "Use v2"},
            "deprecated",
            "update the collection",
        ),
        (200, {"success": True}, "protocol", "run the task again"),
        (200, {"success": True, "instances": None}, "protocol", "run the task again"),
        (200, [], "protocol", "not with a JSON object"),
        (200, b"", "protocol", "an empty body"),
        (200, listing(instance_row(1), total_instances=2), "protocol", "announces 2 instances and shows 1"),
        (500, {"msg": "boom"}, "server", "boom"),
    ],
)
def test_a_listing_that_fails_is_never_an_empty_one(
    api: Api, status: int, reply: t.Any, error_class: str, says: str, check_mode: bool
) -> None:
    api.expect("GET", LIST, reply, status=status, query=list_query({}))
    result = failure(error_class, says, check_mode=check_mode)
    assert (result["status_code"], result["method"]) == (status, "GET")
    assert "instances" not in result.values


def test_a_page_refused_for_its_pace_is_read_again(api: Api, clock: FakeClock) -> None:
    first = listing(instance_row(1), next_token="a", total_instances=2)
    after = list_query({}, after_token="a")
    api.expect("GET", LIST, first, query=list_query({}))
    api.expect("GET", LIST, "API requests too frequent endpoint threshold=2.5", status=429, query=after)
    api.expect("GET", LIST, listing(instance_row(2), total_instances=2), query=after)
    assert ids(info()) == [1, 2]
    assert sum(clock.slept) >= 2.5


def test_a_pace_that_is_refused_for_ever_is_no_empty_listing(api: Api) -> None:
    for _attempt in range(3):
        api.expect("GET", LIST, "too frequent endpoint threshold=4.0", status=429, query=list_query({}))
    assert "instances" not in failure("rate_limited", retry_timeout=10).values


@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [
        (500, {"msg": "boom"}, "server"),
        (200, {"success": True}, "protocol"),
        (200, listing(instance_row(1), total_instances=2), "protocol"),
        (200, listing(instance_row(2), total_instances=3), "protocol"),
    ],
)
def test_a_listing_that_breaks_off_at_its_second_page_is_a_failure(
    api: Api, status: int, reply: Row, error_class: str
) -> None:
    first = listing(instance_row(1), next_token="a", total_instances=2)
    api.expect("GET", LIST, first, query=list_query({}))
    api.expect("GET", LIST, reply, status=status, query=list_query({}, after_token="a"))
    assert "instances" not in failure(error_class).values


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ids": [0]}, "ids must be a positive number"),
        ({"ids": ["dev-1"]}, "ids"),
        ({"label": ["x" * 1025]}, "at most 1024 characters"),
        ({"status": ["sleeping"]}, "status"),
        ({"all": True}, "all"),
        ({"fields": []}, "fields must not be empty; omit it for all keys"),
        ({"fields": NULL}, "fields must not be null"),
        ({"fields": ["lable"]}, "fields: an instance has no key 'lable'. Did you mean 'label'?"),
        ({"fields": ["label", "xyzzy"]}, "an instance has no key 'xyzzy'."),
        ({"ids": [True]}, "ids[0] must be a number, not true"),
        ({"ids": [2**63]}, "ids must be a positive number"),
        ({"unlabelled": True, "label": ["a"]}, "unlabelled and label exclude each other"),
        ({"missing": "shrug"}, "missing must be one of: fail, warn, ignore"),
        ({"api_timeout": 0}, "api_timeout must be greater than 0"),
    ],
)
@every_mode
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: Row, says: str, check_mode: bool
) -> None:
    failure("invalid", says, check_mode=check_mode, **options)
