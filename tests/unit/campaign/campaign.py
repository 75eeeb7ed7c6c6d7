# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sequences of tasks and faults, made up at random from a seed, played in the world and judged."""

from __future__ import annotations

import collections
import collections.abc as c
import contextlib
import dataclasses
import os
import pathlib
import tempfile
import typing as t

import hypothesis
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from ..plugins.harness import KEY
from .invariants import problems, started
from .registry import SUBJECTS, subject_of
from .steps import KINDS, OWN_PLACES, End, Fault, Meanwhile, Nature, Step, Task
from .world import Fact, Run, World

SOON = 5.0
"""Seconds within which an accepted start has to show, or it may be given up."""
UNHURRIED = 10.0
"""Seconds between a task that was killed and its second run."""
SETTLE = 4000.0
"""Seconds in which the world comes to rest, and pacing forgets what it learned."""
LOST = (
    "drop",
    "drop-after",
    "drop-half",
    "truncate",
    "too-slow",
    "502",
    "500-after",
    "502-after",
    "503-after",
    "504-after",
    "522-after",
    "html",
    "html-after",
    "empty",
    "empty-after",
)
"""Kinds after which nobody knows whether the work was done."""
TIMES = (1, 1, 1, 2, 3, 8, None)
BEHAVIOURS: dict[str, tuple[t.Any, ...]] = {
    "refusal": ("no_slug", "other_slug", "status_400", "silent"),
    "queue_shows": ("next_state", "both", "nothing"),
    "start_delay": (8.0, 30.0),
    "stale_status": (25.0,),
    "row_lag": (4.0,),
}
OPTIONS: dict[str, tuple[t.Any, ...]] = {
    "bulk": (False,),
    "bulk_unavailable": ("told",),
    "texts": ("new",),
    "ports_after_stop": ("kept",),
    "no_endpoints": ("not_found", "list"),
    "duplicate_names": ("accepted",),
    "limit_style": ("json", "retry_after"),
    "label_counts": (False,),
    "worker_lists": (False,),
}


def natures() -> st.SearchStrategy[Nature]:
    """The usual kind of account, and others that differ in one or two ways."""
    differs = st.sampled_from([*OPTIONS, *BEHAVIOURS, "bulk"])
    return st.one_of(
        st.just(Nature()), st.lists(differs, min_size=1, max_size=2, unique=True).flatmap(_of_such_a_nature)
    )


def _of_such_a_nature(names: list[str]) -> st.SearchStrategy[Nature]:
    options = {name: st.sampled_from(OPTIONS[name]) for name in names if name in OPTIONS}
    behaviour = {name: st.sampled_from(BEHAVIOURS[name]) for name in names if name in BEHAVIOURS}
    return st.builds(Nature, st.fixed_dictionaries(options), st.fixed_dictionaries(behaviour))


def tasks(modules: c.Collection[str]) -> st.SearchStrategy[Task]:
    """Any task of these modules, those of weighty subjects more often than others."""
    played = [SUBJECTS[name] for name in modules]
    return st.one_of([subject.tasks() for subject in played for _time in range(subject.weight)])


@st.composite
def faults(draw: st.DrawFn, places: tuple[str, ...]) -> Fault:
    """Replies that go wrong: once or a few times, or until the task ends."""
    special = [kind for kind in OWN_PLACES if OWN_PLACES[kind] in places] or list(LOST)
    refusals = [kind for kind in (*KINDS, "unreachable") if kind not in (*OWN_PLACES, *LOST)]
    kind = draw(st.sampled_from(draw(st.sampled_from((LOST, LOST, refusals, refusals, special)))))
    where = OWN_PLACES.get(kind) or draw(st.sampled_from(places))
    return Fault(kind, where, draw(st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5))), draw(st.sampled_from(TIMES)))


