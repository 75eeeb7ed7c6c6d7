#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_endpoint
short_description: Create, change and delete serverless endpoints with their workergroups on Vast.ai
version_added: 0.1.0
description:
  - V(present) creates an endpoint with its workergroups, or changes what differs from the options that are given.
    A second run changes nothing.
  - An endpoint and each workergroup is created by one request. When its reply is lost, listings decide for 30 seconds
    whether it was carried out, and nothing is sent a second time. When a later part fails, the failure names the
    endpoint, and a second run completes it.
  - Tasks of one user on one machine that create something for the same endpoint do so one after the other, and each
    creates what is missing then. Tasks on other machines cannot be kept apart. When the listing after the creation
    shows a second endpoint of that name, the task fails with the RV(error_class) V(ambiguous) before it creates a
    workergroup. A second workergroup like a new one is warned of.
  - A task that is ended by SIGINT, SIGTERM or SIGHUP fails with the RV(error_class) V(timeout), and says what it had
    created, and what it had sent without awaiting the reply. The next run goes on with it.
  - V(absent) deletes an endpoint with its workergroups, and waits until none of its workers exists any more.
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
      - The id of the endpoint.
      - One of O(id) and O(name) is needed.
    type: int
  name:
    description:
      - The name of the endpoint. When several carry it the task fails and lists their ids.
      - With O(id) and O(state=present), the name that it is to have. With O(state=absent), only one of the two is
        allowed.
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
      - V(active) lets the engine start and stop workers. V(suspended) leaves the workers as they are; they go on
        billing. V(stopped) makes all workers inactive; their disks go on billing.
    type: str
    choices:
      - active
      - suspended
      - stopped
    version_added: 0.3.0
  min_load:
    description:
      - Minimum load in performance units per second for which there is capacity. At least V(0).
    type: float
    version_added: 0.3.0
  min_cold_load:
    description:
      - Minimum of the whole capacity, also of workers that are stopped. At least V(0).
    type: float
    version_added: 0.3.0
  target_util:
    description:
      - The wanted use of the capacity, from V(0.01) to V(1).
    type: float
    version_added: 0.3.0
  cold_mult:
    description:
      - The capacity to keep in reserve, as a multiple of the load. At least V(0).
    type: float
    version_added: 0.3.0
  cold_workers:
    description:
      - Minimum number of workers, at most O(max_workers). They bill, also without load.
      - Vast.ai keeps 5 unless told otherwise. A new endpoint with a smaller O(max_workers) is created with that number.
    type: int
    version_added: 0.3.0
  max_workers:
    description:
      - Maximum number of workers. Required for a new endpoint, since Vast.ai's own default is 20 paid workers.
    type: int
    version_added: 0.3.0
  max_queue_time:
    description:
      - The longest queue of a worker, in seconds.
    type: float
    version_added: 0.3.0
  target_queue_time:
    description:
      - The wanted queue of a worker in seconds, at most O(max_queue_time).
    type: float
    version_added: 0.3.0
  inactivity_timeout:
    description:
      - After how many seconds without a request the endpoint scales to zero. V(0) turns that off, a negative number
        means that it never scales to zero.
    type: float
    version_added: 0.3.0
  workergroups:
    description:
      - The workergroups of the endpoint. Omit it to leave them alone. Required for a new endpoint, since Vast.ai
        deletes an endpoint without any; for the same reason the list must not be empty.
      - An entry means an existing workergroup by its C(id); else by template and search; else by the search alone; else
        the only one that is left on both sides. Otherwise it is a new one. So an edited template changes its
        workergroup and does not add another.
      - Only what is given is compared. An update repeats the rest from the listing, since Vast.ai would reset it.
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
          - The hash of the template that its workers run. A new workergroup needs a template.
        type: str
      template_id:
        description:
          - The id of the template, instead of its hash.
        type: int
      template_name:
        description:
          - The name of the template, instead of its hash. Its current hash is looked up; several different templates of
            one name are refused.
        type: str
      search:
        description:
          - Where its workers may run, as criteria for offers like those of M(vastai.cloud.vast_offer_info). A new
            workergroup needs this or O(workergroups[].search_params).
          - Searches are compared by what they mean. What Vast.ai adds by itself (C(verified), C(rentable), C(rented))
            does not count unless it is named.
        type: dict
        suboptions:
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
              - Least memory of each GPU, in GB of 1000 MB, as Vast.ai's own client counts. A card sold with 24 GB has
                at least V(24).
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
              - Codes of countries, any of which will do, such as V(SE) or V(US). Write V("NO") in quotes, since YAML
                takes it for false. An offer whose country cannot be told does not fit.
            type: list
            elements: str
          datacenter:
            description:
              - Whether the machine stands in a data centre. Offers do not show this, so that Vast.ai's word has to do;
                a warning says so.
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
      search_params:
        description:
          - The search as text in the form of the official client, such as V(gpu_name=RTX_4090 num_gpus=1).
        type: str
      gpu_ram:
        description:
          - The memory of a GPU in GB that a model is estimated to need. It does not limit which machines are taken.
        type: float
      cold_workers:
        description:
          - Minimum number of workers of this workergroup, at most its C(max_workers).
        type: int
      max_workers:
        description:
          - Maximum number of workers of this workergroup. Where Vast.ai does not show it, it is sent with a creation
            and with other changes only, and a difference cannot be seen.
        type: int
      test_workers:
        description:
          - How many workers are started to measure their performance. Where Vast.ai does not show it, it is sent with a
            creation and with other changes only, and a difference cannot be seen.
        type: int
      launch_args:
        description:
          - Arguments for creating its instances, as text. It may hold secrets and is never shown.
        type: str
  purge_workergroups:
    description:
      - Whether to delete the workergroups of the endpoint that O(workergroups) does not name. Their workers are proven
        gone as with O(state=absent). Check mode tells which workers would go, and what they cost.
    type: bool
    default: false
    version_added: 0.3.0
  update_workers:
    description:
      - What happens to the workers of a workergroup whose template or C(launch_args) changed. V(rolling) has the engine
        replace them, and waits for it. V(none) leaves them as they are until they are replaced for another reason.
      - Workers that run stay where they are when only the search changed. A warning says so.
    type: str
    choices:
      - rolling
      - none
    default: rolling
    version_added: 0.3.0
  wait_for_workers:
    description:
      - Wait until so many workers of the endpoint are ready (C(idle), C(ready) or C(busy)), also when nothing changed.
        V(0) does not wait. It must not be above O(max_workers).
      - When they do not get ready within O(wait_timeout), the failure tells the states of the workers and, when none is
        ready, how the log of the endpoint ends. Workers go on billing.
    type: int
    default: 0
    version_added: 0.3.0
  drain:
    description:
      - Only for O(state=absent). For up to so many seconds no new worker is started, and running ones may end, before
        the endpoint is deleted. V(0) deletes at once.
      - For that C(max_workers) is set to 0 or, where the API refuses that, C(endpoint_state) to V(suspended). When the
        deletion fails it is set back.
    type: int
    default: 0
    version_added: 0.3.0
  on_leftover:
    description:
      - What to do about workers that Vast.ai failed to delete, or that still exist after O(wait_timeout), and about
        those that earlier tasks left over.
      - V(destroy) destroys them as instances and proves that they are gone, which takes up to 60 seconds more.
        V(fail) names them. What exists in the end fails the task with V(leaked) either way.
      - A worker carries no label. One that somebody has labelled meanwhile is left alone, and fails the task with
        V(leaked), which names it.
      - With O(wait=false) nothing is destroyed.
    type: str
    choices:
      - destroy
      - fail
    default: destroy
    version_added: 0.3.0
  workers:
    description:
      - Only for O(state=absent).
      - Ids of instances that are leftover workers of the endpoint group. They are held to the same proof. Use it where
        the file of an earlier task is missing, such as on another machine.
      - An instance that has a label of its own, or that is a worker of another endpoint group, is refused.
    type: list
    elements: int
    version_added: 0.3.0
  wait:
    description:
      - Whether to wait for the workers. With O(state=present), that is until those of a changed template are replaced
        (O(update_workers)), and until O(wait_for_workers) are ready. With V(false) the replacement is only begun, and
        nothing is said of how many are ready. That the endpoint and its workergroups show what was sent is seen in any
        case.
      - With O(state=absent), and for O(purge_workergroups), until no worker exists any more. Otherwise their removal is
        not verified by this task, but by the next one, and nothing is destroyed.
  wait_timeout:
    description:
      - How many seconds the whole task may take, at most 604800 (a week). Proving that the workers are gone takes up to
        60 seconds more.
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

