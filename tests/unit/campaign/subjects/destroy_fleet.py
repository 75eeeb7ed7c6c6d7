# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""None of many."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ansible_collections.vastai.cloud.plugins.modules import vast_fleet

from ..draws import IDS, checks, connection, waits
from ..steps import Task
from ..subject import Subject
from ..world import Run

SELECTIONS: tuple[dict[str, t.Any], ...] = (
    {"ids": [1, 2, 3]},
    {"ids": [2, 5, 99]},
    {"label": ["twin", "batch"]},
    {"label": ["job"]},
    {"label_prefix": "job"},
    {"label_prefix": "t"},
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """None of many."""
    options = {
        "select": draw(st.sampled_from(SELECTIONS)),
        "state": "absent",
        "max_affected": draw(st.sampled_from((0, 1, 9, 9, 9))),
        "missing": draw(st.sampled_from(("fail", "ignore", "ignore"))),
        **draw(waits()),
        **draw(connection()),
    }
    return Task("vast_fleet", options, draw(checks()))


class FleetDestruction(Subject):
    """None of many."""

    module = "vast_fleet"
    places = ("destroy", "destroy", "listing", "engine", "any")

    def exists(self) -> bool:
        return "absent" in vast_fleet.OPTIONS["state"]["choices"]

    def covers(self, task: Task) -> bool:
        return super().covers(task) and task.options["state"] == "absent"

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def seconds(self, task: Task) -> float:
        return super().seconds(task) + 120

    def meant(self, task: Task) -> tuple[int, ...]:
        return tuple(number for number in task.options["select"].get("ids", ()) if number != 99) or IDS[:-1]

    def is_idempotent(self, task: Task) -> bool:
        return str(task.options["missing"]) == "ignore"

    def chosen(self, run: Run) -> list[int]:
        select = run.task.options["select"]
        prefix = select.get("label_prefix")
        return [
            number
            for number, fact in run.before.items()
            if number in select.get("ids", ())
            or fact.label in select.get("label", ())
            or (prefix is not None and fact.label.startswith(prefix))
        ]

    def success(self, run: Run) -> c.Iterator[str]:
        for number in self.chosen(run):
            if number in run.after and not run.touched(number):
                yield f"instance {number} is still there: {run.after[number]}"

    def foreseen(self, run: Run) -> bool | None:
        return bool(self.chosen(run))

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        error_class, chosen = run.result["error_class"], self.chosen(run)
        if error_class == "invalid":
            return len(chosen) > int(run.task.options["max_affected"])
        return (error_class, run.task.options["missing"]) == ("not_found", "fail")


SUBJECT = FleetDestruction()
