# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of renting share: what is rented, and the requests that every rental begins with."""

from __future__ import annotations

import json
import pathlib
import typing as t

import requests

from ..harness import (
    Api,
    Result,
    fail_as,
    instance_row,
    offer_row,
    stopped_row,
    succeed,
)

LOST = requests.ConnectionError("Connection reset by peer")
LABEL = "train-01"
LOOKS = 15
"""So many listings fit into the minute that decides a doubt."""
GONE = {"success": False, "error": "no_such_ask", "msg": "No ask by id 9001 is available."}
BODY = {
    "label": LABEL,
    "disk": 40.0,
    "target_state": "running",
    "cancel_unavail": True,
    "image": "pytorch/pytorch",
    "runtype": "ssh_direct",
}
WISH: dict[str, t.Any] = {
    "label": LABEL,
    "state": "running",
    "offer": {"gpu_name": ["RTX 4090"], "max_price": 0.5},
    "disk": 40,
    "image": "pytorch/pytorch",
}
SEARCH = {
    "rentable": {"eq": True},
    "rented": {"eq": False},
    "external": {"eq": False},
    "verified": {"eq": True},
    "gpu_name": {"in": ["RTX 4090"]},
    "disk_space": {"gte": 40.0},
    "dph_total": {"lte": 0.5},
    "type": "on-demand",
    "order": [["dph_total", "asc"]],
    "limit": 20,
    "allocated_storage": 40.0,
}


def box(instance_id: int = 4711, **fields: t.Any) -> dict[str, t.Any]:
    """A box that was rented by offer_row()."""
    own = {"machine_id": 501, "disk_space": 40.0, "start_date": 1000.0, "dph_total": 0.33, "onstart": None}
    return instance_row(instance_id, **{**own, "extra_env": [], **fields})


def loading(instance_id: int = 4711, **fields: t.Any) -> dict[str, t.Any]:
    """The same while it boots."""
    return box(instance_id, **{"actual_status": "loading", "ports": None, **fields})


def listed(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare a listing by the label."""
    api.expect_listing(*rows, label=LABEL)


def market(api: Api, *rows: dict[str, t.Any], **sent: t.Any) -> None:
    """Declare a search."""
    api.expect("POST", "/api/v0/bundles/", {"offers": list(rows)}, body={**SEARCH, **sent})


def create(api: Api, offer_id: int = 9001, reply: t.Any = None, *, status: int = 200, **body: t.Any) -> None:
    """Declare a create."""
    answer = {"success": True, "new_contract": 4711, "instance_api_key": "SECRET-box-key"} if reply is None else reply
    api.expect("PUT", f"/api/v0/asks/{offer_id}/", answer, status=status, body={**BODY, **body})


def destroyed(api: Api, instance_id: int = 4711) -> None:
    """Declare a destruction and its proof."""
    api.expect("DELETE", f"/api/v0/instances/{instance_id}/", {"success": True}, body={})
    api.expect_listing(id=instance_id)


def logged(api: Api, text: str | None = None, instance_id: int = 4711) -> None:
    """Declare that the daemon's log is asked for, which is refused without a text."""
    path = f"/api/v0/instances/request_logs/{instance_id}/"
    body = {"tail": "20", "daemon_logs": "true"}
    if text is None:
        api.expect("PUT", path, {"success": False, "error": "invalid_id", "msg": "no log"}, status=404, body=body)
        return
    api.expect("PUT", path, {"success": True, "result_url": "https://results.test/log"}, body=body)
    api.expect("GET", "https://results.test/log", status=404, authorized=False)
    api.expect("GET", "https://results.test/log", text, authorized=False)


def with_box(api: Api) -> None:
    """Declare a rental that goes well."""
    start(api)
    create(api)
    listed(api, box())


def start(api: Api, *offers: dict[str, t.Any]) -> None:
    """Declare what every rental begins with."""
    listed(api)
    market(api, *(offers or (offer_row(),)))


def rent(**options: t.Any) -> Result:
    """Rent successfully."""
    return succeed("vast_instance", **{**WISH, **options})


def refuse(error_class: str, *says: str, **options: t.Any) -> Result:
    """Fail to rent."""
    return fail_as("vast_instance", error_class, *says, **{**WISH, **options})


def left_in_doubt(api: Api) -> None:
    """Rent with a reply that is lost, and no listing that shows it."""
    start(api)
    create(api, reply=LOST)
    for _look in range(LOOKS):
        listed(api)
    refuse("unknown_outcome")


def note(home: pathlib.Path) -> dict[str, t.Any]:
    """What stays in the private file of the label."""
    (path,) = (home / ".cache" / "ansible-vastai-cloud").glob("rent-*.json")
    known: dict[str, t.Any] = json.loads(path.read_text())
    return known


def outcomes(result: Result) -> list[tuple[str, int | None]]:
    """What became of each attempt."""
    return [(each["outcome"], each["instance_id"]) for each in result["attempts"]]


BIDDING = {"gpu_name": ["RTX 4090"], "max_price": 0.5, "interruptible": True}
SPENT = "/api/v0/users/spend-rate/"


def within(api: Api, *rows: dict[str, t.Any], volumes: t.Any = 0.0) -> None:
    """Declare what is read to hold a budget by the hour."""
    api.expect_listing(*rows)
    api.expect("GET", SPENT, {"success": True, "volume_storage_cost_per_hour": volumes})


CODED = "AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
KEY = f"ssh-ed25519 {CODED} me@laptop"
TAKEN = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}
STOPPED = stopped_row(machine_id=501, disk_space=40.0, extra_env=[], image_uuid="pytorch/pytorch")
REPLACING = {"on_unavailable": "replace", "accept_data_loss": True}


def unavailable(api: Api, row: dict[str, t.Any] = STOPPED) -> None:
    """Declare a start without a GPU, and its cancellation."""
    listed(api, row)
    api.expect("PUT", "/api/v0/instances/4711/", TAKEN, body={"state": "running"})
    api.expect_listing({**row, "intended_status": "running"}, id=4711)
    api.expect("PUT", "/api/v0/instances/4711/", {"success": True}, body={"state": "stopped"})
    api.expect_listing(row, id=4711)


def gone(**options: t.Any) -> Result:
    """Have no box of the label."""
    return succeed("vast_instance", label=LABEL, state="absent", **options)
