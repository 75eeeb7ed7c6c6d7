# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Choosing among the instances of an account. Knows nothing of Ansible."""

from __future__ import annotations

import collections
import collections.abc as c
import contextlib
import itertools
import json
import typing as t
import urllib.parse

from .._api.client import Client
from .._api.errors import Invalid, NotFound, VastError
from .._api.replies import is_whole
from .._core.arguments import check_id
from .instance import IDS_IN_A_FILTER, MAX_LABEL, PAGE_SIZE, STATUSES, Instance, Page, pages, read

SELECTION_OPTIONS: dict[str, dict[str, t.Any]] = {
    "ids": {"type": "list", "elements": "int"},
    "label": {"type": "list", "elements": "str"},
    "label_prefix": {"type": "str"},
    "unlabelled": {"type": "bool", "default": False},
    "status": {"type": "list", "elements": "str", "choices": list(STATUSES)},
    "gpu_name": {"type": "list", "elements": "str"},
    "machine_id": {"type": "list", "elements": "int"},
}
"""The one definition of the criteria: of modules, of `select` and `exclude`, of the inventory's `filters`."""
MISSING = ("fail", "warn", "ignore")
"""What to do about a named thing that does not exist."""

STORED_STATUSES = ("created", "exited", "frozen", "loading", "rebooting", "recycling", "running", "stopped")
"""Values of `actual_status` the API can filter by; `offline` is computed as it is read, others may be too (F3.4)."""

FILTER_SIZE = 4000
"""How many characters of the address they may take; an address of 8 KB is the usual limit of servers."""

Filters = dict[str, dict[str, t.Any]]


class Selection(t.NamedTuple):
    """Criteria for instances, all of which must fit; what is left out is not a criterion."""

    ids: tuple[int, ...] = ()
    label: tuple[str, ...] = ()
    label_prefix: str = ""
    unlabelled: bool = False
    status: tuple[str, ...] = ()
    gpu_name: tuple[str, ...] = ()
    machine_id: tuple[int, ...] = ()
    fits_nothing: bool = False
    """A criterion was given and is empty."""

    @classmethod
    def from_options(
        cls, options: t.Mapping[str, t.Any], *, path: str = "", looks: bool = False, given: c.Container[str] = ()
    ) -> Selection:
        """The criteria among the options, where None means not given, except for the names in `given`.

        Raises Invalid for criteria that nothing can fit, and for empty ones, which a template leaves by mistake;
        for a task that only looks (`looks`) an empty one fits no instance. `path` begins the names in messages.
        """
        values = {name: options[name] for name in SELECTION_OPTIONS if name in given or options.get(name) is not None}
        empty = [name for name, value in values.items() if is_empty_criterion(value)]
        if empty and not looks:
            raise Invalid(f"{', '.join(path + name for name in empty)} must not be empty; omit it instead.")
        for name in ("ids", "machine_id"):
            for value in values.get(name) or ():
                check_id(value, path + name)
        for name in ("label", "label_prefix"):
            if any(len(label) > MAX_LABEL for label in _items(values.get(name))):
                raise Invalid(f"{path}{name}: a label has at most {MAX_LABEL} characters.")
        return cls(
            ids=tuple(values.get("ids") or ()),
            label=_items(values.get("label")),
            label_prefix=values.get("label_prefix") or "",
            unlabelled=bool(values.get("unlabelled")),
            status=tuple(values.get("status") or ()),
            gpu_name=tuple(_gpu(name) for name in _items(values.get("gpu_name"))),
            machine_id=tuple(values.get("machine_id") or ()),
            fits_nothing=any(not _items(values[name]) for name in empty),
        )

    @property
    def is_empty(self) -> bool:
        """Whether it has no criterion at all."""
        return not any(self)

    @property
    def named(self) -> dict[str, tuple[t.Any, ...]]:
        """The criteria that name things which ought to exist, with their values."""
        named = {"ids": self.ids, "label": self.label, "machine_id": self.machine_id, "gpu_name": self.gpu_name}
        return {criterion: values for criterion, values in named.items() if values}

    @property
    def filters(self) -> Filters:
        """The criteria that the API can apply (F3.1); the rest is for `matches`."""
        filters: Filters = {}
        if self.ids:
            filters["id"] = {"in": list(self.ids)}
        if self.label:
            filters["label"] = {"in": list(self.label)}
        elif self.unlabelled:
            # An instance without a label has null there.
            filters["label"] = {"in": ["", None]}
        if self.status and set(self.status) <= set(STORED_STATUSES):
            filters["actual_status"] = {"in": list(self.status)}
        if self.gpu_name:
            filters["gpu_name"] = {"in": list(self.gpu_name)}
        return filters

    def check_all(self, path: str = "") -> None:
        """Raises Invalid for criteria that no instance can fit together."""
        if self.unlabelled and (self.label or self.label_prefix):
            other = "label" if self.label else "label_prefix"
            raise Invalid(f"{path}unlabelled and {path}{other} exclude each other: no instance can fit both.")

    def matches(self, instance: Instance) -> bool:
        """Whether all criteria fit."""
        return all(self._fits(instance))

    def matches_any(self, instance: Instance) -> bool:
        """Whether any criterion fits."""
        return any(Selection(**{name: value}).matches(instance) for name, value in self._asdict().items() if value)

    def _fits(self, instance: Instance) -> c.Iterator[bool]:
        yield not self.fits_nothing
        yield not self.ids or instance.id in self.ids
        yield not self.label or instance.label in self.label
        yield instance.label.startswith(self.label_prefix)
        yield not self.unlabelled or not instance.label
        yield not self.status or instance.actual_status in self.status
        yield not self.gpu_name or _gpu(instance.text("gpu_name") or "") in self.gpu_name
        yield not self.machine_id or instance.row.get("machine_id") in self.machine_id


