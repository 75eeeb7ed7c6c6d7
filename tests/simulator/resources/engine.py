# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The serverless engine, which in reality has a host of its own. Its failures are 200s, or 400s of newer servers."""

from __future__ import annotations

from typing import Any

from .. import workers
from ..model import Account, Instance, Row
from ..reply import Reply, json_reply
from ..request import Request
from ..resource import Resource
from ..routes import Route, reads

READY = ("idle", "ready", "busy")


def endpoint_workers(account: Account, request: Request) -> Reply:
    group = find_group(account.endpoints, request)
    if group is None:
        return stranger(account, "endpoint", request)
    return listing(account, endpoint_instances(account, group))


def workergroup_workers(account: Account, request: Request) -> Reply:
    group = find_group(account.workergroups, request)
    if group is None:
        return stranger(account, "workergroup", request)
    return listing(account, account.workers_of(group["id"]))


def listing(account: Account, instances: list[Instance]) -> Reply:
    """The forms in which the engine was seen to list workers."""
    rows = [worker_row(account, each) for each in instances]
    form = account.options.worker_listing
    if form == "until_ready" and not any(row["status"] in READY for row in rows):
        return json_reply({"error_msg": "no workers are ready"})
    return json_reply({"workers": rows} if form == "object" else rows)


def endpoint_logs(account: Account, request: Request) -> Reply:
    group = find_group(account.endpoints, request)
    if group is None:
        return stranger(account, "endpoint", request)
    return json_reply(log_levels(group["endpoint_name"], workers.log(account, group["id"])))


def workergroup_logs(account: Account, request: Request) -> Reply:
    group = find_group(account.workergroups, request)
    if group is None:
        return stranger(account, "workergroup", request)
    return json_reply(log_levels(f"workergroup {group['id']}", workers.log(account, group["endpoint_id"])))


def endpoint_instances(account: Account, endpoint: Row) -> list[Instance]:
    return account.workers_of(*(group["id"] for group in account.groups_of(endpoint["id"])))


def find_group(groups: dict[int, Row], request: Request) -> Row | None:
    """By id as the official client asks, or by name as the published document has it."""
    wanted: Any = request.fields.get("id")
    name = request.fields.get("endpoint")
    for group in groups.values():
        if group["id"] == wanted or (name is not None and group["endpoint_name"] == name):
            return group
    return None


def stranger(account: Account, kind: str, request: Request) -> Reply:
    wanted = next(
        (request.fields[name] for name in ("id", "endpoint", "workergroup_id") if name in request.fields), None
    )
    text = f"authenticate_{kind}_apikey: invalid api_key or {kind} {wanted} not found"
    return json_reply({"error_msg": text}, 400) if account.options.texts == "new" else json_reply(text)


def update_workers(account: Account, request: Request) -> Reply:
    """Start a rolling update of the workers of one workergroup."""
    number = request.fields.get("workergroup_id")
    group = account.workergroups.get(number) if isinstance(number, int) else None
    if group is None:
        return stranger(account, "workergroup", request)
    account.note("workergroup", group["id"], "update_workers")
    found = [each for each in account.workers_of(group["id"]) if not workers.is_leaving(each)]
    if request.fields.get("cancel_update"):
        workers.cancel_update(account, found)
        return json_reply({"success": True, "cancelled": True})
    workers.update(account, found)
    return json_reply({"success": True, "workers_to_update": len(found)})


def worker_row(account: Account, instance: Instance) -> Row:
    row = instance.row
    return {
        "id": instance.id,
        "gpu_name": row["gpu_name"],
        "status": workers.status(account, instance),
        "url": f"http://{row['public_ipaddr'].strip()}:{row['machine_dir_ssh_port']}",
        "cur_load": 0.0,
        "new_load": 0.0,
        "cur_load_rolling_avg": 0.0,
        "cur_perf": 0.0,
        "perf": 100.0,
        "measured_perf": 100.0,
        "dlperf": row["dlperf"],
        "reliability": row["reliability2"],
        "reqs_working": 0,
        "disk_usage": row["disk_usage"],
        "loaded_at": row["start_date"] + 60,
        "started_at": row["start_date"],
    }


def log_levels(name: str, lines: list[str]) -> Row:
    line = "".join(f"{each}\n" for each in (f"{name}: no load", *lines))
    return {"info0": line, "info1": line, "trace": "", "debug": ""}


CALLS = {
    "get_endpoint_workers": endpoint_workers,
    "get_workergroup_workers": workergroup_workers,
    "get_endpoint_logs": endpoint_logs,
    "get_workergroup_logs": workergroup_logs,
    "get_autogroup_logs": workergroup_logs,
}
RESOURCE = Resource(
    routes=(
        *(Route("POST", f"/{name}/", call, "engine", 0.0, reads, bare=True) for name, call in CALLS.items()),
        Route("POST", "/update_workers/", update_workers, "engine", 0.0, bare=True),
    )
)
