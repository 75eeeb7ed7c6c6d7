# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A volume of the account."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection
from ..steps import Task
from ..subject import Plain
from ..world import GROUP, Run

RENTED: dict[str, t.Any] = {"size": 100, "max_price": 50}


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A volume, there or not, on one of two machines."""
    options: dict[str, t.Any] = {"name": draw(st.sampled_from(("data", "models"))), **draw(connection())}
    options["machine_id"] = draw(st.sampled_from((101, 102)))
    options["state"] = draw(st.sampled_from(("present", "present", "absent")))
    return Task("vast_volume", {**options, **(RENTED if options["state"] == "present" else {})}, draw(checks()))


class Volume(Plain):
    """A volume of the account."""

    module = "vast_volume"
    places = ("any", "volumes")

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def seconds(self, task: Task) -> float:
        return 270.0

    def names(self, task: Task) -> set[str]:
        return {task.options["name"], "volume"}

    def success(self, run: Run) -> c.Iterator[str]:
        if run.touched(GROUP):
            return
        before, after = (self.found(run, rows) for rows in (run.kept_before, run.kept))
        if run.task.options["state"] == "absent" and after:
            yield "the volume is still there"
        if run.task.options["state"] == "present" and (after != before if before else len(after) != 1):
            yield f"there are {after} of it, after {before}"
        others = [
            {number for number in rows.get("volumes", {}) if number not in mine}
            for rows, mine in ((run.kept_before, before), (run.kept, after))
        ]
        if others[0] != others[1]:
            yield f"other volumes were {others[0]} and are {others[1]}"

    def foreseen(self, run: Run) -> bool | None:
        is_there = bool(self.found(run, run.kept_before))
        is_wanted: bool = run.task.options["state"] == "present"
        return is_there is not is_wanted

    def found(self, run: Run, tables: dict[str, dict[int, dict[str, t.Any]]]) -> list[int]:
        """The volumes of the name on the machine."""
        meant = (run.task.options["name"], run.task.options["machine_id"])
        rows = tables.get("volumes", {}).values()
        return [row["id"] for row in rows if (row["label"], row["machine_id"]) == meant]

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        return bool(run.result["error_class"] == "unavailable")


SUBJECT = Volume()
