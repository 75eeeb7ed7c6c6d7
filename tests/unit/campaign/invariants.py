# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to hold after each task, whatever went wrong: judged by the simulator's own account and its log of requests.

Each check returns what is wrong; nothing when all is well.
"""

from __future__ import annotations

import collections.abc as c
import json
import re
import typing as t

from ansible_collections.vastai.cloud.plugins.module_utils._instances.commands import is_read_only

from .world import GROUP, Fact, Run, Sent

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
            if work in open_work and not _may_be_repeated(run, work):
                yield f"{work} was sent as request {open_work[work].seq} and again, blindly, as request {sent.seq}"
            if not is_refusal(sent):
                open_work[work] = sent


def _may_be_repeated(run: Run, work: Work) -> bool:
    """Of a stop that cancels a start only a plain yes is believed, and a command that only reads does no harm."""
    kind, _target, value = work
    return (kind == "command" and is_read_only(str(value))) or (
        run.task.options.get("state") == "running" and value == "stopped"
    )


def works(sent: Sent) -> c.Iterator[Work]:
    """What a request asks for; questions ask for nothing."""
    body = sent.body if isinstance(sent.body, dict) else {}
    if sent.method == "PUT" and sent.path == BULK:
        yield from (("state", number, body.get("state")) for number in body.get("ids", ()))
    elif sent.method == "PUT" and (found := MANAGE.fullmatch(sent.path)):
        yield from ((field, int(found[1]), value) for field, value in body.items())
    elif sent.method == "PUT" and (found := RECYCLE.fullmatch(sent.path)):
        yield "recycle", int(found[1]), None
    elif sent.method == "PUT" and (found := COMMAND.fullmatch(sent.path)):
        yield "command", int(found[1]), body.get("command")
    elif sent.method == "DELETE" and (found := ENDPOINT.fullmatch(sent.path)):
        yield "delete", int(found[1]), None


def is_refusal(sent: Sent) -> bool:
    """Whether it was not carried out, and whoever sent it was told so: a gateway's word does not count."""
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
    return not (kind == "delete" and sent.path == "/api/v0/endptjobs/")


def success_is_true(run: Run) -> c.Iterator[str]:
    """A run without error leaves what was asked for."""
    if run.result.failed or run.task.check:
        return
    module, options, values = run.task.module, run.task.options, run.result.values
    if module == "vast_instance":
        number = values["instance"]["id"]
        wanted_label = options.get("label") if options.get("id") else None
        yield from _in_state(run, number, options.get("state"), wanted_label, options.get("wait", True))
        if options.get("id") not in (None, number):
            yield f"another instance was returned: {number}"
    elif module == "vast_instance_recycle":
        yield from _recycled(run, values["instance"]["id"], changed=values["changed"])
    elif module == "vast_instance_exec":
        number, path = values["instance"]["id"], options.get("removes")
        gone = path is not None and options["command"].startswith("rm")
        if gone and number in run.after and path in run.after[number].files and not run.touched(number):
            yield f"{path} is still there"
    elif module == "vast_endpoint":
        yield from _endpoint_absent(run)
    elif module == "vast_fleet":
        yield from _fleet_in_state(run)


def _in_state(run: Run, number: int, state: str | None, label: str | None, wait: bool) -> c.Iterator[str]:
    if run.touched(number, run.seen_last(number) + 1):
        return
    fact = run.after.get(number)
    if fact is None:
        yield f"instance {number} is gone"
        return
    if label is not None and fact.label != label:
        yield f"the label of {number} is {fact.label!r}, not {label!r}"
    if state is not None and fact.intended_status != state:
        yield f"instance {number} is meant to be {fact.intended_status}, not {state}"
    if wait and state == "running" and (fact.actual_status, fact.cur_state) != ("running", "running"):
        yield f"instance {number} does not run: {fact}"
    if wait and state == "stopped" and fact.cur_state != "stopped":
        yield f"instance {number} is not stopped: {fact}"


def _recycled(run: Run, number: int, *, changed: bool) -> c.Iterator[str]:
    if run.touched(number):
        return
    fact = run.after.get(number)
    if changed and (fact is None or fact.generation == run.before[number].generation):
        waited = run.task.options.get("wait", True)
        if waited:
            yield f"instance {number} has no new container: {fact}"
    if changed and run.task.options.get("wait", True) and fact is not None and fact.actual_status != "running":
        yield f"instance {number} does not run after the recycle: {fact}"


