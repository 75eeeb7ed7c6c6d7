# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock

COMMAND = "/api/v0/instances/command/1/"
FILES = {
    "/workspace/train.py": 1000,
    "/workspace/data/a.bin": 10 * 1024 * 1024,
    "/workspace/.hidden": 1,
    "/empty": None,
    "/listed": ["x", "y"],
}


@pytest.fixture
def box(start: Callable[..., Api]) -> Api:
    return start(
        {
            "options": {"result_refusals": 0},
            "timings": {"result": 0.0},
            "instances": [{"id": 1, "state": "stopped", "files": FILES}, {"id": 2}],
        }
    )


def fetch(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10)


def run(box: Api, command: str) -> str:
    """The output without the path on the host."""
    reply = box.put(COMMAND, {"command": command})
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert set(body) == {"success", "writeable_path", "result_url", "msg"}
    return fetch(body["result_url"]).text.replace(body["writeable_path"], "")


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("ls /workspace", "data\ntrain.py\n"),
        ("ls -a /workspace", ".\n..\n.hidden\ndata\ntrain.py\n"),
        ("ls /listed", "x\ny\n"),
        ("ls /empty", ""),
        ("ls -d /workspace", "/workspace\n"),
        ("ls workspace/train.py", "/workspace/train.py\n"),
        ("ls /nothing", "ls: cannot access '/nothing': No such file or directory\n"),
        ("ls -d /nothing", "ls: cannot access '/nothing': No such file or directory\n"),
        ("ls -l /workspace/train.py", "-rw-r--r-- 1 root root        1000 Jan  1 00:00 /workspace/train.py\n"),
        ("ls -Z /", "ls: invalid option -- 'Z'\n"),
        ("ls /../../workspace/data", "a.bin\n"),
        ("du -s /workspace", "10256\t/workspace\n"),
        ("du -d1 -h /workspace", "11M\t/workspace/data\n11M\t/workspace\n"),
        ("du -sh /workspace/train.py", "4.0K\t/workspace/train.py\n"),
        ("du /nothing", "du: cannot access '/nothing': No such file or directory\n"),
        ("rm /workspace", "rm: cannot remove '/workspace': Is a directory\n"),
        ("rm /nothing", "rm: cannot remove '/nothing': No such file or directory\n"),
        ("rm -f /nothing", ""),
    ],
)
def test_output(box: Api, command: str, output: str) -> None:
    assert run(box, command) == output


def test_long_list(box: Api) -> None:
    first, *rest = run(box, "ls -l /workspace").splitlines()
    assert first.startswith("total ")
    assert [line.split()[-1] for line in rest] == ["data", "train.py"]
    assert rest[0].startswith("drwxr-xr-x")


def test_output_carries_the_path_on_the_host(box: Api) -> None:
    body = box.put(COMMAND, {"command": "ls -d /workspace"}).json()
    assert body["writeable_path"].startswith("/var/lib/docker/overlay2/")
    assert fetch(body["result_url"]).text == f"{body['writeable_path']}/workspace\n"


@pytest.mark.parametrize("command", ["rm -rf /workspace/data", "rm -r /workspace/d*", "rm /workspace/data/a.bin"])
def test_remove(box: Api, command: str) -> None:
    assert run(box, command) == ""
    assert "a.bin" not in run(box, "ls /workspace/data")
    assert "train.py" in run(box, "ls /workspace")


@pytest.mark.parametrize(
    "command",
    ["nvidia-smi", "cat /etc/passwd", "", "ls 'unclosed", "ls /a /b", "ls " + "x" * 510, "ls / ; rm -rf /", None, 5],
)
def test_refused_commands(box: Api, command: object) -> None:
    reply = box.put(COMMAND, {"command": command})
    assert reply.status_code == 400
    assert reply.json() == {"success": False, "error": "invalid_args", "msg": "Invalid command given."}


def test_longest_command(box: Api) -> None:
    assert box.put(COMMAND, {"command": "ls " + "x" * 509}).status_code == 200


def test_only_on_stopped_instances(box: Api) -> None:
    reply = box.put("/api/v0/instances/command/2/", {"command": "ls"})
    assert reply.status_code == 400
    assert reply.json()["error"] == "invalid_args"
    assert reply.json()["msg"] == (
        "Execute command only avail on stopped instances. Use ssh to run commands on running instances."
    )


def test_body_that_is_not_json(box: Api) -> None:
    reply = box.call("PUT", COMMAND, data="{")
    assert (reply.status_code, reply.json()["error"]) == (483, "invalid_args")


def test_unknown_container(box: Api) -> None:
    reply = box.put("/api/v0/instances/command/9/", {"command": "ls"})
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_container_id")


def test_result_is_forbidden_until_it_is_ready(start: Callable[..., Api], clock: ManualClock) -> None:
    api = start({"instances": [{"id": 1, "state": "stopped"}]})
    url = api.put(COMMAND, {"command": "ls /"}).json()["result_url"]
    assert url.startswith(api.sim.url + "/results/")
    assert [fetch(url).status_code for _each in range(2)] == [403, 403]
    assert fetch(url).status_code == 403
    clock.step(0.6)
    ready = fetch(url)
    assert ready.status_code == 200
    assert ready.headers["Content-Type"].startswith("text/plain")
    assert "workspace" in ready.text


def test_result_refuses_an_api_key(box: Api) -> None:
    url = box.put(COMMAND, {"command": "ls /"}).json()["result_url"]
    reply = fetch(url, Authorization="Bearer x")
    assert reply.status_code == 400
    assert "Unsupported Authorization Type" in reply.text
    entry = box.sim.journal()[-1]
    assert (entry["route"], entry["has_authorization"]) == ("/results/{name}", True)


def test_unknown_result(box: Api) -> None:
    assert fetch(f"{box.sim.url}/results/{'0' * 32}.log").status_code == 403


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Starting container\nsshd: Server listening on 0.0.0.0 port 22.\nReady\n"),
        ({"tail": "1"}, "Ready\n"),
        ({"filter": "sshd"}, "sshd: Server listening on 0.0.0.0 port 22.\n"),
        ({"daemon_logs": "true", "tail": "1"}, "vast daemon: container state reported\n"),
    ],
)
def test_logs(box: Api, body: dict[str, str], text: str) -> None:
    reply = box.put("/api/v0/instances/request_logs/2/", body)
    assert fetch(reply.json()["result_url"]).text == text


def test_logs_of_an_unknown_instance(box: Api) -> None:
    reply = box.put("/api/v0/instances/request_logs/9/", {})
    assert (reply.status_code, reply.json()) == (404, {"error": "invalid_id", "msg": "Invalid instance id."})


def test_recycling_empties_the_disk_of_a_stopped_instance(box: Api, clock: ManualClock) -> None:
    box.put("/api/v0/instances/recycle/1/", {})
    clock.step(5)
    assert run(box, "ls /workspace") == ""


@pytest.mark.parametrize(("command", "write"), [("ls /", False), ("du -s /", False), ("rm /x", True), ("wat", True)])
def test_only_rm_counts_as_a_write(box: Api, command: str, write: bool) -> None:
    box.put(COMMAND, {"command": command})
    assert box.sim.journal()[-1]["write"] is write
