# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An API key of the account."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection
from ..steps import Task
from ..subject import Plain
from ..world import GROUP, Run, Tables


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A key, there or not; it comes back in the result, since files are another matter."""
    options: dict[str, t.Any] = {"name": draw(st.sampled_from(("ci", "new"))), **draw(connection())}
    options["state"] = draw(st.sampled_from(("present", "present", "absent")))
    if options["state"] == "present":
        options.update(permissions=["misc"], return_key=True, force=draw(st.sampled_from((False, False, True))))
    return Task("vast_api_key", options, draw(checks()))


class ApiKey(Plain):
    """An API key of the account."""

    module = "vast_api_key"
    places = ("any", "apikeys")

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def names(self, task: Task) -> set[str]:
        return {task.options["name"], "API key"}

    def is_idempotent(self, task: Task) -> bool:
        return not task.options.get("force")

    def ids(self, run: Run, tables: Tables) -> set[int]:
        """The keys of the name."""
        rows = tables.get("api_keys", {}).items()
        return {number for number, row in rows if row["name"] == run.task.options["name"]}

    def success(self, run: Run) -> c.Iterator[str]:
        # Another task may have removed what it is told to.
        if run.touched(GROUP):
            return
        before, after = self.ids(run, run.kept_before), self.ids(run, run.kept)
        others = {number for number, row in run.kept_before.get("api_keys", {}).items()} - before
        if not others <= run.kept.get("api_keys", {}).keys():
            yield "another key is gone"
        if len(after) != (run.task.options["state"] == "present"):
            yield f"there are {len(after)} keys of that name"
        if after - before and run.result.values.get("key") not in {
            row["secret"] for number, row in run.kept["api_keys"].items() if number in after
        }:
            yield "a key was created that nobody has"

    def foreseen(self, run: Run) -> bool | None:
        is_there = bool(self.ids(run, run.kept_before))
        if run.task.options["state"] == "absent":
            return is_there
        return not is_there or bool(run.task.options["force"])

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        return run.result["error_class"] == "ambiguous" and len(self.ids(run, run.kept_before)) > 1


SUBJECT = ApiKey()
