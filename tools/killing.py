# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Run the unit tests against mutants, two at a time; started by mutants.py in the environment it makes.

The tests are imported once. Each mutant gets a fork of that process, in which the code of the functions that it changes
is replaced; only a mutant of what happens at import costs a second import.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.machinery
import inspect
import itertools
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import coverage
import pytest
import tomllib
from mutating import Mutant, mutants

PACKAGE = "ansible_collections.vastai.cloud.plugins.module_utils"
UTILS = Path("plugins", "module_utils")
TESTS = "tests/unit/plugins"
OF_FLEETS = tuple(
    f"{TESTS}/modules/test_{name}.py"
    for name in ("vast_fleet", "fleet_batches", "fleet_bulk", "fleet_counts", "fleet_gone", "fleet_gpus", "fleet_waits")
)
OWN: Mapping[str, Sequence[str]] = {
    "_core/converge.py": (
        f"{TESTS}/module_utils/_core/test_converge.py",
        f"{TESTS}/modules/test_starts_in_doubt.py",
        f"{TESTS}/modules/test_vast_instance.py",
        *OF_FLEETS,
        f"{TESTS}/modules/test_vast_instance_recycle.py",
    ),
    "_core/kind.py": (f"{TESTS}/module_utils/_core/test_converge.py",),
    "_core/resource.py": (
        f"{TESTS}/module_utils/_core/test_converge.py",
        f"{TESTS}/modules/test_vast_env_var.py",
        f"{TESTS}/modules/test_vast_instance.py",
        *OF_FLEETS,
    ),
    "_core/amounts.py": (f"{TESTS}/module_utils/_core/test_durations_and_amounts.py",),
    "_core/crud.py": (
        f"{TESTS}/modules/test_vast_api_key.py",
        f"{TESTS}/modules/test_vast_env_var.py",
        f"{TESTS}/modules/test_vast_ssh_key.py",
        f"{TESTS}/modules/test_vast_template.py",
    ),
    "_core/durations.py": (f"{TESTS}/module_utils/_core/test_durations_and_amounts.py",),
    "_core/interrupts.py": (f"{TESTS}/module_utils/_core/test_interrupts.py", f"{TESTS}/modules/test_vast_instance.py"),
    "_core/arguments.py": (f"{TESTS}/module_utils/_core", f"{TESTS}/modules/test_vast_instance.py"),
    "_api/clock.py": (f"{TESTS}/module_utils/_api/test_clock.py",),
    "_api/downloads.py": (f"{TESTS}/module_utils/_api/test_downloads.py",),
    "_api/errors.py": (f"{TESTS}/module_utils/_api/test_errors.py", f"{TESTS}/module_utils/_api/test_client.py"),
    "_api/listings.py": (f"{TESTS}/module_utils/_instances/test_instance.py",),
    "_api/pacing.py": (f"{TESTS}/module_utils/_api/test_pacing.py",),
    "_api/private_files.py": (f"{TESTS}/module_utils/_api/test_private_files.py",),
    "_api/redact.py": (f"{TESTS}/module_utils/_api/test_redact.py",),
    "_api/refusals.py": (
        f"{TESTS}/module_utils/_api/test_replies.py",
        f"{TESTS}/module_utils/_api/test_errors.py",
    ),
    "_api/replies.py": (f"{TESTS}/module_utils/_api/test_replies.py",),
    "_api/settings.py": (f"{TESTS}/module_utils/_api/test_settings.py",),
    "_api/wire.py": (
        f"{TESTS}/module_utils/_api/test_wire.py",
        f"{TESTS}/module_utils/_api/test_client.py",
        f"{TESTS}/module_utils/_api/test_client_wire.py",
    ),
    "_api/wire_faults.py": (
        f"{TESTS}/module_utils/_api/test_wire.py",
        f"{TESTS}/module_utils/_api/test_client.py",
        f"{TESTS}/module_utils/_api/test_client_wire.py",
    ),
    "_api/client.py": (
        f"{TESTS}/module_utils/_api/test_client.py",
        f"{TESTS}/module_utils/_api/test_client_wire.py",
        f"{TESTS}/module_utils/_api/test_wire.py",
        f"{TESTS}/module_utils/_api/test_pacing.py",
    ),
    "_core/plan.py": (f"{TESTS}/module_utils/_core/test_plan.py", f"{TESTS}/module_utils/_core/test_converge.py"),
    "_instances/instance.py": (
        f"{TESTS}/module_utils/_instances/test_instance.py",
        f"{TESTS}/modules/test_vast_instance_info.py",
    ),
    "_serverless/endpoints.py": (
        f"{TESTS}/module_utils/_serverless/test_endpoints.py",
        f"{TESTS}/modules/test_vast_endpoint.py",
        f"{TESTS}/modules/test_vast_endpoint_info.py",
    ),
    "_serverless/leaks.py": (
        f"{TESTS}/module_utils/_serverless/test_leaks.py",
        f"{TESTS}/modules/test_vast_endpoint.py",
    ),
    **dict.fromkeys(
        tuple(f"_serverless/{name}.py" for name in ("deletion", "drain", "proof", "suspects", "teardown")),
        (
            f"{TESTS}/module_utils/_serverless/test_deletion.py",
            f"{TESTS}/module_utils/_serverless/test_suspects.py",
            f"{TESTS}/module_utils/_serverless/test_teardown.py",
            f"{TESTS}/modules/test_vast_endpoint.py",
            f"{TESTS}/modules/test_vast_endpoint_leftover.py",
            f"{TESTS}/modules/test_vast_endpoint_present.py",
        ),
    ),
    "_serverless/monitoring.py": (
        f"{TESTS}/modules/test_vast_endpoint_info.py",
        f"{TESTS}/modules/test_vast_endpoint_present.py",
    ),
    "_serverless/workergroups.py": (
        f"{TESTS}/module_utils/_serverless/test_workergroups.py",
        f"{TESTS}/modules/test_vast_endpoint_info.py",
    ),
    "_serverless/workers.py": (
        f"{TESTS}/module_utils/_serverless/test_workers.py",
        f"{TESTS}/modules/test_vast_endpoint.py",
        f"{TESTS}/modules/test_vast_endpoint_info.py",
    ),
}
"""The mutated files, and the tests that should kill their mutants; what survives these meets all the others."""
EXPLAINED = Path(__file__).with_name("mutants.toml")
PROCESSES = 2
MEMORY = 4 * 1024**3
KILLED, SURVIVED, TIMED_OUT, EXCUSED = "killed", "survived", "timed out", "explained"


