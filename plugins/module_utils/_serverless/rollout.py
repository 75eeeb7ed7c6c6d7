# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Waiting for workers: that the engine has replaced them, and that enough of them are ready (F4.3)."""

from __future__ import annotations

import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits, rounds
from .._api.errors import RateLimited, ServerError, TransportError, UnknownOutcome, VastError, WaitTimeout
from . import workers as engine
from .endpoints import Endpoint
from .monitoring import counts, log, states
from .wanted import Group

UPDATE = Route("POST", "/update_workers/", 1.0, engine=True)
READY = frozenset(("idle", "ready", "busy"))
"""In these states a worker serves requests, or could."""
UPDATING = "update"
"""What the states of a worker that is being replaced have in common."""
POLLS = 2
"""So many polls without a worker that is being updated tell that none will be."""
LOG_LINES = 20
"""How many lines of a log are asked for to explain a failure."""

Ask = t.Callable[[], engine.Workers]


def roll(client: Client, group: Group, waits: Waits, deadline: Deadline) -> None:
    """Have the engine replace the workers of a workergroup by such with its new template, and wait for it.

    A lost call is looked up by the states of the workers, and sent once more when they show nothing. Raises
    WaitTimeout, and UnknownOutcome when the second call is lost, too.
    """
    watch = _Updates(client, group, waits, deadline)
    for attempt in (1, 2):
        try:
            reply = client.call(UPDATE, body={"workergroup_id": group.id}, deadline=deadline)
        except (UnknownOutcome, ServerError) as error:
            if watch.begins():
                break
            if attempt == 1:
                continue
            raise error.with_context(
                f"{error.msg} No worker shows an update after two requests. {_by_hand(group)}"
            ) from error
        except VastError as error:
            raise error.with_context(f"{error.msg} {_by_hand(group)}") from error
        if reply.get("workers_to_update") == 0:
            return
        break
    if waits.wait:
        watch.finish()


def _by_hand(group: Group) -> str:
    return (
        f"The workers of {group.display_name} may keep the old template. Update them with the official client: vastai "
        f"update workers {group.id}."
    )


class _Updates:
    """The states of the workers of one workergroup while they are replaced."""

    def __init__(self, client: Client, group: Group, waits: Waits, deadline: Deadline) -> None:
        self.client = client
        self.group = group
        self.waits = waits
        self.deadline = deadline
        self.seen = False
        self.quiet = 0
        self.last: engine.Workers = engine.Workers(None, (), "it was not queried yet")

    def poll(self) -> None:
        """See the states once more."""
        self.last = _tolerant(lambda: engine.ask_workergroup(self.client, self.group.id, self.deadline))
        if self.last.rows is None:
            return
        updating = any(UPDATING in state for state in states(self.last.rows))
        self.seen = self.seen or updating
        self.quiet = 0 if updating else self.quiet + 1

    def begins(self) -> bool:
        """Whether one of two polls shows that the update goes on."""
        limit = self.deadline.bounded(POLLS * self.waits.interval)
        for _elapsed in rounds(
            self.client.clock, first=self.waits.interval, interval=self.waits.interval, timeout=limit
        ):
            self.poll()
            if self.seen:
                break
        return self.seen

    def finish(self) -> None:
        """Poll until no worker is being updated, and one was or two polls have passed. Raises WaitTimeout."""
        interval = self.waits.interval
        self.quiet = 0
        for _elapsed in rounds(self.client.clock, first=interval, interval=interval, timeout=self.deadline):
            self.poll()
            if self.quiet >= (1 if self.seen else POLLS):
                return
        raise WaitTimeout(
            f"The workers of {self.group.display_name} were not replaced within wait_timeout "
            f"({self.waits.timeout:g} s). Last seen: {told(self.last)}. The engine continues on its own."
        )


def await_ready(client: Client, endpoint: Endpoint, count: int, waits: Waits, deadline: Deadline) -> None:
    """Poll until so many workers of an endpoint are ready.

    Raises WaitTimeout, with the states of all and, when none is ready, with the end of the endpoint's log.
    """
    ready = 0
    last = engine.Workers(None, (), "it was not queried yet")
    while True:
        last = _tolerant(lambda: engine.ask(client, endpoint, deadline))
        if last.rows is not None:
            ready = sum(state in READY for state in states(last.rows))
            if ready >= count:
                return
        if deadline.expired:
            break
        client.clock.sleep(min(waits.interval, deadline.remaining))
    log = "" if ready else _log_end(client, endpoint)
    raise WaitTimeout(
        f"{ready} of {count} workers of {endpoint.display_name} were ready within wait_timeout ({waits.timeout:g} s). "
        f"Last seen: {told(last)}. Workers bill while they load.{log}"
    )


def _tolerant(ask: Ask) -> engine.Workers:
    """What the engine tells; that it cannot be reached tells nothing, and the next poll may."""
    try:
        return ask()
    except (TransportError, ServerError, RateLimited) as error:
        return engine.Workers(None, (), error.msg)


def told(workers: engine.Workers) -> str:
    """How many workers are in which state, for a message."""
    if workers.rows is None:
        return f"the engine did not list the workers: {workers.reason.rstrip('.')}"
    return ", ".join(f"{number} {state}" for state, number in counts(workers.rows).items()) or "no worker"


def _log_end(client: Client, endpoint: Endpoint) -> str:
    lines = log(client, endpoint, LOG_LINES)
    return f" The log of the endpoint ends: {' | '.join(lines[-5:]).rstrip('.')}." if lines else ""
