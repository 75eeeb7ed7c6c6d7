# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The world of the campaign: the embedded simulator, a clock that jumps, what goes wrong, and a log of what came of it.

Requests are real HTTP. Time is not: every clock is the same fake one, so that a task of minutes takes milliseconds.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import time
import types
import typing as t
from unittest import mock

import requests
import urllib3.exceptions

from ansible_collections.vastai.cloud.plugins.module_utils._api import clock, pacing, replies
from ansible_collections.vastai.cloud.tests.simulator import Simulator, lifecycle
from ansible_collections.vastai.cloud.tests.simulator import server as simulator_server
from ansible_collections.vastai.cloud.tests.simulator.application import Outcome
from ansible_collections.vastai.cloud.tests.simulator.journal import Entry
from ansible_collections.vastai.cloud.tests.simulator.model import Account, Instance, Row
from ansible_collections.vastai.cloud.tests.simulator.reply import Reply
from ansible_collections.vastai.cloud.tests.simulator.request import Request

from ..plugins.harness import KEY, FakeClock, Result, run_module
from .steps import Event, Fault, Task

PAGE = 4
"""Rows on a page of the listing: so few that a handful of instances needs several."""
DRIP_PAUSE = 25.0
"""Fake seconds between two pieces of a body that drips."""
BEGIN = 1_000_000.0
GROUP = 0
"""Stands for an endpoint group among the ids that some work was done on."""

