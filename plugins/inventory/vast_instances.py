# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: vast_instances
short_description: Rented GPU instances on Vast.ai as inventory hosts
version_added: 0.2.0
description:
  - Makes a host of each instance of the account, with its ssh coordinates, from one complete listing without a
    request per host.
  - The file's name must end in C(vast_instances.yml), C(vast_instances.yaml), C(vast.yml) or C(vast.yaml).
  - The inventory fails when the listing fails, and so it does for an option that it does not know; an empty one is
    only ever a true one. Set C(any_unparsed_is_failed=true) in the section C([inventory]) of C(ansible.cfg), since
    Ansible by itself only warns of an inventory that failed and goes on without it.
  - What Vast.ai says is never taken for a template, whatever the labels hold.
author:
  - vastai.cloud contributors (@vastai-cloud)
requirements:
  - Python 3.10 or newer
  - requests
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description:
      - Marks the file as one for this plugin.
    type: str
    required: true
    choices:
      - vastai.cloud.vast_instances
  api_key:
    description:
      - The Vast.ai API key. It may be a template, in which extra variables and lookups can be used. If not given, the
        key file of the official client is used, C($XDG_CONFIG_HOME/vastai/vast_api_key), by default
        C(~/.config/vastai/vast_api_key).
    type: str
  api_url:
    description:
      - The address of the API, without a path. If not given, the environment variable E(VAST_URL) is used if it is
        set, else V(https://console.vast.ai). Likewise E(VAST_API_KEY) is used when O(api_key) is not given.
    type: str
  api_timeout:
    description:
      - For how many seconds to wait for a reply.
    type: int
    default: 60
  retry_timeout:
    description:
      - For how many seconds one request may be tried again, waiting for its turn included.
    type: int
    default: 120
  api_pacing:
    description:
      - Whether to keep the minimum intervals that Vast.ai wants between requests, together with all other tasks of this
        user on this machine.
    type: bool
    default: true
  validate_certs:
    description:
      - Whether to verify the certificate of the API.
    type: bool
    default: true
  ca_path:
    description:
      - A file or folder with the certificates of the authorities to trust instead of the usual ones.
    type: path
  filters:
    description:
      - Which instances to take; all criteria must fit. If not given, all.
    type: dict
    default: {}
    suboptions:
      # shared: selection
      ids:
        description:
          - The ids of the instances.
        type: list
        elements: int
      label:
        description:
          - Labels; an instance fits when it carries one of them exactly, upper and lower case included. Write a label
            with a comma as an item of a YAML list. For instances without a label there is C(unlabelled).
        type: list
        elements: str
      label_prefix:
        description:
          - The beginning of the label. It is no name of a thing that has to exist, so that nothing may fit it.
        type: str
      unlabelled:
        description:
          - With V(true), an instance fits when it carries no label. V(false) is no criterion.
        type: bool
        default: false
      status:
        description:
          - Values of RV(vastai.cloud.vast_instance#module:instance.actual_status). A stopped instance shows V(exited).
        type: list
        elements: str
        choices:
          - created
          - exited
          - frozen
          - loading
          - offline
          - rebooting
          - recycling
          - restarting
          - running
          - stopped
          - unknown
      gpu_name:
        description:
          - Names of GPUs, such as V(RTX 4090). V(RTX_4090) is understood too.
        type: list
        elements: str
      machine_id:
        description:
          - The ids of the machines that the instances are on.
        type: list
        elements: int
      # end
  hostname:
    description:
      - A template for the name of a host; the host variables can be used in it.
      - If not given, and where it gives nothing, the name is the label, and C(vast-) with the id for an instance
        without one. Where it fails, the inventory fails with O(strict=true), else there is a warning and the label
        is taken.
      - Hosts with equal names get the id appended, with a warning. So does a host with the name of a group, of a host
        that another inventory source has made of another instance, or with one that Ansible keeps for itself, such
        as C(localhost).
      - A name with template marks or control characters in it, or one that leads elsewhere as the path of a file
        (C(/a), C(../a)), is replaced by C(vast-) with the id.
    type: str
  connect:
    description:
      - Where O(ansible.builtin.ssh#connection:host) and O(ansible.builtin.ssh#connection:port) point.
      - V(direct) to the published port 22; hosts that have none get no address. V(proxy) to Vast.ai's proxy.
        V(auto) to the published port 22 when there is one, else to the proxy.
    type: str
    choices:
      - auto
      - direct
      - proxy
    default: auto
  hostvars_prefix:
    description:
      - What the names of the host variables begin with. The rest of a name and its meaning are those of
        RV(vastai.cloud.vast_instance#module:instance). It may be empty.
    type: str
    default: vast_
"""

EXAMPLES = r"""
# The smallest one, fleet.vast.yml
plugin: vastai.cloud.vast_instances

---
# Training boxes that run, grouped
plugin: vastai.cloud.vast_instances
filters:
  label_prefix: train-
  status:
    - running
hostname: "{{ vast_label }}.vast"
keyed_groups:
  - key: vast_gpu_name | replace(' ', '_')
    prefix: gpu
  - key: vast_country_code
    prefix: geo
groups:
  expensive: vast_dph_total > 2
compose:
  ansible_ssh_common_args: "'-o StrictHostKeyChecking=accept-new'"
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/vast-inventory
cache_timeout: 120
"""

import collections
import contextlib
import hashlib
import os
import re
import typing as t

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import DependencyError, Invalid, VastError
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import (
    SELECTION_OPTIONS,
    Selection,
    select_instances,
)
from ansible_collections.vastai.cloud.plugins.module_utils._version import VERSION

try:
    # Since ansible-core 2.19 nothing is a template unless it is trusted to be one.
    from ansible.template import trust_as_template as _trust_as_template  # noqa: F401
except ImportError:
    from ansible.utils.unsafe_proxy import wrap_var

    def untrusted(value: t.Any) -> t.Any:
        """Keep a value from being taken for a template; text that cannot be one stays readable in listings."""
        if isinstance(value, dict):
            return {untrusted(key): untrusted(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [untrusted(inner) for inner in value]
        return wrap_var(value) if isinstance(value, str) and re.search("[{}]", value) else value
else:

    def untrusted(value: t.Any) -> t.Any:
        """Keep a value from being taken for a template."""
        return value


ENDINGS = ("vast_instances.yml", "vast_instances.yaml", "vast.yml", "vast.yaml")
RESERVED = ("localhost", "127.0.0.1", "::1")
TEMPLATE_MARKS = ("{{", "{%", "{#")
Host = dict[str, t.Any]


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """One listing in, hosts out."""

    NAME = "vastai.cloud.vast_instances"

    def verify_file(self, path: str) -> bool:
        """Whether a file is meant for this plugin, by the end of its name."""
        return bool(super().verify_file(path)) and path.endswith(ENDINGS)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Fill the inventory. Raises AnsibleParserError when the listing fails."""
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        try:
            self._check(config)
            hosts = self._hosts(path, cache)
        except DependencyError:
            raise AnsibleParserError(missing_required_lib("requests")) from None
        except VastError as error:
            # Without its cause, which newer releases of ansible-core would say a second time.
            raise AnsibleParserError(f"{error.msg} [{error.error_class}]") from None
        self._populate(hosts)

    def _check(self, config: t.Mapping[str, t.Any]) -> None:
        """Raises Invalid for what Ansible lets pass: a misspelt `filters` would take every instance."""
        if unknown := sorted(str(name) for name in config if name not in self.option_definitions):
            raise Invalid(f"There is no option {', '.join(unknown)}; see ansible-doc -t inventory {self.NAME}.")
        prefix = self.get_option("hostvars_prefix")
        if not re.fullmatch("([A-Za-z_][A-Za-z0-9_]*)?", prefix):
            raise Invalid(f"hostvars_prefix cannot begin the name of a variable: {prefix!r}.")

    def _hosts(self, path: str, cache: bool) -> list[Host]:
        settings = Settings.from_options({**self.get_options(), "api_key": self._api_key()}, os.environ)
        selection = self._selection()
        key = self._key(path, settings, selection)
        caching = self.get_option("cache")
        if caching and cache:
            with contextlib.suppress(KeyError):
                cached: list[Host] = self._cache[key]
                return cached
        agent = f"ansible-core/{ansible_version}"
        client = Client(settings, agent=agent, warn=self.display.warning, clock=Clock())
        hosts = [
            {"values": instance.result(), "direct": instance.direct(), "proxy": instance.proxy()}
            for instance in select_instances(client, selection)
        ]
        if caching:
            self._cache[key] = hosts
        return hosts

    def _selection(self) -> Selection:
        filters = self.get_option("filters") or {}
        if unknown := sorted(str(name) for name in filters if name not in SELECTION_OPTIONS):
            raise Invalid(f"filters: there is no {', '.join(unknown)}, only {', '.join(SELECTION_OPTIONS)}.")
        checked = ArgumentSpecValidator(SELECTION_OPTIONS).validate(filters)
        if checked.error_messages:
            raise Invalid(f"filters: {' '.join(checked.error_messages)}")
        return Selection.from_options(checked.validated_parameters)

    def _key(self, path: str, settings: Settings, selection: Selection) -> str:
        """What is cached belongs to this file, account, choice and release; the account's key does not show in it."""
        owner = f"{settings.api_url} {settings.api_key} {selection} {VERSION}"
        return f"{self.get_cache_key(path)}_{hashlib.blake2b(owner.encode(), digest_size=8).hexdigest()}"

    def _api_key(self) -> str | None:
        value = self.get_option("api_key")
        if value and self.templar.is_template(value):
            self.templar.available_variables = self._vars
            value = self.templar.template(value)
        return None if value is None else str(value)

    def _populate(self, hosts: list[Host]) -> None:
        known = set(self.inventory.hosts)
        names = self._place(hosts)
        # A keyed group may turn out to have the name of a host, which would then mean the group.
        clashing = {name: host for name, host in zip(names, hosts, strict=True) if name in self.inventory.groups}
        again = {name: host for name, host in clashing.items() if name not in known}
        for name in again:
            self.inventory.remove_host(self.inventory.hosts[name])
        if again:
            self._populate(list(again.values()))

    def _place(self, hosts: list[Host]) -> list[str]:
        """Add the hosts, step by step for all, so that no name means a group while variables are set by name."""
        strict = self.get_option("strict")
        variables = [self._variables(host) for host in hosts]
        names = self._names([host["values"]["id"] for host in hosts], variables)
        placed = list(zip(names, variables, strict=True))
        for name, each in placed:
            self.inventory.add_host(name)
            for variable, value in each.items():
                self.inventory.set_variable(name, variable, value)
            self._set_composite_vars(self.get_option("compose"), each, name, strict=strict)
        for name, each in placed:
            self._add_host_to_composed_groups(self.get_option("groups"), each, name, strict=strict)
        for name, each in placed:
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), each, name, strict=strict)
        return names

    def _variables(self, host: Host) -> dict[str, t.Any]:
        prefix = self.get_option("hostvars_prefix")
        values = {f"{prefix}{name}": value for name, value in host["values"].items()}
        variables: dict[str, t.Any] = untrusted({**values, **address(host, self.get_option("connect"))})
        return variables

    def _names(self, ids: list[int], variables: list[dict[str, t.Any]]) -> list[str]:
        """A name for each host that no other and no group has: where it is taken, the id is appended."""
        names = [self._name(instance_id, each) for instance_id, each in zip(ids, variables, strict=True)]
        clashes: set[str] = set()
        while taken := self._taken(ids, names):
            clashes |= taken
            names = [
                f"{name}-{instance_id}" if name in taken else name for instance_id, name in zip(ids, names, strict=True)
            ]
        if clashes:
            shown = ", ".join(repr(name) for name in sorted(clashes))
            self.display.warning(f"More than one host or group would be called {shown}; the ids are appended.")
        return names

    def _taken(self, ids: list[int], names: list[str]) -> set[str]:
        """The names that are not each for one host alone."""
        counts = collections.Counter(names)
        composed = {self._sanitize_group_name(group) for group in self.get_option("groups") or {}}
        groups = {*RESERVED, *composed, *self.inventory.groups}
        return {
            name
            for instance_id, name in zip(ids, names, strict=True)
            if counts[name] > 1 or name in groups or self._is_another(name, instance_id)
        }

    def _is_another(self, name: str, instance_id: int) -> bool:
        """Whether another source has made a host of that name of another instance; one made by hand is welcome."""
        variable = f"{self.get_option('hostvars_prefix')}id"
        known = self.inventory.hosts.get(name)
        return known is not None and known.vars.get(variable, instance_id) != instance_id

    def _name(self, instance_id: int, variables: dict[str, t.Any]) -> str:
        label = variables[f"{self.get_option('hostvars_prefix')}label"]
        name = next((text for text in (self._templated_name(variables), label) if text), "").strip()
        return name if is_host_name(name) else f"vast-{instance_id}"

    def _templated_name(self, variables: dict[str, t.Any]) -> str:
        template = self.get_option("hostname")
        if not template:
            return ""
        self.templar.available_variables = variables
        try:
            name = self.templar.template(template)
        except AnsibleError as error:
            if self.get_option("strict"):
                raise AnsibleParserError(f"The template of hostname fails: {error}") from None
            self.display.warning(f"The template of hostname fails, so the label is taken instead: {error}")
            return ""
        return "" if name is None else str(name).strip()


def is_host_name(name: str) -> bool:
    """Whether a text can name a host: no template, nothing invisible, and no path that leads elsewhere."""
    return (
        bool(name)
        and name.isprintable()
        and not any(mark in name for mark in TEMPLATE_MARKS)
        and not name.startswith("/")
        and {".", ".."}.isdisjoint(name.split("/"))
    )


def address(host: Host, connect: str) -> dict[str, t.Any]:
    """The connection variables of a host, none where the wanted way does not exist."""
    ways = {"direct": host["direct"], "proxy": host["proxy"], "auto": host["direct"] or host["proxy"]}
    ssh = ways[connect]
    if ssh is None:
        return {}
    return {"ansible_host": ssh["host"], "ansible_port": ssh["port"], "ansible_user": ssh["user"]}
