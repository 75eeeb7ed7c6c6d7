#!/usr/bin/python
# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vast_template
short_description: Manage a template of a Vast.ai account
version_added: 0.3.0
description:
  - Creates, edits or deletes a template of the account. Instances and workergroups are created from templates.
  - The module looks up the template by name among those that the user of the API key created. When several of them have
    the name, it uses the newest one.
  - Fields are compared one by one. Options that are not given are not changed, except O(private).
  - When two accounts create templates with the same contents, Vast.ai returns the template of the other account. To
    avoid this, the module adds the line C(Kept by vastai.cloud for user) with the id of the user at the end of the
    description.
  - Each edit gives the template a new C(hash_id). Instances and endpoints with the old one are not changed.
  - The API key requires the permission C(user_read), to identify the templates of its user.
author:
  - vastai.cloud contributors (@vastai-cloud)
extends_documentation_fragment:
  - vastai.cloud.api
  - vastai.cloud.attributes
  - vastai.cloud.attributes.actiongroup
options:
  name:
    description:
      - The name of the template. To rename a template, create a new one and delete the old one.
    type: str
    required: true
  image:
    description:
      - The image. Required to create a template.
    type: str
  tag:
    description:
      - The tag of the image. You can also give it in O(image), but not in both.
    type: str
  env:
    description:
      - All environment variables of the template. Variables that are not listed are removed.
    type: dict
  ports:
    description:
      - All ports to publish, such as V(8000), V(8000/udp) or V(8000:8080). Ports that are not listed are removed.
        V(8000/tcp) means the same as V(8000:8000).
    type: list
    elements: str
  onstart:
    description:
      - The commands to run when an instance starts.
    type: str
  runtype:
    description:
      - How the container is launched. When a template is created without it, Vast.ai uses V(args).
    type: str
    choices: [ssh, ssh_direct, ssh_proxy, jupyter, jupyter_direct, jupyter_proxy, args]
  args:
    description:
      - Arguments for the entrypoint of the image, with O(runtype=args).
    type: list
    elements: str
  extra_filters:
    description:
      - Criteria for suitable offers, as in M(vastai.cloud.vast_offer_info).
    type: dict
    suboptions:
      gpu_name:
        description:
          - Accepted GPU models, such as V(RTX 4090). V(RTX_4090) means the same. Any one of them satisfies the search.
        type: list
        elements: str
      num_gpus:
        description:
          - The exact number of GPUs.
        type: int
      min_gpu_ram_gb:
        description:
          - Minimum memory per GPU, in GB of 1000 MB, the unit of the official client. A card that is sold with 24 GB
            has at least V(24).
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
          - Minimum number of hours for which the machine must stay on offer. An instance cannot run longer than that.
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
  disk:
    description:
      - The recommended disk size in GB.
    type: float
  docker_login:
    description:
      - The login for a private registry. Vast.ai never returns the password, so a changed password alone is not
        detected. To send it, change O(docker_login.user) or delete the template first.
    type: dict
    suboptions:
      repo:
        description: The registry, such as V(docker.io).
        type: str
        required: true
      user:
        description: The user.
        type: str
        required: true
      pass:
        description: The password or token.
        type: str
        required: true
  private:
    description:
      - Whether the template is hidden from other users. The default also applies to an existing template, so a public
        template becomes private unless you always set O(private=false).
    type: bool
    default: true
  desc:
    description:
      - The description. The line that the module adds at its end is not compared.
    type: str
  readme:
    description:
      - A longer text about the template.
    type: str
  state:
    description:
      - V(present) creates or edits the template. V(absent) deletes all templates with this name that the user created.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Environment variables, scripts, arguments and logins may contain secrets. They are shown as V(********), and a
        new value as V(******** (new\)). Ports are shown.
  idempotent:
    support: full
    details:
      - A changed password is not detected, see O(docker_login).
seealso:
  - module: vastai.cloud.vast_template_info
  - module: vastai.cloud.vast_offer_info
"""

EXAMPLES = r"""
- name: Create or update the template of a server
  vastai.cloud.vast_template:
    name: vllm
    image: vllm/vllm-openai:v0.8.5
    runtype: ssh_direct
    env: {MODEL: meta-llama/Llama-3.1-8B-Instruct}
    ports: ["8000"]
    disk: 60
    extra_filters:
      min_gpu_ram_gb: 24
      min_cuda: 12.4
  register: server

- name: Show the hash to rent with
  ansible.builtin.debug:
    msg: "template_hash_id: {{ server.template.hash_id }}"

- name: Change only the tag
  vastai.cloud.vast_template:
    name: trainer
    tag: "2.0"

- name: Use a private registry
  vastai.cloud.vast_template:
    name: internal
    image: registry.example.com/team/app:1.0
    docker_login:
      repo: registry.example.com
      user: deploy
      pass: "{{ registry_token }}"

