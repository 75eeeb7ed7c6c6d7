# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The options of modules that wait."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until the state is reached. With V(false), the task ends as soon as a listing shows the change.
    type: bool
    default: true
  wait_timeout:
    description:
      - Number of seconds to wait, at most 604800 (one week). The wait ends early when the instance no longer exists or
        can no longer reach the state.
    type: int
    default: 600
  wait_interval:
    description:
      - Number of seconds between two polls, at most 3600.
    type: float
    default: 5.0
"""
