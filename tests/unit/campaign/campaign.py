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
from .invariants import excuses, problems
from .steps import EVENTS, KINDS, OWN_PLACES, Event, Fault, Step, Task
from .world import Fact, Run, World

IDS = (1, 2, 3, 4, 5, 6, 99)
LABELS = ("web", "batch", "taken", "twin", "renamed", "nobody")
FILE = "/workspace/model.bin"
COMMANDS: tuple[dict[str, t.Any], ...] = (
    {"command": "ls /workspace"},
    {"command": "du -sh /workspace"},
    {"command": f"rm -f {FILE}", "removes": FILE},
    {"command": f"rm {FILE}"},
    {"command": f"rm -rf {FILE}", "removes": FILE, "creates": "/nowhere"},
    {"command": "cat /etc/passwd"},
)
SETTLE = 4000.0
"""Seconds in which the world comes to rest, and pacing forgets what it learned."""
PATIENCE = {"wait_timeout": 400, "wait_interval": 20.0, "retry_timeout": 120, "api_timeout": 60, "api_pacing": True}


def _connection() -> st.SearchStrategy[dict[str, t.Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "retry_timeout": st.sampled_from((0, 20, 60)),
            "api_timeout": st.sampled_from((10, 60)),
            "api_pacing": st.just(False),
        },
    )


def _waits() -> st.SearchStrategy[dict[str, t.Any]]:
    patient = st.sampled_from(((40, 5.0), (40, 5.0), (10, 2.0), (300, 20.0)))
    return st.builds(
        lambda wait, pair: {"wait": wait, "wait_timeout": pair[0], "wait_interval": pair[1]},
        st.sampled_from((True, True, True, False)),
        patient,
    )


def _targets() -> st.SearchStrategy[dict[str, t.Any]]:
    return st.one_of(
        st.builds(lambda number: {"id": number}, st.sampled_from(IDS)),
        st.builds(lambda label: {"label": label}, st.sampled_from(LABELS)),
    )


@st.composite
def instance_tasks(draw: st.DrawFn) -> Task:
    """Start, stop and label."""
    options = {**draw(_targets()), **draw(_waits()), **draw(_connection())}
    state = draw(st.sampled_from(("running", "running", "stopped", None)))
    if "id" in options and (state is None or draw(st.booleans())):
        options["label"] = draw(st.sampled_from(("web", "mine", "")))
    elif state is None:
        state = "running"
    if state is not None:
        options["state"] = state
    if state == "running" and options["wait"]:
        options["on_unavailable"] = draw(st.sampled_from(("fail", "fail", "wait")))
    return Task("vast_instance", options, draw(_checks()))


@st.composite
def recycle_tasks(draw: st.DrawFn) -> Task:
    """A fresh container."""
    where = st.one_of(st.just({"id": 1}), st.just({"label": "web"}), st.just({"id": 6}), _targets())
    options = {**draw(where), **draw(_waits()), **draw(_connection())}
    statuses = draw(st.sampled_from(((), (), ("exited",), ("exited", "offline"))))
    return Task("vast_instance_recycle", {**options, "only_if_status": list(statuses)}, draw(_checks()))


@st.composite
def exec_tasks(draw: st.DrawFn) -> Task:
    """A remote command."""
    where = st.one_of(st.just({"id": 2}), st.just({"label": "batch"}), _targets())
    options = {**draw(where), **draw(st.sampled_from(COMMANDS)), **draw(_connection())}
    return Task("vast_instance_exec", options, draw(_checks()))


@st.composite
def endpoint_tasks(draw: st.DrawFn) -> Task:
    """No endpoint."""
    which: dict[str, t.Any] = draw(
        st.sampled_from(({"id": 40}, {"name": "llama"}, {"id": 41}, {"name": "leaky"}, {"id": 49}))
    )
    return Task("vast_endpoint", {**which, "state": "absent", **draw(_waits()), **draw(_connection())}, draw(_checks()))


