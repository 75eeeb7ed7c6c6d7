# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Searching the market and renting from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .. import mounts
from ..births import add_instance
from ..checks import load_settings
from ..ledger import left
from ..lifecycle import STOPPED
from ..listing import OPERATORS
from ..machines import Machine, advance, load_machines, machines
from ..model import Account, Behaviour, Instance, Row
from ..reply import Reply, invalid_args, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route, reads
from . import ssh_keys

MOST_ROWS = 64
LEAST_BID, HIGHEST_BID = 0.001, 128.0
RUNTYPES = {
    "ssh": "ssh ssh_proxy",
    "ssh_direct": "ssh ssh_direc ssh_proxy",
    "ssh_direc ssh_proxy": "ssh ssh_direc ssh_proxy",
    "ssh_proxy": "ssh ssh_proxy",
    "jupyter": "jupyter jupyter_proxy ssh_proxy",
    "jupyter_direct": "jupyter_direc ssh_direc ssh_proxy",
    "jupyter_direc ssh_direc ssh_proxy": "jupyter_direc ssh_direc ssh_proxy",
    "jupyter_proxy": "jupyter_proxy ssh_proxy",
    "jupyter_proxy ssh_proxy": "jupyter_proxy ssh_proxy",
    "args": "args",
}


def search(account: Account, request: Request) -> Reply:
    if not isinstance(request.json, dict):
        return json_reply({"error": "invalid_request", "msg": "Invalid json body"}, 400)
    return found(account, request.json)


def search_asks(account: Account, request: Request) -> Reply:
    query = request.fields.get("q")
    if not isinstance(query, dict):
        return json_reply({"error": "invalid_request", "msg": "Invalid query: must be dict of conditions"}, 400)
    return found(account, query)


def found(account: Account, query: Row) -> Reply:
    spent = account.things.setdefault("searches", {"rows": 0})
    if spent["rows"] >= account.options.search_quota:
        body = {"success": False, "error": "search_quota_exceeded", "msg": "Daily search quota exceeded"}
        limits = {"limit": account.options.search_quota, "remaining": 0, "retry_after": 3600}
        midnight = (account.clock.wall() // 86400 + 1) * 86400
        return json_reply({**body, **limits}, 429, **{"X-RateLimit-Reset": str(int(midnight))})
    rows = select(account, query)
    spent["rows"] += len(rows)
    return json_reply({"offers": rows})


def select(account: Account, query: Row) -> list[Row]:
    """What fits, in order; conditions that make no sense are dropped without a word, as the real one does."""
    disk = query.get("allocated_storage", 8)
    disk = float(disk) if isinstance(disk, (int, float)) else 8.0
    bid = query.get("type") in ("bid", "interruptible")
    rows = [row for machine in machines(account).values() for row in machine.offers(account, disk, bid=bid)]
    for test in tests_of(account, query):
        rows = [row for row in rows if test(row)]
    for entry in reversed(query["order"] if isinstance(query.get("order"), list) else []):
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str):
            sort(rows, entry[0], descending=entry[1] == "desc")
    limit = query.get("limit")
    return rows[: min(limit, MOST_ROWS) if isinstance(limit, int) and limit > 0 else MOST_ROWS]


def sort(rows: list[Row], column: str, *, descending: bool) -> None:
    rows.sort(key=lambda row: (row.get(column) is None, row.get(column) or 0), reverse=descending)


def tests_of(account: Account, query: Row) -> list[Callable[[Row], bool]]:
    return [
        make_test(account, column, op, value)
        for column, conditions in query.items()
        if isinstance(conditions, dict)
        for op, value in conditions.items()
        if op in OPERATORS and not (op in ("in", "notin") and not isinstance(value, list))
    ]


def make_test(account: Account, column: str, op: str, wanted: Any) -> Callable[[Row], bool]:
    def test(row: Row) -> bool:
        if column == "id" and not account.options.offer_id_filter:
            return False
        value = shown(account, row, column)
        if value is UNKNOWN:
            return True
        return compare(op, value, number_like(value, wanted))

    return test


UNKNOWN = object()


def shown(account: Account, row: Row, column: str) -> Any:
    if column == "verified":
        return row["verification"] == "verified"
    if column == "datacenter":
        return machines(account)[row["machine_id"]].datacenter
    if column == "external":
        return bool(row["external"])
    if column == "geolocation":
        return row["geolocation"].rpartition(", ")[2]
    return row.get(column, UNKNOWN)


