# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A template of the account."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection
from ..steps import Task
from ..subject import Plain
from ..world import GROUP, Run, Tables

CHANGES: tuple[dict[str, t.Any], ...] = (
    {},
    {"tag": "v2"},
    {"env": {"TOKEN": "SECRET-template"}},
    {"ports": ["8000"]},
    {"desc": "text", "disk": 20},
    {"runtype": "ssh_direct"},
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A template, there or not, also one that others use."""
    options: dict[str, t.Any] = {"name": draw(st.sampled_from(("server", "shared", "new"))), **draw(connection())}
    options["state"] = draw(st.sampled_from(("present", "present", "present", "absent")))
    if options["state"] == "present":
        options |= {"image": draw(st.sampled_from(("alpine", "debian"))), **draw(st.sampled_from(CHANGES))}
    return Task("vast_template", options, draw(checks()))


def own(tables: Tables, name: str) -> list[dict[str, t.Any]]:
    """The user's own templates of a name, the newest last."""
    rows = [row for row in tables.get("templates", {}).values() if row["creator_id"] != 5 and row["name"] == name]
    return sorted(rows, key=lambda row: int(row["id"]))


class Template(Plain):
    """A template of the account."""

    module = "vast_template"
    places = ("any", "template")

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def success(self, run: Run) -> c.Iterator[str]:
        options = run.task.options
        before, after = (own(tables, options["name"]) for tables in (run.kept_before, run.kept))
        foreign = [
            {number: row for number, row in tables.get("templates", {}).items() if row["creator_id"] == 5}
            for tables in (run.kept_before, run.kept)
        ]
        if foreign[0] != foreign[1]:
            yield "somebody else's template was changed"
        if run.touched(GROUP):
            return
        if options["state"] == "absent":
            if after:
                yield f"{options['name']} is still there"
            return
        if not after or len(after) > max(1, len(before)) + bool(before and before[-1]["used_by_others"]):
            yield f"there are {len(after)} templates of the name, and were {len(before)}"
        elif (after[-1]["image"], after[-1]["tag"]) != (options["image"], options.get("tag", after[-1]["tag"])):
            yield f"the template is {after[-1]}"

    def foreseen(self, run: Run) -> bool | None:
        rows = own(run.kept_before, run.task.options["name"])
        if run.task.options["state"] == "absent":
            return bool(rows)
        return None if rows else True

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        return run.task.options["state"] == "absent" and "still using it" in run.result["msg"]


SUBJECT = Template()