@st.composite
def fleet_tasks(draw: st.DrawFn) -> Task:
    """Many at once."""
    select: dict[str, t.Any] = draw(
        st.sampled_from(
            (
                {"all": True},
                {"ids": [1, 2, 3]},
                {"ids": [3, 5]},
                {"ids": [2, 5, 99]},
                {"label": ["twin", "batch"]},
                {"label": [""]},
                {"label_prefix": "t"},
                {"status": ["running"]},
                {"status": ["exited", "offline"]},
                {"gpu_name": ["H100_SXM"]},
            )
        )
    )
    exclude = draw(st.sampled_from((None, None, {"ids": [1]}, {"label": ["taken"]}, {"status": ["offline"]})))
    state = draw(st.sampled_from(("running", "stopped", "recycled")))
    options = {"select": select, "exclude": exclude, "state": state, **draw(_waits()), **draw(_connection())}
    if state == "recycled":
        options |= {"wait": True, "batch": draw(st.sampled_from((1, 2, 5)))}
    if draw(st.sampled_from((False, False, True))):
        options["max_affected"] = draw(st.sampled_from((0, 1, 2, 9)))
    return Task("vast_fleet", {name: value for name, value in options.items() if value is not None}, draw(_checks()))


@st.composite
def info_tasks(draw: st.DrawFn) -> Task:
    """Looking only."""
    module = draw(st.sampled_from(("vast_instance_info", "vast_endpoint_info")))
    return Task(module, draw(_connection()))


def _checks() -> st.SearchStrategy[bool]:
    return st.sampled_from((False, False, False, True))


def tasks() -> st.SearchStrategy[Task]:
    """Any task; those on instances more often than others."""
    return st.one_of(
        instance_tasks(), fleet_tasks(), recycle_tasks(), exec_tasks(), endpoint_tasks(), instance_tasks(), info_tasks()
    )


ROUTES = {
    "vast_instance": ("listing", "put", "put", "any"),
    "vast_instance_recycle": ("listing", "put", "put", "any"),
    "vast_fleet": ("listing", "put", "put", "any"),
    "vast_instance_exec": ("listing", "put", "put", "result", "any"),
    "vast_endpoint": ("endpoints", "delete", "delete", "listing", "any"),
    "vast_endpoint_info": ("endpoints", "any"),
    "vast_instance_info": ("listing", "any"),
}
"""What each module asks for."""


@st.composite
def faults(draw: st.DrawFn, module: str) -> Fault:
    """Replies that go wrong: once or a few times, or until the task ends."""
    routes = ROUTES[module]
    special = [kind for kind in OWN_PLACES if OWN_PLACES[kind] in routes] or list(LOST)
    refusals = [kind for kind in (*KINDS, "unreachable") if kind not in (*OWN_PLACES, *LOST)]
    kind = draw(st.sampled_from(draw(st.sampled_from((LOST, LOST, refusals, refusals, special)))))
    where = OWN_PLACES.get(kind) or draw(st.sampled_from(routes))
    return Fault(kind, where, draw(st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5))), draw(st.sampled_from(TIMES)))


