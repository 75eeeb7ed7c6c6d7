# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules that make chosen requests go wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from .reply import JSON_TYPE, TEXT_TYPE, Reply

ACTIONS = ("reply", "drop", "truncate", "delay", "drip", "redirect", "merge", "large", "duplicate")
# These spoil the reply that the API gives, so the work is done unless the rule says otherwise.
AFTER_BY_DEFAULT = ("truncate", "delay", "drip", "merge", "duplicate")


class FaultError(ValueError):
    """The description of a fault is wrong."""


@dataclass
class Fault:
    action: str
    method: str = "*"
    path: str = "*"
    skip: int = 0
    times: int | None = None
    when: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    seconds: float = 0.0
    keep: int | None = None
    rate: int = 100
    location: str = ""
    set: dict[str, Any] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)
    size: int = 0
    parts: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise FaultError(f"action: {self.action!r} is none of {', '.join(ACTIONS)}")
        self.when = self.when or ("after" if self.action in AFTER_BY_DEFAULT else "before")
        if self.when not in ("before", "after"):
            raise FaultError(f"when: {self.when!r} is neither before nor after")
        if self.when == "before" and (self.action in ("merge", "duplicate") or self.parts is not None):
            raise FaultError(f"{self.action} is about work that was done: when must be after")
        if self.action == "redirect" and not self.location:
            raise FaultError("redirect needs a location")
        if self.rate <= 0:
            raise FaultError("rate: bytes a second, more than 0")

    def takes(self, method: str, path: str) -> bool:
        """Whether the rule applies to this request; counts it when it matches."""
        if self.method not in ("*", method) or not fnmatchcase(path, self.path) or self.times == 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


def make_fault(rule: Any) -> Fault:
    if not isinstance(rule, dict):
        raise FaultError("a fault is a mapping")
    unknown = sorted(set(rule) - {entry.name for entry in fields(Fault)})
    if unknown or "action" not in rule:
        raise FaultError(f"unknown {', '.join(unknown)}" if unknown else "action is required")
    try:
        return Fault(**rule)
    except TypeError as error:
        raise FaultError(str(error)) from error


def spoil(fault: Fault, reply: Reply) -> Reply:
    """The reply with the fault in it; what goes wrong while sending is up to the server."""
    if fault.action == "redirect":
        return Reply(fault.status or 301, b"", TEXT_TYPE, {"Location": fault.location, **fault.headers})
    if fault.action == "large":
        return Reply(fault.status or 200, large_body(fault.size), JSON_TYPE, fault.headers)
    if fault.action == "merge":
        return merge(fault, reply)
    if fault.action == "reply" or fault.body is not None:
        return canned(fault)
    return reply


def canned(fault: Fault) -> Reply:
    """A text is sent as it is, anything else as JSON."""
    if isinstance(fault.body, str):
        content, content_type = fault.body.encode(), TEXT_TYPE
    else:
        content, content_type = json.dumps(fault.body).encode(), JSON_TYPE
    if fault.body is None:
        content = b""
    headers = dict(fault.headers)
    return Reply(fault.status or 200, content, headers.pop("Content-Type", content_type), headers)


def large_body(size: int) -> bytes:
    head, tail = b'{"success": true, "filler": "', b'"}'
    return head + b"x" * max(0, size - len(head) - len(tail)) + tail


def merge(fault: Fault, reply: Reply) -> Reply:
    """Names may reach into the body: instances.0.label. A reply without such a place stays as it is."""
    try:
        body = json.loads(reply.content)
        for name, value in fault.set.items():
            holder, key = locate(body, name)
            holder[key] = value
        for name in fault.delete:
            holder, key = locate(body, name)
            del holder[key]
    except (ValueError, LookupError, TypeError):
        return reply
    return Reply(fault.status or reply.status, json.dumps(body).encode(), JSON_TYPE, {**reply.headers, **fault.headers})


def locate(body: Any, name: str) -> tuple[Any, Any]:
    *path, last = [int(part) if part.isdigit() else part for part in name.split(".")]
    for part in path:
        body = body[part]
    return body, last
