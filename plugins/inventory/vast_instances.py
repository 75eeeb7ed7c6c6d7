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
  - The inventory fails when the listing fails, and so it does for an option that it does not know or that has no
    value, so an empty inventory means no matching instances. Set C(any_unparsed_is_failed=true) in the section
    C([inventory]) of C(ansible.cfg), since Ansible by itself only warns of an inventory that failed and goes on
    without it.
  - What Vast.ai says is never taken for a template, an address that is none, or the name of another host, whatever
    the labels hold. C(ansible-inventory --list) shows a text with characters that a template could have as an object,
    C({"__ansible_unsafe"}), and every other text as it is.
  - The options O(api_key), O(api_url), O(ca_path), O(filters), O(hostname) and O(hostvars_prefix) may be templates, in
    which extra variables and lookups can be used.
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
      - The Vast.ai API key. If not given, the environment variable E(VAST_API_KEY) is used, then the key file of the
        official client, C($XDG_CONFIG_HOME/vastai/vast_api_key), by default C(~/.config/vastai/vast_api_key), then
        that of its older releases, C(~/.vast_api_key).
    type: str
  api_url:
    description:
      - The address of the API, without a path. If not given, the environment variable E(VAST_URL) is used if it is
        set, else V(https://console.vast.ai).
    type: str
  api_timeout:
    description:
      - For how many seconds to wait for a reply. With the defaults of this and O(retry_timeout), which are lower than
        those of the modules, an API that does not answer fails the inventory within 30 seconds.
    type: int
    default: 10
  retry_timeout:
    description:
      - For how many seconds one request may be tried again, waiting for its turn included.
    type: int
    default: 15
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
      - Which instances to take; all criteria must fit. If not given, all. A criterion without a value is refused.
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
  missing:
    description:
      - What to do about an id, label, GPU or machine that O(filters) names and the account does not have. A
        C(label_prefix) that no label begins with never fails; unless O(missing=ignore), a warning names prefixes that
        come near.
      - V(fail) fails the inventory, V(warn) warns, and V(ignore) does nothing. Nothing is said of a
        listing from the cache.
    type: str
    choices:
      - fail
      - warn
      - ignore
    default: warn
    version_added: 0.3.0
  hostname:
    description:
      - A template for the name of a host; the host variables and the extra variables can be used in it.
      - If not given, and where it gives nothing, the name is the label, and C(vast-) with the id for an instance
        without one. Where it fails, the inventory fails with O(strict=true), else there is a warning and the label
        is taken.
      - See O(safe_names) for the characters of a name. A name has at most 100 of them.
      - Hosts with equal names get the id appended, with a warning. So does a host with the name of a group, of any
        host that another inventory source has made, or with one that Ansible keeps for itself, such as C(localhost).
        Name other sources before this one, so that it knows their hosts.
    type: str
  safe_names:
    description:
      - Whether names have only letters, digits, C(_), C(.) and C(-), and begin with a letter, a digit or C(_), so that
        each can be used in host patterns, on command lines and as the name of a file. Every run of other characters
        becomes one C(-); the label itself stays in the host variables.
      - V(false) keeps other names as they are, such as V(my box) or V(team/a), unless they could be a template, an
        option, or a path that leads elsewhere, or hold characters that cannot be seen.
    type: bool
    default: true
    version_added: 0.3.0
  connect:
    description:
      - Where O(ansible.builtin.ssh#connection:host) and O(ansible.builtin.ssh#connection:port) point.
      - V(direct) to the published port 22. V(proxy) to Vast.ai's proxy. V(auto) to the published port 22 when there
        is one, else to the proxy.
      - Only IP addresses and full DNS names are accepted as addresses, and only those of a running instance.
      - A host without such an address gets one below C(.invalid), which no resolver knows, so that no task reaches
        another machine of that name. A warning names these hosts.
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

---
# The boxes of one team: ansible-playbook -i team.vast.yml -e team=vision ...
plugin: vastai.cloud.vast_instances
filters:
  label_prefix: "{{ team }}-"
keyed_groups:
  - key: vast_machine_id
    prefix: machine
"""

import collections
import contextlib
import hashlib
import os
import re
import typing as t
import weakref

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.vars import combine_vars

from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid, VastError
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import (
    SELECTION_OPTIONS,
    Selection,
    is_empty_criterion,
    select_instances,
)
from ansible_collections.vastai.cloud.plugins.module_utils._version import VERSION
from ansible_collections.vastai.cloud.plugins.plugin_utils.host_names import host_name
from ansible_collections.vastai.cloud.plugins.plugin_utils.host_rows import (
    Row,
    cached_rows,
    checked_row,
    connection,
    nowhere,
)
from ansible_collections.vastai.cloud.plugins.plugin_utils.private_cache import (
    cache_files,
    is_own,
    make_private,
    private_folders,
)
from ansible_collections.vastai.cloud.plugins.plugin_utils.untrusted import TEMPLATE_MARKS, untrusted

ENDINGS = ("vast_instances.yml", "vast_instances.yaml", "vast.yml", "vast.yaml")
RESERVED = ("localhost", "127.0.0.1", "::1")
TEXTS = ("api_key", "api_url", "ca_path", "hostvars_prefix", "filters")
"""Options that are rendered with the extra variables; Ansible reads those of the cache as they are."""
CACHE_TEXTS = ("cache_plugin", "cache_connection", "cache_prefix")
MAX_HEAD = 4096
"""How much of a file with another ending is read to see whether it is one for this plugin."""
MAX_SHOWN = 5
"""How many hosts a warning names."""
OWNERS: weakref.WeakKeyDictionary[t.Any, tuple[str, int]] = weakref.WeakKeyDictionary()
"""The API and id that a host was made for: only such a host is ever written to again."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """One listing in, hosts out."""

    NAME = "vastai.cloud.vast_instances"
    _names_groups = False
    _cache_key: str | None = None
    _api_url = ""

    def verify_file(self, path: str) -> bool:
        """Whether a file is meant for this plugin, by the end of its name; warns of one that only says so inside."""
        if not super().verify_file(path):
            return False
        if path.endswith(ENDINGS):
            return True
        if is_meant_for(path, self.NAME):
            name = os.path.splitext(os.path.basename(path))[0]
            self.display.warning(
                f"{path} names the plugin {self.NAME}, but its name must end in one of {', '.join(ENDINGS)}. "
                f"Rename it, for example to {name}.vast.yml."
            )
        return False

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Fill the inventory. Raises AnsibleParserError when the listing fails."""
        super().parse(inventory, loader, path, cache)
        with private_folders():
            config = self._read_config_data(path)
        try:
            self._check(config)
            rows = self._rows(path, cache)
        except VastError as error:
            # Without its cause, which newer releases of ansible-core would say a second time.
            raise AnsibleParserError(f"{error.msg} [{error.error_class}]") from None
        self._populate([Instance(row["id"], row) for row in rows])

    def update_cache_if_changed(self) -> None:
        """Write the cache, for its owner only: Ansible leaves its files readable for all."""
        super().update_cache_if_changed()
        for path in cache_files(self._cache, self._cache_key) if self._cache_key else ():
            if not make_private(path):
                self.display.warning(f"The cache file {path} is readable for others; run chmod 600 on it.")

    def _check(self, config: t.Mapping[str, t.Any]) -> None:
        """Raises Invalid for what Ansible lets pass: a misspelt `filters` would take every instance."""
        if unknown := sorted(str(name) for name in config if name not in self.option_definitions):
            raise Invalid(f"There is no option {', '.join(unknown)}; see ansible-doc -t inventory {self.NAME}.")
        if empty := sorted(name for name, value in config.items() if value is None):
            raise Invalid(f"{', '.join(empty)} must not be empty; omit it instead.")
        for name in TEXTS:
            value = self._rendered(name, self._given(name, config))
            if name in config and (value is None or (value == "" and name != "hostvars_prefix")):
                raise Invalid(f"{name} must not be empty; omit it instead.")
            self.set_option(name, value)
        if marked := [name for name in CACHE_TEXTS if has_marks(self.get_option(name))]:
            raise Invalid(f"{', '.join(marked)} cannot be a template.")
        if braced := list(self._braced()):
            raise Invalid(f"{', '.join(braced)} must be an expression, without braces around it.")
        prefix = self.get_option("hostvars_prefix")
        if not re.fullmatch("([A-Za-z_][A-Za-z0-9_]*)?", prefix):
            raise Invalid(f"hostvars_prefix cannot begin the name of a variable: {prefix!r}.")

    def _given(self, name: str, config: t.Mapping[str, t.Any]) -> t.Any:
        """The value of an option; of a path that is a template, the template, which Ansible takes for a file name."""
        value = config.get(name)
        return value if name == "ca_path" and has_marks(value) else self.get_option(name)

    def _rendered(self, name: str, value: t.Any) -> t.Any:
        """The value with its templates rendered. Raises Invalid where that fails, or marks of one remain."""
        if isinstance(value, dict):
            return {key: self._rendered(f"{name}.{key}", inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._rendered(name, inner) for inner in value]
        if isinstance(value, str) and self.templar.is_template(value):
            self.templar.available_variables = self._vars
            try:
                value = self.templar.template(value)
            except AnsibleError as error:
                raise Invalid(f"The template of {name} cannot be rendered: {error}") from None
            # A key that reads like a number is text.
            value = str(value) if name in TEXTS and value is not None else value
        if has_marks(value):
            raise Invalid(f"{name} is a template that cannot be rendered.")
        return value

    def _braced(self) -> t.Iterator[str]:
        """Expressions with braces around them, which Ansible would skip without a word."""
        keyed = [each.get("key") for each in self.get_option("keyed_groups") or [] if isinstance(each, dict)]
        expressions = {
            **{f"compose.{name}": value for name, value in (self.get_option("compose") or {}).items()},
            **{f"groups.{name}": value for name, value in (self.get_option("groups") or {}).items()},
            **{f"keyed_groups[{number}].key": value for number, value in enumerate(keyed)},
        }
        return (name for name, value in expressions.items() if str(value).lstrip().startswith(("{{", "{%")))

    def _rows(self, path: str, cache: bool) -> list[Row]:
        settings = Settings.from_options(self.get_options(), os.environ)
        selection = self._selection()
        self._api_url = settings.api_url
        key = self._cache_key = self._key(path, settings, selection) if self.get_option("cache") else None
        rows = self._cached(key) if key and cache else None
        if rows is not None:
            return rows
        agent = f"ansible-core/{ansible_version}"
        client = Client(settings, agent=agent, warn=self.display.warning, clock=Clock())
        # Whatever the API says passes through here, before it is cached or shown.
        instances = select_instances(client, selection, missing=self.get_option("missing"))
        rows = [client.redactor.clean(checked_row(each.row)) for each in instances]
        if key:
            self._cache[key] = rows
        return rows

    def _cached(self, key: str) -> list[Row] | None:
        """The rows of an earlier listing, checked like those of the API; None where there are none that can be used."""
        if foreign := [path for path in cache_files(self._cache, key) if not is_own(path)]:
            self.display.warning(
                f"The cache file {foreign[0]} is not used: another user owns it or can write to it, or it is a link."
            )
            return None
        # What a cache plugin raises depends on what is in its file; the listing is always there instead.
        with contextlib.suppress(Exception):
            return cached_rows(self._cache[key])
        return None

    def _selection(self) -> Selection:
        filters = self.get_option("filters") or {}
        if unknown := sorted(str(name) for name in filters if name not in SELECTION_OPTIONS):
            raise Invalid(f"filters: there is no {', '.join(unknown)}, only {', '.join(SELECTION_OPTIONS)}.")
        if empty := sorted(name for name, value in filters.items() if is_empty_criterion(value)):
            raise Invalid(f"filters: {', '.join(empty)} must not be empty; omit it instead.")
        checked = ArgumentSpecValidator(SELECTION_OPTIONS).validate(filters)
        if checked.error_messages:
            raise Invalid(f"filters: {' '.join(checked.error_messages)}")
        selection = Selection.from_options(checked.validated_parameters, path="filters.", given=filters)
        selection.check_all("filters.")
        return selection

    def _key(self, path: str, settings: Settings, selection: Selection) -> str:
        """What is cached belongs to this file, account, choice and release; the account's key does not show in it."""
        owner = f"{settings.api_url} {settings.api_key} {selection} {VERSION}"
        return f"{self.get_cache_key(path)}_{hashlib.blake2b(owner.encode(), digest_size=8).hexdigest()}"

    def _populate(self, instances: list[Instance]) -> None:
        known = set(self.inventory.hosts)
        names = self._place(instances)
        self._warn_of_unreachable(names, instances)
        # A keyed group may turn out to have the name of a host, which would then mean the group.
        clashing = {name: each for name, each in zip(names, instances, strict=True) if name in self.inventory.groups}
        again = {name: instance for name, instance in clashing.items() if name not in known}
        for name in again:
            self.inventory.remove_host(self.inventory.hosts[name])
        if again:
            self._populate(list(again.values()))

    def _place(self, instances: list[Instance]) -> list[str]:
        """Add the hosts, step by step for all, so that no name means a group while variables are set by name."""
        strict = self.get_option("strict")
        variables = [self._variables(instance) for instance in instances]
        names = self._names([instance.id for instance in instances], variables)
        placed = list(zip(names, variables, strict=True))
        for (name, each), instance in zip(placed, instances, strict=True):
            self.inventory.add_host(name)
            OWNERS[self.inventory.hosts[name]] = self._owner(instance.id)
            for variable, value in each.items():
                self.inventory.set_variable(name, variable, value)
            self._set_composite_vars(self.get_option("compose"), each, name, strict=strict)
            self._check_composed(name, instance.id)
        for name, each in placed:
            self._add_host_to_composed_groups(self.get_option("groups"), each, name, strict=strict)
        self._names_groups = True
        for name, each in placed:
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), each, name, strict=strict)
        self._names_groups = False
        return names

    def _compose(self, *args: t.Any, **options: t.Any) -> t.Any:
        """A number names a group by its digits, which Ansible does not do. Variables are as those of the API."""
        value = super()._compose(*args, **options)
        if not self._names_groups:
            return untrusted(value)
        return str(value) if isinstance(value, (int, float)) else value

    def _variables(self, instance: Instance) -> dict[str, t.Any]:
        prefix = self.get_option("hostvars_prefix")
        values = {f"{prefix}{name}": value for name, value in instance.result().items()}
        variables: dict[str, t.Any] = untrusted({**values, **connection(instance, self.get_option("connect"))})
        return variables

    def _check_composed(self, name: str, instance_id: int) -> None:
        """An address that `compose` made of what the API says may be any name, but no option of ssh."""
        variables = self.inventory.hosts[name].vars
        for variable in ("ansible_host", "ansible_ssh_host"):
            if variable in variables and not re.fullmatch(r"[\w:][\w.:-]*", str(variables[variable])):
                self.display.warning(f"compose gives {name} no address in {variable}, so it cannot be reached.")
                self.inventory.set_variable(name, variable, nowhere(instance_id))

    def _warn_of_unreachable(self, names: list[str], instances: list[Instance]) -> None:
        placed = (
            (name, self.inventory.hosts[name].vars.get("ansible_host"), each.id)
            for name, each in zip(names, instances, strict=True)
        )
        lost = [name for name, host, instance_id in placed if host == nowhere(instance_id)]
        if lost:
            shown = ", ".join(lost[:MAX_SHOWN]) + (
                f" and {len(lost) - MAX_SHOWN} more" if len(lost) > MAX_SHOWN else ""
            )
            self.display.warning(
                f"No SSH address (not running, or nothing for connect: {self.get_option('connect')}), so tasks cannot "
                f"connect: {shown}. Leave stopped ones out with filters: {{status: [running]}}."
            )

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
        """Whether there is a host of that name which this plugin has not made of this very instance."""
        known = self.inventory.hosts.get(name)
        return known is not None and OWNERS.get(known) != self._owner(instance_id)

    def _owner(self, instance_id: int) -> tuple[str, int]:
        return self._api_url, instance_id

    def _name(self, instance_id: int, variables: dict[str, t.Any]) -> str:
        label = variables[f"{self.get_option('hostvars_prefix')}label"] or ""
        safe = self.get_option("safe_names")
        names = (host_name(text, safe=safe) for text in (self._templated_name(variables), str(label)))
        return next((name for name in names if name), f"vast-{instance_id}")

    def _templated_name(self, variables: dict[str, t.Any]) -> str:
        template = self.get_option("hostname")
        if not template:
            return ""
        self.templar.available_variables = combine_vars(variables, self._vars)
        try:
            name = self.templar.template(template)
        except AnsibleError as error:
            if self.get_option("strict"):
                raise AnsibleParserError(f"The template of hostname fails: {error}") from None
            self.display.warning(f"The template of hostname fails, so the label is taken instead: {error}")
            return ""
        return "" if name is None else str(name)


def is_meant_for(path: str, plugin: str) -> bool:
    """Whether a YAML file names a plugin, by what it begins with."""
    if not path.endswith((".yml", ".yaml")):
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            head = file.read(MAX_HEAD)
    except OSError:
        return False
    named = rf"""(?m)^[ \t{{]*["']?plugin["']?[ \t]*:[ \t]*["']?{re.escape(plugin)}["']?[ \t]*([,}}#]|$)"""
    return re.search(named, head) is not None


def has_marks(value: t.Any) -> bool:
    """Whether a text holds what begins a template."""
    return isinstance(value, str) and any(mark in value for mark in TEMPLATE_MARKS)
