# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Giving instances a fresh container: the plan, and what the engine has to know of it."""

from __future__ import annotations

import collections.abc as c

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits
from .._api.errors import Invalid, VastError
from .._core.kind import Kind, Write
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from .instance import Instance
from .look import reread
from .watch import Watch, changed_meanwhile, fingerprint, warn_of_foreign

RECYCLE = Route("PUT", "/api/v0/instances/recycle/{id}/", 1.0)
SIGN_WITHIN = 20.0
"""For how many seconds to look for a sign of a recycle."""

Renewal = Item[Instance]


def is_under_way(instance: Instance, only_if_status: c.Collection[str]) -> bool:
    """Whether a new container is being made already: by a recycle, or at a first boot, which comes to the same (F3.4).

    A status that is asked for by name is not taken for that, so that an instance stuck in it can be healed.
    """
    if instance.actual_status == "recycling":
        return True
    making = instance.actual_status in (None, "created", "loading") and instance.wants_running and instance.has_gpu
    return making and not only_if_status and not instance.cannot_boot


def plan_recycle(current: Instance, only_if_status: c.Collection[str], image: str | None = None) -> Plan:
    """Whether to recycle; an empty `only_if_status` means in any status. `image`: what it will have by then. Pure.

    An instance without its GPU is never recycled: a stopped one shows `exited` like a crashed one, and recycling might
    start its billing. Raises Invalid when that is asked for outright.
    """
    name = current.display_name
    if is_under_way(current, only_if_status):
        return Plan(name)
    meant_to_stop = current.word("intended_status") == "stopped"
    if only_if_status and (meant_to_stop or current.is_queued or current.actual_status not in only_if_status):
        return Plan(name)
    if meant_to_stop or current.is_queued:
        how = "stopped" if current.is_stopped else "waiting for its GPU" if current.is_queued else "being stopped"
        raise Invalid(
            f"{name} is {how}; only an instance that is meant to run and has its GPU can be recycled. Start it "
            "first (vastai.cloud.vast_instance with state=running).",
            instance=current.result(),
        )
    image = image or current.text("image_uuid") or "its image"
    action = f"recycle {name}: a new container from a fresh pull of {image}; its file system is lost"
    return Plan(name, (Change("container", "present", "new", action, sends={}),))


def to_recycle(current: Instance, only_if_status: c.Collection[str], image: str | None = None) -> Renewal:
    """The item that is to get a new container. Raises Invalid as plan_recycle does."""
    plan = plan_recycle(current, only_if_status, image)
    return Item(Ref(current.id), current, plan, follow=plan.changed or is_under_way(current, only_if_status))


def recycle(
    client: Client, items: c.Sequence[Renewal], waits: Waits, deadline: Deadline, *, batch: int | None = None
) -> None:
    """Recycle and wait until they run again, `batch` at a time; what becomes of each is noted in it. Raises nothing."""
    if not any(item.follow for item in items):
        return
    # What a task without changes does not need.
    from .._core.converge import rolling

    rolling(client, Recycle(), items, waits, deadline, batch or len(items))
    warn_of_foreign(client, items)
    for item in items:
        if item.left and item.sent and item.error is None:
            client.warn(
                f"{item.name} shows no sign of its recycle yet, {SIGN_WITHIN:g} s after it was accepted. "
                f"Last seen: {item.seen.described}."
            )


class Recycle(Kind[Instance]):
    """Instances that get a new container. A recycle is sent once; only a sign counts: another status, other ports."""

    want = "running"
    queues = False
    shown_within = SIGN_WITHIN

    def read(self, client: Client, items: c.Sequence[Renewal]) -> dict[Ref, Instance]:
        """Those of them that a complete listing contains."""
        return reread(client, items)

    def writes(self, items: c.Sequence[Renewal], *, alone: bool) -> c.Iterator[tuple[Write, list[Renewal]]]:
        """One for each: there is no request for many."""
        del alone
        for item in items:
            yield Write(RECYCLE, {}, {"id": item.before.id}, once=True), [item]

    def missing(self, item: Renewal) -> tuple[Change, ...]:
        """Whether a sign has been seen, now or before."""
        departed = item.memory is not None and item.memory.departed
        return () if departed or fingerprint(item.seen) != fingerprint(item.before) else item.plan.changes

    def withheld(self, item: Renewal) -> VastError | None:
        """One that somebody labelled, stopped or healed meanwhile is not what was meant any more."""
        return changed_meanwhile(item, "recycled")

    def differs(self, item: Renewal) -> bool:
        """A plain yes counts, since the sign may come later."""
        return item.wrote

    def judge(self, item: Renewal, now: float) -> bool:
        """Whether the new container runs. Raises Unavailable and UnknownOutcome as Watch does."""
        if item.memory is None:
            item.memory = Watch(self.want, item.before, now, must_depart=item.plan.changed)
        reached: bool = item.memory.see(item.seen, now)
        return reached
