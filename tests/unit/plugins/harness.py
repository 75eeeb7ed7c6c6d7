# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the unit tests share: declared HTTP calls, a clock that jumps, rows of the API, a module run in-process."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import pathlib
import signal
import typing as t
from unittest import mock

import pytest
import responses
from ansible.module_utils import basic
from responses import registries

from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings

URL = "https://vast.test"
KEY = "unit-test-key-0123456789abcdef"
MODULES = "ansible_collections.vastai.cloud.plugins.modules"
COLLECTION = pathlib.Path(__file__).parents[3]
NAMES = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
"""All modules. ansible-test forks for each test, which would import again what is not imported here."""
for each in NAMES:
    importlib.import_module(f"{MODULES}.{each}")


NULL = object()
"""An option that is given as null; None stands for one that is not given."""


class FakeClock:
    """Time that passes only by sleeping; it stands in for every clock of the collection."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds from an arbitrary start."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Jump ahead; like the real ones, a sleep never ends early."""
        self.slept.append(seconds)
        self.seconds += seconds + 1e-9 if seconds else 0.0


def interrupt_after(api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, requests_before: int) -> None:
    """Send SIGTERM to the task when it sleeps for the first time after so many requests."""
    jump, left = clock.sleep, iter([True])

    def sleep(seconds: float) -> None:
        jump(seconds)
        if len(api.calls) == requests_before and next(left, False):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(clock, "sleep", sleep)


class Api:
    """The calls a test declares: they must come in this order, all of them, and no other."""

    def __init__(self, mocked: responses.RequestsMock) -> None:
        self._mocked = mocked

    def expect(
        self,
        method: str,
        path: str,
        reply: t.Any = None,
        *,
        status: int = 200,
        query: dict[str, t.Any] | None = None,
        body: t.Any = None,
        headers: dict[str, str] | None = None,
        authorized: bool = True,
    ) -> None:
        """Declare the next call. `reply` is JSON, or the body itself where it is bytes, text or an exception to raise.

        Without `body` the call must not have one; `query` is compared after its JSON values are parsed.
        """
        url = path if path.startswith("http") else URL + path
        content: dict[str, t.Any] = {"body": reply} if isinstance(reply, (bytes, str, Exception)) else {"json": reply}
        checks = [_authorization(authorized), _json_query(query or {}), _json_body(body)]
        self._mocked.add(method, url, status=status, headers=headers, match=checks, **content)

    def expect_any(self, method: str, path: str, reply: t.Any) -> None:
        """Declare a call whose content does not matter to the test."""
        self._mocked.add(method, URL + path, json=reply)

    def expect_listing(self, *rows: dict[str, t.Any], **by: t.Any) -> None:
        """Declare one complete listing, filtered by a column: `id=4711`, `label="train-01"`, `id=[1, 2]`."""
        filters = {column: {"in" if isinstance(value, list) else "eq": value} for column, value in by.items()}
        self.expect("GET", "/api/v1/instances/", listing(*rows), query=list_query(filters))

    @property
    def calls(self) -> list[tuple[str, str]]:
        """What was sent so far."""
        return [(call.request.method or "", call.request.url or "") for call in self._mocked.calls]


def list_query(filters: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    """The query of one page of the listing."""
    return {"select_filters": filters, "order_by": [{"col": "id", "dir": "asc"}], "limit": 25, **more}


def listing(*rows: dict[str, t.Any], **fields: t.Any) -> dict[str, t.Any]:
    """A complete page of the v1 listing (F3.1)."""
    return {
        "success": True,
        "instances_found": len(rows),
        "total_instances": len(rows),
        "label_counts": {},
        "next_token": None,
        "instances": list(rows),
        **fields,
    }


def instance_row(instance_id: int = 4711, **fields: t.Any) -> dict[str, t.Any]:
    """A running instance as the API lists it, secrets included."""
    return {
        "id": instance_id,
        "label": "train-01",
        "actual_status": "running",
        "intended_status": "running",
        "cur_state": "running",
        "next_state": "running",
        "status_msg": "success, running pytorch/pytorch:latest/ssh\n",
        "image_uuid": "pytorch/pytorch:latest",
        "image_runtype": "ssh ssh_direc ssh_proxy",
        "public_ipaddr": " 203.0.113.7\n",
        "ssh_host": "ssh4.vast.ai",
        "ssh_port": 14711,
        "ports": {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "20022"}]},
        "gpu_name": "RTX 4090",
        "num_gpus": 1,
        "dph_total": 0.42,
        "storage_total_cost": 0.01,
        "jupyter_token": "SECRET-jupyter-token",
        "extra_env": [["HF_TOKEN", "SECRET-env-value"]],
        "onstart": "export PASSWORD=SECRET-onstart",
        **fields,
    }


