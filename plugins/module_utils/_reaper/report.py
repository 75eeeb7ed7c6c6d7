# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What a task of the reaper returns."""

from __future__ import annotations

import typing as t

from .._api.errors import VastError
from .._core.amounts import total
from .._core.plan import combined
from .._instances.instance import Instance
from .._serverless import workers
from .found import Found
from .task import Thing
from .victims import NAMED_AT_MOST, Judgement, Victim


def report(found: Found, judgement: Judgement, *, planned: bool) -> dict[str, t.Any]:
    """What a task returns. Raises one failure for all that failed."""
    owned = judgement.owned
    skipped = [*judgement.skipped, *((each.thing, each.spared) for each in judgement.victims if each.spared)]
    victims = [each for each in judgement.victims if not each.spared]
    rows = [row(each, owned, planned=planned) for each in victims]
    failed = [each for each in victims if each.failure is not None]
    changed = [each for each, shown in zip(victims, rows, strict=True) if shown["changed"] and not shown["failed"]]
    result = {
        **combined(each.plan for each in victims),
        "changed": any(shown["changed"] for shown in rows),
        "victims": rows,
        "skipped_resources": [{**named(thing, owned), "reason": reason} for thing, reason in skipped],
        "counts": {
            "selected": len(found.things),
            "changed": len(changed),
            "failed": len(failed),
            "reported": sum(not each.acts for each in victims),
            "skipped": len(skipped),
        },
        "saves_per_hour": total(each.saves for each in changed),
    }
    if not failed:
        return result
    first = t.cast(VastError, failed[0].failure)
    told = " | ".join(t.cast(VastError, each.failure).msg for each in failed[:NAMED_AT_MOST])
    raise first.with_context(f"{len(failed)} of {len(victims)} failed. {told}", **result)


def row(each: Victim, owned: workers.Owners, *, planned: bool) -> dict[str, t.Any]:
    """A victim as results show it."""
    failure = each.failure
    return {
        **named(each.thing, owned),
        "rule": each.verdict.rule,
        "action": each.verdict.action,
        "why": each.verdict.why,
        "saves_per_hour": each.saves,
        "changed": each.acts if planned else each.item is not None and each.item.changed,
        "failed": failure is not None,
        "error_class": failure.error_class if failure else None,
        "msg": failure.msg if failure else "",
    }


def named(thing: Thing, owned: workers.Owners) -> dict[str, t.Any]:
    """What identifies a thing in a result, and whether it is a worker; a volume is none."""
    is_instance = isinstance(thing, Instance)
    return {
        "kind": "instance" if is_instance else "volume",
        "id": thing.id,
        "label": thing.label or None,
        **(owned.worker_of(thing.id) if is_instance else {"worker_of": None}),
    }
