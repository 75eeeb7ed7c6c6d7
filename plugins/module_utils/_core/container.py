# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Checks of what a container gets, whoever asks for it: ports and environment variables. Pure."""

from __future__ import annotations

import re
import typing as t

from .._api.errors import Invalid

_PORT = r"(\d{1,5})(?::(\d{1,5}))?(?:/(tcp|udp))?"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def normal_port(text: str) -> str | None:
    """A port with the container's once more as the host's unless that is named, `8000:8000`; None for what is none."""
    found = re.fullmatch(_PORT, text.strip())
    numbers = [int(found[1]), int(found[2] or found[1])] if found else []
    if found is None or not all(0 < number < 65536 for number in numbers):
        return None
    return f"{numbers[0]}:{numbers[1]}" + ("/udp" if found[3] == "udp" else "")


def checked_port(text: str) -> str:
    """The same of an item of the option `ports`. Raises Invalid."""
    port = normal_port(text)
    if port is None:
        raise Invalid(f"ports: {text!r} must be a port such as 8000, 8000/tcp, 8000/udp or 8000:8080.")
    return port


def checked_variables(given: t.Mapping[str, t.Any] | None, option: str) -> dict[str, str] | None:
    """The variables of an option. Raises Invalid for names that cannot be, and for values that YAML made of others."""
    if given is None:
        return None
    wrong = sorted(str(name) for name in given if not re.fullmatch(_VARIABLE, str(name)))
    if wrong:
        raise Invalid(f"{option}: {', '.join(wrong)} cannot be the name of a variable; ports belong in ports.")
    for name, value in given.items():
        # YAML makes True of yes and 1.1 of 1.10, which nobody meant.
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise Invalid(f"{option}: {name} must be a string; write its value in quotes.")
    return {str(name): str(value) for name, value in given.items()}
