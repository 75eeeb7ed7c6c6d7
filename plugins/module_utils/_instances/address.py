# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Where ssh answers, and which ports are published. The host reports these, so nothing is taken as it comes. Pure."""

from __future__ import annotations

import collections.abc as c
import ipaddress
import re
import typing as t

from .._api.replies import is_whole

MAX_DNS_NAME = 253
MAX_PORT = 65535
_DNS_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"


def checked_host(value: t.Any, *, local: bool = False) -> str | None:
    """The value if it is an IP address or a DNS name of several parts; None for all that may mean something else here.

    So a leading `-` never becomes an option of ssh, and neither `localhost` nor a bare `db` a machine near the user.
    `local`: the API is one of this machine, as the simulator is, so that its boxes may be, too.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text if _is_dns_name(text) else None
    return text if _is_of_another_machine(address) or (local and _is_this_machine(address)) else None


def _is_dns_name(text: str) -> bool:
    parts = text.lower().split(".")
    # A last part that is a number makes an old spelling of an IPv4 address: 127.1 is this machine.
    return (
        len(text) <= MAX_DNS_NAME
        and len(parts) > 1
        and all(re.fullmatch(_DNS_LABEL, part) for part in parts)
        and not re.fullmatch("[0-9]+|0x[0-9a-f]*", parts[-1])
        and parts[-1] not in ("localhost", "localdomain")
    )


def _is_of_another_machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local)


def _is_this_machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # Whether an IPv4 address in IPv6 form is a loopback one depends on the version of Python.
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def checked_port(value: t.Any) -> int | None:
    """A port from a number or its digits; Docker writes text, the API numbers (F3.3)."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value):
        value = int(value)
    return value if is_whole(value) and 0 < value <= MAX_PORT else None


def published_ports(ports: t.Any) -> dict[str, list[dict[str, str]]] | None:
    """The ports as Docker maps them, `{"22/tcp": [{"HostIp": ..., "HostPort": ...}]}`, without malformed entries."""
    if not isinstance(ports, dict):
        return None
    return {
        name: list(_entries(entries))
        for name, entries in ports.items()
        if isinstance(name, str) and re.fullmatch("[0-9]{1,5}/[a-z]{1,8}", name) and isinstance(entries, list)
    }


def _entries(entries: list[t.Any]) -> c.Iterator[dict[str, str]]:
    for entry in entries:
        port = checked_port(entry.get("HostPort")) if isinstance(entry, dict) else None
        if port is not None:
            yield {"HostIp": _bound_to(entry.get("HostIp")), "HostPort": str(port)}


def _bound_to(value: t.Any) -> str:
    """The address that Docker listens on; empty like its own notation for all of them when it is none."""
    text = value if isinstance(value, str) and "%" not in value else ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def direct(row: t.Mapping[str, t.Any], *, local: bool = False) -> dict[str, t.Any] | None:
    """The published port 22."""
    entries = (published_ports(row.get("ports")) or {}).get("22/tcp")
    host = checked_host(row.get("public_ipaddr"), local=local)
    if not entries or not host:
        return None
    # Docker may publish IPv6 on a port of its own, and public_ipaddr is an IPv4 address.
    published = min(entries, key=lambda entry: ":" in entry["HostIp"])
    return _ssh(host, int(published["HostPort"]), "direct")


def proxy(row: t.Mapping[str, t.Any], *, local: bool = False) -> dict[str, t.Any] | None:
    """Vast.ai's proxy; jupyter instances are one port further (F3.3)."""
    host, port = checked_host(row.get("ssh_host"), local=local), checked_port(row.get("ssh_port"))
    if host is None or port is None:
        return None
    shifted = checked_port(port + 1 if "jupyter" in str(row.get("image_runtype")) else port)
    return None if shifted is None else _ssh(host, shifted, "proxy")


def _ssh(host: str, port: int, via: str) -> dict[str, t.Any]:
    return {"host": host, "port": port, "user": "root", "via": via}
