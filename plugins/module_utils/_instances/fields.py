# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The keys of an instance in results: a part of them, and the one that the listing does not tell. Pure."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._api.errors import Invalid
from .instance import Instance

WorkerOf = c.Callable[[int], t.Mapping[str, "int | None"]]
"""The documented key `worker_of` of an instance, or nothing while it is not known whether it is a worker."""


def not_asked(_instance_id: int) -> dict[str, int | None]:
    """The same where nobody asked."""
    return {}


def check_fields(fields: c.Sequence[str] | None, *, with_workers: bool) -> None:
    """Raises Invalid for an empty list and for a key that no instance has; names the keys that come near.

    `with_workers`: the key `worker_of` is found out, too.
    """
    if fields is None:
        return
    if not fields:
        raise Invalid("fields must not be empty; omit it for all keys.")
    if "worker_of" in fields and not with_workers:
        raise Invalid("fields: worker_of needs find_workers=true.")
    known = {*Instance(0, {}).result(), "worker_of"}
    if unknown := [name for name in fields if name not in known]:
        # What only a key that is wrong needs.
        from .._core.near import did_you_mean

        raise Invalid(f"fields: an instance has no key {unknown[0]!r}.{did_you_mean(known, unknown[0])}")


def some_of(result: dict[str, t.Any], fields: c.Collection[str] | None) -> dict[str, t.Any]:
    """The wanted keys of a result, `id` always; all without a wish."""
    return result if fields is None else {key: value for key, value in result.items() if key in {"id", *fields}}
