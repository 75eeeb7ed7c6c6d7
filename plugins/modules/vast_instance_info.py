#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_instance_info
short_description: List rented GPU instances on Vast.ai and what they cost
version_added: 0.2.0
description:
  - Returns the instances of the account that meet all criteria, from a complete listing. Without criteria, it returns
    all instances.
  - An empty or null criterion selects no instance, so that a template with an empty result does not select everything.
  - When the listing fails or is incomplete, the task fails. It never returns an empty list instead.
  - Contracts that Vast.ai has released but still lists are not returned. RV(unloaded) counts them.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.selection
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
  - vastai.cloud.attributes.info
options:
  missing:
    description:
      - What to do when a value of O(ids), O(label), O(gpu_name) or O(machine_id) does not exist in the account.
      - V(fail) fails with RV(error_class) V(not_found) and suggests similar labels and GPU names. V(warn) warns with
        the same suggestions. V(ignore) does not check, which saves requests.
    type: str
    choices:
      - fail
      - warn
      - ignore
    default: warn
    version_added: 0.3.0
  find_workers:
    description:
      - Whether to return in RV(instances[].worker_of) which instances are workers of serverless endpoints. The listing
        of instances does not contain this, so it takes one more request, and another one per endpoint.
      - When this cannot be found out for an instance, the module warns, and the instance has no C(worker_of).
    type: bool
    default: false
    version_added: 0.3.0
  fields:
    description:
      - The keys of RV(instances) to return, to keep the result short. C(id) is always included. Unknown keys are
        refused. V(worker_of) requires O(find_workers=true).
      - If not given, all keys are returned.
    type: list
    elements: str
    version_added: 0.3.0
seealso:
  - module: vastai.cloud.vast_fleet
  - plugin: vastai.cloud.vast_instances
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: List all instances and their cost
  vastai.cloud.vast_instance_info:
  register: fleet

- name: Show the totals
  ansible.builtin.debug:
    msg: "{{ fleet.total }} instances at {{ fleet.cost.per_hour }} $/h: {{ fleet.labels }}"

- name: List all instances with a few fields
  vastai.cloud.vast_instance_info:
    fields:
      - label
      - actual_status
      - gpu_name
      - dph_total

- name: List instances without a label
  vastai.cloud.vast_instance_info:
    unlabelled: true
    find_workers: true
  register: unlabelled

- name: Show which of them are not workers of endpoints
  ansible.builtin.debug:
    msg: "{{ unlabelled.instances | selectattr('worker_of', 'defined') | selectattr('worker_of', 'none') }}"

- name: List the running development instances
  vastai.cloud.vast_instance_info:
    label_prefix: dev-
    status:
      - running

- name: Stop the play when all instances together cost more than 5 dollars per hour
  block:
    - name: Get the total cost
      vastai.cloud.vast_instance_info:
      register: fleet

    - name: Check the budget
      ansible.builtin.assert:
        that: fleet.cost.per_hour <= 5
        fail_msg: "{{ fleet.total }} instances cost {{ fleet.cost.per_hour }} $/h: {{ fleet.labels }}"
