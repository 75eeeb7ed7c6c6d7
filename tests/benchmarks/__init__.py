# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tasks, fleets and inventories cost, side by side with other ways: `make bench`, docs/benchmarks.md."""

from __future__ import annotations
