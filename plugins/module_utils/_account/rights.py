# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The API keys of the account, and what the key that is used may do, as far as the API tells (F6.4)."""

from __future__ import annotations

import collections.abc as c
import json
import typing as t

from .._api.client import Client, Route
from .._core.rows import Row, checked_rows

LIST = Route("GET", "/api/v0/auth/apikeys/", 1.0)


def read(client: Client) -> list[Row]:
    """The rows of all keys, without the keys themselves. Raises ProtocolError for what is no list of rows with ids."""
    return checked_rows(client, LIST, client.call(LIST).get("apikeys"), "API key")


def rights(rows: c.Iterable[Row], key_id: t.Any) -> list[str] | None:
    """The categories of rights, and single rights, of the key with this id; None where its row does not tell."""
    row = next((row for row in rows if row["id"] == key_id), {})
    told = _decoded(row.get("permissions") or row.get("rights"))
    if not isinstance(told, dict):
        return None
    categories = told.get("api")
    names = [*(categories if isinstance(categories, dict) else ()), *(name for name in told if name != "api")]
    return sorted(map(str, names))


def _decoded(value: t.Any) -> t.Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None
