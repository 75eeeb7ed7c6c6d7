# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""An instance that an option of another kind of thing names in one text. Pure."""

from __future__ import annotations

from .._api.errors import Invalid
from .find import Ref


def named(text: str, option: str) -> Ref:
    """An id in digits, or a label. Raises Invalid, which names the option, for what cannot select an instance."""
    if not text.strip():
        raise Invalid(f"{option} must be the id or the label of an instance, not an empty string.")
    is_number = text.isascii() and text.isdigit()
    return Ref.from_options({"id": int(text) if is_number else None, "label": None if is_number else text})
