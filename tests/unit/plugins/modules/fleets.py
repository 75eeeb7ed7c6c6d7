# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of vast_fleet share: rows in each state, and the requests that every fleet begins with."""

from __future__ import annotations

import functools
import typing as t

import requests

from ..harness import Api, Result, fail_as, instance_row, list_query, listing, stopped_row, succeed

LIST = "/api/v1/instances/"
BULK = "/api/v0/instances/"
PAGE = 25
IDS_IN_A_CHANGE = 64
DEV = {"label_prefix": "dev-"}
TAKEN = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}
LOST = requests.ConnectionError("Connection reset by peer")
OTHER_PORTS = {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "33333"}]}
Row = dict[str, t.Any]
failure = functools.partial(fail_as, "vast_fleet", select=DEV)
stop = functools.partial(succeed, "vast_fleet", select=DEV, state="stopped")
start = functools.partial(succeed, "vast_fleet", select=DEV, state="running")
recycle = functools.partial(succeed, "vast_fleet", select=DEV, state="recycled")


def up(number: int, **fields: t.Any) -> Row:
    return instance_row(number, **{"label": f"dev-{number}", **fields})


def off(number: int, **fields: t.Any) -> Row:
    return stopped_row(number, **{"label": f"dev-{number}", **fields})


def stopping(number: int) -> Row:
    return up(number, intended_status="stopped")


def queued(number: int) -> Row:
    return off(number, intended_status="running")


def started(number: int) -> Row:
    return off(number, intended_status="running", cur_state="running")


def loading(number: int) -> Row:
    return up(number, actual_status="loading", ports=None)


def renewed(number: int) -> Row:
    return up(number, ports=OTHER_PORTS)


def name(number: int) -> str:
    return f"instance {number} (dev-{number})"


def expect_bulk(api: Api, state: str, ids: list[int], reply: t.Any = None, **more: t.Any) -> None:
    """Declare the change of many, which for one is that of the single form."""
    if len(ids) == 1:
        expect_put(api, ids[0], state, reply, **more)
        return
    for first in range(0, len(ids), IDS_IN_A_CHANGE):
        body = {"state": state, "ids": ids[first : first + IDS_IN_A_CHANGE]}
        api.expect("PUT", BULK, {"success": True} if reply is None else reply, body=body, **more)


def expect_put(api: Api, number: int, state: str, reply: t.Any = None, **more: t.Any) -> None:
    api.expect("PUT", f"{BULK}{number}/", {"success": True} if reply is None else reply, body={"state": state}, **more)


def expect_recycle(api: Api, number: int, reply: t.Any = None, **more: t.Any) -> None:
    api.expect("PUT", f"{BULK}recycle/{number}/", {"success": True} if reply is None else reply, body={}, **more)


def expect_endpoints(api: Api, *rows: Row) -> None:
    """Declare the listing of endpoint groups, by which it is asked for whose workers there are."""
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [*rows]})


def expect_look(api: Api, ids: list[int], *rows: Row) -> None:
    """Declare one shared look at these."""
    api.expect_listing(*rows, id=ids if len(ids) > 1 else ids[0])


def expect_pages(api: Api, filters: Row, rows: list[Row]) -> None:
    """Declare one complete listing, on as many pages as it takes."""
    pages = [rows[first : first + PAGE] for first in range(0, len(rows), PAGE)]
    for number, page in enumerate(pages):
        more = {"after_token": f"t{number}"} if number else {}
        token = f"t{number + 1}" if number + 1 < len(pages) else None
        reply = listing(*page, total_instances=len(rows), next_token=token)
        api.expect("GET", LIST, reply, query=list_query(filters, **more))


def told(result: Result) -> dict[int, str | None]:
    """The kind of failure of each instance, None where it went well."""
    assert all(each["failed"] is (each["error_class"] is not None) for each in result["instances"])
    return {each["id"]: each["error_class"] for each in result["instances"]}


def messages(result: Result) -> dict[int, str]:
    return {each["id"]: each["msg"] for each in result["instances"]}


def changed(result: Result) -> list[int]:
    """The ids of what was changed; the counts must agree, and add up."""
    ids = [each["id"] for each in result["instances"] if each["changed"]]
    assert result["changed"] is bool(ids)
    counts = result["counts"]
    assert counts["changed"] == sum(each["changed"] and not each["failed"] for each in result["instances"])
    assert counts["failed"] == sum(each["failed"] for each in result["instances"])
    assert counts["selected"] == counts["changed"] + counts["unchanged"] + counts["failed"] == len(result["instances"])
    return ids


def page(number: int, **fields: t.Any) -> Row:
    """One of four pages of two."""
    token = f"t{number}" if number < 4 else None
    return listing(up(2 * number - 1), up(2 * number), **{"total_instances": 8, "next_token": token, **fields})
