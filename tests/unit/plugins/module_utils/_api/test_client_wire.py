# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client against real sockets: replies cut off at every point, certificates, servers that are not there."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import pathlib
import re
import socket
import socketserver
import ssl
import struct
import threading
import time
import typing as t

import pytest
import trustme
import urllib3

from ansible_collections.vastai.cloud.plugins.module_utils._api import client
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client, Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import VastError
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings

from ...harness import KEY, FakeClock

# urllib3 looks at a clock of the tests and finds the machine in 1970.
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.SystemTimeWarning")

READ = Route("GET", "/things/", 0.0)
WRITE = Route("PUT", "/things/", 0.0)
ROUTES = pytest.mark.parametrize("route", [READ, WRITE], ids=["GET", "PUT"])
PATIENCE = 5.0
"""Seconds after which a socket of a test gives up; no test that passes waits for it."""


@dataclasses.dataclass
class Answer:
    """What a server sends after a request, and what becomes of the connection then."""

    data: bytes = b""
    end: t.Literal["keep", "close", "reset"] = "keep"


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers])
    return head.encode() + b"\r\n\r\n" + body


GOOD = Answer(http(b'{"success": true}'))
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Answers one request after the other with the answers it was given, the last one again and again."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answers: tuple[Answer, ...], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections: list[socket.socket] = []
        self._answers = answers
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.server_address[1]}"

    def await_close(self) -> None:
        """Return when the first connection is closed on this side."""
        deadline = time.monotonic() + PATIENCE
        while self.connections[0].fileno() >= 0 and time.monotonic() < deadline:
            time.sleep(0.001)

    def answer(self, request: bytes) -> Answer:
        with self._lock:
            self.requests.append(request)
            return self._answers[min(len(self.requests), len(self._answers)) - 1]


class Handler(socketserver.BaseRequestHandler):
    """One connection."""

    server: Server

    def handle(self) -> None:
        self.request.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            connection = self.request
            if self.server.tls:
                connection = self.request = self.server.tls.wrap_socket(connection, server_side=True)
            self.server.connections.append(connection)
            while request := received(connection):
                answer = self.server.answer(request)
                connection.sendall(answer.data)
                if answer.end == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
                if answer.end != "keep":
                    return


def received(connection: socket.socket) -> bytes:
    """The next request with its body, or what came before the connection ended."""
    request = b""
    while not is_whole(request):
        piece = connection.recv(65536)
        request += piece
        if not piece or request.startswith(b"\x16"):
            break
    return request


def is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


Serve = t.Callable[..., Server]


