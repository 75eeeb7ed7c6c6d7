# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Public SSH keys as OpenSSH writes them. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import typing as t

from .._api.errors import Invalid
from .._api.private_keys import holds_private_key

MAX_KEY = 16_384
"""Characters; no public key is longer."""
TYPE = r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]{3,60}"


class PublicKey(t.NamedTuple):
    """A public key as OpenSSH writes it."""

    type: str
    base64: str
    comment: str = ""

    @property
    def text(self) -> str:
        """In one line."""
        return " ".join(filter(None, self))

    @property
    def name(self) -> str:
        """How messages call it: short, and by what tells it apart."""
        return f"{self.type} ...{self.base64[-12:]}" + (f" ({self.comment})" if self.comment else "")

    def is_same(self, text: t.Any) -> bool:
        """Whether a row's text is this key, whatever its comment."""
        return isinstance(text, str) and text.split()[:2] == [self.type, self.base64]


def parse(text: str, option: str = "public_key") -> PublicKey:
    """A public key from its line. Raises Invalid for anything else, without showing it."""
    if holds_private_key(text):
        raise Invalid(f"{option} is a private key. Nothing was sent. Give the public key, usually the file with .pub.")
    lines = [line.strip() for line in text[:MAX_KEY].splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1 or len(text) > MAX_KEY:
        raise Invalid(f"{option} must be one line with one public key; it has {len(lines)}.")
    kind, coded, comment = (*lines[0].split(None, 2), "", "")[:3]
    if not re.fullmatch(TYPE, kind) or not _holds(coded, kind):
        raise Invalid(
            f"{option} must be a public key as OpenSSH writes it, such as ssh-ed25519 AAAA... you@example.com, "
            "without options before it."
        )
    return PublicKey(kind, coded, comment)


def _holds(coded: str, kind: str) -> bool:
    """Whether the base64 is of a whole key of that type: the type is the first text in it, and no text is cut off."""
    try:
        raw = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        return False
    if raw[4 : 4 + int.from_bytes(raw[:4], "big")] != kind.encode() or len(raw) <= 4 + len(kind):
        return False
    # A certificate holds numbers between its texts.
    return "-cert-" in kind or _is_whole(raw)


def _is_whole(raw: bytes) -> bool:
    """Whether texts with their lengths before them fill it to its end."""
    at = 0
    while at + 4 <= len(raw):
        at += 4 + int.from_bytes(raw[at : at + 4], "big")
    return at == len(raw)
