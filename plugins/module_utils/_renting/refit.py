# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Giving an instance that has drifted what the task says: its stored contents are changed, then it is recycled."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client
from .._api.clock import Deadline
from .._core.resource import Item, Ref, outcome
from .._instances.contents import Drift
from .._instances.instance import Instance
from .._instances.renew import recycle, to_recycle
from .revise import SETTABLE, UPDATE, Stored, plan_contents, revise

if t.TYPE_CHECKING:
    from .lease import Lease


def refit(
    lease: Lease,
    client: Client,
    found: Instance,
    drift: Drift,
    deadline: Deadline,
    *,
    planned: bool,
) -> c.Iterator[tuple[dict[str, t.Any], Instance]]:
    """Change what is stored, then give the instance a new container. Raises Invalid for a stopped one."""
    wanted = plan_contents(found, lease.contents, drift)
    if not wanted.changed or (planned and lease.state == "running" and found.is_stopped):
        return
    renewal = to_recycle(found, (), lease.contents.image)
    if not renewal.plan.changed:
        client.warn(f"{found.display_name} is not recycled because its container is already being created.")
        return
    stored = Item(Ref(found.id), found, wanted, follow=False)
    if not planned:
        settable = set(drift.options) & set(SETTABLE)
        settled = Stored(UPDATE, lambda seen: not set(lease.contents.drift(seen)) & settable)
        revise(client, stored, settled, deadline)
    yield outcome(stored, "instance", planned=planned), stored.seen
    if not planned:
        renewal = to_recycle(stored.seen, ())
        recycle(client, [renewal], lease.waits, deadline)
    yield outcome(renewal, "instance", planned=planned), renewal.seen
