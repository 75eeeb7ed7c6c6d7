# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin, by the requests it sends and the hosts that Ansible then knows."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import json
import os
import pathlib
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

from ..harness import KEY, URL, Api, instance_row, list_query, listing, stopped_row

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
    assert warnings == []


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
        ("auto", stopped_row(1), "ssh4.vast.ai", 14711),
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
    [("direct", stopped_row(1)), ("proxy", instance_row(1, ssh_host=None)), ("auto", stopped_row(1, ssh_host=None))],
)
def test_a_host_that_cannot_be_reached_so_has_no_address(
    api: Api, source: Source, connect: str, row: dict[str, t.Any]
) -> None:
    api.expect_listing(row)
    found = source.write(connect=connect).read()["train-01"]
    assert not {"ansible_host", "ansible_port", "ansible_user"} & found.keys()


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


@pytest.mark.parametrize("label", ["my box", "größe-日本", "team/a", "a,b", "a:b", "[1:3]", "*", "!all", "{", "100%"])
def test_a_label_is_the_name_as_it_stands(api: Api, source: Source, label: str) -> None:
    labelled(api, label)
    hosts = source.read()
    assert hosts.names == [label]
    assert hosts[label]["vast_label"] == label
    assert hosts.rendered(label, "vast_label") == label


