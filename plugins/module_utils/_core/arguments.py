# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Checks of option values that every domain shares. Pure."""

from __future__ import annotations

import math
import re
import typing as t

from .._api.errors import Invalid

MAX_ID = 2**63 - 1
"""The largest number that an id can be: a signed integer of 64 bits."""
_PORT = r"(\d{1,5})(?::(\d{1,5}))?(?:/(tcp|udp))?"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def check_id(value: t.Any, name: str = "id") -> None:
    """Raises Invalid for an id that nothing can have; None is none."""
    if value is not None:
        check_number(value, name, 1, MAX_ID)


def check_number(value: t.Any, name: str, least: float, most: float) -> None:
    """Raises Invalid unless the value is a finite number from `least` to `most`, and no boolean."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Invalid(f"{name} must be a number, not {shortened(value)}.")
    # The comparison is false for NaN, too.
    if not (least <= value <= most) or math.isinf(value if isinstance(value, float) else 0.0):
        raise Invalid(f"{name} must be {_range(least, most)}, not {shortened(value)}.")


def shortened(value: t.Any) -> str:
    """A value for a message, however long it is."""
    text = repr(value) if not isinstance(value, int) or abs(value) <= MAX_ID else "a number of more than 18 digits"
    return text if len(text) <= 40 else f"{text[:40]}..."


def _range(least: float, most: float) -> str:
    if most == MAX_ID:
        return "a positive number" if least == 1 else f"{least:g} or more"
    return f"from {least:g} to {most:g}"


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
            raise Invalid(f"{option}: {name} must be a text; write its value in quotes.")
    return {str(name): str(value) for name, value in given.items()}
