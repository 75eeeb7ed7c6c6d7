# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoint groups and workergroups."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from .. import lifecycle, workers
from ..births import add_instance
from ..checks import as_list, as_mapping, check_names
from ..model import Account, Instance, Row
from ..reply import Reply, invalid_args, json_reply, not_found_page, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, Handler, Route

ENDPOINT_DEFAULTS: Row = {
    "endpoint_name": "default-endpoint",
    "min_load": 10.0,
    "min_cold_load": 0.0,
    "target_util": 0.9,
    "cold_mult": 2.5,
    "cold_workers": 5,
    "max_workers": 20,
    "max_queue_time": None,
    "target_queue_time": None,
    "inactivity_timeout": None,
    "autoscaler_instance": "prod",
}
ENDPOINT_STATES = ("active", "suspended", "stopped")
WORKERGROUP_DEFAULTS: Row = {
    "template_hash": "661d064bbda1f2a133816b6d55da07c3",
    "template_id": 161005,
    "search_params": "verified=true rentable=true rented=false",
    "launch_args": "",
    "gpu_ram": 24,
    "min_load": 1.0,
    "target_util": 0.9,
    "cold_mult": 3.0,
    "cold_workers": 3,
    "max_workers": 20,
    "test_workers": 3,
}


TEMPLATE = ("template_hash", "template_id")
COUNTS = ("cold_workers", "max_workers", "test_workers")
MOST_WORKERS = 10_000
LARGEST = 1e15
UNSHOWN = ("max_workers", "search_params")
"""What the listing of workergroups leaves out."""


def managed(account: Account) -> set[int]:
    """The endpoints whose workers the engine starts and ends: those that were created by a call."""
    found: set[int] = account.things.setdefault("managed_endpoints", set())
    return found


def deployed(account: Account) -> set[int]:
    """The endpoints that belong to a deployment, and cannot be changed by themselves."""
    found: set[int] = account.things.setdefault("deployed_endpoints", set())
    return found


def given(fields: Row, names: Any) -> Row:
    """The known fields of a body; a null stands for not given."""
    return {name: fields[name] for name in names if fields.get(name) is not None}


