# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin, by the requests it sends and the hosts that Ansible then knows."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import json
import os
import pathlib
import re
import typing as t

import ansible.constants
import pytest
import requests
from ansible import template
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.yaml import yaml_load, yaml_load_all
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import fragment_loader
from ansible.utils.display import Display
from ansible.utils.plugin_docs import add_fragments

from ansible_collections.vastai.cloud.plugins.doc_fragments.api import ModuleDocFragment as ApiFragment
from ansible_collections.vastai.cloud.plugins.inventory import vast_instances
from ansible_collections.vastai.cloud.plugins.module_utils._api import client
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import SELECTION_OPTIONS

from ..harness import KEY, URL, Api, FakeClock, Undeclared, instance_row, list_query, listing, stopped_row

NAME = "vastai.cloud.vast_instances"
LISTING = "/api/v1/instances/"
OTHER_KEY = "another-key-0123456789abcdef"
HOSTILE = ("{{ 7*7 }}", "{{ lookup('pipe', 'id') }}", "{% for x in () %}{% endfor %}", "{# gone #}")
EXAMPLES: list[dict[str, t.Any]] = list(yaml_load_all(vast_instances.EXAMPLES))


class Plugin(vast_instances.InventoryModule):
    """The plugin as Ansible's loader hands it out; the loader itself is for the integration tests."""

    _load_name = _original_path = ansible_name = NAME
    _redirected_names = (NAME,)
    ansible_aliases = (NAME,)


Plugin.__name__ = "InventoryModule"  # Ansible takes the type of a plugin from its class


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """Ansible knows the options of the plugin and finds it for every source; gives its documentation."""
    documentation: dict[str, t.Any] = yaml_load(vast_instances.DOCUMENTATION)
    add_fragments(documentation, vast_instances.__file__, fragment_loader=fragment_loader)
    ansible.constants.config.initialize_plugin_configuration_definitions("inventory", NAME, documentation["options"])
    monkeypatch.setattr(InventoryManager, "_fetch_inventory_plugins", lambda self: [Plugin()])
    monkeypatch.setattr(ansible.constants, "INVENTORY_ANY_UNPARSED_IS_FAILED", True)
    return documentation


