# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard before the modules: which tasks it lets through; the integration target `guard` plays them for real."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action.normal import ActionModule as NormalAction

from ansible_collections.vastai.cloud.plugins.action.vast_instance import ALLOW, ActionModule
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid

from ..harness import COLLECTION, NAMES

RAN = {"changed": False, "ran": True}


class Templar:
    """Knows one template."""

    def template(self, value: t.Any) -> t.Any:
        return {"{{ yes }}": True}.get(value, value) if isinstance(value, str) else value


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs a module says that it did."""
    monkeypatch.setattr(NormalAction, "run", lambda self, tmp, task_vars: RAN)


def a_task(async_val: int = 0, **args: t.Any) -> types.SimpleNamespace:
    """A task as the guard sees it."""
    return types.SimpleNamespace(action="vastai.cloud.vast_fleet", async_val=async_val, args=args, no_log=False)


def play(
    connection: str = "ssh",
    delegate_to: str | None = None,
    task_vars: dict[str, t.Any] | None = None,
    task: types.SimpleNamespace | None = None,
    **more: t.Any,
) -> dict[str, t.Any]:
    """The result of one task over such a connection."""
    task = task or a_task()
    task.delegate_to = delegate_to
    action = ActionModule(task, types.SimpleNamespace(transport=connection, **more), None, None, Templar(), None)
    return action.run(None, {"inventory_hostname": "box-1"} if task_vars is None else task_vars)


@pytest.mark.parametrize("connection", ["ssh", "paramiko_ssh", "winrm", "community.docker.docker", "local_lookalike"])
def test_a_task_that_would_leave_the_controller_is_refused(connection: str) -> None:
    result = play(connection)
    assert (result["failed"], result["changed"], result["error_class"]) == (True, False, Invalid.error_class)
    for text in ("vastai.cloud.vast_fleet", "box-1", connection, "delegate_to: localhost", f"{ALLOW}: true"):
        assert text in result["msg"]


def test_what_runs_on_the_controller_runs() -> None:
    assert play("local") == RAN
    assert play("network_cli", _remote_is_local=True) == RAN


@pytest.mark.parametrize("host", ["localhost", "box-2"])
def test_a_host_that_the_task_names_itself_is_meant(host: str) -> None:
    assert play(delegate_to=host) == RAN


@pytest.mark.parametrize("value", [True, "yes", "true", 1, "{{ yes }}"])
def test_the_variable_opens_the_guard(value: t.Any) -> None:
    assert play(task_vars={ALLOW: value}) == RAN


@pytest.mark.parametrize("value", [False, "no", None, "", "perhaps", "{{ other }}", 2])
def test_anything_else_keeps_it_shut(value: t.Any) -> None:
    assert play(task_vars={ALLOW: value})["error_class"] == Invalid.error_class


def test_a_machine_cannot_open_it_with_a_fact_of_its_own() -> None:
    assert play(task_vars={ALLOW: True, "ansible_facts": {ALLOW: True}})["error_class"] == Invalid.error_class
    assert play(task_vars={ALLOW: True, "ansible_facts": {"os": "linux"}}) == RAN
    assert play(task_vars={ALLOW: True, "ansible_facts": None}) == RAN


@pytest.mark.parametrize("value", [True, "yes"])
def test_a_task_that_returns_a_key_is_never_shown(value: t.Any) -> None:
    task = a_task(return_key=value)
    assert play("local", task=task) == RAN
    assert task.no_log is True


@pytest.mark.parametrize("args", [{}, {"return_key": False}, {"return_key": "no"}])
def test_others_are_shown(args: dict[str, t.Any]) -> None:
    task = a_task(**args)
    assert play("local", task=task) == RAN
    assert task.no_log is False


def test_a_key_is_not_returned_to_a_job_whose_status_would_show_it() -> None:
    result = play("local", task=a_task(async_val=60, return_key=True))
    assert (result["failed"], result["changed"], result["error_class"]) == (True, False, Invalid.error_class)
    assert "ran" not in result


def test_it_stands_before_every_module() -> None:
    """A module of its name finds it without a route."""
    runtime = yaml_load((COLLECTION / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    routes = {name: route["action_plugin"] for name, route in runtime["plugin_routing"]["modules"].items()}
    assert routes == dict.fromkeys((name for name in NAMES if name != "vast_instance"), "vastai.cloud.vast_instance")
    assert [path.name for path in (COLLECTION / "plugins" / "action").glob("*.py")] == ["vast_instance.py"]
