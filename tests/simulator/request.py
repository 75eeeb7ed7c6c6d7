# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP request, parsed as far as every handler needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class InvalidBody:
    """Stands for a body that is not JSON, which is not the same as a body that is null."""


INVALID_BODY = InvalidBody()


@dataclass
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes = b""
    origin: str = ""
    client: str = "127.0.0.1"
    params: dict[str, str] = field(default_factory=dict)

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query_string(self) -> str:
        return urlsplit(self.target).query

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        """The parsed body, None when there is none, INVALID_BODY when it is not JSON."""
        if not self.content:
            return None
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return INVALID_BODY

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object; anything else counts as an empty one."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def id(self) -> int | None:
        """The number in the path, or None when it is not a number."""
        text = self.params.get("id", "")
        return int(text) if text.isascii() and text.isdigit() else None
