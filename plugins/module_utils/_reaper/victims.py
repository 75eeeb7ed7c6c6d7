# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What falls under a rule, what is spared and why, and whether it is more than the limits allow."""

from __future__ import annotations

import typing as t

from .._account import volume_rows
from .._account.volume_rows import Volume
from .._api.client import Client
from .._api.errors import Invalid, ServerError, VastError
from .._core.amounts import amount
from .._core.plan import Plan
from .._core.resource import Item
from .._instances.billing import bill, disk
from .._instances.destroy import plan_destroy
from .._instances.instance import Instance
from .._instances.switch import plan_switch
from .._serverless import endpoints, workers
from .found import Found, candidate
from .rules import Verdict, judge
from .task import Task, Thing

NAMED_AT_MOST = 20

Skipped: t.TypeAlias = tuple[Thing, str]
"""A thing that is spared, and why."""


class Victim(t.NamedTuple):
    """A thing that falls under a rule, and what became of it. `spared`: why it was left alone after all."""

    thing: Thing
    verdict: Verdict
    plan: Plan
    saves: float | None
    item: Item[t.Any] | None = None
    error: VastError | None = None
    spared: str = ""

    @property
    def acts(self) -> bool:
        """Whether it is to be stopped or destroyed."""
        return self.plan.changed

    @property
    def failure(self) -> VastError | None:
        """Why it failed."""
        return self.error or (self.item.error if self.item else None)


class Judgement(t.NamedTuple):
    """What falls under a rule, what is spared, and which are workers, as far as that had to be asked."""

    victims: list[Victim]
    skipped: list[Skipped]
    owned: workers.Owners = workers.UNKNOWN


def judge_all(client: Client, task: Task, found: Found) -> Judgement:
    """What becomes of each. Raises Invalid when it is more than the limits allow, and ServerError as owners()."""
    judgement = _by_rules(task, found)
    acting = [each.thing.display_name for each in judgement.victims if each.acts and isinstance(each.thing, Instance)]
    if acting:
        judgement = _without_workers(judgement, owners(client, acting))
    victims = [each for each in judgement.victims if each.acts]
    workers_of_endpoints = judgement.owned.endpoints
    unprotected = sum(
        not task.spares(each) and not (isinstance(each, Instance) and each.id in workers_of_endpoints)
        for each in found.things
    )
    check_limits(task, victims, unprotected)
    if task.missing != "ignore":
        warn_of_mistyped(client, task, found, [each.thing.label for each in victims])
    return judgement


def _by_rules(task: Task, found: Found) -> Judgement:
    victims: list[Victim] = []
    skipped: list[Skipped] = []
    for thing in found.things:
        verdict = verdict_of(task, found, thing)
        if verdict.rule is None:
            skipped += [(thing, reason) for reason in verdict.unknown]
        elif verdict.action != "report" and (why := task.spares(thing)):
            skipped.append((thing, f"{verdict.rule}: {why}"))
        else:
            victims.append(victim(thing, verdict))
    return Judgement(victims, skipped)


def _without_workers(judgement: Judgement, owned: workers.Owners) -> Judgement:
    """Spare the workers of endpoints."""
    victims: list[Victim] = []
    skipped = [*judgement.skipped]
    for each in judgement.victims:
        endpoint = owned.endpoints.get(each.thing.id) if isinstance(each.thing, Instance) and each.acts else None
        if endpoint is None:
            victims.append(each)
        else:
            skipped.append((each.thing, f"{each.verdict.rule}: it is a worker of endpoint {endpoint}"))
    return Judgement(victims, skipped, owned)


def warn_of_mistyped(client: Client, task: Task, found: Found, doomed: list[str]) -> None:
    """Warn of a protected label that is nearly one of those that are to go."""
    for label in sorted(task.labels - {each.label for each in found.things}) if doomed else ():
        from .._instances.misses import near_to

        if near := near_to(doomed, label):
            client.warn(f"protect.label: nothing that was chosen has the label {label!r}.{near}")


def verdict_of(task: Task, found: Found, thing: Thing) -> Verdict:
    """Which rule a thing falls under."""
    seen = candidate(thing, found.costs, found.now)
    known = found.seen.get(seen.key)
    return judge(seen, known, task.rules, found.now if found.is_timed else None, deadlines=task.deadlines)


def victim(thing: Thing, verdict: Verdict) -> Victim:
    """What is to be done with a thing, and what that saves."""
    nothing = Plan(thing.display_name)
    if isinstance(thing, Volume):
        plan = volume_rows.to_delete(thing).plan if verdict.action == "destroy_volume" else nothing
        return Victim(thing, verdict, plan, amount(thing.row.get("storage_total_cost")) if plan.changed else 0.0)
    billed = bill(thing).per_hour
    if verdict.action == "destroy":
        return Victim(thing, verdict, plan_destroy(thing), billed)
    if verdict.action == "stop":
        kept = disk(thing)
        saves = None if billed is None or kept is None else max(0.0, billed - kept)
        return Victim(thing, verdict, plan_switch(thing, "stopped", None), saves)
    return Victim(thing, verdict, nothing, 0.0)


def owners(client: Client, acting: list[str]) -> workers.Owners:
    """The endpoints of all workers. Raises ServerError, which names what is at stake, while not all are told."""
    found = workers.owners(client, endpoints.read(client))
    if not found.complete:
        raise ServerError(
            "Whether these are workers of endpoints is not known, so nothing was stopped or destroyed: "
            f"{', '.join(acting[:NAMED_AT_MOST])}. Run the task again."
        )
    return found


def check_limits(task: Task, acting: list[Victim], unprotected: int) -> None:
    """Raises Invalid when more would be stopped and destroyed than the options allow."""
    names = ", ".join(each.thing.display_name for each in acting[:NAMED_AT_MOST])
    count, most, fraction = len(acting), task.max_affected, task.max_fraction
    if most is not None and count > most:
        raise Invalid(
            f"{count} would be stopped or destroyed but max_affected is {most}, so nothing was sent: {names}."
        )
    allowed = max(1, int(fraction * unprotected + 1e-9))
    if count > allowed:
        raise Invalid(
            f"{count} of {unprotected} would be stopped or destroyed but max_fraction is {fraction:g}, which allows "
            f"{allowed}, so nothing was sent: {names}."
        )