@pytest.fixture(autouse=True)
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Ansible warned of."""
    shown: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda self, msg, *args, **options: shown.append(msg))
    return shown


@dataclasses.dataclass
class Source:
    """An inventory file of the user."""

    path: pathlib.Path

    def write(self, **options: t.Any) -> Source:
        """Write the file, with the connection options of the tests unless others are given; None leaves one out."""
        content = {"plugin": NAME, "api_key": KEY, "api_url": URL, **options}
        given = {name: value for name, value in content.items() if value is not None}
        self.path.write_text(json.dumps(given), encoding="utf-8")
        return self

    def read(self, *others: str, cache: bool = True) -> Hosts:
        """Read it after other sources, as Ansible does."""
        return Hosts(InventoryManager(DataLoader(), sources=[*others, str(self.path)], cache=cache))

    def refusal(self) -> str:
        """Why it cannot be read; nothing may be left of it then."""
        inventory = InventoryData()
        with pytest.raises(AnsibleParserError) as refused:
            Plugin().parse(inventory, DataLoader(), str(self.path), cache=True)
        assert inventory.hosts == {}
        assert KEY not in str(refused.value)
        return str(refused.value)


class Hosts:
    """What is known to Ansible afterwards; no secret is, whatever it was read for."""

    def __init__(self, manager: InventoryManager) -> None:
        self.names = list(manager.hosts)
        self.variables = {name: host.get_vars() for name, host in manager.hosts.items()}
        self.groups = {name: [host.name for host in group.get_hosts()] for name, group in manager.groups.items()}
        self.group_variables = {name: group.get_vars() for name, group in manager.groups.items()}
        text = json.dumps(self.variables, default=str)
        assert "SECRET" not in text
        assert KEY not in text

    def __getitem__(self, name: str) -> dict[str, t.Any]:
        variables: dict[str, t.Any] = self.variables[name]
        return variables

    def by_id(self, variable: str = "vast_id") -> dict[int, str]:
        """The name of each instance."""
        return {variables[variable]: name for name, variables in self.variables.items()}

    def rendered(self, name: str, expression: str) -> t.Any:
        """What a task on that host would see."""
        trusted = getattr(template, "trust_as_template", str)
        templar = template.Templar(loader=DataLoader(), variables=self[name])
        return templar.template(trusted("{{ " + expression + " }}"))


@pytest.fixture
def source(home: pathlib.Path) -> Source:
    return Source(home / "fleet.vast.yml").write()


def rows(count: int) -> list[dict[str, t.Any]]:
    return [instance_row(number, label=f"node-{number:03d}") for number in range(1, count + 1)]


def expect_pages(api: Api, all_rows: list[dict[str, t.Any]]) -> None:
    """Declare the pages of one listing, 25 rows each."""
    starts = range(0, len(all_rows), 25)
    for start in starts:
        more = {"after_token": f"t{start}"} if start else {}
        token = f"t{start + 25}" if start + 25 < len(all_rows) else None
        page = listing(*all_rows[start : start + 25], next_token=token, total_instances=len(all_rows))
        api.expect("GET", LISTING, page, query=list_query({}, **more))


def labelled(api: Api, *labels: str | None) -> None:
    """Declare a listing of instances 1, 2, 3, … with these labels."""
    api.expect_listing(*[instance_row(number, label=label) for number, label in enumerate(labels, 1)])


# The hosts


def test_each_instance_is_a_host_with_the_documented_variables(api: Api, source: Source, warnings: list[str]) -> None:
    api.expect_listing(instance_row(4711), stopped_row(4712, label="dev"))
    hosts = source.read()
    assert hosts.names == ["train-01", "dev"]
    assert hosts["train-01"]["vast_id"] == 4711
    assert hosts["train-01"]["vast_status_msg"] == "success, running pytorch/pytorch:latest/ssh"
    assert hosts["train-01"]["vast_ssh"] == {"host": "203.0.113.7", "port": 20022, "user": "root", "via": "direct"}
    assert hosts["train-01"]["vast_dph_total"] == 0.42
    assert hosts["dev"]["vast_actual_status"] == "exited"
    assert not {"vast_jupyter_token", "vast_extra_env", "vast_onstart"} & hosts["train-01"].keys()
    assert [text for text in warnings if "No SSH address" not in text] == []


def test_an_account_without_instances_is_an_empty_inventory(api: Api, source: Source, warnings: list[str]) -> None:
    api.expect_listing()
    assert source.read().names == []
    assert warnings == []


@pytest.mark.parametrize(("count", "requests_sent"), [(1, 1), (25, 1), (26, 2), (101, 5)])
def test_the_listing_is_all_that_is_asked_for(api: Api, source: Source, count: int, requests_sent: int) -> None:
    expect_pages(api, rows(count))
    assert len(source.read().names) == count
    assert len(api.calls) == requests_sent


@pytest.mark.parametrize(
    ("connect", "row", "host", "port"),
    [
        ("auto", instance_row(1), "203.0.113.7", 20022),
        ("auto", instance_row(1, ports=None), "ssh4.vast.ai", 14711),
        ("direct", instance_row(1), "203.0.113.7", 20022),
        ("proxy", instance_row(1), "ssh4.vast.ai", 14711),
        ("proxy", instance_row(1, image_runtype="jupyter_direc ssh_direc ssh_proxy"), "ssh4.vast.ai", 14712),
    ],
)
def test_ssh_goes_where_connect_says(
    api: Api, source: Source, connect: str, row: dict[str, t.Any], host: str, port: int
) -> None:
    api.expect_listing(row)
    found = source.write(connect=connect).read()["train-01"]
    assert (found["ansible_host"], found["ansible_port"], found["ansible_user"]) == (host, port, "root")


@pytest.mark.parametrize(
    ("connect", "row"),
    [
        ("auto", stopped_row(1)),
        ("auto", stopped_row(1, ports={"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "20022"}]})),
        ("auto", instance_row(1, actual_status="loading")),
        ("auto", instance_row(1, ports=None, ssh_host=None)),
        ("auto", instance_row(1, ports=None, ssh_host="-oProxyCommand=id", ssh_port=22)),
        ("auto", instance_row(1, public_ipaddr="-oProxyCommand=id", ssh_port=0)),
        ("direct", instance_row(1, ports=None)),
        ("direct", instance_row(1, public_ipaddr="web")),
        ("proxy", instance_row(1, ssh_host=None)),
        ("proxy", instance_row(1, ssh_host="localhost")),
        ("proxy", instance_row(1, ssh_port=True)),
    ],
)
def test_a_host_that_cannot_be_reached_so_gets_an_address_that_leads_nowhere(
    api: Api, source: Source, warnings: list[str], connect: str, row: dict[str, t.Any]
) -> None:
    api.expect_listing({**row, "label": "web"})
    found = source.write(connect=connect).read()["web"]
    assert found["ansible_host"] == "vast-1.has-no-ssh-address.invalid"
    assert not {"ansible_port", "ansible_user"} & found.keys()
    assert len(warnings) == 1
    assert "No SSH address" in warnings[0]
    assert ": web." in warnings[0]


def test_hosts_without_an_address_are_told_in_one_warning(api: Api, source: Source, warnings: list[str]) -> None:
    api.expect_listing(*[stopped_row(number, label=f"box-{number}") for number in range(1, 9)])
    source.read()
    assert len(warnings) == 1
    assert "box-1, box-2, box-3, box-4, box-5 and 3 more" in warnings[0]


@pytest.mark.parametrize("variable", ["ansible_host", "ansible_ssh_host"])
@pytest.mark.parametrize("text", ["-oProxyCommand=id", "a b", "", "{{ 7*7 }}", "$(id)"])
def test_an_address_that_compose_makes_is_no_option_of_ssh(
    api: Api, source: Source, warnings: list[str], variable: str, text: str
) -> None:
    api.expect_listing(instance_row(1, status_msg=text))
    found = source.write(compose={variable: "vast_status_msg"}).read()["train-01"]
    assert found[variable] == "vast-1.has-no-ssh-address.invalid"
    assert "compose gives train-01 no address" in warnings[0]


@pytest.mark.parametrize("address", ["jump", "10.0.0.1", "2001:db8::1", "box.example.org"])
def test_an_address_of_the_user_is_taken(api: Api, source: Source, warnings: list[str], address: str) -> None:
    api.expect_listing(stopped_row(1))
    assert source.write(compose={"ansible_host": f"'{address}'"}).read()["train-01"]["ansible_host"] == address
    assert warnings == []


@pytest.mark.parametrize("prefix", ["", "gpu_box_"])
def test_the_prefix_of_the_variables_can_be_chosen(api: Api, source: Source, prefix: str) -> None:
    labelled(api, "a")
    options = {"hostname": "{{ " + prefix + "label }}.vast", "compose": {"twice": f"{prefix}num_gpus * 2"}}
    found = source.write(hostvars_prefix=prefix, **options).read()["a.vast"]
    assert found[f"{prefix}label"] == "a"
    assert str(found["twice"]) == "2"
    assert not any(name.startswith("vast_") for name in found)


def test_hosts_are_composed_and_grouped(api: Api, source: Source) -> None:
    api.expect_listing(instance_row(1, label="a", dph_total=3.0), stopped_row(2, label="b", gpu_name="H100 SXM"))
    hosts = source.write(
        compose={"ansible_user": "'me'", "where": "ansible_host ~ ':' ~ ansible_port"},
        groups={"expensive": "vast_dph_total > 2"},
        keyed_groups=[{"key": "vast_gpu_name | replace(' ', '_')", "prefix": "gpu", "parent_group": "gpus"}],
    ).read()
    assert hosts["a"]["ansible_user"] == "me"
    assert hosts["a"]["where"] == "203.0.113.7:20022"
    # A text that is not rendered, `ansible-inventory --list` shows as an object.
    assert [*renderable([hosts["a"]["ansible_user"], hosts["a"]["where"]])] == ["me", "203.0.113.7:20022"]
    assert hosts.groups["expensive"] == ["a"]
    assert hosts.groups["gpu_RTX_4090"] == ["a"]
    assert hosts.groups["gpu_H100_SXM"] == ["b"]
    assert sorted(hosts.groups["gpus"]) == ["a", "b"]


BROKEN = [
    {"compose": {"x": "no_such_variable + 1"}},
    {"groups": {"x": "no_such_variable > 1"}},
    {"keyed_groups": [{"key": "no_such_variable.y"}]},
    {"hostname": "{{ no_such_variable }}"},
]


@pytest.mark.parametrize("options", BROKEN)
def test_without_strict_what_cannot_be_composed_is_left_out(
    api: Api, source: Source, options: dict[str, t.Any]
) -> None:
    labelled(api, "a")
    hosts = source.write(**options).read()
    assert hosts.names == ["a"]
    assert "x" not in hosts["a"]
    assert hosts.groups.keys() <= {"all", "ungrouped"}


@pytest.mark.parametrize("options", BROKEN)
def test_with_strict_what_cannot_be_composed_is_a_failure(api: Api, source: Source, options: dict[str, t.Any]) -> None:
    labelled(api, "a")
    with pytest.raises(AnsibleError, match="Completely failed to parse inventory source"):
        source.write(strict=True, **options).read()


def test_a_hostname_that_fails_is_warned_of_once(api: Api, source: Source, warnings: list[str]) -> None:
    labelled(api, "a")
    source.write(hostname="{{ no_such_variable }}").read()
    assert len(warnings) == 1
    assert "no_such_variable" in warnings[0]


# Names


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("{{ vast_label }}.{{ vast_id }}", "train-01.1"),
        ("gpu-{{ vast_gpu_name | lower | replace(' ', '-') }}", "gpu-rtx-4090"),
        ("{{ vast_machine_id }}", "train-01"),
        ("{{ '' }}", "train-01"),
        ("  ", "train-01"),
        ("plain", "plain"),
    ],
)
def test_the_hostname_is_a_template_and_the_label_where_it_gives_nothing(
    api: Api, source: Source, hostname: str, name: str
) -> None:
    api.expect_listing(instance_row(1))
    assert source.write(hostname=hostname).read().names == [name]


OLD_NAMES = ["my box", "team/a", "a,b", "a:b", "[1:3]", "*", "!all", "100%"]


@pytest.mark.parametrize("label", ["train-01", "größe-日本", "a.b", "_x", "1", "a--b", "x-"])
@pytest.mark.parametrize("safe", [True, False])
def test_a_label_of_safe_characters_is_the_name(api: Api, source: Source, label: str, safe: bool) -> None:
    labelled(api, label)
    assert source.write(safe_names=safe).read().names == [label]


@pytest.mark.parametrize("label", OLD_NAMES)
def test_other_labels_are_names_only_if_wanted(api: Api, source: Source, label: str) -> None:
    labelled(api, label)
    hosts = source.write(safe_names=False).read()
    assert hosts.names == [label]
    assert hosts.rendered(label, "vast_label") == label


@pytest.mark.parametrize(
    "label",
    [
        *OLD_NAMES,
        *HOSTILE,
        "-oProxyCommand=touch x",
        "~x",
        "a\nb",
        "\x1b[2J",
        "/etc/x",
        "a/../../x",
        "@f",
        "a&b",
        "x" * 999,
    ],
)
@pytest.mark.parametrize("options", [{}, {"hostname": "{{ vast_label }}"}])
def test_each_name_can_be_named_in_a_pattern(api: Api, source: Source, label: str, options: dict[str, t.Any]) -> None:
    labelled(api, label, "other")
    source.write(**options)
    manager = InventoryManager(DataLoader(), sources=[str(source.path)])
    name, other = (host.name for host in manager.get_hosts())
    assert re.fullmatch(r"\w[\w.-]{0,99}", name)
    assert manager.hosts[name].vars["vast_label"] == label
    assert [host.name for host in manager.get_hosts(name)] == [name]
    assert [host.name for host in manager.get_hosts(f"all:!{name}")] == [other]


@pytest.mark.parametrize("label", ["-x", "~x", "/etc/x", "../x", "{x}", "#x", "a\nb", "\u202etxt", "x" * 101])
def test_a_dangerous_label_never_stays_as_it_is(api: Api, source: Source, label: str) -> None:
    labelled(api, label)
    (name,) = source.write(safe_names=False).read().names
    assert name != label
    assert re.fullmatch(r"\w[\w.-]*", name)


@pytest.mark.parametrize("label", [None, "", "   ", "\n", ".", "..", "/", "-", "*", "{{ }}", "\u202e"])
def test_an_instance_whose_label_leaves_no_name_is_called_by_its_id(
    api: Api, source: Source, label: str | None
) -> None:
    labelled(api, label)
    hosts = source.read()
    assert hosts.names == ["vast-1"]
    assert hosts["vast-1"]["vast_label"] == (label or None)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("twin", "twin"), ["twin-1", "twin-2"]),
        (("twin", "twin", "lone"), ["twin-1", "twin-2", "lone"]),
        (("twin", "twin", "twin-1"), ["twin-1-1", "twin-2", "twin-1-3"]),
        (("a-2", "a", "a", "a-2-1"), ["a-2-1-1", "a-2-2", "a-3", "a-2-1-4"]),
        ((None, "vast-1", None), ["vast-1-1", "vast-1-2", "vast-3"]),
        (("twin", " twin "), ["twin-1", "twin-2"]),
        (("localhost", "a"), ["localhost-1", "a"]),
        (("127.0.0.1", "b"), ["127.0.0.1-1", "b"]),
        (("my box", "my-box"), ["my-box-1", "my-box-2"]),
        (("all", "ungrouped"), ["all-1", "ungrouped-2"]),
    ],
)
def test_a_name_is_for_one_host_only_and_its_change_is_warned_of_once(
    api: Api, source: Source, warnings: list[str], labels: tuple[str | None, ...], names: list[str]
) -> None:
    labelled(api, *labels)
    hosts = source.read()
    assert list(hosts.by_id().values()) == names
    assert len(warnings) == 1
    assert "the ids are appended" in warnings[0]


def test_a_template_that_gives_all_the_same_name_loses_no_host(api: Api, source: Source) -> None:
    expect_pages(api, rows(26))
    assert len(source.write(hostname="box").read().names) == 26


@pytest.mark.parametrize(
    "options",
    [
        {"groups": {"up": "vast_actual_status == 'running'"}},
        {"keyed_groups": [{"key": "'up' if vast_actual_status == 'running' else 'down'", "separator": ""}]},
        {"keyed_groups": [{"key": "[vast_label | replace('first', 'a'), 'b']", "separator": ""}]},
        {"keyed_groups": [{"key": "vast_gpu_name", "prefix": "gpu", "parent_group": "up"}]},
    ],
)
def test_a_label_that_is_also_a_group_gives_way_to_the_group(
    api: Api, source: Source, warnings: list[str], options: dict[str, t.Any]
) -> None:
    labelled(api, "first", "up", "la.st")
    hosts = source.write(**options).read()
    assert hosts.by_id() == {1: "first", 2: "up-2", 3: "la.st"}
    assert [name for name in hosts.group_variables if hosts.group_variables[name]] == []
    assert all(hosts[name]["ansible_port"] == 20022 for name in hosts.names)
    assert "up-2" in hosts.groups["up"]
    assert len(warnings) == 1


@pytest.mark.parametrize("options", [{}, {"hostname": "{{ 'train-01' }}"}, {"hostvars_prefix": "other_"}])
@pytest.mark.parametrize("variables", [{}, {"vast_id": 1}, {"vast_id": 2}, {"other_id": 1}])
def test_a_host_that_another_source_has_made_is_not_touched(
    api: Api, source: Source, warnings: list[str], options: dict[str, t.Any], variables: dict[str, t.Any]
) -> None:
    labelled(api, "train-01")
    inventory = InventoryData()
    inventory.add_group("trainers")
    inventory.add_host("train-01", "trainers")
    for name, value in {"ansible_password": "SECRET", **variables}.items():
        inventory.set_variable("train-01", name, value)
    source.write(groups={"trainers": "true"}, **options)
    Plugin().parse(inventory, DataLoader(), str(source.path), cache=True)
    assert list(inventory.hosts) == ["train-01", "train-01-1"]
    assert (
        inventory.hosts["train-01"].vars.keys()
        == {"inventory_file", "inventory_dir", "ansible_password"} | variables.keys()
    )
    assert "ansible_password" not in inventory.hosts["train-01-1"].vars
    assert len(warnings) == 1


def test_a_host_of_another_account_with_another_prefix_is_not_touched(
    api: Api, source: Source, home: pathlib.Path
) -> None:
    other = Source(home / "other.vast.yml").write(hostvars_prefix="other_")
    api.expect_listing(instance_row(1))
    api.expect_listing(instance_row(2, public_ipaddr="203.0.113.8"))
    hosts = source.read(str(other.path))
    assert hosts.names == ["train-01", "train-01-2"]
    assert "vast_id" not in hosts["train-01"]
    assert hosts["train-01"]["ansible_host"] == "203.0.113.7"


def test_a_host_that_another_file_knows_by_hand_is_never_taken_away(api: Api, source: Source) -> None:
    labelled(api, "up")
    inventory = InventoryData()
    inventory.add_host("up")
    inventory.set_variable("up", "mine", "kept")
    source.write(keyed_groups=[{"key": "'up'", "separator": ""}])
    Plugin().parse(inventory, DataLoader(), str(source.path), cache=True)
    assert list(inventory.hosts) == ["up", "up-1"]
    assert inventory.hosts["up"].vars["mine"] == "kept"
    assert "vast_id" not in inventory.hosts["up"].vars


def test_equal_labels_of_two_accounts_stay_two_hosts(api: Api, source: Source, home: pathlib.Path) -> None:
    other = Source(home / "other.vast.yml").write()
    api.expect_listing(instance_row(1))
    api.expect_listing(instance_row(2, public_ipaddr="203.0.113.8"))
    hosts = source.read(str(other.path))
    assert hosts.by_id() == {1: "train-01", 2: "train-01-2"}
    assert hosts["train-01"]["ansible_host"] == "203.0.113.7"
    assert hosts["train-01-2"]["ansible_host"] == "203.0.113.8"


def test_the_same_instance_from_two_files_is_one_host(api: Api, source: Source, home: pathlib.Path) -> None:
    other = Source(home / "other.vast.yml").write()
    api.expect_listing(instance_row(1))
    api.expect_listing(instance_row(1))
    assert source.read(str(other.path)).names == ["train-01"]


# What Vast.ai says is never a template


JINJA_HEADER = """#jinja2: variable_start_string:'[[', variable_end_string:']]', a:'[[7*7]]'x"""
TEXTS = (
    *HOSTILE,
    JINJA_HEADER,
    "#jinja2: block_start_string:'x'\n%x",
    "[[ 7*7 ]]",
    "lookup('pipe', 'id')",
    "lookup (vast_gpu_name, vast_label)",
    "q (a)",
    "lipsum(9)",
    "a.format (b)",
    "'a' (b)",
    "a (b) (c)",
    "a | b",
    "9**9",
    "\\",
    "\x1b[2J",
)
TEXT_FIELDS = ("status_msg", "gpu_name", "image_uuid", "template_name", "cpu_name", "geolocation", "verification")


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_what_the_api_says_is_never_a_template(
    api: Api, source: Source, home: pathlib.Path, text: str, cached: bool
) -> None:
    api.expect_listing(instance_row(1, label=text, **dict.fromkeys(TEXT_FIELDS, text)))
    cache = {"cache": True, "cache_plugin": "jsonfile", "cache_connection": str(home / "cache")} if cached else {}
    source.write(
        compose={"copied": "vast_label", "joined": "'is ' ~ vast_label", "listed": "[vast_label, vast_status_msg]"},
        groups={"found": "vast_label | length > 0"},
        hostname="box",
        **cache,
    )
    hosts = [source.read() for number in range(2 if cached else 1)][-1]
    assert hosts.groups["found"] == ["box"]
    for name in ("vast_label", "copied", *[f"vast_{field}" for field in TEXT_FIELDS]):
        assert hosts.rendered("box", name) == text.strip() or name in ("vast_label", "copied"), name
        assert hosts.rendered("box", f"[{name}]")[0] in (text, text.strip()), name
    assert hosts.rendered("box", "joined") == f"is {text}"
    assert hosts.rendered("box", "listed") == [text, text]


