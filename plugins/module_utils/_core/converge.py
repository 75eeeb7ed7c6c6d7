# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The one engine: send what is planned, poll until it shows, wait, and undo what must not come about later.

One item is a fleet of one. A listing decides, never a reply. This is the only caller of `client.call` for what changes
things that converge.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import functools
import typing as t

from .._api.client import Client
from .._api.clock import Deadline, Waits, rounds
from .._api.errors import (
    AuthError,
    Invalid,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    Unavailable,
    UnknownOutcome,
    VastError,
    WaitTimeout,
)
from .interrupts import Interrupted, TaskInterrupted, interruptible, listen
from .kind import Kind, Write
from .plan import Change
from .resource import Item, T

FIRST_POLL = 1.06
"""Seconds after a write before the first poll: the listing's own minimum interval (F2.4), and just over its margin."""
ROWS_A_SECOND = 25
"""A listing has so many rows a page, and a page takes a second; two polls must fit into the time to show."""
ABSENT_POLLS = 3
"""So many listings in a row must lack an item before what may come about later is given up."""
UNDO_WITHIN = 60.0
"""Seconds in which to undo, apart from `wait_timeout`; each item adds UNDO_EACH."""
UNDO_EACH = 2.0
UNDO_ATTEMPTS = 3
AT_THE_DOOR = (AuthError, PermissionDenied, RateLimited)
"""Refusals that should come before anything is done."""
NO_WAIT = Waits(wait=False, timeout=0.0, interval=0.0)
"""For what is seen to show, and not waited for beyond that."""
NO_SUCH_FORM = (404, 405, 410)
"""How the API answers a request for many where the account does not know that form (F3.6)."""


def converge(client: Client, kind: Kind[T], items: c.Sequence[Item[T]], waits: Waits, deadline: Deadline) -> None:
    """Bring the items to what is planned. Raises nothing: what becomes of each is noted in it.

    What may come about later without being wanted any more is undone, also after a signal and any other failure.
    """
    todo = [item for item in items if item.plan.changes and item.error is None]
    engine = _Engine(client, kind, deadline)
    with interruptible() as part:
        try:
            with part():
                engine.bring(todo)
                if waits.wait:
                    engine.follow(items, waits)
        except Interrupted as signal:
            engine.give_up(items, functools.partial(_interrupted, name=signal.name))
        except Exception as error:  # noqa: BLE001 - whatever it is, a start must not stay queued behind it
            reason = client.redactor.text(f"{type(error).__name__}: {error}")
            engine.give_up(items, functools.partial(_unexpected, reason=reason))
        engine.undo(todo)


def rolling(
    client: Client, kind: Kind[T], items: c.Sequence[Item[T]], waits: Waits, deadline: Deadline, batch: int
) -> None:
    """Converge a few at a time: the next ones only when the last ones are there, none after a failure.

    Those that are on their way already count as the last ones.
    """
    changing = [item for item in items if item.plan.changes]
    groups = [[item for item in items if not item.plan.changes and item.follow]]
    groups += [changing[start : start + batch] for start in range(0, len(changing), batch)]
    failed: Item[T] | None = None
    for group in groups:
        if failed is not None:
            _skip(group, failed)
        elif group and deadline.expired:
            group[0].error = _no_time(group[0])
            _skip(group[1:], group[0])
        else:
            if any(item.sent for each in groups for item in each):
                _look_again(client, kind, group, deadline)
            converge(client, kind, group, waits, deadline)
        failed = failed or next((item for item in group if item.error is not None), None)


def _look_again(client: Client, kind: Kind[T], group: c.Sequence[Item[T]], deadline: Deadline) -> None:
    """What was planned long before its turn may be something else by now; such items fail, and nothing is sent."""
    with interruptible() as part:
        try:
            with part():
                _Engine(client, kind, deadline).poll(group)
        except Interrupted as signal:
            for item in group:
                item.error = _interrupted(item, signal.name)
    for item in group:
        item.error = item.error or kind.withheld(item)


