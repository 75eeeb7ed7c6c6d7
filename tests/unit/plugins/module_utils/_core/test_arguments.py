# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that no option takes, and how they are told."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.arguments import MAX_ID, check_id, check_number


@pytest.mark.parametrize("value", [None, 1, 4711, 9_223_372_036_854_775_807])
def test_an_id(value: t.Any) -> None:
    check_id(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "id must be a positive number, not 0."),
        (-1, "id must be a positive number, not -1."),
        (9_223_372_036_854_775_808, "id must be a positive number, not a number of more than 18 digits."),
        (10**4000, "id must be a positive number, not a number of more than 18 digits."),
        (True, "id must be a number, not True."),
        ("5", "id must be a number, not '5'."),
        ("x" * 38, f"id must be a number, not '{'x' * 38}'."),
        ("x" * 39, f"id must be a number, not '{'x' * 39}...."),
        ([], "id must be a number, not []."),
    ],
)
def test_no_id(value: t.Any, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_id(value)
    assert refused.value.msg == says


@pytest.mark.parametrize(("value", "least", "most"), [(0, 0, 5), (5, 0, 5), (2.5, 0, 5), (0.5, 0.5, MAX_ID)])
def test_a_number_of_a_range(value: float, least: float, most: float) -> None:
    check_number(value, "price", least, most)


@pytest.mark.parametrize(
    ("value", "least", "most", "says"),
    [
        (-1, 0, 5, "price must be from 0 to 5, not -1."),
        (5.5, 0, 5, "price must be from 0 to 5, not 5.5."),
        (float("nan"), 0, 5, "price must be from 0 to 5, not nan."),
        (float("inf"), 0, float("inf"), "price must be from 0 to inf, not inf."),
        (0.1, 0.5, MAX_ID, "price must be 0.5 or more, not 0.1."),
        (0, 1, MAX_ID, "price must be a positive number, not 0."),
    ],
)
def test_a_number_beyond_a_range(value: float, least: float, most: float, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_number(value, "price", least, most)
    assert refused.value.msg == says
