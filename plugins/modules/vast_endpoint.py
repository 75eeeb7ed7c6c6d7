#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_endpoint
short_description: Create, change and delete serverless endpoints with their workergroups on Vast.ai
version_added: 0.1.0
description:
  - V(present) creates an endpoint with its workergroups, or changes what differs from the given options. A second run
    changes nothing. B(Each worker is an instance that bills.)
  - Each endpoint and each workergroup is created with one request. When its reply is lost, the module polls the listing
    for 30 seconds and does not send the request again. When a later step fails, the error message names the endpoint,
    and a second run completes it.
  - Tasks of one user on one machine that create something for the same endpoint run one after the other, and each
    creates only what is missing. Tasks on different machines are not coordinated. When the listing shows a second
    endpoint of the same name after the creation, the task fails with RV(error_class) V(ambiguous) before it creates a
    workergroup. When it shows a duplicate of a new workergroup, the task warns.
  - When SIGINT, SIGTERM or SIGHUP interrupts a task, it fails with RV(error_class) V(timeout), and reports what it
    created and which request was still without a reply. The next run continues from there.
  - V(absent) deletes an endpoint with its workergroups, and waits until none of its workers exists.
  - The module reads the list of workers before the deletion. It destroys workers that Vast.ai failed to delete, see
    O(on_leftover). When a worker still exists at the end, it continues to bill, and the task fails with RV(error_class)
    V(leaked) and names the worker with its price.
  - The module records workers that may still exist in a private file per account in
    C($XDG_CACHE_HOME/ansible-vastai-cloud), by default C(~/.cache/ansible-vastai-cloud). Every later task for that
    endpoint fails until complete listings show that they are gone. This also applies after O(wait=false), after an
    interrupted task, and when someone else deleted the endpoint in the meantime.
  - When neither the serverless engine nor the reply to the deletion lists the workers, the task fails with
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
      - The id of the endpoint.
      - At least one of O(id) and O(name) is required.
    type: int
  name:
    description:
      - The name of the endpoint. When several endpoints have this name, the task fails and lists their ids.
      - With O(id) and O(state=present), the new name. With O(state=absent), O(id) and O(name) are mutually exclusive.
    type: str
  state:
    description:
      - V(present) creates or changes the endpoint, V(absent) deletes it.
    type: str
    required: true
    choices:
      - absent
      - present
  endpoint_state:
    description:
      - V(active) lets the engine start and stop workers. V(suspended) leaves the workers as they are; B(they continue
        to bill). V(stopped) stops all workers; B(their disks continue to bill).
    type: str
    choices:
      - active
      - suspended
      - stopped
    version_added: 0.3.0
  min_load:
    description:
      - Minimum load for which capacity is kept, in performance units per second. At least V(0).
    type: float
    version_added: 0.3.0
  min_cold_load:
    description:
      - Minimum total capacity, including stopped workers, in performance units per second. At least V(0).
    type: float
    version_added: 0.3.0
  target_util:
    description:
      - Target utilization of the capacity, from V(0.01) to V(1).
    type: float
    version_added: 0.3.0
  cold_mult:
    description:
      - Cold capacity to keep in reserve, as a multiple of the load. At least V(0).
    type: float
    version_added: 0.3.0
  cold_workers:
    description:
      - Minimum number of workers, at most O(max_workers). They bill even without load.
      - The default of Vast.ai is 5. When O(max_workers) of a new endpoint is smaller, the module uses that number
        instead.
    type: int
    version_added: 0.3.0
  max_workers:
    description:
      - Maximum number of workers. Required for a new endpoint, because the default of Vast.ai is 20 paid workers.
    type: int
    version_added: 0.3.0
  max_queue_time:
    description:
      - Maximum queue time of a worker, in seconds.
    type: float
    version_added: 0.3.0
  target_queue_time:
    description:
      - Target queue time of a worker in seconds, at most O(max_queue_time).
    type: float
    version_added: 0.3.0
  inactivity_timeout:
    description:
      - Number of seconds without a request after which the endpoint scales to zero. V(0) disables this timeout. With a
        negative number, the endpoint never scales to zero.
    type: float
    version_added: 0.3.0
  workergroups:
    description:
      - The workergroups of the endpoint. If not given, they are not changed. Required for a new endpoint, because
        Vast.ai deletes an endpoint without a workergroup. The list must not be empty for the same reason.
      - An entry matches an existing workergroup by C(id), else by template and search, else by the search alone, else
        if exactly one entry and one workergroup are left. Otherwise it creates a new workergroup. An edited template
        therefore changes the existing workergroup instead of adding one.
      - Only given values are compared. An update repeats the other values from the listing, because Vast.ai would reset
        them.
    type: list
    elements: dict
    version_added: 0.3.0
    suboptions:
      id:
        description:
          - The id of an existing workergroup.
        type: int
      template_hash:
        description:
          - The hash of the template of the workers. A new workergroup requires a template.
        type: str
      template_id:
        description:
          - The id of the template, instead of its hash.
        type: int
      template_name:
        description:
          - The name of the template, instead of its hash. The module looks up the current hash. The task fails when
            several different templates have this name.
        type: str
      search:
        description:
          - Criteria for the machines of the workers, as in M(vastai.cloud.vast_offer_info). A new workergroup requires
            this or O(workergroups[].search_params).
          - Searches are compared by meaning. The conditions that Vast.ai adds (C(verified), C(rentable), C(rented)) are
            ignored unless you set them.
        type: dict
        suboptions:
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
          max_price:
            description:
              - Maximum price in US dollars per hour, for GPUs and disk together. Traffic is not included.
            type: float
          query:
            description:
              - >-
                Further criteria in the format of the API, C({field: {operator: value}}), in the units of the API.
              - The operators are V(eq), V(neq), V(gt), V(gte), V(lt), V(lte), V(in) and V(notin). The module checks the
                field names, because the API ignores unknown ones.
              - A field that another option already sets is refused.
            type: dict
      search_params:
        description:
          - The search as a string in the syntax of the official client, such as V(gpu_name=RTX_4090 num_gpus=1).
        type: str
      gpu_ram:
        description:
          - The estimated GPU memory that the model needs, in GB. It does not limit which machines are rented.
        type: float
      cold_workers:
        description:
          - Minimum number of workers of this workergroup, at most its C(max_workers).
        type: int
      max_workers:
        description:
          - Maximum number of workers of this workergroup. If Vast.ai does not return the value, differences cannot be
            detected. It is then sent only with a creation or together with other changes.
        type: int
      test_workers:
        description:
          - Number of workers to start to measure their performance. They bill. If Vast.ai does not return the value,
            differences cannot be detected. It is then sent only with a creation or together with other changes.
        type: int
      launch_args:
        description:
          - Arguments for creating the workers, as a string. They may contain secrets and are never shown.
        type: str
  purge_workergroups:
    description:
      - Whether to delete the workergroups that O(workergroups) does not list. The module verifies that their workers
        are gone, as with O(state=absent). Check mode shows which workers would be deleted and what they cost.
    type: bool
    default: false
    version_added: 0.3.0
  update_workers:
    description:
      - What to do with the workers of a workergroup whose template or C(launch_args) changed. V(rolling) lets the
        engine replace them and waits for it. V(none) keeps them until they are replaced for another reason.
      - When only the search changed, running workers are not replaced, and the module warns.
    type: str
    choices:
      - rolling
      - none
    default: rolling
    version_added: 0.3.0
  wait_for_workers:
    description:
      - Number of workers that must be ready (C(idle), C(ready) or C(busy)) before the task ends, at most
        O(max_workers). The task also waits when nothing changed. V(0) does not wait.
      - When they are not ready within O(wait_timeout), the task fails and reports the states of the workers. When none
        is ready, it also reports the last lines of the endpoint log. The workers continue to bill.
    type: int
    default: 0
    version_added: 0.3.0
  drain:
    description:
      - Only for O(state=absent). Number of seconds before the deletion during which no new worker starts and running
        workers may finish, at most 86400. V(0) deletes at once.
      - For this, the module sets C(max_workers) to 0 or, if the API refuses that, C(endpoint_state) to V(suspended).
        When the deletion fails, it restores the value.
    type: int
    default: 0
    version_added: 0.3.0
  on_leftover:
    description:
      - What to do with workers that Vast.ai failed to delete, that still exist after O(wait_timeout), or that earlier
        tasks left behind.
      - V(destroy) destroys them as instances and verifies that they are gone, which takes up to 60 seconds longer.
        V(fail) only reports them. In both cases, the task fails with V(leaked) when a worker still exists at the end.
      - Workers have no label. If someone has labelled a worker in the meantime, it is not destroyed, and the task fails
        with V(leaked) and names it.
      - With O(wait=false), no leftover worker is destroyed.
    type: str
    choices:
      - destroy
      - fail
    default: destroy
    version_added: 0.3.0
  workers:
    description:
      - Only for O(state=absent).
      - Ids of instances that are leftover workers of the endpoint. The module handles them like its own workers. Use it
        when the file of an earlier task is missing, for example on another machine.
      - An instance that has a label, or that is a worker of another endpoint, is refused.
    type: list
    elements: int
    version_added: 0.3.0
  wait:
    description:
      - Whether to wait for the workers. With O(state=present), the task waits until the workers of a changed template
        are replaced (O(update_workers)) and until O(wait_for_workers) workers are ready. With V(false), the task only
        starts the replacement. It always verifies that the endpoint and its workergroups show the change.
      - With O(state=absent) and O(purge_workergroups), the task waits until no worker exists. With V(false), it does
        not verify that the workers are gone and destroys no leftover worker. The next task for this endpoint verifies
        it.
  wait_timeout:
    description:
      - Maximum number of seconds for the whole task, at most 604800 (one week). Verifying that the workers are gone may
        take up to 60 seconds longer.
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Deploy an endpoint with one workergroup
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: present
    min_load: 10
    cold_workers: 1
    max_workers: 4
    workergroups:
      - template_hash: 661d064bbda1f2a133816b6d55da07c3
        search:
          gpu_name: [RTX 4090]
          num_gpus: 1
        gpu_ram: 24
    wait_for_workers: 1
    wait_timeout: 1800

