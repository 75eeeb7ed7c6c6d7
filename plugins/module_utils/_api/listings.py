# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Listings that come in pages: all of one or none of it, so that absence can be concluded from what they lack."""

from __future__ import annotations

import collections.abc as c
import json
import typing as t

from .client import Client, Route, malformed
from .errors import ProtocolError
from .replies import is_whole, says_no

MAX_PAGES = 1000

Row = t.Mapping[str, t.Any]


class Listing(t.NamedTuple):
    """A route that lists rows with ids by pages of at most `page_size`, under `rows`; `total` is where it counts them.

    `noun`: what messages call the rows.
    """

    route: Route
    rows: str
    total: str
    noun: str
    page_size: int


class Page(t.NamedTuple):
    """The rows of one page by their ids, and the reply they came in."""

    rows: dict[int, Row]
    reply: Row


def read_all(client: Client, listing: Listing, filters: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[int, Row]:
    """All rows that match the filters of the API (F3.1), by their ids, from every page.

    Raises ProtocolError unless the listing is well formed and proves by its own count that it is complete.
    """
    return {key: row for page in pages(client, listing, filters) for key, row in page.rows.items()}


def pages(client: Client, listing: Listing, filters: t.Mapping[str, t.Mapping[str, t.Any]]) -> c.Iterator[Page]:
    """The same page by page, each read when it is asked for; who stops before the end knows a part only.

    Raises ProtocolError for a page that is not well formed, and before the last one for a listing that is incomplete.
    """
    found: set[int] = set()
    tokens: set[str] = set()
    params = {
        "select_filters": json.dumps(filters),
        "order_by": json.dumps([{"col": "id", "dir": "asc"}]),
        "limit": str(listing.page_size),
    }
    for number in range(1, MAX_PAGES + 1):
        reply = client.call(listing.route, params=params)
        page = Page({}, reply)
        for key, row in _rows(client, listing, reply, number):
            if key in found:
                raise _malformed(client, listing, f"page {number} lists {listing.noun} {key} a second time")
            found.add(key)
            page.rows[key] = row
        token = reply.get("next_token")
        if token is None or token == "":
            _check_complete(client, listing, reply, len(found))
            yield page
            return
        if not isinstance(token, str) or token in tokens:
            raise _malformed(client, listing, f"page {number} does not name a new page")
        yield page
        tokens.add(token)
        params["after_token"] = token
    raise _malformed(client, listing, f"it has more than {MAX_PAGES} pages")


def _malformed(client: Client, listing: Listing, problem: str) -> ProtocolError:
    return malformed(client, listing.route, listing.noun, problem)


def _rows(client: Client, listing: Listing, page: Row, number: int) -> c.Iterator[tuple[int, Row]]:
    rows = page.get(listing.rows)
    if not isinstance(rows, list):
        raise _malformed(client, listing, f"page {number} has no list of {listing.noun}s")
    if page.get("success", True) is not True or says_no({**page, "success": None}):
        raise _malformed(client, listing, f"page {number} does not report success")
    if len(rows) > listing.page_size:
        raise _malformed(client, listing, f"page {number} has {len(rows)} rows where {listing.page_size} is the most")
    for row in rows:
        key = row.get("id") if isinstance(row, dict) else None
        if not is_whole(key):
            raise _malformed(client, listing, f"page {number} has a row without an id")
        yield key, row


def _check_complete(client: Client, listing: Listing, last_page: Row, count: int) -> None:
    total = last_page.get(listing.total)
    if not is_whole(total) or total < 0:
        raise _malformed(client, listing, f"it does not say in {listing.total} how many {listing.noun}s there are")
    if count < total:
        raise _malformed(client, listing, f"it announces {total} {listing.noun}s and shows {count}")
