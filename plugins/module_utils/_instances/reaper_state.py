# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the reaper remembers between its runs: one private file, with a part for each account."""

from __future__ import annotations

import collections.abc as c
import hashlib
import json
import os
import typing as t

from .._api.client import Client
from .._api.private_files import MAX_BYTES, PrivateFile, shared_directory
from .._core.amounts import number
from .reaper import Candidate, Seen, observe

NAME = "reaper.json"
KEEP = 14 * 86400.0
"""Seconds after which what was not seen is forgotten."""
IDLE_LIMITS = 8
"""So many limits of the use are remembered of one instance."""


class History:
    """The history of one account. A file that cannot be used is told with a warning; ages are not known then."""

    def __init__(self, client: Client, path: str | None) -> None:
        directory = os.path.dirname(path) if path else shared_directory(os.environ)
        name = os.path.basename(path) if path else NAME
        self._path = os.path.join(directory or "", name)
        self._file = PrivateFile(directory, name, durable=True)
        self._warn = client.warn
        identity = f"{client.settings.api_url} {client.settings.api_key}"
        self._account = hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()

    def known(self) -> dict[str, Seen]:
        """What earlier runs recorded, for those who only look; empty when there is none or it cannot be read."""
        if not os.path.lexists(self._path):
            return {}
        try:
            with self._file.locked() as content:
                return load(content.data).get(self._account, {})
        except (OSError, ValueError):
            return {}

    def record(
        self, candidates: c.Iterable[Candidate], limits: c.Sequence[float], now: float, max_gap: float
    ) -> dict[str, Seen]:
        """Add what is seen now, and return the history of these; an empty one when the file cannot be used."""
        try:
            with self._file.locked() as content:
                accounts = self._load(content.data)
                known = accounts.setdefault(self._account, {})
                recorded = {each.key: observe(each, known.get(each.key), limits, now, max_gap) for each in candidates}
                known.update(recorded)
                content.save(self._dump(accounts, now))
        except OSError as error:
            self._warn(
                f"{self._path or 'The state file'} cannot be used: {error}. No age is known, so that rules "
                "that need one do not fire."
            )
            return {}
        return recorded

    def _load(self, data: bytes) -> dict[str, dict[str, Seen]]:
        try:
            return load(data)
        except ValueError as error:
            self._warn(f"{self._path} was damaged ({error}) and is written anew; ages count from now.")
            return {}

    def _dump(self, accounts: dict[str, dict[str, Seen]], now: float) -> bytes:
        rows = [(seen.last, account, key, seen) for account, known in accounts.items() for key, seen in known.items()]
        rows = sorted((row for row in rows if now - row[0] <= KEEP), key=lambda row: row[:3])
        data = dump(rows)
        dropped = 0
        while len(data) > MAX_BYTES:
            dropped += max(1, len(rows) // 10)
            rows = rows[max(1, len(rows) // 10) :]
            data = dump(rows)
        if dropped:
            self._warn(
                f"{self._path} is full: the history of {dropped} things was dropped. Use a state_file for each account."
            )
        return data


def dump(rows: c.Iterable[tuple[float, str, str, Seen]]) -> bytes:
    """The history as JSON."""
    accounts: dict[str, dict[str, t.Any]] = {}
    for _last, account, key, seen in rows:
        idle = dict(sorted(seen.idle.items(), key=lambda pair: pair[1])[:IDLE_LIMITS])
        accounts.setdefault(account, {})[key] = [*seen[:5], seen.was_down, idle]
    return json.dumps(accounts, separators=(",", ":")).encode()


def load(data: bytes) -> dict[str, dict[str, Seen]]:
    """Read what `dump` wrote. Raises ValueError for anything else; an empty file remembers nothing."""
    if not data.strip():
        return {}
    try:
        accounts = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(accounts, dict) or not all(isinstance(known, dict) for known in accounts.values()):
        raise ValueError("it holds no accounts")
    return {account: {key: _seen(row) for key, row in known.items()} for account, known in accounts.items()}


def _seen(row: t.Any) -> Seen:
    if not isinstance(row, list) or len(row) != 7 or not isinstance(row[5], bool) or not isinstance(row[6], dict):
        raise ValueError("it holds something else than ages")
    times = [*row[:5], *row[6].values()]
    if number(row[0]) is None or any(value is not None and number(value) is None for value in times):
        raise ValueError("it holds ages that are no numbers")
    if None in row[6].values() or not all(key.replace(".", "", 1).isdecimal() for key in row[6]):
        raise ValueError("it holds limits that are no numbers")
    return Seen(*row)
