# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Volumes as desired state: known by name and machine, rented once, deleted when no instance uses them (F6.5)."""

from __future__ import annotations

import collections
import collections.abc as c
import contextlib
import re
import time
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, rounds
from .._api.errors import Ambiguous, BudgetExceeded, Invalid, Unavailable, WaitTimeout
from .._core.amounts import HOURS_A_MONTH, amount
from .._core.crud import Crud, Entry, Move, bring, plan_presence, to_bring
from .._core.kind import Write
from .._core.plan import Change
from .._core.resource import Ref
from .._core.rows import Row, checked_rows, is_id
from .volume_listing import volumes
from .volume_rows import DELETE

if t.TYPE_CHECKING:
    from .._api.private_files import Content

SEARCH = Route("POST", "/api/v0/volumes/search/", 2.0, reads=True)
RENT = Route("PUT", "/api/v0/volumes/", 5.5)

NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
MOST_ROWS = 64
"""So many offers the search gives (F6.5)."""
RELEASED_WITHIN = 90.0
"""Seconds in which an instance that was destroyed lets go of its volume; it takes about 30 (F6.5)."""
RELEASE_INTERVAL = 10.0
"""Seconds between two attempts meanwhile."""

Users = t.Callable[[list[int]], list[str]]
"""How messages call those of some instances that exist."""


class Where(t.NamedTuple):
    """Where a new volume may be: what the search is asked, and the criteria that a row does not meet after all."""

    query: t.Mapping[str, t.Any]
    misses: t.Callable[[Row], c.Sequence[str]]
    options: c.Sequence[str]
    unheld: c.Sequence[str] = ()

    @classmethod
    def on_machine(cls, machine_id: int) -> Where:
        """On this machine."""

        def misses(row: Row) -> list[str]:
            return [] if row.get("machine_id") == machine_id else ["machine_id"]

        return cls({"machine_id": {"eq": machine_id}}, misses, ["machine_id"])


class Volumes(Crud):
    """The volume of one name, on one machine or on any."""

    noun = "volume"
    shown_within = 20.0

    def __init__(self, name: str, machine_id: int | None, size: int | None, where: Where | None = None) -> None:
        self.name = name
        self.machine_id = machine_id
        self.size = size
        self.where = where if machine_id is None else Where.on_machine(machine_id)
        self.offer_id = 0
        self.rented_on: int | None = None
        self.looked_at = 0.0
        self.names: c.Collection[str] = ()

    @property
    def display(self) -> str:
        """Its name, and its machine where that is meant."""
        return self.name if self.machine_id is None else f"{self.name} on machine {self.machine_id}"

    @property
    def near(self) -> str:
        """A question that names volumes whose names are nearly this one; empty when there are none."""
        # What only a name that is wrong needs.
        from .._core.near import did_you_mean

        return did_you_mean(sorted(each for each in self.names if each != self.name), self.name)

    def find(self, client: Client, entry: Entry) -> Entry:
        """The only one; once it was found, the one with its id. Raises Ambiguous for several."""
        self.looked_at = time.time()
        listed = volumes(client)
        self.names = {str(row.get("label") or row.get("name") or "") for row in listed}
        rows = [row for row in listed if self.is_meant(row, entry)]
        if len(rows) > 1:
            places = ", ".join(f"{row['id']} on machine {row.get('machine_id')}" for row in rows)
            raise Ambiguous(f"{len(rows)} volumes are called {self.name}: {places}. Give machine_id, or delete one.")
        return entry._replace(row=rows[0] if rows else None)

    def is_meant(self, row: Row, entry: Entry) -> bool:
        """Whether it is this one."""
        if entry.row is not None:
            return bool(row["id"] == entry.id)
        is_called_so = self.name in (row.get("label"), row.get("name"))
        return is_called_so and self.machine_id in (None, row.get("machine_id"))

    def write(self, item: Move) -> Write:
        """A second rent would be a second volume, so that it is sent once."""
        if item.plan.changes[0].after == "absent":
            return Write(DELETE, {"id": item.before.id})
        return Write(RENT, {"id": self.offer_id, "size": self.size, "name": self.name}, once=True)


def checked_name(name: str) -> str:
    """The name. Raises Invalid for what cannot be one."""
    if not NAME.fullmatch(name):
        raise Invalid(f"name must be 1 to 64 letters, digits and _, not {name!r}.")
    return name


