# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""A plan: what should change. It alone decides `changed`, `diff` and `actions`. Pure."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t


class Change(t.NamedTuple):
    """One field that differs; `action` is the sentence that says what is or would be done about it."""

    field: str
    before: t.Any
    after: t.Any
    action: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """What should change on one thing, in the order in which it is done."""

    subject: str
    changes: tuple[Change, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.changes)

    def result(self) -> dict[str, t.Any]:
        """The keys that every stateful module returns."""
        return {
            "changed": self.changed,
            "actions": [change.action for change in self.changes],
            "diff": {
                "before_header": self.subject,
                "after_header": self.subject,
                "before": {change.field: change.before for change in self.changes},
                "after": {change.field: change.after for change in self.changes},
            },
        }


def combined(plans: c.Iterable[Plan]) -> dict[str, t.Any]:
    """The same keys for many things: the diff has a part for each one that changes."""
    changing = [plan for plan in plans if plan.changed]
    return {
        "changed": bool(changing),
        "actions": [change.action for plan in changing for change in plan.changes],
        "diff": {
            "before": {plan.subject: {change.field: change.before for change in plan.changes} for plan in changing},
            "after": {plan.subject: {change.field: change.after for change in plan.changes} for plan in changing},
        },
    }