@pytest.mark.parametrize("field", [*TEXT_FIELDS, "public_ipaddr", "ssh_host", "ssh_port", "ports", "image_runtype"])
def test_no_text_of_the_api_is_left_that_ansible_would_render(api: Api, source: Source, field: str) -> None:
    """Whatever is not wrapped on ansible-core 2.18, or is trusted since 2.19, has harmless characters only."""
    values: list[t.Any] = list(TEXTS)
    if field == "ports":
        values = [{text: text, "22/tcp": [{"HostIp": text, "HostPort": text}]} for text in TEXTS]
    numbered = enumerate(values, 1)
    expect_pages(api, [instance_row(number, label=f"n{number}", **{field: value}) for number, value in numbered])
    bare = list(renderable(source.read().variables))
    assert [each for each in bare if set(each) & set("{}[]#|*%~^\\`<>") or each.strip() in TEXTS] == []


def renderable(value: t.Any) -> c.Iterator[str]:
    """The texts in variables that Ansible would take for templates."""
    if isinstance(value, dict):
        for each in value.values():
            yield from renderable(each)
    elif isinstance(value, list):
        for each in value:
            yield from renderable(each)
    elif isinstance(value, str) and not hasattr(value, "__UNSAFE__") and is_trusted(value):
        yield str(value)


