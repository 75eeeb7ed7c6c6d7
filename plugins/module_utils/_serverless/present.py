# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Bringing an endpoint and its workergroups to what a task wants. Knows nothing of Ansible."""

from __future__ import annotations

import collections.abc as c
import contextlib
import json
import typing as t

from .._api.client import Client, Route
from .._api.clock import Deadline, Waits
from .._api.errors import Ambiguous, NotFound, VastError
from .._api.redact import MASK
from .._core.converge import converge
from .._core.interrupts import TaskInterrupted, failing_at_signals, listen
from .._core.plan import Change, Plan
from .._core.resource import Item, Ref
from . import workergroups
from .editing import Endpoints, Groups
from .endpoints import Endpoint, find, known
from .endpoints import read as read_endpoints
from .leaks import Memory
from .rollout import await_ready, roll
from .teardown import Purge, plan_purge, purge, survey_group
from .wanted import (
    Group,
    Pairs,
    Wanted,
    WantedGroup,
    groups_of,
    match,
    plan_endpoint,
    plan_group,
    update_body,
)

TEMPLATES = Route("GET", "/api/v0/template/", 3.0)
RENEWING = ("template_hash", "template_id", "launch_args")
"""What workers have from their creation, so that those that run keep the old one (F4.2)."""


class Situation(t.NamedTuple):
    """What there is: all endpoints, the wanted one, and the workergroups with what is planned for each.

    `purged` are the workergroups that have to go, each with its workers.
    """

    wanted: Wanted
    groups: list[Endpoint]
    found: Endpoint | None
    listing: workergroups.Listing
    pairs: Pairs
    purged: list[tuple[Group, Purge]]

    @property
    def creates(self) -> bool:
        """Whether an endpoint or a workergroup is missing."""
        return self.found is None or bool(self.pairs.new)

    @property
    def changing(self) -> list[Item[Group]]:
        """The workergroups that differ, on their way."""
        items = [(one, Item(Ref(group.id), group, plan_group(one, group))) for one, group in self.pairs.known]
        for one, item in items:
            item.memory = one
        return [item for _one, item in items if item.plan.changes]


def survey(client: Client, wanted: Wanted, deadline: Deadline) -> Situation:
    """Read what there is, and which workergroup is which.

    Raises NotFound for an id that does not exist, Ambiguous for a name that several carry, Invalid for what the
    endpoint that is there contradicts.
    """
    groups = read_endpoints(client)
    found = find(groups, wanted.id, wanted.name if wanted.id is None else None)
    if found is None and wanted.id is not None:
        raise NotFound(
            f"There is no endpoint {wanted.id} in this account. To create one, give its name only.",
            known=known(groups),
        )
    wanted.check(found)
    return _compare(client, _with_templates(client, wanted), groups, found, deadline)


def _compare(
    client: Client, wanted: Wanted, groups: list[Endpoint], found: Endpoint | None, deadline: Deadline
) -> Situation:
    listing = workergroups.listed(client)
    there = [] if found is None else groups_of(listing.rows, found.id)
    if wanted.groups is None:
        return Situation(wanted, groups, found, listing, Pairs([], [], there), [])
    pairs = match(wanted.groups, there)
    for one in pairs.new:
        one.creation()
    for one, group in pairs.known:
        if found is not None and plan_group(one, group).changed:
            update_body(one, group, found.id)
    purged: list[tuple[Group, Purge]] = []
    if wanted.purge and found is not None:
        others = [group for group in groups if group.id != found.id]
        purged = [(each, survey_group(client, listing, found, each.id, others, deadline)) for each in pairs.others]
        for _group, purge_of_it in purged:
            purge_of_it.case.destroys = wanted.destroys
    return Situation(wanted, groups, found, listing, pairs, purged)


def _with_templates(client: Client, wanted: Wanted) -> Wanted:
    """The same with hashes in place of the names of templates."""
    if wanted.groups is None or not any("template_name" in one.template for one in wanted.groups):
        return wanted
    return wanted._replace(
        groups=tuple(
            one._replace(template={"template_hash": _hash(client, one)}) if "template_name" in one.template else one
            for one in wanted.groups
        )
    )


def _hash(client: Client, one: WantedGroup) -> str:
    name = one.template["template_name"]
    try:
        reply = client.call(TEMPLATES, params={"select_filters": json.dumps({"name": {"eq": name}})})
    except VastError as error:
        if "no templates found" not in error.msg.lower():
            raise
        reply = {"templates": []}
    rows = reply.get("templates")
    named = [row for row in rows if isinstance(row, dict) and row.get("name") == name] if isinstance(rows, list) else []
    hashes = sorted({row["hash_id"] for row in named if isinstance(row.get("hash_id"), str)})
    if not hashes:
        raise NotFound(f"{one.path}: there is no template named {name!r} that this account can see.")
    if len(hashes) > 1:
        raise Ambiguous(
            f"{one.path}: {len(hashes)} templates are named {name!r}. Give one of them as template_hash: "
            f"{', '.join(hashes)}."
        )
    return str(hashes[0])


