# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Stopping and destroying what falls under a rule; each is seen once more right before."""

from __future__ import annotations

from .._account import volume_rows
from .._account.volume_rows import Volume
from .._api.client import Client
from .._api.clock import Deadline, Waits
from .._api.errors import VastError, WaitTimeout
from .._core.interrupts import TaskInterrupted, failing_at_signals
from .._instances.instance import Instance
from .ending import Held, reap
from .found import Found, is_chosen
from .rules import Verdict
from .task import Task, Thing
from .victims import Victim, verdict_of

FRESH = 12.0
"""For so many seconds after it was seen a volume may be destroyed; its requests have longer intervals (F2.4)."""


def carry_out(
    client: Client, task: Task, found: Found, victims: list[Victim], waits: Waits, deadline: Deadline
) -> list[Victim]:
    """Stop and destroy; each is seen once more right before. Raises nothing: each tells what became of it."""
    acting = {each.thing.id: each for each in victims if each.acts and isinstance(each.thing, Instance)}

    def still_falls(before: Instance, now: Instance) -> str:
        return changed_mind(task, found, acting[before.id].verdict, before, now)

    wanted = [(each.thing, each.verdict.action) for each in acting.values() if isinstance(each.thing, Instance)]
    done: dict[int, Victim] = {}
    for fate in reap(client, wanted, still_falls, waits, deadline):
        each = acting[fate.instance.id]
        done[each.thing.id] = each._replace(item=fate.item, error=fate.error, spared=fate.spared)
    ended = [done.get(each.thing.id, each) if isinstance(each.thing, Instance) else each for each in victims]
    for place, each in enumerate(ended):
        if each.acts and isinstance(each.thing, Volume):
            interrupted = any(isinstance(other.failure, TaskInterrupted) for other in ended)
            ended[place] = left(each) if interrupted else delete_volume(client, task, found, each, deadline)
    return ended


def left(each: Victim, reason: str = "the task was interrupted") -> Victim:
    """A victim whose turn did not come."""
    return each._replace(
        error=WaitTimeout(f"{each.thing.display_name} was left as it is: {reason}. Run the task again.")
    )


def changed_mind(task: Task, found: Found, verdict: Verdict, before: Thing, now: Thing) -> str:
    """Why a thing is spared that has been seen again; '' when nothing speaks for it."""
    if now.label != before.label:
        return f"{verdict.rule}: its label is {now.label!r} now"
    if spared := task.spares(now):
        return f"{verdict.rule}: {spared}"
    if not is_chosen(now, task):
        return f"{verdict.rule}: it is no longer selected"
    again = verdict_of(task, found, now)
    if (again.rule, again.action) != (verdict.rule, verdict.action):
        return f"{verdict.rule}: it no longer matches that rule"
    return ""


def delete_volume(client: Client, task: Task, found: Found, each: Victim, deadline: Deadline) -> Victim:
    """Delete one volume, seen again right before."""
    thing = each.thing
    if deadline.expired:
        return left(each, "no time was left to destroy it")
    read_at = client.clock.now()
    try:
        with failing_at_signals():
            now = next((row for row in volume_rows.read(client) if row.id == thing.id), None)
    except VastError as error:
        text = "could not be checked again, so nothing was sent"
        return each._replace(error=error.with_context(f"{thing.display_name} {text}: {error.msg}"))
    spared = "it no longer exists" if now is None else changed_mind(task, found, each.verdict, thing, now)
    if spared or now is None:
        return each._replace(spared=spared)
    item = volume_rows.to_delete(now)

    def still_falls(before: Volume, seen: Volume) -> str:
        return changed_mind(task, found, each.verdict, before, seen)

    held = Held(client, [item], still_falls, read_at, FRESH)
    volume_rows.delete(held.as_client, [item], deadline)
    held.explain()
    return each._replace(item=item)
