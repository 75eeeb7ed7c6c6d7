# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

LIST = "/api/v1/instances/"


def ids(page: dict[str, Any]) -> list[int]:
    return [row["id"] for row in page["instances"]]


@pytest.fixture
def fleet(start: Callable[..., Api]) -> Api:
    return start({"generate": {"count": 60, "label": "node-{n:03d}"}})


def test_the_v0_list_is_gone(api: Api) -> None:
    reply = api.get("/api/v0/instances/", params={"owner": "me"})
    assert reply.status_code == 410
    assert reply.json() == {
        "success": False,
        "error": "deprecated_endpoint",
        "msg": "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead.",
    }


def test_keys_of_a_page(api: Api) -> None:
    page = api.listing()
    assert list(page) == [
        "success",
        "instances_found",
        "total_instances",
        "label_counts",
        "next_token",
        "instances",
    ]
    assert page["next_token"] is None
    assert page["label_counts"]["twin"] == 2
    assert page["label_counts"][""] == 5
    assert page["instances_found"] == page["total_instances"] == 12


@pytest.mark.parametrize(("limit", "expected"), [(None, 25), ("99", 25), ("7", 7), ("0", 5), ("-3", 5)])
def test_limit(fleet: Api, limit: str | None, expected: int) -> None:
    page = fleet.listing(**({} if limit is None else {"limit": limit}))
    assert page["instances_found"] == len(page["instances"]) == expected
    assert page["total_instances"] == 60


@pytest.mark.parametrize("direction", ["asc", "desc", "sideways"])
def test_all_pages_in_order(fleet: Api, direction: str) -> None:
    query: dict[str, Any] = {"order_by": [{"col": "label", "dir": direction}]}
    seen: list[str] = []
    sizes: list[int] = []
    while True:
        page = fleet.listing(**query)
        seen += [row["label"] for row in page["instances"]]
        sizes.append(page["instances_found"])
        if page["next_token"] is None:
            break
        query["after_token"] = page["next_token"]
    assert sizes == [25, 25, 10]
    assert seen == sorted(seen, reverse=direction == "desc")
    assert len(set(seen)) == 60


def test_pages_hold_when_rows_leave(fleet: Api) -> None:
    first = fleet.listing()
    assert fleet.delete(f"/api/v0/instances/{ids(first)[0]}/", {}).status_code == 200
    second = fleet.listing(after_token=first["next_token"])
    assert ids(second)[0] == ids(first)[-1] + 1


def test_order_with_nulls_and_ties(api: Api) -> None:
    page = api.listing(order_by=[{"col": "label", "dir": "asc"}], limit="9")
    rest = api.listing(order_by=[{"col": "label", "dir": "asc"}], after_token=page["next_token"])
    labels = [row["label"] for row in page["instances"] + rest["instances"]]
    assert labels[-5:] == [None] * 5
    assert sorted(ids(page) + ids(rest)) == ids(api.listing())


@pytest.mark.parametrize(
    "token",
    [
        "rubbish",
        base64.b64encode(b"{}").decode(),
        base64.b64encode(b'{"values": {"label": "a"}}').decode(),
        base64.b64encode(b'{"values": {"id": "a"}}').decode(),
    ],
)
def test_bad_token(fleet: Api, token: str) -> None:
    reply = fleet.get(LIST, params={"after_token": token})
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_token")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"label": {"eq": "train-01"}}, [30101]),
        ({"label": {"in": ["train-01", None]}}, [30101, 30106, 30201, 30202, 30203, 30204]),
        ({"label": {"in": ["train-01"]}}, [30101]),
        ({"label": {"eq": "twin"}, "actual_status": {"neq": "running"}}, [30108]),
        ({"id": {"gt": 30106, "lte": 30201}}, [30107, 30108, 30201]),
        ({"id": {"gte": 30204}}, [30204]),
        ({"id": {"lt": 30102}}, [30101]),
        ({"id": {"notin": [30101]}, "gpu_name": {"eq": "H100 SXM"}}, []),
    ],
)
def test_filters(api: Api, filters: dict[str, Any], expected: list[int]) -> None:
    assert ids(api.listing(select_filters=filters)) == expected


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"select_filters": '{"dph_total": {"lt": 1}}'}, "dph_total is not a valid search key"),
        ({"select_filters": '{"num_gpus": {"eq": 1}}'}, "num_gpus is not a valid search key"),
        ({"select_filters": '{"label": {"like": "a"}}'}, "like"),
        ({"select_filters": '{"label": "a"}'}, "label"),
        ({"select_filters": '{"label": {"in": "a"}}'}, "in needs a list"),
        ({"select_filters": '{"label": {"gt": 3}}'}, "label"),
        ({"select_filters": "{"}, "select_filters"),
        ({"order_by": '[{"col": "nothing"}]'}, "nothing is not a valid search key"),
        ({"limit": "many"}, "limit"),
    ],
)
def test_bad_queries(api: Api, query: dict[str, str], text: str) -> None:
    reply = api.get(LIST, params=query)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
    assert text in reply.json()["msg"]


def test_columns(api: Api) -> None:
    page = api.listing(select_cols=["id", "dph_total", "no_such_column"], limit="1")
    assert list(page["instances"][0]) == ["id", "dph_total", "no_such_column"]
    assert page["instances"][0]["no_such_column"] is None
    assert page["instances"][0]["dph_total"] > 0


def test_offline_is_shown_but_not_stored(api: Api) -> None:
    api.sim.set_instance(30101, actual_status="offline")
    assert api.row(30101)["actual_status"] == "offline"
    assert ids(api.listing(select_filters={"actual_status": {"eq": "offline"}})) == []
    assert 30101 in ids(api.listing(select_filters={"actual_status": {"eq": "running"}}))


def test_filter_values(api: Api) -> None:
    assert {"actual_status": "running", "verification": "verified", "gpu_name": "H100 SXM"} in (
        api.get("/api/v0/instances/filters/").json()["filters"]
    )


def test_rows_carry_secrets_that_are_easy_to_find(api: Api) -> None:
    row = api.row(30101)
    assert "SECRET" in row["jupyter_token"]
    assert "SECRET" in json.dumps(row["extra_env"])


def test_rows_carry_both_ways_to_ssh(api: Api) -> None:
    row = api.row(30101)
    assert row["ssh_host"].endswith(".vast.ai")
    assert isinstance(row["ssh_port"], int)
    assert row["ports"]["22/tcp"][0]["HostPort"].isdigit()
    assert row["public_ipaddr"] != row["public_ipaddr"].strip()


def test_show_one(api: Api) -> None:
    row = api.get("/api/v0/instances/30102/", params={"owner": "me"}).json()["instances"]
    assert row["label"] == "dev-alice"
    assert "volume_info" not in row
    assert "volume_info" in api.row(30102)


def test_show_unknown(api: Api) -> None:
    reply = api.get("/api/v0/instances/1/")
    assert (reply.status_code, reply.json()) == (200, {"instances": None})
    assert api.get("/api/v0/instances/x/").status_code == 400
