# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replies read: the message of every body shape, the error class of every error_from_reply, nothing "
"secret in either."""

from __future__ import annotations

import email.utils
import json
import re
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
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
from ansible_collections.vastai.cloud.plugins.module_utils._api.redact import Redactor
from ansible_collections.vastai.cloud.plugins.module_utils._api.refusals import error_from_reply
from ansible_collections.vastai.cloud.plugins.module_utils._api.replies import Reply

from ...harness import KEY, FakeClock


def reply(body: t.Any = b"", status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply.parse(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def refused(answer: Reply, *, safe: bool = True, url: str = "https://vast.test/", **more: str) -> VastError:
    exchange = Exchange("PUT", url, answer.status)
    return error_from_reply(f"PUT {url}", answer, exchange, Redactor([KEY]), safe=safe, **more)


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
        pytest.param(b"caf\xe9", "4 bytes that are not JSON", id="invalid-utf-8"),
        pytest.param(b'{"msg": "cut off', "16 bytes that are not JSON", id="half-an-object"),
        pytest.param(b"HF_TOKEN=hf_abc", "15 bytes that are not JSON", id="an-assignment"),
        pytest.param(b"api key: abc", "12 bytes that are not JSON", id="a-name-and-a-value"),
        pytest.param(b"x" * 33, "33 bytes that are not JSON", id="no-word-is-that-long"),
        pytest.param(b"word " * 41, "205 bytes that are not JSON", id="a-long-text"),
        pytest.param(b"word " * 40, " ".join(["word"] * 40), id="a-short-text"),
        pytest.param(b"<Error><Code>AccessDenied</Code></Error>", "40 bytes that are not JSON", id="xml"),
        pytest.param(b" \n", "", id="blanks"),
        pytest.param(
            b"API requests too frequent: endpoint threshold=0.7",
            "API requests too frequent: endpoint threshold=0.7",
            id="the-text-of-a-429",
        ),
        pytest.param(
            b"<html><title lang=en>" + b"very " * 39 + b"long</title>",
            f"an HTML page titled {('very ' * 20).strip() + ' '!r}",
            id="i-html-with-a-long-title",
        ),
        pytest.param(b"<html><title>never closed " + b"x" * 9000, "an HTML page", id="i-html-title-never-closed"),
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
        (400, {"error": "insufficient_credit", "msg": "bad"}, BudgetExceeded),
        (400, {"error": "no_such_workergroup", "msg": "gone"}, NotFound),
        (400, {"error": "invalid_id", "msg": "Invalid instance id."}, NotFound),
        (400, {"error": "invalid_args", "msg": "error 400/1001: invalid instance_id"}, NotFound),
        (200, {"success": False, "error": "invalid_id", "msg": "Invalid instance id."}, NotFound),
        (
            200,
            {"success": False, "error": "invalid_id", "msg": "Invalid instance id. Is the container started?"},
            Invalid,
        ),
        (400, {"error": "invalid_args", "msg": "Endpoint 77 for user 5 not found."}, NotFound),
        (404, {"msg": "Endpoint 77 for user 5 not found."}, NotFound),
        (404, {"success": False, "msg": "No endpoints for user 5 found."}, NotFound),
        (400, {"msg": "No endpoints for user found"}, Invalid),
        (400, {"error": "missing_billing", "msg": "add a card"}, BudgetExceeded),
        (
            400,
            {"error": "invalid_args", "msg": "Only the Template Creator may Update Existing Template."},
            PermissionDenied,
        ),
        (401, {"msg": "no key"}, AuthError),
        (401, {"msg": "Two Factor Authentication is required"}, AuthError),
        (401, b"", AuthError),
        (401, {"error": "unauthorized", "msg": "Unauthorized"}, AuthError),
        (
            401,
            {
                "msg": "Authorization Error. Your key lacks the api.instances route access which is required for this "
                "action."
            },
            PermissionDenied,
        ),
        (401, {"success": False, "msg": "Templates can ONLY be Deleted by their Creator"}, PermissionDenied),
        (401, {"error": "Unauthorized", "msg": "Caller is not the owner of the volume"}, PermissionDenied),
        (401, {"msg": "Unauthorized to access volume 5, or it does not exist"}, PermissionDenied),
        (401, b"<html><title>401</title></html>", ProtocolError),
        (403, b"<html><title>Attention Required</title></html>", ProtocolError),
        (400, b"<html><title>400 Bad Request</title></html>", ProtocolError),
        (403, {"error": "auth_error", "msg": "This action requires login."}, AuthError),
        (403, {"msg": "This action requires login."}, AuthError),
        (403, {"error": "forbidden", "msg": "not yours"}, PermissionDenied),
        (403, b"", PermissionDenied),
        (404, {"error": "auth_error", "msg": "Invalid user key"}, AuthError),
        (404, {"error": "auth_error"}, AuthError),
        (404, b"Invalid user key", AuthError),
        (404, {"msg": "Session expired. Please log in again."}, AuthError),
        (404, {"error": "no_such_instance", "msg": "gone"}, NotFound),
        (404, b"<html><title>Not Found</title></html>", ProtocolError),
        (404, b"", ProtocolError),
        (404, b"404 page not found", ProtocolError),
        (404, b"default backend - 404", ProtocolError),
        (404, {}, ProtocolError),
        (404, {"code": 5}, ProtocolError),
        (404, ["gone"], ProtocolError),
        (404, None, ProtocolError),
        (404, {"message": "Not Found"}, ProtocolError),
        (404, {"detail": "Not Found"}, ProtocolError),
        (404, {"message": "Not Found", "detail": "Not Found"}, ProtocolError),
        (404, {"message": "no Route matched with those values"}, ProtocolError),
        (404, {"message": "API Key not found."}, NotFound),
        (404, {"msg": "Not found"}, NotFound),
        (404, {"success": False, "message": "Not Found"}, NotFound),
        (404, "API key not found", NotFound),
        (404, {"error": "no_such_ask", "msg": "No ask by id 5 is available."}, Unavailable),
        (404, {"error": "invalid_args", "msg": "error 404/3603: no_such_ask 5"}, Unavailable),
        (404, {"error": "no_such_instance"}, NotFound),
        (405, {"detail": "Method Not Allowed"}, Deprecated),
        (405, b"<html><title>405</title></html>", Deprecated),
        (405, b"", Deprecated),
        (408, b"", ServerError),
        (409, {"error": "user_exists"}, Invalid),
        (410, {"error": "deprecated_endpoint", "msg": "use v1"}, Deprecated),
        (400, {"error": "deprecated_endpoint", "msg": "use v1"}, Deprecated),
        (410, {"success": False, "msg": "/api/v0/things/ is deprecated. Use /api/v1/things/ instead."}, Deprecated),
        (410, {"msg": "Gone"}, Deprecated),
        (410, {"error": "no_such_ask", "msg": "Instance type 5 is no longer available."}, Unavailable),
        (410, {"error": "gone", "msg": "offer 5 is no longer available"}, Unavailable),
        (410, b"", ProtocolError),
        (410, b"<html><title>410 Gone</title></html>", ProtocolError),
        (410, {"code": 410}, ProtocolError),
        (411, b"insufficient credit", BudgetExceeded),
        (400, {"error": "failed", "msg": "error 400/3740: Insufficient credit, please add funds."}, BudgetExceeded),
        (403, {"error": "missing_billing", "msg": "add a card"}, BudgetExceeded),
        (200, {"success": False, "error": "insufficient_credit"}, BudgetExceeded),
        (422, {"msg": "duplicate"}, Invalid),
        (429, b"API requests too frequent", RateLimited),
        (429, {"error": "rate_limit_exceeded", "msg": "slow down"}, RateLimited),
        (429, {"error": "search_quota_exceeded", "msg": "quota"}, QuotaExceeded),
        (483, b"not JSON", Invalid),
        (200, {"success": False, "error": "resources_unavailable", "msg": "queued"}, Unavailable),
        (200, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, AuthError),
        (200, {"success": False, "msg": "no"}, Invalid),
        *(
            (status, {"success": False, **says}, Unavailable)
            for status in (200, 400, 409)
            for says in (
                {"msg": "Required resources are currently unavailable, state change queued."},
                {"error": "queued", "msg": "Required resources are currently unavailable, state change queued."},
                {"error": "invalid_args", "msg": "State change queued"},
                {"error": "resources_unavailable"},
                {"message": "Resources are currently unavailable."},
            )
        ),
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
    assert found.failure()["status_code"] == status


def test_only_a_write_that_failed_may_have_been_carried_out() -> None:
    assert refused(reply({"msg": "oops"}, 500)).msg == "Vast.ai answered 500 to PUT https://vast.test/: oops."
    assert refused(reply({"msg": "oops"}, 500), safe=False).msg.endswith("oops. It may have been carried out.")


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"success": False, "new_contract": 5}, 200, True),
        ({"new_contract": 5}, 400, False),
        ({"new_contract": 0}, 200, False),
        ({"new_contract": True}, 200, False),
        ({"new_contract": "5"}, 200, False),
        ({"contract": 5}, 200, False),
        (["new_contract"], 200, False),
    ],
)
def test_only_a_2xx_names_what_was_made(body: t.Any, status: int, named: bool) -> None:
    assert reply(body, status).names("new_contract") is named


