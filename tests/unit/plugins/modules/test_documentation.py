# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of the modules, held against what they really take and return."""

from __future__ import annotations

import ast
import collections.abc as c
import importlib
import importlib.util
import typing as t
from unittest import mock

import pytest
import requests
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import API_OPTIONS, Spec
from ansible_collections.vastai.cloud.plugins.module_utils._instances.selection import SELECTION_OPTIONS

from ..harness import (
    COLLECTION,
    MODULES,
    NAMES,
    Api,
    Result,
    declared_calls,
    endpoint_row,
    instance_row,
    list_query,
    offer_row,
    run_module,
    stopped_row,
)
from . import test_vast_account_info as account_tests
from . import test_vast_api_key as api_key_tests
from . import test_vast_cost_info as costs
from . import test_vast_env_var as env_var_tests
from . import test_vast_price_increase as raises
from . import test_vast_reaper as reaper
from . import test_vast_ssh_key as ssh_key_tests
from . import test_vast_template as template_tests
from . import test_vast_volume as volume_tests
from .test_vast_endpoint_info import worker_row, workergroup_row

INVENTORY = COLLECTION / "plugins" / "inventory" / "vast_instances.py"
FRAGMENTS = "ansible_collections.vastai.cloud.plugins.doc_fragments"
OF_EVERY_MODULE = {"changed", "msg"}
"""What Ansible itself documents."""
INFO = [name for name in NAMES if name.endswith(("_info", "_logs"))]
"""Those that change nothing."""
FOR_MANY = ["vast_fleet", "vast_price_increase", "vast_reaper"]
"""Those whose diff has a part for each of many things."""

WORKER_OF = {
    "description": mock.ANY,
    "returned": "when it is known",
    "type": "int",
}
"""The documentation of a key that is no matter of course."""

every_module = pytest.mark.parametrize("name", NAMES)


def block(name: str, which: str) -> t.Any:
    """One of the documentation blocks of a module, parsed."""
    return yaml_load(getattr(importlib.import_module(f"{MODULES}.{name}"), which))


def tasks(found: t.Any) -> c.Iterator[dict[str, t.Any]]:
    """The tasks of an example, those inside of blocks too."""
    for task in found:
        yield task
        for section in ("block", "rescue", "always"):
            yield from tasks(task.get(section, []))


def real_spec(name: str) -> tuple[Spec, dict[str, t.Any]]:
    """A module's own argument spec, and what it says of options together."""
    module = importlib.import_module(f"{MODULES}.{name}")
    with mock.patch.object(module, "run_module") as run_module:
        module.main()
    _run, *own = run_module.call_args.args
    constraints = {name: value for name, value in run_module.call_args.kwargs.items() if name != "criteria"}
    return {**API_OPTIONS, **own[0]}, constraints


def real_validator(name: str, arguments: dict[str, t.Any]) -> ArgumentSpecValidator:
    """The checks of a module's own argument spec; what is templated may be of any type."""
    spec, constraints = real_spec(name)
    templated = {option for option, value in arguments.items() if isinstance(value, str) and "{{" in value}
    spec = {
        option: {"type": "raw", "required": rules.get("required", False)} if option in templated else rules
        for option, rules in spec.items()
    }
    return ArgumentSpecValidator(spec, **constraints)


def example_tasks(name: str) -> list[tuple[str, dict[str, t.Any]]]:
    """Each task of an example that uses this collection: the module and its arguments."""
    prefix = "vastai.cloud."
    return [
        (key.removeprefix(prefix), arguments or {})
        for task in tasks(block(name, "EXAMPLES"))
        for key, arguments in task.items()
        if key.startswith(prefix)
    ]


@every_module
def test_its_examples_are_tasks_that_it_would_accept(name: str) -> None:
    found = example_tasks(name)
    assert name in [module for module, _arguments in found]
    for module, arguments in found:
        assert module in NAMES
        assert real_validator(module, arguments).validate(arguments).error_messages == []


def test_an_example_with_a_mistake_would_be_noticed() -> None:
    for arguments in ({"id": "x", "state": "stopped"}, {"id": 1}, {"label": "a", "stat": "stopped"}):
        assert real_validator("vast_instance", arguments).validate(arguments).error_messages != []
    for fleet in ({"select": {"prefix": "a"}, "state": "stopped"}, {"select": {"all": True}}):
        assert real_validator("vast_fleet", fleet).validate(fleet).error_messages != []


