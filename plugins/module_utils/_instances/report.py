# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Many instances: what is planned for each, how many may change, and what a task returns of them. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.errors import Invalid
from .._core.plan import Plan, combined
from .._core.resource import Item, Ref
from .cost import cost
from .fields import WorkerOf, not_asked
from .instance import Instance
from .renew import is_under_way, to_recycle
from .switch import to_switch

NAMED_AT_MOST = 20
STATE_FIELDS = ("actual_status", "intended_status", "cur_state")
PLANNED: dict[str, dict[str, str]] = {
    "running": {"actual_status": "running", "intended_status": "running", "cur_state": "running"},
    "stopped": {"actual_status": "exited", "intended_status": "stopped", "cur_state": "stopped"},
    "recycled": {"actual_status": "running", "intended_status": "running", "cur_state": "running"},
    "restarted": {"actual_status": "running", "intended_status": "running", "cur_state": "running"},
}
"""How an instance shows that has reached a state (F3.4)."""

Member = Item[Instance]


def plan_all(instances: c.Iterable[Instance], state: str) -> list[Member]:
    """What is to be done with each: `running`, `stopped`, `restarted`, `absent`, or `recycled`, which skips stopped
    ones. Pure."""
    if state == "recycled":
        return [_recycling(each) for each in instances]
    if state == "restarted":
        from .restart import to_restart

        return [to_restart(each) for each in instances]
    if state == "absent":
        from .destroy import to_destroy

        return [to_destroy(each) for each in instances]
    return [to_switch(each, state, None) for each in instances]


def _recycling(instance: Instance) -> Member:
    try:
        member = to_recycle(instance, ())
    except Invalid as error:
        return Item(Ref(instance.id), instance, Plan(instance.display_name), follow=False, note=f"Skipped: {error.msg}")
    if is_under_way(instance, ()):
        member.note = f"{instance.display_name} is being recycled already."
    return member


def check_affected(members: c.Iterable[Member], limit: int | None) -> None:
    """Raises Invalid when more than `limit` would change."""
    names = [member.name for member in members if member.plan.changed]
    if limit is not None and len(names) > limit:
        shown = ", ".join(names[:NAMED_AT_MOST]) + (", ..." if len(names) > NAMED_AT_MOST else "")
        raise Invalid(f"{len(names)} instances would change but max_affected is {limit}, so nothing was sent: {shown}.")


def report(
    members: c.Sequence[Member],
    state: str,
    *,
    planned: bool,
    skipped: c.Sequence[Instance] = (),
    unloaded: int = 0,
    worker_of: WorkerOf = not_asked,
) -> dict[str, t.Any]:
    """What a task returns; `planned`: what it would do, as in check mode. Raises one failure for all that failed.

    `skipped`: chosen ones that are workers, or may be; `unloaded`: how many more fitted whose contract is released.
    """
    failed = [member for member in members if member.error is not None]
    told = summary(members, state, planned=planned, skipped=skipped, worker_of=worker_of)
    told["counts"]["unloaded"] = unloaded
    if not failed:
        return told
    first = t.cast(t.Any, failed[0].error)
    raise type(first)(_told(failed, len(members)), first.exchange, **told)


def summary(
    members: c.Sequence[Member],
    state: str,
    *,
    planned: bool,
    skipped: c.Sequence[Instance] = (),
    worker_of: WorkerOf = not_asked,
) -> dict[str, t.Any]:
    """The keys of a result. The counts are disjoint: what failed is neither among the changed nor the unchanged."""
    shown = [{**_member(member, state, planned=planned), **worker_of(member.before.id)} for member in members]
    left = [member for member in members if not _is_gone(member, state, planned=planned)]
    failed = sum(each["failed"] for each in shown)
    changed = sum(each["changed"] and not each["failed"] for each in shown)
    return {
        **combined(member.plan for member in members),
        "changed": any(each["changed"] for each in shown),
        "instances": shown,
        "counts": {
            "selected": len(shown) + len(skipped),
            "changed": changed,
            "unchanged": len(shown) - changed - failed,
            "failed": failed,
            "skipped": len(skipped),
        },
        "skipped_instances": [{"id": each.id, "label": each.label or None, **worker_of(each.id)} for each in skipped],
        "cost": {
            "before": cost(member.before for member in members),
            "after": cost(_after(member, state, planned=planned) for member in left),
        },
    }


def _member(member: Member, state: str, *, planned: bool) -> dict[str, t.Any]:
    after = _after(member, state, planned=planned)
    gone = _is_gone(member, state, planned=planned)
    return {
        "id": after.id,
        "label": after.label or None,
        **{field: after.row.get(field) for field in ("gpu_name", "machine_id", "dph_total", "end_date")},
        "action": member.plan.actions[0] if member.plan.changed else None,
        "changed": member.plan.changed if planned else member.changed,
        "failed": member.error is not None,
        "error_class": None if member.error is None else member.error.error_class,
        "msg": member.note if member.error is None else member.error.msg,
        "before": {field: member.before.word(field) for field in STATE_FIELDS},
        "after": {field: None if gone else after.word(field) for field in STATE_FIELDS},
    }


def _after(member: Member, state: str, *, planned: bool) -> Instance:
    """How it was last seen; of a plan, how it would show."""
    if not planned or not member.plan.changed or state == "absent":
        return member.seen
    return Instance(member.before.id, {**member.before.row, **PLANNED[state]})


def _is_gone(member: Member, state: str, *, planned: bool) -> bool:
    """Whether it is destroyed; of a plan, whether it would be."""
    return state == "absent" and (planned or member.gone)


def _told(failed: c.Sequence[Member], count: int) -> str:
    """It names each that failed, as far as a message can hold them."""
    told: dict[str, list[str]] = {}
    for member in failed[:NAMED_AT_MOST]:
        told.setdefault(member.error.msg if member.error else "", []).append(member.name)
    reasons = [msg if names[0] in msg else f"{', '.join(names)}: {msg}" for msg, names in told.items()]
    if len(failed) > NAMED_AT_MOST:
        reasons.append("see instances in the result for the rest")
    return f"{len(failed)} of {count} instances failed. {' | '.join(reasons)}"
