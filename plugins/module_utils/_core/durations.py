# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Spans of time as people write them, such as 45m, 6h or 3d. Pure."""

from __future__ import annotations

import re

from .._api.errors import Invalid
from .arguments import shortened

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
LONGEST = 3650 * 86400
"""Ten years."""
_SPAN = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?[smhdw])+")
_PART = re.compile(r"([0-9.]+)([smhdw])")


def seconds(text: str, name: str) -> float:
    """How long `45m`, `6h`, `3d` or `1d12h` is. Raises Invalid for anything else, such as a number without a unit."""
    written = text.strip().lower()
    if not _SPAN.fullmatch(written):
        raise Invalid(f"{name} must be a span of time such as 45m, 6h or 3d, not {shortened(text)}.")
    length = sum(float(count) * UNITS[unit] for count, unit in _PART.findall(written))
    if not 0 < length <= LONGEST:
        raise Invalid(f"{name} must be more than nothing and at most ten years, not {shortened(text)}.")
    return length


def spoken(length: float) -> str:
    """A span for a message: its largest unit, rounded down, such as `3 days`."""
    for unit, word in (("d", "day"), ("h", "hour"), ("m", "minute")):
        if length >= UNITS[unit] * (2 if unit == "d" else 1):
            count = int(length // UNITS[unit])
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{max(0, int(length))} s"
