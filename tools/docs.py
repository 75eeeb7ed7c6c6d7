# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Build the HTML site of the collection: the guides, and a page for each module and plugin."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import workspace

SITE = workspace.BUILD / "docs"
_CONFIGURATION = Path("docs") / "docsite" / "conf.py"


def build(tree: workspace.Tree, log: Path) -> int:
    """Make the site anew from a copy of the tree; a warning is a failure."""
    venv = workspace.Venv("lint")
    venv.ensure(workspace.venv_log(venv))
    source = SITE.parent / "docs-source"
    for folder in (source, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    # antsibull-docs refuses a folder that others may write to.
    source.mkdir(mode=0o700)
    shutil.copyfile(tree.root / _CONFIGURATION, source / "conf.py")
    name = f"{workspace.NAMESPACE}.{workspace.NAME}"
    pages = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    env = venv.environment(ANSIBLE_COLLECTIONS_PATH=str(tree.collections))
    html = ["sphinx-build", "-q", "-b", "html", "-W", "--keep-going", "-d", str(source / "doctrees")]
    for command in ([*pages, "--dest-dir", str(source), name], [*html, str(source), str(SITE)]):
        program = [str(venv.bin / command[0]), *command[1:]]
        if code := workspace.run(program, cwd=tree.root, env=env, log=log, timeout=300):
            return code
    return 0


def main() -> int:
    log = workspace.LOGS / "docs-site.log"
    tree = workspace.Tree("docs-tree")
    try:
        with workspace.alone():
            log.unlink(missing_ok=True)
            tree.sync()
            if build(tree, log):
                print(workspace.excerpt(log), file=sys.stderr)
                return 1
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    print((SITE / "index.html").relative_to(workspace.ROOT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
