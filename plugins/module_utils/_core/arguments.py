# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Checks of option values that every domain shares. Pure."""

from __future__ import annotations

import math
import typing as t

from .._api.errors import Invalid

MAX_ID = 2**63 - 1
"""The largest number that an id can be: a signed integer of 64 bits."""


def check_id(value: t.Any, name: str = "id") -> None:
    """Raises Invalid for an id that nothing can have; None is none."""
    if value is not None:
        check_number(value, name, 1, MAX_ID)


def check_number(value: t.Any, name: str, least: float, most: float) -> None:
    """Raises Invalid unless the value is a finite number from `least` to `most`, and no boolean."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Invalid(f"{name} must be a number, not {shortened(value)}.")
    # The comparison is false for NaN, too.
    if not (least <= value <= most) or math.isinf(value if isinstance(value, float) else 0.0):
        raise Invalid(f"{name} must be {_range(least, most)}, not {shortened(value)}.")


def shortened(value: t.Any) -> str:
    """A value for a message, however long it is."""
    text = repr(value) if not isinstance(value, int) or abs(value) <= MAX_ID else "a number of more than 18 digits"
    return text if len(text) <= 40 else f"{text[:40]}..."


def _range(least: float, most: float) -> str:
    if most == MAX_ID:
        return "a positive number" if least == 1 else f"{least:g} or more"
    return f"from {least:g} to {most:g}"
