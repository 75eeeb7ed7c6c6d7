#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_instance
short_description: Rent, start, stop, restart, label and destroy a GPU instance on Vast.ai
version_added: 0.1.0
description:
  - Brings one instance to a state and a label, and waits until it is reached. With O(offer), the module rents an
    instance when none has the label, within a price limit. Without O(offer), it never rents anything.
  - The module looks up the instance in a complete listing of the account. It never takes a failed or partial reply as
    proof that an instance does not exist.
  - Destroying an instance deletes its disk and ends its charges. It counts as destroyed only when a complete listing no
    longer contains it. When it is still listed at the end, the task fails with RV(error_class) V(leaked).
  - Stopping an instance keeps its disk, which continues to bill, and releases its GPU. When another user rents that
    GPU, the instance cannot start until the GPU is free again; see O(on_unavailable).
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
      - The id of the instance. Vast.ai also calls it the contract id.
      - At least one of O(id) and O(label) is required.
    type: int
  label:
    description:
      - With O(id), the label to assign. The empty string removes the label. With O(id) and O(state=absent), the
        instance is destroyed only if it has this label. O(state=restarted) does not accept both.
      - Without O(id), the label that selects the instance. The comparison is exact and case-sensitive. When several
        instances have this label, the task fails and lists their ids. O(state) is then required.
      - At most 1024 characters.
    type: str
  state:
    description:
      - V(present) makes sure that the instance exists, running or not.
      - V(running) starts the instance. V(stopped) stops it; its disk continues to bill.
      - V(restarted) stops and starts the container, which keeps its disk and its GPU. It also starts a stopped
        instance. It reports a change in every run. The request is sent once. When its reply is lost and no listing
        shows a restart, the task fails with RV(error_class) V(unknown_outcome).
      - V(absent) destroys the instance. B(All data on its disk is lost.) If the instance does not exist, nothing
        changes. When several instances have the label, the task fails and destroys nothing.
      - If not given, the module only sets the label of the instance O(id).
      - V(present), V(restarted) and V(absent) were added in release 0.3.0.
    type: str
    choices:
      - present
      - running
      - stopped
      - restarted
      - absent
  on_unavailable:
    description:
      - What to do when Vast.ai answers a start with I(Required resources are currently unavailable, state change
        queued), which means that another user has rented the GPU.
      - V(fail) cancels the queued start with O(state=stopped) and fails. Otherwise the instance could start, and bill,
        at any later time.
      - V(wait) waits for the GPU until O(wait_timeout), then cancels the start and fails. It requires O(wait=true).
      - V(replace) first searches for an offer that meets O(offer) and O(budget), then destroys the instance with all
        data on its disk, and rents that offer. When no offer qualifies, the instance is kept and the task fails. It
        requires O(offer) and O(accept_data_loss=true).
    type: str
    choices:
      - fail
      - wait
      - replace
    default: fail
  wait_timeout:
    description:
      - Number of seconds to wait, at most 604800 (one week). The wait ends early when the instance no longer exists or
        can no longer reach the state.
      - The default is V(600). With O(offer), the default is O(attempts) times O(boot_timeout) plus 300.
      - Checking a rental whose reply was lost, and destroying an instance that failed, may take up to 120 seconds
        longer.
    type: int
    default: null
  offer:
    description:
      - What to rent when no instance has O(label). This option is the permission to rent. An offer must meet all
        criteria. With an existing instance, nothing is rented.
      - It requires O(offer.max_price), O(label), O(disk), O(image) or O(template_hash_id), and O(state=running) or
        O(state=present). It cannot be combined with O(id).
    type: dict
    version_added: 0.3.0
    suboptions:
      id:
        description:
          - The id of an offer, as M(vastai.cloud.vast_offer_info) returns it. The offer must meet the other criteria as
            well. It cannot be combined with O(attempts) above V(1).
        type: int
      # shared: offer
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
      # end
  image:
    description:
      - The container image with its tag. Renting requires O(image) or O(template_hash_id).
    type: str
    version_added: 0.3.0
  template_hash_id:
    description:
      - The hash of a template. Options of the task override the values of the template.
    type: str
    version_added: 0.3.0
  disk:
    description:
      - The size of the disk in GB, at least V(1). Renting requires it, and O(offer.max_price) includes its price. It
        cannot be changed later.
    type: float
    version_added: 0.3.0
  runtype:
    description:
      - How the container is launched and reached. The default without a template is V(ssh_direct). V(args) runs the
        entrypoint of the image with O(args) and has no SSH server.
    type: str
    choices:
      - ssh
      - ssh_direct
      - ssh_proxy
      - jupyter
      - jupyter_direct
      - jupyter_proxy
      - args
    version_added: 0.3.0
  env:
    description:
      - Environment variables of the container. Values must be strings. Results show only their names.
    type: dict
    version_added: 0.3.0
  secret_env:
    description:
      - Environment variables with secret values, which are masked in all output. A value must have at least 4
        characters, because masking a shorter one would also mask unrelated text.
    type: dict
    version_added: 0.3.0
  ports:
    description:
      - Ports to publish, such as V(8000), V(8000/tcp), V(8000/udp) or V(8000:8080).
    type: list
    elements: str
    version_added: 0.3.0
  onstart:
    description:
      - A script that runs every time the container starts. A script of more than 4048 characters is compressed. If it
        is still too long, it is refused.
    type: str
    version_added: 0.3.0
  args:
    description:
      - Arguments for the entrypoint of the image. They require O(runtype=args).
    type: list
    elements: str
    version_added: 0.3.0
  image_login:
    description:
      - The login for a private registry, in the form C(-u USER -p TOKEN REGISTRY).
    type: str
    version_added: 0.3.0
  ssh_keys:
    description:
      - Public SSH keys to attach to the instance right after it is rented, in addition to the keys of the account.
      - The module does not check whether an existing instance has them; see M(vastai.cloud.vast_ssh_key).
    type: list
    elements: str
    version_added: 0.3.0
  volumes:
    description:
      - Volumes of the account to mount in a new instance, for example from M(vastai.cloud.vast_volume). The instance is
        rented on the machine of the volumes, and that machine must meet O(offer).
      - The module looks up volumes by name. It fails before it rents anything when a volume does not exist, when the
        name is not unique, when the volumes are on different machines, or when O(offer) excludes their machine. To
        choose among several volumes of one name, set O(offer.machine_id). The module waits up to one minute for a
        volume that is still being created.
      - It requires O(offer) and O(attempts=1). Volumes can only be mounted when an instance is rented, so the module
        does not check whether an existing instance has them.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the volume.
        type: str
        required: true
      path:
        description:
          - The mount point in the container, such as V(/data). It need not exist.
        type: str
        required: true
    version_added: 0.3.0
  bid:
    description:
      - The bid for an interruptible instance, in US dollars per hour for the machine without the disk. It requires
        O(offer.interruptible=true). Bid and disk together must be within O(offer.max_price). A new value changes the
        bid of an existing interruptible instance.
      - For an existing instance that is not interruptible, the option is ignored with a warning.
    type: float
    version_added: 0.3.0
  wait_for:
    description:
      - When the instance counts as ready. V(running) waits until it is running. V(ssh) also waits until an SSH server
        answers, at the direct address or else at the proxy. V(ssh) requires O(wait=true).
    type: str
    choices:
      - running
      - ssh
    default: running
    version_added: 0.3.0
  boot_timeout:
    description:
      - Number of seconds within which a new instance must be ready, at most 86400. After that it counts as failed. With
        O(wait_for=ssh), it also limits the wait for the SSH server of an existing instance, which is never destroyed
        for this reason.
    type: int
    default: 600
    version_added: 0.3.0
  attempts:
    description:
      - Maximum number of instances to rent, one after another, until one is ready; at most 20. The module destroys an
        instance that failed and verifies that it is gone before it rents the next one on another machine.
    type: int
    default: 1
    version_added: 0.3.0
  retain_failed:
    description:
      - Whether to keep a new instance that failed, so that you can inspect it. It continues to bill, and no other
        instance is rented.
    type: bool
    default: false
    version_added: 0.3.0
  accept_data_loss:
    description:
      - Confirms that O(on_unavailable=replace) may destroy an instance with all data on its disk.
    type: bool
    default: false
    version_added: 0.3.0
  on_drift:
    description:
      - What to do when an existing instance differs from the task in the options that RV(drift) lists. V(keep) leaves
        it as it is and warns.
      - V(recycle) changes the stored settings and recreates the container with them. B(All data in the container is
        lost); only volumes are kept. A stopped instance is not recycled.
    type: str
    choices:
      - keep
      - recycle
    default: keep
    version_added: 0.3.0
  on_duplicate:
    description:
      - What to do when several instances have the label, for example because two controllers rented at the same time.
        V(fail) fails and lists them. V(destroy_younger) destroys all but the oldest one.
    type: str
    choices:
      - fail
      - destroy_younger
    default: fail
    version_added: 0.3.0
  budget:
    description:
      - Limits that are checked before anything is rented. When one is exceeded, the task fails with RV(error_class)
        V(budget). A value that cannot be read counts as exceeded.
      - A task without O(offer) rents nothing and does not check them. It warns when it starts an instance.
    type: dict
    version_added: 0.3.0
    suboptions:
      max_per_hour:
        description:
          - Maximum cost of the whole account after renting, in US dollars per hour. It includes running instances,
            disks of stopped instances, workers of endpoints, and volumes. When the API key may not read the cost of the
            volumes, they are not included, and the module warns.
        type: float
      min_credit:
        description:
          - Minimum of credit and balance together, in US dollars.
        type: float
  include_workers:
    description:
      - Whether O(state=absent) may destroy a worker of a serverless endpoint. Vast.ai replaces destroyed workers. To
        remove workers, change or delete their endpoint.
      - Workers have no label, so the module checks the endpoints only for an instance without a label. When it cannot
        find out whether the instance is a worker, it does not destroy it.
    type: bool
    default: false
    version_added: 0.3.0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=restarted) restarts the instance in every run. All other states change nothing in a second run.
