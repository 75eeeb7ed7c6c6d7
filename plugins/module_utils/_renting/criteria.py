# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What an offer must be like: options, the query that says it to the API, and the same held against a row. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.errors import Invalid
from .._core.amounts import HOURS_A_MONTH, number

MOST_ROWS = 64
"""The API gives no more offers than that to one search, whatever the limit (F5)."""
OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte", "in", "notin")
FIELDS = frozenset(
    (
        "ask_contract_id",
        "bw_nvlink",
        "cluster_id",
        "compute_cap",
        "cpu_arch",
        "cpu_cores",
        "cpu_cores_effective",
        "cpu_ghz",
        "cpu_ram",
        "cuda_max_good",
        "datacenter",
        "direct_port_count",
        "disk_bw",
        "disk_space",
        "dlperf",
        "dlperf_per_dphtotal",
        "dph_total",
        "driver_version",
        "duration",
        "external",
        "flops_per_dphtotal",
        "geolocation",
        "gpu_arch",
        "gpu_display_active",
        "gpu_frac",
        "gpu_max_power",
        "gpu_max_temp",
        "gpu_mem_bw",
        "gpu_name",
        "gpu_ram",
        "gpu_total_ram",
        "has_avx",
        "host_id",
        "id",
        "inet_down",
        "inet_down_cost",
        "inet_up",
        "inet_up_cost",
        "machine_id",
        "min_bid",
        "mobo_name",
        "num_gpus",
        "os_version",
        "pci_gen",
        "pcie_bw",
        "reliability",
        "rentable",
        "rented",
        "static_ip",
        "storage_cost",
        "total_flops",
        "ubuntu_version",
        "verification",
        "verified",
        "vms_enabled",
    )
)
"""What the API searches by (F5); it drops any other field without a word."""
NOT_IN_ROWS = frozenset(("datacenter", "external", "ubuntu_version", "verified"))
"""Fields that are asked for and that no row shows: they cannot be held against what comes back (F5)."""


class Minimum(t.NamedTuple):
    """An option that names a least value: the API's field, its factor to the API's unit, the most that makes sense."""

    field: str
    factor: float
    most: float
    unit: str


MINIMA: t.Mapping[str, Minimum] = {
    "min_gpu_ram_gb": Minimum("gpu_ram", 1000.0, 1000.0, "GB"),
    "min_cpu_cores": Minimum("cpu_cores_effective", 1.0, 4096.0, "virtual CPUs"),
    "min_cpu_ram_gb": Minimum("cpu_ram", 1000.0, 100_000.0, "GB"),
    "min_inet_down": Minimum("inet_down", 1.0, 1_000_000.0, "Mbit/s"),
    "min_inet_up": Minimum("inet_up", 1.0, 1_000_000.0, "Mbit/s"),
    "min_reliability": Minimum("reliability", 1.0, 1.0, "as a share of 1"),
    "min_cuda": Minimum("cuda_max_good", 1.0, 99.0, "as a version such as 12.4"),
    "min_compute_cap": Minimum("compute_cap", 100.0, 99.0, "as a version such as 8.9"),
    "min_direct_ports": Minimum("direct_port_count", 1.0, 65_535.0, "ports"),
    "min_duration_hours": Minimum("duration", 3600.0, 100_000.0, "hours"),
    "disk": Minimum("disk_space", 1.0, 1_000_000.0, "GB"),
}
"""GB are the official client's, a thousand MB (F5)."""


class Criterion(t.NamedTuple):
    """One condition: the option that asks for it, the API's field, operator and value, in the API's unit."""

    option: str
    field: str
    op: str
    value: t.Any

    def fits(self, row: t.Mapping[str, t.Any], disk: float) -> bool:
        """Whether a row meets it; what a row does not show is not met, unless no row ever shows it."""
        if self.field in NOT_IN_ROWS:
            return self.field != "verified" or row.get("verification") in (None, "verified")
        return holds(self.op, value_of(row, self.field, disk), self.value)


