# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The official client, unmodified, against the simulator: what each command asks for, does and prints.

OFFICIAL_CLIENT names the Python that the client is installed for: `python3 tools/test.py --only official-client`.
"""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.vastai.cloud.tests.simulator import Simulator

PYTHON = os.environ.get("OFFICIAL_CLIENT", "")
FORKS = Path(__file__).with_name("forks.py")
pytestmark = pytest.mark.skipif(not PYTHON, reason="OFFICIAL_CLIENT does not name a Python with the official client")

LAPTOP = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Zq5J8v0m1Yq0m3X4e1f0g9c2d7b6a5h4i3j2k1l0m laptop"
DESK = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBq5J8v0m1Yq0m3X4e1f0g9c2d7b6a5h4i3j2k1l0m desk"
ACCOUNT: dict[str, Any] = {
    "instances": [
        {"id": 101, "label": "web"},
        {"id": 102, "label": "idle", "state": "stopped", "files": {"/root/model": 5}},
        {"id": 103, "label": "cheap", "machine_id": 8802, "is_bid": True},
    ],
    "machines": [
        {"id": 8801, "gpu_name": "RTX 4090", "price": 0.4},
        {"id": 8802, "gpu_name": "RTX 3090", "price": 0.2},
    ],
    "endpoints": [{"id": 77, "endpoint_name": "llama", "workergroups": [{"id": 78, "workers": [{"id": 201}]}]}],
    "volumes": [{"id": 301, "label": "data", "machine_id": 8801}],
    "price_increases": [{"contract_id": 101}],
    "ssh_keys": [LAPTOP],
    "secrets": {"HF_TOKEN": "hf-0123456789"},
    "api_keys": [{"name": "ci"}],
    "templates": [{"name": "mine", "image": "pytorch/pytorch"}],
}
RESULT = "GET /results/"
"""A result is refused twice before it is there."""


class Case(NamedTuple):
    """A command; the requests and what they did, each in order and separated by commas; a piece of what it prints."""

    command: str
    requests: str
    effects: str
    prints: str
    code: int = 0


CASES = [
    # Find and rent
    Case("search offers 'gpu_name=RTX_4090 num_gpus=1'", "POST /api/v0/bundles/", "", "8801000"),
    Case("search offers 'gpu_name=RTX_4090 dph<=0.1' --raw", "POST /api/v0/bundles/", "", "[]"),
    Case(
        "create instance 8801000 --image app --disk 20 --label new --ssh --direct --env '-e A=b -p 80:80'",
        "PUT /api/v0/asks/8801000/",
        "instance 31009 create",
        "'new_contract': 31009",
    ),
    Case(
        "create instance 8802000 --image app --disk 20 --bid_price 0.3 --raw",
        "PUT /api/v0/asks/8802000/",
        "instance 31009 create",
        '"new_contract": 31009',
    ),
    Case(
        "create instances 8801000 8802000 --image app --disk 20",
        "POST /api/v0/asks/bulk/",
        "instance 31009 create, instance 31010 create",
        "'created': [31009, 31010]",
    ),
    Case(
        "create instance 8801000 --image app --disk 20 --link-volume 301 --mount-path /data --raw",
        "PUT /api/v0/asks/8801000/",
        "instance 31009 create",
        '"new_contract": 31009',
    ),
    Case(
        "create instance 8802000 --image app --disk 20 --env '-v V.301:/data'",
        "PUT /api/v0/asks/8802000/ 400",
        "",
        "on another machine",
    ),
    Case("create instance 1 --image app --disk 20", "PUT /api/v0/asks/1/ 404", "", "Ask 1 is not available"),
    Case(
        "launch instance -g RTX_3090 -n 1 -i app -d 20 --label new",
        "PUT /api/v0/launch_instance/",
        "instance 31009 create",
        "Instance launched successfully: 31009",
    ),
    Case("launch instance -g RTX_5090 -n 1 -i app", "PUT /api/v0/launch_instance/", "", "No offers match the query"),
    # Look at instances
    Case("show instances", "GET /api/v0/instances/filters/, GET /api/v1/instances/", "", "web"),
    Case("show instances --raw", "GET /api/v1/instances/", "", '"label": "cheap"'),
    Case("show instance 101", "GET /api/v0/instances/101/", "", "running"),
    Case("show instance 9", "GET /api/v0/instances/9/", "", "Instance 9 not found or no longer exists.", code=1),
    Case("ssh-url 101", "GET /api/v1/instances/", "", "ssh://root@192.0.2.102:40001"),
    Case(
        "logs 101",
        f"PUT /api/v0/instances/request_logs/101/, {RESULT} 403, {RESULT} 403, {RESULT}",
        "",
        "Starting container",
    ),
    # Change instances
    Case("start instance 102", "PUT /api/v0/instances/102/", "instance 102 change", "starting instance 102."),
    Case("start instances 102", "PUT /api/v0/instances/", "instance 102 change", "starting instance [102]."),
    Case("stop instance 101", "PUT /api/v0/instances/101/", "instance 101 change", "stopping instance 101."),
    Case(
        "stop instances 101 103",
        "PUT /api/v0/instances/",
        "instance 101 change, instance 103 change",
        "stopping instance [101, 103].",
    ),
    Case("label instance 101 api", "PUT /api/v0/instances/101/", "instance 101 change", "set to api"),
    Case("reboot instance 101", "PUT /api/v0/instances/reboot/101/", "instance 101 reboot", "Rebooting instance 101."),
    Case("recycle instance 101", "PUT /api/v0/instances/recycle/101/", "instance 101 recycle", "Recycling"),
    Case(
        "update instance 101 --image app:2",
        "PUT /api/v0/instances/update_template/101/",
        "instance 101 update_template",
        "Instance 101 updated successfully.",
    ),
    Case(
        "update instance 101 --template_hash_id {hash}",
        "PUT /api/v0/instances/update_template/101/",
        "instance 101 update_template",
        "Instance 101 updated successfully.",
    ),
    Case("change bid 103 --price 0.3", "PUT /api/v0/instances/bid_price/103/", "instance 103 bid", "bid price changed"),
    Case(
        "execute 102 'rm /root/model'",
        f"PUT /api/v0/instances/command/102/, {RESULT} 403, {RESULT} 403, {RESULT}",
        "files 102 rm",
        # It trips over its own result, which is a text.
        "AttributeError: 'str' object has no attribute 'get'",
        code=1,
    ),
    Case("destroy instance 101 --yes", "DELETE /api/v0/instances/101/", "instance 101 destroy", "destroying instance"),
    Case(
        "destroy instances 101 102 --yes",
        "DELETE /api/v0/instances/",
        "instance 101 destroy, instance 102 destroy",
        "destroying instance [101, 102].",
    ),
    Case("show pending-price-increases", "GET /api/v0/instances/pending-price-increases/", "", "101"),
    # The account and its objects
    Case("show user", "GET /api/v0/users/current", "", "simulated@example.com"),
    Case("show user --raw", "GET /api/v0/users/current", "", '"email": "simulated@example.com"'),
    # Up to now would end within the second in which the account began.
    Case("show invoices-v1 --charges -s 2020-01-01 -e 2020-01-08", "GET /api/v0/charges/", "", "No results found"),
    Case("show invoices-v1 --charges -s 2020-01-01 -e 2100-01-01", "GET /api/v0/charges/", "", "Showing 5 of 5"),
    Case("show ssh-keys", "GET /api/v0/ssh/", "", LAPTOP),
    Case(f"create ssh-key '{DESK}' --yes", "POST /api/v0/ssh/", "ssh_key 31009 create", "ssh-key created"),
    Case(f"update ssh-key {{ssh_key}} '{DESK}'", "PUT /api/v0/ssh/{ssh_key}/", "ssh_key {ssh_key} change", DESK),
    Case("delete ssh-key {ssh_key}", "DELETE /api/v0/ssh/{ssh_key}/", "ssh_key {ssh_key} delete", "True"),
    Case(f"attach ssh 101 '{DESK}'", "POST /api/v0/instances/101/ssh/", "instance_key 101 attach", "SSH key added"),
    Case("show env-vars", "GET /api/v0/secrets/", "", "Name: HF_TOKEN"),
    Case("create env-var NEW value-1", "POST /api/v0/secrets/", "secret 0 create", "saved successfully"),
    Case("update env-var HF_TOKEN value-2", "PUT /api/v0/secrets/", "secret 0 change", "saved successfully"),
    Case("delete env-var HF_TOKEN", "DELETE /api/v0/secrets/", "secret 0 delete", "deleted successfully"),
    Case("search templates name=mine", "GET /api/v0/template/", "", '"name": "mine"'),
    Case(
        "create template --name new --image app --image_tag 1 --ssh --direct --disk_space 20.0",
        "POST /api/v0/template/",
        "template 31009 create",
        "'recommended_disk_space': 20",
    ),
    Case(
        "update template {hash} --name mine --image app",
        "GET /api/v0/template/, PUT /api/v1/template/",
        "template {template} change",
        '"image": "app"',
    ),
    Case("delete template --hash-id {hash}", "DELETE /api/v0/template/", "template {template} delete", "Deleted"),
    Case("delete template --template-id {template}", "DELETE /api/v0/template/", "template {template} delete", "Del"),
    Case("show volumes", "GET /api/v0/volumes", "", "data"),
    Case("search volumes 'disk_space>=10'", "POST /api/v0/volumes/search/", "", "80008801"),
    Case("create volume 80008801 --size 10 --name new", "PUT /api/v0/volumes/", "volume 31009 create", "V.31009"),
    Case("delete volume 301", "DELETE /api/v0/volumes/", "volume 301 delete", "eleted"),
    Case("show api-keys", "GET /api/v0/auth/apikeys/", "", "'name': 'ci'"),
    Case(
        "create api-key --name new --permission_file {permissions}",
        "POST /api/v0/auth/apikeys/",
        "api_key 31009 create",
        "api-key created",
    ),
    Case("delete api-key {api_key}", "DELETE /api/v0/auth/apikeys/{api_key}/", "api_key {api_key} delete", "Deleted"),
    # Serverless
    Case("show endpoints", "GET /api/v0/endptjobs/", "", '"endpoint_name": "llama"'),
    Case(
        "create endpoint --endpoint_name new --max_workers 9",
        "POST /api/v0/endptjobs/",
        "endpoint 31009 create",
        "31009",
    ),
    Case("update endpoint 77 --max_workers 9", "PUT /api/v0/endptjobs/77/", "endpoint 77 change", "True"),
    Case("delete endpoint 77", "DELETE /api/v0/endptjobs/77/", "endpoint 77 delete", "'deleted_workers': [201]"),
    Case("show workergroups", "GET /api/v0/autojobs/", "", '"endpoint_name": "llama"'),
    Case(
        "create workergroup --endpoint_id 77 --template_hash {hash}",
        "POST /api/v0/autojobs/",
        "workergroup 31009 create",
        "31009",
    ),
    Case(
        "update workergroup 78 --endpoint_id 77 --gpu_ram 48",
        "PUT /api/v0/autojobs/78/",
        "workergroup 78 change",
        "True",
    ),
    Case("update workers 78", "POST /update_workers/", "workergroup 78 update_workers", "Update started"),
    Case("delete workergroup 78", "DELETE /api/v0/autojobs/78/", "workergroup 78 delete", "'deleted_workers': [201]"),
    Case("get endpt-workers 77", "POST /get_endpoint_workers/", "", "id=201 status=idle"),
    Case("get endpt-logs 77", "POST /get_endpoint_logs/", "", "llama: no load"),
    Case("get wrkgrp-logs 78", "POST /get_autogroup_logs/", "", "workergroup 78: no load"),
]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(ACCOUNT, time_scale=0.0, interval_scale=0.0) as simulator:
        yield simulator


class Client:
    """The client in a home of its own, which it keeps what it knows in."""

    def __init__(self, process: subprocess.Popen[str], sim: Simulator) -> None:
        self.process = process
        self.sim = sim

    def run(self, command: str) -> tuple[int, str]:
        assert self.process.stdin
        assert self.process.stdout
        words = [*shlex.split(command), "--url", self.sim.url, "--api-key", self.sim.api_key]
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        return told["code"], told["output"]


@pytest.fixture(scope="module")
def client(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    env = {"HOME": str(tmp_path_factory.mktemp("home")), "LC_ALL": "C.UTF-8", "VASTAI_NO_UPDATE_CHECK": "1"}
    env |= {"COLUMNS": "300", "NO_PROXY": "*", "PATH": os.environ["PATH"]}
    command, pipe = [PYTHON, str(FORKS)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env) as process:
        client = Client(process, sim)
        # Its first search asks what it then knows for a day.
        client.run("search offers --raw")
        yield client


@pytest.fixture
def names(sim: Simulator, tmp_path: Path) -> dict[str, Any]:
    """What stands in braces in a case, of an account as it was at the start."""
    sim.reset()
    permissions = tmp_path / "permissions.json"
    permissions.write_text(json.dumps({"api": {"misc": {}}}), encoding="utf-8")
    [template] = sim.account.table("templates").values()
    numbers = {kind: next(iter(sim.account.table(f"{kind}s"))) for kind in ("ssh_key", "api_key")}
    return {**numbers, "template": template["id"], "hash": template["hash_id"], "permissions": permissions}


@pytest.mark.parametrize("case", CASES, ids=[case.command.partition(" '")[0] for case in CASES])
def test_a_command_is_answered(case: Case, client: Client, sim: Simulator, names: dict[str, Any]) -> None:
    code, output = client.run(case.command.format(**names))
    journal = sim.journal()
    assert ", ".join(map(asked, journal)) == case.requests.format(**names), output
    assert ", ".join(effect for entry in journal for effect in done(entry)) == case.effects.format(**names)
    assert case.prints in output
    assert code == case.code


def asked(entry: dict[str, Any]) -> str:
    """The request, and the status of one that was refused; the name of a result is left out."""
    path = RESULT.split()[1] if entry["path"].startswith("/results/") else entry["path"]
    refused = "" if entry["status"] == 200 else f" {entry['status']}"
    return f"{entry['method']} {path}{refused}"


def done(entry: dict[str, Any]) -> Iterator[str]:
    for effect in entry["effects"]:
        yield f"{effect['kind']} {effect['id']} {effect['did']}"


def test_what_is_not_confirmed_is_not_destroyed(client: Client, sim: Simulator) -> None:
    sim.reset()
    _code, output = client.run("destroy instance 101")
    assert "Aborted." in output
    assert sim.journal() == []


def test_what_it_rents_is_what_it_was_asked_for(client: Client, sim: Simulator) -> None:
    sim.reset()
    command = "create instance 8801000 --image app --disk 20 --label new --ssh --direct --env '-e A=b -p 80:80' --raw"
    _code, output = client.run(command)
    row = sim.account.instances[json.loads(output)["new_contract"]].row
    assert (row["label"], row["image_uuid"], row["disk_space"], row["machine_id"]) == ("new", "app", 20.0, 8801)
    assert row["image_runtype"] == "ssh ssh_direc ssh_proxy"
    assert ["A", "b"] in row["extra_env"]


def test_a_key_that_it_attached_can_be_detached(client: Client, sim: Simulator) -> None:
    sim.reset()
    _code, output = client.run(f"attach ssh 101 '{DESK}'")
    key = json.loads(ast.literal_eval(output)["key"])["id"]
    _code, output = client.run(f"detach ssh 101 {key}")
    assert ast.literal_eval(output)["success"] is True
    assert list(done(sim.journal()[-1])) == ["instance_key 101 detach"]


@pytest.mark.parametrize(
    ("command", "path", "boxes"),
    [
        ("launch instance -g RTX_4090 -n 1 -i app --raw", "/api/v0/launch_instance/", [31009, 31010]),
        ("create instance 8801000 --image app --disk 20 --raw", "/api/v0/asks/8801000/", [31009]),
    ],
)
def test_after_a_lost_reply_it_rents_again_and_never_names_the_first_box(
    client: Client, sim: Simulator, command: str, path: str, boxes: list[int]
) -> None:
    sim.reset()
    sim.add_fault({"action": "drop", "when": "after", "path": path, "times": 1})
    _code, output = client.run(command)
    assert [entry["path"] for entry in sim.journal()] == [path, path]
    assert [number for number in sim.account.instances if number > 31000] == boxes
    assert "31009" not in output
