# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet in batches: each recycles or restarts only when the last one runs again."""

from __future__ import annotations

import signal

import pytest

from ..harness import Api, FakeClock, list_query
from .fleets import (
    LIST,
    LOST,
    Row,
    changed,
    expect_look,
    expect_recycle,
    failure,
    loading,
    messages,
    name,
    off,
    queued,
    recycle,
    renewed,
    stopping,
    told,
    up,
)


def recycling(number: int) -> Row:
    return up(number, actual_status="recycling", ports=None)


def test_recycles_one_after_the_other_each_only_when_the_last_one_runs(api: Api, clock: FakeClock) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1)
    expect_look(api, [1], recycling(1))
    expect_look(api, [1], loading(1))
    expect_look(api, [1], renewed(1))
    expect_look(api, [2], up(2))
    expect_recycle(api, 2)
    expect_look(api, [2], renewed(2))
    result = recycle()
    assert changed(result) == [1, 2]
    assert [action.partition(":")[0] for action in result["actions"]] == [f"recycle {name(1)}", f"recycle {name(2)}"]
    assert all("its file system is lost" in action for action in result["actions"])
    assert messages(result) == {1: "", 2: ""}
    assert clock.slept == pytest.approx([1.06, 5.0, 5.0, 1.05, 1.06])


@pytest.mark.parametrize(
    "now",
    [up(2, label="alice-keep"), off(2), stopping(2), up(2)],
    ids=["labelled", "stopped", "being stopped", "healed"],
)
def test_what_somebody_changed_before_its_turn_is_not_recycled(api: Api, now: Row) -> None:
    healed = now["label"] == "dev-2" and now["intended_status"] == "running"
    api.expect_listing(up(1), up(2, actual_status="unknown") if healed else up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    expect_look(api, [2], now)
    says = f"{name(2)} was changed by someone else before its turn, so it was not recycled; nothing was sent to it"
    result = failure("unavailable", says, state="recycled")
    assert changed(result) == [1]
    assert messages(result)[3] == f"Skipped: {name(2)} failed."


def test_a_signal_between_two_batches_says_what_was_done_and_sends_nothing_more(
    api: Api, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    sleep = clock.sleep

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        # The listing has to wait for its turn after that of the batch before.
        if len(clock.slept) == 2:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(clock, "sleep", interrupted)
    api.expect_listing(up(1), up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    says = f"Interrupted by SIGTERM: {name(2)} was not finished; nothing had been sent to it."
    result = failure("timeout", says, state="recycled")
    assert changed(result) == [1]
    assert messages(result)[3] == f"Skipped: {name(2)} failed."


def test_one_that_is_gone_before_its_turn_is_told_and_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    expect_look(api, [2])
    result = failure("not_found", f"{name(2)} no longer exists", state="recycled")
    assert messages(result)[3] == f"Skipped: {name(2)} failed."


def test_a_batch_is_recycled_together_and_polled_together(api: Api) -> None:
    api.expect_listing(up(1), off(2), up(3), up(4))
    expect_recycle(api, 1)
    expect_recycle(api, 3)
    expect_look(api, [1, 3], recycling(1), renewed(3))
    expect_look(api, [1], renewed(1))
    expect_look(api, [4], up(4))
    expect_recycle(api, 4)
    expect_look(api, [4], renewed(4))
    assert changed(recycle(batch=2)) == [1, 3, 4]


def test_a_recycle_without_a_sign_is_no_success_and_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1)
    for _poll in range(10 + 2):
        expect_look(api, [1], up(1))
    result = failure("unknown_outcome", f"{name(1)} still shows", "no sign", state="recycled", wait_interval=40)
    assert messages(result)[2] == f"Skipped: {name(1)} failed."


REFUSED = {"success": False, "error": "invalid_id", "msg": "Invalid instance id."}


def test_a_recycle_that_is_refused_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2), up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    expect_look(api, [2], up(2))
    expect_recycle(api, 2, REFUSED, status=400)
    expect_look(api, [2], up(2))
    result = failure("not_found", f"1 of 3 instances failed. {name(2)}: ", "Invalid instance id", state="recycled")
    assert told(result) == {1: None, 2: "not_found", 3: None}
    assert changed(result) == [1]
    assert messages(result)[3] == f"Skipped: {name(2)} failed."
    assert result["instances"][2]["action"] is not None


@pytest.mark.parametrize("refused", [1, 2])
def test_a_refusal_within_a_batch_stops_its_rest_and_those_sent_are_waited_for(api: Api, refused: int) -> None:
    api.expect_listing(up(1), up(2), up(3), up(4))
    if refused == 2:
        expect_recycle(api, 1)
    expect_recycle(api, refused, REFUSED, status=400)
    expect_look(api, list(range(1, refused + 1)), *([renewed(1)] if refused == 2 else []), up(refused))
    result = failure("not_found", state="recycled", batch=3)
    assert changed(result) == [1] * (refused - 1)
    untouched = [number for number, msg in messages(result).items() if "Skipped: " in msg]
    assert untouched == list(range(refused + 1, 5))


@pytest.mark.parametrize(
    ("looks", "error_class", "says"),
    [
        ([[up(1, actual_status="exited")]] * 3, "unavailable", "its container exited on its own"),
        ([[]], "not_found", "no longer exists"),
        ([[loading(1)]] * 5, "timeout", "was not running within wait_timeout (1200 s)"),
    ],
)
def test_one_that_does_not_come_back_stops_the_rest(
    api: Api, looks: list[list[Row]], error_class: str, says: str
) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1)
    for rows in looks:
        expect_look(api, [1], *rows)
    options = {"wait_interval": 350, "wait_timeout": 1200}
    result = failure(error_class, f"{name(1)} ", says, state="recycled", **options)
    assert told(result) == {1: error_class, 2: None}
    assert changed(result) == [1]
    assert messages(result)[2] == f"Skipped: {name(1)} failed."


