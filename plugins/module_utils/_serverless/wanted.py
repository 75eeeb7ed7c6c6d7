# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What a task wants an endpoint and its workergroups to be: options, and what differs from what there is. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.errors import Invalid, NotFound
from .._api.redact import MASK
from .._core.arguments import check_id, check_number
from .._core.plan import Change, Plan
from .._core.rows import is_id
from .endpoints import Endpoint
from .searches import Search, parsed, same

MOST = 1e9
"""No number of an endpoint makes sense beyond that."""
STATES = ("active", "suspended", "stopped")
RANGES: t.Mapping[str, tuple[float, float]] = {
    "min_load": (0, MOST),
    "min_cold_load": (0, MOST),
    "target_util": (0.01, 1),
    "cold_mult": (0, MOST),
    "cold_workers": (0, 10_000),
    "max_workers": (0, 10_000),
    "max_queue_time": (0, MOST),
    "target_queue_time": (0, MOST),
    "inactivity_timeout": (-MOST, MOST),
}
"""The settings of an endpoint that are numbers, with what the API takes (F4.1)."""
SETTINGS = ("endpoint_state", *RANGES)
COLD_WORKERS = 5
"""How many workers the API keeps ready unless it is told (F4.1)."""
GROUP_RANGES: t.Mapping[str, tuple[float, float]] = {
    "gpu_ram": (0, 100_000),
    "cold_workers": (0, 10_000),
    "max_workers": (0, 10_000),
    "test_workers": (0, 10_000),
}
TEMPLATES = ("template_hash", "template_id", "template_name")
KEPT = ("launch_args", "gpu_ram", "min_load", "target_util", "cold_mult", "cold_workers", "max_workers", "test_workers")
"""What an update of a workergroup repeats from its row, since the API may reset what it is not sent (F4.2)."""
LIMITS = (("cold_workers", "max_workers"), ("target_queue_time", "max_queue_time"))
"""Settings of which the first must not be above the second (F4.1)."""


class Group(t.NamedTuple):
    """One workergroup as it is listed; it shows itself without the row, which holds a secret."""

    id: int
    row: t.Mapping[str, t.Any]

    def __repr__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """How messages call it."""
        return f"workergroup {self.id}"

    @property
    def described(self) -> str:
        """What it runs, as last seen."""
        return f"template_hash {self.row.get('template_hash')}, search {self.search}"

    @property
    def search(self) -> Search | None:
        """Its search, or None when the row shows none that can be read."""
        shown = self.row.get("search_query") or self.row.get("search_params")
        try:
            return None if shown is None else parsed(shown)
        except Invalid:
            return None

    def result(self) -> dict[str, t.Any]:
        """What the engine shows of it in failures."""
        return {"id": self.id}


class WantedGroup(t.NamedTuple):
    """One workergroup that a task wants; only what is given is in `values`, `template` and `search`.

    `path`: how messages call the option. `template` is one of `template_hash`, `template_id` and `template_name`.
    """

    path: str
    id: int | None
    template: t.Mapping[str, t.Any]
    search: t.Any
    values: t.Mapping[str, t.Any]

    @classmethod
    def from_options(cls, path: str, options: t.Mapping[str, t.Any]) -> WantedGroup:
        """Raises Invalid for what the API would refuse, or would read in another way than it is meant."""
        check_id(options.get("id"), f"{path}.id")
        check_id(options.get("template_id"), f"{path}.template_id")
        template = {name: options[name] for name in TEMPLATES if options.get(name) is not None}
        if len(template) > 1:
            raise Invalid(f"{path} must identify its template only once, not by {' and '.join(template)}.")
        for name in ("template_hash", "template_name", "search_params"):
            if isinstance(options.get(name), str) and not options[name].strip():
                raise Invalid(f"{path}.{name} must not be empty; omit it instead.")
        if options.get("search") is not None and options.get("search_params") is not None:
            raise Invalid(f"{path} must give search or search_params, not both.")
        search = options["search"] if options.get("search") is not None else options.get("search_params")
        if search is not None:
            parsed(search)
        values = {name: options[name] for name in ("launch_args", *GROUP_RANGES) if options.get(name) is not None}
        for name, (least, most) in GROUP_RANGES.items():
            if name in values:
                check_number(values[name], f"{path}.{name}", least, most)
        _check_limits(values, f"{path}.")
        return cls(path, options.get("id"), template, search, values)

    @property
    def parsed(self) -> Search | None:
        """Its search in a form that can be compared."""
        return None if self.search is None else parsed(self.search)

    def is_like(self, group: Group, *, by_template: bool) -> bool:
        """Whether a group has this search, and this template; what is not given fits every group."""
        has_search = self.search is None or (group.search is not None and same(parsed(self.search), group.search))
        return has_search and (
            not by_template or all(group.row.get(name) == self.template[name] for name in self.template)
        )

    def creation(self) -> dict[str, t.Any]:
        """What a create sends beside the endpoint. Raises Invalid where something is missing."""
        if not self.template:
            raise Invalid(f"{self.path} is new and needs a template: give template_hash, template_id or template_name.")
        if self.search is None:
            raise Invalid(f"{self.path} is new and needs search or search_params, which say where its workers may run.")
        return {**self.template, "search_params": self.search, **self.values}