class Criteria(t.NamedTuple):
    """All conditions of one search, all of which must hold; `disk` in GB is part of every price."""

    conditions: tuple[Criterion, ...]
    disk: float
    interruptible: bool
    order: str
    prefer: tuple[str, ...]
    limit: int

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any], disk: float) -> Criteria:
        """Raises Invalid for a value that nothing can meet, a unit that was mistaken, or an unknown field."""
        found = conditions({**options, "disk": disk})
        limit = options["limit"]
        if isinstance(limit, bool) or not 1 <= limit <= MOST_ROWS:
            raise Invalid(f"limit must be from 1 to {MOST_ROWS}, not {limit}.")
        names = tuple(gpu(name) for name in options.get("gpu_name") or ())
        if options.get("prefer") and not names:
            raise Invalid("prefer=gpu_name requires gpu_name, whose order it uses.")
        prefer = names if options.get("prefer") else ()
        return cls(found, disk, bool(options["interruptible"]), options["order"], prefer, limit)

    def without(self, option: str) -> Criteria:
        """The same without the conditions of one option."""
        return self._replace(conditions=tuple(each for each in self.conditions if each.option != option))

    def excluding(self, machines: c.Collection[int]) -> Criteria:
        """The same without these machines."""
        option = "exclude_machine_id"
        known = [each.value for each in self.conditions if each.option == option]
        ids = sorted({*machines, *(known[0] if known else ())})
        added = (Criterion(option, "machine_id", "notin", ids),) if ids else ()
        return self._replace(conditions=(*self.without(option).conditions, *added))

    def misses(self, row: t.Mapping[str, t.Any]) -> list[str]:
        """The options whose conditions a row does not meet."""
        return list(dict.fromkeys(each.option for each in self.conditions if not each.fits(row, self.disk)))

    @property
    def options(self) -> list[str]:
        """The options that ask for something."""
        return list(dict.fromkeys(each.option for each in self.conditions))

    @property
    def unheld(self) -> list[str]:
        """The options whose conditions no row shows, so that the API's word has to do."""
        fields = NOT_IN_ROWS - {"verified"}
        return list(dict.fromkeys(each.option for each in self.conditions if each.field in fields))


def conditions(options: t.Mapping[str, t.Any], fields: c.Collection[str] = FIELDS) -> tuple[Criterion, ...]:
    """What options ask for; `fields`: what `query` may name. Raises Invalid for what cannot be."""
    found = [*_conditions(options)]
    if options.get("query") == {}:
        raise Invalid("query must not be empty; omit it instead.")
    return (*found, *_query(options.get("query") or {}, {each.field for each in found}, fields))


def as_query(found: c.Iterable[Criterion]) -> dict[str, dict[str, t.Any]]:
    """Conditions in the form of the API: `{field: {op: value}}`."""
    asked: dict[str, dict[str, t.Any]] = {}
    for each in found:
        asked.setdefault(each.field, {})[each.op] = each.value
    return asked


def factor_of(option: str) -> float:
    """How many of the API's units make one of the option's."""
    return MINIMA[option].factor if option in MINIMA else 1.0


def gpu(name: str) -> str:
    """The API writes blanks in the names of GPUs where the official client writes underscores (F5)."""
    return " ".join(name.replace("_", " ").split())


def country(row: t.Mapping[str, t.Any]) -> str | None:
    """The two letters at the end of `geolocation`, such as `Oslo, NO`."""
    place = row.get("geolocation")
    letters = str(place).rpartition(",")[2].strip().upper() if isinstance(place, str) else ""
    return letters if len(letters) == 2 and letters.isalpha() else None


def price(row: t.Mapping[str, t.Any], disk: float) -> dict[str, float | None]:
    """US dollars: an hour of the GPUs, of the disk, and of both; traffic a TB. What the row does not tell is None.

    The disk is counted here, since the API may ignore the size it was asked for. Where the API's own sum is higher, it
    counts.
    """
    base, month, total = (number(row.get(field)) for field in ("dph_base", "storage_cost", "dph_total"))
    storage = None if month is None else month * disk / HOURS_A_MONTH
    counted = None if base is None or storage is None else base + storage
    per_hour = counted if total is None else total if counted is None else max(counted, total)
    traffic = max(
        (cost for field in ("inet_up_cost", "inet_down_cost") if (cost := number(row.get(field))) is not None),
        default=None,
    )
    return {
        "per_hour": _rounded(per_hour),
        "gpu": _rounded(base),
        "disk": _rounded(storage),
        "traffic_per_tb": None if traffic is None else _rounded(traffic * 1000),
    }


def value_of(row: t.Mapping[str, t.Any], field: str, disk: float) -> t.Any:
    """What a row shows of a field, in the form in which criteria compare it."""
    if field == "dph_total":
        return price(row, disk)["per_hour"]
    if field == "geolocation":
        return country(row)
    if field == "gpu_name":
        return gpu(str(row.get(field) or ""))
    if field == "reliability":
        return row.get("reliability", row.get("reliability2"))
    if field == "ask_contract_id":
        return row.get(field, row.get("id"))
    return row.get(field)


