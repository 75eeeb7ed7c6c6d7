#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_volume
short_description: Manage a volume of a Vast.ai account
version_added: 0.3.0
description:
  - Rents a volume on a machine, or deletes it. A volume is identified by its name and its machine.
  - An instance can only use a volume on its own machine, and only from its creation on, see
    O(vastai.cloud.vast_instance#module:volumes).
  - B(A volume bills until it is deleted, whether an instance uses it or not.)
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  name:
    description:
      - The name, with at most 64 letters, digits and V(_).
    type: str
    required: true
  size:
    description:
      - The size in GB. Required to create the volume.
      - A volume cannot be resized. When an existing volume has another size, the task fails.
    type: int
  machine_id:
    description:
      - The id of the machine. One of O(machine_id), O(near_instance) and O(offer) is required to create the volume.
        Without a machine, the name of the volume must be unique.
    type: int
  near_instance:
    description:
      - The id or the label of an existing instance. The volume is on its machine.
    type: str
  offer:
    description:
      - Criteria for the machine. The cheapest offer that meets all criteria is rented. The module checks each returned
        offer against the criteria again.
      - The criteria apply only to the creation. An existing volume is looked up by O(name) on any machine and not
        compared with them.
      - Instances that use the volume can only be rented on this machine. The module does not check whether it has a
        free GPU.
    type: dict
    suboptions:
      min_inet_down:
        description:
          - Minimum download speed, in Mbit/s.
        type: float
      min_inet_up:
        description:
          - Minimum upload speed, in Mbit/s.
        type: float
      min_reliability:
        description:
          - Minimum reliability score of the machine, from V(0) to V(1).
        type: float
      min_duration_hours:
        description:
          - Minimum number of hours for which the machine must stay on offer.
        type: float
      country:
        description:
          - Accepted countries, as two-letter codes such as V(SE) or V(US). Write V("NO") in quotes, because YAML reads
            it as false. Offers without a known country are not accepted.
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
      query:
        description:
          - >-
            Further criteria in the format of the API, C({field: {operator: value}}), in the units of the API.
          - The fields are C(cpu_arch), C(datacenter), C(disk_bw) (in MB/s), C(driver_version), C(duration),
            C(geolocation), C(gpu_arch), C(host_id), C(inet_down), C(inet_up), C(machine_id), C(reliability),
            C(static_ip), C(storage_cost) (in US dollars a GB and month) and C(verified).
          - The operators are V(eq), V(neq), V(gt), V(gte), V(lt), V(lte), V(in) and V(notin).
          - A field that another option already sets is refused.
        type: dict
  max_price:
    description:
      - Maximum price of the whole volume in US dollars per month of 720 hours. Required to create the volume. It is not
        compared with the price of an existing volume.
    type: float
  state:
    description:
      - V(present) creates the volume if it does not exist.
      - V(absent) deletes the volume, B(and all its data is lost). When an instance uses it, the task fails. When the
        instance has just been destroyed, the task waits up to 90 seconds until Vast.ai releases the volume.
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
- name: Create a volume on the machine of an instance
  vastai.cloud.vast_volume:
    name: datasets
    size: 100
    near_instance: train-01
    max_price: 20

- name: Create a volume on a machine with a fast network and a fast disk
  vastai.cloud.vast_volume:
    name: models
    size: 50
    offer:
      min_inet_down: 500
      min_reliability: 0.98
      query:
        disk_bw: {gte: 1000}
    max_price: 15

- name: Delete the volume with all its data
  vastai.cloud.vast_volume:
    name: datasets
    state: absent
"""

RETURN = r"""
volume:
  description: The volume, or null when it does not exist.
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
      description: The id of its machine.
      returned: always
      type: int
    status:
      description: The status that Vast.ai reports.
      returned: always
      type: str
    instances:
      description: The ids of the instances that use it, or have used it until recently.
      returned: always
      type: list
      elements: int
    per_month:
      description: The price in US dollars per 720 hours, or null when Vast.ai does not report it.
      returned: always
      type: float
actions:
  description: The actions that were taken, or would be in check mode, in order.
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import Spec, VastModule, run_module

# isort: split
from ansible_collections.vastai.cloud.plugins.module_utils._account import volumes
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import MAX_ID, check_id, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._core.crud import ANSWERS_WITHIN, outcome
from ansible_collections.vastai.cloud.plugins.module_utils._core.rows import is_id
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.look import look
from ansible_collections.vastai.cloud.plugins.module_utils._instances.named import named
from ansible_collections.vastai.cloud.plugins.module_utils._renting.criteria import as_query, conditions
from ansible_collections.vastai.cloud.plugins.module_utils._renting.options import OFFER_OPTIONS

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
        raise Invalid(f"Vast.ai does not report the machine of {instance.display_name}. Give machine_id.")
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
