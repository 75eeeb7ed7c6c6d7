# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The house: which package may import which, and how much of it a module ships and imports."""

from __future__ import annotations

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest

from .harness import COLLECTION, NAMES

PLUGINS = COLLECTION / "plugins"
BASE = "ansible_collections.vastai.cloud.plugins."
BELOW: dict[str, set[str]] = {
    "_api": set(),
    "_core": {"_api"},
    "_ansible": {"_api"},
    "_instances": {"_core", "_api"},
    "_serverless": {"_core", "_api"},
    "_account": {"_core", "_api"},
    "modules": {"_ansible", "_instances", "_serverless", "_account", "_core", "_api"},
    "plugin_utils": {"_instances", "_serverless", "_account", "_core", "_api"},
    "inventory": {"plugin_utils", "_instances", "_serverless", "_account", "_core", "_api"},
    "action": {"plugin_utils", "_api"},
    "doc_fragments": set(),
}
"""What each package may import besides itself and `_version`."""
SERVERLESS = PLUGINS / "module_utils" / "_serverless"
TEARDOWN = next(path for name in ("teardown.py", "endpoints.py") if (path := SERVERLESS / name).is_file())
"""The only file of a domain that may import another domain, the instances."""
MAX_SHIPPED = 256 * 1024
MAX_SHIPPED_TO_RENT = 384 * 1024
"""For the modules that create and destroy; what only that needs is shipped, and imported when it is needed."""
MAX_IMPORTED = 146 * 1024
MAX_FILES = 22
MAX_OF_MANY_DOMAINS = 288 * 1024
"""The reaper alone acts on instances and volumes and has to know the workers of endpoints."""
FILES = sorted(path for path in PLUGINS.rglob("*.py"))


def package(path: pathlib.Path) -> str:
    """The package of a file: that below module_utils, else the kind of plugin."""
    parts = path.relative_to(PLUGINS).parts
    return parts[1] if parts[0] == "module_utils" else parts[0]


def imported(path: pathlib.Path) -> set[pathlib.Path]:
    """The files of ours that a file imports, wherever in it."""
    found: set[pathlib.Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = path.parents[node.level - 1]
        elif (node.module or "").startswith(BASE[:-1]):
            base = PLUGINS.parents[3]
        else:
            continue
        target = base.joinpath(*(node.module or "").split("."))
        candidates = [target.with_suffix(".py"), *(target / f"{alias.name}.py" for alias in node.names)]
        found |= {candidate for candidate in candidates if candidate.is_file()}
    return found


def closure(path: pathlib.Path) -> set[pathlib.Path]:
    """All that a module ships with it, itself included."""
    found, waiting = {path}, [path]
    while waiting:
        new = imported(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def test_the_imports_are_found() -> None:
    module = PLUGINS / "modules" / "vast_instance.py"
    names = {path.name for path in closure(module)}
    assert {"vast_instance.py", "vast_module.py", "client.py", "switch.py", "converge.py", "_version.py"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_every_import_follows_an_arrow(path: pathlib.Path) -> None:
    own = package(path)
    for target in imported(path):
        other = package(target)
        if other in (own, "_version.py"):
            continue
        is_teardown = path == TEARDOWN and other == "_instances"
        assert other in BELOW[own] or is_teardown, f"{path} imports {target}"


def test_nothing_below_the_seam_knows_ansible() -> None:
    for path in FILES:
        if package(path) in ("_api", "_core", "_instances", "_serverless", "_account"):
            assert "import ansible" not in path.read_text(), path
            assert "from ansible." not in path.read_text(), path


def test_nothing_of_the_engine_knows_a_domain() -> None:
    for path in (PLUGINS / "module_utils" / "_core").glob("*.py"):
        text = path.read_text().lower()
        assert [
            word for word in ("instance", "gpu", "worker", "endpoint") if word in text.replace("isinstance", "")
        ] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_module_ships_is_bounded(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = closure(PLUGINS / "modules" / f"{name}.py")
    size = sum(path.stat().st_size for path in files)
    with capsys.disabled():
        sys.stdout.write(f"\n{name} ships {len(files)} files, {size / 1024:.0f} KiB ")
    larger = {"vast_instance": MAX_SHIPPED_TO_RENT, "vast_endpoint": MAX_SHIPPED_TO_RENT}
    assert size <= {**larger, "vast_reaper": MAX_OF_MANY_DOMAINS}.get(name, MAX_SHIPPED)


def test_what_a_task_without_changes_imports_is_bounded() -> None:
    """In a process of its own, with the listing answered in place."""
    script = f"""
import json, sys
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock, Deadline, Waits
from ansible_collections.vastai.cloud.plugins.modules import vast_instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances import instance, switch
from ansible_collections.vastai.cloud.plugins.module_utils._core.resource import outcome
row = {{"id": 1, "actual_status": "running", "intended_status": "running", "cur_state": "running"}}
item = switch.to_switch(instance.Instance(1, row), "running", None)
switch.switch(None, [item], "running", Waits(True, 9, 1), None)
outcome(item, "instance", planned=False)
ours = [module for name, module in sys.modules.items() if name.startswith({BASE!r})]
print(json.dumps([module.__file__ for module in ours if module.__file__]))
"""
    path = os.pathsep.join([str(COLLECTION.parents[2]), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    files = [pathlib.Path(name) for name in json.loads(done.stdout) if not name.endswith("__init__.py")]
    sizes = {path.relative_to(PLUGINS): path.stat().st_size for path in files}
    assert len(files) <= MAX_FILES, sorted(sizes)
    code = sum(len(without_docs(path)) for path in files)
    assert code <= MAX_IMPORTED, sizes


def without_docs(path: pathlib.Path) -> str:
    """A file without the documentation blocks of a module, which are for readers of its source only."""
    text = path.read_text()
    return text[text.index("import typing") :] if path.parent.name == "modules" else text


RENTING_ONLY = (
    "rent.py",
    "mounts.py",
    "offers.py",
    "memory.py",
    "destroy.py",
    "converge.py",
    "revise.py",
    "reach.py",
    "logs.py",
)


def imported_at_once(path: pathlib.Path) -> set[pathlib.Path]:
    """All that is imported with a file, apart from what its functions import and what only types need."""
    found, waiting = {path}, [path]
    while waiting:
        current = waiting.pop()
        for node in ast.parse(current.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.level:
                target = current.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                candidates = [target.with_suffix(".py"), *(target / f"{alias.name}.py" for alias in node.names)]
                new = {candidate for candidate in candidates if candidate.is_file()} - found
                found |= new
                waiting += new
    return found


def test_a_second_run_of_a_rented_instance_imports_nothing_that_only_renting_needs() -> None:
    instances = PLUGINS / "module_utils" / "_instances"
    names = {path.name for file in ("lease.py", "wish.py") for path in imported_at_once(instances / file)}
    assert {"criteria.py", "contents.py", "switch.py", "client.py"} <= names
    assert names & set(RENTING_ONLY) == set()


def test_each_integration_target_is_in_a_group_that_is_played() -> None:
    targets = [path for path in (COLLECTION / "tests/integration/targets").iterdir() if "setup_" not in path.name]
    groups = {path.name: (path / "aliases").read_text().split() for path in targets}
    assert groups
    played = {"shippable/posix/group1", "shippable/posix/group2"}
    assert {name: aliases for name, aliases in groups.items() if len(played.intersection(aliases)) != 1} == {}
