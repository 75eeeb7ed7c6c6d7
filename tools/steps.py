# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What `make test` is made of: each step runs one tool in a lane, and counts what passed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import collection
import readme
import workspace
from harness import (
    Core,
    Tally,
    absent_pythons,
    integration_tally,
    junit_tally,
    prime_pip,
    provide_shellcheck,
    read_coverage,
)

import docs as site

LEAST_BRANCH_COVERAGE = 98.0
PASSED = Tally(passed=1)
FAILED = Tally(failed=1)
SKIPPED = Tally(skipped=1)
Part = Mapping[str, Sequence[str]]
"""By step, the tests to run where it is not all of them."""
ALL_OF_IT: Part = MappingProxyType({})
_say_lock = threading.Lock()


def say(text: str) -> None:
    with _say_lock:
        print(text, flush=True)


class Lane:
    """Steps that run one after the other, with a copy of the tree and a home of their own."""

    def __init__(
        self, name: str, steps: Sequence[str], core: Core | None = None, part: Part = ALL_OF_IT, share: str = ""
    ) -> None:
        self.name = name
        self.steps = steps
        self.core = core
        self.part = part
        self.share = share
        self.tree = workspace.Tree(f"lanes/{name}")
        self.home = workspace.BUILD / "homes" / name

    @property
    def output(self) -> Path:
        return self.tree.root / "tests" / "output"

    def run(
        self,
        venv: workspace.Venv,
        log: Path,
        *command: str,
        limit: float = 600,
        cwd: Path | None = None,
        **variables: str,
    ) -> int:
        """Run a program of a virtual environment in this copy, with more variables in its environment."""
        venv.ensure(workspace.venv_log(venv))
        collections = str(self.tree.collections)
        env = venv.environment(home=self.home, ANSIBLE_COLLECTIONS_PATH=collections, MYPYPATH=collections, **variables)
        program = [str(venv.bin / command[0]), *command[1:]]
        return workspace.run(program, cwd=cwd or self.tree.root, env=env, log=log, timeout=limit)

    def ansible_test(self, log: Path, *arguments: str, limit: float = 1800) -> int:
        """Run ansible-test of this lane's core."""
        venv = self.venv
        venv.ensure(workspace.venv_log(venv))
        prime_pip(venv, self.home, log)
        return self.run(venv, log, "ansible-test", *arguments, "--color", "no", limit=limit)

    @property
    def venv(self) -> workspace.Venv:
        assert self.core is not None
        return self.core.venv

    def forget(self, pattern: str) -> None:
        """Remove what an earlier run left in the output folder."""
        for path in self.output.glob(pattern):
            path.unlink()


def label(step: str, lane: Lane) -> str:
    """What a step of a lane is called in the results and the logs."""
    return f"{step}-{lane.core.version}{lane.share}" if lane.core else step


Step = Callable[[Lane, Path], Tally]
CORE = workspace.Venv("core")
LINT = workspace.Venv("lint")
CLIENT = workspace.Venv("client")


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


def built(log: Path) -> Path:
    CORE.ensure(workspace.venv_log(CORE))
    return collection.build(CORE, log)


def coverage(lane: Lane, log: Path) -> Tally:
    """Hold the branches that the unit tests of the plugins reach to the promise.

    Measured apart from ansible-test, which starts a process and writes a file of results for each test.
    """
    folder = workspace.BUILD / "coverage"
    folder.mkdir(exist_ok=True)
    data, report = folder / "data", folder / "report.xml"
    report.unlink(missing_ok=True)
    collections = str(lane.tree.collections)
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/plugins")
    for command in (("run", "--branch", "--include", "plugins/*", *tests), ("xml", "-o", str(report))):
        if lane.run(LINT, log, "coverage", *command, PYTHONPATH=collections, COVERAGE_FILE=str(data)):
            return FAILED
    found = read_coverage(report, lane.tree.root)
    say(f"     coverage of plugins/: {found.branches:.1f} % of branches, {found.lines:.1f} % of lines")
    with log.open("a", encoding="utf-8") as output:
        output.writelines(f"missed: {place}\n" for place in found.missed)
        output.writelines(f"no unit test imports {name}\n" for name in found.unreached)
    return verdict(found.branches < LEAST_BRANCH_COVERAGE, len(found.unreached))


def official_client(lane: Lane, log: Path) -> Tally:
    """Let the official client, unmodified, talk to the simulator."""
    try:
        CLIENT.ensure(workspace.venv_log(CLIENT))
    except workspace.ToolError as error:
        say(f"LEFT OUT: the official client: {error}")
        return SKIPPED
    lane.forget("junit/official-client.xml")
    report = lane.output / "junit" / "official-client.xml"
    tests = ("-q", "-p", "no:cacheprovider", f"--junitxml={report}", "tests/official_client")
    collections, python = str(lane.tree.collections), str(CLIENT.python)
    code = lane.run(LINT, log, "python", "-m", "pytest", *tests, PYTHONPATH=collections, OFFICIAL_CLIENT=python)
    return settle(code, junit_tally(report.parent, report.name))


