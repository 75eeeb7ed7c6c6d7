# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What tells a private SSH key from a public one. Pure."""

from __future__ import annotations

_MARKS = ("PRIVATE KEY", "PuTTY-User-Key-File", "SSH2 ENCRYPTED")


def holds_private_key(text: str) -> bool:
    """Whether a text is a private key, in any of the forms that programs write."""
    return any(mark in text for mark in _MARKS)
