# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

ONE = "/api/v0/instances/1/"
QUEUED = {
    "success": False,
    "error": "resources_unavailable",
    "msg": "Required resources are currently unavailable, state change queued.",
}


def single(start: Callable[..., Api], state: str = "running", **behaviour: Any) -> Api:
    return start({"instances": [{"id": 1, "label": "one", "state": state, "behaviour": behaviour}]})


def test_stop(api: Api, clock: ManualClock) -> None:
    assert api.put("/api/v0/instances/30101/", {"state": "stopped"}).json() == {"success": True}
    assert api.state(30101) == ("running", "stopped", "running")
    assert api.row(30101)["ports"]
    clock.step(1.1)
    assert api.state(30101) == ("exited", "stopped", "stopped")
    assert api.row(30101)["next_state"] == "stopped"
    assert api.row(30101)["ports"] is None


def test_start(api: Api, clock: ManualClock) -> None:
    assert api.put("/api/v0/instances/30104/", {"state": "running"}).json() == {"success": True}
    assert api.state(30104) == ("exited", "running", "running")
    clock.step(1.1)
    assert api.state(30104) == ("loading", "running", "running")
    assert api.row(30104)["ports"] is None
    clock.step(2.0)
    assert api.state(30104) == ("running", "running", "running")
    assert api.row(30104)["ports"]


def test_start_again_on_the_way_does_not_begin_anew(api: Api, clock: ManualClock) -> None:
    api.put("/api/v0/instances/30104/", {"state": "running"})
    clock.step(2.0)
    api.put("/api/v0/instances/30104/", {"state": "running"})
    clock.step(1.1)
    assert api.state(30104)[0] == "running"


def test_first_boot(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, "creating")
    assert api.state(1) == (None, "running", "running")
    clock.step(1.1)
    assert api.state(1)[0] == "loading"
    clock.step(2.0)
    assert api.state(1)[0] == "running"


def test_stopped_before_it_ever_ran_keeps_its_status(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, "creating")
    clock.step(1.5)
    api.put(ONE, {"state": "stopped"})
    clock.step(10)
    assert api.state(1) == ("loading", "stopped", "stopped")


def test_time_scale_zero_is_immediate(start: Callable[..., Api]) -> None:
    api = start(time_scale=0.0)
    api.put("/api/v0/instances/30104/", {"state": "running"})
    assert api.state(30104) == ("running", "running", "running")


def test_label(api: Api) -> None:
    assert api.put("/api/v0/instances/30101/", {"label": "new", "state": "stopped"}).json() == {"success": True}
    assert (api.row(30101)["label"], api.row(30101)["intended_status"]) == ("new", "stopped")
    api.put("/api/v0/instances/30101/", {"label": ""})
    assert api.row(30101)["label"] is None


@pytest.mark.parametrize(
    "body",
    [None, {}, {"state": "frozen"}, {"state": None}, {"label": "x" * 1025}, {"label": 5}, {"other": 1}, ["state"]],
)
def test_refused_changes(api: Api, body: Any) -> None:
    reply = api.put("/api/v0/instances/30101/", body)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_args")


def test_longest_label(api: Api) -> None:
    assert api.put("/api/v0/instances/30101/", {"label": "x" * 1024}).status_code == 200


def test_unknown_instance(api: Api) -> None:
    for reply in (api.put(ONE, {"state": "stopped"}), api.delete(ONE, {})):
        assert (reply.status_code, reply.json()["error"]) == (404, "no_such_instance")


@pytest.mark.parametrize(
    ("shows", "intended", "following"),
    [
        ("intended", "running", "stopped"),
        ("next_state", "stopped", "running"),
        ("both", "running", "running"),
        ("nothing", "stopped", "stopped"),
    ],
)
def test_gpu_taken(start: Callable[..., Api], clock: ManualClock, shows: str, intended: str, following: str) -> None:
    api = single(start, "stopped", gpu_available=False, queue_shows=shows)
    reply = api.put(ONE, {"state": "running"})
    assert (reply.status_code, reply.json()) == (200, QUEUED)
    for _time in range(2):
        assert api.state(1) == ("exited", intended, "stopped")
        assert api.row(1)["next_state"] == following
        assert api.sim.account.instances[1].queued is True
        clock.step(600)
    api.put(ONE, {"state": "stopped"})
    assert (api.state(1), api.row(1)["next_state"]) == (("exited", "stopped", "stopped"), "stopped")
    assert api.sim.account.instances[1].queued is False


def test_queued_start_happens_later_and_bills(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, "stopped", gpu_available=False, gpu_free_after=60)
    api.put(ONE, {"state": "running"})
    assert api.put(ONE, {"state": "running"}).json() == QUEUED
    clock.step(59)
    assert api.state(1)[2] == "stopped"
    assert api.sim.describe()["instances"][0]["gpu_seconds"] == 0
    clock.step(11)
    assert api.state(1) == ("running", "running", "running")
    api.put(ONE, {"state": "stopped"})
    assert api.sim.describe()["instances"][0]["gpu_seconds"] == 7


