#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_fleet
short_description: Stop, start, restart, recycle or destroy many rented GPU instances on Vast.ai in one task
version_added: 0.2.0
description:
  - Chooses instances from a complete listing, and brings all of them to a state with one shared poll, instead of a loop
    over ids. One request starts, stops or destroys up to 64 of them; restarts and recycles are sent one by one.
  - The reply for many is not believed for single instances; the listing afterwards is. An instance that
    does not show the change gets it once more, alone.
  - The task fails when any instance failed, after the others are done, and RV(instances) tells which and why.
  - A start whose GPU is taken is cancelled, so that the instance does not start, and bill, at a time of its own.
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
      - Which instances; all criteria must fit. At least one is needed, or O(select.all=true).
      - A criterion that is empty, null, or has an empty item is refused, so that a template that gives nothing does not
        choose everything.
    type: dict
    required: true
    suboptions:
      all:
        description:
          - Every instance of the account; for workers of serverless endpoints see O(include_workers).
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
      - Which of them to skip; an instance is skipped when any of these criteria fits.
      - A criterion that is empty, null, or has an empty item is refused, so that a template that gives nothing does not
        leave an instance without protection. With C({}) nothing is skipped.
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
      - What to do when O(select) or O(exclude) name something that the account does not have, by a complete listing.
        It is about each value of C(ids), C(label), C(gpu_name) and C(machine_id).
      - V(fail) fails before anything is changed, class V(not_found), and names labels and GPUs that come near. A
        mistyped label in O(exclude) would otherwise leave the instance that it means without protection.
      - V(warn) goes on with a warning. V(ignore) goes on silently, and spares the requests that it takes to be sure.
    type: str
    choices:
      - fail
      - warn
      - ignore
    default: fail
    version_added: 0.3.0
  state:
    description:
      - V(running) and V(stopped) as in M(vastai.cloud.vast_instance).
      - V(recycled) gives each a fresh container as in M(vastai.cloud.vast_instance_recycle). B(The file system of the
        containers is lost.) Stopped instances are skipped.
      - V(restarted) restarts each as in M(vastai.cloud.vast_instance); stopped instances start.
      - V(absent) destroys each. B(Their disks are lost.) It needs O(max_affected). An instance counts as gone only when
        complete listings do not contain it; those that are still listed in the end fail, class V(leaked).
      - V(restarted) and V(absent) were added in release 0.3.0.
    type: str
    required: true
    choices:
      - running
      - stopped
      - restarted
      - recycled
      - absent
  max_affected:
    description:
      - How many instances may change. When more would, the task fails before it sends anything.
      - If not given, there is no limit; O(state=absent) requires one. Null is refused.
    type: int
  batch:
    description:
      - How many to recycle or restart at once. The next ones follow when the last ones run again, and none after a
        failure. O(wait_timeout) bounds all batches together.
      - Each later batch is looked at once more; one that somebody labelled, stopped or healed meanwhile is left alone
        and fails the task.
      - It is one at a time if not given, and refused unless O(state=recycled) or O(state=restarted).
    type: int
  include_workers:
    description:
      - Whether to include workers of serverless endpoints, which are the business of their endpoint. Otherwise they are
        skipped, whatever O(state) and O(select) say, and told in RV(skipped_instances).
      - Workers carry no label of their own. The endpoints are asked for only when a chosen instance without a label
        would be changed. While they cannot be asked, all instances without a label are skipped, with a warning.
    type: bool
    default: false
    version_added: 0.3.0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - V(recycled) recycles each time, except instances whose recycle is under way. V(restarted) restarts each time.
      - A second run with V(absent) fails when O(select) names what the first one destroyed, by C(ids) or C(label) for
        example; with O(missing=ignore) it changes nothing.
