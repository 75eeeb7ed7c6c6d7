# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the reaper judges: what was chosen, with its history and what was charged."""

from __future__ import annotations

import time
import typing as t

from .._account import charges, volume_rows
from .._account.volume_rows import Volume
from .._api.client import Client
from .._core.amounts import amount
from .._instances.billing import bill
from .._instances.instance import Instance
from .._instances.selection import choose
from .history import History
from .rules import NULL, Candidate, Seen
from .task import Task, Thing

YEAR = 366 * 86400.0


class Found(t.NamedTuple):
    """What was chosen, as it was seen, with its history and what was charged.

    `now`: when it was seen, by which everything is judged, whatever the clock does meanwhile; `is_timed`: it counts.
    """

    things: list[Thing]
    seen: dict[str, Seen]
    costs: t.Mapping[str, float | None]
    now: float
    is_timed: bool


def gather(client: Client, task: Task) -> Found:
    """What is chosen, from complete listings, recorded in the history."""
    missing, excluded = task.missing or "warn", task.missing or "fail"
    things: list[Thing] = [*choose(client, task.select, task.exclude, missing=missing, excluded=excluded).instances]
    if any(rule.of_volumes for rule in task.rules):
        things += [each for each in volume_rows.read(client) if is_chosen(each, task)]
    costs: t.Mapping[str, float | None] = {}
    now = time.time()
    if any("cost_above" in rule.amounts for rule in task.rules):
        charged = charges.optional(client, "What was charged is", lambda: charges.charges(client, now - YEAR, now))
        costs = charged.by_source if charged else {}
    limits = [rule.gpu_util_below for rule in task.rules if rule.gpu_util_below is not None]
    history = History(client, task.state_file)
    candidates = [candidate(each, costs, now) for each in things]
    seen = history.record(candidates, limits, now, task.max_gap)
    return Found(things, seen, costs, now, history.is_timed)


def is_chosen(thing: Thing, task: Task) -> bool:
    """Whether it fits the criteria; of a volume those count that volumes can fit."""
    if isinstance(thing, Volume):
        thing = Instance(thing.id, {"label": thing.label, "machine_id": thing.row.get("machine_id")})
    return task.select.matches(thing) and not task.exclude.matches_any(thing)


def candidate(thing: Thing, costs: t.Mapping[str, float | None], now: float) -> Candidate:
    """A thing as rules look at it."""
    row = thing.row
    start, end = amount(row.get("start_date")) or None, amount(row.get("end_date")) or None
    if end is not None and start is not None and end < start:
        end = None
    if isinstance(thing, Volume):
        return Candidate(
            kind="volume",
            id=thing.id,
            label=thing.label,
            status=None,
            attached=charges.is_attached(row),
            price=amount(row.get("storage_total_cost")),
            cost=known_cost(costs, f"volume-{thing.id}", start, now),
            start_date=start,
            end_date=end,
        )
    return Candidate(
        kind="instance",
        id=thing.id,
        label=thing.label,
        status=status(thing),
        running=is_running(thing),
        stopped=is_stopped(thing),
        price=None if status(thing) is None else bill(thing).per_hour,
        cost=known_cost(costs, f"instance-{thing.id}", start, now),
        gpu_util=amount(row.get("gpu_util")),
        start_date=start,
        end_date=end,
    )


def word(instance: Instance, field: str) -> str | None:
    """A word of the API; None for what is none: missing, null, empty, another type."""
    return instance.word(field) if isinstance(instance.row.get(field), str) else None


def status(instance: Instance) -> str | None:
    """Its status as rules write it; None when the row does not tell it."""
    is_null = "actual_status" in instance.row and instance.row["actual_status"] is None
    return NULL if is_null else word(instance, "actual_status")


def is_running(instance: Instance) -> bool | None:
    """Whether it runs; None while the row lacks a field that tells it (F3.4)."""
    told = (status(instance), word(instance, "intended_status"), word(instance, "cur_state"))
    return None if None in told else instance.is_running


def is_stopped(instance: Instance) -> bool | None:
    """Whether it is stopped and is to stay so; None while the row lacks a field that tells it (F3.7)."""
    told = [word(instance, field) for field in ("cur_state", "intended_status", "next_state")]
    if any(each not in (None, "stopped") for each in told[:2]):
        return False
    return None if None in told else instance.is_stopped


def known_cost(costs: t.Mapping[str, float | None], source: str, start: float | None, now: float) -> float | None:
    """What was charged for all of its life; None when not all of it was looked for."""
    return costs.get(source) if start is not None and start >= now - YEAR else None
