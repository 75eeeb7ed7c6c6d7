# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The searches of workergroups, which tasks give as text or object and the API shows as an object (F4.2). Pure."""

from __future__ import annotations

import collections.abc as c
import re
import typing as t

from .._api.errors import Invalid

OPERATORS = {
    ">=": "gte",
    "<=": "lte",
    "!=": "neq",
    "==": "eq",
    "=": "eq",
    ">": "gt",
    "<": "lt",
    "gte": "gte",
    "lte": "lte",
    "gt": "gt",
    "lt": "lt",
    "eq": "eq",
    "neq": "neq",
    "in": "in",
    "notin": "notin",
    "nin": "notin",
    "not in": "notin",
}
"""How a condition is written in text, and in an object."""
CONDITION = re.compile(
    r"\s*([a-zA-Z0-9_]+)(\s*(?:>=|<=|!=|==|=|>|<)\s*|\s+(?:[lg]te?|n?eq|not ?in|nin|in)\s+)"
    r"(\[[^\]]*\]|\"[^\"]*\"|[^\s\[\"=<>!][^\s\[\"]*)(?=\s|$)"
)
ADDED = frozenset(("verified", "rentable", "rented", "external"))
"""What the API and the official client add to a search without being asked."""
MEGABYTES = frozenset(("gpu_ram", "gpu_total_ram", "cpu_ram"))
"""The API counts these in MB and the official client's texts in GB (F5)."""

Search = dict[str, dict[str, t.Any]]


def parsed(search: t.Any) -> Search:
    """The conditions of a search, whichever way it is written, in one form that can be compared.

    Blanks are underscores, "1" is 1, the order of a list does not count. Raises Invalid for what is no search.
    """
    conditions = _words(search) if isinstance(search, str) else _tests(search)
    found: Search = {}
    for field, op, value in conditions:
        found.setdefault(field, {})[OPERATORS.get(op, op)] = _comparable(field, value)
    return found


def same(asked: Search, stored: Search) -> bool:
    """Whether two searches ask for the same; what is added without being asked counts only where it is named."""
    return asked == {field: tests for field, tests in stored.items() if field in asked or field not in ADDED}


def _words(text: str) -> c.Iterator[tuple[str, str, t.Any]]:
    position = 0
    while text[position:].strip():
        found = CONDITION.match(text, position)
        if found is None:
            rest = text[position:].strip()[:40]
            raise Invalid(
                f"search_params cannot be read at {rest!r}; write conditions such as gpu_name=RTX_4090 num_gpus>=2 "
                "separated by spaces."
            )
        field, op, value = found[1], " ".join(found[2].split()), found[3]
        if value.startswith("["):
            words = (word.strip().strip('"') for word in value[1:-1].split(","))
            yield field, op, [word for word in words if word]
        else:
            yield field, op, value.strip('"')
        position = found.end()


def _tests(search: t.Any) -> c.Iterator[tuple[str, str, t.Any]]:
    if not isinstance(search, dict):
        raise Invalid(f"A search must be conditions, not {search!r:.40}.")
    for field, tests in search.items():
        for op, value in tests.items() if isinstance(tests, dict) else (("eq", tests),):
            yield str(field), str(op), value


def _comparable(field: str, value: t.Any) -> t.Any:
    if isinstance(value, list):
        return sorted((_comparable(field, each) for each in value), key=repr)
    if isinstance(value, str):
        word = " ".join(value.replace("_", " ").split())
        if word.lower() in ("true", "false"):
            return word.lower() == "true"
        try:
            value = float(word)
        except ValueError:
            return word
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) * 1000 if field in MEGABYTES and abs(value) < 1000 else float(value)
    return value
