# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Labels that are nearly one that nothing carries: a courtesy of messages, which may fail."""

from __future__ import annotations

import collections.abc as c
import contextlib
import re

from .._api.client import Client
from .._api.errors import VastError
from .._core.near import did_you_mean
from .instance import pages


def near_labels(client: Client, label: str, *, numbered: bool = True) -> str:
    """A question that names them, as far as one page of a listing tells; empty when there are none.

    `numbered`: so do those that differ by a number only, as of a series.
    """
    with contextlib.suppress(VastError):
        first = next(pages(client, {}))
        counted = first.reply.get("label_counts")
        labels = [each.label for each in first.instances if not each.is_unloaded]
        labels += [str(each) for each in counted] if isinstance(counted, dict) else []
        others = {each for each in labels if each != label and (numbered or _lettered(each) != _lettered(label))}
        return did_you_mean(sorted(others), label)
    return ""


def near_prefixes(labels: c.Iterable[str], prefix: str) -> str:
    """A question that names how labels begin that nearly begin so; numbers do not count. Empty when there are none."""
    return near_to((label[: len(prefix)] for label in labels), prefix)


def near_to(labels: c.Iterable[str], label: str) -> str:
    """The same for these labels; numbers do not count."""
    return did_you_mean(sorted({each for each in labels if _lettered(each) != _lettered(label)}), label)


def _lettered(label: str) -> str:
    return re.sub(r"\d+", "#", label)
