# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a kind of thing brings along: each module of `resources` has one of these, called RESOURCE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import Account, Row
from .routes import Route

Load = Callable[[Account, Any, str], None]
"""Takes a section of the account file, and what to call the section in errors."""


def _nothing(_account: Account) -> None:
    return None


def _no_rows(_account: Account) -> Row:
    return {}


def _no_texts(_account: Account) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Resource:
    """
    `routes`: the calls. `sections`: the parts of an account file, loaded in order of `order`, then of their names.
    `describe`: what the control calls show. `secrets`: texts that must not be in the journal.
    `advance`: brings everything up to now, before each request.
    """

    routes: tuple[Route, ...] = ()
    sections: Mapping[str, Load] = field(default_factory=dict)
    order: int = 0
    describe: Callable[[Account], Row] = _no_rows
    secrets: Callable[[Account], Iterable[str]] = _no_texts
    advance: Callable[[Account], None] = _nothing
