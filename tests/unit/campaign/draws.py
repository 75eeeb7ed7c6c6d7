# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the random tasks of several modules have in common."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

IDS = (1, 2, 3, 4, 5, 6, 99)
LABELS = ("web", "batch", "taken", "twin", "renamed", "nobody")
WORKERS = {40: frozenset((91, 92)), 41: frozenset((93,))}
"""The workers of each endpoint at the start."""
ENDPOINTS = {40: "llama", 41: "leaky"}
ACCOUNT_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB a@example.com"
"""An ssh key that the account has at the start."""
NAMED: dict[int | str, tuple[int, ...]] = {
    **{number: (number,) for number in IDS[:-1]},
    "web": (1,),
    "batch": (2,),
    "taken": (3,),
    "twin": (4, 5),
}


def price_increase(factor: float) -> dict[str, float]:
    """The prices of an increase by that factor; traffic and fee stay as they are."""
    prices = {"gpu_costpersec": 0.0001, "disk_ram_costpersec": 0.00001}
    others = {f"{age}_{name}": 0.01 for age in ("old", "new") for name in ("bwu_cost", "bwd_cost", "platform_fee")}
    old = {f"old_{name}": price for name, price in prices.items()}
    return {**old, **{f"new_{name}": price * factor for name, price in prices.items()}, **others}


def connection() -> st.SearchStrategy[dict[str, t.Any]]:
    """Options of the connection."""
    return st.fixed_dictionaries(
        {},
        optional={
            "retry_timeout": st.sampled_from((0, 20, 60)),
            "api_timeout": st.sampled_from((10, 60)),
            "api_pacing": st.just(False),
        },
    )


def waits() -> st.SearchStrategy[dict[str, t.Any]]:
    """Options of waiting."""
    patient = st.sampled_from(((40, 5.0), (40, 5.0), (10, 2.0), (300, 20.0)))
    return st.builds(
        lambda wait, pair: {"wait": wait, "wait_timeout": pair[0], "wait_interval": pair[1]},
        st.sampled_from((True, True, True, False)),
        patient,
    )


def targets() -> st.SearchStrategy[dict[str, t.Any]]:
    """One instance, by id or label."""
    return st.one_of(
        st.builds(lambda number: {"id": number}, st.sampled_from(IDS)),
        st.builds(lambda label: {"label": label}, st.sampled_from(LABELS)),
    )


def checks() -> st.SearchStrategy[bool]:
    """Whether it is a run in check mode."""
    return st.sampled_from((False, False, False, True))
