# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an account may still spend by the hour before something is rented; numbers that are not known forbid it."""

from __future__ import annotations

import typing as t

from .._api.client import Client, Route
from .._api.errors import BudgetExceeded, Invalid, NotFound, PermissionDenied, ServerError
from .._core.amounts import number, total
from .._core.arguments import check_number
from .._instances.cost import cost
from .._instances.instance import read
from .options import BUDGET_OPTIONS

if t.TYPE_CHECKING:
    from .memory import Sent

SPENT = Route("GET", "/api/v0/users/spend-rate/", 2.0)
"""It counts volumes, which no listing of instances does."""
MOST = 1_000_000


class Budget(t.NamedTuple):
    """US dollars: the most an hour of the whole account after renting, and the least credit that must be there."""

    max_per_hour: float | None = None
    min_credit: float | None = None

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any] | None) -> Budget:
        """Raises Invalid for numbers that cannot be meant."""
        given = options or {}
        if {*given.values()} == {None}:
            raise Invalid("budget must not be empty; omit it instead.")
        for name in BUDGET_OPTIONS:
            if given.get(name) is not None:
                check_number(given[name], f"budget.{name}", 0, MOST)
        return cls(given.get("max_per_hour"), given.get("min_credit"))

    @property
    def is_set(self) -> bool:
        """Whether there is something to hold."""
        return self != Budget()


def allowance(client: Client, budget: Budget, pending: Sent | None = None) -> float | None:
    """How many US dollars per hour may be added; None for any number.

    `pending`: what another task may have rented and no listing shows yet counts, too.
    Raises BudgetExceeded when the credit is too low or something is not known, and the leaves of VastError.
    """
    if budget.min_credit is not None:
        _check_credit(client, budget.min_credit)
    if budget.max_per_hour is None:
        return None
    instances = [each for each in read(client, {}) if not each.is_unloaded]
    now = cost(instances)
    # A start that waits for its GPU will bill once it has it.
    waiting = cost(each for each in instances if each.is_queued and not each.has_gpu)
    spent = total([now["per_hour"], waiting["if_started"]])
    if spent is None:
        ids = ", ".join(map(str, now["unknown"]))
        raise BudgetExceeded(
            f"budget.max_per_hour cannot be checked: Vast.ai reports no price for these instances: {ids}. Nothing "
            "was rented."
        )
    if pending is not None and not any(each.label == pending.name for each in instances):
        client.warn(
            f"budget.max_per_hour: another task may have rented {pending.name!r} for {pending.price:g} US dollars an "
            "hour, which no listing shows yet. It was included."
        )
        spent += pending.price
    left: float = round(budget.max_per_hour - spent - _volumes(client), 6)
    return left


def _check_credit(client: Client, least: float) -> None:
    from .._core.user import user_row

    account = user_row(client)
    parts = [number(account.get(name)) for name in ("credit", "balance")]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        raise BudgetExceeded(
            "budget.min_credit cannot be checked: Vast.ai does not report both credit and balance. Nothing was rented."
        )
    if sum(known) < least:
        raise BudgetExceeded(
            f"The account has {sum(known):.2f} US dollars of credit and balance, and budget.min_credit is {least:g}. "
            "Nothing was rented. Add credit, or lower min_credit."
        )


def _volumes(client: Client) -> float:
    """US dollars per hour for volumes; a warning where they cannot be read."""
    try:
        told = number(client.call(SPENT).get("volume_storage_cost_per_hour"))
        reason = "The reply does not contain it."
    except (NotFound, PermissionDenied, ServerError) as error:
        told, reason = None, error.msg
    if told is None:
        client.warn(f"budget.max_per_hour: the cost of the volumes is not known and was not included: {reason}")
    return max(0.0, told or 0.0)
