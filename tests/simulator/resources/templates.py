# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates: own and public ones, told apart by a hash of their contents."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..checks import as_list, as_mapping
from ..listing import OPERATORS
from ..model import Account, Row
from ..reply import Reply, invalid_args, json_reply, refusal
from ..request import Request
from ..resource import Resource
from ..routes import V0, V1, Route

DEFAULTS: Row = {
    "name": "",
    "image": "vastai/base-image",
    "tag": "latest",
    "env": "",
    "onstart": "",
    "runtype": "args",
    "use_ssh": False,
    "ssh_direct": False,
    "jup_direct": False,
    "use_jupyter_lab": False,
    "jupyter_dir": "",
    "docker_login_repo": "",
    "docker_login_user": "",
    "docker_login_pass": "",
    "args_str": "",
    "extra_filters": {},
    "recommended_disk_space": 8,
    "desc": "",
    "readme": "",
    "readme_visible": True,
    "href": "",
    "repo": "",
    "private": False,
    "volume_info": None,
}
OWN_FIELDS = ("id", "hash_id", "creator_id", "created_at", "count_created", "used_by_others")
MASK = "********"


def table(account: Account) -> dict[int, Row]:
    return account.table("templates")


def hash_of(row: Row) -> str:
    """Of all that is its contents, the description among it."""
    contents = {name: row[name] for name in DEFAULTS}
    return hashlib.md5(json.dumps(contents, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def make(account: Account, fields: Row, creator: int) -> Row:
    row = {**DEFAULTS, **fields, "id": account.new_id(), "creator_id": creator, "count_created": 0}
    row = {"created_at": account.clock.wall(), "used_by_others": False, **row}
    row["hash_id"] = hash_of(row)
    table(account)[row["id"]] = row
    return row


def shown(row: Row) -> Row:
    password = MASK if row["docker_login_pass"] else ""
    return {**{name: value for name, value in row.items() if name != "used_by_others"}, "docker_login_pass": password}


def visible(account: Account) -> list[Row]:
    own = account.user["id"]
    return [row for row in table(account).values() if row["creator_id"] == own or not row["private"]]


def search(account: Account, request: Request) -> Reply:
    try:
        filters = json.loads(request.query.get("select_filters", "{}"))
        found = [shown(row) for row in visible(account) if matches(row, filters)]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return invalid_args("Malformed select_filters.")
    if not found:
        return json_reply({"success": False, "msg": "No templates found"})
    size, start = account.options.template_page, request.query.get("after_token", "0")
    if not size:
        return json_reply({"success": True, "templates_found": len(found), "templates": found})
    if not start.isdigit() or int(start) >= len(found):
        return refusal(400, "invalid_token", "Invalid after_token.")
    end = int(start) + size
    page = found[int(start) : end]
    token = str(end) if end < len(found) else None
    return json_reply({"success": True, "templates_found": len(page), "templates": page, "next_token": token})


def matches(row: Row, filters: Any) -> bool:
    return all(
        OPERATORS[op](row.get(column), value)
        for column, conditions in as_mapping(filters, "select_filters").items()
        for op, value in as_mapping(conditions, column).items()
    )


def problem_of(fields: Row) -> Reply | None:
    for name, value in fields.items():
        if name not in DEFAULTS and name not in OWN_FIELDS:
            return invalid_args(f"Unexpected Key '{name}' found in Template.")
        kind = type(DEFAULTS.get(name))
        if name in DEFAULTS and DEFAULTS[name] is not None and value is not None and not fits(value, kind):
            return invalid_args(f"'{name}' is of the wrong type.")
    return None


def fits(value: Any, kind: type) -> bool:
    value = as_number(value) if kind is int else value
    return isinstance(value, (int, float) if kind is int else kind) and (kind is bool or not isinstance(value, bool))


def as_number(value: Any) -> Any:
    """The official client sends the size of the disk as a text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def given(fields: Row) -> Row:
    return {
        name: as_number(value) if name == "recommended_disk_space" else value
        for name, value in fields.items()
        if name in DEFAULTS and value is not None
    }


def create(account: Account, request: Request) -> Reply:
    """What has the same contents is not made again, whoever has made it."""
    fields = request.fields
    if problem := problem_of(fields):
        return problem
    if not fields.get("name") or not fields.get("image"):
        return invalid_args("Template name is required")
    wanted = hash_of({**DEFAULTS, **given(fields)})
    known = next((row for row in table(account).values() if row["hash_id"] == wanted), None)
    if known is not None:
        msg = f"Existing Template Found: {known['id']}. User relationship added."
        return json_reply({"success": False, "msg": msg, "template": shown(known)})
    row = make(account, given(fields), account.user["id"])
    account.note("template", row["id"], "create")
    msg = f"Template Created Successfully! New Template ID: {row['id']}"
    return json_reply({"success": True, "msg": msg, "template": shown(row)})


def edit(account: Account, row: Row, fields: Row) -> Row:
    """In place; where others use it too, in a copy."""
    changed = {**row, **given(fields)}
    if row["used_by_others"]:
        changed = make(account, given(changed), row["creator_id"])
    changed["hash_id"] = hash_of(changed)
    table(account)[changed["id"]] = changed
    account.note("template", changed["id"], "change")
    return changed


def update(account: Account, request: Request) -> Reply:
    fields, own = request.fields, account.user["id"]
    named = [row for row in table(account).values() if row["hash_id"] == fields.get("hash_id")]
    if not named:
        return invalid_args(f"Unable to Update Template. None found for given Hash ID: {fields.get('hash_id')}")
    row = next((each for each in named if each["creator_id"] == own), None)
    if row is None:
        return invalid_args("Only the Template Creator may Update Existing Template.")
    if problem := problem_of(fields):
        return problem
    row = edit(account, row, fields)
    msg = f"Template {row['id']} Updated Successfully"
    return json_reply({"success": True, "hash_id": row["hash_id"], "msg": msg, "template": shown(row)})


def update_whole(account: Account, request: Request) -> Reply:
    """What the official client calls: by id, and only as long as the hash is that one."""
    fields = request.fields
    number = fields.get("id")
    row = table(account).get(number) if isinstance(number, int) else None
    if row is None or row["hash_id"] != fields.get("hash_id"):
        return refusal(404, "invalid_template", "Template not found, or its hash does not match.")
    if row["creator_id"] != account.user["id"]:
        return invalid_args("Only the Template Creator may Update Existing Template.")
    if problem := problem_of(fields):
        return problem
    if hash_of({**row, **given(fields)}) == row["hash_id"]:
        return json_reply({"success": True, "msg": f"No Edits made for template {row['id']}", "template": shown(row)})
    edited = edit(account, row, fields)
    msg = f"Created an Edited Copy of Template {row['id']}. New Template ID: {edited['id']}"
    return json_reply({"success": True, "msg": msg, "template": shown(edited)})


def delete(account: Account, request: Request) -> Reply:
    number, named = request.fields.get("template_id"), request.fields.get("hash_id")
    if number is None and isinstance(named, str):
        number = next((row["id"] for row in table(account).values() if row["hash_id"] == named), 0)
    if not isinstance(number, int) or isinstance(number, bool):
        return invalid_args("Template ID must be integer")
    row = table(account).get(number)
    if row is None:
        return invalid_args("Invalid Template ID or User ID")
    if row["creator_id"] != account.user["id"]:
        return refusal(401, "not_authorized", "Templates can ONLY be Deleted by their Creator")
    if row["used_by_others"]:
        return invalid_args("Cannot Delete Template. Other Users are still using it.")
    del table(account)[number]
    account.note("template", number, "delete")
    return json_reply({"success": True, "msg": f"Template {number} Deleted Successfully"})


def load(account: Account, section: Any, where: str) -> None:
    """Rows with any field of the API's; `creator_id` makes one somebody else's."""
    for position, spec in enumerate(as_list(section, where)):
        fields: Row = as_mapping(spec, f"{where}[{position}]")
        creator = fields.get("creator_id")
        row = make(account, given(fields), creator if isinstance(creator, int) else account.user["id"])
        row["used_by_others"] = bool(fields.get("used_by_others", False))


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/template/", search, "user_read", 3.0),
        Route("POST", f"{V0}/template/", create, "user_write", 3.0),
        Route("PUT", f"{V0}/template/", update, "user_write", 3.0),
        Route("PUT", f"{V1}/template/", update_whole, "user_write", 3.0),
        Route("DELETE", f"{V0}/template/", delete, "user_write", 3.0),
    ),
    sections={"templates": load},
)
