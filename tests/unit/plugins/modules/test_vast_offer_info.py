# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_offer_info against declared calls."""

from __future__ import annotations

import typing as t

import pytest
import requests

from ..harness import Api, FakeClock, Result, fail_as, offer_row, succeed

BASE = {
    "rentable": {"eq": True},
    "rented": {"eq": False},
    "external": {"eq": False},
    "verified": {"eq": True},
    "disk_space": {"gte": 10},
    "type": "on-demand",
    "order": [["dph_total", "asc"]],
    "limit": 20,
    "allocated_storage": 10,
}
ANYTHING = {
    "rentable": {"eq": True},
    "rented": {"eq": False},
    "external": {"eq": False},
    "type": "on-demand",
    "order": [["dph_total", "asc"]],
    "limit": 64,
    "allocated_storage": 10,
}


def market(api: Api, *rows: dict[str, t.Any], **sent: t.Any) -> None:
    """Declare a search."""
    api.expect("POST", "/api/v0/bundles/", {"offers": list(rows)}, body={**BASE, **sent})


def ids(result: Result) -> list[int]:
    """The offers that were returned."""
    return [offer["id"] for offer in result["offers"]]


def test_offers_in_the_order_asked_for_by_the_price_with_this_disk(api: Api) -> None:
    market(api, offer_row(1, dph_base=0.5), offer_row(2, dph_base=0.4, dph_total=0.7), offer_row(3, dph_base=0.3))
    result = succeed("vast_offer_info")
    assert ids(result) == [3, 1, 2]
    assert result["changed"] is False
    assert (result["dropped"], result["more"], result["relax"], result.warnings) == (0, False, [], [])
    assert result["offers"][0]["price"]["disk"] == 0.002222
    assert result["offers"][0]["reliability"] == 0.995


def test_check_mode_searches_all_the_same(api: Api) -> None:
    market(api, offer_row(1))
    assert ids(succeed("vast_offer_info", check_mode=True)) == [1]


def test_what_the_api_returns_too_much_is_left_out_counted_and_told(api: Api) -> None:
    market(api, offer_row(1), offer_row(2, gpu_name="H100"), gpu_name={"in": ["RTX 4090"]})
    result = succeed("vast_offer_info", gpu_name=["RTX_4090"])
    assert (ids(result), result["dropped"]) == ([1], 1)
    assert result.warnings == ["1 offers that Vast.ai returned do not meet the criteria and were removed."]


def test_what_no_offer_shows_is_told(api: Api) -> None:
    market(api, offer_row(1), datacenter={"eq": True})
    result = succeed("vast_offer_info", datacenter=True)
    assert result.warnings == ["datacenter: offers do not show this value, so it could not be verified."]


def test_there_may_be_more_when_as_many_came_as_were_asked_for(api: Api) -> None:
    market(api, offer_row(1), offer_row(2, dph_base=9.0), limit=2)
    assert succeed("vast_offer_info", limit=2)["more"] is True


def test_there_may_be_more_when_one_of_them_cannot_be_rented(api: Api) -> None:
    market(api, offer_row(1), offer_row(0), limit=2)
    result = succeed("vast_offer_info", limit=2)
    assert (ids(result), result["more"]) == ([1], True)


def test_a_market_with_a_row_that_cannot_be_rented_may_be_larger_all_the_same(api: Api) -> None:
    market(api, dph_total={"lte": 0.1})
    full = [offer_row(number, dph_base=0.5) for number in range(1, 64)]
    broken = offer_row(0)
    api.expect("POST", "/api/v0/bundles/", {"offers": [*full, broken]}, body=ANYTHING)
    for _criterion in ("disk", "verified", "max_price"):
        api.expect_any("POST", "/api/v0/bundles/", {"offers": []})
    assert len(succeed("vast_offer_info", max_price=0.1)["relax"]) == 3


