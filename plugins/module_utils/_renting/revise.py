# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Changing what is stored of an instance: its bid, and what its next container runs."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._core.kind import Kind, Write
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from .._instances.contents import Contents, Drift
from .._instances.cost import price
from .._instances.instance import Instance
from .._instances.look import reread

BID = Route("PUT", "/api/v0/instances/bid_price/{id}/", 5.5)
UPDATE = Route("PUT", "/api/v0/instances/update_template/{id}/", 2.0)
SHOWN_WITHIN = 20.0
"""For how many seconds a change may stay invisible before it is sent once more; to repeat it does no harm."""
SETTABLE = ("image", "template_hash_id", "env", "secret_env", "ports", "onstart", "args")
"""What can be changed on an existing instance."""

Revision = Item[Instance]


def shows_bid(instance: Instance, bid: float) -> bool:
    """Whether the instance has this bid, which the API keeps to four decimals (F3.3)."""
    standing = price(instance, "dph_base")
    return standing is not None and abs(standing - bid) < 0.0001


def plan_bid(current: Instance, bid: float) -> Plan:
    """Another bid on an interruptible instance. Pure."""
    name = current.display_name
    if shows_bid(current, bid):
        return Plan(name)
    before = current.row.get("dph_base")
    action = f"change the bid of {name} to {bid:g} US dollars per hour"
    return Plan(name, (Change("bid", before, bid, action, sends={"price": bid}),))


def plan_contents(current: Instance, contents: Contents, drift: Drift) -> Plan:
    """Other stored values, of `drift` what can be changed. Pure."""
    body = contents.update_body(current, drift.options)
    if "image" in body and contents.image_login is not None:
        body["image_login"] = contents.image_login
    changes: list[Change] = []
    for name in drift.names:
        option = name.partition(".")[0]
        if option not in SETTABLE:
            continue
        shown = option in ("image", "template_hash_id", "ports")
        before = current.text("image_uuid") if option == "image" else current.row.get(option) if shown else "other"
        after = getattr(contents, option) if shown else "as in the task"
        action = f"change {name} of {current.display_name}"
        changes.append(Change(name, before, after, action, sends={} if changes else body, secret=not shown))
    return Plan(current.display_name, tuple(changes))


def revise(client: Client, item: Revision, kind: Stored, deadline: Deadline) -> None:
    """Carry it out and see it in a listing; what becomes of it is noted in the item. Raises nothing."""
    from .._core.converge import NO_WAIT, converge

    converge(client, kind, [item], NO_WAIT, deadline)


class Stored(Kind[Instance]):
    """One instance of which something stored is changed."""

    queues = False
    want = ""
    shown_within = SHOWN_WITHIN

    def __init__(self, route: Route, is_shown: c.Callable[[Instance], bool]) -> None:
        self._route = route
        self._is_shown = is_shown

    def read(self, client: Client, items: c.Sequence[Revision]) -> dict[Ref, Instance]:
        """The instance, where a complete listing contains it."""
        return reread(client, items)

    def writes(self, items: c.Sequence[Revision], *, alone: bool) -> c.Iterator[tuple[Write, list[Revision]]]:
        """One request for all of it."""
        del alone
        for item in items:
            body = {name: value for change in item.plan.changes for name, value in change.body.items()}
            yield Write(self._route, body, {"id": item.before.id}), [item]

    def missing(self, item: Revision) -> tuple[Change, ...]:
        """All of it until it shows."""
        return () if self._is_shown(item.seen) else item.plan.changes

    def differs(self, item: Revision) -> bool:
        """Whether it shows."""
        return self._is_shown(item.seen)

    def judge(self, item: Revision, _now: float) -> bool:
        """Whether it shows."""
        return self._is_shown(item.seen)
