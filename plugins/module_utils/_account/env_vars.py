# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Environment variables of the account. Their values come back masked, so that only names can be compared."""

from __future__ import annotations

import re
import typing as t

from .._api.client import Client, Route, malformed
from .._api.errors import Invalid
from .._api.redact import MASK
from .._core.crud import Crud, Entry, Move, plan_presence, to_bring
from .._core.kind import Write
from .._core.plan import Change

LIST = Route("GET", "/api/v0/secrets/", 5.0)
CREATE = Route("POST", "/api/v0/secrets/", 3.0)
UPDATE = Route("PUT", "/api/v0/secrets/", 3.0)
DELETE = Route("DELETE", "/api/v0/secrets/", 3.0)

MOST = 16
"""So many variables an account can have (F6.2)."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_.-]+")
"""What the reference documents of values; newer servers seem to take more (F6.2)."""


def checked_name(name: str) -> str:
    """The name as the server makes it: in capitals. Raises Invalid for what cannot be one."""
    if not NAME.fullmatch(name):
        raise Invalid(f"name must be letters, digits and _, and not begin with a digit; {name!r} is not.")
    return name.upper()


class EnvVars(Crud):
    """The variable of one name. An accepted write is all that tells what its value is."""

    noun = "environment variable"
    shown_within = 20.0

    def __init__(self, name: str, value: str | None) -> None:
        self.name = name
        self.value = value
        self.count = 0

    def find(self, client: Client, entry: Entry) -> Entry:
        """Whether the name is listed."""
        names = read(client)
        self.count = len(names)
        upper = {name.upper(): name for name in names}
        return entry._replace(row={"name": upper[self.name]} if self.name in upper else None)

    def write(self, item: Move) -> Write:
        """To write the same value twice does no harm; a name that is there already is updated (F6.2)."""
        if item.plan.changes[0].after == "absent":
            return Write(DELETE, {"key": (item.seen.row or item.before.row or {}).get("name", self.name)})
        route = CREATE if item.seen.row is None else UPDATE
        return Write(route, {"key": self.name, "value": self.value})

    def shows(self, item: Move, _change: Change) -> bool:
        """Whether the value was accepted: nothing shows it."""
        return item.accepted

    def differs(self, item: Move) -> bool:
        """Whether the name came or went, or a value was accepted."""
        return (item.before.row is None) is not (item.seen.row is None) or item.accepted


def read(client: Client) -> list[str]:
    """The names of all variables. Raises ProtocolError for a listing without names."""
    names = client.call(LIST).get("secrets")
    if not isinstance(names, dict):
        raise malformed(client, LIST, EnvVars.noun, "it contains no names")
    return [str(name) for name in names]


def to_keep(client: Client, kind: EnvVars, state: str, update: str) -> Move:
    """The item of the variable. Raises Invalid when the account has no room for it."""
    entry = kind.find(client, Entry(kind.noun, kind.name))
    changes = plan_presence(entry, state)
    if state == "present" and entry.row is None and kind.count >= MOST:
        raise Invalid(
            f"{entry.display_name} cannot be created: the account has {kind.count} environment variables and Vast.ai "
            f"allows {MOST}. Nothing was sent. Delete one of them first."
        )
    if state == "present" and (entry.row is None or update == "always"):
        before = None if entry.row is None else MASK
        action = f"set the value of {entry.display_name}"
        changes += (Change("value", before, MASK, action, {}, secret=True),)
    return to_bring(entry, changes)


def is_plain(value: t.Any) -> bool:
    """Whether a value is of the documented form."""
    return bool(PLAIN_VALUE.fullmatch(value))
