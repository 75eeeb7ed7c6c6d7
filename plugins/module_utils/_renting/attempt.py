# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""One attempt to rent: what it came to, and in what the box differs from what was asked for. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.errors import VastError
from .._core.amounts import number
from .._instances.contents import DISK_MARGIN
from .._instances.cost import price
from .._instances.instance import Instance
from .criteria import gpu
from .offers import Offer
from .wish import ROUNDING, Wish


class Attempt:
    """One offer on its way to a box that can be used; an entry of `attempts`."""

    def __init__(self, offer: Offer, price: float | None, now: float) -> None:
        self.offer = offer
        self.price = price
        self.began = now
        self.ended: float | None = None
        self.id: int | None = None
        self.seen: Instance | None = None
        self.outcome = "unknown"
        self.reason: str | None = None
        self.log: str | None = None
        self.labelled = False
        self.nameless: VastError | None = None
        self.absent = 0
        self.rivals: list[Instance] = []
        self.rivals_since = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether an instance of it may exist."""
        return self.id is not None and self.ended is None

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.seen.display_name if self.seen else f"instance {self.id}"

    def end(self, outcome: str, reason: str | None, now: float) -> None:
        """Note what became of it."""
        self.outcome, self.reason, self.ended = outcome, reason, now

    def result(self, now: float) -> dict[str, t.Any]:
        """The documented shape of an attempt."""
        seconds = (now if self.ended is None else self.ended) - self.began
        cost = None if self.price is None else round(self.price * seconds / 3600, 6)
        return {
            "offer_id": self.offer.id,
            "machine_id": self.offer.machine_id,
            "instance_id": self.id,
            "outcome": self.outcome,
            "reason": self.reason,
            "log": self.log,
            "seconds": round(seconds, 1),
            "cost": cost if self.id is not None else 0.0,
        }


def differences(
    seen: Instance, offer: Offer, wish: Wish, left: float | None = None, *, final: bool
) -> c.Iterator[tuple[str, str]]:
    """In what a box differs from what was asked; with `final` what it does not tell counts, too. Pure.

    `left`: what the budget left for it, in US dollars per hour.
    """
    wanted = gpu(str(offer.row.get("gpu_name") or ""))
    have = gpu(seen.text("gpu_name") or "")
    if have != wanted and (have or final):
        yield "gpu", f"the GPU is {have or 'unknown'}, not {wanted}"
    count, wants = number(seen.row.get("num_gpus")), number(offer.row.get("num_gpus"))
    if count != wants and (count is not None or final):
        yield "gpu", f"it has {_shown(count)} GPUs, not {_shown(wants)}"
    disk = number(seen.row.get("disk_space"))
    if (disk is None and final) or (disk is not None and disk < wish.disk * DISK_MARGIN):
        yield "disk", f"its disk has {_shown(disk)} GB, not {wish.disk:g}"
    paid = price(seen, "dph_total")
    if (paid is None and final) or (paid is not None and paid > wish.max_price + ROUNDING):
        yield "price", f"it costs {_shown(paid)} US dollars per hour, and offer.max_price is {wish.max_price:g}"
    elif left is not None and paid is not None and paid > left + ROUNDING:
        yield "price", f"it costs {paid:g} US dollars per hour, and budget.max_per_hour left {left:g}"


def _shown(value: float | None) -> str:
    return "an unknown number of" if value is None else f"{value:g}"
