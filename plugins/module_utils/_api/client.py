# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""One request to Vast.ai: authentication, what its reply means, retry and pacing. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import os
import platform
import random
import typing as t

from .._version import VERSION
from .clock import Clock, Deadline
from .errors import (
    Exchange,
    Invalid,
    ProtocolError,
    RateLimited,
    VastError,
    WireFault,
)
from .pacing import Pacer
from .private_files import shared_directory
from .redact import Redactor
from .replies import Reply
from .settings import Settings
from .wire import REQUESTS_IMPORT_ERROR, Wire

MAX_BACKOFF = 30.0
MAX_REPLY_BYTES = 16 * 1024 * 1024
PATIENCE = 5.0
"""Seconds that a call may wait before its user is told why."""


class Route(t.NamedTuple):
    """One operation: its path ends in a slash (F1); `interval` is the published minimum in seconds (F2.4).

    `engine`: it is answered by the serverless engine. `reads`: it changes nothing, whatever its method.
    """

    method: str
    path: str
    interval: float
    engine: bool = False
    reads: bool = False

    @property
    def name(self) -> str:
        """What the intervals are kept by."""
        return f"{self.method} {self.path}"

    @property
    def safe(self) -> bool:
        """Whether asking twice can do no harm."""
        return self.method == "GET" or self.reads


