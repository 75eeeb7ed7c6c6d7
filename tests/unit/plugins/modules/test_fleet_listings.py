# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet: listings that are wrong in the middle, strange labels, states of tomorrow."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import Api, FakeClock, list_query, listing, succeed
from .fleets import (
    LIST,
    changed,
    expect_bulk,
    expect_endpoints,
    expect_look,
    expect_recycle,
    failure,
    off,
    page,
    recycle,
    renewed,
    start,
    stop,
    up,
)


def expect_page(api: Api, number: int, reply: t.Any, **more: t.Any) -> None:
    after = {} if number == 1 else {"after_token": f"t{number - 1}"}
    api.expect("GET", LIST, reply, query=list_query({}, **after), **more)


@pytest.mark.parametrize("state", ["stopped", "running", "restarted", "recycled", "absent"])
@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("status", "reply", "error_class", "says"),
    [
        pytest.param(
            404, {"error": "auth_error", "msg": "Invalid user key"}, "auth", "The API key is wrong", id="bad key"
        ),
        pytest.param(500, {"msg": "boom"}, "server", "boom", id="fails"),
        pytest.param(
            400, {"success": False, "error": "invalid_token", "msg": "bad token"}, "invalid", "bad token", id="refused"
        ),
        pytest.param(200, page(1), "protocol", "page 2 lists instance 1 a second time", id="repeats"),
        pytest.param(
            200, page(2, next_token="t1"), "protocol", "page 2 does not name a new page", id="repeats its token"
        ),
        pytest.param(200, page(2, next_token=None), "protocol", "announces 8 instances and shows 4", id="ends early"),
        pytest.param(200, {"success": True}, "protocol", "page 2 has no list of instances", id="malformed"),
        pytest.param(200, b"<html>", "protocol", "an HTML page", id="html"),
        pytest.param(200, listing({"label": "dev-3"}), "protocol", "page 2 has a row without an id", id="no id"),
    ],
)
def test_nothing_is_sent_when_page_2_of_4_is_wrong(
    api: Api, status: int, reply: t.Any, error_class: str, says: str, check_mode: bool, state: str
) -> None:
    expect_page(api, 1, page(1))
    expect_page(api, 2, reply, status=status)
    result = failure(error_class, says, state=state, max_affected=99, check_mode=check_mode)
    assert "instances" not in result.values


def test_a_rate_limit_in_the_middle_of_the_listing_is_waited_out(api: Api, clock: FakeClock) -> None:
    expect_page(api, 1, page(1))
    expect_page(api, 2, "too frequent endpoint threshold=3.0", status=429)
    for number in (2, 3, 4):
        expect_page(api, number, page(number))
    assert changed(stop(check_mode=True)) == list(range(1, 9))
    assert sum(clock.slept) >= 3.0 + 2 * 3.0


STRANGE = [None, "", "grün / 1", "{{ lookup('env', 'HOME') }}", "a b", "日本", 'it\'s "x"']


def test_labels_of_every_kind_are_returned_as_they_are(api: Api) -> None:
    ids = list(range(1, len(STRANGE) + 1))
    api.expect_listing(*[up(number, label=label) for number, label in zip(ids, STRANGE, strict=True)])
    expect_endpoints(api)
    expect_bulk(api, "stopped", ids)
    expect_look(api, ids, *[off(number, label=label) for number, label in zip(ids, STRANGE, strict=True)])
    result = succeed("vast_fleet", select={"all": True}, state="stopped")
    assert [each["label"] for each in result["instances"]] == [label or None for label in STRANGE]
    assert result["actions"][:3] == ["stop instance 1", "stop instance 2", "stop instance 3 (grün / 1)"]
    assert "instance 4 ({{ lookup('env', 'HOME') }})" in result["diff"]["before"]


@pytest.mark.parametrize("label", [label for label in STRANGE if label])
def test_a_label_of_any_kind_selects_and_excludes(api: Api, label: str) -> None:
    api.expect_listing(up(1, label=label), label=[label])
    result = succeed("vast_fleet", select={"label": [label]}, state="stopped", check_mode=True)
    assert changed(result) == [1]
    api.expect_listing(up(1, label=label), up(2))
    exclude = {"label": [label]}
    result = succeed("vast_fleet", select={"all": True}, exclude=exclude, state="stopped", check_mode=True)
    assert changed(result) == [2]


def test_a_status_of_tomorrow_is_waited_on_and_warned_of_once(api: Api) -> None:
    api.expect_listing(off(1), off(2))
    expect_bulk(api, "running", [1, 2])
    thawing = [up(number, actual_status="Thawing") for number in (1, 2)]
    expect_look(api, [1, 2], *thawing)
    expect_look(api, [1, 2], *thawing)
    expect_look(api, [1, 2], up(1), up(2))
    (warning,) = start().warnings
    assert "a status that this collection does not know; kept waiting: 'thawing'." in warning


def test_a_status_of_tomorrow_is_warned_of_once_over_all_batches(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    for number in (1, 2):
        if number == 2:
            expect_look(api, [2], up(2))
        expect_recycle(api, number)
        expect_look(api, [number], up(number, actual_status="thawing"))
        expect_look(api, [number], renewed(number))
    (warning,) = recycle().warnings
    assert "thawing" in warning
