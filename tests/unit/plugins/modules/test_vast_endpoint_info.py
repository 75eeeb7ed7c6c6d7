# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_endpoint_info, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import typing as t

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Deadline
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import workers
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import Endpoint

from ..harness import NULL, URL, Api, FakeClock, endpoint_row, fail_as, instance_row, list_query, succeed

GROUPS = "/api/v0/endptjobs/"
WORKERGROUPS = "/api/v0/workergroups/"
AUTOJOBS = "/api/v0/autojobs/"
WORKERS = "/get_endpoint_workers/"
NAME = "endpoint 77 (llama-prod)"
Row = dict[str, t.Any]

failure = functools.partial(fail_as, "vast_endpoint_info")
info = functools.partial(succeed, "vast_endpoint_info")

every_mode = pytest.mark.parametrize("check_mode", [False, True])


def workergroup_row(number: int = 501, endpoint_id: t.Any = 77, **fields: t.Any) -> Row:
    """A workergroup as the API lists it, secrets included (F4.2)."""
    return {
        "id": number,
        "endpoint_id": endpoint_id,
        "endpoint_name": "llama-prod",
        "template_hash": "abc",
        "search_query": {"verified": {"eq": True}},
        "gpu_ram": 24.0,
        "launch_args": "--env PASSWORD=SECRET-launch",
        "api_key": "SECRET-workergroup-key",
        **fields,
    }


def worker_row(number: int = 1001, **fields: t.Any) -> Row:
    """A worker as the engine lists it, with what must not be returned."""
    return {"id": number, "status": "idle", "url": "https://w.test", "signature": "SECRET-signature", **fields}


def expect_groups(api: Api, *rows: Row, base: str = "") -> None:
    api.expect("GET", base + GROUPS, {"success": True, "results": list(rows)})


def expect_workergroups(api: Api, *rows: Row, base: str = "") -> None:
    api.expect("GET", base + WORKERGROUPS, {"success": True, "results": list(rows)})


def expect_workers(api: Api, reply: t.Any, group: int = 77, base: str = "", **more: t.Any) -> None:
    api.expect("POST", base + WORKERS, reply, body={"id": group}, **more)


@every_mode
def test_returns_all_groups_with_their_workergroups_and_workers(api: Api, clock: FakeClock, check_mode: bool) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78, endpoint_name="other"))
    expect_workergroups(
        api, workergroup_row(501), workergroup_row(502, 78), workergroup_row(503), workergroup_row(9, 5)
    )
    expect_workers(api, [worker_row(1001), worker_row(1002, status="loading")])
    expect_workers(api, [], group=78)
    result = info(check_mode=check_mode)
    assert result["changed"] is False
    assert [group["id"] for group in result["endpoints"]] == [77, 78]
    first, second = result["endpoints"]
    assert first["endpoint_name"] == "llama-prod"
    assert [each["id"] for each in first["workergroups"]] == [501, 503]
    assert [each["id"] for each in second["workergroups"]] == [502]
    assert [(each["id"], each["status"]) for each in first["workers"]] == [(1001, "idle"), (1002, "loading")]
    assert second["workers"] == []
    assert result.warnings == []
    assert clock.slept == pytest.approx([1.05])


def test_no_key_of_a_group_workergroup_or_worker_is_returned(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_workergroups(api, workergroup_row())
    expect_workers(api, [worker_row()])
    (group,) = info()["endpoints"]
    assert not any("key" in key or "launch" in key for key in (*group, *group["workergroups"][0], *group["workers"][0]))
    assert group["workergroups"][0]["search_query"] == {"verified": {"eq": True}}
    assert group["workers"][0]["gpu_name"] is None


@every_mode
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"ids": [78]}, [78]),
        ({"ids": [79, 77]}, [77, 79]),
        ({"name": "llama-prod"}, [77, 79]),
        ({"ids": [79], "name": "llama-prod"}, [79]),
        ({"ids": [78], "name": "llama-prod"}, []),
    ],
)
def test_returns_those_that_fit_and_asks_for_the_workers_of_those_only(
    api: Api, options: Row, found: list[int], check_mode: bool
) -> None:
    expect_groups(api, endpoint_row(77), endpoint_row(78, endpoint_name="other"), endpoint_row(79))
    if found:
        expect_workergroups(api)
    for number in found:
        expect_workers(api, [], group=number)
    result = info(check_mode=check_mode, **options)
    assert [group["id"] for group in result["endpoints"]] == found
    assert result.warnings == []


