# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What is told of endpoint groups beside which workers they have: in which states, how logs end, the cost (F4.3)."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._api.errors import RateLimited, ServerError, TransportError, VastError
from .._core.amounts import amount
from .._core.rows import is_id
from .endpoints import Endpoint
from .workers import time_for

LOGS = Route("POST", "/get_endpoint_logs/", 1.0, engine=True, reads=True)
SPEND = Route("GET", "/api/v0/serverless/endpoints/spend/", 2.0)
LEVELS = ("logs", "info0", "info1")
"""Under which keys a log may come, in the order in which the first one that holds text counts (F4.3)."""


def states(rows: c.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """The states of workers, in small letters."""
    return [str(row.get("status") or "unknown").strip().lower() for row in rows]


def counts(rows: c.Iterable[t.Mapping[str, t.Any]]) -> dict[str, int]:
    """How many workers are in which state."""
    found: dict[str, int] = {}
    for state in states(rows):
        found[state] = found.get(state, 0) + 1
    return dict(sorted(found.items()))


def log(client: Client, endpoint: Endpoint, lines: int) -> list[str]:
    """The last lines of the log of an endpoint, without secrets; empty when the engine does not give it."""
    return logs(client, [endpoint], lines).get(endpoint.id, [])


def logs(client: Client, endpoints: c.Sequence[Endpoint], lines: int) -> dict[int, list[str]]:
    """The same by endpoint, under one deadline as in `workers.read`; of those only for which the engine gives it."""
    deadline = time_for(client, endpoints)
    found = {}
    for endpoint in endpoints if lines else ():
        if deadline.expired:
            break
        try:
            found[endpoint.id] = _log(client, endpoint, lines, deadline)
        except (TransportError, ServerError, RateLimited):
            break
        except VastError:
            # It only adds to what is told.
            continue
    return found


def _log(client: Client, endpoint: Endpoint, lines: int, deadline: Deadline) -> list[str]:
    reply = client.call(LOGS, body={"id": endpoint.id, "tail": lines}, deadline=deadline)
    texts = (reply.get(level) for level in LEVELS)
    text = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    return [client.redactor.text(line) for line in text.splitlines() if line.strip()][-lines:]


def spend(client: Client) -> dict[int, float]:
    """US dollars per hour by endpoint, as the API counts them; those that it does not tell are left out."""
    try:
        rows = client.call(SPEND).get("endpoints")
    except VastError as error:
        client.warn(f"What the endpoints cost is not known: {error.msg}")
        return {}
    found = {}
    for row in rows if isinstance(rows, list) else ():
        cost = amount(row.get("hourly_spend")) if isinstance(row, dict) else None
        if cost is not None and is_id(row.get("id")):
            found[row["id"]] = cost
    return found
