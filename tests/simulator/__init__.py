# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fake Vast.ai on the standard library alone; see README.md."""

from __future__ import annotations

from .checks import AccountError
from .embed import DEFAULT_API_KEY, Simulator
from .faults import FaultError

__all__ = ["DEFAULT_API_KEY", "AccountError", "FaultError", "Simulator"]
