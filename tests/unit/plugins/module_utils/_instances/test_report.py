# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is planned for many instances, and what is told of each; how they are moved is in the tests of vast_fleet."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
    Exchange,
    Invalid,
    NotFound,
    PermissionDenied,
    ServerError,
    Unavailable,
    VastError,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.report import (
    NAMED_AT_MOST,
    Member,
    check_affected,
    plan_all,
    report,
    summary,
)

from ...harness import instance_row, stopped_row


def running(number: int = 1, **fields: t.Any) -> Instance:
    return Instance(number, instance_row(number, **{"label": f"dev-{number}", **fields}))


def stopped(number: int = 1, **fields: t.Any) -> Instance:
    return Instance(number, stopped_row(number, **{"label": f"dev-{number}", **fields}))


def told(member: Member, *, planned: bool, state: str = "stopped") -> dict[str, t.Any]:
    """What a task returns of one."""
    found: dict[str, t.Any] = summary([member], state, planned=planned)["instances"][0]
    return found


def changed(member: Member, seen: Instance) -> None:
    """It was changed, and is seen so."""
    member.sent = member.looked = member.shown = True
    member.seen = seen


def members(count: int) -> list[Member]:
    """So many, to be stopped."""
    return plan_all([running(number) for number in range(1, count + 1)], "stopped")


RECYCLE = "recycle instance 1 (dev-1): a new container from a fresh pull of pytorch/pytorch:latest; "


@pytest.mark.parametrize(
    ("state", "found", "action", "note"),
    [
        pytest.param("running", running(), None, "", id="runs already"),
        pytest.param("running", stopped(), "start instance 1 (dev-1)", "", id="to be started"),
        pytest.param(
            "running", stopped(intended_status="running"), "start instance 1 (dev-1)", "", id="a queued start again"
        ),
        pytest.param("running", running(actual_status="loading"), None, "", id="on its way up"),
        pytest.param("stopped", running(), "stop instance 1 (dev-1)", "", id="to be stopped"),
        pytest.param("stopped", stopped(), None, "", id="stopped already"),
        pytest.param("stopped", running(intended_status="stopped"), None, "", id="on its way down"),
        pytest.param("stopped", running(actual_status="offline"), "stop instance 1 (dev-1)", "", id="lost"),
        pytest.param("recycled", running(), f"{RECYCLE}its file system is lost", "", id="to be recycled"),
        pytest.param(
            "recycled",
            running(actual_status="exited"),
            f"{RECYCLE}its file system is lost",
            "",
            id="crashed, to be recycled",
        ),
        pytest.param(
            "recycled",
            running(actual_status="recycling"),
            None,
            "instance 1 (dev-1) is being recycled already.",
            id="recycled already",
        ),
        pytest.param(
            "recycled", running(actual_status="loading"), None, "is being recycled already", id="in its first boot"
        ),
        pytest.param(
            "recycled", stopped(), None, "Skipped: instance 1 (dev-1) is stopped;", id="stopped, not recycled"
        ),
        pytest.param(
            "recycled",
            running(intended_status="stopped"),
            None,
            "Skipped: instance 1 (dev-1) is being stopped;",
            id="being stopped, not recycled",
        ),
        pytest.param(
            "recycled",
            stopped(intended_status="running"),
            None,
            "Skipped: instance 1 (dev-1) is waiting for its GPU;",
            id="queued, not recycled",
        ),
    ],
)
def test_plans_what_each_needs_and_says_why_one_is_left_alone(
    state: str, found: Instance, action: str | None, note: str
) -> None:
    (member,) = plan_all([found], state)
    result = told(member, planned=True, state=state)
    assert result["action"] == action
    assert result["changed"] is (action is not None)
    assert note in result["msg"]
    assert bool(note) is bool(result["msg"])


def test_the_plan_keeps_the_order_of_the_listing() -> None:
    assert [member.before.id for member in plan_all([running(3), stopped(1), running(2)], "stopped")] == [3, 1, 2]


@pytest.mark.parametrize("limit", [None, 2, 3])
def test_as_many_as_allowed_may_change(limit: int | None) -> None:
    check_affected(plan_all([running(1), stopped(2), running(3)], "stopped"), limit)


