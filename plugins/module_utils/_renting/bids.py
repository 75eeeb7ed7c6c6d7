# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The bid of an interruptible instance: another one is given, within the price cap and the budget of the task."""

from __future__ import annotations

import typing as t

from .._api.client import Client
from .._api.clock import Deadline
from .._api.errors import BudgetExceeded, VastError
from .._core.resource import Item, Ref, outcome
from .._instances.cost import price
from .._instances.instance import Instance
from .revise import BID, Stored, plan_bid, revise, shows_bid

if t.TYPE_CHECKING:
    from .wish import Wish


def rebid(
    client: Client, found: Instance, bid: float, wish: Wish | None, deadline: Deadline, *, planned: bool
) -> dict[str, t.Any]:
    """Give an interruptible instance this bid. Raises BudgetExceeded, and the leaves of VastError."""
    item = Item(Ref(found.id), found, plan_bid(found, bid), follow=False)
    if wish is not None:
        cost = _checked_cost(found, bid, wish)
        if item.plan.changed:
            _check_budget(client, found, cost, wish)
    if item.plan.changed and not planned:
        revise(client, item, Stored(BID, lambda seen: shows_bid(seen, bid)), deadline)
    return outcome(item, "instance", planned=planned)


def _checked_cost(found: Instance, bid: float, wish: Wish) -> float:
    """What the instance will cost an hour. Raises BudgetExceeded for more than the price cap, or what is not known."""
    disk = price(found, "storage_total_cost")
    if disk is None:
        raise BudgetExceeded(
            f"Vast.ai does not report the price of the disk of {found.display_name}, so offer.max_price cannot be "
            f"checked for a bid of {bid:g}. Nothing was changed.",
            instance=found.result(),
        )
    if bid + disk > wish.max_price:
        raise BudgetExceeded(
            f"A bid of {bid:g} and {disk:g} for the disk of {found.display_name} are more than offer.max_price, which "
            f"is {wish.max_price:g}. Nothing was changed.",
            instance=found.result(),
        )
    return bid + disk


def _check_budget(client: Client, found: Instance, cost: float, wish: Wish) -> None:
    # Only a task with a budget needs it.
    from .budget import allowance

    left = allowance(client, wish.budget)
    more = cost - (price(found, "dph_total" if found.has_gpu else "storage_total_cost") or 0.0)
    if left is not None and more > left:
        raise BudgetExceeded(
            f"{found.display_name} would cost {more:g} US dollars per hour more, and budget.max_per_hour leaves "
            f"{left:g}. Nothing was changed.",
            instance=found.result(),
        )


def maybe_outbid(error: VastError, found: Instance) -> VastError:
    """The failure of one that may have been outbid."""
    return error.with_context(
        f"{error.msg} It is interruptible, with a bid of {found.row.get('dph_base')} US dollars per hour: "
        "someone else may have bid more. A higher bid may start it."
    )
