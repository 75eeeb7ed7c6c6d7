# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The criteria for offers of the market."""

    DOCUMENTATION = r"""
options:
  gpu_name:
    description:
      - Names of GPUs, any of which will do, such as V(RTX 4090). V(RTX_4090) is understood too.
    type: list
    elements: str
  num_gpus:
    description:
      - How many GPUs, exactly.
    type: int
  min_gpu_ram_gb:
    description:
      - Least memory of each GPU, in GB of 1000 MB, as Vast.ai's own client counts. A card sold with 24 GB has at
        least V(24).
    type: float
  min_cpu_cores:
    description:
      - Least number of virtual CPUs that come with the GPUs.
    type: float
  min_cpu_ram_gb:
    description:
      - Least main memory, in GB of 1000 MB.
    type: float
  min_inet_down:
    description:
      - Least download speed, in Mbit/s. It decides how long a large image takes to pull.
    type: float
  min_inet_up:
    description:
      - Least upload speed, in Mbit/s.
    type: float
  min_reliability:
    description:
      - Least reliability of the machine, from V(0) to V(1).
    type: float
  min_cuda:
    description:
      - Least CUDA version that the driver supports, such as V(12.4).
    type: float
  min_compute_cap:
    description:
      - Least compute capability as people write it, such as V(8.9).
    type: float
  min_direct_ports:
    description:
      - Least number of ports that can be mapped directly.
    type: int
  min_duration_hours:
    description:
      - For how many hours the machine must be on offer at least. An instance cannot run beyond that.
    type: float
  country:
    description:
      - Codes of countries, any of which will do, such as V(NO) or V(US). An offer whose country cannot be told does
        not fit.
    type: list
    elements: str
  datacenter:
    description:
      - Whether the machine stands in a data centre. Offers do not show this, so that Vast.ai's word has to do; a
        warning says so.
    type: bool
  verified:
    description:
      - Whether only machines that Vast.ai has verified count. V(false) means any.
    type: bool
    default: true
  static_ip:
    description:
      - Whether the address of the machine is static.
    type: bool
  machine_id:
    description:
      - Ids of machines, any of which will do.
    type: list
    elements: int
  host_id:
    description:
      - Ids of hosts, any of which will do.
    type: list
    elements: int
  exclude_machine_id:
    description:
      - Ids of machines that will not do.
    type: list
    elements: int
  exclude_host_id:
    description:
      - Ids of hosts that will not do.
    type: list
    elements: int
  interruptible:
    description:
      - Whether to look for interruptible offers, which are paid by a bid and stopped when somebody bids more.
      - Their price is that of the lowest bid.
    type: bool
    default: false
  max_price:
    description:
      - The most that it may cost, in US dollars an hour, all in. GPUs and disk count.
    type: float
  query:
    description:
      - >-
        Further criteria in the form of the API, C({field: {operator: value}}), in the units of the API.
      - The operators are V(eq), V(neq), V(gt), V(gte), V(lt), V(lte), V(in) and V(notin). Names of fields are
        checked here, since the API ignores those that it does not know.
      - A field that one of the other options asks for is refused.
    type: dict
  order:
    description:
      - What comes first. V(price) is the lowest, the others are the highest first.
    type: str
    choices:
      - price
      - performance_per_price
      - performance
      - reliability
      - inet_down
    default: price
  prefer:
    description:
      - V(gpu_name) puts the offers of the GPU first that stands first in the list of names, each GPU in the order
        asked for. This costs a search for each name until there are enough.
    type: str
    choices:
      - gpu_name
  limit:
    description:
      - How many offers to return, V(64) at most. Vast.ai counts returned offers and allows 20,000 a day.
    type: int
    default: 20
"""
