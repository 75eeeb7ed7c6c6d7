# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the account is charged and what is left, as the API tells it (F6.7). Knows nothing of Ansible.

What a key may not read is None, with a warning, and never counts as nothing.
"""

from __future__ import annotations

import collections.abc as c
import json
import typing as t

from .._api.client import Client, Route, malformed
from .._api.errors import Deprecated, Invalid, NotFound, PermissionDenied, ProtocolError
from .._core.amounts import amount, number, total

SPEND_RATE = Route("GET", "/api/v0/users/spend-rate/", 2.0)
CHARGES = Route("GET", "/api/v0/charges/", 1.0)
ROWS_OF_CHARGES = 500
MAX_PAGES = 20
"""Pages of charges: 10,000 contracts."""
NOT_READABLE = (PermissionDenied, Invalid, NotFound, Deprecated, ProtocolError)
"""Failures that a key, an account or a server may answer with for good."""

T = t.TypeVar("T")


def optional(client: Client, what: str, read: c.Callable[[], T]) -> T | None:
    """What `read` returns; None, with a warning that names it, where that cannot be read."""
    try:
        return read()
    except NOT_READABLE as error:
        client.warn(f"{what} not known: {error.msg}")
        return None


def is_attached(row: t.Mapping[str, t.Any]) -> bool:
    """Whether an instance uses a volume; one that does not say counts as attached."""
    return row.get("instances") != []


def volumes_per_hour(client: Client, prices: c.Iterable[float | None]) -> float | None:
    """What all volumes pay, by the prices of their rows, else by the API's own sum; None: not known."""
    told = total(prices)
    if told is not None:
        return told
    reply = optional(client, "What the volumes cost is", lambda: client.call(SPEND_RATE))
    return amount((reply or {}).get("volume_storage_cost_per_hour"))


class Charges(t.NamedTuple):
    """What was charged in a span of time: in all, and by source such as `instance-4711`."""

    start: float
    total: float | None
    by_source: t.Mapping[str, float | None]


def charges(client: Client, start: float, end: float) -> Charges:
    """What was charged from `start` to `end`, seconds since 1970. Raises ProtocolError unless it is complete."""
    params = {
        "select_filters": json.dumps({"day": {"gte": int(start), "lte": int(end)}}),
        "limit": str(ROWS_OF_CHARGES),
    }
    found: dict[str, float | None] = {}
    rows = 0
    for _page in range(MAX_PAGES):
        reply = client.call(CHARGES, params=params)
        results = reply.get("results")
        if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
            raise malformed(client, CHARGES, "charge", "it contains no list of charges")
        rows += len(results)
        for row in results:
            source = str(row.get("source"))
            found[source] = total([found.get(source, 0.0), number(row.get("amount"))])
        token = reply.get("next_token")
        if token in (None, ""):
            _check_complete(client, reply, rows)
            return Charges(start, total(found.values()), found)
        if not isinstance(token, str) or token == params.get("after_token"):
            raise malformed(client, CHARGES, "charge", "a page does not name a new page")
        params["after_token"] = token
    raise malformed(client, CHARGES, "charge", f"it has more than {MAX_PAGES} pages")


def _check_complete(client: Client, reply: t.Mapping[str, t.Any], rows: int) -> None:
    announced = reply.get("total")
    if announced is not None and announced != rows:
        raise malformed(client, CHARGES, "charge", f"it announces {announced!r} contracts and shows {rows}")