- name: Delete a template
  vastai.cloud.vast_template:
    name: trainer
    state: absent
"""

RETURN = r"""
template:
  description: The template as last seen, without fields that may contain secrets, or null when it does not exist.
  returned: when the account was read
  type: dict
  sample:
    id: 4321
    hash_id: 5915f1dc1ce881defb572015eb9d8178
    name: vllm
  contains:
    # shared: template
    id:
      description: The id of the template.
      returned: always
      type: int
    hash_id:
      description: The hash to use as C(template_hash_id). It changes with every edit of the template.
      returned: always
      type: str
    name:
      description: The name of the template.
      returned: always
      type: str
    image:
      description: The image.
      returned: always
      type: str
    tag:
      description: The tag of the image.
      returned: always
      type: str
    runtype:
      description: How the container is launched, V(ssh), V(jupyter) or V(args).
      returned: always
      type: str
    ssh_direct:
      description: Whether SSH connects directly to the machine.
      returned: always
      type: bool
    jup_direct:
      description: Whether Jupyter connects directly to the machine.
      returned: always
      type: bool
    recommended_disk_space:
      description: The recommended disk size in GB.
      returned: always
      type: float
    private:
      description: Whether the template is hidden from other users.
      returned: always
      type: bool
    creator_id:
      description: The id of the user who created the template.
      returned: always
      type: int
    created_at:
      description: When the template was created, in seconds since 1970.
      returned: always
      type: float
    count_created:
      description: How many instances were created from the template.
      returned: always
      type: int
    desc:
      description: The description, without the line that M(vastai.cloud.vast_template) adds at its end.
      returned: always
      type: str
    # end
hash_id_before:
  description: The C(hash_id) before the task, or null when the template did not exist.
  returned: when the account was read
  type: str
  sample: 0b3cf6f1c7a3d0d0a3d2a5d4c9a1e2f3
actions:
  description: The actions that were taken, or would be in check mode, in order.
  returned: success
  type: list
  elements: str
  sample:
    - set tag of template trainer
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
from ansible_collections.vastai.cloud.plugins.module_utils._account import templates
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.crud import ANSWERS_WITHIN, outcome
from ansible_collections.vastai.cloud.plugins.module_utils._renting.criteria import as_query, conditions
from ansible_collections.vastai.cloud.plugins.module_utils._renting.options import OFFER_OPTIONS

OF_A_SEARCH = ("interruptible", "order", "prefer", "limit")
"""Options of vast_offer_info that say how to search, not for what."""
OPTIONS: Spec = {
    "name": {"type": "str", "required": True},
    "image": {"type": "str"},
    "tag": {"type": "str"},
    "env": {"type": "dict"},
    "ports": {"type": "list", "elements": "str"},
    "onstart": {"type": "str"},
    "runtype": {
        "type": "str",
        "choices": ["ssh", "ssh_direct", "ssh_proxy", "jupyter", "jupyter_direct", "jupyter_proxy", "args"],
    },
    "args": {"type": "list", "elements": "str"},
    "extra_filters": {
        "type": "dict",
        "options": {name: rules for name, rules in OFFER_OPTIONS.items() if name not in OF_A_SEARCH},
    },
    "disk": {"type": "float"},
    "docker_login": {
        "type": "dict",
        "options": {
            "repo": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "pass": {"type": "str", "required": True, "no_log": True},
        },
    },
    "private": {"type": "bool", "default": True},
    "desc": {"type": "str"},
    "readme": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def filters(options: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The criteria as the API has them. Raises Invalid for what nothing can meet."""
    given = options["extra_filters"]
    return None if given is None else as_query(conditions(given))


def run(module: VastModule) -> dict[str, t.Any]:
    """Look at the own templates of the name, plan, bring it there unless in check mode."""
    options, name, state = module.params, module.params["name"].strip(), module.params["state"]
    if not name:
        raise Invalid("name must not be empty.")
    fields = templates.wanted_fields(options, filters(options))
    module.connect()
    kind = templates.Templates(name, templates.current_user(module.client), fields)
    items, older = templates.to_keep(module.client, kind, state)
    before = items[0].before.row
    if state == "present" and before is None and "image" not in fields:
        raise Invalid(f"image is required to create {items[0].name}, which does not exist. Nothing was sent.")
    if older:
        ids = ", ".join(str(row["id"]) for row in older)
        module.warn(f"Older templates named {name!r} from this module still exist: {ids}.")
    module.bound(options["retry_timeout"] + ANSWERS_WITHIN * len(items))
    module.bring(templates.keep, kind, items)
    row = items[0].seen.row
    shown = {
        "template": None if row is None else templates.shown(row),
        "hash_id_before": None if before is None else before.get("hash_id"),
    }
    return outcome(items, shown, planned=module.check_mode)


def main() -> None:
    """Run as a module."""
    run_module(run, OPTIONS)


if __name__ == "__main__":
    main()
