#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_volume
short_description: Keep a volume of a Vast.ai account
version_added: 0.3.0
description:
  - Rents a volume on a machine, or deletes it. A volume is known by its name and its machine.
  - An instance can only use a volume of its own machine, and only when it is created with it, see the option
    O(vastai.cloud.vast_instance#module:volumes).
  - A volume bills until it is deleted, whether an instance uses it or not.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  name:
    description:
      - The name, up to 64 letters, digits and V(_).
    type: str
    required: true
  size:
    description:
      - The size in GB. Required to create the volume.
      - A volume cannot be resized. One that exists with another size is a failure.
    type: int
  machine_id:
    description:
      - The machine. One of O(machine_id), O(near_instance) and O(offer) is required to create the volume. Without a
        machine, the volume must be the only one of its name.
    type: int
  near_instance:
    description:
      - The id or the label of an instance whose machine is meant. That instance must exist.
    type: str
  offer:
    description:
      - What the machine must be like, on which the cheapest volume is rented. All criteria must hold; each offer is
        held against them once more when it comes.
      - It says where a volume is created. One that exists is found by O(name) on any machine, and not held against it.
      - An instance can then only be rented on that machine; whether it has a GPU to offer is not looked at.
    type: dict
    suboptions:
      min_inet_down:
        description:
          - Least download speed, in Mbit/s.
        type: float
      min_inet_up:
        description:
          - Least upload speed, in Mbit/s.
        type: float
      min_reliability:
        description:
          - Least reliability of the machine, from V(0) to V(1).
        type: float
      min_duration_hours:
        description:
          - For how many hours the machine must be on offer at least.
        type: float
      country:
        description:
          - Codes of countries, any of which will do, such as V(SE) or V(US). Write V("NO") in quotes, since YAML takes
            it for false. An offer whose country cannot be told does not fit.
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
      query:
        description:
          - >-
            Further criteria in the form of the API, C({field: {operator: value}}), in the units of the API.
          - The fields are C(cpu_arch), C(datacenter), C(disk_bw) (in MB/s), C(driver_version), C(duration),
            C(geolocation), C(gpu_arch), C(host_id), C(inet_down), C(inet_up), C(machine_id), C(reliability),
            C(static_ip), C(storage_cost) (in US dollars a GB and month) and C(verified).
          - The operators are V(eq), V(neq), V(gt), V(gte), V(lt), V(lte), V(in) and V(notin).
          - A field that one of the other options asks for is refused.
        type: dict
  max_price:
    description:
      - The most that the whole volume may cost, in US dollars a month of 720 hours. Required to create it. It is not
        compared with what a volume that exists costs.
    type: float
  state:
    description:
      - Whether the volume is to exist.
      - V(absent) deletes the volume and all that is on it. While an instance uses it, that is refused. When the
        instance has just been destroyed, the task waits for up to 90 seconds until Vast.ai lets the volume go.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vastai.cloud.vast_instance
  - module: vastai.cloud.vast_account_info
  - module: vastai.cloud.vast_cost_info
"""

EXAMPLES = r"""
- name: Keep a volume on the machine of an instance
  vastai.cloud.vast_volume:
    name: datasets
    size: 100
    near_instance: train-01
    max_price: 20

- name: Keep one where the net is fast and the disk is, too
  vastai.cloud.vast_volume:
    name: models
    size: 50
    offer:
      min_inet_down: 500
      min_reliability: 0.98
      query:
        disk_bw: {gte: 1000}
    max_price: 15

- name: Delete it
  vastai.cloud.vast_volume:
    name: datasets
    state: absent
"""

RETURN = r"""
volume:
  description: The volume, or null when there is none.
  returned: when the account was read
  type: dict
  sample: {id: 900, name: datasets, size: 100, machine_id: 501, status: created, instances: [], per_month: 15.0}
  contains:
    id:
      description: The id.
      returned: always
      type: int
    name:
      description: The name.
      returned: always
      type: str
    size:
      description: The size in GB.
      returned: always
      type: float
    machine_id:
      description: The machine that it is on.
      returned: always
      type: int
    status:
      description: The status that Vast.ai reports.
      returned: always
      type: str
    instances:
      description: The ids of the instances that use it, or have used it until a moment ago.
      returned: always
      type: list
      elements: int
    per_month:
      description: US dollars for 720 hours; null when Vast.ai does not tell.
      returned: always
      type: float
actions:
  description: What was done, or would be done in check mode, in order; one sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - create volume data on machine 501 with 100 GB for 15 $ a month
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import Spec, VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import volumes
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import MAX_ID, check_id, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._core.crud import ANSWERS_WITHIN, outcome
from ansible_collections.vastai.cloud.plugins.module_utils._core.rows import is_id
from ansible_collections.vastai.cloud.plugins.module_utils._instances.criteria import as_query, conditions
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.look import look
from ansible_collections.vastai.cloud.plugins.module_utils._instances.named import named
from ansible_collections.vastai.cloud.plugins.module_utils._instances.options import OFFER_OPTIONS

OF_A_VOLUME = (
    "min_inet_down",
    "min_inet_up",
    "min_reliability",
    "min_duration_hours",
    "country",
    "datacenter",
    "verified",
    "static_ip",
    "machine_id",
    "host_id",
    "exclude_machine_id",
    "exclude_host_id",
    "query",
)
"""The criteria of vast_offer_info that the search for volumes knows, and its rows show (F6.5)."""
FIELDS = frozenset(
    (
        "cpu_arch",
        "datacenter",
        "disk_bw",
        "driver_version",
        "duration",
        "geolocation",
        "gpu_arch",
        "host_id",
        "inet_down",
        "inet_up",
        "machine_id",
        "reliability",
        "static_ip",
        "storage_cost",
        "verified",
    )
)
"""The fields of the same."""
OPTIONS: Spec = {
    "name": {"type": "str", "required": True},
    "size": {"type": "int"},
    "machine_id": {"type": "int"},
    "near_instance": {"type": "str"},
    "offer": {"type": "dict", "options": {name: OFFER_OPTIONS[name] for name in OF_A_VOLUME}},
    "max_price": {"type": "float"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def checked(options: t.Mapping[str, t.Any]) -> Ref | None:
    """The instance that is named. Raises Invalid for options that cannot be."""
    volumes.checked_name(options["name"])
    check_id(options["machine_id"], "machine_id")
    for name, least in (("size", 1), ("max_price", 0)):
        if options[name] is not None:
            check_number(options[name], name, least, MAX_ID)
    near = options["near_instance"]
    return None if near is None else named(near, "near_instance")


def where(options: t.Mapping[str, t.Any] | None) -> volumes.Where | None:
    """What `offer` asks for. Raises Invalid for what cannot be."""
    if options is None:
        return None
    found = conditions(options, FIELDS)
    asked = {"external": {"eq": False}, **as_query(found)}

    def misses(row: t.Mapping[str, t.Any]) -> list[str]:
        return [each.option for each in found if not each.fits(row, 0.0)]

    unheld = [each.option for each in found if each.field == "datacenter"]
    return volumes.Where(asked, misses, ["size", *dict.fromkeys(each.option for each in found)], unheld)


def machine_of(client: Client, ref: Ref) -> int:
    """The machine of an instance. Raises NotFound, Ambiguous, and Invalid when it has none."""
    instance = find(client, ref)
    number = instance.row.get("machine_id")
    if not is_id(number):
        raise Invalid(f"Vast.ai does not tell the machine of {instance.display_name}. Give machine_id.")
    return number


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the volume, plan, rent or delete it unless in check mode."""
    options, near = module.params, checked(module.params)
    place = where(options["offer"])
    module.connect()
    client = module.client

    def users(ids: list[int]) -> list[str]:
        return [each.display_name for each in look(client, ids) if not each.is_unloaded]

    machine_id = options["machine_id"] if near is None else machine_of(client, near)
    kind = volumes.Volumes(options["name"], machine_id, options["size"], place)
    module.bound(options["retry_timeout"] + ANSWERS_WITHIN + volumes.RELEASED_WITHIN)
    if options["state"] == "absent":
        items = [volumes.to_remove(client, kind, users)]
        if items[0].plan.changes:
            module.bring(volumes.remove, kind, items, users)
    else:
        items = [volumes.to_have(client, kind, options["max_price"])]
        module.bring(volumes.rent, kind, items)
    row = items[0].seen.row
    if items[0].wrote and row is not None and options["state"] == "present":
        for deviation in volumes.deviations(row, kind, options["max_price"]):
            module.warn(f"{items[0].name} ({row['id']}) was created, but {deviation}.")
    return outcome(items, {"volume": volumes.shown(row)}, planned=module.check_mode)


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, mutually_exclusive=[("machine_id", "near_instance", "offer")])


if __name__ == "__main__":
    main()
