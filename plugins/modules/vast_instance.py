#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_instance
short_description: Start, stop, restart, label and destroy a rented GPU instance on Vast.ai
version_added: 0.1.0
description:
  - Makes one instance converge on a state and a label, and waits until it is there.
  - The instance is found in a complete listing of the account, so that a failed or partial reply is never taken for an
    absent instance.
  - Destroying an instance deletes its disk and ends what it bills. It counts as gone only when a complete listing does
    not contain it; one that is still listed in the end fails the task with RV(error_class) V(leaked).
  - Stopping an instance keeps its disk, which goes on billing, and releases its GPU. Somebody else may rent that
    GPU, and the instance cannot start until it is free again; see O(on_unavailable).
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.wait
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  id:
    description:
      - The id of the instance, the number that Vast.ai calls contract id.
      - At least one of O(id) and O(label) is needed.
    type: int
  label:
    description:
      - With O(id), the label to assign. The empty string removes the label. With O(state=absent) it is a guard instead;
        the instance is destroyed only if it carries this label. O(state=restarted) takes no label beside the id.
      - Without O(id), the label that selects the instance. Exactly one instance must carry it, upper and lower case
        matter, and O(state) is required.
      - At most 1024 characters.
    type: str
  state:
    description:
      - V(present) asks for the instance to exist, running or not.
      - V(running) asks for the instance to run; V(stopped) asks for it to be stopped.
      - V(restarted) stops and starts its container, which keeps its disk and its GPU, and starts a stopped instance.
        This is a change in each run. The request is sent once; when its reply is lost and no listing shows a restart,
        the task fails with RV(error_class) V(unknown_outcome).
      - V(absent) destroys the instance. B(Its disk is lost.) An instance that does not exist is no change. When several
        carry the label, nothing is destroyed.
      - If not given, only the label is set.
      - V(present), V(restarted) and V(absent) were added in release 0.3.0.
    type: str
    choices:
      - present
      - running
      - stopped
      - restarted
      - absent
  on_unavailable:
    description:
      - What to do when Vast.ai answers a start with I(Required resources are currently unavailable, state change
        queued), that is when the GPU is rented to somebody else.
      - V(fail) cancels the queued start with O(state=stopped) and fails, so that the instance does not start, and
        bill, at a time of its own.
      - V(wait) waits for the GPU up to O(wait_timeout), then cancels the start and fails. It needs O(wait=true).
    type: str
    choices:
      - fail
      - wait
    default: fail
  include_workers:
    description:
      - Whether O(state=absent) may destroy a worker of a serverless endpoint. Vast.ai would replace it; to get rid of
        workers, change or delete their endpoint.
      - Workers carry no label of their own, so that endpoints are asked for only when the instance has none. When it
        cannot be told whether it is a worker, it is not destroyed.
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
      - O(state=restarted) restarts in each run. Everything else changes nothing in a second run.
notes:
  - O(wait_timeout) bounds the whole task, not each of its phases. Cancelling a start has a minute of its own beyond it.
  - A start that is not proven to run with its GPU is cancelled before the task fails, whatever went wrong, and the
    message says whether that is confirmed. SIGINT, SIGTERM and SIGHUP end the task in the same way.
  - When the task keyword C(timeout) ends a task, its module notices that at the next poll and does the same, but can no
    longer say so. With an C(async) time that is too short it is killed. Run the same task again then; it finds a start
    that was left queued, and asks for it again or cancels it.
seealso:
  - module: vastai.cloud.vast_fleet
  - module: vastai.cloud.vast_instance_logs
  - module: vastai.cloud.vast_instance_recycle
"""

EXAMPLES = r"""
- name: Stop an instance by its id
  vastai.cloud.vast_instance:
    id: 4711
    state: stopped

- name: Start the one instance that is labelled train-01, and go on at once
  vastai.cloud.vast_instance:
    label: train-01
    state: running
    wait: false

- name: Restart an instance whose service hangs; its disk stays
  vastai.cloud.vast_instance:
    label: train-01
    state: restarted

- name: Destroy the instance of this job, if there still is one
  vastai.cloud.vast_instance:
    label: train-01
    state: absent

- name: Destroy an instance by its id, but only if it is the one that is meant
  vastai.cloud.vast_instance:
    id: 4711
    label: train-01
    state: absent

- name: Label an instance
  vastai.cloud.vast_instance:
    id: 4711
    label: train-01

- name: Wait up to half an hour for a GPU that somebody else has at the moment
  vastai.cloud.vast_instance:
    label: train-01
    state: running
    on_unavailable: wait
    wait_timeout: 1800
    wait_interval: 15

- name: Start, or say what to do instead
  block:
    - name: Start the training box
      vastai.cloud.vast_instance:
        label: train-01
        state: running
      register: box
  rescue:
    - name: Tell why there is no box today
      ansible.builtin.debug:
        msg: "No GPU for train-01: {{ ansible_failed_result.msg }}"
      when: ansible_failed_result.error_class == 'unavailable'
