# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The files that the API leaves results in: fetched without the key, from where they may be."""

from __future__ import annotations

import re
import urllib.parse

from .client import Client
from .errors import Exchange, ProtocolError, TransportError, WireFault
from .redact import MASK
from .settings import origin

MAX_RESULT_BYTES = 4 * 1024 * 1024
_PLAIN = r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?][!$-;=?-\[\]_a-z~]*)?"
"""An address that no two parsers can read differently: no user, no backslash, nothing that has to be quoted."""


def fetch_result(client: Client, url: str) -> str | None:
    """The text of a result file, or None while it cannot be had yet: 403 or 404 until it is written (F3.10).

    Sent without the key. Raises ProtocolError for an address that is odd, or neither https nor the API's own, for a
    redirect, and for a file beyond MAX_RESULT_BYTES; TransportError for what will not come about later either.
    """
    shown = client.redactor.text(_without_secrets(url))
    exchange = Exchange("GET", shown)
    own = _is_own(url, client.settings.api_url)
    if not own and not url.startswith("https://"):
        raise ProtocolError(f"Vast.ai reports the result at {shown}, which is not https; it was not fetched.", exchange)
    if not _is_plain(url):
        raise ProtocolError(
            f"Vast.ai reports the result at {shown}, which is not a plain address; it was not fetched.", exchange
        )
    # A private authority vouches for the API's own address, not for the public storage beside it.
    verify = client.settings.verify if own else client.settings.validate_certs
    try:
        request = client.wire.prepare("GET", url, client.headers)
        if origin(request.url or "") != origin(url):
            raise ProtocolError(f"The result at {shown} has an ambiguous address; it was not fetched.", exchange)
        status, _headers, body = client.wire.exchange(request, verify=verify, limit=MAX_RESULT_BYTES)
    except WireFault as fault:
        if not fault.final:
            return None
        raise _refused(client, shown, exchange, fault) from fault
    if 300 <= status < 400:
        raise ProtocolError(
            f"The result at {shown} redirects to another address; the redirect was not followed.",
            exchange._replace(status_code=status),
        )
    return body.decode("utf-8", errors="replace") if status == 200 else None


def _refused(client: Client, shown: str, exchange: Exchange, fault: WireFault) -> ProtocolError | TransportError:
    reason = client.redactor.text(fault.reason)
    if fault.sent:
        return ProtocolError(f"The result at {shown} could not be read: {reason}.", exchange)
    kind = ProtocolError if fault.invalid else TransportError
    return kind(f"The result at {shown} cannot be fetched: {reason}.", exchange)


def _is_plain(url: str) -> bool:
    try:
        return re.fullmatch(_PLAIN, url) is not None and origin(url)[2] is not None
    except ValueError:
        return False


def _is_own(url: str, api_url: str) -> bool:
    return _is_plain(url) and origin(url) == origin(api_url)


def _without_secrets(url: str) -> str:
    """An address as a result may show it: signed addresses carry their secret in the query or as a user."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, MASK if parts.query else "", ""))
