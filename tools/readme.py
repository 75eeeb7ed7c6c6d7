# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Run what README.md tells its readers to run: each command, each output it shows, each task and inventory file."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import shlex
import shutil
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import workspace

SCRATCH = workspace.BUILD / "readme"
ORIGIN = SCRATCH / "origin"
LOG = workspace.LOGS / "readme.log"
START_LIMIT = 30.0
COMMAND_LIMIT = 600.0
SHOWN_INVENTORY = "playbooks/inventory/demo.vast.yml"
# What make hands down to the makes inside of it is nothing that a reader has.
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Instead:
    """What is run in place of a command of the README, why, and what that has to print."""

    command: str
    why: str
    prints: str = ""


INSTEAD: Mapping[str, Instead] = {
    "ansible-galaxy collection install vastai.cloud": Instead(
        "make build && ansible-galaxy collection install .build/dist/vastai-cloud-*.tar.gz",
        "this very tree is what is tested, not what was released",
    ),
    "ansible-playbook vastai.cloud.gpu_job -e gpu=RTX_4090 -e max_price=0.60 -e job_script=train.sh "
    "-e results=/workspace/out": Instead(
        "touch train.sh && ansible-playbook vastai.cloud.gpu_job -e gpu=RTX_4090 -e max_price=0.60 "
        "-e job_script=train.sh -e results=/workspace/out --check",
        "the integration target rent_over_ssh goes all the way",
        prints="1 x RTX 4090",
    ),
    "make test": Instead("make -n test", "it would run itself", prints="tools/test.py"),
    "make faults": Instead("make -n faults", "the unit tests play some of it", prints="tools/faults.py"),
    "make bench": Instead("make -n bench", "it takes minutes, and a machine of its own", prints="tools/bench.py"),
    "make docs": Instead("make -n docs", "another step has built the site", prints="tools/docs.py"),
    "python3 tests/simulator --port 8080": Instead(
        "exec python3 tests/simulator --port 0", "somebody else may have the port 8080"
    ),
    "export VAST_URL=http://127.0.0.1:8080 VAST_API_KEY=simulator-key-0123456789abcdef": Instead(
        "export VAST_URL={url} VAST_API_KEY=simulator-key-0123456789abcdef", "the simulator took a free port"
    ),
}
SERVERS = {"python3 tests/simulator --port 8080"}
"""The commands that do not end by themselves."""

FIRST_HEADING = "\n## "
"""What stands above the first of them is tried last: a reader installs before he uses it."""

# What the README takes for granted in the account of its reader.
ACCOUNT: dict[str, list[dict[str, object]]] = {
    "machines": [{"id": 501, "gpu_name": "RTX 4090", "geolocation": "Sweden, SE"}],
    "instances": [
        {"id": 4711, "label": None},
        {"id": 101, "label": "train-01"},
        {"id": 102, "label": "dev-alice"},
        {"id": 103, "label": "dev-bob", "state": "stopped", "files": {"/workspace/train.py": 18231}},
        {"id": 104, "label": "dev-db"},
        {"id": 105, "label": "dev-keep"},
        {"id": 106, "label": "serve-a"},
        {"id": 107, "label": "serve-b"},
    ],
    "endpoints": [
        {"id": 77, "endpoint_name": "llama-prod", "workergroups": [{"id": 78, "workers": [{"id": 201}, {"id": 202}]}]}
    ],
}


@dataclass(frozen=True)
class Simulator:
    """Where a simulator answers, and to which key."""

    url: str
    api_key: str

    def reset(self) -> None:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=START_LIMIT)
        with contextlib.closing(connection):
            connection.request("POST", "/_simulator/reset")
            if connection.getresponse().status != http.HTTPStatus.OK:
                raise workspace.ToolError(f"{self.url} could not be reset")


