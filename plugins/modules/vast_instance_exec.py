#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_instance_exec
short_description: Run ls, du or rm on the disk of a stopped instance on Vast.ai
version_added: 0.1.0
description:
  - Runs one of the few commands that Vast.ai allows on the disk of an instance, and returns its output. It needs no
    GPU.
  - Vast.ai runs these commands only on stopped instances. C(ls), C(rm) and C(du) are known to be allowed; the server
    decides. On a running instance, the task fails and returns its SSH address.
  - Vast.ai does not report an exit status, so the module cannot fail when the command fails. Error messages of the
    command are part of RV(stdout).
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.target
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  command:
    description:
      - The command, at most 512 characters. Trailing line breaks, for example of a YAML block, are removed.
      - C(ls) and C(du) without shell operators only read. They report no change and also run in check mode. Any other
        command reports a change and is not sent in check mode.
    type: str
    required: true
  creates:
    description:
      - An absolute path on the disk of the instance. When it exists, the command is skipped.
      - The module checks this with C(ls) through the same API, also in check mode. The task fails when the output does
        not show clearly whether this path exists. Characters that a shell could interpret, such as C(;), are refused.
    type: str
  removes:
    description:
      - An absolute path on the disk of the instance. When it does not exist, the command is skipped.
      - The module checks this with C(ls) through the same API, also in check mode. The task fails when the output does
        not show clearly whether this path exists. Characters that a shell could interpret, such as C(;), are refused.
    type: str
  result_timeout:
    description:
      - Number of seconds to wait for the output of a command, at most 86400. Vast.ai writes the output to a file, which
        takes a few seconds.
    type: int
    default: 60
  strip_empty_ends:
    description:
      - Whether to strip empty lines from the end of RV(stdout).
    type: bool
    default: true
attributes:
  check_mode:
    support: partial
    details:
      - C(ls) and C(du) without shell operators only read and are run. Any other command is not sent, and reports a
        change unless O(creates) or O(removes) skips it.
  diff_mode:
    support: partial
    details:
      - The diff shows the command, not its effect on the disk.
  idempotent:
    support: partial
    details:
      - A command that may write runs every time, unless O(creates) or O(removes) skips it.
seealso:
  - module: vastai.cloud.vast_instance
"""

EXAMPLES = r"""
- name: Show the disk usage of a stopped instance
  vastai.cloud.vast_instance_exec:
    label: train-01
    command: du -d1 -h /workspace
  register: usage

- name: Show the output
  ansible.builtin.debug:
    var: usage.stdout_lines

- name: Remove the checkpoints, once
  vastai.cloud.vast_instance_exec:
    id: 4711
    command: rm -rf /workspace/checkpoints
    removes: /workspace/checkpoints

- name: Fail when the model is missing (the API reports no exit status, so check the output)
  block:
    - name: Look for the model
      vastai.cloud.vast_instance_exec:
        label: train-01
        command: ls /workspace/model.safetensors
      register: model

    - name: Check that the model exists
      ansible.builtin.assert:
        that: "'No such file or directory' not in model.stdout"
        fail_msg: "The model is missing on train-01: {{ model.stdout }}"
"""

RETURN = r"""
stdout:
  description: The output of the command, including error messages. Empty when it was not run.
  returned: success
  type: str
  sample: "8.0K\t/workspace"
stdout_lines:
  description: The output as a list of lines.
  returned: success
  type: list
  elements: str
  sample: ["8.0K\t/workspace"]
msg:
  description: The reason why the command was skipped, or the error message.
  returned: when the command was skipped because of O(creates) or O(removes), and on failure
  type: str
  sample: "Skipped: /workspace/checkpoints does not exist."
result_url:
  description: The URL where Vast.ai keeps the output for some time. Omitted when the URL itself contains a secret.
  returned: when the command was run
  type: str
  sample: https://s3.amazonaws.com/vast.ai/instance_logs/0123abcd.log
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
    - "run rm -rf /workspace/cache on instance 4711 (train-01)"
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import VastModule, run_module
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Plan
from ansible_collections.vastai.cloud.plugins.module_utils._instances.commands import (
    Output,
    Wanted,
    is_known,
    plan_command,
    run_command,
    skip_reason,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import TARGET_OPTIONS, Ref, find

OPTIONS = {
    **TARGET_OPTIONS,
    "command": {"type": "str", "required": True},
    "creates": {"type": "str"},
    "removes": {"type": "str"},
    "result_timeout": {"type": "int", "default": 60},
    "strip_empty_ends": {"type": "bool", "default": True},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the instance, ask for the paths, plan, stop here in check mode unless it only reads, run."""
    target, wanted = Ref.from_options(module.params), Wanted.from_options(module.params)
    module.connect()
    instance = find(module.client, target)
    reason = skip_reason(module.client, instance, wanted)
    plan = Plan(instance.display_name) if reason else plan_command(instance, wanted.command)
    output = Output("")
    if module.check_mode and plan.changed:
        if not instance.is_stopped:
            module.warn(
                f"{instance.display_name} is not stopped now ({instance.described}); Vast.ai would refuse the command."
            )
        if not is_known(wanted.command):
            module.warn(f"Vast.ai is known to run only ls, rm and du, so it may refuse {wanted.command!r}.")
    elif not reason:
        output = run_command(module.client, instance, wanted.command, wanted.timeout)
    text = output.text.rstrip("\r\n") if module.params["strip_empty_ends"] else output.text
    result = {**plan.result(), "stdout": text, "stdout_lines": text.splitlines(), "instance": instance.result()}
    if output.public_url:
        result["result_url"] = output.public_url
    return {**result, "msg": reason} if reason else result


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "label")], mutually_exclusive=[("id", "label")])


if __name__ == "__main__":
    main()
