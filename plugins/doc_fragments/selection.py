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
      - Labels; an instance fits when it carries one of them exactly. The empty string stands for no label. Write a
        label with a comma as an item of a YAML list.
    type: list
    elements: str
  label_prefix:
    description:
      - What the label begins with.
    type: str
  status:
    description:
      - Values of RV(instances[].actual_status). A stopped instance shows V(exited).
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
      - The ids of machines.
    type: list
    elements: int
"""