def _endpoint_absent(run: Run) -> c.Iterator[str]:
    options, values = run.task.options, run.result.values
    left = options.get("id") or next((number for number, name in NAMES.items() if name == options.get("name")), 0)
    if left in run.endpoints_after:
        yield f"endpoint {left} is still there"
    workers = {*values["deleted_workers"], *values["failed_workers"]}
    if options.get("wait", True) and (listed := workers & set(run.after)):
        yield f"workers {sorted(listed)} of the endpoint are still there"


NAMES = {40: "llama", 41: "leaky"}


def _fleet_in_state(run: Run) -> c.Iterator[str]:
    state, wait = run.task.options["state"], run.task.options.get("wait", True)
    for member in run.result["instances"]:
        if state != "recycled":
            yield from _in_state(run, member["id"], state, None, wait)
        elif member["changed"]:
            yield from _recycled(run, member["id"], changed=True)


def changed_is_true(run: Run) -> c.Iterator[str]:
    """Changed exactly when something was sent that was carried out; a failure may say that it does not know."""
    changed = bool(run.result.values.get("changed", False))
    if run.task.check:
        yield from _foreseen(run, changed=changed)
        return
    done = {number for sent in run.writes for number in sent.done}
    asked = {number for sent in run.writes for _kind, number, _value in works(sent)}
    if any(sent.fault == "false-after" for sent in run.writes):
        return  # the API says no to what it does
    # Whose doing it was that something shows is not to be told then; an endpoint is gone by one's own doing or not.
    meddled = run.task.module != "vast_endpoint" and any(
        run.touched(number) or number not in run.after for number in asked
    )
    if changed and not done and not meddled and not (run.result.failed and _unsure(run)):
        yield "changed, and nothing was carried out"
    excused = run.result.failed and (meddled or _unsure(run) or not _differs(run, done))
    if not changed and done and not excused:
        yield f"not changed, and something was carried out on {sorted(done)}"
    if not run.result.failed and run.task.module == "vast_fleet":
        for member in run.result["instances"]:
            if member["changed"] != (member["id"] in done) and not run.touched(member["id"]):
                yield f"changed is {member['changed']} for {member['id']}, and work was done on {sorted(done)}"


def _unsure(run: Run) -> bool:
    return run.result["error_class"] == "unknown_outcome" or any(text in run.result["msg"] for text in UNSURE)


def _differs(run: Run, done: set[int]) -> bool:
    if run.task.module == "vast_endpoint" and run.endpoints_before != run.endpoints_after:
        return True
    return any(_own(run.before.get(number)) != _own(run.after.get(number)) for number in done if number != GROUP)


def _own(fact: Fact | None) -> tuple[t.Any, ...] | None:
    return None if fact is None else fact.own


def _foreseen(run: Run, *, changed: bool) -> c.Iterator[str]:
    """Where nobody meddled, check mode says what the state that it saw calls for."""
    if run.result.failed or run.events:
        return
    options, values = run.task.options, run.result.values
    expected = None
    if run.task.module == "vast_instance":
        fact = run.before[values["instance"]["id"]]
        label = options.get("label") if options.get("id") else None
        expected = _to_do(fact, options.get("state")) or label not in (None, fact.label)
    elif run.task.module == "vast_fleet" and options["state"] != "recycled":
        expected = any(_to_do(run.before[member["id"]], options["state"]) for member in values["instances"])
    elif run.task.module == "vast_endpoint":
        expected = values["endpoint"] is not None
    if expected is not None and changed is not expected:
        yield f"check mode foresees changed={changed}, and the state calls for {expected}"


def _to_do(fact: Fact, state: str | None) -> bool:
    if state == "running":
        return fact.intended_status != "running" or fact.cur_state == "stopped"
    return state == "stopped" and fact.intended_status != "stopped"


def failure_is_told(run: Run) -> c.Iterator[str]:
    """A failure has a class from the list, and a message that names what it is about."""
    if not run.result.failed:
        return
    values, options = run.result.values, run.task.options
    if values.get("error_class") not in CLASSES:
        yield f"error_class is {values.get('error_class')!r}"
    names = {str(options.get(key)) for key in ("id", "label", "name") if options.get(key)}
    names |= {str(number) for number in run.before} | set(NAMES.values()) | {"/api/", "api_url"}
    if not values.get("url") and not any(name in values["msg"] for name in names):
        yield f"the message names nothing: {values['msg']}"
    if run.task.module == "vast_fleet":
        failed = [member["id"] for member in values.get("instances", ()) if member["failed"]]
        missing = [number for number in failed if f"instance {number}" not in values["msg"]]
        if missing:
            yield f"the message does not name {missing}: {values['msg']}"


