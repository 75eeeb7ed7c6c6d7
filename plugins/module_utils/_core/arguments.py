# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Checks of option values that every domain shares. Pure."""

from __future__ import annotations

from .._api.errors import Invalid


def check_id(value: int | None) -> None:
    """Raises Invalid for an id that nothing can have."""
    if value is not None and value <= 0:
        raise Invalid(f"id must be a positive number, not {value}.")