def is_trusted(value: str) -> bool:
    """Whether a template would be rendered; before ansible-core 2.19 always."""
    check = getattr(template, "is_trusted_as_template", None)
    return True if check is None else bool(check(value))


@pytest.mark.parametrize("text", TEXTS)
def test_no_name_of_a_host_or_group_holds_a_template(api: Api, source: Source, text: str) -> None:
    api.expect_listing(instance_row(1, label="a", gpu_name=text))
    hosts = source.write(hostname="{{ vast_gpu_name }}", keyed_groups=[{"key": "vast_gpu_name"}]).read()
    assert not any(
        set(name) - set("-._") and not re.fullmatch(r"[\w.-]+", name) for name in (*hosts.names, *hosts.groups)
    )


@pytest.mark.parametrize(
    "label",
    [
        "train-01",
        "my box",
        "a/b:c,d",
        "Iceland, IS",
        "PyTorch (simulated)",
        "CUDA 12.4 (Ubuntu 24.04)",
        "a (b), c",
        "Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz",
        "it's",
        "größe",
        "",
    ],
)
def test_what_cannot_be_a_template_stays_plain_text(api: Api, source: Source, label: str) -> None:
    """Else `ansible-inventory --list` wraps each text in an object."""
    labelled(api, label)
    (variables,) = source.read().variables.values()
    assert variables["vast_label"] == (label or None)
    assert not label or label in list(renderable(variables))
    own = {name: value for name, value in variables.items() if name.startswith(("vast_", "ansible_"))}
    texts = [name for name, value in own.items() if isinstance(value, str)]
    assert [name for name in texts if own[name] not in list(renderable(own))] == []


