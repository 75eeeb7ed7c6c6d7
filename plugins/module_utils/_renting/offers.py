# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The offers of the market: searching, holding each against what was asked, and what to relax when none fits (F5)."""

from __future__ import annotations

import typing as t

from .._api.client import Client, Route
from .._api.errors import ProtocolError, VastError
from .._api.replies import is_whole
from .._core.amounts import number
from .criteria import MOST_ROWS, Criteria, Criterion, as_query, factor_of, price, value_of
from .options import ORDERS

SEARCH = Route("POST", "/api/v0/bundles/", 1.0, reads=True)
"""It changes nothing, whatever its method. No interval is published for it; 0.8 s is that of its GET form (F2.4)."""
MOST_RELAXED = 8
"""Searches that may be spent on finding out what to relax."""

RESULT_FIELDS = (
    "machine_id",
    "host_id",
    "gpu_name",
    "num_gpus",
    "gpu_ram",
    "gpu_total_ram",
    "gpu_frac",
    "gpu_arch",
    "compute_cap",
    "cuda_max_good",
    "driver_version",
    "cpu_name",
    "cpu_cores_effective",
    "cpu_ram",
    "disk_space",
    "disk_bw",
    "inet_up",
    "inet_down",
    "direct_port_count",
    "static_ip",
    "geolocation",
    "verification",
    "duration",
    "end_date",
    "dlperf",
    "dlperf_per_dphtotal",
    "score",
    "dph_base",
    "dph_total",
    "min_bid",
    "is_bid",
    "storage_cost",
    "inet_up_cost",
    "inet_down_cost",
)
"""Fields passed on as the API has them."""


class Offer(t.NamedTuple):
    """One row of the market, priced with the disk that was asked for."""

    id: int
    row: t.Mapping[str, t.Any]
    disk: float

    @property
    def price(self) -> dict[str, float | None]:
        """See `criteria.price`."""
        return price(self.row, self.disk)

    @property
    def machine_id(self) -> int | None:
        """The machine that it is a part of."""
        machine = self.row.get("machine_id")
        return machine if is_whole(machine) else None

    def rank(self, order: str) -> tuple[bool, float]:
        """What it is sorted by; what a row does not tell comes last."""
        field, direction = ORDERS[order]
        value = number(value_of(self.row, field, self.disk))
        return value is None, (value or 0.0) * (1 if direction == "asc" else -1)

    def result(self) -> dict[str, t.Any]:
        """The documented shape `offer`."""
        shown = {field: self.row.get(field) for field in RESULT_FIELDS}
        reliability = value_of(self.row, "reliability", self.disk)
        return {"id": self.id, "price": self.price, "reliability": reliability, **shown}


class Found(t.NamedTuple):
    """What a search gave: offers in the order asked for, rows that did not fit, and whether there may be more."""

    offers: list[Offer]
    dropped: int
    more: bool


def search(client: Client, criteria: Criteria) -> Found:
    """The offers that meet all criteria, at most `limit`, in the order asked for; a warning for what is not certain.

    Raises ProtocolError for a reply without a list of offers, and the leaves of VastError.
    """
    found = _search_all(client, criteria)
    for option in criteria.unheld:
        client.warn(f"{option}: offers do not show this value, so it could not be verified.")
    if found.dropped:
        client.warn(f"{found.dropped} offers that Vast.ai returned do not meet the criteria and were removed.")
    return found


def _search_all(client: Client, criteria: Criteria) -> Found:
    if not criteria.prefer:
        return _search(client, criteria, criteria.limit)
    offers: list[Offer] = []
    dropped, more = 0, False
    for name in criteria.prefer:
        found = _search(client, _only(criteria, name), criteria.limit - len(offers))
        offers += found.offers
        dropped, more = dropped + found.dropped, more or found.more
        if len(offers) >= criteria.limit:
            return Found(offers, dropped, more=True)
    return Found(offers, dropped, more)


def _only(criteria: Criteria, name: str) -> Criteria:
    conditions = (each._replace(value=[name]) if each.option == "gpu_name" else each for each in criteria.conditions)
    return criteria._replace(conditions=tuple(conditions))


def _search(client: Client, criteria: Criteria, limit: int) -> Found:
    # Rows are what the daily quota counts (F2.4), so no more are asked for than are wanted.
    rows, more = _rows(client, criteria, limit)
    offers = [offer for offer in rows if not criteria.misses(offer.row)]
    offers.sort(key=lambda offer: offer.rank(criteria.order))
    return Found(offers[:limit], len(rows) - len(offers), more)


