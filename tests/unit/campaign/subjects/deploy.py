# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One endpoint of a name, with its workergroups."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection, waits
from ..steps import Event, Task
from ..subject import Subject
from ..world import GROUP, Run
from .vast_endpoint import endpoint_events

COMPARED = ("max_workers", "cold_workers", "min_load")


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """One endpoint of a name, with its workergroups."""
    name = draw(st.sampled_from(("fresh", "fresh", "llama", "leaky")))
    groups: list[dict[str, t.Any]] = [
        {"template_hash": draw(st.sampled_from(("first", "second"))), "search_params": "num_gpus=1"}
    ]
    if draw(st.sampled_from((False, False, True))):
        groups.append({"template_hash": "third", "search_params": "num_gpus=2"})
    options: dict[str, t.Any] = {
        "name": name,
        "state": "present",
        "max_workers": draw(st.sampled_from((2, 3))),
        "cold_workers": draw(st.sampled_from((0, 1))),
        **draw(st.sampled_from(({}, {"min_load": 5.0}))),
        **draw(waits()),
        **draw(connection()),
    }
    if name == "fresh" or draw(st.booleans()):
        options |= {
            "workergroups": groups,
            **draw(st.sampled_from(({}, {"purge_workergroups": True}))),
            **draw(st.sampled_from(({}, {"update_workers": "none"}))),
        }
    return Task("vast_endpoint", options, draw(checks()))


class Deployment(Subject):
    """One endpoint of a name, with its workergroups."""

    module = "vast_endpoint"
    places = (
        "endpoints",
        "create-endpoint",
        "change",
        "create-group",
        "change-group",
        "update-workers",
        "engine",
        "any",
    )
    weight = 2
    is_plain = True

    def covers(self, task: Task) -> bool:
        return super().covers(task) and task.options["state"] == "present"

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def events(self, task: Task, at: int) -> st.SearchStrategy[Event]:
        return st.one_of(endpoint_events(at), super().events(task, at))

    def is_idempotent(self, task: Task) -> bool:
        return True

    def success(self, run: Run) -> c.Iterator[str]:
        if run.touched(GROUP) or any(event.kind in ("endpoint_deleted", "vanished") for _seq, event in run.events):
            return
        endpoints, options = named(run), run.task.options
        if len(endpoints) != 1:
            yield f"there are {len(endpoints)} endpoints named {options['name']}"
            return
        ((number, row),) = endpoints.items()
        wrong = {name: row[name] for name in COMPARED if options.get(name) not in (None, row[name])}
        if wrong:
            yield f"the endpoint has {wrong}"
        if "workergroups" in options:
            there = templates(run, number)
            wanted = [group["template_hash"] for group in options["workergroups"]]
            if sorted(set(wanted) & set(there)) != sorted(wanted):
                yield f"workergroups of {wanted} are wanted, and there are {there}"
            if options.get("purge_workergroups") and len(there) != len(wanted):
                yield f"only workergroups of {wanted} are wanted, and there are {there}"

    def foreseen(self, run: Run) -> bool | None:
        return None if named(run) else True

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        error_class, there = run.result["error_class"], named(run)
        no_groups = "workergroups" not in run.task.options
        return (
            (error_class == "ambiguous" and len(there) > 1)
            or (error_class == "invalid" and not there and no_groups)
            or (error_class == "leaked" and bool(set(stubborn) & set(run.after)))
        )


def named(run: Run) -> dict[int, dict[str, t.Any]]:
    """The endpoints of the task's name in the end."""
    rows = run.kept["endpoints"]
    return {number: row for number, row in rows.items() if row["endpoint_name"] == run.task.options["name"]}


def templates(run: Run, endpoint: int) -> list[str]:
    """The templates of its workergroups in the end."""
    rows = run.kept["workergroups"].values()
    return [row["template_hash"] for row in rows if row["endpoint_id"] == endpoint]


SUBJECT = Deployment()