notes:
  - O(wait_timeout) limits the whole task, not each of its phases. Cancelling a start may take up to one minute longer.
  - When a task fails while a start is pending, it cancels the start first, so that the instance does not start later.
    The message says whether the cancellation is confirmed. The same happens on SIGINT, SIGTERM and SIGHUP.
  - When the task keyword C(timeout) ends a task, the module does the same at its next poll but can no longer report it.
    When C(async) is too short, the module is killed and cancels nothing. In both cases, run the same task again. It
    finds a queued start and completes or cancels it.
  - A rental request is sent once. When its reply is lost, the module polls the listing for one minute for an instance
    with the label. If none appears, the task fails with RV(error_class) V(unknown_outcome) and rents nothing else. For
    ten minutes, the next task for that label polls again for one minute before it rents, or before O(state=absent)
    reports that there is nothing to destroy. A private file on this machine keeps the label, offer and time for this.
  - The price and GPU of an existing instance are compared with O(offer). If they differ, the module warns and leaves
    the instance as it is.
  - Tasks of one user on one machine that need the same label rent one instance together. When two machines rent at the
    same time, the task with the younger instance destroys it.
  - When a task fails or is interrupted after it rented an instance, the message names every instance that exists and
    bills, and the result has RV(instance_id) or RV(instance).