"""

RETURN = r"""
instance:
  description: The instance as it was last seen. The same keys in every module of this collection; secrets are left out.
  returned: when the instance was found, also on most failures
  type: dict
  sample:
    id: 4711
    label: train-01
    actual_status: running
    intended_status: running
    cur_state: running
    ssh: {host: 203.0.113.7, port: 20022, user: root, via: direct}
    gpu_name: RTX 4090
    num_gpus: 1
    dph_total: 0.42
  contains:
    # shared: instance
    id:
      description: >-
        The id of the instance; Vast.ai also calls it contract id.
      returned: always
      type: int
    label:
      description: >-
        The label of the instance, or null without one.
      returned: always
      type: str
    actual_status:
      description: >-
        The container as its host reports it, such as V(running), V(loading), V(exited) or V(offline); null
        while the instance is provisioned. A stopped instance shows V(exited). Never judge by this field alone.
      returned: always
      type: str
    intended_status:
      description: >-
        What the user asked for, V(running), V(stopped) or V(frozen).
      returned: always
      type: str
    status_msg:
      description: >-
        The last message of the host's daemon. It lags behind.
      returned: always
      type: str
    public_ipaddr:
      description: >-
        The public address of the host.
      returned: always
      type: str
    ssh:
      description: >-
        The SSH address. Null unless the instance runs and Vast.ai reports a valid one.
      returned: always
      type: dict
      contains:
        host:
          description: The host name or IP address.
          returned: always
          type: str
        port:
          description: The port of the SSH server.
          returned: always
          type: int
        user:
          description: The user to log in as, V(root).
          returned: always
          type: str
        via:
          description: V(direct) for the published port 22, V(proxy) for Vast.ai's proxy.
          returned: always
          type: str
    cur_state:
      description: >-
        The state of the contract, V(running), V(stopped) or V(unloaded). While it is V(running) the instance holds its
        GPU and pays for it.
      returned: always
      type: str
    next_state:
      description: >-
        The state that is scheduled for the contract.
      returned: always
      type: str
    machine_id:
      description: >-
        The id of the machine.
      returned: always
      type: int
    host_id:
      description: >-
        The id of the host who offers the machine.
      returned: always
      type: int
    image_uuid:
      description: >-
        The image with its tag.
      returned: always
      type: str
    image_runtype:
      description: >-
        How the container is run, in the API's own words, such as V(ssh ssh_direc ssh_proxy).
      returned: always
      type: str
    template_id:
      description: >-
        The id of the template that the instance was made from, or null.
      returned: always
      type: int
    template_hash_id:
      description: >-
        The hash of the template that the instance was made from, or null.
      returned: always
      type: str
    template_name:
      description: >-
        The name of the template that the instance was made from, or null.
      returned: always
      type: str
    num_gpus:
      description: >-
        The number of GPUs.
      returned: always
      type: int
    gpu_name:
      description: >-
        The name of the GPU, such as V(RTX 4090).
      returned: always
      type: str
    gpu_ram:
      description: >-
        The memory of one GPU in MB.
      returned: always
      type: int
    gpu_util:
      description: >-
        The use of the GPUs in per cent, or null.
      returned: always
      type: float
    gpu_temp:
      description: >-
        The temperature of the GPU in degrees Celsius, or null.
      returned: always
      type: float
    cpu_name:
      description: >-
        The name of the CPU.
      returned: always
      type: str
    cpu_cores_effective:
      description: >-
        The CPU cores of this instance.
      returned: always
      type: float
    cpu_ram:
      description: >-
        The memory of the machine in MB.
      returned: always
      type: int
    disk_space:
      description: >-
        The size of the disk in GB.
      returned: always
      type: float
    disk_usage:
      description: >-
        The used part of the disk, as the API has it.
      returned: always
      type: float
    inet_up:
      description: >-
        The upload speed in Mbit/s.
      returned: always
      type: float
    inet_down:
      description: >-
        The download speed in Mbit/s.
      returned: always
      type: float
    dph_total:
      description: >-
        The price in US dollars per hour while it runs, storage included.
      returned: always
      type: float
    dph_base:
      description: >-
        The price in US dollars per hour without storage; of an interruptible instance its bid.
      returned: always
      type: float
    storage_total_cost:
      description: >-
        The price of the storage in US dollars per hour, which a stopped instance goes on paying.
      returned: always
      type: float
    is_bid:
      description: >-
        Whether the instance is interruptible, that is rented by a bid.
      returned: always
      type: bool
    min_bid:
      description: >-
        The lowest bid for the machine in US dollars per hour.
      returned: always
      type: float
    start_date:
      description: >-
        When the contract began, in seconds since 1970.
      returned: always
      type: float
    end_date:
      description: >-
        When the contract ends, in seconds since 1970; it cannot be started after that.
      returned: always
      type: float
    geolocation:
      description: >-
        The place of the machine, as a text.
      returned: always
      type: str
    country_code:
      description: >-
        The country of the machine as a code of two letters.
      returned: always
      type: str
    verification:
      description: >-
        Whether Vast.ai has verified the machine.
      returned: always
      type: str
    reliability2:
      description: >-
        The reliability of the machine, from 0 to 1.
      returned: always
      type: float
    driver_version:
      description: >-
        The version of the GPU driver.
      returned: always
      type: str
    cuda_max_good:
      description: >-
        The highest version of CUDA that the driver supports.
      returned: always
      type: float
    ports:
      description: >-
        The published ports in Docker's form, from V(22/tcp) to a list of C(HostIp) and C(HostPort); null unless it
        runs.
      returned: always
      type: dict
    # end
