# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """What the attributes mean, and the action group."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Returns what it would do, without sending a request that changes anything.
  diff_mode:
    description: Returns what it changed, or would change in check mode.
  idempotent:
    description: A second run with the same options changes nothing and reports no change.
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/vastai.cloud.all) in C(module_defaults) to set the connection options once for all modules.
    support: full
    membership:
      - vastai.cloud.all
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module only reads, so check mode makes no difference.
  diff_mode:
    support: none
    details:
      - The module changes nothing.
  idempotent:
    support: full
"""