@pytest.mark.parametrize("limit", [0, 1])
def test_more_than_allowed_are_refused_and_named(limit: int) -> None:
    wanted = (
        rf"2 instances would change but max_affected is {limit}, so nothing was sent: instance 1 \(dev-1\), "
        r"instance 3 \(dev-3\)\."
    )
    with pytest.raises(Invalid, match=wanted):
        check_affected(plan_all([running(1), stopped(2), running(3)], "stopped"), limit)


@pytest.mark.parametrize(("count", "more"), [(NAMED_AT_MOST, False), (NAMED_AT_MOST + 1, True)])
def test_only_so_many_are_named_when_too_many_would_change(count: int, more: bool) -> None:
    with pytest.raises(Invalid) as refused:
        check_affected(members(count), 1)
    assert f"instance {NAMED_AT_MOST} (dev-{NAMED_AT_MOST})" in refused.value.msg
    assert f"instance {NAMED_AT_MOST + 1} " not in refused.value.msg
    assert refused.value.msg.endswith(", ...." if more else ").")


RUNS = {"actual_status": "running", "intended_status": "running", "cur_state": "running"}
STANDS = {"actual_status": "exited", "intended_status": "stopped", "cur_state": "stopped"}


def test_a_planned_result_tells_what_would_change_and_a_real_one_what_was_sent() -> None:
    (member,) = members(1)
    planned = told(member, planned=True)
    assert planned == {
        "id": 1,
        "label": "dev-1",
        "gpu_name": "RTX 4090",
        "machine_id": None,
        "dph_total": 0.42,
        "end_date": None,
        "action": "stop instance 1 (dev-1)",
        "changed": True,
        "failed": False,
        "error_class": None,
        "msg": "",
        "before": RUNS,
        "after": STANDS,
    }
    assert told(member, planned=False) == {**planned, "changed": False, "after": RUNS}
    changed(member, stopped(label="renamed"))
    assert told(member, planned=False) == {**planned, "label": "renamed"}


@pytest.mark.parametrize("label", [None, ""])
def test_an_instance_without_a_label_has_null_there(label: str | None) -> None:
    (member,) = plan_all([running(label=label)], "stopped")
    assert told(member, planned=True)["label"] is None
    assert told(member, planned=True)["action"] == "stop instance 1"


def test_a_failed_member_tells_kind_and_reason_in_place_of_its_note() -> None:
    (member,) = plan_all([stopped()], "recycled")
    member.error = ServerError("boom")
    result = told(member, planned=False)
    assert (result["failed"], result["error_class"], result["msg"]) == (True, "server", "boom")
    assert result["action"] is None


PRICED = {"dph_total": 0.5, "storage_total_cost": 0.01}


@pytest.mark.parametrize(
    ("state", "planned", "before", "after"),
    [
        ("stopped", True, 0.51, 0.02),
        ("running", True, 0.51, 1.0),
        ("recycled", True, 0.51, 0.51),
        ("stopped", False, 0.51, 0.51),
    ],
)
def test_the_summary_foresees_the_cost_of_what_is_planned_only(
    state: str, planned: bool, before: float, after: float
) -> None:
    fleet = plan_all([running(1, **PRICED), stopped(2, **PRICED)], state)
    costs = summary(fleet, state, planned=planned)["cost"]
    assert (costs["before"]["per_hour"], costs["after"]["per_hour"]) == (before, after)


def test_the_real_summary_counts_what_was_sent_and_what_failed() -> None:
    fleet = plan_all([running(1, **PRICED), running(2, **PRICED), stopped(3, **PRICED)], "stopped")
    changed(fleet[0], stopped(1, **PRICED))
    fleet[1].error = ServerError("boom")
    result = summary(fleet, "stopped", planned=False)
    assert result["changed"] is True
    assert result["counts"] == {"selected": 3, "changed": 1, "unchanged": 1, "failed": 1, "skipped": 0}
    assert [each["id"] for each in result["instances"]] == [1, 2, 3]
    assert result["actions"] == ["stop instance 1 (dev-1)", "stop instance 2 (dev-2)"]
    assert result["diff"] == {
        "before": {"instance 1 (dev-1)": {"state": "running"}, "instance 2 (dev-2)": {"state": "running"}},
        "after": {"instance 1 (dev-1)": {"state": "stopped"}, "instance 2 (dev-2)": {"state": "stopped"}},
    }
    assert result["cost"]["before"] == {
        "running": 1.0,
        "if_started": 0.5,
        "storage": 0.01,
        "per_hour": 1.01,
        "unknown": [],
    }
    assert result["cost"]["after"] == {
        "running": 0.5,
        "if_started": 1.0,
        "storage": 0.02,
        "per_hour": 0.52,
        "unknown": [],
    }


