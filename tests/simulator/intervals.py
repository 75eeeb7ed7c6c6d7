# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The minimum time between two calls of one identity to one route."""

from __future__ import annotations

import math

from .model import Clock
from .reply import Reply, json_reply, refusal, text_reply
from .routes import Route


class Intervals:
    def __init__(self, clock: Clock, scale: float) -> None:
        self._clock = clock
        self._scale = scale
        self._last: dict[tuple[str, str, str], float] = {}

    def refuse(self, identity: str, route: Route, style: str) -> Reply | None:
        """A 429 when it is too early. A refused call does not count as the last one."""
        interval = route.interval * self._scale
        if interval <= 0:
            return None
        now = self._clock.now()
        place = (identity, route.method, route.template)
        wait = self._last.get(place, -math.inf) + interval - now
        if wait > 0:
            return too_frequent(route, style, wait)
        self._last[place] = now
        return None


def too_frequent(route: Route, style: str, wait: float) -> Reply:
    msg = f"API requests too frequent endpoint threshold={route.interval}"
    if style == "text":
        return text_reply(msg, 429)
    if style == "retry_after":
        seconds = max(1, math.ceil(wait))
        reply = refusal(429, "rate_limit_exceeded", msg, retry_after=seconds)
        reply.headers["Retry-After"] = str(seconds)
        return reply
    if route.method == "DELETE" and route.template == "/api/v0/instances/{id}/":
        return refusal(429, "rate_limit_exceeded", msg)
    return json_reply({"detail": msg}, 429)
