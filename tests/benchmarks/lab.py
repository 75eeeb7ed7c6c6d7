# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where measurements take place: the programs under test, a clean environment, a scratch folder, plays."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .processes import BenchmarkError, Usage, measured
from .service import API_KEY, Service, simulator

HERE = Path(__file__).resolve().parent
Play = dict[str, Any]


@dataclass
class Lab:
    """`core` and `client` are the folders of programs of two virtual environments; `client` may be missing."""

    core: Path
    client: Path | None
    collections: Path
    scratch: Path
    rounds: int = 5
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def collection(self) -> Path:
        return self.collections / "ansible_collections" / "vastai" / "cloud"

    def environment(self, service: Service | None = None, **extra: str) -> dict[str, str]:
        """The caller's, which has to be clean already, with what Ansible and both kinds of client need."""
        home = self.scratch / "home"
        home.mkdir(exist_ok=True)
        settings = self.scratch / "ansible.cfg"
        settings.touch()
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env.update(
            ANSIBLE_COLLECTIONS_PATH=str(self.collections),
            ANSIBLE_CONFIG=str(settings),
            ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true",
            ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
            ANSIBLE_LIBRARY=str(HERE / "library"),
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_PYTHON_INTERPRETER=str(self.core / "python"),
            # Ansible asks the system for the home otherwise, whatever HOME says.
            ANSIBLE_REMOTE_TMP=str(home / ".ansible" / "tmp"),
            HOME=str(home),
            NO_PROXY="*",
            PATH=os.pathsep.join([str(self.core), env["PATH"]]),
            VASTAI_NO_UPDATE_CHECK="1",
            # Turns that an earlier run of the benchmark has reserved are none of this one's.
            XDG_CACHE_HOME=str(self.scratch / f"cache-{next(self._numbers)}"),
        )
        if service:
            env.update(VAST_URL=service.url, VAST_API_KEY=API_KEY)
        return {**env, **extra}

    def simulator(
        self, count: int, *, state: str = "running", intervals: bool
    ) -> contextlib.AbstractContextManager[Service]:
        """An account of `count` instances; changes of state take no time."""
        account = {"generate": {"count": count, "state": state}}
        return self._served(account, time_scale=0.01, intervals=intervals)

    def market(self, account: Mapping[str, Any]) -> contextlib.AbstractContextManager[Service]:
        """An account with the published intervals and the time that changes of state take."""
        return self._served(account, time_scale=1.0, intervals=True)

    def _served(
        self, account: Mapping[str, Any], *, time_scale: float, intervals: bool
    ) -> contextlib.AbstractContextManager[Service]:
        program = self.collection / "tests" / "simulator"
        env = self.environment()
        python = self.core / "python"
        return simulator(python, program, self.scratch, env, account, time_scale=time_scale, intervals=intervals)

    def write(self, name: str, content: Any) -> Path:
        path = self.scratch / f"{next(self._numbers)}-{name}"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def play(self, play: Path, env: Mapping[str, str], *arguments: str, timeout: float = 180.0) -> Usage:
        return self.run("ansible-playbook", *arguments, str(play), env=env, timeout=timeout)

    def run(
        self, program: str, *arguments: str, env: Mapping[str, str], timeout: float = 180.0, check: bool = True
    ) -> Usage:
        command = [str(self.core / program), *arguments]
        return measured(command, env=env, cwd=self.scratch, timeout=timeout, check=check)

    def client_command(self, service: Service, *arguments: str) -> list[str]:
        if self.client is None:
            raise BenchmarkError("the official client is not there")
        return [str(self.client / "vastai"), *arguments, "--url", service.url, "--api-key", API_KEY]

    def run_client(self, service: Service, env: Mapping[str, str], *arguments: str) -> Usage:
        """Its exit code is 0 for most failures (and 1 for some), so it is not looked at."""
        command = self.client_command(service, *arguments)
        return measured(command, env=env, cwd=self.scratch, check=False)

    def warm_client(self, service: Service, env: Mapping[str, str]) -> None:
        """Let the client fetch what it keeps for a day; its first start is not what is measured."""
        self.run_client(service, env, "show", "instances", "--raw")


def local_play(tasks: Sequence[Mapping[str, Any]]) -> list[Play]:
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]