notes:
  - O(wait_timeout) bounds the whole task, not each of its phases. Cancelling a start has a minute of its own beyond it.
  - A start that is not proven to run with its GPU is cancelled before the task fails, whatever went wrong, and the
    message says whether that is confirmed. SIGINT, SIGTERM and SIGHUP end the task in the same way.
  - When the task keyword C(timeout) ends a task, its module notices that at the next poll and does the same, but can no
    longer say so. With an C(async) time that is too short it is killed. Run the same task again then; it finds a start
    that was left queued, and asks for it again or cancels it.
seealso:
  - module: vastai.cloud.vast_instance
  - module: vastai.cloud.vast_instance_info
"""

EXAMPLES = r"""
- name: Evening stop, except for the boxes that must stay
  vastai.cloud.vast_fleet:
    select:
      label_prefix: dev-
    exclude:
      label:
        - dev-db
        - dev-keep
    state: stopped
    max_affected: 40
  register: night

- name: What is left to pay
  ansible.builtin.debug:
    msg: "{{ night.counts.changed }} stopped, {{ night.cost.before.per_hour }} -> {{ night.cost.after.per_hour }} $/h"

- name: Roll out the new image, two servers at a time
  vastai.cloud.vast_fleet:
    select:
      label_prefix: serve-
    state: recycled
    batch: 2

- name: Restart all servers, one at a time
  vastai.cloud.vast_fleet:
    select:
      label_prefix: serve-
    state: restarted

- name: Destroy what the CI has left behind, and fail rather than destroy more than ten
  vastai.cloud.vast_fleet:
    select:
      label_prefix: ci-
    state: absent
    max_affected: 10
  register: cleaned

- name: Stop everything in the account
  vastai.cloud.vast_fleet:
    select:
      all: true
    state: stopped
"""

RETURN = r"""
instances:
  description: The chosen instances, with what became of each.
  returned: success, and when instances failed
  type: list
  elements: dict
  sample:
    - id: 4711
      label: dev-alice
      gpu_name: RTX 4090
      machine_id: 5120
      dph_total: 0.42
      action: stop instance 4711 (dev-alice)
      changed: true
      failed: false
      error_class: null
      msg: ""
      before: {actual_status: running, intended_status: running, cur_state: running}
      after: {actual_status: exited, intended_status: stopped, cur_state: stopped}
  contains:
    id:
      description: The id of the instance.
      returned: always
      type: int
    label:
      description: The label as last seen, or null.
      returned: always
      type: str
    gpu_name:
      description: The name of the GPU, such as V(RTX 4090).
      returned: always
      type: str
    machine_id:
      description: The id of the machine.
      returned: always
      type: int
    dph_total:
      description: The price in US dollars per hour while it runs, storage included.
      returned: always
      type: float
    end_date:
      description: When the contract ends, in seconds since 1970, or null.
      returned: always
      type: float
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that it is a worker of; null when it is no worker. While that is not known
        there is no such key, so select with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
    action:
      description: What was to be done, or null when nothing was.
      returned: always
      type: str
    changed:
      description: >-
        Whether the task changed it, or would in check mode. After a failure the listing decides; where nothing could be
        seen any more, it is true when something may have been done.
      returned: always
      type: bool
    failed:
      description: Whether it failed.
      returned: always
      type: bool
    error_class:
      description: The kind of failure as in RV(error_class), or null.
      returned: always
      type: str
    msg:
      description: Why it failed or was skipped; else empty.
      returned: always
      type: str
    before:
      description: How it was found.
      returned: always
      type: dict
      contains:
        actual_status:
          description: The container as its host reports it.
          returned: always
          type: str
        intended_status:
          description: What the user asked for.
          returned: always
          type: str
        cur_state:
          description: The contract.
          returned: always
          type: str
    after:
      description: How it was last seen; in check mode, how it would be. All are null when it is destroyed.
      returned: always
      type: dict
      contains:
        actual_status:
          description: The container as its host reports it.
          returned: always
          type: str
        intended_status:
          description: What the user asked for.
          returned: always
          type: str
        cur_state:
          description: The contract.
          returned: always
          type: str
