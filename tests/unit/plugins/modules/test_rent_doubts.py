# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting: replies that are lost or say nothing, what an earlier task left in doubt, and what is remembered (F3.5)."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import private_files

from ..harness import (
    Api,
    FakeClock,
    list_query,
    offer_row,
    stopped_row,
)
from .rentals import (
    LABEL,
    LOOKS,
    LOST,
    box,
    create,
    destroyed,
    left_in_doubt,
    listed,
    loading,
    market,
    note,
    outcomes,
    refuse,
    rent,
    start,
    with_box,
)


def test_a_lost_reply_is_looked_up_and_the_one_that_carries_the_label_adopted(api: Api, home: pathlib.Path) -> None:
    start(api)
    create(api, reply=LOST)
    listed(api)
    listed(api, loading())
    listed(api, box())
    result = rent()
    assert outcomes(result) == [("rented", 4711)]
    assert note(home)["settled"] is True


@pytest.mark.parametrize(
    ("reply", "status"),
    [(LOST, 200), ({"success": False, "error": "insert_failed", "msg": "failed"}, 500), ("<html>", 502)],
)
def test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented(
    api: Api, clock: FakeClock, home: pathlib.Path, reply: t.Any, status: int
) -> None:
    start(api, offer_row(), offer_row(9002, machine_id=502))
    create(api, reply=reply, status=status)
    for _look in range(LOOKS):
        listed(api)
    result = refuse("unknown_outcome", "train-01", "9001", "no other offer was taken")
    assert sum(clock.slept) == pytest.approx(60, abs=1)
    assert note(home) == {"label": LABEL, "offer_id": 9001, "at": pytest.approx(1_000_000, abs=5), "settled": False}
    assert outcomes(result) == [("unknown", None)]
    assert result["changed"] is True


def test_a_success_without_an_id_is_a_doubt(api: Api) -> None:
    start(api)
    create(api, reply={"success": True})
    listed(api, box())
    assert outcomes(rent(wait_timeout=900)) == [("rented", 4711)]


def test_several_after_a_doubt_are_named_and_left(api: Api) -> None:
    start(api)
    create(api, reply=LOST)
    listed(api, box(1), box(2))
    refuse("ambiguous", "1, 2", "bill")


def test_several_of_other_machines_after_a_doubt_leave_it_a_doubt(api: Api, home: pathlib.Path) -> None:
    start(api)
    create(api, reply=LOST)
    for _look in range(LOOKS):
        listed(api, box(4800, machine_id=998), box(4801, machine_id=999))
    result = refuse("ambiguous", "4800, 4801", "Offer 9001 may have been rented")
    assert (result["changed"], outcomes(result)) == (True, [("unknown", None)])
    assert note(home)["settled"] is False


def test_only_a_box_of_another_machine_after_a_doubt_is_somebody_elses_and_adopted(
    api: Api, home: pathlib.Path
) -> None:
    start(api)
    create(api, reply=LOST)
    for _look in range(LOOKS):
        listed(api, box(4800, machine_id=999))
    result = rent()
    assert (result["instance"]["id"], outcomes(result)) == (4800, [("adopted", None)])
    assert note(home)["settled"] is False


def test_the_own_box_that_shows_later_than_that_of_another_machine_is_the_younger(api: Api) -> None:
    start(api)
    create(api, reply=LOST)
    listed(api, box(4800, machine_id=999))
    listed(api, box(4800, machine_id=999), box(4801, start_date=1001.0))
    destroyed(api, 4801)
    result = rent()
    assert (result["instance"]["id"], outcomes(result)) == (4800, [("duplicate", 4801)])


