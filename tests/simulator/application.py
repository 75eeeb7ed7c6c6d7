# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The simulator without its socket: a request goes in, a reply comes out. One lock guards all state."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from . import auth, control, ledger, registry
from .checks import change_setting, check_names
from .faults import Fault, make_fault, spoil
from .fleet import DEFAULT_ACCOUNT
from .intervals import Intervals
from .journal import Entry, Journal
from .loading import load_account
from .machines import change_machine
from .model import Account, Behaviour, Clock
from .reply import Reply, json_reply, not_found_page
from .request import Request
from .rows import KNOWN_FIELDS


@dataclass
class Outcome:
    """What to send, and the fault that says how to send it."""

    reply: Reply
    fault: Fault | None = None


class Application:
    def __init__(
        self,
        spec: dict[str, Any] | None,
        api_key: str,
        time_scale: float = 1.0,
        interval_scale: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        on_asked: Callable[[Request], None] | None = None,
        on_done: Callable[[Entry, Outcome], None] | None = None,
    ) -> None:
        self.api_key = api_key
        self._spec = copy.deepcopy(DEFAULT_ACCOUNT if spec is None else spec)
        self._clock = Clock(clock, time_scale)
        self._interval_scale = interval_scale
        self._sleep = sleep
        self._on_asked = on_asked
        self._on_done = on_done
        self._lock = threading.RLock()
        self.defects: list[Exception] = []
        self.reset()

    def reset(self) -> None:
        account = load_account(copy.deepcopy(self._spec), self.api_key, self._clock)
        with self._lock:
            self.account: Account = account
            self._journal = Journal()
            self._faults: list[Fault] = []
            self._intervals = Intervals(self._clock, self._interval_scale)

    def handle(self, request: Request) -> Outcome:
        """Never fails for what a request says; whatever else goes wrong here is kept in `defects`."""
        try:
            if request.path.startswith(control.PREFIX):
                return Outcome(control.handle(self, request))
            return self._handle(request)
        except Exception as error:
            # It is raised in a thread of the server, where no test would see it.
            self.defects.append(error)
            raise

    def _handle(self, request: Request) -> Outcome:
        if self._on_asked:
            self._on_asked(request)
        with self._lock:
            entry = self._journal.open(request, self._clock.wall(), self._secrets())
            fault = next((rule for rule in self._faults if rule.takes(request.method, request.path)), None)
            if fault:
                entry["fault"] = fault.name or fault.action
        before = fault is not None and fault.when == "before"
        if fault and before:
            self._pause(fault)
        with self._lock:
            self.account.parts_left = fault.parts if fault else None
            reply = self._answer(request, entry, skip_work=before and fault is not None and fault.action != "delay")
            if fault and fault.action == "duplicate":
                reply = self._answer(request, entry, skip_work=False)
            if fault:
                reply = spoil(fault, reply)
            entry["status"] = None if fault and fault.action == "drop" else reply.status
            entry["effects"], self.account.effects = self.account.effects, []
        if fault and fault.when == "after":
            self._pause(fault)
        outcome = Outcome(reply, fault)
        if self._on_done:
            self._on_done(entry, outcome)
        return outcome

    def _pause(self, fault: Fault) -> None:
        if fault.seconds:
            self._sleep(fault.seconds)

    def _secrets(self) -> list[str]:
        return [*self.account.keys, *(text for each in registry.RESOURCES for text in each.secrets(self.account))]

    def _answer(self, request: Request, entry: Entry, skip_work: bool) -> Reply:
        path = registry.ROUTER.canonical(request.path)
        found = registry.ROUTER.find(request.method, path)
        if found is None:
            return no_route(request, path)
        route, request.params = found
        entry["route"] = route.template
        entry["write"] = route.is_write(request)
        denied = auth.refuse(self.account, request, route)
        entry["authorised"] = denied is None and route.access != "open"
        if skip_work or denied:
            return denied or Reply()
        identity = f"{auth.given_key(request)} {request.client}"
        too_early = self._intervals.refuse(identity, route, self.account.options.limit_style)
        if too_early:
            return too_early
        registry.advance(self.account)
        return route.handler(self.account, request)

    def journal(self) -> list[Entry]:
        with self._lock:
            return copy.deepcopy(self._journal.entries)

    def clear_journal(self) -> None:
        with self._lock:
            self._journal.entries.clear()

    def add_faults(self, rules: list[Any]) -> None:
        made = [make_fault(rule) for rule in rules]
        with self._lock:
            self._faults += made

    def fault_rules(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._faults]

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def describe(self) -> dict[str, Any]:
        with self._lock:
            registry.advance(self.account)
            return control.describe(self.account)

    def ledger(self) -> dict[str, Any]:
        with self._lock:
            registry.advance(self.account)
            return ledger.show(self.account)

    def set_forward(self, seconds: float) -> None:
        """Let time pass, and all come about that falls due in it."""
        with self._lock:
            registry.advance(self.account)
            self._clock.set_forward(seconds)
            registry.advance(self.account)

    def set_options(self, **changes: Any) -> None:
        with self._lock:
            for name, value in changes.items():
                change_setting(self.account.options, name, value, "options")

    def set_machine(self, machine_id: int, **changes: Any) -> None:
        """Change what a machine of the market offers and how it answers. KeyError when there is no such machine."""
        with self._lock:
            registry.advance(self.account)
            change_machine(self.account, machine_id, changes, f"machine {machine_id}")

    def set_instance(self, instance_id: int, **changes: Any) -> None:
        """Change fields of the row or the behaviour. KeyError when there is no such instance."""
        flags = {entry.name for entry in fields(Behaviour)}
        check_names(changes, KNOWN_FIELDS | flags, f"instance {instance_id}")
        with self._lock:
            registry.advance(self.account)
            instance = self.account.instances[instance_id]
            for name in changes.keys() & flags:
                change_setting(instance.behaviour, name, changes[name], f"instance {instance_id}")
            instance.update({name: changes[name] for name in changes.keys() - flags}, self._clock.now())


def no_route(request: Request, path: str) -> Reply:
    if registry.ROUTER.find(request.method, path + "/") and path.startswith("/api/"):
        query = f"?{request.query_string}" if request.query_string else ""
        msg = "The path must end with a slash."
        return json_reply({"success": False, "error": "redirect", "msg": msg}, 301, Location=f"{path}/{query}")
    allowed = registry.ROUTER.methods(path)
    if allowed:
        msg = f"{request.method} is not allowed here"
        return json_reply({"success": False, "error": "method_not_allowed", "msg": msg}, 405, Allow=", ".join(allowed))
    return not_found_page()
