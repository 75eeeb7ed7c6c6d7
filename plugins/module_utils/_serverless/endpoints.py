# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an endpoint group is: reading, selecting, deleting, and the proof that its workers are gone (F4.1)."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

from .._api.client import Client, Route
from .._api.clock import Waits, rounds
from .._api.errors import (
    Ambiguous,
    Exchange,
    Invalid,
    NotFound,
    ProtocolError,
    ServerError,
    TransportError,
    UnknownOutcome,
    VastError,
    WaitTimeout,
)
from .._core.plan import Change, Plan
from .._instances.instance import Instance
from .._instances.instance import read as read_instances

LIST = Route("GET", "/api/v0/endptjobs/", 3.0)
DELETE = Route("DELETE", "/api/v0/endptjobs/{id}/", 3.0)
WORKERGROUPS = Route("GET", "/api/v0/workergroups/", 2.0)
AUTOJOBS = Route("GET", "/api/v0/autojobs/", 2.0)
"""The same under the name that the official client uses (F4.2)."""
WORKERS = Route("POST", "/get_endpoint_workers/", 1.0, engine=True, reads=True)
FIRST_LOOK = 3.2
"""Seconds after a delete before the first look: the listing's own minimum interval (F2.4), and a little."""
SHOWN_WITHIN = 12.0
"""For how many seconds a deleted endpoint group may still be listed before the deletion counts as not done."""
EMPTY_TEXT = "no endpoints for user found"
ABSENT_TEXT = "routegroup not found for user"

