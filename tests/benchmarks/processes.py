# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a command to its end, within a limit, and tell what it used."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_running: set[int] = set()
_stopping = threading.Event()


class BenchmarkError(Exception):
    """A measurement that means nothing; the text says why."""


@dataclass(frozen=True)
class Usage:
    """What one command used: `cpu` and `memory` count its own processes too, `memory` the largest of them in MiB."""

    seconds: float
    cpu: float
    memory: float
    code: int
    output: str

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            max(self.memory, other.memory),
            self.code or other.code,
            self.output + other.output,
        )


def measured(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float = 180.0, check: bool = True
) -> Usage:
    """Raises BenchmarkError when it takes too long or, with `check`, when it fails."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        with started(command, env=env, cwd=cwd, stdout=output, stderr=subprocess.STDOUT) as process:
            timer = threading.Timer(timeout, kill_group, (process.pid,))
            timer.start()
            try:
                _pid, status, used = os.wait4(process.pid, 0)
            finally:
                timer.cancel()
            seconds = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    usage = Usage(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, process.returncode, text)
    if seconds >= timeout or (check and usage.code):
        what = " ".join(command)[:200]
        raise BenchmarkError(f"{what} ended with {usage.code} after {seconds:.0f} s:\n{text[-2000:]}")
    return usage


@contextlib.contextmanager
def started(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdout: IO[bytes] | int,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own that does not outlive the block. Raises BenchmarkError once all is to end."""
    if _stopping.is_set():
        raise BenchmarkError("interrupted")
    process = subprocess.Popen(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
    )
    _running.add(process.pid)
    try:
        yield process
    finally:
        _running.discard(process.pid)
        kill_group(process.pid)
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def end_all() -> None:
    """Stop everything that runs, and let nothing new start."""
    _stopping.set()
    for process_id in list(_running):
        kill_group(process_id)


def kill_group(process_id: int) -> None:
    """End a process and all it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)
