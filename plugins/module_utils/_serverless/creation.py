# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Creating an endpoint and its workergroups: each by one request, and after a doubt listings decide (F4.1, F4.2).

Only a task that creates something needs it.
"""

from __future__ import annotations

import collections.abc as c
import re
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, rounds
from .._api.errors import Ambiguous, ServerError, UnknownOutcome, VastError
from .._core.rows import is_id
from . import workergroups
from .editing import SHOWN_WITHIN
from .endpoints import Endpoint, find
from .endpoints import read as read_endpoints
from .wanted import Group, Wanted, WantedGroup, groups_of

CREATE = Route("POST", "/api/v0/endptjobs/", 4.0)
POLL = 3.2
"""Seconds between two polls: the interval of the listing of endpoints (F2.4), and a little."""
DUPLICATE_TEXT = r"\bexists\b|already exist|duplicate|already in use"
"""How a name is refused that is taken (F4.1)."""
AGAIN = "Run the task again: it continues from what exists."

T = t.TypeVar("T")


class Created(t.NamedTuple):
    """An endpoint that did not exist before the task, by the reply or by a listing; `own`: this task created it."""

    endpoint: Endpoint
    own: bool
    listed: bool


def create(client: Client, wanted: Wanted, before: c.Sequence[Endpoint], deadline: Deadline) -> Created:
    """Create the endpoint by one request; after a doubt listings decide, and nothing is sent again.

    A refused name is adopted when exactly one of that name is listed. Raises what was in doubt when none is listed.
    """
    sent = wanted.creation()
    try:
        reply = client.call(CREATE, body=sent, deadline=deadline)
    except (UnknownOutcome, ServerError) as error:
        doubt: VastError = error
    except VastError as error:
        taken = re.search(DUPLICATE_TEXT, error.msg.lower()) and find(read_endpoints(client), None, wanted.name)
        if not taken:
            raise
        return Created(taken, own=False, listed=True)
    else:
        number = next((reply[key] for key in ("result", "id") if is_id(reply.get(key))), None)
        if number is not None:
            return Created(Endpoint(number, {"id": number, **sent}), own=True, listed=False)
        doubt = UnknownOutcome(f"{CREATE.name} returned a reply without the id of the new endpoint.")
    known_ids = {group.id for group in before}

    def look(limit: Deadline) -> Endpoint | None:
        return find((each for each in read_endpoints(client, limit) if each.id not in known_ids), None, wanted.name)

    return Created(_settled(client, look, doubt, f"endpoint named {wanted.name!r}"), own=True, listed=True)


def _settled(client: Client, look: c.Callable[[Deadline], T | None], doubt: VastError, what: str) -> T:
    """What listings show of a create that is in doubt. Raises the doubt when they show nothing for long enough."""
    limit = Deadline(client.clock, SHOWN_WITHIN)
    failed = ""
    for _elapsed in rounds(client.clock, first=POLL, interval=POLL, timeout=limit):
        try:
            found = look(limit)
        except Ambiguous:
            raise
        except VastError as error:
            # A poll that fails tells nothing; the next one may.
            failed = f" The last poll failed: {error.msg}"
            continue
        if found is not None:
            return found
    raise doubt.with_context(
        f"{doubt.msg} No new {what} was listed for {SHOWN_WITHIN:g} s; nothing was sent again.{failed} {AGAIN}"
    )


def create_group(
    client: Client, one: WantedGroup, endpoint: Endpoint, path: str, known_ids: c.Set[int], deadline: Deadline
) -> int:
    """Create one workergroup by one request, and its id; after a doubt listings decide, and nothing is sent again."""
    try:
        sent = {"endpoint_id": endpoint.id, **one.creation()}
        reply = client.call(Route("POST", path, 4.0), body=sent, deadline=deadline)
    except (UnknownOutcome, ServerError) as error:
        doubt: VastError = error
    else:
        if is_id(reply.get("id")):
            return t.cast("int", reply["id"])
        doubt = UnknownOutcome(f"POST {path} returned a reply without the id of the new workergroup.")

    def look(limit: Deadline) -> Group | None:
        listed = groups_of(workergroups.listed(client, limit).rows, endpoint.id)
        return next((each for each in listed if each.id not in known_ids and one.is_like(each, by_template=True)), None)

    return _settled(client, look, doubt, f"workergroup of {endpoint.display_name}").id


def proven_groups(client: Client, endpoint: Endpoint, ids: c.Set[int]) -> list[Group]:
    """The workergroups of an endpoint, once these are among them. Raises ServerError when they do not show."""

    def look(limit: Deadline) -> list[Group] | None:
        listed = groups_of(workergroups.listed(client, limit).rows, endpoint.id)
        return listed if ids <= {group.id for group in listed} else None

    named = ", ".join(str(each) for each in sorted(ids))
    doubt = ServerError(f"Vast.ai accepted the workergroups {named} of {endpoint.display_name}.")
    return _settled(client, look, doubt, f"workergroups {named}")


def proven_endpoint(client: Client, endpoint: Endpoint) -> Endpoint:
    """A new endpoint, as the listing shows it.

    Raises ServerError when it does not show, and Ambiguous when another one has its name.
    """

    def look(limit: Deadline) -> Endpoint | None:
        listed = read_endpoints(client, limit)
        found = find(listed, endpoint.id, None)
        same = [each.id for each in listed if each.endpoint_name == endpoint.endpoint_name]
        if found is not None and len(same) > 1:
            raise Ambiguous(
                f"{len(same)} endpoints are named {endpoint.endpoint_name!r} now: {', '.join(map(str, same))}. This "
                f"task has created {endpoint.id}, without a workergroup, and another one the same at that time. "
                "Delete one of them by its id with state=absent, then run the task again."
            )
        return found

    doubt = ServerError(f"Vast.ai accepted the creation of {endpoint.display_name}.")
    return _settled(client, look, doubt, endpoint.display_name)
