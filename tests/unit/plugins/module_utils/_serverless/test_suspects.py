# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is told of the workers that have to go."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.suspects import Suspects, described

from ...harness import instance_row


def test_a_worker_is_told_without_secrets() -> None:
    row = instance_row(1001, api_key="SECRET")
    suspects = Suspects(workers={1001}, statuses={1001: "idle"}, seen={1001: Instance(1001, row)})
    assert suspects.results() == [
        {
            "id": 1001,
            "status": "idle",
            "gpu_name": "RTX 4090",
            "actual_status": "running",
            "intended_status": "running",
            "cur_state": "running",
            "dph_total": 0.42,
        }
    ]


@pytest.mark.parametrize("price", [None, "0.42", True, float("nan"), float("inf"), 10**400, 1e6, -1e6, [0.42]])
def test_a_price_that_is_no_number_is_null(price: t.Any) -> None:
    suspects = Suspects(workers={1}, seen={1: Instance(1, {"dph_total": price})})
    assert suspects.describe([1])[0]["dph_total"] is None


def test_a_whole_number_is_a_price() -> None:
    shown = Suspects(workers={1}, seen={1: Instance(1, {"dph_total": 2})}).describe([1])[0]["dph_total"]
    assert (shown, type(shown)) == (2.0, float)


def test_what_is_left_is_described_in_the_order_of_ids() -> None:
    text = described([Instance(number, instance_row(number, label=None)) for number in (1002, 1001)])
    assert text.index("1001") < text.index("1002")
