#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_price_increase
short_description: Accept or reject price increases that hosts on Vast.ai request
version_added: 0.3.0
description:
  - Lists the pending price increases that hosts request. Accepts those within O(max_increase) and O(max_price), and
    leaves or rejects the others.
  - Without O(max_increase) and O(max_price), it only lists them.
  - An increase is never accepted when the price of traffic or the fee rises, or when one of its prices is not known.
  - The module reads each increase again right before it decides. When its prices have changed, it is left pending, with
    a warning. The API does not support a price condition in the decision itself, so the price can still change in
    between.
  - A decision is sent once. When its reply is lost, the module reads the list again. An increase that is no longer
    listed counts as decided. If it is still listed, the task fails with RV(error_class) V(unknown_outcome).
  - Until an increase is accepted, the contract is not extended beyond the end date of the old price. No public source
    documents an API for renters to extend a contract, so this collection has no option for it.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  max_increase:
    description:
      - Accept an increase of up to this percentage of the price of GPU and disk together.
      - V(0) accepts only requests that do not raise this price.
    type: float
  max_price:
    description:
      - Accept an increase when GPU and disk together cost at most this many US dollars per hour afterwards.
      - With O(max_increase), both conditions must be met.
    type: float
  policy:
    description:
      - What to do with increases that are not accepted. V(leave) leaves them pending. V(reject) rejects them.
      - V(reject) requires O(max_increase) or O(max_price). Without them, the module warns and rejects nothing. To
        reject every increase, set O(max_increase=0).
    type: str
    choices: [leave, reject]
    default: leave
  instances:
    description:
      - Ids of the instances whose increases are decided. If not given, the increases of all instances are decided. An
        instance without an increase is not an error.
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
- name: List pending price increases
  vastai.cloud.vast_price_increase:
  register: pending

- name: Show them
  ansible.builtin.debug:
    msg: "{{ pending.price_increases }}"

- name: Accept up to 5 percent, and leave the others pending
  vastai.cloud.vast_price_increase:
    max_increase: 5

- name: Accept up to 10 percent if the instance costs at most 0.50 US dollars per hour, and reject the others
  vastai.cloud.vast_price_increase:
    max_increase: 10
    max_price: 0.50
    policy: reject

- name: Decide about one instance
  vastai.cloud.vast_price_increase:
    instances: [4711]
    max_price: 0.50
"""

RETURN = r"""
price_increases:
  description: The selected price increases with their results.
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
      description: The id of the instance, or null when Vast.ai does not report it.
      returned: always
      type: int
    host_id:
      description: The id of the host, or null.
      returned: always
      type: int
    old_per_hour:
      description: The current price of GPU and disk together in US dollars per hour, or null when it is not known.
      returned: always
      type: float
    new_per_hour:
      description: The requested price of GPU and disk together in US dollars per hour, or null when it is not known.
      returned: always
      type: float
    increase_percent:
      description: The increase in percent, or null when it is not known or when the old price is zero.
      returned: always
      type: float
    old:
      description: The current prices. An unknown price is null.
      returned: always
      type: dict
      contains:
        gpu_per_hour:
          description: The GPU in US dollars per hour.
          returned: always
          type: float
        disk_per_hour:
          description: The disk in US dollars per hour.
          returned: always
          type: float
        bwu_cost:
          description: Upload traffic, as Vast.ai reports it.
          returned: always
          type: float
        bwd_cost:
          description: Download traffic, as Vast.ai reports it.
          returned: always
          type: float
        platform_fee:
          description: The platform fee, as Vast.ai reports it.
          returned: always
          type: float
    new:
      description: The requested prices. An unknown price is null.
      returned: always
      type: dict
      contains:
        gpu_per_hour:
          description: The GPU in US dollars per hour.
          returned: always
          type: float
        disk_per_hour:
          description: The disk in US dollars per hour.
          returned: always
          type: float
        bwu_cost:
          description: Upload traffic, as Vast.ai reports it.
          returned: always
          type: float
        bwd_cost:
          description: Download traffic, as Vast.ai reports it.
          returned: always
          type: float
        platform_fee:
          description: The platform fee, as Vast.ai reports it.
          returned: always
          type: float
    contract_end_date:
      description: When the contract ends, in seconds since 1970, or null.
      returned: always
      type: float
    ask_end_date:
      description: When the offer of the host ends, in seconds since 1970, or null.
      returned: always
      type: float
    created_at:
      description: When the host requested it, in seconds since 1970, or null.
      returned: always
      type: float
    decision:
      description: >-
        V(accept), V(reject) or V(leave). V(gone) when someone else decided or withdrew it while the task ran.
      returned: always
      type: str
    why:
      description: The reason for the decision.
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
      description: The kind of failure, see RV(error_class), or null.
      returned: always
      type: str
    msg:
      description: The error message, or an empty string.
      returned: always
      type: str
truncated:
  description: Whether Vast.ai returned only a part of the pending increases. The task then warns.
  returned: success, and when a decision failed
  type: bool
  sample: false
counts:
  description: Number of price increases by result.
  returned: success, and when a decision failed
  type: dict
  sample: {listed: 3, accepted: 1, rejected: 0, left: 2, gone: 0, failed: 0}
  contains:
    listed:
      description: Number of selected increases.
      returned: always
      type: int
    accepted:
      description: Number that were accepted, or would be in check mode.
      returned: always
      type: int
    rejected:
      description: Number that were rejected, or would be in check mode.
      returned: always
      type: int
    left:
      description: Number that were left pending.
      returned: always
      type: int
    gone:
      description: Number that someone else decided or withdrew while the task ran.
      returned: always
      type: int
    failed:
      description: Number of failed decisions.
      returned: always
      type: int
actions:
  description: The actions that were taken, or would be in check mode, in order.
  returned: success, and when a decision failed
  type: list
  elements: str
  sample: ["accept price increase 7 of instance 4711: from 0.4 $/h to 0.42 $/h"]
diff:
  description: The changes, by the name of the price increase.
  returned: success, and when a decision failed
  type: dict
  contains:
    before:
      description: The state before the task.
      returned: always
      type: dict
    after:
      description: The requested state.
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
