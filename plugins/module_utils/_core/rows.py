# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The rows of a listing that comes whole: what makes them ones that something may be concluded from."""

from __future__ import annotations

import typing as t

from .._api.client import Client, Route, malformed
from .._api.replies import is_whole

Row = t.Mapping[str, t.Any]

is_id = is_whole
"""Whether a value of a reply is an id."""


def checked_rows(client: Client, route: Route, rows: t.Any, noun: str) -> list[Row]:
    """The rows of a listing that comes whole. Raises ProtocolError unless all of them have an id of their own."""
    problem = ""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and is_id(row.get("id")) for row in rows):
        problem = f"it contains no list of {noun}s with ids"
    elif len({row["id"] for row in rows}) < len(rows):
        problem = "it lists a row twice"
    if problem:
        raise malformed(client, route, noun, problem)
    return t.cast("list[Row]", rows)
