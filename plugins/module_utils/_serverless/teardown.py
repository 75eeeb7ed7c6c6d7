# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Deleting an endpoint group, and the proof that none of its workers is left billing. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import re
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits, rounds
from .._api.errors import Invalid, Leaked, NotFound, ServerError, UnknownOutcome, VastError
from .._core.interrupts import TaskInterrupted, failing_at_signals
from .._core.plan import Change, Plan
from .._core.rows import is_id
from .._instances.instance import Instance
from .._instances.instance import read as read_instances
from .._instances.look import look
from . import workergroups
from . import workers as engine
from .endpoints import Endpoint
from .endpoints import read as read_endpoints
from .leaks import Leak, Memory

DELETE = Route("DELETE", "/api/v0/endptjobs/{id}/", 3.0)
FIRST_LOOK = 3.2
"""Seconds after a delete before the first poll: the listing's own minimum interval (F2.4), and a little."""
SHOWN_WITHIN = 12.0
"""For how many seconds a deleted endpoint group may still be listed before the deletion counts as not done."""
ENGINE_WITHIN = 30.0
"""For how many seconds the engine may hold up a deletion; what it does not tell, the reply may."""
BEYOND = 60.0
"""For how many seconds beyond `wait_timeout` what became of the deletion is looked up."""
PROVING = 15.0
"""For how many seconds the proof goes on at least, even beyond `wait_timeout`."""
ABSENT_TEXT = r"\b(?:routegroup|endpoint|work(?:er)?group)\b.{0,80}\bnot found"
"""How the deletion of what does not exist is refused, by old servers and by new ones (F4.1, F4.2)."""
NOT_DONE_TEXT = "delete update failed"
"""How a deletion is refused that did nothing and may be sent again (F4.1)."""
WORKER_FIELDS = ("gpu_name", "actual_status", "intended_status", "cur_state")
"""Fields of a worker's instance that are passed on as the API has them."""
TODO = (
    "Destroy what is left in the console or with the official client (vastai destroy instance ID), then run this task "
    "again: it fails until complete listings show that they are gone."
)
BY_TASK = f"To have them destroyed, run this task with on_leftover=destroy and wait=true. Or d{TODO[1:]}"
"""The same of a task that destroys nothing by itself."""


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

    def is_stuck(self, instance: Instance) -> bool:
        """Whether it does not go by waiting: Vast.ai failed to delete it, or it was left over and somebody took it."""
        return instance.id in self.failed or (instance.id in self.owed and bool(instance.label))

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
            **engine.Owners(self.endpoints, complete=False).worker_of(worker),
        }


@dataclasses.dataclass
class Deletion:
    """What became of the group, and the ids of its workers as the reply names them.

    `done`: this task deleted it, and nobody else. `destroyed_workers` are those that it destroyed as instances. `gap`
    says why the reply does not name all workers.
    """

    deleted_workers: list[int] = dataclasses.field(default_factory=list)
    failed_workers: list[int] = dataclasses.field(default_factory=list)
    done: bool = False
    gap: str = ""
    doubt: VastError | None = None
    destroyed_workers: list[int] = dataclasses.field(default_factory=list)

    def result(self) -> dict[str, list[int]]:
        """The documented keys."""
        return {
            "deleted_workers": self.deleted_workers,
            "failed_workers": self.failed_workers,
            "destroyed_workers": self.destroyed_workers,
        }


