# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking only."""

from __future__ import annotations

from hypothesis import strategies as st

from ..draws import connection
from ..steps import Task
from ..subject import Subject


class Info(Subject):
    """Looking only."""

    module = "vast_instance_info"
    places = ("listing", "any")

    def tasks(self) -> st.SearchStrategy[Task]:
        return st.builds(lambda options: Task("vast_instance_info", options), connection())


SUBJECT = Info()
