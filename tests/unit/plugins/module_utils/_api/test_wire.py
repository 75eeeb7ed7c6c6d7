# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One exchange: its end in time whatever the peer does, its size, every oddity as a failure with a class, proxies."""

from __future__ import annotations

import gzip
import http.client
import ssl
import time
import tracemalloc
import typing as t
import zlib

import pytest
import requests
from urllib3.exceptions import MaxRetryError

from ansible_collections.vastai.cloud.plugins.module_utils._api import client as clients
from ansible_collections.vastai.cloud.plugins.module_utils._api import settings, wire, wire_faults
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client, Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import VastError, WireFault
from ansible_collections.vastai.cloud.plugins.module_utils._api.wire import Wire

from ...harness import KEY, FakeClock
from .server import (
    CHUNKED,
    GOOD,
    PATIENCE,
    READ,
    WRITE,
    Answer,
    Authority,
    RealClock,
    Serve,
    call,
    connect,
    unused_port,
)
from .server import (
    http as reply,
)

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.SystemTimeWarning")

ROUTES = pytest.mark.parametrize("route", [READ, WRITE], ids=["GET", "PUT"])
SHORT = 0.1
"""Seconds that an exchange may take here."""
SLOW = 0.01
"""Seconds between two bytes: none of them comes too late by itself."""


def failure(client: Client, route: Route) -> dict[str, t.Any]:
    with pytest.raises(VastError) as failed:
        call(client, route)
    return failed.value.failure()


def drip(data: bytes, again: bytes) -> Answer:
    return Answer(data, again=again, pause=SLOW)


DRIPS = [
    pytest.param(drip(b"", b" "), id="before-the-status-line"),
    pytest.param(drip(b"HTTP/1.1 200 O", b"K"), id="status-line"),
    pytest.param(drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), id="headers"),
    pytest.param(drip(b"HTTP/1.1 200 OK\r\nA: ", b"b"), id="one-header"),
    pytest.param(drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="100-continue"),
    pytest.param(drip(reply(b"{", length=1_000_000), b" "), id="body"),
    pytest.param(drip(b"HTTP/1.1 200 OK\r\n\r\n", b" "), id="body-until-close"),
    pytest.param(drip(CHUNKED, b"0"), id="size-of-a-chunk"),
    pytest.param(drip(CHUNKED + b"1;", b"x"), id="extension-of-a-chunk"),
    pytest.param(drip(CHUNKED, b"1\r\n \r\n"), id="chunks"),
    pytest.param(drip(CHUNKED + b"0\r\n", b"A: b\r\n"), id="trailers"),
    pytest.param(drip(reply(gzip.compress(b"{}")[:10], "Content-Encoding: gzip", length=9999), b"\0"), id="gzip"),
]


@ROUTES
@pytest.mark.parametrize("answer", DRIPS)
def test_no_drip_outlives_the_time_of_an_exchange(serve: Serve, answer: Answer, route: Route) -> None:
    server = serve(answer)
    client = connect(server.url, clock=RealClock(), api_timeout=SHORT, retry_timeout=0)
    began = time.monotonic()
    failed = failure(client, route)
    assert time.monotonic() - began < PATIENCE - 1
    assert failed["error_class"] == ("transport" if route.safe else "unknown_outcome")
    assert f"it took longer than {SHORT:g} s" in failed["msg"]
    assert server.arrived() == 1


@ROUTES
def test_no_drip_behind_tls_outlives_it_either(serve: Serve, authority: Authority, route: Route) -> None:
    server = serve(drip(b"HTTP/1.1 200 OK\r\nA: ", b"b"), tls=authority.server_of("127.0.0.1"))
    client = connect(server.url, clock=RealClock(), api_timeout=SHORT, retry_timeout=0, ca_path=authority.file)
    failed = failure(client, route)
    assert failed["error_class"] == ("transport" if route.safe else "unknown_outcome")
    assert f"it took longer than {SHORT:g} s" in failed["msg"]


