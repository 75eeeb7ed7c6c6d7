# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine with a kind of its own, which is no instance: what it sends, and what it concludes from what it sees."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client, Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock, Deadline, Waits
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
    Exchange,
    Invalid,
    NotFound,
    ServerError,
    Unavailable,
    UnknownOutcome,
    VastError,
    WaitTimeout,
)
from ansible_collections.vastai.cloud.plugins.module_utils._core import interrupts
from ansible_collections.vastai.cloud.plugins.module_utils._core.converge import converge, rolling
from ansible_collections.vastai.cloud.plugins.module_utils._core.kind import Kind, Write
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Change, Plan
from ansible_collections.vastai.cloud.plugins.module_utils._core.resource import Item, Ref, outcome

SET = Route("PUT", "/things/{id}/", 1.0)
SET_MANY = Route("PUT", "/things/", 1.0)
WAITS = Waits(True, 100.0, 5.0)


@dataclasses.dataclass(frozen=True)
class Lamp:
    """A thing that is on or off, and may wait to be on."""

    number: int
    light: str = "off"
    waiting: bool = False

    @property
    def display_name(self) -> str:
        return f"lamp {self.number}"

    @property
    def described(self) -> str:
        return f"light {self.light}"

    def result(self) -> dict[str, t.Any]:
        return {"number": self.number, "light": self.light}


Seen: t.TypeAlias = "dict[int, Lamp] | VastError"
Answer: t.TypeAlias = "Exception | None"


class Api:
    """What the API answers to each request, and what each poll shows; the last poll is repeated."""

    def __init__(self, answers: list[Answer], polls: c.Iterable[Seen]) -> None:
        self.answers = answers
        self.polls = [*polls]
        self.sent: list[tuple[t.Any, dict[str, t.Any]]] = []
        self.polled: list[list[int]] = []
        self.clock = Clock()
        self.redactor = self

    def text(self, text: str) -> str:
        return text

    def call(self, route: Route, *, ids: t.Any, body: dict[str, t.Any], deadline: Deadline) -> dict[str, t.Any]:
        self.sent.append((ids["id"] if ids else "many", dict(body)))
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return {}


class Lamps(Kind[Lamp]):
    """The kind."""

    want = "on"
    queues = False

    def __init__(self, *, once: bool = False, removes: bool = False) -> None:
        self.once = once
        self.removes = removes
        self.shown_within = 9.0 if removes else 3.0

    def read(self, client: t.Any, items: c.Sequence[Item[Lamp]]) -> dict[Ref, Lamp]:
        client.polled.append([item.before.number for item in items])
        seen = client.polls.pop(0) if len(client.polls) > 1 else client.polls[0]
        if isinstance(seen, VastError):
            raise seen
        return {Ref(number): lamp for number, lamp in seen.items()}

    def writes(self, items: c.Sequence[Item[Lamp]], *, alone: bool) -> c.Iterator[tuple[Write, list[Item[Lamp]]]]:
        if alone or self.once:
            for item in items:
                for change in item.open:
                    yield Write(SET, change.body, {"id": item.before.number}, once=self.once), [item]
        else:
            yield Write(SET_MANY, {**items[0].open[0].body, "all": len(items)}), [*items]

    def missing(self, item: Item[Lamp]) -> tuple[Change, ...]:
        return tuple(each for each in item.plan.changes if item.seen.light != each.after or item.seen.waiting)

    def differs(self, item: Item[Lamp]) -> bool:
        return item.seen != item.before

    def judge(self, item: Item[Lamp], now: float, /) -> bool:
        if item.seen.light == "broken":
            raise Unavailable(f"{item.name} is broken.")
        return item.seen.light == "on"

    def undo(self, item: Item[Lamp]) -> Plan | None:
        return Plan(item.name, (Change("light", "?", "off", "off"),)) if item.plan.changes[0].scarce else None

    def pending(self, item: Item[Lamp]) -> bool:
        return item.seen.waiting

    def proven(self, item: Item[Lamp]) -> bool:
        return item.seen.light == "on"


