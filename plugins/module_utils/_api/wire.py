# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""One request and its reply over HTTP, bounded in time and memory, or why there is none. Knows nothing of Vast.ai.

The only file that imports requests.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import http.client
import io
import os
import re
import traceback
import typing as t
import urllib.parse
import zlib

from .clock import Clock, Deadline
from .errors import WireFault
from .settings import is_loopback

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    import requests.adapters
    import requests.utils
    import urllib3.exceptions
    import urllib3.util
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()

CONNECT_TIMEOUT = 10.0
"""Seconds until a connection stands: TCP, the way through a proxy, TLS."""
MAX_FRAMING_BYTES = 1024 * 1024
"""What a reply may have beside its body: status lines, headers, sizes of chunks, trailers."""
MAX_VALUES = 400_000
"""How many values a body may hold; each takes some hundred bytes once it is parsed."""
PIECE = 65536
_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_PROXY_HOST = r"[\w.-]+|\[[0-9A-Fa-f:.%\w]+\]"


class Received(t.NamedTuple):
    """A whole reply, its body unpacked; of a redirect only the head, its body is never read."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes


class _TooSlow(Exception):
    """The time of the exchange is over. No OSError: nothing between here and `exchange` may take it for another."""


class _TooLarge(Exception):
    """The reply is larger than allowed, and would be the next time, too."""


class _Broken(Exception):
    """The body is not what its head says."""


class Wire:
    """Connections that are used for one exchange at a time. `timeout` bounds each, connecting apart, in seconds."""

    def __init__(self, clock: Clock, timeout: float) -> None:
        self._timeout = timeout
        self._bounds = _Bounds(clock, timeout)
        self._adapter = requests.adapters.HTTPAdapter()
        self._bound(self._adapter.poolmanager)

    def prepare(
        self,
        method: str,
        url: str,
        headers: t.Mapping[str, str],
        params: t.Mapping[str, str] | None = None,
        body: t.Mapping[str, t.Any] | None = None,
    ) -> requests.PreparedRequest:
        """The request as it would be sent, its address included. Raises WireFault for what cannot be one."""
        # Only gzip is unpacked here.
        headers = {**headers, "Accept-Encoding": "gzip"}
        try:
            # Without a Session: it adds passwords of a .netrc file, keeps cookies, and reads the bodies of redirects.
            return requests.Request(method, url, headers=headers, params=params, json=body, auth=_no_auth).prepare()
        except Exception as error:  # Whatever requests and urllib3 find wrong with it, nothing was sent.
            from .wire_faults import root

            raise WireFault(root(error), sent=False, invalid=True) from error

    def exchange(self, request: requests.PreparedRequest, *, verify: bool | str, limit: int) -> Received:
        """Send a request and return the whole reply, its body at most `limit` bytes. Raises WireFault, and no other."""
        url = request.url or ""
        proxy = None
        self._bounds.begin(limit + MAX_FRAMING_BYTES)
        try:
            verify = _authorities(url, verify)
            proxy = _proxy_for(url)
            if proxy is not None:
                self._bound(self._adapter.proxy_manager_for(proxy.url))
            with self._adapter.send(
                request,
                stream=True,
                timeout=(CONNECT_TIMEOUT, self._timeout),
                verify=verify,
                proxies={} if proxy is None else {urllib.parse.urlsplit(url).scheme: proxy.url},
            ) as response:
                return _received(response, limit)
        except WireFault:
            raise
        except Exception as error:  # Of five libraries, and a write must not end in a traceback.
            self._bounds.abandon()
            from .wire_faults import explained

            variable, is_final = proxy and proxy.variable, isinstance(error, _TooLarge)
            raise explained(error, url, self._bounds.sent, variable, final=is_final) from error

    def _bound(self, manager: t.Any) -> None:
        """Let all connections of a manager of urllib3 keep to the bounds."""
        if "bounds" not in vars(manager):
            manager.bounds = self._bounds
            manager.pool_classes_by_scheme = {
                scheme: _bounded_pool(pool, self._bounds) for scheme, pool in manager.pool_classes_by_scheme.items()
            }


class _Bounds:
    """What one exchange may still take; the connections ask before each read and write.

    `sent` is None until a connection knows: False while there is none, True when the request may have left.
    """

    sent: bool | None
    connecting: bool
    reply: http.client.HTTPResponse | None

    def __init__(self, clock: Clock, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self.begin(0)

    def begin(self, allowance: int) -> None:
        """A new exchange, of that many bytes."""
        self.sent = None
        self.connecting = False
        self.reply = None
        self._limit = self._allowance = allowance
        self._restart(self._timeout)

    def connect(self) -> None:
        """From here a connection is made."""
        self.sent = False
        self.connecting = True
        self._restart(CONNECT_TIMEOUT)

    def connected(self) -> None:
        """From here it stands."""
        self.connecting = False
        self._restart(self._timeout)

    def abandon(self) -> None:
        """Close what was read of a reply; urllib3 leaves one open whose head it refuses."""
        if self.reply is not None:
            with contextlib.suppress(OSError, ValueError):
                self.reply.close()

    def remaining(self) -> float:
        """Seconds left, more than 0. Raises _TooSlow."""
        remaining = self._deadline.remaining
        if remaining <= 0:
            raise self.too_slow()
        return remaining

    def too_slow(self) -> _TooSlow:
        """The error that says so."""
        return _TooSlow(f"it took longer than {self._seconds:g} s")

    def took(self, size: int) -> None:
        """Count what was read. Raises _TooLarge."""
        self._allowance -= size
        if self._allowance < 0:
            raise _TooLarge(f"the reply is larger than {self._limit} bytes")

    def _restart(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = Deadline(self._clock, seconds)


class _Bounded:
    """Mixed into the connections of urllib3, of either generation."""

    bounds: t.ClassVar[_Bounds]
    sock: t.Any
    auto_open: t.Any

    def connect(self) -> None:
        """Connect within the time for that, the answer of a proxy included."""
        connection: t.Any = super()
        self.bounds.connect()
        connection.connect()
        self.bounds.connected()

    def send(self, data: t.Any) -> None:
        """Send bytes; from the first one on the request may have arrived, unless they only ask a proxy for a tunnel."""
        connection: t.Any = super()
        if self.sock is None and self.auto_open:
            self.connect()
        for start in range(0, len(data), PIECE):
            self.sock.settimeout(self.bounds.remaining())
            self.bounds.sent = not self.bounds.connecting
            connection.send(data[start : start + PIECE])

    def response_class(self, sock: t.Any, *arguments: t.Any, **options: t.Any) -> http.client.HTTPResponse:
        """What http.client reads a reply with, also that of a proxy."""
        source = t.cast("t.Any", _Source(sock, self.bounds))
        self.bounds.reply = http.client.HTTPResponse(source, *arguments, **options)
        return self.bounds.reply


class _Source(io.RawIOBase):
    """What comes from a socket, within the bounds."""

    def __init__(self, sock: t.Any, bounds: _Bounds) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._bounds = bounds

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Look like a socket to http.client."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        self._sock.settimeout(self._bounds.remaining())
        try:
            size: int | None = self._file.readinto(buffer)
        except TimeoutError:
            raise self._bounds.too_slow() from None
        self._bounds.took(size or 0)
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


def _bounded_pool(pool: t.Any, bounds: _Bounds) -> type:
    """A class of connection pools like that one, whose connections keep to the bounds."""
    connection = type(pool.ConnectionCls.__name__, (_Bounded, pool.ConnectionCls), {"bounds": bounds})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Given as `auth` so that nothing is made of a user in the address."""
    return request


