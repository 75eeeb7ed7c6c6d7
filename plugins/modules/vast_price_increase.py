#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_price_increase
short_description: Accept or reject the price increases that hosts on Vast.ai ask for
version_added: 0.3.0
description:
  - Lists the price increases that hosts ask for and that nobody has decided yet. Accepts those within O(max_increase)
    and O(max_price), and leaves or rejects the others.
  - Without O(max_increase) and O(max_price) it only lists.
  - An increase is never accepted when traffic or the fee becomes dearer, or when one of its prices is not known.
  - Each increase is read again right before it is decided. When its prices have changed by then, it is left pending,
    with a warning. Vast.ai knows no condition on the price in the decision itself.
  - A decision is sent once. When its reply is lost, the list is read again, and an increase that is no longer in it
    counts as decided. One that still is in it makes the task fail with the class V(unknown_outcome).
  - Until an increase is accepted, the contract does not extend past the end date of the old price. No public source
    shows that the API lets a renter extend a contract, so this collection has no option for that.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  max_increase:
    description:
      - Accept an increase up to that many per cent of what GPU and disk cost together.
      - V(0) accepts only what does not become dearer.
    type: float
  max_price:
    description:
      - Accept an increase when GPU and disk together cost at most that many US dollars an hour afterwards.
      - When O(max_increase) is given as well, both have to hold.
    type: float
  policy:
    description:
      - What to do with the increases that are not accepted, V(leave) them pending or V(reject) them.
      - It needs O(max_increase) or O(max_price); without them nothing is rejected, with a warning. To reject all that
        become dearer, set O(max_increase=0).
    type: str
    choices: [leave, reject]
    default: leave
  instances:
    description:
      - The ids of the instances to decide the increases of. If not given, those of all instances are decided. An
        instance without an increase is no error.
    type: list
    elements: int
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vastai.cloud.vast_cost_info
  - module: vastai.cloud.vast_instance_info
"""

EXAMPLES = r"""
- name: List what is pending
  vastai.cloud.vast_price_increase:
  register: pending

- name: Show it
  ansible.builtin.debug:
    msg: "{{ pending.price_increases }}"

- name: Accept up to 5 per cent, and leave the others pending
  vastai.cloud.vast_price_increase:
    max_increase: 5

- name: Accept up to 10 per cent when the instance still costs at most 0.50 US dollars an hour, and reject the others
  vastai.cloud.vast_price_increase:
    max_increase: 10
    max_price: 0.50
    policy: reject

- name: Decide about one instance only
  vastai.cloud.vast_price_increase:
    instances: [4711]
    max_price: 0.50
"""

RETURN = r"""
price_increases:
  description: The chosen price increases, with what became of each.
  returned: success, and when a decision failed
  type: list
  elements: dict
  sample:
    - {pending_price_increase_id: 7, contract_id: 4711, old_per_hour: 0.4, new_per_hour: 0.42, decision: accept}
  contains:
    pending_price_increase_id:
      description: The id of the price increase.
      returned: always
      type: int
    contract_id:
      description: The id of the instance, or null when Vast.ai does not tell it.
      returned: always
      type: int
    host_id:
      description: The id of the host, or null.
      returned: always
      type: int
    old_per_hour:
      description: What GPU and disk cost together now, in US dollars an hour; null when that is not known.
      returned: always
      type: float
    new_per_hour:
      description: What they are to cost, in US dollars an hour; null when that is not known.
      returned: always
      type: float
    increase_percent:
      description: By how many per cent that is dearer; null when that is not known, and for what was free.
      returned: always
      type: float
    old:
      description: The single prices as they are. A price that is not known is null.
      returned: always
      type: dict
      contains:
        gpu_per_hour:
          description: The GPU, in US dollars an hour.
          returned: always
          type: float
        disk_per_hour:
          description: The disk, in US dollars an hour.
          returned: always
          type: float
        bwu_cost:
          description: Traffic up, as Vast.ai tells it.
          returned: always
          type: float
        bwd_cost:
          description: Traffic down, as Vast.ai tells it.
          returned: always
          type: float
        platform_fee:
          description: The fee of the platform, as Vast.ai tells it.
          returned: always
          type: float
    new:
      description: The single prices as they are to be. A price that is not known is null.
      returned: always
      type: dict
      contains:
        gpu_per_hour:
          description: The GPU, in US dollars an hour.
          returned: always
          type: float
        disk_per_hour:
          description: The disk, in US dollars an hour.
          returned: always
          type: float
        bwu_cost:
          description: Traffic up, as Vast.ai tells it.
          returned: always
          type: float
        bwd_cost:
          description: Traffic down, as Vast.ai tells it.
          returned: always
          type: float
        platform_fee:
          description: The fee of the platform, as Vast.ai tells it.
          returned: always
          type: float
    contract_end_date:
      description: When the contract ends, in seconds since 1970, or null.
      returned: always
      type: float
    ask_end_date:
      description: When the host's offer ends, in seconds since 1970, or null.
      returned: always
      type: float
    created_at:
      description: When the host asked, in seconds since 1970, or null.
      returned: always
      type: float
    decision:
      description: >-
        V(accept), V(reject) or V(leave); V(gone) when it was decided or withdrawn while the task ran, and not by the
        task.
      returned: always
      type: str
    why:
      description: Why.
      returned: always
      type: str
    changed:
      description: Whether the task decided it, or would in check mode.
      returned: always
      type: bool
    failed:
      description: Whether the decision failed.
      returned: always
      type: bool
    error_class:
      description: The kind of failure as in RV(error_class), or null.
      returned: always
      type: str
    msg:
      description: Why it failed; else empty.
      returned: always
      type: str
