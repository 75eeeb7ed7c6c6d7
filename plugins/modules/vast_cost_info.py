#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_cost_info
short_description: Show what bills on Vast.ai, why, and how long the credit lasts
version_added: 0.3.0
description:
  - Lists everything in the account that bills (instances, workers of endpoints and volumes) and the totals.
  - An instance that holds its GPU costs its full price, but only its disk while its container is still loading. A
    stopped instance costs its disk. According to the documentation of Vast.ai, an instance whose host is offline costs
    nothing. No price per hour includes traffic.
  - A missing or invalid price never counts as zero. The totals that include it are null, and exceed every limit.
  - Values that the API key may not read are null, with a warning. When the listing of instances cannot be read or is
    incomplete, the task fails.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
  - vastai.cloud.attributes.info
options:
  group_by:
    description:
      - Criteria by which RV(groups) groups the items.
      - V(label_prefix) is the part of the label before the first O(separator).
    type: list
    elements: str
    default: []
    choices:
      - label
      - label_prefix
      - gpu_name
      - status
      - endpoint
      - country
      - machine
  separator:
    description:
      - The separator that ends the prefix of a label, for O(group_by=label_prefix).
    type: str
    default: "-"
  since:
    description:
      - Period for RV(account.spent), such as V(12h), V(7d) or V(4w).
      - Vast.ai books charges with a delay, so the last hours may be missing.
    type: str
    default: 7d
  top:
    description:
      - Maximum number of RV(entries) to return, the most expensive first. If not given, all are returned. The totals
        always include all items.
    type: int
  limits:
    description:
      - Limits for the cost. RV(reasons) lists the exceeded ones.
    type: dict
    suboptions:
      per_hour:
        description:
          - Maximum total cost in US dollars per hour.
        type: float
      hours_left:
        description:
          - Minimum number of hours that the credit must last.
        type: float
      per_instance:
        description:
          - Maximum cost of one instance or worker in US dollars per hour.
        type: float
  fail_over_limit:
    description:
      - Whether the task fails with RV(error_class) V(budget) when one of O(limits) is exceeded. It requires O(limits).
    type: bool
    default: false
seealso:
  - module: vastai.cloud.vast_instance_info
  - module: vastai.cloud.vast_fleet
"""

EXAMPLES = r"""
- name: Show what bills, by label prefix and by status
  vastai.cloud.vast_cost_info:
    group_by: [label_prefix, status]
  register: cost

- name: Show the totals
  ansible.builtin.debug:
    msg: "{{ cost.burn.total.per_hour }} $/h, the credit lasts {{ cost.account.hours_left }} h"

- name: List the five most expensive items with remarks
  vastai.cloud.vast_cost_info:
    top: 5

- name: Fail when everything costs more than 12 dollars per hour, or when the credit lasts less than two days
  vastai.cloud.vast_cost_info:
    limits:
      per_hour: 12
      hours_left: 48
    fail_over_limit: true

- name: Check whether an instance is too expensive
  vastai.cloud.vast_cost_info:
    limits:
      per_instance: 2.50
  register: cost

- name: Show which one
  ansible.builtin.debug:
    msg: "{{ cost.reasons }}"
  when: cost.over_limit
"""

RETURN = r"""
burn:
  description: >-
    The current cost in US dollars. A part is null when one of its prices is not known, or when the API key may not read
    it.
  returned: success, and over a limit
  type: dict
  sample:
    total: {per_hour: 1.5, per_day: 36.0, per_30_days: 1080.0}
  contains:
    running:
      description: >-
        Instances that hold their GPU, without workers. Includes workers when Vast.ai does not report which instances
        are workers.
      returned: always
      type: dict
      contains:
        # shared: periods
        per_hour:
          description: US dollars per hour.
          returned: always
          type: float
        per_day:
          description: US dollars per 24 hours at this rate.
          returned: always
          type: float
        per_30_days:
          description: US dollars per 720 hours at this rate.
          returned: always
          type: float
        # end
    stopped_disk:
      description: Disks of stopped instances.
      returned: always
      type: dict
      contains:
        # shared: periods
        per_hour:
          description: US dollars per hour.
          returned: always
          type: float
        per_day:
          description: US dollars per 24 hours at this rate.
          returned: always
          type: float
        per_30_days:
          description: US dollars per 720 hours at this rate.
          returned: always
          type: float
        # end
    volumes:
      description: Volumes, attached or not.
      returned: always
      type: dict
      contains:
        # shared: periods
        per_hour:
          description: US dollars per hour.
          returned: always
          type: float
        per_day:
          description: US dollars per 24 hours at this rate.
          returned: always
          type: float
        per_30_days:
          description: US dollars per 720 hours at this rate.
          returned: always
          type: float
        # end
    workers:
      description: Workers of serverless endpoints, in any state.
      returned: always
      type: dict
      contains:
        # shared: periods
        per_hour:
          description: US dollars per hour.
          returned: always
          type: float
        per_day:
          description: US dollars per 24 hours at this rate.
          returned: always
          type: float
        per_30_days:
          description: US dollars per 720 hours at this rate.
          returned: always
          type: float
        # end
    total:
      description: The total. It is correct even when Vast.ai does not report which instances are workers.
      returned: always
      type: dict
      contains:
        # shared: periods
        per_hour:
          description: US dollars per hour.
          returned: always
          type: float
        per_day:
          description: US dollars per 24 hours at this rate.
          returned: always
          type: float
        per_30_days:
          description: US dollars per 720 hours at this rate.
          returned: always
          type: float
        # end
