# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Moving many instances in one go: one listing, the plan, one bulk write, one shared poll. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import typing as t

from .._api.client import Client, Route
from .._api.clock import Waits, rounds
from .._api.errors import (
    Deprecated,
    Invalid,
    NotFound,
    ServerError,
    Unavailable,
    UnknownOutcome,
    VastError,
    WaitTimeout,
)
from .._core.plan import Plan, combined
from .cost import cost
from .instance import LIST, PAGE_SIZE, Instance, read
from .lifecycle import (
    FIRST_LOOK,
    MANAGE,
    RECYCLE,
    SHOWN_WITHIN,
    SIGN_WITHIN,
    Watch,
    gone,
    is_absence,
    is_under_way,
    plan_recycle,
    plan_switch,
)
from .selection import IDS_IN_A_FILTER

BULK = Route("PUT", "/api/v0/instances/", 1.0)
"""The bulk state change of the official client (F3.6); no interval is published, so that of the single form is kept."""
NAMED_AT_MOST = 20


@dataclasses.dataclass
class Member:
    """One chosen instance: how it was, what is planned, how it was last seen and what became of it.

    `refusal`: its start found no GPU. `doubt`: the last reply to it alone was lost.
    """

    before: Instance
    plan: Plan
    note: str = ""
    sent: bool = False
    refusal: Unavailable | None = None
    doubt: UnknownOutcome | None = None
    error: VastError | None = None
    after: Instance = dataclasses.field(init=False)
    watch: Watch | None = None
    reached: bool = False
    given_up: bool = False

    def __post_init__(self) -> None:
        self.after = self.before

    @property
    def open(self) -> bool:
        """Whether it is still on its way."""
        return self.watch is not None and self.error is None and not self.reached

    @property
    def is_queued(self) -> bool:
        """Whether its start failed and may still come about later, and bill (F3.7)."""
        waits = self.refusal is not None or (self.error is not None and self.after.is_queued)
        lives = self.error is None or not is_absence(self.error)
        return self.sent and waits and lives and not self.after.has_gpu and not self.given_up

    def see(self, seen: Instance, now: float) -> None:
        """Take in one look."""
        self.after = seen
        if self.watch is None:
            return
        try:
            self.reached = self.watch.see(seen, now)
        except VastError as error:
            self.error = error

    def result(self, *, planned: bool) -> dict[str, t.Any]:
        """What the task returns of it; `planned` tells what would be done, as in check mode."""
        return {
            "id": self.after.id,
            "label": self.after.label or None,
            "action": self.plan.changes[0].action if self.plan.changed else None,
            "changed": self.plan.changed if planned else self.sent,
            "failed": self.error is not None,
            "error_class": None if self.error is None else self.error.error_class,
            "msg": self.note if self.error is None else self.error.msg,
            "before": _state(self.before),
            "after": _state(self.after),
        }


def _state(instance: Instance) -> dict[str, t.Any]:
    return {
        "actual_status": instance.actual_status,
        "intended_status": instance.word("intended_status"),
        "cur_state": instance.word("cur_state"),
    }


def plan_fleet(instances: c.Iterable[Instance], state: str) -> list[Member]:
    """What is to be done with each: `running`, `stopped`, or `recycled`, which leaves stopped ones alone. Pure."""
    return [
        _recycling(each) if state == "recycled" else Member(each, plan_switch(each, state, None)) for each in instances
    ]


def _recycling(instance: Instance) -> Member:
    if is_under_way(instance, ()):
        return Member(instance, Plan(instance.display_name), note=f"{instance.display_name} is being recycled already.")
    try:
        return Member(instance, plan_recycle(instance, ()))
    except Invalid as error:
        return Member(instance, Plan(instance.display_name), note=f"Left alone: {error.msg}")


def check_affected(members: c.Iterable[Member], limit: int | None) -> None:
    """Raises Invalid when more than `limit` would change."""
    names = [member.before.display_name for member in members if member.plan.changed]
    if limit is not None and len(names) > limit:
        shown = ", ".join(names[:NAMED_AT_MOST]) + (", ..." if len(names) > NAMED_AT_MOST else "")
        raise Invalid(
            f"{len(names)} instances would change, max_affected is {limit}, nothing was sent. They are: {shown}."
        )


def move(client: Client, members: list[Member], state: str, waits: Waits) -> None:
    """Bring all to `running` or `stopped`. What becomes of each is noted in it; nothing is raised."""
    changing = [member for member in members if member.plan.changed]
    if changing:
        _send_all(client, changing, state)
        _check_shown(client, changing, state)
        if state == "running":
            _take_back(client, [member for member in changing if member.is_queued])
    if waits.wait:
        now = client.clock.now()
        for member in members:
            if member.error is None:
                member.watch = Watch(state, member.after, now)
                member.see(member.after, now)
        _wait(client, members, waits)
    if state == "running":
        _take_back(client, [member for member in changing if member.is_queued])
    _warn_foreign(client, members)


