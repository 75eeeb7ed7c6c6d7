# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting within a budget and within the credit of the account (F6.7)."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import (
    Api,
    instance_row,
    offer_row,
    stopped_row,
    succeed,
)
from .rentals import (
    LABEL,
    LOOKS,
    LOST,
    SPENT,
    WISH,
    box,
    create,
    destroyed,
    listed,
    market,
    outcomes,
    refuse,
    rent,
    within,
)


def test_one_that_costs_more_than_the_budget_leaves_is_destroyed(api: Api) -> None:
    listed(api)
    within(api)
    market(api, offer_row())
    create(api)
    listed(api, box(dph_total=0.49))
    destroyed(api)
    result = refuse("budget", "it costs 0.49 US dollars per hour", "left 0.35", budget={"max_per_hour": 0.35})
    assert outcomes(result) == [("differs", 4711)]


def test_a_start_that_waits_for_its_gpu_counts_in_the_budget(api: Api) -> None:
    waiting = {"cur_state": "stopped", "intended_status": "running", "next_state": "running"}
    listed(api)
    within(api, instance_row(1, **waiting, dph_total=5.0, storage_total_cost=0.1, actual_status="exited"))
    market(api, offer_row())
    refuse("budget", "budget.max_per_hour leaves 0.2", budget={"max_per_hour": 5.3})


def test_what_another_task_may_have_rented_counts_in_the_budget_until_it_shows(api: Api) -> None:
    budget = {"max_per_hour": 0.5}
    listed(api)
    within(api)
    market(api, offer_row())
    create(api, reply=LOST)
    for _look in range(LOOKS):
        listed(api)
    refuse("unknown_outcome", budget=budget)

    api.expect_listing(label="other")
    within(api)
    market(api, offer_row(9002, machine_id=502))
    result = refuse("budget", "budget.max_per_hour leaves 0.157778", label="other", budget=budget)
    assert any("another task may have rented 'train-01' for 0.342222" in warning for warning in result.warnings)

    api.expect_listing(label="other")
    within(api, box(dph_total=0.1))
    market(api, offer_row(9002, machine_id=502))
    create(api, 9002, {"success": True, "new_contract": 4712}, label="other")
    api.expect_listing(box(4712, machine_id=502, label="other"), label="other")
    assert succeed("vast_instance", **{**WISH, "label": "other", "budget": budget})["changed"] is True


def test_a_price_below_nothing_leaves_no_more_to_spend(api: Api) -> None:
    listed(api)
    within(api, volumes=-5.0)
    market(api, offer_row())
    refuse("budget", "leaves 0.1", budget={"max_per_hour": 0.1})


USER = "/api/v0/users/current/"


def test_a_budget_is_read_and_held_before_anything_is_rented(api: Api) -> None:
    listed(api)
    api.expect("GET", USER, {"credit": 3.0, "balance": 2.5})
    within(api, instance_row(1, dph_total=1.0), stopped_row(2, storage_total_cost=0.1), volumes=0.05)
    market(api, offer_row())
    create(api)
    listed(api, box())
    assert outcomes(rent(budget={"max_per_hour": 1.5, "min_credit": 5})) == [("rented", 4711)]


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"credit": 3.0, "balance": 1.0}, "4.00 US dollars of credit and balance, and budget.min_credit is 5"),
        ({"credit": 30.0}, "does not report both"),
        ({"credit": "30", "balance": 0.0}, "does not report both"),
    ],
)
def test_credit_that_is_too_low_or_not_known_forbids_it(api: Api, user: dict[str, t.Any], says: str) -> None:
    listed(api)
    api.expect("GET", USER, user)
    refuse("budget", says, "Nothing was rented", budget={"min_credit": 5})


def test_without_the_right_to_read_the_credit_that_is_told(api: Api) -> None:
    listed(api)
    reply = {"success": False, "msg": "Authorization Error. Your key lacks the api.user route access."}
    api.expect("GET", USER, reply, status=401)
    refuse("permission", budget={"min_credit": 5})


def test_what_would_cost_more_than_the_budget_is_not_rented(api: Api) -> None:
    listed(api)
    within(api, instance_row(1, dph_total=0.9), instance_row(2, cur_state="unloaded", dph_total=9.0))
    market(api, offer_row())
    refuse("budget", "budget.max_per_hour leaves 0.3", budget={"max_per_hour": 1.2})


def test_a_price_that_is_not_known_forbids_it(api: Api) -> None:
    listed(api)
    api.expect_listing(instance_row(8, dph_total=None))
    refuse("budget", "these instances: 8", budget={"max_per_hour": 5})


def test_volumes_that_cannot_be_read_are_warned_about(api: Api) -> None:
    listed(api)
    within(api, volumes=None)
    market(api, offer_row())
    create(api)
    listed(api, box())
    assert any("volumes" in warning for warning in rent(budget={"max_per_hour": 5}).warnings)
    listed(api)
    api.expect_listing()
    api.expect("GET", SPENT, {"success": False, "error": "not_found", "msg": "no such route"}, status=404)
    market(api, offer_row())
    create(api)
    listed(api, box())
    (warning,) = rent(budget={"max_per_hour": 5}).warnings
    assert warning.endswith(
        "was not included: Vast.ai answered 404 to GET https://vast.test" + SPENT + ": no such route."
    )


def test_check_mode_holds_the_budget_too(api: Api) -> None:
    listed(api)
    within(api, instance_row(1, dph_total=0.9))
    market(api, offer_row())
    refuse("budget", f"Renting {LABEL!r}: ", "leaves 0.3", budget={"max_per_hour": 1.2}, check_mode=True)


@pytest.mark.parametrize(("state", "count"), [("running", 1), ("present", 0)])
def test_a_budget_without_an_offer_is_warned_of(api: Api, state: str, count: int) -> None:
    listed(api, box())
    warnings = succeed("vast_instance", label=LABEL, state=state, budget={"max_per_hour": 5}).warnings
    assert sum("budget is not checked" in each for each in warnings) == count == len(warnings)
