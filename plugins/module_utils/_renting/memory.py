# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the tasks of one user know of each other's renting: under a lock for each label, what was sent last for it."""

from __future__ import annotations

import collections.abc as c
import contextlib
import json
import os
import time
import typing as t

from .._api.client import Client
from .._api.clock import Deadline, rounds
from .._api.errors import VastError
from .._api.private_files import Content, PrivateFile, shared_directory
from .._core.lock import exclusive, file_name
from .._instances.find import carriers, one_of
from .._instances.instance import Instance

FIRST_LOOK = 1.06
"""As for every write: the listing's own minimum interval (F2.4), and just over its margin."""
SETTLE_WITHIN = 60.0
"""For how many seconds listings are read for what was rented, or may have been."""
DOUBT_LASTS = 600.0
"""For how many seconds a create of which nothing was heard may still show up."""


class Sent(t.NamedTuple):
    """The last create under a lock: which offer, when (seconds since 1970), and whether its outcome is known.

    `name`, `price`: the label of the instance, and what it costs in US dollars per hour; only a budget needs them.
    """

    offer_id: int
    at: float
    settled: bool
    name: str = ""
    price: float = 0.0

    @property
    def is_doubtful(self) -> bool:
        """Whether it may still show up as an instance."""
        return not self.settled and abs(time.time() - self.at) < DOUBT_LASTS


class Memory:
    """What is remembered under one lock. `waited`: another task had the lock first. Without a file it forgets."""

    def __init__(self, client: Client, content: Content | None, label: str, *, waited: bool) -> None:
        self.waited = waited
        self._client = client
        self._content = content
        self._label = label

    @property
    def last(self) -> Sent | None:
        """What was sent last for this label; None when that is not known."""
        if self._content is None or not self._content.data.strip():
            return None
        with contextlib.suppress(ValueError, TypeError, KeyError):
            known = json.loads(self._content.data)
            if known["label"] == self._label:
                told = str(known.get("name") or ""), float(known.get("price") or 0.0)
                return Sent(int(known["offer_id"]), float(known["at"]), known["settled"] is True, *told)
        return None

    def note(self, offer_id: int, *, settled: bool, **more: t.Any) -> None:
        """Remember a create, before it is sent and when its outcome is known; `more`: its `name` and `price`."""
        if self._content is None:
            return
        known = {"label": self._label, "offer_id": offer_id, "at": time.time(), "settled": settled, **more}
        try:
            self._content.save(json.dumps(known).encode())
        except OSError as error:
            self._client.warn(
                f"The rental of {self._label!r} could not be recorded: {error}. If this task is killed now, the next "
                "one does not know about it."
            )


def is_in_doubt(client: Client, label: str) -> bool:
    """Whether a create for this label may still show up, or is being sent; by the file, if there is one.

    A file that cannot be used is told with a warning.
    """
    directory, name = shared_directory(os.environ), file_name(client, "rent", label)
    if directory is None or not os.path.lexists(os.path.join(directory, name)):
        return False
    try:
        with PrivateFile(directory, name).locked() as content:
            last = Memory(client, content, label, waited=False).last
    except BlockingIOError:
        return True
    except OSError as error:
        client.warn(
            f"Whether an earlier task may have rented an instance as {label!r} is not known: {error}. Check again "
            "in a few minutes."
        )
        return False
    return last is not None and last.is_doubtful


@contextlib.contextmanager
def remembering(client: Client, kind: str, label: str, what: str, deadline: Deadline) -> c.Iterator[Memory]:
    """What was sent last for a label, while no other task of this user rents under it. Raises WaitTimeout.

    `kind` and `label` name the lock; `what` says what is waited for.
    """
    with exclusive(client, kind, label, what, deadline) as held:
        if held.content is None:
            client.warn("A rental whose reply is lost cannot be recorded either.")
        yield Memory(client, held.content, label, waited=held.waited)


def late(client: Client, look: c.Callable[[], list[Instance]], machine: int | None = None) -> list[Instance]:
    """What listings show, as soon as there is one, on the machine if one is named; for a minute.

    Raises what kept the last listing from being read.
    """
    found: list[Instance] = []
    blind: VastError | None = None
    limit = Deadline(client.clock, SETTLE_WITHIN)
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=4 * FIRST_LOOK, timeout=limit):
        try:
            found, blind = look(), None
        except VastError as error:
            blind = error
            continue
        if any(machine is None or each.row.get("machine_id") == machine for each in found):
            return found
    if blind is not None:
        raise blind
    return found


def await_doubtful(client: Client, label: str, deadline: Deadline) -> Instance | None:
    """What another task has rented, or may have, under a label that no listing shows yet; for a minute.

    Raises Ambiguous, and what kept the last listing from being read.
    """
    with remembering(client, "rent", label, f"renting {label!r}", deadline) as memory:
        last = memory.last
        if last is None or not (last.is_doubtful or memory.waited):
            return None
        if last.is_doubtful:
            client.warn(
                f"An earlier task sent a rental request for offer {last.offer_id} as {label!r}, and its outcome is not "
                f"known. Polling the listing for up to {SETTLE_WITHIN:g} s."
            )
            found = one_of(late(client, lambda: carriers(client, label)), label)
            if found is None:
                client.warn(f"No listing of {SETTLE_WITHIN:g} s showed it. Check again in a few minutes.")
            return found
        return one_of(carriers(client, label), label)
