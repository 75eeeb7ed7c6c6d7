# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard of every module: a task carries the API key, so it runs on the controller unless told otherwise.

Ansible wants an action plugin to be called like a module; meta/runtime.yml sends the other modules here, too.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as NormalAction

ALLOW = "vastai_allow_remote"


class ActionModule(NormalAction):
    """What runs any module, except over a connection that leads away from the controller by accident."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module, or fail before anything is copied to the other machine."""
        if not (self._stays_here() or self._task.delegate_to or self._allowed(task_vars or {})):
            return {"failed": True, "changed": False, "msg": self._refusal(task_vars or {}), "error_class": "invalid"}
        if boolean(self._task.args.get("return_key", False), strict=False):
            if self._task.async_val:
                msg = "return_key cannot be used with async: its status would show the key. Nothing was sent. Use dest."
                return {"failed": True, "changed": False, "msg": msg, "error_class": "invalid"}
            # The registered result has the key of vast_api_key; every display of the task is censored.
            self._task.no_log = True
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        return result

    def _stays_here(self) -> bool:
        # Connections to network devices run their modules on the controller and say so.
        return self._connection.transport == "local" or getattr(self._connection, "_remote_is_local", False)

    def _allowed(self, task_vars: dict[str, t.Any]) -> bool:
        # What a machine reports of itself as a fact must not open its own door.
        if ALLOW not in task_vars or ALLOW in (task_vars.get("ansible_facts") or {}):
            return False
        return bool(boolean(self._templar.template(task_vars[ALLOW]), strict=False))

    def _refusal(self, task_vars: dict[str, t.Any]) -> str:
        host = task_vars.get("inventory_hostname", "the host of the play")
        return (
            f"{self._task.action} would run on {host} (connection {self._connection.transport}), and the API key would "
            "go there. Nothing was sent. Add `delegate_to: localhost` to the task, or run it in a play with "
            f"`hosts: localhost`. To run it on {host} on purpose, set `{ALLOW}: true`."
        )
