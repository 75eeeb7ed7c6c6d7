# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Values of the API as variables: of few types, and never a template, on any ansible-core."""

from __future__ import annotations

import math
import re
import typing as t

try:
    # Since ansible-core 2.19 nothing is a template unless it is trusted to be one.
    from ansible.template import trust_as_template
except ImportError:
    trust_as_template = None

TEMPLATE_MARKS = ("{{", "{%", "{#")
MAX_INT = 2**63
_HARMLESS = re.compile(r"""[\w .,:;/@+=&!?'"$\n\t()-]*""")
_CALL = re.compile(
    r"""(?:\.\s*[^\W\d]\w*|['")]|\b(?:lookup|query|q|now|undef|range|dict|lipsum|cycler|joiner|namespace))\s*\("""
)
"""A call of a method, or of what Jinja and Ansible define; `PyTorch (NGC)` and `Xeon(R)` are none."""


def is_harmless(text: str) -> bool:
    """Whether a text has only characters that make neither a template, nor the header of one, nor a call.

    `ansible-inventory --list` shows every other text as an object, `{"__ansible_unsafe": ...}`, for whoever reads it.
    """
    return _HARMLESS.fullmatch(text) is not None and _CALL.search(text) is None


def untrusted(value: t.Any) -> t.Any:
    """Keep every text in a value, and every key, from being taken for a template."""
    if isinstance(value, dict):
        return {_untrusted_key(key): untrusted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [untrusted(inner) for inner in value]
    return _untrusted_text(value) if isinstance(value, str) else value


def _untrusted_text(text: str) -> str:
    marked: str
    if trust_as_template is None:
        from ansible.utils.unsafe_proxy import wrap_var

        marked = text if is_harmless(text) else wrap_var(text)
    else:
        # A text without trust is shown as an object even where it could not be a template.
        marked = trust_as_template(text) if is_harmless(text) else text
    return marked


def _untrusted_key(key: str) -> str:
    """Keys of variables are shown as they are on every ansible-core; they need no trust."""
    return key if trust_as_template is not None else _untrusted_text(key)


def scalar(value: t.Any) -> t.Any:
    """A text, number, boolean or null as JSON has them; null for what is none of these or not a number.

    Lone surrogates, which no encoding can write, are replaced.
    """
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < MAX_INT else None
    return value if isinstance(value, float) and math.isfinite(value) else None
