# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The keys of a failed result."""

    RETURN = r"""
error_class:
  description: >-
    The kind of failure: V(auth), V(permission), V(not_found), V(ambiguous), V(invalid), V(rate_limited), V(quota),
    V(unavailable), V(budget), V(leaked), V(deprecated), V(server), V(transport), V(unknown_outcome), V(timeout),
    V(protocol) or V(dependency).
  returned: failure
  type: str
  sample: unavailable
status_code:
  description: The HTTP status of the reply that made the task fail, or null without a reply.
  returned: failure of a request
  type: int
  sample: 429
error:
  description: The error code that the API returned, or null.
  returned: failure of a request
  type: str
  sample: resources_unavailable
method:
  description: The HTTP method of the failed request.
  returned: failure of a request
  type: str
  sample: PUT
url:
  description: The URL of the failed request, without its query.
  returned: failure of a request
  type: str
  sample: https://console.vast.ai/api/v0/instances/4711/
response:
  description: The first 1024 characters of the reply, without secrets, or null without a reply.
  returned: failure of a request
  type: str
"""
