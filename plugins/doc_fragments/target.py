# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The options that select one instance."""

    DOCUMENTATION = r"""
options:
  id:
    description:
      - The id of the instance. Vast.ai also calls it the contract id.
      - Exactly one of O(id) and O(label) is required.
    type: int
  label:
    description:
      - The label of the instance. The comparison is exact and case-sensitive. When several instances have this label,
        the task fails and lists their ids. Select an instance without a label by its O(id).
    type: str
"""