def created_at(account: Account) -> str | float:
    """Text in the published document, seconds since 1970 from newer servers."""
    if account.options.texts == "new":
        return account.clock.wall()
    moment = datetime.fromtimestamp(account.clock.wall(), timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def new_endpoint(account: Account, fields: Row) -> Row:
    endpoint_id = fields.get("id") or account.new_id()
    row = {
        "id": endpoint_id,
        **ENDPOINT_DEFAULTS,
        "endpoint_state": "active",
        "user_id": account.user["id"],
        "created_at": created_at(account),
        "api_key": f"SECRET-endpoint-key-{endpoint_id}",
        "auto_delete_in_seconds": None,
        "auto_delete_due_24h": False,
        **given(fields, (*ENDPOINT_DEFAULTS, "endpoint_state")),
    }
    account.endpoints[endpoint_id] = row
    return row


def new_workergroup(account: Account, endpoint: Row, fields: Row) -> Row:
    group_id = fields.get("id") or account.new_id()
    row = {
        "id": group_id,
        **WORKERGROUP_DEFAULTS,
        **given(fields, WORKERGROUP_DEFAULTS),
        "endpoint_id": endpoint["id"],
        "endpoint_name": endpoint["endpoint_name"],
        "user_id": account.user["id"],
        "created_at": created_at(account),
        "api_key": f"SECRET-workergroup-key-{group_id}",
    }
    row["search_query"] = parse_search(row["search_params"])
    account.workergroups[group_id] = row
    return row


def parse_search(given_text: str | Row) -> Row:
    """`a=b c=d` as the API shows it: an object, which may also be given as such."""
    if isinstance(given_text, dict):
        return given_text
    text = given_text
    pairs = (word.partition("=") for word in text.split())
    return {name: {"eq": value} for name, sign, value in pairs if sign}


def list_endpoints(account: Account, _request: Request) -> Reply:
    if not account.endpoints and account.options.no_endpoints != "list":
        user = f" {account.user['id']}" if account.options.texts == "new" else ""
        status = 404 if account.options.no_endpoints == "not_found" else 400
        return refusal(status, "invalid_args", f"No endpoints for user{user} found" + ("." if user else ""))
    return json_reply({"success": True, "results": list(account.endpoints.values())})


def create_endpoint(account: Account, request: Request) -> Reply:
    problem = endpoint_problem({**ENDPOINT_DEFAULTS, **given(request.fields, request.fields)})
    if problem:
        return invalid_args(problem)
    name = request.fields.get("endpoint_name") or ENDPOINT_DEFAULTS["endpoint_name"]
    if is_taken(account, name):
        return refusal(400, "duplicate", f"An endpoint with the name {name} exists.")
    row = new_endpoint(account, given(request.fields, (*ENDPOINT_DEFAULTS, "endpoint_state")))
    managed(account).add(row["id"])
    account.note("endpoint", row["id"], "create")
    return json_reply({"success": True, "result": row["id"]})


def is_taken(account: Account, name: Any) -> bool:
    """Whether a name is refused; accounts differ in that."""
    taken = any(row["endpoint_name"] == name for row in account.endpoints.values())
    return taken and account.options.duplicate_names == "refused"


def show_endpoint(account: Account, request: Request) -> Reply:
    row = account.endpoints.get(request.id or 0)
    if row is not None:
        return json_reply({"success": True, "result": row})
    if account.options.texts == "new" and request.id is None:
        return invalid_args("Invalid endpoint job ID")
    if account.options.texts == "new":
        return refusal(404, "not_found", f"Endpoint job {request.id} not found")
    return invalid_args("Endpointgroup not found for user")


def no_such_endpoint(account: Account, request: Request, status: int, old: str) -> Reply:
    """Two generations of the server have two texts."""
    if account.options.texts == "old":
        return invalid_args(old)
    return refusal(status, "not_found", f"Endpoint {request.id} for user {account.user['id']} not found.")


def update_endpoint(account: Account, request: Request) -> Reply:
    row = account.endpoints.get(request.id or 0)
    if row is None:
        return no_such_endpoint(account, request, 400, "Endpointgroup not found for user")
    if row["id"] in deployed(account):
        return invalid_args("Endpoint is managed by a deployment")
    problem = endpoint_problem({**row, **given(request.fields, request.fields)})
    if problem:
        return invalid_args(problem)
    name = request.fields.get("endpoint_name")
    if name is not None and name != row["endpoint_name"] and is_taken(account, name):
        return refusal(400, "duplicate", f"An endpoint with the name {name} exists.")
    account.note("endpoint", row["id"], "change")
    row.update(given(request.fields, (*ENDPOINT_DEFAULTS, "endpoint_state")))
    return json_reply({"success": True})


def endpoint_problem(fields: Row) -> str:
    if fields.get("endpoint_state") not in (None, *ENDPOINT_STATES):
        return f"endpoint_state must be one of {', '.join(ENDPOINT_STATES)}"
    utilisation = fields.get("target_util")
    if utilisation is not None and not (is_number(utilisation) and utilisation <= 1.0):
        return "target_util must be at most 1.0"
    return type_problem(fields, ENDPOINT_DEFAULTS) or limit_problem(fields)


def limit_problem(fields: Row) -> str:
    """One number must not be above the other."""
    for low, high in (("target_queue_time", "max_queue_time"), ("cold_workers", "max_workers")):
        less, more = fields.get(low), fields.get(high)
        if less is not None and more is not None and less > more:
            return f"{low} must be at most {high}"
    return ""


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_WORKERS


def type_problem(fields: Row, defaults: Row) -> str:
    """Numbers where numbers belong, texts where texts do: the API takes nothing else."""
    for name, value in given(fields, defaults).items():
        if name == "search_params":
            fits = isinstance(value, (str, dict))
        elif name in COUNTS:
            fits = is_count(value)
        elif name == "template_id":
            fits = is_number(value) and isinstance(value, int)
        elif isinstance(defaults[name], str):
            fits = isinstance(value, str)
        else:
            fits = is_number(value)
        if not fits:
            return f"{name} has the wrong type"
    return ""


def delete_endpoint(account: Account, request: Request) -> Reply:
    if account.endpoints.pop(request.id or 0, None) is None:
        return no_such_endpoint(account, request, 404, "Routegroup not found for user")
    account.note("endpoint", request.id or 0, "delete")
    group_ids = [group["id"] for group in account.groups_of(request.id or 0)]
    reply = delete_workers(account, account.workers_of(*group_ids), "endpoint job")
    for group_id in group_ids:
        del account.workergroups[group_id]
    return reply


def delete_workers(account: Account, doomed: list[Instance], what: str) -> Reply:
    failed = [worker for worker in doomed if worker.behaviour.delete_fails]
    deleted = [worker for worker in doomed if not worker.behaviour.delete_fails]
    for worker in deleted:
        if not worker.behaviour.lingers:
            lifecycle.retire(account, worker)
    if not account.options.worker_lists:
        return json_reply({"success": True})
    return json_reply(
        {
            "success": True,
            "deleted_workers": [worker.id for worker in deleted],
            "failed_workers": [worker.id for worker in failed],
            "msg": f"Deleted {what} and {len(deleted)} workers",
        }
    )


def unless_retired(handler: Handler, name: str) -> Handler:
    """Some accounts have the calls under one of the two names only."""

    def call(account: Account, request: Request) -> Reply:
        status = account.options.workergroups_status
        if name != "workergroups" or status is None:
            return handler(account, request)
        if status == 404:
            return not_found_page()
        slug = "deprecated_endpoint" if status == 410 else "method_not_allowed"
        return refusal(status, slug, "Use /api/v0/autojobs/ instead.")

    return call


def list_workergroups(account: Account, _request: Request) -> Reply:
    rows = [
        {name: value for name, value in row.items() if name not in UNSHOWN} for row in account.workergroups.values()
    ]
    return json_reply({"success": True, "results": rows})


def find_endpoint(account: Account, fields: Row) -> Row | None:
    for endpoint in account.endpoints.values():
        if fields.get("endpoint_id") == endpoint["id"] or fields.get("endpoint_name") == endpoint["endpoint_name"]:
            return endpoint
    return None


def create_workergroup(account: Account, request: Request) -> Reply:
    problem = type_problem(request.fields, WORKERGROUP_DEFAULTS) or limit_problem(request.fields)
    if problem:
        return invalid_args(problem)
    if account.options.texts == "new" and not request.fields.get("search_params"):
        return invalid_args("search_params is required")
    endpoint = find_endpoint(account, request.fields) or implied_endpoint(account, request.fields)
    if endpoint is None:
        return invalid_args("Please assign your workergroup to a valid endpoint identifier")
    row = new_workergroup(account, endpoint, given(request.fields, WORKERGROUP_DEFAULTS))
    account.note("workergroup", row["id"], "create")
    return json_reply({"success": True, "id": row["id"]})


def implied_endpoint(account: Account, fields: Row) -> Row | None:
    """Newer servers create the endpoint that a new workergroup names."""
    name = fields.get("endpoint_name")
    if account.options.texts != "new" or fields.get("endpoint_id") is not None or not (name and isinstance(name, str)):
        return None
    row = new_endpoint(account, given(fields, ("endpoint_name", "min_cold_load")))
    managed(account).add(row["id"])
    account.note("endpoint", row["id"], "create")
    return row


def update_workergroup(account: Account, request: Request) -> Reply:
    """What the body leaves out is reset, but for the template; workers that run keep what they have."""
    row = account.workergroups.get(request.id or 0)
    if row is None:
        return invalid_args("Workgroup not found for user")
    if find_endpoint(account, {"endpoint_id": request.fields.get("endpoint_id")}) is None:
        return invalid_args("Please assign your workergroup to a valid endpoint identifier")
    if row["endpoint_id"] in deployed(account):
        return invalid_args("Workergroup is owned by a deployment")
    problem = type_problem(request.fields, WORKERGROUP_DEFAULTS) or limit_problem(request.fields)
    if problem:
        return invalid_args(problem)
    account.note("workergroup", row["id"], "change")
    row.update({name: value for name, value in WORKERGROUP_DEFAULTS.items() if name not in TEMPLATE})
    row.update(given(request.fields, WORKERGROUP_DEFAULTS))
    row["search_query"] = parse_search(row["search_params"])
    return json_reply({"success": True})


def delete_workergroup(account: Account, request: Request) -> Reply:
    if request.id is None:
        return invalid_args("Invalid autojob ID")
    if account.workergroups.pop(request.id, None) is None:
        kind = "workergroup" if account.options.texts == "old" else "autojob"
        return refusal(404, "no_such_workergroup", f"No {kind} by that id is available.", id=request.id)
    account.note("workergroup", request.id, "delete")
    return delete_workers(account, account.workers_of(request.id), "workergroup")


def spend(account: Account, _request: Request) -> Reply:
    """What the workers of each endpoint cost an hour; null where it has none."""
    groups = {number: [group["id"] for group in account.groups_of(number)] for number in account.endpoints}
    rows = [{"id": number, "hourly_spend": workers.hourly(account.workers_of(*ids))} for number, ids in groups.items()]
    return json_reply({"success": True, "endpoints": rows, "data_timestamp": account.clock.wall()})


def group_spend(account: Account, _request: Request) -> Reply:
    """The same of each workergroup."""
    rows = [
        {"id": number, "hourly_spend": workers.hourly(account.workers_of(number))} for number in account.workergroups
    ]
    return json_reply({"success": True, "workergroups": rows, "data_timestamp": account.clock.wall()})


def advance(account: Account) -> None:
    """Endpoints without any workergroup are deleted in the end; the others get and lose workers."""
    for number in list(account.endpoints):
        groups = account.groups_of(number)
        count_down(account, number, has_groups=bool(groups))
        if groups and number in account.endpoints and number in managed(account):
            workers.keep(account, account.endpoints[number], groups)
    workers.advance(account)


def count_down(account: Account, number: int, *, has_groups: bool) -> None:
    dues: dict[int, float] = account.things.setdefault("auto_deletions", {})
    row, now = account.endpoints[number], account.clock.now()
    if has_groups:
        dues.pop(number, None)
        row["auto_delete_in_seconds"] = None
        return
    due = dues.setdefault(number, now + account.clock.scaled(account.timings.auto_delete))
    row["auto_delete_in_seconds"] = max(0.0, due - now)
    if due <= now:
        del account.endpoints[number], dues[number]


def add_endpoint(account: Account, spec: Any, where: str) -> None:
    spec = dict(as_mapping(spec, where))
    groups = as_list(spec.pop("workergroups", []), f"{where}.workergroups")
    is_deployed = spec.pop("deployed", False)
    check_names(spec, ("id", *ENDPOINT_DEFAULTS, "endpoint_state"), where)
    endpoint = new_endpoint(account, spec)
    if is_deployed:
        deployed(account).add(endpoint["id"])
    for position, group in enumerate(groups):
        add_workergroup(account, endpoint, group, f"{where}.workergroups[{position}]")


def add_workergroup(account: Account, endpoint: Row, spec: Any, where: str) -> None:
    spec = dict(as_mapping(spec, where))
    listed = spec.pop("workers", [])
    check_names(spec, ("id", *WORKERGROUP_DEFAULTS), where)
    group = new_workergroup(account, endpoint, spec)
    runs = {"template_hash_id": group["template_hash"]}
    for position, worker in enumerate([{}] * listed if isinstance(listed, int) else as_list(listed, where)):
        place = f"{where}.workers[{position}]"
        add_instance(account, {**runs, **as_mapping(worker, place)}, place, group["id"])


def load_endpoints(account: Account, specs: Any, where: str) -> None:
    for position, spec in enumerate(as_list(specs, where)):
        add_endpoint(account, spec, f"{where}[{position}]")


def describe(account: Account) -> Row:
    return {"endpoints": [*account.endpoints.values()], "workergroups": [*account.workergroups.values()]}


def secrets(account: Account) -> Iterable[str]:
    return [group["api_key"] for group in (*account.endpoints.values(), *account.workergroups.values())]


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/endptjobs/", list_endpoints, "misc", 3.0),
        Route("POST", f"{V0}/endptjobs/", create_endpoint, "misc", 4.0),
        Route("GET", f"{V0}/endptjobs/{{id}}/", show_endpoint, "misc", 3.0),
        Route("PUT", f"{V0}/endptjobs/{{id}}/", update_endpoint, "misc", 2.0),
        Route("DELETE", f"{V0}/endptjobs/{{id}}/", delete_endpoint, "misc", 3.0),
        Route("GET", f"{V0}/serverless/endpoints/spend/", spend, "misc", 2.0),
        Route("GET", f"{V0}/serverless/workergroups/spend/", group_spend, "misc", 2.0),
        *(
            route
            for name in ("workergroups", "autojobs")
            for route in (
                Route("GET", f"{V0}/{name}/", unless_retired(list_workergroups, name), "misc", 2.0),
                Route("POST", f"{V0}/{name}/", unless_retired(create_workergroup, name), "misc", 4.0),
                Route("PUT", f"{V0}/{name}/{{id}}/", unless_retired(update_workergroup, name), "misc", 2.0),
                Route("DELETE", f"{V0}/{name}/{{id}}/", unless_retired(delete_workergroup, name), "misc", 3.0),
            )
        ),
    ),
    sections={"endpoints": load_endpoints},
    order=1,
    describe=describe,
    secrets=secrets,
    advance=advance,
)
