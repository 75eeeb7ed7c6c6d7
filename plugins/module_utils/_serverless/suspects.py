# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The instances that may be left billing once an endpoint group is deleted, and what is known of each.

Their ids are told by the serverless engine, by the reply to the deletion, by earlier tasks and by the user; what they
are at present, by listings.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

from .._api.client import Client
from .._api.clock import Deadline
from .._api.errors import VastError
from .._core.amounts import number
from .._core.rows import is_id
from .._instances.instance import Instance
from .._instances.look import look
from .endpoints import Endpoint
from .workers import Owners, Workers, ask, ask_workergroup

ENGINE_WITHIN = 30.0
"""For how many seconds the engine may hold up a deletion; what it does not tell, the reply may."""
LARGEST_PRICE = 1e6
"""US dollars per hour; what is not below is no price."""
WORKER_FIELDS = ("gpu_name", "actual_status", "intended_status", "cur_state")
"""Fields of a worker's instance that are passed on as the API has them."""


@dataclasses.dataclass
class Suspects:
    """The instances that have to be proven gone before a task may be green.

    `owed` are those that were left over: by an earlier task, by the user's word, or because Vast.ai failed to delete
    them, which are also in `failed`. `gap` says why the group that is there may have more workers, `older` that those
    before it may have had; `seen` are the instances as last listed, `endpoints` says whose workers they are.
    """

    workers: set[int] = dataclasses.field(default_factory=set)
    owed: set[int] = dataclasses.field(default_factory=set)
    failed: set[int] = dataclasses.field(default_factory=set)
    gap: str = ""
    older: bool = False
    statuses: dict[int, str] = dataclasses.field(default_factory=dict)
    seen: dict[int, Instance] = dataclasses.field(default_factory=dict)
    endpoints: dict[int, int] = dataclasses.field(default_factory=dict)

    @property
    def ids(self) -> set[int]:
        """All of them."""
        return self.workers | self.owed

    def look(self, client: Client) -> None:
        """See all of them by complete listings. Raises the leaves of VastError."""
        if self.ids:
            self.seen = {instance.id: instance for instance in look(client, self.ids)}

    def is_stuck(self, instance: Instance) -> bool:
        """Whether it does not go by waiting: Vast.ai failed to delete it, or it was left over and somebody took it."""
        return instance.id in self.failed or (instance.id in self.owed and bool(instance.label))

    def last_seen(self, ids: c.Iterable[int]) -> list[Instance]:
        """Those of these that a listing has shown, in the order of their ids."""
        return [self.seen[each] for each in sorted(ids) if each in self.seen]

    def results(self) -> list[dict[str, t.Any]] | None:
        """The documented key `workers`; None while it is not known which ones there are."""
        return None if self.gap else self.describe(self.ids)

    def describe(self, ids: c.Iterable[int]) -> list[dict[str, t.Any]]:
        """These workers, without secrets, as they were last seen."""
        return [self._result(worker) for worker in sorted(ids)]

    def _result(self, worker: int) -> dict[str, t.Any]:
        row = self.seen[worker].row if worker in self.seen else {}
        return {
            "id": worker,
            "status": self.statuses.get(worker),
            **{field: row.get(field) for field in WORKER_FIELDS},
            "dph_total": _price(row),
            **Owners(self.endpoints, complete=False).worker_of(worker),
        }


def of_endpoint(client: Client, endpoint: Endpoint, deadline: Deadline) -> Suspects:
    """The workers of an endpoint group as the engine tells them; a gap says why they may not be all. Raises nothing."""
    return _told(endpoint.id, lambda limit: ask(client, endpoint, limit), deadline)


def of_workergroup(client: Client, endpoint: Endpoint, group_id: int, deadline: Deadline) -> Suspects:
    """The same of one workergroup of the endpoint."""
    return _told(endpoint.id, lambda limit: ask_workergroup(client, group_id, limit), deadline)


def _told(endpoint_id: int, tell: c.Callable[[Deadline], Workers], deadline: Deadline) -> Suspects:
    try:
        told = tell(deadline.bounded(ENGINE_WITHIN))
    except VastError as error:
        told = Workers(None, (), error.msg)
    return Suspects(
        workers=set(told.ids),
        gap=f"The serverless engine did not list its workers: {told.reason.rstrip('.')}." if told.reason else "",
        statuses={
            row["id"]: str(row["status"]) for row in told.rows or () if is_id(row.get("id")) and row.get("status")
        },
        endpoints=dict.fromkeys(told.ids, endpoint_id),
    )


def _price(row: t.Mapping[str, t.Any]) -> float | None:
    price = number(row.get("dph_total"))
    return None if price is None or abs(price) >= LARGEST_PRICE else price


def cost_of(instances: c.Iterable[Instance]) -> str:
    """What they cost an hour, as far as the listing tells, for a sentence."""
    prices = [_price(instance.row) for instance in instances]
    known = [price for price in prices if price is not None]
    if not known:
        return "an unknown price"
    return f"{'at least ' if len(known) < len(prices) else ''}{sum(known):.3f} $/h"


def described(instances: c.Iterable[Instance]) -> str:
    """What they are, in the order of their ids, for a sentence."""
    return "; ".join(
        f"{instance.display_name}: {instance.described}, {cost_of([instance])}"
        for instance in sorted(instances, key=lambda instance: instance.id)
    )


def named(ids: c.Iterable[int]) -> str:
    """Their ids, for a sentence."""
    return ", ".join(str(each) for each in sorted(ids))
