#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_offer_info
short_description: Search GPU offers on Vast.ai, with the price of the disk
version_added: 0.3.0
description:
  - Returns the current offers that meet all criteria, with their prices.
  - The module checks each returned offer against every criterion again, because the API silently ignores criteria that
    it does not know. It removes offers that do not meet them and counts them in RV(dropped).
  - When no offer meets all criteria, RV(relax) shows for each criterion how many offers there would be without it.
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
      - The disk size that you intend to rent, in GB. The offer must have this much free space, and all prices include
        it.
    type: float
    default: 10
seealso:
  - module: vastai.cloud.vast_instance_info
"""

EXAMPLES = r"""
- name: Search offers for training and their prices
  vastai.cloud.vast_offer_info:
    gpu_name: [RTX 4090, RTX 5090]
    num_gpus: 1
    min_inet_down: 500
    min_reliability: 0.98
    disk: 100
    max_price: 0.80
  register: market

- name: Show the cheapest offer
  ansible.builtin.debug:
    msg: "{{ market.offers[0].gpu_name }} at {{ market.offers[0].price.per_hour }} $/h, offer {{ market.offers[0].id }}"

- name: Search the best performance per price in two countries, with criteria of the API
  vastai.cloud.vast_offer_info:
    country: ["NO", SE]
    order: performance_per_price
    query:
      gpu_arch: {eq: nvidia}
      pcie_bw: {gte: 12}
    limit: 5

- name: Search with criteria that no offer meets
  vastai.cloud.vast_offer_info:
    gpu_name: [H200]
    max_price: 0.10
  register: market

- name: Show which criterion to relax
  ansible.builtin.debug:
    var: market.relax
"""

RETURN = r"""
offers:
  description: The offers that meet all criteria, in the requested order.
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
      description: The id of the offer. It becomes invalid within minutes.
      returned: always
      type: int
    price:
      description: The price with the requested disk, in US dollars.
      returned: always
      type: dict
      contains:
        per_hour:
          description: Total price per hour, without traffic. A month of disk has 720 hours.
          returned: always
          type: float
        gpu:
          description: The price of the GPUs per hour. For an interruptible offer, the lowest accepted bid.
          returned: always
          type: float
        disk:
          description: The price of the disk per hour.
          returned: always
          type: float
        traffic_per_tb:
          description: >-
            The price of a terabyte (1000 GB) of traffic in the more expensive direction. RV(offers[].price.per_hour)
            does not include it.
          returned: always
          type: float
    reliability:
      description: The reliability of the machine, from 0 to 1.
      returned: always
      type: float
    machine_id:
      description: The id of the machine of the offer.
      returned: always
      type: int
    host_id:
      description: The id of the host that offers the machine.
      returned: always
      type: int
    gpu_name:
      description: The GPU model.
      returned: always
      type: str
    num_gpus:
      description: The number of GPUs.
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
      description: The share of the GPUs of the machine.
      returned: always
      type: float
    gpu_arch:
      description: The GPU architecture, such as V(nvidia).
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
      description: The number of virtual CPUs.
      returned: always
      type: float
    cpu_ram:
      description: Main memory, in MB.
      returned: always
      type: float
    disk_space:
      description: Free disk space in GB.
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
      description: The location of the machine.
      returned: always
      type: str
    verification:
      description: The verification status of the machine, such as V(verified).
      returned: always
      type: str
    duration:
      description: Number of seconds for which the offer remains.
      returned: always
      type: float
    end_date:
      description: When the offer ends, in seconds since 1970.
      returned: always
      type: float
    dlperf:
      description: The deep learning score of Vast.ai.
      returned: always
      type: float
    dlperf_per_dphtotal:
      description: The deep learning score per US dollar per hour.
      returned: always
      type: float
    score:
      description: The ranking score of Vast.ai.
      returned: always
      type: float
    dph_base:
      description: US dollars per hour without disk, as the API reports it.
      returned: always
      type: float
    dph_total:
      description: US dollars per hour with a disk, as the API reports it.
      returned: always
      type: float
    min_bid:
      description: The lowest accepted bid in US dollars per hour.
      returned: always
      type: float
    is_bid:
      description: Whether it is interruptible.
      returned: always
      type: bool
    storage_cost:
      description: US dollars per GB of disk and month of 720 hours.
      returned: always
      type: float
    inet_up_cost:
      description: US dollars per GB of upload traffic.
      returned: always
      type: float
    inet_down_cost:
      description: US dollars per GB of download traffic.
      returned: always
      type: float
dropped:
  description: Number of returned offers that did not meet the criteria and were removed.
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
    One entry per criterion when no offer meets all criteria, otherwise empty. This needs up to 8 more searches.
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
      description: Number of offers without this criterion. At most 64 are counted.
      returned: always
      type: int
    nearest:
      description: The value of the closest of these offers, in the unit of the option, or null.
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
from ansible_collections.vastai.cloud.plugins.module_utils._renting.criteria import Criteria
from ansible_collections.vastai.cloud.plugins.module_utils._renting.offers import relax, search
from ansible_collections.vastai.cloud.plugins.module_utils._renting.options import OFFER_OPTIONS

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
