# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seam to Ansible, through a real module: options refused before any request, the key, a missing library."""

from __future__ import annotations

import ast
import json
import pathlib
import re
import shlex
import sys
import typing as t

import pytest
import requests
import responses
from ansible.module_utils import basic
from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import VastModule
from ansible_collections.vastai.cloud.plugins.module_utils._api import client
from ansible_collections.vastai.cloud.plugins.module_utils._api.redact import MASK
from ansible_collections.vastai.cloud.plugins.module_utils._instances import instance
from ansible_collections.vastai.cloud.plugins.module_utils._version import VERSION

from ...harness import (
    COLLECTION,
    KEY,
    NAMES,
    NULL,
    URL,
    Api,
    FakeClock,
    fail,
    fail_as,
    instance_row,
    list_query,
    listing,
    stopped_row,
    succeed,
)

ROOT = pathlib.Path(__file__).parents[5]


@pytest.mark.usefixtures("api")
def test_the_value_of_a_misspelt_option_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[dict[str, t.Any]] = []
    loaded = VastModule._load_params

    def load(module: VastModule) -> None:
        loaded(module)
        kept.append(dict(module.params))

    monkeypatch.setattr(VastModule, "_load_params", load)
    fail_as("vast_instance", "invalid", "secret_envs", id=4711, state="stopped", secret_envs={"A": "hunter2hunter2"})
    # Ansible shows these at -vvv.
    assert "hunter2" not in json.dumps(kept)
    assert kept[0]["_ansible_check_mode"] is False


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({}, "id, label", id="nothing"),
        pytest.param({"id": 4711}, "state, label", id="nothing-to-do"),
        pytest.param({"id": "forty", "state": "stopped"}, "'id'", id="id-no-number"),
        pytest.param({"id": 4711, "state": "paused"}, "paused", id="state-unknown"),
        pytest.param({"id": 4711, "state": "stopped", "wait": "perhaps"}, "'wait'", id="wait-no-bool"),
        pytest.param({"id": 4711, "state": "stopped", "api_timeout": "long"}, "'api_timeout'", id="timeout-no-number"),
        pytest.param({"id": 4711, "state": "stopped", "speed": 9}, "speed", id="option-unknown"),
        pytest.param({"id": 0, "state": "stopped"}, "id must be a positive number, not 0", id="id-zero"),
        pytest.param({"id": -5, "state": "stopped"}, "id must be a positive number, not -5", id="id-negative"),
        pytest.param({"label": "", "state": "stopped"}, "label must not be empty", id="label-empty"),
        pytest.param({"id": 4711, "label": "x" * 1025}, "label has 1025 characters", id="label-too-long"),
        pytest.param(
            {"id": 4711, "state": "stopped", "wait_timeout": 0},
            "wait_timeout must be greater than 0, not 0",
            id="wait-timeout-zero",
        ),
        pytest.param(
            {"id": 4711, "state": "stopped", "wait_interval": -1}, "wait_interval must be", id="wait-interval-negative"
        ),
        pytest.param(
            {"id": 4711, "state": "stopped", "wait_interval": "nan"}, "wait_interval must be", id="wait-interval-nan"
        ),
        pytest.param({"id": True, "state": "stopped"}, "id must be a number, not true", id="id-true"),
        pytest.param({"id": 2**63, "state": "stopped"}, "id must be a positive number, not a number of", id="id-large"),
        pytest.param({"id": 10**400, "state": "stopped"}, "id must be a finite number", id="id-endless"),
        pytest.param({"id": "1e999999999", "state": "stopped"}, "id must be a finite number", id="id-exponent"),
        pytest.param({"id": NULL, "state": "stopped"}, "id must not be null; omit it instead", id="id-null"),
        pytest.param({"id": 4711, "label": NULL}, "label must not be null", id="label-null"),
        pytest.param({"label": "  ", "state": "stopped"}, "label must not be empty", id="label-blank"),
        pytest.param({"id": 4711, "label": ["a"]}, "label must be a string, not a list", id="label-list"),
        pytest.param({"id": 4711, "state": NULL}, "state must not be null", id="state-null"),
        pytest.param({"id": 4711, "state": "stopped", "api_key": NULL}, "api_key must not be null", id="api-key-null"),
        pytest.param({"id": 4711, "state": "stopped", "api_url": NULL}, "api_url must not be null", id="api-url-null"),
        pytest.param({"id": 4711, "state": "stopped", "wait": NULL}, "wait must not be null", id="wait-null"),
        pytest.param(
            {"id": 4711, "state": "stopped", "wait_timeout": NULL}, "wait_timeout must not be null", id="timeout-null"
        ),
        pytest.param(
            {"id": 4711, "state": "stopped", "wait_timeout": 604801}, "wait_timeout must be at most 604800", id="a-week"
        ),
        pytest.param(
            {"id": 4711, "state": "stopped", "wait_interval": 3601}, "wait_interval must be at most 3600", id="an-hour"
        ),
        pytest.param(
            {"id": 4711, "state": "stopped", "api_timeout": True},
            "api_timeout must be a number, not true",
            id="api-true",
        ),
        pytest.param({"id": 4711, "state": "stopped", "api_timeout": 0}, "api_timeout", id="api-timeout-zero"),
        pytest.param(
            {"id": 4711, "state": "stopped", "api_key": ""},
            "api_key must not be empty; omit it",
            id="key-empty",
        ),
        pytest.param({"id": 4711, "state": "stopped", "api_url": ""}, "api_url must not be empty", id="url-empty"),
        pytest.param({"id": 4711, "state": "stopped", "ca_path": ""}, "ca_path must not be empty", id="ca-empty"),
        pytest.param(
            {"id": 4711, "state": "stopped", "api_url": "https://vast.test/api/v0/"},
            "Use https://vast.test.",
            id="url-path",
        ),
        pytest.param({"id": 4711, "state": "stopped", "api_url": "console.vast.ai"}, "api_url", id="url-no-scheme"),
        pytest.param({"id": 4711, "state": "stopped", "ca_path": "/nowhere.pem"}, "/nowhere.pem", id="ca-missing"),
    ],
)
def test_options_that_cannot_work_are_invalid_and_send_nothing(options: dict[str, t.Any], says: str) -> None:
    result = fail("vast_instance", **options)
    assert result["error_class"] == "invalid"
    assert says in result["msg"]
    assert "status_code" not in result.values