def lamp(number: int = 1, *, scarce: bool = False, changes: bool = True) -> Item[Lamp]:
    plan = (Change("light", "off", "on", "light it", scarce=scarce),) if changes else ()
    return Item(Ref(number), Lamp(number), Plan(f"lamp {number}", plan))


def work(api: Api, *items: Item[Lamp], waits: Waits = WAITS, kind: Lamps | None = None, seconds: float = 100.0) -> None:
    converge(t.cast(Client, api), kind or Lamps(), items, waits, Deadline(api.clock, seconds))


def on(*numbers: int) -> dict[int, Lamp]:
    return {number: Lamp(number, "on") for number in numbers}


def off(*numbers: int) -> dict[int, Lamp]:
    return {number: Lamp(number) for number in numbers}


def waiting(*numbers: int) -> dict[int, Lamp]:
    return {number: Lamp(number, waiting=True) for number in numbers}


def test_one_is_sent_alone_and_many_at_once() -> None:
    one, many = Api([], [on(1)]), Api([], [on(1, 2)])
    item, items = lamp(), [lamp(1), lamp(2)]
    work(one, item)
    work(many, *items)
    assert one.sent == [(1, {"light": "on"})]
    assert many.sent == [("many", {"light": "on", "all": 2})]
    assert [each.changed for each in (item, *items)] == [True] * 3
    assert [each.error for each in (item, *items)] == [None] * 3


def test_what_has_no_changes_is_waited_for_and_nothing_is_sent() -> None:
    api, item = Api([], [off(1), on(1)]), lamp(changes=False)
    work(api, item)
    assert api.sent == []
    assert api.polled == [[1], [1]]
    assert (item.error, item.changed, item.reached) == (None, False, True)


def test_without_waiting_nothing_is_waited_for() -> None:
    api, item = Api([], [on(1)]), lamp(changes=False)
    work(api, item, waits=Waits(False, 100.0, 5.0))
    assert api.polled == []


@pytest.mark.parametrize("answer", [ServerError("boom"), UnknownOutcome("boom"), KeyError("boom"), None])
def test_what_shows_is_done_whatever_was_answered(answer: Answer) -> None:
    api, item = Api([answer], [on(1)]), lamp()
    work(api, item)
    assert len(api.sent) == 1
    assert (item.error, item.changed) == (None, True)


@pytest.mark.parametrize("answer", [ServerError("boom"), UnknownOutcome("boom"), KeyError("boom"), None])
def test_what_does_not_show_is_sent_once_more_and_no_change(answer: Answer) -> None:
    api, item = Api([answer, answer], [off(1)]), lamp()
    work(api, item)
    assert len(api.sent) == 2
    assert item.error is not None
    assert "lamp 1 still does not report light=on after two requests" in item.error.msg
    assert item.changed is False


def test_what_the_time_did_not_let_show_may_have_been_carried_out() -> None:
    api, item = Api([], [off(1)]), lamp()
    work(api, item, seconds=1.5)
    assert isinstance(item.error, WaitTimeout)
    assert item.error.msg == (
        "The API accepted the request, but lamp 1 still does not report light=on after two requests. "
        "Last seen: light off. wait_timeout left no time for another poll. It may have been carried out."
    )


def test_a_second_request_that_there_is_no_time_for_does_not_make_the_first_one_unsent() -> None:
    changes = (Change("light", "off", "on", "light it"), Change("colour", "?", "red", "paint it"))
    api, item = Api([], [off(1)]), Item(Ref(1), Lamp(1), Plan("lamp 1", changes))
    work(api, item, seconds=1.5)
    assert api.sent == [(1, {"light": "on"}), (1, {"colour": "red"}), (1, {"light": "on"})]
    assert item.error is not None
    assert "It may have been carried out" in item.error.msg


def test_a_refusal_does_not_take_back_a_yes_to_many() -> None:
    polls: list[Seen] = [off(1, 2), off(1, 2), ServerError("blind.")]
    api, items = Api([None, Invalid("no.")], polls), [lamp(1), lamp(2)]
    work(api, *items, seconds=1.5)
    assert [number for number, _body in api.sent] == ["many", 1]
    assert [item.changed for item in items] == [True, False]