@pytest.mark.parametrize(
    "label", [None, "", "   ", "\n", "a\nb", "\x1b[2J", "/etc/x", "../x", "a/../../x", ".", *HOSTILE]
)
def test_an_instance_whose_label_cannot_be_a_name_is_called_by_its_id(
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
        (("127.0.0.1", "::1"), ["127.0.0.1-1", "::1-2"]),
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


def test_a_host_that_another_file_knows_by_hand_gets_the_variables(
    api: Api, source: Source, warnings: list[str]
) -> None:
    labelled(api, "train-01")
    inventory = InventoryData()
    inventory.add_group("trainers")
    inventory.add_host("train-01", "trainers")
    inventory.set_variable("train-01", "mine", "kept")
    Plugin().parse(inventory, DataLoader(), str(source.path), cache=True)
    assert list(inventory.hosts) == ["train-01"]
    assert inventory.hosts["train-01"].vars["mine"] == "kept"
    assert inventory.hosts["train-01"].vars["vast_id"] == 1
    assert [host.name for host in inventory.groups["trainers"].hosts] == ["train-01"]
    assert warnings == []


def test_a_host_that_another_file_knows_by_hand_is_never_taken_away(api: Api, source: Source) -> None:
    labelled(api, "up")
    inventory = InventoryData()
    inventory.add_host("up")
    inventory.set_variable("up", "mine", "kept")
    source.write(keyed_groups=[{"key": "'up'", "separator": ""}])
    Plugin().parse(inventory, DataLoader(), str(source.path), cache=True)
    assert list(inventory.hosts) == ["up"]
    assert inventory.hosts["up"].vars["mine"] == "kept"
    assert inventory.hosts["up"].vars["vast_id"] == 1


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


@pytest.mark.parametrize("text", HOSTILE)
def test_what_the_api_says_is_never_a_template(api: Api, source: Source, text: str) -> None:
    ports = {"22/tcp": [{"HostIp": text, "HostPort": "20022"}]}
    api.expect_listing(instance_row(1, label=text, status_msg=text, gpu_name=text, public_ipaddr=text, ports=ports))
    hosts = source.write(
        compose={"copied": "vast_label", "joined": "'is ' ~ vast_label", "listed": "[vast_label, vast_status_msg]"},
        groups={"found": "vast_label | length > 3"},
    ).read()
    assert hosts.groups["found"] == ["vast-1"]
    for name in ("vast_label", "vast_status_msg", "vast_gpu_name", "vast_ssh.host", "ansible_host", "copied"):
        assert hosts.rendered("vast-1", name) == text, name
    assert hosts.rendered("vast-1", "vast_ports['22/tcp'][0].HostIp") == text
    assert hosts.rendered("vast-1", "joined") == f"is {text}"
    assert hosts.rendered("vast-1", "listed") == [text, text]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_of_a_host_or_group_holds_a_template(api: Api, source: Source, text: str) -> None:
    api.expect_listing(instance_row(1, label="a", gpu_name=text))
    hosts = source.write(hostname="{{ vast_gpu_name }}", keyed_groups=[{"key": "vast_gpu_name"}]).read()
    assert hosts.names == ["vast-1"]
    assert not any(mark in name for name in hosts.groups for mark in "{}%#")


def test_what_cannot_be_a_template_stays_plain_text(api: Api, source: Source) -> None:
    """Else `ansible-inventory --list` of ansible-core 2.18 wraps each text in an object."""
    labelled(api, "train-01")
    label = source.read()["train-01"]["vast_label"]
    assert type(label).__name__ in ("str", "_AnsibleTaggedStr")


# The options


@pytest.mark.parametrize(
    ("filters", "sent", "kept"),
    [
        ({}, {}, [1, 2, 3]),
        ({"ids": [1, 3]}, {"id": {"in": [1, 3]}}, [1, 3]),
        ({"ids": "1,3"}, {"id": {"in": [1, 3]}}, [1, 3]),
        ({"label": ["a"]}, {"label": {"in": ["a"]}}, [1]),
        ({"label": ["", "a"]}, {"label": {"in": ["", "a", None]}}, [1, 3]),
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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"filters": {"lable": ["a"]}}, ["filters", "lable", "label_prefix"]),
        ({"filters": {"ids": ["x"]}}, ["filters", "ids", "x"]),
        ({"filters": {"ids": [0]}}, ["ids must be positive"]),
        ({"filters": {"status": ["runing"]}}, ["filters", "status", "runing", "exited"]),
        ({"filters": {"machine_id": {"a": 1}}}, ["filters", "machine_id"]),
        ({"filters": {"label_prefix": "x" * 1025}}, ["1024"]),
        ({"filter": {"label": ["a"]}}, ["There is no option filter"]),
        ({"hostvars_prefix": "my-"}, ["hostvars_prefix", "my-"]),
        ({"hostvars_prefix": "{{ x }}"}, ["hostvars_prefix"]),
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


# Failures


@pytest.mark.parametrize(
    ("status", "reply", "says"),
    [
        (404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, ["Invalid user key", "[auth]"]),
        (401, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, ["Invalid user key", "[auth]"]),
        (403, {"success": False, "error": "not_authorized", "msg": "No permission"}, ["No permission", "[permission]"]),
        (410, {"success": False, "error": "deprecated_endpoint", "msg": "Use /api/v2"}, ["/api/v2", "[deprecated]"]),
        (404, {"msg": "nothing here"}, ["nothing here", "[not_found]"]),
        (200, {"success": True}, ["cannot be relied on", "no list of instances", "[protocol]"]),
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
    assert after.rendered("vast-1", "vast_label") == HOSTILE[0]
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
    with pytest.raises(pytest.fail.Exception, match="not the call declared next"):
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


# The documentation


def test_each_example_is_an_inventory(api: Api, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(EXAMPLES) >= 2
    for example in EXAMPLES:
        status = example.get("filters", {}).get("status")
        rows_found = [instance_row(1, country_code="NO"), stopped_row(2, label="train-02")]
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
    for name, option in of_modules.items():
        own = loaded["options"][name]
        assert (own["type"], own.get("default")) == (option["type"], option.get("default")), name


def test_the_setting_it_recommends_exists(loaded: dict[str, t.Any]) -> None:
    assert "C(any_unparsed_is_failed=true) in the section C([inventory])" in " ".join(loaded["description"])
    definition = ansible.constants.config.get_configuration_definitions()["INVENTORY_ANY_UNPARSED_IS_FAILED"]
    assert {"key": "any_unparsed_is_failed", "section": "inventory"} in definition["ini"]