class Wanted(t.NamedTuple):
    """What a task wants of one endpoint; `groups` is None where it says nothing of workergroups."""

    id: int | None
    name: str | None
    settings: t.Mapping[str, t.Any]
    groups: tuple[WantedGroup, ...] | None = None
    purge: bool = False
    rolling: bool = True
    ready: int = 0
    destroys: bool = True

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Wanted:
        """Raises Invalid, before any request, for what cannot be meant or what the API would refuse."""
        settings = {name: options[name] for name in SETTINGS if options.get(name) is not None}
        for name, (least, most) in RANGES.items():
            if name in settings:
                check_number(settings[name], name, least, most)
        _check_limits(settings)
        ready = options.get("wait_for_workers") or 0
        check_number(ready, "wait_for_workers", 0, RANGES["max_workers"][1])
        wanted = cls(
            options["id"],
            options["name"],
            settings,
            _groups(options.get("workergroups"), purge=bool(options.get("purge_workergroups"))),
            bool(options.get("purge_workergroups")),
            options.get("update_workers") != "none",
            ready,
            options.get("on_leftover") != "fail",
        )
        wanted.check_ready(settings)
        return wanted

    def check(self, found: Endpoint | None) -> None:
        """Raises Invalid for what contradicts the endpoint that is there, or what a new one needs."""
        if found is None:
            if "max_workers" not in self.settings:
                raise Invalid(
                    f"There is no endpoint {self.name!r}, and max_workers is needed to create it: without it Vast.ai "
                    "would start up to 20 paid workers."
                )
            if not self.groups:
                raise Invalid(
                    f"There is no endpoint {self.name!r}, and workergroups is needed to create it: Vast.ai deletes an "
                    "endpoint without any workergroup."
                )
            for group in self.groups:
                if group.id is not None:
                    raise Invalid(f"{group.path}.id must not be given: the endpoint {self.name!r} does not exist yet.")
                group.creation()
            return
        _check_limits({**found.row, **self.settings}, given=self.settings)
        self.check_ready({**found.row, **self.settings})

    def check_ready(self, settings: t.Mapping[str, t.Any]) -> None:
        """Raises Invalid for a number of workers that can never be ready."""
        most = settings.get("max_workers")
        if self.ready and is_number(most) and self.ready > most:
            raise Invalid(f"wait_for_workers ({self.ready}) must not be above max_workers ({most:g}).")
        state = settings.get("endpoint_state")
        if self.ready and state == "stopped":
            raise Invalid(
                "wait_for_workers cannot be met by an endpoint with endpoint_state=stopped; set it to active."
            )

    def creation(self) -> dict[str, t.Any]:
        """What a create of the endpoint sends. The API's own default of workers to keep is held to `max_workers`."""
        most = self.settings["max_workers"]
        held = {"cold_workers": most} if "cold_workers" not in self.settings and most < COLD_WORKERS else {}
        return {"endpoint_name": self.name, **held, **self.settings}


