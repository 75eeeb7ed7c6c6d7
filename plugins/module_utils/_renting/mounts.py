# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The volumes that a new instance is rented with: which they are, on which machine, and how a create says so (F6.5).

An instance that exists has the volumes that it was rented with, so that nothing here is needed for one.
"""

from __future__ import annotations

import collections.abc as c
import re
import typing as t

from .._api.client import Client
from .._api.clock import Deadline, rounds
from .._api.errors import Ambiguous, Invalid, NotFound, Unavailable
from .._api.replies import is_whole
from .._instances.contents import stored_flags
from .._instances.instance import Instance
from .criteria import Criteria, Criterion, holds

if t.TYPE_CHECKING:
    from .wish import Wish

Row = t.Mapping[str, t.Any]
Listing = t.Callable[[Client], c.Sequence[Row]]
"""Reads all volumes of the account."""

NOT_READY = "initialized"
"""The status of a volume that its host still makes; a create that names it is refused (F6.5)."""
READY_WITHIN = 60.0
READY_INTERVAL = 6.0
"""Just over the listing's own minimum interval (F2.4)."""
_NAME = r"[A-Za-z0-9_]{1,64}"
_PATH = r"(/[^/\s:,\\'\"$\x00-\x1f\x7f]+)+"


class Mount(t.NamedTuple):
    """A volume that the instance is to have: its name, the folder that it appears at, and its id once it is known."""

    name: str
    path: str
    id: int = 0


def checked_mounts(given: c.Iterable[t.Mapping[str, t.Any]]) -> tuple[Mount, ...]:
    """The option `volumes`. Raises Invalid for what cannot be mounted, or would hide another one."""
    mounts = tuple(Mount(each["name"], _path(each["path"])) for each in given)
    for mount in mounts:
        if not re.fullmatch(_NAME, mount.name):
            raise Invalid(f"volumes: name must be 1 to 64 letters, digits and _, not {mount.name!r}.")
    for what, values in (("name", [each.name for each in mounts]), ("path", [each.path for each in mounts])):
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise Invalid(f"volumes: the {what} {', '.join(twice)} is listed more than once.")
    return mounts


def _path(text: str) -> str:
    path = text.strip().rstrip("/")
    if not re.fullmatch(_PATH, path) or {".", ".."} & set(path.split("/")):
        raise Invalid(
            "volumes: path must be an absolute directory of the container without spaces or colons, such as /data, not "
            f"{text!r}."
        )
    return path


def resolve(client: Client, wish: Wish, listing: Listing, deadline: Deadline, *, planned: bool) -> Wish:
    """The same wish, held to the machine of its volumes. Only reads; one that is still being made is waited for.

    Raises NotFound, Ambiguous, Invalid when they are on several machines or the criteria forbid theirs, and Unavailable
    for one that does not become ready.
    """
    limit = deadline.bounded(READY_WITHIN)
    for _elapsed in rounds(client.clock, first=0.0, interval=READY_INTERVAL, timeout=limit):
        rows = listing(client)
        found = [(mount, _meant(mount.name, rows, wish.criteria)) for mount in wish.mounts]
        making = [mount.name for mount, row in found if row.get("status") == NOT_READY]
        if planned or not making:
            machine = _machine(found)
            criteria = _held_to(wish.criteria, machine)
            return wish._replace(criteria=criteria, mounts=tuple(mount._replace(id=row["id"]) for mount, row in found))
    raise Unavailable(
        f"The volume {', '.join(making)} is still being created after {READY_WITHIN:g} s. Nothing was rented. "
        "Run the task again later."
    )


def _meant(name: str, rows: c.Sequence[Row], criteria: Criteria) -> Row:
    """The one volume of a name on a machine that the criteria allow."""
    called = [row for row in rows if name in (row.get("label"), row.get("name"))]
    allowed = [row for row in called if not _forbidding(criteria, row.get("machine_id"))]
    if len(allowed) == 1:
        return allowed[0]
    places = ", ".join(f"{row['id']} on machine {row.get('machine_id')}" for row in allowed or called)
    if allowed:
        raise Ambiguous(
            f"{len(allowed)} volumes are called {name}: {places}. Nothing was rented. Set offer.machine_id to "
            "choose the machine."
        )
    if not called:
        # What only a name that is wrong needs.
        from .._core.near import did_you_mean

        known = (str(row.get("label") or row.get("name") or "") for row in rows)
        raise NotFound(
            f"There is no volume {name} in this account (by a complete listing).{did_you_mean(known, name)} Nothing "
            "was rented. Create it with vast_volume first."
        )
    options = ", ".join(sorted({each for row in called for each in _forbidding(criteria, row.get("machine_id"))}))
    raise Invalid(
        f"The volume {name} ({places}) cannot be used: {options} of offer excludes its machine. Nothing was rented. A "
        "volume is used on its own machine only; change offer, or create a volume elsewhere."
    )


def _forbidding(criteria: Criteria, machine: t.Any) -> list[str]:
    """The options that a machine does not meet."""
    own = (each for each in criteria.conditions if each.field == "machine_id")
    return [each.option for each in own if not holds(each.op, machine, each.value)]


def _machine(found: c.Sequence[tuple[Mount, Row]]) -> int:
    """The machine of all of them."""
    machines = {row.get("machine_id") for _mount, row in found}
    if len(machines) > 1:
        places = ", ".join(f"{mount.name} on machine {row.get('machine_id')}" for mount, row in found)
        raise Invalid(
            f"The volumes are on several machines: {places}. Nothing was rented. An instance can only use volumes of "
            "its own machine; create the missing ones there."
        )
    (machine,) = machines
    if not is_whole(machine):
        raise Invalid(
            f"Vast.ai does not report the machine of the volume {found[0][0].name}, on which the instance must be "
            "rented. Nothing was rented."
        )
    return machine


def _held_to(criteria: Criteria, machine: int) -> Criteria:
    """The same criteria on one machine, which they allow."""
    others = tuple(each for each in criteria.conditions if each.field != "machine_id")
    return criteria._replace(conditions=(*others, Criterion("volumes", "machine_id", "eq", machine)))


def attached(mounts: c.Sequence[Mount], env: t.Mapping[str, str]) -> dict[str, t.Any]:
    """What a create says of them: the API's own field holds one, more of them are flags of Docker in `env` (F6.5)."""
    if len(mounts) == 1:
        return {"volume_info": {"create_new": False, "volume_id": mounts[0].id, "mount_path": mounts[0].path}}
    return {"env": {**env, **{f"-v V.{mount.id}:{mount.path}": "1" for mount in mounts}}}


def unmounted(instance: Instance, mounts: c.Iterable[Mount]) -> list[str]:
    """The volumes that the row of an instance does not show, by name: neither as a flag nor by id (F6.5)."""
    flags = [flag for flag in stored_flags(instance) if flag.startswith("-v ")]
    told = instance.row.get("volume_info")
    ids = {row.get("id") for row in told if isinstance(row, dict)} if isinstance(told, list) else set()
    return [
        each.name for each in mounts if each.id not in ids and not any(flag.endswith(f":{each.path}") for flag in flags)
    ]