def test_what_is_sent_only_once_is_not_sent_again() -> None:
    api, item = Api([UnknownOutcome("lost.")], [off(1)]), lamp()
    work(api, item, kind=Lamps(once=True))
    assert len(api.sent) == 1
    assert isinstance(item.error, UnknownOutcome)
    assert "nothing was sent again" in item.error.msg


def test_after_a_refusal_nothing_that_is_sent_only_once_is_sent_any_more() -> None:
    api, items = Api([Invalid("no.")], [off(1, 2)]), [lamp(1), lamp(2)]
    work(api, *items, kind=Lamps(once=True))
    assert api.sent == [(1, {"light": "on"})]
    assert items[1].note == "Skipped: lamp 1 failed."
    assert [item.changed for item in items] == [False, False]


def test_a_refusal_of_many_is_looked_at_and_what_shows_is_done() -> None:
    api, items = Api([Invalid("no.")], [{**on(1), **off(2)}]), [lamp(1), lamp(2)]
    work(api, *items)
    assert [item.error and item.error.msg for item in items] == [None, "no."]
    assert [item.changed for item in items] == [True, False]


@pytest.mark.parametrize("answer", [ServerError("boom."), Unavailable("taken."), None])
def test_what_is_scarce_and_queued_is_undone(answer: Answer) -> None:
    api = Api([answer, answer], [waiting(1)] * (1 if isinstance(answer, Unavailable) else 6) + [off(1)])
    item = lamp(scarce=True)
    work(api, item)
    assert api.sent[-1] == (1, {"light": "off"})
    assert isinstance(item.error, Unavailable)
    assert item.error.msg.startswith("lamp 1 cannot be changed now, what it needs is taken.")
    assert item.error.msg.endswith("The change of lamp 1 was cancelled.")
    assert item.changed is False


def test_what_cannot_be_proven_to_be_undone_is_told() -> None:
    api, item = Api([UnknownOutcome("lost.")] * 9, [waiting(1)]), lamp(scarce=True)
    work(api, item)
    assert item.error is not None
    assert item.error.msg.endswith(
        "Cancelling the change of lamp 1 could NOT be confirmed: lost. It may take effect later."
    )
    assert [body["light"] for _number, body in api.sent] == ["on", "on", "off", "off", "off"]
    assert item.changed is True


def test_what_vanishes_while_it_is_undone_is_told() -> None:
    api, item = Api([Unavailable("taken.")], [waiting(1), {}]), lamp(scarce=True)
    work(api, item)
    assert item.error is not None
    assert "taken. lamp 1 no longer exists" in item.error.msg


def test_a_poll_that_fails_leaves_open_what_was_done() -> None:
    api, item = Api([], [ServerError("bang.")]), lamp()
    work(api, item)
    assert item.error is not None
    assert "lamp 1 could not be polled after a change was sent to it, which may have been carried out" in item.error.msg
    assert item.changed is True


def test_what_is_not_listed_any_more_no_longer_exists() -> None:
    api, item = Api([], [{}]), lamp()
    work(api, item)
    assert isinstance(item.error, NotFound)
    assert (item.gone, item.changed, len(api.polled)) == (True, True, 1)


def test_what_can_no_longer_get_there_fails_for_its_own_reason() -> None:
    api, items = Api([], [on(1, 2)]), [lamp(1, changes=False), lamp(2, changes=False)]
    items[0].seen = Lamp(1, "broken")
    work(api, *items)
    assert items[0].error is not None
    assert items[0].error.msg == "lamp 1 is broken."
    assert items[1].error is None