@dataclasses.dataclass
class Case:
    """One task for one endpoint group: what is there, what earlier tasks left over, and what becomes of it.

    `groups` are all of the account, `named` the ids that the user calls leftover workers. `destroys`: what is left over
    is destroyed as instances. `drain`: for how many seconds running workers may end before the deletion; `drained` is
    what was changed for that. `sent`: the deletion may have been carried out. `verdict` says for messages what became
    of the group.
    """

    wanted: str
    groups: c.Sequence[Endpoint]
    found: Endpoint | None
    leaks: c.Sequence[Leak] = ()
    named: frozenset[int] = frozenset()
    destroys: bool = False
    drain: float = 0.0
    drained: Change | None = None
    sent: bool = False
    suspects: Suspects = dataclasses.field(default_factory=Suspects)
    deletion: Deletion = dataclasses.field(default_factory=Deletion)
    verdict: str = ""

    @property
    def changed(self) -> bool:
        """Whether this task changed anything."""
        return self.deletion.done or bool(self.deletion.destroyed_workers)

    @property
    def leftover(self) -> list[int]:
        """What was left over and still exists, as last seen; a worker carries no label, so what has one is none."""
        seen = self.suspects.seen
        return sorted(each for each in self.suspects.owed if each in seen and not seen[each].label)

    @property
    def others(self) -> list[Endpoint]:
        """The endpoint groups that this task leaves alone."""
        return [group for group in self.groups if group is not self.found]

    @property
    def display_name(self) -> str:
        """How messages call the group."""
        if self.found is not None:
            return self.found.display_name
        return self.leaks[0].display_name if self.leaks else self.wanted

    @property
    def state(self) -> str:
        """What became of the group, for messages."""
        return self.verdict or (
            f"{self.display_name} is deleted" if self.deletion.done else f"{self.display_name} does not exist any more"
        )

    def failure(self) -> dict[str, t.Any]:
        """The keys of a failure after the deletion."""
        endpoint = None if self.found is None else self.found.result()
        return {"endpoint": endpoint, "changed": self.changed, **self.deletion.result()}


def survey(client: Client, case: Case, deadline: Deadline) -> None:
    """Learn which workers have to go before anything is deleted: by the engine, the memory, the option `workers`.

    Raises Invalid for named ones that cannot be leftover workers.
    """
    found = case.found
    suspects = case.suspects = (
        Suspects() if found is None else _ask_engine(found.id, lambda limit: engine.ask(client, found, limit), deadline)
    )
    suspects.owed |= case.named
    for leak in case.leaks:
        suspects.owed |= leak.workers | leak.failed
        suspects.failed |= leak.failed
        suspects.endpoints = dict.fromkeys(leak.workers | leak.failed, leak.id) | suspects.endpoints
        # The engine says anew which workers a group has that is still there; named ones are the user's word.
        suspects.older |= leak.unknown and not case.named and (found is None or leak.id != found.id)
    if suspects.ids:
        suspects.seen = {instance.id: instance for instance in look(client, suspects.ids)}
    if case.named:
        _check_named(client, case)


def survey_group(
    client: Client, endpoint: Endpoint, group_id: int, groups: c.Sequence[Endpoint], deadline: Deadline
) -> Case:
    """Learn which workers have to go with one workergroup, before it is deleted."""
    case = Case(wanted=f"workergroup {group_id} of {endpoint.display_name}", groups=groups, found=None)
    case.suspects = _ask_engine(endpoint.id, lambda limit: engine.ask_workergroup(client, group_id, limit), deadline)
    if case.suspects.ids:
        case.suspects.seen = {instance.id: instance for instance in look(client, case.suspects.ids)}
    return case


def _ask_engine(endpoint_id: int, ask: c.Callable[[Deadline], engine.Workers], deadline: Deadline) -> Suspects:
    try:
        told = ask(deadline.bounded(ENGINE_WITHIN))
    except VastError as error:
        told = engine.Workers(None, (), error.msg)
    return Suspects(
        workers=set(told.ids),
        gap=f"The serverless engine did not list its workers: {told.reason.rstrip('.')}." if told.reason else "",
        statuses={
            row["id"]: str(row["status"]) for row in told.rows or () if is_id(row.get("id")) and row.get("status")
        },
        endpoints=dict.fromkeys(told.ids, endpoint_id),
    )


