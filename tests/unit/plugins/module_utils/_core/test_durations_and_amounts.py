# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Spans of time and amounts of money."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.amounts import amount, number, total
from ansible_collections.vastai.cloud.plugins.module_utils._core.durations import seconds, spoken


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", 90),
        ("45m", 2700),
        ("6h", 21600),
        ("3d", 259200),
        ("2w", 1209600),
        ("1d12h", 129600),
        (" 1.5H ", 5400),
        ("0.5s", 0.5),
        ("3650d", 315_360_000),
    ],
)
def test_a_span(text: str, length: float) -> None:
    assert seconds(text, "x") == length


@pytest.mark.parametrize("text", ["", "6", "h", "6 h", "-1h", "1y", "6hours", "0h", "0.0m", "9999w", "1e3h", "\u0661h"])
def test_no_span(text: str) -> None:
    with pytest.raises(Invalid, match=r"^x must be"):
        seconds(text, "x")


def test_what_is_no_span_is_told() -> None:
    with pytest.raises(Invalid) as refused:
        seconds("6 h", "x")
    assert refused.value.msg == "x must be a span of time such as 45m, 6h or 3d, not '6 h'."
    with pytest.raises(Invalid) as refused:
        seconds("3650d1s", "x")
    assert refused.value.msg == "x must be more than nothing and at most ten years, not '3650d1s'."


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 minute"),
        (3600, "1 hour"),
        (86400, "24 hours"),
        (172800, "2 days"),
    ],
)
def test_a_span_in_words(length: float, text: str) -> None:
    assert spoken(length) == text


@pytest.mark.parametrize("value", [None, True, "1", float("nan"), float("inf"), 10**400, [], {}])
def test_no_number(value: t.Any) -> None:
    assert number(value) is None
    assert amount(value) is None


def test_an_amount_is_never_negative() -> None:
    assert (number(-1), amount(-1), amount(0), amount(2)) == (-1, None, 0, 2)


def test_a_sum_is_known_when_all_parts_are() -> None:
    assert total([0.1, 0.2]) == 0.3
    assert total([0.12345649]) == 0.123456
    assert total([]) == 0
    assert total([0.1, None]) is None
    assert total([1e308, 1e308]) is None