destroyed:
  description: What was destroyed, or would be in check mode; null when there was nothing to destroy.
  returned: with O(state=absent), unless the task fails
  type: dict
  sample: {id: 4711, label: train-01}
  contains:
    id:
      description: The id of the instance.
      returned: always
      type: int
    label:
      description: Its label, or null without one.
      returned: always
      type: str
actions:
  description: What was done, or would be done in check mode, in order; one sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - stop instance 4711 (train-01)
# shared: plan
diff:
  description: What changed or would change, as C(before) and C(after).
  returned: success
  type: dict
  contains:
    before_header:
      description: What the diff is about.
      returned: always
      type: str
    after_header:
      description: What the diff is about, once more.
      returned: always
      type: str
    before:
      description: The fields that differ, as they were.
      returned: always
      type: dict
    after:
      description: The same fields, as wanted.
      returned: always
      type: dict
# end
# shared: failure
error_class:
  description: >-
    What kind of failure it is: V(auth), V(permission), V(not_found), V(ambiguous), V(invalid), V(rate_limited),
    V(quota), V(unavailable), V(deprecated), V(server), V(transport), V(unknown_outcome), V(timeout), V(protocol) or
    V(dependency).
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
    VastModule,
    run_module,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.resource import outcome
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import TARGET_OPTIONS, Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.switch import switch, to_switch

OPTIONS = {
    **TARGET_OPTIONS,
    **WAIT_OPTIONS,
    "state": {"type": "str", "choices": ["present", "running", "stopped", "restarted", "absent"]},
    "on_unavailable": {"type": "str", "choices": ["fail", "wait"], "default": "fail"},
    "include_workers": {"type": "bool", "default": False},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the instance, plan, bring it there unless in check mode, tell what became of it."""
    target, waits = Ref.from_options(module.params), module.waits()
    state, queues = module.params["state"], module.params["on_unavailable"] == "wait"
    if target.id is None and state is None:
        raise Invalid(
            "state is required when label selects the instance; to change a label, select the instance by id."
        )
    if queues and not waits.wait:
        raise Invalid("on_unavailable=wait needs wait=true: otherwise nothing would cancel the queued start.")
    if state == "restarted" and target.id is not None and target.label is not None:
        raise Invalid("state=restarted cannot set a label at once; omit label, or set it in a task of its own.")
    module.connect()
    if state == "absent":
        return absent(module, target)
    found = find(module.client, target)
    if state == "restarted":
        # What a task without changes does not need.
        from ansible_collections.vastai.cloud.plugins.module_utils._instances.restart import restart, to_restart

        item = to_restart(found)
        module.bring(restart, [item], waits, queues=queues)
    else:
        move = None if state == "present" else state
        item = to_switch(found, move, None if target.id is None else target.label)
        module.bring(switch, [item], move, waits, queues=queues)
    return outcome(item, "instance", planned=module.check_mode)


def absent(module: VastModule, target: Ref) -> dict[str, t.Any]:
    """Destroy the instance, if there is one and it is no worker. Raises Invalid for one that is, or may be."""
    from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Plan
    from ansible_collections.vastai.cloud.plugins.module_utils._instances.destroy import destroy, to_destroy
    from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import find_to_destroy

    found = find_to_destroy(module.client, target)
    if found is None:
        named = f"instance {target.id}" if target.id is not None else f"instance with the label {target.label!r}"
        return {**Plan(named).result(), "instance": None, "destroyed": None}
    if not (found.label or module.params["include_workers"]):
        check_no_worker(module, found)
    item = to_destroy(found)
    module.bring(destroy, [item])
    destroyed = {"id": found.id, "label": found.label or None}
    return {**outcome(item, "instance", planned=module.check_mode), "destroyed": destroyed}


def check_no_worker(module: VastModule, found: Instance) -> None:
    """Raises Invalid for a worker of an endpoint, and for what may be one while that cannot be told."""
    from ansible_collections.vastai.cloud.plugins.module_utils._serverless.workers import owners_of_all

    owners = owners_of_all(module.client, module.deadline)
    if found.id in owners.endpoints:
        raise Invalid(
            f"{found.display_name} is a worker of endpoint {owners.endpoints[found.id]}, so it was not destroyed: "
            "Vast.ai would replace it. Change or delete the endpoint, or set include_workers=true.",
            instance=found.result(),
        )
    if not owners.complete:
        raise Invalid(
            f"{found.display_name} has no label and may be a worker of an endpoint, which cannot be told now, so it "
            "was not destroyed. Run the task again, or set include_workers=true.",
            instance=found.result(),
        )


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "label"), ("state", "label")])


if __name__ == "__main__":
    main()
