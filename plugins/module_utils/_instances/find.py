# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Which instance is meant: by id, else by the label that exactly one carries. Knows nothing of Ansible."""

from __future__ import annotations

import typing as t

from .._api.client import Client
from .._api.errors import Ambiguous, Invalid, NotFound
from .._core import resource
from .._core.arguments import check_id
from .instance import MAX_LABEL, Instance, read

TARGET_OPTIONS: dict[str, dict[str, t.Any]] = {
    "id": {"type": "int"},
    "label": {"type": "str"},
}
TOO_MANY = "All of them bill. Destroy those that you do not need, or set on_duplicate=destroy_younger."


class Ref(resource.Ref):
    """Which instance: by id, else by the label that exactly one carries."""

    __slots__ = ()

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Ref:
        """The options `id` and `label`. Raises Invalid for what cannot select an instance."""
        instance_id, label = options["id"], options["label"]
        check_id(instance_id)
        if label is not None and len(label) > MAX_LABEL:
            raise Invalid(f"label has {len(label)} characters; Vast.ai allows {MAX_LABEL}.")
        if instance_id is None and not (label or "").strip():
            raise Invalid("label must not be empty; select the instance by id.")
        if label and not label.strip():
            raise Invalid("label must not consist of spaces. An empty string removes the label.")
        return cls(id=instance_id, label=label)

    @property
    def filters(self) -> dict[str, dict[str, t.Any]]:
        """The same for the API."""
        return {"label": {"eq": self.label}} if self.id is None else {"id": {"eq": self.id}}

    def matches(self, instance: Instance) -> bool:
        """The same for a row: a filter that the API ignores must not select somebody else's instance."""
        return instance.label == self.label if self.id is None else instance.id == self.id


def find(client: Client, target: Ref) -> Instance:
    """The instance that is meant. Raises NotFound, and Ambiguous when several have the label.

    One whose contract is released does not count: it cannot come back, and may lend its label to its successor.
    """
    listed = matching(client, target)
    found = the_one(target, listed)
    if found is not None:
        return found
    if target.id is not None:
        raise NotFound(f"There is no instance {target.id} in this account (by a complete listing).{_gone(listed)}")
    # What only a label that nothing carries needs.
    from .misses import near_labels

    what = f"No instance of this account has the label {target.label!r} (by a complete listing)."
    raise NotFound(what + _gone(listed) + near_labels(client, str(target.label)))


def matching(client: Client, target: Ref) -> list[Instance]:
    """Those that are meant, released contracts among them, by a complete listing."""
    return [instance for instance in read(client, target.filters) if target.matches(instance)]


def the_one(target: Ref, listed: list[Instance]) -> Instance | None:
    """The one that exists, if any does. Raises Ambiguous."""
    return one_of([each for each in listed if not each.is_unloaded], target.label, "Select one of them by id.")


def carriers(client: Client, label: str) -> list[Instance]:
    """All that have the label and still exist, by a complete listing. Raises the leaves of VastError."""
    return [each for each in matching(client, Ref(label=label)) if not each.is_unloaded]


def one_of(found: list[Instance], label: str | None, advice: str = TOO_MANY) -> Instance | None:
    """The one instance that there is, or None. Raises Ambiguous with that advice."""
    if len(found) > 1:
        ids = ", ".join(str(each.id) for each in found)
        raise Ambiguous(f"{len(found)} instances have the label {label!r}: {ids}. {advice}")
    return found[0] if found else None


def _gone(listed: list[Instance]) -> str:
    names = ", ".join(instance.display_name for instance in listed)
    return f" Destroyed and still listed: {names}." if listed else ""
