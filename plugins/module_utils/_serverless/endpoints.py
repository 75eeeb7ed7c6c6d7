# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an endpoint group is: reading the listing, and selecting by id or name (F4.1). Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import re
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._api.errors import Ambiguous, Invalid, NotFound
from .._api.redact import visible
from .._core.rows import checked_rows

LIST = Route("GET", "/api/v0/endptjobs/", 3.0)
EMPTY_TEXT = r"no endpoints for user\b.{0,80}found"
"""How an account without endpoint groups is refused, with the user's id or without it (F4.1)."""

RESULT_FIELDS = (
    "endpoint_name",
    "endpoint_state",
    "min_load",
    "min_cold_load",
    "target_util",
    "cold_mult",
    "cold_workers",
    "max_workers",
    "max_queue_time",
    "target_queue_time",
    "inactivity_timeout",
    "autoscaler_instance",
    "created_at",
)
"""Fields passed on as the API has them; the group's own `api_key` is a secret and stays out."""


class Endpoint(t.NamedTuple):
    """One row of the listing of endpoint groups; it shows itself without the row, which holds a secret."""

    id: int
    row: t.Mapping[str, t.Any]

    def __repr__(self) -> str:
        return self.display_name

    @property
    def endpoint_name(self) -> str:
        """The name; the API does not hold names unique."""
        return str(self.row.get("endpoint_name") or "")

    @property
    def display_name(self) -> str:
        """How messages call it."""
        return display_name(self.id, self.endpoint_name)

    @property
    def described(self) -> str:
        """The state as last seen, for messages."""
        return f"endpoint_state {self.row.get('endpoint_state')}, max_workers {self.row.get('max_workers')}"

    def result(self) -> dict[str, t.Any]:
        """The documented key `endpoint`, without secrets."""
        return {"id": self.id, **{field: self.row.get(field) for field in RESULT_FIELDS}}


def display_name(endpoint_id: int, name: str) -> str:
    """How messages call an endpoint group that need not be there any more."""
    return f"endpoint {endpoint_id}" + (f" ({visible(name)})" if name else "")


def read(client: Client, deadline: Deadline | None = None) -> list[Endpoint]:
    """All endpoint groups of the account; an account without any may answer 400 or 404 (F4.1).

    Raises ProtocolError unless the listing is well formed, so that absence can be concluded from it.
    """
    try:
        reply = client.call(LIST, deadline=deadline)
    except (Invalid, NotFound) as error:
        if re.search(EMPTY_TEXT, error.msg.lower()):
            return []
        raise
    rows = checked_rows(client, LIST, reply.get("results"), "endpoint group")
    return [Endpoint(row["id"], row) for row in rows]


def find(groups: c.Iterable[Endpoint], endpoint_id: int | None, name: str | None) -> Endpoint | None:
    """The endpoint group with this id or name, or None. Raises Ambiguous when several carry the name."""
    found = [group for group in groups if (group.id == endpoint_id if name is None else group.endpoint_name == name)]
    if len(found) > 1:
        ids = ", ".join(str(group.id) for group in found)
        raise Ambiguous(f"{len(found)} endpoint groups are named {name!r}: {ids}. Select one of them by id.")
    return found[0] if found else None


def known(groups: c.Iterable[Endpoint]) -> list[dict[str, t.Any]]:
    """The documented key `known`: which endpoint groups there are."""
    return [{"id": group.id, "endpoint_name": group.endpoint_name} for group in groups]


def near_miss(groups: c.Iterable[Endpoint], name: str) -> str:
    """A question that names the endpoint groups whose names are nearly this one; empty when there are none."""
    # What only a name that is wrong needs.
    from .._core.near import did_you_mean

    return did_you_mean((group.endpoint_name for group in groups), name)


def missing_from(groups: c.Sequence[Endpoint], ids: c.Iterable[int], names: c.Iterable[str]) -> list[str]:
    """A sentence for each id, and for each name, that no endpoint group has."""
    there = {group.id for group in groups}
    texts = [f"There is no endpoint group {each} in this account." for each in ids if each not in there]
    known_names = {group.endpoint_name for group in groups}
    texts += [
        f"There is no endpoint group named {name!r} in this account.{near_miss(groups, name)}"
        for name in dict.fromkeys(names)
        if name not in known_names
    ]
    return texts