- name: Stop all workers at night (their disks continue to bill)
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: present
    endpoint_state: stopped

- name: Rename an endpoint
  vastai.cloud.vast_endpoint:
    id: 77
    name: llama-stable
    state: present

- name: Delete an endpoint and verify that its workers are gone
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: absent
  register: gone

- name: Show which workers were deleted
  ansible.builtin.debug:
    var: gone.deleted_workers

- name: Delete an endpoint, but let running workers finish for up to five minutes
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: absent
    drain: 300
    wait_timeout: 900

- name: Delete an endpoint by its id, and wait at most two minutes
  vastai.cloud.vast_endpoint:
    id: 77
    state: absent
    wait_timeout: 120

- name: Destroy two workers that a task on another machine left behind
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: absent
    workers: [1001, 1002]
"""

RETURN = r"""
endpoint:
  description: >-
    The endpoint without its key, with O(state=present) after the task, with O(state=absent) before the task. Null when
    it does not exist, for example in check mode before its creation.
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
  description: The workergroups of the endpoint, without secrets.
  returned: when O(state=present) succeeds
  type: list
  elements: dict
  sample:
    - id: 501
      template_hash: 661d064bbda1f2a133816b6d55da07c3
      gpu_ram: 24
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
deleted_workers:
  description: The ids of the workers that Vast.ai reported as deleted.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: [1001, 1002]