def is_number(value: t.Any) -> t.TypeGuard[float]:
    """Whether a value of a reply is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _groups(given: t.Any, *, purge: bool) -> tuple[WantedGroup, ...] | None:
    if given is None:
        if purge:
            raise Invalid("purge_workergroups requires workergroups, the list of those to keep.")
        return None
    if not given:
        raise Invalid(
            "workergroups must not be empty: Vast.ai deletes an endpoint without any workergroup. Omit it to leave the "
            "workergroups alone, or use state=absent."
        )
    groups = tuple(WantedGroup.from_options(f"workergroups[{number}]", each) for number, each in enumerate(given))
    for number, group in enumerate(groups):
        for other in groups[:number]:
            named_alike = group.id is not None and group.id == other.id
            if named_alike or (group.id == other.id and group[2:4] == other[2:4]):
                raise Invalid(f"{group.path} names the same workergroup as {other.path}.")
    return groups


def _check_limits(values: t.Mapping[str, t.Any], path: str = "", *, given: t.Mapping[str, t.Any] | None = None) -> None:
    """Raises Invalid where two settings contradict each other, of which at least one is given."""
    for low, high in LIMITS:
        less, more = values.get(low), values.get(high)
        if given is not None and low not in given and high not in given:
            continue
        if is_number(less) and is_number(more) and less > more:
            raise Invalid(f"{path}{low} ({less:g}) must not be above {path}{high} ({more:g}).")


def differs(shown: t.Any, wanted: t.Any) -> bool:
    """Whether a field of a row is not what is wanted; 1 is 1.0."""
    if is_number(shown) and is_number(wanted):
        return bool(abs(shown - wanted) > 1e-9 * max(1.0, abs(wanted)))
    return bool(shown != wanted)


def plan_endpoint(found: Endpoint, wanted: Wanted) -> Plan:
    """What differs from the settings that are given; with an id, the name is what it is to be called."""
    name = found.display_name
    asked = dict(wanted.settings)
    if wanted.id is not None and wanted.name is not None:
        asked = {"endpoint_name": wanted.name, **asked}
    changes = [
        Change(field, found.row.get(field), value, f"set {field} of {name} to {value}")
        for field, value in asked.items()
        if differs(found.row.get(field), value)
    ]
    return Plan(name, tuple(changes))


class Pairs(t.NamedTuple):
    """Which workergroups that are wanted are which of those that there are, which are new, and which nobody named."""

    known: list[tuple[WantedGroup, Group]]
    new: list[WantedGroup]
    others: list[Group]


def groups_of(rows: c.Iterable[t.Mapping[str, t.Any]], endpoint_id: int) -> list[Group]:
    """The workergroups of one endpoint."""
    return [Group(row["id"], row) for row in rows if row.get("endpoint_id") == endpoint_id and is_id(row.get("id"))]


def match(wanted: c.Sequence[WantedGroup], groups: c.Sequence[Group]) -> Pairs:
    """By id; else by template and search; else by search; else the only one left on each side; else it is new.

    Raises NotFound for an id that the endpoint does not have.
    """
    known: list[tuple[WantedGroup, Group]] = []
    open_, free = list(wanted), list(groups)

    def pair(one: WantedGroup, group: Group) -> None:
        known.append((one, group))
        open_.remove(one)
        free.remove(group)

    for one in [each for each in open_ if each.id is not None]:
        group = next((each for each in free if each.id == one.id), None)
        if group is None:
            ids = ", ".join(str(each.id) for each in groups) or "none"
            raise NotFound(f"{one.path}: the endpoint has no workergroup {one.id}. Its workergroups are: {ids}.")
        pair(one, group)
    for by_template in (True, False):
        for one in list(open_):
            group = next((each for each in free if one.is_like(each, by_template=by_template)), None)
            if group is not None and (one.template if by_template else one.search is not None):
                pair(one, group)
    if len(open_) == len(free) == 1:
        pair(open_[0], free[0])
    known.sort(key=lambda each: wanted.index(each[0]))
    return Pairs(known, open_, free)


def plan_group(wanted: WantedGroup, group: Group) -> Plan:
    """What differs from what is given. A field that the row does not show is no difference; it goes with the others."""
    name = group.display_name
    changes = [
        Change(field, group.row.get(field), value, f"set {field} of {name} to {value}")
        for field, value in wanted.template.items()
        if group.row.get(field) != value
    ]
    asked = wanted.parsed
    if asked is not None and (group.search is None or not same(asked, group.search)):
        action = f"set the search of {name} to {wanted.search}"
        changes.append(Change("search_params", group.search, asked, action, {"search_params": wanted.search}))
    for field, value in wanted.values.items():
        shown = group.row.get(field)
        if shown is not None and differs(shown, value):
            secret = field == "launch_args"
            action = f"set {field} of {name} to {MASK if secret else value}"
            changes.append(Change(field, shown, value, action, secret=secret))
    return Plan(name, tuple(changes))


def shows(group: Group, change: Change) -> bool:
    """Whether a workergroup shows a change of its plan."""
    if change.field == "search_params":
        return group.search is not None and same(change.after, group.search)
    return not differs(group.row.get(change.field), change.after)


def update_body(wanted: WantedGroup, group: Group, endpoint_id: int) -> dict[str, t.Any]:
    """The whole of a workergroup: what an update leaves out is reset by the API (F4.2).

    Raises Invalid when its search is neither given nor known.
    """
    row = group.row
    search = wanted.search if wanted.search is not None else row.get("search_query") or row.get("search_params")
    if search is None:
        raise Invalid(
            f"{wanted.path} needs search or search_params: {group.display_name} does not show its own, and a change of "
            "anything else would overwrite it."
        )
    names = [name for name in ("template_hash", "template_id") if row.get(name) is not None]
    template = wanted.template or {name: row[name] for name in names[:1]}
    kept = {name: row[name] for name in KEPT if row.get(name) is not None}
    return {"endpoint_id": endpoint_id, **template, "search_params": search, **kept, **wanted.values}
