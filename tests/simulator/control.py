# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls that steer the simulator itself. They need no key, have no minimum interval and are not in the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import faults, journal
from .checks import AccountError
from .model import Account, Row
from .registry import RESOURCES
from .reply import Reply, json_reply, text_reply
from .request import Request

if TYPE_CHECKING:
    from .application import Application

PREFIX = "/_simulator/"
SECRET_FIELDS = ("api_key", "jupyter_token", "extra_env", "sid")
LONGEST = 10 * 365 * 86400
HELP = """\
GET    /_simulator/                this text
GET    /_simulator/journal         the requests so far
DELETE /_simulator/journal         forget them
GET    /_simulator/faults          the rules in force
POST   /_simulator/faults          add a rule, or a list of rules
DELETE /_simulator/faults          take all rules away
GET    /_simulator/account         the account as it is now, secrets masked
GET    /_simulator/ledger          what was billed, by the second
PUT    /_simulator/options         change options of the account
PUT    /_simulator/instances/{id}  change fields or behaviour of an instance
PUT    /_simulator/machines/{id}   change what a machine of the market offers
POST   /_simulator/clock           set the clock forward by {"seconds": N}
POST   /_simulator/reset           the account as at the start, no faults, an empty journal
"""


def handle(application: Application, request: Request) -> Reply:
    name = request.path[len(PREFIX) :].strip("/")
    word, _slash, rest = name.partition("/")
    try:
        return dispatch(application, request, f"{request.method} {word}", rest)
    except (AccountError, faults.FaultError) as error:
        return json_reply({"success": False, "error": "invalid_args", "msg": str(error)}, 400)
    except KeyError:
        return json_reply({"success": False, "error": "not_found", "msg": f"nothing at {request.path}"}, 404)


def dispatch(application: Application, request: Request, call: str, rest: str) -> Reply:
    if call == "GET ":
        return text_reply(HELP)
    if call in SHOWN:
        return json_reply(SHOWN[call](application))
    if call in ("PUT instances", "PUT machines"):
        if not rest.isdigit():
            raise KeyError(rest)
        change = application.set_instance if call == "PUT instances" else application.set_machine
        change(int(rest), **request.fields)
    elif call == "PUT options":
        application.set_options(**request.fields)
    elif call == "POST clock":
        application.set_forward(seconds(request))
    elif call == "POST faults":
        application.add_faults(request.json if isinstance(request.json, list) else [request.json])
    else:
        DONE[call](application)
    return json_reply({"success": True})


def seconds(request: Request) -> float:
    value = request.fields.get("seconds")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST:
        raise AccountError(f"seconds: {value!r} is no number from 0 to {LONGEST}")
    return float(value)


SHOWN: dict[str, Callable[[Application], Any]] = {
    "GET journal": lambda application: application.journal(),
    "GET faults": lambda application: application.fault_rules(),
    "GET account": lambda application: application.describe(),
    "GET ledger": lambda application: application.ledger(),
}
DONE: dict[str, Callable[[Application], None]] = {
    "DELETE journal": lambda application: application.clear_journal(),
    "DELETE faults": lambda application: application.clear_faults(),
    "POST reset": lambda application: application.reset(),
}


def describe(account: Account) -> Row:
    described = {"options": asdict(account.options), "timings": asdict(account.timings), "user": account.user}
    for resource in RESOURCES:
        described |= resource.describe(account)
    return {name: masked(value) for name, value in described.items()}


def masked(value: Any) -> Any:
    if isinstance(value, list):
        return [masked(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: journal.MASK if name in SECRET_FIELDS else part for name, part in value.items()}