@dataclass
class Terminal:
    """A reader's terminal: the folder it is in, what it has exported, and the servers left running in others."""

    folder: Path
    env: dict[str, str]
    log: Path
    servers: contextlib.ExitStack
    faults: list[str] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    served_at: str = ""

    def type(self, command: str) -> str:
        """Run a command, or what stands in for it; returns what it printed."""
        instead = INSTEAD.get(command, Instead(command, ""))
        if command in INSTEAD:
            self.replaced.add(command)
        if command in SERVERS:
            self.served_at = self.servers.enter_context(self.simulator(["sh", "-c", instead.command])).url
            return ""
        output = self.run(instead.command.replace("{url}", self.served_at), name=command)
        if instead.prints not in output:
            self.complain(command, f"{instead.command!r} does not print {instead.prints!r}")
        return output

    def run(self, command: str, name: str, env: Mapping[str, str] | None = None) -> str:
        words = shlex.split(command)
        if words[0] == "cd":
            if (self.folder / words[1]).is_dir():
                self.folder /= words[1]
            else:
                self.complain(name, "there is no such folder")
            return ""
        if words[0] == "export":
            self.env.update({name: value for name, _equals, value in (word.partition("=") for word in words[1:])})
            return ""
        with self.log.open("ab") as log:
            log.write(f"$ {command}\n".encode())
            log.flush()
            with workspace.started(
                ["sh", "-c", command], env=env or self.env, cwd=self.folder, stdout=subprocess.PIPE, stderr=log
            ) as process:
                try:
                    output = process.communicate(timeout=COMMAND_LIMIT)[0]
                except subprocess.TimeoutExpired:
                    self.complain(name, f"did not end within {COMMAND_LIMIT:.0f} seconds")
                    return ""
            log.write(output)
        text = output.decode(errors="replace")
        if process.returncode:
            last = (text.strip().splitlines() or workspace.excerpt(self.log, 1).splitlines() or [""])[-1]
            self.complain(name, f"ended with {process.returncode}: {last}")
        return text

    @contextlib.contextmanager
    def simulator(self, command: list[str]) -> Iterator[Simulator]:
        """A simulator that runs as long as the block."""
        with contextlib.ExitStack() as stack:
            printed = stack.enter_context(tempfile.NamedTemporaryFile(dir=SCRATCH, suffix=".log"))
            stack.enter_context(workspace.started(command, env=self.env, cwd=self.folder, stdout=printed.file))
            text = ""
            until = time.monotonic() + START_LIMIT
            while time.monotonic() < until:
                text = Path(printed.name).read_text(encoding="utf-8")
                if found := re.fullmatch(r"(http://\S+)\nkey: (\S+)\n", text):
                    yield Simulator(found[1], found[2])
                    return
                time.sleep(0.05)
            raise workspace.ToolError(f"{shlex.join(command)} did not start: {text}")

    def complain(self, name: str, text: str) -> None:
        self.faults.append(f"README.md, {name!r}: {text}")


def faults(venv: workspace.Venv, log: Path) -> list[str]:
    """What of README.md does not work as it says, a line each."""
    venv.ensure(log)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    _make_origin()
    with contextlib.ExitStack() as servers:
        terminal = Terminal(SCRATCH, _environment(venv), log, servers)
        account = SCRATCH / "account.json"
        machines = [{**machine, "ssh": servers.enter_context(_greeter())} for machine in ACCOUNT["machines"]]
        account.write_text(json.dumps({**ACCOUNT, "machines": machines}), encoding="utf-8")
        program = ["python3", str(ORIGIN / "tests" / "simulator")]
        command = [*program, "--time-scale", "0.1", "--account", str(account)]
        simulator = servers.enter_context(terminal.simulator(command))
        _make_ssh_key(Path(terminal.env["HOME"]))
        first, _heading, rest = (workspace.ROOT / "README.md").read_text(encoding="utf-8").partition(FIRST_HEADING)
        for text in (rest, first):
            terminal.env.update(VAST_URL=simulator.url, VAST_API_KEY=simulator.api_key)
            _try(terminal, text, simulator, program)
        for surplus in sorted(INSTEAD.keys() - terminal.replaced):
            terminal.complain(surplus, "is in the table of tools/readme.py, and not in README.md")
        return terminal.faults


def _try(terminal: Terminal, text: str, simulator: Simulator, program: list[str]) -> None:
    """Each block of a part of the README."""
    for language, block in _BLOCK.findall(text):
        simulator.reset()
        if language == "shell":
            _commands(terminal, block)
        elif language == "console":
            _shown(terminal, block, program)
        elif language == "yaml":
            _yaml(terminal, block, simulator)
        else:
            terminal.complain(block.splitlines()[0], f"nobody knows how to try a block of {language or 'no kind'}")


class _Greeting(socketserver.BaseRequestHandler):
    """All of an SSH server that waiting for it asks for."""

    def handle(self) -> None:
        self.request.sendall(b"SSH-2.0-readme\r\n")


