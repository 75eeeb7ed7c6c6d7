# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment variables of the account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api

Start = Callable[..., Api]
PATH = "/api/v0/secrets/"


def names(api: Api) -> dict[str, Any]:
    return dict(api.get(PATH).json()["secrets"])


def test_values_never_come_back_and_names_are_capitals(start: Start) -> None:
    api = start({"secrets": {"old": "x"}})
    assert api.post(PATH, {"key": "hf_token", "value": "SECRET-1"}).json()["success"] is True
    assert names(api) == {"OLD": "********", "HF_TOKEN": "********"}
    assert "SECRET" not in str(api.sim.journal()[1:])
    assert api.post(PATH, {"key": "HF_TOKEN", "value": "b"}).json()["error"] == "existing_key"
    assert api.put(PATH, {"key": "HF_TOKEN", "value": "b"}).json()["success"] is True
    assert api.put(PATH, {"key": "OTHER", "value": "b"}).json()["error"] == "nonexistent_key"
    assert api.delete(PATH, {"key": "hf_token"}).json()["success"] is True
    assert api.delete(PATH, {"key": "hf_token"}).json()["error"] == "nonexistent_key"
    assert names(api) == {"OLD": "********"}


def test_there_are_16_at_most(start: Start) -> None:
    api = start({"secrets": {f"V{number}": "x" for number in range(16)}})
    assert api.post(PATH, {"key": "ONE_MORE", "value": "x"}).json()["error"] == "max_secrets"


def test_what_is_missing(start: Start) -> None:
    api = start({})
    for call in (api.post, api.put, api.delete):
        assert call(PATH, {"value": 7}).json()["error"] == "missing_input"
