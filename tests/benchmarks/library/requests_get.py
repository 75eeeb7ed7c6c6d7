# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The least a module can do that uses requests: import it and ask once. A yardstick, not for use."""

from __future__ import annotations

import requests
from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule({"url": {"type": "str"}, "token": {"type": "str", "no_log": True}})
    headers = {"Authorization": f"Bearer {module.params['token']}"}
    reply = requests.get(module.params["url"], headers=headers, timeout=60)
    reply.raise_for_status()
    module.exit_json(changed=False, count=len(reply.json()["instances"]))


if __name__ == "__main__":
    main()
