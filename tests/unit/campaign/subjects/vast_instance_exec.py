# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A remote command."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection, targets
from ..steps import Task
from ..subject import Subject
from ..world import Run

FILE = "/workspace/model.bin"
COMMANDS: tuple[dict[str, t.Any], ...] = (
    {"command": "ls /workspace"},
    {"command": "du -sh /workspace"},
    {"command": f"rm -f {FILE}", "removes": FILE},
    {"command": f"rm {FILE}"},
    {"command": f"rm -rf {FILE}", "removes": FILE, "creates": "/nowhere"},
    {"command": "cat /etc/passwd"},
)
NO_CONTAINER = (None, "created", "offline")
"""In which no command can run."""


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A remote command."""
    where = st.one_of(st.just({"id": 2}), st.just({"label": "batch"}), targets())
    options: dict[str, t.Any] = {**draw(where), **draw(st.sampled_from(COMMANDS)), **draw(connection())}
    return Task("vast_instance_exec", options, draw(checks()))


class Exec(Subject):
    """A remote command."""

    module = "vast_instance_exec"
    places = ("listing", "put", "put", "result", "any")
    waits = False

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def is_idempotent(self, task: Task) -> bool:
        return "removes" in task.options

    def patient(self, task: Task) -> Task:
        return Task(task.module, {**task.options, "retry_timeout": 120, "api_timeout": 60})

    def success(self, run: Run) -> c.Iterator[str]:
        options, number = run.task.options, run.result["instance"]["id"]
        path = options.get("removes")
        if path is None or number not in run.after or run.touched(number):
            return
        if options["command"].startswith("rm") and path in run.after[number].files:
            yield f"{path} is still there"

    def excuses_state(self, run: Run) -> bool:
        facts = [run.before[number] for number in self.chosen(run)]
        hopeless = any(fact.cur_state == "running" or fact.actual_status in NO_CONTAINER for fact in facts)
        return run.result["error_class"] == "invalid" and hopeless


SUBJECT = Exec()
