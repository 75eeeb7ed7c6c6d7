# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting: several instances under one label, and tasks that run at the same time."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import private_files

from ..harness import (
    Api,
    FakeClock,
)
from .rentals import (
    LOOKS,
    LOST,
    box,
    create,
    destroyed,
    listed,
    loading,
    note,
    outcomes,
    refuse,
    rent,
    start,
)


def test_of_several_whose_age_is_not_told_none_is_destroyed(api: Api) -> None:
    listed(api, box(4711, start_date=1000.0), box(4800, start_date=None))
    refuse("ambiguous", "4711, 4800", "none was destroyed", on_duplicate="destroy_younger")


def test_a_race_with_one_whose_age_is_not_told_destroys_nothing(api: Api) -> None:
    start(api)
    create(api)
    for _look in range(13):
        listed(api, box(4711, start_date=1000.0), box(4800, machine_id=777, start_date=None))
    result = refuse("ambiguous", "4800 does, too, and bills", on_duplicate="destroy_younger")
    assert result["instance_id"] == 4711


def test_who_adopts_another_one_after_a_doubt_is_warned_of_its_own(api: Api) -> None:
    start(api)
    create(api, reply=LOST)
    for _look in range(LOOKS):
        listed(api, box(4800, machine_id=999))
    result = rent()
    assert result["changed"] is False
    assert any("Offer 9001 may have been rented as well" in warning for warning in result.warnings)


def test_the_younger_of_two_that_raced_is_destroyed_by_its_creator_who_adopts_the_older(api: Api) -> None:
    start(api)
    create(api)
    listed(api, loading(start_date=1001.0), loading(4800, start_date=1000.0, machine_id=777))
    destroyed(api)
    api.expect_listing(box(4800, machine_id=777), id=4800)
    result = rent()
    assert (result["instance"]["id"], outcomes(result)) == (4800, [("duplicate", 4711)])
    assert result["changed"] is True
    assert any("is older" in warning for warning in result.warnings)


def test_of_two_that_began_together_the_one_with_the_smaller_id_is_older(api: Api) -> None:
    start(api)
    create(api)
    listed(api, box(), loading(4800, machine_id=777))
    listed(api, box())
    assert rent()["instance"]["id"] == 4711


def test_two_that_stay_are_ambiguous(api: Api, clock: FakeClock) -> None:
    start(api)
    create(api)
    for _look in range(13):
        listed(api, box(), box(4800, machine_id=777, start_date=2000.0))
    result = refuse("ambiguous", "4800", "destroy_younger")
    assert result["instance_id"] == 4711


def test_the_younger_that_stays_is_destroyed_when_the_task_may(api: Api) -> None:
    start(api)
    create(api)
    for _look in range(13):
        listed(api, box(), box(4800, machine_id=777, start_date=2000.0))
    destroyed(api, 4800)
    assert rent(on_duplicate="destroy_younger")["instance"]["id"] == 4711


def test_several_at_the_start_are_ambiguous_unless_the_younger_may_go(api: Api) -> None:
    listed(api, box(1), box(2))
    refuse("ambiguous", "1, 2")
    listed(api, box(1, start_date=5.0), box(2, start_date=4.0))
    destroyed(api, 1)
    result = rent(on_duplicate="destroy_younger")
    assert (result["instance"]["id"], result["changed"]) == (2, True)
    assert result["actions"] == ["destroy instance 1 (train-01): its disk is lost, and it no longer bills"]
    listed(api, box(1, start_date=5.0), box(2, start_date=4.0))
    assert rent(on_duplicate="destroy_younger", check_mode=True)["diff"]["before"] == {"instance 1": "running"}


def test_of_several_younger_ones_what_was_destroyed_is_told_when_another_one_stays(api: Api) -> None:
    listed(api, box(1, start_date=4.0), box(2, start_date=5.0), box(3, start_date=6.0))
    destroyed(api, 2)
    api.expect("DELETE", "/api/v0/instances/3/", {"success": False, "msg": "no"}, status=403, body={})
    api.expect_listing(box(3), id=3)
    result = refuse(
        "permission",
        "Destroyed: instance 2 (train-01).",
        "instance 3 (train-01) was not",
        on_duplicate="destroy_younger",
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("status", "error_class", "times", "looks", "changed"),
    [(403, "permission", 1, 1, False), (200, "leaked", 2, 10, True)],
)
def test_a_younger_one_that_stays_is_named(
    api: Api, status: int, error_class: str, times: int, looks: int, changed: bool
) -> None:
    listed(api, box(1, start_date=4.0), box(2, start_date=5.0))
    for _request in range(times):
        api.expect("DELETE", "/api/v0/instances/2/", {"success": status == 200, "msg": "no"}, status=status, body={})
        for _look in range(looks):
            api.expect_listing(box(2), id=2)
    result = refuse(error_class, "instance 2 (train-01)", "bills", on_duplicate="destroy_younger")
    assert result["changed"] is changed


def test_the_second_of_two_tasks_waits_for_the_first_and_rents_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    tries = iter([BlockingIOError(11, "busy"), BlockingIOError(11, "busy")])
    real = private_files.PrivateFile.locked

    def locked(self: private_files.PrivateFile) -> t.Any:
        if "rent-" in self._name and (error := next(tries, None)) is not None:
            raise error
        return real(self)

    monkeypatch.setattr(private_files.PrivateFile, "locked", locked)
    listed(api)
    listed(api, box())
    result = rent(api_pacing=False)
    assert (result["changed"], result["instance"]["id"]) == (False, 4711)
    assert [warning for warning in result.warnings if "Another task" in warning] != []
    assert clock.slept[:2] == [1.0, 1.0]


def test_the_second_of_two_tasks_waits_no_longer_than_wait_timeout(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(self: private_files.PrivateFile) -> t.NoReturn:
        raise BlockingIOError(11, "busy")

    monkeypatch.setattr(private_files.PrivateFile, "locked", locked)
    listed(api)
    refuse("timeout", "Another task", "Nothing was created", wait_timeout=5, api_pacing=False)


def test_what_the_first_task_rented_since_the_listing_is_seen(api: Api, clock: FakeClock, home: pathlib.Path) -> None:
    start(api)
    create(api)
    listed(api, box())
    rent()
    path = next((home / ".cache" / "ansible-vastai-cloud").glob("rent-*.json"))
    path.write_text(json.dumps({**note(home), "at": clock.seconds + 1}))
    listed(api)
    listed(api, box())
    assert rent()["changed"] is False


def test_without_a_home_it_goes_on_with_a_warning(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("VAST_API_KEY", "x")
    start(api)
    create(api)
    listed(api, box())
    assert any("not a directory" in warning for warning in rent().warnings)
