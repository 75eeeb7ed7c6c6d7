# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to hold after each task, whatever went wrong: judged by the simulator's own account and its log of requests.

Each check returns what is wrong; nothing when all is well.
"""

from __future__ import annotations

import collections
import collections.abc as c
import json
import re
import typing as t

from .draws import ENDPOINTS, WORKERS
from .registry import subject_of
from .steps import KINDS
from .subject import is_named
from .subjects.vast_endpoint import endpoint_of
from .subjects.vast_reaper import destroyable
from .world import ASKS, GROUP, Fact, Run, Sent, Tables

CLASSES = frozenset(
    (
        "auth",
        "permission",
        "not_found",
        "ambiguous",
        "invalid",
        "rate_limited",
        "quota",
        "unavailable",
        "budget",
        "leaked",
        "deprecated",
        "server",
        "transport",
        "unknown_outcome",
        "timeout",
        "protocol",
        "dependency",
    )
)
UNSURE = ("may have been carried out", "could NOT be confirmed", "may have run", "not proven")
"""How a failure says that something may have been done."""
MANAGE = re.compile(r"/api/v0/instances/(\d+)/")
RECYCLE = re.compile(r"/api/v0/instances/recycle/(\d+)/")
REBOOT = re.compile(r"/api/v0/instances/reboot/(\d+)/")
COMMAND = re.compile(r"/api/v0/instances/command/(\d+)/")
ENDPOINT = re.compile(r"/api/v0/endptjobs/(\d+)/")
BULK = "/api/v0/instances/"

Work = tuple[str, int, t.Any]
"""What a request asks for, of whom: ("state", 7, "running"), ("label", 7, "x"), ("recycle", 7, None)."""


def problems(run: Run) -> list[str]:
    """Everything that is wrong with a run."""
    return [problem for check in CHECKS for problem in check(run)]


def no_write_in_check_mode(run: Run) -> c.Iterator[str]:
    """Check mode asks and never changes."""
    if run.task.check or run.task.module.endswith("_info"):
        yield from (f"a write left: {sent.method} {sent.path} {sent.body}" for sent in run.writes)


def no_blind_repeat(run: Run) -> c.Iterator[str]:
    """What was sent is sent again only when it was refused, or when a listing has not shown it since."""
    open_work: dict[Work, Sent] = {}
    for sent in run.sent:
        for number, row in sent.rows.items():
            if sent.lost:
                continue
            for work in [work for work in open_work if not _shows(work, number, row, sent)]:
                del open_work[work]
        for work in works(sent):
            # What cancels a start may be sent until it is proven: it does no harm, and the start may bill.
            cancels = work[0] == "state" and work[2] != run.task.options.get("state")
            # What is gone is in no listing that could show it.
            if work in open_work and not cancels and (work[1] in run.after or work[1] not in run.before):
                yield f"{work} was sent as request {open_work[work].seq} and again, blindly, as request {sent.seq}"
            if not is_refusal(sent):
                open_work[work] = sent


def works(sent: Sent) -> c.Iterator[Work]:
    """What a request asks for; questions ask for nothing."""
    body = sent.body if isinstance(sent.body, dict) else {}
    if sent.method == "PUT" and sent.path == BULK:
        yield from (("state", number, body.get("state")) for number in body.get("ids", ()))
    elif sent.method == "PUT" and (found := MANAGE.fullmatch(sent.path)):
        yield from ((field, int(found[1]), value) for field, value in body.items())
    elif sent.method == "PUT" and (found := RECYCLE.fullmatch(sent.path)):
        yield "recycle", int(found[1]), None
    elif sent.method == "PUT" and (found := REBOOT.fullmatch(sent.path)):
        yield "reboot", int(found[1]), None
    elif sent.write and (found := COMMAND.fullmatch(sent.path)):
        yield "command", int(found[1]), body.get("command")
    elif sent.method == "DELETE" and sent.path == BULK:
        yield from (("destroy", number, None) for number in body.get("instance_ids", ()))
    elif sent.method == "DELETE" and (found := MANAGE.fullmatch(sent.path)):
        yield "destroy", int(found[1]), None
    elif sent.method == "DELETE" and (found := ENDPOINT.fullmatch(sent.path)):
        yield "delete", int(found[1]), None


def is_refusal(sent: Sent) -> bool:
    """Whether it was not carried out, and whoever sent it was told so: a gateway's word does not count.

    A 429 asks for the same again, whatever was done.
    """
    if sent.status == 429 and not sent.lost:
        return True
    if sent.done or sent.lost or sent.status is None:
        return False
    return 400 <= sent.status <= 501 or (sent.slug is not None and not works_by_halves(sent))


def works_by_halves(sent: Sent) -> bool:
    """A bulk change may say no for one and have changed the others."""
    return sent.path == BULK


def _shows(work: Work, number: int, row: dict[str, t.Any], sent: Sent) -> bool:
    """Whether a row of a listing leaves it open that the work was done."""
    kind, target, value = work
    if number != target:
        return True
    if kind == "state" and sent.path.startswith("/api/v1/"):
        has_gpu = row["cur_state"] == "running"
        return bool(row["intended_status"] == value and (value != "running" or has_gpu))
    if kind == "label" and sent.path.startswith("/api/v1/"):
        return bool((row["label"] or "") == value)
    if kind == "destroy":
        return False
    return not (kind == "delete" and sent.path == "/api/v0/endptjobs/")


def one_box_at_a_time(run: Run) -> c.Iterator[str]:
    """While a box of this task is alive, or may be, it rents no other one."""
    alive: set[int] = set()
    doubt: Sent | None = None
    for sent in run.writes:
        if sent.path.startswith(ASKS):
            known = {number for number in alive if not run.touched(number)}
            if known:
                yield f"request {sent.seq} rents another box while {sorted(known)} is alive"
            if doubt is not None and not alive:
                yield f"request {sent.seq} rents a box, and nothing was heard of request {doubt.seq}"
            unheard = sent.lost or sent.status is None or sent.status >= 502
            doubt = sent if unheard and not sent.done else None
            # What was delivered twice says no to what it did.
            alive |= sent.done if sent.fault != "create-twice" else frozenset()
        elif sent.method == "DELETE":
            alive -= sent.done


def what_was_rented_is_named(run: Run) -> c.Iterator[str]:
    """Whatever a task has rented and that is alive is in its result, by id; or it says under which label it may be."""
    if run.ended == "kill" or run.task.check:
        return
    text, options = run.result.text, run.task.options
    for number in sorted(run.created & set(run.after)):
        if str(number) in text or run.touched(number):
            continue
        ask = next((sent.path.split("/")[-2] for sent in run.writes if number in sent.done), "")
        told = run.result.failed and str(options.get("label")) in run.result["msg"] and ask in run.result["msg"]
        if not told:
            yield f"{number}, rented by offer {ask}, is alive, and nothing names it: {run.result['msg']}"


def only_what_is_meant_is_destroyed(run: Run) -> c.Iterator[str]:
    """A task destroys what it rented itself, and what its options name."""
    options = run.task.options
    wrong = run.destroyed - run.created - run.inherited - _may_be_destroyed(run)
    wrong = {number for number in wrong if not run.touched(number)}
    if wrong:
        yield f"{sorted(wrong)} were destroyed, and nobody meant them"
    if options.get("state") != "absent" or run.task.module == "vast_endpoint":
        return
    most = options.get("max_affected", 1) if run.task.module == "vast_fleet" else 1
    if len(run.destroyed) > most:
        yield f"{sorted(run.destroyed)} were destroyed, and {most} may be"


def _may_be_destroyed(run: Run) -> set[int]:
    options = run.task.options
    if run.task.module == "vast_endpoint":
        return set(run.told).union(*WORKERS.values())
    if run.task.module == "vast_reaper":
        return destroyable(run)
    if options.get("on_unavailable") == "replace" or options.get("on_duplicate") == "destroy_younger":
        of_that_label = {number for number, fact in run.before.items() if fact.label == options["label"]}
        return of_that_label | (run.destroyed - run.before.keys())
    if options.get("state") != "absent":
        return set()
    chosen = set(subject_of(run.task).chosen(run))
    if options.get("id") and options.get("label"):
        return {number for number in chosen if run.before[number].label == options["label"]}
    return chosen | (run.destroyed - run.before.keys())


def success_is_true(run: Run) -> c.Iterator[str]:
    """A run without error leaves what was asked for, and it is told of no start that is queued."""
    if not run.result.failed and not run.task.check:
        yield from subject_of(run.task).success(run)


def changed_is_true(run: Run) -> c.Iterator[str]:
    """Changed exactly when something was sent that was carried out; a failure may say that it does not know."""
    if run.ended is not None:
        return
    changed = bool(run.result.values.get("changed", False))
    if run.task.check:
        yield from _foreseen(run, changed=changed)
        return
    done = {number for sent in run.writes for number in sent.done}
    asked = {number for sent in run.writes for _kind, number, _value in works(sent)} | run.created | run.destroyed
    if any(sent.path.startswith(ASKS) and not sent.done for sent in run.writes):
        # What has the label after a create that was not heard of may be one's own, or somebody else's.
        asked |= {number for number, fact in run.after.items() if fact.label == run.task.options["label"]}
    if any(sent.fault == "false-after" for sent in run.writes):
        return  # the API says no to what it does
    # Whose doing it was that something shows is not to be told then; an endpoint is gone by one's own doing or not.
    meddled = run.task.module != "vast_endpoint" and any(
        run.touched(number) or (number not in run.after and number not in run.destroyed) for number in asked
    )
    meddled = meddled or (subject_of(run.task).is_plain and run.touched(GROUP))
    in_doubt = run.result.failed and (_unsure(run) or _accepted_a_recycle(run))
    # A write that was lost on its way counts as somebody's who did the same meanwhile.
    in_doubt = in_doubt or (run.unheard and (run.result.failed or bool(run.events)))
    if changed and not done and not meddled and not in_doubt and not _deleted_by_others_in_doubt(run):
        yield "changed, and nothing was carried out"
    excused = run.result.failed and (meddled or _unsure(run) or not _differs(run, done))
    if not changed and done and not excused:
        yield f"not changed, and something was carried out on {sorted(done)}"
    if not run.result.failed and run.task.module == "vast_fleet":
        for member in run.result["instances"]:
            if member["changed"] != (member["id"] in done) and not run.touched(member["id"]):
                yield f"changed is {member['changed']} for {member['id']}, and work was done on {sorted(done)}"


def _unsure(run: Run) -> bool:
    return run.result.values.get("error_class") == "unknown_outcome" or any(
        text in run.result["msg"] for text in UNSURE
    )


def _deleted_by_others_in_doubt(run: Run) -> bool:
    """Whether somebody else deleted the endpoint, and a broken answer left it open who did."""
    gone = {event.target for _seq, event in run.events if event.kind in ("endpoint_deleted", "vanished")}
    in_doubt = any(sent.lost or sent.fault is not None for sent in run.writes)
    return run.task.module == "vast_endpoint" and in_doubt and not gone.isdisjoint(ENDPOINTS)


def _accepted_a_recycle(run: Run) -> bool:
    """Whether the API said yes to a recycle: no listing can prove for a while that it did nothing."""
    return any(RECYCLE.fullmatch(sent.path) and sent.status == 200 and sent.slug is None for sent in run.writes)


def _differs(run: Run, done: set[int]) -> bool:
    if run.task.module == "vast_endpoint" and any(GROUP in sent.done for sent in run.writes):
        return True
    return any(_own(run.before.get(number)) != _own(run.after.get(number)) for number in done if number != GROUP)


def _own(fact: Fact | None) -> tuple[t.Any, ...] | None:
    return None if fact is None else fact.own


def _foreseen(run: Run, *, changed: bool) -> c.Iterator[str]:
    """Where nobody meddled, check mode says what the state that it saw calls for."""
    if run.result.failed or run.events or run.lag or any(fact.flickers for fact in run.before.values()):
        return
    expected = subject_of(run.task).foreseen(run)
    if expected is not None and changed is not expected:
        yield f"check mode foresees changed={changed}, and the state calls for {expected}"


def failure_is_told(run: Run) -> c.Iterator[str]:
    """A failure has a class from the list, and a message that names what it is about."""
    if not run.result.failed or run.ended is not None:
        return
    values, options = run.result.values, run.task.options
    if values.get("error_class") not in CLASSES:
        yield f"error_class is {values.get('error_class')!r}"
    names = {str(options.get(key)) for key in ("id", "label", "name") if options.get(key)}
    for criteria in (options.get("select", {}), options.get("exclude", {})):
        names |= {str(named) for key in ("ids", "label", "gpu_name") for named in criteria.get(key, ())}
    names |= {name.replace("_", " ") for name in names} | subject_of(run.task).names(run.task)
    names |= {str(number) for number in run.before} | set(ENDPOINTS.values()) | {"/api/", "api_url"}
    if not values.get("url") and not any(name in values["msg"] for name in names):
        yield f"the message names nothing: {values['msg']}"
    if run.task.module == "vast_fleet":
        failed = [member["id"] for member in values.get("instances", ()) if member["failed"]]
        missing = [number for number in failed if f"instance {number}" not in values["msg"]]
        if missing:
            yield f"the message does not name {missing}: {values['msg']}"


def absence_is_true(run: Run) -> c.Iterator[str]:
    """What is said not to be there, by a complete listing, is there indeed not."""
    values, options = run.result.values, run.task.options
    there = {number for number in run.before if number in run.after and not run.touched(number)}
    absent = run.result.failed and values.get("error_class") == "not_found" and "complete listing" in values["msg"]
    if absent and any(is_named(number, run.before[number], options) for number in there):
        yield f"it is there all the same: {values['msg']}"


def no_start_is_left_behind(run: Run) -> c.Iterator[str]:
    """A start that failed must not come about later, and bill; nor one of a run that was killed before."""
    if not run.result.failed or run.task.check or run.ended == "kill":
        return
    for number, fact in run.after.items():
        inherited = number in run.inherited and any(number in sent.rows for sent in run.sent)
        if not fact.queued or not (number in started(run) or inherited):
            continue
        if any(event.kind == "started" and event.target == number for _seq, event in run.events):
            continue
        if any(sent.fault == "404-instance" for sent in run.writes):
            continue  # the API itself says that it is not there
        if "could NOT be confirmed" not in run.result["msg"] or str(number) not in run.result.text:
            yield f"the start of {number} is still queued, and the message does not say so: {run.result['msg']}"


def what_bills_is_named(run: Run) -> c.Iterator[str]:
    """Whatever a failed run has started, or failed to delete, is in its result by id."""
    if not run.result.failed or run.task.check or run.ended is not None:
        return
    bills = {number for number in started(run) if number in run.after and run.after[number].bills_gpu}
    if run.task.options.get("state") == "absent" and any(GROUP in sent.done for sent in run.writes):
        known = run.told & WORKERS.get(endpoint_of(run.task.options), frozenset())
        bills |= {number for number in known & set(run.after) if run.after[number].cur_state != "unloaded"}
    unnamed = {number for number in bills if str(number) not in run.result.text and not run.touched(number)}
    if unnamed:
        yield f"{sorted(unnamed)} bill, and the result does not name them: {run.result['msg']}"


def started(run: Run) -> set[int]:
    """The instances whose start this run has carried out."""
    return {
        number
        for sent in run.writes
        for kind, number, value in works(sent)
        if (kind, value) == ("state", "running") and number in sent.done
    }


def no_endpoint_twice(run: Run) -> c.Iterator[str]:
    """Whatever became of a creation, there is not another endpoint of its name, nor another workergroup like it."""
    if run.task.module != "vast_endpoint" or run.touched(GROUP):
        return
    before, after = _alike(run.kept_before), _alike(run.kept)
    for what, count in after.items():
        if count > max(1, before[what]):
            yield f"{what} is there {count} times"


def _alike(tables: Tables) -> collections.Counter[str]:
    """How many endpoints of each name there are, and in each how many workergroups of each template."""
    endpoints, groups = tables["endpoints"].values(), tables["workergroups"].values()
    names = (f"endpoint {row['endpoint_name']}" for row in endpoints)
    templates = (f"workergroup of {row['template_hash']} in endpoint {row['endpoint_id']}" for row in groups)
    return collections.Counter([*names, *templates])


def signals_are_told(run: Run) -> c.Iterator[str]:
    """A task that starts things and is ended by a signal undoes that within a bounded time, and says what it did."""
    if run.ended in (None, "kill") or not subject_of(run.task).starts or not any(sent.done for sent in run.writes):
        return
    if run.result.failed and run.result.values.get("error_class") not in CLASSES:
        yield f"{run.ended} ended it without a word: {run.result.values}"


def no_secret_leaves(run: Run) -> c.Iterator[str]:
    """The harness looks at results; here, where the key goes."""
    if any(sent.authorization for sent in run.sent if sent.path.startswith("/results/")):
        yield "the key was sent to where results are"
    if "SECRET" in json.dumps(run.result.values):
        yield "a secret is in the result"


def it_is_bounded(run: Run) -> c.Iterator[str]:
    """Time and requests have an end, whatever happens."""
    options = run.task.options
    retry = options.get("retry_timeout", 120) + options.get("api_timeout", 60)
    waited = subject_of(run.task).seconds(run.task)
    members = max(1, len(run.result.values.get("instances") or ()))
    # The wire would have ended these; the clock of the campaign jumps over all of the delay.
    jumps = sum(KINDS["too-slow"]["seconds"] for sent in run.sent if sent.fault == "too-slow")
    seconds = waited * members + retry * (8 + 4 * (members - 1)) + 120 + jumps
    if run.seconds > seconds:
        yield f"it took {run.seconds:.0f} s, and {seconds:.0f} s are allowed"
    if len(run.sent) > 300:
        yield f"it took {len(run.sent)} requests"


CHECKS: tuple[c.Callable[[Run], c.Iterator[str]], ...] = (
    no_write_in_check_mode,
    no_blind_repeat,
    one_box_at_a_time,
    what_was_rented_is_named,
    only_what_is_meant_is_destroyed,
    success_is_true,
    changed_is_true,
    failure_is_told,
    absence_is_true,
    no_start_is_left_behind,
    what_bills_is_named,
    no_endpoint_twice,
    signals_are_told,
    no_secret_leaves,
    it_is_bounded,
)