def _received(response: requests.Response, limit: int) -> Received:
    status = response.status_code
    if not 200 <= status < 600:
        raise _Broken(f"its status is {status}")
    return Received(status, response.headers, b"" if 300 <= status < 400 else _body(response, limit))


def _body(response: requests.Response, limit: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    pieces = _pieces(response.raw)
    if encoding in ("gzip", "x-gzip"):
        pieces = _unpacked(pieces)
    elif encoding not in ("", "identity"):
        raise _Broken("it has a Content-Encoding that was not asked for")
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise _TooLarge(f"the reply is larger than {limit} bytes")
    if body.count(b",") > MAX_VALUES:
        raise _TooLarge(f"the reply holds more than {MAX_VALUES} values")
    return bytes(body)


def _pieces(raw: t.Any) -> c.Iterator[bytes]:
    # urllib3 1.26 takes a body that is cut off for a whole one unless told otherwise.
    raw.enforce_content_length = True
    while piece := raw.read(PIECE, decode_content=False):
        yield piece


def _unpacked(pieces: c.Iterable[bytes]) -> c.Iterator[bytes]:
    """Unpack gzip in small steps, since a few bytes may stand for gigabytes. urllib3 1.26 could not."""
    unpack = None
    for piece in pieces:
        while piece:
            if unpack is None or unpack.eof:
                unpack = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            yield unpack.decompress(piece, PIECE)
            piece = unpack.unconsumed_tail or unpack.unused_data
    if unpack is not None and not unpack.eof:
        raise _Broken("its compressed body is cut off")


def _authorities(url: str, verify: bool | str) -> bool | str:
    """Which file vouches for servers where no option says so. Raises WireFault when it is missing."""
    if verify is not True or not url.startswith("https:"):
        return verify
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(name)
        if path and not os.path.exists(path):
            raise WireFault(
                f"the environment variable {name} names {path}, which does not exist", sent=False, invalid=True
            )
        if path:
            return path
    return True


class _Proxy(t.NamedTuple):
    """A proxy and the variable that names it; nothing of its address is ever shown."""

    url: str
    variable: str


def _proxy_for(url: str) -> _Proxy | None:
    """The proxy on the way to an address, by the environment. Raises WireFault when that names none.

    There is none on the way to this machine: the key would cross the network in the clear.
    """
    if is_loopback(urllib.parse.urlsplit(url).hostname):
        return None
    value = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url, no_proxy=None))
    if not value:
        return None
    variable = _variable(value)
    try:
        address = requests.utils.prepend_scheme_if_needed(value, "http")
        parts = urllib3.util.parse_url(address)
        whole = parts.scheme in _PROXY_SCHEMES and re.fullmatch(_PROXY_HOST, parts.host or "") is not None
        whole = whole and not (parts.path or "").strip("/") and not parts.query and not parts.fragment
    except (ValueError, TypeError):
        whole = False
    if not whole:
        raise WireFault(f"the environment variable {variable} is not the address of a proxy", sent=False, invalid=True)
    return _Proxy(address, variable)


def _variable(value: str) -> str:
    """The environment variable with this value; proxies can also come from the settings of the system."""
    names = (name for name, found in os.environ.items() if name.lower().endswith("_proxy") and found == value)
    return next(names, "HTTPS_PROXY (or the system's proxy setting)")