def _check_named(client: Client, case: Case) -> None:
    seen = case.suspects.seen
    if labelled := [seen[each] for each in sorted(case.named) if each in seen and seen[each].label]:
        raise Invalid(
            f"workers must not name an instance that has a label of its own, as {labelled[0].display_name} has. "
            "Nothing was changed."
        )
    endpoints = engine.owners(client, case.others).endpoints
    if taken := [each for each in sorted(case.named) if each in endpoints]:
        raise Invalid(
            f"workers must not name a worker of another endpoint, as {taken[0]} is one of endpoint "
            f"{endpoints[taken[0]]}. Nothing was changed."
        )


def plan_absent(case: Case) -> Plan:
    """Delete what is there, and destroy what was left over. Pure."""
    changes = []
    if case.found is not None:
        subject = case.found.display_name
        before = {**case.found.result(), "workers": case.suspects.results()}
        action = f"delete {subject} with {_cargo(case.suspects)}"
        drain = f"drain {subject} for up to {case.drain:g} s, then " if case.drain else ""
        changes.append(Change("endpoint", before, None, drain + action))
    if case.destroys and (left := [each for each in case.leftover if each not in case.suspects.workers]):
        changes.append(destruction(case, left))
    return Plan(case.wanted if case.found is None else case.found.display_name, tuple(changes))


def destruction(case: Case, ids: c.Collection[int]) -> Change:
    """That these workers are destroyed as instances."""
    cost = _cost([case.suspects.seen[each] for each in ids if each in case.suspects.seen])
    action = f"destroy the leftover workers {_named(ids)} of {case.display_name} ({cost})"
    return Change("leftover_workers", sorted(ids), [], action)


def plan_purge(case: Case, field: str, row: t.Mapping[str, t.Any]) -> Change:
    """Delete one workergroup. Pure."""
    before = {**row, "workers": case.suspects.results()}
    return Change(field, before, None, f"delete {case.wanted} with {_cargo(case.suspects, groups=False)}")


def _cargo(suspects: Suspects, *, groups: bool = True) -> str:
    its = "its workergroups and workers" if groups else "its workers"
    if suspects.gap:
        return its
    if not suspects.workers:
        return "its workergroups; it has no workers" if groups else "no workers"
    seen = [suspects.seen[each] for each in sorted(suspects.workers) if each in suspects.seen]
    return f"{its} {_named(suspects.workers)} ({_cost(seen)})"


class Doomed(t.NamedTuple):
    """What is to be deleted: an endpoint, or a workergroup; `listed` gives the ids that a complete listing has."""

    id: int
    display_name: str
    route: Route
    listed: c.Callable[[Deadline], c.Collection[t.Any]]


def purge(
    client: Client,
    endpoint: Endpoint,
    group_id: int,
    path: str,
    case: Case,
    memory: Memory,
    waits: Waits,
    deadline: Deadline,
) -> None:
    """Delete one workergroup of an endpoint that stays, and prove its workers gone.

    Raises as `tear_down` does; what is not proven is remembered for the endpoint.
    """

    def listed(limit: Deadline) -> list[t.Any]:
        return [row.get("id") for row in workergroups.listed(client, limit).rows]

    doomed = Doomed(group_id, case.wanted, Route("DELETE", path + "{id}/", 3.0), listed)
    # What is learned of this workergroup says nothing of those before it.
    older = any(leak.unknown for leak in memory.concerning(endpoint.id, None))
    remember(memory, endpoint, case.suspects, older=older)

    def on_reply(named: Deletion) -> None:
        note(memory, endpoint, case.suspects, named, older=older)

    try:
        case.deletion = delete(client, doomed, on_reply, deadline)
    except VastError as error:
        told = {**error.result, "workers": case.suspects.results()}
        raise error.with_context(error.msg + _may_bill(case.suspects, told), **told) from error
    if case.deletion.gap:
        on_reply(case.deletion)
    prove(client, case, waits, deadline)
    memory.forget({endpoint.id}, case.suspects.ids if waits.wait else case.suspects.owed, unknown=True)


