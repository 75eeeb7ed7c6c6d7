# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is spent now, what was charged, and the invoices."""

from __future__ import annotations

import json
from typing import Any

from .. import lifecycle
from ..checks import as_list, as_mapping, check_names
from ..ledger import charges, left, rates
from ..model import Account, Row
from ..reply import Reply, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, V1, Route

CHARGES = (100, 500)
"""Rows on a page, by default and at most."""
INVOICES = (60, 60)
NEEDS_DAYS = "Must provide both 'day' gte and lte filters for instance charges"


def spend_rate(account: Account, _request: Request) -> Reply:
    gpus, disks, volumes = rates(account)
    return json_reply(
        {
            "success": True,
            "gpu_cost_per_hour": gpus,
            "container_storage_cost_per_hour": disks,
            "volume_storage_cost_per_hour": volumes,
            "has_active_resources": bool(account.instances or account.table("volumes")),
        }
    )


def advance(account: Account) -> None:
    """Whoever has nothing left has what runs stopped; the disks go on to bill."""
    if account.options.stop_without_credit and left(account) <= 0:
        for instance in account.instances.values():
            if instance.row["cur_state"] == "running" and instance.row["intended_status"] == "running":
                lifecycle.stop(account, instance)


def list_charges(account: Account, request: Request) -> Reply:
    if account.user["host_agreement_accepted"]:
        msg = "Host users do not have instance charges"
        return json_reply({"success": False, "msg": msg, "count": 0, "results": []})
    span = bounds(request, "day")
    if span is None:
        return json_reply({"success": False, "msg": NEEDS_DAYS}, 400)
    return page(charges(account, *span), request, CHARGES)


def list_invoices(account: Account, request: Request) -> Reply:
    span = bounds(request, "when")
    if span is None or span[1] < span[0]:
        return json_reply({"success": False, "msg": "Invalid date range"})
    rows = [row for row in account.table("invoices").values() if span[0] <= row["when"] <= span[1]]
    return page(rows, request, INVOICES)


def bounds(request: Request, column: str) -> tuple[float, float] | None:
    """The first and the last second that are asked for."""
    try:
        asked = json.loads(request.query.get("select_filters", ""))[column]
        return float(asked["gte"]), float(asked["lte"])
    except (ValueError, KeyError, TypeError):
        return None


def page(rows: list[Row], request: Request, sizes: tuple[int, int]) -> Reply:
    token, limit = request.query.get("after_token", "0"), request.query.get("limit", str(sizes[0]))
    if not token.isdigit() or not limit.isdigit() or not int(limit):
        return refusal(400, "invalid_request", "after_token cannot be decoded, or limit is no number")
    start = int(token)
    size = min(int(limit), sizes[1])
    shown = rows[start : start + size]
    after = start + size
    more = str(after) if after < len(rows) else None
    return json_reply({"success": True, "count": len(shown), "total": len(rows), "results": shown, "next_token": more})


def load(account: Account, specs: Any, where: str) -> None:
    for position, spec in enumerate(as_list(specs, where)):
        place = f"{where}[{position}]"
        check_names(as_mapping(spec, place), ("when", "amount", "type", "description"), place)
        number = account.new_id()
        empty: Row = {"id": number, "type": "payment", "amount": 0.0, "description": "", "when": 0.0}
        account.table("invoices")[number] = {**empty, **spec}


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/users/spend-rate/", spend_rate, "user_read", 2.0),
        Route("GET", f"{V0}/charges/", list_charges, "billing_read", 1.0),
        Route("GET", f"{V1}/invoices/", list_invoices, "billing_read", 3.0),
    ),
    sections={"invoices": load},
    order=3,
    advance=advance,
)
