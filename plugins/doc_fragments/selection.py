# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The options that choose among the instances of the account."""

    DOCUMENTATION = r"""
options:
  ids:
    description:
      - The ids of the instances.
    type: list
    elements: int
  label:
    description:
      - Labels; an instance fits when it carries one of them exactly, upper and lower case included. Write a label
        with a comma as an item of a YAML list. For instances without a label there is C(unlabelled).
    type: list
    elements: str
  label_prefix:
    description:
      - The beginning of the label. It is no name of a thing that has to exist, so that nothing may fit it.
    type: str
  unlabelled:
    description:
      - With V(true), an instance fits when it carries no label. V(false) is no criterion.
    type: bool
    default: false
  status:
    description:
      - Values of RV(vastai.cloud.vast_instance#module:instance.actual_status). A stopped instance shows V(exited).
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
      - Names of GPUs, such as V(RTX 4090). V(RTX_4090) is understood too.
    type: list
    elements: str
  machine_id:
    description:
      - The ids of the machines that the instances are on.
    type: list
    elements: int
"""
