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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import BenchmarkError, started

API_KEY = "benchmark-key-0123456789abcdef"
START_LIMIT = 20.0
LIFETIME = 900.0
_numbers = itertools.count()


@dataclass(frozen=True)
class Traffic:
    """What arrived at the simulator; `span` is the time from the first request to the last in seconds."""

    requests: int
    writes: int
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

    def forget(self) -> None:
        """Empty the journal only."""
        self._control("DELETE", "journal")

    def add_faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        self._control("POST", "faults", list(rules))

    def traffic(self) -> Traffic:
        journal = self._control("GET", "journal")
        times = [entry["time"] for entry in journal]
        refused = sum(entry["status"] == 429 for entry in journal)
        writes = sum(entry["write"] for entry in journal)
        return Traffic(len(journal), writes, refused, max(times) - min(times) if times else 0.0)

    def instances(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._control("GET", "account")["instances"]
        return rows

    def ids(self) -> list[int]:
        return [instance["id"] for instance in self.instances()]

    def running(self) -> int:
        """How many instances are not stopped, or not meant to be."""
        return sum(
            (each["cur_state"], each["intended_status"], each["actual_status"]) != ("stopped", "stopped", "exited")
            for each in self.instances()
        )

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, f"/_simulator/{name}", None if body is None else json.dumps(body))
            reply = connection.getresponse()
            content = json.loads(reply.read())
            if reply.status != http.client.OK:
                raise BenchmarkError(f"the simulator answers {method} {name} with {content}")
            return content


@contextlib.contextmanager
def simulator(
    python: Path,
    program: Path,
    scratch: Path,
    env: Mapping[str, str],
    account: Mapping[str, Any],
    *,
    time_scale: float,
    intervals: bool,
) -> Iterator[Service]:
    """An account, served as long as the block."""
    file = scratch / f"account-{next(_numbers)}.json"
    file.write_text(json.dumps(account), encoding="utf-8")
    command = [str(python), str(program), "--account", str(file), "--api-key", API_KEY]
    command += ["--time-scale", str(time_scale), "--interval-scale", "1" if intervals else "0"]
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
