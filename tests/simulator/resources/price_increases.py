# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Price increases that hosts ask for: to be accepted or rejected, once."""

from __future__ import annotations

from typing import Any

from ..checks import AccountError, as_list, as_mapping, check_names
from ..model import Account, Row
from ..reply import Reply, invalid_args, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Handler, Route

ID = "pending_price_increase_id"
PRICES = ("gpu_costpersec", "disk_ram_costpersec", "bwu_cost", "bwd_cost", "platform_fee")
FIELDS = (
    ID,
    "contract_id",
    "host_id",
    *(f"{age}_{price}" for price in PRICES for age in ("new", "old")),
    "contract_end_date",
    "ask_end_date",
    "created_at",
)
MOST = 100


def listing(account: Account, _request: Request) -> Reply:
    rows = [*account.table("price_increases").values()]
    shown = rows[:MOST]
    truncated = len(rows) > MOST
    return json_reply({"success": True, "count": len(shown), "truncated": truncated, "pending_price_increases": shown})


def decide(did: str) -> Handler:
    def call(account: Account, request: Request) -> Reply:
        number = request.fields.get(ID)
        if set(request.fields) != {ID} or not isinstance(number, int) or isinstance(number, bool):
            return invalid_args(f"exactly {ID} is required")
        row = account.table("price_increases").pop(number, None)
        if row is None:
            return refusal(404, "no_pending_price_increase", "No pending price increase.")
        account.note("price_increase", number, did)
        return json_reply({"success": True, ID: number, "contract_id": row["contract_id"]})

    return call


def load(account: Account, specs: Any, where: str) -> None:
    for position, spec in enumerate(as_list(specs, where)):
        place = f"{where}[{position}]"
        check_names(as_mapping(spec, place), FIELDS, place)
        row = {**dict.fromkeys(FIELDS), ID: account.new_id(), **spec}
        if row["contract_id"] not in account.instances:
            raise AccountError(f"{place}.contract_id: no instance {row['contract_id']!r}")
        account.table("price_increases")[row[ID]] = row


def describe(account: Account) -> Row:
    return {"price_increases": [*account.table("price_increases").values()]}


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/instances/pending-price-increases/", listing, "instance_read", 2.0),
        Route("PUT", f"{V0}/instances/accept-price-increase/", decide("accept"), "instance_write", 2.0),
        Route("PUT", f"{V0}/instances/reject-price-increase/", decide("reject"), "instance_write", 2.0),
    ),
    sections={"price_increases": load},
    order=1,
    describe=describe,
)