@every_mode
@pytest.mark.parametrize(
    "options",
    [
        {"ids": []},
        {"ids": NULL},
        {"ids": [None]},
        {"name": ""},
        {"name": NULL},
        {"ids": [], "name": "llama-prod", "missing": "fail"},
    ],
)
def test_what_is_given_and_empty_is_an_empty_result_and_no_listing_of_everything(
    api: Api, options: Row, check_mode: bool
) -> None:
    assert info(check_mode=check_mode, **options)["endpoints"] == []


MISSING = [
    ({"ids": [77, 5]}, [77], "There is no endpoint group 5 in this account."),
    (
        {"name": "Lama-prod"},
        [],
        "There is no endpoint group named 'Lama-prod' in this account. Did you mean 'llama-prod'?",
    ),
    ({"name": "unlike"}, [], "There is no endpoint group named 'unlike' in this account."),
]


@every_mode
@pytest.mark.parametrize("missing", [None, "warn", "ignore"])
@pytest.mark.parametrize(("options", "found", "says"), MISSING)
def test_what_is_named_and_does_not_exist_is_told(
    api: Api, options: Row, found: list[int], says: str, missing: str | None, check_mode: bool
) -> None:
    expect_groups(api, endpoint_row(77), endpoint_row(78, endpoint_name="other"))
    if found:
        expect_workergroups(api)
    for number in found:
        expect_workers(api, [], group=number)
    result = info(check_mode=check_mode, missing=missing, **options)
    assert [group["id"] for group in result["endpoints"]] == found
    assert result.warnings == ([] if missing == "ignore" else [says])


@every_mode
@pytest.mark.parametrize(("options", "found", "says"), MISSING)
def test_what_is_named_and_does_not_exist_may_be_a_failure(
    api: Api, options: Row, found: list[int], says: str, check_mode: bool
) -> None:
    expect_groups(api, endpoint_row(77), endpoint_row(78, endpoint_name="other"))
    failure("not_found", says, missing="fail", check_mode=check_mode, **options)


@every_mode
@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, {"success": True, "results": []}),
        (400, {"success": False, "error": "invalid_args", "msg": "No endpoints for user found"}),
    ],
)
def test_an_account_without_groups_has_an_empty_list(api: Api, status: int, reply: Row, check_mode: bool) -> None:
    api.expect("GET", GROUPS, reply, status=status)
    assert info(check_mode=check_mode)["endpoints"] == []


@pytest.mark.parametrize(
    ("api_url", "base", "engine"),
    [
        (None, "https://console.vast.ai", "https://run.vast.ai"),
        ("https://console.vast.ai/", "https://console.vast.ai", "https://run.vast.ai"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://gateway.test:8443/", "https://gateway.test:8443", "https://gateway.test:8443"),
    ],
)
def test_the_engine_has_its_own_host_at_vast_ai_and_is_beside_the_api_elsewhere(
    api: Api, api_url: str | None, base: str, engine: str
) -> None:
    expect_groups(api, endpoint_row(), base=base)
    expect_workergroups(api, base=base)
    expect_workers(api, [worker_row()], base=engine)
    assert len(info(api_url=api_url)["endpoints"][0]["workers"]) == 1


def test_vast_url_sends_no_key_to_the_engine_of_vast_ai(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAST_URL", URL)
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, [])
    info(api_url=None)
    assert all(url.startswith(URL) for _method, url in api.calls)


@pytest.mark.parametrize("reply", [[worker_row()], {"workers": [worker_row()]}])
def test_workers_come_as_a_bare_list_or_under_their_name(api: Api, reply: t.Any) -> None:
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, reply)
    (worker,) = info()["endpoints"][0]["workers"]
    assert worker == {
        "id": 1001,
        "status": "idle",
        "gpu_name": None,
        "url": "https://w.test",
        "created_at": None,
        "started_at": None,
        "loaded_at": None,
        "worker_of": 77,
    }