ACCOUNT: Row = {
    "options": {"page_size": PAGE},
    "instances": [
        {"id": 1, "label": "web", "gpu_name": "H100 SXM"},
        {"id": 2, "label": "batch", "state": "stopped", "files": {"/workspace/model.bin": 4096}},
        {"id": 3, "label": "taken", "state": "stopped", "behaviour": {"gpu_available": False}},
        {"id": 4, "label": "twin"},
        {"id": 5, "label": "twin", "state": "stopped"},
        {"id": 6, "label": None},
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


@dataclasses.dataclass
class Sent:
    """One request that reached the simulator, and what came of it.

    `done`: the instances it was carried out on. `rows`: what a page of the listing showed to whom asked.
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
    generation: int
    files: tuple[str, ...]

    @property
    def short(self) -> str:
        """In a line."""
        status = f"actual {self.actual_status}, intended {self.intended_status}, contract {self.cur_state}"
        return f"{self.label!r} {status}, container {self.generation}, {len(self.files)} files"

    @property
    def own(self) -> tuple[t.Any, ...]:
        """What a user decides: all that is not a matter of time."""
        return self.label, self.intended_status, self.generation, self.files


@dataclasses.dataclass
class Run:
    """One task, from the state before it to the state after it."""

    task: Task
    result: Result
    before: dict[int, Fact]
    after: dict[int, Fact]
    endpoints_before: set[int]
    endpoints_after: set[int]
    sent: list[Sent]
    events: list[tuple[int, Event]]
    seconds: float

    @property
    def writes(self) -> list[Sent]:
        """What was sent to change something."""
        return [sent for sent in self.sent if sent.write]

    def touched(self, instance_id: int, since: int = 0) -> bool:
        """Whether somebody else changed an instance or its fate during the task."""
        return any(event.target == instance_id for seq, event in self.events if seq >= since)

    def seen_last(self, instance_id: int) -> int:
        """The last request whose reply showed the instance."""
        return max((sent.seq for sent in self.sent if instance_id in sent.rows), default=0)


class World:
    """A simulator with a fake clock; tasks are run in it, and others meddle with it."""

    def __init__(self, home: pathlib.Path) -> None:
        self.clock = FakeClock()
        self.home = home
        self.simulator = Simulator(
            ACCOUNT, KEY, clock=self.clock.now, sleep=self.clock.sleep, on_asked=self._asked, on_done=self._note
        )
        self._log: list[Sent] = []
        self._happened: list[tuple[int, Event]] = []
        self._events: list[Event] = []
        self._unreachable = 0

    @contextlib.contextmanager
    def open(self) -> c.Iterator[World]:
        """Serve, with every clock, home and proxy setting of this process replaced."""
        home = str(self.home)
        clean = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        clean |= {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_CACHE_HOME": f"{home}/cache"}
        wall = types.SimpleNamespace(time=self.clock.now, monotonic=time.monotonic, sleep=time.sleep)
        patches: list[contextlib.AbstractContextManager[t.Any]] = [
            mock.patch.dict(os.environ, clean, clear=True),
            mock.patch.object(clock.Clock, "now", self.clock.now),
            mock.patch.object(clock.Clock, "sleep", self.clock.sleep),
            mock.patch.object(pacing, "machine_time", self.clock.now),
            mock.patch.object(replies, "time", wall),
            mock.patch.object(simulator_server, "time", types.SimpleNamespace(sleep=self._drip)),
            mock.patch.object(requests.adapters.HTTPAdapter, "send", self._sending(requests.adapters.HTTPAdapter.send)),
        ]
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            stack.enter_context(self.simulator)
            yield self

    @property
    def account(self) -> Account:
        """The live account."""
        return self.simulator.account

    def begin(self) -> None:
        """Back to the start: time, account and pacing."""
        self.clock.seconds = BEGIN
        self.clock.slept.clear()
        self.simulator.reset()
        shutil.rmtree(self.home / "cache", ignore_errors=True)

    def pass_time(self, seconds: float) -> None:
        """Let the world settle."""
        self.clock.seconds += seconds

    def run(self, task: Task, faults: c.Iterable[Fault] = (), events: c.Iterable[Event] = ()) -> Run:
        """Run one task while these things go wrong; afterwards nothing goes wrong any more."""
        before, endpoints = self.facts(), set(self.account.endpoints)
        self._log, self._happened = [], []
        self._events = [*events]
        self._unreachable = 0
        for fault in faults:
            if fault.kind == "unreachable":
                self._unreachable += fault.times or 2
            else:
                self.simulator.add_fault(fault.rule())
        began = self.clock.seconds
        result = run_module(task.module, check_mode=task.check, api_url=self.simulator.url, **task.options)
        seconds = self.clock.seconds - began
        for defect in self.simulator.application.defects:
            raise defect
        self.simulator.clear_faults()
        self._events, self._unreachable = [], 0
        return Run(
            task,
            result,
            before,
            self.facts(),
            endpoints,
            set(self.account.endpoints),
            self._log,
            self._happened,
            seconds,
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
        seq = len(self._log) + 1
        for event in [event for event in self._events if event.at == seq]:
            self._meddle(event, seq)

    def _note(self, entry: Entry, outcome: Outcome) -> None:
        """A note of each request and what came of it."""
        sent = Sent(
            len(self._log) + 1,
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
        self._log.append(sent)

    def _meddle(self, event: Event, seq: int) -> None:
        application = self.simulator.application
        with application._lock:
            lifecycle.advance(self.account)
            if meddle(self.account, event):
                self._happened.append((seq, event))

    def _drip(self, _seconds: float) -> None:
        time.sleep(0.001)  # lets the reader take in what came before
        self.clock.sleep(DRIP_PAUSE)

    def _sending(self, send: c.Callable[..., requests.Response]) -> c.Callable[..., requests.Response]:
        """As a socket would have it: nothing listens, or the reply comes after the read timeout."""

        def sending(
            adapter: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: t.Any
        ) -> requests.Response:
            if self._unreachable:
                self._unreachable -= 1
                refused = urllib3.exceptions.NewConnectionError(t.cast(t.Any, None), "Connection refused")
                raise requests.ConnectionError(
                    urllib3.exceptions.MaxRetryError(t.cast(t.Any, None), str(request.url), refused), request=request
                )
            began = self.clock.seconds
            response = send(adapter, request, **options)
            if self.clock.seconds - began > options["timeout"][1] and "drip" not in (self._log[-1].fault or ""):
                response.close()
                self._log[-1].lost, self._log[-1].rows = True, {}
                raise requests.ReadTimeout("Read timed out.", request=request)
            return response

        return sending


def _fact(instance: Instance) -> Fact:
    row = instance.row
    return Fact(
        row["label"] or "",
        row["actual_status"],
        row["intended_status"],
        row["cur_state"],
        instance.generation,
        tuple(sorted(instance.files.entries)),
    )


def _note_body(sent: Sent, reply: Reply, *, dripping: bool) -> None:
    try:
        body = json.loads(reply.content)
    except ValueError:
        return
    if not isinstance(body, dict) or sent.lost:
        return
    if body.get("success") is False and not dripping:
        sent.slug = str(body.get("error"))
    rows = body.get("instances", body.get("results"))
    if sent.method == "GET" and sent.status == 200 and isinstance(rows, list):
        sent.rows = {row["id"]: row for row in rows if isinstance(row, dict) and "id" in row}


def meddle(account: Account, event: Event) -> bool:
    """What somebody else does, or what becomes of an instance; False when there was nothing to do it to."""
    if event.kind == "endpoint_deleted":
        return _delete_endpoint(account, event.target)
    instance = account.instances.get(event.target)
    if instance is None:
        return False
    row, behaviour = instance.row, instance.behaviour
    if event.kind == "stopped":
        lifecycle.stop(account, instance)
    elif event.kind == "started":
        lifecycle.start(account, instance)
    elif event.kind == "recycled":
        lifecycle.recycle(account, instance, instance.files)
    elif event.kind == "vanished":
        lifecycle.remove(account, instance)
    elif event.kind == "relabelled":
        row["label"] = "renamed"
    elif event.kind in ("crashed", "offline"):
        instance.steps.clear()
        instance.update({"actual_status": "exited" if event.kind == "crashed" else "offline"}, account.clock.now())
    elif event.kind in ("gpu_taken", "gpu_free"):
        behaviour.gpu_available = event.kind == "gpu_free"
    elif event.kind == "gpu_free_later":
        behaviour.gpu_available, behaviour.gpu_free_after = False, 20.0
    elif event.kind == "ignored":
        behaviour.ignore_next_put += 1
    else:
        setattr(behaviour, event.kind, True)
    return True


def _delete_endpoint(account: Account, endpoint_id: int) -> bool:
    found = account.endpoints.pop(endpoint_id, None)
    for group in account.groups_of(endpoint_id):
        del account.workergroups[group["id"]]
    return found is not None
