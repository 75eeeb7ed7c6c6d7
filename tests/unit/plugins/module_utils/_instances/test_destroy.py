# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Destroying instances and proving it: the requests, and what a failure says of the bill."""

from __future__ import annotations

import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock, Deadline
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import VastError
from ansible_collections.vastai.cloud.plugins.module_utils._instances.destroy import (
    Removal,
    destroy,
    destroy_one,
    to_destroy,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance

from ...harness import Api, instance_row, list_query, make_client, stopped_row

LOST = requests.exceptions.ReadTimeout("read timed out")
GONE = {"success": False, "error": "no_such_instance", "msg": "Instance 4711 not found."}
DENIED = {"success": False, "msg": "Authorization Error. Your key lacks the api.instance_write route access."}
NONE_OF_THEM = {"success": False, "error": "instances_not_found", "msg": "No instances found."}
POLLS = 10
"""So often an instance is polled within the 20 s in which a destroyed one may stay listed."""
NAME = "instance 4711 (train-01)"


def running(instance_id: int = 4711) -> Instance:
    return Instance(instance_id, instance_row(instance_id))


def remove(*ids: int, seconds: float = 600.0, silent: bool = True) -> list[Removal]:
    client = make_client() if silent else make_client(lambda _warning: None)
    items = [to_destroy(running(each)) for each in ids]
    destroy(client, items, Deadline(Clock(), seconds))
    return items


def remove_one(row: dict[str, t.Any] | None = None) -> VastError | None:
    try:
        instance = Instance(4711, instance_row() if row is None else row)
        destroy_one(make_client(lambda _warning: None), instance, Deadline(Clock(), 600.0))
    except VastError as error:
        return error
    return None


def expect_delete(api: Api, instance_id: int = 4711, reply: t.Any = None, status: int = 200) -> None:
    answer = {"success": True} if reply is None else reply
    api.expect("DELETE", f"/api/v0/instances/{instance_id}/", answer, body={}, status=status)


def expect_bulk(api: Api, *ids: int, reply: t.Any = None, status: int = 200) -> None:
    answer = {"success": True} if reply is None else reply
    api.expect("DELETE", "/api/v0/instances/", answer, body={"instance_ids": [*ids]}, status=status)


def expect_polls(api: Api, *polls: list[dict[str, t.Any]]) -> None:
    for rows in polls:
        api.expect_listing(*rows, id=4711)


def expect_stubborn(api: Api, row: dict[str, t.Any], reply: t.Any = None, status: int = 200) -> None:
    """It is asked for twice, and goes on to be listed."""
    for _time in range(2):
        expect_delete(api, reply=reply, status=status)
        expect_polls(api, *[[row]] * POLLS)


def test_a_yes_and_one_complete_listing_that_lacks_it(api: Api) -> None:
    expect_delete(api)
    expect_polls(api, [])
    assert remove_one() is None


def test_a_row_that_goes_on_for_some_seconds_is_waited_for(api: Api) -> None:
    expect_delete(api)
    expect_polls(api, [instance_row()], [instance_row()], [])
    assert remove_one() is None


def test_a_contract_that_is_released_counts_as_gone(api: Api) -> None:
    expect_delete(api)
    expect_polls(api, [stopped_row(cur_state="unloaded")])
    assert remove_one() is None


@pytest.mark.parametrize(("reply", "status"), [(LOST, 200), ({"msg": "boom"}, 500), ("<html>", 502), ([], 200)])
def test_after_a_doubt_two_listings_have_to_lack_it(api: Api, reply: t.Any, status: int) -> None:
    expect_delete(api, reply=reply, status=status)
    expect_polls(api, [], [instance_row()], [], [])
    assert remove_one() is None


def test_that_it_does_not_exist_counts_with_a_listing_that_lacks_it(api: Api) -> None:
    expect_delete(api, reply=GONE, status=404)
    expect_polls(api, [])
    item = remove(4711)[0]
    assert (item.error, item.gone, item.changed) == (None, True, False)


def test_somebody_else_destroyed_it_and_the_key_may_not(api: Api) -> None:
    expect_delete(api, reply=DENIED, status=401)
    expect_polls(api, [], [])
    item = remove(4711)[0]
    assert (item.error, item.gone, item.changed) == (None, True, False)


@pytest.mark.parametrize(
    ("reply", "status", "says"),
    [
        (None, 200, "Vast.ai accepted the request. Run the task again"),
        (LOST, 200, "The reply to DELETE"),
        ({"msg": "boom"}, 500, "Vast.ai answered 500"),
        (GONE, 404, "Vast.ai answered 404"),
    ],
)
def test_what_is_still_listed_in_the_end_is_leaked(api: Api, reply: t.Any, status: int, says: str) -> None:
    expect_stubborn(api, instance_row(), reply, status)
    error = remove_one()
    assert error is not None
    assert error.error_class == "leaked"
    assert f"{NAME} was not destroyed: it is still listed and bills 0.42 $/h." in error.msg
    assert "Last seen: actual_status running, intended_status running, cur_state running" in error.msg
    assert says in error.msg


def test_a_stopped_one_bills_its_disk_and_an_unknown_price_is_told(api: Api) -> None:
    expect_stubborn(api, stopped_row())
    expect_stubborn(api, stopped_row(storage_total_cost=None))
    first, second = remove_one(), remove_one()
    assert "still listed and bills 0.01 $/h." in getattr(first, "msg", "")
    assert "still listed and bills at a price that is not known." in getattr(second, "msg", "")


def test_a_refusal_keeps_its_class_and_says_what_bills(api: Api) -> None:
    expect_delete(api, reply=DENIED, status=401)
    expect_polls(api, [instance_row()])
    error = remove_one()
    assert error is not None
    assert error.error_class == "permission"
    assert error.msg.endswith(f"{NAME} was not destroyed; it bills 0.42 $/h.")


def test_without_a_listing_nothing_is_proven(api: Api) -> None:
    expect_delete(api)
    broken = {"success": True, "instances": None}
    api.expect("GET", "/api/v1/instances/", broken, query=list_query({"id": {"eq": 4711}}))
    error = remove_one()
    assert error is not None
    assert error.error_class == "protocol"
    assert error.msg.endswith(
        f"Whether {NAME} is destroyed is not proven; if not, it bills 0.42 $/h. Run the task again."
    )


def test_many_are_destroyed_at_once_and_two_listings_lack_them(api: Api) -> None:
    expect_bulk(api, 1, 2, 3)
    api.expect_listing(id=[1, 2, 3])
    api.expect_listing(id=[1, 2, 3])
    items = remove(1, 2, 3)
    assert [(item.error, item.gone, item.changed) for item in items] == [(None, True, True)] * 3


def test_at_most_64_go_into_one_request(api: Api) -> None:
    expect_bulk(api, *range(1, 65))
    expect_bulk(api, *range(65, 101))
    api.expect_listing(id=[*range(1, 101)])
    api.expect_listing(id=[*range(1, 101)])
    assert all(item.gone for item in remove(*range(1, 101)))


@pytest.mark.parametrize(("reply", "status"), [({"detail": "Not Found"}, 404), (b"", 405), (b"Gone", 410)])
def test_where_the_bulk_form_is_unknown_each_is_destroyed_alone(api: Api, reply: t.Any, status: int) -> None:
    expect_bulk(api, 1, 2, reply=reply, status=status)
    expect_delete(api, 1)
    expect_delete(api, 2)
    api.expect_listing(id=[1, 2])
    assert all(item.gone and item.changed for item in remove(1, 2))


def test_that_none_of_them_exists_is_no_lack_of_the_bulk_form(api: Api) -> None:
    expect_bulk(api, 1, 2, reply=NONE_OF_THEM, status=404)
    api.expect_listing(id=[1, 2])
    assert [(item.gone, item.changed) for item in remove(1, 2)] == [(True, False)] * 2


def test_one_that_the_bulk_form_passed_over_is_destroyed_alone(api: Api) -> None:
    expect_bulk(api, 1, 2)
    api.expect_listing(instance_row(2), id=[1, 2])
    api.expect_listing(instance_row(2), id=[1, 2])
    for _poll in range(POLLS - 2):
        api.expect_listing(instance_row(2), id=2)
    expect_delete(api, 2)
    api.expect_listing(id=2)
    assert [(item.error, item.gone, item.changed) for item in remove(1, 2)] == [(None, True, True)] * 2


def test_after_the_deadline_nothing_more_is_sent(api: Api) -> None:
    expect_bulk(api, 1, 2, 3, reply={"detail": "Not Found"}, status=404)
    expect_delete(api, 1)
    expect_delete(api, 2)
    api.expect_listing(id=[1, 2])
    first, second, third = remove(1, 2, 3, seconds=0.5)
    assert (first.gone, second.gone) == (True, True)
    assert third.error is not None
    assert (third.error.error_class, third.changed) == ("timeout", False)
    assert third.error.msg.endswith("instance 3 (train-01) was not destroyed; it bills 0.42 $/h.")


def test_nothing_to_destroy_sends_nothing(api: Api) -> None:
    assert remove() == []
