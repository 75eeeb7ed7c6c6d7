# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Moving one instance to a wanted state: plan, apply, look, wait. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Waits, rounds
from .._api.errors import Invalid, NotFound, ServerError, Unavailable, UnknownOutcome, VastError, WaitTimeout
from .._core.plan import Change, Plan
from .find import reread
from .instance import STATUSES, Instance

MANAGE = Route("PUT", "/api/v0/instances/{id}/", 1.0)
RECYCLE = Route("PUT", "/api/v0/instances/recycle/{id}/", 1.0)

FIRST_LOOK = 1.06
"""Seconds after a write before the first look: the listing's own minimum interval (F2.4), and just over its margin."""
SHOWN_WITHIN = 5.0
"""For how many seconds an accepted change may stay invisible before it is sent once more."""
SIGN_WITHIN = 20.0
"""For how many seconds to look for a sign of a recycle whose reply was lost."""
START_GRACE = 600.0
"""A started instance may show `exited` this long before it counts as crashed (F3.4: clients allow 10 minutes)."""
CRASH_GRACE = 30.0
"""The same once its container has been seen to boot."""
LOST_GRACE = 120.0
"""`offline` and `unknown` often pass; beyond this many seconds they count as final."""
RECYCLE_GRACE = 60.0
"""A recycle may be over between two looks: an instance that runs this long after the API said yes is taken as done."""
BOOTING = ("created", "loading", "running")


def plan_switch(current: Instance, state: str | None, label: str | None) -> Plan:
    """What differs from the wanted state and label; None leaves a thing as it is. Pure."""
    changes = []
    if label is not None and label != current.label:
        action = (
            f"set the label of {current.display_name} to {label!r}"
            if label
            else f"remove the label of {current.display_name}"
        )
        changes.append(Change("label", current.label, label, action))
    # A queued start is asked for again: the reply tells whether there is a GPU now.
    if state == "running" and (not current.wants_running or current.is_queued):
        changes.append(Change("state", current.state, state, f"start {current.display_name}"))
    if state == "stopped" and current.word("intended_status") != "stopped":
        changes.append(Change("state", current.state, state, f"stop {current.display_name}"))
    return Plan(current.display_name, tuple(changes))


def manage(client: Client, current: Instance, plan: Plan, state: str | None, waits: Waits, *, queue: bool) -> Instance:
    """Carry out a plan of `plan_switch` and wait for the state; `queue` waits for a GPU that is taken (F3.7).

    A start that stays queued is taken back before this fails. Returns the instance as last seen.
    """
    move = _Move(client, current)
    starts = any(change.field == "state" and change.after == "running" for change in plan.changes)
    try:
        move.apply(plan)
        if move.refusal is not None and not queue and not move.seen.has_gpu:
            raise move.refusal.with_context(
                f"{current.display_name} cannot start now, its GPU is taken. {move.refusal.msg}"
            )
        if state is not None and waits.wait:
            watch = Watch(state, move.seen, client.clock.now(), must_stay_wanted=move.refusal is None)
            move.follow(watch, waits, changed=plan.changed)
    except VastError as error:
        failed = move.with_context(error, starts=starts)
        if failed is error:
            raise
        raise failed from error
    return move.seen


