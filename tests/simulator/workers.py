# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The life of serverless workers: they load, fail and are replaced, follow a new template, and are stopped."""

from __future__ import annotations

import math
from dataclasses import dataclass

from . import lifecycle
from .births import add_instance
from .model import Account, Instance, Row

STATUSES = {"running": "idle", "loading": "loading", "exited": "stopped", "rebooting": "rebooting"}
LOG_LINES = 100


@dataclass
class Load:
    """A worker that is not ready yet: when its model is loaded, unless it `fails`, and when the engine gives it up."""

    ready_at: float
    give_up_at: float
    fails: bool = False


def loads(account: Account) -> dict[int, Load]:
    """The workers that the engine started and that were not ready yet."""
    found: dict[int, Load] = account.things.setdefault("worker_loads", {})
    return found


def updates(account: Account) -> dict[int, float]:
    """Until when each worker is being updated."""
    found: dict[int, float] = account.things.setdefault("worker_updates", {})
    return found


def log(account: Account, endpoint_id: int) -> list[str]:
    """What the engine said of an endpoint."""
    logs: dict[int, list[str]] = account.things.setdefault("endpoint_logs", {})
    return logs.setdefault(endpoint_id, [])


def start(account: Account, group: Row) -> Instance:
    """Rent a worker for a workergroup; what it runs is that one's template of now."""
    template = {"template_hash_id": group["template_hash"], "template_id": group["template_id"]}
    worker = add_instance(account, {"state": "creating", "label": None, **template}, "worker", group["id"])
    fails = account.options.worker_failures > 0
    account.options.worker_failures -= fails
    begin(account, worker, account.timings.provisioning, fails=fails)
    return worker


def restart(account: Account, worker: Instance) -> None:
    """Start a stopped one; what failed before fails again."""
    lifecycle.start(account, worker)
    before = loads(account).get(worker.id)
    begin(account, worker, account.timings.relaunch, fails=before is not None and before.fails)


def begin(account: Account, worker: Instance, delay: float, *, fails: bool) -> None:
    clock, timings = account.clock, account.timings
    loaded = clock.scaled(delay + timings.loading + timings.worker_loading)
    loads(account)[worker.id] = Load(clock.now() + loaded, clock.now() + clock.scaled(timings.worker_patience), fails)


def is_leaving(worker: Instance) -> bool:
    """Whether its contract has ended."""
    return bool(worker.row["actual_status"] == "unloaded" or worker.row["cur_state"] == "unloaded")


def status(account: Account, worker: Instance) -> str:
    """The state of a worker in the engine's words."""
    if is_leaving(worker):
        return "destroying"
    if worker.id in updates(account):
        return "UPDATE_REBOOTING"
    word = STATUSES.get(worker.row["actual_status"] or "", "creating")
    load = loads(account).get(worker.id)
    if load is None or word != "idle":
        return word
    if load.ready_at > account.clock.now():
        return "model_loading"
    return "error" if load.fails else word


def keep(account: Account, endpoint: Row, groups: list[Row]) -> None:
    """As many workers as are to be kept, in the first workergroup; a stopped endpoint has them all stopped."""
    workers = [each for each in account.workers_of(*(group["id"] for group in groups)) if not is_leaving(each)]
    if endpoint["endpoint_state"] == "stopped":
        for worker in workers:
            if worker.row["intended_status"] != "stopped":
                lifecycle.stop(account, worker)
    elif endpoint["endpoint_state"] == "active":
        given_up = [each for each in workers if is_given_up(account, each)]
        for worker in given_up:
            log(account, endpoint["id"]).append(f"worker {worker.id}: {status(account, worker)}, not ready, destroyed")
        workers = [each for each in workers if each not in given_up]
        for worker in [*given_up, *workers[endpoint["max_workers"] :]]:
            lifecycle.retire(account, worker)
            loads(account).pop(worker.id, None)
        for worker in workers[: endpoint["max_workers"]]:
            if worker.row["intended_status"] == "stopped":
                restart(account, worker)
        for _missing in range(min(endpoint["cold_workers"], endpoint["max_workers"]) - len(workers)):
            log(account, endpoint["id"]).append(f"worker {start(account, groups[0]).id}: created")
    del log(account, endpoint["id"])[:-LOG_LINES]


def is_given_up(account: Account, worker: Instance) -> bool:
    """Whether the engine has waited long enough for it; one that is ready is not waited for any more."""
    load = loads(account).get(worker.id)
    if load is None:
        return False
    if status(account, worker) == "idle":
        del loads(account)[worker.id]
        return False
    return load.give_up_at <= account.clock.now()


def update(account: Account, workers: list[Instance]) -> None:
    """Begin to replace what the workers run."""
    until = account.clock.now() + account.clock.scaled(account.timings.worker_update)
    updates(account).update({worker.id: until for worker in workers})


def cancel_update(account: Account, workers: list[Instance]) -> None:
    """They go on with what they run."""
    for worker in workers:
        updates(account).pop(worker.id, None)


def advance(account: Account) -> None:
    """Updates that are over: those workers run the template that their workergroup has now."""
    done = [number for number, until in updates(account).items() if until <= account.clock.now()]
    for number in done:
        del updates(account)[number]
        worker = account.instances.get(number)
        group = account.workergroups.get(worker.workergroup_id or 0) if worker else None
        if worker and group:
            worker.row.update(template_hash_id=group["template_hash"], template_id=group["template_id"])


def hourly(workers: list[Instance]) -> float | None:
    """What they cost an hour now; null where there are none."""
    return math.fsum(sum(worker.prices) for worker in workers) if workers else None
