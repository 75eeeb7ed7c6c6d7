# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The world of the campaign: the embedded simulator, a clock that jumps, what goes wrong, and a log of what came of it.

Requests are real HTTP. Time is not: every clock is the same fake one, so that a task of minutes takes milliseconds.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import copy
import dataclasses
import importlib
import json
import os
import pathlib
import shutil
import signal
import time
import types
import typing as t
from unittest import mock

import requests
import urllib3.exceptions

from ansible_collections.vastai.cloud.plugins.module_utils._api import clock, pacing, private_files, refusals
from ansible_collections.vastai.cloud.tests.simulator import Simulator, lifecycle
from ansible_collections.vastai.cloud.tests.simulator import server as simulator_server
from ansible_collections.vastai.cloud.tests.simulator.application import Outcome
from ansible_collections.vastai.cloud.tests.simulator.journal import Entry
from ansible_collections.vastai.cloud.tests.simulator.machines import change_machine, machines
from ansible_collections.vastai.cloud.tests.simulator.model import Account, Instance, Row, dollars
from ansible_collections.vastai.cloud.tests.simulator.reply import Reply
from ansible_collections.vastai.cloud.tests.simulator.request import Request

from ..plugins.harness import COLLECTION, KEY, FakeClock, Result, run_module
from .draws import ACCOUNT_KEY, price_increase
from .steps import CHANGES, MARKET, NEWEST, End, Event, Fault, Meanwhile, Nature, Task

PAGE = 4
"""Rows on a page of the listing: so few that a handful of instances needs several."""
UTILS = "ansible_collections.vastai.cloud.plugins.module_utils"
DEAR = 104
"""The machine that nobody may afford."""
DRIP_PAUSE = 25.0
"""Fake seconds between two pieces of a body that drips."""
BEGIN = 1_000_000.0
ASKS = "/api/v0/asks/"
INSTANCES = "/api/v0/instances/"
GROUP = 0
"""Stands for an endpoint group among the ids that some work was done on."""

ACCOUNT: Row = {
    "options": {"page_size": PAGE},
    "user": {"credit": 1e6},
    "machines": [
        {"id": 101, "num_gpus": 2, "price": 0.4},
        {"id": 102, "num_gpus": 2, "price": 0.45},
        {"id": 103, "num_gpus": 2, "price": 0.5},
        {"id": 104, "num_gpus": 2, "price": 2.0},
    ],
    "instances": [
        {"id": 1, "label": "web", "gpu_name": "H100 SXM"},
        {"id": 2, "label": "batch", "state": "stopped", "files": {"/workspace/model.bin": 4096}},
        {"id": 3, "label": "taken", "state": "stopped", "behaviour": {"gpu_available": False}},
        {"id": 4, "label": "twin"},
        {"id": 5, "label": "twin", "state": "stopped"},
        {"id": 6, "label": None},
    ],
    "ssh_keys": [ACCOUNT_KEY],
    "volumes": [{"label": "data", "machine_id": 101}, {"label": "data", "machine_id": 103}],
    "secrets": {"TOKEN": "SECRET-old"},
    "price_increases": [
        {"pending_price_increase_id": 81, "contract_id": 1, **price_increase(1.05)},
        {"pending_price_increase_id": 82, "contract_id": 4, **price_increase(1.5)},
        {"pending_price_increase_id": 83, "contract_id": 6, **price_increase(1.05), "new_bwu_cost": None},
    ],
    "api_keys": [{"name": "ci"}, {"name": "other"}, {"name": "main", "key_type": "primary"}],
    "templates": [
        {"name": "server", "image": "alpine", "private": True, "env": "-e TOKEN=SECRET-of-a-template"},
        {"name": "shared", "image": "alpine", "used_by_others": True},
        {"name": "server", "image": "alpine", "creator_id": 5},
    ],
    "endpoints": [
        {"id": 40, "endpoint_name": "llama", "workergroups": [{"id": 50, "workers": [{"id": 91}, {"id": 92}]}]},
        {
            "id": 41,
            "endpoint_name": "leaky",
            "workergroups": [{"id": 51, "workers": [{"id": 93, "behaviour": {"delete_fails": True}}]}],
        },
    ],
}


