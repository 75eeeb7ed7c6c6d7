# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting: a task that is killed, interrupted, or abandoned."""

from __future__ import annotations

import pathlib
import signal
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._core import interrupts
from ansible_collections.vastai.cloud.plugins.module_utils._instances import reach
from ansible_collections.vastai.cloud.plugins.module_utils._renting import rent as renting

from ..harness import (
    Api,
    FakeClock,
    offer_row,
)
from .rentals import (
    LABEL,
    LOST,
    box,
    create,
    listed,
    loading,
    market,
    note,
    refuse,
    rent,
    start,
)


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
