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
    """Let no new worker start, and wait for running ones to end.

    `drained` is what was changed for that, or may have been, also where this raises: it is to be set back when the
    endpoint stays. Raises the error of the change when the API refuses both ways.
    """
    group = t.cast("Endpoint", case.found)
    _close(client, case, group, waits, deadline)
    limit = deadline.bounded(case.drain)
    for _elapsed in rounds(client.clock, first=waits.interval, interval=waits.interval, timeout=limit):
        told = of_endpoint(client, group, limit)
        case.suspects.workers |= told.workers
        case.suspects.statuses |= told.statuses
        case.suspects.endpoints |= told.endpoints
        running = [each for each in told.workers if told.statuses.get(each, "").lower() not in ENDED]
        if not told.gap and not running:
            break


def _close(client: Client, case: Case, group: Endpoint, waits: Waits, deadline: Deadline) -> None:
    """Let no new worker start, in one of two ways, of which the API may refuse the first."""
    error: VastError | None = None
    for field, value in (("max_workers", 0), ("endpoint_state", "suspended")):
        before = group.row.get(field)
        if before == value:
            return
        change = Change(field, before, value, f"set {field} of {group.display_name} to {value}")
        item = _edited(client, group, change, waits, deadline)
        case.drained = change if item.changed else None
        error = item.error
        if error is None:
            return
        if not isinstance(error, Invalid):
            break
    raise t.cast("VastError", error)


def _edited(client: Client, group: Endpoint, change: Change, waits: Waits, deadline: Deadline) -> Item[Endpoint]:
    item = Item(Ref(group.id), group, Plan(group.display_name, (change,)))
    converge(client, Endpoints(), [item], waits, deadline)
    return item


def set_back(client: Client, group: Endpoint, change: Change, waits: Waits) -> tuple[str, bool]:
    """Undo a drain of an endpoint that stays; a sentence that says whether that was done, and whether it was."""
    drained = Endpoint(group.id, {**group.row, change.field: change.after})
    back = Change(change.field, change.after, change.before, f"set {change.field} back to {change.before}")
    error = _edited(client, drained, back, waits, Deadline(client.clock, BEYOND)).error
    if error is None:
        return f" {change.field} was set back to {change.before}.", True
    return f" {change.field} is {change.after} and could not be set back to {change.before}: {error.msg}", False
