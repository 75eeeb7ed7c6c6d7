# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accepting and rejecting price increases."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import checks, connection
from ..steps import Task
from ..subject import Plain
from ..world import GROUP, Run

ACCEPTED = {81}
"""What stays within the limits of the tasks that have any."""
TASKS: tuple[dict[str, t.Any], ...] = (
    {},
    {"max_increase": 10},
    {"max_increase": 10, "policy": "reject"},
    {"max_increase": 10, "max_price": 0.5, "policy": "reject", "instances": [1, 4]},
)


class PriceIncrease(Plain):
    """Accepting and rejecting price increases."""

    module = "vast_price_increase"
    places = ("any", "price increases")

    def tasks(self) -> st.SearchStrategy[Task]:
        return st.builds(
            lambda wanted, options, check: Task("vast_price_increase", {**wanted, **options}, check),
            st.sampled_from(TASKS),
            connection(),
            checks(),
        )

    def success(self, run: Run) -> c.Iterator[str]:
        if run.touched(GROUP):
            return
        rows = {row["pending_price_increase_id"]: row for row in run.result["price_increases"]}
        for number, row in rows.items():
            is_pending = number in run.kept["price_increases"]
            if row["decision"] in ("accept", "reject", "gone") and is_pending:
                yield f"price increase {number} is still pending: {row}"
            if row["decision"] == "leave" and not is_pending:
                yield f"price increase {number} was left and is not pending: {row}"
            if row["decision"] == "accept" and number not in ACCEPTED:
                yield f"price increase {number} was accepted: {row}"

    def foreseen(self, run: Run) -> bool | None:
        options, pending = run.task.options, run.kept_before["price_increases"]
        if "max_increase" not in options:
            return False
        chosen = {
            number for number, row in pending.items() if row["contract_id"] in options.get("instances", (1, 4, 6))
        }
        return bool(chosen if options.get("policy") == "reject" else chosen & ACCEPTED)


SUBJECT = PriceIncrease()
