# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The workers of endpoint groups, as the serverless engine lists them (F4.3). Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._api.errors import Invalid, RateLimited, ServerError, TransportError, VastError
from .._core.rows import is_id
from .endpoints import Endpoint
from .endpoints import read as read_endpoints

WORKERS = Route("POST", "/get_endpoint_workers/", 1.0, engine=True, reads=True)
GROUP_WORKERS = Route("POST", "/get_workergroup_workers/", 1.0, engine=True, reads=True)
RESULT_FIELDS = ("id", "status", "gpu_name", "url", "created_at", "started_at", "loaded_at")
"""Fields passed on as the engine has them; whatever is not named here may hold a secret and stays out."""


class Workers(t.NamedTuple):
    """What the engine told of the workers of one endpoint group; a worker is an instance, and its id is that one's.

    `rows` is None while they are not known, and `reason` says why; `ids` are those told, also of a broken list.
    """

    rows: tuple[t.Mapping[str, t.Any], ...] | None
    ids: tuple[int, ...] = ()
    reason: str = ""

    def results(self, endpoint_id: int) -> list[dict[str, t.Any]] | None:
        """The documented key `workers` of that endpoint group; None while they are not known."""
        if self.rows is None:
            return None
        return [{**{field: row.get(field) for field in RESULT_FIELDS}, "worker_of": endpoint_id} for row in self.rows]


class Owners(t.NamedTuple):
    """Which endpoint group each worker belongs to, by ids; incomplete while the engine does not tell of all groups."""

    endpoints: t.Mapping[int, int]
    complete: bool

    def worker_of(self, instance_id: int) -> dict[str, int | None]:
        """The documented key `worker_of`: None for what is no worker, and no key at all while that is not known."""
        is_known = self.complete or instance_id in self.endpoints
        return {"worker_of": self.endpoints.get(instance_id)} if is_known else {}


UNKNOWN = Owners({}, complete=False)
"""What is known while the engine was not asked."""


def ask(client: Client, group: Endpoint, deadline: Deadline) -> Workers:
    """The workers of one endpoint group: bare, or under `workers`; an `error_msg` instead tells nothing (F4.3).

    Raises VastError when the engine refuses or cannot be reached.
    """
    return _ask(client, WORKERS, group.id, deadline)


def ask_workergroup(client: Client, workergroup_id: int, deadline: Deadline) -> Workers:
    """The same of one workergroup."""
    return _ask(client, GROUP_WORKERS, workergroup_id, deadline)


def _ask(client: Client, route: Route, number: int, deadline: Deadline) -> Workers:
    try:
        reply = client.call(route, body={"id": number}, list_key="workers", deadline=deadline)
    except Invalid as error:
        if not _tells_nothing(error):
            raise
        return Workers(None, (), error.msg)
    rows = reply.get("workers")
    if not isinstance(rows, list):
        says = reply.get("error_msg")
        return Workers(
            None, (), client.redactor.text(says) if isinstance(says, str) else "it returned no list of workers"
        )
    told = tuple(row for row in rows if isinstance(row, dict))
    ids = tuple(row["id"] for row in told if is_id(row.get("id")))
    if len(told) < len(rows):
        return Workers(None, ids, "its list of workers has entries that are no workers")
    return Workers(told, ids, "" if len(ids) == len(rows) else "its list of workers has entries without an id")


def _tells_nothing(error: VastError) -> bool:
    """Whether it is the 200 with an `error_msg` that the engine gives while no worker is ready."""
    exchange = error.exchange
    return exchange is not None and exchange.status_code == 200 and '"error_msg"' in (exchange.response or "")


def read(client: Client, groups: c.Sequence[Endpoint]) -> dict[int, Workers]:
    """The workers by group, of those groups only for which the engine answers; a warning names the others.

    One deadline holds for all groups together, and a failure of the engine itself ends it: each further group would
    cost the whole of `retry_timeout` again.
    """
    deadline = time_for(client, groups)
    found = {}
    for number, group in enumerate(groups):
        after = " and of those after it" if number + 1 < len(groups) else ""
        if deadline.expired:
            client.warn(f"The workers of {group.display_name}{after} are not known: the engine took too long.")
            break
        try:
            found[group.id] = ask(client, group, deadline)
        except (TransportError, ServerError, RateLimited) as error:
            client.warn(f"The workers of {group.display_name}{after} are not known: {error.msg}")
            break
        except VastError as error:
            client.warn(f"The workers of {group.display_name} are not known: {error.msg}")
    return found


def time_for(client: Client, groups: c.Sequence[Endpoint]) -> Deadline:
    """Until when the engine is asked for all of these groups, one after the other."""
    return Deadline(client.clock, client.settings.retry_timeout + len(groups) * (WORKERS.interval + 1.0))


def owners(client: Client, groups: c.Sequence[Endpoint]) -> Owners:
    """Which instances are workers of these endpoint groups; a warning names the groups that could not be asked for."""
    found = read(client, groups)
    complete = len(found) == len(groups) and all(
        workers.rows is not None and not workers.reason for workers in found.values()
    )
    return Owners({worker: endpoint for endpoint, workers in found.items() for worker in workers.ids}, complete)


def owners_of_all(client: Client, deadline: Deadline | None = None) -> Owners:
    """The same for all endpoint groups of the account, by one listing of them; a warning when that fails."""
    try:
        groups = read_endpoints(client, deadline)
    except VastError as error:
        client.warn(f"The endpoints of this account could not be listed: {error.msg}")
        return UNKNOWN
    return owners(client, groups)
