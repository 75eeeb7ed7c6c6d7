# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Simulated days: what vast_cost_info says, held to the cent against what the simulator has billed."""

from __future__ import annotations

import collections.abc as c
import typing as t
from unittest import mock

import pytest

from ansible_collections.vastai.cloud.tests.simulator import Simulator

from ..plugins.harness import KEY, FakeClock, Result, run_module
from .campaign import a_world

HOUR = 3600
DAY = 24
ACCOUNT: dict[str, t.Any] = {
    "user": {"credit": 900.0},
    "instances": [
        {"id": 1, "label": "always", "dph_base": 0.4},
        {"id": 2, "label": "days-only", "dph_base": 1.2},
        {"id": 3, "label": "spot", "dph_base": 0.3, "is_bid": True, "min_bid": 0.2},
        {"id": 4, "label": "stopped", "state": "stopped", "disk_space": 500.0},
        {"id": 5, "label": "lost", "dph_base": 0.7},
    ],
    "volumes": [{"id": 900, "label": "models", "storage_total_cost": 0.05}],
    "endpoints": [
        {"id": 40, "endpoint_name": "llama", "workergroups": [{"id": 50, "workers": [{"id": 91, "dph_base": 0.6}]}]}
    ],
}
WEEK: dict[int, list[tuple[int, dict[str, t.Any]]]] = {
    8: [
        (2, {"cur_state": "stopped", "intended_status": "stopped", "next_state": "stopped", "actual_status": "exited"})
    ],
    24: [(2, {"cur_state": "running", "intended_status": "running", "actual_status": "loading"})],
    25: [(2, {"actual_status": "running"})],
    40: [(3, {"cur_state": "stopped", "actual_status": "exited", "min_bid": 0.35})],
    50: [(5, {"actual_status": "offline"})],
    72: [(1, {"dph_base": 0.5}), (5, {"actual_status": "running"})],
    96: [(4, {"storage_total_cost": 0.2})],
    120: [(3, {"cur_state": "running", "actual_status": "running", "dph_base": 0.36})],
}
"""What happens in which hour: a stop, a start, an outbid, a lost host, changes of prices."""


class Days:
    """A simulator whose clock is set forward, with the clock of this process."""

    def __init__(self, simulator: Simulator, clock: FakeClock) -> None:
        self.simulator, self.clock = simulator, clock

    def forward(self, hours: float) -> None:
        """Let hours pass for both."""
        self.clock.seconds += hours * HOUR

    def change(self, number: int, **changes: t.Any) -> None:
        """Change the row of an instance; its full price follows that of its parts."""
        row = {**self.simulator.account.instances[number].row, **changes}
        self.simulator.set_instance(number, **changes, dph_total=row["dph_base"] + row["storage_total_cost"])

    def costs(self, **options: t.Any) -> Result:
        """What the module says now."""
        result = run_module("vast_cost_info", api_url=self.simulator.url, api_pacing=False, **options)
        assert not result.failed, result.values
        assert result.warnings == []
        return result


@pytest.fixture
def days() -> c.Iterator[Days]:
    """An account at the beginning of a week."""
    with a_world() as world:
        wall = mock.patch("time.time", world.clock.now)
        with (
            wall,
            Simulator(ACCOUNT, KEY, clock=world.clock.now, sleep=world.clock.sleep, interval_scale=0) as simulator,
        ):
            found = Days(simulator, world.clock)
            for number in simulator.account.instances:
                found.change(number)
            yield found


def test_a_week_to_the_cent(days: Days) -> None:
    spent = 0.0
    for hour in range(7 * DAY):
        for number, changes in WEEK.get(hour, ()):
            days.change(number, **changes)
        result = days.costs()
        assert result["burn"]["total"]["per_hour"] == pytest.approx(days.simulator.ledger()["per_hour"], abs=1e-5)
        spent += result["burn"]["total"]["per_hour"]
        days.forward(1)
    ledger = days.simulator.ledger()
    assert spent == pytest.approx(ledger["total"], abs=0.01)
    result = days.costs(since="8d")
    assert result["account"]["spent"] == pytest.approx(ledger["total"], abs=0.01)
    assert result["account"]["credit"] == pytest.approx(900 - ledger["total"], abs=0.01)
    costs = {each["id"]: each["gpu_cost"] + each["disk_cost"] for each in ledger["instances"]}
    shown = {item["id"]: item["cost_so_far"] for item in result["entries"] if item["kind"] != "volume"}
    assert shown == pytest.approx(costs, abs=0.01)


def test_what_was_charged_in_a_part_of_the_week(days: Days) -> None:
    days.forward(3 * DAY)
    before = days.simulator.ledger()["total"]
    days.forward(2 * DAY)
    after = days.simulator.ledger()["total"]
    assert days.costs(since="2d")["account"]["spent"] == pytest.approx(after - before, abs=0.01)


def test_the_clock_of_a_simulator_by_itself_is_set_forward_too(days: Days) -> None:
    per_hour = days.simulator.ledger()["per_hour"]
    days.simulator.set_forward(10 * HOUR)
    assert days.simulator.ledger()["total"] == pytest.approx(10 * per_hour)