failed_workers:
  description: >-
    The ids of the workers that Vast.ai failed to delete. They bill while they exist, and the task fails.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: []
destroyed_workers:
  description: The ids of the leftover workers that this task destroyed as instances.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: []
workers:
  description: >-
    The workers that were deleted, or would be in check mode, and the leftover workers, as last seen. Null when the
    workers are not known. With O(state=present), the workers of purged workergroups, and leftover workers that are
    destroyed.
  returned: success, and on failure when the deletion is in doubt, or was interrupted
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
      description: The state that the serverless engine reports, or null when it does not list the worker.
      returned: always
      type: str
    gpu_name:
      description: The name of the GPU.
      returned: always
      type: str
    actual_status:
      description: The status of the container, or null when it is not known.
      returned: always
      type: str
    intended_status:
      description: The requested status.
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
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
leaked_workers:
  description: >-
    The workers that still exist, as last seen. When the workers are not known, the instances without a label that may
    be workers.
  returned: when workers still exist, or may exist
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
      description: The state that the serverless engine reports, or null when it does not list the worker.
      returned: always
      type: str
    gpu_name:
      description: The name of the GPU.
      returned: always
      type: str
    actual_status:
      description: The status of the container, or null when it is not known.
      returned: always
      type: str
    intended_status:
      description: The requested status.
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
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
known:
  description: The existing endpoint groups, when none has this id or name.
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
      description: The name of the endpoint group.
      returned: always
      type: str
