# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The exception tree. Each leaf is one `error_class` of a failed result."""

from __future__ import annotations

import typing as t


class Exchange(t.NamedTuple):
    """What was sent and what came back, as a failed result shows it: short and without secrets."""

    method: str
    url: str
    status_code: int | None = None
    error: str | None = None
    response: str | None = None


class VastError(Exception):
    """A failure in the words of the collection; only its leaves are raised."""

    error_class: t.ClassVar[str]
    repeatable = False
    """Whether the client may send the same again: nothing was carried out, or it can do no harm."""

    def __init__(self, msg: str, exchange: Exchange | None = None, **result: t.Any) -> None:
        super().__init__(msg)
        self.msg = msg
        self.exchange = exchange
        self.result = result

    def with_context(self, msg: str, **result: t.Any) -> VastError:
        """The same failure with a message that knows more, and further keys for the result."""
        return type(self)(msg, self.exchange, **{**self.result, **result})

    def as_repeatable(self) -> VastError:
        """Mark that the same may be sent again."""
        self.repeatable = True
        return self

    def failure(self) -> dict[str, t.Any]:
        """The keys of a failed result: always the same ones, see the README."""
        exchange = {} if self.exchange is None else self.exchange._asdict()
        return {**self.result, "msg": self.msg, "error_class": self.error_class, **exchange}


class AuthError(VastError):
    """No key, a wrong key or an expired session; the API may say so with a 404 (F2.2)."""

    error_class = "auth"


class PermissionDenied(VastError):
    """The key is valid and not allowed to do this (F6.4)."""

    error_class = "permission"


class NotFound(VastError):
    """The thing is not there, by a complete listing or by the API's own word."""

    error_class = "not_found"


class Ambiguous(VastError):
    """Several things carry the name that was to select one."""

    error_class = "ambiguous"


class Invalid(VastError):
    """The request cannot be right as it stands; sending it again would not help."""

    error_class = "invalid"


class RateLimited(VastError):
    """Refused for being too frequent (F2.4), for longer than the budget allows.

    `wait` is what the API asks for, `threshold` the interval it names, both in seconds.
    """

    error_class = "rate_limited"
    wait = 0.0
    threshold: float | None = None

    def with_pace(self, wait: float, threshold: float | None) -> RateLimited:
        """Note what the refusal asks for; a refused request was not carried out and may be sent again."""
        self.wait, self.threshold, self.repeatable = wait, threshold, True
        return self


class QuotaExceeded(VastError):
    """A daily quota is used up; trying again before it resets is pointless (F2.4)."""

    error_class = "quota"


class Unavailable(VastError):
    """No GPU is free, or the host or container cannot get to the wanted state (F2.3, F3.7)."""

    error_class = "unavailable"


class BudgetExceeded(VastError):
    """A price or a budget of the task forbids it, or the account has no credit or no way to pay for it."""

    error_class = "budget"


class Leaked(VastError):
    """Something that is known still bills, although it was to be gone."""

    error_class = "leaked"


class Deprecated(VastError):
    """The API has retired this route (F3.1)."""

    error_class = "deprecated"


class ServerError(VastError):
    """The API failed, or said yes and did not do it."""

    error_class = "server"


class TransportError(VastError):
    """No reply, and nothing was carried out: name, connection, certificate, or a read that failed."""

    error_class = "transport"


class UnknownOutcome(VastError):
    """A write was sent and its reply is lost or unreadable: it may have been carried out."""

    error_class = "unknown_outcome"


class WaitTimeout(VastError):
    """The time the caller gave was not enough."""

    error_class = "timeout"


class ProtocolError(VastError):
    """A reply of the wrong shape; nothing may be concluded from it."""

    error_class = "protocol"


class DependencyError(VastError):
    """A Python library is missing on the interpreter that runs the module."""

    error_class = "dependency"


class WireFault(Exception):
    """There is no reply; the client makes one of the above of it. `reason` is raw text: redact it before it is shown.

    `sent`: the request may have arrived. `final`: the same would fail again. `invalid`: it is the fault of a setting.
    """

    def __init__(self, reason: str, *, sent: bool, final: bool = False, invalid: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.final = final or invalid
        self.invalid = invalid