def to_have(client: Client, kind: Volumes, max_price: float | None) -> Move:
    """The item of the volume that is to exist.

    Raises Invalid when it has another size or what renting needs was not given, Unavailable without an offer, and
    BudgetExceeded when that is too expensive.
    """
    entry = kind.find(client, Entry(kind.noun, kind.display))
    changes = plan_presence(entry, "present")
    if changes:
        changes = (_renting(client, kind, entry, changes[0], max_price),)
    elif kind.size is not None and amount((entry.row or {}).get("disk_space")) != kind.size:
        raise Invalid(
            f"{entry.display_name} ({entry.id}) has {(entry.row or {}).get('disk_space')} GB, not {kind.size}, and a "
            "volume cannot be resized. Nothing was sent. Delete and recreate it, which loses its data, or set "
            "its current size.",
            volume=shown(entry.row),
        )
    return to_bring(entry, changes, Ref(id=entry.id, label=kind.name))


def _renting(client: Client, kind: Volumes, entry: Entry, change: Change, max_price: float | None) -> Change:
    wanting = {"size": kind.size, "max_price": max_price, "machine_id, near_instance or offer": kind.where}
    missing = ", ".join(name for name, value in wanting.items() if value is None)
    if missing:
        raise Invalid(f"{entry.display_name} does not exist; to create it, {missing} must be given. Nothing was sent.")
    size, most = t.cast(int, kind.size), t.cast(float, max_price)
    price, kind.offer_id, kind.rented_on = _cheapest(client, entry, t.cast(Where, kind.where), size)
    if price > most:
        raise BudgetExceeded(
            f"{entry.display_name} would cost {price:g} $ a month with {size} GB; max_price is {most:g}. "
            "Nothing was sent."
        )
    place = f" on machine {kind.rented_on}" if kind.machine_id is None else ""
    return change._replace(action=f"create {entry.display_name}{place} with {size} GB for {price:g} $ a month")


def rent(client: Client, kind: Volumes, items: list[Move], deadline: Deadline) -> None:
    """Rent what is still missing once no other task of this user rents a volume of that name.

    What becomes of it is noted in the item. Raises WaitTimeout, and the errors of a listing.
    """
    if not items[0].plan.changes:
        return
    # Only who rents needs it.
    from .._core.lock import exclusive

    since = kind.looked_at
    with exclusive(client, "volume", kind.name, f"creating the volume {kind.name!r}", deadline) as held:
        if held.waited or _last_rented(held.content) > since:
            entry = kind.find(client, Entry(kind.noun, kind.display))
            if entry.row is not None:
                items[0] = to_bring(entry, (), Ref(id=entry.id, label=kind.name))
                return
        bring(client, kind, items, deadline)
        if held.content is not None:
            with contextlib.suppress(OSError):
                held.content.save(str(time.time()).encode())


def _last_rented(content: Content | None) -> float:
    """When a task of this user last rented a volume of the name, in seconds since 1970."""
    with contextlib.suppress(ValueError):
        return float(content.data) if content is not None and content.data.strip() else 0.0
    return 0.0


def _cheapest(client: Client, entry: Entry, where: Where, size: int) -> tuple[float, int, int]:
    """What the volume costs a month, the offer, and its machine; each row is held against what was asked for."""
    query = {**where.query, "disk_space": {"gte": size}, "order": [["storage_cost", "asc"]], "limit": MOST_ROWS}
    rows = checked_rows(client, SEARCH, client.call(SEARCH, body=query).get("offers"), "volume offer")
    found = []
    for row in rows:
        rate, room, machine = amount(row.get("storage_cost")), amount(row.get("disk_space")), row.get("machine_id")
        fits = room is not None and room >= size and is_id(machine) and not where.misses(row)
        if rate is not None and fits:
            found.append((round(rate * size, 4), row["id"], t.cast(int, machine)))
    for option in where.unheld if found else ():
        client.warn(f"offer.{option}: offers do not show this value, so it could not be verified.")
    if not found:
        raise Unavailable(_nothing(entry, where, rows, size))
    return min(found)


