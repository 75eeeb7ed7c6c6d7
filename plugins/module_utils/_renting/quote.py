# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Which offers may be rented now: criteria, price cap, bid and budget are held. It only reads, as check mode does."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client
from .._api.errors import BudgetExceeded, Invalid, Unavailable, VastError
from .._core.amounts import number
from .budget import allowance
from .criteria import Criteria
from .offers import Offer, explained, find_offer, relax, search
from .wish import ROUNDING, Wish

if t.TYPE_CHECKING:
    from .attempt import Attempt
    from .memory import Sent


class Affordable(t.NamedTuple):
    """The offers that may be rented, best first; `left`: US dollars per hour that the budget leaves, None for any."""

    offers: list[Offer]
    left: float | None


def quote(client: Client, wish: Wish) -> Offer:
    """The offer that would be rented. Raises what forbids it."""
    try:
        return affordable(client, wish).offers[0]
    except VastError as error:
        raise error.with_context(wish.about(error.msg)) from error


def affordable(
    client: Client, wish: Wish, attempts: c.Sequence[Attempt] = (), pending: Sent | None = None
) -> Affordable:
    """The offers that may be rented, but none that was tried, and none on a machine that has failed.

    `pending`: what another task may have rented within the same budget.
    Raises Unavailable and Invalid when no offer is as it was asked for, and BudgetExceeded when none may cost that.
    """
    left = allowance(client, wish.budget, pending)
    failed = [each.offer.machine_id for each in attempts if each.id is not None]
    criteria = wish.criteria.excluding([machine for machine in failed if machine is not None])
    if wish.offer_id is not None:
        offers = _named(client, wish.offer_id, criteria)
    else:
        offers = _searched(client, criteria, {each.offer.id for each in attempts})
    offers = _above_floor(wish, offers)
    if fitting := [offer for offer in offers if _fits(wish, offer, left)]:
        return Affordable(fitting, left)
    raise _too_dear(wish, offers, left)


def _named(client: Client, offer_id: int, criteria: Criteria) -> list[Offer]:
    """The offer that was named, as it is now."""
    offer = find_offer(client, offer_id, criteria.without("max_price"))
    if offer is None:
        raise Unavailable(f"Offer {offer_id} is gone, or does not meet the other criteria. Nothing was rented.")
    return [offer]


def _searched(client: Client, criteria: Criteria, tried: c.Set[int]) -> list[Offer]:
    """What the market has. Raises Unavailable and BudgetExceeded with what to relax."""
    offers = [offer for offer in search(client, criteria).offers if offer.id not in tried]
    if offers:
        return offers
    told = relax(client, criteria)
    text = f"No offer meets all criteria, so nothing was rented. {explained(told)}"
    if any(each["criterion"] == "max_price" and each["offers"] for each in told):
        raise BudgetExceeded(text, relax=told)
    raise Unavailable(text, relax=told)


def _above_floor(wish: Wish, offers: list[Offer]) -> list[Offer]:
    """Those that would take the bid. Raises Invalid when none does."""
    if wish.bid is None:
        return offers
    floors = [floor for offer in offers if (floor := _floor(offer)) is not None]
    taking = [offer for offer in offers if (floor := _floor(offer)) is not None and floor <= wish.bid + ROUNDING]
    if taking:
        return taking
    least = f"the lowest bid taken is {min(floors):g}" if floors else "no offer tells its lowest bid"
    raise Invalid(f"bid is {wish.bid:g} US dollars per hour, and {least}. Nothing was rented.")


def _floor(offer: Offer) -> float | None:
    """The lowest bid that an interruptible offer takes (F5)."""
    floor = number(offer.row.get("min_bid"))
    return number(offer.row.get("dph_base")) if floor is None else floor


def _fits(wish: Wish, offer: Offer, left: float | None) -> bool:
    """Whether price cap and budget allow it; a price that is not known is allowed by neither."""
    cost = wish.price_of(offer)
    return cost is not None and cost <= wish.max_price + ROUNDING and (left is None or cost <= left + ROUNDING)


def _too_dear(wish: Wish, offers: list[Offer], left: float | None) -> BudgetExceeded:
    """What the cheapest offer costs, and what forbids it."""
    cheapest = min((cost for offer in offers if (cost := wish.price_of(offer)) is not None), default=None)
    shown = "a price that is not known" if cheapest is None else f"{cheapest:g} US dollars per hour"
    costs = f"The cheapest offer costs {shown} with a disk of {wish.disk:g} GB"
    if left is not None and cheapest is not None and cheapest <= wish.max_price:
        return BudgetExceeded(
            f"{costs}, and budget.max_per_hour leaves {left:g}. Nothing was rented. Stop or destroy something, or "
            "raise the budget."
        )
    bid = "" if wish.bid is None else f" and a bid of {wish.bid:g}"
    return BudgetExceeded(f"{costs}{bid}; offer.max_price is {wish.max_price:g}. Nothing was rented.")