def search_body(criteria: Criteria, limit: int) -> dict[str, t.Any]:
    """What is sent: only what can be rented now, priced with this disk."""
    own = [Criterion("", "rentable", "eq", True), Criterion("", "rented", "eq", False)]
    if not any(each.field == "external" for each in criteria.conditions):
        own.append(Criterion("", "external", "eq", False))
    return {
        **as_query([*own, *criteria.conditions]),
        "type": "bid" if criteria.interruptible else "on-demand",
        "order": [list(ORDERS[criteria.order])],
        "limit": limit,
        "allocated_storage": criteria.disk,
    }


def _rows(client: Client, criteria: Criteria, limit: int) -> tuple[list[Offer], bool]:
    """What comes back and can be rented, and whether there may be more: as many rows came as were asked for."""
    rows = client.call(SEARCH, body=search_body(criteria, limit)).get("offers")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProtocolError(
            "The search for offers is not valid: the reply has no list of offers. It was ignored; run the task again.",
            client.answered(SEARCH),
        )
    found: dict[int, Offer] = {}
    for row in rows:
        offer_id = value_of(row, "ask_contract_id", criteria.disk)
        if is_whole(offer_id) and offer_id > 0:
            found.setdefault(offer_id, Offer(offer_id, row, criteria.disk))
    return list(found.values()), len(rows) >= limit


def relax(client: Client, criteria: Criteria) -> list[dict[str, t.Any]]:
    """For each criterion alone: how many offers there are without it, and the nearest value among them.

    One search without any of them answers for all, as long as the API gives all its rows; else one search for each,
    MOST_RELAXED in all. One that fails ends it, as when the search quota is used up.
    """
    told: list[dict[str, t.Any]] = []
    try:
        market, more = _rows(client, criteria._replace(conditions=()), MOST_ROWS)
        for option in criteria.options[: MOST_RELAXED - 1] if more else criteria.options:
            loose = criteria.without(option)
            rows = _rows(client, loose, MOST_ROWS)[0] if more else market
            fitting = [offer for offer in rows if not loose.misses(offer.row)]
            nearest = _nearest_value(criteria, option, fitting)
            told.append({"criterion": option, "offers": len(fitting), "nearest": nearest})
    except VastError as error:
        # It only adds to what is told.
        client.warn(f"Which criterion to relax is not known: {error.msg}")
    return told


def _nearest_value(criteria: Criteria, option: str, offers: list[Offer]) -> t.Any:
    """What the offer that comes nearest shows, in the unit of the option."""
    conditions = [each for each in criteria.conditions if each.option == option]
    if not offers or len(conditions) != 1:
        return None
    field, op = conditions[0].field, conditions[0].op
    values = [value_of(offer.row, field, offer.disk) for offer in offers]
    numbers = [found for value in values if (found := number(value)) is not None]
    if op in ("gte", "lte") and numbers:
        nearest = max(numbers) if op == "gte" else min(numbers)
        return round(nearest / factor_of(option), 6)
    cheapest = min(offers, key=lambda offer: offer.rank("price"))
    return value_of(cheapest.row, field, cheapest.disk)


def explained(told: list[dict[str, t.Any]]) -> str:
    """One sentence that says what to relax, for a message."""
    if not told:
        return "Which criterion to relax is not known."
    helpful = sorted((each for each in told if each["offers"]), key=lambda each: -each["offers"])
    if not helpful:
        return "No single criterion excludes all offers. Relax several criteria, or try again later."
    hints = [
        f"without {each['criterion']} there are {each['offers']}"
        + ("" if each["nearest"] is None else f" (nearest: {each['nearest']})")
        for each in helpful[:3]
    ]
    return f"What would help: {'; '.join(hints)}."


def find_offer(client: Client, offer_id: int, criteria: Criteria) -> Offer | None:
    """One offer as it is now, or None when it is gone or does not meet the criteria.

    A filter on `id` may match nothing, so that `ask_contract_id` is asked for (F5). Which market it is in is asked for
    with it, since the API looks in one only.
    """
    asked = Criterion("id", "ask_contract_id", "eq", offer_id)
    market = (each for each in criteria.conditions if each.field == "external")
    rows, _more = _rows(client, criteria._replace(conditions=(asked, *market)), 1)
    return next((offer for offer in rows if offer.id == offer_id and not criteria.misses(offer.row)), None)
