#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_endpoint
short_description: Delete a serverless endpoint group on Vast.ai and prove its workers gone
version_added: 0.1.0
description:
  - Deletes an endpoint group with its workergroups, and waits until none of its workers is listed among the
    instances of the account any more.
  - A worker that Vast.ai failed to delete, or that is still listed in the end, goes on billing. Then the task fails
    and names the ids.
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
  wait:
    description:
      - Whether to wait until no worker is listed any more. Without that nothing is proven.
  wait_timeout:
    description:
      - For how many seconds to wait for the workers to go.
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

- name: Tell which workers went
  ansible.builtin.debug:
    var: gone.deleted_workers

- name: The same by id, with a short patience
  vastai.cloud.vast_endpoint:
    id: 77
    state: absent
    wait_timeout: 120
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
        The floor of the load in performance units per second.
      returned: always
      type: float
    min_cold_load:
      description: >-
        The floor of the whole capacity.
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
        How many workers are kept at least.
      returned: always
      type: int
    max_workers:
      description: >-
        How many workers there are at most.
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
deleted_workers:
  description: The ids of the workers that Vast.ai says it deleted.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: [1001, 1002]
failed_workers:
  description: The ids of the workers that Vast.ai failed to delete. They go on billing; the task fails.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: []
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
    V(quota), V(unavailable), V(deprecated), V(server), V(transport), V(unknown_outcome), V(timeout), V(protocol) or
    V(dependency).
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
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import check_id
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import (
    Deletion,
    delete,
    find,
    plan_absent,
    prove_workers_gone,
)

OPTIONS = {
    **WAIT_OPTIONS,
    "id": {"type": "int"},
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["absent"], "required": True},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the endpoint group, plan, stop here in check mode, delete, prove its workers gone."""
    endpoint_id, name, waits = module.params["id"], module.params["name"], module.waits()
    check_id(endpoint_id)
    if name == "":
        raise Invalid("An empty name selects no endpoint group; give its id.")
    module.connect()
    found = find(module.client, endpoint_id, name)
    plan = plan_absent(found, f"endpoint {endpoint_id if name is None else name}")
    deletion = Deletion()
    if found is not None and not module.check_mode:
        done = delete(module.client, found)
        if done is None:
            plan = plan_absent(None, found.display_name)
        else:
            deletion = done
            if waits.wait or deletion.failed_workers:
                prove_workers_gone(module.client, found, deletion, waits)
    return {
        **plan.result(),
        "endpoint": None if found is None else found.result(),
        "deleted_workers": deletion.deleted_workers,
        "failed_workers": deletion.failed_workers,
    }


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "name")], mutually_exclusive=[("id", "name")])


if __name__ == "__main__":
    main()
