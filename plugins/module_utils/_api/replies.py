# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What the API says, read: bodies of every shape, and whether they say yes. Pure."""

from __future__ import annotations

import json
import math
import re
import typing as t

MAX_DEPTH = 64
"""How deeply nested a reply may be; what the API sends has a handful of levels."""
MAX_DIGITS = 19
"""Whole numbers with more digits are no numbers of the API."""
_FOREIGN_WORDS = ("not found", "404 page", "no route matched", "missing authentication token", "default backend")
"""How texts of gateways begin that look like the API's own, were it not for the missing `success` or `error`."""
_OWN_KEYS = frozenset(("success", "error", "msg", "message", "detail", "error_msg"))


class Reply(t.NamedTuple):
    """A reply, whole. `data` is the parsed JSON; of what is no JSON, only what it is, in words."""

    status: int
    headers: t.Mapping[str, str]
    text: str
    data: t.Any
    is_json: bool = False

    @classmethod
    def parse(cls, status: int, headers: t.Mapping[str, str], body: bytes) -> Reply:
        """Never fails: bodies come as JSON objects, JSON strings, plain text and HTML (F2.1).

        Numbers that are none (NaN, 1e999, 400 digits) become null, halves of characters the replacement character.
        """
        text = body.decode("utf-8", errors="replace")
        try:
            data = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
        except ValueError:
            # What a task that succeeds does not need.
            from .bodies import described

            return cls(status, headers, text, described(text, len(body)))
        except RecursionError:
            data = None
        else:
            if not _is_deeper(data, MAX_DEPTH):
                # Only an escape can bring in half a character; what was decoded above has none.
                return cls(status, headers, text, _mended(data) if r"\u" in text else data, is_json=True)
        return cls(status, headers, text, f"{len(body)} bytes of JSON that is nested more than {MAX_DEPTH} times")

    @property
    def ok(self) -> bool:
        """A 2xx is not enough: it may say `success: false` (F2.3), or tell an error only (F2.1 k)."""
        return 200 <= self.status < 300 and not (isinstance(self.data, dict) and says_no(self.data))

    def names(self, key: str) -> bool:
        """Whether it is a 2xx with an id under this key: what has that id exists, whatever else is said."""
        found = self.data.get(key) if 200 <= self.status < 300 and isinstance(self.data, dict) else None
        return is_whole(found) and found > 0

    @property
    def is_clear(self) -> bool:
        """Whether `success`, where it stands, is one of the words that the API has for it."""
        success = self.data.get("success") if isinstance(self.data, dict) else None
        return success is None or isinstance(success, bool)

    @property
    def slug(self) -> str | None:
        """The API's own short name of the error."""
        slug = self.data.get("error") if isinstance(self.data, dict) else None
        return slug if isinstance(slug, str) else None

    @property
    def message(self) -> str:
        """The text meant for people, whatever the shape of the body (F2.1)."""
        if isinstance(self.data, dict):
            texts = (self.data.get(key) for key in ("msg", "message", "detail", "error_msg", "error"))
            return next((" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip()), "")
        return " ".join(self.data.split()) if isinstance(self.data, str) else ""

    @property
    def is_foreign(self) -> bool:
        """Whether something between here and Vast.ai wrote it: a page, a text, or JSON that is not the API's."""
        text = self.message.lower()
        if not isinstance(self.data, dict):
            return not self.is_json or not isinstance(self.data, str)
        if _OWN_KEYS.isdisjoint(self.data):
            return True
        return _OWN_KEYS & self.data.keys() <= {"message", "detail"} and text.startswith(_FOREIGN_WORDS)


def says_no(reply: t.Mapping[str, t.Any]) -> bool:
    """Whether an object says that it did not succeed, or does not say clearly that it did."""
    success = reply.get("success")
    if success is True:
        return False
    if success is None:
        return any(isinstance(reply.get(key), str) and reply[key].strip() for key in ("error", "error_msg"))
    return True


def is_whole(value: t.Any) -> t.TypeGuard[int]:
    """Whether a value of a reply is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _no_number(_text: str) -> None:
    """NaN and the infinities are no JSON, and no comparison with them guards anything."""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    return int(text) if len(text.lstrip("-")) <= MAX_DIGITS else None


def _is_deeper(data: t.Any, limit: int) -> bool:
    """Whether a value is nested more often than that; without recursion."""
    level = [data]
    for _depth in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _mended(data: t.Any) -> t.Any:
    if isinstance(data, str):
        return data if data.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", data)
    if isinstance(data, dict):
        return {_mended(name): _mended(value) for name, value in data.items()}
    return [_mended(item) for item in data] if isinstance(data, list) else data
