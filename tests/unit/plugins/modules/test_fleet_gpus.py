# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet: starts for which there is no GPU, and their cancellation."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import Api, list_query
from .fleets import (
    LIST,
    LOST,
    TAKEN,
    changed,
    expect_bulk,
    expect_look,
    expect_put,
    failure,
    messages,
    name,
    off,
    queued,
    start,
    started,
    told,
    up,
)


def expect_taken_for_three(api: Api) -> None:
    """Ten are started, and three find no GPU."""
    ids, taken = list(range(1, 11)), [3, 6, 9]
    api.expect_listing(*map(off, ids))
    expect_bulk(api, "running", ids, TAKEN)
    expect_look(api, ids, *[queued(number) if number in taken else started(number) for number in ids])
    expect_look(api, taken, *map(queued, taken))
    expect_look(api, taken, *map(queued, taken))


def test_a_gpu_that_is_taken_for_three_of_ten_fails_those_and_takes_them_back(api: Api) -> None:
    taken, others = [3, 6, 9], [1, 2, 4, 5, 7, 8, 10]
    expect_taken_for_three(api)
    for number in taken:
        expect_put(api, number, "running", TAKEN)
    expect_look(api, taken, *map(queued, taken))
    expect_look(api, others, *map(up, others))
    expect_bulk(api, "stopped", taken)
    expect_look(api, taken, *map(off, taken))
    result = failure("unavailable", "3 of 10 instances failed. ", *map(name, taken), state="running")
    assert changed(result) == others
    assert told(result) == {number: "unavailable" if number in taken else None for number in range(1, 11)}
    for number in taken:
        assert messages(result)[number].startswith(f"{name(number)} cannot start now because its GPU is taken. ")
        assert f"The queued start of {name(number)} was cancelled (state=stopped)" in messages(result)[number]
    assert {each["after"]["intended_status"] for each in result["instances"] if each["failed"]} == {"stopped"}
    assert (result["error"], result["status_code"]) == ("resources_unavailable", 200)
    assert result["url"] == "https://vast.test/api/v0/instances/3/"


def test_a_gpu_that_is_free_when_it_is_asked_for_alone_is_used(api: Api) -> None:
    everybody = list(range(1, 11))
    expect_taken_for_three(api)
    for number in (3, 6, 9):
        expect_put(api, number, "running")
    expect_look(api, [3, 6, 9], *map(started, (3, 6, 9)))
    expect_look(api, everybody, *map(up, everybody))
    assert changed(start()) == everybody


def test_a_queued_start_is_taken_back_without_waiting_too(api: Api) -> None:
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2], TAKEN)
    expect_look(api, [1, 2], started(1), off(2))
    expect_look(api, [2], off(2))
    expect_look(api, [2], off(2))
    expect_put(api, 2, "running", TAKEN)
    expect_look(api, [2], off(2))
    expect_bulk(api, "stopped", [2])
    expect_look(api, [2], off(2))
    result = failure("unavailable", "was cancelled", state="running", wait=False)
    assert changed(result) == [1]


def test_taking_back_a_start_that_was_queued_before_is_a_change(api: Api) -> None:
    api.expect_listing(queued(1))
    expect_bulk(api, "running", [1], TAKEN)
    expect_look(api, [1], queued(1))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], off(1))
    assert changed(failure("unavailable", "was cancelled", state="running")) == [1]


def expect_queued(api: Api) -> None:
    """One is started, and finds no GPU."""
    api.expect_listing(off(1))
    expect_bulk(api, "running", [1], TAKEN)
    expect_look(api, [1], queued(1))


def test_a_take_back_that_is_refused_is_told_once_with_what_to_do(api: Api) -> None:
    expect_queued(api)
    for _attempt in range(3):
        expect_bulk(api, "stopped", [1], {"success": False, "msg": "Not allowed"}, status=403)
        expect_look(api, [1], queued(1))
    result = failure(
        "unavailable",
        f"Cancelling the queued start of {name(1)} could NOT be confirmed: ",
        "Not allowed",
        "It may start and bill later. Run state=stopped on it until that succeeds.",
        state="running",
    )
    assert result["msg"].count("could NOT be confirmed") == 1
    assert changed(result) == [1]


@pytest.mark.parametrize("reply", [None, LOST])
def test_a_cancellation_that_does_not_show_is_repeated_and_then_told(api: Api, reply: t.Any) -> None:
    expect_queued(api)
    for _attempt in range(3):
        expect_put(api, 1, "stopped", reply)
        for _look in range(3):
            expect_look(api, [1], queued(1))
    result = failure("unavailable", "could NOT be confirmed", "bill later", state="running")
    assert result["instances"][0]["after"]["intended_status"] == "running"


def test_a_take_back_that_shows_only_when_it_is_sent_alone_is_confirmed(api: Api) -> None:
    expect_queued(api)
    expect_bulk(api, "stopped", [1])
    for _look in range(3):
        expect_look(api, [1], queued(1))
    expect_put(api, 1, "stopped")
    expect_look(api, [1], off(1))
    failure("unavailable", "was cancelled", state="running")


def test_a_start_is_taken_back_too_when_the_look_after_its_refusal_fails(api: Api) -> None:
    api.expect_listing(off(1))
    expect_bulk(api, "running", [1], TAKEN)
    api.expect("GET", LIST, {"msg": "boom"}, status=500, query=list_query({"id": {"eq": 1}}))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], off(1))
    failure("unavailable", "state change queued", "boom", "was cancelled", state="running")


def test_an_instance_that_goes_while_its_start_is_refused_is_not_written_to(api: Api) -> None:
    api.expect_listing(off(1))
    expect_bulk(api, "running", [1], TAKEN)
    for _poll in range(3):
        expect_look(api, [1])
    failure("not_found", f"{name(1)} no longer exists", state="running")