ODD: tuple[t.Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "x",
    "\ud800",
    [],
    {},
    [{}],
    {"a": [1]},
    ["x"] * 3,
)
FIELDS = [name for name in instance_row(1) if name != "id"] + ["machine_id", "geolocation", "is_bid"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_row_with_odd_values_never_costs_the_inventory(api: Api, source: Source, field: str) -> None:
    odd_rows = [instance_row(number, **{field: value}) for number, value in enumerate(ODD, 1)]
    api.expect("GET", LISTING, json.dumps(listing(*odd_rows, instance_row(99, label="good"))), query=list_query({}))
    hosts = source.read()
    assert sorted(hosts.by_id()) == [*range(1, len(ODD) + 1), 99]
    assert hosts["good"]["ansible_host"] == "203.0.113.7"
    shown = json.dumps(hosts.variables, allow_nan=False, default=str, ensure_ascii=False)
    assert shown.encode()


PORTS: tuple[t.Any, ...] = (
    *ODD,
    *({"22/tcp": value} for value in ODD),
    *(
        {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": value}]}
        for value in (*ODD, "1e999", "0", "65536", "-1", " 22", "२२")
    ),
    *({"22/tcp": [{"HostIp": value, "HostPort": "22"}]} for value in ODD),
)


def test_a_bad_port_never_costs_the_inventory(api: Api, source: Source) -> None:
    numbered = [instance_row(number, label=f"n{number}", ports=ports) for number, ports in enumerate(PORTS, 1)]
    expect_pages(api, [*numbered, instance_row(len(PORTS) + 1, label="good")])
    hosts = source.read()
    assert len(hosts.names) == len(PORTS) + 1
    assert all(isinstance(hosts[name]["ansible_port"], int) for name in hosts.names)
    assert hosts["good"]["ansible_port"] == 20022


@pytest.mark.parametrize(
    ("key", "group"), [("vast_machine_id", "m_7"), ("vast_num_gpus", "m_0"), ("vast_is_bid", "m_True")]
)
def test_numbers_and_booleans_name_groups(api: Api, source: Source, key: str, group: str) -> None:
    api.expect_listing(instance_row(1, label="a", machine_id=7, num_gpus=0, is_bid=True))
    hosts = source.write(keyed_groups=[{"key": key, "prefix": "m"}], compose={"copied": key}, strict=True).read()
    assert hosts.groups[group] == ["a"]
    assert hosts["a"]["copied"] == hosts["a"][key]
    assert not isinstance(hosts["a"]["copied"], str)


# The options


@pytest.mark.parametrize(
    ("filters", "sent", "kept"),
    [
        ({}, {}, [1, 2, 3]),
        ({"ids": [1, 3]}, {"id": {"in": [1, 3]}}, [1, 3]),
        ({"ids": "1,3"}, {"id": {"in": [1, 3]}}, [1, 3]),
        ({"label": ["a"]}, {"label": {"in": ["a"]}}, [1]),
        ({"unlabelled": True}, {"label": {"in": ["", None]}}, [3]),
        ({"label_prefix": "b"}, {}, [2]),
        ({"status": ["running"]}, {"actual_status": {"in": ["running"]}}, [1, 3]),
        ({"status": ["offline"]}, {}, []),
        ({"gpu_name": ["H100_SXM"]}, {"gpu_name": {"in": ["H100 SXM"]}}, [2]),
        ({"machine_id": [7]}, {}, [3]),
    ],
)
def test_filters_are_for_the_api_where_it_can_and_hold_in_any_case(
    api: Api, source: Source, filters: dict[str, t.Any], sent: dict[str, t.Any], kept: list[int]
) -> None:
    everything = [
        instance_row(1, label="a"),
        stopped_row(2, label="b", gpu_name="H100 SXM"),
        instance_row(3, label=None, machine_id=7),
    ]
    api.expect("GET", LISTING, listing(*everything), query=list_query(sent))
    assert list(source.write(filters=filters).read().by_id()) == kept


ABSENT = "No instance of this account has the label 'train-O1' (by a complete listing). Did you mean 'train-01'?"


@pytest.mark.parametrize(("missing", "warned"), [(None, [ABSENT]), ("warn", [ABSENT]), ("ignore", [])])
def test_a_label_that_filters_name_and_nothing_carries_is_told(
    api: Api, source: Source, warnings: list[str], missing: str | None, warned: list[str]
) -> None:
    api.expect("GET", LISTING, listing(), query=list_query({"label": {"in": ["train-O1"]}}))
    if warned:
        api.expect("GET", LISTING, listing(instance_row()), query=list_query({}))
    source.write(filters={"label": "train-O1"}, **({} if missing is None else {"missing": missing}))
    assert source.read().by_id() == {}
    assert warnings == warned


def test_a_label_that_filters_name_and_nothing_carries_fails_where_that_is_asked_for(api: Api, source: Source) -> None:
    api.expect("GET", LISTING, listing(), query=list_query({"label": {"in": ["train-O1"]}}))
    api.expect("GET", LISTING, listing(instance_row()), query=list_query({}))
    refusal = source.write(filters={"label": "train-O1"}, missing="fail").refusal()
    assert ABSENT in refusal
    assert refusal.endswith("[not_found]")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"filters": {"lable": ["a"]}}, ["filters", "lable", "label_prefix"]),
        ({"filters": {"ids": ["x"]}}, ["filters", "ids", "x"]),
        ({"filters": {"ids": [0]}}, ["ids must be a positive number"]),
        ({"filters": {"status": ["runing"]}}, ["filters", "status", "runing", "exited"]),
        ({"filters": {"machine_id": {"a": 1}}}, ["filters", "machine_id"]),
        ({"filters": {"label_prefix": "x" * 1025}}, ["1024"]),
        ({"filter": {"label": ["a"]}}, ["There is no option filter"]),
        *[({"filters": {name: None}}, [f"filters: {name} must not be empty"]) for name in SELECTION_OPTIONS],
        *[({"filters": {name: ""}}, [f"filters: {name} must not be empty"]) for name in SELECTION_OPTIONS],
        ({"filters": {"label": [None]}}, ["filters: label must not be empty"]),
        ({"filters": {"label": []}}, ["filters: label must not be empty"]),
        ({"filters": {"label": ["a", ""]}}, ["filters: label must not be empty"]),
        ({"filters": {"label_prefix": " "}}, ["filters: label_prefix must not be empty"]),
        ({"filters": {"label": ["a"], "unlabelled": True}}, ["filters.unlabelled and filters.label exclude"]),
        ({"filters": {"label_prefix": "{{ none }}"}}, ["filters"]),
        ({"filters": {"label_prefix": "{{ undefined_team }}-"}}, ["filters.label_prefix", "undefined_team"]),
        ({"filters": {"label_prefix": "{{ team"}}, ["filters.label_prefix", "cannot be rendered"]),
        ({"filters": {"label": ["a", "{% x"]}}, ["filters.label", "cannot be rendered"]),
        ({"api_url": "{{ undefined_url }}"}, ["api_url", "undefined_url"]),
        ({"api_url": ""}, ["api_url must not be empty"]),
        ({"ca_path": "{{ undefined_path }}"}, ["ca_path", "undefined_path"]),
        ({"api_key": "{{ undefined_key }}"}, ["api_key", "undefined_key"]),
        ({"api_key": ""}, ["api_key must not be empty"]),
        ({"api_key": "{{ '' }}"}, ["api_key must not be empty"]),
        ({"compose": {"x": "{{ vast_label }}"}}, ["compose.x", "without braces"]),
        ({"groups": {"x": " {{ true }}"}}, ["groups.x", "without braces"]),
        ({"keyed_groups": [{"key": "{{ vast_label }}"}]}, ["keyed_groups[0].key", "without braces"]),
        ({"hostvars_prefix": "my-"}, ["hostvars_prefix", "my-"]),
        ({"hostvars_prefix": "{{ undefined_prefix }}"}, ["hostvars_prefix", "undefined_prefix"]),
        ({"hostvars_prefix": "{{ x"}, ["hostvars_prefix", "cannot be rendered"]),
        ({"api_url": "ftp://x"}, ["api_url"]),
        ({"api_timeout": 0}, ["api_timeout"]),
        ({"ca_path": "/no/such/file"}, ["ca_path", "/no/such/file"]),
    ],
)
def test_a_mistake_in_the_file_is_named_before_anything_is_sent(
    api: Api, source: Source, options: dict[str, t.Any], says: list[str]
) -> None:
    refusal = source.write(**options).refusal()
    assert [text for text in says if text not in refusal] == [], refusal
    assert refusal.endswith("[invalid]")
    assert api.calls == []


