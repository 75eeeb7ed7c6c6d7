# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Run every test and lint of the collection on every supported ansible-core; the last line counts them."""

from __future__ import annotations

import argparse
import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

import workspace
from harness import CORES, Core, Tally, find_core, newest_core
from steps import ALL, ALL_OF_IT, FAILED, MOSTLY_WAITS, ON_A_CORE, ONCE, SKIPPED, Lane, Part, Step, label, say

WORKERS = 2
# In a run of everything the newest core takes all integration targets, the others those that lead an instance through
# its life and list the inventory. The simulator and the random sequences know little of a core: the oldest takes them.
# What knows nothing of Ansible is tried on the oldest and the newest core only.
SOME_UNITS: Part = {"units": ("tests/unit/plugins/",)}
UNITS_NEAR_ANSIBLE: Part = {
    "units": (
        "tests/unit/plugins/action/",
        "tests/unit/plugins/inventory/",
        "tests/unit/plugins/module_utils/_ansible/",
        "tests/unit/plugins/modules/",
        "tests/unit/plugins/plugin_utils/",
    )
}
SOME_TARGETS: Part = {"integration": ("inventory_untrusted", "inventory_vast_instances", "vast_instance")}
# All of them take long, so that they are shared out as their aliases say.
GROUPS = ("shippable/posix/group1/", "shippable/posix/group2/")


def parts(cores: list[Core], *, of_everything: bool) -> dict[Core, Part]:
    """What each core takes, from the oldest to the newest; all of what was asked for, unless that was everything."""
    if not of_everything or len(cores) == 1:
        return dict.fromkeys(cores, ALL_OF_IT)
    between: Part = {**UNITS_NEAR_ANSIBLE, **SOME_TARGETS}
    ends = dict(zip(cores[:1] + cores[-1:], (SOME_TARGETS, SOME_UNITS), strict=False))
    return {core: ends.get(core, between) for core in cores}


def busy_lanes(chosen: Sequence[str], cores: dict[Core, Part]) -> list[Lane]:
    """What keeps a processor busy."""
    steps = [name for name in ("sanity", "units") if name in chosen]
    lanes = [Lane(core.version, steps, core, part) for core, part in reversed(cores.items())]
    lanes.insert(1, Lane("side", [name for name in ONCE if name in chosen]))
    return [lane for lane in lanes if lane.steps]


def waiting_lanes(chosen: Sequence[str], cores: dict[Core, Part]) -> list[Lane]:
    """The integration targets and the README: they mostly wait for a simulator, so they go beside the busy lanes."""
    shares = reversed(cores.items()) if "integration" in chosen else ()
    lanes = [lane for core, part in shares for lane in integration_lanes(core, part)]
    return lanes + [Lane(name, [name]) for name in MOSTLY_WAITS if name in chosen]


def integration_lanes(core: Core, part: Part) -> list[Lane]:
    """The targets of one core: all in two lanes, some in one."""
    if "integration" in part:
        return [Lane(f"{core.version}-integration", ["integration"], core, part)]
    return [
        Lane(f"{core.version}-integration-{number}", ["integration"], core, {"integration": (group,)}, f"-{number}")
        for number, group in enumerate(GROUPS, 1)
    ]


class Run:
    """The chosen steps, lane beside lane."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._lock = threading.Lock()

    def all(self, *groups: Sequence[Lane]) -> Tally:
        """Two lanes at a time of each group."""
        threads = []
        for group in groups:
            lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
            for lane in group:
                lanes.put(lane)
            threads += [threading.Thread(target=self._work, args=(lanes,), daemon=True) for _worker in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.tally

    def _work(self, lanes: queue.SimpleQueue[Lane]) -> None:
        while True:
            try:
                lane = lanes.get_nowait()
            except queue.Empty:
                return
            for step in lane.steps:
                self._step(step, lane)

    def _step(self, name: str, lane: Lane) -> None:
        title = label(name, lane)
        log = workspace.LOGS / f"{title}.log"
        log.unlink(missing_ok=True)
        began = time.monotonic()
        tally, note = attempt(ALL[name], lane, log)
        with self._lock:
            self.tally += tally
        word = "FAIL" if tally.failed else "ok  "
        say(f"{word} {title} ({time.monotonic() - began:.0f} s): {tally}{note}")


def attempt(step: Step, lane: Lane, log: Path) -> tuple[Tally, str]:
    """The result of a step, and what to show of a failure."""
    try:
        tally = step(lane, log)
    except workspace.ToolError as error:
        return FAILED, f"\n{error}"
    except Exception:  # noqa: BLE001 - a lane that died unseen would pass for one that had nothing to do
        return FAILED, f"\n{traceback.format_exc()}"
    if tally.failed:
        return tally, f"\n{workspace.excerpt(log)}\n     all of it: {log.relative_to(workspace.ROOT)}"
    return tally, ""


def main() -> int:
    workspace.interrupt_on_sigterm()
    options = parsed(sys.argv[1:])
    if options.list:
        print("\n".join(ALL))
        return 0
    try:
        with workspace.alone():
            tally = run(*choice(options), of_everything=not (options.core or options.only))
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        tally = FAILED
    except KeyboardInterrupt:
        workspace.end_all()
        print("interrupted", file=sys.stderr)
        return 130
    print(tally)
    return 1 if tally.failed or not tally.passed else 0


def choice(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The steps and the cores that were asked for; some steps alone run on one core, as quickly as can be."""
    if options.core:
        return options.only or list(ON_A_CORE), list(CORES) if "all" in options.core else options.core
    if options.only:
        return options.only, [newest_core()]
    return list(ALL), list(CORES)


def run(chosen: Sequence[str], versions: Iterable[str], *, of_everything: bool) -> Tally:
    steps = Run()
    wanted = [version for version in CORES if version in versions] if set(chosen) & set(ON_A_CORE) else []
    cores = []
    for version in wanted:
        core = find_core(version)
        if core:
            cores.append(core)
        else:
            say(f"LEFT OUT: ansible-core {version}: no Python {', '.join(sorted(CORES[version]))} with venv was found")
            steps.tally += SKIPPED
    shares = parts(cores, of_everything=of_everything)
    busy, waiting = busy_lanes(chosen, shares), waiting_lanes(chosen, shares)
    announce(cores, (*busy, *waiting))
    for lane in (*busy, *waiting):
        lane.tree.sync()
    return steps.all(busy, waiting)


def announce(cores: Iterable[Core], lanes: Iterable[Lane]) -> None:
    for core in cores:
        say(f"     ansible-core {core.version} runs on Python {core.venv.interpreter.version}")
    for lane in lanes:
        for step in lane.steps:
            if step in lane.part:
                say(f"     {label(step, lane)} runs {', '.join(lane.part[step])} only")


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the tests and lints of the collection; needs Python and git.")
    parser.add_argument("--only", nargs="+", choices=list(ALL), metavar="STEP", help="run these steps and no other")
    parser.add_argument(
        "--core",
        nargs="+",
        choices=[*CORES, "all"],
        metavar="VERSION",
        help="test on these ansible-cores (2.18, ... or all), without the lints",
    )
    parser.add_argument("--list", action="store_true", help="name the steps and stop")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