actions:
  description: The actions that were taken, or would be in check mode, in order.
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

import collections.abc as c
import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import (
    WAIT_OPTIONS,
    Spec,
    VastModule,
    run_module,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Deadline, Waits
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid, VastError
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import check_id, check_number
from ansible_collections.vastai.cloud.plugins.module_utils._core.interrupts import failing_at_signals
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Change, Plan
from ansible_collections.vastai.cloud.plugins.module_utils._renting.criteria import as_query, conditions
from ansible_collections.vastai.cloud.plugins.module_utils._renting.options import OFFER_OPTIONS
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import (
    Endpoint,
    find,
    known,
    near_miss,
    read,
)
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.leaks import Memory
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.proof import Case, prove
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.teardown import (
    destruction,
    plan_absent,
    settle_leaks,
    survey,
    tear_down,
)

SEARCH_OPTIONS = {
    name: rules for name, rules in OFFER_OPTIONS.items() if name not in ("interruptible", "order", "prefer", "limit")
}
"""The criteria that a workergroup can have: which order and how many is the engine's matter."""
GROUP_OPTIONS: Spec = {
    "id": {"type": "int"},
    "template_hash": {"type": "str"},
    "template_id": {"type": "int"},
    "template_name": {"type": "str"},
    "search": {"type": "dict", "options": SEARCH_OPTIONS},
    "search_params": {"type": "str"},
    "gpu_ram": {"type": "float"},
    "cold_workers": {"type": "int"},
    "max_workers": {"type": "int"},
    "test_workers": {"type": "int"},
    "launch_args": {"type": "str"},
}
OPTIONS: Spec = {
    **WAIT_OPTIONS,
    "id": {"type": "int"},
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["absent", "present"], "required": True},
    "endpoint_state": {"type": "str", "choices": ["active", "suspended", "stopped"]},
    "min_load": {"type": "float"},
    "min_cold_load": {"type": "float"},
    "target_util": {"type": "float"},
    "cold_mult": {"type": "float"},
    "cold_workers": {"type": "int"},
    "max_workers": {"type": "int"},
    "max_queue_time": {"type": "float"},
    "target_queue_time": {"type": "float"},
    "inactivity_timeout": {"type": "float"},
    "workergroups": {"type": "list", "elements": "dict", "options": GROUP_OPTIONS},
    "purge_workergroups": {"type": "bool", "default": False},
    "update_workers": {"type": "str", "choices": ["rolling", "none"], "default": "rolling"},
    "wait_for_workers": {"type": "int", "default": 0},
    "drain": {"type": "int", "default": 0},
    "on_leftover": {"type": "str", "choices": ["destroy", "fail"], "default": "destroy"},
    "workers": {"type": "list", "elements": "int"},
}


