#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_endpoint_info
short_description: List serverless endpoint groups on Vast.ai with their workergroups and workers
version_added: 0.2.0
description:
  - Returns the endpoint groups of the account, each with its workergroups and, if the serverless engine lists them, its
    workers. No keys are returned.
  - When the engine cannot be reached, the workers of the remaining endpoint groups are null, and the module warns.
  - When a listing fails, the task fails. It never returns an empty list instead.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
  - vastai.cloud.attributes.info
options:
  ids:
    description:
      - Ids of endpoint groups. If none of O(ids), O(name) and O(names) is given, all are returned. An empty list or
        null returns none.
    type: list
    elements: int
  name:
    description:
      - The name of the endpoint groups. Several may have the same name. An empty name or null returns none.
    type: str
  names:
    description:
      - Names of endpoint groups. An empty list returns none.
    type: list
    elements: str
    version_added: 0.3.0
  cost:
    description:
      - Whether to look up the cost of the workers. This requires a listing of their instances.
    type: bool
    default: false
    version_added: 0.3.0
  logs:
    description:
      - Number of lines to return from the end of the log of each endpoint, at most 10000, without secrets. V(0) reads
        no log.
    type: int
    default: 0
    version_added: 0.3.0
  missing:
    description:
      - What to do when an id or name does not exist.
      - V(fail) fails, V(warn) warns, and V(ignore) does nothing.
    type: str
    choices:
      - fail
      - warn
      - ignore
    default: warn
    version_added: 0.3.0
seealso:
  - module: vastai.cloud.vast_endpoint
"""

EXAMPLES = r"""
- name: List all endpoint groups
  vastai.cloud.vast_endpoint_info:
  register: serverless

- name: Show how many workers each has
  ansible.builtin.debug:
    msg: "{{ item.endpoint_name }}: {{ item.workers | default([], true) | length }}"
  loop: "{{ serverless.endpoints }}"
  loop_control:
    label: "{{ item.id }}"

- name: Show the cost and the last log lines of two endpoints
  vastai.cloud.vast_endpoint_info:
    names: [llama-prod, sdxl]
    cost: true
    logs: 20

- name: Show one endpoint
  vastai.cloud.vast_endpoint_info:
    name: llama-prod
"""

RETURN = r"""
endpoints:
  description: The selected endpoint groups, without their keys.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 77
      endpoint_name: llama-prod
      endpoint_state: active
      max_workers: 8
      workergroups:
        - id: 501
          gpu_ram: 24
      workers:
        - id: 1001
          status: idle
  contains:
    # shared: endpoint
    id:
      description: >-
        The id of the endpoint group.
      returned: always
      type: int
    endpoint_name:
      description: >-
        The name of the endpoint group. It need not be unique.
      returned: always
      type: str
    endpoint_state:
      description: >-
        V(active), V(suspended) or V(stopped).
      returned: always
      type: str
    min_load:
      description: >-
        Minimum load in performance units per second.
      returned: always
      type: float
    min_cold_load:
      description: >-
        Minimum total capacity in performance units per second.
      returned: always
      type: float
    target_util:
      description: >-
        Target utilization of the capacity, at most 1.0.
      returned: always
      type: float
    cold_mult:
      description: >-
        Cold capacity as a multiple of the load.
      returned: always
      type: float
    cold_workers:
      description: >-
        Minimum number of workers.
      returned: always
      type: int
    max_workers:
      description: >-
        Maximum number of workers.
      returned: always
      type: int
    max_queue_time:
      description: >-
        Maximum queue time of a worker in seconds, or null.
      returned: always
      type: float
    target_queue_time:
      description: >-
        Target queue time of a worker in seconds, or null.
      returned: always
      type: float
    inactivity_timeout:
      description: >-
        Number of idle seconds after which the endpoint scales to zero, or null.
      returned: always
      type: float
    autoscaler_instance:
      description: >-
        The serverless engine that serves the endpoint, such as V(prod).
      returned: always
      type: str
    created_at:
      description: >-
        When the endpoint was created, as text or in seconds since 1970.
      returned: always
      type: raw
    # end
    workergroups:
      description: The workergroups of the endpoint group, without their keys.
      returned: always
      type: list
      elements: dict
      contains:
        id:
          description: The id of the workergroup.
          returned: always
          type: int
        min_load:
          description: The minimum load of the workergroup.
          returned: always
          type: float
        target_util:
          description: The target utilization of the capacity.
          returned: always
          type: float
        cold_mult:
          description: Cold capacity as a multiple of the load.
          returned: always
          type: float
        test_workers:
          description: Number of workers that are started to measure their performance.
          returned: always
          type: int
        template_id:
          description: The id of the template.
          returned: always
          type: int
        template_hash:
          description: The hash of the template.
          returned: always
          type: str
        search_query:
          description: The search for its machines, as the API returns it.
          returned: always
          type: raw
        gpu_ram:
          description: The estimated GPU memory that the model needs, in GB.
          returned: always
          type: float
        created_at:
          description: When it was created.
          returned: always
          type: raw
    workers:
      description: The workers that the serverless engine lists, or null when they are not known.
      returned: always
      type: list
      elements: dict
      contains:
        id:
          description: The id of the instance.
          returned: always
          type: int
        status:
          description: The state that the serverless engine reports.
          returned: always
          type: str
        gpu_name:
          description: The name of the GPU.
          returned: always
          type: str
        url:
          description: The URL of the worker.
          returned: always
          type: str
        created_at:
          description: When it was created.
          returned: always
          type: raw
        started_at:
          description: When it was started.
          returned: always
          type: raw
        loaded_at:
          description: When its model was loaded.
          returned: always
          type: raw
        # shared: worker
        worker_of:
          description: >-
            The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
            The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
          returned: when it is known
          type: int
        # end
    counts:
      description: >-
        Number of workers by state, such as C(idle). Null when the workers are not known.
      returned: always
      type: dict
    per_hour:
      description: >-
        Cost of the workers in US dollars per hour. This is the sum of their instances or, if the price of one is not
        known, the value that Vast.ai reports. Null without O(cost), or when neither is known.
      returned: always
      type: float
    log:
      description: >-
        The last lines of the log. Empty without O(logs), or when the engine does not return the log.
      returned: always
      type: list
      elements: str
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
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import NotFound
from ansible_collections.vastai.cloud.plugins.module_utils._core.amounts import amount, total
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import check_id, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import monitoring, workergroups, workers
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import (
    Endpoint,
    missing_from,
    read,
)

