# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Renting anew what cannot start for want of its GPU: the old instance goes once the next offer is found good."""

from __future__ import annotations

import time
import typing as t

from .._api.client import Client
from .._api.clock import Deadline
from .._api.errors import Unavailable, VastError
from .._core.interrupts import failing_at_signals
from .._core.resource import Item
from .._instances.destroy import destroy_one, plan_destroy
from .._instances.find import Ref, find
from .._instances.instance import Instance
from .duplicates import BEYOND
from .quote import quote

if t.TYPE_CHECKING:
    from .lease import Lease


def replace(lease: Lease, client: Client, item: Item[Instance], deadline: Deadline) -> dict[str, t.Any]:
    """Destroy what cannot start, once the next offer, its price and the budget are found good, and rent anew."""
    error = t.cast("VastError", item.error)
    since = time.time()
    instance = {"instance": item.seen.result(), "attempts": []}
    try:
        with failing_at_signals():
            wish = lease.resolved(client, deadline, planned=False)
            quote(client, wish)
    except VastError as reason:
        raise reason.with_context(
            f"{error.msg} {item.name} was kept because nothing could be rented in its place: {reason.msg}",
            changed=item.changed,
            **instance,
        ) from reason
    plan = plan_destroy(item.seen)
    try:
        with failing_at_signals():
            _check_unchanged(client, item.seen)
        client.warn(f"{error.msg} It will be destroyed and replaced because of on_unavailable=replace.")
        destroy_one(client, item.seen, Deadline(client.clock, BEYOND))
    except VastError as reason:
        changed = item.changed or reason.result.get("changed", False)
        raise reason.with_context(f"{error.msg} {reason.msg}", changed=changed, **instance) from reason
    destroyed = {"id": item.seen.id, "label": item.seen.label or None}
    try:
        return {**lease.rent(client, wish, deadline, since, plan), "destroyed": destroyed}
    except VastError as reason:
        raise reason.with_context(f"{item.name} was destroyed. {reason.msg}", changed=True) from reason


def _check_unchanged(client: Client, seen: Instance) -> None:
    """Look once more at what is to be destroyed. Raises Unavailable when somebody else has a use for it now."""
    now = find(client, Ref(seen.id))
    if now.label != seen.label or now.wants_running or now.has_gpu:
        raise Unavailable(
            f"{seen.display_name} was changed by someone else in the meantime, so it was kept. "
            f"Last seen: label {now.label!r}, {now.described}."
        )
