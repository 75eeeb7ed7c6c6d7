# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet: stopping many by their number instead of by their rows (F3.1)."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import Api, FakeClock, listing
from .fleets import (
    IDS_IN_A_CHANGE,
    LIST,
    Row,
    changed,
    expect_bulk,
    expect_look,
    expect_pages,
    failure,
    off,
    stop,
    stopping,
    told,
    up,
)

IDS_AT_ONCE = 200


def expect_looks_at_all(api: Api, rows: list[Row]) -> None:
    """Declare one shared look at more than one page, or one address, holds."""
    for first in range(0, len(rows), IDS_AT_ONCE):
        some = rows[first : first + IDS_AT_ONCE]
        expect_pages(api, {"id": {"in": [row["id"] for row in some]}}, some)


SHOWN = {"intended_status": {"eq": "stopped"}}
NOT_SHOWN = {"intended_status": {"neq": "stopped"}}
THERE = {**SHOWN, "cur_state": {"eq": "stopped"}, "next_state": {"eq": "stopped"}, "actual_status": {"eq": "exited"}}
NOT_THERE = {"cur_state": {"neq": "stopped"}}


def expect_count(api: Api, ids: list[int], filters: Row, total: t.Any, **more: t.Any) -> None:
    """Declare the question how many match."""
    query = {"select_filters": {"id": {"in": ids}, **filters}, "limit": 1}
    api.expect("GET", LIST, listing(total_instances=total), query=query, **more)


def expect_counts(api: Api, ids: list[int], filters: Row) -> None:
    """Declare that all of them match, in as many questions as addresses hold."""
    for first in range(0, len(ids), IDS_AT_ONCE):
        some = ids[first : first + IDS_AT_ONCE]
        expect_count(api, some, filters, len(some))


@pytest.mark.parametrize(("count", "pages", "questions"), [(26, 2, 1), (200, 8, 1), (201, 9, 2), (500, 20, 3)])
def test_stopping_many_costs_their_listing_their_changes_and_a_few_questions(
    api: Api, count: int, pages: int, questions: int
) -> None:
    ids = list(range(1, count + 1))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_counts(api, ids, SHOWN)
    expect_counts(api, ids, THERE)
    result = stop()
    assert changed(result) == ids
    assert {tuple(each["after"].values()) for each in result["instances"]} == {("exited", "stopped", "stopped")}
    assert len(api.calls) == pages + -(-count // IDS_IN_A_CHANGE) + 2 * questions


def test_stopping_as_many_as_a_page_holds_reads_their_rows(api: Api) -> None:
    ids = list(range(1, 26))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_looks_at_all(api, list(map(stopping, ids)))
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


def expect_30(api: Api) -> list[int]:
    """Thirty that are told to stop, and show it."""
    ids = list(range(1, 31))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    return ids


def test_of_many_only_those_that_are_not_there_yet_are_read(api: Api) -> None:
    ids = expect_30(api)
    expect_count(api, ids, SHOWN, 28)
    expect_count(api, ids, NOT_SHOWN, 2)
    expect_pages(api, {"id": {"in": ids}, **NOT_SHOWN}, [up(3), up(4)])
    expect_look(api, [3, 4], stopping(3), stopping(4))
    expect_count(api, ids, THERE, 29)
    expect_count(api, ids, NOT_THERE, 1)
    expect_pages(api, {"id": {"in": ids}, **NOT_THERE}, [stopping(30)])
    expect_look(api, [30], off(30))
    assert changed(stop()) == ids


def test_of_too_many_that_are_not_there_yet_only_the_number_is_asked_for(api: Api) -> None:
    ids = list(range(1, 61))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_counts(api, ids, SHOWN)
    for _poll in range(2):
        expect_count(api, ids, THERE, 0)
        expect_count(api, ids, NOT_THERE, 60)
    expect_counts(api, ids, THERE)
    assert changed(stop()) == ids


def test_now_and_then_all_rows_are_read_since_one_may_never_get_there(api: Api) -> None:
    ids = list(range(1, 61))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    expect_counts(api, ids, SHOWN)
    expect_count(api, ids, THERE, 0)
    expect_count(api, ids, NOT_THERE, 60)
    expect_looks_at_all(api, [*map(off, ids[:-1]), up(60, intended_status="running")])
    result = failure("unavailable", "it was set to running by someone else", state="stopped", wait_interval=40)
    assert told(result)[60] == "unavailable"


@pytest.mark.parametrize(("shown", "other"), [(28, 1), (31, 0), (-1, 0), (None, 0), ("30", 0), (28, 3)])
def test_numbers_that_do_not_add_up_are_not_believed(api: Api, shown: t.Any, other: int) -> None:
    ids = expect_30(api)
    expect_count(api, ids, SHOWN, shown)
    expect_count(api, ids, NOT_SHOWN, other)
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


def test_rows_that_do_not_fit_their_number_are_not_believed(api: Api) -> None:
    ids = expect_30(api)
    expect_count(api, ids, SHOWN, 28)
    expect_count(api, ids, NOT_SHOWN, 2)
    expect_pages(api, {"id": {"in": ids}, **NOT_SHOWN}, [up(3), up(99)])
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


def test_where_the_api_does_not_filter_by_a_column_the_complete_listing_decides(api: Api) -> None:
    ids = expect_30(api)
    refused = {"success": False, "error": "invalid_request", "msg": "intended_status is not a valid search key"}
    query = {"select_filters": {"id": {"in": ids}, **SHOWN}, "limit": 1}
    api.expect("GET", LIST, refused, status=400, query=query)
    expect_looks_at_all(api, list(map(stopping, ids)))
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop()) == ids


@pytest.mark.parametrize(("count", "pages"), [(26, 2), (500, 20)])
def test_the_second_run_costs_the_listing_at_the_pace_of_the_api_and_no_write(
    api: Api, clock: FakeClock, count: int, pages: int
) -> None:
    expect_pages(api, {}, list(map(off, range(1, count + 1))))
    assert changed(stop()) == []
    assert {method for method, _url in api.calls} == {"GET"}
    assert len(api.calls) == pages
    assert sum(clock.slept) == pytest.approx(1.05 * (pages - 1))


def test_a_bulk_change_of_many_that_shows_late_is_not_sent_again(api: Api) -> None:
    ids = list(range(1, 501))
    expect_pages(api, {}, list(map(up, ids)))
    expect_bulk(api, "stopped", ids)
    for first in range(0, 500, IDS_AT_ONCE):
        some = ids[first : first + IDS_AT_ONCE]
        expect_count(api, some, SHOWN, 0)
        expect_count(api, some, NOT_SHOWN, len(some))
    expect_counts(api, ids, SHOWN)
    expect_counts(api, ids, THERE)
    assert changed(stop()) == ids
    assert sum(method == "PUT" for method, _url in api.calls) == 8


def test_500_chosen_by_id_are_not_written_into_one_address(api: Api) -> None:
    ids = list(range(1, 501))
    expect_looks_at_all(api, list(map(off, ids)))
    assert changed(stop(select={"ids": ids})) == []