@pytest.mark.parametrize(
    "reply",
    [
        {"workers": None},
        {"workers": {"1001": worker_row()}},
        {"workers": ["1001"]},
        ["1001"],
        [worker_row(), None],
        {},
    ],
)
def test_workers_that_the_engine_does_not_tell_are_null(api: Api, reply: t.Any) -> None:
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, reply)
    result = info()
    assert result["endpoints"][0]["workers"] is None
    assert result.warnings == []


@pytest.mark.parametrize(
    ("status", "reply", "says"),
    [
        (200, '"Invalid key or endpoint"', "Invalid key or endpoint"),
        (200, "not json", "not json"),
        (200, {"success": False, "msg": "rejected"}, "rejected"),
        (401, {"error": "unauthorized"}, "The API key is wrong"),
        (403, {"error": "forbidden"}, "lacks the permission"),
        (404, b"", "no message"),
        (400, {"error_msg": "no such group"}, "no such group"),
    ],
)
def test_an_error_of_the_engine_is_a_warning_and_the_other_groups_are_asked_for(
    api: Api, status: int, reply: t.Any, says: str
) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78))
    expect_workergroups(api, workergroup_row())
    expect_workers(api, reply, status=status)
    expect_workers(api, [worker_row()], group=78)
    result = info()
    first, second = result["endpoints"]
    assert first["workers"] is None
    assert len(first["workergroups"]) == len(second["workers"]) == 1
    (warning,) = result.warnings
    assert f"The workers of {NAME} are not known: " in warning
    assert says in warning


def test_an_engine_that_cannot_be_reached_is_waited_for_once_and_not_for_every_group(
    api: Api, clock: FakeClock
) -> None:
    expect_groups(api, *[endpoint_row(number) for number in range(77, 97)])
    expect_workergroups(api, workergroup_row(endpoint_id=78))
    refused = requests.ConnectionError(NewConnectionError(t.cast("t.Any", object()), "Connection refused"))
    expect_workers(api, refused)
    begin = clock.now()
    result = info(retry_timeout=0)
    assert [group["workers"] for group in result["endpoints"]] == [None] * 20
    assert len(result["endpoints"][1]["workergroups"]) == 1
    (warning,) = result.warnings
    assert f"The workers of {NAME} and of those after it are not known: " in warning
    assert "Connection refused" in warning
    assert clock.now() == begin


@pytest.mark.parametrize(("status", "reply"), [(500, {"msg": "boom"}), (502, "<html></html>"), (429, "too frequent")])
def test_an_engine_that_fails_is_asked_once_for_all_groups_that_are_left(
    api: Api, clock: FakeClock, status: int, reply: t.Any
) -> None:
    expect_groups(api, *[endpoint_row(number) for number in range(77, 97)])
    expect_workergroups(api)
    expect_workers(api, [worker_row()])
    expect_workers(api, reply, group=78, status=status)
    begin = clock.now()
    result = info(retry_timeout=1)
    assert [group["workers"] is None for group in result["endpoints"]] == [False] + [True] * 19
    (warning,) = result.warnings
    assert "The workers of endpoint 78 (llama-prod) and of those after it are not known: " in warning
    assert clock.now() - begin < 10


