# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Turn the changelog fragments into the entry of the version that galaxy.yml names.

Arguments go to antsibull-changelog; with --update-existing new fragments join an entry that is not out yet.
"""

from __future__ import annotations

import shutil
import sys

import workspace

LOG = workspace.LOGS / "release.log"
_MADE = ("CHANGELOG.md", "changelogs/changelog.yaml")


def main() -> int:
    try:
        with workspace.alone():
            release()
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"made {' and '.join(_MADE)}")
    return 0


def release() -> None:
    """Run in a copy at the path where ansible-doc finds the modules, and bring the result back."""
    LOG.unlink(missing_ok=True)
    venv = workspace.Venv("lint")
    venv.ensure(LOG)
    tree = workspace.Tree("release")
    tree.sync()
    env = venv.environment(ANSIBLE_COLLECTIONS_PATH=str(tree.collections))
    command = [str(venv.bin / "antsibull-changelog"), "release", "--reload-plugins", *sys.argv[1:]]
    if workspace.run(command, cwd=tree.root, env=env, log=LOG, timeout=300):
        raise workspace.ToolError(f"antsibull-changelog failed:\n{workspace.excerpt(LOG)}")
    for name in _MADE:
        shutil.copyfile(tree.root / name, workspace.ROOT / name)
    for fragment in (workspace.ROOT / "changelogs" / "fragments").glob("*.y*ml"):
        if not (tree.root / fragment.relative_to(workspace.ROOT)).exists():
            fragment.unlink()


if __name__ == "__main__":
    raise SystemExit(main())
