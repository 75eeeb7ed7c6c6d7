# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.simulator import AccountError, Simulator
from ansible_collections.vastai.cloud.tests.simulator.loading import read_file
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api


@pytest.mark.parametrize(
    ("account", "text"),
    [
        ({"instanses": []}, "unknown 'instanses'"),
        ({"instances": {}}, "instances: expected a list"),
        ({"instances": ["x"]}, r"instances\[0\]: expected a mapping"),
        ({"instances": [{"lable": "x"}]}, r"instances\[0\]: unknown 'lable'"),
        ({"instances": [{"state": "off"}]}, r"instances\[0\].state: 'off' is none of"),
        ({"instances": [{"id": 1}, {"id": 1}]}, r"instances\[1\].id: 1"),
        ({"instances": [{"behaviour": {"gpu": True}}]}, r"instances\[0\].behaviour: unknown 'gpu'"),
        ({"instances": [{"behaviour": {"vanishes": 1}}]}, r"behaviour.vanishes: 1 is not of type bool"),
        ({"instances": [{"behaviour": {"queue_shows": "x"}}]}, r"'x' is none of intended, next_state"),
        ({"instances": [{"files": {"/a": "x"}}]}, r"files./a: expected a size"),
        ({"options": {"limit_style": "xml"}}, "options.limit_style: 'xml' is none of text, json, retry_after"),
        ({"timings": {"stop": True}}, "timings.stop: True is not of type float"),
        ({"keys": {"abcdefgh": {"permissions": ["everything"]}}}, r"keys.abcd....permissions: unknown 'everything'"),
        ({"endpoints": [{"workergroups": [{"worker": 1}]}]}, r"workergroups\[0\]: unknown 'worker'"),
        ({"generate": {"count": "many"}}, "generate: count must be a number"),
        ([], "account: expected a mapping"),
    ],
)
def test_errors_name_the_place(account: Any, text: str) -> None:
    with pytest.raises(AccountError, match=text):
        Simulator(account)


def test_generated_fleet(start: Callable[..., Api]) -> None:
    api = start({"generate": 30})
    page = api.listing()
    assert page["total_instances"] == 30
    assert page["instances"][0]["label"] == "node-001"


def test_generated_fleet_with_fields(start: Callable[..., Api]) -> None:
    api = start({"generate": {"count": 2, "label": "box-{n}", "state": "stopped", "gpu_name": "L40S"}})
    rows = api.listing()["instances"]
    assert [(row["label"], row["gpu_name"], row["cur_state"]) for row in rows] == [
        ("box-1", "L40S", "stopped"),
        ("box-2", "L40S", "stopped"),
    ]


def test_number_of_workers(start: Callable[..., Api]) -> None:
    api = start({"endpoints": [{"id": 1, "endpoint_name": "a", "workergroups": [{"workers": 3}]}]})
    assert len(api.post("/get_endpoint_workers/", {"id": 1}).json()) == 3


def test_fields_given_win(start: Callable[..., Api]) -> None:
    fields = {"id": 5, "actual_status": "offline", "dph_total": 9.0, "ports": {"22/tcp": [{"HostPort": "7"}]}}
    row = start({"instances": [fields]}).row(5)
    assert {name: row[name] for name in fields} == fields


def test_changing_an_account_leaves_the_description_alone() -> None:
    account: dict[str, Any] = {"instances": [{"id": 1, "label": "a"}]}
    with Simulator(account) as sim:
        sim.set_instance(1, label="b")
        assert account == {"instances": [{"id": 1, "label": "a"}]}
        sim.reset()
        assert sim.account.instances[1].row["label"] == "a"


def test_json_file(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"generate": 3}))
    assert read_file(path) == {"generate": 3}


def test_yaml_file(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    path = tmp_path / "account.yml"
    path.write_text("instances:\n  - id: 1\n    label: a\n")
    assert read_file(path) == {"instances": [{"id": 1, "label": "a"}]}


def test_file_without_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "account.yml"
    path.write_text("generate: 3\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(AccountError, match="PyYAML"):
        read_file(path)


@pytest.mark.parametrize(("text", "error"), [("[1]", "expected a mapping"), ("{a: [", "neither JSON nor YAML")])
def test_bad_files(tmp_path: Path, text: str, error: str) -> None:
    pytest.importorskip("yaml")
    path = tmp_path / "account"
    path.write_text(text)
    with pytest.raises(AccountError, match=error):
        read_file(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="cannot read"):
        read_file(tmp_path / "none")