@contextlib.contextmanager
def _greeter() -> Iterator[str]:
    """The address of what stands in for the SSH server of a rented box."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Greeting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "{}:{}".format(*server.server_address)
        server.shutdown()


def _make_ssh_key(home: Path) -> None:
    """The public key that a reader has."""
    file = home / ".ssh" / "id_ed25519.pub"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    key = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
    file.write_text(f"ssh-ed25519 {key} reader@example.com\n", encoding="utf-8")


def _environment(venv: workspace.Venv) -> dict[str, str]:
    """That of a reader with Ansible on PATH, for whom the address of the repository leads to a copy of this tree."""
    env = venv.environment(
        ANSIBLE_HOME=str(SCRATCH / "ansible"),
        # What the README tells to set in ansible.cfg.
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true",
        GIT_ALLOW_PROTOCOL="file",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{ORIGIN}.insteadOf",
        GIT_CONFIG_VALUE_0=_repository(),
    )
    return {name: value for name, value in env.items() if name not in _OF_MAKE}


def _repository() -> str:
    galaxy = (workspace.ROOT / "galaxy.yml").read_text(encoding="utf-8")
    found = re.search(r"^repository: *(\S+)$", galaxy, re.MULTILINE)
    assert found is not None
    return found[1]


def _make_origin() -> None:
    """A repository of the tree as it lies here, whether or not that is a checkout."""
    for name in workspace.tree_files():
        target = ORIGIN / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(workspace.ROOT / name, target)
    if not shutil.which("git"):
        raise workspace.ToolError("git is needed to try what README.md says")
    author = "-c user.name=readme -c user.email=readme@example.com -c commit.gpgsign=false"
    for words in ("init --quiet", "add --all --force", f"{author} commit --quiet --message tree"):
        command = ["git", *words.split()]
        subprocess.run(command, cwd=ORIGIN, check=True, env=workspace.clean_environment(), timeout=60)


def _commands(terminal: Terminal, text: str) -> None:
    for command in text.splitlines():
        terminal.type(command)


def _shown(terminal: Terminal, text: str, program: list[str]) -> None:
    """What the README shows as printed is printed by the fleet that the simulator starts with."""
    outside = dict(terminal.env)
    with terminal.simulator(program) as simulator:
        terminal.env.update(VAST_URL=simulator.url, VAST_API_KEY=simulator.api_key)
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _newline, shown = part.partition("\n")
            printed = terminal.type(command)
            if printed.strip() != shown.strip():
                terminal.complain(command, f"prints {printed!r}")
    terminal.env = outside


def _yaml(terminal: Terminal, text: str, simulator: Simulator) -> None:
    title = text.splitlines()[0]
    if title.startswith("plugin: "):
        file = SCRATCH / "fleet.vast.yml"
        file.write_text(text, encoding="utf-8")
        if "|--" not in terminal.run(shlex.join(["ansible-inventory", "-i", str(file), "--graph"]), title):
            terminal.complain(title, "the inventory has no hosts")
        if text not in (terminal.folder / SHOWN_INVENTORY).read_text(encoding="utf-8"):
            terminal.complain(title, f"is not what {SHOWN_INVENTORY} holds, of which the output is shown")
        return
    file = SCRATCH / "play.yml"
    command = shlex.join(["ansible-playbook", str(file), "-e", f"vault_vast_api_key={simulator.api_key}"])
    env = dict(terminal.env)
    if title.startswith("- hosts: "):
        text += "  tasks:\n    - vastai.cloud.vast_instance_info:\n"
        # The play brings the key itself.
        del env["VAST_API_KEY"]
    elif title.startswith("- name: "):
        tasks = "".join(f"    {line}\n" for line in text.splitlines())
        text = f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}"
    else:
        terminal.complain(title, "nobody knows how to try it")
        return
    file.write_text(text, encoding="utf-8")
    changes = len(re.findall(r"^ +vastai\.cloud\.\w+(?<!_info):$", text, re.MULTILINE))
    if f" changed={changes} " not in terminal.run(command, title, env):
        terminal.complain(title, f"does not change {changes} times")


def main() -> int:
    workspace.interrupt_on_sigterm()
    try:
        with workspace.alone():
            LOG.unlink(missing_ok=True)
            found = faults(workspace.Venv("core"), LOG)
    except workspace.ToolError as error:
        found = [str(error)]
    except KeyboardInterrupt:
        found = ["interrupted"]
    print("\n".join(found) or "everything in README.md works")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