def holds(op: str, shown: t.Any, asked: t.Any) -> bool:
    """Whether a value meets a condition; a value that is not there, or of another kind, meets none."""
    if shown is None:
        return False
    if op in ("in", "notin"):
        return (shown in asked) is (op == "in")
    if op in ("eq", "neq"):
        return bool(shown == asked) is (op == "eq")
    left, right = number(shown), number(asked)
    if left is None or right is None:
        return False
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[op]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _conditions(options: t.Mapping[str, t.Any]) -> c.Iterator[Criterion]:
    if (names := _names(options, "gpu_name")) is not None:
        yield Criterion("gpu_name", "gpu_name", "in", [gpu(name) for name in names])
    if (count := options.get("num_gpus")) is not None:
        yield Criterion("num_gpus", "num_gpus", "eq", _bounded("num_gpus", count, 1, 1024, "GPUs"))
    for option, rule in MINIMA.items():
        if (least := options.get(option)) is not None:
            yield Criterion(option, rule.field, "gte", _least(option, least, rule))
    yield from _places(options)
    if options.get("verified"):
        yield Criterion("verified", "verified", "eq", True)
    if (most := options.get("max_price")) is not None:
        yield Criterion("max_price", "dph_total", "lte", _bounded("max_price", most, 0, 100_000, "US dollars per hour"))


def _places(options: t.Mapping[str, t.Any]) -> c.Iterator[Criterion]:
    """Where it stands, and whose it is."""
    if (codes := _names(options, "country")) is not None:
        yield Criterion("country", "geolocation", "in", [_code(code) for code in codes])
    for option in ("datacenter", "static_ip"):
        if (wanted := options.get(option)) is not None:
            yield Criterion(option, option, "eq", wanted)
    for option in ("machine_id", "host_id"):
        if (ids := _ids(options, option)) is not None:
            yield Criterion(option, option, "in", ids)
        if (ids := _ids(options, f"exclude_{option}")) is not None:
            yield Criterion(f"exclude_{option}", option, "notin", ids)


def _least(option: str, value: float, rule: Minimum) -> float:
    if option.endswith("_gb") and value > rule.most and value / 1000 <= rule.most:
        raise Invalid(f"{option} is in GB: {value:g} looks like MB; write {value / 1000:g}.")
    least = _bounded(option, value, 0, rule.most, rule.unit) * rule.factor
    return round(least) if rule.factor != 1.0 else least


def _bounded(option: str, value: t.Any, low: float, high: float, unit: str) -> float:
    if number(value) is None or not low <= value <= high:
        raise Invalid(f"{option} must be between {low:g} and {high:g} {unit}, not {value}.")
    return t.cast("float", value)


def _names(options: t.Mapping[str, t.Any], option: str) -> list[str] | None:
    names = options.get(option)
    if names is not None and (not names or not all(str(name).strip() for name in names)):
        raise Invalid(f"{option} must not be empty or contain an empty item; omit it instead.")
    return names


def _ids(options: t.Mapping[str, t.Any], option: str) -> list[int] | None:
    ids = options.get(option)
    if ids is not None and (not ids or any(isinstance(each, bool) or not 0 < each < 2**63 for each in ids)):
        raise Invalid(f"{option} must be a list of positive numbers; omit it instead of leaving it empty.")
    return ids


def _code(text: str) -> str:
    code = text.strip().upper()
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        advice = ' YAML reads NO as false; write "NO" in quotes.' if text == "False" else ""
        raise Invalid(f"country must contain two-letter codes such as SE or US, not {text!r}.{advice}")
    return code


def _query(query: t.Mapping[str, t.Any], taken: c.Set[str], fields: c.Collection[str]) -> c.Iterator[Criterion]:
    """The criteria in the API's own form: `{field: {op: value}}`."""
    for field, tests in query.items():
        if field not in fields:
            # What only a field that is wrong needs.
            from .._core.near import did_you_mean

            raise Invalid(
                f"query: the API does not know the field {field!r}.{did_you_mean(sorted(fields), str(field))}"
            )
        if field in taken:
            raise Invalid(f"query: {field} is already set by another option; use only one of them.")
        if not isinstance(tests, dict) or not tests:
            raise Invalid(f"query: {field} must be a dictionary such as {{gte: 1}}, not {tests!r}.")
        for op, value in tests.items():
            yield Criterion("query", field, str(op), _asked(field, str(op), value))


def _asked(field: str, op: str, value: t.Any) -> t.Any:
    if op not in OPERATORS:
        raise Invalid(f"query: {field} has the operator {op!r}; there are {', '.join(OPERATORS)}.")
    many = op in ("in", "notin")
    if many and (not isinstance(value, list) or not value):
        raise Invalid(f"query: {field} needs a list for {op}, not {value!r}.")
    if not many and isinstance(value, (list, dict)):
        raise Invalid(f"query: {field} needs one value for {op}, not {value!r}.")
    if value is None or value == "":
        raise Invalid(f"query: {field} must not be empty; omit it instead.")
    if op[0] in "gl" and number(value) is None:
        raise Invalid(f"query: {field} needs a number for {op}, not {value!r}.")
    if field == "gpu_name":
        return [gpu(str(each)) for each in value] if many else gpu(str(value))
    return value
