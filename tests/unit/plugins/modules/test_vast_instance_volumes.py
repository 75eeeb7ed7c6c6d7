# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting with vast_instance on the machine of volumes, by the requests it sends and the result it gives (F6.5)."""

from __future__ import annotations

import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._renting import mounts

from ..harness import Api, FakeClock, Result, fail_as, offer_row, succeed
from .rentals import LOOKS, REPLACING, SEARCH, WISH, box, create, listed, unavailable
from .test_vast_volume import listed as volumes
from .test_vast_volume import row as volume

GIVEN: dict[str, t.Any] = {**WISH, "volumes": [{"name": "data", "path": "/data"}]}
TWO = [{"name": "data", "path": "/data/"}, {"name": "models", "path": "/opt/models"}]
LINK = {"create_new": False, "volume_id": 900, "mount_path": "/data"}
MOUNTED = [["-v data:/data", "1"]]


def market(api: Api, *rows: dict[str, t.Any], **sent: t.Any) -> None:
    """Declare the search on the machine of the volume."""
    api.expect("POST", "/api/v0/bundles/", {"offers": list(rows)}, body={**SEARCH, "machine_id": {"eq": 501}, **sent})


def refuse(error_class: str, *says: str, **options: t.Any) -> Result:
    """Fail before anything is rented."""
    result = fail_as("vast_instance", error_class, *says, **{**GIVEN, **options})
    assert result.values.get("changed", False) is False
    return result


def test_the_volume_is_looked_up_and_the_search_held_to_its_machine(api: Api) -> None:
    listed(api)
    volumes(api, volume(1, label="other", machine_id=502), volume())
    market(api, offer_row(9002, machine_id=502, dph_base=0.01, dph_total=0.02), offer_row())
    create(api, volume_info=LINK)
    listed(api, box(extra_env=MOUNTED))
    result = succeed("vast_instance", **GIVEN)
    assert result["attempts"][0]["machine_id"] == 501
    assert result["actions"][0].endswith("as train-01, with volume data at /data")
    assert result["diff"]["after"]["instance"]["volumes"] == {"data": "/data"}
    assert [text.partition(" ")[0] for text in result.warnings] == ["1"]


def test_several_volumes_are_flags_beside_the_environment(api: Api) -> None:
    listed(api)
    volumes(api, volume(), volume(901, label="models"))
    market(api, offer_row())
    env = {"MODE": "x", "-p 80:80": "1", "-v V.900:/data": "1", "-v V.901:/opt/models": "1"}
    create(api, env=env)
    listed(api, box(extra_env=[[flag, "1"] for flag in env]))
    given = {**GIVEN, "volumes": TWO, "env": {"MODE": "x"}, "ports": ["80"]}
    assert succeed("vast_instance", **given).warnings == []


def test_a_second_run_lists_once_and_asks_for_no_volume(api: Api, clock: FakeClock) -> None:
    listed(api, box())
    result = succeed("vast_instance", **GIVEN)
    assert (result["changed"], result["drift"], clock.slept) == (False, [], [])


def test_check_mode_foretells_the_machine_and_sends_no_write(api: Api) -> None:
    listed(api)
    # One that is still being made is not waited for.
    volumes(api, volume(status="initialized"))
    market(api, offer_row())
    result = succeed("vast_instance", **GIVEN, check_mode=True)
    assert (result["changed"], result["instance"]) == (True, None)
    assert result["diff"]["after"]["instance"]["machine_id"] == 501
    assert "machine 501" in result["actions"][0]


@pytest.mark.parametrize("told", [[{"id": 900}], [None, {"id": 900}]])
def test_a_volume_that_the_row_tells_by_its_id_is_there(api: Api, told: list[t.Any]) -> None:
    listed(api)
    volumes(api, volume())
    market(api, offer_row())
    create(api, volume_info=LINK)
    listed(api, box(volume_info=told))
    assert succeed("vast_instance", **GIVEN).warnings == []


@pytest.mark.parametrize(
    "fields", [{}, {"volume_info": None}, {"volume_info": [{"id": 1}]}, {"extra_env": [["A", "x:/data"]]}]
)
def test_a_volume_that_the_new_instance_does_not_show_is_warned_of(api: Api, fields: dict[str, t.Any]) -> None:
    listed(api)
    volumes(api, volume())
    market(api, offer_row())
    create(api, volume_info=LINK)
    listed(api, box(**fields))
    (warning,) = succeed("vast_instance", **GIVEN).warnings
    assert "with the volume data, but does not show it" in warning


def test_one_that_is_being_made_is_waited_for(api: Api, clock: FakeClock) -> None:
    listed(api)
    volumes(api, volume(status="initialized"))
    volumes(api, volume())
    market(api, offer_row())
    create(api, volume_info=LINK)
    listed(api, box(extra_env=MOUNTED))
    assert succeed("vast_instance", **GIVEN)["changed"] is True
    assert mounts.READY_INTERVAL in clock.slept


def test_that_wait_has_an_end(api: Api) -> None:
    listed(api)
    volumes(api, volume(status="initialized"), times=11)
    refuse("unavailable", "data is still being created after 60 s", "Nothing was rented")


def test_one_that_does_not_exist(api: Api) -> None:
    listed(api)
    volumes(api, volume(label="other"))
    result = refuse("not_found", "no volume data", "Nothing was rented", "vast_volume")
    assert "Did you mean" not in result["msg"]