seealso:
  - module: vastai.cloud.vast_fleet
  - module: vastai.cloud.vast_instance_logs
  - module: vastai.cloud.vast_instance_recycle
  - module: vastai.cloud.vast_volume
"""

EXAMPLES = r"""
- name: Stop an instance by its id
  vastai.cloud.vast_instance:
    id: 4711
    state: stopped

- name: Start the instance with the label train-01 without waiting for it
  vastai.cloud.vast_instance:
    label: train-01
    state: running
    wait: false

- name: Rent a GPU for at most 0.45 US dollars per hour including the disk, and wait until SSH answers
  vastai.cloud.vast_instance:
    label: train-01
    state: running
    offer:
      gpu_name: [RTX 4090, RTX 3090]
      min_gpu_ram_gb: 24
      min_reliability: 0.98
      max_price: 0.45
    disk: 40
    image: pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime
    wait_for: ssh
    attempts: 3
    budget:
      max_per_hour: 2
      min_credit: 5
  register: box

- name: Rent an instance with a volume mounted at /data
  vastai.cloud.vast_instance:
    label: train-03
    state: running
    offer:
      max_price: 0.9
    disk: 40
    image: pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime
    volumes:
      - name: datasets
        path: /data

- name: Restart an instance whose service hangs, and keep its disk
  vastai.cloud.vast_instance:
    label: train-01
    state: restarted

