# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Whose account it is: the row of the current user, with credit and balance (F6.7)."""

from __future__ import annotations

import typing as t

from .._api.client import Client, Route

USER = Route("GET", "/api/v0/users/current/", 1.0)


def user_row(client: Client) -> dict[str, t.Any]:
    """The row as the API has it, secrets included. Raises PermissionDenied without the right `user_read`."""
    return client.call(USER)
