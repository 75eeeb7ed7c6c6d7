# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Restarting instances: the same container stops and starts, and a stopped one starts. It keeps disk and GPU."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits
from .._api.errors import Unavailable, VastError, WaitTimeout
from .._core.kind import Write
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from .instance import Instance
from .switch import plan_switch
from .switching import Move, Switch
from .watch import changed_meanwhile, fingerprint, warn_of_foreign

REBOOT = Route("PUT", "/api/v0/instances/reboot/{id}/", 1.0)
SIGN_WITHIN = 20.0
"""For how many seconds to look for a sign of a restart."""


def plan_restart(current: Instance) -> Plan:
    """Restart what is meant to run, and start what is not, or waits for its GPU. Pure."""
    starts = plan_switch(current, "running", None)
    if starts.changed:
        return starts
    name = current.display_name
    action = f"restart {name}: its container stops and starts, and keeps its disk"
    return Plan(name, (Change("container", "present", "restarted", action, sends={}),))


def to_restart(current: Instance) -> Move:
    """The item that is to be restarted."""
    return Item(Ref(current.id), current, plan_restart(current))


def restart(
    client: Client,
    items: c.Sequence[Move],
    waits: Waits,
    deadline: Deadline,
    *,
    batch: int | None = None,
    queues: bool = False,
) -> None:
    """Restart and wait until they run again, `batch` at a time; what becomes of each is noted in it. Raises nothing.

    `queues`: a start waits for a GPU that is taken (F3.7).
    """
    if not items:
        return
    # What a task without changes does not need.
    from .._core.converge import rolling

    rolling(client, Restart(queues=queues), items, waits, deadline, batch or len(items))
    warn_of_foreign(client, items)
    for item in items:
        if _is_reboot(item) and item.sent and item.error is None:
            _check(client, item, cut_short=waits.wait and deadline.expired)


def _check(client: Client, item: Move, *, cut_short: bool) -> None:
    """Fail a reboot that somebody's stop has overtaken, also where nothing was waited for; warn of one unseen.

    `cut_short`: there was no time to look for its sign.
    """
    if item.seen.word("intended_status") == "stopped":
        item.error = Unavailable(
            f"{item.name} cannot become running: it was set to stopped by someone else. "
            f"Last seen: {item.seen.described}."
        )
    elif not item.shown and cut_short:
        item.error = WaitTimeout(
            f"Vast.ai accepted the restart of {item.name}, but wait_timeout left no time to see it. It may be "
            f"in progress. Last seen: {item.seen.described}."
        )
    elif not item.shown:
        client.warn(
            f"Vast.ai accepted the restart of {item.name}, but no listing showed it within {SIGN_WITHIN:g} s. "
            f"Last seen: {item.seen.described}."
        )


class Restart(Switch):
    """Instances that are restarted. A reboot is sent once, since a second one would be a second restart.

    The API does not count restarts: one counts as done when a listing has shown the container on its way, or when the
    API has said yes, and the instance runs.
    """

    shown_within = SIGN_WITHIN

    def __init__(self, *, queues: bool = False) -> None:
        super().__init__("running", queues=queues)

    def writes(self, items: c.Sequence[Move], *, alone: bool) -> c.Iterator[tuple[Write, list[Move]]]:
        """One for each: there is no reboot of many."""
        del alone
        for item in items:
            if _is_reboot(item):
                yield Write(REBOOT, {}, {"id": item.before.id}, once=True), [item]
            else:
                yield from super().writes([item], alone=True)

    def missing(self, item: Move) -> tuple[Change, ...]:
        """Whether a sign is seen."""
        if not _is_reboot(item):
            return super().missing(item)
        return () if fingerprint(item.seen) != fingerprint(item.before) else item.plan.changes

    def withheld(self, item: Move) -> VastError | None:
        """One that somebody labelled or stopped meanwhile is not what was meant any more."""
        return changed_meanwhile(item, "restarted") if _is_reboot(item) else super().withheld(item)

    def differs(self, item: Move) -> bool:
        """A plain yes counts, since no sign may be seen."""
        return item.wrote if _is_reboot(item) else super().differs(item)


def _is_reboot(item: Move) -> bool:
    return any(change.field == "container" for change in item.plan.changes)
