# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lay out the Python files of the checkout, or only those named, as the lint wants them; mend what can be mended."""

from __future__ import annotations

import sys
from pathlib import Path

import workspace


def main() -> int:
    venv = workspace.Venv("lint")
    try:
        with workspace.alone():
            venv.ensure(workspace.LOGS / "format.log")
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    ruff = [str(venv.bin / "ruff")]
    cache = ["--cache-dir", str(workspace.BUILD / "cache" / "ruff")]
    paths = [str(Path(path).resolve()) for path in sys.argv[1:]] or ["."]
    steps = (["check", "--fix"], ["format"])
    codes = [workspace.run([*ruff, *step, *cache, *paths], env=venv.environment(), timeout=120) for step in steps]
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main())