@pytest.mark.parametrize(("size", "shown"), [(200, "no " * 66 + "no"), (201, "201 bytes that are not JSON")])
def test_a_short_plain_text_is_shown(size: int, shown: str) -> None:
    assert reply(("no " * 66 + "no").ljust(size, "!").encode()).message == shown


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
    assert msg.endswith(" to https://other.test/, which is not followed. Check api_url.")
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


@pytest.mark.parametrize("depth", [10, 64])
@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_nested_reply_is_shown_and_breaks_nothing(begin: bytes, end: bytes, depth: int) -> None:
    answer = reply(begin * depth + b"1" + end * depth, 400)
    assert Redactor([KEY]).data(answer.data).startswith(begin.decode())
    assert refused(answer).__class__ is Invalid


@pytest.mark.parametrize("depth", [65, 100, 600, 900, 5_000, 100_000])
@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_reply_that_is_nested_too_deeply_is_described(begin: bytes, end: bytes, depth: int) -> None:
    body = begin * depth + b"1" + end * depth
    assert reply(body).data == f"{len(body)} bytes of JSON that is nested more than 64 times"
    assert refused(reply(body, 429)).__class__ is RateLimited


def test_the_key_that_is_not_accepted_is_named_by_its_source() -> None:
    answer = reply({"error": "auth_error", "msg": "Invalid user key"}, 404)
    msg = refused(answer, key_source="the environment variable VAST_API_KEY").msg
    assert "not accepted here. It came from the environment variable VAST_API_KEY. See https:" in msg
    assert "not accepted here. See https:" in refused(answer).msg


