# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How an instance changes over time: every change is a list of steps that fall due on the account's clock."""

from __future__ import annotations

from collections.abc import Callable

from .filesystem import FileTree
from .model import Account, Instance, Row, Step

UNAVAILABLE = "Required resources are currently unavailable, state change queued."
OCI_FAILURE = (
    "Error response from daemon: failed to create task for container: failed to create shim task"
    ": OCI runtime create failed: runc create failed: unable to start container process (simulated)"
)
STOPPED: Row = {"cur_state": "stopped", "next_state": "stopped", "intended_status": "stopped"}
EXITED: Row = {"actual_status": "exited"}
RUNNING: Row = {"cur_state": "running", "next_state": "running", "intended_status": "running"}


QUEUE_SHOWS = {
    "intended": ("intended_status",),
    "next_state": ("next_state",),
    "both": ("intended_status", "next_state"),
    "nothing": (),
}


def begin(account: Account, instance: Instance, state: str, keep: Row) -> None:
    """Bring a new instance into its first state; fields given in `keep` stay as they are."""
    now = account.clock.now()
    if state == "creating":
        instance.row.update({**RUNNING, "actual_status": None, **keep})
        instance.update({}, now)
        boot(account, instance, now + account.clock.scaled(account.timings.provisioning))
        return
    changes = up(instance) if state == "running" else {**STOPPED, "actual_status": "exited", "ports": None}
    instance.row.update({**changes, **keep})
    instance.update({}, now)
    if instance.row["actual_status"] == "running":
        publish(account, instance)


def advance(account: Account) -> None:
    """Apply everything that has fallen due; called before each request is looked at."""
    now = account.clock.now()
    for instance in list(account.instances.values()):
        while instance.steps and instance.steps[0].due <= now:
            apply(instance, instance.steps.pop(0))


def apply(instance: Instance, step: Step) -> None:
    status = step.changes.get("actual_status", instance.row["actual_status"])
    leaving = status != instance.row["actual_status"]
    stuck = instance.behaviour.stuck
    if leaving and (stuck is True or stuck == instance.row["actual_status"]):
        instance.steps.clear()
        return
    instance.update(step.changes, step.due)
    if step.effect:
        step.effect(step.due)


def schedule(
    instance: Instance, due: float, changes: Row | None = None, effect: Callable[[float], None] | None = None
) -> None:
    instance.steps.append(Step(due, changes or {}, effect))
    instance.steps.sort(key=lambda step: step.due)


def stop(account: Account, instance: Instance) -> None:
    """The wish is noted at once; the container takes a moment to end. Also takes a queued start back."""
    now = account.clock.now()
    # What the container of a stopped instance still has to end with goes on.
    instance.steps = [step for step in instance.steps if step.changes == EXITED]
    instance.queued = instance.outbid = False
    instance.update({"intended_status": "stopped"}, now)
    if instance.row["cur_state"] == "stopped":
        instance.update(STOPPED, now)
        return
    never_ran = instance.row["actual_status"] in (None, "created", "loading", "offline", "unknown")
    ports = {"ports": None} if account.options.ports_after_stop == "cleared" else {}
    stopped = now + account.clock.scaled(account.timings.stop)
    stale = instance.behaviour.stale_status
    ended = {} if never_ran or stale else EXITED
    schedule(instance, stopped, {**STOPPED, **ports, **ended})
    if stale and not never_ran:
        schedule(instance, stopped + account.clock.scaled(stale), EXITED)


def start(account: Account, instance: Instance) -> bool:
    """False when the GPU is let to someone else: the start is queued then."""
    now = account.clock.now()
    row = instance.row
    if row["cur_state"] == "stopped" and not account.has_gpu(instance):
        queue_start(account, instance, now)
        return False
    on_its_way = row["cur_state"] == "running" and row["intended_status"] == "running"
    if on_its_way and (instance.steps or row["actual_status"] == "running"):
        return True
    delay = account.clock.scaled(instance.behaviour.start_delay)
    if row["cur_state"] == "stopped" and delay:
        if not instance.queued:
            instance.queued = True
            schedule(instance, now + delay, effect=lambda due: relaunch(account, instance, due))
        return True
    instance.steps.clear()
    relaunch(account, instance, now)
    return True


def queue_start(account: Account, instance: Instance, now: float) -> None:
    behaviour = instance.behaviour
    instance.update(dict.fromkeys(QUEUE_SHOWS[behaviour.queue_shows], "running"), now)
    was_queued, instance.queued = instance.queued, True
    if behaviour.gpu_free_after is None or was_queued:
        return

    def gpu_is_free(due: float) -> None:
        behaviour.gpu_available = True
        relaunch(account, instance, due)

    schedule(instance, now + account.clock.scaled(behaviour.gpu_free_after), effect=gpu_is_free)


