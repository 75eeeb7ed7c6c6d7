# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.simulator import AccountError
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

LIST = "/api/v0/instances/pending-price-increases/"
ID = "pending_price_increase_id"


@pytest.fixture
def raised(start: Callable[..., Api]) -> Api:
    return start(
        {"instances": [{"id": 1}], "price_increases": [{ID: 7, "contract_id": 1, "new_gpu_costpersec": 0.001}]}
    )


def test_list(raised: Api, start: Callable[..., Api]) -> None:
    body = raised.get(LIST).json()
    assert (body["success"], body["count"], body["truncated"]) == (True, 1, False)
    row = body["pending_price_increases"][0]
    assert (row[ID], row["contract_id"], row["new_gpu_costpersec"], row["old_gpu_costpersec"]) == (7, 1, 0.001, None)
    assert start({}).get(LIST).json()["pending_price_increases"] == []


@pytest.mark.parametrize("call", ["accept", "reject"])
def test_decide(raised: Api, call: str) -> None:
    path = f"/api/v0/instances/{call}-price-increase/"
    assert raised.put(path, {ID: 7}).json() == {"success": True, ID: 7, "contract_id": 1}
    assert raised.sim.journal()[-1]["effects"] == [{"kind": "price_increase", "id": 7, "did": call, "changed": True}]
    reply = raised.put(path, {ID: 7})
    assert (reply.status_code, reply.json()["error"]) == (404, "no_pending_price_increase")


@pytest.mark.parametrize("body", [{}, {ID: "7"}, {ID: True}, {ID: 7, "id": 1}, [7]])
def test_refusals(raised: Api, body: Any) -> None:
    assert raised.put("/api/v0/instances/accept-price-increase/", body).status_code == 400


def test_of_an_unknown_instance(start: Callable[..., Api]) -> None:
    with pytest.raises(AccountError, match=r"price_increases\[0\].contract_id"):
        start({"price_increases": [{"contract_id": 1}]})
