# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls whose answer is a file somewhere else: execute and logs, and the files themselves."""

from __future__ import annotations

import hashlib
import re

from .. import commands
from ..model import Account, Instance, ResultFile
from ..reply import Reply, invalid_args, json_reply, refusal, s3_error, text_reply
from ..request import INVALID_BODY, Request
from ..resource import Resource
from ..routes import V0, Route, reads

ONLY_STOPPED = "Execute command only avail on stopped instances. Use ssh to run commands on running instances."
EXECUTING = "Command is executing, wait a few seconds and then view the result_url"
DAEMON_LOG = ["vast daemon: heartbeat sent", "vast daemon: container state reported"]


def execute(account: Account, request: Request) -> Reply:
    if request.json is INVALID_BODY or request.json is None:
        return refusal(483, "invalid_args", "Invalid json_body")
    instance = account.instances.get(request.id) if request.id is not None else None
    if instance is None:
        return refusal(400, "invalid_container_id", "Invalid container id.")
    if instance.row["actual_status"] in (None, "created", "offline") and instance.row["cur_state"] != "running":
        return refusal(400, "invalid_container", "Invalid container.")
    if instance.row["cur_state"] != "stopped":
        return invalid_args(ONLY_STOPPED)
    try:
        command = commands.parse(request.fields.get("command"))
    except commands.CommandRefused:
        return invalid_args("Invalid command given.")
    path = writeable_path(instance)
    before = dict(instance.files.entries)
    text = commands.run(command, instance.files, path)
    if command.name == "rm":
        account.note("files", instance.id, "rm", changed=before != instance.files.entries)
    url = store(account, request, text)
    return json_reply({"success": True, "writeable_path": path, "result_url": url, "msg": EXECUTING})


def writes(request: Request) -> bool:
    """Whether an execute request changes anything: only rm does."""
    return not commands.is_read_only(request.fields.get("command"))


def request_logs(account: Account, request: Request) -> Reply:
    instance = account.instances.get(request.id) if request.id is not None else None
    if instance is None:
        return json_reply({"error": "invalid_id", "msg": "Invalid instance id."}, 404)
    if request.json is INVALID_BODY:
        return invalid_args("Invalid json_body")
    fields = request.fields
    lines = DAEMON_LOG if fields.get("daemon_logs") == "true" else instance.log
    tail = str(fields.get("tail", "1000"))
    if not tail.isdigit():
        return invalid_args("tail must be a number of lines")
    lines = lines[-int(tail) :] if int(tail) else []
    wanted = fields.get("filter")
    if isinstance(wanted, str):
        lines = [line for line in lines if wanted in line]
    url = store(account, request, "".join(f"{line}\n" for line in lines))
    return json_reply({"success": True, "result_url": url, "msg": "Logs requested"})


def writeable_path(instance: Instance) -> str:
    """Where the host keeps the layer of this container; a recycled one has another."""
    layer = hashlib.sha256(f"{instance.id}-{instance.generation}".encode()).hexdigest()
    return f"/var/lib/docker/overlay2/{layer}/diff"


def store(account: Account, request: Request, text: str) -> str:
    clock = account.clock
    name = hashlib.sha256(f"{len(account.results)}-{request.path}".encode()).hexdigest()[:32]
    ready_at = clock.now() + clock.scaled(account.timings.result)
    account.results[name] = ResultFile(text, ready_at, account.options.result_refusals)
    return f"{request.origin}/results/{name}.log"


def fetch(account: Account, request: Request) -> Reply:
    """As S3 does it: an API key is an error here, and a file that is not there yet is forbidden."""
    if "Authorization" in request.headers:
        return s3_error(400, "InvalidArgument", "Unsupported Authorization Type")
    match = re.fullmatch(r"([0-9a-f]{32})\.log", request.params["name"])
    result = account.results.get(match[1]) if match else None
    if result is None:
        return s3_error(403, "AccessDenied", "Access Denied")
    if result.refusals > 0 or account.clock.now() < result.ready_at:
        result.refusals -= 1
        return s3_error(403, "AccessDenied", "Access Denied")
    return text_reply(result.text)


RESOURCE = Resource(
    routes=(
        Route("PUT", f"{V0}/instances/command/{{id}}/", execute, "instance_write", 1.5, writes),
        Route("PUT", f"{V0}/instances/request_logs/{{id}}/", request_logs, "instance_read", 0.0, reads),
        Route("GET", "/results/{name}", fetch, "open"),
    )
)
