# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""One request to Vast.ai: authentication, timeouts, retry and pacing. Knows nothing of Ansible.

The only file that imports requests.
"""

from __future__ import annotations

import collections.abc as c
import os
import platform
import random
import re
import traceback
import typing as t
import urllib.parse

from .._version import VERSION
from .clock import Clock, Deadline
from .errors import (
    DependencyError,
    Exchange,
    Invalid,
    ProtocolError,
    RateLimited,
    TransportError,
    UnknownOutcome,
    VastError,
)
from .pacing import Pacer
from .private_files import shared_directory
from .redact import MASK, Redactor
from .replies import Reply, error_from_reply
from .settings import Settings, origin

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    import urllib3.exceptions
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()

CONNECT_TIMEOUT = 10.0
MAX_BACKOFF = 30.0
MAX_REPLY_BYTES = 16 * 1024 * 1024
MAX_RESULT_BYTES = 4 * 1024 * 1024
_HANDSHAKE_FAULTS = (
    "doesn't match",  # urllib3 1.26 on a certificate of another host
    "HANDSHAKE_FAILURE",
    "NO_CERTIFICATE_OR_CRL_FOUND",
    "UNSUPPORTED_PROTOCOL",
    "WRONG_VERSION_NUMBER",
)
"""How TLS errors read that come before any request."""
_CONNECTION_NAME = r"^(?:<.* object at 0x[0-9a-f]+>|HTTPS?Connection(?:Pool)?\(.*?\)): "
"""How urllib3 1.26 and 2 begin what they say of a connection."""


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


class _BadBody(Exception):
    """A body that came too slowly or is too large."""


class _TooLarge(_BadBody):
    """A body that would be too large the next time, too."""


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
            raise DependencyError("The Python library requests is missing.", exception=REQUESTS_IMPORT_ERROR)
        self.settings = settings
        self.warn = warn
        self.clock = clock
        self.writes = writes
        self.redactor = Redactor([settings.api_key])
        self._headers = {
            "User-Agent": f"ansible-vastai.cloud/{VERSION} {agent} python/{platform.python_version()}",
            "Accept": "application/json",
        }
        self._session = requests.Session()
        identity = f"{settings.api_url} {settings.api_key}"
        self._pacer = Pacer(identity, shared_directory(os.environ) if settings.api_pacing else None)
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
        deadline: Deadline | None = None,
    ) -> dict[str, t.Any]:
        """Carry out one operation and return the JSON object it answers with; a bare list is put under `list_key`.

        A refused request (429) is sent again, whatever it is, and so is one that never left. After a lost or unreadable
        reply only what reads is; a write raises UnknownOutcome and the caller has to look. All within `retry_timeout`,
        and nothing is sent again after `deadline`.
        Raises the leaves of VastError; RuntimeError for a write by a client that may not write, before it is sent.
        """
        if not (route.safe or self.writes):
            raise RuntimeError(f"{route.name} would be a write in check mode; the task must not ask for it")
        base = self.settings.engine_url if route.engine else self.settings.api_url
        url = base + route.path.format(**(ids or {}))
        budget = self.clock.now() + min(self.settings.retry_timeout, deadline.remaining if deadline else float("inf"))
        attempt = 0
        while True:
            attempt += 1
            self._await_turn(route, url, budget)
            try:
                return self._once(route, url, params, body, list_key)
            except VastError as error:
                if not error.repeatable:
                    raise
                self._back_off(route, error, attempt, budget)

    def fetch_result(self, url: str) -> str | None:
        """The text of a result file, or None while it cannot be had yet: 403 or 404 until it is written (F3.10).

        Sent without the key, by a session of its own. Raises ProtocolError for an address that is neither https nor the
        API's own, for a redirect, and for a file beyond MAX_RESULT_BYTES.
        """
        shown = _without_query(url)
        exchange = Exchange("GET", shown)
        own = _is_own(url, self.settings.api_url)
        if not own and not url.startswith("https://"):
            raise ProtocolError(
                f"The result is said to be at {shown}, which is not https; it was not fetched.", exchange
            )
        # A private authority vouches for the API's own address, not for the public storage beside it.
        verify = self.settings.verify if own else self.settings.validate_certs
        try:
            with requests.Session() as session:
                reply = self._transfer(session, "GET", url, auth=_no_auth, verify=verify, limit=MAX_RESULT_BYTES)
        except _BadBody as error:
            raise ProtocolError(f"The result at {shown} could not be read: {error}.", exchange) from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            if _cannot_be_sent(error):
                reason = self.redactor.text(_root(error))
                raise ProtocolError(f"The result at {shown} cannot be fetched: {reason}.", exchange) from error
            return None
        if 300 <= reply.status < 400:
            raise ProtocolError(
                f"The result at {shown} redirects elsewhere, which is not followed.",
                exchange._replace(status_code=reply.status),
            )
        return reply.text if reply.status == 200 else None

    def _await_turn(self, route: Route, url: str, budget: float) -> None:
        # One turn is always waited for, so that retry_timeout=0 does not fail the second task of a play.
        max_wait = max(2 * route.interval, budget - self.clock.now())
        deadline = self.clock.now() + max_wait
        wait = self._pacer.reserve(route.name, self._interval(route), max_wait)
        if wait is None:
            raise RateLimited(
                f"{route.method} {url} was not sent: other tasks of this user have taken its turns for longer than the "
                f"retry_timeout of {self.settings.retry_timeout:g} s. Raise retry_timeout or run fewer tasks at once.",
                Exchange(route.method, url),
            )
        while wait > 0 and self.clock.now() <= deadline:
            self.clock.sleep(wait)
            # Whoever had the slot before may have been late.
            wait = self._pacer.clearance(route.name)

    def _interval(self, route: Route) -> float:
        return route.interval if self.settings.api_pacing else 0.0

    def _back_off(self, route: Route, error: VastError, attempt: int, budget: float) -> None:
        """Make sure that the next attempt comes late enough, or raise the error when that is too late."""
        pause = min(MAX_BACKOFF, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)
        if isinstance(error, RateLimited):
            pause = max(pause, error.wait, error.threshold or 0.0, route.interval)
            self._pacer.hold(route.name, pause, error.threshold)
        if self.clock.now() + pause > budget:
            tries = "once" if attempt == 1 else f"{attempt} times"
            limit = f"retry_timeout is {self.settings.retry_timeout:g} s"
            raise error.with_context(f"{error.msg} Gave up after trying {tries}: {limit}.") from error
        if not isinstance(error, RateLimited):
            self.clock.sleep(pause)

    def _once(
        self,
        route: Route,
        url: str,
        params: t.Mapping[str, str] | None,
        body: t.Mapping[str, t.Any] | None,
        list_key: str | None,
    ) -> dict[str, t.Any]:
        exchange = Exchange(route.method, url)
        sent = f"{route.method} {url}" + ("" if body is None else f" {self.redactor.data(body)}")
        verify = self.settings.verify
        try:
            reply = self._transfer(
                self._session,
                route.method,
                url,
                auth=self._authorize,
                verify=verify,
                limit=MAX_REPLY_BYTES,
                params=params,
                json=body,
            )
        except (OSError, urllib3.exceptions.HTTPError, _BadBody) as error:
            raise self._lost(route, sent, exchange, error) from error
        self._pacer.answered(route.name, self._interval(route))
        if reply.ok and isinstance(reply.data, dict):
            return reply.data
        if reply.ok and list_key is not None and isinstance(reply.data, list):
            return {list_key: reply.data}
        exchange = exchange._replace(
            status_code=reply.status,
            error=self.redactor.text(reply.slug) if reply.slug else None,
            response=self.redactor.data(reply.data),
        )
        if not reply.ok:
            raise error_from_reply(sent, reply, exchange, self.redactor, safe=route.safe)
        says = self.redactor.text(reply.message) or "an empty body"
        msg = f"Vast.ai answered {reply.status} to {sent}, and not with a JSON object: {says}."
        raise (
            ProtocolError(msg, exchange)
            if route.safe
            else UnknownOutcome(f"{msg} It may have been carried out.", exchange)
        )

    def _transfer(
        self,
        session: requests.Session,
        method: str,
        url: str,
        *,
        auth: c.Callable[[requests.PreparedRequest], requests.PreparedRequest],
        verify: bool | str,
        limit: int,
        **content: t.Any,
    ) -> Reply:
        with session.request(
            method,
            url,
            auth=auth,
            verify=verify,
            headers=self._headers,
            timeout=(CONNECT_TIMEOUT, self.settings.api_timeout),
            allow_redirects=False,
            stream=True,
            **content,
        ) as response:
            body = b"".join(self._chunks(response, limit))
            return Reply.parse(response.status_code, response.headers, body)

    def _chunks(self, response: requests.Response, limit: int) -> c.Iterator[bytes]:
        """The body as it arrives: a drip must not outlive the timeout, nor a flood the memory."""
        deadline = self.clock.now() + self.settings.api_timeout
        size = 0
        raw = response.raw
        # urllib3 1.26 takes a body that is cut off for a whole one unless told otherwise.
        raw.enforce_content_length = True
        # urllib3 1.26 has no read1; small reads there keep the deadline honest.
        read, amount = (raw.read1, 65536) if hasattr(raw, "read1") else (raw.read, 64)
        while chunk := read(amount, decode_content=True):
            size += len(chunk)
            if size > limit:
                raise _TooLarge(f"the reply is larger than {limit} bytes")
            if self.clock.now() > deadline:
                raise _BadBody(f"the reply took longer than {self.settings.api_timeout:g} s to arrive")
            yield chunk

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.settings.api_key}"
        return request

    def _lost(self, route: Route, sent: str, exchange: Exchange, error: Exception) -> VastError:
        """What a failed transfer means: it cannot be sent, it was not sent, or its reply is lost."""
        reason = self.redactor.text(_root(error))
        if _cannot_be_sent(error):
            return Invalid(f"{sent} cannot be sent: {reason}. Check api_url and ca_path.", exchange)
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return TransportError(
                f"{sent} was not sent: the certificate of the server is not trusted: {reason}. "
                "Name the file of the authority that signed it in ca_path.",
                exchange,
            )
        if isinstance(error, requests.exceptions.SSLError) and any(word in str(error) for word in _HANDSHAKE_FAULTS):
            return TransportError(
                f"{sent} was not sent, no TLS connection: {reason}. Check api_url and ca_path.", exchange
            )
        if _never_sent(error):
            return TransportError(f"{sent} was not sent, no connection: {reason}.", exchange).as_repeatable()
        if route.safe and isinstance(error, _TooLarge):
            return ProtocolError(f"The reply to {sent} cannot be read: {reason}.", exchange)
        if route.safe:
            return TransportError(f"The reply to {sent} was lost: {reason}.", exchange).as_repeatable()
        return UnknownOutcome(f"The reply to {sent} was lost: {reason}. It may have been carried out.", exchange)


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Given as `auth` so that requests does not look for a password in a .netrc file."""
    return request


