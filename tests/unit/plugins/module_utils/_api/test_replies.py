# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replies read: the message of every body shape, the error class of every error_from_reply, nothing "
"secret in either."""

from __future__ import annotations

import email.utils
import json
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
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
from ansible_collections.vastai.cloud.plugins.module_utils._api.redact import Redactor
from ansible_collections.vastai.cloud.plugins.module_utils._api.replies import Reply, error_from_reply

from ...harness import KEY, FakeClock


def reply(body: t.Any = b"", status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply.parse(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def refused(answer: Reply, *, safe: bool = True) -> VastError:
    exchange = Exchange("PUT", "https://vast.test/", answer.status)
    return error_from_reply("PUT https://vast.test/", answer, exchange, Redactor([KEY]), safe=safe)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"success": False, "error": "slug", "msg": "the text"}, "the text", id="a-usual"),
        pytest.param({"error": "slug", "msg": "the text"}, "the text", id="b-without-success"),
        pytest.param({"success": False, "msg": "the text"}, "the text", id="b-without-error"),
        pytest.param({"msg": "the text"}, "the text", id="c-msg"),
        pytest.param({"message": "the text"}, "the text", id="c-message"),
        pytest.param({"detail": "the text"}, "the text", id="d-detail"),
        pytest.param({"status": "failure", "message": "the text"}, "the text", id="e-status"),
        pytest.param("the text", "the text", id="f-json-string"),
        pytest.param(b"the\n  text\n", "the text", id="g-plain-text"),
        pytest.param({"msg": "the text", "ask_id": 5, "new_contract": 6}, "the text", id="h-context-keys"),
        pytest.param(
            b"<!DOCTYPE html><HTML><head><title>502\nBad Gateway</title></head>",
            "an HTML page titled '502 Bad Gateway'",
            id="i-html",
        ),
        pytest.param(b"<html><body>no title</body></html>", "an HTML page", id="i-html-without-title"),
        pytest.param({"error_msg": "the text"}, "the text", id="k-serverless"),
        pytest.param({"error": "slug"}, "slug", id="slug-alone"),
        pytest.param({"msg": None, "message": "  ", "detail": 5, "error": "slug"}, "slug", id="no-text-is-skipped"),
        pytest.param({}, "", id="empty-object"),
        pytest.param([1, 2], "", id="list"),
        pytest.param(None, "", id="null"),
        pytest.param(b"", "", id="empty-body"),
        pytest.param(b"caf\xe9", "caf\ufffd", id="invalid-utf-8"),
        pytest.param(b'{"msg": "cut off', '{"msg": "cut off', id="half-an-object"),
    ],
)
def test_the_message_is_found_in_every_shape_of_body(body: t.Any, message: str) -> None:
    assert reply(body).message == message


@pytest.mark.parametrize(
    ("status", "body", "ok"),
    [
        (200, {"success": True}, True),
        (200, {}, True),
        (204, b"", True),
        (200, {"success": False}, False),
        (201, {"success": False, "msg": "no"}, False),
        (302, b"", False),
        (404, {"success": True}, False),
    ],
)
def test_success_is_a_2xx_that_does_not_say_otherwise(status: int, body: t.Any, ok: bool) -> None:
    assert reply(body, status).ok is ok


def test_only_a_text_is_a_slug() -> None:
    assert reply({"error": "invalid_args"}).slug == "invalid_args"
    assert reply({"error": {"code": 5}}).slug is None
    assert reply("invalid_args").slug is None


LOST: tuple[int, ...] = (502, 503, 504, 520, 522, 524, 527)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": "invalid_args", "msg": "bad"}, Invalid),
        (400, {"error": "insufficient_credit", "msg": "bad"}, Invalid),
        (400, {"error": "no_such_workergroup", "msg": "gone"}, NotFound),
        (401, {"msg": "no key"}, AuthError),
        (401, {"msg": "Two Factor Authentication is required"}, AuthError),
        (401, b"", AuthError),
        (403, {"error": "auth_error", "msg": "This action requires login."}, AuthError),
        (403, {"msg": "This action requires login."}, AuthError),
        (403, {"error": "forbidden", "msg": "not yours"}, PermissionDenied),
        (403, b"", PermissionDenied),
        (404, {"error": "auth_error", "msg": "Invalid user key"}, AuthError),
        (404, {"error": "auth_error"}, AuthError),
        (404, b"Invalid user key", AuthError),
        (404, {"msg": "Session expired. Please log in again."}, AuthError),
        (404, {"error": "no_such_instance", "msg": "gone"}, NotFound),
        (404, b"<html><title>Not Found</title></html>", NotFound),
        (409, {"error": "user_exists"}, Invalid),
        (410, {"error": "deprecated_endpoint", "msg": "use v1"}, Deprecated),
        (410, {"error": "no_longer_available", "msg": "offer gone"}, Unavailable),
        (411, b"insufficient credit", Invalid),
        (422, {"msg": "duplicate"}, Invalid),
        (429, b"API requests too frequent", RateLimited),
        (429, {"error": "rate_limit_exceeded", "msg": "slow down"}, RateLimited),
        (429, {"error": "search_quota_exceeded", "msg": "quota"}, QuotaExceeded),
        (483, b"not JSON", Invalid),
        (200, {"success": False, "error": "resources_unavailable", "msg": "queued"}, Unavailable),
        (200, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, AuthError),
        (200, {"success": False, "msg": "no"}, Invalid),
        (301, b"", ProtocolError),
        (307, b"", ProtocolError),
        (500, {"msg": "oops"}, ServerError),
        (501, b"", ServerError),
        *((status, b"<html></html>", ServerError) for status in LOST),
    ],
)
def test_each_refusal_has_its_class(status: int, body: t.Any, error: type[VastError]) -> None:
    found = refused(reply(body, status))
    assert found.__class__ is error
    assert str(status) in found.msg
    assert found.failure()["status_code"] == status


