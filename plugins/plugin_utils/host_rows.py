# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What hosts are made of: checked rows, whether they come from the API or from a cache, and how to connect. Pure."""

from __future__ import annotations

import json
import typing as t

from ..module_utils._api.replies import is_whole
from ..module_utils._instances.address import published_ports
from ..module_utils._instances.instance import RESULT_FIELDS, Instance
from .untrusted import scalar

ROW_FIELDS = (
    "label",
    "actual_status",
    "intended_status",
    "status_msg",
    "public_ipaddr",
    "ssh_host",
    "ssh_port",
    *RESULT_FIELDS,
)
Row = dict[str, t.Any]


def checked_row(row: t.Mapping[str, t.Any]) -> Row:
    """The fields that hosts are made of, each null unless it is a plain value; nothing else is cached."""
    checked = {field: scalar(row.get(field)) for field in ROW_FIELDS}
    return {**checked, "id": row["id"], "ports": published_ports(row.get("ports"))}


def cached_rows(content: t.Any) -> list[Row] | None:
    """The rows that were cached; None unless they are just such as `checked_row` makes, one for each id."""
    try:
        # As plain JSON: what a cache plugin reads may have types of Ansible, which mean more than their text.
        rows = json.loads(json.dumps(content))
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and is_whole(row.get("id")) for row in rows):
        return None
    whole = len({row["id"] for row in rows}) == len(rows) and rows == [checked_row(row) for row in rows]
    return rows if whole else None


def connection(instance: Instance, connect: str) -> dict[str, t.Any]:
    """The connection variables of a host; where the wanted way does not exist, an address that leads nowhere."""
    ways = {"direct": instance.direct, "proxy": instance.proxy, "auto": instance.ssh}
    ssh = ways[connect]()
    if ssh is None:
        # Without any address, Ansible would connect to whatever machine the name means here.
        return {"ansible_host": nowhere(instance.id)}
    return {"ansible_host": ssh["host"], "ansible_port": ssh["port"], "ansible_user": ssh["user"]}


def nowhere(instance_id: int) -> str:
    """An address that no resolver knows (RFC 6761), and that says in the error of ssh what is the matter."""
    return f"vast-{instance_id}.has-no-ssh-address.invalid"