groups:
  description: >-
    A list per criterion of O(group_by), the most expensive first. Each entry has C(value) (null for items without one),
    C(count) (number of items), and C(per_hour), C(per_day) and C(per_30_days) as in RV(burn).
  returned: success, and over a limit
  type: dict
  sample:
    label_prefix: [{value: dev, count: 3, per_hour: 0.9, per_day: 21.6, per_30_days: 648.0}]
entries:
  description: >-
    The items that bill now or could bill again. Items with an unknown price come first, then the most expensive.
  returned: success, and over a limit
  type: list
  elements: dict
  sample:
    - {kind: instance, id: 4711, label: train-01, per_hour: 0.42, remarks: [idle]}
  contains:
    kind:
      description: V(instance), V(worker) or V(volume).
      returned: always
      type: str
    id:
      description: The id. For a worker, the id of its instance.
      returned: always
      type: int
    part:
      description: The part of RV(burn) that includes it.
      returned: always
      type: str
    pays:
      description: >-
        What bills now, V(gpu_and_disk), V(disk) or V(nothing). V(unknown) for a contract in a state that this
        collection does not know.
      returned: always
      type: str
    per_hour:
      description: US dollars per hour, or null when it is not known.
      returned: always
      type: float
    label:
      description: The label, or null.
      returned: always
      type: str
    gpu_name:
      description: The name of the GPU, or null for a volume.
      returned: always
      type: str
    status:
      description: The status that Vast.ai reports, such as V(running) or V(exited).
      returned: always
      type: str
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
    country:
      description: The country of the machine as a two-letter code.
      returned: always
      type: str
    machine_id:
      description: The id of the machine.
      returned: always
      type: int
    gpu_util:
      description: The GPU utilization in percent, or null.
      returned: always
      type: float
    since:
      description: When it was rented, in seconds since 1970.
      returned: always
      type: float
    ends:
      description: When its contract ends, in seconds since 1970.
      returned: always
      type: float
    cost_so_far:
      description: >-
        The charges since the rental, in US dollars. Null when the API key may not read charges, when none are booked
        yet, or when it was rented more than a year ago.
      returned: always
      type: float
    remarks:
      description: >-
        Remarks on items that need attention, such as C(idle), C(stopped), C(outbid), C(start queued), C(offline),
        C(loading), C(contract ends in 5 hours), C(price increase pending), C(no label), C(not attached) or C(price not
        known). When M(vastai.cloud.vast_reaper) of the same user has recorded it, C(stopped for 3 days) replaces
        C(stopped).
      returned: always
      type: list
      elements: str
total_entries:
  description: Number of items, including those beyond O(top).
  returned: success, and over a limit
  type: int
  sample: 3
account:
  description: Credit and charges of the account. Values that the API key may not read are null.
  returned: success, and over a limit
  type: dict
  sample: {credit: 42.5, balance: 0.0, hours_left: 28.33, spent: 17.1, since: 1790000000.0}
  contains:
    credit:
      description: The credit in US dollars.
      returned: always
      type: float
    balance:
      description: The balance in US dollars, as Vast.ai reports it.
      returned: always
      type: float
    hours_left:
      description: >-
        Number of hours that the credit lasts at the current cost. Null when nothing bills, or when the credit or the
        cost is not known.
      returned: always
      type: float
    spent:
      description: The charges since C(since), in US dollars.
      returned: always
      type: float
    since:
      description: Start of the period for C(spent), in seconds since 1970.
      returned: always
      type: float
over_limit:
  description: Whether one of O(limits) is exceeded.
  returned: success, and over a limit
  type: bool
  sample: false