def tear_down(client: Client, case: Case, memory: Memory, waits: Waits, deadline: Deadline) -> None:
    """Delete the group, if it is there, and prove its workers and the leftover ones gone.

    What has to be proven is remembered before the group is deleted, and forgotten once it is proven; a refusal changes
    nothing about that, since somebody else may delete the group before the next task. Raises Leaked for workers that
    still exist, and UnknownOutcome when it is not known which ones there were.
    """
    group = case.found
    if group is not None:
        remember(memory, group, case.suspects)

        def on_reply(named: Deletion) -> None:
            case.deletion = named
            note(memory, group, case.suspects, named)

        try:
            with failing_at_signals():
                if case.drain:
                    drain(client, case, waits, deadline)
                case.sent = True
                case.deletion = delete(client, _doomed(client, group), on_reply, deadline)
        except TaskInterrupted as error:
            raise _interrupted(case, error) from error
        except VastError as error:
            told = {"endpoint": group.result(), **error.result}
            if error.result.get("changed") or _is_doubt(error) or _says_absent(error):
                told["workers"] = case.suspects.results()
            back = set_back(client, group, case.drained, waits) if case.drained and not told.get("changed") else ""
            raise error.with_context(error.msg + _may_bill(case.suspects, told) + back, **told) from error
        if case.deletion.gap:
            note(memory, group, case.suspects, case.deletion)
    prove(client, case, waits, deadline)
    settled = {leak.id for leak in case.leaks} | ({group.id} if group is not None else set())
    if settled:
        memory.forget(settled, case.suspects.ids if waits.wait else case.suspects.owed)


def _interrupted(case: Case, error: TaskInterrupted) -> VastError:
    """That the deletion, or the drain before it, was interrupted, with what was sent."""
    told = {**error.result, **case.failure(), "workers": case.suspects.results()}
    if case.deletion.done:
        said = f"Vast.ai accepted the deletion of {case.display_name}; that it is gone was not seen."
    elif case.sent:
        said = f"Whether {case.display_name} is deleted is not known."
    else:
        said = f"{case.display_name} was not deleted."
    if case.drained is not None and not case.deletion.done:
        field, before, after = case.drained[:3]
        said += f" {field} was set to {after} for the drain; before it was {before}."
    told["changed"] = case.sent or case.drained is not None
    bills = _may_bill(case.suspects, told) if case.sent else ""
    return error.with_context(f"{error.msg} {said}{bills} Run the task again.", **told)


ENDED = frozenset(("stopped", "destroying", "inactive"))
"""In these states a worker serves no request any more (F4.3)."""


def drain(client: Client, case: Case, waits: Waits, deadline: Deadline) -> None:
    """Let no new worker start, and wait for running ones to end; `drained` is what was changed, to be set back.

    Raises the error of the change when the API refuses both ways.
    """
    group = t.cast("Endpoint", case.found)
    case.drained = _close(client, group, waits, deadline)
    limit = deadline.bounded(case.drain)
    for _elapsed in rounds(client.clock, first=waits.interval, interval=waits.interval, timeout=limit):
        told = _ask_engine(group.id, lambda ends: engine.ask(client, group, ends), limit)
        case.suspects.workers |= told.workers
        case.suspects.statuses |= told.statuses
        case.suspects.endpoints |= told.endpoints
        running = [each for each in told.workers if told.statuses.get(each, "").lower() not in ENDED]
        if not told.gap and not running:
            break


def _close(client: Client, group: Endpoint, waits: Waits, deadline: Deadline) -> Change | None:
    error: VastError | None = None
    for field, value in (("max_workers", 0), ("endpoint_state", "suspended")):
        before = group.row.get(field)
        if before == value:
            return None
        change = Change(field, before, value, f"set {field} of {group.display_name} to {value}")
        error = _edit(client, group, change, waits, deadline)
        if error is None:
            return change
        if not isinstance(error, Invalid):
            break
    raise t.cast("VastError", error)


def _edit(client: Client, group: Endpoint, change: Change, waits: Waits, deadline: Deadline) -> VastError | None:
    # Only a drain needs these.
    from .._core.converge import converge
    from .._core.resource import Item, Ref
    from .editing import Endpoints

    item = Item(Ref(group.id), group, Plan(group.display_name, (change,)))
    converge(client, Endpoints(), [item], waits, deadline)
    return item.error