class Hunt:
    """A plugin of pytest that takes the collected tests and runs them against one mutant after the other."""

    def __init__(self, tree: Path, options: argparse.Namespace) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.survivors: list[Mutant] = []
        self._tree = tree
        self._options = options
        self._excuses = excuses()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        reach = Reach(session, [self._tree / UTILS / file for file in self._options.file])
        for file in self._options.file:
            self.counts[file] = Counter()
            own = [item for item in session.items if item.nodeid.startswith(tuple(OWN[file]))]
            left = self._round(session, reach, own, self._chosen(file))
            if left and not self._options.quick:
                left = self._round(session, reach, [item for item in session.items if item not in own], left)
            for mutant in left:
                self._tell(mutant)
        return True

    def _tell(self, mutant: Mutant) -> None:
        excuse = self._excuses.get((mutant.file, mutant.before, mutant.after))
        self.counts[mutant.file][EXCUSED if excuse else SURVIVED] += 1
        print(f"{mutant.diff}\n" + (f"  explained: {excuse}\n" if excuse else ""), flush=True)
        if not excuse:
            self.survivors.append(mutant)

    def _round(
        self, session: pytest.Session, reach: Reach, items: Sequence[pytest.Item], prey: Sequence[Mutant]
    ) -> list[Mutant]:
        """Try each one, count what ended, and return what survived."""

        def test(mutant: Mutant) -> int:
            limit_resources(reach.cpu_seconds)
            path = self._tree / UTILS / mutant.file
            changed = LiveModule(path).plant(mutant.source)
            if changed is None:
                plant_at_import(path, mutant.source)
                return run_afresh(self._tree, {item.nodeid.partition("::")[0] for item in items})
            names = reach.of(mutant, changed)
            return run(session, [item for item in items if item.nodeid in names])

        left: list[Mutant] = []
        for done, (mutant, verdict) in enumerate(verdicts(prey, test, reach.wall_seconds), 1):
            if verdict == SURVIVED:
                left.append(mutant)
            else:
                self.counts[mutant.file][verdict] += 1
            if done % 100 == 0 or done == len(prey):
                print(f"{mutant.file}: {done} of {len(prey)} tried", file=sys.stderr, flush=True)
        return left

    def _chosen(self, file: str) -> list[Mutant]:
        found = list(mutants(self._tree / UTILS / file))
        if self._options.again:
            last = json.loads(self._options.state.read_text(encoding="utf-8"))
            found = [mutant for mutant in found if [mutant.file, mutant.before, mutant.after] in last]
        if self._options.sample is not None and self._options.sample < len(found):
            found = random.Random(self._options.seed).sample(found, self._options.sample)
        return found


