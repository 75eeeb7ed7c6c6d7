# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Run every test and lint of the collection; the last line counts them."""

from __future__ import annotations

import argparse
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import collection
import workspace
from harness import Tally, integration_tally, junit_tally, prime_pip, provide_shellcheck, read_coverage

LEAST_BRANCH_COVERAGE = 95.0
PASSED = Tally(passed=1)
FAILED = Tally(failed=1)
_say_lock = threading.Lock()


@dataclass
class Lane:
    """Steps that run one after the other in a copy of the tree of their own."""

    name: str
    tree: workspace.Tree = field(init=False)

    def __post_init__(self) -> None:
        self.tree = workspace.Tree(f"lanes/{self.name}")

    @property
    def output(self) -> Path:
        return self.tree.root / "tests" / "output"

    def run(self, venv: workspace.Venv, log: Path, *command: str, limit: float = 600, cwd: Path | None = None) -> int:
        """Run a program of a virtual environment in this copy."""
        venv.ensure(log)
        env = venv.environment(ANSIBLE_COLLECTIONS_PATH=str(self.tree.collections), MYPYPATH=str(self.tree.collections))
        program = [str(venv.bin / command[0]), *command[1:]]
        return workspace.run(program, cwd=cwd or self.tree.root, env=env, log=log, timeout=limit)

    def forget(self, pattern: str) -> None:
        """Remove what an earlier run left in the output folder."""
        for path in self.output.glob(pattern):
            path.unlink()


Step = Callable[[Lane, Path], Tally]
CORE = workspace.Venv("core")
LINT = workspace.Venv("lint")


def verdict(*codes: int) -> Tally:
    return FAILED if any(codes) else PASSED


def ruff(lane: Lane, log: Path) -> Tally:
    cache = ("--cache-dir", str(workspace.BUILD / "cache" / "ruff"))
    return verdict(
        lane.run(LINT, log, "ruff", "check", *cache, "."),
        lane.run(LINT, log, "ruff", "format", "--check", "--diff", *cache, "."),
    )


def mypy(lane: Lane, log: Path) -> Tally:
    cache = str(workspace.BUILD / "cache" / "mypy")
    check = ("mypy", "--config-file", str(lane.tree.root / "mypy.ini"), "--cache-dir", cache)
    package = f"ansible_collections.{workspace.NAMESPACE}.{workspace.NAME}"
    inside = ("-p", f"{package}.plugins", "-p", f"{package}.tests")
    return verdict(
        lane.run(LINT, log, *check, *inside, cwd=lane.tree.collections),
        lane.run(LINT, log, *check, "--python-version", "3.11", ".", cwd=lane.tree.root / "tools"),
    )


def yamllint(lane: Lane, log: Path) -> Tally:
    return verdict(lane.run(LINT, log, "yamllint", "--strict", "."))


def ansible_lint(lane: Lane, log: Path) -> Tally:
    return verdict(lane.run(LINT, log, "ansible-lint", "--offline", "--profile", "production"))


def docs(lane: Lane, log: Path) -> Tally:
    command = ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", ".")
    return verdict(lane.run(LINT, log, *command))


def changelog(lane: Lane, log: Path) -> Tally:
    return verdict(lane.run(LINT, log, "antsibull-changelog", "lint"))


def build(_lane: Lane, log: Path) -> Tally:
    """Build, install, and hold the tarball to the list of what a user needs."""
    tarball = collection.build(CORE, log)
    collection.install(CORE, tarball, workspace.BUILD / "installed", log)
    faults = collection.content_faults(tarball)
    with log.open("a", encoding="utf-8") as output:
        output.writelines(f"{fault}\n" for fault in faults)
    return verdict(len(faults))


def sanity(lane: Lane, log: Path) -> Tally:
    ignored = sorted(path.name for path in (lane.tree.root / "tests" / "sanity").glob("ignore*"))
    if ignored:
        log.write_text(f"tests/sanity holds {', '.join(ignored)}: mend the code instead\n", encoding="utf-8")
        return FAILED
    shellcheck = provide_shellcheck(CORE, log)
    lane.forget("junit/ansible-test-sanity-*.xml")
    code = lane.run(CORE, log, "ansible-test", "sanity", "--junit", "--color", "no", limit=1200)
    tally = settle(code, junit_tally(lane.output / "junit", "ansible-test-sanity-*.xml"))
    if not shellcheck:
        say("LEFT OUT: the sanity test shellcheck; install shellcheck to run it")
        tally += Tally(skipped=1)
    return tally


