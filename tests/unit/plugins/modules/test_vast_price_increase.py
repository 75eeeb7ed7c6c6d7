# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_price_increase against declared calls."""

from __future__ import annotations

import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._account import price_decisions
from ansible_collections.vastai.cloud.plugins.module_utils._core.interrupts import TaskInterrupted
from ansible_collections.vastai.cloud.plugins.modules import vast_price_increase

from ..harness import Api, FakeClock, fail_as, interrupt_after, succeed

MODULE = "vast_price_increase"
LIST = "/api/v0/instances/pending-price-increases/"
ID = "pending_price_increase_id"
LOST = requests.ConnectionError("reset")
GIVEN: dict[str, t.Any] = {"max_increase": 10}
STALE = {"success": False, "error": "no_pending_price_increase", "msg": "No pending price increase."}


def row(number: int = 7, old: float = 0.4, new: float = 0.42, **fields: t.Any) -> dict[str, t.Any]:
    """An increase; `old` and `new` are in US dollars per hour, a tenth of it for the disk (F6.8)."""
    prices = {
        f"{age}_{name}": share * price / 3600
        for age, price in (("old", old), ("new", new))
        for name, share in (("gpu_costpersec", 0.9), ("disk_ram_costpersec", 0.1))
    }
    others = {f"{age}_{name}": 0.01 for age in ("old", "new") for name in ("bwu_cost", "bwd_cost", "platform_fee")}
    ends = {"contract_end_date": 1_790_000_000.0, "ask_end_date": None, "created_at": 1_789_000_000.0}
    return {ID: number, "contract_id": 4711, "host_id": 31, **prices, **others, **ends, **fields}


def listed(api: Api, *rows: dict[str, t.Any], truncated: bool = False, times: int = 1) -> None:
    """Declare the listing."""
    reply = {"success": True, "count": len(rows), "truncated": truncated, "pending_price_increases": list(rows)}
    for _time in range(times):
        api.expect("GET", LIST, reply)


def send(api: Api, decision: str = "accept", number: int = 7, reply: t.Any = None, **more: t.Any) -> None:
    """Declare a decision."""
    yes = {"success": True, ID: number, "contract_id": 4711}
    path = f"/api/v0/instances/{decision}-price-increase/"
    api.expect("PUT", path, yes if reply is None else reply, body={ID: number}, **more)


def decisions(result: t.Any) -> list[tuple[str, bool]]:
    """What was decided of each, and whether it was done."""
    return [(each["decision"], each["changed"]) for each in result["price_increases"]]


def test_without_limits_it_only_lists(api: Api) -> None:
    listed(api, row())
    result = succeed(MODULE)
    assert (result["changed"], decisions(result), result.warnings) == (False, [("leave", False)], [])
    (shown,) = result["price_increases"]
    assert (shown["old_per_hour"], shown["new_per_hour"], shown["increase_percent"]) == (0.4, 0.42, 5.0)
    assert shown["new"] == {
        "gpu_per_hour": 0.378,
        "disk_per_hour": 0.042,
        "bwu_cost": 0.01,
        "bwd_cost": 0.01,
        "platform_fee": 0.01,
    }


def test_without_limits_nothing_is_rejected_either(api: Api) -> None:
    listed(api, row())
    result = succeed(MODULE, policy="reject")
    assert decisions(result) == [("leave", False)]
    assert "policy=reject" in result.warnings[0]


def test_within_the_limits_it_is_read_again_and_accepted(api: Api) -> None:
    listed(api, row(), times=2)
    send(api)
    listed(api)
    result = succeed(MODULE, **GIVEN)
    assert (result["changed"], decisions(result)) == (True, [("accept", True)])
    assert result["actions"] == ["accept price increase 7 of instance 4711: from 0.4 $/h to 0.42 $/h"]
    assert result["diff"]["after"] == {"price increase 7 of instance 4711": {"state": "accepted"}}
    assert result["counts"] == {"listed": 1, "accepted": 1, "rejected": 0, "left": 0, "gone": 0, "failed": 0}


