# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """A price by the hour, the day and 30 days."""

    RETURN = r"""
per_hour:
  description: US dollars per hour.
  returned: always
  type: float
per_day:
  description: US dollars per 24 hours at this rate.
  returned: always
  type: float
per_30_days:
  description: US dollars per 720 hours at this rate.
  returned: always
  type: float
"""
