# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an instance is: reading, selecting, judging its state, and its shape in results. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api import listings
from .._api.client import Client, Route
from .._api.listings import Listing
from .._api.redact import visible
from . import address

LIST = Route("GET", "/api/v1/instances/", 1.0)
PAGE_SIZE = 25
"""What the API gives at most (F3.1)."""
IDS_IN_A_FILTER = 200
"""How many ids, or labels, are asked for at once: they travel in the address."""
LISTING = Listing(LIST, "instances", "total_instances", "instance", PAGE_SIZE)
MAX_LABEL = 1024
"""The API's limit on a label, in characters (published manage instance)."""

STATUSES = (
    "created",
    "exited",
    "frozen",
    "loading",
    "offline",
    "rebooting",
    "recycling",
    "restarting",
    "running",
    "stopped",
    "unknown",
)
"""The words known for `actual_status`, besides null while the instance is provisioned (F3.4)."""

RESULT_FIELDS = (
    "cur_state",
    "next_state",
    "machine_id",
    "host_id",
    "image_uuid",
    "image_runtype",
    "template_id",
    "template_hash_id",
    "template_name",
    "num_gpus",
    "gpu_name",
    "gpu_ram",
    "gpu_util",
    "gpu_temp",
    "cpu_name",
    "cpu_cores_effective",
    "cpu_ram",
    "disk_space",
    "disk_usage",
    "inet_up",
    "inet_down",
    "dph_total",
    "dph_base",
    "storage_total_cost",
    "is_bid",
    "min_bid",
    "start_date",
    "end_date",
    "geolocation",
    "country_code",
    "verification",
    "reliability2",
    "driver_version",
    "cuda_max_good",
    "ports",
)
"""Fields passed on as the API has them; whatever is not named here may hold a secret and stays out (F3.3)."""


class Instance(t.NamedTuple):
    """One row of the listing. Judge its state by the properties, never by a single field (F3.4).

    `local`: an API on this machine listed it, so that it may have an address of this machine.
    """

    id: int
    row: t.Mapping[str, t.Any]
    local: bool = False

    def __repr__(self) -> str:
        """Without the row, which may hold secrets."""
        return f"Instance(id={self.id})"

    def text(self, field: str) -> str | None:
        """A text field without the white space that the API leaves around some."""
        value = self.row.get(field)
        return None if value is None else str(value).strip()

    def word(self, field: str) -> str | None:
        """A status word in lower case; the API spells some in capitals."""
        text = self.text(field)
        return text.lower() if text else None

    @property
    def label(self) -> str:
        """The label exactly as stored; an instance without one has ''."""
        label = self.row.get("label")
        return "" if label is None else str(label)

    @property
    def actual_status(self) -> str | None:
        """The container as its host reports it."""
        return self.word("actual_status")

    @property
    def display_name(self) -> str:
        """How messages call it."""
        return f"instance {self.id}" + (f" ({visible(self.label)})" if self.label else "")

    @property
    def is_running(self) -> bool:
        """The container runs, is meant to, and the contract holds its GPU: `actual_status` may be a stale report."""
        return self.actual_status == "running" and self.wants_running and self.has_gpu

    @property
    def is_stopped(self) -> bool:
        """The contract is stopped and is meant to stay so; the container of such an instance shows `exited`."""
        return self.word("cur_state") == "stopped" and self.word("intended_status") == "stopped" and not self.is_queued

    @property
    def wants_running(self) -> bool:
        """The user wants it running."""
        return self.word("intended_status") == "running"

    @property
    def has_gpu(self) -> bool:
        """The contract holds its GPU; without it a wanted start is only queued (F3.7)."""
        return self.word("cur_state") == "running"

    @property
    def is_queued(self) -> bool:
        """A start waits for the GPU, whichever field shows it (F3.7)."""
        return self.word("cur_state") == "stopped" and "running" in (
            self.word("intended_status"),
            self.word("next_state"),
        )

    @property
    def is_unloaded(self) -> bool:
        """The contract was released: it is destroyed, bills nothing any more, and cannot come back (F3.4)."""
        return self.word("cur_state") == "unloaded"

    @property
    def is_lost(self) -> bool:
        """Its host does not answer."""
        return self.actual_status in ("offline", "unknown")

    @property
    def cannot_boot(self) -> bool:
        """The container could not be created, which is final (F3.4)."""
        return self.actual_status == "created" and "OCI runtime create failed" in (self.text("status_msg") or "")

    @property
    def state(self) -> str:
        """The state in the words of the option `state`, or all three fields where neither word is true."""
        if self.is_running:
            return "running"
        return "stopped" if self.is_stopped else self.described

    @property
    def described(self) -> str:
        """The state as last seen, for messages."""
        fields = ", ".join(
            f"{field} {visible(self.word(field) or 'null')}"
            for field in ("actual_status", "intended_status", "cur_state")
        )
        if self.is_queued and not self.wants_running:
            fields += ", next_state running"
        status_msg = self.text("status_msg")
        return fields + (f", status_msg {status_msg[:200]!r}" if status_msg else "")

    @property
    def has_ports(self) -> bool:
        """Its addresses are of use; a stopped one may still list the last ones (F3.3)."""
        return self.actual_status == "running"

    def ssh(self) -> dict[str, t.Any] | None:
        """Where ssh answers: the published port 22, else the proxy; None unless it runs and the API tells (F3.3)."""
        return self.direct() or self.proxy()

    def direct(self) -> dict[str, t.Any] | None:
        """The published port 22; None unless the instance runs and publishes it."""
        return address.direct(self.row, local=self.local) if self.has_ports else None

    def proxy(self) -> dict[str, t.Any] | None:
        """Vast.ai's proxy; None unless the instance runs."""
        return address.proxy(self.row, local=self.local) if self.has_ports else None

    def result(self) -> dict[str, t.Any]:
        """The documented key `instance`: the same for every module and plugin, without secrets."""
        return {
            "id": self.id,
            "label": self.label or None,
            "actual_status": self.text("actual_status"),
            "intended_status": self.text("intended_status"),
            "status_msg": self.text("status_msg"),
            "public_ipaddr": address.checked_host(self.row.get("public_ipaddr"), local=self.local),
            "ssh": self.ssh(),
            **{field: self.row.get(field) for field in RESULT_FIELDS},
            "ports": address.published_ports(self.row.get("ports")) if self.has_ports else None,
        }


class Page(t.NamedTuple):
    """One page of a listing, and what the API says about the whole of it."""

    instances: list[Instance]
    reply: t.Mapping[str, t.Any]

    @property
    def is_last(self) -> bool:
        """Whether no other page follows."""
        return self.reply.get("next_token") in (None, "")


def read(client: Client, filters: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[Instance]:
    """All instances that match the filters of the API (F3.1), from every page.

    Raises ProtocolError unless the listing is well formed and complete, so that absence can be concluded from it.
    """
    return [instance for page in pages(client, filters) for instance in page.instances]


def pages(client: Client, filters: t.Mapping[str, t.Mapping[str, t.Any]]) -> c.Iterator[Page]:
    """The same page by page, each read when it is asked for; who stops before the end knows a part only."""
    for page in listings.pages(client, LISTING, filters):
        local = client.settings.is_local
        yield Page([Instance(key, row, local) for key, row in page.rows.items()], page.reply)
