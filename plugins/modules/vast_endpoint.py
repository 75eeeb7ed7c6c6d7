#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_endpoint
short_description: Delete a serverless endpoint group on Vast.ai and prove its workers gone
version_added: 0.1.0
description:
  - Deletes an endpoint group with its workergroups, and waits until none of its workers exists any more.
  - Which workers there are is read before the deletion. A worker that Vast.ai failed to delete, or that still exists in
    the end, goes on billing. Then the task fails with the RV(error_class) V(leaked) and names it with its price.
  - Workers that are not proven gone are remembered for each account in a private file in
    C($XDG_CACHE_HOME/ansible-vastai-cloud), by default C(~/.cache/ansible-vastai-cloud). Every later task for that
    endpoint fails, too, until complete listings show that they are gone; the task that finds them gone succeeds. That
    holds after V(wait=false), after an interrupted task, and when somebody else deleted the endpoint meanwhile.
  - When neither the serverless engine nor the reply to the deletion tells which workers there were, the task fails with
    V(unknown_outcome). Later tasks fail while there are instances without a label that may be those workers.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.wait
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  id:
    description:
      - The id of the endpoint group.
      - Exactly one of O(id) and O(name) is needed.
    type: int
  name:
    description:
      - The name of the endpoint group. When several carry it the task fails and lists their ids.
    type: str
  state:
    description:
      - V(absent) deletes the endpoint group.
    type: str
    required: true
    choices:
      - absent
  workers:
    description:
      - Ids of instances that are leftover workers of the endpoint group. They are held to the same proof. Use it where
        the file of an earlier task is missing, such as on another machine.
      - An instance that has a label of its own, or that is a worker of another endpoint group, is refused.
    type: list
    elements: int
    version_added: 0.3.0
  wait:
    description:
      - Whether to wait until no worker exists any more. Otherwise their removal is not verified by this task, but by
        the next one.
  wait_timeout:
    description:
      - How many seconds the whole task may take. Proving that the workers are gone takes up to 60 seconds more.
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Take an endpoint down
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: absent
  register: gone

- name: Show which workers went
  ansible.builtin.debug:
    var: gone.deleted_workers

- name: Delete by id, and wait two minutes at most
  vastai.cloud.vast_endpoint:
    id: 77
    state: absent
    wait_timeout: 120

- name: Prove that two workers are gone which another machine left over
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: absent
    workers: [1001, 1002]
"""

RETURN = r"""
endpoint:
  description: The endpoint group as it was found, without its key; null when there is none.
  returned: success, and on failure when it was found
  type: dict
  sample:
    id: 77
    endpoint_name: llama-prod
    endpoint_state: active
    cold_workers: 2
    max_workers: 8
  contains:
    # shared: endpoint
    id:
      description: >-
        The id of the endpoint group.
      returned: always
      type: int
    endpoint_name:
      description: >-
        Its name, which need not be the only one of its kind.
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
        Minimum of the whole capacity.
      returned: always
      type: float
    target_util:
      description: >-
        The wanted use of the capacity, at most 1.0.
      returned: always
      type: float
    cold_mult:
      description: >-
        The cold capacity as a multiple of the load.
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
        The longest queue of a worker in seconds, or null.
      returned: always
      type: float
    target_queue_time:
      description: >-
        The wanted queue of a worker in seconds, or null.
      returned: always
      type: float
    inactivity_timeout:
      description: >-
        After how many idle seconds it scales to zero, or null.
      returned: always
      type: float
    autoscaler_instance:
      description: >-
        The engine that serves it, such as V(prod).
      returned: always
      type: str
    created_at:
      description: >-
        When it was made, as text or in seconds since 1970.
      returned: always
      type: raw
    # end
deleted_workers:
  description: The ids of the workers that Vast.ai says it deleted.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: [1001, 1002]
failed_workers:
  description: >-
    The ids of the workers that Vast.ai said it failed to delete. While they exist they bill, and the task fails.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: []
