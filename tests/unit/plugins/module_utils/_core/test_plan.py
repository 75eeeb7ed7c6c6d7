# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan alone decides what a result says of changes."""

from __future__ import annotations

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Change, Plan, body, combined


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


ONE = Plan("one", (Change("label", "", "a", "label one"), Change("state", "stopped", "running", "start one")))
OTHER = Plan("other", (Change("state", "running", "stopped", "stop other"),))


def test_the_plans_of_many_make_one_result_with_a_part_for_each_that_changes() -> None:
    assert combined(iter([ONE, Plan("as it should be"), OTHER])) == {
        "changed": True,
        "actions": ["label one", "start one", "stop other"],
        "diff": {
            "before": {"one": {"label": "", "state": "stopped"}, "other": {"state": "running"}},
            "after": {"one": {"label": "a", "state": "running"}, "other": {"state": "stopped"}},
        },
    }


@pytest.mark.parametrize("plans", [[], [Plan("one"), Plan("other")]])
def test_many_of_which_none_is_to_change_are_no_change(plans: list[Plan]) -> None:
    assert combined(plans) == {"changed": False, "actions": [], "diff": {"before": {}, "after": {}}}


def test_one_request_holds_what_all_changes_send() -> None:
    moved = Change("gpu", "a", "b", "move it", sends={"machine": 5, "force": True})
    silent = Change("seen", "a", "b", "tell it", sends={})
    assert body([]) == {}
    assert body([*ONE.changes, silent, moved]) == {"label": "a", "state": "running", "machine": 5, "force": True}


def test_a_secret_is_shown_by_its_presence_only() -> None:
    result = Plan("it", (Change("token", None, "s3cr3t", "set it", secret=True),)).result()
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"token": None}, {"token": "********"})


@pytest.mark.parametrize(
    ("before", "after", "shown"), [("a", "b", ("********", "******** (new)")), ("a", None, ("********", None))]
)
def test_that_a_secret_changes_can_be_seen(before: str, after: str | None, shown: tuple[str, str | None]) -> None:
    diff = Plan("it", (Change("token", before, after, "set it", secret=True),)).result()["diff"]
    assert (diff["before"]["token"], diff["after"]["token"]) == shown


@pytest.mark.parametrize("field", ["subject", "changes"])
def test_what_check_mode_tells_cannot_be_altered_before_it_is_done(field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(ONE, field, ())