@pytest.mark.usefixtures("api")
def test_what_is_wrong_with_an_option_is_told_rather_than_that_another_is_needed() -> None:
    fail_as("vast_instance", "invalid", "id must not be null", id=NULL)


def test_the_key_shows_nowhere_whatever_else_is_wrong(api: Api) -> None:
    result = fail("vast_instance", id=4711, state=f"x{KEY}y")
    assert KEY not in result.text
    assert "********" in result.text


def test_what_the_api_echoes_is_redacted_in_results_failures_and_warnings(api: Api) -> None:
    api.expect_listing(stopped_row(status_msg=f"env: {KEY}", image_uuid=KEY.upper()), id=4711)
    result = succeed("vast_instance", id=4711, state="stopped")
    assert result["instance"]["status_msg"] == "env: ********"
    assert result["instance"]["image_uuid"] == "********"
    api.expect_listing(instance_row(label=f"\x1b[31m{KEY}"), id=4711)
    (warning,) = succeed("vast_instance_exec", id=4711, command="rm /a", check_mode=True).warnings
    assert "instance 4711 (\\x1b[31m********)" in warning
    api.expect_listing(instance_row(label=f"\x1b[31m{KEY}"), id=4711)
    api.expect("PUT", "/api/v0/instances/command/4711/", "no\x07", status=400, body={"command": "ls"})
    message = fail("vast_instance_exec", id=4711, command="ls")["msg"]
    assert message.isprintable()


def test_what_instances_are_called_hides_nothing(api: Api) -> None:
    rows = [instance_row(1, label="token-server"), instance_row(2, label="api_key")]
    for _run in range(2):
        api.expect_listing(*rows)
    assert succeed("vast_instance_info")["labels"] == {"token-server": 1, "api_key": 1}
    result = succeed("vast_fleet", select={"all": True}, state="stopped", check_mode=True)
    assert result["diff"]["after"] == {
        "instance 1 (token-server)": {"state": "stopped"},
        "instance 2 (api_key)": {"state": "stopped"},
    }