def set_back(client: Client, group: Endpoint, change: Change, waits: Waits) -> str:
    """Undo a drain of an endpoint that stays; a sentence that says whether that was done."""
    drained = Endpoint(group.id, {**group.row, change.field: change.after})
    back = Change(change.field, change.after, change.before, f"set {change.field} back to {change.before}")
    error = _edit(client, drained, back, waits, Deadline(client.clock, BEYOND))
    if error is None:
        return f" {change.field} was set back to {change.before}."
    return f" {change.field} is {change.after} and could not be set back to {change.before}: {error.msg}"


def _doomed(client: Client, group: Endpoint) -> Doomed:
    return Doomed(
        group.id,
        group.display_name,
        DELETE,
        lambda limit: [listed.id for listed in read_endpoints(client, limit)],
    )


def settle_leaks(
    client: Client, case: Case, memory: Memory, waits: Waits, deadline: Deadline, *, check_mode: bool
) -> None:
    """Hold what earlier tasks left over of an endpoint that stays to the proof; its workers of now are none of that.

    Raises Leaked for what still exists, and warns when the engine does not tell which workers are its own. Check mode
    looks only: what would be destroyed is in `leftover`.
    """
    group = t.cast("Endpoint", case.found)
    owed = {worker for leak in case.leaks if leak.id == group.id for worker in leak.workers | leak.failed}
    if not owed:
        return
    told = _ask_engine(group.id, lambda limit: engine.ask(client, group, limit), deadline)
    if told.gap:
        ids = _named(owed)
        client.warn(f"Whether {ids} are workers of {group.display_name} or left over is not known. {told.gap}")
        return
    case.verdict = f"Earlier tasks left workers of {group.display_name} over"
    case.suspects.owed = owed - told.workers
    case.suspects.endpoints = dict.fromkeys(owed, group.id)
    case.suspects.failed = {each for leak in case.leaks for each in leak.failed} & case.suspects.owed
    if not check_mode:
        prove(client, case, waits, deadline)
        memory.forget({group.id}, owed, unknown=True)
        return
    if waits.wait and case.destroys:
        case.suspects.seen = {instance.id: instance for instance in look(client, case.suspects.owed)}
        if case.leftover or not case.suspects.seen:
            return
    prove(client, case, waits._replace(wait=False), deadline)


def _may_bill(suspects: Suspects, told: t.Mapping[str, t.Any]) -> str:
    """The workers of a group whose deletion ended in doubt, for the message."""
    if "workers" not in told or not suspects.ids:
        return ""
    seen = [suspects.seen[each] for each in sorted(suspects.ids) if each in suspects.seen]
    return (
        f" Its workers {_named(suspects.ids)} may go on billing ({_cost(seen)}); the next task for it looks for them."
    )


def remember(memory: Memory, group: Endpoint, suspects: Suspects, *, older: bool = False) -> None:
    """Keep what has to be proven of a group, for whoever comes after an interruption.

    `older`: it may have unknown workers of before, too.
    """
    workers, failed = frozenset(suspects.workers), frozenset(suspects.workers & suspects.failed)
    memory.remember(Leak(group.id, group.endpoint_name, workers, failed, bool(suspects.gap) or older))


def note(memory: Memory, group: Endpoint, suspects: Suspects, deletion: Deletion, *, older: bool = False) -> None:
    """Add what the reply says of the workers, and remember it. What it does not say, the engine may have said."""
    named = {*deletion.deleted_workers, *deletion.failed_workers}
    suspects.workers |= named
    suspects.endpoints |= dict.fromkeys(named, group.id)
    suspects.owed |= set(deletion.failed_workers)
    suspects.failed |= set(deletion.failed_workers)
    if suspects.gap and not deletion.gap:
        suspects.gap = ""
    elif suspects.gap and deletion.gap not in suspects.gap:
        suspects.gap = f"{suspects.gap} {deletion.gap}"
    remember(memory, group, suspects, older=older)


