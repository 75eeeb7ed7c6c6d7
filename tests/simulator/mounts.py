# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The volumes that a create names: in a field of their own, or as a flag of Docker in its environment."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .model import Account, Instance, Row
from .reply import Reply, invalid_args, refusal

FLAG = re.compile(r"-v (?:V\.(?P<id>\d+)|(?P<label>[^:]+)):(?P<path>/.*)")


class Mount(NamedTuple):
    """A volume as it is named, the row that there is of it, and where it appears."""

    name: Any
    row: Row | None
    path: str


def named(account: Account, fields: Row) -> list[Mount]:
    rows = account.table("volumes")
    found = []
    info, env = fields.get("volume_info"), fields.get("env")
    if isinstance(info, dict):
        number = info.get("volume_id")
        found.append(Mount(number, rows.get(number) if isinstance(number, int) else None, str(info.get("mount_path"))))
    for flag in env if isinstance(env, dict) else ():
        if match := FLAG.fullmatch(str(flag)):
            of_label = next((row for row in rows.values() if row["label"] == match["label"]), None)
            row = rows.get(int(match["id"])) if match["id"] else of_label
            found.append(Mount(match["id"] or match["label"], row, match["path"]))
    return found


def problem_of(account: Account, machine_id: int, fields: Row) -> Reply | None:
    """One that is still being made does not exist for a create."""
    info = fields.get("volume_info")
    if info is not None and not isinstance(info, dict):
        return invalid_args("volume_info must be an object")
    if info and (info.get("create_new") or not isinstance(info.get("mount_path"), str)):
        return invalid_args("volume_info needs mount_path; the simulator makes no new volume with an instance")
    for mount in named(account, fields):
        if mount.row is None or mount.row["status"] == "initialized":
            return refusal(404, "no_such_volume", f"Volume {mount.name} does not exist.")
        if mount.row["machine_id"] != machine_id:
            return invalid_args(f"Volume {mount.name} is on another machine.")
    return None


def attach(account: Account, instance: Instance, fields: Row) -> None:
    """The instance shows them both ways, whichever way they were named."""
    mounts = named(account, fields)
    env = [entry for entry in instance.row["extra_env"] if not FLAG.fullmatch(entry[0])]
    told = []
    for mount in mounts:
        row = mount.row or {}
        env.append([f"-v {row['label'] or 'V.' + str(row['id'])}:{mount.path}", "1"])
        told.append({"id": row["id"], "avail_space": row["disk_space"], "total_space": row["disk_space"]})
        row["instances"] = [*row["instances"], instance.id]
        row["status"] = "in-use"
    if mounts:
        instance.update({"extra_env": env, "volume_info": told}, account.clock.now())
