# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was billed: by the second, the disk unless the host is offline, the GPU while the container runs."""

from __future__ import annotations

import math

from .model import Account, Instance, Row, Span, dollars


def everything(account: Account) -> list[Instance]:
    """What exists and what is gone, billed up to now."""
    now = account.clock.now()
    for instance in account.instances.values():
        instance.bill(now)
    return [*account.destroyed, *account.instances.values()]


def spent(account: Account) -> float:
    return sum(each.gpu_cost + each.disk_cost for each in everything(account)) + sum(volume_costs(account).values())


def left(account: Account) -> float:
    """Dollars of balance and credit that are left."""
    return dollars(account.user["credit"]) + dollars(account.user["balance"]) - spent(account)


def rates(account: Account) -> tuple[float, float, float]:
    """Dollars an hour now: GPUs, disks, volumes."""
    prices = [each.prices for each in account.instances.values()]
    volumes = account.table("volumes").values()
    stored = sum(dollars(row["storage_total_cost"]) for row in volumes)
    return sum(gpu for gpu, _disk in prices), sum(disk for _gpu, disk in prices), stored


def volume_costs(account: Account, start: float = -math.inf, end: float = math.inf) -> dict[int, float]:
    """What each volume was billed between two moments, those that are gone included."""
    now = account.clock.now()
    spans: dict[int, Span] = account.things.setdefault("volume_spans", {})
    for number, row in account.table("volumes").items():
        span = spans.setdefault(number, Span(account.started, now, 0.0, dollars(row["storage_total_cost"])))
        span.end = now
    return {number: span.within(start, end) * span.disk for number, span in spans.items()}


def show(account: Account) -> Row:
    gpus, disks, volumes = rates(account)
    costs = volume_costs(account)
    return {
        "total": spent(account),
        "per_hour": gpus + disks + volumes,
        "instances": [entry(each, each.id in account.instances) for each in everything(account)],
        "volumes": [
            {"id": number, "exists": number in account.table("volumes"), "cost": cost} for number, cost in costs.items()
        ],
    }


def charges(account: Account, start: float, end: float) -> list[Row]:
    """What was billed between two moments of the wall clock, a row for each contract that was billed anything."""
    offset = account.clock.wall() - account.clock.now()
    since, until = start - offset, end - offset
    rows = [row for each in everything(account) if (row := charge(each, since, until, offset))]
    for number, cost in volume_costs(account, since, until).items():
        if cost:
            rows.append(contract("volume", number, start, end, [("disk", cost)], {}))
    return rows


def charge(instance: Instance, since: float, until: float, offset: float) -> Row | None:
    spans = [span for span in instance.spans if span.within(since, until)]
    if not spans:
        return None
    gpu, disk = (sum(span.within(since, until) * rate(span) for span in spans) for rate in (_gpu, _disk))
    start, end = max(since, spans[0].start) + offset, min(until, spans[-1].end) + offset
    metadata = {"label": instance.row["label"]} if instance.row["label"] else {}
    return contract("instance", instance.id, start, end, [("gpu", gpu), ("disk", disk)], metadata)


def _gpu(span: Span) -> float:
    return span.gpu


def _disk(span: Span) -> float:
    return span.disk


def contract(kind: str, number: int, start: float, end: float, parts: list[tuple[str, float]], metadata: Row) -> Row:
    return {
        "start": int(start),
        "end": int(end),
        "type": kind,
        "source": f"{kind}-{number}",
        "description": f"{kind.title()} {number} Charges",
        "amount": round(sum(cost for _name, cost in parts), 3),
        "metadata": metadata,
        "items": [
            {"start": int(start), "end": int(end), "type": name, "source": None, "amount": cost, "items": []}
            for name, cost in parts
        ],
    }


def entry(instance: Instance, exists: bool) -> Row:
    return {
        "id": instance.id,
        "label": instance.row["label"],
        "exists": exists,
        "gpu_seconds": instance.gpu_seconds,
        "disk_seconds": instance.disk_seconds,
        "gpu_cost": instance.gpu_cost,
        "disk_cost": instance.disk_cost,
    }
