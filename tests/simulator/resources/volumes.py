# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Volumes: listed and deleted. An instance that uses one keeps it from being deleted."""

from __future__ import annotations

from typing import Any

from ..checks import as_list, as_mapping, check_names
from ..ledger import volume_costs
from ..model import Account, Row
from ..reply import Reply, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route
from ..rows import HOURS_A_MONTH

FIELDS: Row = {
    "id": None,
    "label": None,
    "status": "created",
    "type": "local_volume",
    "disk_space": 100.0,
    "instances": [],
    "machine_id": 10001,
    "start_date": None,
    "end_date": None,
    "storage_total_cost": 100.0 * 0.15 / HOURS_A_MONTH,
}


def listing(account: Account, _request: Request) -> Reply:
    return json_reply({"success": True, "volumes": [*account.table("volumes").values()]})


def delete(account: Account, request: Request) -> Reply:
    number = request.fields.get("id")
    row = account.table("volumes").get(number) if isinstance(number, int) else None
    if row is None:
        return refusal(404, "no_such_volume", "Volume with that ID does not exist.")
    if any(each in account.instances for each in row["instances"]):
        return refusal(409, "volume in use", "existing instances use that volume!")
    volume_costs(account)
    del account.table("volumes")[row["id"]]
    account.note("volume", row["id"], "delete")
    return json_reply({"success": True})


def load(account: Account, specs: Any, where: str) -> None:
    for position, spec in enumerate(as_list(specs, where)):
        check_names(as_mapping(spec, f"{where}[{position}]"), FIELDS, f"{where}[{position}]")
        row = {**FIELDS, "start_date": account.clock.wall(), **spec}
        row["id"] = row["id"] or account.new_id()
        account.table("volumes")[row["id"]] = row


def describe(account: Account) -> Row:
    return {"volumes": [*account.table("volumes").values()]}


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/volumes/", listing, "instance_read", 5.5, bare=True),
        Route("DELETE", f"{V0}/volumes/", delete, "instance_write", 5.5),
    ),
    sections={"volumes": load},
    order=1,
    describe=describe,
)
