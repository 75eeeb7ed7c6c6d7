# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The market: searching, renting, and what a box shows and stores."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from ansible_collections.vastai.cloud.tests.simulator import Simulator
from ansible_collections.vastai.cloud.tests.simulator.checks import AccountError
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

Start = Callable[..., Api]
BOX = {"image": "alpine", "disk": 50, "label": "ci-1"}


def search(api: Api, **query: Any) -> list[dict[str, Any]]:
    reply = api.post("/api/v0/bundles/", query)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["offers"]
    return found


def rent(api: Api, offer_id: int, **fields: Any) -> Any:
    return api.put(f"/api/v0/asks/{offer_id}/", {**BOX, **fields})


@pytest.fixture
def market(start: Start) -> Api:
    return start(
        {
            "machines": [
                {"id": 1, "gpu_name": "RTX 4090", "num_gpus": 2, "price": 0.4},
                {"id": 2, "gpu_name": "RTX 3090", "num_gpus": 1, "price": 0.2, "verification": "unverified"},
            ]
        }
    )


def test_the_price_has_the_disk_that_is_asked_for(market: Api) -> None:
    (row,) = search(market, gpu_name={"eq": "RTX 3090"}, allocated_storage=72)
    assert row["dph_total"] == pytest.approx(0.2 + 0.15 * 72 / 720)


def test_conditions_order_and_limit(market: Api) -> None:
    assert [row["machine_id"] for row in search(market, order=[["dph_total", "asc"]])] == [2, 1, 1]
    assert [row["num_gpus"] for row in search(market, num_gpus={"gte": "2"})] == [2]
    assert len(search(market, limit=1)) == 1
    assert [row["machine_id"] for row in search(market, verified={"eq": False})] == [2]
    assert search(market, geolocation={"in": ["SE"]}) == []


@pytest.mark.parametrize("nonsense", [{"gpu_nam": {"eq": "x"}}, {"num_gpus": 2}, {"num_gpus": {">=": 2}}, {"order": 7}])
def test_what_makes_no_sense_is_dropped_without_a_word(market: Api, nonsense: dict[str, Any]) -> None:
    assert len(search(market, **nonsense)) == 3


def test_a_filter_on_id_matches_nothing_and_the_other_name_works(market: Api, start: Start) -> None:
    offer = search(market, limit=1)[0]["id"]
    assert search(market, id={"eq": offer}) == []
    assert [row["id"] for row in search(market, ask_contract_id={"eq": offer})] == [offer]


def test_returned_rows_are_counted_against_a_quota(start: Start) -> None:
    api = start({"machines": [{"id": 1}], "options": {"search_quota": 3}})
    assert len(search(api)) == 3
    reply = api.post("/api/v0/bundles/", {})
    assert (reply.status_code, reply.json()["error"]) == (429, "search_quota_exceeded")
    assert "X-RateLimit-Reset" in reply.headers


def test_renting_takes_the_chunk_and_changes_the_ids_of_the_rest(market: Api, clock: ManualClock) -> None:
    offers = search(market, gpu_name={"eq": "RTX 4090"}, num_gpus={"eq": 1})
    reply = rent(market, offers[0]["id"], runtype="ssh_direct", env={"A": "1", "-p 8000:8000": "1"})
    number = reply.json()["new_contract"]
    assert reply.json()["success"] is True
    row = market.row(number)
    assert (row["label"], row["machine_id"], row["actual_status"], row["cur_state"]) == ("ci-1", 1, None, "running")
    left = search(market, gpu_name={"eq": "RTX 4090"})
    assert [each["num_gpus"] for each in left] == [1]
    assert left[0]["id"] != offers[0]["id"]
    assert rent(market, offers[0]["id"]).status_code == 404
    clock.step(10)
    assert market.state(number) == ("running", "running", "running")
    assert set(market.row(number)["ports"]) == {"22/tcp", "8000/tcp"}
    market.delete(f"/api/v0/instances/{number}/")
    assert len(search(market, gpu_name={"eq": "RTX 4090"})) == 2


@pytest.mark.parametrize(
    ("answer", "status", "slug"),
    [
        ("no_such_ask", 404, "no_such_ask"),
        ("gone", 410, "no_such_ask"),
        ("refuse", 400, "invalid_args"),
        ("no_credit", 400, "insufficient_credit"),
        ("blacklisted", 403, "not_authorized"),
    ],
)
def test_a_clear_no_rents_nothing(start: Start, answer: str, status: int, slug: str) -> None:
    api = start({"machines": [{"id": 1, "answer": answer}]})
    reply = rent(api, search(api)[0]["id"])
    assert (reply.status_code, reply.json()["error"]) == (status, slug)
    assert api.listing()["instances"] == []


