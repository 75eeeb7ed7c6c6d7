# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting with vast_instance: every order of events, by the requests it sends and the result it gives (F3.5)."""

from __future__ import annotations

import json
import pathlib
import signal
import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._api import private_files
from ansible_collections.vastai.cloud.plugins.module_utils._core import interrupts
from ansible_collections.vastai.cloud.plugins.module_utils._instances import reach
from ansible_collections.vastai.cloud.plugins.module_utils._renting import rent as renting

from ..harness import (
    Api,
    FakeClock,
    Result,
    fail_as,
    instance_row,
    interrupt_after,
    list_query,
    listing,
    offer_row,
    stopped_row,
    succeed,
)

LOST = requests.ConnectionError("Connection reset by peer")
LABEL = "train-01"
LOOKS = 15
"""So many listings fit into the minute that decides a doubt."""
GONE = {"success": False, "error": "no_such_ask", "msg": "No ask by id 9001 is available."}
BODY = {
    "label": LABEL,
    "disk": 40.0,
    "target_state": "running",
    "cancel_unavail": True,
    "image": "pytorch/pytorch",
    "runtype": "ssh_direct",
}
WISH: dict[str, t.Any] = {
    "label": LABEL,
    "state": "running",
    "offer": {"gpu_name": ["RTX 4090"], "max_price": 0.5},
    "disk": 40,
    "image": "pytorch/pytorch",
}
SEARCH = {
    "rentable": {"eq": True},
    "rented": {"eq": False},
    "external": {"eq": False},
    "verified": {"eq": True},
    "gpu_name": {"in": ["RTX 4090"]},
    "disk_space": {"gte": 40.0},
    "dph_total": {"lte": 0.5},
    "type": "on-demand",
    "order": [["dph_total", "asc"]],
    "limit": 20,
    "allocated_storage": 40.0,
}


def box(instance_id: int = 4711, **fields: t.Any) -> dict[str, t.Any]:
    """A box that was rented by offer_row()."""
    own = {"machine_id": 501, "disk_space": 40.0, "start_date": 1000.0, "dph_total": 0.33, "onstart": None}
    return instance_row(instance_id, **{**own, "extra_env": [], **fields})


def loading(instance_id: int = 4711, **fields: t.Any) -> dict[str, t.Any]:
    """The same while it boots."""
    return box(instance_id, **{"actual_status": "loading", "ports": None, **fields})


def listed(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare a listing by the label."""
    api.expect_listing(*rows, label=LABEL)


def market(api: Api, *rows: dict[str, t.Any], **sent: t.Any) -> None:
    """Declare a search."""
    api.expect("POST", "/api/v0/bundles/", {"offers": list(rows)}, body={**SEARCH, **sent})


def create(api: Api, offer_id: int = 9001, reply: t.Any = None, *, status: int = 200, **body: t.Any) -> None:
    """Declare a create."""
    answer = {"success": True, "new_contract": 4711, "instance_api_key": "SECRET-box-key"} if reply is None else reply
    api.expect("PUT", f"/api/v0/asks/{offer_id}/", answer, status=status, body={**BODY, **body})


def destroyed(api: Api, instance_id: int = 4711) -> None:
    """Declare a destruction and its proof."""
    api.expect("DELETE", f"/api/v0/instances/{instance_id}/", {"success": True}, body={})
    api.expect_listing(id=instance_id)


def logged(api: Api, text: str | None = None, instance_id: int = 4711) -> None:
    """Declare that the daemon's log is asked for, which is refused without a text."""
    path = f"/api/v0/instances/request_logs/{instance_id}/"
    body = {"tail": "20", "daemon_logs": "true"}
    if text is None:
        api.expect("PUT", path, {"success": False, "error": "invalid_id", "msg": "no log"}, status=404, body=body)
        return
    api.expect("PUT", path, {"success": True, "result_url": "https://results.test/log"}, body=body)
    api.expect("GET", "https://results.test/log", status=404, authorized=False)
    api.expect("GET", "https://results.test/log", text, authorized=False)


def with_box(api: Api) -> None:
    """Declare a rental that goes well."""
    start(api)
    create(api)
    listed(api, box())


def start(api: Api, *offers: dict[str, t.Any]) -> None:
    """Declare what every rental begins with."""
    listed(api)
    market(api, *(offers or (offer_row(),)))


def rent(**options: t.Any) -> Result:
    """Rent successfully."""
    return succeed("vast_instance", **{**WISH, **options})


def refuse(error_class: str, *says: str, **options: t.Any) -> Result:
    """Fail to rent."""
    return fail_as("vast_instance", error_class, *says, **{**WISH, **options})


def note(home: pathlib.Path) -> dict[str, t.Any]:
    """What stays in the private file of the label."""
    (path,) = (home / ".cache" / "ansible-vastai-cloud").glob("rent-*.json")
    known: dict[str, t.Any] = json.loads(path.read_text())
    return known


def outcomes(result: Result) -> list[tuple[str, int | None]]:
    """What became of each attempt."""
    return [(each["outcome"], each["instance_id"]) for each in result["attempts"]]


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
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    listed(api)
    query = list_query({"label": {"eq": LABEL}})
    for _look in range(LOOKS):
        api.expect("GET", "/api/v1/instances/", {"success": True, "instances": None}, query=query)
    refuse("protocol", "is not valid")


def test_several_after_an_earlier_doubt_are_ambiguous(api: Api) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
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
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    listed(api)
    listed(api)
    listed(api, box())
    result = rent()
    assert result["changed"] is False
    assert any("outcome is not known" in warning for warning in result.warnings)


def test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api: Api) -> None:
    start(api)
    create(api, reply=LOST)
    for _look in range(LOOKS):
        listed(api)
    refuse("unknown_outcome")


