# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module as a subject of the campaign: what tasks it is given, and what has to be true of their results."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from .draws import IDS, NAMED
from .steps import EVENTS, Event, Task
from .world import Fact, Run

PATIENCE = {"wait_timeout": 400, "wait_interval": 20.0, "retry_timeout": 120, "api_timeout": 60, "api_pacing": True}


class Subject:
    """The base of them all. Each module of `subjects` has one of these, called SUBJECT."""

    module: t.ClassVar[str]
    places: t.ClassVar[tuple[str, ...]] = ("any",)
    """Where replies to it can go wrong."""
    weight: t.ClassVar[int] = 1
    """How often it comes, beside the others."""
    waits: t.ClassVar[bool] = True
    is_plain: t.ClassVar[bool] = False
    """Whether it is about plain rows of the account."""
    starts: t.ClassVar[bool] = False
    """Whether it can start an instance, and so has to undo that and tell of it when a signal ends it."""

    def tasks(self) -> st.SearchStrategy[Task]:
        """Any task."""
        raise NotImplementedError

    def exists(self) -> bool:
        """Whether the module can do this."""
        return True

    def covers(self, task: Task) -> bool:
        """Whether a task is one of these."""
        return task.module == self.module

    def seconds(self, task: Task) -> float:
        """How long it may take, apart from requests that go wrong."""
        return float(task.options.get("wait_timeout", 600)) if self.waits else 180.0

    def events(self, task: Task, at: int) -> st.SearchStrategy[Event]:
        """What others do meanwhile, mostly to what the task is about."""
        meant = self.meant(task)
        target = st.sampled_from((meant, meant, IDS[:-1])).flatmap(st.sampled_from)
        return st.builds(lambda kind, target: Event(kind, target, at), st.sampled_from(EVENTS), target)

    def meant(self, task: Task) -> tuple[int, ...]:
        """The instances that a task is about."""
        return NAMED.get(task.options.get("id") or task.options.get("label") or 0, IDS[:-1])

    def is_idempotent(self, task: Task) -> bool:
        """Whether a second run of a task has nothing to do."""
        return False

    def requests_again(self, task: Task) -> int:
        """So many requests a second run takes, where that is promised; 0 otherwise."""
        return 0

    def patient(self, task: Task) -> Task:
        """The same task, which waits long enough."""
        return Task(task.module, {**task.options, **PATIENCE, "wait": True})

    def names(self, task: Task) -> set[str]:
        """What a failure may name besides ids, labels and names."""
        return set()

    def chosen(self, run: Run) -> list[int]:
        """The instances that it was about."""
        return [number for number, fact in run.before.items() if is_named(number, fact, run.task.options)]

    def success(self, run: Run) -> c.Iterator[str]:
        """What is wrong with a run that says that all is well."""
        yield from ()

    def foreseen(self, run: Run) -> bool | None:
        """What check mode has to say; None where nothing is expected of it."""
        return None

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        """Whether a failure in a world that holds still is true: what it names is gone, taken, lost or stubborn."""
        return self.excuses_absence(run) or self.excuses_state(run) or self.excuses_hopeless(run, stubborn)

    def excuses_absence(self, run: Run) -> bool:
        """Whether there are none of that name, or several."""
        error_class = run.result["error_class"]
        if error_class not in ("not_found", "ambiguous"):
            return False
        named = [fact for number, fact in run.before.items() if is_named(number, fact, run.task.options)]
        return len(named) != 1 or (error_class == "not_found" and not set(self.chosen(run)) & set(run.after))

    def excuses_state(self, run: Run) -> bool:
        """Whether it cannot be done in the state that it is in."""
        facts = [run.before[number] for number in self.chosen(run)]
        stopped = any(fact.intended_status == "stopped" or fact.cur_state == "stopped" for fact in facts)
        return run.result["error_class"] == "invalid" and stopped

    def excuses_hopeless(self, run: Run, stubborn: c.Collection[int]) -> bool:
        """Whether one of them cannot get there."""
        chosen = self.chosen(run)
        hopeless = {number for number in chosen if is_hopeless(run.before[number])}
        return run.result["error_class"] in ("unavailable", "server", "timeout") and bool(
            (hopeless | set(stubborn)) & set(chosen)
        )


class Plain(Subject):
    """The base of those that are about plain rows of the account: nobody meddles with these but other tasks."""

    waits = False
    is_plain = True

    def events(self, task: Task, at: int) -> st.SearchStrategy[Event]:
        """What becomes of instances is none of its business."""
        return st.builds(lambda target: Event("relabelled", target, at), st.sampled_from(IDS[2:-1]))

    def meant(self, task: Task) -> tuple[int, ...]:
        return ()

    def is_idempotent(self, task: Task) -> bool:
        return True

    def patient(self, task: Task) -> Task:
        return Task(task.module, {**task.options, "retry_timeout": 120, "api_timeout": 60, "api_pacing": True})

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        return False


def is_named(number: int, fact: Fact, options: dict[str, t.Any]) -> bool:
    """Whether the options mean this instance."""
    return number == options["id"] if options.get("id") else fact.label == options.get("label")


def is_hopeless(fact: Fact) -> bool:
    """Whether it does not get to run from there."""
    ended = fact.actual_status == "exited" and fact.intended_status == "running"
    return ended or fact.actual_status in ("offline", "unknown", None, "created", "recycling", "loading")


def in_state(run: Run, number: int, state: str | None, label: str | None, wait: bool) -> c.Iterator[str]:
    """What is wrong with an instance that is said to be in a state, or on its way there."""
    if run.touched(number, 0 if run.lag else run.seen_last(number) + 1):
        return
    fact = run.after.get(number)
    if fact is None:
        yield f"instance {number} is gone"
        return
    if label is not None and fact.label != label:
        yield f"the label of {number} is {fact.label!r}, not {label!r}"
    if state == "running":
        yield from _runs(run, number, fact, wait)
    if state == "stopped" and fact.is_asked_to_run:
        yield f"instance {number} is queued, or meant to run: {fact}"
    if wait and state == "stopped" and fact.cur_state != "stopped":
        yield f"instance {number} is not stopped: {fact}"


def _runs(run: Run, number: int, fact: Fact, wait: bool) -> c.Iterator[str]:
    if wait and (fact.actual_status, fact.cur_state) != ("running", "running"):
        yield f"instance {number} does not run: {fact}"
    if not wait and fact.queued and run.showed_queue(number):
        yield f"instance {number} is queued, as a listing showed: {fact}"
    if not wait and not fact.queued and fact.intended_status != "running":
        yield f"instance {number} is meant to be {fact.intended_status}"


def recycled(run: Run, number: int, *, changed: bool) -> c.Iterator[str]:
    """What is wrong with an instance that is said to have a new container."""
    fact = run.after.get(number)
    if run.touched(number) or not changed or not run.task.options.get("wait", True):
        return
    if fact is None or fact.generation == run.before[number].generation:
        yield f"instance {number} has no new container: {fact}"
    if fact is not None and fact.actual_status != "running":
        yield f"instance {number} does not run after the recycle: {fact}"


def to_do(fact: Fact, state: str | None) -> bool:
    """Whether a state is still to be brought about."""
    if state == "running":
        return fact.intended_status != "running" or fact.cur_state == "stopped"
    return state == "stopped" and fact.is_asked_to_run
