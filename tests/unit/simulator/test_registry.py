# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path

from ansible_collections.vastai.cloud.tests.simulator import registry, resources
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api


def test_every_module_of_the_folder_is_a_resource() -> None:
    names = {path.stem for path in Path(next(iter(resources.__path__))).glob("*.py")} - {"__init__"}
    assert len(registry.RESOURCES) == len(names)
    assert {"instances", "serverless"} <= names


def test_no_call_is_served_twice() -> None:
    calls = [(route.method, route.template) for each in registry.RESOURCES for route in each.routes]
    assert len(calls) == len(set(calls))


def test_words_in_a_path_are_not_ids(api: Api) -> None:
    assert "filters" in api.get("/api/v0/instances/filters/").json()
    assert api.sim.journal()[-1]["route"] == "/api/v0/instances/filters/"


def test_the_journal_tells_what_a_write_did(api: Api) -> None:
    api.put("/api/v0/instances/30104/", {"state": "stopped"})
    api.delete("/api/v0/endptjobs/4001/")
    api.get("/api/v0/endptjobs/")
    assert [entry["effects"] for entry in api.sim.journal()] == [
        [{"kind": "instance", "id": 30104, "did": "change", "changed": False}],
        [{"kind": "endpoint", "id": 4001, "did": "delete", "changed": True}],
        [],
    ]
