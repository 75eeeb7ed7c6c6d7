# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From nothing to a box that answers, on a good day and on two bad ones."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .lab import Lab
from .service import Service, Traffic
from .tables import progress, say, spread, table

LABEL, GPU, IMAGE, DISK, MAX_PRICE = "bench", "RTX 4090", "pytorch/pytorch", 20, 0.45
TIMINGS = {"provisioning": 1.0, "loading": 3.0}
"""Seconds of a boot: short, and the same for everybody."""
POLL = 2.0
"""Seconds between two polls, of everybody."""
PATIENCE = 40.0
"""Seconds that one box may take to answer; more than the 30 s after which vast_instance believes a final status."""
GOOD_RUNS = 3
LOST_FOR = 6.0
"""Seconds until the connection of a lost reply breaks, as when a gateway gives up."""
BANNER = b"SSH-2.0-benchmark\r\n"
CHEAP, DEAR = 8801, 8802
HEAD = ["way", "day", "runs", "requests", "writes", "429s", "seconds", "answers", "boxes that bill", "of them unnamed"]


class Report(NamedTuple):
    """What a way has to say: whether a box answers, and all that it printed."""

    answers: bool
    text: str


Work = Callable[[Lab, Service, Mapping[str, str]], Report]


class Way(NamedTuple):
    """A way to get a box; `client`: whether it needs the official one."""

    name: str
    work: Work
    client: bool


@dataclass(frozen=True)
class Day:
    """`faults` of the simulator and `behaviour` of the cheapest machine's boxes; a bad day's outcome does not vary."""

    name: str
    faults: Sequence[Mapping[str, Any]] = ()
    behaviour: Mapping[str, Any] | None = None

    @property
    def is_good(self) -> bool:
        return not self.faults and self.behaviour is None


class Run(NamedTuple):
    """`alive` is how many boxes bill afterwards, `unnamed` how many of them what was printed does not name."""

    seconds: float
    traffic: Traffic
    answers: bool
    alive: int
    unnamed: int


LOST = {"action": "drop", "when": "after", "method": "PUT", "seconds": LOST_FOR, "times": 1}
DAYS = (
    Day("good"),
    Day(
        "the reply to the rental is lost",
        faults=[{**LOST, "path": f"/api/v0/{name}"} for name in ("asks/*", "launch_instance/")],
    ),
    Day("the cheapest machine cannot boot", behaviour={"oci_failure": True}),
)


def task(lab: Lab, _service: Service, env: Mapping[str, str]) -> Report:
    """One task; two attempts, since that is what there are machines for."""
    options = {
        "label": LABEL,
        "state": "running",
        "offer": {"gpu_name": [GPU], "num_gpus": 1, "max_price": MAX_PRICE},
        "image": IMAGE,
        "disk": DISK,
        "wait_for": "ssh",
        "wait_interval": POLL,
        "boot_timeout": PATIENCE,
        "attempts": 2,
    }
    arguments = ["localhost", "-m", "vastai.cloud.vast_instance", "-a", json.dumps(options)]
    usage = lab.run("ansible", *arguments, env=env, check=False)
    return Report(usage.code == 0, usage.output)


def launch(lab: Lab, service: Service, env: Mapping[str, str]) -> Report:
    """One command rents the first of what it finds, at any price; then one polls, and at last gives up."""
    search = ["--gpu-name", GPU.replace(" ", "_"), "--num-gpus", "1", "--order", "dph_total"]
    text = lab.run_client(service, env, "launch", "instance", *search, *what_to_run()).output
    box = created(text)
    if box is None:
        return Report(False, text)
    return polled(lab, service, env, box)._replace(text=text)


def script(lab: Lab, service: Service, env: Mapping[str, str]) -> Report:
    """Search, create, poll; what does not answer in time is destroyed, and that is the end."""
    query = f"gpu_name={GPU.replace(' ', '_')} num_gpus=1 disk_space>={DISK} dph<={MAX_PRICE}"
    search = ["search", "offers", query, "--order", "dph_total", "--storage", str(DISK), "--raw"]
    offers = parsed(lab.run_client(service, env, *search).output)
    if not offers:
        return Report(False, "no offer")
    text = lab.run_client(service, env, "create", "instance", str(offers[0]["id"]), *what_to_run()).output
    box = created(text)
    if box is None:
        return Report(False, text)
    report = polled(lab, service, env, box)
    if not report.answers:
        lab.run_client(service, env, "destroy", "instance", str(box), "--yes")
    return report._replace(text=text)


def what_to_run() -> list[str]:
    return ["--image", IMAGE, "--disk", str(DISK), "--label", LABEL, "--ssh", "--direct", "--raw"]


