# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the reaper remembers: bounded, and forgotten in the end."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.private_files import MAX_BYTES
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.history import (
    KEEP,
    History,
    Memory,
    dump,
    load,
)
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.rules import Candidate, Seen

from ...harness import make_client


def box(number: int) -> Candidate:
    return Candidate("instance", number, "", "running", running=True, gpu_util=0.0)


def test_what_is_written_is_read_again() -> None:
    seen = Seen(5.0, 1.0, None, None, 2.5, True, {"3": 4.0, "0.01": 5.0})
    assert load(dump([(5.0, "a", "instance-1", seen)], 5.0, 2.0)) == Memory({"a": {"instance-1": seen}}, 5.0, 2.0)


def test_the_file_is_bounded_and_says_so(home: pathlib.Path) -> None:
    warnings: list[str] = []
    history = History(make_client(warnings.append), None)
    seen = history.record(map(box, range(3000)), [3.0], 1e9, 3600.0)
    path = home / ".cache" / "ansible-vastai-cloud" / "reaper.json"
    assert (len(seen), path.stat().st_size <= MAX_BYTES) == (3000, True)
    assert "is full: the history of" in warnings[0]
    assert 100 < len(history.known(1e9)) < 3000


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    history = History(make_client(), None)
    history.record([box(1)], [], 1e9, 3600.0)
    history.record([box(2)], [], 1e9 + KEEP, 3600.0)
    assert [*history.known(1e9 + KEEP)] == ["instance-1", "instance-2"]
    assert [*history.known(1e9 + KEEP + 1)] == ["instance-2"]
    history.record([box(2)], [], 1e9 + KEEP + 1, 3600.0)
    assert [*history.known(1e9)] == ["instance-2"]


@pytest.mark.parametrize("text", ["{", "7"])
def test_for_those_who_only_look_a_damaged_file_is_none(home: pathlib.Path, text: str) -> None:
    history = History(make_client(), None)
    assert history.known(1e9) == {}
    history.record([box(1)], [], 1e9, 3600.0)
    path = home / ".cache" / "ansible-vastai-cloud" / "reaper.json"
    path.write_text(text)
    assert history.known(1e9) == {}


def test_what_may_be_lost_counts_from_now(home: pathlib.Path) -> None:
    history = History(make_client(lambda _text: None), None)
    down = [Candidate("instance", number, "", "exited", stopped=True, start_date=1e9 - 10) for number in range(3000)]
    history.record(down, [], 1e9, 3600.0)
    dropped = next(each for each in down if each.key not in history.known(1e9))
    again = history.record([dropped._replace(running=True, stopped=False)], [], 1e9 + 60, 3600.0)
    assert again[dropped.key].running == 1e9 + 60
    assert again[dropped.key].was_down
    younger = box(3001)._replace(start_date=1e9 + 1)
    assert not history.record([younger], [], 1e9 + 60, 3600.0)[younger.key].was_down
    unknown = box(3002)
    assert history.record([unknown], [], 1e9 + 60, 3600.0)[unknown.key].was_down


def test_times_in_the_future_count_from_now() -> None:
    history = History(make_client(lambda _text: None), None)
    history.record([box(1)], [3.0], 1e9, 3600.0)
    later = History(make_client(lambda _text: None), None).record([box(1)], [3.0], 1e9 - 60, 3600.0)
    assert later["instance-1"] == Seen(1e9 - 60, running=1e9 - 60, idle={"3": 1e9 - 60})