def test_the_best_by_another_order_comes_first_and_the_unknown_last(api: Api) -> None:
    rows = [offer_row(1, dlperf=None), offer_row(2, dlperf=10.0), offer_row(3, dlperf=99.0)]
    market(api, *rows, order=[["dlperf", "desc"]])
    assert ids(succeed("vast_offer_info", order="performance")) == [3, 2, 1]


def test_the_preferred_gpu_comes_first_and_the_next_is_asked_for_only_when_needed(api: Api) -> None:
    market(api, offer_row(1, gpu_name="H100", dph_base=2.0), gpu_name={"in": ["H100"]}, limit=2)
    market(api, offer_row(2), gpu_name={"in": ["RTX 4090"]}, limit=1)
    result = succeed("vast_offer_info", gpu_name=["H100", "RTX_4090", "A100"], prefer="gpu_name", limit=2)
    assert (ids(result), result["more"]) == ([1, 2], True)


def test_all_preferred_gpus_together_may_be_too_few(api: Api) -> None:
    market(api, gpu_name={"in": ["H100"]}, limit=5)
    market(api, offer_row(2), gpu_name={"in": ["RTX 4090"]}, limit=5)
    result = succeed("vast_offer_info", gpu_name=["H100", "RTX 4090"], prefer="gpu_name", limit=5)
    assert (ids(result), result["more"]) == ([2], False)


def test_one_search_tells_what_to_relax_as_long_as_it_shows_the_whole_market(api: Api) -> None:
    market(api, dph_total={"lte": 0.1}, gpu_name={"in": ["RTX 4090"]}, gpu_ram={"gte": 48000})
    rows = [offer_row(1), offer_row(2, dph_base=0.05, dph_total=0.05), offer_row(3, gpu_ram=80000)]
    api.expect("POST", "/api/v0/bundles/", {"offers": rows}, body=ANYTHING)
    result = succeed("vast_offer_info", max_price=0.1, gpu_name=["RTX 4090"], min_gpu_ram_gb=48)
    assert result["relax"] == [
        {"criterion": "gpu_name", "offers": 0, "nearest": None},
        {"criterion": "min_gpu_ram_gb", "offers": 1, "nearest": 24.564},
        {"criterion": "disk", "offers": 0, "nearest": None},
        {"criterion": "verified", "offers": 0, "nearest": None},
        {"criterion": "max_price", "offers": 1, "nearest": 0.342222},
    ]


def test_a_larger_market_costs_a_search_for_each_criterion(api: Api) -> None:
    market(api, dph_total={"lte": 0.1})
    full = [offer_row(number, dph_base=0.5) for number in range(1, 65)]
    api.expect("POST", "/api/v0/bundles/", {"offers": full}, body=ANYTHING)
    priced = {**ANYTHING, "dph_total": {"lte": 0.1}}
    api.expect("POST", "/api/v0/bundles/", {"offers": []}, body={**priced, "verified": {"eq": True}})
    api.expect("POST", "/api/v0/bundles/", {"offers": []}, body={**priced, "disk_space": {"gte": 10}})
    api.expect("POST", "/api/v0/bundles/", {"offers": full}, body={**BASE, "limit": 64})
    result = succeed("vast_offer_info", max_price=0.1)
    assert {each["criterion"]: each["offers"] for each in result["relax"]} == {
        "disk": 0,
        "verified": 0,
        "max_price": 64,
    }


def test_never_more_than_eight_searches_tell_what_to_relax(api: Api) -> None:
    options = {
        "gpu_name": ["RTX 4090"],
        "num_gpus": 1,
        "min_gpu_ram_gb": 1,
        "min_cpu_cores": 1,
        "min_cpu_ram_gb": 1,
        "min_inet_down": 1,
        "min_inet_up": 1,
        "min_cuda": 1,
    }
    full = [offer_row(number) for number in range(1, 65)]
    api.expect_any("POST", "/api/v0/bundles/", {"offers": []})
    for _search in range(8):
        api.expect_any("POST", "/api/v0/bundles/", {"offers": full})
    assert len(succeed("vast_offer_info", **options)["relax"]) == 7


