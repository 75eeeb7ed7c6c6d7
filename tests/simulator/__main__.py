# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python3 tests/simulator`: the package is imported from the folder above."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036 it stands before the import, which an older one cannot do
    sys.exit(f"The simulator needs Python 3.10 or newer; {sys.executable} is {sys.version.split()[0]}.")
if not __package__:
    # This very folder is in front otherwise, and its modules would hide others of the same name.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

sys.exit(import_module(".cli", __package__ or "simulator").main())
