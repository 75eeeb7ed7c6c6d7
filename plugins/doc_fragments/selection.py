# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The options that choose among the instances of the account."""

    DOCUMENTATION = r"""
options:
  ids:
    description:
      - Ids of instances.
    type: list
    elements: int
  label:
    description:
      - Labels of instances. The comparison is exact and case-sensitive. Write a label that contains a comma
        as an item of a YAML list. To select instances without a label, use C(unlabelled).
    type: list
    elements: str
  label_prefix:
    description:
      - How the label begins. Matching no instance is not an error.
    type: str
  unlabelled:
    description:
      - V(true) selects only instances without a label. V(false) does not filter.
    type: bool
    default: false
  status:
    description:
      - Values of RV(vastai.cloud.vast_instance#module:instance.actual_status). A stopped instance has the
        status V(exited).
    type: list
    elements: str
    choices:
      - created
      - exited
      - frozen
      - loading
      - offline
      - rebooting
      - recycling
      - restarting
      - running
      - stopped
      - unknown
  gpu_name:
    description:
      - GPU models, such as V(RTX 4090). V(RTX_4090) means the same.
    type: list
    elements: str
  machine_id:
    description:
      - Ids of the machines that the instances run on.
    type: list
    elements: int
"""
