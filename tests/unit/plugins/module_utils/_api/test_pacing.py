# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Minimum intervals between requests: the ledger alone, its file, many processes, and what a client makes of it."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import pathlib
import stat
import time
import typing as t
from unittest import mock

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._api import pacing, private_files
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client, Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Exchange, RateLimited
from ansible_collections.vastai.cloud.plugins.module_utils._api.pacing import (
    LEARNED_FOR,
    Ledger,
    Pacer,
    Slot,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.private_files import shared_directory
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings

from ...harness import KEY, URL, Api, FakeClock

NOW = 1_700_000_000.0
ROUTE = "GET /things/"
PATIENCE = 100.0


def waits(ledger: Ledger, count: int = 2, *, now: float = NOW, interval: float = 1.0) -> list[float | None]:
    """What some requests at the same moment have to wait."""
    return [ledger.reserve(ROUTE, interval, now, PATIENCE) for _request in range(count)]


def test_slots_lie_an_interval_and_a_margin_apart() -> None:
    assert waits(Ledger(), 4, interval=2.0) == pytest.approx([0, 2.1, 4.2, 6.3])


def test_after_the_interval_nobody_waits() -> None:
    ledger = Ledger()
    assert waits(ledger, 1) == [0]
    assert waits(ledger, 1, now=NOW + 1.05) == [0]


def test_routes_do_not_wait_for_each_other() -> None:
    ledger = Ledger()
    assert ledger.reserve("GET /a/", 5.0, NOW, PATIENCE) == 0
    assert ledger.reserve("PUT /a/", 5.0, NOW, PATIENCE) == 0


def test_who_cannot_wait_that_long_takes_no_slot() -> None:
    ledger = Ledger()
    waits(ledger, 3)
    assert ledger.reserve(ROUTE, 1.0, NOW, 3.0) is None
    assert ledger.reserve(ROUTE, 1.0, NOW, 3.2) == pytest.approx(3.15)


def test_a_hold_stops_everybody_for_its_time() -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, 30.0, None)
    assert waits(ledger) == pytest.approx([30.0, 31.05])


def test_a_short_hold_does_not_shorten_the_queue() -> None:
    ledger = Ledger()
    waits(ledger, 3)
    ledger.hold(ROUTE, NOW, 1.0, None)
    assert waits(ledger, 1) == pytest.approx([3.15])


def test_the_interval_counts_from_a_reply_that_came_late() -> None:
    ledger = Ledger()
    waits(ledger, 1, interval=2.0)
    ledger.answered(ROUTE, 2.0, NOW + 3)
    assert ledger.clearance(ROUTE, NOW + 4) == pytest.approx(1.0)
    assert waits(ledger, 1, now=NOW + 4) == pytest.approx([1.0])


def test_a_learned_interval_is_kept_for_an_hour_and_then_forgotten() -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, 0.0, 4.0)
    assert waits(ledger, now=NOW + LEARNED_FOR) == pytest.approx([0, 4.2])
    assert waits(ledger, now=NOW + LEARNED_FOR + 10) == pytest.approx([0, 1.05])


def test_a_learned_interval_that_is_named_again_is_kept_for_longer() -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, 0.0, 4.0)
    ledger.hold(ROUTE, NOW + LEARNED_FOR - 1, 0.0, 4.0)
    assert waits(ledger, now=NOW + LEARNED_FOR + 10) == pytest.approx([0, 4.2])


@pytest.mark.parametrize(("learned", "used"), [(0.5, 2.0), (3.0, 3.0)])
def test_the_longer_of_published_and_learned_interval_counts(learned: float, used: float) -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, 0.0, learned)
    assert waits(ledger, interval=2.0) == pytest.approx([0, used * 1.05])


def test_an_absurd_threshold_is_believed_up_to_a_cap() -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, 0.0, 86400.0)
    assert waits(ledger) == pytest.approx([0, 63.0])