@pytest.mark.parametrize("reply", [{"success": False}, {"success": False, "msg": "Try later"}])
def test_a_no_without_a_reason_may_have_rented_all_the_same(api: Api, reply: t.Any) -> None:
    start(api)
    create(api, reply=reply)
    listed(api)
    listed(api, box())
    assert outcomes(rent()) == [("rented", 4711)]


def test_after_a_minute_without_it_the_next_run_rents(api: Api) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    listed(api)
    for _look in range(LOOKS):
        listed(api)
    market(api, offer_row(9002))
    create(api, 9002)
    listed(api, box())
    assert outcomes(rent()) == [("rented", 4711)]


def test_after_a_minute_without_it_no_later_run_looks_again(api: Api, home: pathlib.Path) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
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
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    clock.sleep(600)
    start(api)
    create(api)
    listed(api, box())
    assert rent()["changed"] is True


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


def test_one_that_costs_more_than_the_budget_leaves_is_destroyed(api: Api) -> None:
    listed(api)
    within(api)
    market(api, offer_row())
    create(api)
    listed(api, box(dph_total=0.49))
    destroyed(api)
    result = refuse("budget", "it costs 0.49 US dollars per hour", "left 0.35", budget={"max_per_hour": 0.35})
    assert outcomes(result) == [("differs", 4711)]


def test_a_start_that_waits_for_its_gpu_counts_in_the_budget(api: Api) -> None:
    waiting = {"cur_state": "stopped", "intended_status": "running", "next_state": "running"}
    listed(api)
    within(api, instance_row(1, **waiting, dph_total=5.0, storage_total_cost=0.1, actual_status="exited"))
    market(api, offer_row())
    refuse("budget", "budget.max_per_hour leaves 0.2", budget={"max_per_hour": 5.3})


def test_what_another_task_may_have_rented_counts_in_the_budget_until_it_shows(api: Api) -> None:
    budget = {"max_per_hour": 0.5}
    listed(api)
    within(api)
    market(api, offer_row())
    create(api, reply=LOST)
    for _look in range(LOOKS):
        listed(api)
    refuse("unknown_outcome", budget=budget)

    api.expect_listing(label="other")
    within(api)
    market(api, offer_row(9002, machine_id=502))
    result = refuse("budget", "budget.max_per_hour leaves 0.157778", label="other", budget=budget)
    assert any("another task may have rented 'train-01' for 0.342222" in warning for warning in result.warnings)

    api.expect_listing(label="other")
    within(api, box(dph_total=0.1))
    market(api, offer_row(9002, machine_id=502))
    create(api, 9002, {"success": True, "new_contract": 4712}, label="other")
    api.expect_listing(box(4712, machine_id=502, label="other"), label="other")
    assert succeed("vast_instance", **{**WISH, "label": "other", "budget": budget})["changed"] is True


def test_a_price_below_nothing_leaves_no_more_to_spend(api: Api) -> None:
    listed(api)
    within(api, volumes=-5.0)
    market(api, offer_row())
    refuse("budget", "leaves 0.1", budget={"max_per_hour": 0.1})


def test_what_is_retained_is_told_with_the_price_that_it_has(api: Api) -> None:
    start(api)
    create(api)
    listed(api, box(dph_total=9.9))
    refuse("budget", "kept for inspection", "bills 9.9 US dollars per hour", retain_failed=True)


@pytest.mark.parametrize("row", [box(), box(intended_status="stopped", cur_state="stopped", actual_status="exited")])
def test_one_that_is_there_and_is_not_what_the_offer_asks_for_is_told(api: Api, row: dict[str, t.Any]) -> None:
    listed(api, {**row, "dph_total": 9.9, "gpu_name": "RTX 3090", "num_gpus": 2})
    offer = {"gpu_name": ["RTX_4090", "H100"], "num_gpus": 1, "max_price": 0.5}
    (warning,) = rent(state="present", offer=offer).warnings
    assert "costs 9.9 US dollars per hour when it runs, and offer.max_price is 0.5" in warning
    assert "gpu_name is RTX 3090, not RTX 4090 or H100; num_gpus is 2, not 1" in warning


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


def test_an_ssh_server_has_to_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: next(answers))
    start(api)
    create(api)
    listed(api, box())
    listed(api, box())
    assert rent(wait_for="ssh")["instance"]["ssh"]["port"] == 20022


def test_one_whose_ssh_never_answers_is_a_dud(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: False)
    start(api)
    create(api)
    for _poll in range(13):
        listed(api, box())
    logged(api)
    destroyed(api)
    refuse("unavailable", "no SSH server answered", wait_for="ssh", boot_timeout=60)


def test_one_that_exists_is_waited_for_until_its_ssh_answers(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: next(answers))
    listed(api, box())
    api.expect_listing(box(), id=4711)
    assert rent(wait_for="ssh")["changed"] is False


