# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Destroying instances, and the proof that they are gone: the plan, and what the engine has to know of it."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._api.errors import Invalid, Leaked, NotFound, VastError, WaitTimeout
from .._core.kind import Kind, Write
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from . import find
from .cost import cost
from .instance import Instance
from .look import reread

DESTROY = Route("DELETE", "/api/v0/instances/{id}/", 3.0)
BULK_DESTROY = Route("DELETE", "/api/v0/instances/", 3.0)
"""The destruction of many (F3.8)."""
IDS_AT_ONCE = 64
"""So many ids the official client puts into one (F3.8)."""
GONE_WITHIN = 20.0
"""For how many seconds a destroyed instance may stay listed before it is destroyed once more."""

Removal = Item[Instance]


def plan_destroy(current: Instance) -> Plan:
    """Destroy what is there. Pure."""
    name = current.display_name
    action = f"destroy {name}: its disk is lost, and it no longer bills"
    return Plan(name, (Change("state", current.state, "absent", action, sends={}),))


def find_to_destroy(client: Client, target: find.Ref) -> Instance | None:
    """The instance that is meant, or None when a complete listing has none; a label beside an id is a guard.

    Raises Ambiguous when several have the label, and Invalid when the instance does not carry that of the guard.
    """
    found = find.the_one(target, find.matching(client, target))
    if found is not None and target.label is not None and found.label != target.label:
        carries = f"has the label {found.label!r}" if found.label else "has no label"
        raise Invalid(
            f"instance {found.id} {carries}, not {target.label!r}, so nothing was destroyed. With state=absent, "
            "id and label must both match.",
            instance=found.result(),
        )
    return found


def to_destroy(current: Instance) -> Removal:
    """The item that is to be gone."""
    return Item(Ref(current.id), current, plan_destroy(current))


def destroy(client: Client, items: c.Sequence[Removal], deadline: Deadline) -> None:
    """Destroy and prove by complete listings that all are gone; what becomes of each is noted in it. Raises nothing.

    An instance that is still listed in the end has the error Leaked. `deadline` bounds what is sent, and the proof but
    for its last poll.
    """
    if not items:
        return
    # What a task without changes does not need.
    from .._core.converge import NO_WAIT, converge

    converge(client, Destroy(), items, NO_WAIT, deadline)
    for item in items:
        if item.error is not None:
            item.error = _explained(item, item.error)


def destroy_one(client: Client, instance: Instance, deadline: Deadline) -> None:
    """Destroy one instance and prove that it is gone.

    Raises Leaked when it is still listed in the end, and the other leaves of VastError; each says what still bills.
    """
    item = to_destroy(instance)
    destroy(client, [item], deadline)
    if item.error is not None:
        raise item.error.with_context(item.error.msg, changed=item.changed)


class Destroy(Kind[Instance]):
    """Instances that are to be gone. A second request does no harm, and is sent only when listings still show one."""

    want = "absent"
    queues = False
    shown_within = GONE_WITHIN
    removes = True

    def read(self, client: Client, items: c.Sequence[Removal]) -> dict[Ref, Instance]:
        """Those of them that still exist; one whose contract is released does not (F3.4)."""
        return {ref: each for ref, each in reread(client, items).items() if not each.is_unloaded}

    def writes(self, items: c.Sequence[Removal], *, alone: bool) -> c.Iterator[tuple[Write, list[Removal]]]:
        """One request for up to 64, or one for each."""
        if alone or len(items) == 1:
            for item in items:
                yield Write(DESTROY, {}, {"id": item.before.id}), [item]
            return
        for start in range(0, len(items), IDS_AT_ONCE):
            some = [*items[start : start + IDS_AT_ONCE]]
            yield Write(BULK_DESTROY, {"instance_ids": [item.before.id for item in some]}), some

    def missing(self, item: Removal) -> tuple[Change, ...]:
        """What is still listed is not as planned."""
        return item.plan.changes

    def withheld(self, item: Removal) -> VastError | None:
        """One that somebody labelled anew meanwhile is not what was meant any more."""
        if item.seen.label == item.before.label:
            return None
        carries = f"has the label {item.seen.label!r}" if item.seen.label else "has no label"
        return Invalid(f"{item.name} {carries} now, set by someone else, so the request was not repeated.")

    def differs(self, item: Removal) -> bool:
        """A plain yes counts, since the contract may end later."""
        return item.accepted

    def judge(self, item: Removal, _now: float) -> bool:
        """Whether it is gone."""
        return item.gone


def _explained(item: Removal, error: VastError) -> VastError:
    """The failure with what it means for the bill."""
    if item.gone:
        return error.with_context(f"{error.msg} {item.name} is destroyed: a complete listing does not contain it.")
    bills = f"bills {_per_hour(item.seen)}"
    if item.seen.label != item.before.label and not item.absent:
        said = f" {item.doubt.msg}" if item.doubt else ""
        return error.with_context(f"{error.msg}{said} If it is not destroyed, it {bills}.")
    listed = item.sent and item.looked and not item.absent and not isinstance(error, WaitTimeout)
    if listed and (item.wrote or isinstance(error, NotFound)):
        reason = item.doubt or item.refused
        said = reason.msg if reason else "Vast.ai accepted the request." if item.accepted else error.msg
        return Leaked(
            f"{item.name} was not destroyed: it is still listed and {bills}. Last seen: {item.seen.described}. "
            f"{said} Run the task again, or destroy the instance in the console.",
            error.exchange,
        )
    if item.wrote or item.absent:
        return error.with_context(
            f"{error.msg} Whether {item.name} is destroyed is not proven; if not, it {bills}. Run the task again."
        )
    return error.with_context(f"{error.msg} {item.name} was not destroyed; it {bills}.")


def _per_hour(instance: Instance) -> str:
    price = cost([instance])["per_hour"]
    return "at a price that is not known" if price is None else f"{price:g} $/h"
