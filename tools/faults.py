# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Play thousands of random tasks and faults against the simulator: --examples N, --seed N."""

from __future__ import annotations

import subprocess
import sys

import workspace


def main() -> int:
    venv = workspace.Venv("lint")
    tree = workspace.Tree("lanes/faults")
    try:
        with workspace.alone():
            venv.ensure(workspace.LOGS / "faults.log")
            tree.sync()
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    package = f"ansible_collections.{workspace.NAMESPACE}.{workspace.NAME}.tests.unit.campaign"
    command = [str(venv.python), "-m", package, *sys.argv[1:]]
    try:
        return subprocess.run(command, cwd=tree.collections, env=venv.environment(), check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
