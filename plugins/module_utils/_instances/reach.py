# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Whether an SSH server answers at an address of an instance: its banner is asked for, nothing is sent."""

from __future__ import annotations

import contextlib
import socket
import time
import typing as t

from .instance import Instance
from .switching import Move, Switch

BANNER = b"SSH-"
MOST_BYTES = 8192
"""A server may say other lines before its banner (RFC 4253), but not for ever."""
ANSWER_WITHIN = 5.0
"""Seconds for one address, from the connection to the banner."""


def reachable(instance: Instance, timeout: float = ANSWER_WITHIN) -> dict[str, t.Any] | None:
    """The address at which an SSH server answers, the published port first and then the proxy; None when none does."""
    for address in (instance.direct(), instance.proxy()):
        if address is not None and answers(str(address["host"]), int(address["port"]), timeout):
            return address
    return None


class Answer(Switch):
    """Instances that run, and are there once an SSH server answers. Nothing is sent."""

    def judge(self, item: Move, now: float) -> bool:
        """Whether it runs and answers. Raises Unavailable when it cannot get there any more."""
        return super().judge(item, now) and reachable(item.seen) is not None


def answers(host: str, port: int, timeout: float) -> bool:
    """Whether an SSH server's banner comes from there within that many seconds."""
    end = time.monotonic() + timeout
    with contextlib.suppress(OSError, UnicodeError), socket.create_connection((host, port), timeout) as connection:
        return _banner(connection, end)
    return False


def _banner(connection: socket.socket, end: float) -> bool:
    said = b""
    while len(said) < MOST_BYTES and (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        part = connection.recv(1024)
        said += part
        if said.startswith(BANNER) or b"\n" + BANNER in said:
            return True
        if not part:
            return False
    return False