class _Move:
    """One instance while it is changed: `seen` is how it showed last, `refusal` that a start found no GPU.

    `unsure`: a start may have been carried out, and the instance was not seen since.
    """

    def __init__(self, client: Client, current: Instance) -> None:
        self.client = client
        self.seen = current
        self.refusal: Unavailable | None = None
        self.unsure = False
        self._before = current

    @property
    def is_queued(self) -> bool:
        """A start may come about later, without a GPU now."""
        return (self.refusal is not None or self.seen.is_queued) and not self.seen.has_gpu

    @property
    def differs(self) -> bool:
        """Whether it shows a change of what a plan can change."""
        return any(
            now != before
            for now, before in (
                (self.seen.label, self._before.label),
                (self.seen.word("intended_status"), self._before.word("intended_status")),
            )
        )

    def apply(self, plan: Plan) -> None:
        """Send all changes in one PUT and look; what does not show is sent once more, alone."""
        pending = {change.field: change.after for change in plan.changes}
        doubt: UnknownOutcome | None = None
        bodies = [pending] if pending else []
        for _attempt in range(2):
            for body in bodies:
                try:
                    self.client.call(MANAGE, ids={"id": self.seen.id}, body=body)
                except Unavailable as error:
                    if body.get("state") != "running":
                        raise
                    self.refusal = error
                    pending = {field: value for field, value in pending.items() if field != "state"}
                except UnknownOutcome as error:
                    doubt = error
                    self.unsure = body.get("state") == "running"
                except ServerError:
                    self.unsure = body.get("state") == "running"
                    raise
            if bodies:
                pending = self.until_shown(pending)
            bodies = [{field: value} for field, value in pending.items()]
        if not pending:
            return
        msg = (
            f"{self.seen.display_name} does not show what was sent twice, {pending}. Last seen: {self.seen.described}."
        )
        raise doubt.with_context(f"{doubt.msg} {msg}") if doubt else ServerError(f"The API said yes, but {msg}")

    def until_shown(self, pending: dict[str, str]) -> dict[str, str]:
        """Look for a short time until the instance shows what was sent; returns what it does not show."""
        missing = pending
        for _elapsed in rounds(self.client.clock, first=FIRST_LOOK, interval=2 * FIRST_LOOK, timeout=SHOWN_WITHIN):
            found = _look_after(self.client, self.seen, "a change")
            if found is None:
                raise gone(self.seen)
            self.seen, self.unsure = found, False
            shown = {"label": found.label, "state": found.word("intended_status")}
            missing = {field: value for field, value in pending.items() if shown[field] != value}
            if not missing:
                break
        return missing

    def follow(self, watch: Watch, waits: Waits, *, changed: bool) -> None:
        """Wait for the state of the watch."""
        try:
            _wait(self.client, watch, waits, changed=changed)
        finally:
            self.seen = watch.last

    def with_context(self, error: VastError, *, starts: bool) -> VastError:
        """The failure to raise: no start stays queued, and what was changed by then counts as changed."""
        if is_absence(error):
            return error
        if starts and self.unsure:
            try:
                self.until_shown({})
            except VastError as failed:
                return error.with_context(
                    f"{error.msg} Whether the start of {self.seen.display_name} is queued could NOT be "
                    f"confirmed: {failed.msg} "
                    "It may start and bill later: run state=stopped on it, or this task again.",
                    changed=True,
                    instance=self.seen.result(),
                )
        if starts and self.is_queued:
            return self.taken_back(error)
        if self.differs and "changed" not in error.result:
            return error.with_context(error.msg, changed=True, instance=self.seen.result())
        return error

    def taken_back(self, error: VastError) -> VastError:
        """Stop the instance so that its queued start does not come about and bill later; the failure to raise then."""
        if self.refusal is not None and not isinstance(error, Unavailable):
            error = Unavailable(f"{self.refusal.msg} {error.msg}", self.refusal.exchange, **error.result)
        try:
            self.apply(
                Plan(self.seen.display_name, (Change("state", self.seen.state, "stopped", "take the start back"),))
            )
        except VastError as failed:
            told = (
                f"The queued start of {self.seen.display_name} could NOT be confirmed as taken back: {failed.msg} "
                "It may start and bill later: run state=stopped on it until that succeeds."
            )
            changed = True
        else:
            told = (
                f"The queued start of {self.seen.display_name} was taken back (state=stopped), so that it "
                "does not start and "
                "bill later. Try again later, or wait for the GPU with on_unavailable=wait and a longer wait_timeout."
            )
            changed = self.differs
        return error.with_context(f"{error.msg} {told}", changed=changed, instance=self.seen.result())