def test_one_that_is_nearly_called_so_is_named(api: Api) -> None:
    listed(api)
    volumes(api, volume(label="Data1"), volume(31, label=None, name="data_"))
    refuse("not_found", "no volume data", "Did you mean 'data_' or 'Data1'?")


def test_several_of_one_name(api: Api) -> None:
    listed(api)
    volumes(api, volume(), volume(901, machine_id=502))
    refuse("ambiguous", "900 on machine 501, 901 on machine 502", "offer.machine_id")


def test_a_machine_of_the_offer_tells_which_of_several_is_meant(api: Api) -> None:
    listed(api)
    volumes(api, volume(), volume(901, machine_id=502))
    market(api, offer_row())
    create(api, volume_info=LINK)
    listed(api, box(extra_env=MOUNTED))
    assert (
        succeed("vast_instance", **{**GIVEN, "offer": {**WISH["offer"], "machine_id": [501, 503]}})["changed"] is True
    )


@pytest.mark.parametrize(
    ("criterion", "option"),
    [
        ({"machine_id": [502]}, "machine_id"),
        ({"exclude_machine_id": [501]}, "exclude_machine_id"),
        ({"query": {"machine_id": {"gt": 501}}}, "query"),
    ],
)
def test_a_machine_that_the_offer_forbids(api: Api, criterion: dict[str, t.Any], option: str) -> None:
    listed(api)
    volumes(api, volume())
    refuse("invalid", f"{option} of offer excludes its machine", offer={**WISH["offer"], **criterion})


def test_volumes_on_two_machines(api: Api) -> None:
    listed(api)
    volumes(api, volume(), volume(901, label="models", machine_id=502))
    refuse("invalid", "several machines", "models on machine 502", volumes=TWO)


@pytest.mark.parametrize("machine", [None, "501", True])
def test_a_volume_without_a_machine(api: Api, machine: t.Any) -> None:
    listed(api)
    volumes(api, volume(machine_id=machine))
    refuse("invalid", "does not report the machine")


@pytest.mark.parametrize("rows", [None, [{"id": "x"}], [volume(), volume()]])
def test_a_listing_of_volumes_that_cannot_be_read(api: Api, rows: t.Any) -> None:
    listed(api)
    api.expect("GET", "/api/v0/volumes/", {"volumes": rows}, query={"owner": "me", "type": "all_volume"})
    refuse("protocol", "The listing of volumes")


def test_no_offer_on_the_machine_tells_that_the_volumes_are_in_the_way(api: Api) -> None:
    listed(api)
    volumes(api, volume())
    market(api)
    loose = {name: SEARCH[name] for name in ("rentable", "rented", "external", "type", "order", "allocated_storage")}
    market_of_all = {**loose, "limit": 64}
    api.expect("POST", "/api/v0/bundles/", {"offers": [offer_row(machine_id=502)]}, body=market_of_all)
    result = refuse("unavailable", "without volumes there are 1")
    assert {"criterion": "volumes", "offers": 1, "nearest": 502} in result["relax"]


def test_a_create_whose_reply_is_lost_is_settled_as_ever(api: Api) -> None:
    listed(api)
    volumes(api, volume())
    market(api, offer_row())
    create(api, reply=requests.ConnectionError("reset"), volume_info=LINK)
    for _look in range(LOOKS):
        listed(api)
    fail_as("vast_instance", "unknown_outcome", "9001", **GIVEN)


def test_what_replaces_a_stopped_one_is_held_to_the_machine_too(api: Api) -> None:
    unavailable(api)
    volumes(api)
    says = "was kept because nothing could be rented in its place", "no volume data"
    result = fail_as("vast_instance", "not_found", *says, **{**GIVEN, **REPLACING})
    assert result["instance"]["id"] == 4711


@pytest.mark.parametrize("path", ["", "data", "/", "/a b", "/a:b", "/a/../b", "/a//b", "/./a", "/a,b", "/a\x07"])
def test_paths_that_cannot_be(path: str) -> None:
    refuse("invalid", "volumes: path must be", volumes=[{"name": "data", "path": path}])


@pytest.mark.parametrize("name", ["", "a-b", "V.900", "x" * 65])
def test_names_that_cannot_be(name: str) -> None:
    refuse("invalid", "volumes: name must be", volumes=[{"name": name, "path": "/data"}])


@pytest.mark.parametrize(
    ("second", "what"),
    [({"name": "models", "path": "/data/"}, "path /data"), ({"name": "data", "path": "/other"}, "name data")],
)
def test_what_stands_there_twice(second: dict[str, str], what: str) -> None:
    refuse("invalid", f"the {what} is listed more than once", volumes=[*GIVEN["volumes"], second])


@pytest.mark.parametrize(
    ("options", "says"),
    [({"attempts": 2}, "attempts cannot be more than 1"), ({"offer": None}, "volumes needs offer")],
)
def test_options_that_cannot_stand_beside_volumes(options: dict[str, t.Any], says: str) -> None:
    refuse("invalid", says, **options)


def test_no_volume_is_none(api: Api) -> None:
    listed(api)
    api.expect("POST", "/api/v0/bundles/", {"offers": [offer_row()]}, body=SEARCH)
    create(api)
    listed(api, box())
    assert succeed("vast_instance", **{**GIVEN, "volumes": []})["changed"] is True
