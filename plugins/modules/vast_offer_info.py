#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_offer_info
short_description: Search the offers of GPUs on Vast.ai, with the price of the disk
version_added: 0.3.0
description:
  - Returns what could be rented now, and at what price. All criteria must hold.
  - Each offer that comes back is held against every criterion once more, since the API leaves out without a word what
    it does not understand. Offers that do not fit are left out and counted in RV(dropped).
  - When nothing fits, RV(relax) says for each criterion how many offers there would be without it.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.offer
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
  - vastai.cloud.attributes.info
options:
  disk:
    description:
      - The size of the disk that will be asked for, in GB. The offer must have it free, and every price includes it.
    type: float
    default: 10
seealso:
  - module: vastai.cloud.vast_instance_info
"""

EXAMPLES = r"""
- name: What would a training box cost
  vastai.cloud.vast_offer_info:
    gpu_name: [RTX 4090, RTX 5090]
    num_gpus: 1
    min_inet_down: 500
    min_reliability: 0.98
    disk: 100
    max_price: 0.80
  register: market

- name: Show the cheapest
  ansible.builtin.debug:
    msg: "{{ market.offers[0].gpu_name }} at {{ market.offers[0].price.per_hour }} $/h, offer {{ market.offers[0].id }}"

- name: The fastest machines for the money in two countries, by criteria of the API's own
  vastai.cloud.vast_offer_info:
    country: ["NO", SE]
    order: performance_per_price
    query:
      gpu_arch: {eq: nvidia}
      pcie_bw: {gte: 12}
    limit: 5

- name: Say what is in the way when nothing fits
  vastai.cloud.vast_offer_info:
    gpu_name: [H200]
    max_price: 0.10
  register: market

- name: Show what to relax
  ansible.builtin.debug:
    var: market.relax
"""

RETURN = r"""
offers:
  description: The offers that fit, in the order asked for.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 12345678
      machine_id: 88888
      gpu_name: RTX 4090
      num_gpus: 1
      price: {per_hour: 0.34, gpu: 0.32, disk: 0.02, traffic_per_tb: 4.6}
  contains:
    id:
      description: The id of the offer. It goes stale within minutes.
      returned: always
      type: int
    price:
      description: What it costs with the disk that was asked for, in US dollars.
      returned: always
      type: dict
      contains:
        per_hour:
          description: All in, an hour. A month of disk has 720 hours.
          returned: always
          type: float
        gpu:
          description: The part of the GPUs, an hour; of an interruptible offer the lowest bid.
          returned: always
          type: float
        disk:
          description: The part of the disk, an hour.
          returned: always
          type: float
        traffic_per_tb:
          description: >-
            The dearer direction of traffic, for a terabyte of 1000 GB. It is not part of RV(offers[].price.per_hour).
          returned: always
          type: float
    reliability:
      description: The reliability of the machine, from 0 to 1.
      returned: always
      type: float
    machine_id:
      description: The machine that the offer is a part of.
      returned: always
      type: int
    host_id:
      description: Whose machine it is.
      returned: always
      type: int
    gpu_name:
      description: The GPU.
      returned: always
      type: str
    num_gpus:
      description: How many GPUs.
      returned: always
      type: int
    gpu_ram:
      description: Memory of each GPU, in MB.
      returned: always
      type: float
    gpu_total_ram:
      description: Memory of all GPUs, in MB.
      returned: always
      type: float
    gpu_frac:
      description: The share of the machine's GPUs.
      returned: always
      type: float
    gpu_arch:
      description: The maker's architecture, such as V(nvidia).
      returned: always
      type: str
    compute_cap:
      description: Compute capability times 100.
      returned: always
      type: int
    cuda_max_good:
      description: The newest CUDA version that the driver supports.
      returned: always
      type: float
    driver_version:
      description: The version of the driver.
      returned: always
      type: str
    cpu_name:
      description: The CPU.
      returned: always
      type: str
    cpu_cores_effective:
      description: Virtual CPUs that come with the GPUs.
      returned: always
      type: float
    cpu_ram:
      description: Main memory, in MB.
      returned: always
      type: float
    disk_space:
      description: Free disk, in GB.
      returned: always
      type: float
    disk_bw:
      description: Speed of the disk, in MB/s.
      returned: always
      type: float
    inet_up:
      description: Upload speed, in Mbit/s.
      returned: always
      type: float
    inet_down:
      description: Download speed, in Mbit/s.
      returned: always
      type: float
    direct_port_count:
      description: Ports that can be mapped directly.
      returned: always
      type: int
    static_ip:
      description: Whether the address is static.
      returned: always
      type: bool
    geolocation:
      description: Where the machine stands.
      returned: always
      type: str
    verification:
      description: What Vast.ai says of the machine, such as V(verified).
      returned: always
      type: str
    duration:
      description: For how many seconds it is on offer.
      returned: always
      type: float
    end_date:
      description: Until when it is on offer, in seconds since 1970.
      returned: always
      type: float
    dlperf:
      description: Vast.ai's score for deep learning.
      returned: always
      type: float
    dlperf_per_dphtotal:
      description: The same for each US dollar an hour.
      returned: always
      type: float
    score:
      description: Vast.ai's own rank.
      returned: always
      type: float
    dph_base:
      description: US dollars an hour without disk, as the API tells it.
      returned: always
      type: float
    dph_total:
      description: US dollars an hour with a disk, as the API tells it.
      returned: always
      type: float
    min_bid:
      description: The lowest bid, in US dollars an hour.
      returned: always
      type: float
    is_bid:
      description: Whether it is interruptible.
      returned: always
      type: bool
    storage_cost:
      description: US dollars for a GB of disk and month of 720 hours.
      returned: always
      type: float
    inet_up_cost:
      description: US dollars for a GB sent.
      returned: always
      type: float
    inet_down_cost:
      description: US dollars for a GB received.
      returned: always
      type: float
dropped:
  description: How many offers came back that did not fit, and were left out.
  returned: success
  type: int
  sample: 0
more:
  description: Whether there may be more offers than were returned.
  returned: success
  type: bool
  sample: true
relax:
  description: >-
    When nothing fits, one entry for each criterion. It costs up to 8 searches. Empty when something fits.
  returned: success
  type: list
  elements: dict
  sample:
    - {criterion: max_price, offers: 12, nearest: 2.41}
  contains:
    criterion:
      description: The name of the option.
      returned: always
      type: str
    offers:
      description: How many offers there are without it, at most 64 are counted.
      returned: always
      type: int
    nearest:
      description: What the nearest of them has, in the unit of the option, or null.
      returned: always
      type: raw
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
from ansible_collections.vastai.cloud.plugins.module_utils._instances.criteria import Criteria
from ansible_collections.vastai.cloud.plugins.module_utils._instances.offers import relax, search
from ansible_collections.vastai.cloud.plugins.module_utils._instances.options import OFFER_OPTIONS

OPTIONS = {**OFFER_OPTIONS, "disk": {"type": "float", "default": 10}}


def run(module: VastModule) -> dict[str, t.Any]:
    """One search, held against what was asked; more only to say what to relax."""
    criteria = Criteria.from_options(module.params, module.params["disk"])
    module.connect()
    found = search(module.client, criteria)
    return {
        "changed": False,
        "offers": [offer.result() for offer in found.offers],
        "dropped": found.dropped,
        "more": found.more,
        "relax": [] if found.offers else relax(module.client, criteria),
    }


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