def run(module: VastModule) -> dict[str, t.Any]:
    """Bring the endpoint about, or delete it."""
    check_options(module.params)
    return present(module) if module.params["state"] == "present" else absent(module)


def present(module: VastModule) -> dict[str, t.Any]:
    """Find the endpoint and its workergroups, plan, stop here in check mode, create or change what differs."""
    from ansible_collections.vastai.cloud.plugins.module_utils._serverless.present import bring, plan_present, survey
    from ansible_collections.vastai.cloud.plugins.module_utils._serverless.wanted import Wanted
    from ansible_collections.vastai.cloud.plugins.module_utils._serverless.workergroups import results

    waits = module.waits()
    wanted = Wanted.from_options({**module.params, "workergroups": searched(module.params["workergroups"])})
    module.connect()
    deadline = module.deadline
    situation = survey(module.client, wanted, deadline)
    warn_of(module, situation.found, has_groups=any(situation.pairs))
    plan = plan_present(situation)
    memory = Memory(module.client)
    endpoint, rows, changed = situation.found, situation.listing.rows, False
    # What this task leaves over itself, without waiting, is for the next one to prove.
    leaks = memory.concerning(None if endpoint is None else endpoint.id, module.params["name"])
    if (plan.changed or wanted.ready) and not module.check_mode:
        done = bring(module.client, situation, memory, waits, deadline)
        plan, situation = done.plan, done.situation
        endpoint, rows, changed = done.endpoint, [dict(group.row) for group in done.groups], done.changed
        for group in done.moved:
            module.warn(f"The search of {group.display_name} was changed; running workers are not replaced.")
    left = Case(plan.subject, situation.groups, endpoint, leaks, destroys=wanted.destroys)
    try:
        with failing_at_signals():
            destroyed = settle(module, left, memory, waits, deadline)
    except VastError as error:
        raise error.with_context(error.msg, changed=changed or left.changed) from error
    plan = Plan(plan.subject, (*plan.changes, *destroyed))
    return {
        **plan.result(),
        "changed": plan.changed if module.check_mode else changed or left.changed,
        "endpoint": None if endpoint is None else endpoint.result(),
        "workergroups": [] if endpoint is None else results(rows, endpoint.id),
        **gone([*(purge.case for _group, purge in situation.purged), *([left] if destroyed else ())]),
    }


def settle(module: VastModule, case: Case, memory: Memory, waits: Waits, deadline: Deadline) -> list[Change]:
    """Hold what earlier tasks left over of this endpoint to the proof; what was destroyed, or would be in check mode.

    Of another endpoint that had the same name it only warns.
    """
    for leak in case.leaks:
        if case.found is None or leak.id != case.found.id:
            module.warn(
                f"Workers of {leak.display_name}, which had this name, may still exist: "
                f"{', '.join(map(str, sorted(leak.workers | leak.failed))) or 'not known which'}. Run state=absent for "
                f"id {leak.id}."
            )
    if case.found is None:
        return []
    settle_leaks(module.client, case, memory, waits, deadline, check_mode=module.check_mode)
    ids = case.leftover if module.check_mode else case.deletion.destroyed_workers
    return [destruction(case, ids)] if ids else []


def gone(cases: c.Iterable[Case]) -> dict[str, t.Any]:
    """The workers of workergroups that were purged, or would be."""
    found = list(cases)
    listed = [case.suspects.results() for case in found]
    return {
        "workers": None if None in listed else [worker for each in listed for worker in each or ()],
        "deleted_workers": [worker for case in found for worker in case.deletion.deleted_workers],
        "failed_workers": [worker for case in found for worker in case.deletion.failed_workers],
        "destroyed_workers": [worker for case in found for worker in case.deletion.destroyed_workers],
    }


