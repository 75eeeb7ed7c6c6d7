#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_reaper
short_description: Stop and destroy forgotten instances and volumes on Vast.ai, by rules
version_added: 0.3.0
description:
  - Checks the selected instances and volumes against rules. For each of them, the first rule that matches applies.
  - Check mode is the preview. RV(victims) lists what would be stopped or destroyed, by which rule, why, and how much it
    saves.
  - It acts only on complete listings and known ages. It checks each instance and volume again right before it stops or
    destroys it. If the label has changed, or if it is no longer selected or no longer matches the rule, it is skipped.
    The same check precedes a repeated request, which then fails.
  - An instance or volume counts as destroyed only when a complete listing no longer contains it. When one fails, the
    module continues with the others and fails at the end.
  - Workers of endpoints are never stopped or destroyed. When the module cannot find out which instances are workers,
    the task fails before it stops or destroys anything.
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
      - Which instances and volumes to check. They must meet all criteria. At least one criterion or O(select.all=true)
        is required.
      - Volumes are selected by their label, id and machine. C(status) and C(gpu_name) select no volumes.
    type: dict
    required: true
    suboptions:
      all:
        description:
          - Whether to select everything in the account. It cannot be combined with other criteria.
        type: bool
        default: false
      # shared: selection
      ids:
        description:
          - Ids of instances.
        type: list
        elements: int
      label:
        description:
          - Labels of instances. The comparison is exact and case-sensitive. Write a label that contains a comma
            as an item of a YAML list. To select instances without a label, use C(unlabelled).
        type: list
        elements: str
      label_prefix:
        description:
          - How the label begins. Matching no instance is not an error.
        type: str
      unlabelled:
        description:
          - V(true) selects only instances without a label. V(false) does not filter.
        type: bool
        default: false
      status:
        description:
          - Values of RV(vastai.cloud.vast_instance#module:instance.actual_status). A stopped instance has the
            status V(exited).
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
          - GPU models, such as V(RTX 4090). V(RTX_4090) means the same.
        type: list
        elements: str
      machine_id:
        description:
          - Ids of the machines that the instances run on.
        type: list
        elements: int
      # end
  exclude:
    description:
      - Which of them to skip. An instance or volume is skipped when it meets any of these criteria.
    type: dict
    suboptions:
      # shared: selection
      ids:
        description:
          - Ids of instances.
        type: list
        elements: int
      label:
        description:
          - Labels of instances. The comparison is exact and case-sensitive. Write a label that contains a comma
            as an item of a YAML list. To select instances without a label, use C(unlabelled).
        type: list
        elements: str
      label_prefix:
        description:
          - How the label begins. Matching no instance is not an error.
        type: str
      unlabelled:
        description:
          - V(true) selects only instances without a label. V(false) does not filter.
        type: bool
        default: false
      status:
        description:
          - Values of RV(vastai.cloud.vast_instance#module:instance.actual_status). A stopped instance has the
            status V(exited).
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
          - GPU models, such as V(RTX 4090). V(RTX_4090) means the same.
        type: list
        elements: str
      machine_id:
        description:
          - Ids of the machines that the instances run on.
        type: list
        elements: int
      # end
  missing:
    description:
      - What to do when a value of C(ids), C(label), C(gpu_name) or C(machine_id) in O(select) or O(exclude) does not
        exist in the account. V(fail) fails before anything is changed, V(warn) warns, and V(ignore) does not check.
      - If omitted, the task warns about O(select) and fails for O(exclude), since a mistyped label there would leave an
        instance unprotected.
    type: str
    choices:
      - fail
      - warn
      - ignore
  rules:
    description:
      - The rules, in order. A rule matches when all its conditions are met. It needs at least one condition.
      - A condition whose value is not known is never met. RV(skipped_resources) shows which rules could not be decided
        because a value is missing or invalid, such as a negative price.
      - Write durations like V(45m), V(6h) or V(3d).
      - Required unless O(use_deadlines=true).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of the rule in results. It must be unique.
        type: str
        required: true
      action:
        description:
          - What to do. V(report) only lists it in RV(victims).
          - V(stop) stops an instance and keeps its disk, which continues to bill. V(destroy) destroys an instance,
            B(and all data on its disk is lost). V(destroy_volume) destroys a volume, B(and all its data is lost). It
            requires C(unattached_for).
        type: str
        required: true
        choices:
          - report
          - stop
          - destroy
          - destroy_volume
      running_for:
        description:
          - It has been running for this long. This counts from the last start that an earlier run recorded, or from the
            rental if no run saw it stopped. If an earlier record may have been lost, it counts from now.
        type: str
      stopped_for:
        description:
          - Every run within this time saw it stopped.
        type: str
      not_running_for:
        description:
          - No run within this time saw it running, for any reason.
        type: str
      idle_for:
        description:
          - It is running, and every run within this time saw a GPU utilization below C(gpu_util_below). An unknown
            utilization, or a gap of more than O(max_gap) between two runs, restarts the time. It requires
            C(gpu_util_below).
        type: str
      gpu_util_below:
        description:
          - The GPU utilization in percent for C(idle_for).
        type: float
      price_above:
        description:
          - It costs more than this now, in US dollars per hour.
        type: float
      cost_above:
        description:
          - More than this was charged for it since it was rented, in US dollars. Vast.ai books charges with a delay,
            and the API key must be allowed to read them.
        type: float
      contract_left_below:
        description:
          - Its contract ends within this time.
        type: str
      unattached_for:
        description:
          - It is a volume, and every run within this time saw that no instance uses it.
        type: str
      status:
        description:
          - Its RV(vastai.cloud.vast_instance#module:instance.actual_status) has one of these values. V(null) means that
            it is being provisioned.
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
          - How its label begins.
        type: str
  use_deadlines:
    description:
      - Whether to destroy instances with an expired deadline in their label, B(with all data on their disks). Deadlines
        are checked before O(rules).
      - C(ttl=6h) counts from the rental. C(until=2026-12-01T08:00Z) is in UTC, and C(until=2026-12-01) is the beginning
        of that day. Separate a deadline from the rest of the label with spaces or commas. The earliest one applies. If
        one of them cannot be parsed, none applies.
    type: bool
    default: false
  protect:
    description:
      - Instances and volumes that are never stopped or destroyed, whatever rules and deadlines apply.
      - It may name what does not exist. Unless O(missing=ignore), a warning is issued when a label is similar to that
        of something that is about to be stopped or destroyed.
    type: dict
    suboptions:
      label:
        description:
          - Labels.
        type: list
        elements: str
      label_prefix:
        description:
          - How labels begin.
        type: list
        elements: str
      ids:
        description:
          - Ids.
        type: list
        elements: int
  max_affected:
    description:
      - Maximum number of instances and volumes that may be stopped or destroyed. When there would be more, the task
        fails and changes nothing. If not given, only O(max_fraction) limits the number.
    type: int
  max_fraction:
    description:
      - Maximum share of the selected and unprotected instances and volumes that may be stopped or destroyed, from
        V(0.001) to V(1). One is always allowed. When there would be more, the task fails and changes nothing.
    type: float
    default: 0.5
  max_gap:
    description:
      - Maximum time between two runs for C(idle_for). A longer gap restarts the time.
    type: str
    default: 1h
  state_file:
    description:
      - The file for the history, by default C($XDG_CACHE_HOME/ansible-vastai-cloud/reaper.json), or below C(~/.cache).
        Its directory must belong to the user and must not be accessible to others. It keeps a separate history for each
        C(api_url) and API key.
      - Check mode also records the history. Entries that were not seen for 14 days are removed, and so are the oldest
        ones when the file exceeds 64 KiB.
      - A damaged file is replaced, with a warning. The durations in O(rules) then count from that run. Deadlines such
        as C(ttl=6h) need no history.
      - Ages depend on the clock of the machine that runs the module. When a run is more than 14 days after the last
        recorded run, or more than 5 minutes before it, the module warns and applies no rule or deadline that depends on
        time in that run. Otherwise, for example in the first run, a wrong clock is not detected. A state that was
        recorded more than a day before the rental, or in the future, counts from now.
    type: path
attributes:
  check_mode:
    support: full
    details:
      - Check mode also records the history in O(state_file).
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Reported instances and volumes are reported again. This is not a change.
seealso:
  - module: vastai.cloud.vast_cost_info
  - module: vastai.cloud.vast_fleet
"""

EXAMPLES = r"""
- name: Preview which CI instances would be destroyed
  vastai.cloud.vast_reaper:
    select:
      label_prefix: ci-
    rules:
      - {name: too old, running_for: 6h, action: destroy}
      - {name: forgotten, stopped_for: 24h, action: destroy}
      - {name: stuck, not_running_for: 45m, status: [loading, created, "null"], action: destroy}
  check_mode: true
  register: preview

- name: Show the instances, the reasons and the savings
  ansible.builtin.debug:
    msg: "{{ preview.victims }}"

- name: Stop idle instances and destroy forgotten ones every night
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

- name: Destroy instances with an expired deadline in the label, such as "sweep-17 ttl=6h"
  vastai.cloud.vast_reaper:
    select:
      label_prefix: sweep-
    use_deadlines: true
"""

RETURN = r"""
victims:
  description: The instances and volumes that match a rule, with their results.
  returned: success, and when instances failed
  type: list
  elements: dict
  sample:
    - {kind: instance, id: 4711, label: ci-17, rule: too old, action: destroy, why: it has been running for 7 hours}
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
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
    rule:
      description: The name of the rule; V(deadline) for a deadline in the label.
      returned: always
      type: str
    action:
      description: The action of the rule.
      returned: always
      type: str
    why:
      description: Why the rule matches.
      returned: always
      type: str
    saves_per_hour:
      description: >-
        The savings in US dollars per hour, or null when they are not known. After a stop, the disk continues to bill.
      returned: always
      type: float
    changed:
      description: Whether it was stopped or destroyed, or would be in check mode.
      returned: always
      type: bool
    failed:
      description: Whether the action failed.
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
skipped_resources:
  description: >-
    Instances and volumes that match a rule but were skipped, and those for which a rule cannot be decided yet. This is
    not a failure.
  returned: success, and when instances failed
  type: list
  elements: dict
  sample:
    - {kind: instance, id: 4712, label: ci-18, reason: "too old: how long it has been running is not known yet"}
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
      description: Why it was skipped.
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
counts:
  description: Number of instances and volumes by result.
  returned: success, and when instances failed
  type: dict
  sample: {selected: 12, changed: 2, failed: 0, reported: 1, skipped: 3}
  contains:
    selected:
      description: Number of selected instances and volumes, including protected ones.
      returned: always
      type: int
    changed:
      description: Number that were stopped or destroyed without a failure, or would be in check mode.
      returned: always
      type: int
    failed:
      description: Number that failed.
      returned: always
      type: int
    reported:
      description: Number that match a rule with O(rules[].action=report).
      returned: always
      type: int
    skipped:
      description: Number of entries in RV(skipped_resources).
      returned: always
      type: int
saves_per_hour:
  description: >-
    Total savings of the changed instances and volumes, in US dollars per hour, or null when one of them is not known.
  returned: success, and when instances failed
  type: float
  sample: 0.84
actions:
  description: The planned actions.
  returned: success, and when instances failed
  type: list
  elements: str
  sample: ["destroy instance 4711 (ci-17): its disk is lost, and it no longer bills"]
diff:
  description: The changes, by the name of the instance or volume.
  returned: success, and when instances failed
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import (
    WAIT_OPTIONS,
    Spec,
    VastModule,
    run_module,
)

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import STATUSES
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import MISSING, SELECTION_OPTIONS
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.carry_out import carry_out
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.found import gather
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.report import report
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.rules import ACTIONS, AMOUNTS, NULL, SPANS
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.task import to_task
from ansible_collections.vastai.cloud.plugins.module_utils._reaper.victims import judge_all

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


def run(module: VastModule) -> dict[str, t.Any]:
    """List, remember, judge, hold to the limits, and end what falls under a rule unless in check mode."""
    task = to_task(module.params)
    waits = module.waits()
    module.connect()
    found = gather(module.client, task)
    judgement = judge_all(module.client, task, found)
    if not module.check_mode:
        ended = carry_out(module.client, task, found, judgement.victims, waits, module.deadline)
        judgement = judgement._replace(victims=ended)
    return report(found, judgement, planned=module.check_mode)


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