def delete(client: Client, group: Doomed, on_reply: c.Callable[[Deletion], None], deadline: Deadline) -> Deletion:
    """Delete it and see it gone from the listing; `on_reply` is told at once what the reply names.

    After a doubt it is sent once more, and only when listings have shown that it was not carried out. That it does not
    exist counts only together with listings that lack it.
    """
    outcome = _attempt(client, group, None, on_reply, deadline)
    if isinstance(outcome, VastError):
        outcome = _attempt(client, group, outcome, on_reply, deadline)
    if isinstance(outcome, VastError):
        raise _still_listed(group, outcome)
    return outcome


def _attempt(
    client: Client,
    group: Doomed,
    doubt: VastError | None,
    on_reply: c.Callable[[Deletion], None],
    deadline: Deadline,
) -> Deletion | VastError:
    """Send it once; returns the error after which listings show that nothing was carried out, the graver one of two."""
    limit = Deadline(client.clock, deadline.remaining + BEYOND)
    try:
        reply = client.call(group.route, ids={"id": group.id}, deadline=deadline)
    except VastError as error:
        if _says_absent(error) and _is_gone(client, group, error, limit):
            gap = "The reply that names its workers went to somebody else."
            return Deletion(done=doubt is not None, gap=gap, doubt=doubt)
        if not _is_doubt(error):
            if doubt is None:
                raise
            raise _still_listed(group, doubt, f" The second deletion was refused: {error.msg}") from error
        if _is_gone(client, group, error, limit):
            return Deletion(done=True, gap=error.msg, doubt=error)
        return error if doubt is None or isinstance(doubt, Invalid) else doubt
    deletion = _deletion(reply)
    on_reply(deletion)
    _check_gone(client, group, deletion, limit)
    return deletion


def _is_doubt(error: VastError) -> bool:
    """Whether a deletion may have been carried out, or did nothing and may be sent again."""
    return isinstance(error, (UnknownOutcome, ServerError)) or NOT_DONE_TEXT in error.msg.lower()


def _says_absent(error: VastError) -> bool:
    return isinstance(error, NotFound) or (
        isinstance(error, Invalid) and re.search(ABSENT_TEXT, error.msg.lower()) is not None
    )


def _still_listed(group: Doomed, doubt: VastError, more: str = "") -> VastError:
    return doubt.with_context(f"{doubt.msg} {group.display_name} is still listed.{more}")


def _is_gone(client: Client, group: Doomed, doubt: VastError, limit: Deadline) -> bool:
    try:
        return _polled_gone(client, group, limit, looks=2)
    except VastError as error:
        raise doubt.with_context(
            f"{doubt.msg} Whether {group.display_name} is gone could not be seen: {error.msg}"
        ) from error


def _polled_gone(client: Client, group: Doomed, limit: Deadline, *, looks: int) -> bool:
    """Whether so many listings in a row lack the group; one after a doubt may be a flicker."""
    clean = 0
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=FIRST_LOOK, timeout=SHOWN_WITHIN):
        clean = 0 if group.id in group.listed(limit) else clean + 1
        if clean == looks:
            return True
    return False


def _deletion(reply: t.Mapping[str, t.Any]) -> Deletion:
    """What a reply says of the workers: ids, or objects with ids; new servers may leave the lists out (F4.1)."""
    deleted, deleted_gap = _ids(reply, "deleted_workers")
    failed, failed_gap = _ids(reply, "failed_workers")
    return Deletion(deleted, failed, done=True, gap=" ".join(gap for gap in (deleted_gap, failed_gap) if gap))


def _ids(reply: t.Mapping[str, t.Any], key: str) -> tuple[list[int], str]:
    listed = reply.get(key)
    if not isinstance(listed, list):
        return [], f"The reply to its deletion has no list of {key}."
    found: list[t.Any] = [entry.get("id") if isinstance(entry, dict) else entry for entry in listed]
    ids: list[int] = [each for each in found if is_id(each)]
    return ids, "" if len(ids) == len(listed) else f"The reply to its deletion has {key} without an id."


