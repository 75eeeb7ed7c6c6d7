#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_instance_recycle
short_description: Give a rented GPU instance on Vast.ai a fresh container
version_added: 0.1.0
description:
  - Destroys the container of an instance and makes a new one from a freshly pulled image, without losing the GPU. Waits
    until the instance runs again.
  - B(The file system of the container is lost.) Only what lies on volumes stays.
  - B(The published ports change), and with them where ssh answers; the returned RV(instance) has the new ones.
  - An instance whose container is being made already is not recycled again; the module only waits for it.
  - A stopped instance is never recycled.
  - A recycle is sent once. When the instance shows no sign of it, another status or other ports, within a minute of
    waiting, the task fails with RV(error_class) V(unknown_outcome); with O(wait=false) it warns.
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
      - Recycle only an instance that is found with one of these values of RV(instance.actual_status); leave any
        other as it is. This makes a playbook that heals crashed instances idempotent.
      - If not given, the instance is recycled in any status. One that shows V(loading) or V(created) while it boots
        counts as being recycled already, unless that status is named here.
      - A stopped instance also shows V(exited); it is left as it is all the same.
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
      - With O(only_if_status) a second run finds the instance running and leaves it as it is. Without it each run
        recycles, except while a recycle is under way.
seealso:
  - module: vastai.cloud.vast_instance
"""

EXAMPLES = r"""
- name: Fresh container from the newest image
  vastai.cloud.vast_instance_recycle:
    label: serve-a
  register: fresh

- name: Use the new address
  ansible.builtin.add_host:
    name: serve-a
    ansible_host: "{{ fresh.instance.ssh.host }}"
    ansible_port: "{{ fresh.instance.ssh.port }}"
    ansible_user: "{{ fresh.instance.ssh.user }}"

- name: Heal an instance whose container has crashed, and leave it alone otherwise
  vastai.cloud.vast_instance_recycle:
    id: 4711
    only_if_status:
      - exited
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
actions:
  description: What was done, or would be done in check mode, in order; one sentence each.
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