def polled(lab: Lab, service: Service, env: Mapping[str, str], box: int) -> Report:
    """Ask for the one instance until its SSH server answers."""
    until = time.monotonic() + PATIENCE
    while True:
        row = parsed(lab.run_client(service, env, "show", "instance", str(box), "--raw").output)
        if isinstance(row, dict) and row.get("actual_status") == "running" and greets(row):
            return Report(True, "")
        if time.monotonic() + POLL > until:
            return Report(False, "")
        time.sleep(POLL)


def greets(row: Mapping[str, Any]) -> bool:
    """Whether there is an SSH server at the direct address of a box; nothing leaves this machine."""
    host, ports = str(row.get("public_ipaddr")), (row.get("ports") or {}).get("22/tcp")
    if not ports or host != "127.0.0.1":
        return False
    with contextlib.suppress(OSError), socket.create_connection((host, int(ports[0]["HostPort"])), 5.0) as connection:
        return connection.recv(len(BANNER)).startswith(b"SSH-")
    return False


def parsed(text: str) -> Any:
    """What the client printed, or None when that is no JSON: it prints its errors in the same place."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def created(text: str) -> int | None:
    reply = parsed(text)
    number = reply.get("new_contract") if isinstance(reply, dict) else None
    return number if isinstance(number, int) else None


WAYS = (
    Way("vast_instance", task, client=False),
    Way("vastai launch instance, show", launch, client=True),
    Way("vastai search, create, show", script, client=True),
)


class _Greeter(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(BANNER)


@contextlib.contextmanager
def ssh_server() -> Iterator[str]:
    """The address of what greets as an SSH server does, which is all that is waited for."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Greeter) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def account(address: str, day: Day) -> dict[str, Any]:
    """Two machines, of which the first is cheaper."""
    machine = {"gpu_name": GPU, "num_gpus": 2, "ssh": address}
    cheap = {**machine, "id": CHEAP, "price": 0.30, "behaviour": day.behaviour or {}}
    return {"timings": TIMINGS, "machines": [cheap, {**machine, "id": DEAR, "price": 0.36}]}


def rent(lab: Lab) -> None:
    say("### From nothing to an answering box")
    say()
    ways = [way for way in WAYS if lab.client or not way.client]
    rows = []
    with ssh_server() as address:
        for day in DAYS:
            results, again = of_day(lab, address, day, ways)
            rows += [row(way.name, day, results[way]) for way in ways]
            if again:
                rows.append(row("vast_instance, once more", day, again))
    table(HEAD, rows)
    say(
        f"Two machines with {GPU}, the simulator's intervals on. A box boots for {sum(TIMINGS.values()):g} s; all poll "
        f"every {POLL:g} s and give a box {PATIENCE:g} s. Answers: the runs after which the box runs and has shown the "
        "banner of an SSH server. Boxes that bill: what the simulator's account holds afterwards; unnamed are those "
        "whose id stands nowhere in what was printed. A lost reply: the box is rented, then the connection breaks "
        f"after {LOST_FOR:g} s. Seconds are medians, with the least and the most; the other numbers are the most of "
        "any run."
    )
    say()


def of_day(lab: Lab, address: str, day: Day, ways: Sequence[Way]) -> tuple[dict[Way, list[Run]], list[Run]]:
    """The runs of each way in turns, and on a good day those of the same task once more."""
    results: dict[Way, list[Run]] = {way: [] for way in ways}
    again = []
    with lab.market(account(address, day)) as service:
        if lab.client:
            lab.warm_client(service, lab.environment(service))
        for number in range(min(lab.rounds, GOOD_RUNS) if day.is_good else 1):
            for way in ways:
                progress(f"renting, {day.name}: {way.name}, round {number + 1}")
                service.reset()
                service.add_faults(day.faults)
                results[way].append(one_run(lab, service, way.work))
                if day.is_good and way.work is task:
                    service.forget()
                    again.append(one_run(lab, service, way.work))
    return results, again


def one_run(lab: Lab, service: Service, work: Work) -> Run:
    """In an environment of its own: without the turns that the run before has reserved."""
    env = lab.environment(service)
    began = time.monotonic()
    report = work(lab, service, env)
    seconds = time.monotonic() - began
    boxes = service.instances()
    named = [box for box in boxes if str(box["id"]) in report.text]
    answers = report.answers and any(box["actual_status"] == "running" for box in named)
    return Run(seconds, service.traffic(), answers, len(boxes), len(boxes) - len(named))


def row(name: str, day: Day, runs: Sequence[Run]) -> list[str]:
    return [
        name,
        day.name,
        str(len(runs)),
        *(str(max(getattr(run.traffic, count) for run in runs)) for count in ("requests", "writes", "refused")),
        spread([run.seconds for run in runs], ".1f"),
        str(sum(run.answers for run in runs)),
        str(max(run.alive for run in runs)),
        str(max(run.unnamed for run in runs)),
    ]