@pytest.mark.parametrize("answer", ["stopped", "no_id", "server_error"])
def test_an_unclear_answer_leaves_a_contract(start: Start, answer: str) -> None:
    api = start({"machines": [{"id": 1, "answer": answer}]})
    reply = rent(api, search(api)[0]["id"])
    assert len(api.listing()["instances"]) == 1
    assert reply.json().get("success") is {"stopped": False, "no_id": True, "server_error": False}[answer]


def test_a_bid_below_the_floor_is_a_stopped_contract(market: Api) -> None:
    offer = search(market, type="bid", num_gpus={"eq": 2})[0]
    assert offer["dph_base"] == offer["min_bid"]
    reply = rent(market, offer["id"], price=0.01)
    assert reply.json()["success"] is False
    number = reply.json()["new_contract"]
    assert market.state(number)[2] == "stopped"
    market.put(f"/api/v0/instances/bid_price/{number}/", {"price": 1.0})
    assert market.state(number)[2] == "running"
    assert market.row(number)["dph_base"] == 1.0
    market.put(f"/api/v0/instances/bid_price/{number}/", {"price": 0.01})
    assert market.state(number)[2] == "stopped"


def test_with_cancel_unavail_nothing_is_rented_that_cannot_start(market: Api) -> None:
    offer = search(market, type="bid")[0]["id"]
    assert rent(market, offer, price=0.01, cancel_unavail=True).status_code == 410
    assert market.listing()["instances"] == []


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"image": None}, "invalid_args"),
        ({"runtype": "ssh", "use_ssh": True}, "invalid_args"),
        ({"vm": True}, "no_ssh_key_for_vm"),
        ({"price": "1"}, "invalid_price"),
        ({"price": 500}, "invalid_price"),
        ({"label": 7}, "invalid_args"),
        ({"disk": -1}, "invalid_args"),
        ({"disk": "50"}, "invalid_args"),
    ],
)
def test_wrong_fields_are_a_400(market: Api, fields: dict[str, Any], slug: str) -> None:
    reply = rent(market, search(market)[0]["id"], **fields)
    assert (reply.status_code, reply.json()["error"]) == (400, slug)


def test_a_box_may_differ_from_its_offer(start: Start) -> None:
    machine = {"id": 1, "disk_space": 95, "delivers": {"gpu_name": "RTX 3090"}, "ignores_label": True}
    api = start({"machines": [machine], "images": {"bad": {"oci_failure": True}}})
    number = rent(api, search(api)[0]["id"], disk=1000, env="-e A=1", image="bad").json()["new_contract"]
    row = api.row(number)
    assert (row["disk_space"], row["gpu_name"], row["label"], row["extra_env"]) == (95, "RTX 3090", None, [])


def test_stored_fields_change_without_the_container(market: Api) -> None:
    number = rent(market, search(market)[0]["id"]).json()["new_contract"]
    reply = market.put(f"/api/v0/instances/update_template/{number}/", {"image": "other", "env": {"A": "1"}})
    assert reply.json()["success"] is True
    assert (market.row(number)["image_uuid"], market.row(number)["extra_env"]) == ("other", [["A", "1"]])
    assert market.put("/api/v0/instances/update_template/9/", {"image": "x"}).status_code == 404
    assert market.put(f"/api/v0/instances/update_template/{number}/", {"id": number}).status_code == 200
    market.sim.set_options(repeated_id="refused")
    assert market.put(f"/api/v0/instances/update_template/{number}/", {"id": number}).status_code == 400


def test_ssh_keys_of_a_box(market: Api) -> None:
    number = rent(market, search(market)[0]["id"]).json()["new_contract"]
    path = f"/api/v0/instances/{number}/ssh/"
    key = "ssh-ed25519 AAAA me@here"
    row = json.loads(market.post(path, {"ssh_key": key}).json()["key"])
    assert market.post(path, {"ssh_key": "ssh-ed25519 AAAA other"}).json()["success"] is False
    assert market.post(path, {"ssh_key": "nonsense"}).status_code == 400
    assert [each["public_key"] for each in json.loads(market.get(path).json()["ssh_keys"])] == [key]
    assert market.delete(f"{path}{row['id']}/").json()["success"] is True
    assert market.delete(f"{path}{row['id']}/").json()["success"] is False


def test_a_box_can_have_a_real_address(start: Start, clock: ManualClock) -> None:
    api = start({"machines": [{"id": 1, "ssh": "127.0.0.1:2222"}]})
    number = rent(api, search(api)[0]["id"], runtype="ssh_direct").json()["new_contract"]
    clock.step(10)
    row = api.row(number)
    assert (row["public_ipaddr"], row["ports"]["22/tcp"][0]["HostPort"]) == ("127.0.0.1", "2222")


