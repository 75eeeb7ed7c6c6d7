# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The criteria for offers of the market."""

    DOCUMENTATION = r"""
options:
  gpu_name:
    description:
      - Accepted GPU models, such as V(RTX 4090). V(RTX_4090) means the same. Any one of them satisfies the
        search.
    type: list
    elements: str
  num_gpus:
    description:
      - The exact number of GPUs.
    type: int
  min_gpu_ram_gb:
    description:
      - Minimum memory per GPU, in GB of 1000 MB, the unit of the official client. A card that is sold with 24
        GB has at least V(24).
    type: float
  min_cpu_cores:
    description:
      - Minimum number of virtual CPUs.
    type: float
  min_cpu_ram_gb:
    description:
      - Minimum system memory, in GB of 1000 MB.
    type: float
  min_inet_down:
    description:
      - Minimum download speed, in Mbit/s. It determines how long a large image takes to pull.
    type: float
  min_inet_up:
    description:
      - Minimum upload speed, in Mbit/s.
    type: float
  min_reliability:
    description:
      - Minimum reliability score of the machine, from V(0) to V(1).
    type: float
  min_cuda:
    description:
      - Minimum CUDA version that the driver must support, such as V(12.4).
    type: float
  min_compute_cap:
    description:
      - Minimum CUDA compute capability, such as V(8.9).
    type: float
  min_direct_ports:
    description:
      - Minimum number of ports that can be mapped directly.
    type: int
  min_duration_hours:
    description:
      - Minimum number of hours for which the machine must stay on offer. An instance cannot run longer than
        that.
    type: float
  country:
    description:
      - Accepted countries, as two-letter codes such as V(SE) or V(US). Write V("NO") in quotes, because YAML
        reads it as false. Offers without a known country are not accepted.
    type: list
    elements: str
  datacenter:
    description:
      - V(true) accepts only machines in a data centre, V(false) only others. Vast.ai applies this filter, but
        offers do not show the value, so the module cannot verify it and warns.
    type: bool
  verified:
    description:
      - V(true) accepts only machines that Vast.ai has verified. V(false) accepts any machine.
    type: bool
    default: true
  static_ip:
    description:
      - V(true) accepts only machines with a static IP address, V(false) only others.
    type: bool
  machine_id:
    description:
      - Ids of the accepted machines.
    type: list
    elements: int
  host_id:
    description:
      - Ids of the accepted hosts.
    type: list
    elements: int
  exclude_machine_id:
    description:
      - Ids of machines to exclude.
    type: list
    elements: int
  exclude_host_id:
    description:
      - Ids of hosts to exclude.
    type: list
    elements: int
  interruptible:
    description:
      - Whether to search for interruptible offers. You bid for them, and they are stopped when someone else
        bids more.
      - Their price is the lowest accepted bid.
    type: bool
    default: false
  max_price:
    description:
      - Maximum price in US dollars per hour, for GPUs and disk together. Traffic is not included.
    type: float
  query:
    description:
      - >-
        Further criteria in the format of the API, C({field: {operator: value}}), in the units of the API.
      - The operators are V(eq), V(neq), V(gt), V(gte), V(lt), V(lte), V(in) and V(notin). The module checks
        the field names, because the API ignores unknown ones.
      - A field that another option already sets is refused.
    type: dict
  order:
    description:
      - How to sort the offers. V(price) sorts the lowest first, all others sort the highest first.
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
      - V(gpu_name) sorts the offers by their position in the list of GPU names first, then by C(order). This
        needs one search per name until there are enough offers.
    type: str
    choices:
      - gpu_name
  limit:
    description:
      - Maximum number of offers that a search returns, from V(1) to V(64). Vast.ai allows 20,000 returned
        offers per day and account.
    type: int
    default: 20
"""
