# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the tasks of one user know of each other's renting: under a lock for each label, what was sent last for it."""

from __future__ import annotations

import collections.abc as c
import contextlib
import json
import time
import typing as t

from .._api.client import Client
from .._api.clock import Deadline
from .._api.private_files import Content
from .._core.lock import exclusive

DOUBT_LASTS = 600.0
"""For how many seconds a create of which nothing was heard may still show up."""


class Sent(t.NamedTuple):
    """The last create for a label: which offer, when (seconds since 1970), and whether its outcome is known."""

    offer_id: int
    at: float
    settled: bool

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
                return Sent(int(known["offer_id"]), float(known["at"]), known["settled"] is True)
        return None

    def note(self, offer_id: int, *, settled: bool) -> None:
        """Remember a create, before it is sent and when its outcome is known."""
        if self._content is None:
            return
        known = {"label": self._label, "offer_id": offer_id, "at": time.time(), "settled": settled}
        try:
            self._content.save(json.dumps(known).encode())
        except OSError as error:
            self._client.warn(
                f"That an offer is being rented as {self._label!r} could not be noted: {error}. Should this task be "
                "killed now, the next one cannot know of it."
            )


@contextlib.contextmanager
def remembering(client: Client, label: str, what: str, deadline: Deadline) -> c.Iterator[Memory]:
    """What was sent last for a label, while no other task of this user rents under it. Raises WaitTimeout."""
    with exclusive(client, "rent", label, what, deadline) as held:
        if held.content is None:
            client.warn("A create whose reply is lost cannot be remembered either.")
        yield Memory(client, held.content, label, waited=held.waited)
