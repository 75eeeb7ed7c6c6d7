# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Everything that bills, as one table: the sums, the groups, how long the credit lasts, the limits. Pure.

It knows no kind of thing: whoever reads them hands down plain items.
"""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._core.amounts import HOURS_A_MONTH, PLACES, number, total

PARTS = ("running", "stopped_disk", "volumes", "workers")
GROUPS = ("label", "label_prefix", "gpu_name", "status", "endpoint", "country", "machine")
REASONS_AT_MOST = 20


class Item(t.NamedTuple):
    """One thing that bills. `part`: of the burn; `pays`: what of it bills; `per_hour`: US dollars, None: not known.

    `endpoint`: of which it is a worker, as far as that is known.
    """

    kind: str
    id: int
    part: str
    pays: str
    per_hour: float | None
    label: str | None = None
    gpu_name: str | None = None
    status: str | None = None
    endpoint: int | None = None
    endpoint_known: bool = True
    country: str | None = None
    machine_id: t.Any = None
    gpu_util: float | None = None
    since: float | None = None
    ends: float | None = None
    remarks: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """What the charges call it (F6.7); a worker is an instance there."""
        return f"volume-{self.id}" if self.kind == "volume" else f"instance-{self.id}"

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.kind} {self.id}" + (f" ({self.label})" if self.label else "")

    def result(self, spent: t.Mapping[str, float | None] | None) -> dict[str, t.Any]:
        """As results show it; `spent`: what each has cost since it began, by its source, None: not known."""
        remarks = [*self.remarks, *(["price not known"] if self.per_hour is None else [])]
        cost = None if spent is None else spent.get(self.source)
        own = {key: value for key, value in self._asdict().items() if key not in ("endpoint", "endpoint_known")}
        owner = {"worker_of": self.endpoint} if self.endpoint_known else {}
        return {**own, **owner, "per_hour": rounded(self.per_hour), "cost_so_far": cost, "remarks": remarks}


class Burn(t.NamedTuple):
    """US dollars per hour by part, and in all; None: not known. What is in no part is still in the total."""

    parts: t.Mapping[str, float | None]
    total: float | None

    def result(self) -> dict[str, t.Any]:
        """By the hour, the day and 30 days."""
        return {part: periods(value) for part, value in {**self.parts, "total": self.total}.items()}


class Limits(t.NamedTuple):
    """What may not be exceeded, US dollars per hour; `hours_left`: the least that the credit has to last."""

    per_hour: float | None = None
    hours_left: float | None = None
    per_instance: float | None = None


def burn(items: c.Sequence[Item], *, volumes: float | None, workers_known: bool) -> Burn:
    """The sums. `volumes`: what all volumes pay. While the workers are not known, they count as instances."""
    parts = {part: total(item.per_hour for item in items if item.part == part) for part in PARTS}
    parts["volumes"] = rounded(volumes)
    everything = total([*(item.per_hour for item in items if item.kind != "volume"), volumes])
    if not workers_known:
        parts["workers"] = None
    return Burn(parts, everything)


def periods(per_hour: float | None) -> dict[str, float | None]:
    """A price by the hour, the day, and 30 days of 24 hours."""
    longer = [None if per_hour is None else round(per_hour * hours, 4) for hours in (24, HOURS_A_MONTH)]
    return {"per_hour": rounded(per_hour), "per_day": longer[0], "per_30_days": longer[1]}


def rounded(value: float | None) -> float | None:
    """As results show a price."""
    return None if value is None else round(value, PLACES)


def dearest_first(items: c.Iterable[Item]) -> list[Item]:
    """What costs most comes first, and before that what nobody knows the price of."""
    return sorted(items, key=lambda item: (item.per_hour is not None, -(item.per_hour or 0.0), item.kind, item.id))


def groups(items: c.Sequence[Item], criteria: c.Iterable[str], separator: str) -> dict[str, list[dict[str, t.Any]]]:
    """For each criterion its values, with how many items have it and what they pay together, the dearest first."""
    return {criterion: _grouped(items, criterion, separator) for criterion in criteria}


def _grouped(items: c.Iterable[Item], criterion: str, separator: str) -> list[dict[str, t.Any]]:
    found: dict[t.Any, list[Item]] = {}
    for item in items:
        found.setdefault(_value(item, criterion, separator), []).append(item)
    rows = [
        {"value": value, "count": len(group), **periods(total(item.per_hour for item in group))}
        for value, group in found.items()
    ]
    return sorted(rows, key=lambda row: (row["per_hour"] is not None, -(row["per_hour"] or 0.0), str(row["value"])))


def _value(item: Item, criterion: str, separator: str) -> str | None:
    if criterion == "label_prefix":
        return item.label.partition(separator)[0] if item.label else None
    value = item.machine_id if criterion == "machine" else getattr(item, criterion)
    return None if value is None else str(value)


def hours_left(credit: t.Any, per_hour: float | None) -> float | None:
    """How long the credit lasts at this burn; None without a burn, and while one of them is not known."""
    known = number(credit)
    return None if known is None or not per_hour else round(max(0.0, known) / per_hour, 2)


def breaches(limits: Limits, items: c.Sequence[Item], burning: Burn, credit: t.Any) -> list[str]:
    """A sentence for each limit that is exceeded. What is not known exceeds every limit."""
    found = [*_over_burn(limits, burning), *_over_runway(limits, burning, credit), *_over_each(limits, items)]
    if len(found) > REASONS_AT_MOST:
        return [*found[:REASONS_AT_MOST], f"... and {len(found) - REASONS_AT_MOST} more"]
    return found


def _over_burn(limits: Limits, burning: Burn) -> c.Iterator[str]:
    if limits.per_hour is None:
        return
    if burning.total is None:
        yield f"per_hour: what everything costs is not known, the limit is {limits.per_hour:g} $/h"
    elif burning.total > limits.per_hour:
        yield f"per_hour: everything costs {burning.total:g} $/h, the limit is {limits.per_hour:g} $/h"


def _over_runway(limits: Limits, burning: Burn, credit: t.Any) -> c.Iterator[str]:
    if limits.hours_left is None:
        return
    left = hours_left(credit, burning.total)
    if number(credit) is None:
        yield f"hours_left: the credit is not known, it has to last {limits.hours_left:g} h"
    elif burning.total is None:
        yield f"hours_left: what everything costs is not known, the credit has to last {limits.hours_left:g} h"
    elif left is not None and left < limits.hours_left:
        yield f"hours_left: the credit lasts {left:g} h, it has to last {limits.hours_left:g} h"


def _over_each(limits: Limits, items: c.Iterable[Item]) -> c.Iterator[str]:
    if limits.per_instance is None:
        return
    for item in items:
        if item.kind == "volume":
            continue
        if item.per_hour is None:
            yield f"per_instance: what {item.name} costs is not known, the limit is {limits.per_instance:g} $/h"
        elif item.per_hour > limits.per_instance:
            yield f"per_instance: {item.name} costs {item.per_hour:g} $/h, the limit is {limits.per_instance:g} $/h"