truncated:
  description: Whether Vast.ai lists only a part of what is pending. The task warns then.
  returned: success, and when a decision failed
  type: bool
  sample: false
counts:
  description: How many there are of each kind.
  returned: success, and when a decision failed
  type: dict
  sample: {listed: 3, accepted: 1, rejected: 0, left: 2, gone: 0, failed: 0}
  contains:
    listed:
      description: How many were chosen.
      returned: always
      type: int
    accepted:
      description: How many were accepted, or would be.
      returned: always
      type: int
    rejected:
      description: How many were rejected, or would be.
      returned: always
      type: int
    left:
      description: How many were left pending.
      returned: always
      type: int
    gone:
      description: How many were decided or withdrawn while the task ran, and not by the task.
      returned: always
      type: int
    failed:
      description: How many decisions failed.
      returned: always
      type: int
actions:
  description: What was done, or would be done in check mode, in order; one sentence each.
  returned: success, and when a decision failed
  type: list
  elements: str
  sample: ["accept price increase 7 of instance 4711: from 0.4 $/h to 0.42 $/h"]
diff:
  description: What changed or would change, by the name of the price increase.
  returned: success, and when a decision failed
  type: dict
  contains:
    before:
      description: The state of each that is decided, as it was.
      returned: always
      type: dict
    after:
      description: The state that is wanted.
      returned: always
      type: dict
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

import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import Spec, VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account.price_decisions import (
    Case,
    Increase,
    Limits,
    decide,
    judged,
)
from ansible_collections.vastai.cloud.plugins.module_utils._account.price_increases import read
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import MAX_ID, check_id, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import combined

OPTIONS: Spec = {
    "max_increase": {"type": "float"},
    "max_price": {"type": "float"},
    "policy": {"type": "str", "choices": ["leave", "reject"], "default": "leave"},
    "instances": {"type": "list", "elements": "int"},
}
ANSWERS_WITHIN = 60.0
"""Seconds that a task has beside its retry_timeout."""
EACH_WITHIN = 10.0
"""Seconds that each decision adds: it is read, sent and looked at."""
NAMED_AT_MOST = 5


def run(module: VastModule) -> dict[str, t.Any]:
    """List what is pending, decide, and send the decisions unless in check mode."""
    limits = checked(module.params)
    policy, chosen = module.params["policy"], module.params["instances"]
    module.connect()
    if policy == "reject" and not limits.given:
        module.warn("policy=reject needs max_increase or max_price. Without them nothing is rejected.")
    pending = read(module.client)
    if pending.truncated:
        module.warn(
            f"Vast.ai lists {len(pending.rows)} price increases and does not say that these are all. Those that it "
            "does not list were not decided. Run the task again."
        )
    found = [Increase(row) for row in pending.rows]
    cases = [judged(each, limits, policy) for each in found if chosen is None or each.contract in chosen]
    module.bound(module.params["retry_timeout"] + ANSWERS_WITHIN + EACH_WITHIN * sum(case.acts for case in cases))
    module.bring(decide, cases)
    return report(module, cases, truncated=pending.truncated)


def checked(options: t.Mapping[str, t.Any]) -> Limits:
    """The limits. Raises Invalid for what cannot be meant."""
    limits = Limits(options["max_increase"], options["max_price"])
    for name, value in limits._asdict().items():
        if value is not None:
            check_number(value, name, 0, MAX_ID)
    if options["instances"] is not None and not options["instances"]:
        raise Invalid("instances must not be empty; omit it instead.")
    for value in options["instances"] or ():
        check_id(value, "instances")
    return limits


def report(module: VastModule, cases: list[Case], *, truncated: bool) -> dict[str, t.Any]:
    """What a task returns. Raises one failure for all that failed."""
    for case in cases:
        if case.warning:
            module.warn(case.warning)
    rows = [case.result(planned=module.check_mode) for case in cases]
    errors = [case.error for case in cases if case.error is not None]
    result = {
        **combined(case.plan for case in cases),
        "changed": any(row["changed"] for row in rows),
        "price_increases": rows,
        "truncated": truncated,
        "counts": counts(rows),
    }
    if not errors:
        return result
    told = " | ".join(error.msg for error in errors[:NAMED_AT_MOST])
    raise errors[0].with_context(f"{len(errors)} of {len(cases)} price increases failed. {told}", **result)


def counts(rows: list[dict[str, t.Any]]) -> dict[str, int]:
    """How many there are of each kind."""
    kinds = {"accepted": "accept", "rejected": "reject", "left": "leave", "gone": "gone"}
    sound = [row["decision"] for row in rows if not row["failed"]]
    return {
        "listed": len(rows),
        **{name: sound.count(decision) for name, decision in kinds.items()},
        "failed": len(rows) - len(sound),
    }


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