def stopped_row(instance_id: int = 4711, **fields: t.Any) -> dict[str, t.Any]:
    """The same, stopped: its container shows `exited` (F3.4)."""
    state = {"actual_status": "exited", **dict.fromkeys(("intended_status", "cur_state", "next_state"), "stopped")}
    return instance_row(instance_id, **{**state, "ports": None, **fields})


def offer_row(offer_id: int = 9001, **fields: t.Any) -> dict[str, t.Any]:
    """An offer of the market as a search returns it (F5)."""
    return {
        "id": offer_id,
        "ask_contract_id": offer_id,
        "machine_id": 501,
        "host_id": 31,
        "gpu_name": "RTX 4090",
        "num_gpus": 1,
        "gpu_ram": 24564,
        "gpu_total_ram": 24564,
        "gpu_frac": 0.25,
        "gpu_arch": "nvidia",
        "compute_cap": 890,
        "cuda_max_good": 12.8,
        "cpu_name": "EPYC 7543",
        "cpu_cores_effective": 16.0,
        "cpu_ram": 64000,
        "disk_space": 500.0,
        "disk_bw": 2000.0,
        "inet_up": 400.0,
        "inet_down": 800.0,
        "direct_port_count": 50,
        "static_ip": True,
        "geolocation": "Oslo, NO",
        "verification": "verified",
        "duration": 2_592_000.0,
        "reliability2": 0.995,
        "dlperf": 90.0,
        "dlperf_per_dphtotal": 260.0,
        "dph_base": 0.32,
        "dph_total": 0.342222,
        "storage_cost": 0.16,
        "inet_up_cost": 0.002,
        "inet_down_cost": 0.003,
        "is_bid": False,
        "min_bid": 0.2,
        **fields,
    }


def endpoint_row(endpoint_id: int = 77, **fields: t.Any) -> dict[str, t.Any]:
    """An endpoint group as the API lists it, its key included (F4.1)."""
    return {
        "id": endpoint_id,
        "endpoint_name": "llama-prod",
        "endpoint_state": "active",
        "min_load": 10.0,
        "target_util": 0.9,
        "cold_workers": 2,
        "max_workers": 8,
        "created_at": 1_790_000_000.0,
        "user_id": 5,
        "api_key": "SECRET-endpoint-key",
        **fields,
    }


@dataclasses.dataclass
class Result:
    """How a module ended."""

    failed: bool
    values: dict[str, t.Any]
    warnings: list[str] = dataclasses.field(default_factory=list)
    invocation: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def __getitem__(self, key: str) -> t.Any:
        return self.values[key]

    @property
    def text(self) -> str:
        """The whole result as text, to look for secrets in."""
        return json.dumps([self.values, self.warnings])


class _Ended(Exception):
    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


def make_client(warn: t.Callable[[str], None] = pytest.fail) -> Client:
    """A client for the declared calls."""
    return Client(Settings(KEY, URL), agent="tests", warn=warn, clock=Clock())