OPTIONS: Spec = {
    "ids": {"type": "list", "elements": "int"},
    "name": {"type": "str"},
    "names": {"type": "list", "elements": "str"},
    "cost": {"type": "bool", "default": False},
    "logs": {"type": "int", "default": 0},
    "missing": {"type": "str", "choices": ["fail", "warn", "ignore"], "default": "warn"},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """List the groups, choose, and add what belongs to each."""
    ids, name, names = (module.params[option] for option in ("ids", "name", "names"))
    for each in ids or ():
        check_id(each)
    check_number(module.params["logs"], "logs", 0, 10_000)
    module.connect()
    chosen: list[Endpoint] = []
    if ids != [] and name != "" and names != []:
        groups = read(module.client)
        wanted = [each for each in (name, *(names or ())) if each is not None]
        for text in missing_from(groups, ids or [], wanted):
            report(module, text)
        chosen = [
            group
            for group in groups
            if (ids is None or group.id in ids)
            and (name is None or group.endpoint_name == name)
            and (names is None or group.endpoint_name in names)
        ]
    return {"changed": False, "endpoints": describe(module, chosen)}


def report(module: VastModule, text: str) -> None:
    """Do about a group that is named and does not exist what the option `missing` says."""
    if module.params["missing"] == "fail":
        raise NotFound(text)
    if module.params["missing"] == "warn":
        module.warn(text)


def describe(module: VastModule, groups: list[Endpoint]) -> list[dict[str, t.Any]]:
    """The groups as results, with their workergroups and, where the engine lists them, their workers."""
    rows = workergroups.read(module.client) if groups else []
    told = workers.read(module.client, groups)
    prices = costs(module, groups, told) if module.params["cost"] else {}
    logs = monitoring.logs(module.client, groups, module.params["logs"])
    return [
        {
            **group.result(),
            "workergroups": workergroups.results(rows, group.id),
            **described(group, told.get(group.id)),
            "per_hour": prices.get(group.id),
            "log": logs.get(group.id, []),
        }
        for group in groups
    ]


def described(group: Endpoint, told: workers.Workers | None) -> dict[str, t.Any]:
    """The workers of one group, and how many are in which state."""
    if told is None or told.rows is None:
        return {"workers": None, "counts": None}
    return {"workers": told.results(group.id), "counts": monitoring.counts(told.rows)}


def costs(module: VastModule, groups: list[Endpoint], told: dict[int, workers.Workers]) -> dict[int, float | None]:
    """US dollars per hour by group: of the instances of its workers, or where a price is missing by the API's count."""
    from ansible_collections.vastai.cloud.plugins.module_utils._instances.look import look

    ids = {worker for each in told.values() for worker in each.ids}
    prices = {instance.id: instance.row.get("dph_total") for instance in look(module.client, ids)}
    found: dict[int, float | None] = {}
    for group in groups:
        each = told.get(group.id, workers.Workers(None))
        is_whole = each.rows is not None and not each.reason
        found[group.id] = total(amount(prices.get(worker)) for worker in each.ids) if is_whole else None
    if None in found.values():
        spent = monitoring.spend(module.client)
        found = {number: spent.get(number) if cost is None else cost for number, cost in found.items()}
    return found


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, criteria=("ids", "name", "names"))


if __name__ == "__main__":
    main()