@pytest.mark.parametrize(
    ("url", "error"), [("https://vast.test/a/5/", Unavailable), ("https://vast.test/a/", Deprecated)]
)
def test_a_410_means_one_thing_or_the_route(url: str, error: type[VastError]) -> None:
    assert refused(reply({"success": False, "msg": "contract ended"}, 410), url=url).__class__ is error
    retired = reply({"success": False, "error": "deprecated_endpoint"}, 410)
    assert refused(retired, url=url).__class__ is Deprecated


@pytest.mark.parametrize("status", [404, 410, 403])
def test_what_something_in_between_says_of_a_write_leaves_it_open(status: int) -> None:
    found = refused(reply(b"<html><title>Sorry</title></html>", status), safe=False)
    assert found.__class__ is ServerError
    assert not found.repeatable
    assert found.msg == (
        f"A proxy or gateway in front of Vast.ai answered {status} to PUT https://vast.test/: an HTML page "
        "titled 'Sorry'. "
        "This says nothing about the requested resource. Check api_url. It may have been carried out."
    )


@pytest.mark.parametrize(
    ("body", "ok"),
    [
        ({"success": "false"}, False),
        ({"success": "False"}, False),
        ({"success": 0}, False),
        ({"success": "0"}, False),
        ({"success": []}, False),
        ({"error": "invalid_args"}, False),
        ({"error_msg": "invalid key"}, False),
        ({"success": None, "error": "invalid_args"}, False),
        ({"success": True, "error": "a note"}, True),
        ({"success": "true"}, False),
        ({"success": 1}, False),
        ({"error": None}, True),
        ({"error": " "}, True),
        ({"success": None}, True),
    ],
)
def test_a_2xx_may_say_no_in_many_ways(body: t.Any, ok: bool) -> None:
    assert reply(body).ok is ok