@pytest.mark.parametrize(
    "name",
    ["filters", "api_key", "api_url", "ca_path", "hostname", "connect", "compose", "keyed_groups", "api_timeout"],
)
def test_a_key_without_a_value_is_refused(api: Api, source: Source, name: str) -> None:
    source.path.write_text(f"plugin: {NAME}\napi_key: {KEY}\napi_url: {URL}\n".replace(f"{name}: ", f"{name}x: "))
    source.path.write_text(
        "".join(
            f"{each}: {value}\n" for each, value in {"plugin": NAME, "api_key": KEY, "api_url": URL, name: ""}.items()
        )
    )
    assert f"{name} must not be empty; omit it instead. [invalid]" in source.refusal()
    assert api.calls == []


@pytest.mark.parametrize("name", ["cache_connection", "cache_prefix"])
def test_an_option_of_the_cache_that_looks_like_a_template_is_refused(
    api: Api, source: Source, home: pathlib.Path, name: str
) -> None:
    options = {"cache_connection": str(home / "cache"), name: str(home / "{{ x }}")}
    refusal = source.write(cache=True, cache_plugin="jsonfile", **options).refusal()
    assert f"{name} cannot be a template" in refusal


def test_text_options_may_be_templates_with_extra_variables(
    api: Api, source: Source, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = home / "ca.pem"
    authority.touch()
    extra = {"team": "dev", "url": URL, "authority": str(authority), "number": 2, "my_key": KEY}
    monkeypatch.setattr("ansible.plugins.inventory.load_extra_vars", lambda loader: extra)
    rows_found = [instance_row(1, label="dev-a"), instance_row(2, label="dev-b"), instance_row(3, label="b")]
    query = list_query({"id": {"in": [2, 3]}, "label": {"in": ["dev-b"]}})
    api.expect("GET", LISTING, listing(*rows_found), query=query)
    hosts = source.write(
        api_key="{{ my_key }}",
        api_url="{{ url }}",
        ca_path="{{ authority }}",
        hostvars_prefix="{{ team }}_",
        hostname="{{ team }}.{{ dev_id }}",
        filters={"label_prefix": "{{ team }}-", "ids": ["{{ number }}", 3], "label": "{{ [team ~ '-b'] }}"},
    ).read()
    assert hosts.names == ["dev.2"]
    assert hosts["dev.2"]["dev_label"] == "dev-b"


@pytest.mark.parametrize(
    "options",
    [{"filters": ["running"]}, {"connect": "both"}, {"api_timeout": "soon"}, {"plugin": "vastai.cloud.other"}],
)
def test_ansible_refuses_options_of_the_wrong_kind(api: Api, source: Source, options: dict[str, t.Any]) -> None:
    with pytest.raises(AnsibleError):
        source.write(**options).read()
    assert api.calls == []


def test_the_key_and_the_address_may_come_from_the_environment(
    api: Api, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAST_API_KEY", KEY)
    monkeypatch.setenv("VAST_URL", URL)
    labelled(api, "a")
    assert source.write(api_key=None, api_url=None).read().names == ["a"]


@pytest.mark.parametrize("xdg", [False, True])
def test_the_key_may_come_from_the_file_of_the_official_client(
    api: Api, source: Source, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch, xdg: bool
) -> None:
    folder = home / ("xdg" if xdg else ".config") / "vastai"
    if xdg:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder.parent))
    folder.mkdir(parents=True)
    (folder / "vast_api_key").write_text(f"{KEY}\n", encoding="utf-8")
    labelled(api, "a")
    assert source.write(api_key=None).read().names == ["a"]


