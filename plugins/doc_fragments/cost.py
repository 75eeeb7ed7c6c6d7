# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The keys of what instances cost."""

    RETURN = r"""
running:
  description: What the instances that hold their GPU pay, storage included.
  returned: always
  type: float
if_started:
  description: What the other instances would pay if they were started. Nothing of it is paid now.
  returned: always
  type: float
storage:
  description: What those other instances pay for their disks now.
  returned: always
  type: float
per_hour:
  description: What all of them pay now, the sum of C(running) and C(storage).
  returned: always
  type: float
unknown:
  description: >-
    The ids of the instances that Vast.ai reports no usable price for. The sums that such a price belongs to are
    null, so that a comparison with a budget fails and does not pass.
  returned: always
  type: list
  elements: int
"""
