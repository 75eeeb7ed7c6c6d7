# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run commands of the official client in forks of one process, which loads it once; its own Python runs this.

Each line read is a command, a list of words; each line written says its exit code and what it printed.
"""

from __future__ import annotations

import io
import json
import os
import pkgutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

LIMIT = 30
"""Seconds until a command is killed."""


def main() -> None:
    client, commands = import_module("vastai.cli.main"), import_module("vastai.cli.commands")
    for module in pkgutil.iter_modules(commands.__path__):
        import_module(f"{commands.__name__}.{module.name}")
    for line in sys.stdin:
        code, output = forked(client.main, json.loads(line))
        sys.stdout.write(json.dumps({"code": code, "output": output}) + "\n")
        sys.stdout.flush()


def forked(run: Callable[[], Any], words: Sequence[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if not child:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            os._exit(code_of(run, words))
        _child, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read().decode(errors="replace")


def code_of(run: Callable[[], Any], words: Sequence[str]) -> int:
    """Of the command, as its own process would end."""
    signal.alarm(LIMIT)
    sys.stdin = io.StringIO()
    sys.argv = ["vastai", *words]
    try:
        run()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the end of a process
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