def test_an_option_that_is_documented_otherwise_would_be_noticed() -> None:
    spec: Spec = {"a": {"type": "int"}, "b": {"type": "dict", "options": {"c": {"type": "list", "elements": "str"}}}}
    told = {"a": {"type": "int", "default": 1}, "b": {"type": "dict", "suboptions": {"c": {"type": "list"}, "d": {}}}}
    assert sorted(differences(told, spec, "")) == ["a: default", "b.: ['d']", "b.c: elements"]


def test_a_result_that_is_documented_otherwise_would_be_noticed() -> None:
    keys = {"id": ("int", "always"), "label": ("str", "always"), "worker_of": ("int", "when it is known")}
    inner = {key: {"type": kind, "returned": when} for key, (kind, when) in keys.items()}
    told = {"type": "list", "elements": "dict", "contains": inner}
    assert len(list(mistakes([{"id": "1", "label": None}, {"id": 1}, {"id": 1, "label": "a", "x": 1}], told, "x"))) == 3
    assert list(mistakes([{"id": 1, "label": "a"}, {"id": 1, "label": "a", "worker_of": 2}], told, "x")) == []
    assert len(list(mistakes({}, told, "x"))) == 1


@every_module
def test_each_example_has_a_name(name: str) -> None:
    assert all(task.get("name") or "block" in task for task in tasks(block(name, "EXAMPLES")))


@every_module
def test_it_documents_its_release_attributes_and_action_group(name: str) -> None:
    documentation = block(name, "DOCUMENTATION")
    assert documentation["module"] == name
    assert documentation["version_added"]
    fragments = {"vastai.cloud.api", "vastai.cloud.attributes", "vastai.cloud.attributes.actiongroup"}
    assert fragments <= set(documentation["extends_documentation_fragment"])


@every_module
def test_each_attribute_says_how_far_it_is_supported(name: str) -> None:
    attributes = documented(name, "attributes")
    assert attributes.keys() == {"check_mode", "diff_mode", "idempotent", "action_group"}
    assert all(attribute["description"] for attribute in attributes.values())
    allowed = {key: {"full", "partial"} for key in attributes}
    if name in INFO:
        allowed = {key: {"full"} for key in attributes} | {"diff_mode": {"none"}}
    assert {
        key: attribute["support"] for key, attribute in attributes.items() if attribute["support"] not in allowed[key]
    } == {}


def fragment(name: str) -> dict[str, t.Any]:
    """A documentation fragment of this collection, parsed."""
    file, _dot, which = name.removeprefix("vastai.cloud.").partition(".")
    module = importlib.import_module(f"{FRAGMENTS}.{file}")
    parsed: dict[str, t.Any] = yaml_load(getattr(module.ModuleDocFragment, which.upper() or "DOCUMENTATION"))
    return parsed


def documented(name: str, part: str) -> dict[str, t.Any]:
    """The options or attributes of a module, merged with those of its fragments as Ansible does."""
    documentation = block(name, "DOCUMENTATION")
    merged: dict[str, t.Any] = {}
    fragments = [fragment(each) for each in documentation["extends_documentation_fragment"]]
    for source in (*fragments, documentation):
        for key, entry in source.get(part, {}).items():
            merged[key] = {**merged.get(key, {}), **entry}
    return merged


def differences(documented: dict[str, t.Any], spec: Spec, path: str) -> c.Iterator[str]:
    """Where the documented options differ from the real ones."""
    if documented.keys() != spec.keys():
        yield f"{path}: {sorted(documented.keys() ^ spec.keys())}"
    for option in documented.keys() & spec.keys():
        told, real = documented[option], spec[option]
        for key, unset in (
            ("type", None),
            ("elements", None),
            ("choices", None),
            ("default", None),
            ("required", False),
        ):
            if told.get(key, unset) != real.get(key, unset):
                yield f"{path}{option}: {key}"
        yield from differences(told.get("suboptions", {}), real.get("options", {}), f"{path}{option}.")


@every_module
def test_its_options_are_documented_as_they_are(name: str) -> None:
    assert list(differences(documented(name, "options"), real_spec(name)[0], "")) == []


