# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The calls on instances, except the list (listing.py) and the ones that yield a file (results.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeGuard

from .. import births, lifecycle
from ..ledger import left
from ..listing import list_filters, list_instances
from ..model import Account, Instance, Row
from ..reply import Reply, invalid_args, json_reply, not_found_page, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, V1, Route

STATES = ("running", "stopped")
MAX_LABEL = 1024
BAD_ID = "invalid instance_id"


def done() -> Reply:
    return json_reply({"success": True})


def no_such_instance() -> Reply:
    return refusal(404, "no_such_instance", "No such instance.")


def gone(instance_id: int) -> Reply:
    return refusal(404, "no_such_instance", f"Instance {instance_id} not found.")


def deprecated_list(_account: Account, _request: Request) -> Reply:
    return refusal(410, "deprecated_endpoint", "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead.")


def show(account: Account, request: Request) -> Reply:
    if request.id is None:
        return invalid_args(BAD_ID)
    instance = account.instances.get(request.id)
    if instance is None or not instance.is_listed(account.clock.now()):
        return json_reply({"instances": None})
    row = dict(instance.shown(account.clock.now()))
    del row["volume_info"]
    return json_reply({"instances": row})


def manage(account: Account, request: Request) -> Reply:
    if request.id is None:
        return invalid_args(BAD_ID)
    problem = change_problem(request.fields)
    if problem:
        return invalid_args(problem)
    instance = account.instances.get(request.id)
    if instance is None:
        return no_such_instance()
    return carry_out(account, instance, "change", lambda: change(account, instance, request.fields))


def change_problem(fields: dict[str, Any]) -> str:
    state, label = fields.get("state"), fields.get("label")
    if state is None and label is None:
        return "state or label is required"
    if state is not None and state not in STATES:
        return f"state must be one of {', '.join(STATES)}"
    if label is not None and (not isinstance(label, str) or len(label) > MAX_LABEL):
        return f"label must be a text of at most {MAX_LABEL} characters"
    return ""


def carry_out(account: Account, instance: Instance, did: str, work: Callable[[], Reply]) -> Reply:
    """Do it, unless the instance is one of those that only say so, or are gone afterwards."""
    behaviour = instance.behaviour
    if account.parts_left is not None and account.parts_left <= 0:
        return done()
    if behaviour.ignore_next_put:
        behaviour.ignore_next_put -= 1
        return done()
    if behaviour.vanishes:
        lifecycle.remove(account, instance)
        return done()
    before = (dict(instance.row), instance.generation)
    reply = work()
    account.note("instance", instance.id, did, changed=before != (instance.row, instance.generation))
    return reply


def change(account: Account, instance: Instance, fields: dict[str, Any]) -> Reply:
    state = fields.get("state")
    if fields.get("label") is not None and account.may_do_part():
        instance.update({"label": fields["label"] or None}, account.clock.now())
    if state is None or not account.may_do_part():
        return done()
    if state == "stopped":
        lifecycle.stop(account, instance)
    elif account.options.stop_without_credit and left(account) <= 0:
        return refusal(400, "missing_billing", "Insufficient credit to start the instance. Please add funds.")
    elif not lifecycle.start(account, instance):
        return unavailable(instance.behaviour.refusal)
    return done()


def unavailable(form: str) -> Reply:
    """The ways in which it has been said, and not been said, that a start has no GPU and was queued."""
    if form == "silent":
        return done()
    if form == "no_slug":
        return json_reply({"success": False, "msg": lifecycle.UNAVAILABLE})
    slug = "no_capacity" if form == "other_slug" else "resources_unavailable"
    return refusal(400 if form == "status_400" else 200, slug, lifecycle.UNAVAILABLE)


def recycle(account: Account, request: Request) -> Reply:
    instance = account.instances.get(request.id) if request.id is not None else None
    if instance is None:
        status = 200 if account.options.texts == "new" else 400
        return refusal(status, "invalid_id", "Invalid instance id.")

    def work() -> Reply:
        lifecycle.recycle(account, instance, births.image_files())
        return done()

    return carry_out(account, instance, "recycle", work)


def reboot(account: Account, request: Request) -> Reply:
    instance = account.instances.get(request.id) if request.id is not None else None
    if instance is None:
        return invalid_args(BAD_ID)
    if account.options.texts == "new" and instance.row["cur_state"] != "running":
        return refusal(200, "invalid_id", "Invalid instance id. Is the container started?")

    def work() -> Reply:
        lifecycle.reboot(account, instance)
        return done()

    return carry_out(account, instance, "reboot", work)


