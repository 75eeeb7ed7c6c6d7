# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many at once."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import IDS, checks, connection, waits
from ..steps import Task
from ..subject import Subject, in_state, recycled, to_do
from ..world import Run

SELECTIONS: tuple[dict[str, t.Any], ...] = (
    {"all": True},
    {"ids": [1, 2, 3]},
    {"ids": [3, 5]},
    {"ids": [2, 3, 4, 5]},
    {"ids": [2, 5, 99]},
    {"label": ["twin", "batch"]},
    {"label_prefix": "t"},
    {"status": ["running"]},
    {"status": ["exited", "offline"]},
    {"gpu_name": ["H100_SXM"]},
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """Many at once."""
    select = draw(st.sampled_from(SELECTIONS))
    exclude = draw(st.sampled_from((None, None, {"ids": [1]}, {"label": ["taken"]}, {"status": ["offline"]})))
    state = draw(st.sampled_from(("running", "running", "stopped", "recycled")))
    options = {"select": select, "exclude": exclude, "state": state, **draw(waits()), **draw(connection())}
    if state == "recycled":
        options |= {"wait": True, "batch": draw(st.sampled_from((1, 2, 5)))}
    options["missing"] = draw(st.sampled_from((None, "warn", "ignore")))
    if draw(st.sampled_from((False, False, True))):
        options["max_affected"] = draw(st.sampled_from((0, 1, 2, 9)))
    return Task("vast_fleet", {name: value for name, value in options.items() if value is not None}, draw(checks()))


class Fleet(Subject):
    """Many instances."""

    module = "vast_fleet"
    places = ("listing", "put", "put", "engine", "any")
    weight = 3
    starts = True

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def covers(self, task: Task) -> bool:
        return super().covers(task) and task.options["state"] in ("running", "stopped", "recycled")

    def meant(self, task: Task) -> tuple[int, ...]:
        return tuple(number for number in task.options["select"].get("ids", ()) if number != 99) or IDS[:-1]

    def is_idempotent(self, task: Task) -> bool:
        return task.options.get("state") in ("running", "stopped")

    def chosen(self, run: Run) -> list[int]:
        return [member["id"] for member in run.result.values.get("instances", ()) if member["id"] in run.before]

    def success(self, run: Run) -> c.Iterator[str]:
        state, wait = run.task.options["state"], run.task.options.get("wait", True)
        for member in run.result["instances"]:
            if state == "recycled":
                yield from recycled(run, member["id"], changed=member["changed"])
            else:
                yield from in_state(run, member["id"], state, None, wait)
        yield from _complete(run)

    def foreseen(self, run: Run) -> bool | None:
        state = run.task.options["state"]
        if state == "recycled":
            return None
        return any(to_do(run.before[member["id"]], state) for member in run.result["instances"])

    def excuses_absence(self, run: Run) -> bool:
        named = {*run.task.options["select"].get("ids", ()), *run.task.options.get("exclude", {}).get("ids", ())}
        labels = run.task.options["select"].get("label", []) + run.task.options.get("exclude", {}).get("label", [])
        gone = named - set(run.before) or set(labels) - {fact.label for fact in run.before.values()}
        missing = [each for each in run.result.values.get("instances", ()) if each["error_class"] == "not_found"]
        vanished = bool(missing) and not {each["id"] for each in missing} & set(run.after)
        return run.result["error_class"] == "not_found" and (bool(gone) or vanished)

    def excuses_state(self, run: Run) -> bool:
        limited = run.result["error_class"] == "invalid" and "max_affected" in run.task.options
        return limited or super().excuses_state(run)


def _complete(run: Run) -> c.Iterator[str]:
    """Whoever chooses all gets all; workers of endpoints are left out of that."""
    select = run.task.options["select"]
    if run.task.options.get("exclude"):
        return
    there = {number for number in run.before if number in run.after and not run.touched(number)}
    workers = {number for number, fact in run.before.items() if fact.is_worker}
    chosen = there - workers if select.get("all") else there & set(select.get("ids", ()))
    if any("could not be told for all" in warning for warning in run.result.warnings):
        chosen -= {each["id"] for each in run.result["skipped_instances"] if not each["label"]}
    if missing := chosen - {member["id"] for member in run.result["instances"]}:
        yield f"{sorted(missing)} are not among the chosen ones"


SUBJECT = Fleet()
