# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The diff of modules that change one thing."""

    RETURN = r"""
diff:
  description: What changed or would change, as C(before) and C(after).
  returned: success
  type: dict
  contains:
    before_header:
      description: The name of what the diff describes.
      returned: always
      type: str
    after_header:
      description: The same as C(before_header).
      returned: always
      type: str
    before:
      description: The fields that differ, with their values before the task.
      returned: always
      type: dict
    after:
      description: The same fields, with the requested values.
      returned: always
      type: dict
"""
