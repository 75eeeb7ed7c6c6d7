# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was asked, in order, without any key in clear."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .request import INVALID_BODY, Request

Entry = dict[str, Any]

MASK = "********"
DEEPEST = 100
"""Levels of a body that are kept."""


class Journal:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._count = 0

    def open(self, request: Request, time: float, secrets: Collection[str]) -> Entry:
        """Note a request on its arrival; the caller fills in how it went."""
        self._count += 1
        entry: Entry = {
            "seq": self._count,
            "time": time,
            "method": request.method,
            "path": mask(request.path, secrets),
            "route": None,
            "query": mask(request.query, secrets),
            "body": mask(readable(request), secrets),
            "status": None,
            "authorised": False,
            "has_authorization": "Authorization" in request.headers,
            "user_agent": mask(request.headers.get("User-Agent", ""), secrets),
            "write": request.method not in ("GET", "HEAD"),
            "fault": None,
            "effects": [],
        }
        self.entries.append(entry)
        return entry


def readable(request: Request) -> Any:
    return request.content.decode("utf-8", "replace") if request.json is INVALID_BODY else request.json


def mask(value: Any, secrets: Collection[str], depth: int = 0) -> Any:
    """The value with every known key, and everything called api_key, replaced."""
    if depth > DEEPEST:
        return MASK
    if isinstance(value, dict):
        return {
            name: MASK if name == "api_key" and part is not None else mask(part, secrets, depth + 1)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [mask(part, secrets, depth + 1) for part in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
    return value