def test_the_time_begins_anew_with_each_exchange_of_a_connection(serve: Serve, clock: FakeClock) -> None:
    server = serve()
    client = connect(server.url, api_timeout=60)
    for _call in range(3):
        clock.seconds += 50
        assert call(client, READ) == {"success": True}
    assert len(server.connections) == 1


FLOODS = [
    pytest.param(Answer(again=b"HTTP/1.1 100 Continue\r\n\r\n" * 500), id="100-continue"),
    pytest.param(Answer(b"HTTP/1.1 200 OK\r\n", again=b"A: b\r\n" * 500), id="headers"),
    pytest.param(Answer(b"HTTP/1.1 200 OK\r\nA: ", again=b"b" * 5000), id="one-header"),
    pytest.param(Answer(b"HTTP/1.1 200 O", again=b"K" * 5000), id="status-line"),
    pytest.param(Answer(CHUNKED, again=b"0" * 5000), id="size-of-a-chunk"),
    pytest.param(Answer(CHUNKED, again=(b"1;" + b"x" * 5000 + b"\r\n \r\n") * 9), id="extensions-of-chunks"),
    pytest.param(Answer(CHUNKED + b"0\r\n", again=b"A: b\r\n" * 500), id="trailers"),
    pytest.param(Answer(b"HTTP/1.1 200 OK\r\n\r\n", again=b" " * 50000), id="body"),
]


@ROUTES
@pytest.mark.parametrize("answer", FLOODS)
def test_no_flood_fills_the_memory(serve: Serve, monkeypatch: pytest.MonkeyPatch, answer: Answer, route: Route) -> None:
    monkeypatch.setattr(clients, "MAX_REPLY_BYTES", 100_000)
    monkeypatch.setattr(wire, "MAX_FRAMING_BYTES", 100_000)
    server = serve(answer)
    failed = failure(connect(server.url, retry_timeout=0), route)
    assert failed["error_class"] in (("protocol", "transport") if route.safe else ("unknown_outcome",))
    assert "took longer" not in failed["msg"]


@pytest.mark.parametrize("route", [READ, WRITE])
def test_a_reply_that_is_too_large_as_a_whole_says_how_much_is_allowed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, route: Route
) -> None:
    monkeypatch.setattr(clients, "MAX_REPLY_BYTES", 60_000)
    monkeypatch.setattr(wire, "MAX_FRAMING_BYTES", 30_000)
    server = serve(Answer(again=b"HTTP/1.1 100 Continue\r\n\r\n" * 500))
    assert "the reply is larger than 90000 bytes" in failure(connect(server.url, retry_timeout=0), route)["msg"]


@ROUTES
@pytest.mark.parametrize("status", ["301 Moved Permanently", "307 Temporary Redirect", "304 Not Modified"])
def test_the_body_of_a_redirect_is_never_read(serve: Serve, route: Route, status: str) -> None:
    head = reply(b"", "Location: /elsewhere/", status=status, length=10**12)
    server = serve(Answer(head, again=b"x" * 65536), GOOD)
    tracemalloc.start()
    failed = failure(connect(server.url), route)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failed["status_code"] == int(status[:3])
    assert peak < 8_000_000
    assert len(server.requests) == 1


