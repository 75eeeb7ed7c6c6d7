# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The house: which package may import which, and how much of it a module ships and imports."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from ...benchmarks.closures import closure, imported, imported_at_once, without_docs
from .harness import COLLECTION, KEY, NAMES, URL, instance_row

PLUGINS = COLLECTION / "plugins"
BELOW: dict[str, set[str]] = {
    "_api": set(),
    "_core": {"_api"},
    "_ansible": {"_api"},
    "_instances": {"_core", "_api"},
    "_renting": {"_instances", "_core", "_api"},
    "_serverless": {"_core", "_api"},
    "_account": {"_core", "_api"},
    "_reaper": {"_instances", "_serverless", "_account", "_core", "_api"},
    "modules": {"_ansible", "_reaper", "_renting", "_instances", "_serverless", "_account", "_core", "_api"},
    "plugin_utils": {"_instances", "_serverless", "_account", "_core", "_api"},
    "inventory": {"plugin_utils", "_instances", "_serverless", "_account", "_core", "_api"},
    "action": {"plugin_utils", "_api"},
    "doc_fragments": set(),
}
"""What each package may import besides itself and `_version`."""
SERVERLESS = PLUGINS / "module_utils" / "_serverless"
OF_THE_TEARDOWN = tuple(SERVERLESS / name for name in ("suspects.py", "proof.py"))
"""The only files of a domain that may import another domain, the instances: a worker is one."""
MAX_SHIPPED = 216 * 1024
"""Without the documentation of the module: more of that must not cost any code."""
MAX_SHIPPED_TO_RENT = 368 * 1024
"""For the modules that create and destroy; what only that needs is shipped, and imported when it is needed."""
MAX_IMPORTED = 128 * 1024
MAX_FILES = 22
MAX_IMPORTED_TO_RENT = 184 * 1024
MAX_FILES_TO_RENT = 30
"""What a task without changes imports; the latter for one that would rent the instance if it did not exist."""
MAX_OF_MANY_DOMAINS = 292 * 1024
"""Fleet and reaper destroy instances and have to know the workers of endpoints, the latter also volumes."""
FILES = sorted(path for path in PLUGINS.rglob("*.py"))


def package(path: pathlib.Path) -> str:
    """The package of a file: that below module_utils, else the kind of plugin."""
    parts = path.relative_to(PLUGINS).parts
    return parts[1] if parts[0] == "module_utils" else parts[0]


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
        is_worker = path in OF_THE_TEARDOWN and other == "_instances"
        assert other in BELOW[own] or is_worker, f"{path} imports {target}"


def test_nothing_below_the_seam_knows_ansible() -> None:
    for path in FILES:
        if package(path).startswith("_") and package(path) != "_ansible":
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
    size = sum(len(without_docs(path)) for path in files)
    with capsys.disabled():
        sys.stdout.write(f"\n{name} ships {len(files)} files, {size / 1024:.0f} KiB ")
    larger = {"vast_instance": MAX_SHIPPED_TO_RENT, "vast_endpoint": MAX_SHIPPED_TO_RENT}
    larger |= dict.fromkeys(("vast_fleet", "vast_reaper"), MAX_OF_MANY_DOMAINS)
    assert size <= larger.get(name, MAX_SHIPPED)


TASK = """
import contextlib, io, json, sys
from ansible.module_utils import basic
from ansible_collections.vastai.cloud.plugins.module_utils._api import wire
from ansible_collections.vastai.cloud.plugins.modules import vast_instance
row, options = json.loads(sys.argv[1])
reply = {"success": True, "total_instances": 1, "next_token": None, "instances": [row]}
wire.Wire.exchange = lambda *_request, **_options: (200, {}, json.dumps(reply).encode())
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode(), "legacy"
said = io.StringIO()
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(said):
    vast_instance.main()
result = json.loads(said.getvalue())
files = [module.__file__ for name, module in sys.modules.items() if name.startswith("ansible_collections.vastai.cloud")]
print(json.dumps([result.get("changed", result), result.get("instance"), [name for name in files if name]]))
"""


@pytest.mark.parametrize(
    ("options", "most_files", "most_bytes"),
    [
        pytest.param({"id": 4711, "state": "running"}, MAX_FILES, MAX_IMPORTED, id="by id"),
        pytest.param(
            {
                "label": "train-01",
                "state": "running",
                "image": "pytorch/pytorch",
                "disk": 20,
                "offer": {"gpu_name": ["RTX 4090"], "max_price": 0.5},
            },
            MAX_FILES_TO_RENT,
            MAX_IMPORTED_TO_RENT,
            id="rented before",
        ),
    ],
)
def test_what_a_task_without_changes_imports_is_bounded(
    options: dict[str, object], most_files: int, most_bytes: int, tmp_path: pathlib.Path
) -> None:
    """A whole run of the module in a process of its own, late imports included; the listing is answered in place."""
    given = {"api_key": KEY, "api_url": URL, **options}
    done = subprocess.run(
        [sys.executable, "-c", TASK, json.dumps([instance_row(), given])],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(COLLECTION.parents[2]), *sys.path]),
            "XDG_CACHE_HOME": str(tmp_path),
        },
    )
    changed, instance, names = json.loads(done.stdout)
    assert changed is False
    assert instance["ssh"]["via"] == "direct"
    files = [pathlib.Path(name) for name in names if not name.endswith("__init__.py")]
    sizes = {str(path.relative_to(PLUGINS)): len(without_docs(path)) for path in files}
    assert len(files) <= most_files, sorted(sizes)
    assert sum(sizes.values()) <= most_bytes, sizes


RENTING_ONLY = (
    "rent.py",
    "attempt.py",
    "duplicates.py",
    "quote.py",
    "mounts.py",
    "offers.py",
    "memory.py",
    "lock.py",
    "destroy.py",
    "converge.py",
    "revise.py",
    "reach.py",
    "logs.py",
)


def test_a_second_run_of_a_rented_instance_imports_nothing_that_only_renting_needs() -> None:
    renting = PLUGINS / "module_utils" / "_renting"
    names = {path.name for file in ("lease.py", "wish.py") for path in imported_at_once(renting / file)}
    assert {"criteria.py", "contents.py", "switch.py", "client.py"} <= names
    assert names & set(RENTING_ONLY) == set()


def test_a_second_run_of_a_deployed_endpoint_imports_nothing_that_creates_or_drains() -> None:
    names = {path.name for path in imported_at_once(PLUGINS / "module_utils" / "_serverless" / "present.py")}
    assert {"converge.py", "wanted.py"} <= names
    assert names & {"lock.py", "creation.py", "drain.py"} == set()


def test_each_integration_target_is_in_a_group_that_is_played() -> None:
    targets = [path for path in (COLLECTION / "tests/integration/targets").iterdir() if "setup_" not in path.name]
    groups = {path.name: (path / "aliases").read_text().split() for path in targets}
    assert groups
    played = {"shippable/posix/group1", "shippable/posix/group2"}
    assert {name: aliases for name, aliases in groups.items() if len(played.intersection(aliases)) != 1} == {}
