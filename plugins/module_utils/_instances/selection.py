# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Choosing among the instances of an account, and what the chosen ones cost. Knows nothing of Ansible."""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import typing as t

from .._api.client import Client
from .._api.errors import Invalid
from .instance import MAX_LABEL, STATUSES, Instance, read

SELECTION_OPTIONS: dict[str, dict[str, t.Any]] = {
    "ids": {"type": "list", "elements": "int"},
    "label": {"type": "list", "elements": "str"},
    "label_prefix": {"type": "str"},
    "status": {"type": "list", "elements": "str", "choices": list(STATUSES)},
    "gpu_name": {"type": "list", "elements": "str"},
    "machine_id": {"type": "list", "elements": "int"},
}
STORED_STATUSES = ("created", "exited", "frozen", "loading", "rebooting", "recycling", "running", "stopped")
"""Values of `actual_status` the API can filter by; `offline` is computed as it is read, others may be too (F3.4)."""

IDS_IN_A_FILTER = 200
"""How many ids are asked for at once: they travel in the address."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """Criteria for instances, all of which must fit; what is left out is not a criterion."""

    ids: tuple[int, ...] = ()
    label: tuple[str, ...] = ()
    label_prefix: str = ""
    status: tuple[str, ...] = ()
    gpu_name: tuple[str, ...] = ()
    machine_id: tuple[int, ...] = ()

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Selection:
        """Raises Invalid for criteria that nothing can fit, and for empty ones, which a template leaves by mistake."""
        if empty := [field.name for field in dataclasses.fields(cls) if options.get(field.name) in ("", [])]:
            raise Invalid(f"{', '.join(empty)} is empty, which could mean nothing or everything; leave it out.")
        ids = tuple(options.get("ids") or ())
        labels = tuple(options.get("label") or ())
        if any(number <= 0 for number in ids):
            raise Invalid(f"ids must be positive numbers, not {list(ids)}.")
        if any(len(label) > MAX_LABEL for label in (*labels, options.get("label_prefix") or "")):
            raise Invalid(f"A label has at most {MAX_LABEL} characters.")
        return cls(
            ids=ids,
            label=labels,
            label_prefix=options.get("label_prefix") or "",
            status=tuple(options.get("status") or ()),
            gpu_name=tuple(_gpu(name) for name in options.get("gpu_name") or ()),
            machine_id=tuple(options.get("machine_id") or ()),
        )

    @property
    def is_empty(self) -> bool:
        """Whether it has no criterion at all."""
        return not any(dataclasses.astuple(self))

    @property
    def filters(self) -> dict[str, dict[str, t.Any]]:
        """The criteria that the API can apply (F3.1); the rest is for `matches`."""
        filters: dict[str, dict[str, t.Any]] = {}
        if 0 < len(self.ids) <= IDS_IN_A_FILTER:
            filters["id"] = {"in": list(self.ids)}
        if self.label:
            # An instance without a label has null there.
            filters["label"] = {"in": [*self.label, *([None] if "" in self.label else [])]}
        if self.status and set(self.status) <= set(STORED_STATUSES):
            filters["actual_status"] = {"in": list(self.status)}
        if self.gpu_name:
            filters["gpu_name"] = {"in": list(self.gpu_name)}
        return filters

    def matches(self, instance: Instance) -> bool:
        """Whether all criteria fit."""
        return all(self._fits(instance))

    def matches_any(self, instance: Instance) -> bool:
        """Whether any criterion fits."""
        return not self.is_empty and any(
            Selection(**{field.name: getattr(self, field.name)}).matches(instance)
            for field in dataclasses.fields(self)
            if getattr(self, field.name)
        )

    def _fits(self, instance: Instance) -> c.Iterator[bool]:
        yield not self.ids or instance.id in self.ids
        yield not self.label or instance.label in self.label
        yield instance.label.startswith(self.label_prefix)
        yield not self.status or instance.actual_status in self.status
        yield not self.gpu_name or _gpu(instance.text("gpu_name") or "") in self.gpu_name
        yield not self.machine_id or instance.row.get("machine_id") in self.machine_id


def _gpu(name: str) -> str:
    """The official client writes blanks in GPU names as underscores (F5)."""
    return name.replace("_", " ")


def select_instances(client: Client, selection: Selection) -> list[Instance]:
    """The instances that fit, by one complete listing."""
    return [instance for instance in read(client, selection.filters) if selection.matches(instance)]


def count_by_label(instances: c.Iterable[Instance]) -> dict[str, int]:
    """How many carry each label; '' stands for none."""
    return dict(collections.Counter(instance.label for instance in instances))


def cost(instances: c.Iterable[Instance]) -> dict[str, float]:
    """US dollars per hour by state, from the prices of the listing (F3.3); a price that is missing counts as nothing.

    `running` is what those that hold their GPU pay, `stopped` what the others would add if they ran, `storage` what the
    others pay for their disks meanwhile, `per_hour` what all pay now.
    """
    sums = {"running": 0.0, "stopped": 0.0, "storage": 0.0}
    for instance in instances:
        if instance.has_gpu:
            sums["running"] += _price(instance, "dph_total")
        else:
            sums["stopped"] += _price(instance, "dph_total")
            sums["storage"] += _price(instance, "storage_total_cost")
    sums["per_hour"] = sums["running"] + sums["storage"]
    return {name: round(value, 6) for name, value in sums.items()}


def _price(instance: Instance, field: str) -> float:
    value = instance.row.get(field)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
