# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Searching the market only."""

from __future__ import annotations

from hypothesis import strategies as st

from ..draws import connection
from ..steps import Task
from ..subject import Subject


class Offers(Subject):
    """Searching the market only."""

    module = "vast_offer_info"

    def tasks(self) -> st.SearchStrategy[Task]:
        criteria = st.sampled_from(({}, {"gpu_name": ["H100_SXM"]}, {"max_price": 0.01}))
        return st.builds(lambda wanted, options: Task("vast_offer_info", {**wanted, **options}), criteria, connection())


SUBJECT = Offers()
