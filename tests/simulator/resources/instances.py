# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The calls on instances, except the list (listing.py) and the ones that yield a file (results.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeGuard

from .. import births, lifecycle
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


def deprecated_list(_account: Account, _request: Request) -> Reply:
    return refusal(410, "deprecated_endpoint", "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead.")


def show(account: Account, request: Request) -> Reply:
    if request.id is None:
        return invalid_args(BAD_ID)
    instance = account.instances.get(request.id)
    if instance is None:
        return json_reply({"instances": None})
    row = dict(instance.row)
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
    if fields.get("label") is not None:
        instance.row["label"] = fields["label"] or None
    if fields.get("state") == "stopped":
        lifecycle.stop(account, instance)
    elif fields.get("state") == "running" and not lifecycle.start(account, instance):
        return refusal(200, "resources_unavailable", lifecycle.UNAVAILABLE)
    return done()


def recycle(account: Account, request: Request) -> Reply:
    instance = account.instances.get(request.id) if request.id is not None else None
    if instance is None:
        return refusal(400, "invalid_id", "Invalid instance id.")

    def work() -> Reply:
        lifecycle.recycle(account, instance, births.image_files())
        return done()

    return carry_out(account, instance, "recycle", work)


def reboot(account: Account, request: Request) -> Reply:
    instance = account.instances.get(request.id) if request.id is not None else None
    if instance is None:
        return invalid_args(BAD_ID)

    def work() -> Reply:
        lifecycle.reboot(account, instance)
        return done()

    return carry_out(account, instance, "reboot", work)


def destroy(account: Account, request: Request) -> Reply:
    if request.id is None:
        return invalid_args(BAD_ID)
    instance = account.instances.get(request.id)
    if instance is None:
        return no_such_instance()
    lifecycle.remove(account, instance)
    account.note("instance", instance.id, "destroy")
    return json_reply({"success": True, "msg": "Instance destroyed successfully"})


def manage_many(account: Account, request: Request) -> Reply:
    if not account.options.bulk:
        return not_found_page()
    ids = request.fields.get("ids")
    if not is_id_list(ids):
        return invalid_args("ids must be a list of instance ids")
    if request.fields.get("state") not in STATES:
        return invalid_args(f"state must be one of {', '.join(STATES)}")
    reply = done()
    for instance in bulk_targets(account, ids):
        outcome = carry_out(
            account, instance, "change", make_change(account, instance, {"state": request.fields["state"]})
        )
        reply = outcome if b'"success": false' in outcome.content else reply
    return reply


def make_change(account: Account, instance: Instance, fields: dict[str, Any]) -> Callable[[], Reply]:
    return lambda: change(account, instance, fields)


def destroy_many(account: Account, request: Request) -> Reply:
    if not account.options.bulk:
        return not_found_page()
    ids = request.fields.get("instance_ids")
    if not is_id_list(ids):
        return invalid_args("instance_ids must be a list of instance ids")
    for instance in bulk_targets(account, ids):
        lifecycle.remove(account, instance)
        account.note("instance", instance.id, "destroy")
    return done()


def bulk_targets(account: Account, ids: list[int]) -> list[Instance]:
    """Ids that do not exist are passed over, as are those whose bulk change is told not to take."""
    found = [account.instances[each] for each in dict.fromkeys(ids) if each in account.instances]
    return [instance for instance in found if not instance.behaviour.bulk_ignored]


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
        "workergroup_id": instance.workergroup_id,
    }


ONE = f"{V0}/instances/{{id}}/"
RESOURCE = Resource(
    routes=(
        Route("GET", f"{V1}/instances/", list_instances, "instance_read", 1.0),
        Route("GET", f"{V0}/instances/", deprecated_list, "instance_read"),
        Route("PUT", f"{V0}/instances/", manage_many, "instance_write"),
        Route("DELETE", f"{V0}/instances/", destroy_many, "instance_write"),
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
