# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Deleting volumes, and the proof that they are gone: the plan, and what the engine has to know of it (F6.7)."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._core.kind import Kind, Write
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from .volume_listing import volumes

DELETE = Route("DELETE", "/api/v0/volumes/", 5.5)
GONE_WITHIN = 20.0
"""For how many seconds a deleted volume may stay listed before it is deleted once more."""


class Volume(t.NamedTuple):
    """One row of the listing."""

    id: int
    row: t.Mapping[str, t.Any]

    @property
    def label(self) -> str:
        """The label; '' without one."""
        return str(self.row.get("label") or "")

    @property
    def display_name(self) -> str:
        """How messages call it."""
        return f"volume {self.id}" + (f" ({self.label})" if self.label else "")

    @property
    def described(self) -> str:
        """The state as last seen, for messages."""
        return f"status {self.row.get('status')}, used by {self.row.get('instances')}"

    def result(self) -> dict[str, t.Any]:
        """How results show it."""
        return {"id": self.id, "label": self.label or None}


def read(client: Client) -> list[Volume]:
    """All volumes of the account, from a complete listing."""
    return [Volume(row["id"], row) for row in volumes(client)]


def to_delete(volume: Volume) -> Item[Volume]:
    """The item that is to be gone."""
    action = f"destroy {volume.display_name}: its data is lost, and it no longer bills"
    return Item(
        Ref(volume.id), volume, Plan(volume.display_name, (Change("state", "present", "absent", action, sends={}),))
    )


def delete(client: Client, items: c.Sequence[Item[Volume]], deadline: Deadline) -> None:
    """Delete and prove by complete listings that all are gone; what becomes of each is noted in it. Raises nothing."""
    from .._core.converge import NO_WAIT, converge

    converge(client, Delete(), items, NO_WAIT, deadline)


class Delete(Kind[Volume]):
    """Volumes that are to be gone."""

    want = "absent"
    queues = False
    shown_within = GONE_WITHIN
    removes = True

    def read(self, client: Client, items: c.Sequence[Item[Volume]]) -> dict[Ref, Volume]:
        """Those of them that still exist."""
        wanted = {item.ref for item in items}
        return {Ref(each.id): each for each in read(client) if Ref(each.id) in wanted}

    def writes(self, items: c.Sequence[Item[Volume]], *, alone: bool) -> c.Iterator[tuple[Write, list[Item[Volume]]]]:
        """One request for each: there is no form for many."""
        del alone
        for item in items:
            yield Write(DELETE, {"id": item.before.id}), [item]

    def missing(self, item: Item[Volume]) -> tuple[Change, ...]:
        """What is still listed is not as planned."""
        return item.plan.changes

    def differs(self, item: Item[Volume]) -> bool:
        """A plain yes counts, since the listing may lag."""
        return item.accepted

    def judge(self, item: Item[Volume], _now: float) -> bool:
        """Whether it is gone."""
        return item.gone