def relaunch(account: Account, instance: Instance, now: float) -> None:
    """Start the container that exists: it shows `exited` until the host gets to it."""
    stopped = instance.row["cur_state"] == "stopped"
    stale = stopped and instance.row["actual_status"] == "running"
    instance.queued = instance.outbid = False
    changes = {"ports": None} if stopped else {}
    instance.update({**RUNNING, "status_msg": None, **changes, **(EXITED if stale else {})}, now)
    if instance.row["actual_status"] == "running":
        return
    boot(account, instance, now + account.clock.scaled(account.timings.relaunch))


def boot(account: Account, instance: Instance, due: float) -> None:
    """From `loading` at `due` to `running`, or to how the instance is told to fail."""
    behaviour = instance.behaviour
    image = instance.row["image_uuid"]
    if behaviour.offline_on_start:
        schedule(instance, due, {"actual_status": "offline"})
        return
    if behaviour.oci_failure:
        schedule(instance, due, {"actual_status": "created", "status_msg": OCI_FAILURE})
        return
    schedule(instance, due, {"actual_status": "loading", "status_msg": f"loading {image}"})
    up_at = due + account.clock.scaled(account.timings.loading)
    if behaviour.crash_on_start:
        schedule(instance, up_at, {"actual_status": "exited", "status_msg": "container exited with code 1"})
        return
    schedule(instance, up_at, up(instance), lambda _due: publish(account, instance))


def up(instance: Instance) -> Row:
    return {**RUNNING, "actual_status": "running", "status_msg": f"success, running {instance.row['image_uuid']}/ssh"}


def publish(account: Account, instance: Instance) -> None:
    """Docker's map: IPv4 and IPv6 entries, ports as text. Port 22 is published by direct run types only."""
    if instance.row["ports"]:
        return
    wanted = ["22/tcp"] if "direc" in instance.row["image_runtype"] else []
    for name, _value in instance.row["extra_env"]:
        if name.startswith("-p "):
            wanted.append(name[3:].partition(":")[2] + "/tcp")
    address, _colon, real_port = instance.behaviour.ssh.rpartition(":")
    if address:
        instance.row["public_ipaddr"] = address
    ports: Row = {}
    for name in wanted:
        port = real_port if real_port and name == "22/tcp" else str(account.new_port())
        ports[name] = [{"HostIp": "0.0.0.0", "HostPort": port}, {"HostIp": "::", "HostPort": port}]
    instance.row["ports"] = ports


def recycle(account: Account, instance: Instance, fresh: FileTree) -> None:
    """A new container from a fresh pull: other ports, and nothing of the old file system."""
    clock, timings = account.clock, account.timings
    instance.steps.clear()
    removed = clock.now() + clock.scaled(timings.recycle_lag)

    def remove_container(_due: float) -> None:
        instance.files = fresh
        instance.generation += 1

    schedule(instance, removed, {"actual_status": "recycling", "ports": None}, remove_container)
    made = removed + clock.scaled(timings.recycling)
    if instance.row["cur_state"] == "stopped":
        schedule(instance, made, {"actual_status": "exited"})
        return
    schedule(instance, made, {"actual_status": None})
    boot(account, instance, made + clock.scaled(timings.provisioning))


def reboot(account: Account, instance: Instance) -> None:
    """The same container stops and starts: files and ports stay."""
    clock = account.clock
    stopped = instance.row["cur_state"] == "stopped"
    instance.steps.clear()
    instance.reboots += 1
    instance.update({"actual_status": "rebooting"}, clock.now())
    done = {"actual_status": "exited"} if stopped else {"actual_status": "running"}
    schedule(instance, clock.now() + clock.scaled(account.timings.rebooting), done)


def outbid(account: Account, instance: Instance) -> None:
    """A box that is outbid while it loads keeps that status; a running one shows `exited`."""
    instance.steps.clear()
    instance.outbid = True
    loading = instance.row["actual_status"] in (None, "loading")
    instance.update({**STOPPED, **({} if loading else EXITED)}, account.clock.now())


def retire(account: Account, instance: Instance) -> None:
    """A deleted worker stays in the list for a while."""
    clock = account.clock
    instance.steps.clear()
    instance.behaviour.stuck = False
    instance.update({"cur_state": "unloaded", "next_state": "unloaded", "intended_status": "stopped"}, clock.now())
    gone_at = clock.now() + clock.scaled(account.timings.worker_deletion)
    schedule(instance, gone_at, effect=lambda _due: remove(account, instance))


def remove(account: Account, instance: Instance) -> None:
    instance.steps.clear()
    instance.queued = False
    instance.bill(account.clock.now())
    if account.instances.pop(instance.id, None):
        account.destroyed.append(instance)