workers:
  description: >-
    The workers that went, or would go in check mode, and the leftover ones that were held to the proof, as they were
    last seen. Null when it is not known which there are.
  returned: success, and on failure when the deletion is in doubt
  type: list
  elements: dict
  sample:
    - id: 1001
      status: idle
      gpu_name: RTX 4090
      actual_status: running
      dph_total: 0.42
  contains:
    id:
      description: The id of the instance.
      returned: always
      type: int
    status:
      description: The state in the engine's own words, or null when it does not list the worker.
      returned: always
      type: str
    gpu_name:
      description: The name of the GPU.
      returned: always
      type: str
    actual_status:
      description: The state of the container, or null when it is not known.
      returned: always
      type: str
    intended_status:
      description: The wanted state.
      returned: always
      type: str
    cur_state:
      description: The state of the contract.
      returned: always
      type: str
    dph_total:
      description: The price in US dollars per hour, or null when it is not known.
      returned: always
      type: float
leaked_workers:
  description: >-
    The workers that still exist, as they were last seen. When it is not known which workers there were, the instances
    without a label that may be some.
  returned: when workers are left over, or may be
  type: list
  elements: dict
  sample:
    - id: 1003
      dph_total: 0.42
  contains:
    id:
      description: The id of the instance.
      returned: always
      type: int
    status:
      description: The state in the engine's own words, or null when it does not list the worker.
      returned: always
      type: str
    gpu_name:
      description: The name of the GPU.
      returned: always
      type: str
    actual_status:
      description: The state of the container, or null when it is not known.
      returned: always
      type: str
    intended_status:
      description: The wanted state.
      returned: always
      type: str
    cur_state:
      description: The state of the contract.
      returned: always
      type: str
    dph_total:
      description: The price in US dollars per hour, or null when it is not known.
      returned: always
      type: float
known:
  description: Which endpoint groups there are, when there is none with this id or name.
  returned: when there is no such endpoint group
  type: list
  elements: dict
  sample:
    - id: 78
      endpoint_name: llama-test
  contains:
    id:
      description: The id of the endpoint group.
      returned: always
      type: int
    endpoint_name:
      description: Its name.
      returned: always
      type: str
actions:
  description: What was done, or would be done in check mode, in order; one sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - delete endpoint 77 (llama-prod) with its workergroups and workers
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import (
    WAIT_OPTIONS,
    VastModule,
    run_module,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Deadline
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import check_id
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Plan
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import find, known, near_miss, read
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.leaks import Memory
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.teardown import (
    Case,
    plan_absent,
    prove,
    survey,
    tear_down,
)

OPTIONS = {
    **WAIT_OPTIONS,
    "id": {"type": "int"},
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["absent"], "required": True},
    "workers": {"type": "list", "elements": "int"},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the endpoint group and its workers, plan, stop here in check mode, delete, prove its workers gone."""
    endpoint_id, name, waits = module.params["id"], module.params["name"], module.waits()
    check_options(endpoint_id, name, module.params["workers"])
    module.connect()
    deadline = Deadline(module.client.clock, waits.timeout)
    memory = Memory(module.client)
    groups = read(module.client)
    case = Case(
        wanted=f"endpoint {endpoint_id if name is None else name}",
        groups=groups,
        found=find(groups, endpoint_id, name),
        leaks=memory.concerning(endpoint_id, name),
        named=frozenset(module.params["workers"] or ()),
    )
    survey(module.client, case, deadline)
    plan = plan_absent(case)
    if case.found is None and name and (near := near_miss(groups, name)):
        module.warn(f"There is no endpoint group named {name!r}.{near}")
    if case.suspects.gap and module.check_mode:
        module.warn(f"Which workers {case.display_name} has is not known. {case.suspects.gap}")
    if case.found is None and module.check_mode:
        prove(module.client, case, waits._replace(wait=False), deadline)
    if not module.check_mode:
        tear_down(module.client, case, memory, waits, deadline)
        if not case.deletion.done:
            plan = Plan(case.display_name)
    return {
        **plan.result(),
        "endpoint": None if case.found is None else case.found.result(),
        **({"known": known(groups)} if case.found is None else {}),
        "workers": case.suspects.results(),
        **case.deletion.result(),
    }


def check_options(endpoint_id: int | None, name: str | None, workers: list[int] | None) -> None:
    """Raises Invalid for options that select nothing."""
    check_id(endpoint_id)
    if name == "":
        raise Invalid("name must not be empty; select the endpoint group by id.")
    if workers == []:
        raise Invalid("workers must not be empty; omit it instead.")
    for worker in workers or ():
        check_id(worker)


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "name")], mutually_exclusive=[("id", "name")])


if __name__ == "__main__":
    main()
