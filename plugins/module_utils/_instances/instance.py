# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an instance is: reading, selecting, judging its state, and its shape in results. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import json
import typing as t

from .._api.client import Client, Route
from .._api.errors import Exchange, ProtocolError

LIST = Route("GET", "/api/v1/instances/", 1.0)
PAGE_SIZE = 25
"""What the API gives at most (F3.1)."""
MAX_PAGES = 1000
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


@dataclasses.dataclass(frozen=True)
class Instance:
    """One row of the listing. Judge its state by the properties, never by a single field (F3.4)."""

    id: int
    row: t.Mapping[str, t.Any] = dataclasses.field(repr=False)

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
        return f"instance {self.id}" + (f" ({self.label})" if self.label else "")

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
            f"{field} {self.word(field) or 'null'}" for field in ("actual_status", "intended_status", "cur_state")
        )
        if self.is_queued and not self.wants_running:
            fields += ", next_state running"
        status_msg = self.text("status_msg")
        return fields + (f", status_msg {status_msg[:200]!r}" if status_msg else "")

    def ssh(self) -> dict[str, t.Any] | None:
        """Where ssh answers: the published port 22, else the proxy; None when the API tells neither (F3.3)."""
        return self.direct() or self.proxy()

    def direct(self) -> dict[str, t.Any] | None:
        """The published port 22; None unless the instance runs and publishes it."""
        with contextlib.suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # Docker may publish IPv6 on a port of its own, and public_ipaddr is an IPv4 address.
            published = min(self.row["ports"]["22/tcp"], key=lambda entry: ":" in entry.get("HostIp", ""))
            port = int(published["HostPort"])
            if host := self.text("public_ipaddr"):
                return {"host": host, "port": port, "user": "root", "via": "direct"}
        return None

    def proxy(self) -> dict[str, t.Any] | None:
        """Vast.ai's proxy, which has an address before the container does; jupyter instances are one port further."""
        with contextlib.suppress(ArithmeticError, LookupError, TypeError, ValueError):
            shift = 1 if "jupyter" in (self.text("image_runtype") or "") else 0
            if host := self.text("ssh_host"):
                return {"host": host, "port": int(self.row["ssh_port"]) + shift, "user": "root", "via": "proxy"}
        return None

    def result(self) -> dict[str, t.Any]:
        """The documented key `instance`: the same for every module and plugin, without secrets."""
        return {
            "id": self.id,
            "label": self.label or None,
            "actual_status": self.text("actual_status"),
            "intended_status": self.text("intended_status"),
            "status_msg": self.text("status_msg"),
            "public_ipaddr": self.text("public_ipaddr"),
            "ssh": self.ssh(),
            **{field: self.row.get(field) for field in RESULT_FIELDS},
        }


def read(client: Client, filters: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[Instance]:
    """All instances that match the filters of the API (F3.1), from every page.

    Raises ProtocolError unless the listing is well formed and complete, so that absence can be concluded from it.
    """
    found: dict[int, Instance] = {}
    tokens: set[str] = set()
    params = {
        "select_filters": json.dumps(filters),
        "order_by": json.dumps([{"col": "id", "dir": "asc"}]),
        "limit": str(PAGE_SIZE),
    }
    for number in range(1, MAX_PAGES + 1):
        page = client.call(LIST, params=params)
        for instance in _rows(client, page, number):
            if instance.id in found:
                raise _malformed(client, f"page {number} lists instance {instance.id} a second time")
            found[instance.id] = instance
        token = page.get("next_token")
        if token is None or token == "":
            _check_complete(client, page, len(found))
            return list(found.values())
        if not isinstance(token, str) or token in tokens:
            raise _malformed(client, f"page {number} names no new page")
        tokens.add(token)
        params["after_token"] = token
    raise _malformed(client, f"it has more than {MAX_PAGES} pages")


def _rows(client: Client, page: t.Mapping[str, t.Any], number: int) -> c.Iterator[Instance]:
    rows = page.get("instances")
    if not isinstance(rows, list):
        raise _malformed(client, f"page {number} has no list of instances")
    for row in rows:
        key = row.get("id") if isinstance(row, dict) else None
        if not isinstance(key, int) or isinstance(key, bool):
            raise _malformed(client, f"page {number} has a row without an id")
        yield Instance(key, row)


def _check_complete(client: Client, last_page: t.Mapping[str, t.Any], count: int) -> None:
    total = last_page.get("total_instances")
    if isinstance(total, int) and count < total:
        raise _malformed(client, f"it announces {total} instances and shows {count}")


def _malformed(client: Client, what: str) -> ProtocolError:
    return ProtocolError(
        f"The listing of instances cannot be relied on: {what}. Nothing is concluded from it; run the task again.",
        Exchange(LIST.method, client.settings.api_url + LIST.path, 200),
    )
