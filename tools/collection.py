# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Build the collection's tarball and install it, from a clean copy of the tree."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
from pathlib import Path

import workspace

DIST = workspace.BUILD / "dist"
_SHIPPED = {
    "CHANGELOG.md",
    "COPYING",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "changelogs/changelog.yaml",
    "meta/ee-requirements.txt",
    "meta/execution-environment.yml",
    "meta/runtime.yml",
    "requirements.txt",
}
_SHIPPED_FOLDERS = ("docs/docsite/", "playbooks/", "plugins/", "tests/simulator/")
_REQUIRED = _SHIPPED | {"docs/docsite/extra-docs.yml", "playbooks/demo.yml", "tests/simulator/__main__.py"}


def build(venv: workspace.Venv, log: Path) -> Path:
    """The tarball of the tree as it is now; made anew only when something changed."""
    tree = workspace.Tree("dist")
    digest = tree.sync()
    stamp = DIST / "built"
    tarballs = list(DIST.glob("*.tar.gz"))
    if len(tarballs) == 1 and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return tarballs[0]
    for tarball in tarballs:
        tarball.unlink()
    command = [str(venv.bin / "ansible-galaxy"), "collection", "build", "--output-path", str(DIST)]
    if workspace.run(command, cwd=tree.root, env=venv.environment(), log=log, timeout=120):
        raise workspace.ToolError(f"the collection could not be built:\n{workspace.excerpt(log)}")
    stamp.write_text(digest, encoding="utf-8")
    return next(DIST.glob("*.tar.gz"))


def install(venv: workspace.Venv, tarball: Path, collections: Path, log: Path) -> Path:
    """The folder of the collection, installed from exactly this tarball and nothing left from before."""
    installed = collections / "ansible_collections" / workspace.NAMESPACE / workspace.NAME
    stamp = collections / "installed"
    digest = workspace.file_digest(tarball)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return installed
    shutil.rmtree(collections, ignore_errors=True)
    command = [str(venv.bin / "ansible-galaxy"), "collection", "install", "--offline", str(tarball)]
    command += ["--collections-path", str(collections)]
    # Without its own path in the list ansible-galaxy warns that nobody would find what it installs.
    env = venv.environment(ANSIBLE_COLLECTIONS_PATH=str(collections))
    if workspace.run(command, cwd=DIST, env=env, log=log, timeout=120):
        raise workspace.ToolError(f"the collection could not be installed:\n{workspace.excerpt(log)}")
    stamp.write_text(digest, encoding="utf-8")
    return installed


def content_faults(tarball: Path) -> list[str]:
    """What the tarball holds and should not, or should hold and does not."""
    with tarfile.open(tarball) as archive:
        names = {member.name for member in archive.getmembers() if member.isfile()}
    surplus = sorted(name for name in names - _SHIPPED if not name.startswith(_SHIPPED_FOLDERS))
    missing = sorted(_REQUIRED - names)
    return [f"not wanted: {name}" for name in surplus] + [f"missing: {name}" for name in missing]


def import_complaints(log: Path) -> list[str]:
    """What galaxy-importer warned of; it says so in the last command's output and succeeds all the same."""
    output = log.read_text(encoding="utf-8", errors="replace").rpartition("\n$ ")[2]
    return re.findall(r"^(?:WARNING|ERROR): .*", output, re.MULTILINE)


def environment_faults(found: Path, context: Path, log: Path) -> list[str]:
    """What ansible-builder did not find in the collection, or did not lay out."""
    faults = []
    if not found.is_file() or not re.search(r"^requests\b.*", found.read_text(encoding="utf-8"), re.MULTILINE):
        faults.append("ansible-builder does not see that the collection needs requests")
    if not (context / "Containerfile").is_file():
        faults.append(f"ansible-builder made no Containerfile in {context}")
    with log.open("a", encoding="utf-8") as output:
        output.writelines(f"{fault}\n" for fault in faults)
    return faults


def main() -> int:
    log = workspace.LOGS / "build.log"
    venv = workspace.Venv("core")
    try:
        with workspace.alone():
            log.unlink(missing_ok=True)
            venv.ensure(log)
            print(build(venv, log).relative_to(workspace.ROOT))
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
