# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Accepting and rejecting price increases (F6.8): what is decided of each, and what the engine has to know of it.

The id is all that a decision can name, so each is read again right before it, and sent once.
"""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._api.errors import ServerError, UnknownOutcome, VastError, WaitTimeout
from .._api.replies import is_whole
from .._core.amounts import PLACES, amount, number
from .._core.interrupts import TaskInterrupted, failing_at_signals
from .._core.kind import Kind, Write
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from .price_increases import ID, read

ROUTES = {
    "accept": Route("PUT", "/api/v0/instances/accept-price-increase/", 2.0),
    "reject": Route("PUT", "/api/v0/instances/reject-price-increase/", 2.0),
}
DONE = {"accept": "accepted", "reject": "rejected"}
PER_HOUR = ("gpu_costpersec", "disk_ram_costpersec")
"""What is paid all the time, in US dollars a second."""
OTHERS = ("bwu_cost", "bwd_cost", "platform_fee")
"""What is paid for traffic, and the fee; a dearer one is never accepted."""
PRICES = (*PER_HOUR, *OTHERS)
SECONDS_AN_HOUR = 3600
NO_LONGER_PENDING = "no_pending_price_increase"
LISTED_FOR = 10.0
"""For how many seconds a decided one may stay listed."""
FRESH = 5.0
"""For so many seconds after it was read one may be decided."""
ROUNDING = 1 + 1e-9


class Limits(t.NamedTuple):
    """Up to what is accepted: per cent, and US dollars per hour. All that are given have to hold."""

    max_increase: float | None = None
    max_price: float | None = None

    @property
    def given(self) -> bool:
        """Whether anything is accepted at all."""
        return any(limit is not None for limit in self)


class Increase(t.NamedTuple):
    """One row of the listing."""

    row: t.Mapping[str, t.Any]

    @property
    def id(self) -> int:
        """What a decision names."""
        return t.cast("int", self.row[ID])

    @property
    def contract(self) -> int | None:
        """The instance; None where the row does not tell."""
        return _id(self.row.get("contract_id"))

    @property
    def display_name(self) -> str:
        """How messages call it."""
        return f"price increase {self.id} of instance {self.contract}"

    @property
    def described(self) -> str:
        """The state as last seen, for messages."""
        return f"pending, from {dollars(self.per_hour('old'))} to {dollars(self.per_hour('new'))}"

    @property
    def terms(self) -> tuple[t.Any, ...]:
        """What is decided about; the host may ask for something else under the same id."""
        prices = (self.row.get(f"{age}_{name}") for age in ("old", "new") for name in PRICES)
        return self.row.get("contract_id"), *prices

    def price(self, age: str, name: str) -> float | None:
        """One of the prices, `old` or `new`; None for what is no price."""
        return amount(self.row.get(f"{age}_{name}"))

    def per_hour(self, age: str) -> float | None:
        """GPU and disk together in US dollars per hour; None where one of them is not known."""
        gpu, disk = (self.price(age, name) for name in PER_HOUR)
        return None if gpu is None or disk is None else number((gpu + disk) * SECONDS_AN_HOUR)

    @property
    def percent(self) -> float | None:
        """By how much GPU and disk together become dearer; None where that is not known, and of what was free."""
        old, new = self.per_hour("old"), self.per_hour("new")
        percent = None if not old or new is None else number((new / old - 1) * 100)
        return _rounded(percent)

    def prices(self, age: str) -> dict[str, float | None]:
        """The prices as results show them."""
        gpu, disk = (self.price(age, name) for name in PER_HOUR)
        return {
            "gpu_per_hour": _hourly(gpu),
            "disk_per_hour": _hourly(disk),
            **{name: self.price(age, name) for name in OTHERS},
        }

    def result(self) -> dict[str, t.Any]:
        """How results show it."""
        return {
            ID: self.id,
            "contract_id": self.contract,
            "host_id": _id(self.row.get("host_id")),
            "old_per_hour": _rounded(self.per_hour("old")),
            "new_per_hour": _rounded(self.per_hour("new")),
            "increase_percent": self.percent,
            "old": self.prices("old"),
            "new": self.prices("new"),
            "contract_end_date": number(self.row.get("contract_end_date")),
            "ask_end_date": number(self.row.get("ask_end_date")),
            "created_at": number(self.row.get("created_at")),
        }


class Case:
    """One increase on its way: the decision, why it was made, and what became of it.

    `decision`: accept, reject or leave; gone when it was no longer pending. `warning`: what happened meanwhile.
    """

    def __init__(self, increase: Increase, decision: str, why: str) -> None:
        self.increase = increase
        self.decision = decision
        self.why = why
        self.warning = ""
        self.item: Item[Increase] | None = None
        self.error: VastError | None = None

    @property
    def acts(self) -> bool:
        """Whether something is to be sent."""
        return self.decision in ROUTES

    @property
    def plan(self) -> Plan:
        """What is to be done."""
        if not self.acts:
            return Plan(self.increase.display_name)
        action = f"{self.decision} {self.increase.display_name}: {self.why}"
        sends = {ID: self.increase.id}
        change = Change("state", "pending", DONE[self.decision], action, sends)
        return Plan(self.increase.display_name, (change,))

    def spare(self, decision: str, why: str) -> None:
        """Do not decide it after all."""
        self.decision, self.why = decision, why
        self.warning = f"{self.increase.display_name} was not decided by this task: {why}."

    def result(self, *, planned: bool) -> dict[str, t.Any]:
        """How results show it; `planned`: what would be done, as in check mode."""
        return {
            **self.increase.result(),
            "decision": self.decision,
            "why": self.why,
            "changed": self.acts if planned else self.item is not None and self.item.changed,
            "failed": self.error is not None,
            "error_class": self.error.error_class if self.error else None,
            "msg": self.error.msg if self.error else "",
        }


def judged(increase: Increase, limits: Limits, policy: str) -> Case:
    """What is to be done about one. Pure."""
    rise = f"from {dollars(increase.per_hour('old'))} to {dollars(increase.per_hour('new'))}"
    if not limits.given:
        return Case(increase, "leave", "neither max_increase nor max_price is given")
    objection = next(objections(increase, limits), "")
    if objection:
        return Case(increase, policy, objection)
    return Case(increase, "accept", rise)


def objections(increase: Increase, limits: Limits) -> c.Iterator[str]:
    """Why one is not accepted."""
    fields = [f"{age}_{name}" for age in ("old", "new") for name in PRICES]
    unknown = [field for field in fields if amount(increase.row.get(field)) is None]
    if increase.contract is None:
        unknown.insert(0, "contract_id")
    if unknown:
        yield f"not known: {', '.join(unknown)}"
        return
    for name in OTHERS:
        old, new = increase.price("old", name), increase.price("new", name)
        if new is not None and old is not None and new > old:
            yield f"{name} rises from {old:g} to {new:g}"
    yield from over(increase, limits)


def over(increase: Increase, limits: Limits) -> c.Iterator[str]:
    """Which limits it exceeds; the sums are not known where their prices are too large to add."""
    old, new = increase.per_hour("old"), increase.per_hour("new")
    if old is None or new is None:
        yield "its price per hour is not known"
        return
    most, highest = limits.max_increase, limits.max_price
    if most is not None and new > old * (1 + most / 100) * ROUNDING:
        percent = "from nothing" if increase.percent is None else f"by {increase.percent:.4g} %"
        yield f"it rises {percent} to {dollars(new)}, and max_increase is {most:g} %"
    if highest is not None and new > highest * ROUNDING:
        yield f"it rises to {dollars(new)}, and max_price is {highest:g} $/h"


def decide(client: Client, cases: c.Sequence[Case], deadline: Deadline) -> None:
    """Accept and reject, one after the other. Raises nothing: a failure of one does not stop the others."""
    ended = ""
    for case in (case for case in cases if case.acts):
        ended = ended or ("no time was left" if deadline.expired else "")
        if ended:
            case.error = WaitTimeout(f"{case.increase.display_name} was left as it is: {ended}. Run the task again.")
            continue
        _decide(client, case, deadline)
        if isinstance(case.error, TaskInterrupted):
            ended = "the task was interrupted"


def _decide(client: Client, case: Case, deadline: Deadline) -> None:
    """Decide one, unless it is not what it was."""
    name = case.increase.display_name
    try:
        with failing_at_signals():
            pending = read(client, deadline)
    except VastError as error:
        case.error = error.with_context(f"{name} could not be read again, so nothing was sent: {error.msg}")
        return
    read_at = client.clock.now()
    now = next((each for each in map(Increase, pending.rows) if each.id == case.increase.id), None)
    if now is None and pending.truncated:
        case.spare("leave", "the list is truncated and no longer shows it")
    elif now is None:
        case.spare("gone", "it was decided or withdrawn in the meantime")
    elif now.terms != case.increase.terms:
        case.spare("leave", f"its prices changed in the meantime, it is {now.described} now")
    else:
        _send(t.cast("Client", _Fresh(client, read_at)), case, now, deadline)


def _send(client: Client, case: Case, now: Increase, deadline: Deadline) -> None:
    """Send a decision and look what became of it."""
    from .._core.converge import NO_WAIT, converge

    item = case.item = Item(Ref(now.id), now, case.plan)
    converge(client, Decide(case.decision, deadline), [item], NO_WAIT, deadline)
    case.error = item.error
    if item.error is None and item.left:
        case.error = ServerError(
            f"The API accepted the request, but {item.name} is still listed. It may have been carried out; nothing was "
            f"sent again. Last seen: {item.seen.described}."
        )
    elif item.error is None and not item.wrote:
        case.spare("gone", "it was decided or withdrawn in the meantime")
    elif item.error is None and not item.gone:
        case.warning = f"After {item.name} was {DONE[case.decision]}, its host asked again: {item.seen.described}."


class Decide(Kind[Increase]):
    """Increases that are to be decided, and so are to be listed no more."""

    want = "decided"
    queues = False
    shown_within = LISTED_FOR
    removes = True

    def __init__(self, decision: str, deadline: Deadline) -> None:
        self.route = ROUTES[decision]
        self.deadline = deadline

    def read(self, client: Client, items: c.Sequence[Item[Increase]]) -> dict[Ref, Increase]:
        """Those that are still pending. Raises UnknownOutcome when a truncated list leaves that open."""
        pending = read(client, self.deadline)
        listed = {each.id: each for each in map(Increase, pending.rows)}
        found = {item.ref: listed[item.before.id] for item in items if item.before.id in listed}
        for item in items:
            if pending.truncated and item.ref not in found and not _is_told(item):
                found[item.ref] = _not_shown(item)
        return found

    def writes(
        self, items: c.Sequence[Item[Increase]], *, alone: bool
    ) -> c.Iterator[tuple[Write, list[Item[Increase]]]]:
        """One request for each, sent once: under the same id the host may ask for something else."""
        del alone
        for item in items:
            yield Write(self.route, {ID: item.before.id}, once=True), [item]

    def missing(self, item: Item[Increase]) -> tuple[Change, ...]:
        """What is listed is not decided, unless it is another one by now."""
        return () if item.accepted and item.seen.terms != item.before.terms else item.plan.changes

    def differs(self, item: Item[Increase]) -> bool:
        """A plain yes counts, since the listing may lag."""
        return item.accepted

    def judge(self, item: Item[Increase], _now: float) -> bool:
        """Whether it is decided."""
        return item.gone


def _is_told(item: Item[Increase]) -> bool:
    """Whether the API has said that it is decided, so that no list has to prove it."""
    slug = item.refused.exchange.error if item.refused is not None and item.refused.exchange else None
    return item.accepted or slug == NO_LONGER_PENDING


def _not_shown(item: Item[Increase]) -> Increase:
    """One that a truncated list does not show: after a refusal it is as it was."""
    if item.refused is not None:
        return item.seen
    doubt = f"{item.doubt.msg} " if item.doubt else ""
    raise UnknownOutcome(
        f"{doubt}The list of price increases is truncated, so it does not show whether {item.name} was decided.",
        item.doubt.exchange if item.doubt else None,
    )


class _Fresh:
    """The client, but a decision is sent only while what it is about has just been read."""

    def __init__(self, client: Client, read_at: float) -> None:
        self._client = client
        self._read_at = read_at

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._client, name)

    def call(self, route: Route, *, deadline: Deadline | None = None, **request: t.Any) -> dict[str, t.Any]:
        """As the client does. A refusal for its pace is not followed by another attempt when that would be too late."""
        if not route.safe:
            clock = self._client.clock
            left = self._read_at + FRESH - clock.now()
            deadline = deadline.bounded(left) if deadline else Deadline(clock, left)
        return self._client.call(route, deadline=deadline, **request)


def dollars(per_hour: float | None) -> str:
    """A price for a sentence."""
    return "an unknown price" if per_hour is None else f"{per_hour:.6g} $/h"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, PLACES)


def _hourly(per_second: float | None) -> float | None:
    return None if per_second is None else _rounded(number(per_second * SECONDS_AN_HOUR))


def _id(value: t.Any) -> int | None:
    return value if is_whole(value) else None