RESULT_FIELDS = (
    "endpoint_name",
    "endpoint_state",
    "min_load",
    "min_cold_load",
    "target_util",
    "cold_mult",
    "cold_workers",
    "max_workers",
    "max_queue_time",
    "target_queue_time",
    "inactivity_timeout",
    "autoscaler_instance",
    "created_at",
)
"""Fields passed on as the API has them; the group's own `api_key` is a secret and stays out."""
WORKERGROUP_FIELDS = (
    "id",
    "min_load",
    "target_util",
    "cold_mult",
    "test_workers",
    "template_id",
    "template_hash",
    "search_query",
    "gpu_ram",
    "created_at",
)
WORKER_FIELDS = ("id", "status", "gpu_name", "url", "created_at", "started_at", "loaded_at")


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One row of the listing of endpoint groups."""

    id: int
    row: t.Mapping[str, t.Any] = dataclasses.field(repr=False)

    @property
    def endpoint_name(self) -> str:
        """The name; the API does not hold names unique."""
        return str(self.row.get("endpoint_name") or "")

    @property
    def display_name(self) -> str:
        """How messages call it."""
        return f"endpoint {self.id}" + (f" ({self.endpoint_name})" if self.endpoint_name else "")

    def result(self) -> dict[str, t.Any]:
        """The documented key `endpoint`, without secrets."""
        return {"id": self.id, **{field: self.row.get(field) for field in RESULT_FIELDS}}


@dataclasses.dataclass
class Deletion:
    """What the API said of the workers when it deleted the group: instance ids."""

    deleted_workers: list[int] = dataclasses.field(default_factory=list)
    failed_workers: list[int] = dataclasses.field(default_factory=list)


def read(client: Client) -> list[Endpoint]:
    """All endpoint groups of the account; an account without any may answer 400 (F4.1)."""
    try:
        reply = client.call(LIST)
    except Invalid as error:
        if EMPTY_TEXT in error.msg.lower():
            return []
        raise
    rows = reply.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and _is_id(row.get("id")) for row in rows):
        raise ProtocolError(
            "The listing of endpoint groups cannot be relied on: it holds no list of groups with ids. Nothing is "
            "concluded from it; run the task again.",
            Exchange(LIST.method, client.settings.api_url + LIST.path, 200),
        )
    return [Endpoint(row["id"], row) for row in rows]


def find(client: Client, endpoint_id: int | None, name: str | None) -> Endpoint | None:
    """The endpoint group with this id or name, or None. Raises Ambiguous when several carry the name."""
    found = [
        group for group in read(client) if (group.id == endpoint_id if name is None else group.endpoint_name == name)
    ]
    if len(found) > 1:
        ids = ", ".join(str(group.id) for group in found)
        raise Ambiguous(f"{len(found)} endpoint groups are named {name!r}: {ids}. Select one of them by id.")
    return found[0] if found else None


def describe(client: Client, groups: list[Endpoint]) -> list[dict[str, t.Any]]:
    """The groups as results, with their workergroups and, where the engine tells them, their workers."""
    workergroups = _workergroups(client) if groups else []
    workers = _workers(client, groups)
    return [
        {
            **group.result(),
            "workergroups": [
                {field: row.get(field) for field in WORKERGROUP_FIELDS}
                for row in workergroups
                if row.get("endpoint_id") == group.id
            ],
            "workers": workers.get(group.id),
        }
        for group in groups
    ]


def _workergroups(client: Client) -> list[dict[str, t.Any]]:
    route = WORKERGROUPS
    try:
        rows = client.call(route).get("results")
    except NotFound:
        route = AUTOJOBS
        rows = client.call(route).get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProtocolError(
            "The listing of workergroups cannot be relied on: it holds no list of them. Run the task again.",
            Exchange(route.method, client.settings.api_url + route.path, 200),
        )
    return rows


def _workers(client: Client, groups: list[Endpoint]) -> dict[int, list[dict[str, t.Any]]]:
    """The workers by group as the engine lists them, bare or under `workers` (F4.3); only of those that it tells."""
    found = {}
    for group in groups:
        try:
            rows = client.call(WORKERS, body={"id": group.id}, list_key="workers").get("workers")
        except TransportError as error:
            # Each further one would cost the whole of retry_timeout again.
            client.warn(f"The workers of {group.display_name} and of those after it are not known: {error.msg}")
            break
        except VastError as error:
            client.warn(f"The workers of {group.display_name} are not known: {error.msg}")
            continue
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            found[group.id] = [{field: row.get(field) for field in WORKER_FIELDS} for row in rows]
    return found


def plan_absent(found: Endpoint | None, wanted: str) -> Plan:
    """Delete what is there. Pure."""
    if found is None:
        return Plan(wanted)
    return Plan(
        found.display_name,
        (Change("endpoint", found.result(), None, f"delete {found.display_name} with its workergroups and workers"),),
    )


def delete(client: Client, group: Endpoint) -> Deletion | None:
    """Delete a group and see it gone from the listing; None when somebody else had deleted it before.

    After a lost reply it is sent once more, and only when the listing has shown that it was not carried out. Raises
    UnknownOutcome when the group is gone and the reply that names its workers was lost.
    """
    try:
        return _delete_once(client, group)
    except UnknownOutcome as error:
        doubt = error
    _check_not_done(client, group, doubt)
    try:
        deletion = _delete_once(client, group)
    except UnknownOutcome as error:
        _check_not_done(client, group, error)
        raise error.with_context(
            f"{error.msg} {group.display_name} is still listed.", endpoint=group.result()
        ) from error
    if deletion is None:
        raise _done_unseen(group, doubt)
    return deletion


def _delete_once(client: Client, group: Endpoint) -> Deletion | None:
    try:
        reply = client.call(DELETE, ids={"id": group.id})
    except (Invalid, NotFound) as error:
        says_absent = isinstance(error, NotFound) or ABSENT_TEXT in error.msg.lower()
        if says_absent and _is_gone(client, group):
            return None
        raise
    deletion = Deletion(_ids(client, group, reply, "deleted_workers"), _ids(client, group, reply, "failed_workers"))
    try:
        gone = _is_gone(client, group)
    except VastError as error:
        raise error.with_context(
            f"{error.msg} The API said that {group.display_name} is deleted; whether it and its workers "
            f"{_named(deletion.deleted_workers + deletion.failed_workers) or '(none named)'} are gone is not proven.",
            endpoint=group.result(),
            changed=True,
            **dataclasses.asdict(deletion),
        ) from error
    if not gone:
        raise ServerError(
            f"The API said that {group.display_name} is deleted, and it is still listed after {SHOWN_WITHIN:g} s.",
            endpoint=group.result(),
            **dataclasses.asdict(deletion),
        )
    return deletion


def _check_not_done(client: Client, group: Endpoint, doubt: UnknownOutcome) -> None:
    try:
        gone = _is_gone(client, group)
    except VastError as error:
        raise doubt.with_context(
            f"{doubt.msg} Whether {group.display_name} is gone could not be seen: {error.msg}", endpoint=group.result()
        ) from error
    if gone:
        raise _done_unseen(group, doubt) from doubt


def _done_unseen(group: Endpoint, doubt: UnknownOutcome) -> VastError:
    return doubt.with_context(
        f"{doubt.msg} {group.display_name} is gone from the listing, but the reply that names its workers "
        "was lost. Look for "
        "leftover workers among the instances of the account: they bill.",
        endpoint=group.result(),
        changed=True,
    )


def prove_workers_gone(client: Client, group: Endpoint, deletion: Deletion, waits: Waits) -> None:
    """Wait until no worker of a deleted group is listed among the instances.

    Raises ServerError for workers that the API failed to delete, and WaitTimeout for those still listed in the end:
    both name the ids, which go on billing.
    """
    listed: list[Instance] = []
    workers = sorted({*deletion.deleted_workers, *deletion.failed_workers})
    try:
        for _elapsed in rounds(
            client.clock, first=min(FIRST_LOOK, waits.interval), interval=waits.interval, timeout=waits.timeout
        ):
            found = read_instances(client, {"id": {"in": workers}}) if workers else []
            listed = [instance for instance in found if instance.id in workers]
            if not listed or deletion.failed_workers:
                break
    except VastError as error:
        raise error.with_context(
            f"{error.msg} {group.display_name} is deleted; whether its workers {_named(workers)} are gone "
            "is not proven.",
            endpoint=group.result(),
            changed=True,
            **dataclasses.asdict(deletion),
        ) from error
    if not listed and not deletion.failed_workers:
        return
    told = {"endpoint": group.result(), "changed": True, **dataclasses.asdict(deletion)}
    states = (
        "; ".join(f"{instance.display_name}: {instance.described}" for instance in listed)
        or "none of its workers is listed now"
    )
    todo = (
        "They may go on billing: destroy them in the console or with the official client (vastai destroy instance ID)."
    )
    if deletion.failed_workers:
        raise ServerError(
            f"{group.display_name} is deleted, but Vast.ai failed to delete its workers "
            f"{_named(deletion.failed_workers)}. "
            f"Listed: {states}. {todo}",
            **told,
        )
    raise WaitTimeout(
        f"{group.display_name} is deleted, but its workers {_named([instance.id for instance in listed])} "
        "are still listed "
        f"after wait_timeout ({waits.timeout:g} s): {states}. {todo}",
        **told,
    )


def _is_gone(client: Client, group: Endpoint) -> bool:
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=FIRST_LOOK, timeout=SHOWN_WITHIN):
        if all(listed.id != group.id for listed in read(client)):
            return True
    return False


def _ids(client: Client, group: Endpoint, reply: t.Mapping[str, t.Any], key: str) -> list[int]:
    ids = reply.get(key)
    if ids is None:
        client.warn(f"Vast.ai did not tell the {key} of {group.display_name}; none could be looked for.")
        return []
    if not isinstance(ids, list) or not all(_is_id(worker) for worker in ids):
        raise ProtocolError(
            f"{group.display_name} is deleted, but the reply has no list of ids in {key}, so that its "
            "workers cannot be looked "
            f"for: {str(ids)[:200]}.",
            Exchange(DELETE.method, client.settings.api_url + DELETE.path.format(id=group.id), 200),
            endpoint=group.result(),
            changed=True,
        )
    return ids


def _is_id(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _named(ids: c.Iterable[int]) -> str:
    return ", ".join(str(number) for number in ids)
