# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The memory of workers that are not proven gone: one private file for each account, beside that of the pacing."""

from __future__ import annotations

import collections.abc as c
import json
import os
import typing as t

from .._api.client import Client
from .._api.private_files import MAX_BYTES, PrivateFile, digest, shared_directory
from .._core.rows import is_id
from .endpoints import display_name

MAX_LEAKS = 100
"""How many endpoint groups are remembered."""
MAX_WORKERS = 500
"""How many workers of one endpoint group are remembered."""


class Leak(t.NamedTuple):
    """The workers of one endpoint group that were not proven gone.

    `failed` are those that Vast.ai said it could not delete; `unknown` tells that there may be workers without a name.
    """

    id: int
    name: str
    workers: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    unknown: bool = False

    @property
    def display_name(self) -> str:
        """How messages call the endpoint group."""
        return display_name(self.id, self.name)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to be proven."""
        return not (self.workers or self.failed or self.unknown)

    def concerns(self, endpoint_id: int | None, name: str | None) -> bool:
        """Whether a task for this id or name has to prove it."""
        return self.id == endpoint_id or (name is not None and self.name == name)

    def joined(self, newer: Leak) -> Leak:
        """What both say of the same endpoint group; whether there are nameless workers the newer one knows."""
        return newer._replace(workers=self.workers | newer.workers, failed=self.failed | newer.failed)

    def without(self, gone: c.Set[int], *, unknown: bool) -> Leak:
        """What is left of it after these were proven gone, and whether nameless ones still count."""
        return self._replace(workers=self.workers - gone, failed=self.failed - gone, unknown=self.unknown and unknown)


class Memory:
    """The leaks of one account. A file that cannot be used is told with a warning, never taken for an empty one."""

    def __init__(self, client: Client) -> None:
        name = f"endpoints-{digest(client.settings.identity)}.json"
        directory = shared_directory(os.environ)
        self._warn = client.warn
        self._path = os.path.join(directory or "", name)
        self._file = PrivateFile(directory, name, durable=True)

    def concerning(self, endpoint_id: int | None, name: str | None) -> list[Leak]:
        """What is remembered of endpoint groups with this id or name."""
        if not os.path.lexists(self._path):
            return []
        try:
            size = os.path.getsize(self._path)
            with self._file.locked() as content:
                leaks = load(content.data if size <= MAX_BYTES else b"too large")
        except (OSError, ValueError) as error:
            self._warn(
                f"The leftover workers of earlier tasks are not known: {self._path} cannot be used: {error}. "
                "Check the instances of the account, and list leftover workers in the option workers."
            )
            return []
        return [leak for leak in leaks if leak.concerns(endpoint_id, name)]

    def remember(self, leak: Leak) -> None:
        """Add what has to be proven to what is remembered of the same endpoint group."""

        def change(leaks: list[Leak]) -> list[Leak]:
            same = [old.joined(leak) for old in leaks if old[:2] == leak[:2]]
            joined = [*(old for old in leaks if old[:2] != leak[:2]), *(same or [leak])]
            return [each for each in joined if not each.is_settled]

        self._update(change)

    def forget(self, endpoints: c.Set[int], gone: c.Set[int], *, unknown: bool = False) -> None:
        """Take the workers that are proven gone off what is remembered of these endpoint groups."""

        def change(leaks: list[Leak]) -> list[Leak]:
            left = [leak.without(gone, unknown=unknown) if leak.id in endpoints else leak for leak in leaks]
            return [leak for leak in left if not leak.is_settled]

        self._update(change)

    def _update(self, change: c.Callable[[list[Leak]], list[Leak]]) -> None:
        try:
            with self._file.locked() as content:
                before = self._load(content.data)
                leaks = change(before)
                if leaks == before:
                    return
                for leak in leaks[:-MAX_LEAKS]:
                    self._warn(f"{self._path} is full and no longer contains the workers of {leak.display_name}.")
                content.save(dump(leaks))
        except OSError as error:
            self._warn(
                f"Workers that may still exist cannot be recorded in {self._path}: {error}. Note their ids, and "
                "list them in the option workers of later tasks."
            )

    def _load(self, text: bytes) -> list[Leak]:
        try:
            return load(text)
        except ValueError as error:
            self._warn(f"{self._path} was damaged ({error}) and is replaced; its contents are lost.")
            return []


def load(text: bytes) -> list[Leak]:
    """Read what `dump` wrote. Raises ValueError for anything else; an empty file remembers nothing."""
    if not text.strip():
        return []
    try:
        rows = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if isinstance(rows, list):
        return [_leak(row) for row in rows]
    raise ValueError("it contains no list")


def _leak(row: t.Any) -> Leak:
    if not isinstance(row, dict) or not is_id(row.get("id")) or not isinstance(row.get("name"), str):
        raise ValueError("it contains something other than endpoint groups")
    lists = [row.get("workers"), row.get("failed")]
    if not all(isinstance(ids, list) and all(is_id(worker) for worker in ids) for ids in lists):
        raise ValueError("it contains workers without ids")
    workers, failed = (frozenset(t.cast("list[int]", ids)) for ids in lists)
    return Leak(row["id"], row["name"], workers, failed, row.get("unknown") is True)


def dump(leaks: c.Sequence[Leak]) -> bytes:
    """The newest leaks, as JSON."""
    rows = [
        {
            "id": leak.id,
            "name": leak.name,
            "workers": sorted(leak.workers)[:MAX_WORKERS],
            "failed": sorted(leak.failed)[:MAX_WORKERS],
            "unknown": leak.unknown or len(leak.workers) > MAX_WORKERS,
        }
        for leak in leaks[-MAX_LEAKS:]
    ]
    return json.dumps(rows).encode()
