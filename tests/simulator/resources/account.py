# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user, and the few other calls that clients make on their own, such as at start-up."""

from __future__ import annotations

from ..ledger import spent
from ..model import Account, dollars
from ..reply import Reply, json_reply
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route
from ..rows import GPUS


def gpu_names(_account: Account, _request: Request) -> Reply:
    return json_reply({"gpu_names": sorted(GPUS)})


def gpu_types(_account: Account, _request: Request) -> Reply:
    return json_reply({"gpu_types": [{"name": name, "gpu_ram": memory} for name, (memory, *_rest) in GPUS.items()]})


def current_user(account: Account, _request: Request) -> Reply:
    credit = dollars(account.user["credit"]) - spent(account)
    return json_reply({**account.user, "credit": credit})


RESOURCE = Resource(
    routes=(
        Route("GET", f"{V0}/users/current/", current_user, "user_read", bare=True),
        Route("GET", f"{V0}/gpu_names/unique/", gpu_names, "open"),
        Route("GET", f"{V0}/gpu_types/", gpu_types, "open"),
    )
)