def select_and_exclude(options: t.Mapping[str, t.Any]) -> tuple[Selection, Selection]:
    """The options `select` and `exclude`. Raises Invalid for one that is empty: everybody has to be asked for."""
    select = Selection.from_options(options["select"], path="select.")
    if select.is_empty != options["select"]["all"]:
        raise Invalid("select needs at least one criterion, or all=true and none.")
    select.check_all("select.")
    exclude = Selection.from_options(options["exclude"] or {}, path="exclude.")
    if options["exclude"] is not None and exclude.is_empty:
        raise Invalid("exclude must not be empty; omit it instead.")
    return select, exclude


class Choice(t.NamedTuple):
    """The chosen instances, and how many fitted whose contract is already released."""

    instances: list[Instance]
    unloaded: int = 0


class _Read(t.NamedTuple):
    """What was read to choose from."""

    instances: list[Instance]
    columns: frozenset[str]
    """What the API was asked to filter by; without any it is the whole account."""
    labels: frozenset[str] | None = None
    """All labels of what was asked for, if they are known beyond the rows that were read."""


def choose(
    client: Client,
    select: Selection,
    exclude: Selection | None = None,
    *,
    missing: str = "fail",
    excluded: str | None = None,
) -> Choice:
    """The instances that fit all of `select` and nothing of `exclude`, by complete listings.

    What either of them names and the account does not have raises NotFound, or is told in a warning: `missing`, and
    `excluded` once `exclude` names such a thing, where that is not the same.
    """
    if select.fits_nothing:
        return Choice([])
    exclude = exclude or Selection()
    found = _read(client, select)
    if missing != "ignore":
        if absent := [*_absent(client, select, exclude, found)]:
            _tell(client, absent, (excluded if any(each.path for each in absent) else None) or missing, found)
        _warn_of_prefixes(client, select, exclude, found)
    fitting = [each for each in found.instances if select.matches(each) and not exclude.matches_any(each)]
    chosen = [each for each in fitting if not each.is_unloaded]
    return Choice(chosen, len(fitting) - len(chosen))