- name: Destroy the instance of this job, if it still exists
  vastai.cloud.vast_instance:
    label: train-01
    state: absent

- name: Destroy an instance by its id, but only if it has the expected label
  vastai.cloud.vast_instance:
    id: 4711
    label: train-01
    state: absent

- name: Label an instance
  vastai.cloud.vast_instance:
    id: 4711
    label: train-01

- name: Wait up to half an hour for a GPU that another user has rented
  vastai.cloud.vast_instance:
    label: train-01
    state: running
    on_unavailable: wait
    wait_timeout: 1800
    wait_interval: 15

- name: Start the training box, or report that its GPU is taken
  block:
    - name: Start the training box
      vastai.cloud.vast_instance:
        label: train-01
        state: running
      register: box
  rescue:
    - name: Report why the box is not available
      ansible.builtin.debug:
        msg: "No GPU for train-01: {{ ansible_failed_result.msg }}"
      when: ansible_failed_result.error_class == 'unavailable'
"""

RETURN = r"""
instance:
  description: The instance as last seen, without secrets. All modules of this collection return the same keys.
  returned: when the instance was found, also on most failures
  type: dict
  sample:
    id: 4711
    label: train-01
    actual_status: running
    intended_status: running
    cur_state: running
    ssh: {host: 203.0.113.7, port: 20022, user: root, via: direct}
    gpu_name: RTX 4090
    num_gpus: 1
    dph_total: 0.42
  contains:
    # shared: instance
    id:
      description: >-
        The id of the instance. Vast.ai also calls it the contract id.
      returned: always
      type: int
    label:
      description: >-
        The label of the instance, or null without one.
      returned: always
      type: str
    actual_status:
      description: >-
        The status of the container as its host reports it, such as V(running), V(loading), V(exited) or V(offline);
        null while the instance is being provisioned. Both a stopped instance and a crashed container have the status
        V(exited), so check C(intended_status) as well.
      returned: always
      type: str
    intended_status:
      description: >-
        The requested status: V(running), V(stopped) or V(frozen).
      returned: always
      type: str
    status_msg:
      description: >-
        The last message of the daemon on the host. It may be out of date.
      returned: always
      type: str
    public_ipaddr:
      description: >-
        The public IP address of the host.
      returned: always
      type: str
    ssh:
      description: >-
        The SSH address. Null unless the instance is running and Vast.ai reports a valid address.
      returned: always
      type: dict
      contains:
        host:
          description: The host name or IP address.
          returned: always
          type: str
        port:
          description: The port of the SSH server.
          returned: always
          type: int
        user:
          description: The user to log in as, V(root).
          returned: always
          type: str
        via:
          description: V(direct) for the published port 22, V(proxy) for the proxy of Vast.ai.
          returned: always
          type: str
    cur_state:
      description: >-
        The state of the contract: V(running), V(stopped) or V(unloaded). While it is V(running), the instance holds
        its GPU and you pay for it.
      returned: always
      type: str
    next_state:
      description: >-
        The scheduled state of the contract. V(running) on a stopped instance means that a start is queued.
      returned: always
      type: str
    machine_id:
      description: >-
        The id of the machine.
      returned: always
      type: int
    host_id:
      description: >-
        The id of the host that offers the machine.
      returned: always
      type: int
    image_uuid:
      description: >-
        The image with its tag.
      returned: always
      type: str
    image_runtype:
      description: >-
        How the container is launched, as the API returns it, such as V(ssh ssh_direc ssh_proxy).
      returned: always
      type: str
    template_id:
      description: >-
        The id of the template of the instance, or null.
      returned: always
      type: int
    template_hash_id:
      description: >-
        The hash of the template of the instance, or null.
      returned: always
      type: str
    template_name:
      description: >-
        The name of the template of the instance, or null.
      returned: always
      type: str
    num_gpus:
      description: >-
        The number of GPUs.
      returned: always
      type: int
    gpu_name:
      description: >-
        The name of the GPU, such as V(RTX 4090).
      returned: always
      type: str
    gpu_ram:
      description: >-
        The memory of one GPU in MB.
      returned: always
      type: int
    gpu_util:
      description: >-
        The GPU utilization in percent, or null.
      returned: always
      type: float
    gpu_temp:
      description: >-
        The temperature of the GPU in degrees Celsius, or null.
      returned: always
      type: float
    cpu_name:
      description: >-
        The name of the CPU.
      returned: always
      type: str
    cpu_cores_effective:
      description: >-
        The number of CPU cores of this instance.
      returned: always
      type: float
    cpu_ram:
      description: >-
        The memory of the machine in MB.
      returned: always
      type: int
    disk_space:
      description: >-
        The size of the disk in GB.
      returned: always
      type: float
    disk_usage:
      description: >-
        The disk usage as the API reports it.
      returned: always
      type: float
    inet_up:
      description: >-
        The upload speed in Mbit/s.
      returned: always
      type: float
    inet_down:
      description: >-
        The download speed in Mbit/s.
      returned: always
      type: float
    dph_total:
      description: >-
        The price in US dollars per hour while the instance runs, storage included, traffic excluded.
      returned: always
      type: float
    dph_base:
      description: >-
        The price in US dollars per hour without storage. For an interruptible instance, its bid.
      returned: always
      type: float
    storage_total_cost:
      description: >-
        The price of the storage in US dollars per hour. A stopped instance still costs this.
      returned: always
      type: float
    is_bid:
      description: >-
        Whether the instance is interruptible, which means that it was rented with a bid.
      returned: always
      type: bool
    min_bid:
      description: >-
        The lowest accepted bid for the machine in US dollars per hour.
      returned: always
      type: float
    start_date:
      description: >-
        When the contract started, in seconds since 1970.
      returned: always
      type: float
    end_date:
      description: >-
        When the contract ends, in seconds since 1970. The instance cannot be started after that.
      returned: always
      type: float
    geolocation:
      description: >-
        The location of the machine.
      returned: always
      type: str
    country_code:
      description: >-
        The country of the machine as a two-letter code.
      returned: always
      type: str
    verification:
      description: >-
        The verification status of the machine, such as V(verified).
      returned: always
      type: str
    reliability2:
      description: >-
        The reliability score of the machine, from 0 to 1.
      returned: always
      type: float
    driver_version:
      description: >-
        The version of the GPU driver.
      returned: always
      type: str
    cuda_max_good:
      description: >-
        The highest CUDA version that the driver supports.
      returned: always
      type: float
    ports:
      description: >-
        The published ports in the format of Docker: each key such as V(22/tcp) has a list of C(HostIp) and
        C(HostPort). Null unless the instance is running.
      returned: always
      type: dict
    # end
    # shared: worker
    worker_of:
      description: >-
        The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
        The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
      returned: when it is known
      type: int
    # end
