# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What instances cost, by the prices of the listing. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._core.amounts import amount, total
from .instance import Instance


def cost(instances: c.Iterable[Instance]) -> dict[str, t.Any]:
    """US dollars per hour by state, from the prices of the listing (F3.3).

    `running` is what those that hold their GPU pay, `if_started` what the others would pay if they ran, `storage` what
    the others pay for their disks meanwhile, `per_hour` what all pay now. A sum is None when a price in it is not
    known, so that a comparison with a budget fails; `unknown` has the ids of the instances with such a price.
    """
    prices: dict[str, list[float | None]] = {"running": [], "if_started": [], "storage": []}
    unknown: set[int] = set()
    for instance in instances:
        for kind, field in _pays(instance):
            value = price(instance, field)
            prices[kind].append(value)
            if value is None:
                unknown.add(instance.id)
    sums = {kind: total(values) for kind, values in prices.items()}
    return {**sums, "per_hour": total([sums["running"], sums["storage"]]), "unknown": sorted(unknown)}


def price(instance: Instance, field: str) -> float | None:
    """A price in US dollars per hour; None for what is no price: missing, text, negative, or no finite number."""
    return amount(instance.row.get(field))


def _pays(instance: Instance) -> tuple[tuple[str, str], ...]:
    """Which sums an instance is part of, and with which price."""
    if instance.has_gpu:
        return (("running", "dph_total"),)
    return ("if_started", "dph_total"), ("storage", "storage_total_cost")
