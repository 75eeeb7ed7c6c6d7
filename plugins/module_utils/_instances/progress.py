# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Polling many instances that are to stop, by counts: rows are what costs, 25 of them take a second (F3.1)."""

from __future__ import annotations

import collections.abc as c
import json
import typing as t

from .._api.client import Client
from .._api.errors import Invalid
from .._api.replies import is_whole
from .._core.resource import Item, Ref
from .instance import IDS_IN_A_FILTER, LIST, PAGE_SIZE, Instance, read
from .look import reread

ROWS_AT_MOST = 2 * PAGE_SIZE
"""So many that are not there yet are read each time; of more only the number."""
ROWS_EVERY = 60.0
"""After so many seconds all are read once more, since one that cannot get there shows only in its row."""

Filters = dict[str, dict[str, t.Any]]
Mover = Item[Instance]

SHOWN: Filters = {"intended_status": {"eq": "stopped"}}
NOT_SHOWN: Filters = {"intended_status": {"neq": "stopped"}}
THERE: Filters = {
    "intended_status": {"eq": "stopped"},
    "cur_state": {"eq": "stopped"},
    "next_state": {"eq": "stopped"},
    "actual_status": {"eq": "exited"},
}
NOT_THERE: Filters = {"cur_state": {"neq": "stopped"}}


class Stopping:
    """Reads instances on their way to `stopped`.

    What is not there yet is believed only together with the number of those that are: both have to add up. Otherwise,
    and where the API does not filter by a column, the complete listing decides.
    """

    def __init__(self) -> None:
        self._by_count = True
        self._read_at: float | None = None

    def read(self, client: Client, items: c.Sequence[Mover]) -> dict[Ref, Instance]:
        """Those of them that the API has, as far as counts tell. Raises the leaves of VastError."""
        now = client.clock.now()
        self._read_at = now if self._read_at is None else self._read_at
        if len(items) <= PAGE_SIZE or not self._by_count or now - self._read_at > ROWS_EVERY:
            self._read_at = now
            return reread(client, items)
        found: dict[Ref, Instance] = {}
        for start in range(0, len(items), IDS_IN_A_FILTER):
            some = items[start : start + IDS_IN_A_FILTER]
            try:
                counted = self._counted(client, some)
            except Invalid:
                self._by_count, counted = False, None
            found |= reread(client, some) if counted is None else counted
        return found

    def _counted(self, client: Client, items: c.Sequence[Mover]) -> dict[Ref, Instance] | None:
        """None when the numbers do not add up."""
        ids = {"id": {"in": [item.before.id for item in items]}}
        wanted, other = (SHOWN, NOT_SHOWN) if any(item.left for item in items) else (THERE, NOT_THERE)
        reached = _count(client, {**ids, **wanted})
        missing = 0 if reached == len(items) else _count(client, {**ids, **other})
        if reached + missing != len(items):
            return None
        if missing > ROWS_AT_MOST:
            return {item.ref: item.seen for item in items}
        rows = {each.id: each for each in read(client, {**ids, **other})} if missing else {}
        if len(rows) != missing or not rows.keys() <= set(ids["id"]["in"]):
            return None
        shown = {column: condition["eq"] for column, condition in wanted.items()}
        return {item.ref: rows.get(item.before.id) or _with(item.seen, shown) for item in items}


def _with(seen: Instance, fields: t.Mapping[str, t.Any]) -> Instance:
    return Instance(seen.id, {**seen.row, **fields})


def _count(client: Client, filters: Filters) -> int:
    """How many match, from one page of one row; -1 when that is not told."""
    page = client.call(LIST, params={"select_filters": json.dumps(filters), "limit": "1"})
    total = page.get("total_instances")
    return total if is_whole(total) else -1
