# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The live state of a simulated account. Behaviour over time is in lifecycle.py."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .filesystem import FileTree

Row = dict[str, Any]

HISTORY = 50
"""States of one instance that are kept for those who are shown old ones."""

PERMISSIONS = (
    "instance_read",
    "instance_write",
    "user_read",
    "user_write",
    "billing_read",
    "billing_write",
    "machine_read",
    "machine_write",
    "misc",
    "team_read",
    "team_write",
)


class Clock:
    """Seconds that tests may step by hand, and the factor on the time that transitions take."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, scale: float = 1.0) -> None:
        self._monotonic = monotonic
        self._start = monotonic()
        self._epoch = time.time()
        self._forward = 0.0
        self.scale = scale

    def now(self) -> float:
        return self._monotonic() + self._forward

    def set_forward(self, seconds: float) -> None:
        """Let that much time have passed."""
        self._forward += seconds

    def wall(self) -> float:
        return self._epoch + self.now() - self._start

    def scaled(self, seconds: float) -> float:
        return seconds * self.scale


@dataclass
class Options:
    """How this account differs from others; see README.md."""

    bulk: bool = True
    no_endpoints: str = "error"
    no_ssh_keys: str = "list"
    ssh_key_field: str = "public_key"
    limit_style: str = "text"
    bad_key_status: int = 404
    result_refusals: int = 2
    page_size: int = 25
    label_counts: bool = True
    refused_columns: str = ""
    bulk_limit: int = 64
    bulk_unavailable: str = "silent"
    ports_after_stop: str = "cleared"
    texts: str = "old"
    duplicate_names: str = "refused"
    workergroups_status: int | None = None
    worker_lists: bool = True
    worker_listing: str = "list"
    worker_failures: int = 0
    search_quota: int = 20000
    offer_id_filter: bool = False
    repeated_id: str = "accepted"
    stop_without_credit: bool = False
    template_page: int = 0


@dataclass
class Timings:
    """Seconds, before the time scale, that the stages of a transition take."""

    stop: float = 1.0
    provisioning: float = 1.0
    relaunch: float = 1.0
    loading: float = 2.0
    recycle_lag: float = 0.3
    recycling: float = 1.0
    rebooting: float = 8.0
    result: float = 0.5
    worker_deletion: float = 2.0
    worker_update: float = 2.0
    worker_loading: float = 1.0
    worker_patience: float = 150.0
    volume_release: float = 30.0
    auto_delete: float = 3600.0


@dataclass
class Behaviour:
    """What is special about one instance; see README.md."""

    gpu_available: bool = True
    gpu_free_after: float | None = None
    refusal: str = "slug"
    queue_shows: str = "intended"
    start_delay: float = 0.0
    stale_status: float = 0.0
    row_lag: float = 0.0
    missing_listings: int = 0
    crash_on_start: bool = False
    oci_failure: bool = False
    offline_on_start: bool = False
    vanishes: bool = False
    stuck: bool | str = False
    ignore_next_put: int = 0
    bulk_ignored: bool = False
    delete_fails: bool = False
    lingers: bool = False
    ssh: str = ""


@dataclass
class Step:
    """One moment of a transition: at `due` the row changes and the effect happens."""

    due: float
    changes: Row
    effect: Callable[[float], None] | None = None


@dataclass
class Span:
    """A time in which the prices stayed the same: dollars an hour for the GPU and the disk."""

    start: float
    end: float
    gpu: float
    disk: float

    def within(self, start: float, end: float) -> float:
        """Hours of it between two moments."""
        return max(0.0, min(self.end, end) - max(self.start, start)) / 3600


@dataclass
class Instance:
    row: Row
    behaviour: Behaviour
    files: FileTree
    log: list[str]
    workergroup_id: int | None = None
    generation: int = 0
    reboots: int = 0
    born: float = -math.inf
    steps: list[Step] = field(default_factory=list)
    reported_status: str | None = None
    gpu_seconds: float = 0.0
    disk_seconds: float = 0.0
    gpu_cost: float = 0.0
    disk_cost: float = 0.0
    billed_until: float = 0.0
    spans: list[Span] = field(default_factory=list)
    queued: bool = False
    outbid: bool = False
    history: list[tuple[float, Row]] = field(default_factory=list)

    @property
    def id(self) -> int:
        return int(self.row["id"])

    def update(self, changes: Row, at: float) -> None:
        """Change the row; the time until then is billed by the state that it had."""
        self.bill(at)
        if self.behaviour.row_lag and not self.history:
            self.history.append((-math.inf, dict(self.row)))
        self.row.update(changes)
        self.row["instance"] = dict(self.row["search"] if self.row["cur_state"] == "running" else disk_only(self.row))
        if self.behaviour.row_lag:
            self.history = [*self.history[-HISTORY:], (at, dict(self.row))]
        # `offline` is worked out when the row is read: filters still see the last status the host reported.
        if self.row["actual_status"] != "offline":
            self.reported_status = self.row["actual_status"]

    def bill(self, until: float) -> None:
        """The GPU only while the container runs, not while it loads; nothing while the host is offline."""
        start, passed = self.billed_until, max(0.0, until - self.billed_until)
        self.billed_until = until
        gpu, disk = self.prices
        self.gpu_seconds += passed * self.bills_gpu
        self.disk_seconds += passed * self.bills_disk
        self.gpu_cost += passed * gpu / 3600
        self.disk_cost += passed * disk / 3600
        last = self.spans[-1] if self.spans else None
        if last and (last.gpu, last.disk, last.end) == (gpu, disk, start):
            last.end = max(last.end, until)
        elif passed:
            self.spans.append(Span(start, until, gpu, disk))

    @property
    def prices(self) -> tuple[float, float]:
        """Dollars an hour now: GPU, disk."""
        return (
            dollars(self.row["dph_base"]) if self.bills_gpu else 0.0,
            dollars(self.row["storage_total_cost"]) if self.bills_disk else 0.0,
        )

    @property
    def bills_disk(self) -> bool:
        return bool(self.row["actual_status"] != "offline")

    @property
    def bills_gpu(self) -> bool:
        return bool(self.row["cur_state"] == "running" and self.row["actual_status"] == "running")

    def is_listed(self, now: float) -> bool:
        """Whether the API shows it yet: one that was just rented comes as late as its changes do."""
        return now - self.born >= self.behaviour.row_lag

    def shown(self, now: float) -> Row:
        """The row as the API shows it, which may be what it was some time ago."""
        old = [row for at, row in self.history if at <= now - self.behaviour.row_lag]
        return old[-1] if self.behaviour.row_lag and old else self.row


def dollars(value: Any) -> float:
    """A price; what tests put in its place costs nothing."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0


