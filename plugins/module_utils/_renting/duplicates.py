# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Several instances under one label: which one is the oldest, and how the others go."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client
from .._api.clock import Deadline
from .._api.errors import VastError
from .._core.amounts import number
from .._instances.destroy import destroy_one
from .._instances.instance import Instance

BEYOND = 120.0
"""Seconds beyond `wait_timeout` in which a box that must not go on billing is destroyed."""


def oldest_of(instances: c.Iterable[Instance]) -> Instance | None:
    """The one whose contract began first, then that of the lowest id; None when one does not tell its beginning."""
    ages = [(number(each.row.get("start_date")), each.id, each) for each in instances]
    if any(began is None for began, _id, _each in ages):
        return None
    return min(ages, key=lambda age: age[:2])[2]


def destroy_all(client: Client, instances: c.Iterable[Instance]) -> None:
    """Destroy what is too much, and prove it. Raises the leaves of VastError, which say what was destroyed before."""
    destroyed: list[str] = []
    for each in instances:
        try:
            destroy_one(client, each, Deadline(client.clock, BEYOND))
        except VastError as error:
            if not destroyed:
                raise
            raise error.with_context(f"Destroyed: {', '.join(destroyed)}. {error.msg}", changed=True) from error
        destroyed.append(each.display_name)
