# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is stored of a box besides its state: the template fields that a recycle takes, its bid, its ssh keys."""

from __future__ import annotations

import json
from typing import Any

from .. import births, lifecycle
from ..model import Account, Instance, Row
from ..reply import Reply, invalid_args, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route
from . import ssh_keys
from .market import HIGHEST_BID, LEAST_BID, RUNTYPES


def find(account: Account, request: Request) -> Instance | None:
    return account.instances.get(request.id) if request.id is not None else None


def update_template(account: Account, request: Request) -> Reply:
    """Sets stored fields only; the container goes on as it is until a recycle."""
    instance = find(account, request)
    if instance is None:
        return refusal(404, "not_found", "Instance not found or you don't have permission to modify it")
    if "id" in request.fields and account.options.repeated_id == "refused":
        return invalid_args("params duplicated in URL and body: ['id']")
    account.note("instance", instance.id, "update_template")
    instance.row.update(stored_fields(request.fields))
    if request.fields.get("recycle"):
        account.note("instance", instance.id, "recycle")
        lifecycle.recycle(account, instance, births.image_files())
    return json_reply({"success": True, "updated_instance": {"id": instance.id}})


def stored_fields(fields: Row) -> Row:
    changes: Row = {}
    if fields.get("image") is not None:
        changes["image_uuid"] = fields["image"]
    if isinstance(fields.get("env"), dict):
        changes["extra_env"] = [[str(name), str(value)] for name, value in fields["env"].items()]
    if fields.get("args") is not None:
        changes["image_args"] = fields["args"]
    if fields.get("runtype") is not None:
        changes["image_runtype"] = RUNTYPES.get(str(fields["runtype"]), "ssh ssh_proxy")
    for name in ("onstart", "template_hash_id", "template_id"):
        if fields.get(name) is not None:
            changes[name] = fields[name]
    return changes


def bid_price(account: Account, request: Request) -> Reply:
    instance = find(account, request)
    if instance is None:
        return refusal(404, "no_such_instance", "No such instance.")
    if not instance.row["is_bid"]:
        return invalid_args("Can't change price of on-demand contract.")
    price = request.fields.get("price")
    if isinstance(price, bool) or not isinstance(price, (int, float)) or not LEAST_BID <= price <= HIGHEST_BID:
        return invalid_args("Please set a bid price >= 0.001.")
    account.note("instance", instance.id, "bid")
    base = round(float(price), 4)
    instance.row.update(dph_base=base, dph_total=base + instance.row["storage_total_cost"])
    if base < instance.row["min_bid"]:
        lifecycle.outbid(account, instance)
    elif instance.row["cur_state"] == "stopped":
        lifecycle.start(account, instance)
    return json_reply({"success": True})


def keys_of(account: Account, instance: Instance) -> list[Row]:
    return ssh_keys.of_instance(account, instance.id)


def list_keys(account: Account, request: Request) -> Reply:
    instance = find(account, request)
    if instance is None:
        return refusal(200, "no_such_instance", "No such instance.")
    return json_reply({"success": True, "ssh_keys": json.dumps(keys_of(account, instance))})


def attach_key(account: Account, request: Request) -> Reply:
    instance = find(account, request)
    if instance is None:
        return refusal(200, "no_such_instance", "No such instance.")
    key: Any = request.fields.get("ssh_key")
    if not isinstance(key, str) or not key.startswith(ssh_keys.KEY_WORDS):
        return refusal(400, "no_ssh_key", "No ssh key provided.")
    known = keys_of(account, instance)
    if any(each["public_key"].split()[:2] == key.split()[:2] for each in known):
        return refusal(200, "add_ssh_to_instance", "SSH key already associated with instance.")
    row = ssh_keys.add(account, key)
    known.append(row)
    account.note("instance_key", instance.id, "attach")
    return json_reply({"success": True, "msg": "SSH key added to instance.", "key": json.dumps(row)})


def detach_key(account: Account, request: Request) -> Reply:
    instance = find(account, request)
    if instance is None:
        return refusal(200, "no_such_instance", "No such instance.")
    known = keys_of(account, instance)
    left = [each for each in known if str(each["id"]) != request.params["key"]]
    if len(left) == len(known):
        return refusal(200, "no_such_ssh_key", "No such ssh key.")
    known[:] = left
    account.note("instance_key", instance.id, "detach")
    return json_reply({"success": True, "msg": "SSH key removed from instance."})


RESOURCE = Resource(
    routes=(
        Route("PUT", f"{V0}/instances/update_template/{{id}}/", update_template, "instance_write", 2.0),
        Route("PUT", f"{V0}/instances/bid_price/{{id}}/", bid_price, "instance_write", 5.5),
        Route("GET", f"{V0}/instances/{{id}}/ssh/", list_keys, "instance_read", 2.0),
        Route("POST", f"{V0}/instances/{{id}}/ssh/", attach_key, "instance_write", 2.0),
        Route("DELETE", f"{V0}/instances/{{id}}/ssh/{{key}}/", detach_key, "instance_write", 2.0),
    )
)