def destroy(account: Account, request: Request) -> Reply:
    if request.id is None:
        return invalid_args(BAD_ID)
    instance = account.instances.get(request.id)
    if instance is None:
        return no_such_instance() if account.options.texts == "old" else gone(request.id)
    lifecycle.remove(account, instance)
    account.note("instance", instance.id, "destroy")
    return json_reply({"success": True, "msg": "Instance destroyed successfully"})


def manage_many(account: Account, request: Request) -> Reply:
    if not account.options.bulk:
        return not_found_page()
    ids = request.fields.get("ids")
    problem = ids_problem(account, ids, "ids list required") or change_problem(request.fields)
    if problem or not is_id_list(ids):
        return invalid_args(problem)
    if not any(each in account.instances for each in ids):
        return refusal(404, "invalid_args", f"Invalid instance ID list {ids}.")
    wanted = {name: request.fields.get(name) for name in ("state", "label")}
    reply = done()
    for instance in bulk_targets(account, ids):
        outcome = carry_out(account, instance, "change", make_change(account, instance, wanted))
        if account.options.bulk_unavailable == "told" and outcome.content != reply.content:
            reply = outcome
    return reply


def make_change(account: Account, instance: Instance, fields: dict[str, Any]) -> Callable[[], Reply]:
    return lambda: change(account, instance, fields)


def destroy_many(account: Account, request: Request) -> Reply:
    if not account.options.bulk:
        return not_found_page()
    ids = request.fields.get("instance_ids")
    problem = ids_problem(account, ids, "instance_ids array is required")
    if problem or not is_id_list(ids):
        return invalid_args(problem)
    if not any(each in account.instances for each in ids):
        return refusal(404, "instances_not_found", "No instances found.")
    for instance in bulk_targets(account, ids):
        lifecycle.remove(account, instance)
        account.note("instance", instance.id, "destroy")
    return done()


def bulk_targets(account: Account, ids: list[int]) -> list[Instance]:
    """Ids that do not exist are passed over, as are those whose bulk change is told not to take."""
    found = [account.instances[each] for each in dict.fromkeys(ids) if each in account.instances]
    return [instance for instance in found if not instance.behaviour.bulk_ignored]


def ids_problem(account: Account, ids: Any, missing: str) -> str:
    if not is_id_list(ids):
        return missing
    most = account.options.bulk_limit
    return f"chunk length of {len(ids)} > {most}" if len(ids) > most else ""


def is_id_list(ids: Any) -> TypeGuard[list[int]]:
    return (
        isinstance(ids, list)
        and bool(ids)
        and all(isinstance(each, int) and not isinstance(each, bool) for each in ids)
    )


def describe(account: Account) -> Row:
    return {"instances": [describe_one(instance) for instance in account.instances.values()]}


def describe_one(instance: Instance) -> Row:
    return {
        **instance.row,
        "behaviour": asdict(instance.behaviour),
        "files": instance.files.entries,
        "gpu_seconds": round(instance.gpu_seconds, 3),
        "recycles": instance.generation,
        "reboots": instance.reboots,
        "workergroup_id": instance.workergroup_id,
    }


ONE = f"{V0}/instances/{{id}}/"
RESOURCE = Resource(
    routes=(
        Route("GET", f"{V1}/instances/", list_instances, "instance_read", 1.0),
        Route("GET", f"{V0}/instances/", deprecated_list, "instance_read"),
        Route("PUT", f"{V0}/instances/", manage_many, "instance_write", 4.0),
        Route("DELETE", f"{V0}/instances/", destroy_many, "instance_write", 3.0),
        Route("GET", f"{V0}/instances/filters/", list_filters, "instance_read"),
        Route("GET", ONE, show, "instance_read", 2.0),
        Route("PUT", ONE, manage, "instance_write", 1.0),
        Route("DELETE", ONE, destroy, "instance_write", 3.0),
        Route("PUT", f"{V0}/instances/recycle/{{id}}/", recycle, "instance_write", 1.0),
        Route("PUT", f"{V0}/instances/reboot/{{id}}/", reboot, "instance_write", 1.0),
    ),
    sections={"instances": births.load_instances, "generate": births.generate},
    describe=describe,
    advance=lifecycle.advance,
)