def test_queued_start_is_taken_back_by_a_stop(start: Callable[..., Api], clock: ManualClock) -> None:
    api = single(start, "stopped", gpu_available=False, gpu_free_after=60)
    api.put(ONE, {"state": "running"})
    assert api.put(ONE, {"state": "stopped"}).json() == {"success": True}
    clock.step(600)
    assert api.state(1) == ("exited", "stopped", "stopped")


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("crash_on_start", "exited"), ("oci_failure", "created"), ("offline_on_start", "offline")],
)
def test_failed_starts(start: Callable[..., Api], clock: ManualClock, behaviour: str, status: str) -> None:
    api = single(start, "stopped", **{behaviour: True})
    api.put(ONE, {"state": "running"})
    clock.step(60)
    assert api.state(1) == (status, "running", "running")
    assert (": OCI runtime create failed:" in (api.row(1)["status_msg"] or "")) is (behaviour == "oci_failure")


def test_vanishing(start: Callable[..., Api]) -> None:
    api = single(start, vanishes=True)
    assert api.put(ONE, {"state": "stopped"}).json() == {"success": True}
    assert api.row(1) == {}


def test_success_without_effect_once(start: Callable[..., Api]) -> None:
    api = single(start, ignore_next_put=1)
    assert api.put(ONE, {"label": "two"}).json() == {"success": True}
    assert api.row(1)["label"] == "one"
    api.put(ONE, {"label": "two"})
    assert api.row(1)["label"] == "two"


@pytest.mark.parametrize(("stuck", "status"), [(True, "exited"), ("loading", "loading")])
def test_stuck(start: Callable[..., Api], clock: ManualClock, stuck: bool | str, status: str) -> None:
    api = single(start, "stopped", stuck=stuck)
    api.put(ONE, {"state": "running"})
    clock.step(600)
    assert api.state(1)[0] == status


def test_recycle(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"instances": [{"id": 1, "files": {"/workspace/model.bin": 10}}]})
    before = api.row(1)["ports"]["22/tcp"]
    assert api.put("/api/v0/instances/recycle/1/", {}).json() == {"success": True}
    assert api.state(1)[0] == "running"
    clock.step(0.4)
    assert api.state(1) == ("recycling", "running", "running")
    assert api.row(1)["ports"] is None
    assert not api.sim.account.instances[1].files.exists("/workspace/model.bin")
    clock.step(1.0)
    assert api.state(1)[0] is None
    clock.step(1.0)
    assert api.state(1)[0] == "loading"
    clock.step(2.0)
    assert api.state(1)[0] == "running"
    assert api.row(1)["ports"]["22/tcp"] != before


def test_reboot_keeps_files_and_ports(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"instances": [{"id": 1, "files": {"/workspace/model.bin": 10}}]})
    before = api.row(1)["ports"]
    assert api.put("/api/v0/instances/reboot/1/", {}).json() == {"success": True}
    assert api.state(1)[0] == "rebooting"
    clock.step(8.1)
    assert api.state(1)[0] == "running"
    assert api.row(1)["ports"] == before
    assert api.sim.account.instances[1].files.exists("/workspace/model.bin")


@pytest.mark.parametrize(
    ("call", "error", "msg"),
    [("recycle", "invalid_id", "Invalid instance id."), ("reboot", "invalid_args", "invalid instance_id")],
)
def test_unknown_id(api: Api, call: str, error: str, msg: str) -> None:
    reply = api.put(f"/api/v0/instances/{call}/1/", {})
    assert reply.status_code == 400
    assert reply.json() == {"success": False, "error": error, "msg": msg}


def test_destroy(api: Api) -> None:
    assert api.delete("/api/v0/instances/30101/", {}).json()["success"] is True
    assert api.get("/api/v0/instances/30101/").json() == {"instances": None}
    assert api.row(30101) == {}


def test_bulk_change(api: Api, clock: ManualClock) -> None:
    api.sim.set_instance(30102, bulk_ignored=True)
    body = {"state": "stopped", "ids": [30101, 30102, 999]}
    assert api.put("/api/v0/instances/", body).json() == {"success": True}
    clock.step(2)
    assert api.state(30101)[1:] == ("stopped", "stopped")
    assert api.state(30102)[1:] == ("running", "running")


def test_bulk_start_without_gpu(api: Api) -> None:
    assert api.put("/api/v0/instances/", {"state": "running", "ids": [30104, 30105]}).json() == {"success": True}
    assert api.state(30104)[2] == "running"
    assert api.state(30105) == ("exited", "running", "stopped")


def test_bulk_start_without_gpu_that_is_told(api: Api) -> None:
    api.sim.account.options.bulk_unavailable = "told"
    assert api.put("/api/v0/instances/", {"state": "running", "ids": [30104, 30105]}).json() == QUEUED
    assert api.state(30104)[2] == "running"


def test_bulk_destroy(api: Api) -> None:
    assert api.delete("/api/v0/instances/", {"instance_ids": [30101, 30102]}).json() == {"success": True}
    assert api.row(30101) == api.row(30102) == {}


@pytest.mark.parametrize("body", [{}, {"state": "stopped", "ids": []}, {"state": "x", "ids": [1]}, {"ids": [1]}])
def test_bulk_refusals(api: Api, body: dict[str, Any]) -> None:
    assert api.put("/api/v0/instances/", body).status_code == 400


def test_accounts_without_bulk_calls(start: Callable[..., Api]) -> None:
    api = start({"options": {"bulk": False}, "instances": [{"id": 1}]})
    for reply in (
        api.put("/api/v0/instances/", {"state": "stopped", "ids": [1]}),
        api.delete("/api/v0/instances/", {"instance_ids": [1]}),
    ):
        assert reply.status_code == 404
        assert "auth_error" not in reply.text
    assert api.row(1)["intended_status"] == "running"
