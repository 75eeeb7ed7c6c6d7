# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An environment variable of the account."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection
from ..steps import Task
from ..subject import Plain
from ..world import GROUP, Run


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A variable, there or not."""
    options: dict[str, t.Any] = {"name": draw(st.sampled_from(("TOKEN", "other"))), **draw(connection())}
    options["state"] = draw(st.sampled_from(("present", "present", "absent")))
    if options["state"] == "present":
        options["value"] = draw(st.sampled_from(("SECRET-a", "SECRET-b")))
        options["update"] = draw(st.sampled_from(("on_create", "always")))
    return Task("vast_env_var", options, draw(checks()))


class EnvVar(Plain):
    """An environment variable of the account."""

    module = "vast_env_var"
    places = ("any", "secrets")

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def names(self, task: Task) -> set[str]:
        return {task.options["name"].upper()}

    def is_idempotent(self, task: Task) -> bool:
        return task.options.get("update") != "always"

    def success(self, run: Run) -> c.Iterator[str]:
        name, options = run.task.options["name"].upper(), run.task.options
        if run.touched(GROUP):
            return
        value = run.things["secrets"].get(name)
        if options["state"] == "absent" and value is not None:
            yield f"{name} is still there"
        if options["state"] == "present" and value is None:
            yield f"{name} is not there"
        if options.get("update") == "always" and value != options["value"]:
            yield f"{name} has another value"
        if run.result["changed"] and options["state"] == "present" and value != options["value"]:
            yield f"{name} was changed and has another value"

    def foreseen(self, run: Run) -> bool | None:
        is_there = run.task.options["name"].upper() in run.things["secrets"]
        if run.task.options["state"] == "absent":
            return is_there
        return not is_there or run.task.options["update"] == "always"


SUBJECT = EnvVar()
