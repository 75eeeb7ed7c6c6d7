# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: which benchmarks to run with which programs; tools/bench.py makes those ready."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from .breakdown import breakdown
from .inventory import inventory
from .lab import Lab
from .many import many
from .processes import BenchmarkError
from .rent import rent
from .tables import progress, say
from .task_cost import task_cost

SECTIONS: Mapping[str, Callable[[Lab], None]] = {
    "task": task_cost,
    "many": many,
    "rent": rent,
    "inventory": inventory,
    "breakdown": breakdown,
}
BY_DEFAULT = ("task", "many", "rent", "inventory")


def main() -> int:
    options = parsed()
    signal.signal(signal.SIGTERM, interrupt)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(dir=options.scratch, prefix="run-") as scratch:
            client = None if options.client is None else options.client.absolute()
            lab = Lab(
                options.core.absolute(), client, options.collections.absolute(), Path(scratch).resolve(), options.rounds
            )
            describe(lab)
            for name in options.only or BY_DEFAULT:
                SECTIONS[name](lab)
    except BenchmarkError as error:
        progress(str(error))
        return 1
    except KeyboardInterrupt:
        progress("interrupted")
        return 130
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    say(f"{time.monotonic() - began:.0f} seconds in all; load at the end {load}.")
    return 0


def interrupt(_number: int, _frame: object) -> None:
    """Let a polite kill run the same clean-up as Ctrl-C."""
    raise KeyboardInterrupt


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python3 tests/benchmarks", description=__doc__)
    add = parser.add_argument
    add("--core", type=Path, required=True, metavar="BIN", help="the folder of ansible-playbook, with requests")
    add("--client", type=Path, metavar="BIN", help="the folder of the official client; without it that is left out")
    add("--collections", type=Path, required=True, metavar="DIR", help="where the collection is installed")
    add("--scratch", type=Path, required=True, metavar="DIR", help="where temporary files may be made")
    add("--rounds", type=int, default=5, help="how often each case is measured (default: %(default)s)")
    add(
        "--only",
        nargs="+",
        choices=SECTIONS,
        metavar="NAME",
        help=f"of {', '.join(SECTIONS)}; by default all but the last",
    )
    return parser.parse_args()


def describe(lab: Lab) -> None:
    version = subprocess.run(
        [str(lab.core / "ansible-playbook"), "--version"],
        env=lab.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split("]")[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    say(
        f"{cores} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}, "
        f"{version.partition('[')[2]}; load at the start {load}."
    )
    if lab.client is None:
        say("The official client is left out: it could not be had.")
    say()
    sys.stdout.flush()