@pytest.mark.parametrize("row", [box(), stopped_row(machine_id=501)])
def test_a_second_run_that_asks_for_ssh_lists_once(
    api: Api, monkeypatch: pytest.MonkeyPatch, row: dict[str, t.Any]
) -> None:
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: True)
    listed(api, row)
    assert rent(wait_for="ssh", state="present")["changed"] is False


def test_one_that_exists_and_whose_ssh_never_answers_is_left(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: False)
    listed(api, box())
    for _poll in range(4):
        api.expect_listing(box(), id=4711)
    assert refuse("timeout", "No SSH server", wait_for="ssh", boot_timeout=20)["instance"]["id"] == 4711


@pytest.mark.parametrize(
    ("rows", "error_class", "says"),
    [
        ([], "not_found", "no longer exists"),
        ([stopped_row(machine_id=501)], "unavailable", "it was set to stopped by someone else"),
        ([box(), stopped_row(machine_id=501)], "unavailable", "Last seen: actual_status exited"),
    ],
)
def test_one_that_exists_and_goes_away_is_not_waited_for_until_its_ssh_answers(
    api: Api,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[dict[str, t.Any]],
    error_class: str,
    says: str,
) -> None:
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: False)
    listed(api, box())
    for row in rows:
        api.expect_listing(row, id=4711)
    if not rows:
        api.expect_listing(id=4711)
    result = refuse(error_class, says, wait_for="ssh")
    assert (result["instance"]["id"], result["changed"]) == (4711, False)
    assert "exists and bills" not in result["msg"]
    assert sum(clock.slept) < 20


def test_a_listing_that_fails_while_ssh_is_waited_for_names_the_box(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: False)
    listed(api, box())
    api.expect("GET", "/api/v1/instances/", {"msg": "boom"}, status=500, query=list_query({"id": {"eq": 4711}}))
    assert refuse("server", "instance 4711 (train-01)", wait_for="ssh")["instance"]["id"] == 4711


class Killed(BaseException):
    """Nothing catches it."""