def build(_lane: Lane, log: Path) -> Tally:
    """Build, install, and hold the tarball to the list of what a user needs."""
    tarball = built(log)
    collection.install(CORE, tarball, workspace.BUILD / "installed", log)
    faults = collection.content_faults(tarball)
    with log.open("a", encoding="utf-8") as output:
        output.writelines(f"{fault}\n" for fault in faults)
    return verdict(len(faults))


def galaxy_import(lane: Lane, log: Path) -> Tally:
    """What Galaxy does with an upload, as far as it needs neither Galaxy nor a container."""
    tarball = built(log)
    folder = workspace.BUILD / "galaxy"
    folder.mkdir(exist_ok=True)
    code = lane.run(LINT, log, "python", "-m", "galaxy_importer.main", str(tarball), cwd=folder)
    return verdict(code, len(collection.import_complaints(log)))


def execution_environment(lane: Lane, log: Path) -> Tally:
    """Let ansible-builder read what the collection needs, and lay out the build of the example."""
    installed = workspace.BUILD / "installed"
    collection.install(CORE, built(log), installed, log)
    found, context = workspace.BUILD / "ee" / "python.txt", workspace.BUILD / "ee" / "context"
    found.parent.mkdir(exist_ok=True)
    found.unlink(missing_ok=True)
    # Named, because the default name depends on whether podman or docker is found.
    example = ("--file", str(lane.tree.root / "tests" / "ee" / "execution-environment.yml"))
    output = ("--context", str(context), "--output-filename", "Containerfile")
    return verdict(
        lane.run(LINT, log, "ansible-builder", "introspect", "--write-pip", str(found), str(installed)),
        lane.run(LINT, log, "ansible-builder", "create", *example, *output),
        len(collection.environment_faults(found, context, log)),
    )


def docs_site(lane: Lane, log: Path) -> Tally:
    return verdict(site.build(lane.tree, log))


def readme_works(_lane: Lane, log: Path) -> Tally:
    """Run what README.md tells its readers to run."""
    CORE.ensure(workspace.venv_log(CORE))
    faults = readme.faults(CORE, log)
    with log.open("a", encoding="utf-8") as output:
        output.writelines(f"{fault}\n" for fault in faults)
    return verdict(len(faults))


def sanity(lane: Lane, log: Path) -> Tally:
    ignored = sorted(path.name for path in (lane.tree.root / "tests" / "sanity").glob("ignore*"))
    if ignored:
        log.write_text(f"tests/sanity holds {', '.join(ignored)}: mend the code instead\n", encoding="utf-8")
        return FAILED
    lane.venv.ensure(workspace.venv_log(lane.venv))
    shellcheck = provide_shellcheck(lane.venv, log)
    lane.forget("junit/ansible-test-sanity-*.xml")
    code = lane.ansible_test(log, "sanity", "--junit")
    tally = settle(code, junit_tally(lane.output / "junit", "ansible-test-sanity-*.xml"))
    for test in absent_pythons(log):
        say(f"LEFT OUT: sanity {test} with ansible-core {lane.name}: no such Python was found")
    if not shellcheck:
        say("LEFT OUT: the sanity test shellcheck; install shellcheck to run it")
        tally += SKIPPED
    return tally


def units(lane: Lane, log: Path) -> Tally:
    lane.forget("junit/python*-units.xml")
    python = lane.venv.interpreter.version
    code = lane.ansible_test(log, "units", "--venv", "--python", python, *lane.part.get("units", ()))
    return settle(code, junit_tally(lane.output / "junit", "python*-units.xml"))


def integration(lane: Lane, log: Path) -> Tally:
    code = lane.ansible_test(log, "integration", "--venv", "--continue-on-error", *lane.part.get("integration", ()))
    return settle(code, integration_tally(log))


def settle(code: int, tally: Tally) -> Tally:
    """A run that failed, or ran nothing, without a failed test to show for it counts as one failure."""
    silent = code != 0 or tally.passed == 0
    return tally + FAILED if silent and tally.failed == 0 else tally


ONCE: Mapping[str, Step] = {
    "ruff": ruff,
    "mypy": mypy,
    "yamllint": yamllint,
    "ansible-lint": ansible_lint,
    "docs": docs,
    "changelog": changelog,
    "coverage": coverage,
    "official-client": official_client,
    "build": build,
    "galaxy-import": galaxy_import,
    "execution-environment": execution_environment,
    "docs-site": docs_site,
}
ON_A_CORE: Mapping[str, Step] = {"sanity": sanity, "units": units, "integration": integration}
MOSTLY_WAITS: Mapping[str, Step] = {"readme": readme_works}
ALL: Mapping[str, Step] = {**ON_A_CORE, **ONCE, **MOSTLY_WAITS}
