# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The keys of an endpoint group in results."""

    RETURN = r"""
id:
  description: >-
    The id of the endpoint group.
  returned: always
  type: int
endpoint_name:
  description: >-
    The name of the endpoint group. It need not be unique.
  returned: always
  type: str
endpoint_state:
  description: >-
    V(active), V(suspended) or V(stopped).
  returned: always
  type: str
min_load:
  description: >-
    Minimum load in performance units per second.
  returned: always
  type: float
min_cold_load:
  description: >-
    Minimum total capacity in performance units per second.
  returned: always
  type: float
target_util:
  description: >-
    Target utilization of the capacity, at most 1.0.
  returned: always
  type: float
cold_mult:
  description: >-
    Cold capacity as a multiple of the load.
  returned: always
  type: float
cold_workers:
  description: >-
    Minimum number of workers.
  returned: always
  type: int
max_workers:
  description: >-
    Maximum number of workers.
  returned: always
  type: int
max_queue_time:
  description: >-
    Maximum queue time of a worker in seconds, or null.
  returned: always
  type: float
target_queue_time:
  description: >-
    Target queue time of a worker in seconds, or null.
  returned: always
  type: float
inactivity_timeout:
  description: >-
    Number of idle seconds after which the endpoint scales to zero, or null.
  returned: always
  type: float
autoscaler_instance:
  description: >-
    The serverless engine that serves the endpoint, such as V(prod).
  returned: always
  type: str
created_at:
  description: >-
    When the endpoint was created, as text or in seconds since 1970.
  returned: always
  type: raw
"""