def test_an_engine_that_answers_slowly_is_given_up_at_one_deadline(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = workers.ask

    def slow(client: Client, group: Endpoint, deadline: Deadline) -> workers.Workers:
        clock.sleep(50.0)
        return asked(client, group, deadline)

    monkeypatch.setattr(workers, "ask", slow)
    expect_groups(api, *[endpoint_row(number) for number in range(77, 97)])
    expect_workergroups(api)
    for number in range(77, 81):
        expect_workers(api, [], group=number)
    result = info()
    assert [group["workers"] for group in result["endpoints"]] == [[]] * 4 + [None] * 16
    (warning,) = result.warnings
    assert warning == (
        "The workers of endpoint 81 (llama-prod) and of those after it are not known: the engine took too long."
    )


@every_mode
@pytest.mark.parametrize("last", [77, 78])
def test_a_warning_of_the_last_group_names_no_others(api: Api, last: int, check_mode: bool) -> None:
    expect_groups(api, *[endpoint_row(number) for number in range(77, last + 1)])
    expect_workergroups(api)
    for number in range(77, last):
        expect_workers(api, [], group=number)
    expect_workers(api, {"msg": "boom"}, group=last, status=500)
    (warning,) = info(check_mode=check_mode).warnings
    assert warning.startswith(f"The workers of endpoint {last} (llama-prod) are not known: ")


def test_a_lost_reply_of_the_engine_is_asked_for_again(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, requests.ConnectionError("Connection reset by peer"))
    expect_workers(api, "<html></html>", status=503)
    expect_workers(api, [worker_row()])
    result = info()
    assert len(result["endpoints"][0]["workers"]) == 1
    assert result.warnings == []


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (404, {"success": False, "msg": "no such route"}),
        (405, {"msg": "Method Not Allowed"}),
        (410, {"success": False, "error": "deprecated_endpoint", "msg": "Use another."}),
        (410, {"msg": "Gone"}),
    ],
)
def test_workergroups_are_listed_under_their_other_name_where_the_first_is_unknown(
    api: Api, status: int, reply: Row
) -> None:
    expect_groups(api, endpoint_row())
    api.expect("GET", WORKERGROUPS, reply, status=status)
    api.expect("GET", AUTOJOBS, {"success": True, "results": [workergroup_row()]})
    expect_workers(api, [])
    assert [each["id"] for each in info()["endpoints"][0]["workergroups"]] == [501]


@pytest.mark.parametrize("results", [None, {"501": workergroup_row()}, ["501"], [workergroup_row(), None]])
@pytest.mark.parametrize("path", [WORKERGROUPS, AUTOJOBS])
def test_nothing_is_concluded_from_a_malformed_listing_of_workergroups(api: Api, path: str, results: t.Any) -> None:
    expect_groups(api, endpoint_row())
    if path == AUTOJOBS:
        api.expect("GET", WORKERGROUPS, {"success": False, "msg": "no such route"}, status=404)
    api.expect("GET", path, {"success": True, "results": results})
    result = failure("protocol")
    assert result["msg"] == (
        "The listing of workergroups is not valid: it contains no list of workergroups with ids. It was ignored; "
        "run the task again."
    )
    assert (result["method"], result["url"], result["status_code"]) == ("GET", URL + path, 200)
    assert "endpoints" not in result.values


@every_mode
@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth"),
        (403, {"success": False, "msg": "Not allowed"}, "permission"),
        (400, {"success": False, "error": "invalid_args", "msg": "bad"}, "invalid"),
        (200, {"success": True}, "protocol"),
        (200, {"success": True, "results": [{"endpoint_name": "x"}]}, "protocol"),
        (200, [], "protocol"),
        (500, {"msg": "boom"}, "server"),
    ],
)
def test_a_listing_that_fails_is_never_an_empty_one(
    api: Api, status: int, reply: t.Any, error_class: str, check_mode: bool
) -> None:
    api.expect("GET", GROUPS, reply, status=status)
    result = failure(error_class, check_mode=check_mode)
    assert result["status_code"] == status
    assert "endpoints" not in result.values