def test_a_task_that_is_killed_at_the_create_is_remembered(
    api: Api, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_arguments: t.Any) -> t.NoReturn:
        raise Killed

    start(api)
    create(api, reply=LOST)
    with monkeypatch.context() as patched:
        patched.setattr(renting.Rental, "settle", kill)
        with pytest.raises(Killed):
            rent()
    assert note(home)["settled"] is False
    listed(api)
    listed(api, box())
    result = rent()
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def interrupt_at(clock: FakeClock, monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
    """Send SIGTERM to the task at its sleep of that number."""
    jump = clock.sleep

    def sleep(seconds: float) -> None:
        jump(seconds)
        if len(clock.slept) == turn:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(clock, "sleep", sleep)


def test_a_signal_while_a_box_gets_its_label_begins_nothing_more_and_names_it(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(clock, monkeypatch, 4)
    start(api)
    create(api)
    listed(api)
    api.expect_listing(loading(label=None), id=4711)
    api.expect("PUT", "/api/v0/instances/4711/", {"success": True}, body={"label": LABEL})
    api.expect_listing(loading(label=None), id=4711)
    says = "Interrupted by SIGTERM", "Instance 4711 exists without the label", "state=absent and id=4711"
    result = refuse("timeout", *says, attempts=2)
    assert (result["instance_id"], result["changed"]) == (4711, True)


def test_an_interrupted_task_leaves_the_box_and_says_so(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(clock, monkeypatch, 2)
    start(api)
    create(api)
    listed(api, loading())
    result = refuse("timeout", "Interrupted by SIGTERM", "Instance 4711", "bills", "Run the task again")
    assert (result["instance_id"], result["instance"]["id"], result["changed"]) == (4711, 4711, True)


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_a_task_that_nobody_waits_for_any_more_leaves_the_box_and_rents_nothing_more(
    api: Api, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """After the task keyword `timeout` the module lives on."""
    asked = iter([*[False] * looks, *[True] * 99])
    monkeypatch.setattr(interrupts, "is_abandoned", lambda: next(asked))
    listed(api)
    if looks:
        market(api, offer_row())
        create(api)
    if looks > 1:
        listed(api, loading())
    result = refuse("timeout", "Interrupted by the end of the Ansible task", attempts=2)
    assert (result.values.get("instance_id"), result["changed"]) == ((4711, True) if looks else (None, False))


def test_after_a_dud_a_task_that_nobody_waits_for_any_more_rents_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[bool] = []
    monkeypatch.setattr(interrupts, "is_abandoned", lambda: bool(gone))
    monkeypatch.setattr(renting.Rental, "daemon_log", lambda *_arguments: gone.append(True))
    start(api)
    create(api)
    for _poll in range(13):
        listed(api, loading())
    refuse("timeout", "Interrupted by the end of the Ansible task", boot_timeout=60, attempts=2)


def test_a_task_that_is_interrupted_while_ssh_is_waited_for_names_the_box(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "answers", lambda host, port, timeout: False)
    interrupt_at(clock, monkeypatch, 1)
    listed(api, box())
    result = refuse("timeout", "Interrupted by SIGTERM", "instance 4711", wait_for="ssh")
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def test_a_task_that_is_interrupted_in_doubt_says_so(
    api: Api, clock: FakeClock, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(clock, monkeypatch, 1)
    start(api)
    create(api, reply=LOST)
    refuse("timeout", "Interrupted by SIGTERM", "Offer 9001 may have been rented as 'train-01'")
    assert note(home)["settled"] is False


def test_a_box_is_named_whatever_ends_the_task(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: t.Any, **_more: t.Any) -> t.NoReturn:
        raise ZeroDivisionError("never")

    monkeypatch.setattr(renting.Rental, "prove", fail)
    start(api)
    create(api)
    listed(api, loading())
    assert refuse("unknown_outcome", "unexpected error, ZeroDivisionError")["instance_id"] == 4711


def test_a_mistake_before_anything_is_rented_is_shown_as_it_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: t.Any, **_more: t.Any) -> t.NoReturn:
        raise ZeroDivisionError("never")

    monkeypatch.setattr(renting.Rental, "choose", fail)
    listed(api)
    with pytest.raises(ZeroDivisionError):
        rent()


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


def test_one_offer_that_was_named_is_rented(api: Api) -> None:
    listed(api)
    body = {name: value for name, value in SEARCH.items() if name in ("rentable", "rented", "external", "type")}
    more = {"order": [["dph_total", "asc"]], "limit": 1, "allocated_storage": 40.0}
    asked = {**body, **more, "ask_contract_id": {"eq": 9001}}
    api.expect("POST", "/api/v0/bundles/", {"offers": [offer_row()]}, body=asked)
    create(api)
    listed(api, box())
    assert outcomes(rent(offer={"id": 9001, "max_price": 0.5})) == [("rented", 4711)]


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


BIDDING = {"gpu_name": ["RTX 4090"], "max_price": 0.5, "interruptible": True}


def test_an_interruptible_box_is_rented_by_its_bid(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2, dph_total=0.208), type="bid")
    body = {name: value for name, value in BODY.items() if name != "cancel_unavail"}
    reply = {"success": True, "new_contract": 4711}
    api.expect("PUT", "/api/v0/asks/9001/", reply, body={**body, "price": 0.25})
    listed(api, box(is_bid=True, dph_base=0.25, dph_total=0.26))
    result = rent(offer=BIDDING, bid=0.25)
    assert result["diff"]["after"]["instance"]["per_hour"] == pytest.approx(0.258889)


def test_a_bid_below_the_floor_is_not_sent(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2), type="bid")
    refuse("invalid", "the lowest bid taken is 0.2", offer=BIDDING, bid=0.1)


def test_a_bid_that_costs_too_much_with_the_disk_is_not_sent(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2), type="bid")
    refuse("budget", "a bid of 0.495", offer=BIDDING, bid=0.495)


def test_one_that_is_outbid_before_it_runs_is_a_dud(api: Api) -> None:
    listed(api)
    market(api, offer_row(dph_base=0.2), type="bid")
    api.expect_any("PUT", "/api/v0/asks/9001/", {"success": True, "new_contract": 4711})
    listed(api, loading())
    listed(api, loading(intended_status="stopped", cur_state="stopped", next_state="stopped"))
    destroyed(api)
    assert outcomes(refuse("unavailable", "outbid", offer=BIDDING, bid=0.25)) == [("outbid", 4711)]


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


USER = "/api/v0/users/current/"
SPENT = "/api/v0/users/spend-rate/"


def within(api: Api, *rows: dict[str, t.Any], volumes: t.Any = 0.0) -> None:
    """Declare what is read to hold a budget by the hour."""
    api.expect_listing(*rows)
    api.expect("GET", SPENT, {"success": True, "volume_storage_cost_per_hour": volumes})


def test_a_budget_is_read_and_held_before_anything_is_rented(api: Api) -> None:
    listed(api)
    api.expect("GET", USER, {"credit": 3.0, "balance": 2.5})
    within(api, instance_row(1, dph_total=1.0), stopped_row(2, storage_total_cost=0.1), volumes=0.05)
    market(api, offer_row())
    create(api)
    listed(api, box())
    assert outcomes(rent(budget={"max_per_hour": 1.5, "min_credit": 5})) == [("rented", 4711)]


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"credit": 3.0, "balance": 1.0}, "4.00 US dollars of credit and balance, and budget.min_credit is 5"),
        ({"credit": 30.0}, "does not report both"),
        ({"credit": "30", "balance": 0.0}, "does not report both"),
    ],
)
def test_credit_that_is_too_low_or_not_known_forbids_it(api: Api, user: dict[str, t.Any], says: str) -> None:
    listed(api)
    api.expect("GET", USER, user)
    refuse("budget", says, "Nothing was rented", budget={"min_credit": 5})


def test_without_the_right_to_read_the_credit_that_is_told(api: Api) -> None:
    listed(api)
    reply = {"success": False, "msg": "Authorization Error. Your key lacks the api.user route access."}
    api.expect("GET", USER, reply, status=401)
    refuse("permission", budget={"min_credit": 5})


def test_what_would_cost_more_than_the_budget_is_not_rented(api: Api) -> None:
    listed(api)
    within(api, instance_row(1, dph_total=0.9), instance_row(2, cur_state="unloaded", dph_total=9.0))
    market(api, offer_row())
    refuse("budget", "budget.max_per_hour leaves 0.3", budget={"max_per_hour": 1.2})