class _Engine(t.Generic[T]):
    """One run. `tolerant`: neither a poll that fails ends it, nor that nobody waits for it any more."""

    def __init__(self, client: Client, kind: Kind[T], deadline: Deadline, *, tolerant: bool = False) -> None:
        self.client = client
        self.kind = kind
        self.deadline = deadline
        self.tolerant = tolerant
        self.unseen: VastError | None = None
        self.interrupted = False

    def bring(self, todo: c.Sequence[Item[T]]) -> None:
        """Send and poll; what does not show is sent once more, alone, for an answer of its own."""
        if not todo:
            return
        self.send(todo, alone=len(todo) == 1)
        self.settle(todo)
        again = [item for item in todo if item.error is None and item.sent and item.open and not item.once]
        for item in again:
            item.error = self.kind.withheld(item)
        again = [item for item in again if item.error is None]
        if again:
            self.send(again, alone=True)
            self.settle(again)
        for item in todo:
            self.conclude(item)

    def send(self, items: c.Sequence[Item[T]], *, alone: bool) -> None:
        """Send what is open, within the deadline; after a refusal nothing that is sent only once is sent any more."""
        refused: Item[T] | None = None
        first = True
        for write, group in self.kind.writes(items, alone=alone):
            if refused is not None and write.once:
                _skip(group, refused)
            elif self.deadline.expired and not first:
                for item in group:
                    item.error = item.error or (None if item.sent else _no_time(item))
            else:
                self.request(write, group)
                refused = refused or next((item for item in group if item.refused is not None), None)
            first = False

    def request(self, write: Write, group: list[Item[T]]) -> None:
        """One request, and what its answer says of those it is for."""
        if not self.tolerant:
            listen()
        wrote = {item for item in group if item.wrote}
        for item in group:
            item.sent = item.wrote = True
            item.looked = False
            item.once = write.once
            item.requests += 1
        try:
            reply = self.client.call(write.route, ids=write.ids, body=write.body, deadline=self.deadline)
        except VastError as error:
            if len(group) > 1 and _is_no_such_form(error) and not self.says_gone(error):
                for item in group:
                    item.sent = item.wrote = False
                    item.looked, item.requests = True, 0
                self.send(group, alone=True)
            else:
                self.take(write, group, error, wrote)
        except Exception as error:  # noqa: BLE001 - it may have left before this; what became of it is looked up
            reason = self.client.redactor.text(f"{type(error).__name__}: {error}")
            doubt = UnknownOutcome(f"{write.route.name} failed: {reason}. {MAY_HAVE_BEEN}")
            self.take(write, group, doubt, wrote)
        else:
            for item in group:
                item.reply = reply
                # A yes to many may be meant for others.
                item.accepted = item.accepted or len(group) == 1 or self.kind.pending(item)

    def take(self, write: Write, group: list[Item[T]], error: VastError, wrote: c.Collection[Item[T]]) -> None:
        """What a failed request means for each. A doubt stays, whatever is answered later.

        `wrote`: those for which one before it may have been carried out.
        """
        for item in group:
            meant = [change for change in item.plan.changes if change.body.keys() <= write.body.keys()]
            scarce = {change.field for change in meant if change.scarce}
            if isinstance(error, (UnknownOutcome, ServerError)):
                item.doubt = item.doubt or error
            elif isinstance(error, Unavailable) and scarce:
                item.unavailable = error
                # Of many it names nobody.
                item.denied |= scarce if len(group) == 1 else frozenset()
            else:
                item.refused = error
                # A listing has to say so, too.
                item.denied |= frozenset() if self.says_gone(error) else {change.field for change in meant}
                item.wrote = item in wrote
                item.unsure = item.unsure or (bool(scarce) and isinstance(error, (Invalid, *AT_THE_DOOR)))

    def says_gone(self, error: VastError | None) -> bool:
        """Whether it says, by name, that what is to be gone does not exist."""
        named = error is not None and error.exchange is not None and error.exchange.error
        return self.kind.removes and isinstance(error, NotFound) and bool(named)

    def settle(self, items: c.Sequence[Item[T]]) -> None:
        """Poll for a short time until each shows what was sent to it, or what was answered."""
        waiting = [item for item in items if item.error is None and item.sent]
        if not waiting:
            return
        limit = self.deadline.bounded(self.kind.shown_within + 2.0 * (len(waiting) // ROWS_A_SECOND))
        for _elapsed in rounds(self.client.clock, first=FIRST_POLL, interval=2 * FIRST_POLL, timeout=limit):
            self.poll(waiting)
            waiting = [item for item in waiting if self.is_unsettled(item)]
            if not waiting:
                return

    def is_unsettled(self, item: Item[T]) -> bool:
        """Whether another poll may tell more; a refusal in words that are not known may have queued it all the same."""
        if item.error is not None or item.gone:
            return False
        if item.absent or item.open or not item.looked:
            return True
        scarce = any(change.scarce for change in item.left)
        return item.refused is not None and scarce and not self.kind.pending(item)

    def poll(self, items: c.Sequence[Item[T]]) -> None:
        """See all of them again, or note in each that this failed."""
        if not self.tolerant:
            listen()
        try:
            found = self.kind.read(self.client, items)
        except VastError as error:
            self.unseen = error
            for item in () if self.tolerant else items:
                item.error = _blind(item, error)
            return
        for item in items:
            self.see(item, found.get(item.ref))

    def see(self, item: Item[T], thing: T | None) -> None:
        """Take in what a complete listing shows of one."""
        if thing is None:
            item.absent += 1
            if self.kind.removes:
                self.see_gone(item)
                return
            lasting = self.tolerant or self.kind.pending(item) or (item.sent and self.kind.undo(item) is not None)
            if item.absent >= (ABSENT_POLLS if lasting else 1):
                item.gone, item.error = True, _gone(item)
            return
        item.absent, item.seen, item.looked = 0, thing, True
        item.left = self.kind.missing(item)
        item.differs = item.sent and self.kind.differs(item)
        if item.sent and self.kind.proven(item):
            item.held = True
            item.shown = item.shown or not item.left

    def see_gone(self, item: Item[T]) -> None:
        """Take in that a complete listing lacks what is to be gone; after a doubt, or a yes to many, two have to."""
        certain = item.doubt is None and (item.accepted or self.says_gone(item.refused))
        if item.absent >= (1 if certain else 2):
            item.gone = item.looked = item.reached = True
            item.left, item.shown = (), item.wrote

    def conclude(self, item: Item[T]) -> None:
        """Fail what does not show, unless waiting may still bring it about."""
        if item.error is not None or not item.left or not item.sent:
            return
        waits = self.kind.queues and item.unavailable is not None and all(change.scarce for change in item.left)
        if not waits and not (item.once and item.accepted):
            item.error = self.why(item)

    def why(self, item: Item[T]) -> VastError:
        """Why it does not show what was sent."""
        scarce = any(change.scarce for change in item.left)
        doubt = f" {item.doubt.msg}" if item.doubt else ""
        if scarce and (item.unavailable or self.kind.pending(item)):
            known = item.unavailable
            return Unavailable(
                self.kind.unavailable(item) + (f" {known.msg}" if known else "") + doubt,
                known.exchange if known else item.doubt.exchange if item.doubt else None,
            )
        if item.doubt is not None:
            refused = f" {item.refused.msg}" if item.refused else ""
            return item.doubt.with_context(f"{item.doubt.msg}{refused} {_not_shown(item)}")
        told = f"The API accepted the request, but {_not_shown(item)}"
        if item.refused is None and self.deadline.expired:
            return WaitTimeout(f"{told} wait_timeout left no time for another poll. {MAY_HAVE_BEEN}")
        return item.refused or ServerError(told)

    def follow(self, items: c.Sequence[Item[T]], waits: Waits) -> None:
        """Wait for all by one shared poll."""
        waiting = [item for item in items if item.follow and self.is_on_its_way(item)]
        if not waiting:
            return
        for _elapsed in rounds(self.client.clock, first=waits.interval, interval=waits.interval, timeout=self.deadline):
            self.poll(waiting)
            waiting = [item for item in waiting if self.is_on_its_way(item)]
            if not waiting:
                return
        for item in waiting:
            item.error = WaitTimeout(
                f"{item.name} was not {self.kind.want} within wait_timeout ({waits.timeout:g} s). "
                f"Last seen: {item.seen.described}."
            )

    def is_on_its_way(self, item: Item[T]) -> bool:
        """Whether it has to be polled again."""
        if item.error is None and not item.absent:
            try:
                item.reached = self.kind.judge(item, self.client.clock.now())
            except VastError as error:
                item.error = error
        return item.error is None and not item.reached

    def give_up(self, items: c.Iterable[Item[T]], error: c.Callable[[Item[T]], VastError]) -> None:
        """Fail all that is not there yet, and look once at what was sent."""
        self.interrupted = True
        unfinished = [item for item in items if item.error is None and not item.reached]
        unseen = [item for item in unfinished if item.sent and not item.looked]
        if unseen:
            engine = _Engine(self.client, self.kind, self.deadline, tolerant=True)
            with contextlib.suppress(Exception):
                engine.poll(unseen)
        for item in unfinished:
            item.error = item.error or error(item)

    def undo(self, todo: c.Iterable[Item[T]]) -> None:
        """Undo what may come about later and bill, and note in each whether that is proven."""
        pairs = [(item, undoing) for item in todo if (undoing := self.undoing(item)) is not None]
        if not pairs:
            return
        limit = Deadline(self.client.clock, UNDO_WITHIN + UNDO_EACH * len(pairs))
        engine = _Engine(self.client, self.kind, limit, tolerant=True)
        # Whatever happens here must not hide what happened before.
        failure: Exception | None = None
        try:
            engine.cancel([undoing for _item, undoing in pairs])
        except Exception as error:  # noqa: BLE001 - as above
            failure = error
        for item, undoing in pairs:
            self.tell(item, undoing, engine.unseen, failure)

    def undoing(self, item: Item[T]) -> Item[T] | None:
        """The item that undoes it, unless nothing can come about later."""
        plan = self.kind.undo(item)
        if plan is None or item.error is None or not item.sent or item.gone:
            return None
        if item.looked and (self.kind.proven(item) or (item.held and not self.kind.pending(item))):
            return None
        if item.wrote or item.unsure or not item.looked or self.kind.pending(item):
            undoing = Item(item.ref, item.seen, plan)
            undoing.unsure = isinstance(item.refused, AT_THE_DOOR) and not (item.wrote or self.kind.pending(item))
            return undoing
        return None

    def cancel(self, undoing: list[Item[T]]) -> None:
        """Send and poll until it is proven, a few times."""
        waiting = undoing
        for attempt in range(UNDO_ATTEMPTS):
            # After a yes that no listing could confirm another request would tell nothing.
            again = [item for item in waiting if item.looked or not item.accepted]
            for item in again:
                item.left, item.denied = item.plan.changes, frozenset()
            self.send(again, alone=attempt > 0 or len(again) == 1)
            self.settle(waiting)
            waiting = [each for each in waiting if not (each.error or _is_proven(each) or self.is_shut_out(each))]
            if not waiting or self.deadline.expired:
                return

    def is_shut_out(self, undoing: Item[T]) -> bool:
        """Whether it was refused at the door like what it is to undo, and nothing shows: nothing is left to undo."""
        refused = undoing.unsure and isinstance(undoing.refused, AT_THE_DOOR)
        return refused and undoing.looked and not self.kind.pending(undoing)

    def tell(self, item: Item[T], undoing: Item[T], unseen: VastError | None, failure: Exception | None) -> None:
        """Note in the item how its undoing went."""
        error = t.cast(VastError, item.error)
        known = item.unavailable
        if known is not None and not isinstance(error, Unavailable) and not self.interrupted:
            error = Unavailable(f"{known.msg} {error.msg}", known.exchange, **error.result)
        item.seen, item.gone = undoing.seen, undoing.gone
        if undoing.gone:
            item.error = error.with_context(f"{error.msg} {_gone(undoing).msg}")
            return
        if failure is None:
            item.left = self.kind.missing(item)
            item.differs = self.kind.differs(item)
        if self.is_shut_out(undoing):
            return
        item.looked = _is_proven(undoing)
        if item.looked:
            item.error = error.with_context(f"{error.msg} {self.kind.undone(item)}")
            return
        known_reason = undoing.refused or undoing.doubt or unseen or undoing.error
        reason = known_reason.msg if known_reason else f"{failure}." if failure else _not_shown(undoing)
        item.error = error.with_context(f"{error.msg} {self.kind.not_undone(item, reason)}")


MAY_HAVE_BEEN = "It may have been carried out."


def _is_proven(undoing: Item[T]) -> bool:
    """Only a plain yes and a listing that shows nothing of it any more, in any field, prove that it is undone."""
    return undoing.accepted and undoing.looked and not undoing.left


def _is_no_such_form(error: VastError) -> bool:
    status = error.exchange.status_code if error.exchange else None
    is_key = isinstance(error, (AuthError, PermissionDenied))
    return not is_key and (status in NO_SUCH_FORM or isinstance(error, NotFound))


def _skip(group: c.Iterable[Item[T]], failed: Item[T]) -> None:
    for item in group:
        item.follow, item.note = False, f"Skipped: {failed.name} failed."


def _values(changes: c.Iterable[Change]) -> str:
    return ", ".join(f"{change.field}={change.shown(change.after)}" for change in changes)


def _not_shown(item: Item[T]) -> str:
    count = {1: "one request", 2: "two requests"}.get(item.requests, f"{item.requests} requests")
    how = "; nothing was sent again" if item.once else f" after {count}"
    return f"{item.name} still does not report {_values(item.left)}{how}. Last seen: {item.seen.described}."


def _no_time(item: Item[T]) -> WaitTimeout:
    return WaitTimeout(f"wait_timeout expired before the turn of {item.name}; nothing was sent to it.")


def _gone(item: Item[T]) -> NotFound:
    return NotFound(
        f"{item.name} no longer exists: a complete listing does not contain it. Last seen: {item.seen.described}."
    )


def _blind(item: Item[T], error: VastError) -> VastError:
    when = " after a change was sent to it, which may have been carried out" if item.wrote else ""
    return error.with_context(f"{error.msg} {item.name} could not be polled{when}. Last seen: {item.seen.described}.")


def _interrupted(item: Item[T], name: str) -> VastError:
    done = "a change had been sent to it" if item.sent else "nothing had been sent to it"
    return TaskInterrupted(
        f"Interrupted by {name}: {item.name} was not finished; {done}. Last seen: {item.seen.described}."
    )


def _unexpected(item: Item[T], reason: str) -> VastError:
    sent = f" A change was sent to {item.name}. {MAY_HAVE_BEEN}" if item.wrote else f" {item.name} was not finished."
    return UnknownOutcome(f"The task stopped at an unexpected error, {reason}.{sent}")