@ROUTES
@pytest.mark.parametrize(
    "location",
    [b"/\xff", b"http://[", b"http://127.0.0.1:99999999/", b"", b"\x1b[2J", b"http://a b/", b"//", b"\xed\xa0\x80"],
)
def test_no_address_of_a_redirect_is_looked_into(serve: Serve, route: Route, location: bytes) -> None:
    server = serve(Answer(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"))
    failed = failure(connect(server.url), route)
    assert (failed["error_class"], failed["status_code"]) == ("protocol", 302)
    assert len(server.requests) == 1


@ROUTES
@pytest.mark.parametrize("times", [1, 3])
def test_a_compressed_bomb_is_unpacked_no_further_than_allowed(serve: Serve, route: Route, times: int) -> None:
    bomb = gzip.compress(bytes(40_000_000))
    server = serve(Answer(reply(bomb * times, "Content-Encoding: gzip")))
    tracemalloc.start()
    failed = failure(connect(server.url), route)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failed["error_class"] == ("protocol" if route.safe else "unknown_outcome")
    assert "larger than 16777216 bytes" in failed["msg"]
    assert peak < 40_000_000


@pytest.mark.parametrize("size", [0, 10, 65_536, 1_000_000])
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZIP "])
def test_a_compressed_reply_is_unpacked_whole(serve: Serve, size: int, encoding: str) -> None:
    server = serve(Answer(reply(gzip.compress(b'{"a": 1' + b" " * size + b"}"), f"Content-Encoding: {encoding}")))
    assert call(connect(server.url), WRITE) == {"a": 1}


def test_a_reply_compressed_in_parts_is_one_reply(serve: Serve) -> None:
    parts = gzip.compress(b'{"a":') + gzip.compress(b" 1}")
    server = serve(Answer(reply(parts, "Content-Encoding: gzip")))
    assert call(connect(server.url), READ) == {"a": 1}


def test_gzip_is_the_only_encoding_that_is_asked_for(serve: Serve) -> None:
    server = serve()
    call(connect(server.url), READ)
    asked = [line for line in server.requests[0].lower().split(b"\r\n") if line.startswith(b"accept-encoding")]
    assert asked == [b"accept-encoding: gzip"]


@ROUTES
def test_a_reply_of_very_many_values_is_not_parsed(serve: Serve, monkeypatch: pytest.MonkeyPatch, route: Route) -> None:
    monkeypatch.setattr(wire, "MAX_VALUES", 10)
    few, many = (b'{"n": [' + b"0," * count + b"0]}" for count in (10, 11))
    server = serve(Answer(reply(few)), Answer(reply(many)))
    client = connect(server.url)
    assert call(client, route) == {"n": [0] * 11}
    failed = failure(client, route)
    assert failed["error_class"] == ("protocol" if route.safe else "unknown_outcome")
    assert "more than 10 values" in failed["msg"]


ODDITIES = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nContent-Length: 5\r\n\r\n" + b" " * 17, id="two-lengths"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 17, 5\r\n\r\n" + b" " * 17, id="two-lengths-in-one"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="negative-length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", id="length-of-5000-digits"),
    pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", id="no-status"),
    pytest.param(b"HTTP/1.1 99999 OK\r\n\r\n", id="status-of-five-digits"),
    pytest.param(b"HTTP/9.9 200 OK\r\n\r\n", id="unknown-version"),
    pytest.param(b"garbage\r\n\r\n", id="garbage"),
    pytest.param(b"\x00\xff\r\n\r\n", id="bytes"),
    pytest.param(b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\n..", id="no-header"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\xff\x00: \xfe\r\nContent-Length: 2\r\n\r\n..", id="header-of-bytes"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Type: text/x; charset=\xff\r\nContent-Length: 2\r\n\r\n..", id="charset"),
    pytest.param(b"HTTP/1.1 200 OK\r\nSet-Cookie: \xff=;expires=x;port=y\r\nContent-Length: 2\r\n\r\n..", id="cookie"),
    pytest.param(reply(b"..", "Content-Encoding: br"), id="unknown-encoding"),
    pytest.param(reply(b"..", "Content-Encoding: gzip, gzip"), id="two-encodings"),
    pytest.param(reply(gzip.compress(b"{}")[:-4], "Content-Encoding: gzip"), id="gzip-that-is-cut-off"),
    pytest.param(reply(gzip.compress(b"{}") + b"garbage", "Content-Encoding: gzip"), id="gzip-and-garbage"),
    pytest.param(reply(zlib.compress(b"{}"), "Content-Encoding: deflate"), id="deflate"),
    pytest.param(reply(b"", "Content-Encoding: gzip"), id="gzip-of-nothing"),
    pytest.param(CHUNKED + b"zz\r\n", id="size-of-a-chunk-that-is-none"),
    pytest.param(CHUNKED + b"-1\r\n", id="negative-size-of-a-chunk"),
    pytest.param(CHUNKED + b"f" * 5000 + b"\r\n", id="size-of-a-chunk-of-5000-digits"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: magic\r\nContent-Length: 2\r\n\r\n..", id="unknown-transfer"),
    pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="another-protocol"),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="no-content"),
    pytest.param(reply(b"[" * 100_000), id="deep"),
    pytest.param(reply(b"\xff\xfe\x00"), id="no-text"),
]