@pytest.mark.parametrize("key", ["{{ lookup('env', 'MY_KEY') }}", "{{ my_key }}", "{{ my_key[:10] ~ my_key[10:] }}"])
def test_the_key_may_be_a_template_with_lookups_and_extra_variables(
    api: Api, source: Source, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setattr("ansible.plugins.inventory.load_extra_vars", lambda loader: {"my_key": KEY})
    labelled(api, "a")
    assert source.write(api_key=key).read().names == ["a"]


def test_a_key_that_reads_like_a_number_is_text(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def client(settings: Settings, **options: t.Any) -> t.NoReturn:
        keys.append(settings.api_key)
        raise Invalid("enough")

    monkeypatch.setattr(vast_instances, "Client", client)
    assert "enough" in source.write(api_key="{{ 1234 }}").refusal()
    assert keys == ["1234"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("vast.yml", True),
        ("vast.yaml", True),
        ("fleet.vast.yml", True),
        ("vast_instances.yml", True),
        ("my_vast_instances.yaml", True),
        ("vast.yml.bak", False),
        ("vast.json", False),
        ("fleet.yml", False),
        ("vast_instances", False),
    ],
)
def test_a_file_is_known_by_the_end_of_its_name(home: pathlib.Path, name: str, wanted: bool) -> None:
    path = home / name
    assert Plugin().verify_file(str(path)) is False
    path.touch()
    assert Plugin().verify_file(str(path)) is wanted


@pytest.mark.parametrize(
    ("name", "content", "warned"),
    [
        ("fleet.yml", f"---\n# boxes\nplugin: {NAME}\n", True),
        ("fleet.yaml", f"plugin:  '{NAME}'  # ours\n", True),
        ("fleet.yml", 'plugin: "vastai.cloud.vast_instances"', True),
        ("fleet.yml", '{"plugin": "vastai.cloud.vast_instances"}', True),
        ("fleet.yml", '{\n    "plugin": "vastai.cloud.vast_instances",\n', True),
        ("fleet.yml", "plugin: hetzner.hcloud.hcloud\n", False),
        ("fleet.yml", f"# plugin: {NAME}\nall:\n", False),
        ("fleet.yml", f"plugin: {NAME}_more\n", False),
        ("fleet.json", f"plugin: {NAME}\n", False),
        ("fleet.vast.yml", f"plugin: {NAME}\n", False),
    ],
)
def test_a_file_of_this_plugin_with_another_name_is_told_how_to_be_called(
    home: pathlib.Path, warnings: list[str], name: str, content: str, warned: bool
) -> None:
    path = home / name
    path.write_text(content)
    Plugin().verify_file(str(path))
    assert [f"Rename it, for example to {path.stem}.vast.yml" in text for text in warnings] == [True] * warned


def test_a_folder_or_binary_file_is_not_ours(home: pathlib.Path, warnings: list[str]) -> None:
    (home / "folder.yml").mkdir()
    (home / "binary.yml").write_bytes(bytes(range(256)) * 100)
    assert not Plugin().verify_file(str(home / "folder.yml"))
    assert not Plugin().verify_file(str(home / "binary.yml"))
    assert warnings == []


# Failures


@pytest.mark.parametrize(
    ("status", "reply", "says"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, ["Invalid user key", "[auth]"]),
        (401, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, ["Invalid user key", "[auth]"]),
        (403, {"success": False, "error": "not_authorized", "msg": "No permission"}, ["No permission", "[permission]"]),
        (410, {"success": False, "error": "deprecated_endpoint", "msg": "Use /api/v2"}, ["/api/v2", "[deprecated]"]),
        (404, {"msg": "nothing here"}, ["nothing here", "[not_found]"]),
        (200, {"success": True}, ["is not valid", "no list of instances", "[protocol]"]),
        (200, {"success": False, "msg": "try later"}, ["try later"]),
        (200, listing(instance_row(1), total_instances=2), ["announces 2 instances and shows 1", "[protocol]"]),
        (200, "<html>maintenance</html>", ["not with a JSON object", "[protocol]"]),
    ],
)
def test_a_listing_that_fails_is_a_failure_with_the_words_of_the_api(
    api: Api, source: Source, status: int, reply: t.Any, says: list[str]
) -> None:
    api.expect("GET", LISTING, reply, status=status, query=list_query({}))
    refusal = source.refusal()
    assert [text for text in says if text not in refusal] == [], refusal


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (403, {"success": False, "msg": "no"}),
        (200, {"success": True, "next_token": None}),
        (200, listing(instance_row(25), total_instances=26)),
        (200, listing(instance_row(30), next_token="t25", total_instances=99)),
        (200, listing(total_instances=26)),
    ],
)
def test_no_host_is_made_when_a_later_page_fails(api: Api, source: Source, status: int, page: dict[str, t.Any]) -> None:
    first = listing(*rows(25), next_token="t25", total_instances=26)
    api.expect("GET", LISTING, first, query=list_query({}))
    api.expect("GET", LISTING, page, status=status, query=list_query({}, after_token="t25"))
    assert source.refusal()


def test_an_address_without_an_answer_is_a_failure(api: Api, source: Source) -> None:
    api.expect("GET", LISTING, requests.ConnectionError("Name or service not known"), query=list_query({}))
    assert "[transport]" in source.write(retry_timeout=0).refusal()


def test_a_missing_key_is_a_failure_that_says_where_to_put_it(api: Api, source: Source) -> None:
    refusal = source.write(api_key=None).refusal()
    assert "No API key was found. Set the option api_key" in refusal
    assert "VAST_API_KEY" in refusal
    assert refusal.endswith("[auth]")


def test_a_missing_library_is_a_failure_that_names_it(
    api: Api, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "REQUESTS_IMPORT_ERROR", "ImportError")
    assert "requests" in source.refusal()


def test_a_failed_listing_ends_the_run_where_ansible_is_told_to_care(api: Api, source: Source) -> None:
    api.expect("GET", LISTING, {"success": False, "msg": "no"}, status=403, query=list_query({}))
    with pytest.raises(AnsibleError, match="Completely failed to parse inventory source"):
        source.read()


# The cache


@pytest.fixture
def cached(source: Source, home: pathlib.Path) -> c.Callable[..., Source]:
    """Writes the file with a cache on the disk, and options."""

    def write(**options: t.Any) -> Source:
        cache = {"cache": True, "cache_plugin": "jsonfile", "cache_connection": str(home / "cache")}
        return source.write(**cache, cache_timeout=3600, **options)

    return write


def test_from_the_cache_nothing_is_asked_and_all_is_the_same(api: Api, cached: c.Callable[..., Source]) -> None:
    api.expect_listing(instance_row(1, label=HOSTILE[0]), stopped_row(2))
    before = cached().read()
    after = cached().read()
    assert after.variables == before.variables
    assert after.rendered("7-7", "vast_label") == HOSTILE[0]
    assert len(api.calls) == 1


def test_without_the_option_nothing_is_kept(api: Api, source: Source, home: pathlib.Path) -> None:
    labelled(api, "a")
    labelled(api, "b")
    assert [source.read().names, source.read().names] == [["a"], ["b"]]


def test_a_flushed_or_expired_cache_is_filled_again(
    api: Api, cached: c.Callable[..., Source], home: pathlib.Path
) -> None:
    for label in ("a", "b", "c"):
        labelled(api, label)
    assert cached().read().names == ["a"]
    assert cached().read(cache=False).names == ["b"]
    assert cached().read().names == ["b"]
    for path in (home / "cache").iterdir():
        os.utime(path, (0, 0))
    assert cached().read().names == ["c"]


@pytest.mark.parametrize(
    ("options", "name", "port"),
    [
        ({"connect": "proxy"}, "train-01", 14711),
        ({"hostname": "{{ vast_id }}.vast"}, "1.vast", 20022),
        ({"hostvars_prefix": "box_"}, "train-01", 20022),
        ({"groups": {"up": "true"}}, "train-01", 20022),
    ],
)
def test_what_is_made_of_the_listing_can_change_without_asking_again(
    api: Api, cached: c.Callable[..., Source], options: dict[str, t.Any], name: str, port: int
) -> None:
    api.expect_listing(instance_row(1))
    cached().read()
    hosts = cached(**options).read()
    assert hosts.names == [name]
    assert hosts[name]["ansible_port"] == port


def test_another_choice_never_gets_the_rows_of_the_first(api: Api, cached: c.Callable[..., Source]) -> None:
    labelled(api, "a", "b")
    api.expect("GET", LISTING, listing(instance_row(1, label="a")), query=list_query({"label": {"in": ["a"]}}))
    assert cached().read().names == ["a", "b"]
    assert cached(filters={"label": ["a"]}).read().names == ["a"]
    assert cached().read().names == ["a", "b"]


@pytest.mark.parametrize("options", [{"api_key": OTHER_KEY}, {"api_url": "https://other.test"}])
def test_another_account_never_gets_the_rows_of_the_first(
    api: Api, cached: c.Callable[..., Source], options: dict[str, t.Any]
) -> None:
    labelled(api, "a")
    cached().read()
    with pytest.raises(Undeclared):
        cached(**options, retry_timeout=0).read()