def recycle(client: Client, members: list[Member], waits: Waits, batch: int) -> None:
    """Recycle a few at a time: the next ones only when the last ones run again, none after a failure.

    Those whose recycle is under way already count as the last ones.
    """
    changing = [member for member in members if member.plan.changed]
    under_way = [member for member in members if not member.plan.changed and is_under_way(member.before, ())]
    for member in under_way:
        member.watch = Watch("running", member.before, client.clock.now())
    _wait(client, under_way, waits)
    failed = _first_failed(under_way)
    for start in range(0, len(changing), batch):
        group = changing[start : start + batch]
        for member in group:
            if failed is None:
                _send_recycle(client, member)
                failed = _first_failed([member])
            else:
                member.note = f"was not touched, since {failed.before.display_name} failed"
        _wait(client, group, waits)
        failed = failed or _first_failed(group)
    _warn_foreign(client, members)


def _first_failed(members: c.Iterable[Member]) -> Member | None:
    return next((member for member in members if member.error is not None), None)


def summary(members: list[Member], *, planned: str | None = None) -> dict[str, t.Any]:
    """What the task returns; `planned` is the state that would be reached, in check mode."""
    plans = combined(member.plan for member in members)
    changed = sum(member.plan.changed if planned else member.sent for member in members)
    failed = sum(member.error is not None for member in members)
    return {
        **plans,
        "changed": changed > 0,
        "instances": [member.result(planned=planned is not None) for member in members],
        "counts": {
            "selected": len(members),
            "changed": changed,
            "unchanged": len(members) - changed,
            "failed": failed,
        },
        "cost": {
            "before": cost(member.before for member in members),
            "after": cost(_foreseen(member, planned) for member in members),
        },
    }


def _foreseen(member: Member, planned: str | None) -> Instance:
    if planned in ("running", "stopped") and member.plan.changed:
        return dataclasses.replace(member.before, row={**member.before.row, "cur_state": planned})
    return member.after


def failure(members: list[Member]) -> VastError | None:
    """The failure of the task when any instance failed: it names each, as far as a message can hold them."""
    failed = [(member, member.error) for member in members if member.error is not None]
    if not failed:
        return None
    first = failed[0][1]
    told: dict[str, list[str]] = {}
    for member, error in failed[:NAMED_AT_MOST]:
        told.setdefault(error.msg, []).append(member.before.display_name)
    reasons = [msg if names[0] in msg else f"{', '.join(names)}: {msg}" for msg, names in told.items()]
    if len(failed) > NAMED_AT_MOST:
        reasons.append("the others are among the instances of the result")
    msg = f"{len(failed)} of {len(members)} instances failed. {' | '.join(reasons)}"
    return type(first)(msg, first.exchange, **summary(members))


def _send_all(client: Client, members: list[Member], state: str) -> None:
    """One bulk change; one by one where the account does not know the bulk form."""
    ids = [member.before.id for member in members]
    try:
        client.call(BULK, body={"state": state, "ids": ids})
    except UnknownOutcome:
        _mark(members)
    except VastError as error:
        if isinstance(error, Unavailable) and state == "running":
            _mark(members, refusal=error)
        elif _is_unknown(error):
            for member in members:
                _send_one(client, member, state)
        else:
            _fail(members, error)
            if isinstance(error, ServerError):
                _note_done(client, members, state)
    else:
        _mark(members)


def _note_done(client: Client, members: list[Member], state: str) -> None:
    """After a failure of the API itself: whom it changed all the same."""
    with contextlib.suppress(VastError):
        found = _rows(client, members)
        for member in members:
            member.after = found.get(member.before.id, member.after)
            member.sent = member.after.word("intended_status") == state


def _is_unknown(error: VastError) -> bool:
    """Whether the bulk form was refused as such, or for one instance that is gone."""
    status = error.exchange.status_code if error.exchange else None
    return isinstance(error, (Deprecated, NotFound)) or status == 405


def _send_one(client: Client, member: Member, state: str) -> None:
    try:
        client.call(MANAGE, ids={"id": member.before.id}, body={"state": state})
    except UnknownOutcome as error:
        # The listing afterwards tells; without a sign in it, this is what to say.
        _mark([member], doubt=error)
    except VastError as error:
        if isinstance(error, Unavailable) and state == "running":
            _mark([member], refusal=error)
        else:
            member.error = error
    else:
        _mark([member])


def _send_recycle(client: Client, member: Member) -> None:
    member.watch = Watch("running", member.before, client.clock.now(), must_depart=True)
    try:
        client.call(RECYCLE, ids={"id": member.before.id}, body={})
    except UnknownOutcome as error:
        _mark([member])
        _look_for_sign(client, member, error)
    except VastError as error:
        member.error = error
    else:
        _mark([member])


def _look_for_sign(client: Client, member: Member, doubt: UnknownOutcome) -> None:
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=2 * FIRST_LOOK, timeout=SIGN_WITHIN):
        _look(client, [member])
        if member.error is not None or (member.watch is not None and member.watch.departed):
            return
    member.error = doubt.with_context(
        f"{doubt.msg} {member.before.display_name} showed no sign of it; nothing was sent again."
    )