@ROUTES
@pytest.mark.parametrize("data", ODDITIES)
def test_every_oddity_after_a_write_leaves_its_outcome_unknown(serve: Serve, route: Route, data: bytes) -> None:
    server = serve(Answer(data, "close"))
    failed = failure(connect(server.url, retry_timeout=0), route)
    assert failed["error_class"] in (("protocol", "transport") if route.safe else ("unknown_outcome",))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "error", [RuntimeError, AttributeError, TypeError, UnicodeError, http.client.BadStatusLine, ssl.SSLError]
)
@ROUTES
def test_any_exception_after_the_request_has_a_class(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, route: Route, error: type[Exception]
) -> None:
    def begin(response: http.client.HTTPResponse) -> None:
        raise error("odd")

    monkeypatch.setattr(http.client.HTTPResponse, "begin", begin)
    server = serve()
    failed = failure(connect(server.url, retry_timeout=0), route)
    assert failed["error_class"] == ("transport" if route.safe else "unknown_outcome")


def test_an_interrupt_is_no_lost_reply(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(response: http.client.HTTPResponse) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(http.client.HTTPResponse, "begin", begin)
    with pytest.raises(KeyboardInterrupt):
        call(connect(serve().url), WRITE)


def test_a_large_body_is_sent_whole(serve: Serve) -> None:
    server = serve()
    assert connect(server.url).call(WRITE, body={"onstart": "x" * 300_000}) == {"success": True}
    assert b"x" * 300_000 in server.requests[0]


@ROUTES
def test_a_peer_that_hangs_up_during_the_handshake_got_nothing(serve: Serve, clock: FakeClock, route: Route) -> None:
    server = serve(Answer(b"", "close"))
    failed = failure(connect(server.url.replace("http:", "https:"), retry_timeout=2), route)
    assert failed["error_class"] == "transport"
    assert "was not sent: no " in failed["msg"]
    assert "Gave up after trying" in failed["msg"]
    assert clock.slept != []


# --- proxies

VAST = "http://vast.test"
TLS_VAST = "https://vast.test"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str, str], None]:
    """Sets a proxy variable; all others are away."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch.setenv


SetVariable = t.Callable[[str, str], None]


def test_the_key_never_goes_to_a_proxy_on_the_way_to_this_machine(serve: Serve, variable: SetVariable) -> None:
    proxy, server = serve(), serve()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        variable(name, proxy.url)
    for host in ("127.0.0.1", "localhost"):
        assert call(connect(server.url.replace("127.0.0.1", host)), WRITE) == {"success": True}
    assert len(server.requests) == 2
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("127.0.0.1.vast.test", False),
        ("localhost.vast.test", False),
        ("vast.test", False),
        ("::2", False),
        (None, False),
    ],
)
def test_which_hosts_are_this_machine(host: str | None, own: bool) -> None:
    assert settings.is_loopback(host) is own


def test_an_address_elsewhere_is_asked_for_through_the_proxy(serve: Serve, variable: SetVariable) -> None:
    proxy = serve()
    variable("HTTP_PROXY", proxy.url.replace("http://", "http://user:pass@"))
    assert call(connect(VAST), WRITE) == {"success": True}
    head = proxy.requests[0].lower()
    assert head.startswith(b"put http://vast.test/things/ http/1.1")
    assert b"proxy-authorization: basic" in head


@ROUTES
def test_a_tunnel_through_a_proxy_carries_the_key_only_behind_tls(
    serve: Serve, variable: SetVariable, authority: Authority, route: Route
) -> None:
    proxy = serve(Answer(b"HTTP/1.1 200 Connection established\r\n\r\n"), GOOD)
    proxy.tunnel = authority.server_of("vast.test")
    variable("HTTPS_PROXY", proxy.url)
    client = connect(TLS_VAST, ca_path=authority.file)
    for _call in range(2):
        assert call(client, route) == {"success": True}
    assert [request.split(b" ")[0] for request in proxy.requests] == [b"CONNECT", *[route.method.encode()] * 2]
    assert [KEY.encode() in request for request in proxy.requests] == [False, True, True]


@ROUTES
def test_a_reply_that_is_lost_behind_a_tunnel_leaves_the_outcome_unknown(
    serve: Serve, variable: SetVariable, authority: Authority, route: Route
) -> None:
    proxy = serve(Answer(b"HTTP/1.1 200 Connection established\r\n\r\n"), drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"))
    proxy.tunnel = authority.server_of("vast.test")
    variable("HTTPS_PROXY", proxy.url)
    client = connect(TLS_VAST, ca_path=authority.file, clock=RealClock(), api_timeout=SHORT, retry_timeout=0)
    failed = failure(client, route)
    assert failed["error_class"] == ("transport" if route.safe else "unknown_outcome")
    assert "was lost: it took longer" in failed["msg"]


def test_no_proxy_is_kept_to(serve: Serve, variable: SetVariable, clock: FakeClock) -> None:
    proxy = serve()
    variable("HTTP_PROXY", proxy.url)
    variable("no_proxy", "vast.test")
    assert failure(connect(VAST, retry_timeout=0), READ)["error_class"] == "transport"
    assert proxy.requests == []


@ROUTES
@pytest.mark.parametrize(
    "value",
    [
        "http://user:s3cr3t@proxy:port",
        "http://user:s3cr3t@",
        "http://user:s3cr3t@[",
        "http://user:s3cr3t@proxy:99999999",
        "http://user:p/s3cr3t@proxy:3128",
        "http://user:p#s3cr3t@proxy:3128",
        "http://user:p?s3cr3t@proxy:3128",
        "ftp://user:s3cr3t@proxy:21",
        "s3cr3t://",
        "http:// s3cr3t",
    ],
)
def test_a_broken_proxy_variable_is_named_without_its_value(
    variable: SetVariable, clock: FakeClock, value: str, route: Route
) -> None:
    variable("HTTPS_PROXY", value)
    failed = failure(connect(TLS_VAST), route)
    assert failed["error_class"] == "invalid"
    assert "the environment variable HTTPS_PROXY is not the address of a proxy." in failed["msg"]
    assert "s3cr3t" not in str(failed)
    assert clock.slept == []


def test_a_broken_proxy_of_the_system_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests.utils, "get_environ_proxies", lambda *_url, **_options: {"https": "http://["})
    failed = failure(connect(TLS_VAST), READ)
    assert failed["error_class"] == "invalid"
    assert "variable HTTPS_PROXY (or the system's proxy setting) is not the address of a proxy." in failed["msg"]


@ROUTES
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_final_at_once(
    variable: SetVariable, clock: FakeClock, route: Route, scheme: str
) -> None:
    variable(f"{scheme}_proxy", f"http://user:s3cr3t@127.0.0.1:{unused_port()}")
    failed = failure(connect(f"{scheme}://vast.test"), route)
    assert failed["error_class"] == "transport"
    assert f"was not sent: the proxy that {scheme}_proxy names cannot be reached (Connection refused)." in failed["msg"]
    assert "s3cr3t" not in str(failed)
    assert clock.slept == []


@ROUTES
def test_a_proxy_without_an_address_shows_no_part_of_it(variable: SetVariable, clock: FakeClock, route: Route) -> None:
    variable("https_proxy", "http://user:p@s3cr3t.invalid:3128")
    failed = failure(connect(TLS_VAST, retry_timeout=0), route)
    assert failed["error_class"] == "transport"
    assert "the proxy that https_proxy names cannot be reached" in failed["msg"]
    assert "s3cr3t" not in str(failed)


@ROUTES
@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required"])
def test_a_proxy_that_refuses_is_final_at_once(
    serve: Serve, variable: SetVariable, clock: FakeClock, route: Route, status: str
) -> None:
    proxy = serve(Answer(reply(b"", status=status), "close"))
    variable("HTTPS_PROXY", proxy.url)
    failed = failure(connect(TLS_VAST), route)
    assert failed["error_class"] == "transport"
    assert f"was not sent: the proxy that HTTPS_PROXY names answered {status}." in failed["msg"]
    assert len(proxy.requests) == 1
    assert KEY.encode() not in proxy.requests[0]
    assert clock.slept == []


@ROUTES
def test_a_proxy_that_fails_to_connect_is_asked_again(
    serve: Serve, variable: SetVariable, clock: FakeClock, route: Route
) -> None:
    proxy = serve(Answer(reply(b"", status="503 Service Unavailable"), "close"))
    variable("HTTPS_PROXY", proxy.url)
    failed = failure(connect(TLS_VAST, retry_timeout=2), route)
    assert "names answered 503 Service Unavailable. Gave up after trying" in failed["msg"]
    assert len(proxy.requests) > 1


@ROUTES
@pytest.mark.parametrize(
    "answer",
    [
        drip(b"", b"H"),
        drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status-line", "headers", "100-continue"],
)
def test_a_proxy_that_drips_does_not_outlive_the_time_to_connect(
    serve: Serve, variable: SetVariable, monkeypatch: pytest.MonkeyPatch, route: Route, answer: Answer
) -> None:
    monkeypatch.setattr(wire, "CONNECT_TIMEOUT", SHORT)
    proxy = serve(answer)
    variable("HTTPS_PROXY", proxy.url)
    began = time.monotonic()
    failed = failure(connect(TLS_VAST, clock=RealClock(), retry_timeout=0), route)
    assert time.monotonic() - began < PATIENCE - 1
    assert failed["error_class"] == "transport"
    assert "was not sent" in failed["msg"]


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h"])
def test_a_proxy_of_a_kind_that_needs_a_library_says_so(
    variable: SetVariable, monkeypatch: pytest.MonkeyPatch, clock: FakeClock, scheme: str
) -> None:
    def missing(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr(requests.adapters, "SOCKSProxyManager", missing)
    variable("all_proxy", f"{scheme}://127.0.0.1:1080")
    failed = failure(connect(TLS_VAST), WRITE)
    assert failed["error_class"] == "invalid"
    assert "the proxy that all_proxy names needs the Python library PySocks." in failed["msg"]


# --- what a failure before the request means

TLS = requests.exceptions.SSLError


def fault(error: Exception) -> WireFault:
    return wire_faults.explained(error, TLS_VAST, False, None, final=False)


def test_a_certificate_that_is_not_trusted_is_final() -> None:
    found = fault(TLS(MaxRetryError(t.cast("t.Any", None), "/", TLS("CERTIFICATE_VERIFY_FAILED: self-signed"))))
    assert (found.sent, found.final) == (False, True)
    assert found.reason == (
        "the certificate of the server is not trusted (CERTIFICATE_VERIFY_FAILED: self-signed). "
        "Set ca_path to the certificate file of its CA"
    )


@pytest.mark.parametrize(
    ("words", "final"),
    [
        ("hostname 'a' doesn't match 'b'", True),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", True),
        ("NO_CERTIFICATE_OR_CRL_FOUND", True),
        ("WRONG_VERSION_NUMBER", True),
        ("UNEXPECTED_EOF_WHILE_READING", False),
    ],
)
def test_a_handshake_that_fails_is_final_unless_it_was_cut_off(words: str, final: bool) -> None:
    found = fault(TLS(f"[SSL] {words} here."))
    assert (found.sent, found.final) == (False, final)
    assert found.reason == f"no TLS connection ([SSL] {words} here). Check api_url and ca_path"


def test_what_requests_makes_of_a_request_is_told_before_it_is_sent() -> None:
    with pytest.raises(WireFault) as failed:
        Wire(Clock(), 5).prepare("PUT", "https://vast.test", {}, body={"n": float("nan")})
    assert (failed.value.sent, failed.value.invalid, failed.value.final) == (False, True, True)
