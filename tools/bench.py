# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Make ready what the benchmarks compare, and run tests/benchmarks; the results go to the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import collection
import workspace

BENCHMARKS = workspace.ROOT / "tests" / "benchmarks"
BENCH = workspace.BUILD / "bench"
LOG = workspace.LOGS / "bench.log"
RUN_LIMIT = 1800.0


def main() -> int:
    workspace.interrupt_on_sigterm()
    try:
        return bench(sys.argv[1:])
    except workspace.ToolError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def bench(arguments: Sequence[str]) -> int:
    """The arguments are those of tests/benchmarks, such as `--only task`."""
    core = workspace.Venv("core")
    with workspace.alone():
        LOG.unlink(missing_ok=True)
        say("Preparing Ansible, the collection and the official client in .build (the first time takes a minute)")
        core.ensure(LOG)
        collection.install(core, collection.build(core, LOG), BENCH / "collections", LOG)
        client = client_options()
    options = ["--core", str(core.bin), "--collections", str(BENCH / "collections"), "--scratch", str(BENCH)]
    command = [sys.executable, str(BENCHMARKS), *options, *client, *arguments]
    return workspace.run(command, env=workspace.clean_environment(), timeout=RUN_LIMIT)


def client_options() -> list[str]:
    """Where the client is; nothing when it cannot be had here, which leaves its rows out of the tables."""
    client = workspace.Venv("client")
    try:
        client.ensure(LOG)
    except workspace.ToolError as error:
        say(f"LEFT OUT: the official client: {error}")
        return []
    return ["--client", str(client.bin)]


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
