# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rented instances that run something else than the task says."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import (
    Api,
    stopped_row,
)
from .rentals import (
    box,
    listed,
    loading,
    refuse,
    rent,
)


@pytest.mark.parametrize("row", [box(), box(intended_status="stopped", cur_state="stopped", actual_status="exited")])
def test_one_that_is_there_and_is_not_what_the_offer_asks_for_is_told(api: Api, row: dict[str, t.Any]) -> None:
    listed(api, {**row, "dph_total": 9.9, "gpu_name": "RTX 3090", "num_gpus": 2})
    offer = {"gpu_name": ["RTX_4090", "H100"], "num_gpus": 1, "max_price": 0.5}
    (warning,) = rent(state="present", offer=offer).warnings
    assert "costs 9.9 US dollars per hour when it runs, and offer.max_price is 0.5" in warning
    assert "gpu_name is RTX 3090, not RTX 4090 or H100; num_gpus is 2, not 1" in warning


UPDATE = "/api/v0/instances/update_template/4711/"
RECYCLE = "/api/v0/instances/recycle/4711/"
OTHER: dict[str, t.Any] = {
    "image": "pytorch/pytorch:2.6",
    "env": {"MODEL": "b", "SAME": "1"},
    "secret_env": {"HF_TOKEN": "SECRET-new-token"},
    "ports": ["8000"],
}
STORED = [["MODEL", "a"], ["SAME", "1"], ["HF_TOKEN", "SECRET-old-token"], ["OWN", "x"]]
NAMES = ["image", "env.MODEL", "secret_env.HF_TOKEN", "ports"]
MERGED = {"MODEL": "b", "SAME": "1", "HF_TOKEN": "SECRET-new-token", "OWN": "x", "-p 8000:8000": "1"}


def test_drift_is_told_by_name_and_warned_about_and_nothing_else_is_done(api: Api) -> None:
    listed(api, box(extra_env=STORED, disk_space=20.0))
    result = rent(**OTHER)
    assert result["drift"] == [*NAMES, "disk"]
    assert result["changed"] is False
    assert result.warnings == ["instance 4711 (train-01) differs from the task in " + ", ".join([*NAMES, "disk"]) + "."]


def test_what_is_as_the_task_says_is_no_drift(api: Api) -> None:
    flags = [[name, value] for name, value in MERGED.items()]
    listed(api, box(extra_env=flags, image_uuid="docker.io/pytorch/pytorch:2.6"))
    result = rent(**OTHER)
    assert (result["drift"], result.warnings) == ([], [])


def test_drift_is_recycled_away_when_the_task_may(api: Api) -> None:
    changed: dict[str, t.Any] = {
        "image_uuid": "pytorch/pytorch:2.6",
        "extra_env": [[name, value] for name, value in MERGED.items()],
    }
    listed(api, box(extra_env=STORED))
    api.expect("PUT", UPDATE, {"success": True}, body={"image": "pytorch/pytorch:2.6", "env": MERGED})
    api.expect_listing(box(**changed), id=4711)
    api.expect("PUT", RECYCLE, {"success": True}, body={})
    api.expect_listing(box(**changed, actual_status="recycling"), id=4711)
    api.expect_listing(box(**changed), id=4711)
    result = rent(**OTHER, on_drift="recycle")
    assert result["changed"] is True
    assert result["diff"]["after"]["image"] == "pytorch/pytorch:2.6"
    assert result["diff"]["after"]["container"] == "new"
    assert "its file system is lost" in result["actions"][-1]
    assert result["drift"] == NAMES


def test_check_mode_tells_the_recycle_and_sends_nothing(api: Api) -> None:
    listed(api, box(extra_env=STORED))
    result = rent(**OTHER, on_drift="recycle", check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["container"] == "present"
    assert "a fresh pull of pytorch/pytorch:2.6;" in result["actions"][-1]
    listed(api, stopped_row(machine_id=501))
    assert rent(**OTHER, on_drift="recycle", check_mode=True)["actions"] == ["start instance 4711 (train-01)"]


def test_a_stopped_box_is_not_recycled(api: Api) -> None:
    listed(api, stopped_row(machine_id=501))
    refuse("invalid", "Start it first", **OTHER, on_drift="recycle", state="present")


def test_a_box_that_boots_is_not_recycled(api: Api) -> None:
    listed(api, loading(extra_env=STORED))
    result = rent(**OTHER, on_drift="recycle", wait=False)
    assert result["changed"] is False
    assert any("container is already being created" in warning for warning in result.warnings)


def test_what_only_a_new_box_could_have_is_not_recycled(api: Api) -> None:
    listed(api, box(disk_space=20.0, image_uuid="pytorch/pytorch"))
    assert rent(on_drift="recycle")["drift"] == ["disk"]


def test_the_login_to_the_registry_goes_with_another_image(api: Api) -> None:
    login = "-u me -p SECRET-password registry.test"
    listed(api, box())
    body = {"image": "registry.test/x:1", "image_login": login}
    api.expect("PUT", UPDATE, {"success": False, "msg": "no"}, status=403, body=body)
    api.expect_listing(box(), id=4711)
    refuse("permission", image="registry.test/x:1", image_login=login, on_drift="recycle")