def _check_gone(client: Client, group: Doomed, deletion: Deletion, limit: Deadline) -> None:
    context: dict[str, t.Any] = {"changed": True, **deletion.result()}
    try:
        gone = _polled_gone(client, group, limit, looks=1)
    except VastError as error:
        workers = _named({*deletion.deleted_workers, *deletion.failed_workers}) or "(none named)"
        raise error.with_context(
            f"{error.msg} Vast.ai accepted the deletion of {group.display_name}; whether it and its workers {workers} "
            "are gone is not proven. Run the task again.",
            **context,
        ) from error
    if not gone:
        raise ServerError(
            f"Vast.ai accepted the deletion of {group.display_name}, but it is still listed after {SHOWN_WITHIN:g} s. "
            "Run the task again.",
            **context,
        )


def prove(client: Client, case: Case, waits: Waits, deadline: Deadline) -> None:
    """Poll until no worker exists any more; without waiting, look at the leftover ones only.

    Raises Leaked, and UnknownOutcome when the deletion of this task left it open which workers there were.
    """
    suspects = case.suspects
    ids = suspects.ids if waits.wait else suspects.owed
    limit = Deadline(client.clock, max(PROVING, deadline.remaining) if waits.wait else 0.0)
    try:
        with failing_at_signals():
            still = _poll(client, case, ids, waits.interval, limit) if ids else []
            if still and waits.wait and case.destroys:
                still = _destroy(client, case, still, waits.interval, limit)
            nameless = _nameless(client, case) if suspects.gap or suspects.older else []
        suspects.seen.update((instance.id, instance) for instance in nameless)
    except VastError as error:
        raise error.with_context(
            f"{error.msg} {case.state}; whether its workers {_named(suspects.ids) or '(none named)'} are gone is not "
            "proven. Run the task again.",
            **case.failure(),
        ) from error
    if still:
        raise _leaked(case, still, waits)
    if suspects.gap:
        raise _unknown(case, nameless)
    if nameless:
        raise _leaked_nameless(case, nameless)


def _poll(client: Client, case: Case, ids: c.Set[int], interval: float, limit: Deadline) -> list[Instance]:
    """Those of the workers that do not go; empty when they are proven gone.

    What only listings speak for must be missing from two in a row. Nothing is waited for beside one that is stuck.
    """
    looks = 1 if case.deletion.done and case.deletion.doubt is None and not ids & case.suspects.owed else 2
    pause = min(FIRST_LOOK, interval)
    clean = 0
    if case.deletion.done:
        client.clock.sleep(pause)
    while True:
        listed = look(client, ids)
        case.suspects.seen.update((instance.id, instance) for instance in listed)
        clean = 0 if listed else clean + 1
        stuck = any(case.suspects.is_stuck(instance) for instance in listed)
        if clean == looks or stuck or (listed and limit.expired):
            return listed
        client.clock.sleep(min(interval, limit.remaining) if listed else pause)


def _destroy(
    client: Client, case: Case, still: c.Sequence[Instance], interval: float, limit: Deadline
) -> list[Instance]:
    """Destroy what Vast.ai failed to delete at once, the others when their time is up; those that exist in the end."""
    stuck = [instance for instance in still if case.suspects.is_stuck(instance)]
    others = {instance.id for instance in still} - {instance.id for instance in stuck}
    left = _destroyed(client, case, stuck)
    if others:
        left += _destroyed(client, case, _poll(client, case, others, interval, limit))
    return left