def units(lane: Lane, log: Path) -> Tally:
    lane.forget("junit/python*-units.xml")
    lane.forget("coverage/*")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = ("ansible-test", "units", "--venv", "--python", python, "--coverage", "--color", "no")
    code = lane.run(CORE, log, *command, limit=1200)
    return settle(code, junit_tally(lane.output / "junit", "python*-units.xml"))


def coverage(lane: Lane, log: Path) -> Tally:
    """Hold the branches that the unit tests reached to the promise; needs the units before it."""
    lane.forget("reports/coverage*.xml")
    for report in ("report", "xml"):
        if lane.run(CORE, log, "ansible-test", "coverage", report, "--venv", "--color", "no"):
            return FAILED
    report_file = lane.output / "reports" / "coverage.xml"
    if not report_file.is_file():
        raise workspace.ToolError("no coverage was measured; run the units step with this one")
    found = read_coverage(report_file, lane.tree.root)
    say(f"     coverage of plugins/: {found.branches:.1f} % of branches, {found.lines:.1f} % of lines")
    with log.open("a", encoding="utf-8") as output:
        output.writelines(f"no unit test imports {name}\n" for name in found.unreached)
    return verdict(found.branches < LEAST_BRANCH_COVERAGE, len(found.unreached))


def integration(lane: Lane, log: Path) -> Tally:
    command = ("ansible-test", "integration", "--venv", "--continue-on-error", "--color", "no")
    code = lane.run(CORE, log, *command, limit=1800)
    return settle(code, integration_tally(log))


def settle(code: int, tally: Tally) -> Tally:
    """A run that failed, or ran nothing, without a failed test to show for it counts as one failure."""
    silent = code != 0 or tally.passed == 0
    return tally + FAILED if silent and tally.failed == 0 else tally


# The few slow steps go beside the many quick ones; coverage reads what units left in the same copy.
LANES: Mapping[str, Mapping[str, Step]] = {
    "main": {"sanity": sanity, "integration": integration},
    "side": {
        "units": units,
        "coverage": coverage,
        "ruff": ruff,
        "mypy": mypy,
        "yamllint": yamllint,
        "ansible-lint": ansible_lint,
        "docs": docs,
        "changelog": changelog,
        "build": build,
    },
}
STEPS = [name for steps in LANES.values() for name in steps]


class Run:
    """The chosen steps, lane beside lane."""

    def __init__(self, chosen: Sequence[str]) -> None:
        self.tally = Tally()
        self._lock = threading.Lock()
        self._chosen = {
            lane: [name for name in steps if name in chosen]
            for lane, steps in LANES.items()
            if not set(steps).isdisjoint(chosen)
        }

    def all(self) -> Tally:
        lanes = [Lane(name) for name in self._chosen]
        for lane in lanes:
            lane.tree.sync()
        threads = [threading.Thread(target=self._lane, args=(lane,), daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.tally

    def _lane(self, lane: Lane) -> None:
        for step in self._chosen[lane.name]:
            self._step(step, lane)

    def _step(self, name: str, lane: Lane) -> None:
        log = workspace.LOGS / f"{name}.log"
        log.unlink(missing_ok=True)
        began = time.monotonic()
        tally, note = attempt(LANES[lane.name][name], lane, log)
        with self._lock:
            self.tally += tally
        word = "FAIL" if tally.failed else "ok  "
        say(f"{word} {name} ({time.monotonic() - began:.0f} s): {tally}{note}")


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


def say(text: str) -> None:
    with _say_lock:
        print(text, flush=True)


def main() -> int:
    workspace.require_python()
    workspace.interrupt_on_sigterm()
    options = parsed(sys.argv[1:])
    if options.list:
        print("\n".join(STEPS))
        return 0
    try:
        with workspace.alone():
            tally = prepared_run(options.only or STEPS)
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        tally = FAILED
    except KeyboardInterrupt:
        workspace.end_all()
        print("interrupted", file=sys.stderr)
        return 130
    print(tally)
    return 1 if tally.failed or not tally.passed else 0


def prepared_run(chosen: Sequence[str]) -> Tally:
    log = workspace.LOGS / "preparation.log"
    CORE.ensure(log)
    prime_pip(CORE, log)
    return Run(chosen).all()


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the tests and lints of the collection; needs Python and git.")
    parser.add_argument("--only", nargs="+", choices=STEPS, metavar="STEP", help="run these steps and no other")
    parser.add_argument("--list", action="store_true", help="name the steps and stop")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
