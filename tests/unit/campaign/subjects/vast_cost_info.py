# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Adding up what bills."""

from __future__ import annotations

import collections.abc as c

from hypothesis import strategies as st

from ..draws import connection
from ..steps import Task
from ..subject import Subject
from ..world import Run


class Costs(Subject):
    """Adding up what bills."""

    module = "vast_cost_info"
    places = ("listing", "endpoints", "any")

    def tasks(self) -> st.SearchStrategy[Task]:
        limits = st.sampled_from(({}, {"limits": {"per_hour": 0.1}}, {"limits": {"hours_left": 1e9}, "top": 1}))
        return st.builds(lambda wanted, options: Task("vast_cost_info", {**wanted, **options}), limits, connection())

    def success(self, run: Run) -> c.Iterator[str]:
        result = run.result
        burn = result["burn"]["total"]["per_hour"]
        if run.task.options.get("limits") and burn != 0 and not result["over_limit"]:
            yield f"a burn of {burn} is said to be within {run.task.options['limits']}"


SUBJECT = Costs()