Tables = dict[str, dict[int, Row]]


@dataclasses.dataclass
class Sent:
    """One request that reached the simulator, and what came of it.

    `done`: the instances it was carried out on. `rows`: what a page of the listing showed to whom asked.
    `told`: the workers that it named.
    `lost`: the reply did not get through whole.
    """

    seq: int
    method: str
    path: str
    body: t.Any
    write: bool
    fault: str | None
    authorization: bool
    status: int | None = None
    slug: str | None = None
    lost: bool = False
    done: frozenset[int] = frozenset()
    told: frozenset[int] = frozenset()
    rows: dict[int, Row] = dataclasses.field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether whoever sent it was told that it was not carried out."""
        if self.lost or self.status is None:
            return False
        return self.status in (400, 429, 500) or 400 <= self.status < 500 or self.slug is not None


@dataclasses.dataclass(frozen=True)
class Fact:
    """What the simulator itself holds of one instance."""

    label: str
    actual_status: str | None
    intended_status: str
    cur_state: str
    next_state: str
    queued: bool
    bills_gpu: bool
    flickers: bool
    generation: int
    files: tuple[str, ...]
    machine_id: int = 0
    per_hour: float = 0.0
    gpu: str = ""
    reboots: int = 0
    start_date: float = 0.0
    is_worker: bool = False

    @property
    def short(self) -> str:
        """In a line."""
        status = f"actual {self.actual_status}, intended {self.intended_status}, contract {self.cur_state}"
        queued = ", start queued" if self.queued else ""
        return f"{self.label!r} {status}{queued}, container {self.generation}, {len(self.files)} files"

    @property
    def is_asked_to_run(self) -> bool:
        """Whether anything that it shows says so; what still runs while it is being stopped shows `next_state` late."""
        waits = self.cur_state == "stopped" and self.next_state == "running"
        return waits or self.intended_status == "running"

    @property
    def own(self) -> tuple[t.Any, ...]:
        """What a user decides: all that is not a matter of time."""
        return self.label, self.intended_status, self.generation, self.files


@dataclasses.dataclass
class Run:
    """One task, from the state before it to the state after it.

    `lag`: how old rows are. `ended`: how it was ended from outside. `told`: the workers that this and earlier runs of
    vast_endpoint were told of. `unheard`: a write was lost on its way, before it was carried out. `inherited`: the
    instances that a run which was killed had started. `kept_before`, `kept`: the rows of the account's other things;
    `things`: what of it has no rows.
    """

    task: Task
    result: Result
    before: dict[int, Fact]
    after: dict[int, Fact]
    endpoints_before: set[int]
    endpoints_after: set[int]
    sent: list[Sent]
    events: list[tuple[int, Event]]
    seconds: float
    lag: float = 0.0
    ended: str | None = None
    told: frozenset[int] = frozenset()
    inherited: frozenset[int] = frozenset()
    kept_before: Tables = dataclasses.field(default_factory=dict)
    kept: Tables = dataclasses.field(default_factory=dict)
    things: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    market_is_sound: bool = True
    unheard: bool = False

    @property
    def created(self) -> set[int]:
        """The instances that it has rented."""
        rents = [sent for sent in self.writes if sent.path.startswith(ASKS)]
        return {number for sent in rents for number in sent.done}

    @property
    def destroyed(self) -> set[int]:
        """The instances that it has destroyed itself."""
        ends = [sent for sent in self.writes if sent.method == "DELETE" and sent.path.startswith(INSTANCES)]
        return {number for sent in ends for number in sent.done}

    @property
    def writes(self) -> list[Sent]:
        """What was sent to change something."""
        return [sent for sent in self.sent if sent.write]

    def touched(self, instance_id: int, since: int = 0) -> bool:
        """Whether somebody else changed an instance or its fate during the task, or listings lacked it."""
        flickers = instance_id in self.before and self.before[instance_id].flickers
        return flickers or any(event.target == instance_id for seq, event in self.events if seq >= since)

    def showed_queue(self, instance_id: int) -> bool:
        """Whether a listing that came after the last change of an instance showed that its start is queued."""
        last = max((sent.seq for sent in self.writes if instance_id in sent.done), default=0)
        rows = [sent.rows[instance_id] for sent in self.sent if sent.seq > last and instance_id in sent.rows]
        return any(
            row["cur_state"] == "stopped" and "running" in (row["intended_status"], row["next_state"]) for row in rows
        )

    def seen_last(self, instance_id: int) -> int:
        """The last request whose reply showed the instance."""
        return max((sent.seq for sent in self.sent if instance_id in sent.rows), default=0)


class Killed(BaseException):
    """The task does nothing any more. No Exception, so that nothing takes it for a lost connection."""


class Signalled(BaseException):
    """What a signal does to a task that does not take it over."""


@dataclasses.dataclass
class Stage:
    """What goes on while one task runs; another that runs meanwhile has its own."""

    log: list[Sent] = dataclasses.field(default_factory=list)
    happened: list[tuple[int, Event]] = dataclasses.field(default_factory=list)
    events: list[Event] = dataclasses.field(default_factory=list)
    meanwhile: list[Meanwhile] = dataclasses.field(default_factory=list)
    others: list[Run] = dataclasses.field(default_factory=list)
    end: End | None = None
    ended: str | None = None
    asked: int = 0
    unheard: bool = False


class World:
    """A simulator with a fake clock; tasks are run in it, and others meddle with it."""

    def __init__(self, home: pathlib.Path) -> None:
        self.clock = FakeClock()
        self.home = home
        self.simulator = Simulator(
            ACCOUNT, KEY, clock=self.clock.now, sleep=self.clock.sleep, on_asked=self._asked, on_done=self._note
        )
        self._stages: list[Stage] = [Stage()]
        self._unreachable = 0
        self._told: frozenset[int] = frozenset()
        self.nature = Nature()

    @contextlib.contextmanager
    def open(self) -> c.Iterator[World]:
        """Serve, with every clock, home and proxy setting of this process replaced."""
        home = str(self.home)
        clean = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        clean |= {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_CACHE_HOME": f"{home}/cache"}
        wall = types.SimpleNamespace(
            **{**vars(time), "time": self.clock.now, "clock_gettime": lambda _which: self.clock.now()}
        )
        patches: list[contextlib.AbstractContextManager[t.Any]] = [
            mock.patch.dict(os.environ, clean, clear=True),
            mock.patch.object(clock.Clock, "now", self.clock.now),
            mock.patch.object(clock.Clock, "sleep", self.clock.sleep),
            mock.patch.object(pacing, "machine_time", self.clock.now),
            # Whoever has a lock is a task that this one interrupts, and lets go of it no sooner.
            mock.patch.object(private_files, "MAX_LOCK_WAIT", -1.0),
            *(mock.patch.object(module, "time", wall) for module in (refusals, *_timed())),
            mock.patch.object(simulator_server, "time", types.SimpleNamespace(sleep=self._drip)),
            mock.patch.object(requests.adapters.HTTPAdapter, "send", self._sending(requests.adapters.HTTPAdapter.send)),
        ]
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                stack.callback(signal.signal, number, signal.signal(number, _signalled))
            stack.enter_context(self.simulator)
            yield self

    @property
    def account(self) -> Account:
        """The live account."""
        return self.simulator.account

    @property
    def stage(self) -> Stage:
        """Of the task that runs now."""
        return self._stages[-1]

    def begin(self, nature: Nature | None = None) -> None:
        """Back to the start: time, account and all that was kept in files."""
        self.clock.seconds = BEGIN
        self.clock.slept.clear()
        self.simulator.reset()
        self.nature = nature or Nature()
        self._told = frozenset()
        self.simulator.set_options(**self.nature.options)
        for number in self.account.instances if self.nature.behaviour else ():
            self.simulator.set_instance(number, **self.nature.behaviour)
        for machine in machines(self.account).values():
            machine.behaviour = dict(self.nature.behaviour)
        for each in self.home.iterdir():
            shutil.rmtree(each, ignore_errors=True)

    def pass_time(self, seconds: float) -> None:
        """Let the world settle."""
        self.clock.seconds += seconds

    def run(
        self,
        task: Task,
        faults: c.Iterable[Fault] = (),
        events: c.Iterable[Event] = (),
        end: End | None = None,
        meanwhile: c.Iterable[Meanwhile] = (),
        inherited: frozenset[int] = frozenset(),
    ) -> tuple[Run, list[Run]]:
        """Run one task while these things go wrong; afterwards nothing goes wrong any more.

        Gives its run, and those of the tasks that ran meanwhile.
        """
        self._unreachable = 0
        for fault in faults:
            if fault.kind == "unreachable":
                self._unreachable += fault.times or 2
            else:
                self.simulator.add_fault(fault.rule())
        stage = Stage(events=[*events], meanwhile=[*meanwhile], end=end)
        run = self._play(task, stage, inherited)
        self.simulator.clear_faults()
        self._unreachable = 0
        return run, stage.others

    def _play(self, task: Task, stage: Stage, inherited: frozenset[int] = frozenset()) -> Run:
        before, endpoints, began = self.facts(), set(self.account.endpoints), self.clock.seconds
        kept = copy.deepcopy(self.account.tables)
        self._stages.append(stage)
        try:
            result = run_module(task.module, check_mode=task.check, api_url=self.simulator.url, **task.options)
        except (Killed, Signalled) as ended:
            if stage.ended is None:
                raise KeyboardInterrupt from ended
            result = Result(True, {"msg": ""})
        finally:
            self._stages.pop()
        for defect in self.simulator.application.defects:
            raise defect
        if task.module == "vast_endpoint":
            # Others ask for workers to leave them alone, and have nothing to remember of them.
            self._told = self._told.union(*(sent.told for sent in stage.log))
        return Run(
            task,
            result,
            before,
            self.facts(),
            endpoints,
            set(self.account.endpoints),
            stage.log,
            stage.happened,
            self.clock.seconds - began,
            self.nature.lag,
            stage.ended,
            self._told,
            inherited,
            kept,
            copy.deepcopy(self.account.tables),
            {"secrets": dict(self.account.things.get("secrets", {}))},
            is_sound(self.account),
            stage.unheard,
        )

    def facts(self) -> dict[int, Fact]:
        """The instances by the simulator's own account, brought up to now."""
        application = self.simulator.application
        with application._lock:
            lifecycle.advance(self.account)
            return {each.id: _fact(each) for each in self.account.instances.values()}

    def files(self) -> str:
        """The content of all that was written to the home."""
        return "".join(path.read_text() for path in self.home.rglob("*") if path.is_file())

    def _asked(self, _request: Request) -> None:
        """What somebody else does first."""
        stage = self.stage
        seq = len(stage.log) + 1
        for event in [event for event in stage.events if event.at == seq]:
            self._meddle(event, seq)

    def _note(self, entry: Entry, outcome: Outcome) -> None:
        """A note of each request and what came of it."""
        sent = Sent(
            len(self.stage.log) + 1,
            entry["method"],
            entry["path"],
            entry["body"],
            entry["write"],
            entry["fault"],
            entry["has_authorization"],
            entry["status"],
        )
        sent.done = frozenset(each["id"] if each["kind"] == "instance" else GROUP for each in entry["effects"])
        action = outcome.fault.action if outcome.fault else ""
        sent.lost = action in ("drop", "truncate")
        _note_body(sent, outcome.reply, dripping=action == "drip")
        self.stage.log.append(sent)

    def _meddle(self, event: Event, seq: int) -> None:
        application = self.simulator.application
        with application._lock:
            lifecycle.advance(self.account)
            event = dataclasses.replace(event, target=event.target or max(self.account.instances, default=NEWEST))
            if meddle(self.account, event):
                self.stage.happened.append((seq, event))

    def _drip(self, _seconds: float) -> None:
        time.sleep(0.001)  # lets the reader take in what came before
        self.clock.sleep(DRIP_PAUSE)

    def _sending(self, send: c.Callable[..., requests.Response]) -> c.Callable[..., requests.Response]:
        """As a socket would have it: nothing listens, or the reply comes after the read timeout."""

        def sending(
            adapter: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: t.Any
        ) -> requests.Response:
            stage = self.stage
            stage.asked += 1
            for other in [each for each in stage.meanwhile if each.at == stage.asked]:
                self._let_run(other, stage)
            self._maybe_end(stage, after=False)
            response = sent(adapter, request, **options)
            self._maybe_end(stage, after=True)
            return response

        def sent(
            adapter: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: t.Any
        ) -> requests.Response:
            if self._unreachable:
                self._unreachable -= 1
                refused = urllib3.exceptions.NewConnectionError(t.cast(t.Any, None), "Connection refused")
                raise requests.ConnectionError(
                    urllib3.exceptions.MaxRetryError(t.cast(t.Any, None), str(request.url), refused), request=request
                )
            began, heard = self.clock.seconds, len(self.stage.log)
            try:
                response = send(adapter, request, **options)
            finally:
                if len(self.stage.log) == heard and request.method in ("PUT", "DELETE"):
                    self.stage.unheard = True
            if self.clock.seconds - began > options["timeout"][1] and "drip" not in (self.stage.log[-1].fault or ""):
                response.close()
                late = self.stage.log[-1]
                late.lost, late.rows, late.told = True, {}, frozenset()
                raise requests.ReadTimeout("Read timed out.", request=request)
            return response

        return sending

    def _let_run(self, other: Meanwhile, stage: Stage) -> None:
        """Another task, from its begin to its end; for the first one it is what somebody else does."""
        task, home = other.task, f"{self.home}/elsewhere"
        there = {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_CACHE_HOME": f"{home}/cache"}
        os.makedirs(home, exist_ok=True)
        with mock.patch.dict(os.environ, there if other.elsewhere else {}):
            # What happened before it may come about only now.
            run = self._play(task, Stage(happened=[(0, event) for _seq, event in stage.happened]))
        stage.others.append(run)
        started = ("running",) if task.options.get("state") == "running" else ()
        for number in {number for sent in run.writes for number in sent.done}:
            stage.happened.append((stage.asked, Event("started" if started else "changed", number, stage.asked)))
        for number in set(run.before) - set(run.after) | (run.endpoints_before - run.endpoints_after):
            stage.happened.append((stage.asked, Event("vanished", number, stage.asked)))

    @staticmethod
    def _maybe_end(stage: Stage, *, after: bool) -> None:
        """End the task from outside when it is time to; one that was killed stays dead."""
        end = stage.end
        if stage.ended == "kill":
            raise Killed
        if end is None or stage.ended or (end.at, end.after) != (stage.asked, after):
            return
        stage.ended = end.how
        if end.how == "kill":
            raise Killed
        os.kill(os.getpid(), signal.Signals[end.how])


def _signalled(number: int, _frame: types.FrameType | None) -> t.NoReturn:
    raise Signalled(signal.Signals(number).name)


def _fact(instance: Instance) -> Fact:
    row = instance.row
    return Fact(
        row["label"] or "",
        row["actual_status"],
        row["intended_status"],
        row["cur_state"],
        row["next_state"],
        instance.queued,
        instance.bills_gpu,
        instance.behaviour.missing_listings > 0,
        instance.generation,
        tuple(sorted(instance.files.entries)),
        row["machine_id"],
        dollars(row["dph_total"]),
        f"{row['num_gpus']} x {row['gpu_name']}",
        instance.reboots,
        row["start_date"],
        instance.workergroup_id is not None,
    )


def _note_body(sent: Sent, reply: Reply, *, dripping: bool) -> None:
    try:
        body = json.loads(reply.content)
    except ValueError:
        return
    if sent.path.startswith("/get_endpoint_workers") and isinstance(body, list) and not sent.lost:
        sent.told = frozenset(row["id"] for row in body if isinstance(row, dict) and "id" in row)
    if not isinstance(body, dict) or sent.lost:
        return
    named = [*_listed(body.get("deleted_workers")), *_listed(body.get("failed_workers"))]
    sent.told = frozenset(number for number in named if isinstance(number, int))
    if body.get("success") is False and not dripping:
        sent.slug = str(body.get("error"))
    rows = body.get("instances", body.get("results"))
    if sent.method == "GET" and sent.status == 200 and isinstance(rows, list):
        sent.rows = {row["id"]: row for row in rows if isinstance(row, dict) and "id" in row}


def _listed(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []


def _timed() -> list[types.ModuleType]:
    """The modules of domains that tell the time of day."""
    # The reaper holds the dates of the rows against its clock, and those are true ones.
    others = {"_api", "_core", "_ansible", "_reaper"}
    utils = COLLECTION / "plugins" / "module_utils"
    files = [file for file in utils.glob("_*/*.py") if file.parent.name not in others]
    names = [f"{UTILS}.{file.parent.name}.{file.stem}" for file in files]
    return [module for module in map(importlib.import_module, names) if getattr(module, "time", None) is time]


def is_sound(account: Account) -> bool:
    """Whether whoever rents gets what is offered, and something fitting is offered."""
    there = [machine for machine in machines(account).values() if machine.listed and machine.id != DEAR]
    broken = [
        machine
        for machine in there
        if machine.answer != "rent"
        or machine.delivers
        or machine.ignores_label
        or machine.behaviour.keys() - {"row_lag"}
    ]
    return not broken and any(machine.free(account) and machine.gpu_price <= 1.0 for machine in there)


def meddle(account: Account, event: Event) -> bool:
    """What somebody else does, or what becomes of an instance; False when there was nothing to do it to."""
    if event.kind in MARKET:
        change_machine(account, event.target, MARKET[event.kind], "event")
        return True
    if event.kind == "endpoint_deleted":
        return _delete_endpoint(account, event.target)
    instance = account.instances.get(event.target)
    if instance is None:
        return False
    if event.kind in DOINGS:
        DOINGS[event.kind](account, instance)
    else:
        for name, value in CHANGES.get(event.kind, {event.kind: True}).items():
            setattr(instance.behaviour, name, value)
    return True


def _show(changes: Row) -> c.Callable[[Account, Instance], None]:
    def show(account: Account, instance: Instance) -> None:
        instance.steps.clear()
        instance.update(changes, account.clock.now())

    return show


def _relabel(account: Account, instance: Instance) -> None:
    instance.update({"label": "renamed"}, account.clock.now())


def _ignore(_account: Account, instance: Instance) -> None:
    instance.behaviour.ignore_next_put += 1


DOINGS: dict[str, c.Callable[[Account, Instance], t.Any]] = {
    "stopped": lifecycle.stop,
    "started": lifecycle.start,
    "recycled": lambda account, instance: lifecycle.recycle(account, instance, instance.files),
    "vanished": lifecycle.remove,
    "relabelled": _relabel,
    "crashed": _show({"actual_status": "exited"}),
    "offline": _show({"actual_status": "offline"}),
    "ignored": _ignore,
}


def _delete_endpoint(account: Account, endpoint_id: int) -> bool:
    found = account.endpoints.pop(endpoint_id, None)
    for group in account.groups_of(endpoint_id):
        del account.workergroups[group["id"]]
    return found is not None
