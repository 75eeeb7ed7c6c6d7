# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client against real sockets: replies cut off at every point, certificates, servers that are not there."""

from __future__ import annotations

import dataclasses
import gzip
import pathlib
import socket
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import client
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client, Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import VastError

from ...harness import FakeClock
from .server import (
    CHUNKED,
    GOOD,
    READ,
    WRITE,
    Answer,
    Authority,
    Serve,
    call,
    connect,
    http,
    unused_port,
)

# urllib3 looks at a clock of the tests and finds the machine in 1970.
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.SystemTimeWarning")

ROUTES = pytest.mark.parametrize("route", [READ, WRITE], ids=["GET", "PUT"])


def failure(client: Client, route: Route) -> dict[str, t.Any]:
    with pytest.raises(VastError) as failed:
        call(client, route)
    return failed.value.failure()


CUT_OFF = [
    pytest.param(Answer(b"", "close"), id="closed-before-a-reply"),
    pytest.param(Answer(b"", "reset"), id="reset-before-a-reply"),
    pytest.param(Answer(http(b'{"success": true}', length=100), "close"), id="closed-in-the-body"),
    pytest.param(Answer(http(b'{"success": true}', length=100), "reset"), id="reset-in-the-body"),
    pytest.param(Answer(CHUNKED + b'11\r\n{"success": true}\r\n', "close"), id="closed-between-chunks"),
    pytest.param(Answer(CHUNKED + b'20\r\n{"success": true}', "close"), id="closed-in-a-chunk"),
    pytest.param(Answer(http(b"garbage", "Content-Encoding: gzip"), "close"), id="not-the-encoding-it-says"),
]


@pytest.mark.parametrize("cut_off", CUT_OFF)
def test_a_reply_that_is_cut_off_is_asked_for_again_when_reading(serve: Serve, cut_off: Answer) -> None:
    server = serve(cut_off, GOOD)
    assert call(connect(server.url), READ) == {"success": True}
    assert len(server.requests) == 2


@pytest.mark.parametrize("cut_off", CUT_OFF)
def test_a_write_whose_reply_is_cut_off_is_sent_exactly_once(serve: Serve, cut_off: Answer) -> None:
    server = serve(cut_off, GOOD)
    assert failure(connect(server.url), WRITE)["error_class"] == "unknown_outcome"
    assert len(server.requests) == 1


@ROUTES
def test_nothing_is_concluded_from_half_a_head(serve: Serve, route: Route) -> None:
    # http.client takes it for a whole head and an empty body.
    server = serve(Answer(b"HTTP/1.1 200 OK\r\nContent-Le", "close"))
    assert failure(connect(server.url), route)["error_class"] == ("protocol" if route.safe else "unknown_outcome")
    assert len(server.requests) == 1


def test_a_chunked_reply_is_read_to_its_end(serve: Serve) -> None:
    server = serve(Answer(CHUNKED + b'5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n'))
    assert call(connect(server.url), READ) == {"a": 1}


def test_a_compressed_reply_is_unpacked(serve: Serve) -> None:
    server = serve(Answer(http(gzip.compress(b'{"a": 1}'), "Content-Encoding: gzip")))
    assert call(connect(server.url), READ) == {"a": 1}


def test_calls_one_after_the_other_share_a_connection(serve: Serve) -> None:
    server = serve()
    client = connect(server.url)
    for route in (READ, WRITE, READ):
        assert call(client, route) == {"success": True}
    assert len(server.connections) == 1


def test_a_write_after_the_server_has_hung_up_goes_over_a_new_connection(serve: Serve) -> None:
    server = serve(dataclasses.replace(GOOD, end="close"))
    client = connect(server.url)
    assert call(client, READ) == {"success": True}
    server.await_close()
    assert call(client, WRITE) == {"success": True}
    assert len(server.requests) == 2