def searched(groups: list[dict[str, t.Any]] | None) -> list[dict[str, t.Any]] | None:
    """The options of the workergroups, with the search in the API's own form. Raises Invalid for wrong criteria."""
    return None if groups is None else [{**group, "search": query(group.get("search"))} for group in groups]


def query(search: dict[str, t.Any] | None) -> dict[str, t.Any] | None:
    """Criteria as conditions of the API: `{field: {op: value}}`."""
    return None if search is None else as_query(conditions(search))


def warn_of(module: VastModule, found: Endpoint | None, *, has_groups: bool) -> None:
    """Say what will go by itself."""
    if found is not None and not has_groups:
        seconds = found.row.get("auto_delete_in_seconds")
        when = f" in {seconds:.0f} s" if isinstance(seconds, (int, float)) else ""
        module.warn(f"{found.display_name} has no workergroup; Vast.ai deletes it{when} unless it gets one.")


def absent(module: VastModule) -> dict[str, t.Any]:
    """Find the endpoint group and its workers, plan, stop here in check mode, delete, prove its workers gone."""
    endpoint_id, name, waits = module.params["id"], module.params["name"], module.waits()
    module.connect()
    deadline = module.deadline
    memory = Memory(module.client)
    groups = read(module.client)
    case = Case(
        wanted=f"endpoint {endpoint_id if name is None else name}",
        groups=groups,
        found=find(groups, endpoint_id, name),
        leaks=memory.concerning(endpoint_id, name),
        named=frozenset(module.params["workers"] or ()),
        destroys=waits.wait and module.params["on_leftover"] == "destroy",
        drain=module.params["drain"],
    )
    survey(module.client, case, deadline, None if module.check_mode else memory)
    plan = plan_absent(case)
    if case.found is None and name and (near := near_miss(groups, name)):
        module.warn(f"There is no endpoint group named {name!r}.{near}")
    if case.suspects.gap and module.check_mode:
        module.warn(f"Which workers {case.display_name} has is not known. {case.suspects.gap}")
    if case.found is None and module.check_mode and not plan.changed:
        prove(module.client, case, waits._replace(wait=False), deadline)
    if not module.check_mode:
        tear_down(module.client, case, memory, waits, deadline)
        plan = Plan(case.display_name, tuple(done(case, plan)))
    return {
        **plan.result(),
        "endpoint": None if case.found is None else case.found.result(),
        **({"known": known(groups)} if case.found is None else {}),
        "workers": case.suspects.results(),
        **case.deletion.result(),
    }


def done(case: Case, plan: Plan) -> c.Iterator[Change]:
    """What of the plan this task did, and nobody else."""
    yield from (change for change in plan.changes if change.field == "endpoint" and case.deletion.done)
    if case.deletion.destroyed_workers:
        yield destruction(case, case.deletion.destroyed_workers)


def check_options(options: dict[str, t.Any]) -> None:
    """Raises Invalid for options that select nothing, or that do not go together."""
    check_id(options["id"])
    if options["name"] is not None and not options["name"].strip():
        raise Invalid("name must not be empty; select the endpoint group by id.")
    if options["workers"] == []:
        raise Invalid("workers must not be empty; omit it instead.")
    for worker in options["workers"] or ():
        check_id(worker)
    check_number(options["drain"], "drain", 0, 86_400)
    if options["state"] == "present":
        if options["workers"] is not None:
            raise Invalid("workers is for state=absent only; how many there may be is max_workers.")
        if options["drain"]:
            raise Invalid("drain is for state=absent only; to stop new workers set endpoint_state or max_workers.")
    elif options["id"] is not None and options["name"] is not None:
        raise Invalid("id and name are mutually exclusive with state=absent.")


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "name")])


if __name__ == "__main__":
    main()
