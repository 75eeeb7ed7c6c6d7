# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""A plan: what should change. It alone decides `diff` and `actions`; what is shown is apart from what is sent. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.redact import MASK, NEW_MASK


class Change(t.NamedTuple):
    """One field that differs; `action` is the sentence that says what is or would be done about it.

    `sends` is what a request has to hold for it, `{field: after}` unless given. `secret`: the values are never shown.
    `scarce`: it needs what somebody else may hold, so that the API may queue it and carry it out later.
    """

    field: str
    before: t.Any
    after: t.Any
    action: str
    sends: t.Mapping[str, t.Any] | None = None
    secret: bool = False
    scarce: bool = False

    @property
    def body(self) -> dict[str, t.Any]:
        """What is sent."""
        return {self.field: self.after} if self.sends is None else dict(self.sends)

    def shown(self, value: t.Any) -> t.Any:
        """A value of this field as a diff may show it."""
        return MASK if self.secret and value is not None else value

    @property
    def shown_after(self) -> t.Any:
        """The value that is wanted, as a diff may show it."""
        return NEW_MASK if self.secret and None not in (self.before, self.after) else self.shown(self.after)


class Plan(t.NamedTuple):
    """What should change on one thing, in the order in which it is done."""

    subject: str
    changes: tuple[Change, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.changes)

    @property
    def actions(self) -> list[str]:
        """What is to be done, a sentence for each change."""
        return [change.action for change in self.changes]

    @property
    def before(self) -> dict[str, t.Any]:
        """The fields that differ, as they are."""
        return {change.field: change.shown(change.before) for change in self.changes}

    @property
    def after(self) -> dict[str, t.Any]:
        """The same fields, as wanted."""
        return {change.field: change.shown_after for change in self.changes}

    def result(self) -> dict[str, t.Any]:
        """The keys that every stateful module returns."""
        headers = {"before_header": self.subject, "after_header": self.subject}
        diff = {**headers, "before": self.before, "after": self.after}
        return {"changed": self.changed, "actions": self.actions, "diff": diff}


def body(changes: c.Iterable[Change]) -> dict[str, t.Any]:
    """What one request for all of these sends."""
    sent: dict[str, t.Any] = {}
    for change in changes:
        sent |= change.body
    return sent


def combined(plans: c.Iterable[Plan]) -> dict[str, t.Any]:
    """The same keys for many things: the diff has a part for each one that changes."""
    changing = [plan for plan in plans if plan.changed]
    return {
        "changed": bool(changing),
        "actions": [action for plan in changing for action in plan.actions],
        "diff": {
            "before": {plan.subject: plan.before for plan in changing},
            "after": {plan.subject: plan.after for plan in changing},
        },
    }
