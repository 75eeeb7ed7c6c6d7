# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Draining an endpoint before its deletion: no new worker starts, and running ones may end. Only a drain needs it."""

from __future__ import annotations

import typing as t

from .._api.client import Client
from .._api.clock import Deadline, Waits, rounds
from .._api.errors import Invalid, VastError
from .._core.converge import converge
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from .deletion import BEYOND
from .editing import Endpoints
from .endpoints import Endpoint
from .proof import Case
from .suspects import of_endpoint

ENDED = frozenset(("stopped", "destroying", "inactive"))
"""In these states a worker serves no request any more (F4.3)."""


def drain(client: Client, case: Case, waits: Waits, deadline: Deadline) -> None:
    """Let no new worker start, and wait for running ones to end; `drained` is what was changed, to be set back.

    Raises the error of the change when the API refuses both ways.
    """
    group = t.cast("Endpoint", case.found)
    case.drained = _close(client, group, waits, deadline)
    limit = deadline.bounded(case.drain)
    for _elapsed in rounds(client.clock, first=waits.interval, interval=waits.interval, timeout=limit):
        told = of_endpoint(client, group, limit)
        case.suspects.workers |= told.workers
        case.suspects.statuses |= told.statuses
        case.suspects.endpoints |= told.endpoints
        running = [each for each in told.workers if told.statuses.get(each, "").lower() not in ENDED]
        if not told.gap and not running:
            break


def _close(client: Client, group: Endpoint, waits: Waits, deadline: Deadline) -> Change | None:
    error: VastError | None = None
    for field, value in (("max_workers", 0), ("endpoint_state", "suspended")):
        before = group.row.get(field)
        if before == value:
            return None
        change = Change(field, before, value, f"set {field} of {group.display_name} to {value}")
        error = _edit(client, group, change, waits, deadline)
        if error is None:
            return change
        if not isinstance(error, Invalid):
            break
    raise t.cast("VastError", error)


def _edit(client: Client, group: Endpoint, change: Change, waits: Waits, deadline: Deadline) -> VastError | None:
    item = Item(Ref(group.id), group, Plan(group.display_name, (change,)))
    converge(client, Endpoints(), [item], waits, deadline)
    return item.error


def set_back(client: Client, group: Endpoint, change: Change, waits: Waits) -> str:
    """Undo a drain of an endpoint that stays; a sentence that says whether that was done."""
    drained = Endpoint(group.id, {**group.row, change.field: change.after})
    back = Change(change.field, change.after, change.before, f"set {change.field} back to {change.before}")
    error = _edit(client, drained, back, waits, Deadline(client.clock, BEYOND))
    if error is None:
        return f" {change.field} was set back to {change.before}."
    return f" {change.field} is {change.after} and could not be set back to {change.before}: {error.msg}"
