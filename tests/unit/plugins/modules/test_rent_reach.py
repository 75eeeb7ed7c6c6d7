# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting: until SSH answers, and the keys of the new instance."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._instances import reach

from ..harness import (
    Api,
    FakeClock,
    list_query,
    offer_row,
    stopped_row,
)
from .rentals import (
    CODED,
    KEY,
    LOST,
    box,
    create,
    destroyed,
    listed,
    logged,
    market,
    refuse,
    rent,
    start,
)


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
