# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Changing endpoints and workergroups: what the engine has to know of it. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client, Route
from .._core.kind import Kind, Write
from .._core.plan import Change, body
from .._core.resource import Item, Ref
from . import workergroups
from .endpoints import Endpoint
from .endpoints import read as read_endpoints
from .wanted import Group, differs, groups_of, shows, update_body

UPDATE = Route("PUT", "/api/v0/endptjobs/{id}/", 2.0)
SHOWN_WITHIN = 30.0
"""For how many seconds listings are asked what became of a write whose reply is lost."""


class Endpoints(Kind[Endpoint]):
    """Endpoints whose settings or name change."""

    want = "changed"
    queues = False
    shown_within = SHOWN_WITHIN

    def read(self, client: Client, items: c.Sequence[Item[Endpoint]]) -> dict[Ref, Endpoint]:
        """Those of them that the listing contains."""
        listed = {group.id: group for group in read_endpoints(client)}
        return {item.ref: listed[item.before.id] for item in items if item.before.id in listed}

    def writes(
        self, items: c.Sequence[Item[Endpoint]], *, alone: bool
    ) -> c.Iterator[tuple[Write, list[Item[Endpoint]]]]:
        """One request for all changes of each: nothing else is sent, since the API may reset it."""
        del alone
        for item in items:
            yield Write(UPDATE, body(item.open), {"id": item.before.id}), [item]

    def missing(self, item: Item[Endpoint]) -> tuple[Change, ...]:
        """The settings that the listing does not show as wanted."""
        return tuple(change for change in item.plan.changes if differs(item.seen.row.get(change.field), change.after))

    def differs(self, item: Item[Endpoint]) -> bool:
        """Whether a setting is another than before."""
        before = item.before.row
        return any(differs(item.seen.row.get(each.field), before.get(each.field)) for each in item.plan.changes)

    def judge(self, _item: Item[Endpoint], _now: float) -> bool:
        """There is nothing to wait for."""
        return True


class Groups(Kind[Group]):
    """Workergroups of one endpoint that change; the whole of one is sent (F4.2)."""

    want = "changed"
    queues = False
    shown_within = SHOWN_WITHIN

    def __init__(self, endpoint_id: int, route: Route) -> None:
        self.endpoint_id = endpoint_id
        self.route = route

    def read(self, client: Client, items: c.Sequence[Item[Group]]) -> dict[Ref, Group]:
        """Those of them that the listing contains."""
        listed = {group.id: group for group in groups_of(workergroups.read(client), self.endpoint_id)}
        return {item.ref: listed[item.before.id] for item in items if item.before.id in listed}

    def writes(self, items: c.Sequence[Item[Group]], *, alone: bool) -> c.Iterator[tuple[Write, list[Item[Group]]]]:
        """One request for each."""
        del alone
        for item in items:
            yield (
                Write(self.route, update_body(item.memory, item.before, self.endpoint_id), {"id": item.before.id}),
                [item],
            )

    def missing(self, item: Item[Group]) -> tuple[Change, ...]:
        """The fields that the listing does not show as wanted."""
        return tuple(change for change in item.plan.changes if not shows(item.seen, change))

    def differs(self, item: Item[Group]) -> bool:
        """Whether the row is another than before."""
        return item.seen.row != item.before.row

    def judge(self, _item: Item[Group], _now: float) -> bool:
        """There is nothing to wait for: its workers are another matter."""
        return True
