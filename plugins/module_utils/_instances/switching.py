# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the engine has to know of starting, stopping and labelling instances."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.errors import Unavailable
from .._core.kind import Kind, Write
from .._core.plan import Change, Plan, body
from .._core.resource import Item, Ref
from .instance import PAGE_SIZE, Instance
from .look import reread

if t.TYPE_CHECKING:
    from .progress import Stopping

MANAGE = Route("PUT", "/api/v0/instances/{id}/", 1.0)
BULK = Route("PUT", "/api/v0/instances/", 4.0)
"""The change of many (F3.6); its interval is longer (F2.4)."""
IDS_IN_A_CHANGE = 64
"""So many ids the API takes in one change (F3.6)."""
SHOWN_WITHIN = 5.0
"""For how many seconds an accepted change may stay invisible before it is sent once more."""

Move = Item[Instance]


class Switch(Kind[Instance]):
    """Instances that are started, stopped or labelled."""

    shown_within = SHOWN_WITHIN

    def __init__(self, state: str, *, queues: bool = False) -> None:
        self.want = state
        self.queues = queues
        self._stopping: Stopping | None = None

    def read(self, client: Client, items: c.Sequence[Move]) -> dict[Ref, Instance]:
        """Those of them that a complete listing contains; of many that stop, as far as counts tell."""
        if self._stopping is None and self.want == "stopped" and len(items) > PAGE_SIZE:
            # What only many need.
            from .progress import Stopping

            self._stopping = Stopping()
        return reread(client, items) if self._stopping is None else self._stopping.read(client, items)

    def writes(self, items: c.Sequence[Move], *, alone: bool) -> c.Iterator[tuple[Write, list[Move]]]:
        """One request for up to 64 that need the same; alone, one for all changes, and again one for each."""
        if alone or len(items) == 1:
            for item in items:
                parts = [[change] for change in item.open] if item.sent else [item.open]
                for part in parts:
                    yield Write(MANAGE, body(part), {"id": item.before.id}), [item]
            return
        for wanted, group in _by_body(items):
            for start in range(0, len(group), IDS_IN_A_CHANGE):
                some = group[start : start + IDS_IN_A_CHANGE]
                yield Write(BULK, {**wanted, "ids": [item.before.id for item in some]}), some

    def missing(self, item: Move) -> tuple[Change, ...]:
        """The changes of its plan that it does not show."""
        return tuple(change for change in item.plan.changes if not self._shows(item.seen, change))

    def _shows(self, seen: Instance, change: Change) -> bool:
        if change.field == "label":
            return seen.label == str(change.after)
        if change.after == "stopped":
            return seen.word("intended_status") == "stopped" and not seen.is_queued
        return (seen.wants_running and seen.has_gpu) or (self.queues and seen.is_queued)

    def differs(self, item: Move) -> bool:
        """Whether it shows another label, another intention, or a start that waits or does not wait any more."""
        return _own(item.seen) != _own(item.before)

    def judge(self, item: Move, now: float) -> bool:
        """Whether it is in the state. Raises Unavailable when it cannot get there any more."""
        if item.memory is None:
            from .watch import Watch

            item.memory = Watch(self.want, item.seen, now)
        reached: bool = item.memory.see(item.seen, now, may_queue=self.queues and item.unavailable is not None)
        return reached

    def undo(self, item: Move) -> Plan | None:
        """A start may come about later, without a GPU now; a stop keeps it from that."""
        if not any(change.scarce for change in item.plan.changes):
            return None
        action = f"cancel the start of {item.name}"
        return Plan(item.name, (Change("state", item.seen.state, "stopped", action),))

    def pending(self, item: Move) -> bool:
        """Whether a start waits for its GPU."""
        return item.seen.is_queued

    def proven(self, item: Move) -> bool:
        """Whether it is started and holds its GPU, where that was planned."""
        starts = any(change.scarce for change in item.plan.changes)
        return not starts or (item.seen.wants_running and item.seen.has_gpu)

    def unavailable(self, item: Move) -> str:
        """That it has no GPU now."""
        return f"{item.name} cannot start now because its GPU is taken."

    def undone(self, item: Move) -> str:
        """That its start is cancelled."""
        return (
            f"The {_start(item)} was cancelled (state=stopped), so it will not start and bill later. Try again "
            "later, or use vastai.cloud.vast_instance with on_unavailable=wait to wait for the GPU."
        )

    def not_undone(self, item: Move, reason: str) -> str:
        """That its start may still come about."""
        return (
            f"Cancelling the {_start(item)} could NOT be confirmed: {reason} It may start and bill later. Run "
            "state=stopped on it until that succeeds."
        )


def _start(item: Move) -> str:
    if isinstance(item.error, Unavailable):
        return f"queued start of {item.name}"
    return f"start of {item.name} that may be queued"


def _own(instance: Instance) -> tuple[t.Any, ...]:
    return instance.label, instance.word("intended_status"), instance.is_queued


def _by_body(items: c.Iterable[Move]) -> list[tuple[dict[str, t.Any], list[Move]]]:
    groups: list[tuple[dict[str, t.Any], list[Move]]] = []
    for item in items:
        wanted = body(item.open)
        for known, group in groups:
            if known == wanted:
                group.append(item)
                break
        else:
            groups.append((wanted, [item]))
    return groups
