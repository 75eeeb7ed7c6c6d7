# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan alone decides what a result says of changes."""

from __future__ import annotations

from ansible_collections.vastai.cloud.plugins.module_utils._plan import Change, Plan


def test_an_empty_plan_changes_nothing() -> None:
    plan = Plan("instance 4711")
    assert not plan.changed
    assert plan.result() == {
        "changed": False,
        "actions": [],
        "diff": {"before_header": "instance 4711", "after_header": "instance 4711", "before": {}, "after": {}},
    }


def test_a_plan_tells_its_changes_in_the_order_in_which_they_are_done() -> None:
    plan = Plan("it", (Change("label", "", "a", "label it"), Change("state", "stopped", "running", "start it")))
    assert plan.changed
    assert plan.result() == {
        "changed": True,
        "actions": ["label it", "start it"],
        "diff": {
            "before_header": "it",
            "after_header": "it",
            "before": {"label": "", "state": "stopped"},
            "after": {"label": "a", "state": "running"},
        },
    }
