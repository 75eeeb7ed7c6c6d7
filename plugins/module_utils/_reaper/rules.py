# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The rules of the reaper, and which of them a thing falls under. Pure."""

from __future__ import annotations

import calendar
import collections.abc as c
import re
import time
import typing as t

from .._api.errors import Invalid
from .._core.arguments import check_number
from .._core.durations import seconds, spoken
from .._instances.instance import MAX_LABEL

SPANS = ("running_for", "stopped_for", "not_running_for", "idle_for", "unattached_for", "contract_left_below")
AMOUNTS = ("price_above", "cost_above")
ACTIONS = ("report", "stop", "destroy", "destroy_volume")
OF_INSTANCES = ("running_for", "stopped_for", "not_running_for", "idle_for", "status")
"""Conditions that no volume can meet."""
STATES = {
    "running_for": "running",
    "idle_for": "running",
    "stopped_for": "stopped",
    "not_running_for": "not running",
}
LARGEST_PRICE = 1e6
TOLERANCE = 86400.0
"""So many seconds before it was rented the clock may have been wrong by; what is earlier was seen by a wrong clock."""
NULL = "null"
"""How a rule writes the status of an instance that is still provisioned."""
DEADLINE = "deadline"
"""The rule that a deadline in a label stands for."""


class Candidate(t.NamedTuple):
    """An instance or a volume, as far as rules look at it. None: not known. `status` is NULL for one that has none."""

    kind: str
    id: int
    label: str
    status: str | None
    running: bool | None = False
    stopped: bool | None = False
    attached: bool = False
    price: float | None = None
    cost: float | None = None
    gpu_util: float | None = None
    start_date: float | None = None
    end_date: float | None = None

    @property
    def key(self) -> str:
        """What its history is kept by."""
        return f"{self.kind}-{self.id}"


class Seen(t.NamedTuple):
    """Since when each state was seen without a break, in seconds since 1970; None: it is not in that state.

    `was_down`: it was seen not running, or that it never was is not known, so that it may have started since the rent.
    """

    last: float
    running: float | None = None
    stopped: float | None = None
    not_running: float | None = None
    unattached: float | None = None
    was_down: bool = False
    idle: t.Mapping[str, float] = {}


class Rule(t.NamedTuple):
    """Conditions that must all hold, and what is to be done then."""

    name: str
    action: str
    spans: t.Mapping[str, float]
    amounts: t.Mapping[str, float]
    gpu_util_below: float | None = None
    status: tuple[str, ...] = ()
    label_prefix: str = ""

    @property
    def of_volumes(self) -> bool:
        """Whether it is about volumes."""
        return "unattached_for" in self.spans


class Verdict(t.NamedTuple):
    """The first rule that a thing falls under, with why; `unknown`: rules that cannot be decided yet, with why."""

    rule: str | None = None
    action: str = ""
    why: str = ""
    unknown: tuple[str, ...] = ()


def rule_from_options(options: t.Mapping[str, t.Any], path: str) -> Rule:
    """One rule. Raises Invalid for one without a condition, and for conditions that nothing can meet together."""
    given = {name: value for name, value in options.items() if value is not None}
    name = given["name"].strip()
    if not name or name == DEADLINE:
        raise Invalid(f"{path}.name must not be empty or {DEADLINE!r}.")
    for field in AMOUNTS:
        if field in given:
            check_number(given[field], f"{path}.{field}", 0, LARGEST_PRICE)
    if "gpu_util_below" in given:
        check_number(given["gpu_util_below"], f"{path}.gpu_util_below", 0.01, 100)
    for field in ("status", "label_prefix"):
        if field in given and not (given[field].strip() if field == "label_prefix" else given[field]):
            raise Invalid(f"{path}.{field} must not be empty; omit it instead.")
    rule = Rule(
        name=name,
        action=given["action"],
        spans={field: seconds(given[field], f"{path}.{field}") for field in SPANS if field in given},
        amounts={field: given[field] for field in AMOUNTS if field in given},
        gpu_util_below=given.get("gpu_util_below"),
        status=tuple(given.get("status") or ()),
        label_prefix=given.get("label_prefix") or "",
    )
    for wrong in _contradictions(rule):
        raise Invalid(f"{path} ({name}): {wrong}")
    return rule


