# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What a failed exchange means: it cannot be sent, it was not sent, or its reply is lost.

It reads the errors of requests, both generations of urllib3, http.client, ssl and the system. Not for a task that
succeeds.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import errno
import re
import ssl
import typing as t
import urllib.parse

from .errors import WireFault
from .settings import is_loopback

# What is missing the client has said by then.
with contextlib.suppress(ImportError):
    import requests
    import urllib3.exceptions

_CONNECTION_NAME = r"^(?:<.* object at 0x[0-9a-f]+>|HTTPS?Connection(?:Pool)?\(.*?\)): "
"""How urllib3 1.26 and 2 begin what they say of a connection."""
_TUNNEL_FAILED = r"Tunnel connection failed: (\d{3}\b.*)"


def explained(error: Exception, url: str, sent: bool | None, proxy: str | None, *, final: bool) -> WireFault:
    """What a failed exchange with an address means.

    `sent`: False when the request did not leave, True when it may have, None when no connection knows. `proxy`: the
    variable that names the one on the way. `final`: a reply that was lost so would be lost the next time, too.
    """
    reason = root(error)
    if sent is None and proxy is not None and isinstance(error, requests.exceptions.InvalidSchema):
        reason = f"the proxy that {proxy} names needs the Python library PySocks"
    if sent is None and isinstance(error, ValueError):
        return WireFault(reason, sent=False, invalid=True)
    # Where no connection of ours was asked, some errors prove by themselves that there was none.
    if sent is None:
        sent = not _no_connection(error)
    if sent:
        return WireFault(reason, sent=True, final=final)
    if proxy is not None and (fault := _proxy_fault(error, proxy)):
        return fault
    return _tls_fault(error, reason) or WireFault(
        f"no connection ({reason})", sent=False, final=_is_refused(error) and is_loopback(_host(url))
    )


def _proxy_fault(error: Exception, proxy: str) -> WireFault | None:
    """What the proxy refused, or None when it was the server behind it."""
    tunnel = next((found for cause in _causes(error) if (found := re.match(_TUNNEL_FAILED, str(cause)))), None)
    if tunnel:
        reason = f"the proxy that {proxy} names answered {tunnel[1]}"
        return WireFault(reason, sent=False, final=tunnel[1][0] != "5")
    if isinstance(error, requests.exceptions.ProxyError) or _no_connection(error):
        reason = f"the proxy that {proxy} names cannot be reached ({_system_text(error)})"
        return WireFault(reason, sent=False, final=_is_refused(error))
    return None


def _tls_fault(error: Exception, reason: str) -> WireFault | None:
    if not isinstance(error, requests.exceptions.SSLError):
        return None
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return WireFault(
            f"the certificate of the server is not trusted ({reason}). Set ca_path to the certificate file of its CA",
            sent=False,
            final=True,
        )
    cut_off = any(isinstance(cause, ssl.SSLEOFError) for cause in _causes(error)) or "EOF" in str(error)
    return WireFault(f"no TLS connection ({reason}). Check api_url and ca_path", sent=False, final=not cut_off)


def _no_connection(error: Exception) -> bool:
    kinds = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError, requests.ConnectTimeout)
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _is_refused(error: BaseException) -> bool:
    return any(isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED for cause in _chain(error))


def _system_text(error: BaseException) -> str:
    """What the system says of it: no name and no address."""
    texts = [cause.strerror for cause in _chain(error) if isinstance(cause, OSError) and cause.strerror]
    return texts[-1] if texts else type([*_causes(error)][-1]).__name__


def _causes(error: BaseException) -> c.Iterator[BaseException]:
    """An error and what it wraps, the innermost last."""
    inner: t.Any = error
    while isinstance(inner, BaseException):
        yield inner
        wrapped = (arg for arg in inner.args if isinstance(arg, BaseException))
        inner = getattr(inner, "reason", None) or next(wrapped, None)


def _chain(error: BaseException) -> c.Iterator[BaseException]:
    """The same, and what they were raised from; urllib3 1.26 does not tell in any other way."""
    *_outer, inner = _causes(error)
    yield from _causes(error)
    while (inner := t.cast("t.Any", inner.__cause__ or inner.__context__)) is not None:
        yield inner


def root(error: BaseException) -> str:
    """The innermost cause in plain words; the outer layers repeat the address and add object names."""
    *_outer, inner = _causes(error)
    return re.sub(_CONNECTION_NAME, "", str(inner) or type(inner).__name__).rstrip(".")


def _host(url: str) -> str | None:
    return urllib.parse.urlsplit(url).hostname
