# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The logs of an instance: of its container, or of the daemon that runs it (F3.9). Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import rounds
from .._api.downloads import fetch_result
from .._api.errors import NotFound, ProtocolError, VastError, WaitTimeout
from .._api.redact import Redactor
from .._core.arguments import check_number
from .contents import LEAST_SECRET, stored_flags
from .instance import Instance

LOGS = Route("PUT", "/api/v0/instances/request_logs/{id}/", 1.0, reads=True)
POLL_INTERVAL = 1.0
"""Seconds between two attempts to fetch the text."""
CHANGES_WITHIN = 6.0
"""For how many seconds a text that was there at once may still be replaced by the one that was asked for."""
MAX_TAIL = 100_000
MAX_RESULT_TIMEOUT = 86_400
"""Seconds; a day."""
TAIL_WITHIN = 20.0
"""For how many seconds the end of a log is waited for that only explains something else."""


class Wanted(t.NamedTuple):
    """What a task asks for: so many lines from the end, those that hold a text, and seconds to wait for them."""

    tail: int = 1000
    filter: str | None = None
    daemon: bool = False
    timeout: float = 60.0

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Wanted:
        """The options of the module. Raises Invalid for numbers that cannot work."""
        check_number(options["tail"], "tail", 1, MAX_TAIL)
        check_number(options["result_timeout"], "result_timeout", 1, MAX_RESULT_TIMEOUT)
        return cls(options["tail"], options["filter"] or None, options["daemon"], options["result_timeout"])

    @property
    def body(self) -> dict[str, str]:
        """The same for the API, which wants texts (F3.9)."""
        sent = {"tail": str(self.tail)}
        if self.filter is not None:
            sent["filter"] = self.filter
        return {**sent, "daemon_logs": "true"} if self.daemon else sent


class Log(t.NamedTuple):
    """A log as text. `may_be_old`: it was there at once and did not change, so it may be that of an earlier call."""

    text: str
    may_be_old: bool


def read_log(client: Client, instance: Instance, wanted: Wanted) -> Log:
    """Ask for a log and wait for it, without the secrets that the instance is known to have.

    Raises NotFound and PermissionDenied as the API says, ProtocolError for a reply without an address or a text that is
    too long, WaitTimeout when the text does not come.
    """
    try:
        reply = client.call(LOGS, ids={"id": instance.id}, body=wanted.body)
        log = _awaited(client, instance, wanted, _address(client, instance, reply.get("result_url")))
    except VastError as error:
        raise error.with_context(_explained(instance, error), instance=instance.result()) from error
    return log._replace(text=Redactor(_secrets(client, instance)).clean(log.text))


def tail_of(client: Client, instance: Instance, lines: int, *, daemon: bool) -> str | None:
    """The end of a log for a message; None when it cannot be had, for whatever reason."""
    try:
        log = read_log(client, instance, Wanted(lines, None, daemon, TAIL_WITHIN))
    except VastError:
        return None
    return "\n".join(log.text.splitlines()[-lines:]) or None


def _address(client: Client, instance: Instance, value: t.Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ProtocolError(
        f"The API accepted the request for the log of {instance.display_name} but named no result_url.",
        client.answered(LOGS, {"id": instance.id}),
    )


def _awaited(client: Client, instance: Instance, wanted: Wanted, url: str) -> Log:
    """The address may be the same for each call: what is there at once may be an earlier text (F3.9)."""
    first = fetch_result(client, url)
    limit = wanted.timeout if first is None else min(CHANGES_WITHIN, wanted.timeout)
    for _elapsed in rounds(client.clock, first=POLL_INTERVAL, interval=POLL_INTERVAL, timeout=limit):
        text = fetch_result(client, url)
        if text is not None and text != first:
            return Log(text, may_be_old=False)
    if first is not None:
        return Log(first, may_be_old=True)
    raise WaitTimeout(
        f"The log of {instance.display_name} did not come within result_timeout ({wanted.timeout:g} s). "
        f"Last seen: {instance.described}."
    )


def _explained(instance: Instance, error: VastError) -> str:
    if isinstance(error, NotFound):
        return f"{error.msg} {instance.display_name} is listed, but Vast.ai has no log of it: {instance.described}."
    if isinstance(error, ProtocolError) and "bytes" in error.msg:
        return f"{error.msg} Request fewer lines with tail, or use filter."
    return error.msg


def _secrets(client: Client, instance: Instance) -> c.Iterator[str]:
    """Values of its row whose names say that they are secret: what runs in a box likes to print its environment."""
    token = instance.row.get("jupyter_token")
    named = {**stored_flags(instance), "jupyter_token": token if isinstance(token, str) else ""}
    for name, value in named.items():
        if len(value) >= LEAST_SECRET and client.redactor.clean({name: value})[name] != value:
            yield value
