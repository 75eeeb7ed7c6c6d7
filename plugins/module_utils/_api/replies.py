# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the API says, read: bodies of every shape, refusals as typed errors, and nothing secret in either. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import json
import re
import time
import typing as t

from .errors import (
    AuthError,
    Deprecated,
    Exchange,
    Invalid,
    NotFound,
    PermissionDenied,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    Unavailable,
    UnknownOutcome,
    VastError,
)
from .redact import Redactor

# Kept as text: compiling them takes longer than the rest of this file, and a task that succeeds needs none of them.
_THRESHOLD = r"threshold\s*=\s*([0-9]+(?:\.[0-9]+)?)"
_LOGIN_WORDS = ("invalid user key", "session expired", "requires login", "two factor authentication")
_GATEWAY = frozenset((502, 503, 504, *range(520, 528)))
"""Statuses of something in between (F2.2): what became of the request behind it is not known."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """A reply, whole: `data` is the parsed JSON, or the text itself where it is not JSON."""

    status: int
    headers: t.Mapping[str, str]
    text: str
    data: t.Any

    @classmethod
    def parse(cls, status: int, headers: t.Mapping[str, str], body: bytes) -> Reply:
        """Never fails: bodies come as JSON objects, JSON strings, plain text and HTML (F2.1)."""
        text = body.decode("utf-8", errors="replace")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            data = text
        return cls(status, headers, text, data)

    @property
    def ok(self) -> bool:
        """A 2xx is not enough: it may say `success: false` (F2.3)."""
        return 200 <= self.status < 300 and not (isinstance(self.data, dict) and self.data.get("success") is False)

    @property
    def slug(self) -> str | None:
        """The API's own short name of the error."""
        slug = self.data.get("error") if isinstance(self.data, dict) else None
        return slug if isinstance(slug, str) else None

    @property
    def message(self) -> str:
        """The text meant for people, whatever the shape of the body (F2.1)."""
        if isinstance(self.data, dict):
            texts = (self.data.get(key) for key in ("msg", "message", "detail", "error_msg", "error"))
            return next((" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip()), "")
        text = self.data if isinstance(self.data, str) else ""
        if "<html" in text[:1024].lower():
            title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            return "an HTML page" + (f" titled {' '.join(title[1].split())!r}" if title else "")
        return " ".join(text.split())


def error_from_reply(sent: str, reply: Reply, exchange: Exchange, redactor: Redactor, *, safe: bool) -> VastError:
    """The error that a reply without success stands for; `safe` tells that the request may be sent again at will."""
    says = redactor.text(reply.message).rstrip(".") or "no message"
    answer = f"Vast.ai answered {reply.status} to {sent}: {says}"
    text = reply.message.lower()
    status = reply.status
    if 300 <= status < 400:
        location = redactor.text(reply.headers.get("Location", "nowhere"))
        return ProtocolError(
            f"{sent} was answered with a redirect ({status}) to {location}, which is not followed. Check api_url.",
            exchange,
        )
    if status == 401 or (status in (200, 403, 404) and _is_login(reply.slug, text)):
        return AuthError(
            f"{answer}. The API key is wrong, expired or not accepted here; see https://cloud.vast.ai/manage-keys/.",
            exchange,
        )
    if status == 403:
        return PermissionDenied(f"{answer}. The API key lacks the permission for this.", exchange)
    if status == 404 or (reply.slug or "").startswith("no_such_"):
        return NotFound(f"{answer}.", exchange)
    if status == 410 and reply.slug == "deprecated_endpoint":
        return Deprecated(
            f"{answer}. Vast.ai has retired this route; a newer release of the collection is needed.", exchange
        )
    if status == 410 or reply.slug == "resources_unavailable":
        return Unavailable(f"{answer}.", exchange)
    if status == 429 and reply.slug == "search_quota_exceeded":
        return QuotaExceeded(f"{answer}. The quota resets at 00:00 UTC.", exchange)
    if status == 429:
        return RateLimited(f"{answer}.", exchange).with_pace(*_pace(reply))
    if status in _GATEWAY and safe:
        return ServerError(f"{answer}.", exchange).as_repeatable()
    if status in _GATEWAY:
        return UnknownOutcome(f"{answer}. It may have been carried out.", exchange)
    if status >= 500:
        return ServerError(f"{answer}." + ("" if safe else " It may have been carried out."), exchange)
    return Invalid(f"{answer}.", exchange)


def _is_login(slug: str | None, text: str) -> bool:
    return slug == "auth_error" or any(words in text for words in _LOGIN_WORDS)


def _pace(reply: Reply) -> tuple[float, float | None]:
    """How long a 429 asks to wait, and the interval it names: header, JSON or plain text (F2.4)."""
    named = re.search(_THRESHOLD, reply.text)
    asked = reply.data.get("retry_after") if isinstance(reply.data, dict) else None
    waits = [_seconds(reply.headers.get("Retry-After")), _seconds(asked)]
    return max(wait or 0.0 for wait in waits), float(named[1]) if named else None


def _seconds(value: t.Any) -> float | None:
    """Seconds from a number, its text, or an HTTP date."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        seconds = float(value)
        return max(0.0, seconds) if seconds < float("inf") else None
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        parsed = email.utils.parsedate_tz(value) if isinstance(value, str) else None
        return None if parsed is None else max(0.0, email.utils.mktime_tz(parsed) - time.time())
    return None