@pytest.mark.parametrize("sign", [recycling(1), renewed(1)])
def test_a_lost_recycle_with_a_sign_counts_and_is_not_sent_again(api: Api, sign: Row) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1, LOST)
    expect_look(api, [1], up(1))
    expect_look(api, [1], sign)
    if sign["actual_status"] == "recycling":
        expect_look(api, [1], renewed(1))
    expect_look(api, [2], up(2))
    expect_recycle(api, 2)
    expect_look(api, [2], renewed(2))
    result = recycle()
    assert changed(result) == [1, 2]
    assert told(result) == {1: None, 2: None}


def test_a_lost_recycle_without_a_sign_is_not_sent_again_and_stops_the_rest(api: Api, clock: FakeClock) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1, LOST)
    for _look in range(10):
        expect_look(api, [1], up(1))
    result = failure(
        "unknown_outcome",
        "It may have been carried out",
        f"{name(1)} still does not report container=new; nothing was sent again.",
        state="recycled",
    )
    assert told(result) == {1: "unknown_outcome", 2: None}
    assert "Skipped: " in messages(result)[2]
    assert sum(clock.slept) == pytest.approx(20.0, abs=0.1)


def test_a_lost_recycle_that_cannot_be_looked_at_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_recycle(api, 1, LOST)
    api.expect("GET", LIST, {"msg": "boom"}, status=500, query=list_query({"id": {"eq": 1}}))
    result = failure("server", "boom", f"{name(1)} could not be polled", state="recycled")
    assert changed(result) == [1]


def test_those_without_a_gpu_are_left_alone_and_told_why(api: Api) -> None:
    api.expect_listing(off(1), queued(2), stopping(3), up(4))
    expect_recycle(api, 4)
    expect_look(api, [4], renewed(4))
    result = recycle()
    assert changed(result) == [4]
    notes = messages(result)
    assert f"Skipped: {name(1)} is stopped; " in notes[1]
    assert f"Skipped: {name(2)} is waiting for its GPU; " in notes[2]
    assert f"Skipped: {name(3)} is being stopped; " in notes[3]


def test_one_that_is_under_way_is_not_sent_again_and_waited_for_before_the_next(api: Api) -> None:
    api.expect_listing(up(1), recycling(2), loading(3))
    expect_look(api, [2, 3], renewed(2), loading(3))
    expect_look(api, [3], up(3))
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    result = recycle()
    assert changed(result) == [1]
    assert messages(result)[2] == f"{name(2)} is being recycled already."


def test_one_that_is_under_way_and_does_not_come_back_stops_the_rest(api: Api) -> None:
    api.expect_listing(up(1), recycling(2))
    expect_look(api, [2], recycling(2))
    expect_look(api, [2], recycling(2))
    result = failure("timeout", f"{name(2)} was not running", state="recycled", wait_timeout=10)
    assert told(result) == {1: None, 2: "timeout"}
    assert messages(result)[1] == f"Skipped: {name(2)} failed."
    assert changed(result) == []


def test_a_recycle_refused_for_its_pace_is_sent_again_since_it_was_not_carried_out(api: Api) -> None:
    api.expect_listing(up(1))
    expect_recycle(api, 1, "API requests too frequent", status=429)
    expect_recycle(api, 1)
    expect_look(api, [1], renewed(1))
    assert changed(recycle()) == [1]
