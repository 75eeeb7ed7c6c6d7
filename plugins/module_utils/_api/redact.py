# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The one redactor for all that leaves: messages, results, diffs, host variables, files. Pure."""

from __future__ import annotations

import base64
import collections.abc as c
import json
import re
import typing as t
import urllib.parse

MASK = "********"
NEW_MASK = f"{MASK} (new)"
"""Takes the place of a secret's new value where the old one is masked as well: a diff would be empty."""
MAX_SHOWN = 1024
"""How many characters of a text a message shows."""
MAX_SHOWN_DEPTH = 16
"""How deeply nested a reply a failure shows."""
MAX_DEPTH = 200
"""Beyond this depth a value is left out of a result."""
MAX_READ = 16 * MAX_SHOWN
"""How much of a text is read for a message."""
MIN_RUN = 12
"""So many characters of a secret in a row are masked, wherever they stand."""
MAX_HARMLESS = 256
"""Longer texts are not remembered."""
BLOCK = MIN_RUN // 2
"""Every run of MIN_RUN - 1 characters holds one of the blocks of this length that a secret is cut into, whole."""

_HIDDEN_WORDS = (
    r"authorization|cookie|credential|env_vars|extra_env|jwt|key|login|onstart|passphrase|passw|pwd|secret|session"
    r"|signature|token"
)
"""A field whose name holds one of these is masked."""
_HIDDEN_NAMES = frozenset(["args", "auth", "env", "environment", "pass", "sid"])
"""And one with a name that is one of these, or ends in `_` and one of these."""
_SHOWN_NAMES = frozenset(["key_id", "key_source", "key_type", "next_token", "public_key", "ssh_key_id", "token_type"])
_COUNTED = ("keys", "tokens", "logins", "secrets")
"""Numbers under names that end so are counts."""
_OWN_NAMES = ("label", "labels", "name")
"""How the names of fields end whose texts the user chose to find things by: only known secrets are masked in them."""

_TEXT_WORDS = ("auth", "basic", "bearer", "cookie", "credential", "digest", "jwt", "key", "login", "pass", "pwd")
_TEXT_MARKS = ("secret", "sig", "token", "://")
"""A text without any of these holds nothing that the pattern below would mask, and is not searched with it."""
# Kept as text: compiling it takes longer than the rest of this file, and most tasks need none of it.
_HIDDEN_IN_TEXTS = (
    # The value of a header, to its end.
    r"(?P<header>(?:authorization|cookie)\\{0,8}[\"']?\s{0,8}[=:]\s{0,8})"
    r"(?:(?P<around>\\{0,8}[\"'])(?:(?!(?P=around))[^\r\n])+|[^\r\n]+)"
    r"|(?P<scheme>\b(?:bearer|digest|basic)\s{1,8})[a-z0-9+/=_~.-]{6,}"
    # The user information of an address.
    r"|(?P<address>[a-z][a-z0-9+.-]{0,15}://)[^\s/@\"'<>]{1,512}@"
    r"|(?P<pem>-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----)[^-]*"
    # name=value, name: value, "name": "value", --name value; a value in quotes up to the next quote.
    r"|(?P<name>(?:(?:key|token|passw(?:or)?d|passphrase|pass|pwd|secret|sig|signature|credentials?|jwt|login)"
    r"\\{0,8}[\"']?\s{0,8}[=:]|--[a-z0-9-]{0,32}(?:key|token|passw(?:or)?d|secret)\s|login\s[^\r\n]{0,256}?\s-p\s)"
    r"\s{0,8})(?:(?P<quote>\\{0,8}[\"'])(?:(?!(?P=quote))[^\r\n])+|[^\s\"'&,;<>{}\[\]]+)"
)
_KEPT = ("header", "around", "scheme", "address", "pem", "name", "quote")


