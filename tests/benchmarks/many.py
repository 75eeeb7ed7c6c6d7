# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stopping many instances while the simulator enforces the published minimum intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .lab import Lab, local_play
from .processes import Usage, end_all
from .service import CHOSEN, Service, Traffic
from .tables import median, progress, say, spread, table

PAGE = 25
LIST_INTERVAL = 1.0
IDS_IN_A_CHANGE = 64
CHANGE_INTERVAL = 4.0
FLEET, NOTHING_TO_DO, FEW_OF_MANY = "vast_fleet", "vast_fleet, all stopped before", "vast_fleet, 50 of 5,000"
OTHERS = 4950
HEAD = ["way", "instances", "runs", "requests", "429s", "wrong", "seconds", "first to last request s", "times best"]

Work = Callable[[Lab, Service, Mapping[str, str]], Usage]


@dataclass(frozen=True)
class Case:
    """One way to stop instances, `size` of them beside `others`; `runs` is how often, at most the rounds."""

    way: str
    size: int
    work: Work
    runs: int = 5
    state: str = "running"
    others: int = 0


@dataclass(frozen=True)
class Run:
    seconds: float
    traffic: Traffic
    wrong: int


def best(case: Case) -> float:
    """The seconds from the first request to the last that the intervals leave to whoever asks for no more than needed.

    All pages of a listing; unless nothing is to be done, a change for each 64, and a page with those that do not show
    it yet, none, which is all the proof that is needed.
    """
    listed = (math.ceil(case.size / PAGE) - 1) * LIST_INTERVAL
    if case.state == "stopped":
        return listed
    return listed + max(LIST_INTERVAL, (math.ceil(case.size / IDS_IN_A_CHANGE) - 1) * CHANGE_INTERVAL)


def fleet(lab: Lab, _service: Service, env: Mapping[str, str]) -> Usage:
    task = {"vastai.cloud.vast_fleet": {"select": {"label_prefix": CHOSEN}, "state": "stopped"}}
    return lab.play(lab.write("fleet.yml", local_play([task])), env)


def loop(lab: Lab, service: Service, env: Mapping[str, str]) -> Usage:
    task = {
        "vastai.cloud.vast_instance": {"id": "{{ item }}", "state": "stopped"},
        "loop": service.ids(),
        "ignore_errors": True,
    }
    return lab.play(lab.write("loop.yml", local_play([task])), env)


def forks(lab: Lab, service: Service, env: Mapping[str, str]) -> Usage:
    ids = service.ids()
    hosts = {f"node-{each}": {"vast_id": each} for each in ids}
    task = {
        "vastai.cloud.vast_instance": {"id": "{{ vast_id }}", "state": "stopped"},
        "delegate_to": "localhost",
        "ignore_errors": True,
    }
    inventory = lab.write("hosts.yml", {"all": {"hosts": hosts}})
    play = lab.write("forks.yml", [{"hosts": "all", "gather_facts": False, "tasks": [task]}])
    return lab.play(play, env, "-i", str(inventory), "--forks", str(len(ids)))


def client_loop(lab: Lab, service: Service, env: Mapping[str, str]) -> Usage:
    first, *others = service.ids()
    usage = lab.run_client(service, env, "stop", "instance", str(first))
    for each in others:
        usage += lab.run_client(service, env, "stop", "instance", str(each))
    return usage


def client_bulk(lab: Lab, service: Service, env: Mapping[str, str]) -> Usage:
    return lab.run_client(service, env, "stop", "instances", *map(str, service.ids()))


def client_script(lab: Lab, service: Service, env: Mapping[str, str]) -> Usage:
    listed = lab.run_client(service, env, "show", "instances", "--raw")
    ids = listed_ids(listed.output)
    if ids:
        listed += lab.run_client(service, env, "stop", "instances", *ids)
    return listed + lab.run_client(service, env, "show", "instances", "--raw")


def listed_ids(text: str) -> list[str]:
    """The ids that the client printed; none when what it printed is no listing."""
    try:
        rows = json.loads(text)
    except ValueError:
        return []
    return [str(row["id"]) for row in rows] if isinstance(rows, list) else []


