# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is spent now."""

from __future__ import annotations

from .. import lifecycle
from ..ledger import left, rates
from ..model import Account
from ..reply import Reply, json_reply
from ..request import Request
from ..resource import Resource
from ..routes import V0, Route


def spend_rate(account: Account, _request: Request) -> Reply:
    gpus, disks = rates(account)
    return json_reply(
        {
            "success": True,
            "gpu_cost_per_hour": gpus,
            "container_storage_cost_per_hour": disks,
            "volume_storage_cost_per_hour": 0.0,
            "has_active_resources": bool(account.instances),
        }
    )


def advance(account: Account) -> None:
    """Whoever has nothing left has what runs stopped; the disks go on to bill."""
    if account.options.stop_without_credit and left(account) <= 0:
        for instance in account.instances.values():
            if instance.row["cur_state"] == "running" and instance.row["intended_status"] == "running":
                lifecycle.stop(account, instance)


RESOURCE = Resource(
    routes=(Route("GET", f"{V0}/users/spend-rate/", spend_rate, "user_read", 2.0),),
    order=3,
    advance=advance,
)