def visible(text: str) -> str:
    """A text in which nothing acts on a terminal or hides: control, bidi and invisible characters as escapes."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(char if _is_seen(char) else char.encode("unicode_escape").decode() for char in text)


def _is_seen(char: str) -> bool:
    return char.isprintable() and char not in "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"


class Redactor:
    """Masks secrets by value (as they are, in capitals, URL- or JSON-escaped, base64, hex, in part) and by name."""

    def __init__(self, secrets: c.Iterable[str]) -> None:
        self._forms = {_lower(form) for secret in secrets for form in _forms(secret)}
        self._seeds = [(form, start, seed) for form in sorted(self._forms) for start, seed in _seeds(form)]
        self._min_seed = min((len(seed) for _form, _start, seed in self._seeds), default=1)
        self._secret_names: dict[str, bool] = {}
        self._harmless: set[str] = set()
        """Texts without a secret in them: of many rows most say the same."""

    def text(self, text: str) -> str:
        """One text for a message: without secrets, made visible, at most MAX_SHOWN characters."""
        return visible(self._masked(text[:MAX_READ]))[:MAX_SHOWN]

    def data(self, data: t.Any) -> str:
        """A body for a failure: JSON with secret fields masked, as text; of a text, the text."""
        return self.text(data if isinstance(data, str) else json.dumps(self._clean(data, MAX_SHOWN_DEPTH)))

    def clean(self, value: t.Any) -> t.Any:
        """A deep copy of a result, a diff or host variables without secrets, in values and in keys; nothing is cut."""
        return self._clean(value, MAX_DEPTH)

    def _clean(self, value: t.Any, depth: int, *, hidden: bool = False, own: bool = False) -> t.Any:
        """`hidden`: it stands under the name of a secret; `own`: under one that the user gave."""
        if isinstance(value, str):
            if hidden:
                return value if value in ("", NEW_MASK) else MASK
            return self._by_value(value) if own else self._masked(value)
        if isinstance(value, c.Mapping):
            return {
                self._by_value(name) if isinstance(name, str) else name: inner
                for name, inner in self._fields(value, depth, hidden=hidden, users=own)
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(list(value), depth, hidden=hidden, own=own)
        return MASK if hidden and not (value is None or isinstance(value, bool)) else value

    def _fields(
        self, fields: c.Mapping[t.Any, t.Any], depth: int, *, hidden: bool, users: bool
    ) -> c.Iterator[tuple[t.Any, t.Any]]:
        """`users`: the user gave these names, so that they say nothing about the values."""
        if depth == 0:
            yield "...", "..."
            return
        # A variable may come as an object with `key` (or `name`) and `value`.
        is_variable = "value" in fields and "key" in fields
        called = str(fields.get("name"))
        for name, value in fields.items():
            told = not users and self._is_secret(str(name), value)
            secret = hidden or (told and not (is_variable and name == "key"))
            secret = secret or (name == "value" and (is_variable or self._is_secret(called, value)))
            own = str(name).lower().rpartition("_")[2] in _OWN_NAMES
            yield name, self._clean(value, depth - 1, hidden=secret, own=own)

    def _items(self, items: list[t.Any], depth: int, *, hidden: bool, own: bool) -> list[t.Any]:
        if depth == 0:
            return ["..."]
        return [self._clean(self._pair(item), depth - 1, hidden=hidden, own=own) for item in items]

    def _pair(self, item: t.Any) -> t.Any:
        """A variable of `extra_env` stands in the list as a pair of name and value."""
        if isinstance(item, (list, tuple)) and len(item) == 2 and isinstance(item[0], str):
            return [item[0], MASK] if item[1] and self._is_secret(item[0], item[1]) else item
        return item

    def _is_secret(self, name: str, value: t.Any) -> bool:
        if name not in self._secret_names:
            self._secret_names[name] = _is_secret_name(name)
        is_count = isinstance(value, (int, float)) and name.lower().endswith(_COUNTED)
        return self._secret_names[name] and not is_count

    def _masked(self, text: str) -> str:
        text = self._by_value(text)
        low = text.lower()
        if any(word in low for word in (*_TEXT_WORDS, *_TEXT_MARKS)):
            return re.sub(_HIDDEN_IN_TEXTS, _mask_match, text, flags=re.IGNORECASE)
        return text

    def _by_value(self, text: str) -> str:
        """Mask every run of a secret in one pass for each of its blocks: the work grows with the text only."""
        if len(text) < self._min_seed or text in self._harmless:
            return text
        low = _lower(text)
        found: list[tuple[int, int]] = []
        for form, start, seed in self._seeds:
            at = low.find(seed)
            while at >= 0:
                begin, end = _run(low, at, form, start, len(seed))
                if end - begin >= min(MIN_RUN, len(form)):
                    found.append((begin, end))
                at = low.find(seed, max(end - len(seed), at) + 1)
        if found:
            return _without(text, found)
        if len(text) <= MAX_HARMLESS:
            self._harmless.add(text)
        return text


def _mask_match(match: re.Match[str]) -> str:
    kept = "".join(match[name] or "" for name in _KEPT)
    return f"{kept}{MASK}" + ("@" if match["address"] else "")


def _is_secret_name(name: str) -> bool:
    # The parts of a diff stand under what an instance is called: instance 4711 (token-server).
    if re.fullmatch(r"[a-z]+ \d+ \(.*\)", name, re.DOTALL):
        return False
    # jupyterToken and JUPYTER-TOKEN are jupyter_token.
    low = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]", "_", name[:256]).lower()
    if low.endswith(tuple(_SHOWN_NAMES)):
        return False
    return bool(re.search(_HIDDEN_WORDS, low)) or low.rpartition("_")[2] in _HIDDEN_NAMES


def _forms(secret: str) -> c.Iterator[str]:
    """How a secret may be written."""
    if not secret:
        return
    yield secret
    yield json.dumps(secret)[1:-1]
    yield urllib.parse.quote(secret, safe="")
    raw = secret.encode("utf-8", errors="surrogatepass")
    if len(raw) < BLOCK:
        return
    yield raw.hex()
    for before in range(3):
        # Only the characters that no neighbour has a part in: what stands before and after is not known.
        coded = base64.b64encode(bytes(before) + raw).decode()
        inner = coded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def _seeds(form: str) -> list[tuple[int, str]]:
    """What is looked for, and where in the form it begins."""
    if len(form) < MIN_RUN:
        return [(0, form)]
    return [(start, form[start : start + BLOCK]) for start in range(0, len(form) - BLOCK + 1, BLOCK)]


def _lower(text: str) -> str:
    """In lower case, every character in its place."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _run(low: str, at: int, form: str, start: int, length: int) -> tuple[int, int]:
    """How far a text goes on like the form, around a place where a part of it was found."""
    begin, left = at, start
    while begin and left and low[begin - 1] == form[left - 1]:
        begin, left = begin - 1, left - 1
    end, right = at + length, start + length
    while end < len(low) and right < len(form) and low[end] == form[right]:
        end, right = end + 1, right + 1
    return begin, end


def _without(text: str, found: list[tuple[int, int]]) -> str:
    """The text with each of these stretches masked."""
    parts: list[str] = []
    done = 0
    for begin, end in sorted(found):
        if begin >= done:
            parts += [text[done:begin], MASK]
        done = max(done, end)
    return "".join([*parts, text[done:]])
