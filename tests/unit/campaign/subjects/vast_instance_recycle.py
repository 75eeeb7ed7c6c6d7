# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fresh container."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection, targets, waits
from ..steps import Task
from ..subject import Subject, recycled
from ..world import Run


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A fresh container."""
    where = st.one_of(st.just({"id": 1}), st.just({"label": "web"}), st.just({"id": 6}), targets())
    options: dict[str, t.Any] = {**draw(where), **draw(waits()), **draw(connection())}
    statuses = draw(st.sampled_from(((), (), ("exited",), ("exited", "offline"))))
    return Task("vast_instance_recycle", {**options, "only_if_status": list(statuses)}, draw(checks()))


class Recycle(Subject):
    """A fresh container."""

    module = "vast_instance_recycle"
    places = ("listing", "put", "put", "any")

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def is_idempotent(self, task: Task) -> bool:
        return bool(task.options.get("only_if_status"))

    def success(self, run: Run) -> c.Iterator[str]:
        yield from recycled(run, run.result["instance"]["id"], changed=run.result["changed"])


SUBJECT = Recycle()
