# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""How to reach the API: options, environment and key file, completed and checked before anything is sent."""

from __future__ import annotations

import os
import re
import typing as t
import urllib.parse

from .errors import AuthError, Invalid

DEFAULT_URL = "https://console.vast.ai"
ENGINE_URL = "https://run.vast.ai"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MAX_KEY_FILE_BYTES = 4096
MAX_API_TIMEOUT = 3600
MAX_RETRY_TIMEOUT = 86400


class Settings(t.NamedTuple):
    """The connection options shared by modules and plugins; seconds throughout.

    `key_source` tells where the key comes from, for messages.
    """

    api_key: str
    api_url: str = DEFAULT_URL
    api_timeout: float = 60.0
    retry_timeout: float = 120.0
    api_pacing: bool = True
    validate_certs: bool = True
    ca_path: str | None = None
    key_source: str = "the option api_key"

    def __repr__(self) -> str:
        """Without the key."""
        return f"Settings(api_url={self.api_url!r})"

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Settings:
        """Complete the options from the environment and the official client's key files (F1.1).

        An option that is None was not given; an empty variable of the environment is not set. Raises AuthError without
        any key and Invalid for options that cannot work, empty ones among them.
        """
        for name in ("api_key", "api_url", "ca_path"):
            if options.get(name) is not None and not str(options[name]).strip():
                raise Invalid(f"{name} must not be empty; omit it instead.")
        key, key_source = _key(options.get("api_key"), environ)
        url = options.get("api_url") or (environ.get("VAST_URL") or "").strip() or DEFAULT_URL
        ca_path = options.get("ca_path")
        if ca_path and not os.path.exists(ca_path):
            raise Invalid(f"ca_path: there is no file or folder {ca_path}.")
        return cls(
            api_key=_checked_key(key),
            api_url=_checked_url(url),
            api_timeout=checked_number("api_timeout", options["api_timeout"], MAX_API_TIMEOUT),
            retry_timeout=checked_number("retry_timeout", options["retry_timeout"], MAX_RETRY_TIMEOUT, zero=True),
            api_pacing=options["api_pacing"],
            validate_certs=options["validate_certs"],
            ca_path=ca_path,
            key_source=key_source,
        )

    @property
    def verify(self) -> bool | str:
        """What requests takes; given with each request, since a session's value loses to REQUESTS_CA_BUNDLE."""
        return self.validate_certs and (self.ca_path or True)

    @property
    def identity(self) -> str:
        """What tells one account from another. It holds the key, so only its `private_files.digest` is written."""
        return f"{self.api_url} {self.api_key}"

    @property
    def engine_url(self) -> str:
        """Where the serverless engine answers: on a host of its own at Vast.ai, beside the API elsewhere (F4.3)."""
        return ENGINE_URL if self.api_url == DEFAULT_URL else self.api_url

    @property
    def is_local(self) -> bool:
        """Whether the API is on this very machine, as the simulator is."""
        return is_loopback(urllib.parse.urlsplit(self.api_url).hostname)

    @property
    def insecure(self) -> bool:
        """Whether the key would cross a network in the clear."""
        return self.api_url.startswith("http://") and not self.is_local


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    return (host or "").lower() in LOOPBACK or re.fullmatch(r"127(\.\d{1,3}){3}", host or "") is not None


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an address. Raises ValueError for a port that is no number."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def checked_number(name: str, value: t.Any, most: float, *, zero: bool = False) -> float:
    """A positive number (or zero) up to `most`. Raises Invalid for anything else; a boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Invalid(f"{name} must be a number, not {value!r:.40}.")
    shown = value if isinstance(value, float) or abs(value) < 10**15 else "a number of that many digits"
    if not (value >= 0 if zero else value > 0):
        raise Invalid(
            f"{name} must not be negative: {shown}." if zero else f"{name} must be greater than 0, not {shown}."
        )
    if value > most:
        raise Invalid(f"{name} must be at most {most:g}, not {shown}.")
    return value


def _key(option: str | None, environ: t.Mapping[str, str]) -> tuple[str, str]:
    """The key and where it was found."""
    if option is not None:
        return option, "the option api_key"
    if (value := environ.get("VAST_API_KEY", "")).strip():
        return value, "the environment variable VAST_API_KEY"
    for path in _key_files(environ):
        if (value := _content(path)).strip():
            return value, f"the file {path}"
    return "", ""


def _key_files(environ: t.Mapping[str, str]) -> tuple[str, str]:
    """Where `vastai set api-key` stores the key, and where older releases of it did."""
    home = environ.get("HOME") or os.path.expanduser("~")
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return os.path.join(config, "vastai", "vast_api_key"), os.path.join(home, ".vast_api_key")


def _content(path: str) -> str:
    """What stands in a key file; a FIFO in its place is not waited for."""
    try:
        with open(path, encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return file.read(MAX_KEY_FILE_BYTES)
    except (OSError, UnicodeDecodeError):
        return ""


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key:
        raise AuthError(
            "No API key was found. Set the option api_key or the environment variable VAST_API_KEY, or store one with "
            "the official client (vastai set api-key) for the user that runs the module. Keys are made at "
            "https://cloud.vast.ai/manage-keys/."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AuthError(
            "The API key contains a space, a control character or a non-ASCII character, which no Vast.ai key does."
        )
    return key


def _checked_url(url: str) -> str:
    """Scheme, host and port; a user, password or query in it would end up in results, and a path is the routes' own."""
    try:
        parts = urllib.parse.urlsplit(url.strip())
        scheme, host, port = origin(url.strip())
    except ValueError as error:
        raise Invalid("api_url is not a valid URL: check its host and port.") from error
    if scheme not in ("http", "https") or not host or port is None:
        raise Invalid("api_url must begin with https:// (or http:// for a server of your own) and name a host.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Invalid("api_url must not contain a user name or a query; the key belongs in api_key.")
    if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", parts.netloc):
        raise Invalid("api_url is not a valid URL: its host contains an invalid character.")
    bare = f"{scheme}://{parts.netloc}"
    if parts.path.strip("/"):
        raise Invalid(f"api_url must not contain a path. Use {bare}.")
    return bare