LOST = (
    "drop",
    "drop-after",
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


@st.composite
def events(draw: st.DrawFn, task: Task) -> Event:
    """Somebody else's doing, before one of the first requests; mostly to what the task is about."""
    at = draw(st.sampled_from((1, 2, 2, 3, 3, 4, 5, 6, 8)))
    if task.module == "vast_endpoint" and draw(st.sampled_from((True, True, False))):
        kind = draw(st.sampled_from(("endpoint_deleted", "delete_fails", "lingers", "vanished")))
        return Event(kind, draw(st.sampled_from((40, 41) if kind == "endpoint_deleted" else (91, 92, 93))), at)
    meant = NAMED.get(task.options.get("id") or task.options.get("label") or 0, IDS[:-1])
    target = draw(st.sampled_from(draw(st.sampled_from((meant, meant, IDS[:-1])))))
    return Event(draw(st.sampled_from(EVENTS)), target, at)


NAMED: dict[int | str, tuple[int, ...]] = {
    **{number: (number,) for number in IDS[:-1]},
    "web": (1,),
    "batch": (2,),
    "taken": (3,),
    "twin": (4, 5),
}


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A task with up to three things that go wrong with replies, and up to two that others do."""
    task = draw(tasks())
    wrong = [draw(faults(task.module)) for _number in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3))))]
    meanwhile = [draw(events(task)) for _number in range(draw(st.sampled_from((0, 0, 1, 2))))]
    return Step(task, tuple(wrong), tuple(meanwhile))


def sequences() -> st.SearchStrategy[list[Step]]:
    """A short play."""
    return st.sampled_from((1, 2, 3, 4)).flatmap(lambda count: st.lists(steps(), min_size=count, max_size=count))


@dataclasses.dataclass
class Tally:
    """What a campaign consisted of."""

    sequences: int = 0
    requests: int = 0
    tasks: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    faults: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    events: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def count(self, run: Run) -> None:
        """Take in one task."""
        mode = " (check)" if run.task.check else ""
        self.tasks[f"{run.task.module}{mode}"] += 1
        self.faults.update(sent.fault for sent in run.sent if sent.fault)
        self.events.update(event.kind for _seq, event in run.events)
        how = "changed" if run.result.values.get("changed") else "unchanged"
        self.outcomes[f"{run.task.module}: {run.result['error_class'] if run.result.failed else how}"] += 1
        self.requests += len(run.sent)


class Broken(AssertionError):
    """An invariant does not hold."""


def play(world: World, sequence: c.Sequence[Step], tally: Tally | None = None) -> None:
    """Play a sequence and hold what has to hold after each task; raises Broken."""
    tally = tally or Tally()
    tally.sequences += 1
    world.begin()
    for step in sequence:
        judge(world, world.run(step.task, step.faults, step.events), tally)
    last = next((step.task for step in reversed(sequence) if not step.task.check and is_idempotent(step.task)), None)
    if last is not None:
        converge(world, last, tally)


def judge(world: World, run: Run, tally: Tally, *more: str) -> None:
    """Hold one run to the invariants."""
    tally.count(run)
    found = [*problems(run), *more]
    text = world.files()
    if KEY in text or "SECRET" in text:
        found.append("a secret is in a file")
    if found:
        raise Broken(described(run, found))


def is_idempotent(task: Task) -> bool:
    """Whether a second run of a task has nothing to do."""
    if task.module == "vast_instance_exec":
        return "removes" in task.options
    if task.module in ("vast_instance_recycle", "vast_fleet"):
        return bool(task.options.get("only_if_status")) or task.options.get("state") in ("running", "stopped")
    return task.module in ("vast_instance", "vast_endpoint")


def converge(world: World, task: Task, tally: Tally) -> None:
    """In a world that holds still one run gets there, or fails for a true reason; the next has nothing to do."""
    world.pass_time(SETTLE)
    world.facts()
    world.pass_time(SETTLE)
    options = {**task.options, **(PATIENCE if task.module != "vast_instance_exec" else {}), "wait": True}
    if task.module == "vast_instance_exec":
        options = {**task.options, "retry_timeout": 120, "api_timeout": 60}
    patient = Task(task.module, options)
    stubborn = stubborn_ones(world)
    first = world.run(patient)
    if first.result.failed:
        wrong = [] if excuses(first, stubborn) else [f"it does not converge: {first.result['msg']}"]
        judge(world, first, tally, *wrong)
        return
    judge(world, first, tally)
    world.pass_time(SETTLE)
    second = world.run(patient)
    wrong = []
    if second.result.failed:
        wrong.append(f"the second run fails: {second.result['msg']}")
    if second.result.values.get("changed") or second.writes:
        wrong.append("the second run changes something")
    judge(world, second, tally, *wrong)


def stubborn_ones(world: World) -> set[int]:
    """The instances whose nature it is not to get there."""
    return {
        each.id
        for each in world.account.instances.values()
        if not each.behaviour.gpu_available
        or each.behaviour.stuck
        or each.behaviour.crash_on_start
        or each.behaviour.vanishes
        or each.behaviour.delete_fails
        or each.behaviour.lingers
        or each.behaviour.ignore_next_put > 1
    }


def described(run: Run, found: c.Iterable[str]) -> str:
    """All that it takes to understand a failure."""
    lines = [*(f"WRONG: {problem}" for problem in found), f"task: {run.task}"]
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


def campaign(world: World, *, examples: int, seed: int, tally: Tally) -> None:
    """Play so many sequences; raises Broken with the smallest one that breaks an invariant."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
    )
    @hypothesis.given(sequences())
    def one(sequence: list[Step]) -> None:
        play(world, sequence, tally)

    one()