def is_under_way(instance: Instance, only_if_status: c.Collection[str]) -> bool:
    """Whether a new container is being made already: by a recycle, or at a first boot, which comes to the same (F3.4).

    A status that is asked for by name is not taken for that, so that an instance stuck in it can be healed.
    """
    if instance.actual_status == "recycling":
        return True
    making = instance.actual_status in (None, "created", "loading") and instance.wants_running and instance.has_gpu
    return making and not only_if_status and not instance.cannot_boot


def plan_recycle(current: Instance, only_if_status: c.Collection[str]) -> Plan:
    """Whether to recycle; an empty `only_if_status` means in any status. Pure.

    An instance without its GPU is never recycled: a stopped one shows `exited` like a crashed one, and recycling might
    start its billing. Raises Invalid when that is asked for outright.
    """
    if is_under_way(current, only_if_status):
        return Plan(current.display_name)
    meant_to_stop = current.word("intended_status") == "stopped"
    if only_if_status and (meant_to_stop or current.is_queued or current.actual_status not in only_if_status):
        return Plan(current.display_name)
    if meant_to_stop or current.is_queued:
        how = "stopped" if current.is_stopped else "being stopped" if meant_to_stop else "waiting for its GPU"
        raise Invalid(
            f"{current.display_name} is {how}; only an instance that is meant to run and has its GPU can "
            "be recycled. Start it "
            "first (vastai.cloud.vast_instance with state=running).",
            instance=current.result(),
        )
    image = current.text("image_uuid") or "its image"
    action = f"recycle {current.display_name}: a new container from a fresh pull of {image}; its file system is lost"
    return Plan(current.display_name, (Change("container", "present", "new", action),))


def recycle(client: Client, current: Instance, plan: Plan, waits: Waits) -> Instance:
    """Carry out a plan of `plan_recycle` and wait until the instance runs again; returns it as last seen.

    Sent once. After a lost reply only a sign counts as a recycle: a changed status or changed ports.
    """
    doubt: UnknownOutcome | None = None
    if plan.changed:
        try:
            client.call(RECYCLE, ids={"id": current.id}, body={})
        except UnknownOutcome as error:
            doubt = error
    watch = Watch("running", current, client.clock.now(), must_depart=plan.changed)
    if plan.changed:
        _look_for_sign(client, watch, doubt)
    if waits.wait:
        _wait(client, watch, waits, changed=plan.changed)
    return watch.last


def _look_for_sign(client: Client, watch: Watch, doubt: UnknownOutcome | None) -> None:
    """One look after a plain yes; after a lost reply as many as it takes, within bounds."""
    timeout = SIGN_WITHIN if doubt else FIRST_LOOK
    for _elapsed in rounds(client.clock, first=FIRST_LOOK, interval=2 * FIRST_LOOK, timeout=timeout):
        watch.see(_look_after(client, watch.last, "a recycle"), client.clock.now())
        if watch.departed:
            return
    if doubt:
        raise doubt.with_context(
            f"{doubt.msg} {watch.last.display_name} showed no sign of a recycle for {SIGN_WITHIN:g} s, and "
            "nothing was sent "
            f"again. Look at it, then run the task again if it needs one. Last seen: {watch.last.described}.",
            instance=watch.last.result(),
        )


