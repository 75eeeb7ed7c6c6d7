# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The key that says whether an instance is a worker of an endpoint."""

    RETURN = r"""
worker_of:
  description: >-
    The id of the serverless endpoint that this instance is a worker of, or null when it is not a worker.
    The key is absent while this is not known, so filter with C(selectattr('worker_of', 'defined')) first.
  returned: when it is known
  type: int
"""
