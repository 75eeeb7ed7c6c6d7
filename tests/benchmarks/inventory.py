# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inventory costs, with and without the cache."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .lab import Lab
from .processes import Usage
from .service import Service
from .tables import median, progress, say, table

SIZES = (25, 100, 500)
HEAD = ["hosts", "cache", "requests", "CPU s", "CPU s beyond the same hosts in a file", "peak memory MiB", "beyond"]


def inventory(lab: Lab) -> None:
    say("### Inventory")
    say()
    rows = [row for size in SIZES for row in of_size(lab, size)]
    table(HEAD, rows)
    say(
        f"`ansible-inventory --list`, medians of {lab.rounds} in turns; beyond is what is more than for an inventory "
        "file (JSON, no API) with the same hosts and variables. The simulator's intervals are off; with them a listing "
        "of N hosts takes at least ceil(N / 25) - 1 seconds, which cost no CPU. The cache is jsonfile, filled before."
    )
    say()


def of_size(lab: Lab, size: int) -> list[list[str]]:
    progress(f"inventory of {size}")
    with lab.simulator(size, intervals=False) as service:
        env = lab.environment(service)
        sources = {"none": source(lab), "filled": source(lab, cache=True)}
        plain = plain_file(lab, env, sources["filled"])
        used: dict[str, list[Usage]] = {name: [] for name in ("file", *sources)}
        requests = dict.fromkeys(used, 0)
        for _again in range(lab.rounds):
            for name, path in {"file": plain, **sources}.items():
                usage, requests[name] = one_run(lab, service, env, path)
                used[name].append(usage)
    return [[str(size), name, str(requests[name]), *cells(used[name], used["file"])] for name in sources]


def plain_file(lab: Lab, env: Mapping[str, str], path: Path) -> Path:
    """An inventory file with the same hosts and variables; reading the source for it fills its cache."""
    listing = lab.scratch / "listing.json"
    lab.run("ansible-inventory", "-i", str(path), "--list", "--output", str(listing), env=env)
    variables = json.loads(listing.read_text(encoding="utf-8"))["_meta"]["hostvars"]
    return lab.write("hosts.json", {"all": {"hosts": variables}})


def one_run(lab: Lab, service: Service, env: Mapping[str, str], path: Path) -> tuple[Usage, int]:
    service.reset()
    usage = lab.run("ansible-inventory", "-i", str(path), "--list", env=env)
    return usage, service.traffic().requests


def cells(used: list[Usage], plain: list[Usage]) -> list[str]:
    more_cpu = [mine.cpu - its.cpu for mine, its in zip(used, plain, strict=True)]
    more_memory = [mine.memory - its.memory for mine, its in zip(used, plain, strict=True)]
    return [
        median(usage.cpu for usage in used),
        median(more_cpu),
        median((usage.memory for usage in used), ".0f"),
        median(more_memory, ".0f"),
    ]


def source(lab: Lab, *, cache: bool = False) -> Path:
    content: dict[str, Any] = {"plugin": "vastai.cloud.vast_instances", "api_pacing": False}
    if cache:
        folder = lab.scratch / "inventory-cache"
        shutil.rmtree(folder, ignore_errors=True)
        content |= {
            "cache": True,
            "cache_plugin": "ansible.builtin.jsonfile",
            "cache_connection": str(folder),
            "cache_timeout": 3600,
        }
    return lab.write("fleet.vast.yml", content)