@pytest.mark.parametrize(
    ("fields", "limits"),
    [
        ({"new": 0.44}, {"max_increase": 10}),
        ({"new": 0.44}, {"max_price": 0.44}),
        ({"new": 0.44}, {"max_increase": 10, "max_price": 0.44}),
        ({"new": 0.4}, {"max_increase": 0}),
        ({"new": 0.3, "new_bwu_cost": 0.0}, {"max_increase": 0}),
        ({"old": 0.0, "new": 0.0}, {"max_increase": 0, "max_price": 0}),
    ],
)
def test_what_is_accepted(api: Api, fields: dict[str, t.Any], limits: dict[str, t.Any]) -> None:
    listed(api, row(**fields))
    assert decisions(succeed(MODULE, **limits, check_mode=True)) == [("accept", True)]


@pytest.mark.parametrize(
    ("fields", "limits", "why"),
    [
        ({"new": 0.441}, {"max_increase": 10}, "by 10.25 % to 0.441 $/h, and max_increase is 10 %"),
        ({"new": 0.441}, {"max_price": 0.44}, "max_price is 0.44 $/h"),
        ({"new": 0.44}, {"max_increase": 10, "max_price": 0.43}, "max_price is 0.43 $/h"),
        ({"new": 0.44}, {"max_increase": 9, "max_price": 1}, "max_increase is 9 %"),
        ({"old": 0.0, "new": 0.1}, {"max_increase": 1000}, "from nothing"),
        ({"new_bwu_cost": 0.011}, {"max_price": 9}, "bwu_cost rises from 0.01 to 0.011"),
        ({"new_bwd_cost": 0.011}, {"max_price": 9}, "bwd_cost"),
        ({"new_platform_fee": 0.011}, {"max_price": 9}, "platform_fee"),
        ({"new_gpu_costpersec": None}, {"max_price": 9}, "not known: new_gpu_costpersec"),
        ({"old_disk_ram_costpersec": None}, {"max_price": 9}, "not known: old_disk_ram_costpersec"),
        ({"old_platform_fee": None}, {"max_price": 9}, "not known: old_platform_fee"),
        ({"new_gpu_costpersec": "0"}, {"max_price": 9}, "not known: new_gpu_costpersec"),
        ({"new_gpu_costpersec": -1.0}, {"max_price": 9}, "not known: new_gpu_costpersec"),
        ({"new_gpu_costpersec": 1e308}, {"max_price": 9}, "its price per hour is not known"),
        ({"contract_id": None}, {"max_price": 9}, "not known: contract_id"),
    ],
)
@pytest.mark.parametrize("policy", ["leave", "reject"])
def test_what_is_not_accepted(
    api: Api, fields: dict[str, t.Any], limits: dict[str, t.Any], why: str, policy: str
) -> None:
    listed(api, row(**fields))
    result = succeed(MODULE, **limits, policy=policy, check_mode=True)
    assert decisions(result) == [(policy, policy == "reject")]
    assert why in result["price_increases"][0]["why"]


def test_the_others_are_rejected(api: Api) -> None:
    both = row(), row(8, new=0.8)
    listed(api, *both, times=2)
    send(api)
    listed(api, both[1], times=2)
    send(api, "reject", 8)
    listed(api)
    result = succeed(MODULE, **GIVEN, policy="reject")
    assert decisions(result) == [("accept", True), ("reject", True)]


def test_only_those_of_the_named_instances(api: Api) -> None:
    listed(api, row(), row(8, contract_id=4712))
    result = succeed(MODULE, **GIVEN, instances=[4712, 99], check_mode=True)
    assert [each[ID] for each in result["price_increases"]] == [8]
    assert (result["changed"], result["counts"]["accepted"]) == (True, 1)


