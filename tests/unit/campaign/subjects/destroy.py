# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No instance."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ansible_collections.vastai.cloud.plugins.modules import vast_instance

from ..draws import checks, connection, waits
from ..steps import Task
from ..subject import Subject
from ..world import Run

WHICH: tuple[dict[str, t.Any], ...] = (
    {"label": "job"},
    {"label": "job"},
    {"label": "web"},
    {"label": "batch"},
    {"label": "twin"},
    {"label": "nobody"},
    {"id": 1},
    {"id": 3},
    {"id": 99},
    {"id": 1, "label": "web"},
    {"id": 2, "label": "web"},
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """No instance."""
    options = {**draw(st.sampled_from(WHICH)), "state": "absent", **draw(waits()), **draw(connection())}
    return Task("vast_instance", options, draw(checks()))


class Destruction(Subject):
    """No instance of that id or label."""

    module = "vast_instance"
    places = ("destroy", "destroy", "listing", "any")
    weight = 2

    def exists(self) -> bool:
        return "absent" in vast_instance.OPTIONS["state"]["choices"]

    def covers(self, task: Task) -> bool:
        return super().covers(task) and task.options.get("state") == "absent"

    def requests_again(self, task: Task) -> int:
        # What carries no such label may carry one that is nearly it.
        return 1 if task.options.get("id") else 2

    def seconds(self, task: Task) -> float:
        return super().seconds(task) + 120

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def is_idempotent(self, task: Task) -> bool:
        return True

    def success(self, run: Run) -> c.Iterator[str]:
        for number in self.chosen(run):
            if number in run.after and not run.touched(number):
                yield f"instance {number} is still there: {run.after[number]}"

    def foreseen(self, run: Run) -> bool | None:
        return bool(self.chosen(run))

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        chosen, error_class = self.chosen(run), run.result["error_class"]
        guard = run.task.options.get("label") if "id" in run.task.options else None
        if error_class == "invalid" and guard is not None:
            return any(run.before[number].label != guard for number in chosen)
        return error_class == "ambiguous" and len(chosen) > 1


SUBJECT = Destruction()