def run_module(module_name: str, /, *, check_mode: bool = False, **options: t.Any) -> Result:
    """Run a module in this process, with the connection options of the tests unless others are given.

    Whatever it is run for, no secret may show: of the key, not even what Ansible would mask.
    """
    module = importlib.import_module(f"{MODULES}.{module_name}")
    arguments = {"api_key": KEY, "api_url": URL, **options, "_ansible_check_mode": check_mode, "_ansible_diff": True}
    arguments = {name: None if value is NULL else value for name, value in arguments.items() if value is not None}
    warnings: list[str] = []

    def exit_json(task: t.Any, **values: t.Any) -> t.NoReturn:
        raise _Ended(_published(task, values, warnings, failed=False))

    def fail_json(task: t.Any, msg: str, **values: t.Any) -> t.NoReturn:
        raise _Ended(_published(task, {"msg": msg, **values}, warnings, failed=True))

    def warn(task: t.Any, warning: str, **more: t.Any) -> None:
        warnings.append(warning)

    with (
        _arguments(arguments),
        mock.patch.object(basic.AnsibleModule, "exit_json", exit_json),
        mock.patch.object(basic.AnsibleModule, "fail_json", fail_json),
        mock.patch.object(basic.AnsibleModule, "warn", warn),
        pytest.raises(_Ended) as ended,
    ):
        module.main()
    result: Result = ended.value.result
    assert "SECRET" not in result.text + json.dumps(result.invocation)
    return result


def succeed(module_name: str, /, **options: t.Any) -> Result:
    """Run a module that must not fail."""
    result = run_module(module_name, **options)
    assert not result.failed, result.values
    return result


def fail(module_name: str, /, **options: t.Any) -> Result:
    """Run a module that must fail."""
    result = run_module(module_name, **options)
    assert result.failed, result.values
    return result


def fail_as(module_name: str, error_class: str, /, *says: str, **options: t.Any) -> Result:
    """Run a module that must fail in this way, with a message that holds all these texts."""
    result = fail(module_name, **options)
    assert result["error_class"] == error_class, result.values
    assert [text for text in says if text not in result["msg"]] == [], result["msg"]
    return result


def _published(task: t.Any, values: dict[str, t.Any], warnings: list[str], *, failed: bool) -> Result:
    """What would be printed: secrets masked by Ansible, and JSON only; what it was called with stands apart."""
    assert KEY not in json.dumps(values)
    masked: dict[str, t.Any] = json.loads(json.dumps(basic.remove_values(values, task.no_log_values)))
    return Result(failed, masked, warnings, masked.pop("invocation"))


def _arguments(arguments: dict[str, t.Any]) -> contextlib.AbstractContextManager[t.Any]:
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:  # ansible-core 2.18
        packed = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        return mock.patch.object(basic, "_ANSIBLE_ARGS", packed)
    manager: contextlib.AbstractContextManager[t.Any] = patch_module_args(arguments)
    return manager


Check = t.Callable[[t.Any], tuple[bool, str]]


def _authorization(authorized: bool) -> Check:
    def check(request: t.Any) -> tuple[bool, str]:
        sent = request.headers.get("Authorization")
        return (sent == f"Bearer {KEY}") if authorized else (sent is None), f"Authorization is {sent!r}"

    return check


def _json_query(wanted: dict[str, t.Any]) -> Check:
    def check(request: t.Any) -> tuple[bool, str]:
        sent = {name: _parsed(value) for name, value in request.params.items()}
        return sent == wanted, f"query {sent} is not {wanted}"

    return check


def _parsed(value: str) -> t.Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _json_body(wanted: t.Any) -> Check:
    def check(request: t.Any) -> tuple[bool, str]:
        sent = json.loads(request.body) if request.body else None
        return sent == wanted, f"body {sent} is not {wanted}"

    return check


class Undeclared(BaseException):
    """A call that a test did not declare. No Exception: the engine takes whatever goes wrong for a doubt."""


class _Declared(registries.OrderedRegistry):
    """Fails the test with what no code under test takes for a lost connection, as it would the registry's own error."""

    def find(self, request: t.Any) -> tuple[responses.BaseResponse | None, list[str]]:
        found, reasons = super().find(request)
        if found is None:
            raise Undeclared(f"{request.method} {request.url} {request.body} is not the call declared next: {reasons}")
        return found, reasons


@contextlib.contextmanager
def declared_calls() -> t.Iterator[Api]:
    """An Api that fails the test for calls that are undeclared, out of order or left over."""
    with responses.RequestsMock(registry=_Declared, assert_all_requests_are_fired=True) as mocked:
        yield Api(mocked)
