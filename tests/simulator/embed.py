# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The simulator inside a test: a context manager that serves while it is open."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .application import Application, Outcome
from .journal import Entry
from .model import Account
from .request import Request
from .server import Server

DEFAULT_API_KEY = "simulator-key-0123456789abcdef"
POLL = 0.01


class Simulator:
    """`with Simulator(time_scale=0.0, interval_scale=0.0) as sim: ...` serves at `sim.url`."""

    def __init__(
        self,
        account: dict[str, Any] | None = None,
        api_key: str = DEFAULT_API_KEY,
        *,
        time_scale: float = 1.0,
        interval_scale: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        ssl_context: ssl.SSLContext | None = None,
        on_asked: Callable[[Request], None] | None = None,
        on_done: Callable[[Entry, Outcome], None] | None = None,
    ) -> None:
        self.application = Application(
            account, api_key, time_scale, interval_scale, clock, sleep, on_asked=on_asked, on_done=on_done
        )
        self._server = Server(self.application, host, port, ssl_context)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Simulator:
        # Python 3.13.0 takes a thread made before a fork for one that has run, so it is made no earlier than this.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        if self._thread:
            self._thread.join()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def api_key(self) -> str:
        return self.application.api_key

    @property
    def account(self) -> Account:
        """The live state. Read it between requests; change instances with set_instance."""
        return self.application.account

    def journal(self) -> list[dict[str, Any]]:
        return self.application.journal()

    def clear_journal(self) -> None:
        self.application.clear_journal()

    def add_fault(self, rule: dict[str, Any]) -> None:
        self.application.add_faults([rule])

    def clear_faults(self) -> None:
        self.application.clear_faults()

    def set_instance(self, instance_id: int, **changes: Any) -> None:
        self.application.set_instance(instance_id, **changes)

    def set_machine(self, machine_id: int, **changes: Any) -> None:
        self.application.set_machine(machine_id, **changes)

    def set_options(self, **changes: Any) -> None:
        self.application.set_options(**changes)

    def set_forward(self, seconds: float) -> None:
        """Let that much time have passed."""
        self.application.set_forward(seconds)

    def ledger(self) -> dict[str, Any]:
        """What was billed so far, of what exists and of what is gone."""
        return self.application.ledger()

    def describe(self) -> dict[str, Any]:
        """The account as it is now, brought up to the present moment, secrets masked."""
        return self.application.describe()

    def reset(self) -> None:
        self.application.reset()