def test_a_price_that_is_not_known_forbids_it(api: Api) -> None:
    listed(api)
    api.expect_listing(instance_row(8, dph_total=None))
    refuse("budget", "these instances: 8", budget={"max_per_hour": 5})


def test_volumes_that_cannot_be_read_are_warned_about(api: Api) -> None:
    listed(api)
    within(api, volumes=None)
    market(api, offer_row())
    create(api)
    listed(api, box())
    assert any("volumes" in warning for warning in rent(budget={"max_per_hour": 5}).warnings)
    listed(api)
    api.expect_listing()
    api.expect("GET", SPENT, {"success": False, "error": "not_found", "msg": "no such route"}, status=404)
    market(api, offer_row())
    create(api)
    listed(api, box())
    (warning,) = rent(budget={"max_per_hour": 5}).warnings
    assert warning.endswith(
        "was not included: Vast.ai answered 404 to GET https://vast.test" + SPENT + ": no such route."
    )


def test_check_mode_holds_the_budget_too(api: Api) -> None:
    listed(api)
    within(api, instance_row(1, dph_total=0.9))
    market(api, offer_row())
    refuse("budget", f"Renting {LABEL!r}: ", "leaves 0.3", budget={"max_per_hour": 1.2}, check_mode=True)


CODED = "AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
KEY = f"ssh-ed25519 {CODED} me@laptop"
KEYS = "/api/v0/instances/4711/ssh/"
ATTACHED = {"success": False, "error": "add_ssh_to_instance", "msg": "SSH key already associated with instance."}


def with_keys(api: Api) -> None:
    """Declare a rental up to its keys."""
    start(api)
    create(api)
    listed(api, box())


@pytest.mark.parametrize("reply", [{"success": True}, ATTACHED])
def test_keys_are_attached_to_the_new_box(api: Api, reply: dict[str, t.Any]) -> None:
    with_keys(api)
    api.expect("POST", KEYS, reply, body={"ssh_key": KEY})
    assert rent(ssh_keys=[KEY])["instance"]["id"] == 4711


@pytest.mark.parametrize(
    ("known", "again"),
    [
        ({"ssh_keys": json.dumps([{"public_key": f"ssh-ed25519 {CODED} other comment"}])}, False),
        ({"ssh_keys": json.dumps([{"public_key": "ssh-ed25519 BBBB"}])}, True),
        ({"ssh_keys": json.dumps([{"public_key": f"ssh-ed25519 {CODED} me", "deleted_at": 1.5}])}, True),
        ({"ssh_keys": "no list"}, True),
        ({"ssh_keys": "3"}, True),
        ([{"public_key": f"ssh-ed25519 {CODED}"}], False),
    ],
)
def test_a_lost_reply_to_a_key_is_looked_up(api: Api, known: t.Any, again: bool) -> None:
    with_keys(api)
    api.expect("POST", KEYS, LOST, body={"ssh_key": KEY})
    api.expect("GET", KEYS, known)
    if again:
        api.expect("POST", KEYS, {"success": True}, body={"ssh_key": KEY})
    rent(ssh_keys=[KEY])