def test_what_is_adopted_and_cannot_run_fails_with_what_was_rented(api: Api) -> None:
    start(api)
    create(api)
    listed(api, loading(start_date=1001.0), stopped_row(4800, start_date=1000.0, machine_id=777))
    destroyed(api)
    for state, polls in (("running", 3), ("stopped", 1)):
        api.expect("PUT", "/api/v0/instances/4800/", {"success": False, "msg": "no"}, status=403, body={"state": state})
        for _poll in range(polls):
            api.expect_listing(stopped_row(4800, machine_id=777), id=4800)
    result = refuse("permission")
    assert (outcomes(result), result["changed"]) == ([("duplicate", 4711)], True)


def test_an_earlier_doubt_that_no_listing_can_settle_keeps_the_task_from_renting(api: Api) -> None:
    left_in_doubt(api)
    listed(api)
    query = list_query({"label": {"eq": LABEL}})
    for _look in range(LOOKS):
        api.expect("GET", "/api/v1/instances/", {"success": True, "instances": None}, query=query)
    refuse("protocol", "is not valid")


def test_several_after_an_earlier_doubt_are_ambiguous(api: Api) -> None:
    left_in_doubt(api)
    listed(api)
    listed(api, box(1), box(2))
    refuse("ambiguous", "1, 2")


def test_a_file_with_something_else_in_it_is_no_memory(api: Api, home: pathlib.Path) -> None:
    with_box(api)
    rent()
    path = next((home / ".cache" / "ansible-vastai-cloud").glob("rent-*.json"))
    for content in ("[]", "{}", "no json", json.dumps({**note(home), "label": "other", "settled": False})):
        path.write_text(content)
        with_box(api)
        assert rent()["changed"] is True


def test_a_memory_that_cannot_be_written_is_warned_about(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(_content: t.Any, _data: bytes) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_files.Content, "save", save)
    with_box(api)
    assert any("could not be recorded" in warning for warning in rent().warnings)


def test_a_doubt_that_cannot_be_looked_up_stays_one(api: Api) -> None:
    start(api)
    create(api, reply=LOST)
    for _look in range(LOOKS):
        api.expect(
            "GET",
            "/api/v1/instances/",
            {"success": True, "instances": None},
            query=list_query({"label": {"eq": LABEL}}),
        )
    refuse("unknown_outcome", "is not valid")


def test_the_next_run_looks_longer_before_it_rents_after_a_doubt(api: Api, clock: FakeClock) -> None:
    left_in_doubt(api)
    listed(api)
    listed(api)
    listed(api, box())
    result = rent()
    assert result["changed"] is False
    assert any("outcome is not known" in warning for warning in result.warnings)


def test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api: Api) -> None:
    left_in_doubt(api)


@pytest.mark.parametrize("reply", [{"success": False}, {"success": False, "msg": "Try later"}])
def test_a_no_without_a_reason_may_have_rented_all_the_same(api: Api, reply: t.Any) -> None:
    start(api)
    create(api, reply=reply)
    listed(api)
    listed(api, box())
    assert outcomes(rent()) == [("rented", 4711)]


def test_after_a_minute_without_it_the_next_run_rents(api: Api) -> None:
    left_in_doubt(api)
    listed(api)
    for _look in range(LOOKS):
        listed(api)
    market(api, offer_row(9002))
    create(api, 9002)
    listed(api, box())
    assert outcomes(rent()) == [("rented", 4711)]


def test_after_a_minute_without_it_no_later_run_looks_again(api: Api, home: pathlib.Path) -> None:
    left_in_doubt(api)
    listed(api)
    for _look in range(LOOKS):
        listed(api)
    market(api)
    api.expect_any("POST", "/api/v0/bundles/", {"offers": []})
    refuse("unavailable", "nothing was rented")
    assert note(home)["settled"] is True
    start(api, offer_row(9002))
    create(api, 9002)
    listed(api, box())
    assert outcomes(rent()) == [("rented", 4711)]


def test_after_ten_minutes_a_doubt_is_none(api: Api, clock: FakeClock) -> None:
    left_in_doubt(api)
    clock.sleep(600)
    start(api)
    create(api)
    listed(api, box())
    assert rent()["changed"] is True
