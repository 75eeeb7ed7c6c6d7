# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Starting, stopping and labelling instances: the plan, and the way of a task that changes nothing."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client
from .._api.clock import Deadline, Waits
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from .instance import Instance

Move = Item[Instance]


def plan_switch(current: Instance, state: str | None, label: str | None) -> Plan:
    """What differs from the wanted state and label; None leaves a thing as it is. Pure."""
    name = current.display_name
    changes = []
    if label is not None and label != current.label:
        action = f"set the label of {name} to {label!r}" if label else f"remove the label of {name}"
        changes.append(Change("label", current.label, label, action))
    # A queued start is asked for again: the reply tells whether there is a GPU now.
    if state == "running" and (not current.wants_running or current.is_queued):
        changes.append(Change("state", current.state, state, f"start {name}", scarce=True))
    if state == "stopped" and (current.word("intended_status") != "stopped" or current.is_queued):
        changes.append(Change("state", current.state, state, f"stop {name}"))
    return Plan(name, tuple(changes))


def to_switch(current: Instance, state: str | None, label: str | None) -> Move:
    """The item that is to be brought to this state and label."""
    return Item(Ref(current.id), current, plan_switch(current, state, label), follow=state is not None)


def switch(
    client: Client,
    items: c.Sequence[Move],
    state: str | None,
    waits: Waits,
    deadline: Deadline,
    *,
    queues: bool = False,
) -> None:
    """Carry out the plans and wait for the state; what becomes of each is noted in it. Raises nothing.

    `queues`: a start waits for a GPU that is taken (F3.7). A start that is not proven to run is cancelled in the end.
    """
    on_its_way = waits.wait and any(_is_on_its_way(item, state) for item in items)
    if not on_its_way and not any(item.plan.changes for item in items):
        return
    # What a task without changes does not need.
    from .._core.converge import converge
    from .switching import Switch
    from .watch import warn_of_foreign

    converge(client, Switch(state or "", queues=queues), items, waits, deadline)
    warn_of_foreign(client, items)


def _is_on_its_way(item: Move, state: str | None) -> bool:
    """Whether it is not in the state yet."""
    return item.follow and not (item.seen.is_stopped if state == "stopped" else item.seen.is_running)
