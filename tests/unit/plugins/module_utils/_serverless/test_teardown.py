# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is planned, judged and said of a teardown; its requests are held by the tests of the module."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import teardown
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import Endpoint
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.teardown import Case, Suspects, plan_absent

from ...harness import endpoint_row, instance_row

GROUP = Endpoint(77, endpoint_row())


def test_the_deletion_has_its_published_interval_and_is_never_repeated_by_the_client() -> None:
    assert teardown.DELETE == ("DELETE", "/api/v0/endptjobs/{id}/", 3.0, False, False)
    assert not teardown.DELETE.safe


def test_what_is_there_is_planned_to_be_deleted_with_its_workers() -> None:
    suspects = Suspects(workers={1002, 1001}, owed={5}, seen={1001: Instance(1001, instance_row(1001))})
    result = plan_absent(Case("endpoint 77", [GROUP], GROUP, suspects=suspects)).result()
    assert result["diff"]["before_header"] == result["diff"]["after_header"] == "endpoint 77 (llama-prod)"
    assert result["changed"] is True
    assert result["actions"] == [
        "delete endpoint 77 (llama-prod) with its workergroups and workers 1001, 1002 (0.420 $/h)"
    ]
    assert result["diff"]["before"]["endpoint"]["endpoint_name"] == "llama-prod"
    assert [each["id"] for each in result["diff"]["before"]["endpoint"]["workers"]] == [5, 1001, 1002]
    assert result["diff"]["after"] == {"endpoint": None}


def test_nothing_is_planned_for_what_is_not_there() -> None:
    plan = plan_absent(Case("endpoint llama-prod", [], None))
    assert not plan.changed
    assert plan.subject == "endpoint llama-prod"


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
    text = teardown._described([Instance(number, instance_row(number, label=None)) for number in (1002, 1001)])
    assert text.index("1001") < text.index("1002")


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("Routegroup not found for user", True),
        ("Endpoint 77 for user 5 not found.", True),
        ("Endpoint job 77 not found", True),
        ("bad client_id", False),
        ("User not found", False),
        ("Endpoint is busy", False),
    ],
)
def test_words_of_absence_of_both_generations_are_understood(text: str, absent: bool) -> None:
    error = Invalid(f"Vast.ai answered 400 to DELETE https://vast.test/api/v0/endptjobs/77/: {text}")
    assert teardown._says_absent(error) is absent