def test_what_was_planned_and_not_sent_is_no_change() -> None:
    result = summary(members(2), "stopped", planned=False)
    assert result["changed"] is False
    assert result["counts"] == {"selected": 2, "changed": 0, "unchanged": 2, "failed": 0, "skipped": 0}


def test_an_empty_fleet_has_an_empty_summary() -> None:
    result = summary([], "stopped", planned=True)
    assert result["changed"] is False
    assert result["instances"] == result["actions"] == []
    assert result["counts"] == {"selected": 0, "changed": 0, "unchanged": 0, "failed": 0, "skipped": 0}
    assert result["diff"] == {"before": {}, "after": {}}


def failed(count: int, error: t.Callable[[Member], VastError], of: int | None = None) -> VastError:
    fleet = members(of or count)
    for member in fleet[:count]:
        member.error = error(member)
    with pytest.raises(VastError) as raised:
        report(fleet, "stopped", planned=False)
    return raised.value


def test_a_fleet_without_a_failure_has_none() -> None:
    assert report(members(3), "stopped", planned=False)["changed"] is False


def test_the_failure_names_each_with_its_reason_and_is_of_the_kind_of_the_first() -> None:
    exchange = Exchange("PUT", "https://vast.test/", 403)
    errors: dict[int, VastError] = {
        1: PermissionDenied("Not allowed.", exchange),
        2: NotFound("instance 2 (dev-2) no longer exists.", instance={"id": 2}),
    }
    error = failed(2, lambda member: errors[member.before.id], of=5)
    assert isinstance(error, PermissionDenied)
    assert error.exchange is exchange
    assert error.msg == (
        "2 of 5 instances failed. instance 1 (dev-1): Not allowed. | instance 2 (dev-2) no longer exists."
    )
    assert error.result["counts"]["failed"] == 2


def test_the_failure_returns_the_summary_and_nothing_of_a_single_instance() -> None:
    error = failed(1, lambda member: Unavailable("no", instance=member.before.result(), changed=True))
    assert error.result == summary(members(1), "stopped", planned=False) | {
        "instances": error.result["instances"],
        "counts": {"selected": 1, "changed": 0, "unchanged": 0, "failed": 1, "skipped": 0, "unloaded": 0},
    }


def test_one_reason_of_many_is_told_once() -> None:
    bulk = ServerError("Vast.ai answered 500 to PUT: boom.")
    assert failed(3, lambda _member: bulk).msg == (
        "3 of 3 instances failed. instance 1 (dev-1), instance 2 (dev-2), instance 3 (dev-3): "
        "Vast.ai answered 500 to PUT: boom."
    )


def test_a_message_names_only_so_many_and_the_result_all() -> None:
    error = failed(500, lambda member: ServerError(f"{member.before.display_name} {'x' * 100}"))
    assert error.msg.startswith("500 of 500 instances failed. ")
    assert f"instance {NAMED_AT_MOST} (" in error.msg
    assert f"instance {NAMED_AT_MOST + 1} (" not in error.msg
    assert error.msg.endswith("| see instances in the result for the rest")
    assert len(error.msg) < 4000
    assert sum(each["failed"] for each in error.result["instances"]) == 500


def test_as_many_as_can_be_named_need_no_hint_at_the_others() -> None:
    assert "for the rest" not in failed(NAMED_AT_MOST, lambda _member: ServerError("boom"), of=NAMED_AT_MOST + 1).msg


def test_neither_the_summary_nor_a_failure_holds_a_secret() -> None:
    error = failed(1, lambda member: Unavailable(member.before.described))
    assert "SECRET" not in json.dumps(error.failure()) + repr(members(1))