def test_a_used_up_quota_ends_the_search_for_what_to_relax(api: Api) -> None:
    market(api, dph_total={"lte": 0.1})
    quota = {"success": False, "error": "search_quota_exceeded", "msg": "quota"}
    api.expect("POST", "/api/v0/bundles/", quota, status=429, body=ANYTHING)
    result = succeed("vast_offer_info", max_price=0.1)
    assert result["relax"] == []
    (warning,) = result.warnings
    assert "Which criterion to relax is not known" in warning


@pytest.mark.parametrize(("status", "reply"), [(500, {"msg": "boom"}), (403, {"msg": "no"}), (200, {"offers": 7})])
def test_a_failed_search_for_what_to_relax_only_loses_the_hint(api: Api, status: int, reply: t.Any) -> None:
    market(api, dph_total={"lte": 0.1})
    full = [offer_row(number, dph_base=0.5) for number in range(1, 65)]
    api.expect("POST", "/api/v0/bundles/", {"offers": full}, body=ANYTHING)
    priced = {**ANYTHING, "dph_total": {"lte": 0.1}}
    api.expect("POST", "/api/v0/bundles/", {"offers": []}, body={**priced, "verified": {"eq": True}})
    body = {**priced, "disk_space": {"gte": 10}}
    api.expect("POST", "/api/v0/bundles/", reply, status=status, body=body)
    result = succeed("vast_offer_info", max_price=0.1, retry_timeout=0)
    assert result["relax"] == [{"criterion": "disk", "offers": 0, "nearest": None}]
    assert any("Which criterion to relax is not known" in warning for warning in result.warnings)


def test_a_used_up_quota_fails_the_search_itself(api: Api) -> None:
    quota = {"success": False, "error": "search_quota_exceeded", "msg": "quota"}
    api.expect("POST", "/api/v0/bundles/", quota, status=429, body=BASE)
    fail_as("vast_offer_info", "quota", "00:00 UTC")


@pytest.mark.parametrize("reply", [{}, {"offers": None}, {"offers": {"id": 1}}, {"offers": [7]}])
def test_a_reply_without_offers_is_no_empty_market(api: Api, reply: t.Any) -> None:
    api.expect("POST", "/api/v0/bundles/", reply, body=BASE)
    fail_as("vast_offer_info", "protocol", "no list of offers")


@pytest.mark.parametrize("bad", [{"id": None, "ask_contract_id": None}, {"id": True, "ask_contract_id": True}])
def test_an_offer_without_an_id_cannot_be_rented_and_is_left_out(api: Api, bad: dict[str, t.Any]) -> None:
    market(api, offer_row(1), offer_row(2, **bad), offer_row(1))
    assert ids(succeed("vast_offer_info")) == [1]


def test_a_wrong_key_is_told_as_that(api: Api) -> None:
    api.expect("POST", "/api/v0/bundles/", {"error": "auth_error", "msg": "Invalid user key"}, status=404, body=BASE)
    fail_as("vast_offer_info", "auth", "API key")


def test_a_search_refused_for_its_pace_or_without_a_reply_is_sent_again(api: Api, clock: FakeClock) -> None:
    api.expect("POST", "/api/v0/bundles/", "API requests too frequent endpoint threshold=2.5", status=429, body=BASE)
    api.expect("POST", "/api/v0/bundles/", requests.ConnectionError("Connection reset by peer"), body=BASE)
    market(api, offer_row(1))
    assert ids(succeed("vast_offer_info")) == [1]
    assert clock.slept[0] >= 2.5


def test_a_pace_that_is_refused_for_ever_is_no_empty_market(api: Api) -> None:
    for _attempt in range(3):
        api.expect("POST", "/api/v0/bundles/", "too frequent endpoint threshold=4.0", status=429, body=BASE)
    assert "offers" not in fail_as("vast_offer_info", "rate_limited", retry_timeout=10).values


def test_nothing_is_sent_for_a_criterion_that_cannot_be_meant(api: Api) -> None:
    fail_as("vast_offer_info", "invalid", "write 24", min_gpu_ram_gb=24000)
    assert api.calls == []
