# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What a body is that is no JSON, in words. Not for a task that succeeds. Pure."""

from __future__ import annotations

import re

MAX_PLAIN = 200
"""Up to how many characters a plain text is shown; what is longer may be the piece of a listing."""
MAX_TITLE = 100

THRESHOLD = r"threshold\s{0,8}=\s{0,8}([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_TITLE = r"<title[^<>]{0,100}>([^<]{0,200})<"
_PLAIN = r"[\w .,;!?'()/+-]+"
_PACE_WORDS = rf"too frequent:|{THRESHOLD}"


def described(text: str, size: int) -> str:
    """What a body is that is no JSON: it may be a piece of a listing with secrets in it, so it is not shown."""
    head = text[:4096]
    if "<html" in head.lower():
        title = re.search(_TITLE, head, re.IGNORECASE)
        words = " ".join(title[1].split())[:MAX_TITLE] if title else ""
        return "an HTML page" + (f" titled {words!r}" if words else "")
    plain = " ".join(head[: MAX_PLAIN + 1].split())
    rest = re.sub(_PACE_WORDS, "", plain)
    if len(text) <= MAX_PLAIN and re.fullmatch(_PLAIN, rest) and max(map(len, rest.split()), default=0) <= 32:
        return plain
    return f"{size} bytes that are not JSON" if text.strip() else ""
