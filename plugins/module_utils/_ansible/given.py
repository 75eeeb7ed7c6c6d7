# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Option values as they were given, before AnsibleModule takes null for "not given" and true for 1. Pure."""

from __future__ import annotations

import collections.abc as c
import contextlib
import math
import typing as t

from ansible.module_utils.common.validation import check_type_dict, check_type_list

Spec = dict[str, dict[str, t.Any]]
LARGEST = 2**63
"""No number of the API is larger."""


def faults(spec: Spec, given: t.Mapping[str, t.Any], path: str = "") -> c.Iterator[tuple[str, str]]:
    """What must not be converted or taken for not given: the option's name, and a sentence; unknown options are left.

    Null, for options of every type; booleans and endless or huge numbers, where a number is wanted; lists and
    dictionaries where a text is; a private key, where the public one is, so that nothing shows it.
    """
    for name, value in given.items():
        if name in spec:
            for sentence in _faults(spec[name], value, path + name):
                yield name, sentence


def _faults(rules: t.Mapping[str, t.Any], value: t.Any, name: str) -> c.Iterator[str]:
    kind = rules.get("type", "str")
    if value is None:
        yield f"{name} must not be null; omit it instead."
    elif kind == "list":
        element = {**rules, "type": rules.get("elements", "raw")}
        for number, item in enumerate(_converted(check_type_list, value, [])):
            yield from _faults(element, item, f"{name}[{number}]")
    elif kind == "dict":
        inner = _converted(check_type_dict, value, None)
        if inner is None:
            yield f"{name} must be a dictionary. The given value is not shown."
            return
        options = rules.get("options", {})
        yield from (sentence for _name, sentence in faults(options, inner, f"{name}."))
        if (
            options
            and any(each.get("no_log") for each in options.values())
            and (unknown := sorted({*inner} - {*options}))
        ):
            known = ", ".join(sorted(options))
            yield f"{name} has no option {', '.join(map(str, unknown))}; it has {known}."
    elif kind in ("int", "float"):
        yield from _number_faults(value, name)
    elif kind in ("str", "path") and isinstance(value, (list, tuple, dict)):
        yield f"{name} must be a string, not a {'dictionary' if isinstance(value, dict) else 'list'}."
    elif name == "public_key":
        from .._api.private_keys import holds_private_key

        if holds_private_key(str(value)):
            yield "public_key contains a private key. Nothing was sent. Give the public key, usually a *.pub file."


def _number_faults(value: t.Any, name: str) -> c.Iterator[str]:
    if isinstance(value, bool):
        yield f"{name} must be a number, not {str(value).lower()}."
        return
    with contextlib.suppress(TypeError, ValueError):  # AnsibleModule refuses what is no number
        if not _is_sane(value):
            yield f"{name} must be a finite number of at most 19 digits."


def _is_sane(value: t.Any) -> bool:
    """Whether a number can be converted and sent. Raises TypeError or ValueError for what is none."""
    try:
        number = float(value)
    except OverflowError:
        return False
    return math.isfinite(number) and abs(number) <= LARGEST


def _converted(convert: c.Callable[[t.Any], t.Any], value: t.Any, otherwise: t.Any) -> t.Any:
    """What Ansible would make of it; what it cannot convert it refuses by itself."""
    try:
        return convert(value)
    except (TypeError, ValueError):
        return otherwise


def without_nulls(value: t.Any, rules: t.Mapping[str, t.Any]) -> t.Any:
    """A criterion of a task that only looks: null is an empty one, which fits nothing."""
    if value is None:
        return [] if rules.get("type") == "list" else ""
    return [item for item in value if item is not None] if isinstance(value, list) else value