def test_a_key_that_cannot_be_attached_names_the_box_which_is_kept(api: Api) -> None:
    with_keys(api)
    api.expect("POST", KEYS, {"success": False, "error": "no_ssh_key", "msg": "bad"}, status=400, body={"ssh_key": KEY})
    assert refuse("invalid", "'me@laptop'", "bills", ssh_keys=[KEY], attempts=2)["instance_id"] == 4711
    listed(api)
    market(api, offer_row())
    create(api)
    listed(api, box())
    api.expect("POST", KEYS, LOST, body={"ssh_key": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB"})
    api.expect("GET", KEYS, {"success": False, "msg": "no"}, status=403)
    refuse("permission", "'ssh-rsa'", "was lost", "Instance 4711", ssh_keys=["ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB"])


UPDATE = "/api/v0/instances/update_template/4711/"
RECYCLE = "/api/v0/instances/recycle/4711/"
OTHER: dict[str, t.Any] = {
    "image": "pytorch/pytorch:2.6",
    "env": {"MODEL": "b", "SAME": "1"},
    "secret_env": {"HF_TOKEN": "SECRET-new-token"},
    "ports": ["8000"],
}
STORED = [["MODEL", "a"], ["SAME", "1"], ["HF_TOKEN", "SECRET-old-token"], ["OWN", "x"]]
NAMES = ["image", "env.MODEL", "secret_env.HF_TOKEN", "ports"]
MERGED = {"MODEL": "b", "SAME": "1", "HF_TOKEN": "SECRET-new-token", "OWN": "x", "-p 8000:8000": "1"}


def test_drift_is_told_by_name_and_warned_about_and_nothing_else_is_done(api: Api) -> None:
    listed(api, box(extra_env=STORED, disk_space=20.0))
    result = rent(**OTHER)
    assert result["drift"] == [*NAMES, "disk"]
    assert result["changed"] is False
    assert result.warnings == ["instance 4711 (train-01) differs from the task in " + ", ".join([*NAMES, "disk"]) + "."]


def test_what_is_as_the_task_says_is_no_drift(api: Api) -> None:
    flags = [[name, value] for name, value in MERGED.items()]
    listed(api, box(extra_env=flags, image_uuid="docker.io/pytorch/pytorch:2.6"))
    result = rent(**OTHER)
    assert (result["drift"], result.warnings) == ([], [])


def test_drift_is_recycled_away_when_the_task_may(api: Api) -> None:
    changed: dict[str, t.Any] = {
        "image_uuid": "pytorch/pytorch:2.6",
        "extra_env": [[name, value] for name, value in MERGED.items()],
    }
    listed(api, box(extra_env=STORED))
    api.expect("PUT", UPDATE, {"success": True}, body={"image": "pytorch/pytorch:2.6", "env": MERGED})
    api.expect_listing(box(**changed), id=4711)
    api.expect("PUT", RECYCLE, {"success": True}, body={})
    api.expect_listing(box(**changed, actual_status="recycling"), id=4711)
    api.expect_listing(box(**changed), id=4711)
    result = rent(**OTHER, on_drift="recycle")
    assert result["changed"] is True
    assert result["diff"]["after"]["image"] == "pytorch/pytorch:2.6"
    assert result["diff"]["after"]["container"] == "new"
    assert "its file system is lost" in result["actions"][-1]
    assert result["drift"] == NAMES


def test_check_mode_tells_the_recycle_and_sends_nothing(api: Api) -> None:
    listed(api, box(extra_env=STORED))
    result = rent(**OTHER, on_drift="recycle", check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["container"] == "present"
    assert "a fresh pull of pytorch/pytorch:2.6;" in result["actions"][-1]
    listed(api, stopped_row(machine_id=501))
    assert rent(**OTHER, on_drift="recycle", check_mode=True)["actions"] == ["start instance 4711 (train-01)"]


def test_a_stopped_box_is_not_recycled(api: Api) -> None:
    listed(api, stopped_row(machine_id=501))
    refuse("invalid", "Start it first", **OTHER, on_drift="recycle", state="present")


def test_a_box_that_boots_is_not_recycled(api: Api) -> None:
    listed(api, loading(extra_env=STORED))
    result = rent(**OTHER, on_drift="recycle", wait=False)
    assert result["changed"] is False
    assert any("container is already being created" in warning for warning in result.warnings)


def test_what_only_a_new_box_could_have_is_not_recycled(api: Api) -> None:
    listed(api, box(disk_space=20.0, image_uuid="pytorch/pytorch"))
    assert rent(on_drift="recycle")["drift"] == ["disk"]


def test_the_login_to_the_registry_goes_with_another_image(api: Api) -> None:
    login = "-u me -p SECRET-password registry.test"
    listed(api, box())
    body = {"image": "registry.test/x:1", "image_login": login}
    api.expect("PUT", UPDATE, {"success": False, "msg": "no"}, status=403, body=body)
    api.expect_listing(box(), id=4711)
    refuse("permission", image="registry.test/x:1", image_login=login, on_drift="recycle")


BIDS = "/api/v0/instances/bid_price/4711/"


def bidding(**fields: t.Any) -> dict[str, t.Any]:
    """An interruptible box."""
    return box(**{"is_bid": True, "dph_base": 0.25, "image_uuid": "pytorch/pytorch", **fields})


def test_a_bid_is_not_changed_while_the_price_of_the_disk_is_not_told(api: Api) -> None:
    listed(api, bidding(storage_total_cost=None))
    result = refuse("budget", "price of the disk of instance 4711", "Nothing was changed", offer=BIDDING, bid=0.49)
    assert result["changed"] is False


def test_a_higher_bid_is_held_to_the_budget(api: Api) -> None:
    row = bidding(dph_total=0.26, storage_total_cost=0.01)
    listed(api, row)
    within(api, row)
    says = "would cost 0.23 US dollars per hour more", "budget.max_per_hour leaves 0.14", "Nothing was changed"
    refuse("budget", *says, offer=BIDDING, bid=0.48, budget={"max_per_hour": 0.4})


def test_another_bid_is_changed(api: Api) -> None:
    listed(api, bidding())
    api.expect("PUT", BIDS, {"success": True}, body={"price": 0.3})
    api.expect_listing(bidding(dph_base=0.3), id=4711)
    result = rent(offer=BIDDING, bid=0.3)
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"bid": 0.25}, {"bid": 0.3})
    assert result["actions"] == ["change the bid of instance 4711 (train-01) to 0.3 US dollars per hour"]
    assert result["changed"] is True


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_bid_for_one_that_is_not_interruptible_is_warned_of(api: Api, check_mode: bool) -> None:
    listed(api, bidding(is_bid=False))
    result = rent(offer=BIDDING, bid=0.3, check_mode=check_mode)
    assert result["changed"] is False
    assert any("is not interruptible, so bid was ignored" in warning for warning in result.warnings)


def test_the_same_bid_is_left(api: Api) -> None:
    listed(api, bidding(dph_base=0.3))
    assert rent(offer=BIDDING, bid=0.3)["changed"] is False


def test_check_mode_tells_another_bid(api: Api) -> None:
    listed(api, bidding())
    assert rent(offer=BIDDING, bid=0.3, check_mode=True)["diff"]["after"] == {"bid": 0.3}


def test_another_bid_that_costs_too_much_is_not_sent(api: Api) -> None:
    listed(api, bidding())
    refuse("budget", "Nothing was changed", offer=BIDDING, bid=0.495)


TAKEN = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}
STOPPED = stopped_row(machine_id=501, disk_space=40.0, extra_env=[], image_uuid="pytorch/pytorch")
REPLACING = {"on_unavailable": "replace", "accept_data_loss": True}