def _contradictions(rule: Rule) -> c.Iterator[str]:
    if (rule.gpu_util_below is None) != ("idle_for" not in rule.spans):
        yield "idle_for and gpu_util_below must be used together."
    if not (rule.spans or rule.amounts or rule.status or rule.label_prefix):
        yield "a rule needs at least one condition."
    if len(rule.label_prefix) > MAX_LABEL:
        yield f"label_prefix: a label has at most {MAX_LABEL} characters."
    states = {STATES[span] for span in rule.spans if span in STATES}
    if "running" in states and len(states) > 1:
        yield "an instance cannot be running and not running at the same time."
    if rule.status and "running" in states and "running" not in rule.status:
        yield "a running instance has the status running."
    if rule.action == "stop" and "stopped" in states:
        yield "a stopped instance cannot be stopped again."
    yield from _wrong_kind(rule)


def _wrong_kind(rule: Rule) -> c.Iterator[str]:
    if rule.action == "destroy_volume" and not rule.of_volumes:
        yield "destroy_volume requires unattached_for."
    if rule.of_volumes and rule.action in ("stop", "destroy"):
        yield f"unattached_for applies to volumes, but action={rule.action} does not."
    mixed = [field for field in OF_INSTANCES if field in rule.spans or (field == "status" and rule.status)]
    if rule.of_volumes and mixed:
        yield f"unattached_for applies to volumes, but {', '.join(mixed)} to instances."


def judge(
    candidate: Candidate, seen: Seen | None, rules: c.Iterable[Rule], now: float | None, *, deadlines: bool = False
) -> Verdict:
    """The first rule that holds; one that cannot be decided does not fire. Without `now` the time is not known."""
    unknown: list[str] = []
    if deadlines and candidate.kind == "instance":
        due, why = deadline(candidate.label, candidate.start_date)
        if due is not None and now is None:
            unknown.append(f"{DEADLINE}: {NO_TIME}, for {why}")
        elif due is not None and now is not None and due <= now:
            return Verdict(DEADLINE, "destroy", f"{why}, passed {spoken(now - due)} ago")
        if due is None and why:
            unknown.append(f"{DEADLINE}: {why}")
    for rule in rules:
        if rule.of_volumes != (candidate.kind == "volume"):
            continue
        told = [*_conditions(rule, candidate, seen, now)]
        if any(holds is False for holds, _why in told):
            continue
        undecided = [why for holds, why in told if holds is None]
        if not undecided:
            return Verdict(rule.name, rule.action, ", ".join(why for _holds, why in told), tuple(unknown))
        unknown.append(f"{rule.name}: {', '.join(undecided)}")
    return Verdict(unknown=tuple(unknown))


NO_TIME = "the time is not known"

Held: t.TypeAlias = "tuple[bool | None, str]"
"""Whether a condition holds, None for not known, and what to say of it."""


def _conditions(rule: Rule, candidate: Candidate, seen: Seen | None, now: float | None) -> c.Iterator[Held]:
    if rule.label_prefix:
        yield candidate.label.startswith(rule.label_prefix), f"its label begins with {rule.label_prefix}"
    if rule.status:
        known = candidate.status is not None
        yield (
            candidate.status in rule.status if known else None,
            f"its status is {candidate.status if known else 'not known'}",
        )
    if "price_above" in rule.amounts:
        yield _above(candidate.price, rule.amounts["price_above"], "it costs", "$/h", "its price")
    if "cost_above" in rule.amounts:
        yield _above(candidate.cost, rule.amounts["cost_above"], "it has cost", "$", "what was charged for it")
    for field, length in rule.spans.items():
        if field == "contract_left_below":
            yield _ends(candidate, length, now)
        else:
            yield _lasts(field, length, rule, candidate, seen, now)


def _above(value: float | None, limit: float, verb: str, unit: str, noun: str) -> Held:
    if value is None:
        return None, f"{noun} is not known"
    return value > limit, f"{verb} {value:g} {unit}"


def _ends(candidate: Candidate, length: float, now: float | None) -> Held:
    if candidate.end_date is None:
        return None, "the end of its contract is not known"
    if now is None:
        return None, NO_TIME
    left = candidate.end_date - now
    return left < length, f"its contract ends in {spoken(left)}"


def _lasts(field: str, length: float, rule: Rule, candidate: Candidate, seen: Seen | None, now: float | None) -> Held:
    is_so, since, words = _state(field, rule, candidate, seen)
    if is_so is None:
        return None, f"whether it is {words} is not known"
    if not is_so:
        return False, ""
    if since is None or seen is None or since == seen.last:
        return None, f"how long it has been {words} is not known yet"
    if now is None:
        return None, NO_TIME
    return now - since >= length, f"it has been {words} for {spoken(now - since)}"


