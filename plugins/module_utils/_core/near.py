# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Names that are nearly one that does not exist, for messages. Pure."""

from __future__ import annotations

import collections.abc as c
import difflib

LIKE = 0.75
"""How alike two names have to be, from 0 to 1."""
AT_MOST = 3


def did_you_mean(names: c.Iterable[str], name: str) -> str:
    """A question that names those that are nearly this one; empty when there are none. Case does not count."""
    by_name = {each.lower(): each for each in names if each}
    near = difflib.get_close_matches(name.lower(), by_name, n=AT_MOST, cutoff=LIKE)
    return f" Did you mean {' or '.join(repr(by_name[each]) for each in near)}?" if near else ""
