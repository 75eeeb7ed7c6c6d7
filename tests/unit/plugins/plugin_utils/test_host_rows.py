# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What hosts are made of."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.plugin_utils import host_rows

from ..harness import instance_row


def nested(depth: int) -> list[t.Any]:
    """A list in a list in a list."""
    value: list[t.Any] = []
    for _level in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("content", [object(), {1, 2}, nested(100_000), [{"id": 1}], [{"id": 1, "label": "a"}]])
def test_what_is_no_list_of_checked_rows_is_not_taken_from_a_cache(content: t.Any) -> None:
    assert host_rows.cached_rows(content) is None


def test_checked_rows_are_taken_from_a_cache_as_they_are() -> None:
    rows = [host_rows.checked_row(instance_row(number)) for number in (1, 2)]
    assert host_rows.cached_rows(rows) == rows
    assert host_rows.cached_rows([*rows, rows[0]]) is None
    assert host_rows.cached_rows([{**rows[0], "more": 1}]) is None