instance_id:
  description: The id of the instance that a failed task rented and that still exists.
  returned: when the task failed and the instance exists
  type: int
  sample: 4711
attempts:
  description: The attempts to rent an instance, in order. Empty when nothing was rented.
  returned: when an option for renting was used, also on most failures
  type: list
  elements: dict
  sample:
    - offer_id: 9001
      machine_id: 501
      instance_id: 4711
      outcome: rented
      reason: null
      log: null
      seconds: 74.2
      cost: 0.008244
  contains:
    offer_id:
      description: The offer.
      returned: always
      type: int
    machine_id:
      description: The machine that the offer is a part of.
      returned: always
      type: int
    instance_id:
      description: The id of the rented instance, or null.
      returned: always
      type: int
    outcome:
      description: >-
        V(rented): the instance is in use. V(gone): someone else took the offer. V(refused): Vast.ai refused the
        request. V(not_started): the contract was created but did not start. V(differs): the instance does not match the
        task. V(unlabelled): the label could not be set. V(failed): it was not ready in time. V(outbid): someone bid
        more. V(vanished): it disappeared from the listings. V(duplicate): an older instance has the label. V(adopted):
        another task had rented an instance, which is used. V(retained): it failed and is kept. V(unknown): the outcome
        is not known.
      returned: always
      type: str
    reason:
      description: The reason as a sentence, or null.
      returned: always
      type: str
    log:
      description: The last lines of the daemon log of the host, or null.
      returned: always
      type: str
    seconds:
      description: Duration of the attempt in seconds.
      returned: always
      type: float
    cost:
      description: The cost in US dollars (price per hour times duration), or null when the price is not known.
      returned: always
      type: float
