# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_fleet: instances that vanish or get another label meanwhile."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import Api
from .fleets import (
    LOST,
    expect_bulk,
    expect_look,
    failure,
    name,
    off,
    stop,
    stopping,
    told,
    up,
)


@pytest.mark.parametrize("state", ["stopped", "running"])
@pytest.mark.parametrize("reply", [None, LOST])
def test_an_instance_that_vanishes_before_the_change_fails_and_the_others_go_on(
    api: Api, state: str, reply: t.Any
) -> None:
    before, after = (up, off) if state == "stopped" else (off, up)
    api.expect_listing(before(1), before(2), before(3))
    expect_bulk(api, state, [1, 2, 3], reply)
    expect_look(api, [1, 2, 3], after(1), after(3))
    # What may be queued is not given up for one listing that lacks it.
    for _poll in range(2 if state == "running" else 0):
        expect_look(api, [2])
    result = failure("not_found", f"1 of 3 instances failed. {name(2)} no longer exists", "Last seen", state=state)
    assert told(result) == {1: None, 2: "not_found", 3: None}
    assert result["instances"][1]["after"] == result["instances"][1]["before"]


def test_an_instance_that_vanishes_while_waiting_fails_and_the_others_go_on(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2])
    expect_look(api, [1, 2], stopping(1), stopping(2))
    expect_look(api, [1, 2], stopping(1))
    expect_look(api, [1], off(1))
    result = failure("not_found", f"{name(2)} no longer exists", state="stopped")
    assert told(result) == {1: None, 2: "not_found"}


def test_an_instance_whose_label_changes_meanwhile_is_followed_by_its_id(api: Api) -> None:
    api.expect_listing(up(1), up(2))
    expect_bulk(api, "stopped", [1, 2])
    expect_look(api, [1, 2], off(1), up(2, label="prod", intended_status="stopped"))
    expect_look(api, [2], off(2, label="prod"))
    result = stop()
    assert [each["label"] for each in result["instances"]] == ["dev-1", "prod"]
    assert result["actions"] == [f"stop {name(1)}", f"stop {name(2)}"]


def test_a_failure_of_an_instance_whose_label_changed_is_found_by_its_old_name(api: Api) -> None:
    api.expect_listing(up(1))
    expect_bulk(api, "stopped", [1])
    expect_look(api, [1], up(1, label="prod", intended_status="stopped"))
    expect_look(api, [1])
    failure("not_found", f"{name(1)} no longer exists", state="stopped")
