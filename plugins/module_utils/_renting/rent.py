# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Renting one instance under a label, so that no failure, crash or lost reply leaves one that bills unseen (F3.5).

A create is sent once. What became of it a listing decides, never a reply; after a doubt that no listing settles nothing
else is rented in the same task.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits, rounds
from .._api.errors import (
    Ambiguous,
    BudgetExceeded,
    Invalid,
    ServerError,
    Unavailable,
    UnknownOutcome,
    VastError,
    WaitTimeout,
)
from .._api.replies import is_whole, says_no
from .._core.interrupts import TaskInterrupted, failing_at_signals, listen
from .._instances.cost import price
from .._instances.destroy import destroy_one
from .._instances.find import carriers, one_of
from .._instances.instance import Instance, read
from .._instances.switch import switch, to_switch
from .._instances.watch import Watch
from .attempt import Attempt, differences
from .duplicates import BEYOND, destroy_all, oldest_of
from .memory import FIRST_LOOK, SETTLE_WITHIN, Memory, late, remembering
from .offers import Offer
from .quote import affordable
from .wish import Wish

CREATE = Route("PUT", "/api/v0/asks/{id}/", 4.5)
MOST_OFFERS = 5
"""So many offers of one search are tried when one after the other is gone."""
LOOK_EVERY = 2 * FIRST_LOOK
ABSENT_LOOKS = 3
"""So many listings in a row must lack a box that they have shown before it counts as gone."""
LOG_LINES = 20
"""So much of the log of a box that cannot come up is kept."""


class Rented(t.NamedTuple):
    """What there is in the end. `offer`: what was rented; None when the instance was found and is still to converge."""

    instance: Instance
    offer: Offer | None
    attempts: list[dict[str, t.Any]]

    @property
    def changed(self) -> bool:
        """Whether something was rented on the way."""
        return any(each["instance_id"] is not None for each in self.attempts)


class _Dud(Exception):
    """A box that cannot be used: what is wrong, and as what a failure tells it."""

    def __init__(self, outcome: str, reason: str, error: type[VastError] = Unavailable) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.error = error


class _Older(Exception):
    """Another machine has rented an older box under the same label; ours is destroyed."""

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self.instance = instance