class Watch:
    """Judges what is seen of one instance on its way to a state. Pure: it is told what was seen and when.

    `must_depart`: running counts only once the instance has left its former container.
    `must_stay_wanted`: an instance that is no longer wanted in the state will not get there.
    """

    def __init__(
        self, want: str, start: Instance, now: float, *, must_depart: bool = False, must_stay_wanted: bool = True
    ) -> None:
        self.want = want
        self.last = start
        self.departed = not must_depart
        self.foreign: set[str] = set()
        self._start = start
        self._must_stay_wanted = must_stay_wanted
        self._booted = False
        self._began = now
        self._since = now

    def see(self, seen: Instance | None, now: float) -> bool:
        """Take in one look; True when the state is reached.

        Raises NotFound when the instance is gone, and Unavailable when it can no longer get there.
        """
        if seen is None:
            raise gone(self.last)
        if seen.actual_status != self.last.actual_status:
            self._since = now
        self.last = seen
        if seen.actual_status not in (None, *STATUSES):
            self.foreign.add(str(seen.actual_status))
        if _fingerprint(seen) != _fingerprint(self._start):
            self.departed = True
        if seen.actual_status in BOOTING and seen.actual_status != self._start.actual_status:
            self._booted = True
        if self.want == "stopped":
            reached = seen.is_stopped
        else:
            reached = seen.is_running and (self.departed or now - self._began > RECYCLE_GRACE)
        if not reached and (reason := self._hopeless(seen, now - self._since)):
            raise Unavailable(
                f"{seen.display_name} will not be {self.want}: {reason}. Last seen: {seen.described}.",
                instance=seen.result(),
            )
        return reached

    def _hopeless(self, seen: Instance, unchanged_for: float) -> str | None:
        intended = seen.word("intended_status")
        if self._must_stay_wanted and intended != self.want and intended in ("running", "stopped", "frozen"):
            return f"something else has set it to {intended} meanwhile"
        if seen.is_lost and unchanged_for > LOST_GRACE:
            return f"its host has not answered for {unchanged_for:.0f} s"
        if self.want == "running" and seen.cannot_boot and unchanged_for > CRASH_GRACE:
            return "its container cannot be created"
        grace = CRASH_GRACE if self._booted else START_GRACE
        if self.want == "running" and seen.actual_status == "exited" and seen.has_gpu and unchanged_for > grace:
            return f"its container has ended by itself and not come back for {unchanged_for:.0f} s; recycle it"
        return None


def _fingerprint(instance: Instance) -> tuple[t.Any, ...]:
    """What tells one container from the next: its status, and the ports a recycle changes (F3.8)."""
    return (
        instance.actual_status,
        str(instance.row.get("ports")),
        instance.row.get("ssh_port"),
        instance.text("ssh_host"),
    )


def _wait(client: Client, watch: Watch, waits: Waits, *, changed: bool) -> None:
    """Look at the instance until the watch is content."""
    try:
        if watch.see(watch.last, client.clock.now()):
            return
        for _elapsed in rounds(client.clock, first=waits.interval, interval=waits.interval, timeout=waits.timeout):
            if watch.see(reread(client, watch.last.id), client.clock.now()):
                return
        raise WaitTimeout(
            f"{watch.last.display_name} was not {watch.want} within wait_timeout ({waits.timeout:g} s). "
            f"Last seen: {watch.last.described}."
        )
    except VastError as error:
        what = (
            f" This happened while waiting for {watch.last.display_name} to be {watch.want}; last seen: "
            f"{watch.last.described}."
        )
        known = isinstance(error, (NotFound, Unavailable, WaitTimeout))
        raise error.with_context(
            error.msg + ("" if known else what), changed=changed, instance=watch.last.result()
        ) from error
    finally:
        for word in sorted(watch.foreign):
            client.warn(
                f"{watch.last.display_name} showed the status {word!r}, which this collection does not "
                "know; it waited on."
            )


def _look_after(client: Client, seen: Instance, what: str) -> Instance | None:
    """A look that follows something sent: when it fails, the failure has to tell that it was sent."""
    try:
        return reread(client, seen.id)
    except VastError as error:
        raise error.with_context(
            f"{error.msg} This was a look at {seen.display_name} after {what} was sent to it, which may "
            "have been carried out. "
            f"Last seen before: {seen.described}.",
            changed=True,
            instance=seen.result(),
        ) from error


def is_absence(error: VastError) -> bool:
    """Whether a failure says that an instance is gone, by a listing or the API's own word; a bare 404 does not."""
    own_word = error.exchange is None or (error.exchange.error or "").startswith("no_such_")
    return isinstance(error, NotFound) and own_word


def gone(instance: Instance) -> NotFound:
    """The failure of an instance that was there and is not listed any more."""
    return NotFound(
        f"{instance.display_name} is gone: it is not in a complete listing any more. Last seen: {instance.described}.",
        instance=instance.result(),
    )