def test_launching_and_renting_many(market: Api) -> None:
    reply = market.put("/api/v0/launch_instance/", {**BOX, "q": {"order": [["dph_total", "asc"]]}})
    assert market.row(reply.json()["new_contract"])["machine_id"] == 2
    ids = [row["id"] for row in search(market, num_gpus={"eq": 1})]
    assert market.post("/api/v0/asks/bulk/", {**BOX, "ids": [*ids, 5]}).json()["success"] is True
    assert len(market.listing()["instances"]) == 2
    assert market.put("/api/v0/search/asks/", {"select_cols": ["*"], "q": {}}).status_code == 200
    assert market.put("/api/v0/search/asks/", {"q": 7}).status_code == 400
    assert market.post("/api/v0/bundles/", [1]).status_code == 400


ONE_MACHINE = {"id": 1, "num_gpus": 2, "price": 0.4, "floor": 0.2}


def ids(api: Api, **query: Any) -> list[int]:
    return [row["id"] for row in search(api, **query)]


def rented(api: Api, **fields: Any) -> int:
    """A box on the first machine that is offered."""
    query = {"type": "bid"} if "price" in fields else {}
    return int(rent(api, search(api, num_gpus={"eq": 1}, **query)[0]["id"], **fields).json()["new_contract"])


def test_the_market_changes_by_a_script(start: Start, clock: ManualClock) -> None:
    script = [
        {"at": 60, "listed": False},
        {"at": 10, "others": 1},
        {"at": 30, "price": 0.5},
        {"at": 90, "listed": True},
    ]
    api = start({"machines": [{**ONE_MACHINE, "script": script}]})
    before = ids(api)
    assert len(before) == 2
    clock.step(10)
    others = ids(api)
    assert len(others) == 1
    assert not set(others) & set(before)
    assert rent(api, before[0]).status_code == 404
    clock.step(20)
    assert search(api)[0]["dph_base"] == 0.5
    clock.step(30)
    assert ids(api) == []
    clock.step(30)
    assert ids(api) == others


def test_a_machine_changes_by_a_call(market: Api) -> None:
    call = "/_simulator/machines/1"
    assert market.put(call, {"answer": "gone", "others": 1}, headers={}).json() == {"success": True}
    (offer,) = ids(market, machine_id={"eq": 1})
    assert rent(market, offer).status_code == 410
    assert market.put("/_simulator/machines/9", {"price": 1.0}, headers={}).status_code == 404
    assert market.put("/_simulator/machines/x", {"price": 1.0}, headers={}).status_code == 404


@pytest.mark.parametrize(
    "change",
    [{"id": 2}, {"num_gpus": 8}, {"price": "cheap"}, {"listed": 1}, {"answer": "maybe"}, {"script": []}, {"colour": 1}],
)
def test_a_wrong_change_of_a_machine_is_refused(market: Api, change: dict[str, Any]) -> None:
    assert market.put("/_simulator/machines/1", change, headers={}).status_code == 400


@pytest.mark.parametrize(
    "machine",
    [
        {"id": 0},
        {"id": True},
        {"id": 1, "gpu_name": "GTX 1"},
        {"id": 1, "gpu_name": ["RTX 4090"]},
        {"id": 1, "script": [7]},
        {"id": 1, "script": [{"price": 0.1}]},
        {"id": 1, "script": [{"at": 1, "num_gpus": 2}]},
        {"id": 1, "behaviour": {"nonsense": 1}},
    ],
)
def test_a_wrong_machine_is_refused(machine: dict[str, Any]) -> None:
    with pytest.raises(AccountError, match="machines"):
        Simulator({"machines": [machine]})


def test_two_machines_of_one_id_are_refused() -> None:
    with pytest.raises(AccountError, match="taken"):
        Simulator({"machines": [{"id": 1}, {"id": 1}]})


def test_a_new_row_shows_as_late_as_its_changes(start: Start, clock: ManualClock) -> None:
    api = start({"machines": [{"id": 1, "behaviour": {"row_lag": 8.0}}], "instances": [{"id": 5}]})
    number = rented(api)
    path = f"/api/v0/instances/{number}/"
    assert [row["id"] for row in api.listing()["instances"]] == [5]
    assert api.listing()["total_instances"] == 1
    assert api.get(path).json() == {"instances": None}
    assert api.delete(path).status_code == 200
    number = rented(api)
    clock.step(8)
    assert api.row(number)["actual_status"] is None
    assert api.get(f"/api/v0/instances/{number}/").json()["instances"]["id"] == number


