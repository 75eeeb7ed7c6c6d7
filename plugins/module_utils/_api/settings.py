# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""How to reach the API: options, environment and key file, completed and checked before anything is sent."""

from __future__ import annotations

import dataclasses
import os
import typing as t
import urllib.parse

from .errors import AuthError, Invalid

DEFAULT_URL = "https://console.vast.ai"
ENGINE_URL = "https://run.vast.ai"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MAX_KEY_FILE_BYTES = 4096


@dataclasses.dataclass(frozen=True)
class Settings:
    """The connection options shared by modules and plugins; seconds throughout."""

    api_key: str = dataclasses.field(repr=False)
    api_url: str = DEFAULT_URL
    api_timeout: float = 60.0
    retry_timeout: float = 120.0
    api_pacing: bool = True
    validate_certs: bool = True
    ca_path: str | None = None

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Settings:
        """Complete the options from the environment and the official client's key file (F1.1).

        Raises AuthError without any key and Invalid for options that cannot work.
        """
        key = options.get("api_key") or environ.get("VAST_API_KEY") or _key_from_file(environ)
        url = options.get("api_url") or environ.get("VAST_URL") or DEFAULT_URL
        if not options["api_timeout"] > 0:
            raise Invalid(f"api_timeout must be greater than 0, not {options['api_timeout']}.")
        if options["retry_timeout"] < 0:
            raise Invalid(f"retry_timeout must not be negative: {options['retry_timeout']}.")
        ca_path = options.get("ca_path")
        if ca_path and not os.path.exists(ca_path):
            raise Invalid(f"ca_path: there is no file or folder {ca_path}.")
        return cls(
            api_key=_checked_key(key),
            api_url=_checked_url(url),
            api_timeout=options["api_timeout"],
            retry_timeout=options["retry_timeout"],
            api_pacing=options["api_pacing"],
            validate_certs=options["validate_certs"],
            ca_path=ca_path or None,
        )

    @property
    def verify(self) -> bool | str:
        """What requests takes; given with each request, since a session's value loses to REQUESTS_CA_BUNDLE."""
        return self.validate_certs and (self.ca_path or True)

    @property
    def engine_url(self) -> str:
        """Where the serverless engine answers: on a host of its own at Vast.ai, beside the API elsewhere (F4.3)."""
        return ENGINE_URL if self.api_url == DEFAULT_URL else self.api_url

    @property
    def insecure(self) -> bool:
        """Whether the key would cross a network in the clear."""
        parts = urllib.parse.urlsplit(self.api_url)
        return parts.scheme == "http" and parts.hostname not in LOOPBACK


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an address. Raises ValueError for a port that is no number."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _key_from_file(environ: t.Mapping[str, str]) -> str:
    """The key that `vastai set api-key` stored, or nothing."""
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    try:
        with open(os.path.join(config, "vastai", "vast_api_key"), encoding="utf-8") as file:
            return file.read(MAX_KEY_FILE_BYTES)
    except (OSError, UnicodeDecodeError):
        return ""


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key:
        raise AuthError(
            "No API key: set the option api_key, the environment variable VAST_API_KEY, or store one with the official "
            "client (vastai set api-key) for the user that runs the module. Keys are made at "
            "https://cloud.vast.ai/manage-keys/."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AuthError("The API key holds a blank, a control or a non-ASCII character; no Vast.ai key does.")
    return key


def _checked_url(url: str) -> str:
    """The address without a trailing slash; a user, password or query in it would end up in results."""
    try:
        parts = urllib.parse.urlsplit(url.strip())
        scheme, host, port = origin(url.strip())
    except ValueError as error:
        raise Invalid("api_url is not an address: look at its host and port.") from error
    if scheme not in ("http", "https") or not host or " " in host or port is None:
        raise Invalid("api_url must begin with https:// (or http:// for a server of your own) and name a host.")
    if parts.username is not None or parts.query or parts.fragment:
        raise Invalid("api_url must hold neither a user name nor a query; the key belongs in api_key.")
    return urllib.parse.urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
