# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The serverless engine, which in reality has a host of its own. Its failures are 200 with a JSON text."""

from __future__ import annotations

from typing import Any

from ..model import Account, Instance, Row
from ..reply import Reply, json_reply
from ..request import Request
from ..resource import Resource
from ..routes import Route, reads

STATUSES = {"running": "idle", "loading": "loading", "exited": "stopped", "rebooting": "rebooting"}


def endpoint_workers(account: Account, request: Request) -> Reply:
    group = find_group(account.endpoints, request)
    if group is None:
        return stranger("endpoint", request)
    return json_reply([worker_row(account, each) for each in endpoint_instances(account, group)])


def workergroup_workers(account: Account, request: Request) -> Reply:
    group = find_group(account.workergroups, request)
    if group is None:
        return stranger("workergroup", request)
    return json_reply([worker_row(account, each) for each in account.workers_of(group["id"])])


def endpoint_logs(account: Account, request: Request) -> Reply:
    group = find_group(account.endpoints, request)
    return stranger("endpoint", request) if group is None else json_reply(log_levels(group["endpoint_name"]))


def workergroup_logs(account: Account, request: Request) -> Reply:
    group = find_group(account.workergroups, request)
    return stranger("workergroup", request) if group is None else json_reply(log_levels(f"workergroup {group['id']}"))


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


def stranger(kind: str, request: Request) -> Reply:
    wanted = next(
        (request.fields[name] for name in ("id", "endpoint", "workergroup_id") if name in request.fields), None
    )
    return json_reply(f"authenticate_{kind}_apikey: invalid api_key or {kind} {wanted} not found")


def updates(account: Account) -> dict[int, float]:
    """Until when each worker is being updated."""
    found: dict[int, float] = account.things.setdefault("worker_updates", {})
    return found


def update_workers(account: Account, request: Request) -> Reply:
    """Start a rolling update of the workers of one workergroup."""
    group = account.workergroups.get(request.fields.get("workergroup_id") or 0)
    if group is None:
        return stranger("workergroup", request)
    account.note("workergroup", group["id"], "update_workers")
    workers = account.workers_of(group["id"])
    if request.fields.get("cancel_update"):
        for worker in workers:
            updates(account).pop(worker.id, None)
        return json_reply({"success": True, "cancelled": True})
    until = account.clock.now() + account.clock.scaled(account.timings.worker_update)
    updates(account).update({worker.id: until for worker in workers})
    return json_reply({"success": True, "workers_to_update": len(workers)})


def status(account: Account, instance: Instance) -> str:
    """The state of a worker in the engine's words."""
    if updates(account).get(instance.id, 0.0) > account.clock.now():
        return "UPDATE_REBOOTING"
    return STATUSES.get(instance.row["actual_status"] or "", "creating")


def worker_row(account: Account, instance: Instance) -> Row:
    row = instance.row
    return {
        "id": instance.id,
        "gpu_name": row["gpu_name"],
        "status": status(account, instance),
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


def log_levels(name: str) -> Row:
    line = f"{name}: no load\n"
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
