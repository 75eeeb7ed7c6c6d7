# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers for the tests of the wire, and the authorities that sign for them."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import ssl
import threading
import typing as t

import pytest

from .server import GOOD, PATIENCE, Answer, Authority, Serve, Server


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


@pytest.fixture
def authority(tmp_path: pathlib.Path) -> Authority:
    """The one that signed the certificates of the servers."""
    return Authority(tmp_path / "authority.pem")


@pytest.fixture
def stranger(tmp_path: pathlib.Path) -> Authority:
    """Another one."""
    return Authority(tmp_path / "stranger.pem")
