# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Amounts of money as the API tells them, and their sums. Pure."""

from __future__ import annotations

import collections.abc as c
import math
import typing as t

PLACES = 6
"""Decimals of a sum."""
HOURS_A_MONTH = 720
"""A month of storage (F3.3)."""


def number(value: t.Any) -> float | None:
    """A finite number; None for what is none: missing, a text, a boolean, NaN or endless."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def amount(value: t.Any) -> float | None:
    """A price; None for what is no number, and for a negative one."""
    found = number(value)
    return found if found is not None and found >= 0 else None


def total(amounts: c.Iterable[float | None]) -> float | None:
    """The sum, which is not known when one of them is not."""
    known = 0.0
    for value in amounts:
        if value is None:
            return None
        known += value
    return round(known, PLACES) if math.isfinite(known) else None
