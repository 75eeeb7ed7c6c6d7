# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Seeing again instances whose ids are known. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client
from .._api.errors import Invalid
from .._core.resource import Item, Ref
from .instance import IDS_IN_A_FILTER, Instance, read


def look(client: Client, ids: c.Iterable[int]) -> list[Instance]:
    """Those of these instances that exist, by complete listings; of all, where the API refuses to filter by id."""
    wanted = sorted({*ids})
    found: list[Instance] = []
    try:
        for start in range(0, len(wanted), IDS_IN_A_FILTER):
            found += read(client, {"id": {"in": wanted[start : start + IDS_IN_A_FILTER]}})
    except Invalid:
        found = read(client, {})
    known = {*wanted}
    return [instance for instance in found if instance.id in known]


def reread(client: Client, items: c.Sequence[Item[Instance]]) -> dict[Ref, Instance]:
    """The same of the instances of items, by their references. Raises the leaves of VastError."""
    ids = {item.before.id for item in items}
    found = look(client, ids) if len(ids) > 1 else read(client, {"id": {"eq": items[0].before.id}})
    # A filter that the API ignores must not bring in somebody else's instance.
    return {Ref(each.id): each for each in found if each.id in ids}
