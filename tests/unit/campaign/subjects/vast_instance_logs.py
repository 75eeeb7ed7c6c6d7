# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log of one instance."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection, targets
from ..steps import Task
from ..subject import Subject
from ..world import Run

PARTS: tuple[dict[str, t.Any], ...] = (
    {},
    {"tail": 1},
    {"daemon": True},
    {"filter": "no such line"},
    {"result_timeout": 5},
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A log, whole or in part."""
    options: dict[str, t.Any] = {**draw(targets()), **draw(st.sampled_from(PARTS)), **draw(connection())}
    return Task("vast_instance_logs", options, draw(checks()))


class Logs(Subject):
    """It only looks."""

    module = "vast_instance_logs"
    places = ("listing", "put", "result", "any")
    waits = False

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def is_idempotent(self, task: Task) -> bool:
        return True

    def patient(self, task: Task) -> Task:
        return Task(task.module, {**task.options, "retry_timeout": 120, "api_timeout": 60, "result_timeout": 60})

    def success(self, run: Run) -> c.Iterator[str]:
        if run.writes or run.result["changed"]:
            yield "a log that is read changes something"
        # A page that something in between put in place of a log cannot be told from one.
        whole = not any(sent.fault for sent in run.sent if sent.path.startswith("/results/"))
        if run.task.options.get("filter") and run.result["stdout"] and whole:
            yield f"lines that the filter does not let through: {run.result['stdout']!r}"

    def foreseen(self, run: Run) -> bool | None:
        return False


SUBJECT = Logs()
