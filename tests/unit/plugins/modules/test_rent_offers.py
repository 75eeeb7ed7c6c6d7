# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting: offers that are gone, refused or too dear, and what is said when none is left (F3.5, F5)."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import private_files

from ..harness import (
    Api,
    FakeClock,
    offer_row,
)
from .rentals import (
    GONE,
    SEARCH,
    box,
    create,
    destroyed,
    listed,
    loading,
    logged,
    market,
    note,
    outcomes,
    refuse,
    rent,
    start,
)


def test_without_time_for_another_attempt_none_is_made(api: Api) -> None:
    start(api)
    create(api)
    for _poll in range(13):
        listed(api, loading())
    logged(api)
    destroyed(api)
    refuse("timeout", "no time for another attempt", boot_timeout=60, attempts=2, wait_timeout=62)


def test_without_time_after_the_wait_for_another_task_nothing_is_rented(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter([BlockingIOError(11, "busy")] * 5)
    real = private_files.PrivateFile.locked

    def locked(self: private_files.PrivateFile) -> t.Any:
        if "rent-" in self._name and (error := next(tries, None)) is not None:
            raise error
        return real(self)

    monkeypatch.setattr(private_files.PrivateFile, "locked", locked)
    listed(api)
    listed(api)
    refuse("timeout", "Renting 'train-01'", "Nothing was rented", wait_timeout=5)


def test_rows_that_do_not_fit_and_criteria_that_no_row_shows_are_warned_about(api: Api) -> None:
    listed(api)
    market(api, offer_row(), offer_row(9002, gpu_name="H100"), datacenter={"eq": True})
    create(api)
    listed(api, box())
    warnings = rent(offer={"gpu_name": ["RTX 4090"], "max_price": 0.5, "datacenter": True}).warnings
    assert [warning.partition(" ")[0] for warning in warnings] == ["datacenter:", "1"]


@pytest.mark.parametrize(
    ("status", "reply"),
    [(404, GONE), (410, {**GONE, "msg": "Instance type 9001 is no longer available."})],
)
def test_an_offer_that_is_gone_is_followed_by_the_next_one(api: Api, status: int, reply: dict[str, t.Any]) -> None:
    start(api, offer_row(), offer_row(9002, machine_id=502, dph_base=0.4, dph_total=0.42))
    create(api, reply=reply, status=status)
    create(api, 9002)
    listed(api, box(machine_id=502))
    assert outcomes(rent()) == [("gone", None), ("rented", 4711)]


def test_no_more_than_five_offers_are_tried(api: Api) -> None:
    start(api, *[offer_row(9000 + number, dph_base=0.1 + number / 100) for number in range(7)])
    for number in range(5):
        create(api, 9000 + number, GONE, status=404)
    result = refuse("unavailable", "None of the 5 best offers")
    assert outcomes(result) == [("gone", None)] * 5
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("status", "slug", "error_class"),
    [
        (400, "invalid_args", "invalid"),
        (400, "invalid_price", "invalid"),
        (403, "not_authorized", "permission"),
        (404, "auth_error", "auth"),
    ],
)
def test_a_clear_refusal_is_told_by_its_class(
    api: Api, home: pathlib.Path, status: int, slug: str, error_class: str
) -> None:
    start(api, offer_row(), offer_row(9002))
    create(api, reply={"success": False, "error": slug, "msg": "no"}, status=status)
    result = refuse(error_class, "Nothing was rented")
    assert outcomes(result) == [("refused", None)]
    assert note(home)["settled"] is True


def test_a_create_refused_for_its_pace_is_sent_again(api: Api, clock: FakeClock) -> None:
    start(api)
    create(api, reply="API requests too frequent endpoint threshold=4.5", status=429)
    create(api)
    listed(api, box())
    assert outcomes(rent()) == [("rented", 4711)]
    assert clock.slept[0] >= 4.5


def test_a_create_whose_pace_is_refused_for_ever_rents_nothing(api: Api, home: pathlib.Path) -> None:
    start(api, offer_row(), offer_row(9002))
    for _attempt in range(3):
        create(api, reply="API requests too frequent endpoint threshold=4.5", status=429)
    result = refuse("rate_limited", "Nothing was rented by this request", retry_timeout=10)
    assert (outcomes(result), result["changed"]) == ([("refused", None)], False)
    assert note(home)["settled"] is True


def test_what_costs_more_than_the_most_is_not_rented(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.9, dph_total=0.3))
    api.expect_any("POST", "/api/v0/bundles/", {"offers": [offer_row(dph_base=0.9)]})
    result = refuse("budget", "max_price")
    assert result["attempts"] == []
    assert result["relax"][-1] == {"criterion": "max_price", "offers": 1, "nearest": 0.908889}


def test_when_nothing_fits_the_message_says_what_would_help(api: Api) -> None:
    listed(api)
    market(api)
    api.expect_any("POST", "/api/v0/bundles/", {"offers": [offer_row(gpu_name="H100")]})
    refuse("unavailable", "No offer meets all criteria", "without gpu_name there are 1")


def test_one_offer_that_was_named_is_looked_for_in_the_market_that_was_asked_for(api: Api) -> None:
    listed(api)
    body = {name: value for name, value in SEARCH.items() if name in ("rentable", "rented", "type")}
    more = {"order": [["dph_total", "asc"]], "limit": 1, "allocated_storage": 40.0, "external": {"eq": True}}
    api.expect("POST", "/api/v0/bundles/", {"offers": []}, body={**body, **more, "ask_contract_id": {"eq": 9001}})
    offer = {"id": 9001, "max_price": 0.5, "query": {"external": {"eq": True}}}
    refuse("unavailable", "Offer 9001 is gone", offer=offer)


def test_without_a_hint_what_to_relax_is_not_known(api: Api) -> None:
    listed(api)
    api.expect_any("POST", "/api/v0/bundles/", {"offers": []})
    api.expect_any("POST", "/api/v0/bundles/", {"offers": None})
    refuse("unavailable", "nothing was rented. Which criterion to relax is not known.")


@pytest.mark.parametrize(
    ("rows", "error_class", "says"),
    [([], "unavailable", "Offer 9001 is gone"), ([offer_row(dph_base=0.9)], "budget", "max_price is 0.5")],
)
def test_one_offer_that_was_named_may_be_gone_or_too_dear(
    api: Api, rows: list[dict[str, t.Any]], error_class: str, says: str
) -> None:
    listed(api)
    api.expect_any("POST", "/api/v0/bundles/", {"offers": rows})
    refuse(error_class, says, offer={"id": 9001, "max_price": 0.5})
