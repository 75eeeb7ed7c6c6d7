#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_fleet
short_description: Stop, start, restart, recycle or destroy many rented GPU instances on Vast.ai in one task
version_added: 0.2.0
description:
  - Selects instances from a complete listing, brings them to one state, and polls all of them together. This is faster
    than a loop over ids. One request starts, stops or destroys up to 64 instances. Restarts and recycles are sent one
    by one.
  - The reply to a request for many instances does not prove the change of each one, so the module checks the listing
    afterwards. If an instance does not show the change, the module sends the request again for that instance alone.
  - When an instance fails, the module continues with the others and fails at the end. RV(instances) reports the result
    of each instance.
  - When the GPU of an instance is taken, the module cancels the queued start. Otherwise the instance could start, and
    bill, at any later time.
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
      - Which instances to select. An instance must meet all criteria. At least one criterion or O(select.all=true) is
        required.
      - A criterion that is empty, null, or contains an empty item is refused, so that a template with an empty result
        does not select everything.
    type: dict
    required: true
    suboptions:
      all:
        description:
          - Whether to select all instances of the account. It cannot be combined with other criteria. For workers of
            serverless endpoints, see O(include_workers).
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
      - Which of the selected instances to skip. An instance is skipped when it meets any of these criteria.
      - A criterion that is empty, null, or contains an empty item is refused, so that a template with an empty result
        does not leave an instance unprotected. With C({}), nothing is skipped.
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
        exist in the account.
      - V(fail) fails with RV(error_class) V(not_found) before anything is changed, and suggests similar labels and GPU
        names. Otherwise a mistyped label in O(exclude) would leave an instance unprotected.
      - V(warn) continues with a warning. V(ignore) does not check, which saves requests.
      - A C(label_prefix) without a match never fails the task. Unless O(missing=ignore), a warning suggests similar
        prefixes.
    type: str
    choices:
      - fail
      - warn
      - ignore
    default: fail
    version_added: 0.3.0
  state:
    description:
      - V(running) starts the instances. V(stopped) stops them; their disks continue to bill.
      - V(recycled) recreates each container from a freshly pulled image, as M(vastai.cloud.vast_instance_recycle) does.
        B(All data outside of volumes is lost.) Stopped instances are skipped.
      - V(restarted) restarts each container and keeps its disk, as M(vastai.cloud.vast_instance) does. It also starts
        stopped instances.
      - V(absent) destroys the instances. B(All data on their disks is lost.) It requires O(max_affected). An instance
        counts as destroyed only when a complete listing no longer contains it. An instance that is still listed at the
        end fails with V(leaked).
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
      - Maximum number of instances that may change. When more would change, the task fails before it changes anything.
      - If not given, there is no limit. O(state=absent) requires it. Null is refused.
    type: int
  batch:
    description:
      - Number of instances to recycle or restart at a time. The next batch starts when all instances of the last one
        are running again. After a failure, the remaining batches are skipped. O(wait_timeout) limits all batches
        together.
      - Before each later batch, the module checks its instances again. An instance that someone labelled, stopped or
        repaired in the meantime is not changed, and the task fails.
      - The default is one instance at a time. It requires O(state=recycled) or O(state=restarted).
    type: int
  include_workers:
    description:
      - Whether to include workers of serverless endpoints, which their endpoint manages. With V(false), they are
        skipped, whatever O(state) and O(select) are, and listed in RV(skipped_instances).
      - Workers have no label, so the module checks the endpoints only when a selected instance without a label would
        change. If it cannot check them, it skips all instances without a label and warns.
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
      - V(recycled) recycles in every run, except instances with a recycle in progress. V(restarted) restarts in every
        run.
      - A second run with V(absent) fails when O(select) contains C(ids) or C(label) of destroyed instances. With
        O(missing=ignore), it changes nothing.
notes:
  - O(wait_timeout) limits the whole task, not each of its phases. Cancelling starts may take up to one minute longer.
  - When a task fails while a start is pending, it cancels the start first, so that the instance does not start later.
    The message says whether the cancellation is confirmed. The same happens on SIGINT, SIGTERM and SIGHUP.
  - When the task keyword C(timeout) ends a task, the module does the same at its next poll but can no longer report it.
    When C(async) is too short, the module is killed and cancels nothing. In both cases, run the same task again. It
    finds queued starts and completes or cancels them.
seealso:
  - module: vastai.cloud.vast_instance
  - module: vastai.cloud.vast_instance_info
"""

EXAMPLES = r"""
- name: Stop all development instances in the evening, except two
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

- name: Show the savings
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