def verdicts(
    prey: Sequence[Mutant], test: Callable[[Mutant], int], wall_seconds: float
) -> Iterator[tuple[Mutant, str]]:
    """Test mutants in processes of their own, a few at a time, as they end."""
    waiting = list(reversed(prey))
    running: dict[int, tuple[Mutant, float]] = {}
    while waiting or running:
        if waiting and len(running) < PROCESSES:
            mutant = waiting.pop()
            running[forked(functools.partial(test, mutant))] = (mutant, time.monotonic() + wall_seconds)
            continue
        process, status = os.waitpid(-1, os.WNOHANG)
        if process:
            yield running.pop(process)[0], verdict_of(status)
        for late, (_mutant, deadline) in running.items():
            if time.monotonic() > deadline:
                os.kill(late, signal.SIGXCPU)
        time.sleep(0.005)


def verdict_of(status: int) -> str:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return TIMED_OUT
    return KILLED if status else SURVIVED


def forked(work: Callable[[], int]) -> int:
    """Start a silent child."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        code = work()
    finally:
        os._exit(code)


def limit_resources(cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(session: pytest.Session, items: Sequence[pytest.Item]) -> int:
    """Run collected tests until one fails."""
    for item, following in itertools.pairwise([*items, None]):
        if item:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def run_afresh(tree: Path, files: Collection[str]) -> int:
    """Import the collection and its tests once more, and run the tests of some files."""
    for name in list(sys.modules):
        if name.startswith(("ansible_collections.", "tests.", "conftest")):
            del sys.modules[name]
    return pytest.main([*PYTEST, *(str(tree / file) for file in sorted(files))])


PYTEST = ("-x", "-p", "no:cacheprovider", "-p", "no:terminal")


def plant_at_import(path: Path, source: str) -> None:
    """Let the next import of a file find another source."""
    genuine = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> types.CodeType | None:
        return compile(source, path, "exec") if loader.path == str(path) else genuine(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]


class LiveModule:
    """An imported module whose functions can be given other code."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._code = compile(path.read_text(encoding="utf-8"), path, "exec")
        module = importlib.import_module(f"{PACKAGE}.{path.parent.name}.{path.stem}")
        own = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
        members = [member for thing in own if isinstance(thing, type) for member in vars(thing).values()]
        plain = [getattr(thing, "fget", getattr(thing, "__func__", thing)) for thing in (*own, *members)]
        self._functions = {
            function.__code__.co_qualname: function for function in plain if isinstance(function, types.FunctionType)
        }

    def plant(self, source: str) -> set[int] | None:
        """Give the functions the code of another source; the lines of those that differ, or None if more does."""
        code = compile(source, self._path, "exec")
        if skeleton(code) != skeleton(self._code):
            return None
        old, new = dict(functions_in(self._code)), dict(functions_in(code))
        changed = [name for name in new if body(new[name]) != body(old[name])]
        if not all(name in self._functions and old[name].co_freevars == new[name].co_freevars for name in changed):
            return None
        for name in changed:
            self._functions[name].__code__ = new[name]
        return {line for name in changed for line in lines_of(old[name])}


