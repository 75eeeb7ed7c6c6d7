# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking at templates only."""

from __future__ import annotations

from hypothesis import strategies as st

from ..draws import connection
from ..steps import Task
from ..subject import Plain


class Templates(Plain):
    """Looking at templates only."""

    module = "vast_template_info"
    places = ("any", "template")

    def tasks(self) -> st.SearchStrategy[Task]:
        criteria = st.sampled_from(({}, {"own": True}, {"name": "server"}))
        return st.builds(lambda wanted, options: Task(self.module, {**wanted, **options}), criteria, connection())


SUBJECT = Templates()
