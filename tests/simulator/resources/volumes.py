# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Volumes: searched, rented, listed and deleted. An instance keeps its volume for a while longer than it lives."""

from __future__ import annotations

import re
from typing import Any

from ..checks import as_list, as_mapping, check_names
from ..ledger import left, volume_costs
from ..machines import machines
from ..model import Account, Row
from ..reply import Reply, invalid_args, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route, reads
from ..rows import HOURS_A_MONTH
from . import market

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


OFFERS = 80_000_000
"""The offer of a machine has its id above this."""
MOST_ROWS = 64
NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


def offers(account: Account) -> list[Row]:
    used: dict[Any, float] = {}
    for row in account.table("volumes").values():
        used[row["machine_id"]] = used.get(row["machine_id"], 0.0) + float(row["disk_space"])
    return [
        {
            "id": OFFERS + machine.id,
            "machine_id": machine.id,
            "disk_space": machine.disk_space - used.get(machine.id, 0.0),
            "storage_cost": machine.storage_cost,
            "geolocation": machine.geolocation,
            "host_id": machine.host_id,
            "verification": machine.verification,
            "external": False,
            "static_ip": machine.static_ip,
            "reliability": machine.reliability,
            "duration": machine.duration,
            "inet_down": machine.inet_down,
            "inet_up": machine.inet_up,
            "disk_bw": 2104.0,
        }
        for machine in machines(account).values()
        if machine.listed
    ]


def search(account: Account, request: Request) -> Reply:
    query = request.json
    if not isinstance(query, dict):
        return json_reply({"error": "invalid_request", "msg": "Invalid query: must be dict of conditions"}, 400)
    rows = offers(account)
    for test in market.tests_of(account, query):
        rows = [row for row in rows if test(row)]
    return json_reply({"offers": sorted(rows, key=lambda row: float(row["storage_cost"]))[:MOST_ROWS]})


def rent(account: Account, request: Request) -> Reply:
    number, size, name = (request.fields.get(field) for field in ("id", "size", "name"))
    if name is not None and not (isinstance(name, str) and NAME.fullmatch(name)):
        return refusal(422, "invalid_name", "name must match ^[A-Za-z0-9_]{1,64}$")
    offer = next((row for row in offers(account) if row["id"] == number), None)
    if offer is None or isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= offer["disk_space"]:
        return invalid_args("id and size are required and must fit an offer")
    if left(account) <= 0:
        return refusal(400, "insufficient_credit", "Insufficient credit, please add funds.")
    volume_costs(account)
    new = account.new_id()
    account.table("volumes")[new] = {
        **FIELDS,
        "id": new,
        "label": name,
        "disk_space": float(size),
        "instances": [],
        "machine_id": offer["machine_id"],
        "start_date": account.clock.wall(),
        "storage_total_cost": offer["storage_cost"] * size / HOURS_A_MONTH,
    }
    account.note("volume", new, "create")
    return json_reply({"success": True, "volume_name": f"V.{new}", "volume_id": new})


def lately(account: Account) -> set[int]:
    """The instances that were destroyed a moment ago."""
    since = account.clock.now() - account.clock.scaled(account.timings.volume_release)
    return {each.id for each in account.destroyed if each.billed_until > since}


def is_held(account: Account, row: Row) -> bool:
    """By an instance, or by one that was destroyed a moment ago."""
    return any(number in account.instances or number in lately(account) for number in row["instances"])


def listing(account: Account, _request: Request) -> Reply:
    gone = {each.id for each in account.destroyed} - lately(account)
    for row in account.table("volumes").values():
        if gone & set(row["instances"]):
            row["instances"] = [number for number in row["instances"] if number not in gone]
            row["status"] = "in-use" if row["instances"] else "created"
    return json_reply({"success": True, "volumes": [*account.table("volumes").values()]})


def delete(account: Account, request: Request) -> Reply:
    """By the id of the body, or of the query, as the official client sends it."""
    number, text = request.fields.get("id"), request.query.get("id", "")
    if number is None and text.isdecimal():
        number = int(text)
    row = account.table("volumes").get(number) if isinstance(number, int) else None
    if row is None:
        return refusal(404, "no_such_volume", "Volume with that ID does not exist.")
    if is_held(account, row):
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
        Route("POST", f"{V0}/volumes/search/", search, "open", 2.0, writes=reads),
        Route("PUT", f"{V0}/volumes/", rent, "instance_write", 5.5),
        Route("DELETE", f"{V0}/volumes/", delete, "instance_write", 5.5),
    ),
    sections={"volumes": load},
    order=1,
    describe=describe,
)
