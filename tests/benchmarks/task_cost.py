# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one more task costs: many tasks against one, by turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .lab import Lab, local_play
from .service import API_KEY, Service
from .tables import median, progress, say, spread, table

MANY = 21
MANY_OF_THE_CLIENT = 6
"""Each of its starts takes a second or more, so fewer of them tell enough."""
LIMIT = 240.0
"""No round is begun after this many seconds: a busy machine gets fewer rounds, not a run without end."""
YARDSTICK = "ansible.builtin.ping"


@dataclass
class Kind:
    """One kind of task: its plays of one and of `count` tasks, and what each round gave, for one task."""

    name: str
    count: int
    one: Path
    many: Path
    requests: int = 0
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def task_cost(lab: Lab) -> None:
    say("### Cost of one task")
    say()
    with lab.simulator(1, state="stopped", intervals=False) as service:
        env = lab.environment(service)
        kinds = [
            kind_of(lab, name, task, MANY_OF_THE_CLIENT if "vastai show" in name else MANY)
            for name, task in tasks(lab, service).items()
        ]
        if lab.client:
            lab.warm_client(service, env)
        began = time.monotonic()
        for number in range(lab.rounds):
            if number and time.monotonic() - began > LIMIT:
                progress(f"cost of one task: cut short after {number} of {lab.rounds} rounds, they take too long here")
                break
            progress(f"cost of one task: round {number + 1} of {lab.rounds}")
            for kind in kinds:
                one_round(lab, service, env, kind)
    show(kinds)


def kind_of(lab: Lab, name: str, task: dict[str, Any], count: int) -> Kind:
    one, many = (lab.write(f"{number}.yml", local_play([task] * number)) for number in (1, count))
    return Kind(name, count, one, many)


def tasks(lab: Lab, service: Service) -> dict[str, dict[str, Any]]:
    """Each reads the one instance there is, once; none has anything to change."""
    [instance] = service.ids()
    vast = {"id": instance, "state": "stopped", "api_pacing": False}
    get = {"url": f"{service.url}/api/v1/instances/", "token": API_KEY}
    found: dict[str, dict[str, Any]] = {
        "vastai.cloud.vast_instance": {"vastai.cloud.vast_instance": vast},
        YARDSTICK: {"ansible.builtin.ping": {}},
        "a module with requests and one GET": {"requests_get": get, "no_log": True},
    }
    if lab.client:
        show_command = lab.client_command(service, "show", "instances", "--raw")
        found["ansible.builtin.command: vastai show instances"] = {"ansible.builtin.command": {"argv": show_command}}
    return found


def one_round(lab: Lab, service: Service, env: Mapping[str, str], kind: Kind) -> None:
    service.reset()
    one = lab.play(kind.one, env)
    asked_by_one = service.traffic().requests
    service.reset()
    many = lab.play(kind.many, env)
    more = kind.count - 1
    kind.requests = (service.traffic().requests - asked_by_one) // more
    kind.seconds.append((many.seconds - one.seconds) / more)
    kind.cpu.append((many.cpu - one.cpu) / more)


def counted(rounds: int) -> str:
    return "1 round" if rounds == 1 else f"{rounds} rounds"


def show(kinds: list[Kind]) -> None:
    ping = next(kind for kind in kinds if kind.name == YARDSTICK)
    rows = []
    for kind in kinds:
        ratios = [mine / its for mine, its in zip(kind.seconds, ping.seconds, strict=True)]
        cpu_ratio = statistics.median(kind.cpu) / statistics.median(ping.cpu)
        rows.append(
            [
                kind.name,
                str(kind.requests),
                median([value * 1000 for value in kind.seconds], ".0f"),
                spread(ratios),
                median([value * 1000 for value in kind.cpu], ".0f"),
                f"{cpu_ratio:.2f}",
            ]
        )
    table(["task", "requests", "ms", "times ping", "CPU ms", "CPU times ping"], rows)
    say(
        f"(T({MANY} tasks) - T(1 task)) / {MANY - 1}, of the client's T({MANY_OF_THE_CLIENT}); medians of "
        f"{counted(len(ping.seconds))} in turns; the ratio is the median of the ratios within each round, with the "
        "least and the most. No waits: the simulator's intervals are off, and so is api_pacing."
    )
    say()
