# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line of the simulator."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from .checks import AccountError, as_mapping
from .embed import DEFAULT_API_KEY, Simulator
from .fleet import DEFAULT_ACCOUNT
from .loading import read_file

DESCRIPTION = "A fake Vast.ai on this machine, to try playbooks and tests without an account and without cost."
EPILOG = "The first line printed is the URL, the second says which key to use. Ctrl-C ends it. README.md has more."


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser("python3 tests/simulator", description=DESCRIPTION, epilog=EPILOG)
    add = result.add_argument
    add("--host", default="127.0.0.1", help="a loopback address; any other is refused (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on (default: a free one)")
    add(
        "--api-key",
        default=DEFAULT_API_KEY,
        metavar="KEY",
        help="the key to accept (default: %(default)s)",
    )
    add("--account", type=Path, metavar="FILE", help="the account to start with, JSON or YAML (default: a small fleet)")
    add("--url-file", type=Path, metavar="PATH", help="write the URL to this file once requests are served")
    add("--background", action="store_true", help="return at once; the third line printed is the process to end")
    add("--max-lifetime", type=positive, metavar="SECONDS", help="end by itself after this time")
    add(
        "--time-scale",
        type=factor,
        default=1.0,
        metavar="FACTOR",
        help="factor on the time that status changes take, 0 for none (default: 1)",
    )
    add(
        "--interval-scale",
        type=factor,
        default=1.0,
        metavar="FACTOR",
        help="factor on the minimum intervals between requests, 0 for none (default: 1)",
    )
    add(
        "--limit-style",
        choices=("text", "json", "retry_after"),
        help="how a request that comes too early is refused (default: as the account says, else text)",
    )
    return result


def factor(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def positive(text: str) -> float:
    value = factor(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        simulator = make(options)
    except (AccountError, OSError, OverflowError, ValueError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    if options.background and (process := os.fork()):
        sys.stdout.write(f"{simulator.url}\nkey: {simulator.api_key}\npid: {process}\n")
        return 0
    if options.background:
        detach()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: ended.set())
    with simulator:
        sys.stdout.write(f"{simulator.url}\nkey: {simulator.api_key}\n")
        sys.stdout.flush()
        if options.url_file:
            write_atomically(options.url_file, f"{simulator.url}\n")
        ended.wait(options.max_lifetime)
    return 0


def detach() -> None:
    """Leave the terminal and let go of the streams, for which the caller would wait."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def make(options: argparse.Namespace) -> Simulator:
    account = read_file(options.account) if options.account else DEFAULT_ACCOUNT
    if options.limit_style:
        own = as_mapping(account.get("options", {}), "options")
        account = {**account, "options": {**own, "limit_style": options.limit_style}}
    return Simulator(
        account,
        options.api_key,
        host=options.host,
        port=options.port,
        time_scale=options.time_scale,
        interval_scale=options.interval_scale,
    )


def write_atomically(path: Path, text: str) -> None:
    """A reader finds the whole text or no file at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(temporary, path)
