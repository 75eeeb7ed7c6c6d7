#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_reaper
short_description: Stop and destroy what is forgotten on Vast.ai, by rules
version_added: 0.3.0
description:
  - Holds the chosen instances, and volumes that no instance uses, against rules. Of each the first rule that holds
    counts.
  - Check mode is the preview. It returns the same RV(victims), who, by which rule, why, and what it saves.
  - It acts on complete listings and known ages only. Whatever falls under a rule is seen once more right before it is
    stopped or destroyed. It is spared when its label has changed, or when it is not chosen any more or does not fall
    under that rule any more. The same holds before a request is sent a second time; then it fails.
  - Each destruction is proven by a complete listing. A failure of one does not stop the others; the task fails in the
    end.
  - Workers of endpoints are never touched. When it cannot be found out which instances are workers, the task fails
    before it sends anything that stops or destroys.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.wait
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  select:
    description:
      - What the rules are about; all criteria that are given must fit. At least one is needed, or C(all=true) and none.
      - Volumes are chosen by their label, id and machine; no volume fits C(status) and C(gpu_name).
    type: dict
    required: true
    suboptions:
      all:
        description:
          - Choose everything in the account. It excludes all criteria.
        type: bool
        default: false
      # shared: selection
      ids:
        description:
          - The ids of the instances.
        type: list
        elements: int
      label:
        description:
          - Labels; an instance fits when it carries one of them exactly, upper and lower case included. Write a label
            with a comma as an item of a YAML list. For instances without a label there is C(unlabelled).
        type: list
        elements: str
      label_prefix:
        description:
          - The beginning of the label. It is no name of a thing that has to exist, so that nothing may fit it.
        type: str
      unlabelled:
        description:
          - With V(true), an instance fits when it carries no label. V(false) is no criterion.
        type: bool
        default: false
      status:
        description:
          - Values of RV(vastai.cloud.vast_instance#module:instance.actual_status). A stopped instance shows V(exited).
        type: list
        elements: str
        choices:
          - created
          - exited
          - frozen
          - loading
          - offline
          - rebooting
          - recycling
          - restarting
          - running
          - stopped
          - unknown
      gpu_name:
        description:
          - Names of GPUs, such as V(RTX 4090). V(RTX_4090) is understood too.
        type: list
        elements: str
      machine_id:
        description:
          - The ids of the machines that the instances are on.
        type: list
        elements: int
      # end
  exclude:
    description:
      - Which of them to skip; one is skipped when any of these criteria fits.
    type: dict
    suboptions:
      # shared: selection
      ids:
        description:
          - The ids of the instances.
        type: list
        elements: int
      label:
        description:
          - Labels; an instance fits when it carries one of them exactly, upper and lower case included. Write a label
            with a comma as an item of a YAML list. For instances without a label there is C(unlabelled).
        type: list
        elements: str
      label_prefix:
        description:
          - The beginning of the label. It is no name of a thing that has to exist, so that nothing may fit it.
        type: str
      unlabelled:
        description:
          - With V(true), an instance fits when it carries no label. V(false) is no criterion.
        type: bool
        default: false
      status:
        description:
          - Values of RV(vastai.cloud.vast_instance#module:instance.actual_status). A stopped instance shows V(exited).
        type: list
        elements: str
        choices:
          - created
          - exited
          - frozen
          - loading
          - offline
          - rebooting
          - recycling
          - restarting
          - running
          - stopped
          - unknown
      gpu_name:
        description:
          - Names of GPUs, such as V(RTX 4090). V(RTX_4090) is understood too.
        type: list
        elements: str
      machine_id:
        description:
          - The ids of the machines that the instances are on.
        type: list
        elements: int
      # end
  missing:
    description:
      - What to do when O(select) or O(exclude) name something that the account does not have, as in
        M(vastai.cloud.vast_fleet).
      - By default the task warns of what O(select) names, and fails for what O(exclude) names. A mistyped label there
        would otherwise leave the instance that it means to the rules.
    type: str
    choices:
      - fail
      - warn
      - ignore
  rules:
    description:
      - The rules, in order. All conditions of a rule must hold, and a rule needs at least one.
      - A condition never holds because of what is not known. RV(skipped_resources) tells which rules cannot be decided
        since a field is missing, is of another type or cannot be, such as a negative price.
      - Spans of time are written like V(45m), V(6h) or V(3d).
      - O(rules) may be left out with O(use_deadlines=true).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What results call the rule.
        type: str
        required: true
      action:
        description:
          - What to do. V(report) only names it in RV(victims).
          - V(stop) keeps the disk, which bills on. V(destroy) loses the disk. V(destroy_volume) needs
            C(unattached_for).
        type: str
        required: true
        choices:
          - report
          - stop
          - destroy
          - destroy_volume
      running_for:
        description:
          - It has run for as long, since the last start that an earlier run saw; since it was rented, if no run saw it
            down. Where an earlier run may have seen it down, and that was lost, it counts from now.
        type: str
      stopped_for:
        description:
          - Each run saw it stopped for as long.
        type: str
      not_running_for:
        description:
          - No run saw it running for as long, for whatever reason.
        type: str
      idle_for:
        description:
          - It runs, and each run for as long saw the use of its GPUs below C(gpu_util_below). A use that is not known,
            and a gap of more than O(max_gap) between two runs, start anew.
        type: str
      gpu_util_below:
        description:
          - The per cent for C(idle_for).
        type: float
      price_above:
        description:
          - What it bills now is more than so many US dollars an hour.
        type: float
      cost_above:
        description:
          - More than so many US dollars were charged for it since it was rented. Charges are booked late, and the key
            must be allowed to read them.
        type: float
      contract_left_below:
        description:
          - Its contract ends within that time.
        type: str
      unattached_for:
        description:
          - It is a volume, and each run for as long saw that no instance uses it.
        type: str
      status:
        description:
          - It has one of these values of RV(vastai.cloud.vast_instance#module:instance.actual_status); V(null) while it
            is provisioned.
        type: list
        elements: str
        choices:
          - created
          - exited
          - frozen
          - loading
          - offline
          - rebooting
          - recycling
          - restarting
          - running
          - stopped
          - unknown
          - "null"
      label_prefix:
        description:
          - Its label begins like this.
        type: str
  use_deadlines:
    description:
      - Whether to destroy instances whose label carries a deadline that has passed. It comes before O(rules).
      - C(ttl=6h) counts from when it was rented; C(until=2026-12-01T08:00Z) is in UTC, and C(until=2026-12-01) is the
        beginning of that day. They are separated from the rest of the label by blanks or commas. The earliest counts,
        and none counts when one of them is not understood.
    type: bool
    default: false
  protect:
    description:
      - What is never stopped or destroyed, whatever rule or deadline says so.
      - It may name what does not exist. Unless O(missing=ignore), a warning tells when a label is nearly that of
        something that is to be stopped or destroyed.
    type: dict
    suboptions:
      label:
        description:
          - Labels.
        type: list
        elements: str
      label_prefix:
        description:
          - Beginnings of labels.
        type: list
        elements: str
      ids:
        description:
          - Ids.
        type: list
        elements: int
  max_affected:
    description:
      - How many may be stopped and destroyed. When it would be more, the task fails and sends nothing.
    type: int
  max_fraction:
    description:
      - Which part of what is chosen and not protected may be stopped and destroyed. One always may. When it would be
        more, the task fails and sends nothing.
    type: float
    default: 0.5
  max_gap:
    description:
      - For C(idle_for), the longest time between two runs in which nothing happened.
    type: str
    default: 1h
  state_file:
    description:
      - The file that keeps what was seen, by default C($XDG_CACHE_HOME/ansible-vastai-cloud/reaper.json), below
        C(~/.cache) without it. Its folder must belong to the user and be closed to others. Accounts, told apart by
        address and key, have a part each.
      - Previews are recorded, too. What was not seen for 14 days is forgotten, and so is the oldest beyond 64 KiB.
      - A damaged file is told with a warning and written anew. The ages of all spans in O(rules) count from then on.
        Deadlines such as C(ttl=6h) need no history; they count from when an instance was rented, as before.
      - Ages are told by the clock of the machine that runs the module. When a run comes more than 14 days after the
        last one of this file, or more than 5 minutes before it, it warns, and rules and deadlines that need the time do
        not fire in that run. A wrong clock is not noticed otherwise, such as in the first run. A state that was seen
        more than a day before the instance was rented, or in the future, counts from now.
    type: path
attributes:
  check_mode:
    support: full
    details:
      - It records what it sees in O(state_file) in check mode, too.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - What is reported falls under its rule again; that is no change.
seealso:
  - module: vastai.cloud.vast_cost_info
  - module: vastai.cloud.vast_fleet
"""

EXAMPLES = r"""
- name: Show what would be cleaned up, without touching anything
  vastai.cloud.vast_reaper:
    select:
      label_prefix: ci-
    rules:
      - {name: too old, running_for: 6h, action: destroy}
      - {name: forgotten, stopped_for: 24h, action: destroy}
      - {name: stuck, not_running_for: 45m, status: [loading, created, "null"], action: destroy}
  check_mode: true
  register: preview

- name: Tell who, why, and what it saves
  ansible.builtin.debug:
    msg: "{{ preview.victims }}"

- name: Every night, stop what does nothing and end what is forgotten
  vastai.cloud.vast_reaper:
    select:
      all: true
    rules:
      - {name: idle, idle_for: 2h, gpu_util_below: 3, action: stop}
      - {name: forgotten, stopped_for: 7d, action: destroy}
      - {name: contract ends, contract_left_below: 24h, action: report}
      - {name: loose volume, unattached_for: 7d, action: destroy_volume}
    protect:
      label_prefix: [prod-]
    max_affected: 20

- name: Keep to the deadlines in labels such as "sweep-17 ttl=6h"
  vastai.cloud.vast_reaper:
    select:
      label_prefix: sweep-
    use_deadlines: true
"""

RETURN = r"""
victims:
  description: What falls under a rule, with what became of it.
  returned: success, and when instances failed
  type: list
  elements: dict
  sample:
    - {kind: instance, id: 4711, label: ci-17, rule: too old, action: destroy, why: it is running for 7 hours}
  contains:
    kind:
      description: V(instance) or V(volume).
      returned: always
      type: str
    id:
      description: The id.
      returned: always
      type: int
    label:
      description: The label, or null.
      returned: always
      type: str
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that it is a worker of; null when it is no worker. While that is not known
        there is no such key, so select with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
    rule:
      description: The name of the rule; V(deadline) for a deadline in the label.
      returned: always
      type: str
    action:
      description: What the rule does.
      returned: always
      type: str
    why:
      description: Why the rule holds.
      returned: always
      type: str
    saves_per_hour:
      description: >-
        What it bills now and would not any more, in US dollars an hour; after a stop its disk still bills. Null when
        that is not known.
      returned: always
      type: float
    changed:
      description: Whether it was stopped or destroyed, or would be in check mode.
      returned: always
      type: bool
    failed:
      description: Whether that failed.
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
skipped_resources:
  description: >-
    What fell under a rule and was spared, and what no rule can be decided of yet. This is no failure.
  returned: success, and when instances failed
  type: list
  elements: dict
  sample:
    - {kind: instance, id: 4712, label: ci-18, reason: "too old: not known yet, since when it is running"}
  contains:
    kind:
      description: V(instance) or V(volume).
      returned: always
      type: str
    id:
      description: The id.
      returned: always
      type: int
    label:
      description: The label, or null.
      returned: always
      type: str
    reason:
      description: Why it was spared.
      returned: always
      type: str
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that it is a worker of; null when it is no worker. While that is not known
        there is no such key, so select with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
counts:
  description: How many there are of each kind.
  returned: success, and when instances failed
  type: dict
  sample: {selected: 12, changed: 2, failed: 0, reported: 1, skipped: 3}
  contains:
    selected:
      description: How many were chosen, protected ones included.
      returned: always
      type: int
    changed:
      description: How many were stopped or destroyed without a failure, or would be.
      returned: always
      type: int
    failed:
      description: How many of them failed.
      returned: always
      type: int
    reported:
      description: How many fell under a rule that only reports.
      returned: always
      type: int
    skipped:
      description: How many entries RV(skipped_resources) has.
      returned: always
      type: int
saves_per_hour:
  description: The sum over the victims that are changed; null when one of them is not known.
  returned: success, and when instances failed
  type: float
  sample: 0.84
actions:
  description: What was planned, a sentence each.
  returned: success, and when instances failed
  type: list
  elements: str
  sample: ["destroy instance 4711 (ci-17): its disk is lost, and it bills nothing any more"]
diff:
  description: What changes, by the name of the thing.
  returned: success, and when instances failed
  type: dict
  contains:
    before:
      description: The state of each that changes, as it was.
      returned: always
      type: dict
    after:
      description: The state that is wanted.
      returned: always
      type: dict
# shared: failure
error_class:
  description: >-
    What kind of failure it is: V(auth), V(permission), V(not_found), V(ambiguous), V(invalid), V(rate_limited),
    V(quota), V(unavailable), V(budget), V(leaked), V(deprecated), V(server), V(transport), V(unknown_outcome),
    V(timeout), V(protocol) or V(dependency).
  returned: failure
  type: str
  sample: unavailable
status_code:
  description: The HTTP status of the reply that made the task fail, or null when there was none.
  returned: failure of a request
  type: int
  sample: 429
error:
  description: The API's own short name of the error, or null.
  returned: failure of a request
  type: str
  sample: resources_unavailable
method:
  description: The method of the request that failed.
  returned: failure of a request
  type: str
  sample: PUT
url:
  description: The address of the request that failed, without its query.
  returned: failure of a request
  type: str
  sample: https://console.vast.ai/api/v0/instances/4711/
response:
  description: The beginning of the reply, at most 1024 characters, without secrets; null when there was none.
  returned: failure of a request
  type: str
# end
"""

import collections.abc as c
import time
import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import (
    WAIT_OPTIONS,
    Spec,
    VastModule,
    run_module,
)

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import charges, volume_rows
from ansible_collections.vastai.cloud.plugins.module_utils._account.volume_rows import Volume
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
    Invalid,
    ServerError,
    VastError,
    WaitTimeout,
)
from ansible_collections.vastai.cloud.plugins.module_utils._core.amounts import amount, total
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import MAX_ID, check_id, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._core.durations import seconds
from ansible_collections.vastai.cloud.plugins.module_utils._core.interrupts import TaskInterrupted, failing_at_signals
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Plan, combined
from ansible_collections.vastai.cloud.plugins.module_utils._core.resource import Item
from ansible_collections.vastai.cloud.plugins.module_utils._instances.billing import bill, disk
from ansible_collections.vastai.cloud.plugins.module_utils._instances.destroy import plan_destroy
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import STATUSES, Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.reaper import (
    ACTIONS,
    AMOUNTS,
    NULL,
    SPANS,
    Candidate,
    Rule,
    Seen,
    Verdict,
    judge,
    rule_from_options,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.reaper_state import History
from ansible_collections.vastai.cloud.plugins.module_utils._instances.reaping import Held, reap
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import (
    MISSING,
    SELECTION_OPTIONS,
    Selection,
    choose,
    is_empty_criterion,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.switch import plan_switch
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import endpoints, workers

RULE: Spec = {
    "name": {"type": "str", "required": True},
    "action": {"type": "str", "required": True, "choices": list(ACTIONS)},
    **{span: {"type": "str"} for span in SPANS},
    **{price: {"type": "float"} for price in AMOUNTS},
    "gpu_util_below": {"type": "float"},
    "status": {"type": "list", "elements": "str", "choices": [*STATUSES, NULL]},
    "label_prefix": {"type": "str"},
}
OPTIONS: Spec = {
    **WAIT_OPTIONS,
    "select": {
        "type": "dict",
        "required": True,
        "options": {"all": {"type": "bool", "default": False}, **SELECTION_OPTIONS},
    },
    "exclude": {"type": "dict", "options": SELECTION_OPTIONS},
    "missing": {"type": "str", "choices": list(MISSING)},
    "rules": {"type": "list", "elements": "dict", "options": RULE, "default": []},
    "use_deadlines": {"type": "bool", "default": False},
    "protect": {
        "type": "dict",
        "options": {
            "label": {"type": "list", "elements": "str"},
            "label_prefix": {"type": "list", "elements": "str"},
            "ids": {"type": "list", "elements": "int"},
        },
    },
    "max_affected": {"type": "int"},
    "max_fraction": {"type": "float", "default": 0.5},
    "max_gap": {"type": "str", "default": "1h"},
    "state_file": {"type": "path"},
}
YEAR = 366 * 86400.0
FRESH = 12.0
"""For so many seconds after it was seen a volume may be destroyed; its requests have longer intervals (F2.4)."""
NAMED_AT_MOST = 20

Thing: t.TypeAlias = "Instance | Volume"
Skipped: t.TypeAlias = "tuple[Thing, str]"
"""A thing that is spared, and why."""


class Task(t.NamedTuple):
    """What a task asks for, checked."""

    select: Selection
    exclude: Selection
    rules: tuple[Rule, ...]
    deadlines: bool
    labels: frozenset[str]
    prefixes: tuple[str, ...]
    ids: frozenset[int]
    max_gap: float

    def protects(self, thing: Thing) -> bool:
        """Whether it may not be touched."""
        return thing.id in self.ids or thing.label in self.labels or thing.label.startswith(self.prefixes or ("\0",))

    def spares(self, thing: Thing) -> str:
        """Why it may not be touched: it is protected, or its row does not tell whether it is; '' when it may."""
        if self.protects(thing):
            return "it is protected"
        unknown = next(
            (field for field, kinds in self.needs(thing) if not isinstance(thing.row.get(field, ...), kinds)), ""
        )
        return f"its {unknown} is not known, which may spare it" if unknown else ""

    def needs(self, thing: Thing) -> c.Iterator[tuple[str, tuple[type, ...]]]:
        """The fields that decide whether it is protected, excluded or without a label, and their types."""
        exclude = self.exclude
        if self.labels or self.prefixes or exclude.label or exclude.label_prefix or self.select.unlabelled:
            yield "label", (str, type(None))
        if exclude.machine_id:
            yield "machine_id", (int,)
        if exclude.status and isinstance(thing, Instance):
            yield "actual_status", (str, type(None))
        if exclude.gpu_name and isinstance(thing, Instance):
            yield "gpu_name", (str,)


class Victim(t.NamedTuple):
    """A thing that falls under a rule, and what became of it. `spared`: why it was left alone after all."""

    thing: Thing
    verdict: Verdict
    plan: Plan
    saves: float | None
    item: Item[t.Any] | None = None
    error: VastError | None = None
    spared: str = ""

    @property
    def acts(self) -> bool:
        """Whether it is to be stopped or destroyed."""
        return self.plan.changed

    @property
    def failure(self) -> VastError | None:
        """Why it failed."""
        return self.error or (self.item.error if self.item else None)


class Found(t.NamedTuple):
    """What was chosen, as it was seen, with its history and what was charged.

    `now`: when it was seen, by which everything is judged, whatever the clock does meanwhile; `is_timed`: it counts.
    """

    things: list[Thing]
    seen: dict[str, Seen]
    costs: t.Mapping[str, float | None]
    now: float
    is_timed: bool


def run(module: VastModule) -> dict[str, t.Any]:
    """List, remember, judge, hold to the limits, and end what falls under a rule unless in check mode."""
    task = checked(module.params)
    waits = module.waits()
    module.connect()
    found = gather(module, task)
    victims, skipped, owned = judged(module, task, found)
    if not module.check_mode:
        victims = carried_out(module, task, found, victims, waits)
    return report(module, found, victims, skipped, owned)


def checked(options: t.Mapping[str, t.Any]) -> Task:
    """The options. Raises Invalid for what cannot be meant."""
    select = Selection.from_options(options["select"], path="select.")
    if select.is_empty != options["select"]["all"]:
        raise Invalid("select needs at least one criterion, or all=true and none.")
    select.check_all("select.")
    rules = tuple(rule_from_options(rule, f"rules[{place}]") for place, rule in enumerate(options["rules"]))
    if not rules and not options["use_deadlines"]:
        raise Invalid("rules must not be empty, unless use_deadlines=true.")
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise Invalid("rules: each needs a name of its own.")
    if options["max_affected"] is not None:
        check_number(options["max_affected"], "max_affected", 0, MAX_ID)
    check_number(options["max_fraction"], "max_fraction", 0.001, 1)
    protect = {name: value for name, value in (options["protect"] or {}).items() if value is not None}
    if options["protect"] is not None and not protect:
        raise Invalid("protect must not be empty; omit it instead.")
    for name, values in protect.items():
        if is_empty_criterion(values):
            raise Invalid(f"protect.{name} must not be empty; omit it instead.")
    for each in protect.get("ids", ()):
        check_id(each, "protect.ids")
    if options["state_file"] == "":
        raise Invalid("state_file must not be empty; omit it instead.")
    return Task(
        select,
        Selection.to_exclude(options["exclude"]),
        rules,
        options["use_deadlines"],
        frozenset(protect.get("label", ())),
        tuple(protect.get("label_prefix", ())),
        frozenset(protect.get("ids", ())),
        seconds(options["max_gap"], "max_gap"),
    )


def gather(module: VastModule, task: Task) -> Found:
    """What is chosen, from complete listings, recorded in the history."""
    client = module.client
    missing = module.params["missing"]
    found = choose(client, task.select, task.exclude, missing=missing or "warn", excluded=missing or "fail")
    things: list[Thing] = [*found.instances]
    if any(rule.of_volumes for rule in task.rules):
        things += [each for each in volume_rows.read(client) if is_chosen(each, task)]
    costs: t.Mapping[str, float | None] = {}
    now = time.time()
    if any("cost_above" in rule.amounts for rule in task.rules):
        charged = charges.optional(client, "What was charged is", lambda: charges.charges(client, now - YEAR, now))
        costs = charged.by_source if charged else {}
    limits = [rule.gpu_util_below for rule in task.rules if rule.gpu_util_below is not None]
    history = History(client, module.params["state_file"])
    candidates = [candidate(each, costs, now) for each in things]
    seen = history.record(candidates, limits, now, task.max_gap)
    return Found(things, seen, costs, now, history.is_timed)


def is_chosen(thing: Thing, task: Task) -> bool:
    """Whether it fits the criteria; of a volume those count that volumes can fit."""
    if isinstance(thing, Volume):
        thing = Instance(thing.id, {"label": thing.label, "machine_id": thing.row.get("machine_id")})
    return task.select.matches(thing) and not task.exclude.matches_any(thing)


def candidate(thing: Thing, costs: t.Mapping[str, float | None], now: float) -> Candidate:
    """A thing as rules look at it."""
    row = thing.row
    start, end = amount(row.get("start_date")) or None, amount(row.get("end_date")) or None
    if end is not None and start is not None and end < start:
        end = None
    if isinstance(thing, Volume):
        attached, price = charges.is_attached(row), amount(row.get("storage_total_cost"))
        cost = known_cost(costs, f"volume-{thing.id}", start, now)
        return Candidate("volume", thing.id, thing.label, None, False, False, attached, price, cost, None, start, end)
    return Candidate(
        kind="instance",
        id=thing.id,
        label=thing.label,
        status=status(thing),
        running=is_running(thing),
        stopped=is_stopped(thing),
        price=None if status(thing) is None else bill(thing).per_hour,
        cost=known_cost(costs, f"instance-{thing.id}", start, now),
        gpu_util=amount(row.get("gpu_util")),
        start_date=start,
        end_date=end,
    )


def word(instance: Instance, field: str) -> str | None:
    """A word of the API; None for what is none: missing, null, empty, another type."""
    return instance.word(field) if isinstance(instance.row.get(field), str) else None


def status(instance: Instance) -> str | None:
    """Its status as rules write it; None when the row does not tell it."""
    is_null = "actual_status" in instance.row and instance.row["actual_status"] is None
    return NULL if is_null else word(instance, "actual_status")


def is_running(instance: Instance) -> bool | None:
    """Whether it runs; None while the row lacks a field that tells it (F3.4)."""
    told = (status(instance), word(instance, "intended_status"), word(instance, "cur_state"))
    return None if None in told else instance.is_running


def is_stopped(instance: Instance) -> bool | None:
    """Whether it is stopped and is to stay so; None while the row lacks a field that tells it (F3.7)."""
    told = [word(instance, field) for field in ("cur_state", "intended_status", "next_state")]
    if any(each not in (None, "stopped") for each in told[:2]):
        return False
    return None if None in told else instance.is_stopped


def known_cost(costs: t.Mapping[str, float | None], source: str, start: float | None, now: float) -> float | None:
    """What was charged for all of its life; None when not all of it was looked for."""
    return costs.get(source) if start is not None and start >= now - YEAR else None


def judged(module: VastModule, task: Task, found: Found) -> tuple[list[Victim], list[Skipped], workers.Owners]:
    """What falls under a rule, what is spared, and which are workers, as far as that had to be asked.

    Raises Invalid when it is more than the limits allow.
    """
    victims: list[Victim] = []
    skipped: list[Skipped] = []
    owned = workers.UNKNOWN
    unprotected = 0
    for thing in found.things:
        verdict = verdict_of(task, found, thing)
        unprotected += not task.spares(thing)
        if verdict.rule is None:
            skipped += [(thing, reason) for reason in verdict.unknown]
        elif verdict.action != "report" and (why := task.spares(thing)):
            skipped.append((thing, f"{verdict.rule}: {why}"))
        else:
            victims.append(victim(thing, verdict))
    acting = [each.thing.display_name for each in victims if each.acts and isinstance(each.thing, Instance)]
    if acting:
        owned = owners(module, acting)
        unprotected -= sum(
            each.id in owned.endpoints and not task.spares(each) for each in found.things if isinstance(each, Instance)
        )
        for each in [*victims]:
            endpoint = owned.endpoints.get(each.thing.id)
            if each.acts and isinstance(each.thing, Instance) and endpoint is not None:
                victims.remove(each)
                skipped.append((each.thing, f"{each.verdict.rule}: it is a worker of endpoint {endpoint}"))
    check_limits(module.params, [each for each in victims if each.acts], unprotected)
    if module.params["missing"] != "ignore":
        warn_of_mistyped(module, task, found, [each.thing.label for each in victims if each.acts])
    return victims, skipped, owned


def warn_of_mistyped(module: VastModule, task: Task, found: Found, doomed: list[str]) -> None:
    """Warn of a protected label that is nearly one of those that are to go."""
    for label in sorted(task.labels - {each.label for each in found.things}) if doomed else ():
        from ansible_collections.vastai.cloud.plugins.module_utils._instances.misses import near_to

        if near := near_to(doomed, label):
            module.warn(f"protect.label: nothing that was chosen carries the label {label!r}.{near}")


def verdict_of(task: Task, found: Found, thing: Thing) -> Verdict:
    """Which rule a thing falls under."""
    seen = candidate(thing, found.costs, found.now)
    known = found.seen.get(seen.key)
    return judge(seen, known, task.rules, found.now if found.is_timed else None, deadlines=task.deadlines)


def named(thing: Thing, owned: workers.Owners) -> dict[str, t.Any]:
    """What identifies a thing in a result, and whether it is a worker; a volume is none."""
    is_instance = isinstance(thing, Instance)
    return {
        "kind": "instance" if is_instance else "volume",
        "id": thing.id,
        "label": thing.label or None,
        **(owned.worker_of(thing.id) if is_instance else {"worker_of": None}),
    }


def victim(thing: Thing, verdict: Verdict) -> Victim:
    """What is to be done with a thing, and what that saves."""
    nothing = Plan(thing.display_name)
    if isinstance(thing, Volume):
        plan = volume_rows.to_delete(thing).plan if verdict.action == "destroy_volume" else nothing
        return Victim(thing, verdict, plan, amount(thing.row.get("storage_total_cost")) if plan.changed else 0.0)
    billed = bill(thing).per_hour
    if verdict.action == "destroy":
        return Victim(thing, verdict, plan_destroy(thing), billed)
    if verdict.action == "stop":
        kept = disk(thing)
        saves = None if billed is None or kept is None else max(0.0, billed - kept)
        return Victim(thing, verdict, plan_switch(thing, "stopped", None), saves)
    return Victim(thing, verdict, nothing, 0.0)


def owners(module: VastModule, acting: list[str]) -> workers.Owners:
    """The endpoints of all workers. Raises ServerError, which names what is at stake, while not all are told."""
    found = workers.owners(module.client, endpoints.read(module.client))
    if not found.complete:
        raise ServerError(
            "Whether these are workers of endpoints is not known, so nothing was stopped or destroyed: "
            f"{', '.join(acting[:NAMED_AT_MOST])}. Run the task again."
        )
    return found


def check_limits(options: t.Mapping[str, t.Any], acting: list[Victim], unprotected: int) -> None:
    """Raises Invalid when more would be stopped and destroyed than the options allow."""
    names = ", ".join(each.thing.display_name for each in acting[:NAMED_AT_MOST])
    count, most, fraction = len(acting), options["max_affected"], options["max_fraction"]
    if most is not None and count > most:
        raise Invalid(
            f"{count} would be stopped or destroyed but max_affected is {most}, so nothing was sent: {names}."
        )
    allowed = max(1, int(fraction * unprotected + 1e-9))
    if count > allowed:
        raise Invalid(
            f"{count} of {unprotected} would be stopped or destroyed but max_fraction is {fraction:g}, which allows "
            f"{allowed}, so nothing was sent: {names}."
        )


def carried_out(module: VastModule, task: Task, found: Found, victims: list[Victim], waits: t.Any) -> list[Victim]:
    """Stop and destroy; each is seen once more right before."""
    acting = {each.thing.id: each for each in victims if each.acts and isinstance(each.thing, Instance)}

    def still_falls(before: Instance, now: Instance) -> str:
        return changed_mind(task, found, acting[before.id].verdict, before, now)

    wanted = [(each.thing, each.verdict.action) for each in acting.values() if isinstance(each.thing, Instance)]
    done: dict[int, Victim] = {}
    for fate in reap(module.client, wanted, still_falls, waits, module.deadline):
        each = acting[fate.instance.id]
        done[each.thing.id] = each._replace(item=fate.item, error=fate.error, spared=fate.spared)
    ended = [done.get(each.thing.id, each) if isinstance(each.thing, Instance) else each for each in victims]
    for place, each in enumerate(ended):
        if each.acts and isinstance(each.thing, Volume):
            interrupted = any(isinstance(other.failure, TaskInterrupted) for other in ended)
            ended[place] = left(each) if interrupted else delete_volume(module, task, found, each)
    return ended


def left(each: Victim, reason: str = "the task was interrupted") -> Victim:
    """A victim whose turn did not come."""
    return each._replace(
        error=WaitTimeout(f"{each.thing.display_name} was left as it is: {reason}. Run the task again.")
    )


def changed_mind(task: Task, found: Found, verdict: Verdict, before: Thing, now: Thing) -> str:
    """Why a thing is spared that has been seen again; '' when nothing speaks for it."""
    if now.label != before.label:
        return f"{verdict.rule}: its label is {now.label!r} now"
    if spared := task.spares(now):
        return f"{verdict.rule}: {spared}"
    if not is_chosen(now, task):
        return f"{verdict.rule}: it is not among what is chosen any more"
    again = verdict_of(task, found, now)
    if (again.rule, again.action) != (verdict.rule, verdict.action):
        return f"{verdict.rule}: it does not fall under that rule any more"
    return ""


def delete_volume(module: VastModule, task: Task, found: Found, each: Victim) -> Victim:
    """Delete one volume, seen again right before."""
    client, thing = module.client, each.thing
    if module.deadline.expired:
        return left(each, "no time was left to destroy it")
    read_at = client.clock.now()
    try:
        with failing_at_signals():
            now = next((row for row in volume_rows.read(client) if row.id == thing.id), None)
    except VastError as error:
        text = "could not be seen once more, so that nothing was sent"
        return each._replace(error=error.with_context(f"{thing.display_name} {text}: {error.msg}"))
    spared = "it no longer exists" if now is None else changed_mind(task, found, each.verdict, thing, now)
    if spared or now is None:
        return each._replace(spared=spared)
    item = volume_rows.to_delete(now)

    def still_falls(before: Volume, seen: Volume) -> str:
        return changed_mind(task, found, each.verdict, before, seen)

    held = Held(client, [item], still_falls, read_at, FRESH)
    volume_rows.delete(held.as_client, [item], module.deadline)
    held.explain()
    return each._replace(item=item)


def report(
    module: VastModule, found: Found, victims: list[Victim], skipped: list[Skipped], owned: workers.Owners
) -> dict[str, t.Any]:
    """What a task returns. Raises one failure for all that failed."""
    skipped = [*skipped, *((each.thing, each.spared) for each in victims if each.spared)]
    victims = [each for each in victims if not each.spared]
    rows = [row(each, owned, planned=module.check_mode) for each in victims]
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
    first = t.cast("VastError", failed[0].failure)
    told = " | ".join(t.cast("VastError", each.failure).msg for each in failed[:NAMED_AT_MOST])
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


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