def ends() -> st.SearchStrategy[End | None]:
    """Most tasks come to their own end."""
    how = st.sampled_from(("kill", "kill", "SIGINT", "SIGTERM", "SIGHUP"))
    from_outside = st.builds(End, how, st.sampled_from((1, 2, 2, 3, 3, 4, 5)), st.booleans())
    return st.one_of(st.none(), st.none(), st.none(), from_outside)


@st.composite
def steps(draw: st.DrawFn, modules: c.Collection[str]) -> Step:
    """A task with up to three things that go wrong with replies, and up to two that others do."""
    task = draw(tasks(modules))
    subject = subject_of(task)
    wrong = [draw(faults(subject.places)) for _number in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3))))]
    moments = [
        draw(st.sampled_from((1, 2, 2, 3, 3, 4, 5, 6, 8))) for _number in range(draw(st.sampled_from((0, 0, 1, 2))))
    ]
    events = [draw(subject.events(task, at)) for at in moments]
    others = [draw(meanwhiles(task, modules)) for _one in range(draw(OTHERS))]
    return Step(task, tuple(wrong), tuple(events), draw(ends()), tuple(others))


def meanwhiles(task: Task, modules: c.Collection[str]) -> st.SearchStrategy[Meanwhile]:
    """Another task, or the same one again; on this machine, or on another one."""
    others = st.one_of(tasks(modules), st.just(task))
    return st.builds(Meanwhile, others, st.sampled_from((2, 2, 3, 4)), st.sampled_from((False, False, True)))


OTHERS = st.sampled_from((0, 0, 0, 0, 1, 1, 2))


def sequences(modules: c.Collection[str]) -> st.SearchStrategy[list[Step]]:
    """A short play."""
    lengths = st.sampled_from((1, 2, 3, 4))
    return lengths.flatmap(lambda count: st.lists(steps(modules), min_size=count, max_size=count))


@dataclasses.dataclass
class Tally:
    """What a campaign consisted of."""

    sequences: int = 0
    requests: int = 0
    tasks: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    faults: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    events: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    ends: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def count(self, run: Run) -> None:
        """Take in one task."""
        mode = " (check)" if run.task.check else ""
        self.tasks[f"{run.task.module}{mode}"] += 1
        self.faults.update(sent.fault for sent in run.sent if sent.fault)
        self.events.update(event.kind for _seq, event in run.events)
        how = "changed" if run.result.values.get("changed") else "unchanged"
        self.outcomes[f"{run.task.module}: {run.result.values.get('error_class') if run.result.failed else how}"] += 1
        if run.ended:
            self.ends[run.ended] += 1
        self.requests += len(run.sent)


class Broken(AssertionError):
    """An invariant does not hold."""


def play(world: World, sequence: c.Sequence[Step], tally: Tally | None = None, nature: Nature | None = None) -> None:
    """Play a sequence and hold what has to hold after each task; raises Broken."""
    tally = tally or Tally()
    tally.sequences += 1
    world.begin(nature)
    for step in sequence:
        take(world, step, tally)
        # What rows show is of the last task by then.
        world.pass_time(2 * world.nature.lag)
    last = next(
        (
            step.task
            for step in reversed(sequence)
            if not step.task.check and subject_of(step.task).is_idempotent(step.task)
        ),
        None,
    )
    if last is not None:
        converge(world, last, tally)


def take(world: World, step: Step, tally: Tally) -> Run:
    """One step; a task that was killed is run again, and has to clean up."""
    run, others = world.run(step.task, step.faults, step.events, step.end, step.meanwhile)
    for each in (*others, run):
        judge(world, each, tally)
    if run.ended == "kill":
        # Without pacing and retries it would not even get to read.
        world.pass_time(2 * world.nature.lag + UNHURRIED)
        run, _none = world.run(step.task, inherited=frozenset(started(run) | run.created))
        judge(world, run, tally)
    return run