def absence_is_true(run: Run) -> c.Iterator[str]:
    """What is said not to be there, by a complete listing, is not there; and whoever chooses all gets all."""
    values, options = run.result.values, run.task.options
    there = {number for number in run.before if number in run.after and not run.touched(number)}
    absent = run.result.failed and values["error_class"] == "not_found" and "complete listing" in values["msg"]
    if absent and any(_is_named(number, run.before[number], options) for number in there):
        yield f"it is there all the same: {values['msg']}"
    if run.task.module == "vast_fleet" and not run.result.failed and not options.get("exclude"):
        select = options["select"]
        chosen = there if select.get("all") else there & set(select.get("ids", ()))
        if missing := chosen - {member["id"] for member in values["instances"]}:
            yield f"{sorted(missing)} are not among the chosen ones"


def no_start_is_left_behind(run: Run) -> c.Iterator[str]:
    """A start that failed for want of a GPU must not come about later, and bill."""
    if not run.result.failed or run.task.check or run.task.options.get("state") != "running":
        return
    for number, fact in run.after.items():
        started = any(number in sent.done and ("state", number, "running") in works(sent) for sent in run.writes)
        if not started or any(event.kind == "started" and event.target == number for _seq, event in run.events):
            continue
        if any(sent.fault == "404-instance" for sent in run.writes):
            continue  # the API itself says that it is not there
        queued = fact.intended_status == "running" and fact.cur_state == "stopped"
        if queued and "could NOT be confirmed" not in run.result["msg"]:
            yield f"the start of {number} is still queued, and the message does not say so: {run.result['msg']}"


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
    waited = options.get("wait_timeout", 600) if run.task.module not in ("vast_instance_exec",) else 180
    members = max(1, len(run.result.values.get("instances") or ()))
    seconds = waited * members + retry * (8 + 4 * (members - 1)) + 120
    if run.seconds > seconds:
        yield f"it took {run.seconds:.0f} s, and {seconds:.0f} s are allowed"
    if len(run.sent) > 300:
        yield f"it took {len(run.sent)} requests"


CHECKS: tuple[c.Callable[[Run], c.Iterator[str]], ...] = (
    no_write_in_check_mode,
    no_blind_repeat,
    success_is_true,
    changed_is_true,
    failure_is_told,
    absence_is_true,
    no_start_is_left_behind,
    no_secret_leaves,
    it_is_bounded,
)


NO_CONTAINER = (None, "created", "offline")
"""In which no command can run."""


def excuses(run: Run, stubborn: c.Collection[int]) -> bool:
    """Whether a failure in a world that holds still is true: what it names is gone, taken, lost or stubborn."""
    values, options = run.result.values, run.task.options
    error_class = values["error_class"]
    chosen = _chosen(run)
    if error_class in ("not_found", "ambiguous"):
        named = [fact for number, fact in run.before.items() if _is_named(number, fact, options)]
        return len(named) != 1 or (error_class == "not_found" and not set(chosen) & set(run.after))
    if error_class == "invalid":
        stopped = any(run.before[number].intended_status == "stopped" for number in chosen)
        queued = any(run.before[number].cur_state == "stopped" for number in chosen)
        running = any(run.before[number].cur_state == "running" for number in chosen)
        if run.task.module == "vast_instance_exec":
            return running or any(run.before[number].actual_status in NO_CONTAINER for number in chosen)
        return stopped or queued or "max_affected" in options
    if run.task.module == "vast_endpoint":
        return bool(set(stubborn) & set(run.after))
    hopeless = {
        number
        for number in chosen
        if run.before[number].actual_status in ("offline", "unknown", None, "created", "recycling", "loading")
        or (run.before[number].actual_status == "exited" and run.before[number].intended_status == "running")
    }
    return error_class in ("unavailable", "server", "timeout") and bool((hopeless | set(stubborn)) & set(chosen))


def _is_named(number: int, fact: Fact, options: dict[str, t.Any]) -> bool:
    return number == options["id"] if options.get("id") else fact.label == options.get("label")


def _chosen(run: Run) -> list[int]:
    values = run.result.values
    if "instances" in values:
        return [member["id"] for member in values["instances"] if member["id"] in run.before]
    return [number for number, fact in run.before.items() if _is_named(number, fact, run.task.options)]