def test_in_check_mode_the_client_refuses_to_write(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bool] = []
    connect = VastModule.connect

    def connect_and_note(task: VastModule) -> None:
        connect(task)
        writes.append(task.client.writes)

    monkeypatch.setattr(VastModule, "connect", connect_and_note)
    for check_mode in (False, True):
        api.expect_listing(stopped_row(), id=4711)
        succeed("vast_instance", id=4711, state="stopped", check_mode=check_mode)
    assert writes == [True, False]


SEAM = COLLECTION / "plugins" / "module_utils" / "_ansible" / "vast_module.py"


def test_a_python_that_is_too_old_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 20, "final", 0))
    with pytest.raises(SystemExit) as ended:
        exec(compile(SEAM.read_text(encoding="utf-8"), SEAM, "exec"), {"__name__": "seam"})  # noqa: S102
    assert ended.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] is True
    assert told["error_class"] == "dependency"
    assert "need Python 3.10 or newer" in told["msg"]
    assert f"{sys.executable} is Python 3.8" in told["msg"]


@pytest.mark.parametrize("name", NAMES)
def test_an_old_python_gets_as_far_as_being_told(name: str) -> None:
    module = COLLECTION / "plugins" / "modules" / f"{name}.py"
    trees = [ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8)) for path in (module, SEAM)]
    imported = [node.module for node in trees[0].body if isinstance(node, ast.ImportFrom) and node.module]
    ours = [each for each in imported if each.startswith("ansible_collections.")]
    assert ours[0].endswith("._ansible.vast_module")


def test_the_longest_label_is_accepted(api: Api) -> None:
    label = "x" * 1024
    api.expect_listing(stopped_row(label=label), label=label)
    assert succeed("vast_instance", label=label, state="stopped")["changed"] is False


@pytest.mark.usefixtures("api")
def test_without_any_key_nothing_is_sent() -> None:
    result = fail("vast_instance", id=4711, state="stopped", api_key=None)
    assert result["error_class"] == "auth"
    assert "VAST_API_KEY" in result["msg"]