def select_instances(client: Client, selection: Selection, *, missing: str = "ignore") -> list[Instance]:
    """The instances that fit, for those who only look."""
    return choose(client, selection, missing=missing).instances


def count_by_label(instances: c.Iterable[Instance]) -> dict[str, int]:
    """How many carry each label; '' stands for none."""
    return dict(collections.Counter(instance.label for instance in instances))


def read_all(client: Client, filters: Filters) -> list[Instance]:
    """Complete listings of what matches; where one column has many values, some of them at a time."""
    column = next((name for name in ("id", "label") if len(filters.get(name, {}).get("in", ())) > 1), None)
    if column is None:
        return read(client, filters)
    found: dict[int, Instance] = {}
    for values in chunks(filters[column]["in"]):
        found.update((each.id, each) for each in read(client, {**filters, column: {"in": values}}))
    return sorted(found.values(), key=lambda instance: instance.id)


def chunks(values: c.Iterable[t.Any]) -> c.Iterator[list[t.Any]]:
    """The values in groups that an address can hold."""
    group: list[t.Any] = []
    size = 0
    for value in values:
        length = len(urllib.parse.quote(json.dumps(value)))
        if group and (len(group) == IDS_IN_A_FILTER or size + length > FILTER_SIZE):
            yield group
            group, size = [], 0
        group.append(value)
        size += length
    if group:
        yield group


def _read(client: Client, select: Selection) -> _Read:
    filters = select.filters
    if not select.label_prefix or filters.keys() & {"id", "label"}:
        return _Read(read_all(client, filters), frozenset(filters))
    listing = pages(client, filters)
    first = next(listing)
    labels = None if first.is_last else _labels(first)
    wanted = None if labels is None else _worth(first, labels, select.label_prefix)
    if labels is None or wanted is None:
        rest = itertools.chain.from_iterable(page.instances for page in listing)
        return _Read([*first.instances, *rest], frozenset(filters))
    rows = read_all(client, {**filters, "label": {"in": wanted}}) if wanted else []
    return _Read(rows, frozenset({*filters, "label"}), frozenset(labels))


def _labels(page: Page) -> dict[str, int] | None:
    """How many instances carry each label, by the first page; None unless that can account for all that match.

    The API may count what matches, or the whole account: both name every label that matters.
    """
    counts, total = page.reply.get("label_counts"), page.reply.get("total_instances")
    if not isinstance(counts, dict) or not all(map(_is_count, (total, *counts.values()))):
        return None
    if sum(counts.values()) < t.cast("int", total) or not all(counts.get(each.label) for each in page.instances):
        return None
    return counts


