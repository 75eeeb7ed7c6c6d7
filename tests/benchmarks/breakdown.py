# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the time of one task goes: the payload by itself, its imports, its size."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .lab import Lab
from .processes import Usage, measured
from .service import API_KEY, Service
from .tables import median, progress, say, spread, table

RUNS_PER_ROUND = 3
PREFIX = "ansible_collections.vastai.cloud.plugins"
TIMED = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)$", re.MULTILINE)
BASIC, REQUESTS, OURS = "Python and ansible.module_utils.basic", "requests and what it needs", "this collection"
COMPILE = """
import pathlib, sys, time
sources = [(path.read_text(encoding="utf-8"), str(path)) for path in pathlib.Path(sys.argv[1]).rglob("*.py")]
began = time.perf_counter()
for text, name in sources:
    compile(text, name, "exec")
print(time.perf_counter() - began)
"""


@dataclass
class Payload:
    """What Ansible sends for one module, unpacked beside it too."""

    name: str
    module: str
    arguments: str
    program: Path = Path()
    whole: list[Usage] = field(default_factory=list)

    @property
    def unpacked(self) -> Path:
        return self.program.parent / "debug_dir"

    def sources(self, own: bool = False) -> list[Path]:
        top = self.unpacked / "ansible_collections" if own else self.unpacked
        return list(top.rglob("*.py")) if top.is_dir() else []


def breakdown(lab: Lab) -> None:
    say("### Where the time of one task goes")
    say()
    with lab.simulator(1, state="stopped", intervals=False) as service:
        env = lab.environment(service)
        payloads = kinds(service)
        for payload in payloads:
            unpack(lab, env, payload)
        progress("payloads by themselves")
        for _again in range(lab.rounds * RUNS_PER_ROUND):
            for payload in payloads:
                payload.whole.append(execute(lab, env, payload))
        show_payloads(payloads)
        progress("imports")
        show_imports(lab, env, payloads[1])


def kinds(service: Service) -> list[Payload]:
    [instance] = service.ids()
    fleet = '{"select": {"all": true}, "state": "stopped", "api_pacing": false}'
    get = f"url={service.url}/api/v1/instances/ token={API_KEY}"
    return [
        Payload("ping", "ansible.builtin.ping", ""),
        Payload("vast_instance", "vastai.cloud.vast_instance", f"id={instance} state=stopped api_pacing=false"),
        Payload("vast_fleet", "vastai.cloud.vast_fleet", fleet),
        Payload("requests and one GET", "requests_get", get),
    ]


def unpack(lab: Lab, env: Mapping[str, str], payload: Payload) -> None:
    """Let Ansible leave the payload where it can be found."""
    folder = lab.scratch / f"payload-{payload.name.split()[0]}"
    keeping = {**env, "ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TMP": str(folder), "ANSIBLE_PIPELINING": "0"}
    lab.run("ansible", "localhost", "-m", payload.module, "-a", payload.arguments, env=keeping)
    [payload.program] = folder.glob("*/AnsiballZ_*.py")
    measured([str(lab.core / "python"), str(payload.program), "explode"], env=env, cwd=lab.scratch)


def execute(lab: Lab, env: Mapping[str, str], payload: Payload) -> Usage:
    return measured([str(lab.core / "python"), str(payload.program)], env=env, cwd=lab.scratch)


def show_payloads(payloads: list[Payload]) -> None:
    ping = payloads[0]
    rows = []
    for payload in payloads:
        ratios = [mine.seconds / its.seconds for mine, its in zip(payload.whole, ping.whole, strict=True)]
        own = payload.sources(own=True)
        rows.append(
            [
                payload.name,
                f"{payload.program.stat().st_size / 1024:.0f}",
                str(len(payload.sources())),
                str(len([path for path in own if path.stat().st_size])),
                f"{sum(path.stat().st_size for path in own) / 1024:.0f}",
                median([usage.seconds * 1000 for usage in payload.whole], ".0f"),
                spread(ratios),
                median([usage.cpu * 1000 for usage in payload.whole], ".0f"),
                f"{cpu(payload) / cpu(ping):.2f}",
            ]
        )
    table(
        ["payload", "KiB", "files", "of them ours", "KiB of ours", "ms", "times ping", "CPU ms", "CPU times ping"], rows
    )
    say(
        f"The payload run by itself, without Ansible around it; {len(ping.whole)} runs in turns. Its size is that of "
        "the file that is copied: a zip in text. Files without content are not counted as ours. CPU times ping is the "
        "ratio of the medians of CPU seconds, which other work on the machine disturbs least."
    )
    say()


def cpu(payload: Payload) -> float:
    return statistics.median(usage.cpu for usage in payload.whole)


def show_imports(lab: Lab, env: Mapping[str, str], payload: Payload) -> None:
    python = str(lab.core / "python")
    module = f"{PREFIX}.modules.vast_instance"
    program = f"import sys; sys.path.insert(0, {str(payload.unpacked)!r}); import ansible.module_utils.basic, {module}"
    parts: dict[str, list[float]] = {}
    compiling = []
    for number in range(lab.rounds + 1):
        timed = measured([python, "-X", "importtime", "-c", program], env=env, cwd=lab.scratch)
        folder = str(payload.unpacked / "ansible_collections")
        compiled = measured([python, "-c", COMPILE, folder], env=env, cwd=lab.scratch)
        # The first run writes the bytecode, which the others read.
        if number:
            for name, value in shares(timed.output).items():
                parts.setdefault(name, []).append(value)
            compiling.append(float(compiled.output) * 1000)
    whole = statistics.median(map(sum, zip(*parts.values(), strict=True)))
    rows = [[name, median(values, ".1f"), f"{statistics.median(values) / whole:.0%}"] for name, values in parts.items()]
    table(["imports of vast_instance", "ms", "share"], rows)
    say(
        f"`-X importtime` over the unpacked payload with bytecode, medians of {lab.rounds}; the tracing itself adds to "
        f"each. In the zip there is no bytecode: compiling our files takes {median(compiling, '.1f')} ms more "
        f"({spread(compiling, '.1f')})."
    )
    say()


def shares(text: str) -> dict[str, float]:
    """Milliseconds by whom they are spent for; what requests imports is its own unless it was there before."""
    parts = {BASIC: 0.0, REQUESTS: 0.0, OURS: 0.0}
    found = [(int(line[1]), len(line[3]), line[4]) for line in TIMED.finditer(text)]
    until_basic = [name for _own, _depth, name in found].index("ansible.module_utils.basic")
    parts[BASIC] = sum(own for own, _depth, _name in found[: until_basic + 1]) / 1000
    # A module is printed after all it has imported: read backwards, it comes before them.
    within: int | None = None
    for own, depth, name in reversed(found[until_basic + 1 :]):
        if within is not None and depth <= within:
            within = None
        if within is None and name.partition(".")[0] in ("requests", "urllib3"):
            within = depth
        parts[OURS if within is None else REQUESTS] += own / 1000
    return parts