def _cannot_be_sent(error: Exception) -> bool:
    """Whether there is no way to send it: not an address, or the file of authorities is missing."""
    return isinstance(error, ValueError) or "TLS CA certificate bundle" in str(error)


def _never_sent(error: Exception) -> bool:
    """Whether a failure lies before the request: name, route, connection, the way through a proxy."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    # A ProxyError alone proves nothing: urllib3 1.26 also raises it for a reply that is lost behind a proxy.
    return any(
        isinstance(cause, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))
        or str(cause).startswith("Tunnel connection failed")
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> c.Iterator[BaseException]:
    """An error and what it wraps, the innermost last."""
    inner: t.Any = error
    while isinstance(inner, BaseException):
        yield inner
        wrapped = (arg for arg in inner.args if isinstance(arg, BaseException))
        inner = getattr(inner, "reason", None) or next(wrapped, None)


def _root(error: BaseException) -> str:
    """The innermost cause in plain words; the outer layers repeat the address and add object names."""
    *_outer, inner = _causes(error)
    return re.sub(_CONNECTION_NAME, "", str(inner) or type(inner).__name__).rstrip(".")


def _is_own(url: str, api_url: str) -> bool:
    try:
        return origin(url) == origin(api_url)
    except ValueError:
        return False


def _without_query(url: str) -> str:
    """An address as a result may show it: signed addresses carry their secret in the query or as a user."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, MASK if parts.query else "", ""))
