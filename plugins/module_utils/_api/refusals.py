# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What no reply, and one without success, means, or that requests is missing: a typed error with nothing secret in it.

Not for a task that succeeds.
"""

from __future__ import annotations

import contextlib
import email.utils
import os
import re
import shlex
import sys
import time
import typing as t

from .bodies import THRESHOLD
from .errors import (
    AuthError,
    BudgetExceeded,
    DependencyError,
    Deprecated,
    Exchange,
    Invalid,
    NotFound,
    PermissionDenied,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
    Unavailable,
    UnknownOutcome,
    VastError,
    WireFault,
)
from .redact import Redactor
from .replies import Reply

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
_GATEWAY = frozenset((408, 502, 503, 504, *range(520, 528)))
"""Statuses of something in between (F2.2): what became of the request behind it is not known."""


def error_from_reply(
    sent: str, reply: Reply, exchange: Exchange, redactor: Redactor, *, safe: bool, key_source: str = ""
) -> VastError:
    """The error that a reply without success stands for, or one without an object where that was asked for.

    `safe` tells that the request may be sent again at will, `key_source` where the key comes from.
    """
    if reply.ok:
        return _without_object(sent, reply, exchange, redactor, safe=safe)
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
        msg = f"{answer}. The reply does not show clearly whether the request succeeded."
        return (
            ProtocolError(msg, exchange) if safe else UnknownOutcome(f"{msg} It may have been carried out.", exchange)
        )
    if _is_from_gateway(reply):
        return _from_gateway(sent, reply.status, says, exchange, safe=safe)
    return _refused(answer, reply, text, exchange)


def error_without_reply(
    sent: str, fault: WireFault, exchange: Exchange, redactor: Redactor, *, safe: bool
) -> VastError:
    """What it means that there is no reply: it cannot be sent, it was not sent, or its reply is lost."""
    reason = redactor.text(fault.reason)
    if fault.invalid:
        return Invalid(f"{sent} cannot be sent: {reason}.", exchange)
    if fault.sent and not safe:
        return UnknownOutcome(f"The reply to {sent} was lost: {reason}. It may have been carried out.", exchange)
    if fault.sent and fault.final:
        return ProtocolError(f"The reply to {sent} cannot be read: {reason}.", exchange)
    says = f"The reply to {sent} was lost" if fault.sent else f"{sent} was not sent"
    error = TransportError(f"{says}: {reason}.", exchange)
    return error if fault.final else error.as_repeatable()


def requests_missing(traceback: str) -> DependencyError:
    """The failure of every module and plugin without requests, with the command that installs it."""
    python = sys.executable or "python3"
    ways = [f"{shlex.quote(python)} -m pip install requests"]
    if "pipx" in sys.prefix.split(os.sep):
        ways.insert(0, f"pipx inject {shlex.quote(os.path.basename(sys.prefix))} requests")
    if sys.prefix == sys.base_prefix:
        ways.append("the package python3-requests of your distribution")
    return DependencyError(
        f"The Python library requests is missing for {python}. Install it: {', or '.join(ways)}.", exception=traceback
    )


def _without_object(sent: str, reply: Reply, exchange: Exchange, redactor: Redactor, *, safe: bool) -> VastError:
    says = redactor.text(reply.message) or "an empty body"
    msg = f"Vast.ai answered {reply.status} to {sent}, but not with a JSON object: {says}."
    return ProtocolError(msg, exchange) if safe else UnknownOutcome(f"{msg} It may have been carried out.", exchange)


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
        msg = f"{answer}. Vast.ai has retired this route; update the collection."
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
        f"A proxy or gateway in front of Vast.ai answered {status} to {sent}: {says}. This says nothing about "
        "the requested resource. Check api_url."
    )
    return ProtocolError(msg, exchange) if safe else ServerError(f"{msg} It may have been carried out.", exchange)


def _pace(reply: Reply) -> tuple[float, float | None]:
    """How long a 429 asks to wait, and the interval it names: header, JSON or plain text (F2.4)."""
    named = re.search(THRESHOLD, reply.text[:4096])
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