def _destroyed(client: Client, case: Case, instances: c.Sequence[Instance]) -> list[Instance]:
    """Destroy these as instances, but none that carries a label, and return those that are not proven gone."""
    labelled = [instance for instance in instances if instance.label]
    if len(labelled) == len(instances):
        return labelled
    # Only what is left over needs it.
    from .._instances.destroy import destroy, to_destroy

    items = [to_destroy(instance) for instance in instances if not instance.label]
    destroy(client, items, Deadline(client.clock, BEYOND))
    case.suspects.seen.update((item.before.id, item.seen) for item in items)
    case.deletion.destroyed_workers += [item.before.id for item in items if item.gone]
    if interrupted := next((item.error for item in items if isinstance(item.error, TaskInterrupted)), None):
        raise interrupted
    return [*labelled, *(item.seen for item in items if not item.gone)]


def _nameless(client: Client, case: Case) -> list[Instance]:
    """Instances that may be workers which nobody named: without a label, and not of another endpoint group."""
    try:
        rows = read_instances(client, {"label": {"in": ["", None]}})
    except Invalid:
        rows = read_instances(client, {})
    unlabelled = [instance for instance in rows if not instance.label and instance.id not in case.suspects.ids]
    owned = engine.owners(client, case.others).endpoints if unlabelled else {}
    return [instance for instance in unlabelled if instance.id not in owned]


def _leaked(case: Case, still: c.Sequence[Instance], waits: Waits) -> Leaked:
    failed = [instance.id for instance in still if instance.id in case.suspects.failed]
    stuck = any(case.suspects.is_stuck(instance) for instance in still)
    after = f" after wait_timeout ({waits.timeout:g} s)" if waits.wait and not stuck else ""
    reported = f"Vast.ai reported that it failed to delete {_named(failed)}. " if failed else ""
    ids = [instance.id for instance in still]
    labelled = [instance.display_name for instance in still if instance.label]
    it = "it" if len(labelled) == 1 else "them"
    kept = f"Left alone, since somebody labelled {it} and a worker carries no label of its own: {'; '.join(labelled)}. "
    by_task = len(labelled) < len(still) and not (waits.wait and case.destroys)
    return Leaked(
        f"{case.state}, but its workers {_named(ids)} still exist{after} and bill {_cost(still)}: {_described(still)}. "
        f"{reported}{kept if labelled else ''}{BY_TASK if by_task else TODO}",
        leaked_workers=case.suspects.describe(ids),
        **case.failure(),
    )


def _leaked_nameless(case: Case, nameless: c.Sequence[Instance]) -> Leaked:
    return Leaked(
        f"{case.state}, but an earlier task could not learn which workers it had, and these instances without a label "
        f"may be some: {_described(nameless)}. They bill {_cost(nameless)}. Destroy those that are workers, label the "
        "others, and run the task again; or name its workers in the option workers.",
        leaked_workers=case.suspects.describe(instance.id for instance in nameless),
        **case.failure(),
    )


def _unknown(case: Case, nameless: c.Sequence[Instance]) -> UnknownOutcome:
    doubt = case.deletion.doubt
    seen = (
        f"These instances without a label may be its workers, and bill {_cost(nameless)}: {_described(nameless)}."
        if nameless
        else "No instance without a label exists now."
    )
    return UnknownOutcome(
        f"{case.state}, but which workers it had is not known. {case.suspects.gap} {seen} Destroy what is left, "
        "and run the task again; if you know its workers, name them in the option workers.",
        None if doubt is None else doubt.exchange,
        leaked_workers=case.suspects.describe(instance.id for instance in nameless),
        **case.failure(),
    )


def _price(row: t.Mapping[str, t.Any]) -> float | None:
    value = row.get("dph_total")
    return (
        float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e6 else None
    )


def _cost(instances: c.Iterable[Instance]) -> str:
    """What they cost, as far as the listing tells."""
    prices = [_price(instance.row) for instance in instances]
    known = [price for price in prices if price is not None]
    if not known:
        return "an unknown price"
    return f"{'at least ' if len(known) < len(prices) else ''}{sum(known):.3f} $/h"


def _described(instances: c.Iterable[Instance]) -> str:
    return "; ".join(
        f"{instance.display_name}: {instance.described}, {_cost([instance])}"
        for instance in sorted(instances, key=lambda instance: instance.id)
    )


def _named(ids: c.Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(ids))
