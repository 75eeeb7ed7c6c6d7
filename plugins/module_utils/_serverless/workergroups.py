# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Workergroups, which the API has under two names (F4.2). Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._api.errors import AuthError, VastError
from .._core.rows import checked_rows

WORKERGROUPS = Route("GET", "/api/v0/workergroups/", 2.0)
AUTOJOBS = Route("GET", "/api/v0/autojobs/", 2.0)
"""The same under the name that the official client uses."""
UNKNOWN_ROUTE = (404, 405, 410)
"""How a server answers that has it under the other name."""
RESULT_FIELDS = (
    "id",
    "min_load",
    "target_util",
    "cold_mult",
    "test_workers",
    "template_id",
    "template_hash",
    "search_query",
    "gpu_ram",
    "created_at",
)
"""Fields passed on as the API has them; `api_key` and `launch_args` hold secrets and stay out."""


class Listing(t.NamedTuple):
    """The rows of all workergroups, and the path under which this server has them."""

    rows: list[dict[str, t.Any]]
    path: str

    def route(self, method: str, interval: float) -> Route:
        """Another operation of one workergroup, under the same name."""
        return Route(method, self.path + "{id}/", interval)


def read(client: Client) -> list[dict[str, t.Any]]:
    """All workergroups of the account, as rows. Raises ProtocolError for a malformed listing."""
    return listed(client).rows


def listed(client: Client, deadline: Deadline | None = None) -> Listing:
    """All workergroups of the account, with the name under which they are found.

    Raises ProtocolError unless the listing is well formed, so that absence can be concluded from it.
    """
    route = WORKERGROUPS
    try:
        reply = client.call(route, deadline=deadline)
    except VastError as error:
        status = error.exchange.status_code if error.exchange else None
        if isinstance(error, AuthError) or status not in UNKNOWN_ROUTE:
            raise
        route = AUTOJOBS
        reply = client.call(route, deadline=deadline)
    rows = checked_rows(client, route, reply.get("results"), "workergroup")
    return Listing(t.cast("list[dict[str, t.Any]]", rows), route.path)


def results(rows: c.Iterable[t.Mapping[str, t.Any]], endpoint_id: int) -> list[dict[str, t.Any]]:
    """The documented key `workergroups` of one endpoint group, without secrets."""
    return [{field: row.get(field) for field in RESULT_FIELDS} for row in rows if row.get("endpoint_id") == endpoint_id]