- name: Destroy what the CI left behind, but never more than ten instances
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
  description: The selected instances with their results.
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
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
    action:
      description: The planned action, or null when none was needed.
      returned: always
      type: str
    changed:
      description: >-
        Whether the task changed the instance, or would in check mode. After a failure, the last listing decides. If no
        listing was available, it is true when the request may have been carried out.
      returned: always
      type: bool
    failed:
      description: Whether it failed.
      returned: always
      type: bool
    error_class:
      description: The kind of failure, see RV(error_class), or null.
      returned: always
      type: str
    msg:
      description: The reason why it failed or was skipped, or an empty string.
      returned: always
      type: str
    before:
      description: The state before the task.
      returned: always
      type: dict
      contains:
        actual_status:
          description: The status of the container.
          returned: always
          type: str
        intended_status:
          description: The requested status.
          returned: always
          type: str
        cur_state:
          description: The state of the contract.
          returned: always
          type: str
    after:
      description: >-
        The state as last seen, or in check mode the expected state. All values are null for a destroyed instance.
      returned: always
      type: dict
      contains:
        actual_status:
          description: The status of the container.
          returned: always
          type: str
        intended_status:
          description: The requested status.
          returned: always
          type: str
        cur_state:
          description: The state of the contract.
          returned: always
          type: str
counts:
  description: >-
    Number of instances by result. C(selected) is the sum of C(changed), C(unchanged), C(failed) and C(skipped).
  returned: success, and when instances failed
  type: dict
  sample: {selected: 12, changed: 10, unchanged: 2, failed: 0, skipped: 0, unloaded: 0}
  contains:
    selected:
      description: Number of selected instances.
      returned: always
      type: int
    changed:
      description: Number of instances that were changed without a failure, or would be in check mode.
      returned: always
      type: int
    unchanged:
      description: >-
        Number of instances that were not changed and did not fail, including stopped instances that O(state=recycled)
        skips.
      returned: always
      type: int
    failed:
      description: >-
        Number of instances that failed. RV(instances[].changed) shows which of them were changed nevertheless.
      returned: always
      type: int
    skipped:
      description: >-
        Number of instances that were skipped because they are, or may be, workers of endpoints; see
        RV(skipped_instances).
      returned: always
      type: int
    unloaded:
      description: >-
        Number of further instances that meet the criteria but whose contract is released. They are destroyed and do not
        bill.
      returned: always
      type: int
skipped_instances:
  description: >-
    The selected instances that were skipped because they are, or may be, workers of serverless endpoints. For an
    instance without C(worker_of), this is not known.
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
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
cost:
  description: >-
    Cost of the selected instances in US dollars per hour, before and after the task. In check mode, C(after) is the
    expected cost.
  returned: success, and when instances failed
  type: dict
  contains:
    before:
      description: The cost before the task.
      returned: always
      type: dict
      contains:
        # shared: cost
        running:
          description: >-
            US dollars per hour of the instances that hold their GPU, storage included. An instance that is loading, or
            whose host is offline, counts with its full price although it bills less for now.
            M(vastai.cloud.vast_cost_info) shows what bills at this moment.
          returned: always
          type: float
        if_started:
          description: >-
            US dollars per hour that the other instances would cost if they were started. They do not cost this now.
          returned: always
          type: float
        storage:
          description: US dollars per hour of the disks of the other instances. They cost this now.
          returned: always
          type: float
        per_hour:
          description: US dollars per hour of all instances, which is the sum of C(running) and C(storage).
          returned: always
          type: float
        unknown:
          description: >-
            Ids of the instances for which Vast.ai reports no usable price. Every sum that includes such an instance
            is null, so a comparison with a budget fails instead of passing.
          returned: always
          type: list
          elements: int
        # end
    after:
      description: The cost after the task.
      returned: always
      type: dict
      contains:
        # shared: cost
        running:
          description: >-
            US dollars per hour of the instances that hold their GPU, storage included. An instance that is loading, or
            whose host is offline, counts with its full price although it bills less for now.
            M(vastai.cloud.vast_cost_info) shows what bills at this moment.
          returned: always
          type: float
        if_started:
          description: >-
            US dollars per hour that the other instances would cost if they were started. They do not cost this now.
          returned: always
          type: float
        storage:
          description: US dollars per hour of the disks of the other instances. They cost this now.
          returned: always
          type: float
        per_hour:
          description: US dollars per hour of all instances, which is the sum of C(running) and C(storage).
          returned: always
          type: float
        unknown:
          description: >-
            Ids of the instances for which Vast.ai reports no usable price. Every sum that includes such an instance
            is null, so a comparison with a budget fails instead of passing.
          returned: always
          type: list
          elements: int
        # end
actions:
  description: The planned actions, in order.
  returned: success, and when instances failed
  type: list
  elements: str
  sample:
    - stop instance 4711 (dev-alice)
diff:
  description: The changes, by the name of the instance.
  returned: success, and when instances failed
  type: dict
  contains:
    before:
      description: The state of each changed instance before the task.
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
            "Which instances are workers of endpoints is not known for all of them, so those without a label were "
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
