# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Install the collection into the build folder and play the demo against the simulator; no account is touched."""

from __future__ import annotations

import contextlib
import queue
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import collection
import workspace

DEMO = workspace.BUILD / "demo"
LOG = workspace.LOGS / "demo.log"
SIMULATOR_LOG = workspace.LOGS / "demo-simulator.log"
START_LIMIT = 20.0
PLAY_LIMIT = 600.0
TIME_SCALE = "0.1"
# What the summary of a play counts and nobody has: without it a line fits a terminal of 80 columns.
_ZEROS = re.compile(r"(?:unreachable|failed|skipped|rescued|ignored)=0 *")


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
    venv = workspace.Venv("core")
    venv.ensure(LOG)
    say("Building and installing the collection")
    collections = DEMO / "collections"
    installed = collection.install(venv, collection.build(venv, LOG), collections, LOG)
    api_key = secrets.token_hex(16)
    with simulator(venv, installed / "tests" / "simulator", api_key) as url:
        say(f"A simulator answers at {url}; nothing leaves this machine")
        say("Its time runs ten times as fast. One task fails on purpose, and says so")
        return play(venv, collections, installed, url, api_key)


@contextlib.contextmanager
def simulator(venv: workspace.Venv, program: Path, api_key: str) -> Iterator[str]:
    """The URL of a simulator that runs as long as the block."""
    command = [str(venv.python), str(program), "--port", "0", "--api-key", api_key]
    command += ["--time-scale", TIME_SCALE, "--interval-scale", "0"]
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


def play(venv: workspace.Venv, collections: Path, installed: Path, url: str, api_key: str) -> int:
    """The demo, then the inventory of what it left."""
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
        VAST_API_KEY=api_key,
        VAST_URL=url,
    )
    if sys.stdout.isatty():
        env["ANSIBLE_FORCE_COLOR"] = "1"
    program = str(venv.bin / "ansible-playbook")
    name = f"{workspace.NAMESPACE}.{workspace.NAME}"
    inventory = installed / "playbooks" / "inventory" / "demo.vast.yml"
    return shown([program, f"{name}.demo"], env) or shown(
        [program, "-i", str(inventory), f"{name}.inventory_demo"], env
    )


def shown(command: list[str], env: dict[str, str]) -> int:
    """Run a play with its output on the terminal, as it comes."""
    with workspace.started(command, env=env, cwd=DEMO, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        limit = threading.Timer(PLAY_LIMIT, workspace.end, [process])
        limit.start()
        for line in process.stdout:
            print(_ZEROS.sub("", line.decode(errors="replace")).rstrip(), flush=True)
        limit.cancel()
        return int(process.wait())


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
