# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Numbers as text: medians, ranges, and tables that read well in a terminal and in Markdown."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence


def say(text: str = "") -> None:
    print(text, flush=True)


def progress(text: str) -> None:
    """For whoever waits; no part of the results."""
    print(f"... {text}", file=sys.stderr, flush=True)


def median(values: Iterable[float], form: str = ".2f") -> str:
    return format(statistics.median(values), form)


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median, and the least and most where there are several."""
    if len(values) == 1:
        return format(values[0], form)
    return f"{median(values, form)} ({min(values):{form}} to {max(values):{form}})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    say(_line(head, widths))
    say(_line(["-" * width for width in widths], widths))
    for row in rows:
        say(_line(row, widths))
    say()


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