class ImpatientClock(Clock):
    """Ten seconds pass between any two looks at it."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> float:
        self._seconds += 10
        return self._seconds


@ROUTES
def test_a_body_that_drips_is_given_up_after_api_timeout(serve: Serve, route: Route) -> None:
    server = serve(Answer(http(b" " * 4_000_000)))
    client = connect(server.url, clock=ImpatientClock(), api_timeout=60, retry_timeout=0)
    failed = failure(client, route)
    assert failed["error_class"] == ("transport" if route.safe else "unknown_outcome")
    assert "took longer than 60 s" in failed["msg"]
    assert len(server.requests) == 1


@ROUTES
def test_a_server_that_never_answers_is_given_up_after_api_timeout(serve: Serve, route: Route) -> None:
    server = serve(Answer())
    failed = failure(connect(server.url, api_timeout=0.05, retry_timeout=0), route)
    assert failed["error_class"] == ("transport" if route.safe else "unknown_outcome")
    assert "it took longer than 0.05 s" in failed["msg"]
    assert server.arrived() == 1


@ROUTES
def test_a_flood_is_not_read_to_its_end(serve: Serve, monkeypatch: pytest.MonkeyPatch, route: Route) -> None:
    monkeypatch.setattr(client, "MAX_REPLY_BYTES", 100_000)
    server = serve(Answer(http(b" " * 4_000_000)))
    failed = failure(connect(server.url), route)
    assert failed["error_class"] == ("protocol" if route.safe else "unknown_outcome")
    assert "larger than 100000 bytes" in failed["msg"]
    assert len(server.requests) == 1


@ROUTES
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_refused_port_of_this_machine_is_final_at_once(clock: FakeClock, route: Route, host: str) -> None:
    failed = failure(connect(f"http://{host}:{unused_port()}", retry_timeout=30), route)
    assert failed["error_class"] == "transport"
    assert "was not sent: no connection" in failed["msg"]
    assert "refused" in failed["msg"]
    assert clock.slept == []


@ROUTES
def test_a_host_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch, clock: FakeClock, route: Route) -> None:
    def unknown(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failed = failure(connect("https://vast.invalid", retry_timeout=30), route)
    assert failed["error_class"] == "transport"
    assert "https://vast.invalid" in failed["msg"]
    assert "Name or service not known" in failed["msg"]
    assert sum(clock.slept) <= 30


@ROUTES
def test_a_redirect_does_not_carry_the_key_to_another_server(serve: Serve, route: Route) -> None:
    other = serve()
    server = serve(Answer(http(b"", f"Location: {other.url}/", status="307 Temporary Redirect")))
    assert failure(connect(server.url), route)["error_class"] == "protocol"
    assert len(server.requests) == 1
    assert other.requests == []


def test_ca_path_makes_an_own_authority_trusted(serve: Serve, authority: Authority) -> None:
    server = serve(tls=authority.server_of("127.0.0.1"))
    assert call(connect(server.url, ca_path=authority.file), WRITE) == {"success": True}


@ROUTES
@pytest.mark.parametrize("told", [True, False], ids=["another-authority", "the-usual-ones"])
def test_an_untrusted_certificate_gets_no_request_and_no_second_try(
    serve: Serve, authority: Authority, stranger: Authority, clock: FakeClock, route: Route, told: bool
) -> None:
    server = serve(tls=authority.server_of("127.0.0.1"))
    failed = failure(connect(server.url, ca_path=stranger.file if told else None), route)
    assert failed["error_class"] == "transport"
    assert "not trusted" in failed["msg"]
    assert "ca_path" in failed["msg"]
    assert server.requests == []
    assert clock.slept == []


def test_a_certificate_of_another_host_is_not_trusted(serve: Serve, authority: Authority) -> None:
    server = serve(tls=authority.server_of("elsewhere.test"))
    assert failure(connect(server.url, ca_path=authority.file), WRITE)["error_class"] == "transport"
    assert server.requests == []


def test_ca_path_beats_requests_ca_bundle(
    serve: Serve, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(tls=authority.server_of("127.0.0.1"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.file)
    assert call(connect(server.url), READ) == {"success": True}
    assert failure(connect(server.url, ca_path=stranger.file), READ)["error_class"] == "transport"


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_validate_certs_false_stays_false_beside_requests_ca_bundle(
    serve: Serve, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(tls=authority.server_of("127.0.0.1"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", stranger.file)
    assert call(connect(server.url, validate_certs=False), READ) == {"success": True}


@ROUTES
def test_a_server_that_does_not_speak_tls_gets_no_request_and_no_second_try(
    serve: Serve, clock: FakeClock, route: Route
) -> None:
    server = serve(Answer(http(b"", status="400 Bad Request"), "close"))
    failed = failure(connect(server.url.replace("http:", "https:")), route)
    assert failed["error_class"] == "transport"
    assert "was not sent" in failed["msg"]
    assert "api_url" in failed["msg"]
    assert len(server.requests) == 1
    assert clock.slept == []


@ROUTES
def test_a_ca_path_without_a_certificate_is_pointed_at(
    serve: Serve, authority: Authority, tmp_path: pathlib.Path, clock: FakeClock, route: Route
) -> None:
    (tmp_path / "empty.pem").write_text("no certificate\n")
    server = serve(tls=authority.server_of("127.0.0.1"))
    failed = failure(connect(server.url, ca_path=str(tmp_path / "empty.pem")), route)
    assert failed["error_class"] == "transport"
    assert "was not sent" in failed["msg"]
    assert "ca_path" in failed["msg"]
    assert clock.slept == []
