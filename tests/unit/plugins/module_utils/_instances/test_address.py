# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be an address, a port, or a published port."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings
from ansible_collections.vastai.cloud.plugins.module_utils._instances import address
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance

HOSTS = [
    "203.0.113.7",
    "10.1.2.3",
    "2001:db8::7",
    "::ffff:203.0.113.7",
    "ssh4.vast.ai",
    "SSH4.VAST.AI",
    "a_b.example.org",
    "xn--bcher-kva.example",
    "1.2.3.4.example.org",
    f"{'a' * 63}.example",
]
NO_HOSTS: list[t.Any] = [
    *(None, True, 5, 1.5, [], {}, b"203.0.113.7", "", " ", "web", "localhost", "a.localhost", "x.localdomain"),
    *("127.0.0.1", "127.1", "127.0.1.1", "0x7f.1", "1.0x", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "224.0.0.1"),
    *("169.254.1.1", "fe80::1", "fe80::1%eth0", "2001:db8::7%x", "256.1.1.1", "1.2.3", "2130706433"),
    *("-oProxyCommand=id", "-x.example", "x.-example", "x-.example", ".example", "example.", "a..b", "a b.example"),
    *(
        "root@203.0.113.7",
        "203.0.113.7:22",
        "[2001:db8::7]",
        "a.example\nb",
        "a.example\x00",
        "größe.example",
        "{{x}}.y",
    ),
    *(
        "$(id).example",
        "a/b.example",
        "%h.example",
        f"{'a' * 64}.example",
        ".".join(["a"] * 200),
        "٣.example",
        "\ud800.x",
    ),
]


LOCAL = ("127.0.0.1", "127.0.1.1", "::1")


@pytest.mark.parametrize("text", [*HOSTS, *LOCAL])
def test_an_api_of_this_machine_may_have_boxes_on_it(text: str) -> None:
    assert address.checked_host(text, local=True) == text


@pytest.mark.parametrize("value", [value for value in NO_HOSTS if value not in LOCAL])
def test_and_nothing_else_that_is_no_host(value: t.Any) -> None:
    assert address.checked_host(value, local=True) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://[::1]", "http://localhost", "https://vast.test"])
def test_only_an_api_of_this_machine_is_local(url: str) -> None:
    assert Settings("k", url).is_local is (url != "https://vast.test")


@pytest.mark.parametrize("local", [True, False])
def test_a_box_has_an_address_of_this_machine_only_when_the_api_has(local: bool) -> None:
    row = {"actual_status": "running", "public_ipaddr": "127.0.0.1", "ports": {"22/tcp": [{"HostPort": "2222"}]}}
    proxied = {"actual_status": "running", "ssh_host": "127.0.0.1", "ssh_port": 2222}
    for instance in (Instance(1, row, local), Instance(1, proxied, local)):
        ssh = instance.ssh()
        assert (ssh and ssh["host"]) == ("127.0.0.1" if local else None)
    assert Instance(1, row, local).result()["public_ipaddr"] == ("127.0.0.1" if local else None)


@pytest.mark.parametrize("text", HOSTS)
def test_addresses_and_full_names_are_hosts(text: str) -> None:
    assert address.checked_host(f" {text}\n") == text


@pytest.mark.parametrize("value", NO_HOSTS)
def test_nothing_else_is_a_host(value: t.Any) -> None:
    assert address.checked_host(value) is None


@pytest.mark.parametrize(("value", "port"), [(1, 1), (65535, 65535), ("22", 22), ("00022", 22)])
def test_numbers_and_their_digits_are_ports(value: t.Any, port: int) -> None:
    assert address.checked_port(value) == port


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -1, 65536, 22.0, 1e999, float("nan"), 10**400, [22], {"a": 22}),
        *("", "0", "65536", "-1", "+22", " 22", "22\n", "2_2", "1e3", "22.0", "٢٢", "9" * 5000),
    ],
)
def test_nothing_else_is_a_port(value: t.Any) -> None:
    assert address.checked_port(value) is None


GOOD = {"HostIp": "0.0.0.0", "HostPort": "20022"}


@pytest.mark.parametrize(
    ("ports", "published"),
    [
        (None, None),
        ([], None),
        ("22/tcp", None),
        ({}, {}),
        ({"22/tcp": [GOOD]}, {"22/tcp": [GOOD]}),
        ({"22/tcp": []}, {"22/tcp": []}),
        ({"22/tcp": None, "80/tcp": [GOOD]}, {"80/tcp": [GOOD]}),
        ({"22/tcp": [{**GOOD, "HostPort": 20022, "More": "x"}]}, {"22/tcp": [GOOD]}),
        ({"22/tcp": [None, "x", [], {}, {"HostIp": "::"}, {**GOOD, "HostPort": "x"}, GOOD]}, {"22/tcp": [GOOD]}),
        ({"22/tcp": [{"HostPort": "20022"}]}, {"22/tcp": [{**GOOD, "HostIp": ""}]}),
        ({"22/tcp": [{**GOOD, "HostIp": "-oProxyCommand=id"}]}, {"22/tcp": [{**GOOD, "HostIp": ""}]}),
        ({"22/tcp": [{**GOOD, "HostIp": "fe80::1%x"}]}, {"22/tcp": [{**GOOD, "HostIp": ""}]}),
        ({"22/tcp": [{**GOOD, "HostIp": "::"}]}, {"22/tcp": [{**GOOD, "HostIp": "::"}]}),
        ({"{{ x }}": [GOOD], 22: [GOOD], "22": [GOOD], "22/tcp\n": [GOOD]}, {}),
    ],
)
def test_published_ports_are_those_that_docker_could_publish(ports: t.Any, published: t.Any) -> None:
    assert address.published_ports(ports) == published


ROW = {"public_ipaddr": "203.0.113.7", "ports": {"22/tcp": [GOOD]}, "ssh_host": "ssh4.vast.ai", "ssh_port": 14711}


@pytest.mark.parametrize("host", NO_HOSTS)
def test_without_a_host_ssh_is_told_nothing(host: t.Any) -> None:
    row = {**ROW, "public_ipaddr": host, "ssh_host": host}
    assert address.direct(row) is None
    assert address.proxy(row) is None


def test_the_port_of_the_proxy_stays_a_port_when_it_is_shifted() -> None:
    row = {**ROW, "ssh_port": 65535}
    assert address.proxy(row) == {"host": "ssh4.vast.ai", "port": 65535, "user": "root", "via": "proxy"}
    assert address.proxy({**row, "image_runtype": "jupyter"}) is None