drift:
  description: >-
    The options in which the existing instance differs from the task. O(env) and O(secret_env) are listed per variable.
    Options that the task does not set are not compared.
  returned: when an option for renting was used
  type: list
  elements: str
  sample: [image, env.MODEL]
relax:
  description: >-
    When no offer meets all criteria, how many offers there would be without each criterion, as
    M(vastai.cloud.vast_offer_info) returns it.
  returned: when the task failed because no offer meets all criteria
  type: list
  elements: dict
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
destroyed:
  description: The instance that was destroyed, or would be in check mode. Null when there was nothing to destroy.
  returned: with O(state=absent) and after O(on_unavailable=replace), unless the task fails
  type: dict
  sample: {id: 4711, label: train-01}
  contains:
    id:
      description: The id of the instance.
      returned: always
      type: int
    label:
      description: Its label, or null without one.
      returned: always
      type: str
actions:
  description: The actions that were taken, or would be in check mode, in order.
  returned: success
  type: list
  elements: str
  sample:
    - stop instance 4711 (train-01)
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

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import (
    MAX_WAIT,
    WAIT_OPTIONS,
    VastModule,
    run_module,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Waits
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.resource import outcome
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import TARGET_OPTIONS, Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.switch import switch, to_switch
from ansible_collections.vastai.cloud.plugins.module_utils._renting.options import RENT_OPTIONS, rents

OPTIONS = {
    **TARGET_OPTIONS,
    **WAIT_OPTIONS,
    "wait_timeout": {"type": "int"},
    "state": {"type": "str", "choices": ["present", "running", "stopped", "restarted", "absent"]},
    "on_unavailable": {"type": "str", "choices": ["fail", "wait", "replace"], "default": "fail"},
    "include_workers": {"type": "bool", "default": False},
    **RENT_OPTIONS,
}
WAIT_TIMEOUT = 600
BESIDES = 300
"""Seconds of the default of `wait_timeout` besides what all attempts may take."""


def run(module: VastModule) -> dict[str, t.Any]:
    """Find the instance, plan, bring it there unless in check mode, tell what became of it."""
    params = module.params
    if params["wait_timeout"] is None:
        params["wait_timeout"] = wait_timeout(params)
    target, waits = Ref.from_options(params), module.waits()
    state, queues = params["state"], params["on_unavailable"] == "wait"
    check(target, waits, state, queues=queues)
    if params["budget"] is not None and params["offer"] is None and state in ("running", "restarted"):
        module.warn("budget limits what is rented; without offer nothing is rented, and budget is not checked.")
    if rents(params):
        return lease(module, target, waits)
    module.connect()
    if state == "absent":
        return absent(module, target)
    found = find(module.client, target)
    if state == "restarted":
        # What a task without changes does not need.
        from ansible_collections.vastai.cloud.plugins.module_utils._instances.restart import restart, to_restart

        item = to_restart(found)
        module.bring(restart, [item], waits, queues=queues)
    else:
        move = None if state == "present" else state
        item = to_switch(found, move, None if target.id is None else target.label)
        module.bring(switch, [item], move, waits, queues=queues)
    return outcome(item, "instance", planned=module.check_mode)


def check(target: Ref, waits: Waits, state: str | None, *, queues: bool) -> None:
    """Raises Invalid for options that cannot work together."""
    if target.id is None and state is None:
        raise Invalid(
            "state is required when label selects the instance; to change a label, select the instance by id."
        )
    if queues and not waits.wait:
        raise Invalid("on_unavailable=wait needs wait=true: otherwise nothing would cancel the queued start.")
    if state == "restarted" and target.id is not None and target.label is not None:
        raise Invalid("state=restarted cannot set a label. Omit label, or set it in a separate task.")


def wait_timeout(params: dict[str, t.Any]) -> int:
    """By default all attempts get their time, where something may be rented."""
    if params["offer"] is None:
        return WAIT_TIMEOUT
    attempts, boot = params["attempts"], params["boot_timeout"]
    return int(min(MAX_WAIT, max(attempts, 1) * max(boot, 1) + BESIDES))


def lease(module: VastModule, target: Ref, waits: Waits) -> dict[str, t.Any]:
    """The same for a task that may rent, or says what the instance runs."""
    # What other tasks do not need.
    from ansible_collections.vastai.cloud.plugins.module_utils._renting.lease import Lease

    wanted = Lease(module.params, target, waits, volumes_of)
    module.connect(secrets=wanted.secrets)
    return wanted.bring(module.client, module.deadline, planned=module.check_mode)


def volumes_of(client: t.Any) -> list[t.Any]:
    """All volumes of the account."""
    from ansible_collections.vastai.cloud.plugins.module_utils._account.volume_listing import volumes

    return volumes(client)


def absent(module: VastModule, target: Ref) -> dict[str, t.Any]:
    """Destroy the instance, if there is one and it is no worker. Raises Invalid for one that is, or may be."""
    from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Plan
    from ansible_collections.vastai.cloud.plugins.module_utils._instances.destroy import (
        destroy,
        find_to_destroy,
        to_destroy,
    )

    found = find_to_destroy(module.client, target) or awaited(module, target)
    if found is None:
        named = f"instance {target.id}" if target.id is not None else f"instance with the label {target.label!r}"
        warn_of_near(module, target)
        return {**Plan(named).result(), "instance": None, "destroyed": None}
    if not (found.label or module.params["include_workers"]):
        check_no_worker(module, found)
    item = to_destroy(found)
    module.bring(destroy, [item])
    destroyed = {"id": found.id, "label": found.label or None}
    return {**outcome(item, "instance", planned=module.check_mode), "destroyed": destroyed}


def warn_of_near(module: VastModule, target: Ref) -> None:
    """A label that was mistyped would leave what it meant billing."""
    from ansible_collections.vastai.cloud.plugins.module_utils._instances.misses import near_labels

    if target.id is None and (near := near_labels(module.client, str(target.label), numbered=False)):
        module.warn(f"No instance has the label {target.label!r}, so nothing was destroyed.{near}")


def awaited(module: VastModule, target: Ref) -> Instance | None:
    """What another task may have rented under the label a moment ago, and no listing showed yet."""
    from ansible_collections.vastai.cloud.plugins.module_utils._renting.memory import await_doubtful, is_in_doubt

    if target.id is not None or not is_in_doubt(module.client, str(target.label)):
        return None
    return await_doubtful(module.client, str(target.label), module.deadline)


def check_no_worker(module: VastModule, found: Instance) -> None:
    """Raises Invalid for a worker of an endpoint, and for what may be one while that cannot be told."""
    from ansible_collections.vastai.cloud.plugins.module_utils._serverless.workers import owners_of_all

    owners = owners_of_all(module.client, module.deadline)
    if found.id in owners.endpoints:
        raise Invalid(
            f"{found.display_name} is a worker of endpoint {owners.endpoints[found.id]}, so it was not destroyed: "
            "Vast.ai would replace it. Change or delete the endpoint, or set include_workers=true.",
            instance={**found.result(), **owners.worker_of(found.id)},
        )
    if not owners.complete:
        raise Invalid(
            f"{found.display_name} has no label and may be a worker of an endpoint, which could not be checked, so it "
            "was not destroyed. Run the task again, or set include_workers=true.",
            instance=found.result(),
        )


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS, required_one_of=[("id", "label"), ("state", "label")])


if __name__ == "__main__":
    main()
