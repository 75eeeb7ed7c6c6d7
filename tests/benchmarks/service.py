# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A simulator of its own for a measurement, and its account of what happened."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import select
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import BenchmarkError, started

API_KEY = "benchmark-key-0123456789abcdef"
CHOSEN = "node-"
"""How the labels of those begin that are measured."""
START_LIMIT = 20.0
LIFETIME = 900.0
_numbers = itertools.count()


@dataclass(frozen=True)
class Traffic:
    """What arrived at the simulator; `span` is the time from the first request to the last in seconds."""

    requests: int
    refused: int
    span: float


class Service:
    """A running simulator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._host = urllib.parse.urlsplit(url).netloc

    def reset(self) -> None:
        """Back to the start: account, journal and intervals."""
        self._control("POST", "reset")

    def traffic(self) -> Traffic:
        journal = self._control("GET", "journal")
        times = [entry["time"] for entry in journal]
        refused = sum(entry["status"] == 429 for entry in journal)
        return Traffic(len(journal), refused, max(times) - min(times) if times else 0.0)

    def ids(self) -> list[int]:
        return [instance["id"] for instance in self._control("GET", "account")["instances"]]

    def running(self) -> int:
        """How many instances are not stopped, or not meant to be."""
        instances = self._control("GET", "account")["instances"]
        return sum(
            (each["cur_state"], each["intended_status"], each["actual_status"]) != ("stopped", "stopped", "exited")
            for each in instances
        )

    def _control(self, method: str, name: str) -> Any:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, f"/_simulator/{name}")
            return json.loads(connection.getresponse().read())


@contextlib.contextmanager
def simulator(
    python: Path,
    program: Path,
    scratch: Path,
    env: Mapping[str, str],
    count: int,
    *,
    state: str,
    others: int,
    intervals: bool,
) -> Iterator[Service]:
    """An account of `count` instances in a state, and others that run, served as long as the block.

    Changes of state take no time.
    """
    account = scratch / f"account-{next(_numbers)}.json"
    content = {
        "instances": [{"label": f"{CHOSEN}{number:03d}", "state": state} for number in range(1, count + 1)],
        "generate": {"count": others, "label": "other-{n:04d}"},
    }
    account.write_text(json.dumps(content), encoding="utf-8")
    command = [str(python), str(program), "--account", str(account), "--api-key", API_KEY]
    command += ["--time-scale", "0.01", "--interval-scale", "1" if intervals else "0"]
    command += ["--max-lifetime", str(LIFETIME)]
    with started(command, env=env, cwd=scratch, stdout=subprocess.PIPE) as process:
        yield Service(_first_line(process))


def _first_line(process: subprocess.Popen[bytes]) -> str:
    line = ""
    if process.stdout is not None and select.select([process.stdout], [], [], START_LIMIT)[0]:
        line = process.stdout.readline().decode().strip()
    if not line.startswith("http://"):
        raise BenchmarkError("the simulator did not start")
    return line