counts:
  description: >-
    How many instances there were of each kind. C(selected) is the sum of C(changed), C(unchanged), C(failed)
    and C(skipped).
  returned: success, and when instances failed
  type: dict
  sample: {selected: 12, changed: 10, unchanged: 2, failed: 0, skipped: 0, unloaded: 0}
  contains:
    selected:
      description: How many were chosen.
      returned: always
      type: int
    changed:
      description: How many were changed without a failure, or would be in check mode.
      returned: always
      type: int
    unchanged:
      description: How many were not changed and did not fail. Those whose O(state) was skipped are among them.
      returned: always
      type: int
    failed:
      description: How many failed. RV(instances[].changed) tells which of them were changed all the same.
      returned: always
      type: int
    skipped:
      description: How many were skipped since they are, or may be, workers of endpoints; see RV(skipped_instances).
      returned: always
      type: int
    unloaded:
      description: How many more fit whose contract is released; they are destroyed and bill nothing.
      returned: always
      type: int
skipped_instances:
  description: >-
    The chosen instances that were skipped since they are, or may be, workers of serverless endpoints. One without
    C(worker_of) only may be one.
  returned: success, and when instances failed
  type: list
  elements: dict
  sample: []
  contains:
    id:
      description: The id of the instance.
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
cost:
  description: >-
    US dollars per hour of the chosen instances, by the prices of the listing, before and after; in check mode
    C(after) is what it would be.
  returned: success, and when instances failed
  type: dict
  contains:
    before:
      description: Before the module.
      returned: always
      type: dict
      contains:
        # shared: cost
        running:
          description: What the instances that hold their GPU pay, storage included.
          returned: always
          type: float
        if_started:
          description: What the other instances would pay if they were started. Nothing of it is paid now.
          returned: always
          type: float
        storage:
          description: What those other instances pay for their disks now.
          returned: always
          type: float
        per_hour:
          description: What all of them pay now, the sum of C(running) and C(storage).
          returned: always
          type: float
        unknown:
          description: >-
            The ids of the instances that Vast.ai reports no usable price for. The sums that such a price belongs to are
            null, so that a comparison with a budget fails and does not pass.
          returned: always
          type: list
          elements: int
        # end
    after:
      description: After the module.
      returned: always
      type: dict
      contains:
        # shared: cost
        running:
          description: What the instances that hold their GPU pay, storage included.
          returned: always
          type: float
        if_started:
          description: What the other instances would pay if they were started. Nothing of it is paid now.
          returned: always
          type: float
        storage:
          description: What those other instances pay for their disks now.
          returned: always
          type: float
        per_hour:
          description: What all of them pay now, the sum of C(running) and C(storage).
          returned: always
          type: float
        unknown:
          description: >-
            The ids of the instances that Vast.ai reports no usable price for. The sums that such a price belongs to are
            null, so that a comparison with a budget fails and does not pass.
          returned: always
          type: list
          elements: int
        # end
actions:
  description: What was planned, in order; one sentence each.
  returned: success, and when instances failed
  type: list
  elements: str
  sample:
    - stop instance 4711 (dev-alice)
diff:
  description: What changes, by the name of the instance.
  returned: success, and when instances failed
  type: dict
  contains:
    before:
      description: The state of each instance that changes, as it was.
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