def many(lab: Lab) -> None:
    say("### Many at once")
    say()
    results: dict[Case, list[Run]] = {}
    # The client's starts are pure work, so nothing runs beside them; the collection's tasks mostly wait their turn.
    if lab.client:
        run_lane(lab, results, client_cases())
    with ThreadPoolExecutor() as pool:
        lanes = [pool.submit(run_lane, lab, results, cases) for cases in own_cases()]
        try:
            for lane in lanes:
                lane.result()
        except BaseException:
            # The pool waits for its threads, and they for their processes.
            end_all()
            raise
    order = [case for lane in own_cases() for case in lane] + client_cases()
    show([(case, results[case]) for case in order if case in results])


def own_cases() -> list[list[Case]]:
    """Lanes that run beside each other."""
    ways = [Case(FLEET, size, fleet) for size in (1, 25, 26, 100)]
    return [
        ways,
        [Case(FLEET, 500, fleet, runs=1), Case("vast_instance, in turn", 1, loop)],
        [
            Case(NOTHING_TO_DO, 500, fleet, runs=1, state="stopped"),
            Case(FEW_OF_MANY, 50, fleet, runs=1, others=OTHERS),
        ],
        [Case("vast_instance, in turn", 25, loop, runs=1)],
        [Case("vast_instance, 25 forks", 25, forks, runs=1)],
    ]


def client_cases() -> list[Case]:
    sizes = (1, 25, 26, 100, 500)
    one_by_one, bulk, script = "vastai stop instance, in turn", "vastai stop instances", "vastai show, stop, show"
    return [
        Case(one_by_one, 1, client_loop),
        Case(one_by_one, 25, client_loop, runs=1),
        *(Case(bulk, size, client_bulk) for size in sizes),
        *(Case(script, size, client_script, runs=1) for size in sizes),
    ]


def run_lane(lab: Lab, results: dict[Case, list[Run]], cases: Sequence[Case]) -> None:
    for case in cases:
        with lab.simulator(case.size, state=case.state, others=case.others, intervals=True) as service:
            results[case] = list(runs_of(lab, service, case))
        progress(f"many at once: {case.way}, {case.size}")


def runs_of(lab: Lab, service: Service, case: Case) -> Iterator[Run]:
    is_client = case.way.startswith("vastai")
    env = lab.environment(service)
    if is_client:
        lab.warm_client(service, env)
    for again in range(min(case.runs, lab.rounds)):
        if again and not is_client:
            # Without the turns that the run before has reserved.
            env = lab.environment(service)
        service.reset()
        usage = case.work(lab, service, env)
        yield Run(usage.seconds, service.traffic(), service.running() - case.others)


def show(results: Sequence[tuple[Case, Sequence[Run]]]) -> None:
    table(HEAD, [row(case, runs) for case, runs in results])
    say(
        "Times best: the seconds from the first request to the last, as a multiple of those that the intervals leave "
        f"to a listing ({LIST_INTERVAL:g} s between two pages), a change for each {IDS_IN_A_CHANGE} "
        f"({CHANGE_INTERVAL:g} s between two) and one page that proves it. It is left out for who does not look "
        "afterwards or left instances running. Seconds: of the whole command, or of all of them. Medians, with the "
        "least and the most; requests, 429s and wrong are the most of any run."
    )
    say()


def row(case: Case, runs: Sequence[Run]) -> list[str]:
    spans = [run.traffic.span for run in runs]
    comparable = case.work not in (client_bulk, client_loop) and best(case) and not any(run.wrong for run in runs)
    return [
        case.way,
        str(case.size),
        str(len(runs)),
        str(max(run.traffic.requests for run in runs)),
        str(max(run.traffic.refused for run in runs)),
        str(max(run.wrong for run in runs)),
        median((run.seconds for run in runs), ".1f"),
        spread(spans, ".1f"),
        median([span / best(case) for span in spans]) if comparable else "-",
    ]