"""

RETURN = r"""
instances:
  description: >-
    The selected instances, sorted by id. Each has the keys of RV(vastai.cloud.vast_instance#module:instance), or those
    in O(fields).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 4711
      label: train-01
      actual_status: running
      ssh: {host: 203.0.113.7, port: 20022, user: root, via: direct}
      gpu_name: RTX 4090
      dph_total: 0.42
  contains:
    # shared: instance
    id:
      description: >-
        The id of the instance. Vast.ai also calls it the contract id.
      returned: always
      type: int
    label:
      description: >-
        The label of the instance, or null without one.
      returned: always
      type: str
    actual_status:
      description: >-
        The status of the container as its host reports it, such as V(running), V(loading), V(exited) or V(offline);
        null while the instance is being provisioned. Both a stopped instance and a crashed container have the status
        V(exited), so check C(intended_status) as well.
      returned: always
      type: str
    intended_status:
      description: >-
        The requested status: V(running), V(stopped) or V(frozen).
      returned: always
      type: str
    status_msg:
      description: >-
        The last message of the daemon on the host. It may be out of date.
      returned: always
      type: str
    public_ipaddr:
      description: >-
        The public IP address of the host.
      returned: always
      type: str
    ssh:
      description: >-
        The SSH address. Null unless the instance is running and Vast.ai reports a valid address.
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
          description: V(direct) for the published port 22, V(proxy) for the proxy of Vast.ai.
          returned: always
          type: str
    cur_state:
      description: >-
        The state of the contract: V(running), V(stopped) or V(unloaded). While it is V(running), the instance holds
        its GPU and you pay for it.
      returned: always
      type: str
    next_state:
      description: >-
        The scheduled state of the contract. V(running) on a stopped instance means that a start is queued.
      returned: always
      type: str
    machine_id:
      description: >-
        The id of the machine.
      returned: always
      type: int
    host_id:
      description: >-
        The id of the host that offers the machine.
      returned: always
      type: int
    image_uuid:
      description: >-
        The image with its tag.
      returned: always
      type: str
    image_runtype:
      description: >-
        How the container is launched, as the API returns it, such as V(ssh ssh_direc ssh_proxy).
      returned: always
      type: str
    template_id:
      description: >-
        The id of the template of the instance, or null.
      returned: always
      type: int
    template_hash_id:
      description: >-
        The hash of the template of the instance, or null.
      returned: always
      type: str
    template_name:
      description: >-
        The name of the template of the instance, or null.
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
        The GPU utilization in percent, or null.
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
        The number of CPU cores of this instance.
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
        The disk usage as the API reports it.
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
        The price in US dollars per hour while the instance runs, storage included, traffic excluded.
      returned: always
      type: float
    dph_base:
      description: >-
        The price in US dollars per hour without storage. For an interruptible instance, its bid.
      returned: always
      type: float
    storage_total_cost:
      description: >-
        The price of the storage in US dollars per hour. A stopped instance still costs this.
      returned: always
      type: float
    is_bid:
      description: >-
        Whether the instance is interruptible, which means that it was rented with a bid.
      returned: always
      type: bool
    min_bid:
      description: >-
        The lowest accepted bid for the machine in US dollars per hour.
      returned: always
      type: float
    start_date:
      description: >-
        When the contract started, in seconds since 1970.
      returned: always
      type: float
    end_date:
      description: >-
        When the contract ends, in seconds since 1970. The instance cannot be started after that.
      returned: always
      type: float
    geolocation:
      description: >-
        The location of the machine.
      returned: always
      type: str
    country_code:
      description: >-
        The country of the machine as a two-letter code.
      returned: always
      type: str
    verification:
      description: >-
        The verification status of the machine, such as V(verified).
      returned: always
      type: str
    reliability2:
      description: >-
        The reliability score of the machine, from 0 to 1.
      returned: always
      type: float
    driver_version:
      description: >-
        The version of the GPU driver.
      returned: always
      type: str
    cuda_max_good:
      description: >-
        The highest CUDA version that the driver supports.
      returned: always
      type: float
    ports:
      description: >-
        The published ports in the format of Docker: each key such as V(22/tcp) has a list of C(HostIp) and
        C(HostPort). Null unless the instance is running.
      returned: always
      type: dict
    # end
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
total:
  description: Number of selected instances.
  returned: success
  type: int
  sample: 3
unloaded:
  description: >-
    Number of further instances that meet the criteria but whose contract is released. They are destroyed and do not
    bill.
  returned: success
  type: int
  sample: 0
labels:
  description: Number of instances per label. The empty string stands for no label.
  returned: success
  type: dict
  sample: {train-01: 1, "": 2}
cost:
  description: >-
    Cost in US dollars per hour, by the prices of the listing. It does not include traffic, volumes and serverless
    usage.
  returned: success
  type: dict
  sample: {running: 0.84, if_started: 0.42, storage: 0.012, per_hour: 0.852, unknown: []}
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
from ansible_collections.vastai.cloud.plugins.module_utils._instances.cost import cost
from ansible_collections.vastai.cloud.plugins.module_utils._instances.fields import (
    WorkerOf,
    check_fields,
    not_asked,
    some_of,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import (
    MISSING,
    SELECTION_OPTIONS,
    Selection,
    choose,
    count_by_label,
)

OPTIONS: Spec = {
    **SELECTION_OPTIONS,
    "missing": {"type": "str", "choices": list(MISSING), "default": "warn"},
    "find_workers": {"type": "bool", "default": False},
    "fields": {"type": "list", "elements": "str"},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """One complete listing, chosen from and summed up."""
    selection, fields = Selection.from_options(module.params, looks=True), module.params["fields"]
    selection.check_all()
    check_fields(fields, with_workers=module.params["find_workers"])
    module.connect()
    instances, unloaded = choose(module.client, selection, missing=module.params["missing"])
    worker_of = workers(module) if instances and module.params["find_workers"] else not_asked
    sums = cost(instances)
    if sums["unknown"]:
        module.warn(
            f"Vast.ai reports no price for {', '.join(map(str, sums['unknown'][:10]))}: sums of cost with it are null."
        )
    return {
        "changed": False,
        "instances": [some_of({**instance.result(), **worker_of(instance.id)}, fields) for instance in instances],
        "total": len(instances),
        "unloaded": unloaded,
        "labels": count_by_label(instances),
        "cost": sums,
    }


def workers(module: VastModule) -> WorkerOf:
    """What is known of which instances are workers; a warning when that is not all."""
    from ansible_collections.vastai.cloud.plugins.module_utils._serverless.workers import owners_of_all

    owners = owners_of_all(module.client)
    if not owners.complete:
        module.warn("Which instances are workers of endpoints is not known for all; those lack worker_of.")
    return owners.worker_of


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, criteria=SELECTION_OPTIONS)


if __name__ == "__main__":
    main()
