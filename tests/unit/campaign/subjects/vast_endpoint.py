# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No endpoint."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import ENDPOINTS, WORKERS, checks, connection, waits
from ..steps import Event, Task
from ..subject import Subject
from ..world import Run


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """No endpoint."""
    which: dict[str, t.Any] = draw(
        st.sampled_from(({"id": 40}, {"name": "llama"}, {"id": 41}, {"name": "leaky"}, {"id": 49}))
    )
    return Task("vast_endpoint", {**which, "state": "absent", **draw(waits()), **draw(connection())}, draw(checks()))


class Endpoint(Subject):
    """No endpoint, and none of its workers."""

    module = "vast_endpoint"
    places = ("endpoints", "delete", "delete", "engine", "listing", "any")

    def covers(self, task: Task) -> bool:
        return super().covers(task) and task.options["state"] == "absent"

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def events(self, task: Task, at: int) -> st.SearchStrategy[Event]:
        own = endpoint_events(at)
        return st.one_of(own, own, super().events(task, at))

    def is_idempotent(self, task: Task) -> bool:
        return True

    def success(self, run: Run) -> c.Iterator[str]:
        options, values = run.task.options, run.result.values
        endpoint = endpoint_of(options)
        if endpoint in run.endpoints_after:
            yield f"endpoint {endpoint} is still there"
        workers = {*values["deleted_workers"], *values["failed_workers"]}
        if options.get("wait", True):
            # What a run before this one was told of counts, too.
            left = (workers | (WORKERS.get(endpoint, frozenset()) & run.told)) & set(run.after)
            left = {number for number in left if not run.touched(number)}
            if left:
                yield f"workers {sorted(left)} of the endpoint are still there"

    def foreseen(self, run: Run) -> bool | None:
        return run.result["endpoint"] is not None

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        return bool(set(stubborn) & set(run.after)) or run.result["error_class"] in ("leaked", "unknown_outcome")


def endpoint_events(at: int) -> st.SearchStrategy[Event]:
    """What becomes of endpoints and their workers."""
    return st.sampled_from(("endpoint_deleted", "delete_fails", "lingers", "vanished")).flatmap(
        lambda kind: st.builds(
            lambda target: Event(kind, target, at),
            st.sampled_from((40, 41) if kind == "endpoint_deleted" else (91, 92, 93)),
        )
    )


def endpoint_of(options: dict[str, t.Any]) -> int:
    """The endpoint that a task means; 0 when there is no such name."""
    named = (number for number, name in ENDPOINTS.items() if name == options.get("name"))
    return options.get("id") or next(named, 0)


SUBJECT = Endpoint()
