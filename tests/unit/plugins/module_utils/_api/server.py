# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server of raw sockets, which answers whatever it is told to."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import socket
import socketserver
import ssl
import struct
import threading
import time
import typing as t

import trustme

from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client, Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings

from ...harness import KEY

PATIENCE = 5.0
"""Seconds after which a socket of a test gives up; no test that passes waits for it."""


@dataclasses.dataclass
class Answer:
    """What a server sends after a request, `again` and again as long as it can, and what becomes of the connection."""

    data: bytes = b""
    end: t.Literal["keep", "close", "reset"] = "keep"
    again: bytes = b""
    pause: float = 0.0
    """Seconds before each time."""


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
        self.tunnel: ssl.SSLContext | None = None
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

    def arrived(self) -> int:
        """How many requests came, once the first one did: a busy machine may see it after the client gave up."""
        deadline = time.monotonic() + PATIENCE
        while not self.requests and time.monotonic() < deadline:
            time.sleep(0.001)
        return len(self.requests)

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
                deadline = time.monotonic() + PATIENCE
                while answer.again and time.monotonic() < deadline:
                    time.sleep(answer.pause)
                    connection.sendall(answer.again)
                if self.server.tunnel and request.startswith(b"CONNECT "):
                    connection = self.request = self.server.tunnel.wrap_socket(connection, server_side=True)
                    self.server.connections.append(connection)
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


Serve = t.Callable[..., Server]


class RealClock(Clock):
    """Time as the machine has it."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def unused_port() -> int:
    """Where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def connect(url: str, *, clock: Clock | None = None, **changes: t.Any) -> Client:
    settings = Settings(**{"api_key": KEY, "api_url": url, "api_timeout": PATIENCE, **changes})
    return Client(settings, agent="test", warn=lambda text: None, clock=clock or Clock())


READ = Route("GET", "/things/", 0.0)
WRITE = Route("PUT", "/things/", 0.0)


def call(client: Client, route: Route) -> dict[str, t.Any]:
    return client.call(route, body=None if route.safe else {"state": "stopped"})