def test_the_options_that_select_are_documented_alike_everywhere() -> None:
    shared = fragment("vastai.cloud.selection")["options"]
    fleet = block("vast_fleet", "DOCUMENTATION")["options"]
    # Read and not imported: what runs on the controller is out of reach where modules are tested.
    assigned = {
        node.targets[0].id: node.value
        for node in ast.parse(INVENTORY.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    inventory = yaml_load(ast.literal_eval(assigned["DOCUMENTATION"]))["options"]
    assert fleet["exclude"]["suboptions"] == inventory["filters"]["suboptions"] == shared
    assert fleet["select"]["suboptions"] == {"all": fleet["select"]["suboptions"]["all"], **shared}
    assert documented("vast_instance_info", "options").items() >= shared.items()
    assert list(differences(shared, SELECTION_OPTIONS, "")) == []


RETURNS = importlib.util.spec_from_file_location("returns", COLLECTION / "tools" / "returns.py")


def test_what_is_shared_is_copied_from_the_fragments() -> None:
    assert RETURNS is not None
    assert RETURNS.loader is not None
    tool = importlib.util.module_from_spec(RETURNS)
    RETURNS.loader.exec_module(tool)
    assert tool.stale() == {}, "run python3 tools/returns.py"
    stale = "  # shared: cost\n  running: {}\n  # end\n"
    assert tool.fresh(stale) != stale
    assert tool.fresh(stale).startswith("  # shared: cost\n  running:\n    description: >-\n      US dollars")


def test_the_action_group_holds_every_module() -> None:
    runtime = yaml_load((COLLECTION / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"] == {"all": NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_no_result_takes_a_key_that_ansible_reads_itself(name: str) -> None:
    # A task whose result has a true `skipped` is shown as skipped, and ansible-core 2.21 makes a bool of the list.
    assert not {"skipped", "unreachable", "results", "invocation", "exception"} & set(block(name, "RETURN"))


def test_the_key_instance_is_documented_alike_in_all_modules() -> None:
    blocks = [returned["instance"] for name in NAMES if "instance" in (returned := block(name, "RETURN"))]
    assert len(blocks) >= 3
    # Only a module that asks for workers can tell of them.
    shown = [{key: value for key, value in each["contains"].items() if key != "worker_of"} for each in blocks]
    assert all(other == shown[0] for other in shown)
    assert [each["contains"]["worker_of"] for each in blocks if "worker_of" in each["contains"]] == [WORKER_OF]
    (listed,) = (returned["instances"] for name in INFO if "instances" in (returned := block(name, "RETURN")))
    assert listed["contains"] == {**shown[0], "worker_of": WORKER_OF}


def test_the_key_endpoint_is_documented_alike_in_all_modules() -> None:
    one = block("vast_endpoint", "RETURN")["endpoint"]["contains"]
    listed = block("vast_endpoint_info", "RETURN")["endpoints"]["contains"]
    assert listed == {
        **one,
        "workergroups": listed["workergroups"],
        **{key: listed[key] for key in ("workers", "counts", "per_hour", "log")},
    }


def test_the_key_cost_is_documented_alike_in_all_modules() -> None:
    listed = block("vast_instance_info", "RETURN")["cost"]["contains"]
    fleet = block("vast_fleet", "RETURN")["cost"]["contains"]
    assert fleet["before"]["contains"] == fleet["after"]["contains"] == listed


def test_the_failure_keys_are_documented_alike_in_all_modules() -> None:
    keys = ("error_class", "status_code", "error", "method", "url", "response")
    first, *others = ({key: block(name, "RETURN")[key] for key in keys} for name in NAMES)
    assert all(other == first for other in others)


def test_the_diff_is_documented_alike_in_all_modules_that_change_one_thing() -> None:
    first, *others = (block(name, "RETURN")["diff"] for name in NAMES if name not in INFO + FOR_MANY)
    assert all(other == first for other in others)
    assert all("diff" not in block(name, "RETURN") for name in INFO)


def instances(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare one look after another."""
    for row in rows:
        api.expect_listing(row, id=4711)


def put(api: Api, path: str, body: dict[str, t.Any], reply: t.Any = None, **more: t.Any) -> None:
    """Declare a write."""
    api.expect("PUT", f"/api/v0/instances/{path}", {"success": True} if reply is None else reply, body=body, **more)


def stopping(api: Api) -> Result:
    instances(api, instance_row())
    put(api, "4711/", {"state": "stopped"})
    instances(api, stopped_row())
    return run_module("vast_instance", id=4711, state="stopped")


def stopping_refused(api: Api) -> Result:
    instances(api, instance_row())
    put(api, "4711/", {"state": "stopped"}, {"success": False, "error": "invalid_args"}, status=400)
    instances(api, instance_row())
    return run_module("vast_instance", id=4711, state="stopped")


def stopping_timed_out(api: Api) -> Result:
    instances(api, instance_row())
    put(api, "4711/", {"state": "stopped"})
    instances(api, *[instance_row(intended_status="stopped")] * 2)
    return run_module("vast_instance", id=4711, state="stopped", wait_timeout=1)


RENTING: dict[str, t.Any] = {
    "label": "train-01",
    "state": "running",
    "offer": {"max_price": 0.5},
    "disk": 40,
    "image": "pytorch/pytorch:latest",
}


def renting(api: Api) -> Result:
    api.expect_listing(label="train-01")
    api.expect_any("POST", "/api/v0/bundles/", {"offers": [offer_row()]})
    api.expect_any("PUT", "/api/v0/asks/9001/", {"success": True, "new_contract": 4711})
    api.expect_listing(instance_row(machine_id=501, disk_space=40.0), label="train-01")
    return run_module("vast_instance", **RENTING)


def renting_in_vain(api: Api) -> Result:
    api.expect_listing(label="train-01")
    for _search in range(2):
        api.expect_any("POST", "/api/v0/bundles/", {"offers": [offer_row(dph_base=3.0)]})
    return run_module("vast_instance", **RENTING)


def renting_in_part(api: Api) -> Result:
    api.expect_listing(label="train-01")
    api.expect_any("POST", "/api/v0/bundles/", {"offers": [offer_row()]})
    api.expect_any("PUT", "/api/v0/asks/9001/", {"success": True, "new_contract": 4711})
    api.expect_listing(instance_row(actual_status="loading", machine_id=501, disk_space=40.0), label="train-01")
    api.expect_listing(instance_row(actual_status="loading", machine_id=501, disk_space=40.0), label="train-01")
    reply = {"success": False, "msg": "no"}
    filters = {"label": {"eq": "train-01"}}
    api.expect("GET", "/api/v1/instances/", reply, status=403, query=list_query(filters))
    return run_module("vast_instance", **RENTING)


def nothing_selected(api: Api) -> Result:
    return run_module("vast_instance", state="stopped")


def recycling(api: Api) -> Result:
    instances(api, instance_row())
    put(api, "recycle/4711/", {})
    instances(api, instance_row(actual_status="recycling"), instance_row())
    return run_module("vast_instance_recycle", id=4711)


def recycling_lost(api: Api) -> Result:
    instances(api, instance_row())
    put(api, "recycle/4711/", {}, requests.ConnectionError("reset"))
    instances(api, *[instance_row()] * 10)
    return run_module("vast_instance_recycle", id=4711)


def recycling_stopped(api: Api) -> Result:
    instances(api, stopped_row())
    return run_module("vast_instance_recycle", id=4711)


def executing(api: Api) -> Result:
    instances(api, stopped_row())
    put(api, "command/4711/", {"command": "ls"}, {"success": True, "result_url": "https://results.test/x"})
    api.expect("GET", "https://results.test/x", "a\n", authorized=False)
    return run_module("vast_instance_exec", id=4711, command="ls")


def executing_needlessly(api: Api) -> Result:
    instances(api, stopped_row())
    put(api, "command/4711/", {"command": "ls -d /a"}, {"success": True, "result_url": "https://results.test/x"})
    api.expect("GET", "https://results.test/x", "/a\n", authorized=False)
    return run_module("vast_instance_exec", id=4711, command="rm /b", creates="/a")


def executing_refused(api: Api) -> Result:
    instances(api, instance_row())
    refusal = {"success": False, "error": "invalid_args", "msg": "only avail on stopped instances"}
    put(api, "command/4711/", {"command": "ls"}, refusal, status=400)
    return run_module("vast_instance_exec", id=4711, command="ls")


def restarting(api: Api) -> Result:
    instances(api, instance_row())
    put(api, "reboot/4711/", {})
    instances(api, instance_row(actual_status="rebooting"), instance_row())
    return run_module("vast_instance", id=4711, state="restarted")


def destroying(api: Api) -> Result:
    instances(api, instance_row())
    api.expect("DELETE", "/api/v0/instances/4711/", {"success": True}, body={})
    api.expect_listing(id=4711)
    return run_module("vast_instance", id=4711, state="absent")


def destroying_a_worker(api: Api) -> Result:
    instances(api, instance_row(label=None))
    groups(api, endpoint_row())
    api.expect("POST", "/get_endpoint_workers/", [worker_row(4711)], body={"id": 77})
    return run_module("vast_instance", id=4711, state="absent")


def destroying_nothing(api: Api) -> Result:
    api.expect_listing(id=4711)
    return run_module("vast_instance", id=4711, state="absent")


def destroying_refused(api: Api) -> Result:
    instances(api, instance_row())
    api.expect("DELETE", "/api/v0/instances/4711/", {"success": False, "msg": "no"}, status=403, body={})
    instances(api, instance_row())
    return run_module("vast_instance", id=4711, state="absent")


def reading_logs(api: Api) -> Result:
    instances(api, instance_row())
    put(api, "request_logs/4711/", {"tail": "1000"}, {"success": True, "result_url": "https://results.test/x"})
    api.expect("GET", "https://results.test/x", b"", status=403, authorized=False)
    api.expect("GET", "https://results.test/x", "a\nb\n", authorized=False)
    return run_module("vast_instance_logs", id=4711)


def reading_logs_refused(api: Api) -> Result:
    instances(api, instance_row())
    refusal = {"error": "invalid_id", "msg": "Invalid instance id."}
    put(api, "request_logs/4711/", {"tail": "1000"}, refusal, status=404)
    return run_module("vast_instance_logs", id=4711)


def groups(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare the listing of endpoint groups."""
    api.expect("GET", "/api/v0/endptjobs/", {"success": True, "results": list(rows)})


def workers(api: Api, *ids: int) -> None:
    """Declare the workers that the engine lists, and their instances."""
    api.expect("POST", "/get_endpoint_workers/", [worker_row(number) for number in ids], body={"id": 77})
    api.expect_listing(*[instance_row(number, label=None) for number in ids], id=list(ids))


def deleting(api: Api) -> Result:
    groups(api, endpoint_row())
    workers(api, 1)
    api.expect("DELETE", "/api/v0/endptjobs/77/", {"success": True, "deleted_workers": [1], "failed_workers": []})
    groups(api)
    api.expect_listing(id=[1])
    return run_module("vast_endpoint", id=77, state="absent")


def deleting_foreseen(api: Api) -> Result:
    groups(api, endpoint_row())
    workers(api, 1)
    return run_module("vast_endpoint", id=77, state="absent", check_mode=True)


def deleting_nothing(api: Api) -> Result:
    groups(api, endpoint_row(78))
    return run_module("vast_endpoint", id=77, state="absent")


def deleting_in_part(api: Api) -> Result:
    groups(api, endpoint_row())
    workers(api, 1, 2)
    api.expect("DELETE", "/api/v0/endptjobs/77/", {"success": True, "deleted_workers": [1], "failed_workers": [2]})
    groups(api)
    api.expect_listing(instance_row(2), id=[1, 2])
    return run_module("vast_endpoint", id=77, state="absent", on_leftover="fail")


def deleting_refused(api: Api) -> Result:
    groups(api, endpoint_row())
    workers(api, 1)
    api.expect("DELETE", "/api/v0/endptjobs/77/", {"success": False, "msg": "no"}, status=403)
    return run_module("vast_endpoint", id=77, state="absent")


def deploying(api: Api) -> Result:
    groups(api, endpoint_row())
    api.expect("GET", "/api/v0/workergroups/", {"success": True, "results": [workergroup_row()]})
    return run_module("vast_endpoint", id=77, state="present", max_workers=8)


def bulk(api: Api, state: str, *ids: int, **more: t.Any) -> None:
    """Declare a write to many, which for one is that of the single form."""
    if len(ids) == 1:
        put(api, f"{ids[0]}/", {"state": state}, **more)
    else:
        put(api, "", {"state": state, "ids": list(ids)}, **more)


def moving(api: Api) -> Result:
    api.expect_listing(instance_row(1), stopped_row(2))
    bulk(api, "stopped", 1)
    api.expect_listing(stopped_row(1), id=1)
    return run_module("vast_fleet", select={"all": True}, state="stopped")


def removing(api: Api) -> Result:
    api.expect_listing(instance_row(1), instance_row(2, label=None), instance_row(93, label=None))
    groups(api, endpoint_row())
    api.expect("POST", "/get_endpoint_workers/", [worker_row(93)], body={"id": 77})
    api.expect("DELETE", "/api/v0/instances/", {"success": True}, body={"instance_ids": [1, 2]})
    api.expect_listing(id=[1, 2])
    api.expect_listing(id=[1, 2])
    return run_module("vast_fleet", select={"all": True}, state="absent", max_affected=2)


def moving_refused(api: Api) -> Result:
    api.expect_listing(instance_row(1))
    bulk(api, "stopped", 1, reply={"success": False, "error": "invalid_args"}, status=400)
    api.expect_listing(instance_row(1), id=1)
    return run_module("vast_fleet", select={"all": True}, state="stopped")


def moving_hopeless(api: Api) -> Result:
    api.expect_listing(stopped_row(1))
    bulk(api, "running", 1)
    api.expect_listing(instance_row(1, actual_status="loading"), id=1)
    api.expect_listing(stopped_row(1), id=1)
    return run_module("vast_fleet", select={"all": True}, state="running")


def moving_vanished(api: Api) -> Result:
    api.expect_listing(instance_row(1))
    bulk(api, "stopped", 1)
    api.expect_listing(id=1)
    return run_module("vast_fleet", select={"all": True}, state="stopped")


def moving_foreseen(api: Api) -> Result:
    api.expect_listing(instance_row(1), instance_row(2, label=None))
    groups(api)
    return run_module("vast_fleet", select={"all": True}, state="recycled", check_mode=True)


def moving_too_many(api: Api) -> Result:
    api.expect_listing(instance_row(1))
    return run_module("vast_fleet", select={"all": True}, state="stopped", max_affected=0)


def listing_instances(api: Api) -> Result:
    api.expect_listing(instance_row(1), stopped_row(2, label=None))
    return run_module("vast_instance_info")


def listing_workers(api: Api) -> Result:
    api.expect_listing(instance_row(1), instance_row(1001, label=None))
    groups(api, endpoint_row())
    api.expect("POST", "/get_endpoint_workers/", [worker_row(1001)], body={"id": 77})
    return run_module("vast_instance_info", find_workers=True)


def listing_instances_refused(api: Api) -> Result:
    refusal = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", "/api/v1/instances/", refusal, status=404, query=list_query({}))
    return run_module("vast_instance_info")


def listing_endpoints(api: Api) -> Result:
    groups(api, endpoint_row())
    api.expect("GET", "/api/v0/workergroups/", {"success": True, "results": [workergroup_row()]})
    api.expect("POST", "/get_endpoint_workers/", [worker_row()], body={"id": 77})
    return run_module("vast_endpoint_info")


def listing_endpoints_refused(api: Api) -> Result:
    api.expect("GET", "/api/v0/endptjobs/", {"success": False, "msg": "no"}, status=403)
    return run_module("vast_endpoint_info")


def searching(api: Api) -> Result:
    api.expect_any("POST", "/api/v0/bundles/", {"offers": [offer_row()]})
    return run_module("vast_offer_info")


def searching_in_vain(api: Api) -> Result:
    for _search in range(2):
        api.expect_any("POST", "/api/v0/bundles/", {"offers": [offer_row(dph_base=3.0)]})
    return run_module("vast_offer_info", max_price=0.1)


def searching_refused(api: Api) -> Result:
    refusal = {"success": False, "error": "invalid_request", "msg": "Invalid json body"}
    api.expect_any("POST", "/api/v0/bundles/", refusal)
    return run_module("vast_offer_info")


def adding_a_key(api: Api) -> Result:
    api.expect_listing(instance_row(1), id=1)
    ssh_key_tests.keys(api)
    ssh_key_tests.on(api, 1, ssh_key_tests.row())
    ssh_key_tests.add(api)
    ssh_key_tests.keys(api, ssh_key_tests.row())
    return run_module("vast_ssh_key", public_key=ssh_key_tests.KEY, instances=["1"])


def adding_a_key_refused(api: Api) -> Result:
    ssh_key_tests.keys(api)
    ssh_key_tests.add(api, {"success": False, "error": "no_ssh_key", "msg": "No"}, status=400)
    ssh_key_tests.keys(api)
    return run_module("vast_ssh_key", public_key=ssh_key_tests.KEY)


def making_a_key(api: Api) -> Result:
    api_key_tests.keys(api)
    api_key_tests.make(api, api_key_tests.made(key="shown-once"))
    api_key_tests.keys(api, api_key_tests.row())
    return run_module("vast_api_key", **api_key_tests.given(return_key=True))


def setting_a_variable(api: Api) -> Result:
    env_var_tests.names(api)
    env_var_tests.send(api, "POST")
    env_var_tests.names(api, "HF_TOKEN")
    return run_module("vast_env_var", **env_var_tests.GIVEN)


def setting_a_variable_refused(api: Api) -> Result:
    env_var_tests.names(api)
    env_var_tests.send(api, "POST", {"success": False, "error": "missing_input", "msg": "No"}, status=400)
    env_var_tests.names(api)
    return run_module("vast_env_var", **env_var_tests.GIVEN)


def keeping_a_template(api: Api) -> Result:
    template_tests.start(api)
    template_tests.create(api)
    template_tests.listed(api, template_tests.row())
    return run_module("vast_template", **template_tests.GIVEN)


def keeping_a_template_refused(api: Api) -> Result:
    template_tests.start(api, template_tests.row())
    template_tests.edit(api, {"success": False, "msg": "no"}, status=400, tag="v2")
    template_tests.listed(api, template_tests.row())
    return run_module("vast_template", **template_tests.GIVEN, tag="v2")


def listing_templates(api: Api) -> Result:
    template_tests.info(api, {}, template_tests.row())
    return run_module("vast_template_info")


def listing_templates_refused(api: Api) -> Result:
    refusal = {"success": False, "msg": "no"}
    api.expect_any("GET", "/api/v0/template/", refusal)
    return run_module("vast_template_info")


def looking_at_the_account(api: Api) -> Result:
    account_tests.account(api, instance_row(1), volumes=([],))
    return run_module("vast_account_info")


def looking_at_the_account_without_rights(api: Api) -> Result:
    account_tests.account(api, readable=False)
    return run_module("vast_account_info")


def looking_at_the_account_refused(api: Api) -> Result:
    refusal = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", "/api/v0/users/current/", refusal, status=404)
    return run_module("vast_account_info")


def costing(api: Api) -> Result:
    costs.account(api, instance_row(1), stopped_row(2), volumes=[costs.volume_row()], charged={"instance-1": 1.0})
    return run_module("vast_cost_info", group_by=["label"])


def costing_too_much(api: Api) -> Result:
    costs.account(api, instance_row(1))
    return run_module("vast_cost_info", limits={"per_hour": 0.1}, fail_over_limit=True)


def costing_refused(api: Api) -> Result:
    refusal = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", "/api/v1/instances/", refusal, status=404, query=list_query({}))
    return run_module("vast_cost_info")


def reaping(api: Api) -> Result:
    reaper.chosen(api, reaper.old(1), reaper.old(2, label="keep"))
    reaper.no_workers(api)
    reaper.destroyed(api, reaper.old(1))
    return run_module("vast_reaper", **reaper.OLD, protect={"label": ["keep"]})


def reaping_foreseen(api: Api) -> Result:
    reaper.chosen(api, reaper.old(1))
    reaper.no_workers(api)
    return run_module("vast_reaper", **reaper.OLD, check_mode=True)


def reaping_refused(api: Api) -> Result:
    reaper.chosen(api, reaper.old(1))
    reaper.no_workers(api)
    reaper.seen_again(api, reaper.old(1))
    api.expect("DELETE", "/api/v0/instances/1/", {"success": False, "error": "invalid_args"}, status=400, body={})
    api.expect_listing(reaper.old(1), id=1)
    return run_module("vast_reaper", **reaper.OLD)


def reaping_too_many(api: Api) -> Result:
    reaper.chosen(api, reaper.old(1))
    reaper.no_workers(api)
    return run_module("vast_reaper", **reaper.OLD, max_affected=0)


def accepting(api: Api) -> Result:
    raises.listed(api, raises.row(), raises.row(8, new=0.8), times=2)
    raises.send(api)
    raises.listed(api, raises.row(8, new=0.8))
    return run_module("vast_price_increase", **raises.GIVEN)


def accepting_refused(api: Api) -> Result:
    raises.listed(api, raises.row(), times=2)
    raises.send(api, reply={"success": False, "error": "invalid_args", "msg": "No"}, status=400)
    raises.listed(api, raises.row())
    return run_module("vast_price_increase", **raises.GIVEN)


RUNS: dict[str, list[c.Callable[[Api], Result]]] = {
    "vast_account_info": [
        looking_at_the_account,
        looking_at_the_account_without_rights,
        looking_at_the_account_refused,
    ],
    "vast_cost_info": [costing, costing_too_much, costing_refused],
    "vast_endpoint": [deploying, deleting, deleting_foreseen, deleting_nothing, deleting_refused, deleting_in_part],
    "vast_endpoint_info": [listing_endpoints, listing_endpoints_refused],
    "vast_fleet": [
        moving,
        moving_refused,
        moving_hopeless,
        moving_vanished,
        moving_foreseen,
        moving_too_many,
        removing,
    ],
    "vast_instance": [
        stopping,
        stopping_refused,
        stopping_timed_out,
        nothing_selected,
        renting,
        renting_in_vain,
        renting_in_part,
        restarting,
        destroying,
        destroying_a_worker,
        destroying_nothing,
        destroying_refused,
    ],
    "vast_instance_exec": [executing, executing_needlessly, executing_refused],
    "vast_instance_info": [listing_instances, listing_workers, listing_instances_refused],
    "vast_instance_logs": [reading_logs, reading_logs_refused],
    "vast_offer_info": [searching, searching_in_vain, searching_refused],
    "vast_api_key": [making_a_key, api_key_tests.replacing_in_vain],
    "vast_env_var": [setting_a_variable, setting_a_variable_refused],
    "vast_template": [keeping_a_template, keeping_a_template_refused],
    "vast_template_info": [listing_templates, listing_templates_refused],
    "vast_volume": [volume_tests.renting, volume_tests.renting_refused],
    "vast_ssh_key": [adding_a_key, adding_a_key_refused],
    "vast_price_increase": [accepting, accepting_refused],
    "vast_reaper": [reaping, reaping_foreseen, reaping_refused, reaping_too_many],
    "vast_instance_recycle": [recycling, recycling_lost, recycling_stopped],
}


def real_results(name: str) -> list[Result]:
    """How runs of a module ended, successes and failures."""
    results = []
    for run in RUNS[name]:
        with declared_calls() as api:
            results.append(run(api))
    assert {result.failed for result in results} == {False, True}
    return results


@every_module
def test_every_key_it_returns_is_documented_and_the_other_way_round(name: str) -> None:
    results = real_results(name)
    documented = block(name, "RETURN").keys()
    assert {key for result in results for key in result.values} | OF_EVERY_MODULE == documented | OF_EVERY_MODULE


@every_module
def test_it_returns_its_keys_when_it_says_so(name: str) -> None:
    documented = block(name, "RETURN")
    for result in real_results(name):
        always = {
            key
            for key, entry in documented.items()
            if entry["returned"].startswith("failure" if result.failed else "success")
            and ("request" not in entry["returned"] or "method" in result.values)
        }
        if result.failed and "counts" in result.values:
            always |= {key for key, entry in documented.items() if "when instances failed" in entry["returned"]}
        never = {
            key for key, entry in documented.items() if entry["returned"] == ("success" if result.failed else "failure")
        }
        assert always
        assert always <= result.values.keys()
        assert not never & result.values.keys()


TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "dict": (dict,),
    "float": (int, float),
    "int": (int,),
    "list": (list,),
    "raw": (object,),
    "str": (str,),
}


def mistakes(value: t.Any, entry: dict[str, t.Any], path: str) -> c.Iterator[str]:
    """Where a value differs from its documentation; null is always allowed."""
    if value is None:
        return
    fits: bool = isinstance(value, TYPES[entry["type"]])
    if not fits:
        yield f"{path} is {value!r} and documented as {entry['type']}"
    elif isinstance(value, list):
        for item in value:
            yield from mistakes(item, {**entry, "type": entry["elements"]}, f"{path}[]")
    elif "contains" in entry:
        needed = {key for key, inner in entry["contains"].items() if inner["returned"] == "always"}
        if wrong := (value.keys() - entry["contains"].keys()) | (needed - value.keys()):
            yield f"{path} has other keys than documented: {wrong}"
        for key, inner in entry["contains"].items():
            yield from mistakes(value.get(key), inner, f"{path}.{key}")


@every_module
def test_the_values_have_the_documented_types_and_keys_inside(name: str) -> None:
    documented = block(name, "RETURN")
    found = [
        mistake
        for result in real_results(name)
        for key, value in result.values.items()
        if key in documented
        for mistake in mistakes(value, documented[key], key)
    ]
    assert found == []


def inner_keys(value: t.Any, entry: dict[str, t.Any]) -> c.Iterator[tuple[str, bool]]:
    """The keys inside that need not be there, and whether each is."""
    for each in value if isinstance(value, list) else [value]:
        for key, inner in entry.get("contains", {}).items() if isinstance(each, dict) else ():
            if inner["returned"] != "always":
                yield key, key in each
            yield from inner_keys(each.get(key), inner)


@every_module
def test_a_key_inside_that_need_not_be_there_is_there_in_some_run(name: str) -> None:
    results = real_results(name)
    for key, entry in block(name, "RETURN").items():
        values = [result.values[key] for result in results if key in result.values]
        found = {pair for value in values for pair in inner_keys(value, entry)}
        assert {inner for inner, _there in found} == {inner for inner, there in found if there}, key


@every_module
def test_the_samples_show_documented_keys_only(name: str) -> None:
    for key, entry in block(name, "RETURN").items():
        sample = entry.get("sample")
        for each in sample if isinstance(sample, list) else [sample]:
            if isinstance(each, dict) and "contains" in entry:
                assert each.keys() <= entry["contains"].keys(), key


@every_module
def test_the_samples_are_of_the_documented_types(name: str) -> None:
    found = [
        mistake
        for key, entry in block(name, "RETURN").items()
        for mistake in mistakes(entry.get("sample"), shallow(entry), key)
    ]
    assert found == []


def shallow(entry: dict[str, t.Any]) -> dict[str, t.Any]:
    """An entry without what it contains: a sample may show a part."""
    return {key: value for key, value in entry.items() if key != "contains"}
