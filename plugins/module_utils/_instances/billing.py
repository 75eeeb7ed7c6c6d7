# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an instance bills at this moment, and why it is worth a look. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._core.amounts import HOURS_A_MONTH, amount, number
from .._core.durations import spoken
from .cost import price
from .instance import Instance

LOADING = (None, "created", "loading")
"""Values of `actual_status` before the container runs for the first time: the disk bills, the GPU does not (F6.7)."""
IDLE_BELOW = 5.0
"""Per cent of use below which a running GPU is called idle."""
ENDS_SOON = 86400.0
"""Seconds before the end of a contract in which that is worth a look."""


class Bill(t.NamedTuple):
    """Which part of the burn it belongs to, what of it bills, and US dollars per hour; None: not known."""

    part: str
    pays: str
    per_hour: float | None


def bill(instance: Instance) -> Bill:
    """What it bills now, by its contract and its container (F3.4, F6.7)."""
    part = "stopped_disk" if instance.word("cur_state") == "stopped" else "running"
    if instance.actual_status == "offline":
        return Bill(part, "nothing", 0.0)
    if part == "stopped_disk":
        return Bill(part, "disk", disk(instance))
    if not instance.has_gpu:
        # A contract in a state that is not known may pay anything.
        return Bill(part, "unknown", None)
    if instance.actual_status in LOADING:
        return Bill(part, "disk", disk(instance))
    return Bill(part, "gpu_and_disk", price(instance, "dph_total"))


def disk(instance: Instance) -> float | None:
    """What the disk pays an hour: as the API tells it, else by its size (F3.3)."""
    told = price(instance, "storage_total_cost")
    if told is not None or instance.row.get("storage_total_cost") is not None:
        return told
    rate, size = price(instance, "storage_cost"), amount(instance.row.get("disk_space"))
    return None if rate is None or size is None else rate * size / HOURS_A_MONTH


def remarks(instance: Instance, now: float, *, worker: bool = False, stopped_since: float | None = None) -> list[str]:
    """Why it is worth a look."""
    return [*_states(instance, now, stopped_since), *_others(instance, now, worker=worker)]


def _states(instance: Instance, now: float, stopped_since: float | None) -> c.Iterator[str]:
    if is_idle(instance):
        yield "idle"
    if is_outbid(instance):
        yield "outbid"
    elif instance.is_queued:
        yield "start queued"
    elif instance.word("cur_state") == "stopped":
        yield "stopped" if stopped_since is None else f"stopped for {spoken(now - stopped_since)}"
    if instance.is_lost:
        yield "offline" if instance.actual_status == "offline" else "host does not answer"
    elif instance.has_gpu and instance.actual_status in LOADING:
        yield "loading"


def _others(instance: Instance, now: float, *, worker: bool) -> c.Iterator[str]:
    ends = number(instance.row.get("end_date"))
    if ends is not None and ends - now <= ENDS_SOON:
        yield f"contract ends in {spoken(ends - now)}" if ends > now else "contract has ended"
    if not instance.label and not worker:
        yield "no label"


def is_idle(instance: Instance) -> bool:
    """Whether its GPU is known to do next to nothing."""
    use = number(instance.row.get("gpu_util"))
    return instance.is_running and use is not None and use < IDLE_BELOW


def is_outbid(instance: Instance) -> bool:
    """Whether another bid has its GPU: an interruptible one that is stopped below the lowest bid (F3.4)."""
    if instance.row.get("is_bid") is not True or instance.word("cur_state") != "stopped":
        return False
    lowest, own = price(instance, "min_bid"), price(instance, "dph_base")
    return instance.is_queued or (lowest is not None and own is not None and lowest > own)
