#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_instance_recycle
short_description: Recreate the container of a rented GPU instance on Vast.ai
version_added: 0.1.0
description:
  - Destroys the container of an instance and creates a new one from a freshly pulled image, without losing the GPU.
    Waits until the instance is running again.
  - B(All data in the container is lost.) Only data on volumes is kept.
  - B(The published ports change), including the SSH port. The returned RV(instance) has the new ports.
  - An instance whose container is already being created is not recycled again. The module only waits for it.
  - A stopped instance cannot be recycled. Without O(only_if_status), the task fails.
  - The request is sent once. When neither the status nor the ports of the instance change within one minute, the task
    fails with RV(error_class) V(unknown_outcome). With O(wait=false), it warns instead.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.target
  - vastai.cloud.wait
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  only_if_status:
    description:
      - Recycle the instance only if RV(instance.actual_status) has one of these values. Otherwise nothing changes. This
        makes a playbook that repairs crashed instances idempotent.
      - If empty, the instance is recycled in any status. An instance in V(loading) or V(created) counts as already
        being recycled, unless this list contains that status.
      - A stopped instance also has the status V(exited), but is not recycled.
    type: list
    elements: str
    default: []
    choices:
      - created
      - exited
      - frozen
      - loading
      - offline
      - rebooting
      - running
      - unknown
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(only_if_status), a second run finds the instance running and changes nothing. Without it, every run
        recycles the instance, except while a recycle is in progress.
seealso:
  - module: vastai.cloud.vast_instance
"""

EXAMPLES = r"""
- name: Recreate the container from the newest image
  vastai.cloud.vast_instance_recycle:
    label: serve-a
  register: fresh

- name: Use the new SSH address
  ansible.builtin.add_host:
    name: serve-a
    ansible_host: "{{ fresh.instance.ssh.host }}"
    ansible_port: "{{ fresh.instance.ssh.port }}"
    ansible_user: "{{ fresh.instance.ssh.user }}"

- name: Recycle an instance only if its container has crashed
  vastai.cloud.vast_instance_recycle:
    id: 4711
    only_if_status:
      - exited
"""

RETURN = r"""
instance:
  description: The instance as last seen, without secrets. All modules of this collection return the same keys.
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
actions:
  description: The actions that were taken, or would be in check mode, in order.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      recycle instance 4711 (train-01): a new container from a fresh pull of pytorch/pytorch:latest; its file system is
      lost
# shared: plan
diff:
  description: What changed or would change, as C(before) and C(after).
  returned: success
  type: dict
  contains:
    before_header:
      description: The name of what the diff describes.
      returned: always
      type: str
    after_header:
      description: The same as C(before_header).
      returned: always
      type: str
    before:
      description: The fields that differ, with their values before the task.
      returned: always
      type: dict
    after:
      description: The same fields, with the requested values.
      returned: always
      type: dict
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import (
    WAIT_OPTIONS,
    VastModule,
    run_module,
)
from ansible_collections.vastai.cloud.plugins.module_utils._core.resource import outcome
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import TARGET_OPTIONS, Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.renew import recycle, to_recycle

RECYCLABLE = ("created", "exited", "frozen", "loading", "offline", "rebooting", "running", "unknown")

OPTIONS = {
    **TARGET_OPTIONS,
    **WAIT_OPTIONS,
    "only_if_status": {"type": "list", "elements": "str", "default": [], "choices": list(RECYCLABLE)},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the instance, plan, recycle unless in check mode, tell what became of it."""
    target, waits = Ref.from_options(module.params), module.waits()
    module.connect()
    item = to_recycle(find(module.client, target), module.params["only_if_status"])
    module.bring(recycle, [item], waits)
    return outcome(item, "instance", planned=module.check_mode)


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "label")], mutually_exclusive=[("id", "label")])


if __name__ == "__main__":
    main()
