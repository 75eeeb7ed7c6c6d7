# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Install the collection into the build folder and play the demo against the simulator; no account is touched."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import runpy
import secrets
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import collection
import workspace

DEMO = workspace.BUILD / "demo"
LOG = workspace.LOGS / "demo.log"
SIMULATOR_LOG = workspace.LOGS / "demo-simulator.log"
SSH_LOG = workspace.LOGS / "demo-ssh.log"
SSH_SERVER = workspace.ROOT / "tests" / "integration" / "targets" / "setup_ssh_server" / "files" / "ssh_server.py"
SCRIPT = """\
#!/bin/sh
echo "Hello from $(uname -s), as $USER"
mkdir -p results
echo "loss 0.042" > results/metrics
"""
START_LIMIT = 20.0
PLAY_LIMIT = 600.0
TIME_SCALE = "0.1"
# What the summary of a play counts and nobody has: without it a line fits a terminal of 80 columns.
_ZEROS = re.compile(r"(?:unreachable|failed|skipped|rescued|ignored)=0 *")
_FOLDERS = re.compile(r"(?<=included: )\S*/(?=playbooks/)")
COLUMNS = 80


def main() -> int:
    workspace.interrupt_on_sigterm()
    try:
        with workspace.alone():
            return demo()
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the simulator is stopped", file=sys.stderr)
        return 130


def demo() -> int:
    LOG.unlink(missing_ok=True)
    say("Preparing Ansible and requests in .build (the first time takes a minute)")
    venv = workspace.Venv("demo")
    venv.ensure(LOG)
    say("Building and installing the collection")
    collections = DEMO / "collections"
    installed = collection.install(venv, collection.build(venv, LOG), collections, LOG)
    api_key = secrets.token_hex(16)
    with contextlib.ExitStack() as until_the_end:
        address, key = until_the_end.enter_context(box(venv))
        program = installed / "tests" / "simulator"
        url = until_the_end.enter_context(simulator(venv, program, api_key, address))
        say(f"A simulator answers at {url}; nothing leaves this machine")
        say("Its time runs ten times as fast. One task fails on purpose, and says so")
        return play(venv, collections, installed, {"VAST_URL": url, "VAST_API_KEY": api_key}, key)


@contextlib.contextmanager
def box(venv: workspace.Venv) -> Iterator[tuple[str, str]]:
    """The address of an SSH server that stands in for a rented box, and the key for it; empty without an ssh."""
    if not shutil.which("ssh"):
        yield "", ""
        return
    home = DEMO / "box"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    command = [str(venv.python), str(SSH_SERVER), "--max-lifetime", str(PLAY_LIMIT), str(home)]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(SSH_LOG.open("wb"))
        running = workspace.started(command, env=venv.environment(), cwd=DEMO, stdout=subprocess.PIPE, stderr=log)
        process = stack.enter_context(running)
        assert process.stdout is not None
        address = first_line(process.stdout)
        if not address.startswith("127.0.0.1:"):
            raise workspace.ToolError(f"the SSH server did not start:\n{workspace.excerpt(SSH_LOG)}")
        yield address, str(home / "id_ed25519")


def account(program: Path, address: str) -> Path:
    """The fleet that the simulator starts with, and two machines to rent: a dud that is cheaper, and one that works."""
    fleet = runpy.run_path(str(program / "fleet.py"))["DEFAULT_ACCOUNT"]
    dud = {"id": 7001, "gpu_name": "RTX 4090", "price": 0.29, "behaviour": {"oci_failure": True}}
    works = {"id": 7002, "gpu_name": "RTX 4090", "price": 0.34, "ssh": address}
    file = DEMO / "account.json"
    file.write_text(json.dumps({**fleet, "machines": [dud, works]}), encoding="utf-8")
    return file


@contextlib.contextmanager
def simulator(venv: workspace.Venv, program: Path, api_key: str, address: str) -> Iterator[str]:
    """The URL of a simulator that runs as long as the block."""
    command = [str(venv.python), str(program), "--port", "0", "--api-key", api_key]
    command += ["--time-scale", TIME_SCALE, "--interval-scale", "0", "--account", str(account(program, address))]
    env = venv.environment()
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(SIMULATOR_LOG.open("wb"))
        running = workspace.started(command, env=env, cwd=DEMO, stdout=subprocess.PIPE, stderr=log)
        process = stack.enter_context(running)
        assert process.stdout is not None
        line = first_line(process.stdout)
        if not line.startswith("http://"):
            raise workspace.ToolError(f"the simulator did not start:\n{workspace.excerpt(SIMULATOR_LOG)}")
        yield line


def first_line(stream: IO[bytes]) -> str:
    """The first line within the limit; later output is read too, so that the writer never blocks."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line.decode(errors="replace").strip())
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    try:
        return lines.get(timeout=START_LIMIT)
    except queue.Empty:
        return ""


def play(venv: workspace.Venv, collections: Path, installed: Path, api: dict[str, str], key: str) -> int:
    """The demo, the inventory of what it left, and a job on a rented box."""
    settings = DEMO / "ansible.cfg"
    settings.write_text("", encoding="utf-8")
    env = venv.environment(
        ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
        ANSIBLE_COLLECTIONS_PATH=str(collections),
        ANSIBLE_CONFIG=str(settings),
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true",
        ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
        ANSIBLE_LOCALHOST_WARNING="false",
        ANSIBLE_PYTHON_INTERPRETER=str(venv.python),
        # No shared connections: the path of their socket would be too long in a deep folder.
        ANSIBLE_SSH_ARGS="-C",
    )
    env.update(api)
    if sys.stdout.isatty():
        env["ANSIBLE_FORCE_COLOR"] = "1"
    program = str(venv.bin / "ansible-playbook")
    name = f"{workspace.NAMESPACE}.{workspace.NAME}"
    inventory = installed / "playbooks" / "inventory" / "demo.vast.yml"
    code = shown([program, f"{name}.demo"], env)
    code = code or shown([program, "-i", str(inventory), f"{name}.inventory_demo"], env)
    if code:
        return code
    if not key:
        say("LEFT OUT: the job on a rented box, since there is no ssh on this machine")
        return 0
    say("A job: rent, run a script over SSH, fetch, destroy. The cheapest machine is a dud")
    return shown([program, f"{name}.gpu_job", "-e", json.dumps(job(key))], env)


def job(key: str) -> dict[str, object]:
    """The variables of the job."""
    script = DEMO / "train.sh"
    script.write_text(SCRIPT, encoding="utf-8")
    results = DEMO / "results"
    shutil.rmtree(results, ignore_errors=True)
    offer = {"gpu": "RTX_4090", "max_price": 0.45, "disk": 20, "boot_timeout": 10}
    return {**offer, "job_script": str(script), "results": "~/results", "results_to": str(results), "ssh_key_file": key}


def shown(command: list[str], env: dict[str, str]) -> int:
    """Run a play with its output on the terminal, as it comes."""
    with workspace.started(command, env=env, cwd=DEMO, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        limit = threading.Timer(PLAY_LIMIT, workspace.end, [process])
        limit.start()
        for line in process.stdout:
            print(fitted(line.decode(errors="replace")), flush=True)
        limit.cancel()
        return int(process.wait())


def fitted(line: str) -> str:
    """A line of a play, for a terminal of 80 columns."""
    text = _FOLDERS.sub("", _ZEROS.sub("", line)).rstrip()
    return textwrap.fill(text, COLUMNS, subsequent_indent="  ") if "[WARNING]" in text else text


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
