# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which call goes where: its template, permission, printed minimum interval and whether it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from .model import Account
from .reply import Reply
from .request import Request

Handler = Callable[[Account, Request], Reply]

V0 = "/api/v0"
V1 = "/api/v1"


def reads(_request: Request) -> bool:
    """For calls that change nothing though their method says otherwise."""
    return False


@dataclass(frozen=True)
class Route:
    """`access` is a permission, "engine" (see auth.py) or "open". `bare`: the last slash may be left out."""

    method: str
    template: str
    handler: Handler
    access: str
    interval: float = 0.0
    writes: Callable[[Request], bool] | None = None
    bare: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.template))

    def match(self, path: str) -> dict[str, str] | None:
        found = self.pattern.fullmatch(path)
        return found.groupdict() if found else None

    def is_write(self, request: Request) -> bool:
        return self.writes(request) if self.writes else self.method != "GET"


class Router:
    """All routes; words in a path count before {id}."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: route.template.count("{"))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for route in self._routes:
            params = route.match(path) if route.method == method else None
            if params is not None:
                return route, params
        return None

    def canonical(self, path: str) -> str:
        """The spelling that the routes are written in."""
        bare = any(route.bare and route.match(path + "/") is not None for route in self._routes)
        return path + "/" if bare else path

    def methods(self, path: str) -> list[str]:
        return sorted({route.method for route in self._routes if route.match(path) is not None})