def test_listings_refused_for_their_pace_are_asked_for_again(api: Api, clock: FakeClock) -> None:
    api.expect("GET", GROUPS, "API requests too frequent endpoint threshold=3.0", status=429)
    expect_groups(api, endpoint_row())
    api.expect("GET", WORKERGROUPS, "API requests too frequent endpoint threshold=2.0", status=429)
    expect_workergroups(api, workergroup_row())
    expect_workers(api, [])
    assert len(info()["endpoints"][0]["workergroups"]) == 1
    assert clock.slept[0] >= 3.0


@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, "auth"),
        (403, {"success": False, "msg": "Not allowed"}, "permission"),
        (500, {"msg": "boom"}, "server"),
    ],
)
def test_a_listing_of_workergroups_that_fails_is_a_failure(api: Api, status: int, reply: Row, error_class: str) -> None:
    expect_groups(api, endpoint_row())
    api.expect("GET", WORKERGROUPS, reply, status=status)
    assert failure(error_class)["url"] == URL + WORKERGROUPS


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ids": ["llama"]}, "ids"),
        ({"ids": [0]}, "id must be a positive number"),
        ({"missing": "no"}, "missing"),
        ({"id": 77}, "id"),
        ({"api_url": "vast.test"}, "api_url must"),
    ],
)
@every_mode
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: Row, says: str, check_mode: bool
) -> None:
    failure("invalid", says, check_mode=check_mode, **options)


def test_names_choose_and_are_missed(api: Api) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78, endpoint_name="other"), endpoint_row(79, endpoint_name="third"))
    expect_workergroups(api)
    expect_workers(api, [])
    expect_workers(api, [], group=79)
    result = info(names=["llama-prod", "third", "none"])
    assert [each["id"] for each in result["endpoints"]] == [77, 79]
    assert result.warnings == ["There is no endpoint group named 'none' in this account."]


def test_no_names_give_an_empty_result(api: Api) -> None:
    assert info(names=[])["endpoints"] == []


def test_workers_are_counted_by_state(api: Api) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78))
    expect_workergroups(api)
    expect_workers(api, [worker_row(1), worker_row(2, status="IDLE"), worker_row(3, status=None)])
    expect_workers(api, {"error_msg": "no workers are ready"}, group=78)
    first, second = info()["endpoints"]
    assert (first["counts"], first["per_hour"], first["log"]) == ({"idle": 2, "unknown": 1}, None, [])
    assert (second["counts"], second["workers"]) == (None, None)


PRICED = [instance_row(1, dph_total=0.4), instance_row(2, dph_total=0.3)]


def expect_cost(api: Api, *rows: Row) -> None:
    """Declare an endpoint with two workers, and the listing of their instances."""
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, [worker_row(1), worker_row(2)])
    api.expect_listing(*rows, id=[1, 2])


def test_what_the_workers_cost_is_the_sum_of_their_instances(api: Api) -> None:
    expect_cost(api, *PRICED)
    assert info(cost=True)["endpoints"][0]["per_hour"] == 0.7


@pytest.mark.parametrize(
    "rows", [PRICED[:1], *([instance_row(1, dph_total=price), PRICED[1]] for price in (True, float("nan"), -1))]
)
@pytest.mark.parametrize(
    ("told", "per_hour"),
    [
        ([{"id": 78, "hourly_spend": 1}, {"id": 77, "hourly_spend": 0.8}], 0.8),
        ([{"id": 77, "hourly_spend": None}, {"id": "x", "hourly_spend": 1}, None], None),
        ("none", None),
    ],
)
def test_where_a_price_is_missing_the_api_counts(api: Api, rows: list[Row], told: t.Any, per_hour: t.Any) -> None:
    expect_cost(api, *rows)
    api.expect("GET", "/api/v0/serverless/endpoints/spend/", {"success": True, "endpoints": told})
    assert info(cost=True)["endpoints"][0]["per_hour"] == per_hour