def store_in_option(home: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    return {"api_key": KEY}


def store_in_environment(home: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    monkeypatch.setenv("VAST_API_KEY", f"{KEY}\n")
    return {"api_key": None}


def store_in_file(home: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    file = home / ".config" / "vastai" / "vast_api_key"
    file.parent.mkdir(parents=True)
    file.write_text(f"{KEY}\n")
    return {"api_key": None}


@pytest.mark.parametrize("store", [store_in_option, store_in_environment, store_in_file])
def test_ansible_masks_the_key_wherever_it_comes_from(
    api: Api,
    home: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    store: t.Callable[[pathlib.Path, pytest.MonkeyPatch], dict[str, t.Any]],
) -> None:
    masked: set[str] = set()
    connect = VastModule.connect

    def connect_and_note(task: VastModule) -> None:
        connect(task)
        masked.update(task.no_log_values)

    monkeypatch.setattr(VastModule, "connect", connect_and_note)
    api.expect_listing(stopped_row(), id=4711)
    succeed("vast_instance", id=4711, state="stopped", **store(home, monkeypatch))
    assert KEY in masked


def test_address_is_taken_from_the_environment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAST_URL", URL)
    api.expect_listing(stopped_row(), id=4711)
    assert succeed("vast_instance", id=4711, state="stopped", api_url=None)["changed"] is False


@pytest.mark.usefixtures("api")
def test_without_requests_the_failure_names_library_and_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "REQUESTS_IMPORT_ERROR", "Traceback: No module named 'requests'")
    result = fail("vast_instance", id=4711, state="stopped")
    assert result["error_class"] == "dependency"
    assert f"{shlex.quote(sys.executable)} -m pip install requests" in result["msg"]
    assert "No module named 'requests'" in result["exception"]


@pytest.mark.parametrize(
    ("store", "source"),
    [
        (store_in_option, "the option api_key"),
        (store_in_environment, "the environment variable VAST_API_KEY"),
        (store_in_file, "/.config/vastai/vast_api_key"),
    ],
)
def test_a_key_that_is_not_accepted_says_where_it_came_from(
    api: Api,
    home: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    store: t.Callable[[pathlib.Path, pytest.MonkeyPatch], dict[str, t.Any]],
    source: str,
) -> None:
    refused = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", instance.LIST.path, refused, status=404, query=list_query({"id": {"eq": 4711}}))
    result = fail("vast_instance", id=4711, state="stopped", **store(home, monkeypatch))
    assert result["error_class"] == "auth"
    assert "The API key is wrong, expired or not accepted here. It came from " in result["msg"]
    assert f"{source}. See https:" in result["msg"]


@pytest.mark.usefixtures("api")
def test_an_empty_key_is_not_replaced_by_that_of_another_account(
    home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_in_environment(home, monkeypatch)
    store_in_file(home, monkeypatch)
    assert fail("vast_instance", id=4711, state="stopped", api_key="")["error_class"] == "invalid"


def test_a_failure_of_the_api_becomes_the_keys_of_a_failed_result(api: Api) -> None:
    query = list_query({"id": {"eq": 4711}})
    refused = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("GET", instance.LIST.path, refused, status=404, query=query)
    result = fail("vast_instance", id=4711, state="stopped")
    assert result["error_class"] == "auth"
    assert result["status_code"] == 404
    assert result["error"] == "auth_error"
    assert result["method"] == "GET"
    assert result["url"] == f"{URL}{instance.LIST.path}"
    assert "Invalid user key" in result["response"]


def test_the_number_of_tries_follows_the_options(api: Api, clock: FakeClock) -> None:
    query = list_query({"id": {"eq": 4711}})
    api.expect("GET", instance.LIST.path, "API requests too frequent", status=429, query=query)
    assert fail("vast_instance", id=4711, state="stopped", retry_timeout=0)["error_class"] == "rate_limited"
    assert clock.slept == []


def test_the_user_agent_carries_the_version_of_galaxy_yml(monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"^version: *(\S+)$", (ROOT / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    assert found[1] == VERSION
    with responses.RequestsMock() as mocked:
        mocked.get(URL + instance.LIST.path, json=listing(stopped_row()))
        succeed("vast_instance", id=4711, state="stopped")
        request: requests.PreparedRequest = mocked.calls[0].request
    assert request.headers["User-Agent"].startswith(f"ansible-vastai.cloud/{found[1]} ansible-core/2.")


def test_the_changelog_begins_with_the_version_of_galaxy_yml() -> None:
    releases = yaml_load((ROOT / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"]
    assert max(releases, key=lambda version: [int(part) for part in re.findall(r"\d+", version)]) == VERSION
    first = re.search(r"^## v(\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first is not None
    assert first[1].replace("\\", "") == VERSION


GIVEN_SECRETS: dict[str, t.Any] = {
    "name": "vllm",
    "image": "vllm/vllm-openai",
    "env": {"HF_TOKEN": "SECRET-env", "PLAIN": "SECRET-as-well"},
    "onstart": "export PASSWORD=SECRET-onstart",
}


@pytest.mark.parametrize("more", [{}, {"tag": ["not a text"]}])
def test_what_a_task_was_called_with_is_shown_and_logged_without_secrets(
    api: Api, monkeypatch: pytest.MonkeyPatch, more: dict[str, t.Any]
) -> None:
    """The harness holds it of what results show, for every module; here it is seen that there is something to hold."""
    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda _module, msg, log_args=None: logged.append(msg))
    if not more:
        api.expect("GET", "/api/v0/users/current/", {"success": False, "msg": "no"}, status=400)
    result = fail("vast_template", **GIVEN_SECRETS, **more)
    shown = result.invocation["module_args"]
    assert shown["env"] == {"HF_TOKEN": MASK, "PLAIN": MASK}
    assert (shown["onstart"], shown["image"]) == (MASK, "vllm/vllm-openai")
    assert "SECRET" not in "".join(logged)
    assert more or "image=vllm/vllm-openai" in logged[0]
