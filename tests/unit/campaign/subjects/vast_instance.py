# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start, stop and label."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection, targets, waits
from ..steps import Task
from ..subject import Subject, in_state, to_do
from ..world import Run


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """Start, stop and label."""
    options: dict[str, t.Any] = {**draw(targets()), **draw(waits()), **draw(connection())}
    state = draw(st.sampled_from(("running", "running", "stopped", None)))
    if "id" in options and (state is None or draw(st.booleans())):
        options["label"] = draw(st.sampled_from(("web", "mine", "")))
    elif state is None:
        state = "running"
    if state is not None:
        options["state"] = state
    if state == "running" and options["wait"]:
        options["on_unavailable"] = draw(st.sampled_from(("fail", "fail", "wait")))
    return Task("vast_instance", options, draw(checks()))


class Instance(Subject):
    """One instance."""

    module = "vast_instance"
    places = ("listing", "put", "put", "any")
    weight = 2
    starts = True

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def covers(self, task: Task) -> bool:
        switched = task.options.get("state") in (None, "running", "stopped")
        return super().covers(task) and switched and "offer" not in task.options

    def is_idempotent(self, task: Task) -> bool:
        return True

    def success(self, run: Run) -> c.Iterator[str]:
        options, number = run.task.options, run.result["instance"]["id"]
        label = options.get("label") if options.get("id") else None
        yield from in_state(run, number, options.get("state"), label, options.get("wait", True))
        if options.get("id") not in (None, number):
            yield f"another instance was returned: {number}"

    def foreseen(self, run: Run) -> bool | None:
        options, fact = run.task.options, run.before[run.result["instance"]["id"]]
        label = options.get("label") if options.get("id") else None
        return to_do(fact, options.get("state")) or label not in (None, fact.label)


SUBJECT = Instance()
