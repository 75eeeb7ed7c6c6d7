# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A part of the campaign that is the same on each run; `make faults` plays thousands of others."""

from __future__ import annotations

import pytest

from ..plugins.harness import NAMES
from .campaign import Tally, a_world, campaign
from .registry import SUBJECTS

SEEDS = (0, *(pytest.param(seed) for seed in (1, 2, 3)))
EXAMPLES = 50


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_breaks_what_has_to_hold(seed: int) -> None:
    tally = Tally()
    with a_world() as world:
        campaign(world, examples=EXAMPLES, seed=seed, tally=tally, shrink=False)
    assert tally.sequences >= EXAMPLES


def test_every_module_is_played() -> None:
    assert sorted({subject.module for subject in SUBJECTS.values()}) == NAMES
