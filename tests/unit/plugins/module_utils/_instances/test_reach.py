# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an SSH server answers, against real sockets on this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.reach import MOST_BYTES, answers, reachable


@contextlib.contextmanager
def server(*said: bytes, keep: bool = False) -> t.Iterator[int]:
    """A server that says this to the first who comes, and closes unless it is to `keep` the connection."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _address = listener.accept()
            with connection:
                for part in said:
                    connection.sendall(part)
                if keep:
                    done.wait(5)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        done.set()
    thread.join(5)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([b"SSH-2.0-OpenSSH_9.6\r\n"], id="at-once"),
        pytest.param([b"SS", b"H-2.0-x\r\n"], id="in-parts"),
        pytest.param([b"welcome\r\n", b"SSH-2.0-x\r\n"], id="after-other-lines"),
    ],
)
def test_a_banner_is_an_answer(said: list[bytes]) -> None:
    with server(*said, keep=True) as port:
        assert answers("127.0.0.1", port, 5)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([b"HTTP/1.1 400 Bad Request\r\n"], id="another-server"),
        pytest.param([], id="nothing"),
        pytest.param([b"no SSH-2.0 here\r\n"], id="in-a-line"),
        pytest.param([b"x" * (MOST_BYTES + 1)], id="endless"),
    ],
)
def test_anything_else_is_not(said: list[bytes]) -> None:
    with server(*said) as port:
        assert not answers("127.0.0.1", port, 5)


def test_silence_is_not_waited_for_beyond_the_time() -> None:
    with server(keep=True) as port:
        assert not answers("127.0.0.1", port, 0.05)


def test_no_server_and_no_such_name_are_no_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not answers("127.0.0.1", port, 1)
    assert not answers("a" * 300 + ".invalid", 22, 1)


class Somewhere(Instance):
    """An instance on this machine, whose addresses no listing could give."""

    def direct(self) -> dict[str, t.Any] | None:
        return self.row["direct"] and {"host": "127.0.0.1", "port": self.row["direct"], "via": "direct"}

    def proxy(self) -> dict[str, t.Any] | None:
        return {"host": "127.0.0.1", "port": self.row["proxy"], "via": "proxy"}


def test_the_published_port_comes_first_then_the_proxy() -> None:
    with server(b"SSH-2.0-a\r\n") as one, server(b"SSH-2.0-b\r\n") as other:
        found = reachable(Somewhere(1, {"direct": one, "proxy": other}))
        assert found is not None
        assert found["via"] == "direct"
        found = reachable(Somewhere(1, {"direct": None, "proxy": other}))
        assert found is not None
        assert found["via"] == "proxy"


def test_an_instance_that_does_not_answer_is_not_reachable() -> None:
    with server(b"nothing\r\n") as port:
        assert reachable(Somewhere(1, {"direct": None, "proxy": port}), 1) is None