def _worth(first: Page, labels: t.Mapping[str, int], prefix: str) -> list[str] | None:
    """The labels that begin with the prefix; None when reading only those would take no fewer pages."""
    wanted = [label for label in labels if label.startswith(prefix)]
    narrow = sum(-(-sum(labels[label] for label in group) // PAGE_SIZE) for group in chunks(wanted))
    rest = -(-first.reply["total_instances"] // PAGE_SIZE) - 1
    return wanted if narrow < rest else None


def _is_count(value: t.Any) -> bool:
    return is_whole(value) and value >= 0


COLUMNS = {"ids": "id", "label": "label", "gpu_name": "gpu_name"}
"""The API's names of what it can filter by; it has none for a machine."""
VALUES: dict[str, c.Callable[[Instance], t.Any]] = {
    "ids": lambda instance: instance.id,
    "label": lambda instance: instance.label,
    "gpu_name": lambda instance: _gpu(instance.text("gpu_name") or ""),
    "machine_id": lambda instance: instance.row.get("machine_id"),
}
SENTENCES = {
    "ids": "There is no instance {} in this account",
    "label": "No instance of this account has the label {}",
    "gpu_name": "No instance of this account has the GPU {}",
    "machine_id": "No instance of this account is on machine {}",
}


class _Absent(t.NamedTuple):
    """A value that a criterion names and nothing has."""

    path: str
    criterion: str
    value: t.Any


def _absent(client: Client, select: Selection, exclude: Selection, found: _Read) -> c.Iterator[_Absent]:
    for path, selection in (("", select), ("exclude.", exclude)):
        for criterion, values in selection.named.items():
            asked = frozenset({COLUMNS.get(criterion)}) if selection is select else frozenset()
            absent = [*dict.fromkeys(values)]
            if criterion == "label" and found.labels is not None:
                absent = [value for value in absent if value not in found.labels]
            absent = _without(absent, criterion, found.instances)
            if absent and not found.columns <= asked:
                # What was read was filtered by more than this name.
                absent = _without(absent, criterion, read_all(client, _asking(criterion, absent)))
            yield from (_Absent(path, criterion, value) for value in absent)


def _asking(criterion: str, values: list[t.Any]) -> Filters:
    return {COLUMNS[criterion]: {"in": values}} if criterion in COLUMNS else {}


def _without(values: list[t.Any], criterion: str, instances: c.Iterable[Instance]) -> list[t.Any]:
    """Those of the values that no instance has."""
    there = {VALUES[criterion](instance) for instance in instances if not instance.is_unloaded}
    return [value for value in values if value not in there]


def _tell(client: Client, absent: list[_Absent], missing: str, found: _Read) -> None:
    """Raises NotFound for what is absent, with near misses, or warns of it."""
    known = _known(client, found) if any(isinstance(each.value, str) for each in absent) else {}
    text = " ".join(_sentence(each, known.get(each.criterion, ())) for each in absent)
    if missing == "fail":
        raise NotFound(f"{text} Nothing was changed. Set missing to warn or ignore to allow this.")
    client.warn(text)


def _sentence(absent: _Absent, known: c.Iterable[str]) -> str:
    shown = absent.value if isinstance(absent.value, int) else repr(absent.value)
    where = f", as {absent.path}{absent.criterion} says" if absent.path else ""
    told = f"{SENTENCES[absent.criterion].format(shown)}{where} (by a complete listing)."
    if not isinstance(absent.value, str):
        return told
    from .._core.near import did_you_mean

    return told + did_you_mean(sorted(known), absent.value)


def _warn_of_prefixes(client: Client, select: Selection, exclude: Selection, found: _Read) -> None:
    """Warn of a prefix that nothing begins with and that comes near one that is there, by what has been read."""
    prefixes = {"label_prefix": select.label_prefix, "exclude.label_prefix": exclude.label_prefix}
    labels = {*(found.labels or ()), *(each.label for each in found.instances if not each.is_unloaded)}
    for path, prefix in prefixes.items():
        if prefix and not any(label.startswith(prefix) for label in labels):
            from .misses import near_prefixes

            if near := near_prefixes(labels, prefix):
                client.warn(f"{path}: no instance that was read has a label that begins with {prefix!r}.{near}")


def _known(client: Client, found: _Read) -> dict[str, set[str]]:
    """Labels and GPUs of the account, as far as one page tells; they are for a message only."""
    rows, labels = found.instances, frozenset[str]()
    if found.columns:
        with contextlib.suppress(VastError):
            first = next(pages(client, {}))
            rows, labels = first.instances, frozenset(_labels(first) or ())
    live = [each for each in rows if not each.is_unloaded]
    return {"label": {*labels, *map(VALUES["label"], live)}, "gpu_name": set(map(VALUES["gpu_name"], live))}


def _items(value: t.Any) -> tuple[str, ...]:
    """The texts of a criterion, without those that are empty; anything else that is not empty stays."""
    items = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    return tuple(item for item in items if not _is_blank(item))


def is_empty_criterion(value: t.Any) -> bool:
    """Whether a criterion, or an item of it, is empty: null, or a text or list without a value."""
    return _is_blank(value) or (isinstance(value, (list, tuple)) and (not value or any(_is_blank(x) for x in value)))


def _is_blank(value: t.Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _gpu(name: str) -> str:
    """The official client writes blanks in GPU names as underscores (F5)."""
    return name.replace("_", " ")
