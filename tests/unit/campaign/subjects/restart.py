# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same container, started anew."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ansible_collections.vastai.cloud.plugins.modules import vast_instance

from ..draws import checks, connection, targets, waits
from ..steps import Task
from ..subject import Subject, in_state
from ..world import Run


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """The same container, started anew."""
    where = st.one_of(st.just({"id": 1}), st.just({"label": "web"}), targets())
    options: dict[str, t.Any] = {**draw(where), "state": "restarted", **draw(waits()), **draw(connection())}
    return Task("vast_instance", options, draw(checks()))


class Restart(Subject):
    """The same container, started anew."""

    module = "vast_instance"
    places = ("listing", "put", "put", "any")
    starts = True

    def exists(self) -> bool:
        return "restarted" in vast_instance.OPTIONS["state"]["choices"]

    def covers(self, task: Task) -> bool:
        return super().covers(task) and task.options.get("state") == "restarted"

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def success(self, run: Run) -> c.Iterator[str]:
        number, wait = run.result["instance"]["id"], run.task.options.get("wait", True)
        yield from in_state(run, number, "running", None, wait)
        fact, before = run.after.get(number), run.before[number]
        asked = (before.cur_state, before.intended_status) == ("running", "running")
        if fact is not None and not run.touched(number) and asked:
            times = fact.reboots - before.reboots
            # A request that the network doubles and that is answered with the refusal of its double is sent again.
            doubled = sum(sent.fault == "twice" and sent.status == 429 for sent in run.sent)
            if times > 1 + doubled or not (
                times or fact.generation != before.generation or before.actual_status != "running"
            ):
                yield f"instance {number} was restarted {times} times"

    def foreseen(self, run: Run) -> bool | None:
        return True


SUBJECT = Restart()
