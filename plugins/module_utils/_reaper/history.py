# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the reaper remembers between its runs: one private file, with a part for each account."""

from __future__ import annotations

import collections.abc as c
import json
import os
import typing as t

from .._api.client import Client
from .._api.private_files import MAX_BYTES, PrivateFile, digest, shared_directory
from .._core.amounts import number
from .._core.durations import spoken
from .rules import Candidate, Seen, observe

NAME = "reaper.json"
KEEP = 14 * 86400.0
"""Seconds after which what was not seen is forgotten."""
BACK = 300.0
"""By so many seconds the clock may be set back between two runs."""
IDLE_LIMITS = 8
"""So many limits of the use are remembered of one instance."""


class Memory(t.NamedTuple):
    """What the file holds: the history by account and thing, the last run, and until when some of it may be lost."""

    accounts: dict[str, dict[str, Seen]]
    last: float | None = None
    lost: float | None = None

    def without_old(self, now: float) -> Memory:
        """The same without what is forgotten by now."""
        kept: dict[str, dict[str, Seen]] = {}
        old: list[Seen] = []
        for account, known in self.accounts.items():
            for key, seen in known.items():
                if now - seen.last > KEEP:
                    old.append(seen)
                else:
                    kept.setdefault(account, {})[key] = seen
        return Memory(kept, self.last, _lost(old, self.lost))


class History:
    """The history of one account. A file that cannot be used is told with a warning; ages are not known then.

    `is_timed`: after `record`, whether the clock fits the last run.
    """

    def __init__(self, client: Client, path: str | None) -> None:
        directory = os.path.dirname(path) if path else shared_directory(os.environ)
        name = os.path.basename(path) if path else NAME
        self._path = os.path.join(directory or "", name)
        self._file = PrivateFile(directory, name, durable=True)
        self._warn = client.warn
        self._account = digest(client.settings.identity)
        self.is_timed = True

    def known(self, now: float) -> dict[str, Seen]:
        """What earlier runs recorded, for those who only look; empty when there is none or it cannot be read."""
        if not os.path.lexists(self._path):
            return {}
        try:
            with self._file.locked() as content:
                return load(content.data).without_old(now).accounts.get(self._account, {})
        except (OSError, ValueError):
            return {}

    def record(
        self, candidates: c.Iterable[Candidate], limits: c.Sequence[float], now: float, max_gap: float
    ) -> dict[str, Seen]:
        """Add what is seen now, and return the history of these; an empty one when the file cannot be used."""
        try:
            with self._file.locked() as content:
                memory = self._load(content.data, now)
                self._check_clock(memory.last, now)
                accounts, _last, lost = memory.without_old(now)
                known = accounts.setdefault(self._account, {})
                recorded = {
                    each.key: observe(each, known.get(each.key), limits, now, max_gap, lost) for each in candidates
                }
                known.update(recorded)
                content.save(self._dump(Memory(accounts, now, lost)))
        except OSError as error:
            self._warn(
                f"{self._path or 'The state file'} cannot be used: {error}. No ages are known, so rules that "
                "need them do not apply."
            )
            return {}
        return recorded

    def _load(self, data: bytes, now: float) -> Memory:
        try:
            return load(data)
        except ValueError as error:
            self._warn(
                f"{self._path} was damaged ({error}) and is replaced. All durations in rules count from now, "
                "including running_for. Deadlines such as ttl=6h still count from the rental."
            )
            return Memory({}, None, now)

    def _check_clock(self, last: float | None, now: float) -> None:
        if last is None or -BACK <= now - last <= KEEP:
            return
        self.is_timed = False
        gap = f"{spoken(abs(now - last))} {'after' if now > last else 'before'}"
        self._warn(
            f"According to the clock of this machine, this run is {gap} the last one that {self._path} knows. "
            "Rules and deadlines that depend on time do not apply in this run. If the clock is right, run the "
            "task again."
        )

    def _dump(self, memory: Memory) -> bytes:
        """The file. What does not fit is dropped, the oldest first."""
        accounts = memory.accounts.items()
        rows = [(seen.last, account, key, seen) for account, known in accounts for key, seen in known.items()]
        rows = sorted(rows, key=lambda row: row[:3])
        data = dump(rows, memory.last, memory.lost)
        dropped = 0
        while len(data) > MAX_BYTES:
            dropped += max(1, (len(rows) - dropped) // 10)
            lost = _lost((row[3] for row in rows[:dropped]), memory.lost)
            data = dump(rows[dropped:], memory.last, lost)
        if dropped:
            self._warn(
                f"{self._path} is full: the history of {dropped} instances and volumes was removed. Use one "
                "state_file per account."
            )
        return data


def _lost(dropped: c.Iterable[Seen], before: float | None) -> float | None:
    """Until when something may be lost that was down; one that never was is as if never seen."""
    times = [seen.last for seen in dropped if seen.was_down]
    return max([*times, *([] if before is None else [before])], default=None)


def dump(rows: c.Iterable[tuple[float, str, str, Seen]], last: float | None = None, lost: float | None = None) -> bytes:
    """The history as JSON."""
    accounts: dict[str, dict[str, t.Any]] = {}
    for _last, account, key, seen in rows:
        idle = dict(sorted(seen.idle.items(), key=lambda pair: pair[1])[:IDLE_LIMITS])
        accounts.setdefault(account, {})[key] = [*seen[:5], seen.was_down, idle]
    return json.dumps({"last": last, "lost": lost, "accounts": accounts}, separators=(",", ":")).encode()


def load(data: bytes) -> Memory:
    """Read what `dump` wrote. Raises ValueError for anything else; an empty file remembers nothing."""
    if not data.strip():
        return Memory({})
    try:
        content = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(content, dict) or content.keys() != {"last", "lost", "accounts"}:
        raise ValueError("it contains no accounts")
    rows, times = content["accounts"], (content["last"], content["lost"])
    if not isinstance(rows, dict) or not all(isinstance(known, dict) for known in rows.values()):
        raise ValueError("it contains no accounts")
    if any(value is not None and number(value) is None for value in times):
        raise ValueError("it contains times that are not numbers")
    return Memory({account: {key: _seen(row) for key, row in known.items()} for account, known in rows.items()}, *times)


def _seen(row: t.Any) -> Seen:
    if not isinstance(row, list) or len(row) != 7 or not isinstance(row[5], bool) or not isinstance(row[6], dict):
        raise ValueError("it contains something other than ages")
    times = [*row[:5], *row[6].values()]
    if number(row[0]) is None or any(value is not None and number(value) is None for value in times):
        raise ValueError("it contains ages that are not numbers")
    if None in row[6].values() or not all(key.replace(".", "", 1).isdecimal() for key in row[6]):
        raise ValueError("it contains limits that are not numbers")
    return Seen(*row)