reasons:
  description: One sentence per exceeded limit, at most 20, and the number of further ones.
  returned: success, and over a limit
  type: list
  elements: str
  sample:
    - "per_hour: everything costs 13.2 $/h, the limit is 12 $/h"
# shared: failure
error_class:
  description: >-
    The kind of failure: V(auth), V(permission), V(not_found), V(ambiguous), V(invalid), V(rate_limited), V(quota),
    V(unavailable), V(budget), V(leaked), V(deprecated), V(server), V(transport), V(unknown_outcome), V(timeout),
    V(protocol) or V(dependency).
  returned: failure
  type: str
  sample: unavailable
status_code:
  description: The HTTP status of the reply that made the task fail, or null without a reply.
  returned: failure of a request
  type: int
  sample: 429
error:
  description: The error code that the API returned, or null.
  returned: failure of a request
  type: str
  sample: resources_unavailable
method:
  description: The HTTP method of the failed request.
  returned: failure of a request
  type: str
  sample: PUT
url:
  description: The URL of the failed request, without its query.
  returned: failure of a request
  type: str
  sample: https://console.vast.ai/api/v0/instances/4711/
response:
  description: The first 1024 characters of the reply, without secrets, or null without a reply.
  returned: failure of a request
  type: str
# end
"""

import time
import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import Spec, VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import charges, price_increases
from ansible_collections.vastai.cloud.plugins.module_utils._account.money import (
    GROUPS,
    Item,
    Limits,
    breaches,
    burn,
    dearest_first,
    groups,
    hours_left,
)
from ansible_collections.vastai.cloud.plugins.module_utils._account.volume_listing import volumes
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import BudgetExceeded, Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.amounts import amount, number
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import MAX_ID, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._core.durations import seconds
from ansible_collections.vastai.cloud.plugins.module_utils._core.user import user_row
from ansible_collections.vastai.cloud.plugins.module_utils._instances.billing import bill, remarks
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance, read
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.history import History
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.rules import Seen
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import endpoints, workers

LIMITS: Spec = {name: {"type": "float"} for name in Limits._fields}
OPTIONS: Spec = {
    "group_by": {"type": "list", "elements": "str", "choices": list(GROUPS), "default": []},
    "separator": {"type": "str", "default": "-"},
    "since": {"type": "str", "default": "7d"},
    "top": {"type": "int"},
    "limits": {"type": "dict", "options": LIMITS},
    "fail_over_limit": {"type": "bool", "default": False},
}
LIFETIME = 366 * 86400.0
"""Seconds: charges are not looked for further back."""


class Costs(t.NamedTuple):
    """What was read of the account. None: it could not be read."""

    items: list[Item]
    volumes: float | None
    workers_known: bool
    user: t.Mapping[str, t.Any]
    window: charges.Charges | None
    lifetime: charges.Charges | None


def run(module: VastModule) -> dict[str, t.Any]:
    """Read everything that bills, add it up, hold it to the limits."""
    limits, since = checked(module.params)
    module.connect()
    now = time.time()
    found = gather(module, now, now - since)
    result = {**told(module.params, found, limits), "account": account(found, now - since)}
    if result["over_limit"] and module.params["fail_over_limit"]:
        raise BudgetExceeded(f"A limit is exceeded. {'; '.join(result['reasons'])}.", **result)
    return {"changed": False, **result}


def checked(options: t.Mapping[str, t.Any]) -> tuple[Limits, float]:
    """The limits, and the span of the charges in seconds. Raises Invalid for what cannot be meant."""
    given = {name: value for name, value in (options["limits"] or {}).items() if value is not None}
    if options["limits"] is not None and not given:
        raise Invalid("limits must not be empty; omit it instead.")
    if options["fail_over_limit"] and not given:
        raise Invalid("fail_over_limit needs limits.")
    for name, value in given.items():
        check_number(value, f"limits.{name}", 0, MAX_ID)
    if options["top"] is not None:
        check_number(options["top"], "top", 1, MAX_ID)
    if not options["separator"]:
        raise Invalid("separator must not be empty; omit it instead.")
    return Limits(**given), seconds(options["since"], "since")


def gather(module: VastModule, now: float, since: float) -> Costs:
    """All that bills, and what the account says of it; only the listing of instances has to be readable."""
    client = module.client
    rows = [each for each in read(client, {}) if not each.is_unloaded]
    groups_of = charges.optional(client, "Which instances are workers is", lambda: endpoints.read(client))
    owners = workers.UNKNOWN if groups_of is None else workers.owners(client, groups_of)
    stored = charges.optional(client, "Which volumes there are is", lambda: volumes(client))
    boxes = [volume_item(row) for row in stored or ()]
    per_hour = None if stored is None else charges.volumes_per_hour(client, (box.per_hour for box in boxes))
    user = charges.optional(client, "The credit of the account is", lambda: user_row(client))
    pending = charges.optional(client, "Which price increases are pending is", lambda: price_increases.read(client))
    raised = {row.get("contract_id") for row in (pending.rows if pending else ())}
    seen = History(client, None).known(now)
    items = [*(item(each, owners, now, seen, raised=each.id in raised) for each in rows), *boxes]
    window = charges.optional(client, "What was charged is", lambda: charges.charges(client, since, now))
    lifetime = whole_life(module, items, window, now)
    return Costs(items, per_hour, owners.complete, user or {}, window, lifetime)


def volume_item(row: t.Mapping[str, t.Any]) -> Item:
    """A volume as one of the things that bill; its price is US dollars per hour, as that of the disk of an instance."""
    label, status = row.get("label"), row.get("status")
    return Item(
        kind="volume",
        id=row["id"],
        part="volumes",
        pays="disk",
        per_hour=amount(row.get("storage_total_cost")),
        label=str(label) if label not in (None, "") else None,
        status=str(status) if status not in (None, "") else None,
        machine_id=row.get("machine_id"),
        since=number(row.get("start_date")),
        ends=number(row.get("end_date")),
        remarks=() if charges.is_attached(row) else ("not attached",),
    )


def item(instance: Instance, owners: workers.Owners, now: float, seen: t.Mapping[str, Seen], *, raised: bool) -> Item:
    """An instance as one of the things that bill; `raised`: its host asks for a higher price."""
    owner = owners.worker_of(instance.id)
    known = seen.get(f"instance-{instance.id}")
    stopped = known.stopped if known else None
    billed, worker = bill(instance), instance.id in owners.endpoints
    pending = ["price increase pending"] if raised else []
    return Item(
        kind="worker" if worker else "instance",
        id=instance.id,
        part="workers" if worker else billed.part,
        pays=billed.pays,
        per_hour=billed.per_hour,
        label=instance.label or None,
        gpu_name=instance.text("gpu_name"),
        status=instance.actual_status,
        endpoint=owner.get("worker_of"),
        endpoint_known=bool(owner),
        country=instance.text("country_code"),
        machine_id=instance.row.get("machine_id"),
        gpu_util=number(instance.row.get("gpu_util")),
        since=number(instance.row.get("start_date")),
        ends=number(instance.row.get("end_date")),
        remarks=(*remarks(instance, now, worker=worker, stopped_since=stopped), *pending),
    )


def whole_life(
    module: VastModule, items: list[Item], window: charges.Charges | None, now: float
) -> charges.Charges | None:
    """The charges since the oldest item was rented; those of the window, where they reach back as far."""
    begun = [item.since for item in items if item.since is not None and item.since >= now - LIFETIME]
    if window is None or not begun or min(begun) >= window.start:
        return window
    start = min(begun) - 1
    client = module.client
    return charges.optional(client, "What the items have cost is", lambda: charges.charges(client, start, now))


def told(options: t.Mapping[str, t.Any], found: Costs, limits: Limits) -> dict[str, t.Any]:
    """The sums, the groups, the items and the limits as a result."""
    burning = burn(found.items, volumes=found.volumes, workers_known=found.workers_known)
    reasons = breaches(limits, found.items, burning, found.user.get("credit"))
    return {
        "burn": burning.result(),
        "groups": groups(found.items, options["group_by"], options["separator"]),
        "entries": [shown(each, found.lifetime) for each in dearest_first(found.items)[: options["top"]]],
        "total_entries": len(found.items),
        "over_limit": bool(reasons),
        "reasons": reasons,
    }


def shown(each: Item, lifetime: charges.Charges | None) -> dict[str, t.Any]:
    """An item as results show it; its charges only where all of its life is in them."""
    whole = lifetime is not None and each.since is not None and each.since >= lifetime.start
    return each.result(lifetime.by_source if lifetime is not None and whole else None)


def account(found: Costs, since: float) -> dict[str, t.Any]:
    """What is left and what was spent."""
    burning = burn(found.items, volumes=found.volumes, workers_known=found.workers_known)
    credit = number(found.user.get("credit"))
    return {
        "credit": credit,
        "balance": number(found.user.get("balance")),
        "hours_left": hours_left(credit, burning.total),
        "spent": found.window.total if found.window else None,
        "since": since,
    }


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