class Rental:
    """Rents what a wish says, within the deadline of the task; `since` is when its first listing was read."""

    def __init__(self, client: Client, wish: Wish, waits: Waits, deadline: Deadline, since: float) -> None:
        self.client = client
        self.wish = wish
        self.waits = waits
        self.deadline = deadline
        self.since = since
        self.attempts: list[Attempt] = []
        self.destroyed: set[int] = set()
        self.pending: Attempt | None = None
        self.left: float | None = None
        self.spending: Memory | None = None
        self.memory: Memory

    def run(self) -> Rented:
        """Rent, or find what an earlier or another task has rented. A failure says what is alive and bills."""
        try:
            with failing_at_signals():
                return self.walk()
        except VastError as error:
            raise self.told(error) from error
        except Exception as error:
            # Whatever it is, what may bill has to be named.
            if not (self.pending or any(each.is_alive for each in self.attempts)):
                raise
            reason = self.client.redactor.text(f"{type(error).__name__}: {error}")
            failure = UnknownOutcome(f"The task stopped at an unexpected error, {reason}.")
            raise self.told(failure) from error

    def walk(self) -> Rented:
        """One label after the other, one attempt after the other."""
        what = f"renting {self.wish.label!r}"
        with remembering(self.client, "rent", self.wish.label, what, self.deadline) as self.memory:
            known = self.known()
            if known is not None:
                return Rented(known, None, [])
            try:
                return self.try_offers()
            except _Older as older:
                return Rented(older.instance, None, self.results())

    def try_offers(self) -> Rented:
        """Up to `attempts` boxes, each on another machine; a dud is destroyed before the next one is rented."""
        failure: VastError | None = None
        for turn in range(1, self.wish.attempts + 1):
            if failure is not None and self.deadline.expired:
                raise WaitTimeout(f"{failure.msg} wait_timeout left no time for another attempt.", failure.exchange)
            attempt = self.acquire(failure)
            try:
                self.prepare(attempt)
                self.prove(attempt)
            except _Dud as dud:
                failure = self.bury(attempt, dud, turn)
                continue
            attempt.outcome = "rented"
            return Rented(t.cast("Instance", attempt.seen), attempt.offer, self.results())
        raise t.cast("VastError", failure)

    def known(self) -> Instance | None:
        """What another task has rented meanwhile, or an earlier one whose create was left in doubt."""
        last = self.memory.last
        if last is not None and last.is_doubtful:
            self.client.warn(
                f"An earlier task sent a rental request for offer {last.offer_id} as {self.wish.label!r}, and its "
                f"outcome is not known. Polling the listing for up to {SETTLE_WITHIN:g} s before anything is rented."
            )
            found = one_of(late(self.client, self.carriers), self.wish.label)
            if found is None:
                self.memory.note(last.offer_id, settled=True)
            return found
        if self.memory.waited or (last is not None and last.at > self.since):
            return one_of(carriers(self.client, self.wish.label), self.wish.label)
        return None

    def acquire(self, failure: VastError | None) -> Attempt:
        """A box that listings show. Raises what forbids it, or Unavailable when no offer is left."""
        listen()
        if self.deadline.expired:
            raise WaitTimeout("wait_timeout was used up. Nothing was rented.")
        with self.kept_to_budget():
            try:
                offers = self.choose()
            except (Unavailable, BudgetExceeded) as error:
                raise error.with_context(f"{failure.msg} {error.msg}" if failure else error.msg) from error
            for offer in offers[:MOST_OFFERS]:
                attempt = self.create(offer)
                if attempt is not None:
                    return attempt
        tried = min(len(offers), MOST_OFFERS)
        raise Unavailable(f"None of the {tried} best offers could be rented; the last said: {self.attempts[-1].reason}")

    @contextlib.contextmanager
    def kept_to_budget(self) -> c.Iterator[None]:
        """Tasks of one account that share a budget choose and rent one after the other."""
        if not self.wish.budget.is_set:
            yield
            return
        with remembering(self.client, "budget", "", "renting within a budget", self.deadline) as self.spending:
            try:
                yield
            finally:
                self.spending = None

    def choose(self) -> list[Offer]:
        """The offers that may be rented, best first, as `quote.affordable` has them."""
        last = self.spending.last if self.spending else None
        pending = last if last and last.is_doubtful and last.name != self.wish.label else None
        offers, self.left = affordable(self.client, self.wish, self.attempts, pending)
        return offers

    def create(self, offer: Offer) -> Attempt | None:
        """Rent one offer, once, and see it in a listing; None when it is gone, taken, or did not start."""
        attempt = Attempt(offer, self.wish.price_of(offer), self.client.clock.now())
        self.attempts.append(attempt)
        self.note(attempt, settled=False)
        self.pending = attempt
        try:
            reply = self.client.call(
                CREATE, ids={"id": offer.id}, body=self.wish.body(), keep="new_contract", deadline=self.deadline
            )
        except (UnknownOutcome, ServerError) as error:
            self.settle(attempt, error)
            return attempt
        except Unavailable as error:
            self.settled(attempt, "gone", error.msg)
            return None
        except VastError as error:
            if _is_unclear(error):
                self.settle(attempt, error)
                return attempt
            self.settled(attempt, "refused", error.msg)
            raise error.with_context(f"{error.msg} Nothing was rented by this request.") from error
        contract = reply.get("new_contract")
        if not is_whole(contract) or contract <= 0:
            self.settle(attempt, UnknownOutcome(f"Vast.ai rented offer {offer.id} but did not name the instance."))
            return attempt
        attempt.id = contract
        if says_no(reply):
            self.remove_unstarted(attempt, reply)
            return None
        self.confirm(attempt)
        return attempt

    def settled(self, attempt: Attempt, outcome: str | None = None, reason: str | None = None) -> None:
        """What became of a create is known."""
        self.pending = None
        self.note(attempt, settled=True)
        if outcome is not None:
            attempt.end(outcome, reason, self.client.clock.now())

    def note(self, attempt: Attempt, *, settled: bool) -> None:
        """Remember a create for the next task of this label, and of this account's budget."""
        self.memory.note(attempt.offer.id, settled=settled)
        if self.spending is not None:
            self.spending.note(attempt.offer.id, settled=settled, name=self.wish.label, price=attempt.price)

    def settle(self, attempt: Attempt, doubt: VastError) -> None:
        """Find out what a create came to whose outcome is not known. Raises UnknownOutcome when listings do not say."""
        attempt.reason = doubt.msg
        machine = attempt.offer.machine_id
        try:
            found = late(self.client, self.carriers, machine)
        except VastError as blind:
            raise self.unknown(f"{doubt.msg} {blind.msg}", doubt) from blind
        own = [each for each in found if each.row.get("machine_id") == machine]
        if not found:
            raise self.unknown(doubt.msg, doubt)
        if not own:
            # The own one may still show: its note stays.
            older = t.cast("Instance", one_of(found, self.wish.label))
            self.client.warn(
                f"{doubt.msg} Another task rented {older.display_name} under the same label, which is used. Offer "
                f"{attempt.offer.id} may have been rented as well, and then bills: check for a second instance "
                f"{self.wish.label!r} in some minutes."
            )
            self.pending = None
            attempt.end("adopted", "Another task has rented under this label.", self.client.clock.now())
            raise _Older(older)
        mine = t.cast("Instance", one_of(own, self.wish.label))
        attempt.id, attempt.seen, attempt.reason = mine.id, mine, None
        self.settled(attempt)
        if others := [each for each in found if each.id != mine.id]:
            self.race(attempt, mine, others)

    def unknown(self, why: str, doubt: VastError) -> UnknownOutcome:
        """That listings do not say what a create came to."""
        return UnknownOutcome(
            f"{why} No listing of {SETTLE_WITHIN:g} s showed an instance {self.wish.label!r}.", doubt.exchange
        )

    def carriers(self) -> list[Instance]:
        """What has the label, without what this task has destroyed."""
        return [each for each in carriers(self.client, self.wish.label) if each.id not in self.destroyed]

    def confirm(self, attempt: Attempt) -> None:
        """Read listings until they show the box. Raises UnknownOutcome when they do not."""
        limit = Deadline(self.client.clock, SETTLE_WITHIN)
        for _elapsed in rounds(self.client.clock, first=FIRST_LOOK, interval=LOOK_EVERY, timeout=limit):
            if self.look(attempt) is not None:
                self.settled(attempt)
                return
        raise UnknownOutcome(
            f"Offer {attempt.offer.id} was rented as instance {attempt.id}, but no listing of {SETTLE_WITHIN:g} s "
            "shows it."
        )

    def look(self, attempt: Attempt) -> Instance | None:
        """The box as a complete listing shows it, by its label or else by its id; races are settled on the way."""
        listen()
        found = self.carriers()
        own = next((each for each in found if each.id == attempt.id), None)
        attempt.labelled = attempt.labelled or own is not None
        own = own or self.by_id(attempt)
        if own is None:
            attempt.absent += 1
            return None
        attempt.seen, attempt.absent = own, 0
        others = [each for each in found if each.id != own.id]
        if others:
            self.race(attempt, own, others)
        else:
            attempt.rivals = []
        return own

    def by_id(self, attempt: Attempt) -> Instance | None:
        """The box when it does not carry its label; one that was ignored is set, once."""
        rows = read(self.client, {"id": {"eq": attempt.id}})
        own = next((each for each in rows if each.id == attempt.id and not each.is_unloaded), None)
        if own is None or attempt.labelled:
            return own
        attempt.labelled, attempt.seen = True, own
        item = to_switch(own, None, self.wish.label)
        switch(self.client, [item], None, self.waits._replace(wait=False), Deadline(self.client.clock, SETTLE_WITHIN))
        if isinstance(item.error, TaskInterrupted):
            # Nothing more is to be begun, so it is left as it is, and named.
            raise item.error
        attempt.nameless = item.error
        return item.seen

    def race(self, attempt: Attempt, own: Instance, others: list[Instance]) -> None:
        """Two machines have rented: who owns the younger box destroys it, and goes on with the older."""
        now = self.client.clock.now()
        oldest = oldest_of([own, *others])
        if oldest is None or oldest is own:
            attempt.rivals_since = attempt.rivals_since if attempt.rivals else now
            attempt.rivals = others
            return
        self.settled(attempt)
        reason = f"{oldest.display_name} is older and carries the same label."
        self.remove(attempt, "duplicate", reason)
        self.client.warn(f"{reason} {own.display_name}, which this task had rented, was destroyed.")
        raise _Older(oldest)

    def prepare(self, attempt: Attempt) -> None:
        """Hold what was rented against what was asked, as far as it is told, and attach the keys."""
        self.hold(attempt, final=False)
        if self.wish.ssh_keys:
            from .keys import attach

            for key in self.wish.ssh_keys:
                attach(self.client, t.cast("Instance", attempt.seen), key, self.deadline)

    def hold(self, attempt: Attempt, *, final: bool) -> None:
        """Raises _Dud for a box that is not what was asked for."""
        seen = t.cast("Instance", attempt.seen)
        if attempt.nameless is not None:
            reason = f"{seen.display_name} was rented without its label, and cannot be found by it: "
            raise _Dud("unlabelled", reason + attempt.nameless.msg, type(attempt.nameless))
        wrong = list(differences(seen, attempt.offer, self.wish, self.left, final=final))
        if wrong:
            error = BudgetExceeded if all(kind == "price" for kind, _text in wrong) else Unavailable
            texts = "; ".join(text for _kind, text in wrong)
            raise _Dud("differs", f"{seen.display_name} is not what was asked for: {texts}.", error)

    def prove(self, attempt: Attempt) -> None:
        """Wait until the box can be used. Raises _Dud when it cannot."""
        clock = self.client.clock
        watch = Watch("running", t.cast("Instance", attempt.seen), clock.now())
        limit = self.deadline.bounded(self.wish.boot_timeout)
        up = not self.waits.wait or self.is_up(attempt, watch)
        if not (up and not attempt.rivals):
            for _elapsed in rounds(clock, first=self.waits.interval, interval=self.waits.interval, timeout=limit):
                up = not self.missed(attempt) and (not self.waits.wait or self.is_up(attempt, watch))
                if up and not self.has_rivals(attempt):
                    break
        if not up:
            raise self.not_up(attempt)
        if attempt.rivals:
            self.settle_rivals(attempt)
        self.hold(attempt, final=self.waits.wait)

    def missed(self, attempt: Attempt) -> bool:
        """Poll once; whether the listing lacks the box. Raises _Dud when it is gone."""
        if self.look(attempt) is not None:
            return False
        if attempt.absent >= ABSENT_LOOKS:
            raise _Dud("vanished", f"{attempt.name} vanished: {ABSENT_LOOKS} complete listings in a row lack it.")
        return True

    def is_up(self, attempt: Attempt, watch: Watch) -> bool:
        """Whether the box runs, and answers where that is asked for. Raises _Dud when it cannot any more."""
        seen = t.cast("Instance", attempt.seen)
        self.hold(attempt, final=False)
        if seen.word("intended_status") in ("stopped", "frozen"):
            if self.wish.bid is not None:
                raise _Dud("outbid", f"{seen.display_name} was outbid before it ran: its bid is {self.wish.bid:g}.")
            raise Unavailable(f"{seen.display_name} was stopped by someone else. Last seen: {seen.described}.")
        try:
            if not watch.see(seen, self.client.clock.now()):
                return False
        except Unavailable as error:
            raise _Dud("failed", error.msg) from error
        if self.wish.wait_for != "ssh":
            return True
        from .._instances.reach import reachable

        return reachable(seen) is not None

    def not_up(self, attempt: Attempt) -> Exception:
        """What it means that the time is over."""
        seen = t.cast("Instance", attempt.seen)
        last = f"Last seen: {seen.described}."
        lacks = "no SSH server answered" if seen.is_running else "it did not run"
        if self.deadline.expired:
            return WaitTimeout(f"{seen.display_name} was not ready when wait_timeout ended: {lacks}. {last}")
        limit = f"boot_timeout ({self.wish.boot_timeout:g} s)"
        return _Dud("failed", f"{seen.display_name}: {lacks} within {limit}. {last}")

    def has_rivals(self, attempt: Attempt) -> bool:
        """Whether younger boxes have the label that their creators may still destroy."""
        return bool(attempt.rivals) and self.client.clock.now() - attempt.rivals_since < SETTLE_WITHIN

    def settle_rivals(self, attempt: Attempt) -> None:
        """Younger boxes stay under the label: nobody destroys them, or the task may."""
        oldest = oldest_of([t.cast("Instance", attempt.seen), *attempt.rivals])
        if self.wish.on_duplicate != "destroy_younger" or oldest is None:
            ids = ", ".join(str(each.id) for each in attempt.rivals)
            raise Ambiguous(
                f"{attempt.name} is not the only one that has the label {self.wish.label!r}: {ids} does, too, and "
                "bills. Destroy those that you do not need, or set on_duplicate=destroy_younger."
            )
        destroy_all(self.client, attempt.rivals)
        self.destroyed |= {each.id for each in attempt.rivals}

    def bury(self, attempt: Attempt, dud: _Dud, turn: int) -> VastError:
        """Destroy a box that cannot be used, and prove it. Raises when that fails, or when it is to be kept."""
        attempt.outcome, attempt.reason = dud.outcome, dud.reason
        label = attempt.seen.label if attempt.seen else ""
        if label and label != self.wish.label:
            raise dud.error(
                f"{dud.reason} Someone else set its label to {label!r} in the meantime, so it was not destroyed."
            )
        attempt.log = self.daemon_log(attempt) if dud.outcome == "failed" else None
        # One that listings lack may come back, and would bill unseen.
        if self.wish.retain_failed and dud.outcome != "vanished":
            attempt.outcome = "retained"
            raise dud.error(f"{dud.reason} It is kept for inspection, since retain_failed is set.")
        self.remove(attempt, dud.outcome, dud.reason)
        self.client.warn(f"Attempt {turn} of {self.wish.attempts}: {dud.reason} It was destroyed.")
        return dud.error(f"{dud.reason} It was destroyed.")

    def daemon_log(self, attempt: Attempt) -> str | None:
        """The end of what the host's daemon says of the box, where there is something."""
        from .._instances.logs import tail_of

        return tail_of(self.client, attempt.seen, LOG_LINES, daemon=True) if attempt.seen else None

    def remove_unstarted(self, attempt: Attempt, reply: t.Mapping[str, t.Any]) -> None:
        """Destroy a contract that did not start, and bills its disk; why is read before."""
        with contextlib.suppress(VastError):
            rows = read(self.client, {"id": {"eq": attempt.id}})
            attempt.seen = next((each for each in rows if each.id == attempt.id), None)
        said = self.client.redactor.text(str(reply.get("msg") or "")) or "no reason"
        state = f" Last seen: {attempt.seen.described}." if attempt.seen else ""
        self.remove(attempt, "not_started", f"The contract was made but did not start: {said}.{state}")
        self.settled(attempt)

    def remove(self, attempt: Attempt, outcome: str, reason: str) -> None:
        """Destroy what an attempt has rented, and prove it."""
        attempt.outcome, attempt.reason = outcome, reason
        instance_id = t.cast("int", attempt.id)
        instance = attempt.seen or Instance(instance_id, {"label": self.wish.label, "dph_total": attempt.price})
        try:
            destroy_one(self.client, instance, Deadline(self.client.clock, BEYOND))
        except VastError as error:
            raise error.with_context(f"{reason} {error.msg}") from error
        self.destroyed.add(instance_id)
        attempt.end(outcome, reason, self.client.clock.now())

    def results(self) -> list[dict[str, t.Any]]:
        """All attempts as a result shows them."""
        now = self.client.clock.now()
        return [each.result(now) for each in self.attempts]

    def told(self, error: VastError) -> VastError:
        """The failure with what is alive and bills now."""
        alive = [each for each in self.attempts if each.is_alive]
        more: dict[str, t.Any] = {"attempts": self.results(), "changed": bool(alive or self.pending)}
        sentences = [error.msg, *(self.bills(each) for each in alive)]
        if alive and alive[-1].seen is not None:
            more["instance"] = alive[-1].seen.result()
        if alive:
            more["instance_id"] = alive[-1].id
        elif self.pending is not None:
            sentences.append(
                f"Offer {self.pending.offer.id} may have been rented as {self.wish.label!r}, and then bills; no other "
                "offer was taken. Run the task again: it looks for the instance before it rents."
            )
        elif any(each.id is not None for each in self.attempts):
            sentences.append("No instance that this task rented exists.")
        return error.with_context(self.wish.about(" ".join(sentences)), **more)

    def bills(self, attempt: Attempt) -> str:
        """That a box exists and bills, and what to do."""
        cost = attempt.price if attempt.seen is None else price(attempt.seen, "dph_total")
        paid = "at a price that is not known" if cost is None else f"{cost:g} US dollars per hour"
        name = f"{attempt.name[:1].upper()}{attempt.name[1:]}"
        if attempt.seen is not None and attempt.seen.label != self.wish.label:
            return (
                f"{name} exists without the label {self.wish.label!r} and bills {paid}. This task cannot find it any "
                f"more: destroy it with state=absent and id={attempt.id}."
            )
        return (
            f"{name} exists under the label {self.wish.label!r} and bills {paid}. Run the task again to go on with it, "
            "or destroy it with state=absent."
        )


def _is_unclear(error: VastError) -> bool:
    """Whether a refusal has no error of the API's own, so that it may have rented something nevertheless."""
    exchange = error.exchange
    return isinstance(error, Invalid) and exchange is not None and (exchange.status_code, exchange.error) == (200, None)
