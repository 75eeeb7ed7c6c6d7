# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What a task of the reaper asks for. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._account.volume_rows import Volume
from .._api.errors import Invalid
from .._core.arguments import MAX_ID, check_id, check_number
from .._core.durations import seconds
from .._instances.instance import Instance
from .._instances.selection import Selection, is_empty_criterion, select_and_exclude
from .rules import Rule, rule_from_options

Thing: t.TypeAlias = Instance | Volume


class Task(t.NamedTuple):
    """What a task asks for, checked. `max_gap`: in seconds."""

    select: Selection
    exclude: Selection
    rules: tuple[Rule, ...]
    deadlines: bool
    labels: frozenset[str]
    prefixes: tuple[str, ...]
    ids: frozenset[int]
    max_gap: float
    max_affected: int | None
    max_fraction: float
    missing: str | None
    state_file: str | None

    def protects(self, thing: Thing) -> bool:
        """Whether it may not be touched."""
        return thing.id in self.ids or thing.label in self.labels or thing.label.startswith(self.prefixes or ("\0",))

    def spares(self, thing: Thing) -> str:
        """Why it may not be touched: it is protected, or its row does not show whether it is; '' when it may."""
        if self.protects(thing):
            return "it is protected"
        unknown = next(
            (field for field, kinds in self.needs(thing) if not isinstance(thing.row.get(field, ...), kinds)), ""
        )
        return f"its {unknown} is not known, so it may be protected" if unknown else ""

    def needs(self, thing: Thing) -> c.Iterator[tuple[str, tuple[type, ...]]]:
        """The fields that decide whether it is protected, excluded or without a label, and their types."""
        exclude = self.exclude
        if self.labels or self.prefixes or exclude.label or exclude.label_prefix or self.select.unlabelled:
            yield "label", (str, type(None))
        if exclude.machine_id:
            yield "machine_id", (int,)
        if exclude.status and isinstance(thing, Instance):
            yield "actual_status", (str, type(None))
        if exclude.gpu_name and isinstance(thing, Instance):
            yield "gpu_name", (str,)


def to_task(options: t.Mapping[str, t.Any]) -> Task:
    """The options. Raises Invalid for what cannot be meant."""
    select, exclude = select_and_exclude(options)
    rules = tuple(rule_from_options(rule, f"rules[{place}]") for place, rule in enumerate(options["rules"]))
    if not rules and not options["use_deadlines"]:
        raise Invalid("rules must not be empty, unless use_deadlines=true.")
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise Invalid("rules: each needs a name of its own.")
    if options["max_affected"] is not None:
        check_number(options["max_affected"], "max_affected", 0, MAX_ID)
    check_number(options["max_fraction"], "max_fraction", 0.001, 1)
    protect = {name: value for name, value in (options["protect"] or {}).items() if value is not None}
    if options["protect"] is not None and not protect:
        raise Invalid("protect must not be empty; omit it instead.")
    for name, values in protect.items():
        if is_empty_criterion(values):
            raise Invalid(f"protect.{name} must not be empty; omit it instead.")
    for each in protect.get("ids", ()):
        check_id(each, "protect.ids")
    if options["state_file"] == "":
        raise Invalid("state_file must not be empty; omit it instead.")
    return Task(
        select,
        exclude,
        rules,
        options["use_deadlines"],
        frozenset(protect.get("label", ())),
        tuple(protect.get("label_prefix", ())),
        frozenset(protect.get("ids", ())),
        seconds(options["max_gap"], "max_gap"),
        options["max_affected"],
        options["max_fraction"],
        options["missing"],
        options["state_file"],
    )
