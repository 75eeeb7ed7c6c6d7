# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rented instances whose GPU is taken, and what replaces them."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import (
    Api,
    FakeClock,
    interrupt_after,
    offer_row,
)
from .rentals import (
    BIDDING,
    GONE,
    LABEL,
    REPLACING,
    STOPPED,
    box,
    create,
    destroyed,
    listed,
    market,
    outcomes,
    refuse,
    rent,
    unavailable,
)


def test_one_that_was_outbid_is_told_as_that(api: Api) -> None:
    unavailable(api, {**STOPPED, "is_bid": True, "dph_base": 0.25})
    refuse("unavailable", "bid of 0.25", "A higher bid", offer=BIDDING, bid=0.25)


def test_a_box_without_its_gpu_is_replaced_once_the_next_one_is_found_good(api: Api) -> None:
    unavailable(api)
    market(api, offer_row(9002, machine_id=502))
    api.expect_listing(STOPPED, id=4711)
    destroyed(api)
    market(api, offer_row(9002, machine_id=502))
    create(api, 9002, {"success": True, "new_contract": 4712})
    listed(api, box(4712, machine_id=502))
    result = rent(**REPLACING)
    assert (result["instance"]["id"], outcomes(result)) == (4712, [("rented", 4712)])
    assert result["actions"][0].startswith("destroy instance 4711")
    assert result["diff"]["before"]["state"] == "stopped"
    assert result["destroyed"] == {"id": 4711, "label": LABEL}


def test_without_an_offer_the_box_is_kept(api: Api) -> None:
    unavailable(api)
    market(api)
    api.expect_any("POST", "/api/v0/bundles/", {"offers": []})
    result = refuse("unavailable", "queued start", "was cancelled", "was kept", "No offer meets", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def test_a_box_that_cannot_be_destroyed_is_not_replaced(api: Api) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    api.expect_listing(STOPPED, id=4711)
    api.expect("DELETE", "/api/v0/instances/4711/", {"success": False, "msg": "no"}, status=403, body={})
    api.expect_listing(STOPPED, id=4711)
    result = refuse("permission", "4711", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def test_what_was_destroyed_for_a_replacement_that_failed_is_told(api: Api) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    api.expect_listing(STOPPED, id=4711)
    destroyed(api)
    market(api, offer_row(9002))
    create(api, 9002, GONE, status=404)
    result = refuse("unavailable", "instance 4711 (train-01) was destroyed", **REPLACING)
    assert result["changed"] is True


@pytest.mark.parametrize("now", [{"label": "mine"}, {"intended_status": "running", "cur_state": "running"}])
def test_one_that_somebody_else_has_a_use_for_meanwhile_is_not_replaced(api: Api, now: dict[str, t.Any]) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    api.expect_listing({**STOPPED, **now}, id=4711)
    result = refuse("unavailable", "was changed by someone else in the meantime, so it was kept", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def test_a_signal_before_a_replacement_keeps_the_box_and_says_so(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    interrupt_after(api, clock, monkeypatch, 6)
    result = refuse("timeout", "queued start", "was cancelled", "Interrupted by SIGTERM", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)
