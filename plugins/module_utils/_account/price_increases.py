# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Price increases that hosts ask for, and that the renter may accept or reject (F6.8). Knows nothing of Ansible."""

from __future__ import annotations

import typing as t

from .._api.client import Client, Route, malformed
from .._api.clock import Deadline
from .._api.replies import is_whole

LIST = Route("GET", "/api/v0/instances/pending-price-increases/", 2.0)
ID = "pending_price_increase_id"


class Pending(t.NamedTuple):
    """The rows that the API shows; `truncated`: there are more."""

    rows: list[t.Mapping[str, t.Any]]
    truncated: bool


def read(client: Client, deadline: Deadline | None = None) -> Pending:
    """All that are pending, or as many as the API shows. Raises ProtocolError for what is no list of them."""
    reply = client.call(LIST, deadline=deadline)
    rows = reply.get("pending_price_increases")
    problem = ""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and is_whole(row.get(ID)) for row in rows):
        problem = "it contains no list of them with ids"
    elif len({row[ID] for row in rows}) < len(rows):
        problem = "it lists one of them twice"
    if problem:
        raise malformed(client, LIST, "price increase", problem)
    return Pending(t.cast("list[t.Mapping[str, t.Any]]", rows), reply.get("truncated") is not False)
