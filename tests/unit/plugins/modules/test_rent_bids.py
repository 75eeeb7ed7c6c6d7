# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting interruptible instances: the bid, and another one (F3.5)."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import (
    Api,
    offer_row,
)
from .rentals import (
    BIDDING,
    BODY,
    box,
    destroyed,
    listed,
    loading,
    market,
    outcomes,
    refuse,
    rent,
    within,
)


def test_an_interruptible_box_is_rented_by_its_bid(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2, dph_total=0.208), type="bid")
    body = {name: value for name, value in BODY.items() if name != "cancel_unavail"}
    reply = {"success": True, "new_contract": 4711}
    api.expect("PUT", "/api/v0/asks/9001/", reply, body={**body, "price": 0.25})
    listed(api, box(is_bid=True, dph_base=0.25, dph_total=0.26))
    result = rent(offer=BIDDING, bid=0.25)
    assert result["diff"]["after"]["instance"]["per_hour"] == pytest.approx(0.258889)


def test_a_bid_below_the_floor_is_not_sent(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2), type="bid")
    refuse("invalid", "the lowest bid taken is 0.2", offer=BIDDING, bid=0.1)


def test_a_bid_that_costs_too_much_with_the_disk_is_not_sent(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2), type="bid")
    refuse("budget", "a bid of 0.495", offer=BIDDING, bid=0.495)


def test_one_that_is_outbid_before_it_runs_is_a_dud(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2), type="bid")
    api.expect_any("PUT", "/api/v0/asks/9001/", {"success": True, "new_contract": 4711})
    listed(api, loading())
    listed(api, loading(intended_status="stopped", cur_state="stopped", next_state="stopped"))
    destroyed(api)
    assert outcomes(refuse("unavailable", "outbid", offer=BIDDING, bid=0.25)) == [("outbid", 4711)]


BIDS = "/api/v0/instances/bid_price/4711/"


def bidding(**fields: t.Any) -> dict[str, t.Any]:
    """An interruptible box."""
    return box(**{"is_bid": True, "dph_base": 0.25, "image_uuid": "pytorch/pytorch", **fields})


def test_a_bid_is_not_changed_while_the_price_of_the_disk_is_not_told(api: Api) -> None:
    listed(api, bidding(storage_total_cost=None))
    result = refuse("budget", "price of the disk of instance 4711", "Nothing was changed", offer=BIDDING, bid=0.49)
    assert result["changed"] is False


def test_a_higher_bid_is_held_to_the_budget(api: Api) -> None:
    row = bidding(dph_total=0.26, storage_total_cost=0.01)
    listed(api, row)
    within(api, row)
    says = "would cost 0.23 US dollars per hour more", "budget.max_per_hour leaves 0.14", "Nothing was changed"
    refuse("budget", *says, offer=BIDDING, bid=0.48, budget={"max_per_hour": 0.4})


def test_another_bid_is_changed(api: Api) -> None:
    listed(api, bidding())
    api.expect("PUT", BIDS, {"success": True}, body={"price": 0.3})
    api.expect_listing(bidding(dph_base=0.3), id=4711)
    result = rent(offer=BIDDING, bid=0.3)
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"bid": 0.25}, {"bid": 0.3})
    assert result["actions"] == ["change the bid of instance 4711 (train-01) to 0.3 US dollars per hour"]
    assert result["changed"] is True


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_bid_for_one_that_is_not_interruptible_is_warned_of(api: Api, check_mode: bool) -> None:
    listed(api, bidding(is_bid=False))
    result = rent(offer=BIDDING, bid=0.3, check_mode=check_mode)
    assert result["changed"] is False
    assert any("is not interruptible, so bid was ignored" in warning for warning in result.warnings)


def test_the_same_bid_is_left(api: Api) -> None:
    listed(api, bidding(dph_base=0.3))
    assert rent(offer=BIDDING, bid=0.3)["changed"] is False


def test_check_mode_tells_another_bid(api: Api) -> None:
    listed(api, bidding())
    assert rent(offer=BIDDING, bid=0.3, check_mode=True)["diff"]["after"] == {"bid": 0.3}


def test_another_bid_that_costs_too_much_is_not_sent(api: Api) -> None:
    listed(api, bidding())
    refuse("budget", "Nothing was changed", offer=BIDDING, bid=0.495)