import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import (
    WAIT_OPTIONS,
    Spec,
    VastModule,
    run_module,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Waits
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import MAX_ID, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._instances.fields import WorkerOf, not_asked
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.report import (
    Member,
    check_affected,
    plan_all,
    report,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import (
    MISSING,
    SELECTION_OPTIONS,
    choose,
    select_and_exclude,
)

ROLLING = ("recycled", "restarted")
"""States that are brought about a few instances at a time."""
OPTIONS: Spec = {
    **WAIT_OPTIONS,
    "select": {
        "type": "dict",
        "required": True,
        "options": {"all": {"type": "bool", "default": False}, **SELECTION_OPTIONS},
    },
    "exclude": {"type": "dict", "options": SELECTION_OPTIONS},
    "missing": {"type": "str", "choices": list(MISSING), "default": "fail"},
    "state": {"type": "str", "required": True, "choices": ["running", "stopped", "restarted", "recycled", "absent"]},
    "max_affected": {"type": "int"},
    "batch": {"type": "int"},
    "include_workers": {"type": "bool", "default": False},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """List once, choose, plan, bring all there unless in check mode, tell what became of each."""
    select, exclude = select_and_exclude(module.params)
    state, waits = module.params["state"], module.waits()
    check(module.params)
    module.connect()
    chosen, unloaded = choose(module.client, select, exclude, missing=module.params["missing"])
    members, skipped, worker_of = without_workers(module, chosen, state)
    check_affected(members, module.params["max_affected"])
    bring(module, members, state, waits)
    return report(members, state, planned=module.check_mode, skipped=skipped, unloaded=unloaded, worker_of=worker_of)


def check(options: t.Mapping[str, t.Any]) -> None:
    """Raises Invalid for numbers that cannot be, and for options that do not go with the state."""
    state, limit, batch = options["state"], options["max_affected"], options["batch"]
    if limit is not None:
        check_number(limit, "max_affected", 0, MAX_ID)
    elif state == "absent":
        raise Invalid("state=absent needs max_affected: the number of instances that the task may destroy at most.")
    if batch is not None and state not in ROLLING:
        raise Invalid(f"batch needs state=recycled or state=restarted; state={state} sends all at once.")
    if batch is not None:
        check_number(batch, "batch", 1, MAX_ID)
    if state in ROLLING and not options["wait"]:
        raise Invalid(f"state={state} needs wait=true: the next batch follows when the last one runs again.")


def without_workers(
    module: VastModule, chosen: list[Instance], state: str
) -> tuple[list[Member], list[Instance], WorkerOf]:
    """What is planned, the workers of endpoints, which are skipped, as is what may be one, and what is known of that.

    Workers carry no label of their own. The endpoints are asked for only when something would become of such instances.
    """
    members = plan_all(chosen, state)
    if module.params["include_workers"] or not any(_may_be_worker(each) and each.plan.changed for each in members):
        return members, [], not_asked
    from ansible_collections.vastai.cloud.plugins.module_utils._serverless.workers import owners_of_all

    owners = owners_of_all(module.client, module.deadline)
    unsure = not owners.complete
    skipped = [
        each.before for each in members if each.before.id in owners.endpoints or (unsure and _may_be_worker(each))
    ]
    if unsure and skipped:
        ids = ", ".join(str(each.id) for each in skipped)
        module.warn(
            "Which instances are workers of endpoints could not be told for all, so those without a label were "
            f"skipped: {ids}. To include them, set include_workers=true."
        )
    left = {each.id for each in skipped}
    return [each for each in members if each.before.id not in left], skipped, owners.worker_of


def _may_be_worker(member: Member) -> bool:
    return not member.before.label


def bring(module: VastModule, members: list[Member], state: str, waits: Waits) -> None:
    """Carry out what is planned, by what that state needs."""
    batch = module.params["batch"] or 1
    if state == "recycled":
        from ansible_collections.vastai.cloud.plugins.module_utils._instances.renew import recycle

        module.bring(recycle, members, waits, batch=batch)
    elif state == "restarted":
        from ansible_collections.vastai.cloud.plugins.module_utils._instances.restart import restart

        module.bring(restart, members, waits, batch=batch)
    elif state == "absent":
        from ansible_collections.vastai.cloud.plugins.module_utils._instances.destroy import destroy

        module.bring(destroy, members)
    else:
        from ansible_collections.vastai.cloud.plugins.module_utils._instances.switch import switch

        module.bring(switch, members, state, waits)


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
