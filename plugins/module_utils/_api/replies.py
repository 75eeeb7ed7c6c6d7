# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the API says, read: bodies of every shape, refusals as typed errors, and nothing secret in either. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import json
import math
import re
import time
import typing as t

from .errors import (
    AuthError,
    BudgetExceeded,
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

MAX_DEPTH = 64
"""How deeply nested a reply may be; what the API sends has a handful of levels."""
MAX_DIGITS = 19
"""Whole numbers with more digits are no numbers of the API."""
MAX_PLAIN = 200
"""Up to how many characters a plain text is shown; what is longer may be the piece of a listing."""
MAX_TITLE = 100

# Kept as text: compiling them takes longer than the rest of this file, and a task that succeeds needs none of them.
_THRESHOLD = r"threshold\s{0,8}=\s{0,8}([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_TITLE = r"<title[^<>]{0,100}>([^<]{0,200})<"
_PLAIN = r"[\w .,;!?'()/+-]+"
_PACE_WORDS = rf"too frequent:|{_THRESHOLD}"
_LOGIN_WORDS = ("invalid user key", "session expired", "requires login", "two factor authentication")
_QUEUE_WORDS = ("state change queued", "resources are currently unavailable")
_DENIED = (
    r"\blacks? the\b|\broute access\b|\bnot the (owner|creator)\b|\bdoes not own\b|\bnot owned by\b"
    r"|\bonly (be )?[\w ]{0,40}\b(creator|owner)\b|\bnot (authorized|allowed|permitted) to\b|\bunauthorized to access\b"
)
_MONEY_SLUGS = ("insufficient_credit", "missing_billing")
_MONEY_WORDS = r"\binsufficient (credit|balance|funds)\b"
_ABSENT = r"(error \d+/\d+: )?(invalid instance[ _]id\.?|endpoint \d+ for user \d+ not found\.?)"
_RETIRED = r"deprecated|\buse /api/v\d"
_FOREIGN_WORDS = ("not found", "404 page", "no route matched", "missing authentication token", "default backend")
"""How texts of gateways begin that look like the API's own, were it not for the missing `success` or `error`."""
_OWN_KEYS = frozenset(("success", "error", "msg", "message", "detail", "error_msg"))
_GATEWAY = frozenset((408, 502, 503, 504, *range(520, 528)))
"""Statuses of something in between (F2.2): what became of the request behind it is not known."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """A reply, whole. `data` is the parsed JSON; of what is no JSON, only what it is, in words."""

    status: int
    headers: t.Mapping[str, str]
    text: str
    data: t.Any
    is_json: bool = False

    @classmethod
    def parse(cls, status: int, headers: t.Mapping[str, str], body: bytes) -> Reply:
        """Never fails: bodies come as JSON objects, JSON strings, plain text and HTML (F2.1).

        Numbers that are none (NaN, 1e999, 400 digits) become null, halves of characters the replacement character.
        """
        text = body.decode("utf-8", errors="replace")
        try:
            data = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
        except ValueError:
            return cls(status, headers, text, _described(text, len(body)))
        except RecursionError:
            data = None
        else:
            if not _is_deeper(data, MAX_DEPTH):
                # Only an escape can bring in half a character; what was decoded above has none.
                return cls(status, headers, text, _mended(data) if r"\u" in text else data, is_json=True)
        return cls(status, headers, text, f"{len(body)} bytes of JSON that is nested more than {MAX_DEPTH} times")

    @property
    def ok(self) -> bool:
        """A 2xx is not enough: it may say `success: false` (F2.3), or tell an error only (F2.1 k)."""
        return 200 <= self.status < 300 and not (isinstance(self.data, dict) and says_no(self.data))

    def names(self, key: str) -> bool:
        """Whether it is a 2xx with an id under this key: what has that id exists, whatever else is said."""
        found = self.data.get(key) if 200 <= self.status < 300 and isinstance(self.data, dict) else None
        return isinstance(found, int) and not isinstance(found, bool) and found > 0

    @property
    def is_clear(self) -> bool:
        """Whether `success`, where it stands, is one of the words that the API has for it."""
        success = self.data.get("success") if isinstance(self.data, dict) else None
        return success is None or isinstance(success, bool)

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
        return " ".join(self.data.split()) if isinstance(self.data, str) else ""

    @property
    def is_foreign(self) -> bool:
        """Whether something between here and Vast.ai wrote it: a page, a text, or JSON that is not the API's."""
        text = self.message.lower()
        if not isinstance(self.data, dict):
            return not self.is_json or not isinstance(self.data, str)
        if _OWN_KEYS.isdisjoint(self.data):
            return True
        return _OWN_KEYS & self.data.keys() <= {"message", "detail"} and text.startswith(_FOREIGN_WORDS)


def says_no(reply: t.Mapping[str, t.Any]) -> bool:
    """Whether an object says that it did not succeed, or does not say clearly that it did."""
    success = reply.get("success")
    if success is True:
        return False
    if success is None:
        return any(isinstance(reply.get(key), str) and reply[key].strip() for key in ("error", "error_msg"))
    return True


def is_whole(value: t.Any) -> t.TypeGuard[int]:
    """Whether a value of a reply is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _no_number(_text: str) -> None:
    """NaN and the infinities are no JSON, and no comparison with them guards anything."""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    return int(text) if len(text.lstrip("-")) <= MAX_DIGITS else None


def _is_deeper(data: t.Any, limit: int) -> bool:
    """Whether a value is nested more often than that; without recursion."""
    level = [data]
    for _depth in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _mended(data: t.Any) -> t.Any:
    if isinstance(data, str):
        return data if data.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", data)
    if isinstance(data, dict):
        return {_mended(name): _mended(value) for name, value in data.items()}
    return [_mended(item) for item in data] if isinstance(data, list) else data


def _described(text: str, size: int) -> str:
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


def error_from_reply(
    sent: str, reply: Reply, exchange: Exchange, redactor: Redactor, *, safe: bool, key_source: str = ""
) -> VastError:
    """The error that a reply without success stands for.

    `safe` tells that the request may be sent again at will, `key_source` where the key comes from.
    """
    says = redactor.text(reply.message).rstrip(".") or "no message"
    answer = f"Vast.ai answered {reply.status} to {sent}: {says}"
    text = reply.message.lower()
    if 300 <= reply.status < 400:
        location = redactor.text(reply.headers.get("Location", "nowhere").partition("?")[0])
        return ProtocolError(
            f"{sent} was answered with a redirect ({reply.status}) to {location}, which is not followed. "
            "Check api_url.",
            exchange,
        )
    if reply.status >= 500 or reply.status in _GATEWAY:
        return _server_error(answer, reply.status, exchange, safe=safe)
    if reply.status == 429:
        return _refused_for_pace(answer, reply, exchange)
    if _is_login(reply, text):
        source = f" It came from {key_source}." if key_source else ""
        return AuthError(
            f"{answer}. The API key is wrong, expired or not accepted here.{source} See "
            "https://cloud.vast.ai/manage-keys/.",
            exchange,
        )
    if not reply.is_clear and reply.status < 300:
        msg = f"{answer}. It does not say clearly whether it succeeded."
        return (
            ProtocolError(msg, exchange) if safe else UnknownOutcome(f"{msg} It may have been carried out.", exchange)
        )
    if _is_from_gateway(reply):
        return _from_gateway(sent, reply.status, says, exchange, safe=safe)
    return _refused(answer, reply, text, exchange)


def _refused(answer: str, reply: Reply, text: str, exchange: Exchange) -> VastError:
    """What the API itself means by a refusal: text, slug and status count, since releases of it differ in each."""
    slug = reply.slug or ""
    if _is_queued(slug, text) or "no_such_ask" in (slug, *text.split()) or "no longer available" in text:
        return Unavailable(f"{answer}.", exchange)
    if slug in _MONEY_SLUGS or re.search(_MONEY_WORDS, text):
        return BudgetExceeded(f"{answer}. See https://cloud.vast.ai/billing/.", exchange)
    # Of one thing a 410 says that it is gone, of all of them that the route is.
    if reply.status == 410 and re.search(r"/\d+/$", exchange.url) and not re.search(_RETIRED, f"{slug} {text}"):
        return Unavailable(f"{answer}.", exchange)
    if slug == "deprecated_endpoint" or reply.status in (405, 410):
        msg = f"{answer}. Vast.ai has retired this route; a newer release of the collection is needed."
        return Deprecated(msg, exchange)
    if reply.status in (401, 403) or (reply.status == 400 and re.search(_DENIED, text)):
        return PermissionDenied(f"{answer}. The API key lacks the permission for this.", exchange)
    if reply.status == 404 or slug.startswith("no_such_") or re.fullmatch(_ABSENT, text):
        return NotFound(f"{answer}.", exchange)
    return Invalid(f"{answer}.", exchange)


def _server_error(answer: str, status: int, exchange: Exchange, *, safe: bool) -> VastError:
    if status in _GATEWAY and safe:
        return ServerError(f"{answer}.", exchange).as_repeatable()
    if status in _GATEWAY:
        return UnknownOutcome(f"{answer}. It may have been carried out.", exchange)
    return ServerError(f"{answer}." + ("" if safe else " It may have been carried out."), exchange)


def _refused_for_pace(answer: str, reply: Reply, exchange: Exchange) -> VastError:
    if reply.slug == "search_quota_exceeded":
        return QuotaExceeded(f"{answer}. The quota resets at 00:00 UTC.", exchange)
    return RateLimited(f"{answer}.", exchange).with_pace(*_pace(reply))


def _is_login(reply: Reply, text: str) -> bool:
    """Whether the key is not accepted; a 401 may also mean that an accepted one lacks a permission."""
    if reply.slug == "auth_error" or any(words in text for words in _LOGIN_WORDS):
        return True
    return reply.status == 401 and not _is_from_gateway(reply) and not re.search(_DENIED, text)


def _is_queued(slug: str, text: str) -> bool:
    """Whether a start waits for its GPU now, or was refused for want of one."""
    return slug == "resources_unavailable" or any(words in text for words in _QUEUE_WORDS)


def _is_from_gateway(reply: Reply) -> bool:
    """Whether a refusal is not the API's: then it tells nothing of what was asked for."""
    is_page = reply.message.startswith("an HTML page") and not reply.is_json
    return (is_page and reply.status != 405) or (reply.status in (404, 410) and reply.is_foreign)


def _from_gateway(sent: str, status: int, says: str, exchange: Exchange, *, safe: bool) -> VastError:
    msg = (
        f"Something between here and Vast.ai answered {status} to {sent}: {says}. It tells nothing of what was asked "
        "for. Check api_url."
    )
    return ProtocolError(msg, exchange) if safe else ServerError(f"{msg} It may have been carried out.", exchange)


def _pace(reply: Reply) -> tuple[float, float | None]:
    """How long a 429 asks to wait, and the interval it names: header, JSON or plain text (F2.4)."""
    named = re.search(_THRESHOLD, reply.text[:4096])
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