def test_where_the_engine_does_not_tell_the_workers_the_api_counts(api: Api) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78))
    expect_workergroups(api)
    expect_workers(api, {"msg": "boom"}, status=500)
    spent = [{"id": 77, "hourly_spend": 0.8}, {"id": 78, "hourly_spend": 0.5}]
    api.expect("GET", "/api/v0/serverless/endpoints/spend/", {"success": True, "endpoints": spent})
    result = info(cost=True, retry_timeout=0)
    assert [(each["workers"], each["per_hour"]) for each in result["endpoints"]] == [(None, 0.8), (None, 0.5)]


def test_where_the_api_refuses_to_filter_by_id_the_whole_list_is_read(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, [worker_row(1), worker_row(2)])
    refusal = {"success": False, "error": "invalid_args", "msg": "select_filters: unknown column id"}
    api.expect("GET", "/api/v1/instances/", refusal, status=400, query=list_query({"id": {"in": [1, 2]}}))
    api.expect_listing(*PRICED, instance_row(3, dph_total=9.0))
    assert info(cost=True)["endpoints"][0]["per_hour"] == 0.7


def test_a_worker_without_an_id_is_not_free(api: Api) -> None:
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, [worker_row(1), {"status": "idle"}])
    api.expect_listing(PRICED[0], id=[1])
    spent = [{"id": 77, "hourly_spend": 0.8}]
    api.expect("GET", "/api/v0/serverless/endpoints/spend/", {"success": True, "endpoints": spent})
    assert info(cost=True)["endpoints"][0]["per_hour"] == 0.8


def test_a_count_that_is_refused_leaves_the_cost_unknown(api: Api) -> None:
    expect_cost(api)
    api.expect("GET", "/api/v0/serverless/endpoints/spend/", {"msg": "no"}, status=403)
    result = info(cost=True)
    assert result["endpoints"][0]["per_hour"] is None
    assert "What the endpoints cost is not known" in result.warnings[0]


@pytest.mark.parametrize(
    ("reply", "log"),
    [
        ({"logs": "one\n\ntwo\ntoken=SECRET-abcdef0123456789\n"}, ["two", "token=********"]),
        ({"info0": "", "info1": "three\n"}, ["three"]),
        ({"error_msg": "odd"}, []),
    ],
)
def test_the_end_of_the_log_is_told_without_secrets(api: Api, reply: t.Any, log: list[str]) -> None:
    expect_groups(api, endpoint_row())
    expect_workergroups(api)
    expect_workers(api, [])
    api.expect("POST", "/get_endpoint_logs/", reply, body={"id": 77, "tail": 2})
    assert info(logs=2)["endpoints"][0]["log"] == log


LOGS = "/get_endpoint_logs/"


def test_a_log_that_is_refused_leaves_the_others(api: Api) -> None:
    expect_groups(api, endpoint_row(), endpoint_row(78))
    expect_workergroups(api)
    for number in (77, 78):
        expect_workers(api, [], group=number)
    api.expect("POST", LOGS, {"msg": "no"}, body={"id": 77, "tail": 2}, status=403)
    api.expect("POST", LOGS, {"logs": "one"}, body={"id": 78, "tail": 2})
    assert [each["log"] for each in info(logs=2)["endpoints"]] == [[], ["one"]]


def test_an_engine_that_fails_is_asked_for_one_log_only(api: Api) -> None:
    expect_groups(api, *[endpoint_row(number) for number in range(77, 97)])
    expect_workergroups(api)
    expect_workers(api, {"msg": "boom"}, status=500)
    api.expect("POST", LOGS, {"msg": "boom"}, body={"id": 77, "tail": 2}, status=500)
    assert [each["log"] for each in info(logs=2, retry_timeout=0)["endpoints"]] == [[]] * 20


def test_a_number_of_lines_that_cannot_be_is_refused(api: Api) -> None:
    failure("invalid", "logs must be from 0 to 10000", logs=-1)