def plan_present(situation: Situation) -> Plan:
    """All that would be done, for the result: the endpoint field by field, and each workergroup. Pure."""
    wanted, found = situation.wanted, situation.found
    if found is None:
        subject = f"endpoint {wanted.name}"
        sent = wanted.creation()
        limit = f"at most {sent['max_workers']} workers"
        changes = [Change("endpoint", None, sent, f"create {subject} with {limit}")]
    else:
        subject = found.display_name
        changes = list(plan_endpoint(found, wanted).changes)
    for item in situation.changing:
        action = f"change {item.name} of {subject}: " + "; ".join(item.plan.actions)
        changes.append(Change(item.name, item.plan.before, item.plan.after, action))
        if wanted.rolling and _has(item, *RENEWING):
            changes[-1] = changes[-1]._replace(action=f"{action}; then replace its workers")
    for one in situation.pairs.new:
        shown = {**one.creation(), **({"launch_args": MASK} if "launch_args" in one.values else {})}
        template = " ".join(f"{name} {value}" for name, value in one.template.items())
        changes.append(Change(one.path, None, shown, f"create a workergroup of {subject} with {template}"))
    for group, purge_of_it in situation.purged:
        (row,) = workergroups.results([group.row], group.row["endpoint_id"])
        changes.append(plan_purge(purge_of_it.case, group.display_name, row))
    return Plan(subject, tuple(changes))


class Outcome(t.NamedTuple):
    """What a task did: the endpoint and its workergroups as they are now, and whether anything was changed.

    `moved` are the workergroups with another search and nothing else that replaces workers. `plan` and `situation` are
    what it went by in the end: what others created before it is none of its plan any more.
    """

    endpoint: Endpoint
    groups: list[Group]
    moved: list[Group]
    plan: Plan
    situation: Situation
    changed: bool


def bring(client: Client, situation: Situation, memory: Memory, waits: Waits, deadline: Deadline) -> Outcome:
    """Create or change the endpoint, then its workergroups, and see them in the listings; purge the others last.

    While something is created, other tasks of this user that would create something for the same endpoint wait. Raises
    with the endpoint, what was changed and what to do when a later part fails, or a signal ends the task: a second run
    completes it.
    """
    run = _Run(client, situation, waits, deadline)
    try:
        with failing_at_signals():
            run.walk(memory)
    except VastError as error:
        raise run.told(error) from error
    return run.outcome()