def unavailable(api: Api, row: dict[str, t.Any] = STOPPED) -> None:
    """Declare a start without a GPU, and its cancellation."""
    listed(api, row)
    api.expect("PUT", "/api/v0/instances/4711/", TAKEN, body={"state": "running"})
    api.expect_listing({**row, "intended_status": "running"}, id=4711)
    api.expect("PUT", "/api/v0/instances/4711/", {"success": True}, body={"state": "stopped"})
    api.expect_listing(row, id=4711)


def test_one_that_was_outbid_is_told_as_that(api: Api) -> None:
    unavailable(api, {**STOPPED, "is_bid": True, "dph_base": 0.25})
    refuse("unavailable", "bid of 0.25", "A higher bid", offer=BIDDING, bid=0.25)


def test_a_box_without_its_gpu_is_replaced_once_the_next_one_is_found_good(api: Api) -> None:
    unavailable(api)
    market(api, offer_row(9002, machine_id=502))
    api.expect_listing(STOPPED, id=4711)
    destroyed(api)
    market(api, offer_row(9002, machine_id=502))
    create(api, 9002, {"success": True, "new_contract": 4712})
    listed(api, box(4712, machine_id=502))
    result = rent(**REPLACING)
    assert (result["instance"]["id"], outcomes(result)) == (4712, [("rented", 4712)])
    assert result["actions"][0].startswith("destroy instance 4711")
    assert result["diff"]["before"]["state"] == "stopped"
    assert result["destroyed"] == {"id": 4711, "label": LABEL}