@pytest.mark.parametrize(
    ("fault", "contracts"),
    [
        ({"action": "drop"}, 0),
        ({"action": "reply", "status": 502}, 0),
        ({"action": "drop", "when": "after"}, 1),
        ({"action": "reply", "status": 502, "when": "after"}, 1),
        ({"action": "truncate"}, 1),
        ({"action": "duplicate"}, 1),
    ],
)
def test_a_create_whose_reply_is_lost(start: Start, fault: dict[str, Any], contracts: int) -> None:
    api = start({"machines": [{"id": 1}]})
    offer = ids(api)[0]
    api.sim.add_fault({**fault, "method": "PUT", "path": "/api/v0/asks/*", "times": 1})
    with contextlib.suppress(requests.RequestException):
        assert rent(api, offer).status_code in (404, 502)
    assert len(api.listing()["instances"]) == contracts
    made = [effect["did"] for entry in api.sim.journal() for effect in entry["effects"]]
    assert made == ["create"] * contracts


def test_a_create_that_is_delivered_twice_rents_twice_where_the_offer_stays(start: Start) -> None:
    api = start({"machines": [{"id": 1, "keeps_offers": True}]})
    offer = ids(api)[0]
    api.sim.add_fault({"action": "duplicate", "path": "/api/v0/asks/*", "times": 1})
    assert rent(api, offer).json()["success"] is True
    assert len(api.listing()["instances"]) == 2
    assert offer in ids(api)


def test_a_virtual_machine_needs_a_key_of_the_account(start: Start) -> None:
    key = "ssh-ed25519 AAAA me@here"
    api = start({"machines": [{"id": 1}], "ssh_keys": [key]})
    number = rented(api, vm=True)
    shown = json.loads(api.get(f"/api/v0/instances/{number}/ssh/").json()["ssh_keys"])
    assert [row["public_key"] for row in shown] == [key]


def test_an_offer_shows_the_own_bid_where_it_does(start: Start) -> None:
    api = start({"machines": [{**ONE_MACHINE, "own_bid": True}, {**ONE_MACHINE, "id": 2}]})
    rented(api, price=0.35)
    shown = {row["machine_id"]: row["min_bid"] for row in search(api, type="bid", num_gpus={"eq": 1})}
    assert shown == {1: 0.35, 2: 0.2}


def test_being_outbid_and_winning_again(start: Start, clock: ManualClock) -> None:
    api = start({"machines": [ONE_MACHINE]})
    loading, running = rented(api, price=0.25), rented(api)
    assert api.state(loading)[0] is None
    api.sim.set_machine(1, floor=0.3)
    assert api.state(loading) == (None, "stopped", "stopped")
    assert api.row(loading)["min_bid"] == 0.3
    clock.step(10)
    assert api.state(running)[2] == "running"
    api.sim.set_machine(1, floor=0.2)
    clock.step(10)
    assert api.state(loading) == ("running", "running", "running")
    api.sim.set_machine(1, floor=0.3)
    assert api.state(loading) == ("exited", "stopped", "stopped")
    api.put(f"/api/v0/instances/{loading}/", {"state": "stopped"})
    api.sim.set_machine(1, floor=0.2)
    assert api.state(loading) == ("exited", "stopped", "stopped")


def test_a_stopped_box_whose_gpu_somebody_else_rents(start: Start, clock: ManualClock) -> None:
    api = start({"machines": [{"id": 1, "num_gpus": 1}]})
    number = rented(api)
    clock.step(10)
    api.put(f"/api/v0/instances/{number}/", {"state": "stopped"})
    clock.step(10)
    api.sim.set_machine(1, others=1)
    reply = api.put(f"/api/v0/instances/{number}/", {"state": "running"})
    assert (reply.json()["success"], reply.json()["error"]) == (False, "resources_unavailable")
    api.sim.set_machine(1, others=0)
    clock.step(10)
    assert api.state(number)[2] == "running"


def test_many_offers_are_rented_by_halves(market: Api) -> None:
    path = "/api/v0/asks/bulk/"
    good = ids(market, machine_id={"eq": 2})[0]
    body = market.post(path, {**BOX, "ids": [good, 5, "x"]}).json()
    assert (body["success"], len(body["created"]), body["failed"]) == (True, 1, [5, "x"])
    assert [row.get("error") for row in body["results"]] == [None, "no_such_ask", "invalid_args"]
    for wrong in (None, [], [1] * 65, [5]):
        assert market.post(path, {**BOX, "ids": wrong}).status_code == 400
    told = market.put("/api/v0/launch_instance/", {**BOX, "q": {"gpu_name": {"eq": "H200"}}}).json()
    assert (told["success"], told["error"]) == (False, "offer_not_found")


def test_reboots_and_recycles_are_counted(market: Api, clock: ManualClock) -> None:
    number = rented(market)
    clock.step(10)
    for _time in range(2):
        market.put(f"/api/v0/instances/reboot/{number}/", {})
        clock.step(10)
    market.put(f"/api/v0/instances/recycle/{number}/", {})
    clock.step(10)
    (box,) = market.get("/_simulator/account", headers={}).json()["instances"]
    assert (box["reboots"], box["recycles"]) == (2, 1)
