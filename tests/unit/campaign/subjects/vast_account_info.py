# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking at the account."""

from __future__ import annotations

import collections.abc as c

from hypothesis import strategies as st

from ..draws import connection
from ..steps import Task
from ..subject import Plain
from ..world import Run


class Account(Plain):
    """Looking at the account only."""

    module = "vast_account_info"
    places = ("listing", "endpoints", "secrets", "template", "any")

    def tasks(self) -> st.SearchStrategy[Task]:
        return st.builds(lambda options: Task(self.module, options), connection())

    def success(self, run: Run) -> c.Iterator[str]:
        told, there = run.result["left_over"]["environment_variables"], len(run.things["secrets"])
        if told not in (None, there):
            yield f"{told} environment variables instead of {there}"


SUBJECT = Account()
