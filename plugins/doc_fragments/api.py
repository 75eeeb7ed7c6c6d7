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
      - The Vast.ai API key. Keys are made at U(https://cloud.vast.ai/manage-keys/).
      - If not given, the environment variable E(VAST_API_KEY) is used, then the key file of the official client,
        C($XDG_CONFIG_HOME/vastai/vast_api_key), by default C(~/.config/vastai/vast_api_key), then that of its older
        releases, C(~/.vast_api_key). All are those of the machine that runs the module, which is usually the
        controller. An option that is given and empty is refused.
    type: str
  api_url:
    description:
      - The address of the API, without a path. If not given, the environment variable E(VAST_URL) is used if it is
        set, else V(https://console.vast.ai).
    type: str
  api_timeout:
    description:
      - For how many seconds to wait for the whole reply before it counts as lost; at most 3600. Connecting may take 10
        seconds more. Raise it for a slow connection.
    type: int
    default: 60
  retry_timeout:
    description:
      - For how many seconds one request may be tried again, waiting for its turn included; at most 86400. V(0) tries
        once. A request that has to wait for more than 5 seconds warns once, saying why and for how long at most.
      - A refusal for being too frequent (429) and a failure to connect are tried again for every request; a connection
        that this machine or a proxy refuses is not. After a lost reply or an error of the gateway only requests that
        read are repeated; a request that changes something is never repeated before the module has checked what became
        of it.
    type: int
    default: 120
  api_pacing:
    description:
      - Whether to keep the minimum intervals that Vast.ai wants between requests, together with all other tasks of
        this user on this machine. A task that is alone is not slowed down; of many at once each waits for its turn.
      - The intervals are kept in C($XDG_CACHE_HOME/ansible-vastai-cloud), by default C(~/.cache/ansible-vastai-cloud).
    type: bool
    default: true
  validate_certs:
    description:
      - Whether to verify the certificate of the API. V(false) lets anyone who intercepts the connection read the key.
    type: bool
    default: true
  ca_path:
    description:
      - A file or folder with the certificates of the authorities to trust instead of the usual ones, for a gateway
        of your own.
    type: path
"""
