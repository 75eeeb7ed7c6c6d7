# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ansible_collections.vastai.cloud.tests.simulator import Simulator
from ansible_collections.vastai.cloud.tests.unit.simulator.support import Api, ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def start(clock: ManualClock) -> Iterator[Callable[..., Api]]:
    """Start a simulator on the manual clock; by default without minimum intervals."""
    with ExitStack() as stack:

        def start_simulator(account: dict[str, Any] | None = None, **options: Any) -> Api:
            options = {"interval_scale": 0.0, "clock": clock, **options}
            return Api(stack.enter_context(Simulator(account, **options)))

        yield start_simulator


@pytest.fixture
def api(start: Callable[..., Api]) -> Api:
    """The default fleet."""
    return start()