class _Run:
    """One task on its way: what there is by now, and whether anything was changed.

    `pending` is what was sent last and may have been carried out, `made` what this task has created.
    """

    def __init__(self, client: Client, situation: Situation, waits: Waits, deadline: Deadline) -> None:
        self.client = client
        self.situation = situation
        self.plan = plan_present(situation)
        self.waits = waits
        self.deadline = deadline
        self.endpoint = situation.found
        self.changed = self.created = False
        self.pending = ""
        self.made: list[str] = []
        self.items: list[Item[Group]] = []
        self.there: list[Group] = []

    @property
    def found(self) -> Endpoint:
        """The endpoint, which there is from `bring_endpoint` on."""
        return t.cast("Endpoint", self.endpoint)

    def walk(self, memory: Memory) -> None:
        """One part after the other."""
        with self.alone():
            self.bring_endpoint()
            self.bring_groups()
            self.create_groups()
        self.roll_out()
        self.purge_groups(memory)
        self.await_workers()

    @contextlib.contextmanager
    def alone(self) -> c.Iterator[None]:
        """While something is missing, keep other tasks from creating it, and plan by what they have created before."""
        wanted, found = self.situation.wanted, self.situation.found
        if not self.situation.creates:
            yield
            return
        # Only who creates needs it.
        from .._core.lock import exclusive

        # An id and a name may mean the same endpoint.
        name = str(wanted.name) if found is None else found.endpoint_name
        with exclusive(self.client, "deploy", name, f"deploying endpoint {name!r}", self.deadline):
            self.situation = survey(self.client, wanted, self.deadline)
            self.endpoint, self.plan = self.situation.found, plan_present(self.situation)
            yield

    def bring_endpoint(self) -> None:
        """Create it, or change what differs."""
        wanted = self.situation.wanted
        if self.endpoint is None:
            from .creation import create, proven_endpoint

            listen()
            self.pending = f"creation of endpoint {wanted.name!r}"
            made = create(self.client, wanted, self.situation.groups, self.deadline)
            self.endpoint, self.changed, self.created = made.endpoint, made.own, made.own
            self.pending, self.made = "", [made.endpoint.display_name] * made.own
            self.situation = self.situation._replace(found=made.endpoint)
            if not made.listed:
                self.endpoint = proven_endpoint(self.client, made.endpoint)
                return
            wanted.check(made.endpoint)
            self.situation = _compare(self.client, wanted, self.situation.groups, made.endpoint, self.deadline)
        item = Item(Ref(self.found.id), self.found, plan_endpoint(self.found, wanted))
        if item.plan.changes:
            converge(self.client, Endpoints(), [item], self.waits, self.deadline)
            self.endpoint, self.changed = item.seen, self.changed or item.changed
            if item.error is not None:
                raise item.error

    def bring_groups(self) -> None:
        """Change those that differ."""
        items = self.items = self.situation.changing
        if items:
            kind = Groups(self.found.id, self.situation.listing.route("PUT", 2.0))
            converge(self.client, kind, items, self.waits, self.deadline)
            self.changed = self.changed or any(item.changed for item in items)
        if failed := next((item.error for item in items if item.error is not None), None):
            raise failed
        seen = {item.before.id: item.seen for item in items}
        self.there = [seen.get(group.id, group) for group in groups_of(self.situation.listing.rows, self.found.id)]

    def create_groups(self) -> None:
        """Create the new ones, each once, and see them all."""
        if not self.situation.pairs.new:
            return
        from .creation import create_group, proven_groups

        ids = {group.id for group in self.there}
        for one in self.situation.pairs.new:
            listen()
            template = " ".join(f"{name} {value}" for name, value in one.template.items())
            self.pending = f"creation of a workergroup of {self.found.display_name} with {template}"
            number = create_group(self.client, one, self.found, self.situation.listing.path, ids, self.deadline)
            ids.add(number)
            self.made.append(f"workergroup {number}")
            self.changed, self.pending = True, ""
        self.there = proven_groups(self.client, self.found, ids)
        self.warn_of_twins(ids)

    def warn_of_twins(self, ids: c.Set[int]) -> None:
        """Tell of workergroups that came about meanwhile, and are like those that this task created."""
        new = self.situation.pairs.new
        others = [group for group in self.there if group.id not in ids]
        twins = [group for group in others if any(one.is_like(group, by_template=True) for one in new)]
        if twins:
            self.client.warn(
                f"Another task has created the same workergroup of {self.found.display_name} meanwhile: "
                f"{', '.join(group.display_name for group in twins)}. Both rent workers. Delete one of them: "
                "set purge_workergroups=true and the id of the workergroup to keep."
            )

    @property
    def renewed(self) -> list[Group]:
        """The workergroups whose workers have to be replaced."""
        return [item.seen for item in self.items if _has(item, *RENEWING)]

    def roll_out(self) -> None:
        """Have the workers follow what they run."""
        for group in self.renewed if self.situation.wanted.rolling else ():
            roll(self.client, group, self.waits, self.deadline)

    def await_workers(self) -> None:
        """Wait until enough are ready, also when nothing was changed."""
        if self.waits.wait and self.situation.wanted.ready:
            await_ready(self.client, self.found, self.situation.wanted.ready, self.waits, self.deadline)

    def purge_groups(self, memory: Memory) -> None:
        """Delete those that are not wanted, with their workers proven gone."""
        for _group, purge_of_it in self.situation.purged:
            self.pending = f"deletion of {purge_of_it.case.wanted}"
            purge(self.client, purge_of_it, memory, self.waits, self.deadline)
            self.changed, self.pending = self.changed or purge_of_it.case.changed, ""
        gone = {group.id for group, _purge in self.situation.purged}
        self.there = [group for group in self.there if group.id not in gone]

    def told(self, error: VastError) -> VastError:
        """The failure with what there is now, and what to do."""
        from .creation import AGAIN

        changed = self.changed or bool(error.result.get("changed"))
        more: dict[str, t.Any] = {} if self.endpoint is None else {"endpoint": self.endpoint.result()}
        sentences = [error.msg]
        if isinstance(error, TaskInterrupted):
            changed = changed or bool(self.pending)
            if self.pending:
                sentences.append(f"The {self.pending} may have been carried out; its reply was not awaited.")
            if self.made:
                sentences.append(f"Created before: {', '.join(self.made)}.")
            sentences += [AGAIN] * changed
        elif self.created and not isinstance(error, Ambiguous):
            sentences.append(f"{self.found.display_name} exists. {AGAIN}")
        if more or changed:
            more["changed"] = changed
        return error.with_context(" ".join(sentences), **more)

    def outcome(self) -> Outcome:
        """What became of it."""
        renewed = {group.id for group in self.renewed}
        moved = [each.seen for each in self.items if _has(each, "search_params") and each.before.id not in renewed]
        return Outcome(self.found, self.there, moved, self.plan, self.situation, self.changed)


def _has(item: Item[Group], *fields: str) -> bool:
    return any(change.field in fields for change in item.plan.changes)