@pytest.fixture
def serve() -> t.Iterator[Serve]:
    """Starts servers, and stops them with all their connections."""
    started: list[tuple[Server, threading.Thread]] = []

    def start(*answers: Answer, tls: ssl.SSLContext | None = None) -> Server:
        server = Server(answers or (GOOD,), tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        server.server_close()
        for connection in server.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy the machine has, these servers are reached without it."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(params=["urllib3-2", "urllib3-1.26"])
def urllib3_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to read a body: urllib3 1.26 has no read1."""
    for cls in urllib3.HTTPResponse.__mro__ if request.param == "urllib3-1.26" else ():
        if "read1" in vars(cls):
            monkeypatch.delattr(cls, "read1")


def connect(url: str, *, clock: Clock | None = None, **changes: t.Any) -> Client:
    settings = Settings(**{"api_key": KEY, "api_url": url, "api_timeout": PATIENCE, **changes})
    return Client(settings, agent="test", warn=lambda text: None, clock=clock or Clock())


def call(client: Client, route: Route) -> dict[str, t.Any]:
    return client.call(route, body=None if route.safe else {"state": "stopped"})


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


@pytest.mark.usefixtures("urllib3_of")
@pytest.mark.parametrize("cut_off", CUT_OFF)
def test_a_reply_that_is_cut_off_is_asked_for_again_when_reading(serve: Serve, cut_off: Answer) -> None:
    server = serve(cut_off, GOOD)
    assert call(connect(server.url), READ) == {"success": True}
    assert len(server.requests) == 2


@pytest.mark.usefixtures("urllib3_of")
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


@pytest.mark.usefixtures("urllib3_of")
def test_a_chunked_reply_is_read_to_its_end(serve: Serve) -> None:
    server = serve(Answer(CHUNKED + b'5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n'))
    assert call(connect(server.url), READ) == {"a": 1}


@pytest.mark.usefixtures("urllib3_of")
def test_a_compressed_reply_is_unpacked(serve: Serve) -> None:
    server = serve(Answer(http(gzip.compress(b'{"a": 1}'), "Content-Encoding: gzip")))
    assert call(connect(server.url), READ) == {"a": 1}


@pytest.mark.usefixtures("urllib3_of")
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


@pytest.mark.usefixtures("urllib3_of")
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
    assert "timed out" in failed["msg"]
    assert len(server.requests) == 1


@ROUTES
def test_a_flood_is_not_read_to_its_end(serve: Serve, monkeypatch: pytest.MonkeyPatch, route: Route) -> None:
    monkeypatch.setattr(client, "MAX_REPLY_BYTES", 100_000)
    server = serve(Answer(http(b" " * 4_000_000)))
    failed = failure(connect(server.url), route)
    assert failed["error_class"] == ("protocol" if route.safe else "unknown_outcome")
    assert "larger than 100000 bytes" in failed["msg"]
    assert len(server.requests) == 1


@ROUTES
def test_a_refused_port_is_tried_until_the_budget_ends(clock: FakeClock, route: Route) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    failed = failure(connect(f"http://127.0.0.1:{port}", retry_timeout=30), route)
    assert failed["error_class"] == "transport"
    assert "refused" in failed["msg"]
    assert 15 < sum(clock.slept) <= 30


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


class Authority:
    """A certificate authority and its file."""

    def __init__(self, file: pathlib.Path) -> None:
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(str(file))
        self.file = str(file)

    def server_of(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: pathlib.Path) -> Authority:
    """The one that signed the certificates of the servers."""
    return Authority(tmp_path / "authority.pem")


@pytest.fixture
def stranger(tmp_path: pathlib.Path) -> Authority:
    """Another one."""
    return Authority(tmp_path / "stranger.pem")


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


def test_a_result_file_is_fetched_over_a_connection_without_the_key(serve: Serve) -> None:
    server = serve(GOOD, Answer(http(b"12K\t/root\n")))
    client = connect(server.url)
    call(client, READ)
    assert client.fetch_result(f"{server.url}/logs/a.log") == "12K\t/root\n"
    assert [KEY.encode() in request for request in server.requests] == [True, False]
    assert b"authorization" not in server.requests[1].lower()


def test_a_result_file_is_not_fetched_from_where_it_redirects_to(serve: Serve) -> None:
    other = serve()
    server = serve(Answer(http(b"", f"Location: {other.url}/", status="302 Found")))
    with pytest.raises(VastError) as failed:
        connect(server.url).fetch_result(f"{server.url}/logs/a.log")
    assert failed.value.error_class == "protocol"
    assert other.requests == []


@pytest.mark.parametrize("cut_off", CUT_OFF)
def test_half_a_result_file_is_no_result(serve: Serve, cut_off: Answer) -> None:
    server = serve(cut_off)
    assert connect(server.url).fetch_result(f"{server.url}/logs/a.log") is None


def test_an_own_authority_is_not_trusted_for_result_files_elsewhere(serve: Serve, authority: Authority) -> None:
    tls = authority.server_of("127.0.0.1")
    own, elsewhere = serve(Answer(http(b"text")), tls=tls), serve(Answer(http(b"text")), tls=tls)
    client = connect(own.url, ca_path=authority.file)
    assert client.fetch_result(f"{own.url}/a.log") == "text"
    assert client.fetch_result(f"{elsewhere.url}/a.log") is None
    assert elsewhere.requests == []
