# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_volume against declared calls."""

from __future__ import annotations

import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._account import volumes

from ..harness import Api, FakeClock, Result, fail_as, instance_row, interrupt_after, run_module, succeed

MODULE = "vast_volume"
PATH = "/api/v0/volumes/"
GIVEN: dict[str, t.Any] = {"name": "data", "size": 100, "machine_id": 501, "max_price": 20}
GONE: dict[str, t.Any] = {"name": "data", "state": "absent"}
LOST = requests.ConnectionError("reset")
YES = {"success": True}
IN_USE = {"success": False, "error": "volume in use", "msg": "existing instances use that volume!"}


def row(volume_id: int = 900, **fields: t.Any) -> dict[str, t.Any]:
    """A volume as the API lists it."""
    return {
        "id": volume_id,
        "label": "data",
        "disk_space": 100.0,
        "machine_id": 501,
        "status": "created",
        "instances": [],
        "storage_total_cost": 15.0 / 720,
        **fields,
    }


def offer(offer_id: int = 7, **fields: t.Any) -> dict[str, t.Any]:
    """An offer of the machine: 0.15 $ a GB and month."""
    return {"id": offer_id, "machine_id": 501, "disk_space": 500.0, "storage_cost": 0.15, **fields}


def listed(api: Api, *rows: dict[str, t.Any], times: int = 1) -> None:
    """Declare the listing of all volumes."""
    for _time in range(times):
        api.expect("GET", PATH, {"volumes": list(rows)}, query={"owner": "me", "type": "all_volume"})


def search(api: Api, *offers: t.Any, reply: t.Any = None) -> None:
    """Declare the search."""
    body = {
        "machine_id": {"eq": 501},
        "disk_space": {"gte": 100},
        "order": [["storage_cost", "asc"]],
        "limit": 64,
    }
    api.expect("POST", f"{PATH}search/", reply or {"offers": list(offers)}, body=body)