@pytest.mark.parametrize("now", [{"new": 0.41}, {"new": 0.43}, {"new_bwu_cost": 0.0}, {"contract_id": 1}])
def test_one_that_has_changed_meanwhile_is_left(api: Api, now: dict[str, t.Any]) -> None:
    listed(api, row())
    listed(api, row(**now))
    result = succeed(MODULE, **GIVEN)
    assert (result["changed"], decisions(result)) == (False, [("leave", False)])
    assert "changed in the meantime" in result.warnings[0]


def test_one_that_is_gone_before_the_decision_is_told(api: Api) -> None:
    listed(api, row())
    listed(api)
    result = succeed(MODULE, **GIVEN)
    assert (result["changed"], decisions(result), result["actions"]) == (False, [("gone", False)], [])
    assert "in the meantime" in result.warnings[0]


@pytest.mark.parametrize(("status", "polls"), [(404, 1), (409, 2)])
def test_one_that_somebody_else_decided_is_told(api: Api, status: int, polls: int) -> None:
    listed(api, row(), times=2)
    send(api, reply=STALE, status=status)
    listed(api, times=polls)
    result = succeed(MODULE, **GIVEN)
    assert (result["changed"], decisions(result), result["counts"]["gone"]) == (False, [("gone", False)], 1)
    assert "in the meantime" in result.warnings[0]


def test_after_a_lost_reply_one_that_is_gone_is_decided(api: Api) -> None:
    listed(api, row(), times=2)
    send(api, reply=LOST)
    listed(api, times=2)
    assert decisions(succeed(MODULE, **GIVEN)) == [("accept", True)]


def test_after_a_lost_reply_nothing_is_sent_again(api: Api) -> None:
    listed(api, row(), times=2)
    send(api, reply=LOST)
    listed(api, row(), times=5)
    result = fail_as(MODULE, "unknown_outcome", "price increase 7 of instance 4711", "nothing was sent again", **GIVEN)
    assert (result["counts"]["failed"], decisions(result)[0][0]) == (1, "accept")


def test_a_yes_to_what_stays_listed_is_a_failure(api: Api) -> None:
    listed(api, row(), times=2)
    send(api)
    listed(api, row(), times=5)
    assert fail_as(MODULE, "server", "is still listed", "nothing was sent again", **GIVEN)["changed"] is True


def test_a_host_that_asks_again_under_the_same_id_is_told(api: Api) -> None:
    listed(api, row(), times=2)
    send(api)
    listed(api, row(new=0.8))
    result = succeed(MODULE, **GIVEN)
    assert decisions(result) == [("accept", True)]
    assert "its host asked again: pending, from 0.4 $/h to 0.8 $/h" in result.warnings[0]


def test_a_refusal_does_not_stop_the_others(api: Api) -> None:
    both = row(), row(8, contract_id=4712)
    listed(api, *both, times=2)
    send(api, reply={"success": False, "error": "invalid_args", "msg": "No"}, status=400)
    listed(api, *both, times=2)
    send(api, number=8)
    listed(api, both[0])
    result = fail_as(MODULE, "invalid", "1 of 2 price increases failed", **GIVEN)
    assert decisions(result) == [("accept", False), ("accept", True)]
    assert (result["changed"], result["counts"]["accepted"], result["counts"]["failed"]) == (True, 1, 1)


def test_what_cannot_be_read_again_is_not_decided(api: Api) -> None:
    listed(api, row())
    api.expect("GET", LIST, {"success": True})
    result = fail_as(MODULE, "protocol", "could not be read again, so nothing was sent", **GIVEN)
    assert result["changed"] is False


def test_a_truncated_list_is_warned_of_and_a_yes_counts(api: Api) -> None:
    listed(api, row(), truncated=True, times=2)
    send(api)
    listed(api, row(9), truncated=True)
    result = succeed(MODULE, **GIVEN)
    assert (result["truncated"], decisions(result)) == (True, [("accept", True)])
    assert "Those that it does not list were not decided" in result.warnings[0]


