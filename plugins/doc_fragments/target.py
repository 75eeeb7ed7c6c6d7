# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The options that select one instance."""

    DOCUMENTATION = r"""
options:
  id:
    description:
      - The id of the instance, the number that Vast.ai calls contract id.
      - Exactly one of O(id) and O(label) is needed.
    type: int
  label:
    description:
      - The label of the instance. Exactly one instance must carry it; when several do the task fails and lists their
        ids. Upper and lower case matter. An empty label is refused; an instance without one is selected by O(id).
    type: str
"""