def judge(world: World, run: Run, tally: Tally, *more: str) -> None:
    """Hold one run to the invariants."""
    tally.count(run)
    found = [*problems(run), *more]
    text = world.files()
    if KEY in text or "SECRET" in text:
        found.append("a secret is in a file")
    if found:
        raise Broken(described(run, found))


def converge(world: World, task: Task, tally: Tally) -> None:
    """In a world that holds still one run gets there, or fails for a true reason; the next has nothing to do."""
    world.pass_time(SETTLE)
    world.facts()
    world.pass_time(SETTLE)
    subject = subject_of(task)
    patient = subject.patient(task)
    stubborn = stubborn_ones(world)
    for each in world.account.instances.values():
        each.behaviour.missing_listings = 0
    first, _none = world.run(patient)
    if first.result.failed:
        wrong = [] if subject.excuses(first, stubborn) else [f"it does not converge: {first.result['msg']}"]
        judge(world, first, tally, *wrong)
        return
    judge(world, first, tally)
    world.pass_time(SETTLE)
    second, _none = world.run(patient)
    wrong = []
    if second.result.failed:
        wrong.append(f"the second run fails: {second.result['msg']}")
    if second.result.values.get("changed") or second.writes:
        wrong.append("the second run changes something")
    promised = subject.requests_again(task)
    if promised and not wrong and len(second.sent) != promised:
        wrong.append(f"the second run takes {len(second.sent)} requests")
    judge(world, second, tally, *wrong)


def stubborn_ones(world: World) -> set[int]:
    """The instances whose nature it is not to get there."""
    return {
        each.id
        for each in world.account.instances.values()
        if not each.behaviour.gpu_available
        or (each.row["cur_state"] == "stopped" and not world.account.has_gpu(each))
        or each.behaviour.stuck
        or each.behaviour.crash_on_start
        or each.behaviour.vanishes
        or each.behaviour.delete_fails
        or each.behaviour.lingers
        or each.behaviour.ignore_next_put > 1
        or each.behaviour.start_delay > SOON
    }


def described(run: Run, found: c.Iterable[str]) -> str:
    """All that it takes to understand a failure."""
    lines = [*(f"WRONG: {problem}" for problem in found), f"task: {run.task}"]
    if run.ended:
        lines.append(f"ended by {run.ended}")
    lines += [f"event before request {seq}: {event}" for seq, event in run.events]
    for sent in run.sent:
        done = f" done on {sorted(sent.done)}" if sent.done else ""
        fault = f" fault {sent.fault}" if sent.fault else ""
        lines.append(f"  {sent.seq:3} {sent.method} {sent.path} {sent.body or ''} -> {sent.status}{done}{fault}")
    numbers = [number for number in run.before if run.before[number] != run.after.get(number)]
    lines += [f"  {number}: {run.before[number].short} -> {shown(run.after.get(number))}" for number in numbers]
    lines.append(f"result: failed={run.result.failed} {run.result.text[:3000]}")
    return "\n".join(lines)


def shown(fact: Fact | None) -> str:
    """A state in short."""
    return "gone" if fact is None else fact.short


@contextlib.contextmanager
def a_world() -> c.Iterator[World]:
    """A world in a home of its own."""
    memory = "/dev/shm"  # noqa: S108 - a file that is written before each request is slow elsewhere
    with (
        tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as home,
        World(pathlib.Path(home)).open() as world,
    ):
        set_hypothesis_home_dir(home)
        yield world


def campaign(
    world: World,
    *,
    examples: int,
    seed: int,
    tally: Tally,
    modules: c.Collection[str] = tuple(SUBJECTS),
    shrink: bool = True,
) -> None:
    """Play so many sequences; raises Broken with one that breaks an invariant, the smallest one with `shrink`."""
    phases = (hypothesis.Phase.generate, *((hypothesis.Phase.shrink,) if shrink else ()))

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=phases,
    )
    @hypothesis.given(sequences(modules), natures())
    def one(sequence: list[Step], nature: Nature) -> None:
        play(world, sequence, tally, nature)

    one()