def abandon(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let nobody listen any more once the task has asked for that so often."""
    asked = iter([*[False] * after, *[True] * 99])
    monkeypatch.setattr(interrupts, "is_abandoned", lambda: next(asked))


def test_a_task_that_nobody_listens_to_any_more_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    api, item = Api([], [on(1), on(1), off(1)]), lamp(scarce=True)
    monkeypatch.setattr(Lamps, "judge", lambda *_arguments: False)
    abandon(monkeypatch, 2)
    work(api, item)
    assert item.error is not None
    assert "Interrupted by the end of the Ansible task: lamp 1 was not finished" in item.error.msg


def test_a_task_that_nobody_listens_to_any_more_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    api, item = Api([], []), lamp(scarce=True)
    abandon(monkeypatch, 0)
    work(api, item)
    assert item.error is not None
    assert "lamp 1 was not finished; nothing had been sent to it" in item.error.msg
    assert api.sent == []


def test_a_task_that_nobody_listens_to_any_more_sends_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not even wait until what it sent shows, and cancels that."""
    api, item = Api([], [off(1), off(1), off(1), off(1)]), lamp(scarce=True)
    abandon(monkeypatch, 2)
    work(api, item)
    assert item.error is not None
    assert "Interrupted by the end of the Ansible task: lamp 1 was not finished" in item.error.msg
    first, *others = [body.get("light") for _number, body in api.sent]
    assert (first, "on" in others) == ("on", False)


def test_the_deadline_bounds_all_of_it(clock: t.Any) -> None:
    api, item = Api([], [off(1)]), lamp(changes=False)
    work(api, item, seconds=12.0)
    assert item.error is not None
    assert "lamp 1 was not on within wait_timeout (100 s). Last seen: light off." in item.error.msg
    assert sum(clock.slept) == pytest.approx(12.0)


def test_after_the_deadline_a_second_request_is_left_out_and_the_count_is_true() -> None:
    api, items = Api([], [off(1, 2)]), [lamp(1), lamp(2)]
    work(api, *items, seconds=3.0)
    assert [number for number, _body in api.sent] == ["many", 1]
    messages = [item.error.msg if item.error else "" for item in items]
    assert "lamp 1 still does not report light=on after two requests" in messages[0]
    assert "lamp 2 still does not report light=on after one request" in messages[1]


def test_a_few_at_a_time_and_none_after_a_failure() -> None:
    api = Api([], [on(1), off(2)])
    items = [lamp(1), lamp(2), lamp(3)]
    rolling(t.cast(Client, api), Lamps(), items, WAITS, Deadline(api.clock, 100.0), 1)
    assert [number for number, _body in api.sent] == [1, 2, 2]
    assert items[2].note == "Skipped: lamp 2 failed."
    assert items[2].error is None


def test_a_batch_whose_turn_comes_after_the_deadline_is_not_sent() -> None:
    api = Api([], [off(1), on(1)])
    items = [lamp(1), lamp(2), lamp(3)]
    rolling(t.cast(Client, api), Lamps(), items, WAITS, Deadline(api.clock, 3.0), 1)
    assert [number for number, _body in api.sent] == [1]
    assert items[1].error is not None
    assert items[1].error.msg == "wait_timeout expired before the turn of lamp 2; nothing was sent to it."
    assert items[2].note == "Skipped: lamp 2 failed."


def test_of_a_batch_that_there_is_no_time_for_one_fails_and_the_others_are_skipped() -> None:
    api = Api([], [off(1, 2), on(1, 2)])
    items = [lamp(number) for number in range(1, 5)]
    rolling(t.cast(Client, api), Lamps(), items, WAITS, Deadline(api.clock, 3.0), 2)
    assert [number for number, _body in api.sent] == ["many"]
    assert items[2].error is not None
    assert items[2].error.msg == "wait_timeout expired before the turn of lamp 3; nothing was sent to it."
    assert (items[3].error, items[3].note, items[3].follow) == (None, "Skipped: lamp 3 failed.", False)


def test_one_outcome_has_the_plan_and_the_thing_as_last_seen() -> None:
    item = lamp()
    planned = outcome(item, "lamp", planned=True)
    assert (planned["changed"], planned["lamp"]) == (True, {"number": 1, "light": "off"})
    assert outcome(item, "lamp", planned=False)["changed"] is False
    item.error = ServerError("boom")
    with pytest.raises(ServerError) as raised:
        outcome(item, "lamp", planned=False)
    assert raised.value.result == {"changed": False, "lamp": {"number": 1, "light": "off"}}


def test_what_is_sent_is_apart_from_what_is_shown() -> None:
    secret = Change("token", None, "s3cret", "set the token", sends={"auth": {"token": "s3cret"}}, secret=True)
    plan = Plan("a", (secret, Change("name", "x", "y", "rename")))
    assert plan.result()["diff"]["after"] == {"token": "********", "name": "y"}
    assert plan.result()["diff"]["before"] == {"token": None, "name": "x"}
    assert secret.body == {"auth": {"token": "s3cret"}}


NOT_THERE = NotFound("no such lamp.", Exchange("DELETE", "https://lamps.test/1/", 404, "no_such_lamp"))
NO_PAGE = NotFound("no such page.", Exchange("DELETE", "https://lamps.test/1/", 404))


@pytest.mark.parametrize(
    ("answer", "polls", "changed"),
    [
        (None, [{}], True),
        (None, [off(1), {}], True),
        (UnknownOutcome("lost."), [{}, {}], True),
        (UnknownOutcome("lost."), [{}, off(1), {}, {}], True),
        (ServerError("boom."), [{}, {}], True),
        (NOT_THERE, [{}], False),
        (NOT_THERE, [off(1), {}], False),
        (NO_PAGE, [{}, {}], False),
        (Invalid("no."), [{}, {}], False),
    ],
)
def test_what_is_to_be_gone_is_gone_when_listings_lack_it(answer: Answer, polls: list[Seen], changed: bool) -> None:
    api, item = Api([answer], polls), lamp()
    work(api, item, kind=Lamps(removes=True))
    assert (len(api.sent), len(api.polled)) == (1, len(polls))
    assert (item.error, item.gone, item.reached, item.left) == (None, True, True, ())
    assert item.changed is changed


@pytest.mark.parametrize("answer", [None, UnknownOutcome("lost."), NOT_THERE])
def test_what_is_to_be_gone_and_stays_is_sent_once_more_and_fails(answer: Answer) -> None:
    api, item = Api([answer, answer], [off(1)]), lamp()
    work(api, item, kind=Lamps(removes=True))
    assert len(api.sent) == 2
    assert (item.gone, item.error is None) == (False, False)


@pytest.mark.parametrize(("answer", "polls"), [(None, 4), (NOT_THERE, 3)])
def test_a_yes_to_many_needs_two_listings_that_lack_each(answer: Answer, polls: int) -> None:
    api, items = Api([answer], [off(2), off(2), {}, {}]), [lamp(1), lamp(2)]
    work(api, *items, kind=Lamps(removes=True))
    assert [item.gone for item in items] == [True, True]
    assert [number for number, _body in api.sent] == ["many"]
    assert len(api.polled) == polls


def test_where_many_cannot_be_removed_at_once_each_is_removed_alone() -> None:
    api, items = Api([NO_PAGE], [{}]), [lamp(1), lamp(2)]
    work(api, *items, kind=Lamps(removes=True))
    assert [number for number, _body in api.sent] == ["many", 1, 2]
    assert len(api.polled) == 1
    assert [item.changed for item in items] == [True, True]


@pytest.mark.parametrize("status", [404, 405, 410])
def test_where_many_are_no_form_that_the_account_knows_each_is_sent_alone(status: int) -> None:
    bare = ServerError("no such route.", Exchange("PUT", "/things/", status))
    api, items = Api([bare], [on(1, 2)]), [lamp(1), lamp(2)]
    work(api, *items)
    assert [number for number, _body in api.sent] == ["many", 1, 2]
    assert [(item.error, item.requests, item.changed) for item in items] == [(None, 1, True)] * 2


def test_an_undoing_that_was_accepted_and_never_shows_tells_how_often_it_was_sent() -> None:
    api, item = Api([Unavailable("taken.")], [waiting(1)]), lamp(scarce=True)
    work(api, item)
    assert item.error is not None
    assert "could NOT be confirmed: lamp 1 still does not report light=off after 3 requests." in item.error.msg


def test_one_listing_that_lacks_it_while_it_is_undone_says_nothing() -> None:
    api, item = Api([Unavailable("taken.")], [waiting(1), {}, off(1)]), lamp(scarce=True)
    work(api, item)
    assert item.error is not None
    assert item.error.msg.endswith("The change of lamp 1 was cancelled.")
    assert item.gone is False


class Flickering(Lamps):
    """A kind whose first listing after an undoing lacks everything."""

    flickered = False

    def read(self, client: t.Any, items: c.Sequence[Item[Lamp]]) -> dict[Ref, Lamp]:
        if client.sent[-1][1]["light"] == "off" and not self.flickered:
            self.flickered = True
            return {}
        return super().read(client, items)


def test_one_listing_that_lacks_what_a_lost_request_was_for_says_nothing() -> None:
    api, item = Api([UnknownOutcome("lost."), UnknownOutcome("lost.")], [off(1)]), lamp(scarce=True)
    work(api, item, kind=Flickering())
    assert [body["light"] for _number, body in api.sent] == ["on", "on", "off"]
    assert item.error is not None
    assert item.error.msg.endswith("The change of lamp 1 was cancelled.")
    assert item.gone is False


class SlowApi(Api):
    """One that takes half a minute for each answer."""

    def call(self, route: Route, *, ids: t.Any, body: dict[str, t.Any], deadline: Deadline) -> dict[str, t.Any]:
        self.clock.sleep(29.5)
        return super().call(route, ids=ids, body=body, deadline=deadline)


def test_an_undoing_has_a_minute_and_two_seconds_for_each() -> None:
    api, items = SlowApi([UnknownOutcome("lost.")] * 9, [waiting(1, 2)]), [lamp(1, scarce=True), lamp(2, scarce=True)]
    work(api, *items, seconds=1000.0)
    assert [number for number, body in api.sent if body["light"] == "off"] == ["many", 1, 2]
    assert ["could NOT be confirmed" in str(item.error) for item in items] == [True, True]


def test_what_was_refused_is_not_sent_again_when_something_else_is_not_free() -> None:
    api, name = Api([Invalid("no."), Unavailable("taken.")], [off(1)]), Change("name", "x", "y", "rename")
    item = Item(Ref(1), Lamp(1), Plan("lamp 1", (name, *lamp(scarce=True).plan.changes)))
    work(api, item)
    assert [body for _number, body in api.sent] == [{"name": "y"}, {"light": "on"}]
    assert isinstance(item.error, Unavailable)


def test_what_a_failure_knew_stays_when_the_refusal_before_it_is_told() -> None:
    api, item = (
        Api([Unavailable("taken.")], [waiting(1), ServerError("bang.", thing="kept"), off(1)]),
        lamp(scarce=True),
    )

    class Queueing(Lamps):
        queues = True

    work(api, item, kind=Queueing())
    assert isinstance(item.error, Unavailable)
    assert item.error.msg.startswith("taken. bang. ")
    assert item.error.result["thing"] == "kept"


class Broken(Lamps):
    """A kind whose listings cannot be read, for no reason that anybody has foreseen."""

    def read(self, client: t.Any, items: c.Sequence[Item[Lamp]]) -> dict[Ref, Lamp]:
        raise RuntimeError("unforeseen")


def test_whatever_goes_wrong_ends_in_a_failure_that_says_what_was_sent() -> None:
    api, item = Api([], [on(1)]), lamp()
    work(api, item, kind=Broken())
    assert isinstance(item.error, UnknownOutcome)
    assert item.error.msg == (
        "The task stopped at an unexpected error, RuntimeError: unforeseen. A change was sent to lamp 1. "
        "It may have been carried out."
    )


def test_who_is_interrupted_before_its_turn_hears_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    api, item = Api([], [off(1)]), lamp(changes=False)
    monkeypatch.setattr(interrupts, "is_abandoned", lambda: True)
    work(api, item)
    assert item.error is not None
    assert "lamp 1 was not finished; nothing had been sent to it. Last seen: light off." in item.error.msg
