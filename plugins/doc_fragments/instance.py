# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The keys of an instance in results."""

    RETURN = r"""
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
"""