def rent(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    """Declare the rent."""
    api.expect("PUT", PATH, YES if reply is None else reply, body={"id": 7, "size": 100, "name": "data"}, **more)


def drop(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    """Declare the deletion."""
    api.expect("DELETE", PATH, YES if reply is None else reply, body={"id": 900}, **more)


def living(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare the question which users exist."""
    api.expect_listing(*rows, id=[4711])


def test_the_cheapest_offer_that_fits_is_rented_once(api: Api) -> None:
    listed(api, row(1, label="other"), row(2, machine_id=502))
    search(
        api,
        offer(8, storage_cost=0.16),
        offer(),
        offer(9, machine_id=502, storage_cost=0.01),
        offer(10, disk_space=99.0, storage_cost=0.01),
        offer(11, storage_cost=None),
    )
    rent(api, {"success": True, "volume_name": "V.900"})
    listed(api, row(1, label="other"), row(2, machine_id=502), row())
    result = succeed(MODULE, **GIVEN)
    assert result["changed"] is True
    assert result["actions"] == ["create volume data on machine 501 with 100 GB for 15 $ a month"]
    assert result["volume"] == {
        "id": 900,
        "name": "data",
        "size": 100.0,
        "machine_id": 501,
        "status": "created",
        "instances": [],
        "per_month": 15.0,
    }
    assert result.warnings == []


@pytest.mark.parametrize("given", [GIVEN, {"name": "data"}, {"name": "data", "size": 100}])
@pytest.mark.parametrize("names", [{}, {"label": None, "name": "data"}])
def test_what_is_there_is_left_as_it_is(api: Api, given: dict[str, t.Any], names: dict[str, t.Any]) -> None:
    listed(api, row(**names))
    result = succeed(MODULE, **given)
    assert (result["changed"], result["volume"]["id"], result["actions"]) == (False, 900, [])


def test_the_machine_of_an_instance(api: Api) -> None:
    near = {**GIVEN, "machine_id": None}
    del near["machine_id"]
    api.expect_listing(instance_row(4711, machine_id=501), label="train-01")
    listed(api, row(1, machine_id=502), row())
    assert succeed(MODULE, **near, near_instance="train-01")["volume"]["id"] == 900


def test_an_instance_by_id_without_a_machine(api: Api) -> None:
    api.expect_listing(instance_row(4711, machine_id=None), id=4711)
    fail_as(MODULE, "invalid", "Give machine_id", name="data", near_instance="4711")


@pytest.mark.parametrize("state", ["present", "absent"])
def test_several_are_ambiguous(api: Api, state: str) -> None:
    listed(api, row(), row(901, machine_id=502))
    fail_as(MODULE, "ambiguous", "900 on machine 501, 901 on machine 502", name="data", state=state)


def test_another_size_is_refused(api: Api) -> None:
    listed(api, row(disk_space=50.0))
    result = fail_as(MODULE, "invalid", "cannot be resized", "50.0 GB, not 100", **GIVEN)
    assert result["volume"]["id"] == 900


@pytest.mark.parametrize("missing", ["size", "max_price", "machine_id"])
def test_what_renting_needs_is_told_before_anything_is_sent(api: Api, missing: str) -> None:
    listed(api)
    given = {name: value for name, value in GIVEN.items() if name != missing}
    fail_as(MODULE, "invalid", missing, "Nothing was sent", **given)


def test_too_expensive(api: Api) -> None:
    listed(api)
    search(api, offer(storage_cost=0.21))
    fail_as(MODULE, "budget", "would cost 21 $ a month", "max_price is 20", **GIVEN)


@pytest.mark.parametrize("offers", [(), (offer(machine_id=1),), (offer(disk_space=None),), (offer(storage_cost=-1),)])
def test_no_offer(api: Api, offers: tuple[dict[str, t.Any], ...]) -> None:
    listed(api)
    search(api, *offers)
    fail_as(MODULE, "unavailable", "no offer", **GIVEN)


def test_a_search_that_cannot_be_read(api: Api) -> None:
    listed(api)
    search(api, reply={"offers": None})
    fail_as(MODULE, "protocol", "volume offer", **GIVEN)


def test_check_mode_rents_nothing_and_tells_the_price(api: Api) -> None:
    listed(api)
    search(api, offer())
    result = succeed(MODULE, **GIVEN, check_mode=True)
    assert (result["changed"], result["volume"]) == (True, None)
    assert "for 15 $ a month" in result["actions"][0]


def test_what_another_task_rented_meanwhile_is_taken(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(api)
    search(api, offer())
    rent(api)
    listed(api, row())
    succeed(MODULE, **GIVEN)
    # Its first look was before that.
    listed(api)
    search(api, offer())
    listed(api, row())
    looked = volumes.Volumes.find

    def find(self: volumes.Volumes, client: t.Any, entry: t.Any) -> t.Any:
        found = looked(self, client, entry)
        self.looked_at -= 60.0
        return found

    monkeypatch.setattr(volumes.Volumes, "find", find)
    result = succeed(MODULE, **GIVEN)
    assert (result["changed"], result["volume"]["id"], result["actions"]) == (False, 900, [])


def test_a_lost_rent_is_settled_by_the_listing(api: Api) -> None:
    listed(api)
    search(api, offer())
    rent(api, LOST)
    listed(api)
    listed(api, row())
    assert succeed(MODULE, **GIVEN)["changed"] is True


def test_a_lost_rent_that_no_listing_shows_is_never_repeated(api: Api) -> None:
    listed(api)
    search(api, offer())
    rent(api, LOST)
    listed(api, times=4)
    fail_as(MODULE, "unknown_outcome", "nothing was sent again", **GIVEN)


def test_an_accepted_rent_that_no_listing_shows(api: Api) -> None:
    listed(api)
    search(api, offer())
    rent(api)
    listed(api, times=4)
    fail_as(MODULE, "server", "volume data on machine 501", **GIVEN)


def test_a_refused_rent(api: Api) -> None:
    listed(api)
    search(api, offer())
    rent(api, {"success": False, "error": "invalid_args", "msg": "No"}, status=400)
    listed(api)
    assert fail_as(MODULE, "invalid", **GIVEN)["changed"] is False


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"disk_space": 80.0}, "80.0 GB instead of 100"), ({"storage_total_cost": 0.05}, "36 $ a month, more than max")],
)
def test_what_is_otherwise_than_it_was_rented_for_is_told(api: Api, fields: dict[str, t.Any], text: str) -> None:
    listed(api)
    search(api, offer())
    rent(api)
    listed(api, row(**fields))
    (warning,) = succeed(MODULE, **GIVEN).warnings
    assert text in warning


@pytest.mark.parametrize("reply", [YES, LOST])
def test_it_is_deleted(api: Api, reply: t.Any) -> None:
    listed(api, row())
    drop(api, reply)
    # A volume that somebody else has called the same meanwhile is another one.
    listed(api, row(901))
    result = succeed(MODULE, **GONE)
    assert (result["changed"], result["volume"]) == (True, None)
    assert "its data is lost" in result["actions"][0]


def test_what_is_absent_is_left_alone(api: Api) -> None:
    listed(api, row(label="other"))
    assert succeed(MODULE, **GONE)["changed"] is False


def test_a_name_that_may_be_mistyped_is_warned_of_since_what_was_meant_bills_on(api: Api) -> None:
    listed(api, row(label="dato"), row(2, label="models"))
    result = succeed(MODULE, **GONE)
    assert result["changed"] is False
    assert result.warnings == ["There is no volume data, so nothing was deleted. Did you mean 'dato'?"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_an_instance_uses_is_not_deleted(api: Api, check_mode: bool) -> None:
    listed(api, row(instances=[4711]))
    living(api, instance_row(4711))
    fail_as(MODULE, "invalid", "used by instance 4711 (train-01)", **GONE, check_mode=check_mode)


def test_all_of_many_that_may_use_it_are_looked_at(api: Api) -> None:
    gone = [*range(1, 201)]
    listed(api, row(instances=[*gone, 4711]))
    api.expect_listing(id=gone)
    living(api, instance_row(4711))
    fail_as(MODULE, "invalid", "used by instance 4711 (train-01)", **GONE)


@pytest.mark.parametrize("instances", [[4711], None, ["x"]])
def test_what_still_holds_it_is_waited_for(api: Api, instances: t.Any) -> None:
    held = row(instances=instances)
    listed(api, held)
    if instances == [4711]:
        living(api)
    for _attempt in range(2):
        drop(api, IN_USE, status=409)
        listed(api, held)
        if instances == [4711]:
            living(api)
    drop(api)
    listed(api)
    result = succeed(MODULE, **GONE)
    assert (result["changed"], result["volume"]) == (True, None)


def test_an_instance_that_has_come_to_use_it_is_not_waited_for(api: Api) -> None:
    listed(api, row())
    drop(api, IN_USE, status=409)
    listed(api, row(instances=[4711]))
    living(api, instance_row(4711))
    fail_as(MODULE, "invalid", "used by instance 4711", **GONE)


def test_the_wait_has_an_end(api: Api) -> None:
    listed(api, row())
    for _attempt in range(9):
        drop(api, IN_USE, status=409)
        listed(api, row())
    result = fail_as(MODULE, "timeout", "within 90 s", "existing instances use that volume", **GONE)
    assert (result["changed"], result["volume"]["id"]) == (False, 900)


@pytest.mark.parametrize("requests_before", [2, 3])
def test_a_signal_ends_the_wait(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, requests_before: int
) -> None:
    """While the refusal is looked up, and before the next attempt."""
    listed(api, row())
    drop(api, IN_USE, status=409)
    listed(api, row())
    interrupt_after(api, clock, monkeypatch, requests_before)
    result = fail_as(MODULE, "timeout", "Interrupted by SIGTERM", "volume data", **GONE)
    assert (result["changed"], result["volume"]["id"]) == (False, 900)


@pytest.mark.parametrize("name", ["", "a-b", "x" * 65, "ä"])
def test_names_that_cannot_be(name: str) -> None:
    fail_as(MODULE, "invalid", "name must be", name=name)


@pytest.mark.parametrize("option", [{"size": 0}, {"max_price": -1}, {"machine_id": 0}, {"near_instance": " "}])
def test_options_that_cannot_be(option: dict[str, t.Any]) -> None:
    fail_as(MODULE, "invalid", *option, name="data", **option)


OFFERED: dict[str, t.Any] = {
    "name": "data",
    "size": 100,
    "max_price": 20,
    "offer": {"min_inet_down": 500, "country": ["NO"], "exclude_machine_id": [9], "query": {"disk_bw": {"gte": 1000}}},
}


def search_anywhere(api: Api, *offers: dict[str, t.Any]) -> None:
    """Declare the search by criteria."""
    body = {
        "external": {"eq": False},
        "verified": {"eq": True},
        "inet_down": {"gte": 500.0},
        "geolocation": {"in": ["NO"]},
        "machine_id": {"notin": [9]},
        "disk_bw": {"gte": 1000},
        "disk_space": {"gte": 100},
        "order": [["storage_cost", "asc"]],
        "limit": 64,
    }
    api.expect("POST", f"{PATH}search/", {"offers": list(offers)}, body=body)


def fitting(offer_id: int = 7, **fields: t.Any) -> dict[str, t.Any]:
    """An offer that meets all criteria."""
    own = {"inet_down": 800.0, "geolocation": "Oslo, NO", "disk_bw": 2000.0, "verification": "verified"}
    return offer(offer_id, **{**own, **fields})


def test_by_criteria_the_cheapest_that_meets_them_all_is_rented(api: Api) -> None:
    listed(api)
    search_anywhere(
        api,
        fitting(1, storage_cost=0.01, inet_down=100.0),
        fitting(2, storage_cost=0.01, geolocation="SE"),
        fitting(3, storage_cost=0.01, machine_id=9),
        fitting(4, storage_cost=0.01, disk_bw=None),
        fitting(5, storage_cost=0.01, verification="unverified"),
        fitting(6, storage_cost=0.01, machine_id=None),
        fitting(8, storage_cost=0.16),
        fitting(),
    )
    rent(api)
    listed(api, row())
    result = succeed(MODULE, **OFFERED)
    assert result["actions"] == ["create volume data on machine 501 with 100 GB for 15 $ a month"]
    assert (result["volume"]["machine_id"], result.warnings) == (501, [])


def test_by_criteria_one_that_exists_is_found_on_any_machine(api: Api) -> None:
    listed(api, row(machine_id=9))
    assert succeed(MODULE, **OFFERED)["changed"] is False


def test_by_criteria_check_mode_tells_the_machine(api: Api) -> None:
    listed(api)
    search_anywhere(api, fitting())
    result = succeed(MODULE, **OFFERED, check_mode=True)
    assert (result["changed"], result["volume"]) == (True, None)
    assert "on machine 501" in result["actions"][0]


def test_by_criteria_nothing_fits(api: Api) -> None:
    listed(api)
    search_anywhere(api, fitting(inet_down=1.0), fitting(8, inet_down=1.0, geolocation="SE"))
    says = "meets size, min_inet_down, country, exclude_machine_id, verified, query", "min_inet_down (2), country (1)"
    fail_as(MODULE, "unavailable", *says, "Of 2 returned offers", "Nothing was sent", **OFFERED)


def test_by_criteria_nothing_came(api: Api) -> None:
    listed(api)
    search_anywhere(api)
    result = fail_as(MODULE, "unavailable", "Relax offer", **OFFERED)
    assert "returned offers" not in result["msg"]


def test_a_data_centre_cannot_be_checked(api: Api) -> None:
    listed(api)
    body = {"external": {"eq": False}, "datacenter": {"eq": True}, "disk_space": {"gte": 100}}
    api.expect(
        "POST",
        f"{PATH}search/",
        {"offers": [offer()]},
        body={**body, "order": [["storage_cost", "asc"]], "limit": 64},
    )
    rent(api)
    listed(api, row())
    given = {**OFFERED, "offer": {"datacenter": True, "verified": False}}
    (warning,) = succeed(MODULE, **given).warnings
    assert warning.startswith("offer.datacenter: ")


def test_a_volume_that_came_elsewhere_is_told(api: Api) -> None:
    listed(api)
    search_anywhere(api, fitting())
    rent(api)
    listed(api, row(machine_id=502))
    (warning,) = succeed(MODULE, **OFFERED).warnings
    assert "on machine 502 instead of 501" in warning


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        ({"query": {"gpu_name": {"eq": "RTX 4090"}}}, "does not know the field 'gpu_name'"),
        ({"query": {"disk_space": {"gte": 1}}}, "does not know the field"),
        ({"query": {"inet_down": {"gte": 1}}, "min_inet_down": 5}, "already set by another option"),
        ({"min_reliability": 98}, "min_reliability must be between"),
        ({"country": []}, "country must not be empty"),
    ],
)
def test_criteria_that_cannot_be(offer: dict[str, t.Any], says: str) -> None:
    fail_as(MODULE, "invalid", says, **{**OFFERED, "offer": offer})


@pytest.mark.parametrize("other", [{"machine_id": 501}, {"near_instance": "train-01"}])
def test_criteria_stand_alone(other: dict[str, t.Any]) -> None:
    result = run_module(MODULE, **OFFERED, **other)
    assert "mutually exclusive" in result["msg"]


def renting(api: Api) -> Result:
    """A run that rents."""
    listed(api)
    search(api, offer())
    rent(api)
    listed(api, row(instances=[4711]))
    return run_module(MODULE, **GIVEN)


def renting_refused(api: Api) -> Result:
    """A run that is refused after it has sent something."""
    listed(api)
    search(api, offer())
    rent(api, {"success": False, "error": "invalid_args", "msg": "No"}, status=400)
    listed(api)
    return run_module(MODULE, **GIVEN)
