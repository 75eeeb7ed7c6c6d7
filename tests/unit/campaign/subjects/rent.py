# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One box of a label: rented when there is none."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ansible_collections.vastai.cloud.plugins.modules import vast_instance

from ..draws import checks, connection
from ..steps import EVENTS, MARKET, NEWEST, Event, Task
from ..subject import Subject, in_state, to_do
from ..world import ASKS, Run

MAX_PRICE = 1.0
BID = 0.6
GPU = "1 x RTX 4090"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD me@here"
VOLUME, ITS_MACHINE = "data", 101
SETTLING = 300.0
"""Seconds beyond `wait_timeout` for a doubt, and for each dud."""


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """One box of a label."""
    offer: dict[str, t.Any] = {"gpu_name": ["RTX 4090"], "num_gpus": 1, "max_price": MAX_PRICE}
    options: dict[str, t.Any] = {
        "label": draw(st.sampled_from(("job", "job", "job", "job-2", "web", "batch", "taken", "twin"))),
        "state": draw(st.sampled_from(("present", "running", "running"))),
        "image": "alpine",
        "disk": 20,
        "attempts": draw(st.sampled_from((1, 1, 2, 3))),
        "boot_timeout": draw(st.sampled_from((30, 100))),
        "wait": draw(st.sampled_from((True, True, True, False))),
        "wait_timeout": draw(st.sampled_from((30, 120, 600, None))),
        "wait_interval": draw(st.sampled_from((5.0, 20.0))),
        **draw(st.sampled_from(({}, {}, {}, {"retain_failed": True}, {"on_duplicate": "destroy_younger"}))),
        **draw(st.sampled_from(({}, {}, {}, {"ssh_keys": [KEY]}, {"budget": {"max_per_hour": 500, "min_credit": 1}}))),
        **draw(connection()),
    }
    if draw(st.sampled_from((False, False, False, True))):
        offer["interruptible"], options["bid"] = True, BID
    if options["label"] == "taken" and options["wait"] and options["state"] == "running":
        options |= draw(st.sampled_from(({}, {"on_unavailable": "replace", "accept_data_loss": True})))
    if draw(st.sampled_from((False, False, False, False, True))):
        offer["machine_id"] = [ITS_MACHINE]
        options |= {"attempts": 1, "volumes": [{"name": VOLUME, "path": "/data"}]}
    options = {name: value for name, value in options.items() if value is not None}
    return Task("vast_instance", {**options, "offer": offer}, draw(checks()))


class Rental(Subject):
    """One box of a label."""

    module = "vast_instance"
    places = ("create", "create", "search", "listing", "destroy", "keys", "any")
    weight = 4
    starts = True

    def exists(self) -> bool:
        return "offer" in vast_instance.OPTIONS

    def covers(self, task: Task) -> bool:
        return super().covers(task) and "offer" in task.options

    def requests_again(self, task: Task) -> int:
        return 1

    def seconds(self, task: Task) -> float:
        attempts, boot = float(task.options["attempts"]), float(task.options["boot_timeout"])
        waits = float(task.options.get("wait_timeout", attempts * boot + 300.0))
        return waits + SETTLING * (attempts + 1)

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def events(self, task: Task, at: int) -> st.SearchStrategy[Event]:
        machines = st.sampled_from((101, 101, 102, 103))
        market = st.builds(lambda kind, target: Event(kind, target, at), st.sampled_from([*MARKET]), machines)
        newest = st.builds(lambda kind: Event(kind, NEWEST, at), st.sampled_from(EVENTS))
        return st.one_of(market, market, newest, super().events(task, at))

    def is_idempotent(self, task: Task) -> bool:
        return True

    def patient(self, task: Task) -> Task:
        patient = super().patient(task)
        return Task(task.module, {**patient.options, "wait_timeout": 2000, "boot_timeout": 600})

    def chosen(self, run: Run) -> list[int]:
        return [number for number, fact in run.before.items() if fact.label == run.task.options["label"]]

    def success(self, run: Run) -> c.Iterator[str]:
        options, number = run.task.options, run.result["instance"]["id"]
        yield from in_state(run, number, None if options["state"] == "present" else "running", None, options["wait"])
        fact = run.after.get(number)
        if fact is None or run.touched(number):
            return
        if fact.label != options["label"]:
            yield f"instance {number} has the label {fact.label!r}"
        if number in run.created:
            if fact.per_hour > MAX_PRICE:
                yield f"instance {number} costs {fact.per_hour}"
            if fact.gpu != GPU:
                yield f"instance {number} has {fact.gpu}"
            if "volumes" in options and not linked(run):
                yield f"instance {number} has no volume"
        others = {each for each in run.created & set(run.after) if each != number and not run.touched(each)}
        if others:
            yield f"{sorted(others)} were rented besides {number}"

    def foreseen(self, run: Run) -> bool | None:
        chosen = self.chosen(run)
        if not chosen:
            return True
        state = None if run.task.options["state"] == "present" else "running"
        return to_do(run.before[chosen[0]], state) if len(chosen) == 1 else None

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        error_class = run.result["error_class"]
        if error_class == "ambiguous":
            return len(self.chosen(run)) > 1 or ("volumes" in run.task.options and len(volumes(run)) > 1)
        if error_class in ("unavailable", "budget", "timeout", "server") and not run.market_is_sound:
            return True
        if "volumes" in run.task.options and not self.chosen(run):
            # Its one machine may be let, and the volume deleted.
            gone = error_class in ("not_found", "invalid") and not volumes(run)
            return gone or error_class in ("unavailable", "budget")
        return self.excuses_hopeless(run, stubborn)


def volumes(run: Run) -> list[int]:
    """The volumes that are meant."""
    rows = run.kept_before.get("volumes", {}).values()
    return [row["id"] for row in rows if (row["label"], row["machine_id"]) == (VOLUME, ITS_MACHINE)]


def linked(run: Run) -> bool:
    """Whether each create said which volume the box is to have."""
    link = {"create_new": False, "volume_id": volumes(run)[0], "mount_path": "/data"}
    return all(sent.body.get("volume_info") == link for sent in run.sent if sent.path.startswith(ASKS))


SUBJECT = Rental()
