# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting: instances that are not what was asked for, do not come up, or lose their label."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ..harness import (
    Api,
    offer_row,
    stopped_row,
)
from .rentals import (
    LABEL,
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


def test_a_contract_that_did_not_start_is_destroyed_and_the_next_offer_taken(api: Api) -> None:
    start(api, offer_row(), offer_row(9002, machine_id=502, dph_base=0.4, dph_total=0.42))
    create(api, reply={"success": False, "new_contract": 4700, "instance_api_key": "SECRET-box-key"})
    api.expect_listing(stopped_row(4700), id=4700)
    destroyed(api, 4700)
    create(api, 9002)
    listed(api, box(machine_id=502))
    assert outcomes(rent()) == [("not_started", 4700), ("rented", 4711)]


def test_a_contract_that_did_not_start_and_cannot_be_destroyed_is_named(api: Api) -> None:
    start(api)
    create(api, reply={"success": False, "new_contract": 4700})
    api.expect_listing(id=4700)
    api.expect("DELETE", "/api/v0/instances/4700/", {"success": False, "msg": "no"}, status=403, body={})
    api.expect_listing(stopped_row(4700), id=4700)
    result = refuse("permission", "4700", "bills")
    assert result["instance_id"] == 4700
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("differs", "error_class", "says"),
    [
        ({"gpu_name": "RTX 3060"}, "unavailable", "the GPU is RTX 3060, not RTX 4090"),
        ({"num_gpus": 2}, "unavailable", "it has 2 GPUs, not 1"),
        ({"disk_space": 20.0}, "unavailable", "its disk has 20 GB, not 40"),
        ({"dph_total": 0.61}, "budget", "it costs 0.61 US dollars per hour"),
    ],
)
def test_a_box_that_is_not_what_was_asked_is_destroyed_proven_and_named(
    api: Api, differs: dict[str, t.Any], error_class: str, says: str
) -> None:
    start(api)
    create(api)
    listed(api, loading(**differs))
    destroyed(api)
    result = refuse(error_class, says, "It was destroyed", "No instance that this task rented exists")
    assert outcomes(result) == [("differs", 4711)]
    assert "instance_id" not in result.values


def test_what_a_running_box_does_not_tell_counts_as_different(api: Api) -> None:
    start(api)
    create(api)
    listed(api, box(dph_total=None))
    destroyed(api)
    refuse("budget", "an unknown number of US dollars")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([loading(actual_status="created", status_msg="OCI runtime create failed")] * 7, "cannot be created"),
        ([loading(actual_status="offline")] * 25, "host has not answered"),
        ([loading()] * 121, "it did not run within boot_timeout (600 s)"),
    ],
)
def test_a_dud_is_destroyed_and_the_next_one_is_on_another_machine(
    api: Api, rows: list[dict[str, t.Any]], says: str
) -> None:
    start(api)
    create(api)
    for row in rows:
        listed(api, row)
    logged(api, "pulling\ndenied\n")
    destroyed(api)
    market(api, offer_row(9002, machine_id=502), machine_id={"notin": [501]})
    create(api, 9002, {"success": True, "new_contract": 4712})
    listed(api, box(4712, machine_id=502))
    result = rent(attempts=2)
    assert outcomes(result) == [("failed", 4711), ("rented", 4712)]
    assert says in result["attempts"][0]["reason"]
    assert result["attempts"][0]["log"] == "pulling\ndenied"
    assert result["instance"]["id"] == 4712


def test_the_last_dud_fails_the_task(api: Api) -> None:
    start(api)
    create(api)
    for _poll in range(13):
        listed(api, loading())
    logged(api)
    destroyed(api)
    result = refuse("unavailable", "boot_timeout", "destroyed", boot_timeout=60)
    assert outcomes(result) == [("failed", 4711)]


def test_a_dud_is_kept_when_that_is_asked_for(api: Api) -> None:
    start(api)
    create(api)
    for _poll in range(13):
        listed(api, loading())
    logged(api)
    result = refuse("unavailable", "kept for inspection", "bills", boot_timeout=60, retain_failed=True, attempts=3)
    assert outcomes(result) == [("retained", 4711)]
    assert (result["instance_id"], result["instance"]["id"]) == (4711, 4711)


def test_a_dud_that_cannot_be_destroyed_is_named(api: Api) -> None:
    start(api)
    create(api)
    listed(api, loading(num_gpus=4))
    api.expect("DELETE", "/api/v0/instances/4711/", {"success": False, "msg": "no"}, status=403, body={})
    api.expect_listing(loading(), id=4711)
    result = refuse("permission", "4711", "bills", attempts=2)
    assert result["instance"]["id"] == 4711


