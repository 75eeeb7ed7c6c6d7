# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The keys of what instances cost."""

    RETURN = r"""
running:
  description: >-
    US dollars per hour of the instances that hold their GPU, storage included. An instance that is loading, or
    whose host is offline, counts with its full price although it bills less for now.
    M(vastai.cloud.vast_cost_info) shows what bills at this moment.
  returned: always
  type: float
if_started:
  description: >-
    US dollars per hour that the other instances would cost if they were started. They do not cost this now.
  returned: always
  type: float
storage:
  description: US dollars per hour of the disks of the other instances. They cost this now.
  returned: always
  type: float
per_hour:
  description: US dollars per hour of all instances, which is the sum of C(running) and C(storage).
  returned: always
  type: float
unknown:
  description: >-
    Ids of the instances for which Vast.ai reports no usable price. Every sum that includes such an instance
    is null, so a comparison with a budget fails instead of passing.
  returned: always
  type: list
  elements: int
"""
