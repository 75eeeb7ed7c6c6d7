# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The volumes of the account (F6.7), apart from what is done with them: renting an instance needs them, too."""

from __future__ import annotations

from .._api.client import Client, Route
from .._core.rows import Row, checked_rows

VOLUMES = Route("GET", "/api/v0/volumes/", 5.5)


def volumes(client: Client) -> list[Row]:
    """The rows of all volumes. Raises ProtocolError for what is no list of rows with ids."""
    rows = client.call(VOLUMES, params={"owner": "me", "type": "all_volume"}).get("volumes")
    return checked_rows(client, VOLUMES, rows, "volume")