def disk_only(row: Row) -> Row:
    """The price block of what has no GPU."""
    disk = row["search"]["diskHour"]
    return {**row["search"], "gpuCostPerHour": 0, "totalHour": disk, "discountedTotalPerHour": disk}


@dataclass
class Key:
    """An API key; without a list of permissions it may do everything."""

    permissions: frozenset[str] | None = None
    expired: bool = False

    def allows(self, permission: str | None) -> bool:
        return permission is None or self.permissions is None or permission in self.permissions


@dataclass
class ResultFile:
    text: str
    ready_at: float
    refusals: int


@dataclass
class Account:
    """Everything a key gives access to. Only touched while the application's lock is held."""

    clock: Clock
    keys: dict[str, Key]
    user: Row
    options: Options = field(default_factory=Options)
    timings: Timings = field(default_factory=Timings)
    instances: dict[int, Instance] = field(default_factory=dict)
    results: dict[str, ResultFile] = field(default_factory=dict)
    tables: dict[str, dict[int, Row]] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)
    effects: list[Row] = field(default_factory=list)
    destroyed: list[Instance] = field(default_factory=list)
    parts_left: int | None = None
    started: float = 0.0
    last_id: int = 31000
    last_port: int = 40000

    def __post_init__(self) -> None:
        self.started = self.clock.now()

    def table(self, name: str) -> dict[int, Row]:
        """The rows of one kind of thing by id; made when it is first asked for."""
        return self.tables.setdefault(name, {})

    def new_id(self) -> int:
        taken = (number for table in self.tables.values() for number in table)
        self.last_id = max(self.last_id, 0, *self.instances, *taken) + 1
        return self.last_id

    def may_do_part(self) -> bool:
        """Whether the next part of a request is carried out: a fault may end it after some."""
        if self.parts_left is None:
            return True
        self.parts_left -= 1
        return self.parts_left >= 0

    def note(self, kind: str, number: int, did: str, *, changed: bool = True) -> None:
        """What the request that is being answered does to a thing; the journal shows it."""
        self.effects.append({"kind": kind, "id": number, "did": did, "changed": changed})

    def has_gpu(self, instance: Instance) -> bool:
        """Whether a stopped box finds its GPU free; where its machine is in the market, others may have it."""
        machine = self.things.get("machines", {}).get(instance.row["machine_id"])
        on_machine = machine is None or machine.free(self) >= instance.row["num_gpus"]
        return instance.behaviour.gpu_available and on_machine

    @property
    def endpoints(self) -> dict[int, Row]:
        return self.table("endpoints")

    @property
    def workergroups(self) -> dict[int, Row]:
        return self.table("workergroups")

    def new_port(self) -> int:
        self.last_port += 1
        return self.last_port

    def groups_of(self, endpoint_id: int) -> list[Row]:
        return [group for group in self.workergroups.values() if group["endpoint_id"] == endpoint_id]

    def workers_of(self, *group_ids: int) -> list[Instance]:
        return [instance for instance in self.instances.values() if instance.workergroup_id in group_ids]
