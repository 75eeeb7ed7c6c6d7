# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ending what falls under a rule."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection, waits
from ..steps import Task
from ..subject import Subject
from ..world import Run

STOP = {"name": "busy", "price_above": 0.001, "action": "stop"}
OLD = {"name": "old", "running_for": "1h", "action": "destroy"}
LATER = {"name": "later", "stopped_for": "1h", "action": "destroy"}
TOLD = {"name": "told", "status": ["running", "exited"], "action": "report"}
TASKS: tuple[dict[str, t.Any], ...] = (
    {"select": {"label": ["web"]}, "rules": [OLD]},
    {"select": {"label_prefix": "t"}, "rules": [OLD], "protect": {"label": ["taken"]}, "max_fraction": 1},
    {"select": {"all": True}, "rules": [STOP], "protect": {"ids": [1]}, "max_fraction": 1},
    {"select": {"all": True}, "rules": [LATER, TOLD]},
    {"select": {"all": True}, "rules": [OLD], "max_affected": 0},
)


class Reaper(Subject):
    """Ending what falls under a rule."""

    module = "vast_reaper"
    places = ("listing", "endpoints", "engine", "any")

    def tasks(self) -> st.SearchStrategy[Task]:
        return st.builds(
            lambda wanted, wait, options, check: Task("vast_reaper", {**wanted, **wait, **options}, check),
            st.sampled_from(TASKS),
            waits(),
            connection(),
            checks(),
        )

    def chosen(self, run: Run) -> list[int]:
        return [*run.before]

    def success(self, run: Run) -> c.Iterator[str]:
        for victim in run.result["victims"]:
            if victim["action"] == "destroy" and victim["id"] in run.after and not run.task.check:
                yield f"instance {victim['id']} is said to be destroyed, and exists"

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        told = run.result["error_class"]
        return told in ("invalid", "server", "timeout", "leaked", "unavailable", "not_found") or super().excuses(
            run, stubborn
        )


def destroyable(run: Run) -> set[int]:
    """What the task selects and does not protect, when one of its rules destroys."""
    options = run.task.options
    if not any(rule["action"] == "destroy" for rule in options["rules"]):
        return set()
    select, protect = options["select"], options.get("protect", {})
    return {
        number
        for number, fact in run.before.items()
        if fact.label in select.get("label", [fact.label])
        and (fact.label or "").startswith(select.get("label_prefix", ""))
        and fact.label not in protect.get("label", ())
        and number not in protect.get("ids", ())
    }


SUBJECT = Reaper()