@pytest.mark.parametrize("wait", [600.0, 100_000.0, float("inf")])
def test_a_very_long_hold_still_holds(wait: float) -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, wait, None)
    assert ledger.reserve(ROUTE, 1.0, NOW, 500.0) is None
    assert ledger.reserve(ROUTE, 1.0, NOW, 10_000.0) == pytest.approx(600.0)
    assert ledger.reserve(ROUTE, 1.0, NOW, 10_000.0) is None


def test_slots_beyond_reach_are_of_another_run_of_the_machine_and_block_nobody() -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, 0.0, 4.0)
    waits(ledger)
    assert waits(ledger, now=NOW - 86400) == pytest.approx([0, 1.05])


def test_a_ledger_survives_its_file() -> None:
    ledger = Ledger()
    ledger.hold(ROUTE, NOW, 5.0, 4.0)
    assert Ledger.load(json.loads(json.dumps(ledger.dump(NOW))), NOW).dump(NOW) == ledger.dump(NOW)


def test_slots_of_the_past_are_not_written() -> None:
    ledger = Ledger({"old": Slot(NOW - 1), "queued": Slot(NOW + 1), "learned": Slot(interval=4.0, learned_at=NOW - 10)})
    assert set(ledger.dump(NOW)) == {"queued", "learned"}


def test_a_merged_ledger_knows_what_either_knew() -> None:
    one, other = Ledger(), Ledger()
    waits(one, 2)
    waits(other, 3)
    other.hold("PUT /a/", NOW, 0.0, 4.0)
    one.merge(other)
    assert one.dump(NOW) == other.dump(NOW)
    other.merge(Ledger())
    assert one.dump(NOW) == other.dump(NOW)


STRANGE = [
    None,
    5,
    [1, 2],
    {"GET /things/": None},
    {"GET /things/": 5},
    {"GET /things/": ["soon", 0, 0]},
    {"GET /things/": [0, 0, 0, 0, 0]},
    {"GET /things/": [[], {}, 0]},
    {"GET /things/": [float("nan")] * 4},
    {"GET /things/": [float("inf")] * 4},
    {"GET /things/": [1e300, -1, -1, -1]},
    {"GET /things/": [0, 1e300, 0, 0]},
    {"GET /things/": [10**400, 0, 0]},
]
"""What may stand where slots are looked for."""


@pytest.mark.parametrize("stored", STRANGE, ids=lambda stored: repr(stored)[:40])
def test_whatever_is_stored_pacing_goes_on(stored: t.Any) -> None:
    own = Ledger()
    waits(own, 1)
    ledger = Ledger.load(stored, NOW)
    assert ledger.clearance(ROUTE, NOW) == 0
    ledger.merge(own)
    assert waits(ledger) == pytest.approx([1.05, 2.1])


CORRUPT = [
    b"",
    b"{",
    b"null",
    b"[1, 2]",
    b'"text"',
    b"\xff\xfe\x00",
    b"\0" * 100,
    b"[" * 50_000,
    b"x" * 70_000,
    b'{"boot": 5}',
    b'{"GET /things/": [1700000000.0, 1700000000.0, 0, 0]}',
    *(json.dumps({"boot": stored}).encode() for stored in STRANGE),
]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the pacers of a test meet; they make it themselves."""
    return tmp_path / "cache" / "meeting-place"


@pytest.fixture(autouse=True)
def boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is not started anew."""
    monkeypatch.setattr(pacing, "boot_id", lambda: "boot")


def pacer(folder: pathlib.Path, identity: str = f"{URL} {KEY}") -> Pacer:
    return Pacer(identity, str(folder))


def reserve(pacer: Pacer) -> float | None:
    return pacer.reserve(ROUTE, 1.0, PATIENCE)


def test_pacers_of_one_identity_share_their_slots(folder: pathlib.Path) -> None:
    assert [reserve(pacer(folder)) for _task in range(3)] == pytest.approx([0, 1.05, 2.1])


def test_pacers_share_what_a_refusal_taught(folder: pathlib.Path) -> None:
    pacer(folder).hold(ROUTE, 10.0, 4.0)
    assert [reserve(pacer(folder)) for _task in range(2)] == pytest.approx([10, 14.2])