def _state(field: str, rule: Rule, candidate: Candidate, seen: Seen | None) -> tuple[bool | None, float | None, str]:
    """Whether it is in the state now, since when, and the state in words."""
    if field == "running_for":
        return candidate.running, running_since(candidate, seen), "running"
    if field == "stopped_for":
        return candidate.stopped, seen.stopped if seen else None, "stopped"
    if field == "not_running_for":
        is_down = None if candidate.running is None else not candidate.running
        return is_down, seen.not_running if seen else None, "not running"
    if field == "unattached_for":
        return not candidate.attached, seen.unattached if seen else None, "unattached"
    below = t.cast("float", rule.gpu_util_below)
    words = f"below {below:g} % GPU utilization"
    return _is_idle(candidate, below), seen.idle.get(idle_key(below)) if seen else None, words


def _is_idle(candidate: Candidate, below: float) -> bool | None:
    if candidate.running is False or (candidate.gpu_util is not None and candidate.gpu_util >= below):
        return False
    return None if candidate.running is None or candidate.gpu_util is None else True


def running_since(candidate: Candidate, seen: Seen | None) -> float | None:
    """The last start that was seen; the rent, for one that was never seen down (F3.3)."""
    if seen is None:
        return None
    return seen.running if seen.was_down else candidate.start_date


def idle_key(below: float) -> str:
    """What a limit of the use is kept by."""
    return f"{below:g}"


def observe(
    candidate: Candidate,
    seen: Seen | None,
    limits: c.Iterable[float],
    now: float,
    max_gap: float,
    lost: float | None = None,
) -> Seen:
    """The history with what is seen now. A state that goes on keeps its beginning; another begins now.

    So does one that is not known, and one whose beginning a wrong clock told. `lost`: what was rented before that time
    may have been forgotten.
    """
    before = _believed(candidate, seen, now) if seen else Seen(now, was_down=_is_forgotten(candidate, lost))
    kept = {key: since for key, since in before.idle.items() if abs(now - before.last) <= max_gap}
    use = candidate.gpu_util if candidate.running else None
    keys = {**{float(key): key for key in kept}, **{limit: idle_key(limit) for limit in limits}}
    return Seen(
        last=now,
        running=_since(candidate.running, before.running, now),
        stopped=_since(candidate.stopped, before.stopped, now),
        not_running=_since(candidate.running is False, before.not_running, now),
        unattached=_since(candidate.kind == "volume" and not candidate.attached, before.unattached, now),
        was_down=before.was_down or not candidate.running,
        idle={key: kept.get(key, now) for limit, key in keys.items() if use is not None and use < limit},
    )


def _believed(candidate: Candidate, seen: Seen, now: float) -> Seen:
    """The history without times that cannot be: in the future, or before it was rented."""
    earliest = None if candidate.start_date is None else candidate.start_date - TOLERANCE

    def fits(since: float | None) -> bool:
        return since is not None and since <= now and (earliest is None or since >= earliest)

    running, stopped, not_running, unattached = (since if fits(since) else None for since in seen[1:5])
    idle = {key: since for key, since in seen.idle.items() if fits(since)}
    return Seen(seen.last, running, stopped, not_running, unattached, seen.was_down, idle)


def _is_forgotten(candidate: Candidate, lost: float | None) -> bool:
    return lost is not None and (candidate.start_date is None or candidate.start_date <= lost)


def _since(is_so: bool | None, before: float | None, now: float) -> float | None:
    return None if not is_so else now if before is None else before


_PART = re.compile(r"(?:^|[\s,])(ttl|until)=([^\s,]*)(?=[\s,]|$)", re.IGNORECASE)
_UNTIL = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?Z?", re.IGNORECASE)


def deadline(label: str, start_date: float | None) -> tuple[float | None, str]:
    """The earliest deadline that a label carries, and the words of it; None with why it is not known, or ''."""
    found: list[tuple[float, str]] = []
    for word, value in _PART.findall(label):
        text = f"{word.lower()}={value}"
        at = _until(value) if word.lower() == "until" else _ttl(value, start_date)
        if at is None:
            rented = word.lower() == "ttl" and start_date is None
            return None, f"the rental time is not known, for {text}" if rented else f"{text} cannot be parsed"
        found.append((at, text))
    return min(found) if found else (None, "")


def _ttl(value: str, start_date: float | None) -> float | None:
    try:
        length = seconds(value, "ttl")
    except Invalid:
        return None
    return None if start_date is None else start_date + length


def _until(value: str) -> float | None:
    matched = _UNTIL.fullmatch(value)
    if not matched:
        return None
    parts = [int(part or 0) for part in matched.groups()]
    year, month, day, hour, minute, second = parts
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return float(calendar.timegm(time.struct_time((*parts, 0, 0, 0))))