class Client:
    """Sends one request at a time and returns what the API said, or raises what went wrong.

    `agent` names the caller in the User-Agent; `warn` is called with sentences the user should read. Without `writes`,
    as in check mode, it sends only what changes nothing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        agent: str,
        warn: c.Callable[[str], None],
        clock: Clock,
        writes: bool = True,
    ) -> None:
        if REQUESTS_IMPORT_ERROR is not None:
            from .refusals import requests_missing

            raise requests_missing(REQUESTS_IMPORT_ERROR)
        self.settings = settings
        self.warn = warn
        self.clock = clock
        self.writes = writes
        self.redactor = Redactor([settings.api_key])
        self.headers = {
            "User-Agent": f"ansible-vastai.cloud/{VERSION} {agent} python/{platform.python_version()}",
            "Accept": "application/json",
        }
        self.wire = Wire(clock, settings.api_timeout)
        self._told = False
        self._pacer = Pacer(settings.identity, shared_directory(os.environ) if settings.api_pacing else None)
        if settings.insecure:
            warn(f"The API key is sent unencrypted to {settings.api_url}; use https.")

    def call(
        self,
        route: Route,
        *,
        ids: t.Mapping[str, int] | None = None,
        params: t.Mapping[str, str] | None = None,
        body: t.Mapping[str, t.Any] | None = None,
        list_key: str | None = None,
        keep: str | None = None,
        deadline: Deadline | None = None,
    ) -> dict[str, t.Any]:
        """Carry out one operation and return the JSON object it answers with; a bare list is put under `list_key`.

        `keep`: an object that holds an id under this name is returned even if it says `success: false` (F3.5).

        A refused request (429) is sent again, whatever it is, and so is one that never left. After a lost or unreadable
        reply only what reads is; a write raises UnknownOutcome and the caller has to look. All within `retry_timeout`,
        and nothing is sent again after `deadline`.
        Raises the leaves of VastError; RuntimeError for a write by a client that may not write, before it is sent.
        """
        if not (route.safe or self.writes):
            raise RuntimeError(f"{route.name} would be a write in check mode; the task must not ask for it")
        base = self.settings.engine_url if route.engine else self.settings.api_url
        url = base + route.path.format(**(ids or {}))
        start = self.clock.now()
        budget = start + min(self.settings.retry_timeout, deadline.remaining if deadline else float("inf"))
        attempt = 0
        while True:
            attempt += 1
            self._await_turn(route, url, start, budget)
            try:
                return self._once(route, url, params, body, list_key, keep)
            except VastError as error:
                if not error.repeatable:
                    raise
                self._back_off(route, error, attempt, start, budget)

    def answered(self, route: Route, ids: t.Mapping[str, int] | None = None) -> Exchange:
        """A request whose reply cannot be used although it says yes, for a failure."""
        return Exchange(route.method, self.settings.api_url + (route.path.format(**ids) if ids else route.path), 200)

    def _await_turn(self, route: Route, url: str, start: float, budget: float) -> None:
        # One turn is always waited for, so that retry_timeout=0 does not fail the second task of a play.
        max_wait = max(2 * route.interval, budget - self.clock.now())
        deadline = self.clock.now() + max_wait
        wait = self._pacer.reserve(route.name, self._interval(route), max_wait)
        if wait is None:
            raise RateLimited(
                f"{route.method} {url} was not sent: other tasks of this user kept the rate limit busy for longer than "
                f"the retry_timeout of {self.settings.retry_timeout:g} s. "
                "Raise retry_timeout or run fewer tasks at once.",
                Exchange(route.method, url),
            )
        while wait > 0 and self.clock.now() <= deadline:
            why = f"{route.method} {url} is waiting for the rate limit of Vast.ai, for at most"
            self._tell(why, wait, start, deadline)
            self.clock.sleep(wait)
            # Whoever had the slot before may have been late.
            wait = self._pacer.clearance(route.name)

    def _tell(self, why: str, pause: float, start: float, end: float) -> None:
        """Warn before the first pause that lets a call wait for long, so that nobody stares at a silent terminal."""
        if self._told or self.clock.now() + pause - start <= PATIENCE:
            return
        self._told = True
        self.warn(f"{why} {end - self.clock.now():.0f} s.")

    def _interval(self, route: Route) -> float:
        return route.interval if self.settings.api_pacing else 0.0

    def _back_off(self, route: Route, error: VastError, attempt: int, start: float, budget: float) -> None:
        """Make sure that the next attempt comes late enough, or raise the error when that is too late."""
        pause = min(MAX_BACKOFF, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)
        if isinstance(error, RateLimited):
            pause = max(pause, error.wait, error.threshold or 0.0, route.interval)
            self._pacer.hold(route.name, pause, error.threshold)
        if self.clock.now() + pause > budget:
            raise error.with_context(f"{error.msg} {self._gave_up(attempt, start, budget)}") from error
        self._tell(f"{error.msg} Trying again for at most", pause, start, budget)
        if not isinstance(error, RateLimited):
            self.clock.sleep(pause)

    def _gave_up(self, attempt: int, start: float, budget: float) -> str:
        tries = "once" if attempt == 1 else f"{attempt} times"
        limit = f"retry_timeout is {self.settings.retry_timeout:g} s"
        if budget - start < self.settings.retry_timeout:
            limit = f"the task had {budget - start:.0f} s left"
        return f"Gave up after trying {tries}: {limit}."

    def _once(
        self,
        route: Route,
        url: str,
        params: t.Mapping[str, str] | None,
        body: t.Mapping[str, t.Any] | None,
        list_key: str | None,
        keep: str | None,
    ) -> dict[str, t.Any]:
        exchange = Exchange(route.method, url)
        sent = f"{route.method} {url}" + ("" if body is None else f" {self.redactor.data(body)}")
        headers = {**self.headers, "Authorization": f"Bearer {self.settings.api_key}"}
        try:
            request = self.wire.prepare(route.method, url, headers, params, body)
        except WireFault as fault:
            reason = self.redactor.text(fault.reason)
            raise Invalid(f"{sent} cannot be sent: {reason}. Check api_url.", exchange) from fault
        try:
            received = self.wire.exchange(request, verify=self.settings.verify, limit=MAX_REPLY_BYTES)
        except WireFault as fault:
            # What a task that succeeds does not need.
            from .refusals import error_without_reply

            raise error_without_reply(sent, fault, exchange, self.redactor, safe=route.safe) from fault
        self._pacer.answered(route.name, self._interval(route))
        reply = Reply.parse(*received)
        if keep is not None and reply.names(keep):
            return t.cast("dict[str, t.Any]", reply.data)
        return self._result(route, sent, exchange, reply, list_key)

    def _result(
        self, route: Route, sent: str, exchange: Exchange, reply: Reply, list_key: str | None
    ) -> dict[str, t.Any]:
        """The object that a reply holds. Raises what a reply without success, or without an object, stands for."""
        if reply.ok and isinstance(reply.data, dict):
            return reply.data
        if reply.ok and list_key is not None and isinstance(reply.data, list):
            return {list_key: reply.data}
        # What a task that succeeds does not need.
        from .refusals import error_from_reply

        exchange = exchange._replace(
            status_code=reply.status,
            error=self.redactor.text(reply.slug) if reply.slug else None,
            response=self.redactor.data(reply.data),
        )
        key_source = self.settings.key_source
        raise error_from_reply(sent, reply, exchange, self.redactor, safe=route.safe, key_source=key_source)


def malformed(client: Client, route: Route, noun: str, problem: str) -> ProtocolError:
    """The failure of a listing from which nothing may be concluded."""
    return ProtocolError(
        f"The listing of {noun}s is not valid: {problem}. It was ignored; run the task again.",
        client.answered(route),
    )