@pytest.mark.parametrize("success", ["false", "true", 0, 1, [], "0"])
def test_a_2xx_that_does_not_say_clearly_whether_it_succeeded_leaves_it_open(success: t.Any) -> None:
    answer = reply({"success": success, "msg": "the text"})
    assert refused(answer).__class__ is ProtocolError
    assert refused(answer).failure()["status_code"] == 200
    assert refused(answer, safe=False).__class__ is UnknownOutcome
    assert "the text. The reply does not show clearly whether the request succeeded." in refused(answer, safe=False).msg


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
        ("1e999", None),
        ("-1e999", None),
        ("1" * 400, None),
        ("1" * 5000, None),
        ("-" + "1" * 5000, None),
        ("12345678901234567890", None),
        ("1234567890123456789", 1234567890123456789),
        ("-1234567890123456789", -1234567890123456789),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-5", -5),
        ("0", 0),
    ],
)
def test_numbers_that_are_none_become_null(text: str, value: float | None) -> None:
    assert reply(f'{{"a": [{text}]}}'.encode()).data == {"a": [value]}


def test_half_characters_are_replaced_when_a_reply_is_parsed() -> None:
    body = rb'{"a\ud800": ["\udfff x", {"b": "\ud83d\ude00 \uD83D"}], "c": 5}'
    data = reply(body).data
    assert data == {"a\ufffd": ["\ufffd x", {"b": "\U0001f600 \ufffd"}], "c": 5}
    json.dumps(data, ensure_ascii=False).encode()
    assert reply(b"\xed\xa0\x80").text == "\ufffd" * 3


SECRETS = b'{"instances": [{"id": 5, "extra_env": [["HF_TOKEN", "s3cr3t"]], "image_login": "-u me -p s3cr3t", "ons'


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 410, 429, 500, 502])
@pytest.mark.parametrize("body", [SECRETS, SECRETS[20:], SECRETS[60:90], b"<html>s3cr3t</html>", b"HF=s3cr3t"])
def test_a_body_that_cannot_be_read_is_not_shown(status: int, body: bytes) -> None:
    answer = reply(body, status)
    assert "s3cr3t" not in answer.message + Redactor([KEY]).data(answer.data) + refused(answer).msg


@pytest.mark.parametrize(
    "unit", [b"<title>", b"<title", b"<html>", b"threshold", b"threshold  =", b"threshold=1", b" "]
)
def test_of_a_large_page_only_the_beginning_is_read(unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    search = re.search

    def note(pattern: str, text: str, *flags: t.Any) -> re.Match[str] | None:
        searched.append(len(text))
        return search(pattern, text, *flags)

    monkeypatch.setattr(re, "search", note)
    answer = reply(b"<html>" + unit * (1_000_000 // len(unit)), 429)
    refused(answer)
    refused(reply(unit * (1_000_000 // len(unit)), 429))
    assert max(searched) <= 4096