- name: Scale to nothing at night
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: present
    endpoint_state: stopped

- name: Rename
  vastai.cloud.vast_endpoint:
    id: 77
    name: llama-stable
    state: present

- name: Take an endpoint down
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: absent
  register: gone

- name: Show which workers went
  ansible.builtin.debug:
    var: gone.deleted_workers

- name: Let running workers end for five minutes first
  vastai.cloud.vast_endpoint:
    name: llama-prod
    state: absent
    drain: 300
    wait_timeout: 900

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
  description: >-
    The endpoint without its key: with O(state=present) as it is in the end, with O(state=absent) as it was found. Null
    when there is none, as in check mode before it is created.
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
      description: Its minimum load.
      returned: always
      type: float
    target_util:
      description: The wanted use of the capacity.
      returned: always
      type: float
    cold_mult:
      description: The cold capacity as a multiple of the load.
      returned: always
      type: float
    test_workers:
      description: How many workers are tried out.
      returned: always
      type: int
    template_id:
      description: The id of its template.
      returned: always
      type: int
    template_hash:
      description: The hash of its template.
      returned: always
      type: str
    search_query:
      description: The search for its machines.
      returned: always
      type: raw
    gpu_ram:
      description: The GPU memory it needs in GB.
      returned: always
      type: float
    created_at:
      description: When it was made.
      returned: always
      type: raw
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
destroyed_workers:
  description: The ids of the leftover workers that this task destroyed as instances.
  returned: success, and on failure after the deletion
  type: list
  elements: int
  sample: []
workers:
  description: >-
    The workers that went, or would go in check mode, and the leftover ones that were held to the proof, as they were
    last seen. Null when it is not known which there are. With O(state=present), those of workergroups that are purged,
    and leftover ones that are destroyed.
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
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that it is a worker of; null when it is no worker. While that is not known
        there is no such key, so select with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
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
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that it is a worker of; null when it is no worker. While that is not known
        there is no such key, so select with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
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
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Change, Plan
from ansible_collections.vastai.cloud.plugins.module_utils._instances.criteria import as_query, conditions
from ansible_collections.vastai.cloud.plugins.module_utils._instances.options import OFFER_OPTIONS
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
            module.warn(f"The search of {group.display_name} was changed; workers that run stay where they are.")
    left = Case(plan.subject, situation.groups, endpoint, leaks, destroys=wanted.destroys)
    try:
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
                f"Workers of {leak.display_name}, which had this name, are not proven gone: "
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
    survey(module.client, case, deadline)
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
    if options["name"] == "":
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
