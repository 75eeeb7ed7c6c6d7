# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The public ssh keys of one instance (F3.12)."""

from __future__ import annotations

import json

from .._api.client import Client, Route
from .._api.clock import Deadline
from .._api.errors import Invalid, ServerError, UnknownOutcome, VastError
from .._instances.instance import Instance

ATTACH = Route("POST", "/api/v0/instances/{id}/ssh/", 2.0)
KEYS = Route("GET", "/api/v0/instances/{id}/ssh/", 2.0)


def attach(client: Client, instance: Instance, key: str, deadline: Deadline) -> None:
    """Attach one key. A key that is attached already is fine; a lost reply is looked up, then it is sent once more."""
    try:
        _send(client, instance, key, deadline)
    except (UnknownOutcome, ServerError) as doubt:
        try:
            if not _is_attached(client, instance, key):
                _send(client, instance, key, deadline)
        except VastError as error:
            raise _failed(instance, key, f"{doubt.msg} {error.msg}", error) from error
    except VastError as error:
        raise _failed(instance, key, error.msg, error) from error


def _send(client: Client, instance: Instance, key: str, deadline: Deadline) -> None:
    try:
        client.call(ATTACH, ids={"id": instance.id}, body={"ssh_key": key}, deadline=deadline)
    except Invalid as error:
        if "already associated" not in error.msg:
            raise


def _is_attached(client: Client, instance: Instance, key: str) -> bool:
    """Type and key count, a comment does not; the list comes as a text (F3.12)."""
    told = client.call(KEYS, ids={"id": instance.id}, list_key="ssh_keys").get("ssh_keys")
    try:
        rows = json.loads(told) if isinstance(told, str) else told
    except ValueError:
        return False
    if not isinstance(rows, list):
        return False
    # A key that was taken off again may stay listed with the time of that.
    living = [row for row in rows if isinstance(row, dict) and not row.get("deleted_at")]
    known = [str(row.get("public_key") or row.get("ssh_key") or "") for row in living]
    return any(each.split()[:2] == key.split()[:2] for each in known)


def _failed(instance: Instance, key: str, reason: str, error: VastError) -> VastError:
    comment = " ".join(key.split()[2:])[:60] or key.split()[0]
    return error.with_context(f"The ssh key {comment!r} could not be attached to {instance.display_name}: {reason}")
