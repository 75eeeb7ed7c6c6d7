# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Keeping the tasks of one user apart while one of them creates something. Not for a task that changes nothing."""

from __future__ import annotations

import collections.abc as c
import contextlib
import os
import typing as t

from .._api.client import Client
from .._api.clock import Deadline
from .._api.errors import WaitTimeout
from .._api.private_files import Content, PrivateFile, digest, shared_directory

LOCK_POLL = 1.0
"""Seconds between two tries to get a lock that another task has."""


class Held(t.NamedTuple):
    """A lock: the content of its file, None where no file can be locked; `waited`: another task had it first."""

    content: Content | None
    waited: bool


@contextlib.contextmanager
def exclusive(client: Client, kind: str, name: str, what: str, deadline: Deadline) -> c.Iterator[Held]:
    """Keep other tasks of this user out while the body runs; they wait, as this one does, up to the deadline.

    `kind` and `name` name the lock, within the account; `what` says in a warning what is waited for. Where no file can
    be locked the body runs all the same, after a warning. Raises WaitTimeout.
    """
    file = PrivateFile(shared_directory(os.environ), file_name(client, kind, name), durable=True)
    with contextlib.ExitStack() as until_left:
        waited = False
        while True:
            content = None
            try:
                content = until_left.enter_context(file.locked())
            except BlockingIOError:
                _wait(client, what, deadline, first=not waited)
                waited = True
                continue
            except OSError as error:
                client.warn(f"Other tasks of this user may be {what} at the same time: {error}.")
            break
        yield Held(content, waited)


def file_name(client: Client, kind: str, name: str) -> str:
    """The file of a lock, in the folder that the processes of this user share."""
    return f"{kind}-{digest(f'{client.settings.identity} {name}')}.json"


def _wait(client: Client, what: str, deadline: Deadline, *, first: bool) -> None:
    if deadline.expired:
        raise WaitTimeout(
            f"Another task of this user was still {what} when the time of this task ended. Nothing was created."
        )
    if first:
        client.warn(f"Another task of this user is {what}. Waiting for it, at most {deadline.remaining:.0f} s.")
    client.clock.sleep(min(LOCK_POLL, deadline.remaining))