def test_the_end_of_wait_timeout_leaves_the_box_and_says_so(api: Api) -> None:
    start(api)
    create(api)
    for _poll in range(5):
        listed(api, loading())
    result = refuse("timeout", "wait_timeout", "Run the task again", wait_timeout=20)
    assert (result["instance_id"], result["changed"]) == (4711, True)


def test_without_waiting_it_is_confirmed_only(api: Api) -> None:
    start(api)
    create(api)
    listed(api)
    api.expect_listing(id=4711)
    listed(api, loading())
    assert rent(wait=False)["instance"]["actual_status"] == "loading"


def test_a_box_that_no_listing_shows_is_named(api: Api, home: pathlib.Path) -> None:
    start(api)
    create(api)
    for _look in range(20):
        listed(api)
        api.expect_listing(id=4711)
    result = refuse("unknown_outcome", "instance 4711", "no listing")
    assert result["instance_id"] == 4711
    assert note(home)["settled"] is False


def test_a_label_that_was_ignored_is_set(api: Api) -> None:
    start(api)
    create(api)
    listed(api)
    api.expect_listing(loading(label=None), id=4711)
    api.expect("PUT", "/api/v0/instances/4711/", {"success": True}, body={"label": LABEL})
    api.expect_listing(loading(), id=4711)
    listed(api, box())
    assert rent()["instance"]["label"] == LABEL


def test_a_label_that_somebody_changes_meanwhile_is_left(api: Api) -> None:
    start(api)
    create(api)
    listed(api, loading())
    listed(api)
    api.expect_listing(box(label="mine"), id=4711)
    assert rent()["instance"]["label"] == "mine"


def unlabelled(api: Api) -> None:
    """Declare a rental whose label is ignored, and cannot be set."""
    start(api)
    create(api)
    listed(api)
    api.expect_listing(loading(label=None), id=4711)
    api.expect("PUT", "/api/v0/instances/4711/", {"success": False, "msg": "no"}, status=403, body={"label": LABEL})
    api.expect_listing(loading(label=None), id=4711)


def test_a_box_that_cannot_be_labelled_is_destroyed_since_no_later_task_would_find_it(api: Api) -> None:
    unlabelled(api)
    destroyed(api)
    result = refuse("permission", "without its label", "It was destroyed", "No instance that this task rented exists")
    assert outcomes(result) == [("unlabelled", 4711)]


def test_one_that_cannot_be_destroyed_either_is_named_with_what_finds_it(api: Api) -> None:
    unlabelled(api)
    api.expect("DELETE", "/api/v0/instances/4711/", {"success": False, "msg": "no"}, status=403, body={})
    api.expect_listing(loading(label=None), id=4711)
    result = refuse("permission", f"Instance 4711 exists without the label {LABEL!r}", "state=absent and id=4711")
    assert "Run the task again to go on with it" not in result["msg"]
    assert (result["instance"]["id"], result["changed"]) == (4711, True)


def test_a_create_that_does_not_say_success_but_names_its_instance_has_rented(api: Api) -> None:
    start(api)
    create(api, reply={"new_contract": 4711})
    listed(api, box())
    assert outcomes(rent()) == [("rented", 4711)]


def test_a_dud_that_somebody_labelled_anew_is_left_alone(api: Api) -> None:
    start(api)
    create(api)
    listed(api, loading())
    listed(api)
    api.expect_listing(loading(num_gpus=4, label="mine"), id=4711)
    says = "Someone else set its label to 'mine' in the meantime, so it was not destroyed", "state=absent and id=4711"
    result = refuse("unavailable", *says, attempts=2)
    assert result["instance_id"] == 4711


def test_what_is_retained_is_told_with_the_price_that_it_has(api: Api) -> None:
    start(api)
    create(api)
    listed(api, box(dph_total=9.9))
    refuse("budget", "kept for inspection", "bills 9.9 US dollars per hour", retain_failed=True)


def test_a_box_that_vanishes_is_destroyed_since_it_may_come_back_and_the_next_is_taken(api: Api) -> None:
    start(api)
    create(api)
    listed(api, loading())
    for _poll in range(3):
        listed(api)
        api.expect_listing(id=4711)
    api.expect(
        "DELETE", "/api/v0/instances/4711/", {"success": False, "error": "no_such_instance"}, status=404, body={}
    )
    api.expect_listing(id=4711)
    market(api, offer_row(9002, machine_id=502), machine_id={"notin": [501]})
    create(api, 9002, {"success": True, "new_contract": 4712})
    listed(api, box(4712, machine_id=502))
    assert outcomes(rent(attempts=2)) == [("vanished", 4711), ("rented", 4712)]


def test_one_that_somebody_stops_is_left_alone(api: Api) -> None:
    start(api)
    create(api)
    listed(api, loading())
    listed(api, stopped_row(machine_id=501, disk_space=40.0))
    assert refuse("unavailable", "stopped by someone else")["instance_id"] == 4711
