# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Deleting an endpoint group, or one workergroup, with its workers: the plan, and the way from survey to proof.

`suspects` knows which instances have to go, `deletion` deletes the group, `drain` lets its workers end before that,
`proof` sees them gone; what is not proven yet is kept in `leaks`. Knows nothing of Ansible.
"""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits
from .._api.errors import Invalid, VastError
from .._core.interrupts import TaskInterrupted, failing_at_signals
from .._core.plan import Change, Plan
from . import workergroups
from .deletion import Deletion, Doomed, delete, is_doubt, says_absent
from .endpoints import Endpoint, read
from .leaks import Leak, Memory
from .proof import Case, prove
from .suspects import Suspects, cost_of, named, of_endpoint, of_workergroup
from .workers import owners

DELETE = Route("DELETE", "/api/v0/endptjobs/{id}/", 3.0)


def survey(client: Client, case: Case, deadline: Deadline, memory: Memory | None) -> None:
    """Learn which workers have to go before anything is deleted: by the engine, the memory, the option `workers`.

    What the engine said is added to `memory`, unless that is None as in check mode. Raises Invalid for named ones that
    cannot be leftover workers.
    """
    found = case.found
    suspects = case.suspects = Suspects() if found is None else of_endpoint(client, found, deadline)
    if found is not None and memory is not None:
        # The task may fail before it deletes, and somebody else delete the group before the next one.
        Record(memory, found, suspects).keep()
    suspects.owed |= case.named
    for leak in case.leaks:
        suspects.owed |= leak.workers | leak.failed
        suspects.failed |= leak.failed
        suspects.endpoints = dict.fromkeys(leak.workers | leak.failed, leak.id) | suspects.endpoints
        # The engine says anew which workers a group has that is still there; named ones are the user's word.
        suspects.older |= leak.unknown and not case.named and (found is None or leak.id != found.id)
    suspects.look(client)
    if case.named:
        _check_named(client, case)


class Purge(t.NamedTuple):
    """A workergroup that is to go with its workers, and the endpoint `parent` that stays."""

    parent: Endpoint
    doomed: Doomed
    case: Case


def survey_group(
    client: Client,
    listing: workergroups.Listing,
    parent: Endpoint,
    group_id: int,
    others: c.Sequence[Endpoint],
    deadline: Deadline,
) -> Purge:
    """Learn which workers have to go with one workergroup, before it is deleted."""
    name = f"workergroup {group_id} of {parent.display_name}"

    def listed(limit: Deadline) -> list[t.Any]:
        return [row.get("id") for row in workergroups.listed(client, limit).rows]

    doomed = Doomed(group_id, name, listing.route("DELETE", 3.0), listed)
    suspects = of_workergroup(client, parent, group_id, deadline)
    suspects.look(client)
    return Purge(parent, doomed, Case(wanted=name, groups=[*others, parent], found=None, suspects=suspects))


def _check_named(client: Client, case: Case) -> None:
    seen = case.suspects.seen
    if labelled := [seen[each] for each in sorted(case.named) if each in seen and seen[each].label]:
        raise Invalid(
            f"workers must not name an instance that has a label of its own, as {labelled[0].display_name} has. "
            "Nothing was changed."
        )
    endpoints = owners(client, case.others).endpoints
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
    cost = cost_of(case.suspects.last_seen(ids))
    action = f"destroy the leftover workers {named(ids)} of {case.display_name} ({cost})"
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
    return f"{its} {named(suspects.workers)} ({cost_of(suspects.last_seen(suspects.workers))})"


class Record:
    """What is kept of the workers of one endpoint until they are proven gone, for whoever comes after an interruption.

    `older`: it may have unknown workers of before, too.
    """

    def __init__(self, memory: Memory, endpoint: Endpoint, suspects: Suspects, *, older: bool = False) -> None:
        self.memory = memory
        self.endpoint = endpoint
        self.suspects = suspects
        self.older = older

    def keep(self) -> None:
        """Remember what has to be proven."""
        workers, failed = frozenset(self.suspects.workers), frozenset(self.suspects.workers & self.suspects.failed)
        unknown = bool(self.suspects.gap) or self.older
        self.memory.remember(Leak(self.endpoint.id, self.endpoint.endpoint_name, workers, failed, unknown))

    def note(self, deletion: Deletion) -> None:
        """Add what the reply says of the workers, and remember it. What it does not say, the engine may have said."""
        suspects = self.suspects
        suspects.workers |= set(deletion.named)
        suspects.endpoints |= dict.fromkeys(deletion.named, self.endpoint.id)
        suspects.owed |= set(deletion.failed_workers)
        suspects.failed |= set(deletion.failed_workers)
        if suspects.gap and not deletion.gap:
            suspects.gap = ""
        elif suspects.gap and deletion.gap not in suspects.gap:
            suspects.gap = f"{suspects.gap} {deletion.gap}"
        self.keep()


def purge(client: Client, wanted: Purge, memory: Memory, waits: Waits, deadline: Deadline) -> None:
    """Delete one workergroup of an endpoint that stays, and prove its workers gone.

    Raises as `tear_down` does; what is not proven is remembered for the endpoint.
    """
    parent, doomed, case = wanted
    # What is learned of this workergroup says nothing of those before it.
    older = any(leak.unknown for leak in memory.concerning(parent.id, None))
    record = Record(memory, parent, case.suspects, older=older)
    record.keep()
    try:
        case.deletion = delete(client, doomed, record.note, deadline)
    except VastError as error:
        told = {**error.result, "workers": case.suspects.results()}
        raise error.with_context(error.msg + _may_bill(case.suspects, told), **told) from error
    if case.deletion.gap:
        record.note(case.deletion)
    prove(client, case, waits, deadline)
    memory.forget({parent.id}, case.suspects.ids if waits.wait else case.suspects.owed, unknown=True)


def tear_down(client: Client, case: Case, memory: Memory, waits: Waits, deadline: Deadline) -> None:
    """Delete the group, if it is there, and prove its workers and the leftover ones gone.

    What has to be proven is remembered before the group is deleted, and forgotten once it is proven; a refusal changes
    nothing about that, since somebody else may delete the group before the next task. Raises Leaked for workers that
    still exist, and UnknownOutcome when it is not known which ones there were.
    """
    if case.found is not None:
        _delete_endpoint(client, case, Record(memory, case.found, case.suspects), waits, deadline)
    prove(client, case, waits, deadline)
    settled = {leak.id for leak in case.leaks} | ({case.found.id} if case.found is not None else set())
    if settled:
        memory.forget(settled, case.suspects.ids if waits.wait else case.suspects.owed)


def _delete_endpoint(client: Client, case: Case, record: Record, waits: Waits, deadline: Deadline) -> None:
    """Drain it where that is asked for, delete it, and see it gone; what that tells of its workers is remembered."""
    record.keep()

    def on_reply(deletion: Deletion) -> None:
        case.deletion = deletion
        record.note(deletion)

    group = record.endpoint
    doomed = Doomed(group.id, group.display_name, DELETE, lambda limit: [each.id for each in read(client, limit)])
    try:
        with failing_at_signals():
            if case.drain:
                from .drain import drain

                drain(client, case, waits, deadline)
            case.sent = True
            case.deletion = delete(client, doomed, on_reply, deadline)
    except TaskInterrupted as error:
        raise _interrupted(case, error) from error
    except VastError as error:
        raise _not_deleted(client, case, group, waits, error) from error
    if case.deletion.gap:
        record.note(case.deletion)


def _not_deleted(client: Client, case: Case, group: Endpoint, waits: Waits, error: VastError) -> VastError:
    """That the drain or the deletion failed, with what may bill; a drain of an endpoint that stays is set back."""
    told = {"endpoint": group.result(), **error.result}
    if case.sent and (error.result.get("changed") or is_doubt(error) or says_absent(error)):
        told["workers"] = case.suspects.results()
    back = ""
    if case.drained and not told.get("changed"):
        from .drain import set_back

        back, is_undone = set_back(client, group, case.drained, waits)
        told["changed"] = not is_undone
    return error.with_context(error.msg + _may_bill(case.suspects, told) + back, **told)


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
    told = of_endpoint(client, group, deadline)
    if told.gap:
        ids = named(owed)
        client.warn(f"Whether {ids} are workers of {group.display_name} or leftover workers is not known. {told.gap}")
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
        case.suspects.look(client)
        if case.leftover or not case.suspects.seen:
            return
    prove(client, case, waits._replace(wait=False), deadline)


def _may_bill(suspects: Suspects, told: t.Mapping[str, t.Any]) -> str:
    """The workers of a group whose deletion ended in doubt, for the message."""
    if "workers" not in told or not suspects.ids:
        return ""
    cost = cost_of(suspects.last_seen(suspects.ids))
    ids = named(suspects.ids)
    return f" Its workers {ids} may continue to bill ({cost}); the next task for this endpoint checks for them."
