# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""One teardown of an endpoint group, and the proof that none of its workers is left billing."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

from .._api.client import Client
from .._api.clock import Deadline, Waits
from .._api.errors import Invalid, Leaked, UnknownOutcome, VastError
from .._core.interrupts import TaskInterrupted, failing_at_signals
from .._core.plan import Change
from .._instances.instance import Instance
from .._instances.instance import read as read_instances
from .._instances.look import look
from .deletion import BEYOND, FIRST_LOOK, Deletion
from .endpoints import Endpoint
from .leaks import Leak
from .suspects import Suspects, cost_of, described, named
from .workers import owners

PROVING = 15.0
"""For how many seconds the proof goes on at least, even beyond `wait_timeout`."""
TODO = (
    "Destroy what is left in the console or with the official client (vastai destroy instance ID), then run this task "
    "again: it fails until complete listings show that they are gone."
)
BY_TASK = f"To have them destroyed, run this task with on_leftover=destroy and wait=true. Or d{TODO[1:]}"
"""The same of a task that destroys nothing by itself."""


@dataclasses.dataclass
class Case:
    """What is to be deleted with its workers, an endpoint group or a workergroup, and what becomes of it.

    `found` is the endpoint group that is there, and None for a workergroup; `leaks` are what earlier tasks left over.
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
        """What was left over and still exists, as last seen; a worker has no label, so what has one is none."""
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
            f"{self.display_name} is deleted" if self.deletion.done else f"{self.display_name} no longer exists"
        )

    def failure(self) -> dict[str, t.Any]:
        """The keys of a failure after the deletion."""
        endpoint = None if self.found is None else self.found.result()
        return {"endpoint": endpoint, "changed": self.changed, **self.deletion.result()}


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
            f"{error.msg} {case.state}; whether its workers {named(suspects.ids) or '(none named)'} are gone is not "
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
    owned = owners(client, case.others).endpoints if unlabelled else {}
    return [instance for instance in unlabelled if instance.id not in owned]


def _leaked(case: Case, still: c.Sequence[Instance], waits: Waits) -> Leaked:
    failed = [instance.id for instance in still if instance.id in case.suspects.failed]
    stuck = any(case.suspects.is_stuck(instance) for instance in still)
    after = f" after wait_timeout ({waits.timeout:g} s)" if waits.wait and not stuck else ""
    reported = f"Vast.ai reported that it failed to delete {named(failed)}. " if failed else ""
    ids = [instance.id for instance in still]
    labelled = [instance.display_name for instance in still if instance.label]
    it = "it" if len(labelled) == 1 else "them"
    kept = f"Not destroyed because someone labelled {it} and a worker has no label of its own: {'; '.join(labelled)}. "
    by_task = len(labelled) < len(still) and not (waits.wait and case.destroys)
    return Leaked(
        f"{case.state}, but its workers {named(ids)} still exist{after} and bill {cost_of(still)}: {described(still)}. "
        f"{reported}{kept if labelled else ''}{BY_TASK if by_task else TODO}",
        leaked_workers=case.suspects.describe(ids),
        **case.failure(),
    )


def _leaked_nameless(case: Case, nameless: c.Sequence[Instance]) -> Leaked:
    return Leaked(
        f"{case.state}, but an earlier task could not learn which workers it had, and these instances without a label "
        f"may be some: {described(nameless)}. They bill {cost_of(nameless)}. Destroy those that are workers, label the "
        "others, and run the task again; or name its workers in the option workers.",
        leaked_workers=case.suspects.describe(instance.id for instance in nameless),
        **case.failure(),
    )


def _unknown(case: Case, nameless: c.Sequence[Instance]) -> UnknownOutcome:
    doubt = case.deletion.doubt
    seen = (
        f"These instances without a label may be its workers, and bill {cost_of(nameless)}: {described(nameless)}."
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
