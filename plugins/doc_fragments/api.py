# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """The connection options of every module."""

    DOCUMENTATION = r"""
requirements:
  - Python 3.10 or newer on the machine that runs the module
  - requests
options:
  api_key:
    description:
      - The Vast.ai API key. Create keys at U(https://cloud.vast.ai/manage-keys/).
      - If not given, the module uses the environment variable E(VAST_API_KEY), then the key file of the official
        client, C($XDG_CONFIG_HOME/vastai/vast_api_key) (by default C(~/.config/vastai/vast_api_key)), then the key file
        of its older releases, C(~/.vast_api_key). It reads them on the machine that runs the module, usually the
        controller.
    type: str
  api_url:
    description:
      - The base URL of the API, without a path. If not given, the module uses the environment variable E(VAST_URL), or
        V(https://console.vast.ai) if that is not set.
    type: str
  api_timeout:
    description:
      - Number of seconds to wait for a complete reply before it counts as lost, at most 3600. Connecting may take up to
        10 more seconds. Raise it for a slow connection.
    type: int
    default: 60
  retry_timeout:
    description:
      - Number of seconds during which a request may be retried, at most 86400. This includes the time that it waits for
        the rate limit. V(0) disables retries. When a request waits longer than 5 seconds, the module warns once and
        gives the reason and the longest possible wait.
      - After a rate limit refusal (429) or a failed connection, every request is retried, because it was not carried
        out. A connection that this machine or a proxy refuses is not retried. After a lost reply or a gateway error,
        only read requests are retried. The module never repeats a write before it has checked whether the first one was
        carried out.
    type: int
    default: 120
  api_pacing:
    description:
      - Whether to keep the minimum intervals between requests that Vast.ai requires, together with all other tasks of
        this user on this machine. A single task is not slowed down. Of several tasks at the same time, each waits for
        its turn.
      - The tasks share files in C($XDG_CACHE_HOME/ansible-vastai-cloud), by default C(~/.cache/ansible-vastai-cloud).
    type: bool
    default: true
  validate_certs:
    description:
      - Whether to verify the TLS certificate of the API. V(false) lets anyone who intercepts the connection read the
        API key.
    type: bool
    default: true
  ca_path:
    description:
      - A file or directory with CA certificates to trust instead of the default ones, for example for your own gateway.
    type: path
"""
