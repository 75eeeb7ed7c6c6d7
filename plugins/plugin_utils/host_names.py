# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Names of hosts: such as patterns, files and command lines of Ansible can take. Pure."""

from __future__ import annotations

import re

MAX_NAME = 100
"""Characters of a name; it is also the name of files, such as those in `host_vars`."""


def host_name(text: str, *, safe: bool = True) -> str:
    """A text as the name of a host, or '' where nothing is left of it.

    Every run of other characters than letters, digits, `_`, `.` and `-` becomes one `-`. With `safe` false, a text
    stays as it is unless it could be a template, an option or a path elsewhere, or cannot be seen.
    """
    text = text.strip()
    if _is_safe(text) or (not safe and _is_bearable(text)):
        return text
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:MAX_NAME].strip("-.")


def _is_safe(text: str) -> bool:
    return len(text) <= MAX_NAME and re.fullmatch(r"\w[\w.-]*", text) is not None


def _is_bearable(text: str) -> bool:
    return (
        0 < len(text) <= MAX_NAME
        and text.isprintable()
        and text[0] not in "-~/"
        and not re.search("[{}#]", text)
        and {".", ".."}.isdisjoint(text.split("/"))
    )