def number_like(value: Any, wanted: Any) -> Any:
    """The official client sends numbers as texts."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isinstance(wanted, str):
        try:
            return float(wanted)
        except ValueError:
            return wanted
    return wanted


def compare(op: str, value: Any, wanted: Any) -> bool:
    try:
        return bool(OPERATORS[op](value, wanted))
    except TypeError:
        return True


def find_offer(account: Account, offer_id: int, disk: float, *, bid: bool) -> tuple[Machine, Row] | None:
    for machine in machines(account).values():
        for row in machine.offers(account, disk, bid=bid):
            if row["id"] == offer_id:
                return machine, row
    return None


def create(account: Account, request: Request) -> Reply:
    if request.id is None:
        return invalid_args("'id' is required and must be a valid offer ID")
    return rent(account, request.id, request.fields)


def rent(account: Account, offer_id: int, fields: Row) -> Reply:
    if problem := rent_problem(fields):
        return problem
    if fields.get("vm") and not ssh_keys.table(account):
        return refusal(400, "no_ssh_key_for_vm", "VM instances need an SSH key on the account.")
    bid = fields.get("price")
    disk = float(fields.get("disk") or 8)
    chosen = find_offer(account, offer_id, disk, bid=bid is not None)
    if chosen is None:
        return refusal(404, "no_such_ask", f"error 404/3603: no_such_ask  Ask {offer_id} is not available.")
    machine, offer = chosen
    early = REFUSALS.get(machine.answer)
    if early is not None:
        return early(account, offer_id)
    if left(account) <= 0:
        return no_credit(account, offer_id)
    runs = (
        machine.answer != "stopped"
        and fields.get("target_state") != "stopped"
        and (bid is None or bid >= offer["min_bid"])
    )
    if not runs and fields.get("cancel_unavail"):
        return refusal(410, "no_such_ask", f"error 410/3907: ask {offer_id} is not available any more.")
    if problem := mounts.problem_of(account, machine.id, fields):
        return problem
    instance = deliver(account, machine, offer, fields, disk)
    mounts.attach(account, instance, fields)
    machine.rented += 1
    machine.cut_anew()
    account.note("instance", instance.id, "create")
    ssh_keys.copy_into(account, instance.id)
    if not runs:
        instance.steps.clear()
        instance.update({**STOPPED, "actual_status": None}, account.clock.now())
    return told(machine, instance, runs=runs)


def told(machine: Machine, instance: Instance, *, runs: bool) -> Reply:
    if machine.answer == "no_id":
        return json_reply({"success": True})
    if machine.answer == "server_error":
        return refusal(500, "insert_failed", "Internal error")
    secret = f"SECRET-instance-key-{instance.id}"
    return json_reply({"success": runs, "new_contract": instance.id, "instance_api_key": secret})


def no_credit(_account: Account, _offer_id: int) -> Reply:
    return refusal(400, "insufficient_credit", "error 400/3740: Insufficient credit, please add funds.")


REFUSALS: dict[str, Callable[[Account, int], Reply]] = {
    "no_such_ask": lambda _account, number: refusal(404, "no_such_ask", f"No ask by id {number} is available."),
    "gone": lambda _account, number: refusal(410, "no_such_ask", f"error 410/3907: ask {number} is gone."),
    "refuse": lambda _account, _number: invalid_args("error 400/3467: invalid arguments"),
    "blacklisted": lambda _account, _number: refusal(403, "not_authorized", "error 403/3586: not your machine"),
    "no_credit": no_credit,
}


def rent_problem(fields: Row) -> Reply | None:
    image, template = fields.get("image"), fields.get("template_hash_id") or fields.get("template_id")
    if not image and not template:
        return invalid_args("error 400/3467: image or template is required")
    if fields.get("runtype") is not None and fields.get("use_ssh") is not None:
        return invalid_args("runtype and use_ssh cannot both be set")
    price = fields.get("price")
    if price is not None and (
        isinstance(price, bool) or not isinstance(price, (int, float)) or not LEAST_BID <= price <= HIGHEST_BID
    ):
        return refusal(400, "invalid_price", "error 400/3468: invalid price")
    label, disk = fields.get("label"), fields.get("disk")
    if label is not None and not (isinstance(label, str) and len(label) <= 1024):
        return invalid_args("label must be a text of at most 1024 characters")
    if disk is not None and (isinstance(disk, bool) or not isinstance(disk, (int, float)) or disk <= 0):
        return invalid_args("disk must be a positive number")
    return None


def deliver(account: Account, machine: Machine, offer: Row, fields: Row, disk: float) -> Instance:
    """The box that comes of it: its disk is capped to what is there, an env that is a text is ignored."""
    size = min(disk, machine.disk_space)
    base = offer["dph_base"] if fields.get("price") is None else round(float(fields["price"]), 4)
    storage = machine.storage_cost * size / 720.0
    env = fields.get("env") if isinstance(fields.get("env"), dict) else {}
    now = account.clock.wall()
    spec = {
        "label": None if machine.ignores_label else fields.get("label") or None,
        "machine_id": machine.id,
        "host_id": machine.host_id,
        "gpu_name": machine.gpu_name,
        "num_gpus": offer["num_gpus"],
        "gpu_frac": offer["gpu_frac"],
        "disk_space": size,
        "dph_base": base,
        "dph_total": base + storage,
        "storage_cost": machine.storage_cost,
        "storage_total_cost": storage,
        "min_bid": offer["min_bid"],
        "is_bid": fields.get("price") is not None,
        "geolocation": machine.geolocation,
        "country_code": machine.geolocation.rpartition(", ")[2],
        "inet_up": machine.inet_up,
        "inet_down": machine.inet_down,
        "image_uuid": fields.get("image") or "vastai/base-image:from-template",
        "image_args": fields.get("args") or [],
        "image_runtype": RUNTYPES.get(str(fields.get("runtype") or "ssh"), "ssh ssh_proxy"),
        "extra_env": [[str(name), str(value)] for name, value in (env or {}).items()],
        "onstart": fields.get("onstart"),
        "template_hash_id": fields.get("template_hash_id"),
        "template_id": fields.get("template_id"),
        "start_date": now,
        "end_date": now + machine.duration,
        **machine.delivers,
    }
    behaviour = {**machine.behaviour, **account.things.get("images", {}).get(fields.get("image"), {})}
    if machine.ssh:
        behaviour["ssh"] = machine.ssh
    instance = add_instance(account, {**spec, "state": "creating", "behaviour": behaviour}, "create")
    instance.born = account.clock.now()
    return instance


def create_many(account: Account, request: Request) -> Reply:
    ids = request.fields.get("ids")
    if not isinstance(ids, list):
        return invalid_args("error missings offer 'ids' parameter")
    if not ids:
        return invalid_args("no ask ids provided")
    if len(ids) > MOST_ROWS:
        return invalid_args(f"too many ask ids provided; max is {MOST_ROWS}")
    results = [rent_one_of_many(account, offer_id, request.fields) for offer_id in ids]
    created = [row["new_contract"] for row in results if "new_contract" in row]
    failed = [row["ask_id"] for row in results if "new_contract" not in row]
    body = {"success": bool(created), "results": results, "created": created, "failed": failed, "elapsed": 0.1}
    return json_reply(body, 200 if created else 400)


def rent_one_of_many(account: Account, offer_id: Any, fields: Row) -> Row:
    is_id = isinstance(offer_id, int) and not isinstance(offer_id, bool)
    reply = rent(account, offer_id, fields) if is_id else invalid_args("'id' is required and must be a valid offer ID")
    told = json.loads(reply.content)
    if "new_contract" not in told:
        return {"ask_id": offer_id, "success": False, "error": told.get("error"), "msg": told.get("msg")}
    state = "running" if told["success"] else "stopped"
    return {"ask_id": offer_id, "success": told["success"], "new_contract": told["new_contract"], "state": state}


def launch(account: Account, request: Request) -> Reply:
    query = request.fields.get("q")
    rows = select(account, query) if isinstance(query, dict) else []
    if not rows:
        return json_reply({"success": False, "error": "offer_not_found", "message": "No offers match the query."})
    return rent(account, rows[0]["id"], request.fields)


def load_images(account: Account, specs: Any, where: str) -> None:
    """How boxes behave that run an image: `{image: behaviour}`."""
    images = account.things.setdefault("images", {})
    for image, behaviour in specs.items():
        load_settings(Behaviour, behaviour, f"{where}.{image}")
        images[image] = behaviour


def describe(account: Account) -> Row:
    return {
        "machines": [
            {"id": machine.id, "free": machine.free(account), "rented": machine.rented, "listed": machine.listed}
            for machine in machines(account).values()
        ]
    }


RESOURCE = Resource(
    routes=(
        Route("POST", f"{V0}/bundles/", search, "open", 0.8, writes=reads),
        Route("PUT", f"{V0}/search/asks/", search_asks, "open", 0.8, writes=reads),
        Route("PUT", f"{V0}/asks/{{id}}/", create, "instance_write", 4.5),
        Route("POST", f"{V0}/asks/bulk/", create_many, "instance_write", 4.5),
        Route("PUT", f"{V0}/launch_instance/", launch, "instance_write", 2.0),
    ),
    sections={"machines": load_machines, "images": load_images},
    order=2,
    describe=describe,
    advance=advance,
)
