# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The seam to AnsibleModule: shared options, the client, and errors as failed results."""

from __future__ import annotations

import collections.abc as c
import os
import typing as t

from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible.module_utils.basic import AnsibleModule

from .._api.client import Client
from .._api.clock import Clock, Waits
from .._api.errors import Invalid, VastError
from .._api.settings import Settings

Spec = dict[str, dict[str, t.Any]]

API_OPTIONS: Spec = {
    "api_key": {"type": "str", "no_log": True},
    "api_url": {"type": "str"},
    "api_timeout": {"type": "int", "default": 60},
    "retry_timeout": {"type": "int", "default": 120},
    "api_pacing": {"type": "bool", "default": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
}
WAIT_OPTIONS: Spec = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 600},
    "wait_interval": {"type": "float", "default": 5.0},
}


class VastModule(AnsibleModule):
    """One run of a module: its options, checked as far as the shared ones go, and the client."""

    client: Client

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """Fail; what AnsibleModule itself finds wrong with the options is `invalid` like the rest."""
        super().fail_json(msg=msg, **{"error_class": Invalid.error_class, **kwargs})
        raise SystemExit(1)  # pragma: no cover

    def connect(self) -> None:
        """Make the client. Raises AuthError without a key, Invalid for options that cannot work."""
        settings = Settings.from_options(self.params, os.environ)
        self.no_log_values.add(settings.api_key)
        self.client = Client(settings, agent=f"ansible-core/{ansible_version}", warn=self.warn, clock=Clock())

    def waits(self) -> Waits:
        """The wait options. Raises Invalid for numbers that cannot work."""
        for name, bound in (("wait_timeout", 0), ("wait_interval", 0)):
            if not self.params[name] > bound:
                raise Invalid(f"{name} must be greater than {bound}, not {self.params[name]}.")
        return Waits(self.params["wait"], self.params["wait_timeout"], self.params["wait_interval"])


def run_module(run: c.Callable[[VastModule], dict[str, t.Any]], options: Spec, **constraints: t.Any) -> None:
    """Build the module, run it, and end with its result or with the failure keys of the error (README)."""
    module = VastModule(argument_spec={**API_OPTIONS, **options}, supports_check_mode=True, **constraints)
    try:
        result = run(module)
    except VastError as error:
        module.fail_json(**error.failure())
    module.exit_json(**result)