def _check_shown(client: Client, members: list[Member], state: str) -> None:
    """Believe the listing, not the reply: what does not show is sent once more, alone, for an answer of its own."""
    missing = _until_shown(client, members, state)
    for member in missing:
        _send_one(client, member, state)
    for member in _until_shown(client, [member for member in missing if member.refusal is None], state):
        msg = (
            f"{member.before.display_name} does not show state {state}, which was sent twice. "
            f"Last seen: {member.after.described}."
        )
        doubt = member.doubt
        member.error = (
            doubt.with_context(f"{doubt.msg} {msg}") if doubt else ServerError(f"The API said yes, but {msg}")
        )


def _until_shown(client: Client, members: list[Member], state: str) -> list[Member]:
    """Look for a short time until all show what was sent; those that do not."""
    missing = [member for member in members if member.error is None]
    if not missing:
        return []
    # A look at many takes its time, which must not cost the second look.
    timeout = SHOWN_WITHIN + 2 * LIST.interval * (len(missing) // PAGE_SIZE)
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=2 * FIRST_LOOK, timeout=timeout):
        _look(client, missing)
        missing = [member for member in missing if member.error is None and not _shows(member, state)]
        if not missing:
            break
    return missing


def _shows(member: Member, state: str) -> bool:
    # A refusal of the bulk form does not tell whose GPU is taken.
    return member.after.has_gpu if member.refusal else member.after.word("intended_status") == state


def _take_back(client: Client, members: list[Member]) -> None:
    """Stop those whose start is queued, so that none starts and bills later (F3.7)."""
    if not members:
        return
    stopping = [Member(member.after, member.plan) for member in members]
    _send_all(client, stopping, "stopped")
    _check_shown(client, stopping, "stopped")
    for member, stop in zip(members, stopping, strict=True):
        if stop.error is None:
            told = "Its queued start was taken back (state=stopped), so that it does not start and bill later."
        else:
            told = (
                f"Its queued start could NOT be confirmed as taken back: {stop.error.msg} It may start and bill later: "
                "run state=stopped on it until that succeeds."
            )
        error = _why_queued(member)
        member.error = error.with_context(f"{error.msg} {told}")
        # One that had been queued before is not any more.
        member.after, member.sent, member.given_up = stop.after, stop.error is not None or member.before.is_queued, True


def _why_queued(member: Member) -> VastError:
    if member.refusal is None and member.error is not None:
        return member.error
    taken = f"{member.before.display_name} cannot start now, its GPU is taken."
    more = f" {member.error.msg}" if member.error else ""
    return Unavailable(taken + more, member.refusal.exchange if member.refusal else None)


def _wait(client: Client, members: list[Member], waits: Waits) -> None:
    """One shared poll: each round is one listing of those still on their way."""
    pending = [member for member in members if member.open]
    if pending:
        for _elapsed in rounds(client.clock, first=waits.interval, interval=waits.interval, timeout=waits.timeout):
            _look(client, pending)
            pending = [member for member in pending if member.open]
            if not pending:
                break
    for member in pending:
        want = member.watch.want if member.watch else ""
        member.error = WaitTimeout(
            f"{member.after.display_name} was not {want} within wait_timeout ({waits.timeout:g} s). "
            f"Last seen: {member.after.described}."
        )


def _warn_foreign(client: Client, members: list[Member]) -> None:
    foreign = {word for member in members if member.watch is not None for word in member.watch.foreign}
    if foreign:
        client.warn(f"Some instances showed a status that this collection does not know: {', '.join(sorted(foreign))}.")


def _look(client: Client, members: list[Member]) -> None:
    """See all of them again, or note in each that this failed."""
    try:
        found = _rows(client, members)
    except VastError as error:
        for member in members:
            sent = " after a change was sent to it, which may have been carried out" if member.sent else ""
            member.error = error.with_context(
                f"{error.msg} {member.after.display_name} could not be looked at{sent}. Last seen: "
                f"{member.after.described}."
            )
        return
    now = client.clock.now()
    for member in members:
        seen = found.get(member.before.id)
        if seen is None:
            member.error = gone(member.after)
        else:
            member.see(seen, now)


def _rows(client: Client, members: list[Member]) -> dict[int, Instance]:
    ids = [member.before.id for member in members]
    found: dict[int, Instance] = {}
    for start in range(0, len(ids), IDS_IN_A_FILTER):
        found |= {each.id: each for each in read(client, {"id": {"in": ids[start : start + IDS_IN_A_FILTER]}})}
    return found


def _mark(
    members: c.Iterable[Member], *, refusal: Unavailable | None = None, doubt: UnknownOutcome | None = None
) -> None:
    for member in members:
        member.sent, member.refusal, member.doubt = True, refusal, doubt


def _fail(members: c.Iterable[Member], error: VastError) -> None:
    for member in members:
        member.error = error