def _nothing(entry: Entry, where: Where, rows: c.Sequence[Row], size: int) -> str:
    """Why there is no offer, and what to change."""
    text = f"There is no offer for {entry.display_name} with {size} GB"
    if where.options == ["machine_id"]:
        return f"{text}: the machine offers no volumes, or has less room. Nothing was sent."
    wrong = collections.Counter(option for row in rows for option in where.misses(row))
    told = ", ".join(f"{option} ({count})" for option, count in wrong.most_common(3))
    came = f" Of {len(rows)} returned offers, some do not meet {told}." if told else ""
    return f"{text} that meets {', '.join(where.options)}.{came} Nothing was sent. Relax offer, or reduce size."


def to_remove(client: Client, kind: Volumes, users: Users) -> Move:
    """The item of the volume that is to be gone. Raises Invalid while an instance uses it."""
    entry = kind.find(client, Entry(kind.noun, kind.display))
    changes = plan_presence(entry, "absent")
    if not changes and (near := kind.near):
        client.warn(f"There is no volume {kind.display}, so nothing was deleted.{near}")
    if changes:
        _refuse_used(entry, users)
        changes = (changes[0]._replace(action=f"{changes[0].action}: its data is lost, and it no longer bills"),)
    return to_bring(entry, changes, Ref(id=entry.id, label=kind.name))


def _refuse_used(entry: Entry, users: Users) -> None:
    """The API lists an instance as a user for some time after it is gone."""
    listed = (entry.row or {}).get("instances")
    ids = [each for each in listed if is_id(each)] if isinstance(listed, list) else []
    using = users(ids) if ids else []
    if using:
        raise Invalid(
            f"{entry.display_name} ({entry.id}) is used by {', '.join(using)}, so it was not deleted. Destroy "
            "these instances first.",
            volume=shown(entry.row),
        )


def remove(client: Client, kind: Volumes, items: list[Move], users: Users, deadline: Deadline) -> None:
    """Delete it. What still holds it although no instance uses it is waited for. Raises Invalid when one does."""
    # What a task without changes does not need.
    from .._core.interrupts import TaskInterrupted, failing_at_signals

    limit = deadline.bounded(RELEASED_WITHIN)
    try:
        with failing_at_signals():
            for elapsed in rounds(client.clock, first=0.0, interval=RELEASE_INTERVAL, timeout=limit):
                if elapsed:
                    items[0] = to_bring(items[0].seen, items[0].plan.changes, items[0].ref)
                bring(client, kind, items, deadline)
                if not _is_held(items[0]) or isinstance(items[0].error, TaskInterrupted):
                    return
                _refuse_used(items[0].seen, users)
    except TaskInterrupted as error:
        items[0].error = error.with_context(f"{error.msg} {items[0].name} was not deleted. It still bills.")
        return
    item = items[0]
    told = item.refused.msg if item.refused else ""
    exchange = item.refused.exchange if item.refused else None
    item.error = WaitTimeout(
        f"{item.name} could not be deleted within {RELEASED_WITHIN:g} s: {told} No instance of the account uses it. It "
        "still bills; run the task again.",
        exchange,
    )


def _is_held(item: Move) -> bool:
    exchange = item.refused.exchange if item.refused is not None and item.doubt is None else None
    return item.error is not None and exchange is not None and exchange.status_code == 409


def shown(row: Row | None) -> dict[str, t.Any] | None:
    """A row as results show it."""
    if row is None:
        return None
    per_hour = amount(row.get("storage_total_cost"))
    return {
        "id": row["id"],
        "name": row.get("label") or row.get("name"),
        "size": row.get("disk_space"),
        "machine_id": row.get("machine_id"),
        "status": row.get("status"),
        "instances": row.get("instances"),
        "per_month": None if per_hour is None else round(per_hour * HOURS_A_MONTH, 4),
    }


def deviations(row: Row, kind: Volumes, max_price: float | None) -> c.Iterator[str]:
    """What is otherwise than it was rented for."""
    told, size = shown(row) or {}, kind.size
    if told["machine_id"] != kind.rented_on:
        yield f"it is on machine {told['machine_id']} instead of {kind.rented_on}"
    if told["size"] != size:
        yield f"it has {told['size']} GB instead of {size}"
    if max_price is not None and told["per_month"] is not None and told["per_month"] > max_price * 1.001:
        yield f"it costs {told['per_month']:g} $ a month, more than max_price"