def test_another_identity_does_not_wait(folder: pathlib.Path) -> None:
    assert reserve(pacer(folder)) == 0
    assert reserve(pacer(folder, f"{URL} another-key")) == 0


def test_folder_and_file_are_private_and_hold_no_key(folder: pathlib.Path) -> None:
    reserve(pacer(folder))
    [file] = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEY not in file.name + file.read_text()


@pytest.mark.parametrize("content", CORRUPT, ids=lambda content: repr(content[:40]))
def test_a_corrupt_file_is_replaced(folder: pathlib.Path, content: bytes) -> None:
    reserve(pacer(folder))
    [file] = folder.iterdir()
    file.write_bytes(content)
    assert [reserve(pacer(folder)) for _task in range(2)] == pytest.approx([0, 1.05])
    assert set(json.loads(file.read_text())["boot"]) == {ROUTE}


def open_to_others(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)


def link_as_folder(folder: pathlib.Path) -> None:
    target = folder.parent / "target"
    target.mkdir(parents=True, mode=0o700)
    folder.symlink_to(target)


def ledger_of(folder: pathlib.Path) -> pathlib.Path:
    reserve(pacer(folder))
    [file] = folder.iterdir()
    file.unlink()
    return file


def link_as_file(folder: pathlib.Path) -> None:
    target = folder.parent / "target"
    ledger_of(folder).symlink_to(target)
    target.write_text("untouched")
    target.chmod(0o600)


def file_open_to_others(folder: pathlib.Path) -> None:
    file = ledger_of(folder)
    file.write_text("untouched")
    file.chmod(0o644)


def folder_as_file(folder: pathlib.Path) -> None:
    ledger_of(folder).mkdir()


