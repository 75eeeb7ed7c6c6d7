# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Deleting an endpoint group or a workergroup: sent once, and seen gone from the listing (F4.1, F4.2).

It knows no instance: what became of the workers is for `proof`.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import re
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, rounds
from .._api.errors import Invalid, NotFound, ServerError, UnknownOutcome, VastError
from .._core.rows import is_id

FIRST_LOOK = 3.2
"""Seconds after a delete before the first poll: the listing's own minimum interval (F2.4), and a little."""
SHOWN_WITHIN = 12.0
"""For how many seconds a deleted endpoint group may still be listed before the deletion counts as not done."""
BEYOND = 60.0
"""For how many seconds beyond `wait_timeout` what became of the deletion is looked up."""
ABSENT_TEXT = r"\b(?:routegroup|endpoint|work(?:er)?group)\b.{0,80}\bnot found"
"""How the deletion of what does not exist is refused, by old servers and by new ones (F4.1, F4.2)."""
NOT_DONE_TEXT = "delete update failed"
"""How a deletion is refused that did nothing and may be sent again (F4.1)."""


class Doomed(t.NamedTuple):
    """What is to be deleted: an endpoint, or a workergroup; `listed` gives the ids that a complete listing has."""

    id: int
    display_name: str
    route: Route
    listed: c.Callable[[Deadline], c.Collection[t.Any]]


@dataclasses.dataclass
class Deletion:
    """What became of what was deleted, and the ids of its workers as the reply names them.

    `done`: this task deleted it, and nobody else. `destroyed_workers` are those that it destroyed as instances. `gap`
    says why the reply does not name all workers.
    """

    deleted_workers: list[int] = dataclasses.field(default_factory=list)
    failed_workers: list[int] = dataclasses.field(default_factory=list)
    done: bool = False
    gap: str = ""
    doubt: VastError | None = None
    destroyed_workers: list[int] = dataclasses.field(default_factory=list)

    @property
    def named(self) -> list[int]:
        """All workers that the reply names."""
        return sorted({*self.deleted_workers, *self.failed_workers})

    def result(self) -> dict[str, list[int]]:
        """The documented keys."""
        return {
            "deleted_workers": self.deleted_workers,
            "failed_workers": self.failed_workers,
            "destroyed_workers": self.destroyed_workers,
        }


def delete(client: Client, group: Doomed, on_reply: c.Callable[[Deletion], None], deadline: Deadline) -> Deletion:
    """Delete it and see it gone from the listing; `on_reply` is told at once what the reply names.

    After a doubt it is sent once more, and only when listings have shown that it was not carried out. That it does not
    exist counts only together with listings that lack it.
    """
    outcome = _attempt(client, group, None, on_reply, deadline)
    if isinstance(outcome, VastError):
        outcome = _attempt(client, group, outcome, on_reply, deadline)
    if isinstance(outcome, VastError):
        raise _still_listed(group, outcome)
    return outcome


def _attempt(
    client: Client,
    group: Doomed,
    doubt: VastError | None,
    on_reply: c.Callable[[Deletion], None],
    deadline: Deadline,
) -> Deletion | VastError:
    """Send it once; returns the error after which listings show that nothing was carried out, the graver one of two."""
    limit = Deadline(client.clock, deadline.remaining + BEYOND)
    try:
        reply = client.call(group.route, ids={"id": group.id}, deadline=deadline)
    except VastError as error:
        if says_absent(error) and _is_gone(client, group, error, limit):
            gap = "Another task received the reply that names its workers."
            return Deletion(done=doubt is not None, gap=gap, doubt=doubt)
        if not is_doubt(error):
            if doubt is None:
                raise
            raise _still_listed(group, doubt, f" The second deletion was refused: {error.msg}") from error
        if _is_gone(client, group, error, limit):
            return Deletion(done=True, gap=error.msg, doubt=error)
        return error if doubt is None or isinstance(doubt, Invalid) else doubt
    deletion = _deletion(reply)
    on_reply(deletion)
    _check_gone(client, group, deletion, limit)
    return deletion


def is_doubt(error: VastError) -> bool:
    """Whether a deletion may have been carried out, or did nothing and may be sent again."""
    return isinstance(error, (UnknownOutcome, ServerError)) or NOT_DONE_TEXT in error.msg.lower()


def says_absent(error: VastError) -> bool:
    """Whether it says that what is to be deleted does not exist."""
    return isinstance(error, NotFound) or (
        isinstance(error, Invalid) and re.search(ABSENT_TEXT, error.msg.lower()) is not None
    )


def _still_listed(group: Doomed, doubt: VastError, more: str = "") -> VastError:
    return doubt.with_context(f"{doubt.msg} {group.display_name} is still listed.{more}")


def _is_gone(client: Client, group: Doomed, doubt: VastError, limit: Deadline) -> bool:
    try:
        return _polled_gone(client, group, limit, looks=2)
    except VastError as error:
        raise doubt.with_context(
            f"{doubt.msg} Whether {group.display_name} is gone could not be seen: {error.msg}"
        ) from error


def _polled_gone(client: Client, group: Doomed, limit: Deadline, *, looks: int) -> bool:
    """Whether so many listings in a row lack the group; one after a doubt may be a flicker."""
    clean = 0
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=FIRST_LOOK, timeout=SHOWN_WITHIN):
        clean = 0 if group.id in group.listed(limit) else clean + 1
        if clean == looks:
            return True
    return False


def _deletion(reply: t.Mapping[str, t.Any]) -> Deletion:
    """What a reply says of the workers: ids, or objects with ids; new servers may leave the lists out (F4.1)."""
    deleted, deleted_gap = _ids(reply, "deleted_workers")
    failed, failed_gap = _ids(reply, "failed_workers")
    return Deletion(deleted, failed, done=True, gap=" ".join(gap for gap in (deleted_gap, failed_gap) if gap))


def _ids(reply: t.Mapping[str, t.Any], key: str) -> tuple[list[int], str]:
    listed = reply.get(key)
    if not isinstance(listed, list):
        return [], f"The reply to its deletion has no list of {key}."
    found: list[t.Any] = [entry.get("id") if isinstance(entry, dict) else entry for entry in listed]
    ids: list[int] = [each for each in found if is_id(each)]
    return ids, "" if len(ids) == len(listed) else f"The reply to its deletion has {key} without an id."


def _check_gone(client: Client, group: Doomed, deletion: Deletion, limit: Deadline) -> None:
    context: dict[str, t.Any] = {"changed": True, **deletion.result()}
    try:
        gone = _polled_gone(client, group, limit, looks=1)
    except VastError as error:
        workers = ", ".join(map(str, deletion.named)) or "(none named)"
        raise error.with_context(
            f"{error.msg} Vast.ai accepted the deletion of {group.display_name}; whether it and its workers {workers} "
            "are gone is not proven. Run the task again.",
            **context,
        ) from error
    if not gone:
        raise ServerError(
            f"Vast.ai accepted the deletion of {group.display_name}, but it is still listed after {SHOWN_WITHIN:g} s. "
            "Run the task again.",
            **context,
        )
