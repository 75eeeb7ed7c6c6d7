#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_instance_logs
short_description: Read the log of a rented GPU instance on Vast.ai
version_added: 0.3.0
description:
  - Returns the output of the container of an instance, or the log of the daemon on its host.
  - Vast.ai writes the log to a file, and the module waits for it. Several requests may use the same file, which may
    still contain the text of an earlier request; see RV(may_be_old).
  - The log is deleted with the instance. Read it before you destroy a failed instance.
  - The API key and the known secrets in the environment of the instance are masked. Other output is returned unchanged.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.target
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  tail:
    description:
      - Number of lines to return from the end of the log, at most 100000. A log of more than 4 MiB is refused.
    type: int
    default: 1000
  filter:
    description:
      - Return only lines that contain this text. Vast.ai applies it like C(grep).
    type: str
  daemon:
    description:
      - Whether to return the log of the daemon that runs the container. It shows why a container does not start.
    type: bool
    default: false
  result_timeout:
    description:
      - Number of seconds to wait for the log, at most 86400. Vast.ai writes it to a file, which takes a few seconds.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
seealso:
  - module: vastai.cloud.vast_instance
  - module: vastai.cloud.vast_instance_exec
"""

EXAMPLES = r"""
- name: Read the last lines of a training run
  vastai.cloud.vast_instance_logs:
    label: train-01
    tail: 50
  register: log

- name: Show the lines
  ansible.builtin.debug:
    var: log.stdout_lines

- name: Show why an instance does not start
  block:
    - name: Start the training box
      vastai.cloud.vast_instance:
        label: train-01
        state: running
  rescue:
    - name: Read the log of its daemon
      vastai.cloud.vast_instance_logs:
        label: train-01
        daemon: true
        tail: 20
      register: reason

    - name: Fail with the log
      ansible.builtin.fail:
        msg: "{{ ansible_failed_result.msg }} The daemon says: {{ reason.stdout }}"

- name: Wait until the server reports that it is ready
  vastai.cloud.vast_instance_logs:
    label: serve-a
    filter: Application startup complete
  register: ready
  until: "'Application startup complete' in ready.stdout"
  retries: 20
  delay: 15
"""

RETURN = r"""
stdout:
  description: The log without trailing line breaks. Empty when it has no lines, or none that match O(filter).
  returned: success
  type: str
  sample: "epoch 1: loss 0.71\nepoch 2: loss 0.42"
stdout_lines:
  description: The log as a list of lines.
  returned: success
  type: list
  elements: str
  sample: ["epoch 1: loss 0.71", "epoch 2: loss 0.42"]
may_be_old:
  description: >-
    Whether the text may be from an earlier request, because it was available at once and did not change within six
    seconds. Run the task again to get a newer one. When nothing is added to the log, the text stays the same, so do not
    wait until this is V(false). Check for the expected line in RV(stdout) instead.
  returned: success
  type: bool
  sample: false
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import VastModule, run_module
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import TARGET_OPTIONS, Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.logs import Wanted, read_log

OPTIONS = {
    **TARGET_OPTIONS,
    "tail": {"type": "int", "default": 1000},
    "filter": {"type": "str"},
    "daemon": {"type": "bool", "default": False},
    "result_timeout": {"type": "int", "default": 60},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the instance, ask for its log, wait for it. It only looks."""
    target, wanted = Ref.from_options(module.params), Wanted.from_options(module.params)
    module.connect()
    instance = find(module.client, target)
    log = read_log(module.client, instance, wanted)
    text = log.text.rstrip("\r\n")
    return {
        "changed": False,
        "stdout": text,
        "stdout_lines": text.splitlines(),
        "may_be_old": log.may_be_old,
        "instance": instance.result(),
    }


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "label")], mutually_exclusive=[("id", "label")])


if __name__ == "__main__":
    main()