def file_as_folder(folder: pathlib.Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("untouched")


def file_above_folder(folder: pathlib.Path) -> None:
    folder.parent.write_text("untouched")


@pytest.mark.parametrize(
    "spoil",
    [
        open_to_others,
        link_as_folder,
        link_as_file,
        file_open_to_others,
        folder_as_file,
        file_as_folder,
        file_above_folder,
    ],
)
def test_a_place_that_is_not_ours_alone_is_not_used_and_the_process_paces_itself(
    folder: pathlib.Path, spoil: t.Callable[[pathlib.Path], None]
) -> None:
    spoil(folder)
    before = contents(folder.parent)
    own = pacer(folder)
    assert [reserve(own) for _request in range(3)] == pytest.approx([0, 1.05, 2.1])
    assert reserve(pacer(folder)) == 0
    assert contents(folder.parent) == before


def contents(place: pathlib.Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in [place, *place.rglob("*")]}


def test_a_folder_of_another_user_is_not_used(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve(pacer(folder))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert reserve(pacer(folder)) == 0


def test_a_lock_held_by_another_process_stops_nobody_for_long(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = pacer(folder)
    reserve(own)
    [file] = folder.iterdir()
    monkeypatch.setattr(private_files, "MAX_LOCK_WAIT", 0.0)
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert [reserve(own) for _request in range(2)] == pytest.approx([1.05, 2.1])
    assert reserve(own) == pytest.approx(3.15)
    assert reserve(pacer(folder)) == pytest.approx(4.2)


def test_a_lock_that_is_released_in_time_is_taken(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve(pacer(folder))
    [file] = folder.iterdir()
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        monkeypatch.setattr(time, "sleep", lambda seconds: fcntl.flock(held, fcntl.LOCK_UN))
        assert reserve(pacer(folder)) == pytest.approx(1.05)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("pread", errno.EIO),
        ("pread", errno.ESTALE),
        ("pwrite", errno.ENOSPC),
        ("pwrite", errno.EDQUOT),
        ("pwrite", errno.EROFS),
        ("open", errno.EMFILE),
        ("open", errno.EACCES),
        ("makedirs", errno.EROFS),
        ("stat", errno.ESTALE),
        ("fstat", errno.EIO),
    ],
)
def test_a_fault_of_the_disk_stops_nobody_and_the_process_paces_itself(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    first = reserve(pacer(folder))

    def fails(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fails)
    own = pacer(folder)
    taken = [reserve(own) for _request in range(3)]
    monkeypatch.undo()
    known = 1.05 if call == "pwrite" else 0.0
    assert [first, *taken] == pytest.approx([0, known, known + 1.05, known + 2.1])


def test_a_quota_that_shows_when_the_file_is_closed_stops_nobody(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = os.close

    def fails(handle: int) -> None:
        close(handle)
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "close", fails)
    own = pacer(folder)
    assert [reserve(own) for _request in range(2)] == pytest.approx([0, 1.05])


@pytest.mark.parametrize("minutes", [-12, -5, -2, 2, 12, 600])
def test_a_clock_that_is_set_changes_nothing(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    assert [reserve(pacer(folder)) for _task in range(2)] == pytest.approx([0, 1.05])
    monkeypatch.setattr(time, "time", lambda: NOW + 60 * minutes)
    assert [reserve(pacer(folder)) for _task in range(2)] == pytest.approx([2.1, 3.15])


def test_the_clock_is_one_that_nobody_can_set_and_all_processes_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= pacing.machine_time() <= time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    assert before <= pacing.machine_time() <= time.clock_gettime(time.CLOCK_MONOTONIC)


def test_each_run_of_a_machine_has_an_id(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.undo()
    assert pacing.boot_id() == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    monkeypatch.setattr(pacing, "BOOT_ID_FILE", str(tmp_path / "boot_id"))
    assert pacing.boot_id() == "unknown"
    (tmp_path / "boot_id").write_text("0b3c\n")
    assert pacing.boot_id() == "0b3c"


def test_slots_of_before_a_restart_block_nobody_and_those_of_other_machines_are_kept(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("one", "two", "three", "one", "four", "five"):
        monkeypatch.setattr(pacing, "boot_id", lambda name=name: name)
        found.append(reserve(pacer(folder)))
    assert found == pytest.approx([0, 0, 0, 1.05, 0, 0])
    [file] = folder.iterdir()
    assert list(json.loads(file.read_text())) == ["three", "one", "four", "five"]


def _take_slots(folder: pathlib.Path, count: int) -> list[float | None]:
    return [reserve(pacer(folder)) for _request in range(count)]


def test_many_processes_at_once_get_slots_of_their_own(folder: pathlib.Path) -> None:
    # Their clocks are copies of one that stands still, so equal waits would be equal slots.
    with multiprocessing.get_context("fork").Pool(4) as pool:
        taken = pool.starmap(_take_slots, [(folder, 5)] * 8, chunksize=1)
    found = sorted(wait for waits_of_one in taken for wait in waits_of_one if wait is not None)
    assert found == pytest.approx([1.05 * number for number in range(40)])


READ = Route("GET", "/api/v0/things/", 1.0)


def connect(**changes: t.Any) -> Client:
    settings = Settings(**{"api_key": KEY, "api_url": URL, **changes})
    return Client(settings, agent="test", warn=lambda text: None, clock=Clock())


def expect(api: Api, count: int) -> None:
    for _request in range(count):
        api.expect("GET", READ.path, {})


def test_a_task_that_is_alone_does_not_wait(api: Api, clock: FakeClock) -> None:
    expect(api, 1)
    connect().call(READ)
    assert clock.slept == []


def test_tasks_with_the_same_key_take_turns(api: Api, clock: FakeClock) -> None:
    expect(api, 3)
    for _task in range(3):
        connect().call(READ)
    assert clock.slept == pytest.approx([1.05, 1.05])


def test_the_same_key_at_another_address_does_not_wait(api: Api, clock: FakeClock) -> None:
    expect(api, 1)
    api.expect("GET", f"https://other.test{READ.path}", {})
    connect().call(READ)
    connect(api_url="https://other.test").call(READ)
    assert clock.slept == []


def test_a_task_keeps_clear_of_one_that_was_late(
    api: Api, clock: FakeClock, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Pacer(f"{URL} {KEY}", shared_directory({"HOME": str(home)}))
    late.reserve(READ.name, READ.interval, PATIENCE)
    sleep = clock.sleep

    def answered_meanwhile(seconds: float) -> None:
        sleep(seconds)
        if len(clock.slept) == 1:
            late.answered(READ.name, READ.interval)

    monkeypatch.setattr(clock, "sleep", answered_meanwhile)
    expect(api, 1)
    connect().call(READ)
    assert clock.slept == pytest.approx([1.05, 1.0])


def test_keeping_clear_of_others_ends_with_the_budget(
    api: Api, clock: FakeClock, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Pacer(f"{URL} {KEY}", shared_directory({"HOME": str(home)}))
    late.reserve(READ.name, READ.interval, PATIENCE)
    sleep = clock.sleep

    def always_late(seconds: float) -> None:
        sleep(seconds)
        late.answered(READ.name, READ.interval)

    monkeypatch.setattr(clock, "sleep", always_late)
    expect(api, 1)
    connect(retry_timeout=10).call(READ)
    assert sum(clock.slept) < 12


def test_a_task_whose_turn_comes_too_late_is_refused_before_it_sends(api: Api, clock: FakeClock) -> None:
    directory = shared_directory(os.environ)
    assert directory is not None
    Pacer(f"{URL} {KEY}", directory).hold(READ.name, 300.0, None)
    with pytest.raises(RateLimited) as refused:
        connect().call(READ)
    assert refused.value.msg == (
        f"GET {URL}{READ.path} was not sent: other tasks of this user kept the rate limit busy for longer than the "
        "retry_timeout of 120 s. Raise retry_timeout or run fewer tasks at once."
    )
    assert refused.value.exchange == Exchange("GET", f"{URL}{READ.path}")
    assert api.calls == []
    assert clock.slept == []


def test_one_turn_is_waited_for_even_without_any_retry_time(api: Api, clock: FakeClock) -> None:
    expect(api, 2)
    for _task in range(2):
        connect(retry_timeout=0).call(READ)
    assert clock.slept == pytest.approx([1.05])


def test_without_any_retry_time_two_turns_are_too_long_to_wait_for(api: Api, clock: FakeClock) -> None:
    pacer = Pacer(f"{URL} {KEY}", shared_directory(os.environ))
    pacer.hold(READ.name, 2.0 * READ.interval, None)
    expect(api, 1)
    connect(retry_timeout=0).call(READ)
    assert clock.slept == pytest.approx([2.0])
    pacer.hold(READ.name, 2.1 * READ.interval, None)
    with pytest.raises(RateLimited):
        connect(retry_timeout=0).call(READ)


def test_a_reply_that_was_slow_to_come_is_kept_clear_of(api: Api, clock: FakeClock) -> None:
    send = requests.adapters.HTTPAdapter.send

    def slow(adapter: requests.adapters.HTTPAdapter, *arguments: t.Any, **options: t.Any) -> requests.Response:
        clock.seconds += 10
        return send(adapter, *arguments, **options)

    expect(api, 2)
    # Not by monkeypatch: it would put the mock of the declared calls back after these are over.
    with mock.patch.object(requests.adapters.HTTPAdapter, "send", slow):
        for _task in range(2):
            connect().call(READ)
    assert clock.slept == pytest.approx([1.0])


def test_without_pacing_nobody_waits_and_no_file_is_made(api: Api, clock: FakeClock, home: pathlib.Path) -> None:
    expect(api, 4)
    client = connect(api_pacing=False)
    for user in (client, client, connect(api_pacing=False), connect(api_pacing=False)):
        user.call(READ)
    assert clock.slept == []
    assert not (home / ".cache").exists()


def test_without_pacing_a_refusal_is_still_waited_out(api: Api, clock: FakeClock) -> None:
    api.expect("GET", READ.path, "slow down", status=429, headers={"Retry-After": "7"})
    expect(api, 1)
    connect(api_pacing=False).call(READ)
    assert clock.slept == pytest.approx([7.0])
