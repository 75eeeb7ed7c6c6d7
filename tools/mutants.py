# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Change the code in many small ways, one at a time, and list what no unit test notices: --help."""

from __future__ import annotations

import sys

import workspace


def main() -> int:
    workspace.interrupt_on_sigterm()
    venv = workspace.Venv("mutants")
    tree = workspace.Tree("lanes/mutants")
    program = [str(venv.python), str(workspace.ROOT / "tools" / "killing.py")]
    program += [f"--tree={tree.root}", f"--state={workspace.BUILD / 'mutants.json'}", *sys.argv[1:]]
    try:
        with workspace.alone():
            venv.ensure(workspace.LOGS / "mutants.log")
            tree.sync()
            with workspace.started(program, env=venv.environment()) as process:
                return process.wait()
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