def functions_in(code: types.CodeType) -> Iterator[tuple[str, types.CodeType]]:
    """The functions of a module and the methods of its classes."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            if inner.co_flags & inspect.CO_OPTIMIZED:
                yield inner.co_qualname, inner
            else:
                yield from functions_in(inner)


def skeleton(code: types.CodeType) -> str:
    """What a module does at import, but for its functions."""
    return body(code, lambda inner: "" if inner.co_flags & inspect.CO_OPTIMIZED else skeleton(inner))


def body(code: types.CodeType, of_inner: Callable[[types.CodeType], str] | None = None) -> str:
    """What code does, without where it stands."""
    inner = of_inner or body
    consts = [inner(const) if isinstance(const, types.CodeType) else repr(const) for const in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars, consts))


def lines_of(code: types.CodeType) -> Iterator[int]:
    for _start, _end, line in code.co_lines():
        if line is not None:
            yield line
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from lines_of(inner)


class Reach:
    """Which tests run which lines, from a run of all on the original, and how long a mutant may take."""

    def __init__(self, session: pytest.Session, paths: Sequence[Path]) -> None:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "contexts.json")
            _process, status, used = os.wait4(forked(lambda: traced(session, paths, output)), 0)
            if status:
                raise pytest.UsageError("the tests fail without any mutant")
            self._tests = json.loads(output.read_text(encoding="utf-8"))
        self.wall_seconds = 60 + 10 * (time.monotonic() - begin)
        self.cpu_seconds = 10 + int(2 * (used.ru_utime + used.ru_stime))

    def of(self, mutant: Mutant, function: Collection[int]) -> set[str]:
        """The tests that run the changed lines, or the function where a part of a statement has no line of its own."""
        changed = range(mutant.line, mutant.line + mutant.before.count("\n") + 1)
        return self._of_lines(mutant.file, changed) or self._of_lines(mutant.file, function)

    def _of_lines(self, file: str, lines: Collection[int]) -> set[str]:
        return {name for line in lines for name in self._tests[file].get(str(line), ())}


def traced(session: pytest.Session, paths: Sequence[Path], output: Path) -> int:
    os.environ["COVERAGE_CORE"] = "ctrace"
    seen = coverage.Coverage(data_file=None, include=[str(path) for path in paths])
    seen.start()
    for item, following in itertools.pairwise([*session.items, None]):
        if item:
            seen.switch_context(item.nodeid)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    seen.stop()
    lines = {f"{path.parent.name}/{path.name}": seen.get_data().contexts_by_lineno(str(path)) for path in paths}
    output.write_text(json.dumps(lines), encoding="utf-8")
    return 1 if session.testsfailed else 0


def excuses() -> dict[tuple[str, str, str], str]:
    """Mutants that no test can kill, with the reason."""
    entries = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["mutant"] if EXPLAINED.is_file() else []
    return {(entry["file"], entry["before"].strip(), entry["after"].strip()): entry["reason"] for entry in entries}


def stale(tree: Path, files: Collection[str]) -> list[str]:
    """The rows of the explained mutants of these files that are no mutants of the code any more."""
    rows = [row for row in excuses() if row[0] in files or row[0] not in OWN]
    known = {
        (mutant.file, mutant.before, mutant.after)
        for file in {row[0] for row in rows} & set(OWN)
        for mutant in mutants(tree / UTILS / file)
    }
    return [f"{file}\n- {before}\n+ {after}" for file, before, after in rows if (file, before, after) not in known]


def table(counts: Mapping[str, Counter[str]]) -> str:
    rows = ["file              mutants  killed  timed out  survived  explained  percent"]
    for name, found in [*counts.items(), ("all", sum(counts.values(), Counter[str]()))]:
        gone = found[KILLED] + found[TIMED_OUT]
        able = found.total() - found[EXCUSED]
        percent = 100 * gone / able if able else 100.0
        rows.append(
            f"{name:16}  {found.total():7}  {found[KILLED]:6}  {found[TIMED_OUT]:9}  {found[SURVIVED]:8}  "
            f"{found[EXCUSED]:9}  {percent:6.1f}%"
        )
    return "\n".join(rows)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants.py", description="Change the code, and see whether a test notices.")
    parser.add_argument("--tree", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--file", nargs="+", choices=list(OWN), default=list(OWN), help="mutate only these")
    parser.add_argument("--sample", type=int, metavar="N", help="at most N mutants of each file, chosen at random")
    parser.add_argument("--seed", type=int, default=0, help="choose another sample")
    parser.add_argument("--quick", action="store_true", help="do not try on all tests what survives a file's own")
    parser.add_argument("--check", action="store_true", help="only look for rows of mutants.toml that match nothing")
    parser.add_argument("--again", action="store_true", help="only what survived last time")
    return parser.parse_args(arguments)


def main() -> int:
    options = parsed(sys.argv[1:])
    if unmatched := stale(options.tree, options.file):
        print("These rows of tools/mutants.toml match no mutant any more; correct or remove them:")
        print("\n\n".join(unmatched))
        return 1
    if options.check:
        return 0
    hunt = Hunt(options.tree, options)
    wanted = sorted({name for file in options.file for name in OWN[file]}) if options.quick else [TESTS]
    os.chdir(options.tree)
    sys.path.insert(0, str(options.tree.parents[2]))
    code = pytest.main([*PYTEST, *wanted], plugins=[hunt])
    survivors = [[mutant.file, mutant.before, mutant.after] for mutant in hunt.survivors]
    options.state.write_text(json.dumps(survivors), encoding="utf-8")
    print(table(hunt.counts))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
