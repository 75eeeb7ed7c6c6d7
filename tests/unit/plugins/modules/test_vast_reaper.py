# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_reaper against declared calls."""

from __future__ import annotations

import os
import pathlib
import signal
import stat
import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._reaper.history import History
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.rules import Seen

from ..harness import (
    Api,
    FakeClock,
    Result,
    fail_as,
    instance_row,
    interrupt_after,
    list_query,
    listing,
    stopped_row,
    succeed,
)

NOW = 1_000_000
HOUR = 3600
OLD: dict[str, t.Any] = {
    "select": {"all": True},
    "rules": [{"name": "too old", "running_for": "6h", "action": "destroy"}],
    "max_fraction": 1,
}
DENIED = {"success": False, "error": "forbidden", "msg": "Your key lacks the api.x access"}


def old(instance_id: int = 1, **fields: t.Any) -> dict[str, t.Any]:
    """An instance that has run for a day."""
    return instance_row(instance_id, **{"start_date": NOW - 24 * HOUR, **fields})


def rules(*given: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    """Options with these rules, which have no names of their own."""
    named = [{"name": f"rule {place}", "action": "destroy", **rule} for place, rule in enumerate(given)]
    return {"select": {"all": True}, "max_fraction": 1, "rules": named, **more}


def chosen(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare the listing that is chosen from."""
    api.expect_listing(*rows)


def no_workers(api: Api) -> None:
    """Declare that there are no endpoints."""
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": []})


def seen_again(api: Api, *rows: dict[str, t.Any], ids: list[int] | None = None) -> None:
    """Declare the listing right before."""
    api.expect_listing(*rows, id=ids or [row["id"] for row in rows])


def destroyed(api: Api, row: dict[str, t.Any]) -> None:
    """Declare that one is seen again, destroyed, and proven gone."""
    seen_again(api, row)
    api.expect("DELETE", f"/api/v0/instances/{row['id']}/", {"success": True}, body={})
    api.expect_listing(id=row["id"])


def stopped(api: Api, row: dict[str, t.Any]) -> None:
    """Declare that one is seen again and stopped."""
    seen_again(api, row)
    api.expect("PUT", f"/api/v0/instances/{row['id']}/", {"success": True}, body={"state": "stopped"})
    api.expect_listing(stopped_row(row["id"]), id=row["id"])


def victims(result: Result) -> list[tuple[int, str, str]]:
    """Who falls under which rule, and what is done."""
    return [(each["id"], each["rule"], each["action"]) for each in result["victims"]]


def reasons(result: Result) -> dict[int, str]:
    """Why things are spared."""
    return {each["id"]: each["reason"] for each in result["skipped_resources"]}


def look(api: Api, *rows: dict[str, t.Any], acts: bool = False, **options: t.Any) -> Result:
    """One preview of these rows; `acts`: something falls under a rule that does more than report."""
    chosen(api, *rows)
    if acts:
        no_workers(api)
    return succeed("vast_reaper", check_mode=True, **options)


def test_what_falls_under_a_rule_is_destroyed_and_proven(api: Api) -> None:
    chosen(api, old(1), old(2, start_date=NOW - HOUR))
    no_workers(api)
    destroyed(api, old(1))
    result = succeed("vast_reaper", **OLD)
    assert victims(result) == [(1, "too old", "destroy")]
    assert result["victims"][0]["why"] == "it has been running for 24 hours"
    assert result["changed"] is True
    assert result["counts"] == {"selected": 2, "changed": 1, "failed": 0, "reported": 0, "skipped": 0}
    assert result["saves_per_hour"] == 0.42
    assert result["actions"] == ["destroy instance 1 (train-01): its disk is lost, and it no longer bills"]
    chosen(api, old(2, start_date=NOW - HOUR))
    assert succeed("vast_reaper", **OLD)["changed"] is False


def test_the_preview_says_the_same_and_sends_nothing(api: Api) -> None:
    result = look(api, old(1), acts=True, **OLD)
    assert (victims(result), result["changed"], result["saves_per_hour"]) == ([(1, "too old", "destroy")], True, 0.42)
    assert result["victims"][0]["changed"] is True


def test_a_stop_is_proven_and_its_disk_bills_on(api: Api) -> None:
    chosen(api, old(1))
    no_workers(api)
    stopped(api, old(1))
    result = succeed("vast_reaper", **rules({"price_above": 0.4, "action": "stop"}))
    assert (victims(result), result["saves_per_hour"]) == ([(1, "rule 0", "stop")], 0.41)


def test_a_report_needs_no_workers_and_changes_nothing(api: Api) -> None:
    chosen(api, old(1, end_date=NOW + HOUR))
    result = succeed("vast_reaper", **rules({"contract_left_below": "1d", "action": "report"}))
    assert (victims(result), result["changed"], result["counts"]["reported"]) == ([(1, "rule 0", "report")], False, 1)
    assert result["victims"][0]["why"] == "its contract ends in 1 hour"


def test_the_first_rule_counts(api: Api) -> None:
    options = rules({"running_for": "1h", "action": "report"}, {"running_for": "1h"})
    assert victims(look(api, old(1), **options)) == [(1, "rule 0", "report")]


def test_all_conditions_of_a_rule_must_hold(api: Api) -> None:
    options = rules({"running_for": "1h", "status": ["running"], "label_prefix": "ci-", "price_above": 0.4})
    rows = [old(1, label="ci-1"), old(2), old(3, label="ci-3", dph_total=0.1)]
    assert victims(look(api, *rows, acts=True, **options)) == [(1, "rule 0", "destroy")]


def test_what_is_provisioned_has_the_status_null(api: Api) -> None:
    options = rules({"status": ["null"], "action": "report"})
    assert victims(look(api, old(1, actual_status=None), **options)) == [(1, "rule 0", "report")]


def test_stopped_for_counts_from_the_first_run_that_saw_it(api: Api, clock: FakeClock) -> None:
    options = rules({"stopped_for": "24h"})
    first = look(api, stopped_row(1), **options)
    assert reasons(first) == {1: "rule 0: how long it has been stopped is not known yet"}
    clock.seconds += 23 * HOUR
    assert victims(look(api, stopped_row(1), **options)) == []
    clock.seconds += HOUR
    assert victims(look(api, stopped_row(1), acts=True, **options)) == [(1, "rule 0", "destroy")]
    assert victims(look(api, old(1), **options)) == []
    assert reasons(look(api, stopped_row(1), **options)) == {1: "rule 0: how long it has been stopped is not known yet"}


def test_running_for_counts_from_the_last_start_that_was_seen(api: Api, clock: FakeClock) -> None:
    look(api, stopped_row(1, start_date=NOW - 24 * HOUR), **OLD)
    clock.seconds += HOUR
    assert reasons(look(api, old(1), **OLD)) == {1: "too old: how long it has been running is not known yet"}
    clock.seconds += 5 * HOUR
    assert victims(look(api, old(1), **OLD)) == []
    clock.seconds += HOUR
    assert victims(look(api, old(1), acts=True, **OLD)) == [(1, "too old", "destroy")]


def test_running_for_without_a_date_is_not_known(api: Api) -> None:
    assert reasons(look(api, old(1, start_date=None), **OLD)) == {
        1: "too old: how long it has been running is not known yet"
    }


def test_not_running_for(api: Api, clock: FakeClock) -> None:
    options = rules({"not_running_for": "45m", "status": ["loading"]})
    look(api, old(1, actual_status="loading"), **options)
    clock.seconds += HOUR
    assert victims(look(api, old(1, actual_status="loading"), acts=True, **options)) == [(1, "rule 0", "destroy")]


IDLE = rules({"idle_for": "2h", "gpu_util_below": 3, "action": "report"})


def idle_runs(api: Api, clock: FakeClock, *uses: t.Any, every: float = HOUR) -> list[bool]:
    """Whether the rule fired in each run."""
    fired = []
    for use in uses:
        fired.append(bool(victims(look(api, old(1, gpu_util=use), **IDLE))))
        clock.seconds += every
    return fired


def test_idle_for_needs_every_run_in_between(api: Api, clock: FakeClock) -> None:
    assert idle_runs(api, clock, 0, 1, 2.9) == [False, False, True]
    assert idle_runs(api, clock, 3.0, 0, 0, 0) == [False, False, False, True]


def test_a_use_that_is_not_known_starts_anew(api: Api, clock: FakeClock) -> None:
    assert idle_runs(api, clock, 0, 0, None, 0, 0, 0) == [False, False, False, False, False, True]


def test_a_gap_that_is_too_long_starts_anew(api: Api, clock: FakeClock) -> None:
    assert idle_runs(api, clock, 0, 0, 0, every=HOUR + 1) == [False, False, False]


def test_cost_above_counts_from_the_charges(api: Api) -> None:
    options = rules({"cost_above": 10, "action": "report"})
    rows = [old(1), old(2), old(3, start_date=None)]
    charged = [{"source": "instance-1", "amount": 11.0}, {"source": "instance-3", "amount": 99.0}]
    chosen(api, *rows)
    api.expect_any("GET", "/api/v0/charges/", {"results": charged, "next_token": None})
    result = succeed("vast_reaper", **options)
    assert victims(result) == [(1, "rule 0", "report")]
    assert reasons(result) == dict.fromkeys((2, 3), "rule 0: what was charged for it is not known")
    chosen(api, *rows)
    api.expect_any("GET", "/api/v0/charges/", {"success": False, "msg": "Host users do not have instance charges"})
    assert victims(succeed("vast_reaper", **options)) == []


def test_a_price_or_an_end_that_is_not_known_fires_no_rule(api: Api) -> None:
    options = rules({"price_above": 0.1}, {"contract_left_below": "1d"})
    result = look(api, old(1, dph_total="x", end_date=None), **options)
    assert victims(result) == []
    assert [each["reason"] for each in result["skipped_resources"]] == [
        "rule 0: its price is not known",
        "rule 1: the end of its contract is not known",
    ]


def volume(number: int = 900, **fields: t.Any) -> dict[str, t.Any]:
    """A volume that no instance uses."""
    return {"id": number, "label": "models", "instances": [], "storage_total_cost": 0.02, **fields}


def volumes(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare the listing of volumes."""
    api.expect("GET", "/api/v0/volumes/", {"volumes": list(rows)}, query={"owner": "me", "type": "all_volume"})


UNATTACHED = {"unattached_for": "1d", "action": "destroy_volume"}
LOOSE = rules(UNATTACHED)


def test_a_loose_volume_is_destroyed_and_proven(api: Api, clock: FakeClock) -> None:
    rows = [volume(900), volume(901, instances=[7]), volume(902, instances=None)]
    chosen(api)
    volumes(api, *rows)
    assert victims(succeed("vast_reaper", **LOOSE)) == []
    clock.seconds += 25 * HOUR
    chosen(api)
    volumes(api, *rows)
    volumes(api, *rows)
    api.expect("DELETE", "/api/v0/volumes/", {"success": True}, body={"id": 900})
    volumes(api, *rows[1:])
    result = succeed("vast_reaper", **LOOSE)
    assert victims(result) == [(900, "rule 0", "destroy_volume")]
    assert (result["victims"][0]["kind"], result["saves_per_hour"], result["changed"]) == ("volume", 0.02, True)


@pytest.mark.parametrize("now", [None, volume(instances=[1]), volume(label="mine")])
def test_a_volume_that_changed_is_spared(api: Api, clock: FakeClock, now: dict[str, t.Any] | None) -> None:
    for _run in range(2):
        chosen(api)
        volumes(api, volume())
        if _run:
            volumes(api, *filter(None, [now]))
        result = succeed("vast_reaper", **LOOSE)
        clock.seconds += 25 * HOUR
    assert (result["changed"], [*reasons(result)]) == (False, [900])


def due(api: Api, clock: FakeClock) -> None:
    """Have a run see the volume, and declare what the next one, a day later, sees when it falls under the rule."""
    chosen(api)
    volumes(api, volume())
    succeed("vast_reaper", **LOOSE)
    clock.seconds += 25 * HOUR
    chosen(api)
    volumes(api, volume())


def test_a_volume_that_is_refused_fails_the_task(api: Api, clock: FakeClock) -> None:
    due(api, clock)
    volumes(api, volume())
    in_use = {"success": False, "error": "volume in use", "msg": "existing instances use that volume!"}
    api.expect("DELETE", "/api/v0/volumes/", in_use, status=409, body={"id": 900})
    volumes(api, volume())
    result = fail_as("vast_reaper", "invalid", "existing instances use that volume", **LOOSE)
    assert result["counts"]["failed"] == 1
    chosen(api)
    volumes(api, volume())
    api.expect("GET", "/api/v0/volumes/", DENIED, status=403, query={"owner": "me", "type": "all_volume"})
    fail_as("vast_reaper", "permission", **LOOSE)


def test_after_a_lost_reply_a_volume_that_is_gone_is_destroyed(api: Api, clock: FakeClock) -> None:
    due(api, clock)
    volumes(api, volume())
    api.expect("DELETE", "/api/v0/volumes/", requests.ReadTimeout("lost"), body={"id": 900})
    for _poll in range(2):
        volumes(api)
    result = succeed("vast_reaper", **LOOSE)
    assert (result["changed"], result["counts"]["changed"]) == (True, 1)


def test_a_volume_that_cannot_be_seen_once_more_is_left_alone(api: Api, clock: FakeClock) -> None:
    due(api, clock)
    api.expect("GET", "/api/v0/volumes/", {"volumes": None}, query={"owner": "me", "type": "all_volume"})
    says = "volume 900 (models) could not be checked again, so nothing was sent"
    assert fail_as("vast_reaper", "protocol", says, **LOOSE)["changed"] is False


def test_without_time_no_volume_is_destroyed(api: Api, clock: FakeClock) -> None:
    chosen(api)
    volumes(api, volume())
    succeed("vast_reaper", **LOOSE)
    clock.seconds += 25 * HOUR
    api.expect("GET", "/api/v1/instances/", "too frequent", status=429, query=list_query({}))
    chosen(api)
    volumes(api, volume())
    says = "volume 900 (models) was left as it is: no time was left to destroy it. Run the task again."
    assert fail_as("vast_reaper", "timeout", says, **LOOSE, wait_timeout=1)["changed"] is False


def ended_by_a_signal(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first sleep from now on end by a signal."""
    sleep, so_far = clock.sleep, len(clock.slept)

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        if len(clock.slept) == so_far + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(clock, "sleep", interrupted)


def test_after_an_interruption_no_volume_is_destroyed(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**LOOSE, "api_pacing": False}
    both = [volume(900), volume(901)]
    chosen(api)
    volumes(api, *both)
    succeed("vast_reaper", **options)
    clock.seconds += 25 * HOUR
    chosen(api)
    volumes(api, *both)
    volumes(api, *both)
    api.expect("DELETE", "/api/v0/volumes/", {"success": True}, body={"id": 900})
    ended_by_a_signal(clock, monkeypatch)
    volumes(api, both[1])
    says = "volume 901 (models) was left as it is: the task was interrupted"
    result = fail_as("vast_reaper", "timeout", "Interrupted by SIGTERM", says, **options)
    assert [(each["id"], each["changed"]) for each in result["victims"]] == [(900, True), (901, False)]


def test_after_an_interruption_neither_instances_nor_volumes_are_destroyed(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = rules({"price_above": 1, "action": "stop"}, {"running_for": "6h"}, UNATTACHED, api_pacing=False)
    rows = old(1, dph_total=2.0), old(2)
    chosen(api)
    volumes(api, volume())
    succeed("vast_reaper", **options)
    clock.seconds += 25 * HOUR
    chosen(api, *rows)
    volumes(api, volume())
    no_workers(api)
    seen_again(api, rows[0])
    api.expect("PUT", "/api/v0/instances/1/", {"success": True}, body={"state": "stopped"})
    ended_by_a_signal(clock, monkeypatch)
    api.expect_listing(stopped_row(1), id=1)
    result = fail_as("vast_reaper", "timeout", "Interrupted by SIGTERM", "the task was interrupted", **options)
    assert [(each["id"], each["changed"]) for each in result["victims"]] == [(1, True), (2, False), (900, False)]


def test_a_signal_in_the_last_look_says_what_was_done_and_sends_nothing_more(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = old(1, dph_total=2.0), old(2)
    chosen(api, *rows)
    no_workers(api)
    stopped(api, rows[0])
    interrupt_after(api, clock, monkeypatch, 5)
    says = "Interrupted by SIGTERM", "instance 2 (train-01)"
    options = rules({"price_above": 1, "action": "stop"}, {"running_for": "6h"})
    result = fail_as("vast_reaper", "timeout", *says, **options)
    assert [(each["id"], each["changed"], each["failed"]) for each in result["victims"]] == [
        (1, True, False),
        (2, False, True),
    ]
    assert result["changed"] is True


def test_a_signal_in_the_last_look_at_a_volume_says_what_was_done(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [volume(900), volume(901)]
    chosen(api)
    volumes(api, *both)
    succeed("vast_reaper", **LOOSE)
    clock.seconds += 25 * HOUR
    chosen(api)
    volumes(api, *both)
    volumes(api, *both)
    api.expect("DELETE", "/api/v0/volumes/", {"success": True}, body={"id": 900})
    volumes(api, both[1])
    interrupt_after(api, clock, monkeypatch, len(api.calls) + 5)
    result = fail_as("vast_reaper", "timeout", "Interrupted by SIGTERM", "volume 901 (models)", **LOOSE)
    assert [(each["id"], each["changed"]) for each in result["victims"]] == [(900, True), (901, False)]


def test_volumes_are_chosen_by_label(api: Api) -> None:
    chosen(api)
    volumes(api, volume(1, label="ci-a"), volume(2, label="other"))
    options = {**LOOSE, "select": {"label_prefix": "ci-"}, "missing": "ignore"}
    assert succeed("vast_reaper", **options)["counts"]["selected"] == 1


@pytest.mark.parametrize(
    ("label", "due"),
    [
        ("sweep ttl=6h", True),
        ("ttl=6h", True),
        ("a,ttl=6h,b", True),
        ("a TTL=30h", False),
        ("until=1970-01-12T13:46Z", True),
        ("until=1970-01-12T13:47Z", False),
        ("until=1970-01-12T13:46:40", True),
        ("until=1970-01-12", True),
        ("until=2026-12-01T08:00Z ttl=1h", True),
        ("until=2026-12-01T08:00Z,ttl=90h", False),
        ("xttl=1h", False),
        ("ttl = 1h", None),
        ("plain", False),
    ],
)
def test_deadlines_in_labels(api: Api, label: str, due: bool | None) -> None:
    options: dict[str, t.Any] = {"select": {"all": True}, "use_deadlines": True, "max_fraction": 1}
    result = look(api, old(1, label=label), acts=due is True, **options)
    assert victims(result) == ([(1, "deadline", "destroy")] if due else [])


@pytest.mark.parametrize(
    "label",
    [
        "ttl=6",
        "ttl=",
        "until=tomorrow",
        "until=2026-13-01",
        "until=2026-02-30",
        "until=1970-01-01T25:00",
        "ttl=1h until=x",
    ],
)
def test_a_deadline_that_is_not_understood_counts_for_nothing(api: Api, label: str) -> None:
    result = look(api, old(1, label=label), select={"all": True}, use_deadlines=True)
    assert (victims(result), "cannot be parsed" in reasons(result)[1]) == ([], True)


def test_a_time_to_live_needs_its_beginning(api: Api) -> None:
    result = look(api, old(1, label="ttl=1h", start_date=None), select={"all": True}, use_deadlines=True)
    assert reasons(result) == {1: "deadline: the rental time is not known, for ttl=1h"}


def test_deadlines_count_only_when_asked_for(api: Api) -> None:
    assert victims(look(api, old(1, label="ttl=1h"), **rules({"stopped_for": "1h"}))) == []


@pytest.mark.parametrize("protect", [{"label": ["train-01"]}, {"label_prefix": ["x", "train"]}, {"ids": [1]}])
def test_what_is_protected_is_spared_from_rules_and_deadlines(api: Api, protect: dict[str, t.Any]) -> None:
    assert reasons(look(api, old(1), **OLD, protect=protect)) == {1: "too old: it is protected"}
    options: dict[str, t.Any] = {"select": {"all": True}, "use_deadlines": True, "protect": {"ids": [1]}}
    assert reasons(look(api, old(1, label="ttl=1h"), **options)) == {1: "deadline: it is protected"}


def test_an_exception_that_does_not_exist_is_a_failure(api: Api) -> None:
    """A mistyped label would leave the instance that it means to the rules."""
    chosen(api, old(1))
    says = "No instance of this account has the label 'train-0l', as exclude.label says", "Did you mean 'train-01'?"
    fail_as("vast_reaper", "not_found", *says, **OLD, exclude={"label": ["train-0l"]})
    result = look(api, old(1), acts=True, **OLD, exclude={"label": ["train-0l"]}, missing="warn")
    assert (victims(result), len(result.warnings)) == ([(1, "too old", "destroy")], 1)


def test_what_is_selected_and_does_not_exist_is_only_warned_of(api: Api) -> None:
    api.expect_listing(label=["gone"])
    api.expect_listing(old(1))
    (warning,) = succeed("vast_reaper", **{**OLD, "select": {"label": ["gone"]}}).warnings
    assert "has the label 'gone'" in warning


@pytest.mark.parametrize(("label", "is_told"), [("train-o1", True), ("train-02", False), ("web", False)])
def test_a_label_that_is_nearly_a_protected_one_is_told(api: Api, label: str, is_told: bool) -> None:
    result = look(api, old(1), acts=True, **OLD, protect={"label": [label, "other"]})
    says = f"protect.label: nothing that was chosen has the label {label!r}. Did you mean 'train-01'?"
    assert (victims(result), result.warnings) == ([(1, "too old", "destroy")], [says] if is_told else [])


def test_a_protected_label_that_is_carried_is_no_mistake(api: Api) -> None:
    result = look(api, old(1), old(2, label="train-o1"), acts=True, **OLD, protect={"label": ["train-o1"]})
    assert (reasons(result), result.warnings) == ({2: "too old: it is protected"}, [])


def test_workers_are_spared(api: Api) -> None:
    chosen(api, old(1), old(2))
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [{"id": 77}]})
    api.expect("POST", "/get_endpoint_workers/", [{"id": 2}], body={"id": 77})
    destroyed(api, old(1))
    result = succeed("vast_reaper", **OLD)
    assert (victims(result), reasons(result)) == (
        [(1, "too old", "destroy")],
        {2: "too old: it is a worker of endpoint 77"},
    )
    assert (result["victims"][0]["worker_of"], result["skipped_resources"][0]["worker_of"]) == (None, 77)


def test_who_is_a_worker_is_not_told_while_nobody_had_to_ask(api: Api) -> None:
    result = look(api, old(1), old(2), **OLD, protect={"ids": [1, 2]})
    assert not any("worker_of" in each for each in result["skipped_resources"])


def test_nothing_is_sent_while_the_workers_are_not_known(api: Api) -> None:
    chosen(api, old(1))
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": [{"id": 77}]})
    api.expect("POST", "/get_endpoint_workers/", {"error_msg": "not ready"}, body={"id": 77})
    fail_as("vast_reaper", "server", "nothing was stopped or destroyed: instance 1", **OLD)
    chosen(api, old(1))
    api.expect("GET", "/api/v0/endptjobs/", DENIED, status=403)
    fail_as("vast_reaper", "permission", **OLD)


def test_the_limits_are_held_before_anything_is_sent(api: Api) -> None:
    chosen(api, old(1), old(2), old(3))
    no_workers(api)
    fail_as("vast_reaper", "invalid", "3 would be", "max_affected is 2", "nothing was sent", **OLD, max_affected=2)
    chosen(api, old(1), old(2), old(3))
    no_workers(api)
    fail_as("vast_reaper", "invalid", "3 of 3", "max_fraction is 0.5", "allows 1", **{**OLD, "max_fraction": 0.5})


def test_the_fraction_is_of_what_is_not_protected_and_one_may_always_be_affected(api: Api) -> None:
    rows = [old(1), old(2), *(stopped_row(number, label="keep") for number in range(3, 9))]
    chosen(api, *rows)
    no_workers(api)
    options = {**OLD, "max_fraction": 0.9, "protect": {"label": ["keep"]}}
    fail_as("vast_reaper", "invalid", "2 of 2", "allows 1", **options)
    assert victims(look(api, old(1), acts=True, **{**OLD, "max_fraction": 0.1})) == [(1, "too old", "destroy")]


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ([old(1, label="mine")], "too old: its label is 'mine' now"),
        ([stopped_row(1)], "too old: it no longer matches that rule"),
        ([old(1, start_date=NOW - HOUR)], "too old: it no longer matches that rule"),
        ([old(1, cur_state="unloaded")], "it no longer exists"),
        ([], "it no longer exists"),
    ],
)
def test_what_has_changed_meanwhile_is_spared_and_that_is_green(api: Api, now: t.Any, says: str) -> None:
    chosen(api, old(1))
    no_workers(api)
    seen_again(api, *now, ids=[1])
    result = succeed("vast_reaper", **OLD)
    assert (reasons(result), result["changed"], result["victims"]) == ({1: says}, False, [])


@pytest.mark.parametrize(
    ("criteria", "now"),
    [
        ({"select": {"status": ["exited"]}}, old(1, label="ci-1")),
        ({"select": {"all": True}, "exclude": {"status": ["running"]}}, old(1, label="ci-1")),
        ({"select": {"machine_id": [7]}}, stopped_row(1, label="ci-1", machine_id=8)),
    ],
)
def test_what_is_not_chosen_any_more_is_spared(api: Api, criteria: dict[str, t.Any], now: dict[str, t.Any]) -> None:
    filters = {"actual_status": {"in": ["exited"]}} if "status" in criteria["select"] else {}
    page = listing(stopped_row(1, label="ci-1", machine_id=7))
    api.expect("GET", "/api/v1/instances/", page, query=list_query(filters))
    no_workers(api)
    seen_again(api, now)
    result = succeed("vast_reaper", **{**rules({"label_prefix": "ci-"}), **criteria, "missing": "ignore"})
    assert reasons(result) == {1: "rule 0: it is no longer selected"}
    assert (result["changed"], result["victims"]) == (False, [])


def test_a_volume_that_is_not_chosen_any_more_is_spared(api: Api, clock: FakeClock) -> None:
    options = {**LOOSE, "select": {"machine_id": [7]}, "missing": "ignore"}
    for _run in range(2):
        chosen(api)
        volumes(api, volume(machine_id=7))
        if _run:
            volumes(api, volume(machine_id=8))
        result = succeed("vast_reaper", **options)
        clock.seconds += 25 * HOUR
    assert reasons(result) == {900: "rule 0: it is no longer selected"}


def test_many_are_seen_by_one_listing_and_destroyed_by_one_request(api: Api) -> None:
    chosen(api, old(1), old(2))
    no_workers(api)
    seen_again(api, old(1), old(2))
    api.expect("DELETE", "/api/v0/instances/", {"success": True}, body={"instance_ids": [1, 2]})
    for _poll in range(2):
        api.expect_listing(id=[1, 2])
    assert succeed("vast_reaper", **OLD)["counts"]["changed"] == 2


def test_without_the_form_for_many_those_that_take_too_long_are_seen_once_more(api: Api) -> None:
    rows = [old(1), old(2), old(3)]
    chosen(api, *rows)
    no_workers(api)
    seen_again(api, *rows)
    retired = {"success": False, "error": "deprecated_endpoint", "msg": "gone"}
    api.expect("DELETE", "/api/v0/instances/", retired, status=410, body={"instance_ids": [1, 2, 3]})
    api.expect("DELETE", "/api/v0/instances/1/", {"success": True}, body={})
    api.expect("DELETE", "/api/v0/instances/2/", {"success": True}, body={})
    api.expect_listing(old(3), id=[1, 2, 3])
    seen_again(api, old(3, label="mine"), ids=[3])
    result = succeed("vast_reaper", **OLD)
    assert ([each["id"] for each in result["victims"]], reasons(result)) == (
        [1, 2],
        {3: "too old: its label is 'mine' now"},
    )


def listing_of(*rows: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"success": True, "instances": list(rows), "total_instances": len(rows), "next_token": None}


def test_one_failure_does_not_stop_the_others_and_fails_the_task(api: Api) -> None:
    options = rules({"price_above": 1, "action": "stop"}, {"running_for": "6h"})
    chosen(api, old(1, dph_total=2.0), old(2))
    no_workers(api)
    seen_again(api, old(1, dph_total=2.0))
    refused = {"success": False, "error": "invalid_args", "msg": "no"}
    api.expect("PUT", "/api/v0/instances/1/", refused, status=400, body={"state": "stopped"})
    api.expect_listing(old(1, dph_total=2.0), id=1)
    destroyed(api, old(2))
    result = fail_as("vast_reaper", "invalid", "1 of 2 failed", **options)
    assert [(each["id"], each["changed"], each["failed"]) for each in result["victims"]] == [
        (1, False, True),
        (2, True, False),
    ]
    assert result["changed"] is True


def test_what_cannot_be_seen_once_more_is_left_alone(api: Api) -> None:
    chosen(api, old(1))
    no_workers(api)
    query = list_query({"id": {"in": [1]}})
    api.expect("GET", "/api/v1/instances/", {"instances": None}, query=query)
    result = fail_as("vast_reaper", "protocol", "could not be checked again, so nothing was sent", **OLD)
    assert result["victims"][0]["changed"] is False


def test_a_lost_reply_is_looked_up(api: Api) -> None:
    chosen(api, old(1))
    no_workers(api)
    seen_again(api, old(1))
    api.expect("DELETE", "/api/v0/instances/1/", requests.ReadTimeout("lost"), body={})
    for _poll in range(2):
        api.expect_listing(id=1)
    assert succeed("vast_reaper", **OLD)["changed"] is True


def polls(api: Api, times: int, *rows: dict[str, t.Any], **by: t.Any) -> None:
    """Declare as many polls that show the same."""
    for _poll in range(times):
        api.expect_listing(*rows, **by)


BAD_GATEWAY = {"success": False, "msg": "bad gateway"}


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (old(1, start_date=NOW - HOUR), "too old: it no longer matches that rule"),
        (old(1, machine_id=8), "too old: it is no longer selected"),
    ],
)
def test_a_request_is_not_repeated_for_what_does_not_fall_under_the_rule_any_more(
    api: Api, now: dict[str, t.Any], says: str
) -> None:
    options = {**OLD, "select": {"machine_id": [7]}, "missing": "ignore"}
    first = old(1, machine_id=7)
    chosen(api, first)
    no_workers(api)
    seen_again(api, first)
    api.expect("DELETE", "/api/v0/instances/1/", BAD_GATEWAY, status=502, body={})
    polls(api, 11, {"machine_id": 7, **now}, id=1)
    unsure = "What was sent before may have been carried out."
    fail_as("vast_reaper", "invalid", "instance 1 (train-01) was left as it is", says, unsure, "bad gateway", **options)


def test_what_is_gone_after_all_is_destroyed_though_nothing_was_sent_again(api: Api) -> None:
    chosen(api, old(1))
    no_workers(api)
    seen_again(api, old(1))
    api.expect("DELETE", "/api/v0/instances/1/", BAD_GATEWAY, status=502, body={})
    polls(api, 10, stopped_row(1), id=1)
    polls(api, 2, id=1)
    result = succeed("vast_reaper", **OLD)
    assert (result["changed"], result["counts"]["changed"]) == (True, 1)


def test_a_request_is_repeated_for_what_still_falls_under_the_rule(api: Api) -> None:
    chosen(api, old(1))
    no_workers(api)
    seen_again(api, old(1))
    api.expect("DELETE", "/api/v0/instances/1/", BAD_GATEWAY, status=502, body={})
    polls(api, 10, old(1), id=1)
    api.expect("DELETE", "/api/v0/instances/1/", {"success": True}, body={})
    polls(api, 2, id=1)
    assert succeed("vast_reaper", **OLD)["changed"] is True


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (old(1, dph_total=0.1), "it no longer matches that rule"),
        (old(1, label="mine"), "its label is 'mine' now"),
    ],
)
def test_a_stop_is_not_repeated_for_what_does_not_fall_under_the_rule_any_more(
    api: Api, now: dict[str, t.Any], why: str
) -> None:
    chosen(api, old(1))
    no_workers(api)
    seen_again(api, old(1))
    api.expect("PUT", "/api/v0/instances/1/", BAD_GATEWAY, status=502, body={"state": "stopped"})
    polls(api, 4, now, id=1)
    says = f"rule 0: {why}. Nothing more was sent to it."
    fail_as("vast_reaper", "invalid", says, **rules({"price_above": 0.4, "action": "stop"}))


def test_the_destruction_of_a_volume_is_not_repeated_once_it_is_used(api: Api, clock: FakeClock) -> None:
    due(api, clock)
    volumes(api, volume())
    api.expect("DELETE", "/api/v0/volumes/", BAD_GATEWAY, status=502, body={"id": 900})
    for _poll in range(5):
        volumes(api, volume(instances=[7]))
    says = "volume 900 (models) was left as it is: rule 0: it no longer matches that rule"
    fail_as("vast_reaper", "invalid", says, **LOOSE)


def test_a_volume_is_not_destroyed_long_after_it_was_seen(api: Api, clock: FakeClock) -> None:
    due(api, clock)
    volumes(api, volume())
    busy = {"Retry-After": "30"}
    api.expect("DELETE", "/api/v0/volumes/", "Too many", status=429, body={"id": 900}, headers=busy)
    volumes(api, volume())
    assert fail_as("vast_reaper", "rate_limited", "volume", **LOOSE)["changed"] is False


def test_without_time_nothing_is_destroyed(api: Api) -> None:
    api.expect("GET", "/api/v1/instances/", "too frequent", status=429, query=list_query({}))
    chosen(api, old(1))
    no_workers(api)
    result = fail_as("vast_reaper", "timeout", "no time was left to destroy it", **OLD, wait_timeout=1)
    assert result["counts"]["failed"] == 1


def test_a_wrong_key_is_told_as_that(api: Api) -> None:
    refusal = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", "/api/v1/instances/", refusal, status=404, query=list_query({}))
    fail_as("vast_reaper", "auth", "API key", **OLD)


def test_a_key_that_dies_before_the_destruction_destroys_nothing(api: Api) -> None:
    refusal = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    chosen(api, old(1))
    no_workers(api)
    seen_again(api, old(1))
    api.expect("DELETE", "/api/v0/instances/1/", refusal, status=404, body={})
    api.expect("GET", "/api/v1/instances/", refusal, status=404, query=list_query({"id": {"eq": 1}}))
    assert fail_as("vast_reaper", "auth", "API key", **OLD)["changed"] is False


@pytest.mark.parametrize("name", ["total_instances", "instances"])
def test_a_listing_that_is_incomplete_ends_the_task(api: Api, name: str) -> None:
    page = {**listing_of(old(1)), name: None}
    api.expect("GET", "/api/v1/instances/", page, query=list_query({}))
    fail_as("vast_reaper", "protocol", "is not valid", **OLD)


def test_the_state_file_is_private_and_has_a_part_for_each_account(api: Api, home: pathlib.Path) -> None:
    look(api, stopped_row(1), **OLD)
    path = home / ".cache" / "ansible-vastai-cloud" / "reaper.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "unit-test-key" not in path.read_text()
    assert path.read_text().count('"instance-1"') == 1


def test_a_state_file_of_ones_own(api: Api, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o700)
    look(api, stopped_row(1), **OLD, state_file=str(folder / "state.json"))
    assert (folder / "state.json").is_file()


def test_a_state_file_that_cannot_be_used_leaves_all_ages_unknown(api: Api, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    result = look(api, old(1), **OLD, state_file=str(folder / "state.json"))
    assert reasons(result) == {1: "too old: how long it has been running is not known yet"}
    assert "cannot be used" in result.warnings[0]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"last": 1, "lost": null}',
        '{"last": 1, "lost": null, "accounts": []}',
        '{"last": 1, "lost": null, "accounts": {"a": []}}',
        '{"last": 1, "lost": null, "accounts": {"a": {"b": 1}}}',
        '{"last": 1, "lost": null, "accounts": {"a": {"b": ["x", null, null, null, null, false, {}]}}}',
        '{"last": 1, "lost": null, "accounts": {"a": {"b": [1, null, null, null, null, false, {"x": 1}]}}}',
        '{"last": "1", "lost": null, "accounts": {}}',
        '{"last": 1, "lost": true, "accounts": {}}',
        "[" * 9999,
    ],
)
def test_a_damaged_state_file_is_written_anew(api: Api, tmp_path: pathlib.Path, text: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    (folder / "s").write_text(text)
    (folder / "s").chmod(0o600)
    result = look(api, stopped_row(1), **OLD, state_file=str(folder / "s"))
    assert "was damaged" in result.warnings[0]
    assert look(api, stopped_row(1), **OLD, state_file=str(folder / "s")).warnings == []


DAY = 24 * HOUR
REAL = 1_790_000_000.0


def own_file(tmp_path: pathlib.Path) -> pathlib.Path:
    """A place for a history."""
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    return folder / "s"


def without(row: dict[str, t.Any], *fields: str) -> dict[str, t.Any]:
    """The row without these fields."""
    return {name: value for name, value in row.items() if name not in fields}


def test_after_a_damaged_history_all_ages_count_from_now(api: Api, clock: FakeClock, tmp_path: pathlib.Path) -> None:
    path = own_file(tmp_path)
    options = {**OLD, "state_file": str(path)}
    look(api, stopped_row(1, start_date=NOW - DAY), **options)
    clock.seconds += HOUR
    assert victims(look(api, old(1), **options)) == []
    path.write_text("{")
    clock.seconds += 60
    result = look(api, old(1), **options)
    assert reasons(result) == {1: "too old: how long it has been running is not known yet"}
    assert "All durations in rules count from now, including running_for. Deadlines" in result.warnings[0]
    clock.seconds += HOUR
    # What the damaged run did not see may have been in the file, too; what was rented since was not.
    assert reasons(look(api, old(2), **options)) == {2: "too old: how long it has been running is not known yet"}
    clock.seconds += 6 * HOUR
    assert victims(look(api, old(1), acts=True, **options)) == [(1, "too old", "destroy")]
    assert victims(look(api, old(3, start_date=NOW + 3700), acts=True, **options)) == [(3, "too old", "destroy")]


def test_after_a_damaged_history_a_time_to_live_still_counts(api: Api, tmp_path: pathlib.Path) -> None:
    path = own_file(tmp_path)
    path.write_text("{")
    path.chmod(0o600)
    options = {"select": {"all": True}, "use_deadlines": True, "state_file": str(path)}
    result = look(api, old(1, label="ttl=1h"), acts=True, **options)
    assert victims(result) == [(1, "deadline", "destroy")]
    assert "Deadlines such as ttl=6h still count from the rental." in result.warnings[0]


@pytest.mark.parametrize(
    ("rule", "row"),
    [({"stopped_for": "24h"}, stopped_row(1)), ({"running_for": "30d"}, old(1, start_date=NOW - 20 * DAY))],
)
def test_what_was_not_seen_for_14_days_is_forgotten(
    api: Api, clock: FakeClock, rule: dict[str, t.Any], row: dict[str, t.Any]
) -> None:
    look(api, stopped_row(1), **rules(rule))
    for _week in range(3):
        clock.seconds += 7 * DAY
        look(api, **rules(rule))
    assert "not known yet" in reasons(look(api, row, **rules(rule)))[1]
    clock.seconds += 60
    assert victims(look(api, row, **rules(rule))) == []


@pytest.mark.parametrize(("then", "now"), [(5.0, REAL), (REAL, REAL + 15 * DAY), (REAL + DAY, REAL)])
def test_a_clock_that_does_not_fit_the_last_run_decides_nothing(
    api: Api, clock: FakeClock, then: float, now: float
) -> None:
    row = stopped_row(1, start_date=REAL - HOUR, end_date=REAL + HOUR, label="until=2026-01-01")
    options = {**rules({"stopped_for": "7d"}, {"contract_left_below": "30d"}), "use_deadlines": True}
    clock.seconds = then
    look(api, stopped_row(2), **options)
    clock.seconds = now
    result = look(api, row, **options)
    assert [each["reason"] for each in result["skipped_resources"]] == [
        "deadline: the time is not known, for until=2026-01-01",
        "rule 0: how long it has been stopped is not known yet",
        "rule 1: the time is not known",
    ]
    assert "Rules and deadlines that depend on time do not apply in this run" in result.warnings[0]
    clock.seconds += 60
    after = look(api, row, acts=True, **options)
    assert (victims(after), after.warnings) == ([(1, "deadline", "destroy")], [])


def test_without_a_clock_no_age_counts(api: Api, clock: FakeClock) -> None:
    options = rules({"stopped_for": "1h"})
    look(api, stopped_row(1), **options)
    clock.seconds += 2 * HOUR
    look(api, stopped_row(1), protect={"ids": [1]}, **options)
    clock.seconds -= HOUR
    result = look(api, stopped_row(1), **options)
    assert reasons(result) == {1: "rule 0: the time is not known"}
    assert "this run is 1 hour before the last one" in result.warnings[0]


def test_a_small_correction_of_the_clock_is_none(api: Api, clock: FakeClock) -> None:
    options = {**OLD, "api_pacing": False}
    look(api, stopped_row(1), **options)
    clock.seconds -= 300
    assert look(api, stopped_row(1), **options).warnings == []


def test_what_was_seen_before_it_was_rented_was_seen_by_a_wrong_clock(api: Api, clock: FakeClock) -> None:
    options = rules({"stopped_for": "7d"})
    row = stopped_row(1, start_date=REAL - HOUR)
    clock.seconds = REAL - 10 * DAY
    look(api, row, **options)
    clock.seconds = REAL
    assert reasons(look(api, row, **options)) == {1: "rule 0: how long it has been stopped is not known yet"}
    clock.seconds += 7 * DAY
    result = look(api, row, acts=True, **options)
    assert result["victims"][0]["why"] == "it has been stopped for 7 days"


def test_a_day_of_a_wrong_clock_is_tolerated(api: Api, clock: FakeClock) -> None:
    row = stopped_row(1, start_date=NOW + 23 * HOUR)
    look(api, row, **rules({"stopped_for": "1d"}))
    clock.seconds += DAY
    assert victims(look(api, row, acts=True, **rules({"stopped_for": "1d"}))) == [(1, "rule 0", "destroy")]


UNKNOWN_STATES = [
    without(old(1), "cur_state"),
    without(old(1), "actual_status"),
    old(1, intended_status=None),
    old(1, actual_status=None, intended_status=None, cur_state=None),
    old(1, actual_status=5),
    old(1, cur_state=""),
    old(1, cur_state=["running"]),
]


@pytest.mark.parametrize("row", UNKNOWN_STATES)
def test_a_state_that_the_row_does_not_tell_fits_no_rule(api: Api, clock: FakeClock, row: dict[str, t.Any]) -> None:
    idle = {"idle_for": "1h", "gpu_util_below": 3}
    options = rules({"not_running_for": "1h"}, {"running_for": "1h"}, idle)
    for _run in range(2):
        result = look(api, {**row, "gpu_util": 0.0}, **options)
        clock.seconds += HOUR
    assert [each["reason"] for each in result["skipped_resources"]] == [
        "rule 0: whether it is not running is not known",
        "rule 1: whether it is running is not known",
        "rule 2: whether it is below 3 % GPU utilization is not known",
    ]


@pytest.mark.parametrize("field", ["cur_state", "intended_status", "next_state"])
def test_without_a_field_that_tells_it_nothing_is_stopped(api: Api, clock: FakeClock, field: str) -> None:
    options = rules({"stopped_for": "1h"})
    for _run in range(2):
        result = look(api, without(stopped_row(1), field), **options)
        clock.seconds += 2 * HOUR
    assert reasons(result) == {1: "rule 0: whether it is stopped is not known"}
    assert reasons(look(api, without(old(1), "next_state"), **options)) == {}


def test_a_state_that_was_not_told_in_between_starts_anew(api: Api, clock: FakeClock) -> None:
    options = rules({"stopped_for": "2h"})
    for row in (stopped_row(1), without(stopped_row(1), "cur_state"), stopped_row(1)):
        result = look(api, row, **options)
        clock.seconds += HOUR
    assert reasons(result) == {1: "rule 0: how long it has been stopped is not known yet"}


@pytest.mark.parametrize("row", [without(old(1), "actual_status"), old(1, actual_status=""), old(1, actual_status=7)])
def test_a_status_that_the_row_does_not_tell_is_not_null(api: Api, row: dict[str, t.Any]) -> None:
    result = look(api, row, **rules({"status": ["null", "loading"]}))
    assert reasons(result) == {1: "rule 0: its status is not known"}


@pytest.mark.parametrize("use", [None, -1, "0", True])
def test_a_use_that_is_no_use_is_told(api: Api, clock: FakeClock, use: t.Any) -> None:
    look(api, old(1, gpu_util=0), **IDLE)
    clock.seconds += HOUR
    look(api, old(1, gpu_util=use), **IDLE)
    clock.seconds += HOUR
    assert reasons(look(api, old(1, gpu_util=use), **IDLE)) == {
        1: "rule 0: whether it is below 3 % GPU utilization is not known"
    }


@pytest.mark.parametrize("fields", [{"end_date": 0}, {"end_date": -5}, {"start_date": NOW, "end_date": NOW - 1}])
def test_an_end_that_cannot_be_is_not_known(api: Api, fields: dict[str, t.Any]) -> None:
    result = look(api, old(1, **fields), **rules({"contract_left_below": "1d"}))
    assert reasons(result) == {1: "rule 0: the end of its contract is not known"}


@pytest.mark.parametrize("start", [0, -1, True, "1"])
def test_a_beginning_that_cannot_be_is_not_known(api: Api, start: t.Any) -> None:
    result = look(api, old(1, start_date=start, label="ttl=1h"), use_deadlines=True, **OLD)
    assert [each["reason"] for each in result["skipped_resources"]] == [
        "deadline: the rental time is not known, for ttl=1h",
        "too old: how long it has been running is not known yet",
    ]


@pytest.mark.parametrize(
    ("criteria", "row", "field"),
    [
        ({"protect": {"label": ["prod"]}}, without(old(1), "label"), "label"),
        ({"protect": {"label_prefix": ["prod"]}}, old(1, label=["prod"]), "label"),
        ({"exclude": {"label": ["prod"]}}, without(old(1), "label"), "label"),
        ({"exclude": {"label_prefix": "prod"}}, without(old(1), "label"), "label"),
        ({"exclude": {"machine_id": [7]}}, old(1, machine_id="7"), "machine_id"),
        ({"exclude": {"gpu_name": ["H100"]}}, old(1, gpu_name=None), "gpu_name"),
        ({"exclude": {"status": ["loading"]}}, without(old(1), "actual_status"), "actual_status"),
        ({"exclude": {"status": ["loading"]}}, old(1, actual_status=5), "actual_status"),
    ],
)
def test_what_may_be_spared_is_spared(api: Api, criteria: dict[str, t.Any], row: dict[str, t.Any], field: str) -> None:
    options = {**rules({"contract_left_below": "1d"}), **criteria, "missing": "ignore"}
    row = {**row, "end_date": NOW + HOUR}
    assert reasons(look(api, row, **options)) == {1: f"rule 0: its {field} is not known, so it may be protected"}


def test_what_may_be_spared_counts_for_no_fraction(api: Api) -> None:
    rows = [old(1), old(2), *(without(old(number), "label") for number in range(3, 7))]
    chosen(api, *rows)
    no_workers(api)
    options = {**OLD, "max_fraction": 0.5, "protect": {"label": ["prod"]}}
    fail_as("vast_reaper", "invalid", "2 of 2", "allows 1", **options)


def test_without_a_status_no_price_counts(api: Api) -> None:
    result = look(api, without(old(1), "actual_status"), **rules({"price_above": 0.001}))
    assert reasons(result) == {1: "rule 0: its price is not known"}


def test_a_clock_that_jumps_in_a_run_makes_nothing_older(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(api, stopped_row(1), **rules({"stopped_for": "24h"}))
    clock.seconds += HOUR
    record = History.record

    def and_jump(history: History, *given: t.Any) -> dict[str, Seen]:
        recorded = record(history, *given)
        monkeypatch.setattr("time.time", lambda: clock.seconds + 30 * HOUR)
        return recorded

    monkeypatch.setattr(History, "record", and_jump)
    assert victims(look(api, stopped_row(1), **rules({"stopped_for": "24h"}))) == []


def test_what_tells_no_label_is_not_unlabelled(api: Api) -> None:
    options = {**rules({"price_above": 0.001}), "select": {"unlabelled": True}}
    page = listing(without(old(1), "label"), old(2, label=None))
    api.expect("GET", "/api/v1/instances/", page, query=list_query({"label": {"in": ["", None]}}))
    no_workers(api)
    result = succeed("vast_reaper", check_mode=True, **options)
    assert victims(result) == [(2, "rule 0", "destroy")]
    assert reasons(result) == {1: "rule 0: its label is not known, so it may be protected"}


def test_what_tells_no_label_in_the_last_look_is_spared(api: Api) -> None:
    first = old(1, label=None)
    chosen(api, first)
    no_workers(api)
    seen_again(api, without(first, "label"))
    result = succeed("vast_reaper", **OLD, protect={"label": ["prod"]})
    assert reasons(result) == {1: "too old: its label is not known, so it may be protected"}


def test_a_volume_that_may_be_excluded_is_spared(api: Api, clock: FakeClock) -> None:
    options = {
        **LOOSE,
        "exclude": {"machine_id": [7], "status": ["running"], "gpu_name": ["H100"]},
        "missing": "ignore",
    }
    for _run in range(2):
        chosen(api)
        volumes(api, volume(900), volume(901, machine_id=7))
        result = succeed("vast_reaper", check_mode=True, **options)
        clock.seconds += 25 * HOUR
    assert reasons(result) == {900: "rule 0: its machine_id is not known, so it may be protected"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (rules(), "rules must not be empty"),
        (rules({}), "a rule needs at least one condition"),
        (rules({"running_for": "6"}), "rules[0].running_for must be a span of time"),
        (rules({"running_for": "6 fortnights"}), "rules[0].running_for must be a span of time"),
        (rules({"gpu_util_below": 3}), "idle_for and gpu_util_below must be used together"),
        (rules({"idle_for": "1h"}), "idle_for and gpu_util_below must be used together"),
        (rules({"idle_for": "1h", "gpu_util_below": 0}), "gpu_util_below must be from 0.01 to 100"),
        (rules({"running_for": "1h", "stopped_for": "1h"}), "running and not running at the same time"),
        (rules({"running_for": "1h", "status": ["exited"]}), "a running instance has the status running"),
        (rules({"stopped_for": "1h", "action": "stop"}), "a stopped instance cannot be stopped"),
        (rules({"running_for": "1h", "action": "destroy_volume"}), "destroy_volume requires unattached_for"),
        (rules({"unattached_for": "1h", "action": "stop"}), "applies to volumes, but action=stop does not"),
        (rules({"unattached_for": "1h"}), "applies to volumes, but action=destroy does not"),
        (
            rules({"unattached_for": "1h", "action": "report", "running_for": "1h", "status": ["running"]}),
            "but running_for, status to instances",
        ),
        (rules({"price_above": -1}), "rules[0].price_above must be from 0"),
        (rules({"status": []}), "rules[0].status must not be empty"),
        (rules({"label_prefix": ""}), "rules[0].label_prefix must not be empty"),
        (rules({"label_prefix": "x" * 1025}), "a label has at most 1024 characters"),
        (rules({"name": " ", "price_above": 1}), "rules[0].name must not be empty"),
        (rules({"name": "deadline", "price_above": 1}), "rules[0].name must not be empty"),
        (rules({"name": "a", "price_above": 1}, {"name": "a", "price_above": 2}), "each needs a name of its own"),
        (rules({"price_above": 1, "action": "explode"}), "explode"),
        ({**OLD, "select": {}}, "select needs at least one criterion"),
        ({**OLD, "select": None}, "select"),
        ({**OLD, "max_fraction": 0}, "max_fraction must be from 0.001 to 1"),
        ({**OLD, "max_fraction": 1.5}, "max_fraction must be from 0.001 to 1"),
        ({**OLD, "max_affected": -1}, "max_affected must be 0 or more"),
        ({**OLD, "max_gap": "x"}, "max_gap must be a span of time"),
        ({**OLD, "protect": {"label": []}}, "protect.label must not be empty"),
        ({**OLD, "protect": {"label_prefix": [""]}}, "protect.label_prefix must not be empty"),
        ({**OLD, "protect": {"ids": [0]}}, "protect.ids must be a positive number"),
        ({**OLD, "state_file": ""}, "state_file must not be empty"),
        ({**OLD, "exclude": {"label": []}}, "exclude.label must not be empty"),
        ({**OLD, "exclude": {}}, "exclude must not be empty; omit it instead"),
        ({**OLD, "protect": {}}, "protect must not be empty; omit it instead"),
        ({**OLD, "protect": {"label": [" "]}}, "protect.label must not be empty"),
        (rules({"label_prefix": " "}), "rules[0].label_prefix must not be empty"),
        ({**OLD, "wait_timeout": -1}, "wait_timeout"),
    ],
)
def test_nothing_is_sent_for_options_that_cannot_be_meant(api: Api, options: dict[str, t.Any], says: str) -> None:
    fail_as("vast_reaper", "invalid", says, **options)
    assert api.calls == []
