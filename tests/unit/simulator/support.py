# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A clock that tests step by hand, and a client as plain as possible."""

from __future__ import annotations

import json
from typing import Any

import requests

from ansible_collections.vastai.cloud.tests.simulator import Simulator

Row = dict[str, Any]


class ManualClock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def step(self, seconds: float) -> None:
        self.time += seconds


class Api:
    """Requests to a simulator with its key, which `headers` may replace."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.session = requests.Session()
        self.session.trust_env = False

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = options.pop("headers", {"Authorization": f"Bearer {self.sim.api_key}"})
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.sim.url + path, headers=headers, timeout=10, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.call("PUT", path, json=body, **options)

    def delete(self, path: str, body: Any = None) -> requests.Response:
        return self.call("DELETE", path, json=body)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.call("POST", path, json=body, **options)

    def listing(self, **query: Any) -> Row:
        """One page of the list; structures in the query are sent as JSON."""
        params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
        reply = self.get("/api/v1/instances/", params=params)
        reply.raise_for_status()
        return dict(reply.json())

    def row(self, instance_id: int) -> Row:
        """The row of one instance, or an empty one when it is not listed."""
        rows = self.listing(select_filters={"id": {"eq": instance_id}})["instances"]
        return dict(rows[0]) if rows else {}

    def state(self, instance_id: int) -> tuple[str | None, str, str]:
        row = self.row(instance_id)
        return row["actual_status"], row["intended_status"], row["cur_state"]