def test_another_release_never_gets_rows_that_it_may_not_understand(
    api: Api, cached: c.Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(api, "a")
    labelled(api, "b")
    cached().read()
    monkeypatch.setattr(vast_instances, "VERSION", "999.0.0")
    assert cached().read().names == ["b"]


def test_a_failed_listing_is_not_kept_and_does_not_fall_back_to_old_rows(
    api: Api, cached: c.Callable[..., Source]
) -> None:
    labelled(api, "a")
    api.expect("GET", LISTING, {"success": False, "msg": "no"}, status=403, query=list_query({}))
    cached().read()
    with pytest.raises(AnsibleError):
        cached().read(cache=False)
    assert cached().read().names == ["a"]


def test_the_cache_holds_neither_key_nor_secret(api: Api, cached: c.Callable[..., Source], home: pathlib.Path) -> None:
    api.expect_listing(instance_row(1))
    cached().read()
    (path,) = (home / "cache").iterdir()
    content = path.read_text(encoding="utf-8")
    assert "train-01" in content
    assert not any(secret in f"{path.name} {content}" for secret in (KEY, "SECRET", "jupyter_token"))


def test_the_cache_is_for_its_owner_only(api: Api, cached: c.Callable[..., Source], home: pathlib.Path) -> None:
    labelled(api, "a")
    cached().read()
    (path,) = (home / "cache").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_cache_that_stays_readable_for_others_is_warned_of(
    api: Api,
    cached: c.Callable[..., Source],
    home: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    warnings: list[str],
) -> None:
    labelled(api, "a")
    monkeypatch.setattr(vast_instances, "make_private", lambda path: False)
    cached().read()
    (path,) = (home / "cache").iterdir()
    assert warnings == [f"The cache file {path} is readable for others; run chmod 600 on it."]


@pytest.mark.parametrize("spoil", ["write", "link"])
def test_a_cache_that_others_can_write_is_not_believed(
    api: Api, cached: c.Callable[..., Source], home: pathlib.Path, warnings: list[str], spoil: str
) -> None:
    labelled(api, "a")
    labelled(api, "b")
    cached().read()
    (path,) = (home / "cache").iterdir()
    if spoil == "write":
        path.chmod(0o666)
    else:
        path.rename(home / "elsewhere")
        path.symlink_to(home / "elsewhere")
    assert cached().read().names == ["b"]
    assert "is not used" in warnings[0]


MALFORMED: tuple[t.Any, ...] = (
    *(None, 5, "x", {}, {"a": 1}, [None], [[]], [{}], [{"id": "1"}], [{"id": True}], [{"id": 1.0}], [{"id": 1}] * 2),
    *(
        {"__ansible_unsafe": "x"},
        [{"id": 1, "label": {"__ansible_vault": "x"}}],
        {"__payload__": "x"},
        {"__payload__": 5},
    ),
)


@pytest.mark.parametrize("content", MALFORMED)
@pytest.mark.parametrize("packed", [False, True])
def test_a_malformed_cache_is_read_anew(
    api: Api, cached: c.Callable[..., Source], home: pathlib.Path, content: t.Any, packed: bool
) -> None:
    labelled(api, "a")
    labelled(api, "b")
    cached().read()
    (path,) = (home / "cache").iterdir()
    path.write_text(json.dumps({"__payload__": json.dumps(content)} if packed else content), encoding="utf-8")
    assert cached().read().names == ["b"]


def test_a_corrupt_cache_is_read_anew(api: Api, cached: c.Callable[..., Source], home: pathlib.Path) -> None:
    labelled(api, "a")
    labelled(api, "b")
    cached().read()
    (path,) = (home / "cache").iterdir()
    path.write_bytes(b"{\xff")
    assert cached().read().names == ["b"]


def test_what_is_cached_is_checked_again(api: Api, cached: c.Callable[..., Source], home: pathlib.Path) -> None:
    labelled(api, "a")
    before = cached().read()
    (path,) = (home / "cache").iterdir()
    text = path.read_text(encoding="utf-8")
    spoilt = text.replace("203.0.113.7", "-oProxyCommand=id").replace("ssh4.vast.ai", "-oProxyCommand=id")
    path.write_text(spoilt.replace("RTX 4090", "{{ 7*7 }}"), encoding="utf-8")
    after = cached().read()
    assert before["a"]["ansible_host"] == "203.0.113.7"
    assert after["a"]["ansible_host"] == "vast-1.has-no-ssh-address.invalid"
    assert after["a"]["vast_public_ipaddr"] is None
    assert after.rendered("a", "vast_gpu_name") == "{{ 7*7 }}"


# The documentation


def test_each_example_is_an_inventory(api: Api, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(EXAMPLES) >= 3
    monkeypatch.setattr("ansible.plugins.inventory.load_extra_vars", lambda loader: {"team": "train"})
    for example in EXAMPLES:
        status = example.get("filters", {}).get("status")
        rows_found = [instance_row(1, country_code="NO", machine_id=7), stopped_row(2, label="train-02", machine_id=7)]
        query = list_query({"actual_status": {"in": status}} if status else {})
        api.expect("GET", LISTING, listing(*rows_found), query=query)
        plain = {"cache_plugin": "jsonfile"} if "cache" in example else {}
        assert source.write(**{**example, **plain}, strict=True).read().names


def test_the_options_of_the_filters_are_those_of_the_modules(loaded: dict[str, t.Any]) -> None:
    documented = {
        name: {key: value for key, value in option.items() if key != "description"}
        for name, option in loaded["options"]["filters"]["suboptions"].items()
    }
    assert documented == SELECTION_OPTIONS


def test_the_connection_options_are_those_of_the_modules(loaded: dict[str, t.Any]) -> None:
    of_modules = yaml_load(ApiFragment.DOCUMENTATION)["options"]
    shorter = {"api_timeout": 10, "retry_timeout": 15}
    for name, option in of_modules.items():
        own = loaded["options"][name]
        assert own["type"] == option["type"], name
        # Settings has the address where the documentation gives no default.
        default = None if name == "api_url" else option.get("default")
        assert own.get("default") == shorter.get(name, default), name


def test_an_api_that_does_not_answer_fails_the_inventory_within_30_seconds(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time passes as if every connection hung for the whole timeout."""
    clock = FakeClock()
    monkeypatch.setattr(vast_instances, "Clock", lambda: clock)
    timeouts: list[float] = []

    def hang(adapter: t.Any, request: t.Any, *, timeout: t.Any, **options: t.Any) -> t.NoReturn:
        seconds = max(timeout) if isinstance(timeout, tuple) else float(timeout)
        timeouts.append(seconds)
        clock.seconds += seconds
        raise requests.ConnectTimeout("timed out")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", hang)
    start = clock.seconds
    assert "[transport]" in source.refusal()
    assert len(timeouts) > 1
    assert clock.seconds - start <= 30


def test_the_setting_it_recommends_exists(loaded: dict[str, t.Any]) -> None:
    assert "C(any_unparsed_is_failed=true) in the section C([inventory])" in " ".join(loaded["description"])
    definition = ansible.constants.config.get_configuration_definitions()["INVENTORY_ANY_UNPARSED_IS_FAILED"]
    assert {"key": "any_unparsed_is_failed", "section": "inventory"} in definition["ini"]