def test_without_an_offer_the_box_is_kept(api: Api) -> None:
    unavailable(api)
    market(api)
    api.expect_any("POST", "/api/v0/bundles/", {"offers": []})
    result = refuse("unavailable", "queued start", "was cancelled", "was kept", "No offer meets", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def test_a_box_that_cannot_be_destroyed_is_not_replaced(api: Api) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    api.expect_listing(STOPPED, id=4711)
    api.expect("DELETE", "/api/v0/instances/4711/", {"success": False, "msg": "no"}, status=403, body={})
    api.expect_listing(STOPPED, id=4711)
    result = refuse("permission", "4711", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def test_what_was_destroyed_for_a_replacement_that_failed_is_told(api: Api) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    api.expect_listing(STOPPED, id=4711)
    destroyed(api)
    market(api, offer_row(9002))
    create(api, 9002, GONE, status=404)
    result = refuse("unavailable", "instance 4711 (train-01) was destroyed", **REPLACING)
    assert result["changed"] is True


@pytest.mark.parametrize("now", [{"label": "mine"}, {"intended_status": "running", "cur_state": "running"}])
def test_one_that_somebody_else_has_a_use_for_meanwhile_is_not_replaced(api: Api, now: dict[str, t.Any]) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    api.expect_listing({**STOPPED, **now}, id=4711)
    result = refuse("unavailable", "was changed by someone else in the meantime, so it was kept", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def test_a_signal_before_a_replacement_keeps_the_box_and_says_so(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unavailable(api)
    market(api, offer_row(9002))
    interrupt_after(api, clock, monkeypatch, 6)
    result = refuse("timeout", "queued start", "was cancelled", "Interrupted by SIGTERM", **REPLACING)
    assert (result["instance"]["id"], result["changed"]) == (4711, False)


def gone(**options: t.Any) -> Result:
    """Have no box of the label."""
    return succeed("vast_instance", label=LABEL, state="absent", **options)


def test_absent_waits_for_what_an_earlier_task_may_have_rented_and_destroys_it(api: Api) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    listed(api)
    listed(api)
    listed(api, loading())
    destroyed(api)
    result = gone()
    assert result["destroyed"] == {"id": 4711, "label": LABEL}
    assert any("its outcome is not known" in warning for warning in result.warnings)


def test_absent_says_so_when_a_minute_does_not_show_it(api: Api, home: pathlib.Path) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    for _look in range(1 + LOOKS):
        listed(api)
    api.expect_listing()
    result = gone()
    assert (result["changed"], result["destroyed"]) == (False, None)
    assert any("No listing of 60 s showed it" in warning for warning in result.warnings)
    assert note(home)["settled"] is False


def test_absent_does_not_take_a_listing_that_fails_for_absence(api: Api) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    listed(api)
    for _look in range(LOOKS):
        api.expect("GET", "/api/v1/instances/", {"success": True}, query=list_query({"label": {"eq": LABEL}}))
    fail_as("vast_instance", "protocol", "is not valid", label=LABEL, state="absent")


def test_absent_says_so_when_it_cannot_know_of_a_doubt(api: Api, home: pathlib.Path) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    next((home / ".cache" / "ansible-vastai-cloud").glob("rent-*.json")).chmod(0o644)
    listed(api)
    api.expect_listing()
    (warning,) = gone().warnings
    assert warning.startswith("Whether an earlier task may have rented an instance as 'train-01' is not known: ")
    assert "not private to this user" in warning


def test_after_what_is_settled_absent_asks_once(api: Api) -> None:
    with_box(api)
    rent()
    listed(api)
    api.expect_listing()
    assert gone()["changed"] is False


def test_check_mode_tells_of_a_doubt(api: Api) -> None:
    test_what_no_listing_shows_ends_the_task_and_nothing_else_is_rented_once(api)
    start(api)
    (warning,) = rent(check_mode=True).warnings
    assert "may have rented, an instance as 'train-01'" in warning


def test_the_token_of_a_registry_is_masked_alone_too(api: Api) -> None:
    start(api)
    login = "-u me -p hidden-token-7 registry.test"
    api.expect_any("PUT", "/api/v0/asks/9001/", {"success": True, "new_contract": 4711})
    listed(api, box(status_msg="login with hidden-token-7 failed", num_gpus=3))
    destroyed(api)
    assert "hidden-token-7" not in refuse("unavailable", image_login=login).text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label": " train-01"}, "label must not begin or end with a space"),
        ({"offer": {"gpu_name": ["H100"]}}, "max_price is required"),
        ({"disk": None}, "disk is required"),
        ({"image": None}, "image or template_hash_id"),
        ({"id": 7}, "combined with id"),
        ({"state": "stopped"}, "state=running or state=present"),
        ({"bid": 0.2}, "bid requires"),
        ({"offer": BIDDING}, "needs bid"),
        ({"bid": 200.0, "offer": BIDDING}, "bid must be"),
        ({"attempts": 0}, "attempts must be"),
        ({"attempts": 2, "offer": {"id": 9001, "max_price": 1}}, "attempts cannot be more"),
        ({"boot_timeout": 0}, "boot_timeout must be"),
        ({"disk": 0}, "disk must be"),
        ({"offer": {"id": 0, "max_price": 1}}, "offer.id must be"),
        ({"wait_for": "ssh", "runtype": "args"}, "runtype=args"),
        ({"wait_for": "ssh", "wait": False}, "needs wait=true"),
        ({"wait_for": "ssh", "state": "stopped", "offer": None}, "state=running or state=present"),
        ({"on_unavailable": "replace"}, "accept_data_loss"),
        ({"on_unavailable": "replace", "offer": None}, "needs offer"),
        ({"on_unavailable": "replace", "state": "restarted", "accept_data_loss": True}, "state=running or"),
        ({"state": "absent"}, "state=running or"),
        ({"accept_data_loss": True}, "accept_data_loss requires"),
        ({"secret_env": {"A": "abc"}}, "fewer than 4"),
        ({"env": {"A": "abcd"}, "secret_env": {"A": "abcd"}}, "in both env and secret_env"),
        ({"ssh_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}, "ssh_keys[0] is a private key"),
        ({"ssh_keys": [KEY, KEY[:-14]]}, "ssh_keys[1] must be a public key as OpenSSH writes it"),
        ({"budget": {"max_per_hour": -1}}, "budget.max_per_hour"),
        ({"budget": {}}, "budget must not be empty; omit it instead"),
        ({"offer": {"max_price": 1, "query": {}}}, "query must not be empty; omit it instead"),
        ({"offer": {"max_price": 1, "min_gpu_ram_gb": 24000}}, "write 24"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_request(api: Api, options: dict[str, t.Any], says: str) -> None:
    refuse("invalid", says, **options)
    assert api.calls == []


@pytest.mark.parametrize(("state", "count"), [("running", 1), ("present", 0)])
def test_a_budget_without_an_offer_is_warned_of(api: Api, state: str, count: int) -> None:
    listed(api, box())
    warnings = succeed("vast_instance", label=LABEL, state=state, budget={"max_per_hour": 5}).warnings
    assert sum("budget is not checked" in each for each in warnings) == count == len(warnings)


def test_without_offer_nothing_is_rented(api: Api) -> None:
    listed(api)
    api.expect_listing()
    refuse("not_found", "train-01", offer=None)
    listed(api)
    refuse("not_found", "train-01", offer=None, on_duplicate="destroy_younger")


def test_absence_is_not_concluded_from_an_error(api: Api) -> None:
    reply = {"success": False, "error": "not_found", "msg": "no such thing"}
    api.expect("GET", "/api/v1/instances/", reply, status=404, query=list_query({"label": {"eq": LABEL}}))
    refuse("not_found")


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        ({"success": False, "error": "auth_error", "msg": "Invalid user key"}, 404, "auth"),
        (listing(total_instances=1), 200, "protocol"),
        ({"success": True}, 200, "protocol"),
    ],
)
def test_nothing_is_rented_after_a_listing_that_cannot_be_relied_on(
    api: Api, reply: t.Any, status: int, error_class: str, check_mode: bool
) -> None:
    api.expect("GET", "/api/v1/instances/", reply, status=status, query=list_query({"label": {"eq": LABEL}}))
    refuse(error_class, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_wrong_key_at_the_search_is_no_empty_market(api: Api, check_mode: bool) -> None:
    listed(api)
    reply = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("POST", "/api/v0/bundles/", reply, status=404, body=SEARCH)
    refuse("auth", "The API key is wrong", check_mode=check_mode)
