# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Play a campaign of a chosen size and seed, and print what it consisted of; `make faults` does so."""

from __future__ import annotations

import argparse
import collections
import random
import sys
import time

from .campaign import Broken, Tally, a_world, campaign
from .registry import SUBJECTS

PART = 500
"""So many sequences come from one seed; the next part has the next seed, so that a failure can be played alone."""


def main() -> int:
    """Play; 1 when an invariant broke."""
    parser = argparse.ArgumentParser(description="Random tasks and faults against the simulator, held to invariants.")
    parser.add_argument("--examples", type=int, default=2000, metavar="N", help="how many sequences (2000)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="play the same again")
    parser.add_argument("--only", nargs="+", choices=sorted(SUBJECTS), default=[*SUBJECTS], help="play these modules")
    options = parser.parse_args()
    tally, broken, seed, began = Tally(), None, options.seed, time.monotonic()
    with a_world() as world:
        for first in range(0, options.examples, PART):
            seed = options.seed + first // PART
            say(f"seed {seed}: sequences {first + 1} to {min(first + PART, options.examples)}")
            try:
                campaign(
                    world, examples=min(PART, options.examples - first), seed=seed, tally=tally, modules=options.only
                )
            except Broken as error:
                broken = error
                break
    say(f"{tally.sequences} sequences, {tally.requests} requests, {time.monotonic() - began:.0f} s")
    for title, counter in (
        ("tasks", tally.tasks),
        ("faults hit", tally.faults),
        ("events", tally.events),
        ("ends", tally.ends),
        ("outcomes", tally.outcomes),
    ):
        show(title, counter)
    if broken is None:
        say("every invariant held")
        return 0
    say(f"BROKEN, smallest case of seed {seed} (play it again with --seed {seed} --examples {PART}):")
    say(str(broken))
    for note in getattr(broken, "__notes__", ()):
        say(note)
    return 1


def show(title: str, counter: collections.Counter[str]) -> None:
    """The counts of one kind of thing, the most frequent first."""
    say(f"{title} ({sum(counter.values())}): " + ", ".join(f"{name} {count}" for name, count in counter.most_common()))


def say(text: str) -> None:
    """A line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