def test_a_truncated_list_proves_nothing_after_a_lost_reply(api: Api) -> None:
    listed(api, row(), truncated=True, times=2)
    send(api, reply=LOST)
    listed(api, row(9), truncated=True)
    fail_as(MODULE, "unknown_outcome", "truncated", "price increase 7", **GIVEN)


def test_a_truncated_list_proves_nothing_after_a_refusal(api: Api) -> None:
    listed(api, row(), truncated=True, times=2)
    send(api, reply={"success": False, "error": "invalid_args", "msg": "No"}, status=400)
    listed(api, row(9), truncated=True)
    assert fail_as(MODULE, "invalid", **GIVEN)["changed"] is False


@pytest.mark.parametrize("status", [404, 409])
def test_what_the_api_says_is_decided_needs_no_whole_list(api: Api, status: int) -> None:
    listed(api, row(), truncated=True, times=2)
    send(api, reply=STALE, status=status)
    listed(api, row(9), truncated=True, times=1 if status == 404 else 2)
    assert decisions(succeed(MODULE, **GIVEN)) == [("gone", False)]


def test_one_that_a_truncated_list_shows_no_more_is_left(api: Api) -> None:
    listed(api, row(), truncated=True)
    listed(api, row(9), truncated=True)
    assert decisions(succeed(MODULE, **GIVEN)) == [("leave", False)]


def test_no_decision_is_sent_long_after_it_was_read(api: Api) -> None:
    listed(api, row(), times=2)
    refusal = {"success": False, "msg": "API requests too frequent: endpoint threshold=30.0"}
    send(api, reply=refusal, status=429)
    listed(api, row())
    assert fail_as(MODULE, "rate_limited", **GIVEN)["changed"] is False


def test_the_time_of_a_task_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vast_price_increase, "ANSWERS_WITHIN", -10.0)
    listed(api, row())
    fail_as(MODULE, "timeout", "price increase 7 of instance 4711", "no time was left", **GIVEN, retry_timeout=0)


def test_after_an_interruption_nothing_more_is_decided(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_client: t.Any, case: price_decisions.Case, _deadline: t.Any) -> None:
        case.error = TaskInterrupted(f"Interrupted by SIGTERM: {case.increase.display_name} was not finished.")

    monkeypatch.setattr(price_decisions, "_decide", interrupted)
    listed(api, row(), row(8))
    says = "price increase 8 of instance 4711 was left as it is: the task was interrupted"
    fail_as(MODULE, "timeout", "Interrupted by SIGTERM", says, **GIVEN)


def test_a_signal_before_the_next_decision_says_what_was_decided(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(api, row(), row(8), times=2)
    send(api)
    listed(api, row(8))
    interrupt_after(api, clock, monkeypatch, 4)
    result = fail_as(MODULE, "timeout", "Interrupted by SIGTERM", "price increase 8 of instance 4711", **GIVEN)
    assert (result["changed"], decisions(result)) == (True, [("accept", True), ("accept", False)])


@pytest.mark.parametrize(
    "rows", [None, "x", [7], [{}], [{ID: True}], [{ID: "7"}], pytest.param([row(), row()], id="twice")]
)
def test_nothing_is_concluded_from_what_is_no_listing(api: Api, rows: t.Any) -> None:
    api.expect("GET", LIST, {"success": True, "truncated": False, "pending_price_increases": rows})
    fail_as(MODULE, "protocol", "is not valid", **GIVEN)


@pytest.mark.parametrize(
    "options",
    [
        {"max_increase": -1},
        {"max_increase": float("nan")},
        {"max_price": -0.1},
        {"max_price": float("inf")},
        {"instances": []},
        {"instances": [0]},
        {"policy": "ignore"},
    ],
)
def test_options_that_cannot_be(options: dict[str, t.Any]) -> None:
    fail_as(MODULE, "invalid", next(iter(options)), **options)
