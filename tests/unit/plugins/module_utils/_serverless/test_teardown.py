# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is planned of a teardown; its requests are held by the tests of the module."""

from __future__ import annotations

from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import teardown
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import Endpoint
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.proof import Case
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.suspects import Suspects
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.teardown import plan_absent

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
