# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

LIST = "/api/v1/instances/"


@pytest.fixture
def paced(start: Callable[..., Api]) -> Api:
    return start(interval_scale=1.0)


def test_too_early(paced: Api, clock: ManualClock) -> None:
    assert paced.get(LIST).status_code == 200
    refused = paced.get(LIST)
    assert (refused.status_code, refused.text) == (429, "API requests too frequent endpoint threshold=1.0")
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert "Retry-After" not in refused.headers
    clock.step(1.0)
    assert paced.get(LIST).status_code == 200


def test_refused_request_does_not_take_the_slot(paced: Api, clock: ManualClock) -> None:
    paced.get(LIST)
    clock.step(0.9)
    assert paced.get(LIST).status_code == 429
    clock.step(0.1)
    assert paced.get(LIST).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "threshold"),
    [
        ("GET", "/api/v0/instances/30101/", 2.0),
        ("PUT", "/api/v0/instances/30101/", 1.0),
        ("DELETE", "/api/v0/instances/1/", 3.0),
        ("PUT", "/api/v0/instances/recycle/1/", 1.0),
        ("PUT", "/api/v0/instances/command/1/", 1.5),
        ("GET", "/api/v0/endptjobs/", 3.0),
        ("DELETE", "/api/v0/endptjobs/1/", 3.0),
        ("POST", "/api/v0/endptjobs/", 4.0),
        ("GET", "/api/v0/workergroups/", 2.0),
    ],
)
def test_thresholds(paced: Api, clock: ManualClock, method: str, path: str, threshold: float) -> None:
    assert paced.call(method, path).status_code != 429
    clock.step(threshold - 0.01)
    assert f"threshold={threshold}" in paced.call(method, path).text
    clock.step(0.02)
    assert paced.call(method, path).status_code != 429


def test_one_interval_for_all_ids_of_a_route(paced: Api) -> None:
    paced.put("/api/v0/instances/30101/", {"label": "a"})
    assert paced.put("/api/v0/instances/30102/", {"label": "b"}).status_code == 429
    assert paced.row(30102)["label"] == "dev-alice"


def test_routes_and_methods_and_keys_apart(start: Callable[..., Api]) -> None:
    api = start({"read_only_key": "looker", "instances": [{"id": 1}]}, interval_scale=1.0)
    assert api.get(LIST).status_code == 200
    assert api.get("/api/v0/instances/1/").status_code == 200
    assert api.put("/api/v0/instances/1/", {"label": "a"}).status_code == 200
    assert api.get(LIST, headers={"Authorization": "Bearer looker"}).status_code == 200


def test_scale(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start(interval_scale=0.1)
    api.get(LIST)
    assert api.get(LIST).status_code == 429
    clock.step(0.11)
    assert api.get(LIST).status_code == 200


def test_styles(start: Callable[..., Api]) -> None:
    api = start({"options": {"limit_style": "json"}}, interval_scale=1.0)
    msg = "API requests too frequent endpoint threshold=3.0"
    api.delete("/api/v0/endptjobs/1/")
    assert api.delete("/api/v0/endptjobs/1/").json() == {"detail": msg}
    api.delete("/api/v0/instances/1/")
    body = {"success": False, "error": "rate_limit_exceeded", "msg": msg}
    assert api.delete("/api/v0/instances/1/").json() == body
    api.sim.account.options.limit_style = "retry_after"
    refused = api.delete("/api/v0/endptjobs/1/")
    assert (refused.headers["Retry-After"], refused.json()["retry_after"]) == ("3", 3)
