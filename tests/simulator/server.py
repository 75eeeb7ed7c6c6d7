# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The socket side: one thread for each connection, on the loopback interface only."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from .application import Application, Outcome
from .faults import Fault
from .reply import Reply
from .request import Request

MAX_BODY = 8 * 1024 * 1024


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, application: Application, host: str, port: int, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the simulator serves the loopback interface only, not {host}")
        self.application = application
        self._ssl_context = ssl_context
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((host, port), Handler)
        scheme = "https" if ssl_context else "http"
        self.url = f"{scheme}://{host}:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._ssl_context:
            # The handshake is left to the connection's own thread: a slow client must not hold up the others.
            connection = self._ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._open_lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait for the next request of a kept connection."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up, or distrust the certificate, are part of the game; anything else is a defect."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vastai-simulator"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MAX_BODY:
            self.send_error(411 if "Transfer-Encoding" in self.headers else 413)
            self.close_connection = True
            return
        request = Request(
            method=self.command,
            target=self.path,
            headers=cast(Mapping[str, str], self.headers),
            content=self.rfile.read(int(length)),
            origin=self.server.url,
            client=self.client_address[0],
        )
        self.transmit(self.server.application.handle(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def transmit(self, outcome: Outcome) -> None:
        reply, fault = outcome.reply, outcome.fault
        if fault and fault.action == "drop":
            self.close_connection = True
            return
        self.begin(reply)
        if fault and fault.action == "truncate":
            self.wfile.write(reply.content[: len(reply.content) // 2 if fault.keep is None else fault.keep])
            self.close_connection = True
        elif fault and fault.action == "drip":
            self.drip(reply, fault)
        else:
            self.wfile.write(reply.content)

    def begin(self, reply: Reply) -> None:
        self.send_response(reply.status, None if reply.status != 483 else "Invalid JSON")
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def drip(self, reply: Reply, fault: Fault) -> None:
        step = max(1, fault.rate // 10)
        for start in range(0, len(reply.content), step):
            self.wfile.flush()
            time.sleep(step / fault.rate)
            self.wfile.write(reply.content[start : start + step])

    def log_message(self, *_args: Any, **_kwargs: Any) -> None:
        """The journal keeps what happened; stdout and stderr stay quiet."""