@pytest.mark.parametrize("status", LOST)
def test_a_gateway_error_leaves_open_what_became_of_a_write(status: int) -> None:
    found = refused(reply(b"", status), safe=False)
    assert found.__class__ is UnknownOutcome
    assert not found.repeatable
    assert "may have been carried out" in found.msg


@pytest.mark.parametrize(
    ("status", "body", "repeatable"),
    [
        (429, b"API requests too frequent", True),
        (503, b"", True),
        (429, {"error": "search_quota_exceeded"}, False),
        (500, b"", False),
        (404, b"", False),
        (200, {"success": False}, False),
    ],
)
def test_only_what_can_pass_is_worth_another_try(status: int, body: t.Any, repeatable: bool) -> None:
    assert refused(reply(body, status)).repeatable is repeatable


def test_a_refusal_quotes_the_api_or_says_that_it_said_nothing() -> None:
    assert refused(reply({"msg": "the text"}, 400)).msg.endswith("https://vast.test/: the text.")
    assert refused(reply(b"", 400)).msg.endswith("https://vast.test/: no message.")


def test_a_redirect_is_shown_without_its_secrets() -> None:
    msg = refused(reply(b"", 301, Location=f"https://other.test/?api_key={KEY}&token=s3cr3t")).msg
    assert "https://other.test/" in msg
    assert KEY not in msg
    assert "s3cr3t" not in msg


@pytest.mark.parametrize(
    ("body", "headers", "wait", "threshold"),
    [
        pytest.param(b"API requests too frequent", {}, 0.0, None, id="plain"),
        pytest.param(b"API requests too frequent endpoint threshold=2.5", {}, 0.0, 2.5, id="threshold-in-text"),
        pytest.param({"detail": "too frequent endpoint threshold = 4"}, {}, 0.0, 4.0, id="threshold-in-json"),
        pytest.param({"retry_after": 7}, {}, 7.0, None, id="json-number"),
        pytest.param({"retry_after": "7.5"}, {}, 7.5, None, id="json-text"),
        pytest.param(b"", {"Retry_After": "9"}, 9.0, None, id="header-seconds"),
        pytest.param({"retry_after": 12}, {"Retry_After": "9"}, 12.0, None, id="the-longer-one"),
        pytest.param(b"", {"Retry_After": "-5"}, 0.0, None, id="negative"),
        pytest.param(b"", {"Retry_After": "soon"}, 0.0, None, id="no-time"),
        pytest.param(b"", {"Retry_After": "nan"}, 0.0, None, id="nan"),
        pytest.param(b"", {"Retry_After": "inf"}, 0.0, None, id="infinite"),
        pytest.param(b"", {"Retry_After": "Sun, 06 Nov 99999 08:49:37 GMT"}, 0.0, None, id="impossible-date"),
        pytest.param({"retry_after": ["7"]}, {}, 0.0, None, id="json-list"),
        pytest.param({"retry_after": 10**400}, {}, 0.0, None, id="beyond-all-numbers"),
    ],
)
def test_a_429_tells_how_long_to_wait(
    body: t.Any, headers: dict[str, str], wait: float, threshold: float | None
) -> None:
    found = refused(reply(body, 429, **headers))
    assert isinstance(found, RateLimited)
    assert (found.wait, found.threshold) == (wait, threshold)


@pytest.mark.parametrize(("ahead", "wait"), [(30.0, 30.0), (-30.0, 0.0)])
def test_a_429_may_name_a_date(clock: FakeClock, ahead: float, wait: float) -> None:
    found = refused(reply(b"", 429, Retry_After=email.utils.formatdate(clock.seconds + ahead, usegmt=True)))
    assert isinstance(found, RateLimited)
    assert found.wait == wait


@pytest.mark.parametrize("depth", [100, 600, 900, 5_000, 100_000])
def test_a_deeply_nested_reply_is_shown_and_breaks_nothing(depth: int) -> None:
    answer = reply(b"[" * depth + b"]" * depth, 400)
    assert Redactor([KEY]).data(answer.data).startswith("[[[")
    assert refused(answer).__class__ is Invalid
