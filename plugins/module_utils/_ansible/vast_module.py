# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The seam to AnsibleModule: shared options, the client, and errors as failed results."""

from __future__ import annotations

import json
import sys

if sys.version_info < (3, 10):  # noqa: UP036 it stands before the imports, which an older one cannot read
    have = f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}"
    advice = (
        f"Modules of vastai.cloud need Python 3.10 or newer; {have}. Set ansible_python_interpreter to a newer one."
    )
    sys.stdout.write(json.dumps({"failed": True, "error_class": "dependency", "msg": advice}) + "\n")
    raise SystemExit(1)

import collections.abc as c
import os
import typing as t

from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible.module_utils.basic import AnsibleModule

from .._api.client import Client
from .._api.clock import Clock, Deadline, Waits
from .._api.errors import Invalid, VastError
from .._api.redact import MASK, Redactor, visible
from .._api.settings import Settings, checked_number
from .given import Spec, faults, without_nulls

__all__ = ("API_OPTIONS", "WAIT_OPTIONS", "Spec", "VastModule", "run_module")

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


MAX_WAIT = 604_800
"""Seconds; a week, the longest that a task may wait."""
MAX_INTERVAL = 3600
"""Seconds between two polls."""


class VastModule(AnsibleModule):
    """One run of a module: its options, checked as far as the shared ones go, and the client."""

    params: dict[str, t.Any]
    client: Client
    deadline: Deadline
    shown_once: t.Mapping[str, str] = {}
    """Secrets that the user asked to have in the result, by key; the guard keeps that result out of every display."""

    def __init__(self, argument_spec: Spec, criteria: c.Collection[str] = (), **more: t.Any) -> None:
        """The `criteria` are options whose null is an empty criterion; null is refused for all others."""
        self._criteria = criteria
        self._faults: list[str] = []
        super().__init__(argument_spec=argument_spec, **more)
        if self._faults:
            self.fail_json(self._faults[0])

    def _load_params(self) -> None:
        """Also look at what was given before AnsibleModule converts it; it never sees what is wrong."""
        super()._load_params()
        given = self.params
        for name in self._criteria:
            if name in given:
                given[name] = without_nulls(given[name], self.argument_spec[name])
        found = list(faults(self.argument_spec, given))
        self._faults = [sentence for _name, sentence in found]
        for name, _sentence in found:
            given.pop(name, None)
        # A misspelt name is refused, and its value may be a secret.
        for name in given.keys() - self.argument_spec.keys():
            given[name] = given[name] if name.startswith("_ansible_") else MASK

    def _log_invocation(self) -> None:
        """Log the options as results show them."""
        given, self.params = self.params, self.redactor.clean(self.params)
        super()._log_invocation()
        self.params = given

    @property
    def _invocation(self) -> dict[str, t.Any]:
        """The options, which -vvv and registered results show."""
        return {"invocation": {"module_args": self.redactor.clean(self.params)}}

    @property
    def redactor(self) -> Redactor:
        """What everything passes that leaves: with the key of the client, before there is one with the option's."""
        client = getattr(self, "client", None)
        return client.redactor if client else Redactor(filter(None, [str(self.params.get("api_key") or "")]))

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        """End with a result, without secrets."""
        super().exit_json(**self.redactor.clean(kwargs), **self._invocation, **self.shown_once)
        raise SystemExit(0)  # pragma: no cover

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """Fail, without secrets; what AnsibleModule itself finds wrong with the options is `invalid` like the rest."""
        msg = self._faults[0] if self._faults else msg
        result = self.redactor.clean({"error_class": Invalid.error_class, **kwargs, "msg": msg})
        super().fail_json(**{**result, "msg": visible(result["msg"]), **self._invocation, **self.shown_once})
        raise SystemExit(1)  # pragma: no cover

    def warn(self, warning: str, *args: t.Any, **kwargs: t.Any) -> None:
        """Warn, without secrets, in one line."""
        super().warn(visible(self.redactor.clean(warning)), *args, **kwargs)

    def connect(self, *, secrets: c.Iterable[str] = ()) -> None:
        """Make the client; it masks these `secrets`, too.

        Raises AuthError without a key, Invalid for options that cannot work.
        """
        settings = Settings.from_options(self.params, os.environ)
        self.no_log_values.add(settings.api_key)
        agent = f"ansible-core/{ansible_version}"
        self.client = Client(settings, agent=agent, warn=self.warn, clock=Clock(), writes=not self.check_mode)
        if more := list(secrets):
            self.client.redactor = Redactor([settings.api_key, *more])

    def waits(self) -> Waits:
        """The wait options; from here on `wait_timeout` runs. Raises Invalid for numbers that cannot work."""
        for name, most in (("wait_timeout", MAX_WAIT), ("wait_interval", MAX_INTERVAL)):
            checked_number(name, self.params[name], most)
        self.deadline = Deadline(Clock(), self.params["wait_timeout"])
        return Waits(self.params["wait"], self.params["wait_timeout"], self.params["wait_interval"])

    def bound(self, seconds: float) -> None:
        """From here on the task has that many seconds, where no `wait_timeout` says how many."""
        self.deadline = Deadline(Clock(), seconds)

    def bring(self, work: c.Callable[..., None], *arguments: t.Any, **options: t.Any) -> None:
        """Have a domain carry out what it planned, within the deadline of the task; not in check mode."""
        if not self.check_mode:
            work(self.client, *arguments, self.deadline, **options)


def run_module(
    run: c.Callable[[VastModule], dict[str, t.Any]],
    options: Spec,
    *,
    criteria: c.Collection[str] = (),
    **constraints: t.Any,
) -> None:
    """Build the module, run it, and end with its result or with the failure keys of the error (README).

    Null is refused for every option, except for the `criteria` of a module that only looks.
    """
    spec = {**API_OPTIONS, **options}
    module = VastModule(spec, criteria, supports_check_mode=True, **constraints)
    try:
        result = run(module)
    except VastError as error:
        module.fail_json(**error.failure())
    module.exit_json(**result)
