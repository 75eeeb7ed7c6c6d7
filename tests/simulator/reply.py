# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the simulator answers, and the shapes in which the API says no."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass
class Reply:
    status: int = 200
    content: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(body: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), JSON_TYPE, headers)


def text_reply(text: str, status: int = 200, content_type: str = TEXT_TYPE) -> Reply:
    return Reply(status, text.encode(), content_type)


def refusal(status: int, error: str, msg: str, **extra: Any) -> Reply:
    """The API's usual failure: success, error (a slug) and msg."""
    return json_reply({"success": False, "error": error, "msg": msg, **extra}, status)


def invalid_args(msg: str) -> Reply:
    return refusal(400, "invalid_args", msg)


def not_found_page() -> Reply:
    page = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
    return text_reply(page, 404, "text/html; charset=utf-8")


def s3_error(status: int, code: str, message: str) -> Reply:
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return text_reply(document, status, "application/xml")
