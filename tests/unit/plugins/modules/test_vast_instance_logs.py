# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_instance_logs, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import typing as t

import pytest
import requests

from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._instances.logs import MAX_TAIL, tail_of

from ..harness import Api, FakeClock, fail_as, instance_row, list_query, listing, make_client, succeed

FILE = "https://results.test/instance_logs/1.log"
LOST = requests.ConnectionError("Connection reset by peer")

logs = functools.partial(succeed, "vast_instance_logs", id=4711)
failure = functools.partial(fail_as, "vast_instance_logs", id=4711)


def expect_request(api: Api, reply: t.Any = None, status: int = 200, **body: str) -> None:
    answer = {"success": True, "result_url": FILE, "msg": "ok"} if reply is None else reply
    api.expect("PUT", "/api/v0/instances/request_logs/4711/", answer, status=status, body={"tail": "1000", **body})


def expect_file(api: Api, *texts: str | None) -> None:
    for text in texts:
        api.expect("GET", FILE, "" if text is None else text, status=403 if text is None else 200, authorized=False)


def expect_log(api: Api, *texts: str | None, row: dict[str, t.Any] | None = None, **body: str) -> None:
    api.expect_listing(row or instance_row(), id=4711)
    expect_request(api, None, 200, **body)
    expect_file(api, *texts)


@pytest.mark.parametrize("check_mode", [False, True])
def test_it_waits_for_the_text_that_it_asked_for(api: Api, clock: FakeClock, check_mode: bool) -> None:
    expect_log(api, None, None, "one\n\ntwo\n")
    result = logs(check_mode=check_mode)
    assert (result["stdout"], result["stdout_lines"]) == ("one\n\ntwo", ["one", "", "two"])
    assert (result["changed"], result["may_be_old"], result["instance"]["id"]) == (False, False, 4711)
    assert clock.slept == pytest.approx([1.0, 1.0])


def test_the_options_are_sent_as_texts(api: Api) -> None:
    expect_log(api, None, "", tail="5", filter="error", daemon_logs="true")
    result = logs(tail=5, filter="error", daemon=True)
    assert (result["stdout"], result["stdout_lines"]) == ("", [])


def test_a_label_selects_and_an_empty_filter_is_none(api: Api) -> None:
    api.expect_listing(instance_row(), label="train-01")
    expect_request(api)
    expect_file(api, None, "x")
    assert succeed("vast_instance_logs", label="train-01", filter="")["stdout"] == "x"


def test_a_text_that_was_there_at_once_is_waited_out(api: Api) -> None:
    expect_log(api, "old", "old", None, "new")
    result = logs()
    assert (result["stdout"], result["may_be_old"]) == ("new", False)


def test_a_text_that_was_there_at_once_and_stays_may_be_old(api: Api, clock: FakeClock) -> None:
    expect_log(api, *["old"] * 7)
    result = logs()
    assert (result["stdout"], result["may_be_old"]) == ("old", True)
    assert sum(clock.slept) == pytest.approx(6.0)


def test_a_lost_reply_is_asked_for_again_since_it_only_looks(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_request(api, LOST)
    expect_request(api)
    expect_file(api, None, "x")
    assert logs()["stdout"] == "x"


def test_secrets_of_the_instance_and_the_key_are_masked(api: Api) -> None:
    env = {"HF_TOKEN": "SECRET-env-value", "DEBUG": "1", "MODEL": "llama-3-70b"}
    text = "SECRET-jupyter-token and SECRET-env-value, llama-3-70b 1\n"
    expect_log(api, None, text, row=instance_row(extra_env=[*map(list, env.items()), "odd"]))
    assert logs()["stdout"] == "******** and ********, llama-3-70b 1"
    expect_log(api, None, text, row=instance_row(extra_env=[f"{name}={value}" for name, value in env.items()]))
    assert logs()["stdout"] == "******** and ********, llama-3-70b 1"
    expect_log(api, None, text, row=instance_row(extra_env=env))
    assert logs()["stdout"] == "******** and ********, llama-3-70b 1"
    expect_log(api, None, "nothing known", row=instance_row(extra_env=None, jupyter_token=None))
    assert logs()["stdout"] == "nothing known"


@pytest.mark.parametrize(
    ("reply", "status", "error_class", "says"),
    [
        ({"error": "invalid_id", "msg": "Invalid instance id."}, 404, "not_found", "Vast.ai has no log of it"),
        ({"error": "not_authorized", "msg": "Not authorized to view logs"}, 403, "permission", "Not authorized"),
        ({"error": "auth_error", "msg": "Invalid user key"}, 404, "auth", "The API key is wrong"),
        ("too frequent", 429, "rate_limited", "Gave up after trying once"),
        ({"success": False, "error": "x", "msg": "no"}, 200, "invalid", "no."),
        ({"success": True, "msg": "ok"}, 200, "protocol", "named no result_url"),
        ({"success": True, "result_url": 7}, 200, "protocol", "named no result_url"),
        ({"success": True, "result_url": "http://elsewhere.test/x"}, 200, "protocol", "which is not https"),
    ],
)
def test_a_refusal_is_told_by_its_class(api: Api, reply: t.Any, status: int, error_class: str, says: str) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_request(api, reply, status)
    assert failure(error_class, says, retry_timeout=0)["instance"]["id"] == 4711


def test_a_refusal_for_its_pace_is_waited_out(api: Api, clock: FakeClock) -> None:
    api.expect_listing(instance_row(), id=4711)
    expect_request(api, "endpoint threshold=3.0", 429)
    expect_request(api)
    expect_file(api, None, "x")
    assert logs()["stdout"] == "x"
    assert clock.slept[0] >= 3.0


@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        ({"error": "auth_error", "msg": "Invalid user key"}, 404, "auth"),
        (listing(instance_row(), total_instances=2), 200, "protocol"),
    ],
)
def test_without_a_complete_listing_no_log_is_asked_for(api: Api, reply: t.Any, status: int, error_class: str) -> None:
    api.expect("GET", "/api/v1/instances/", reply, status=status, query=list_query({"id": {"eq": 4711}}))
    failure(error_class)


def test_a_log_that_is_too_long_is_refused_with_advice(api: Api) -> None:
    expect_log(api, "x" * (4 * 1024 * 1024 + 1))
    failure("protocol", "is larger than 4194304 bytes", "Request fewer lines with tail")


def test_a_log_that_does_not_come_is_told(api: Api) -> None:
    expect_log(api, *[None] * 4)
    failure("timeout", "The log of instance 4711 (train-01) did not come within result_timeout (3 s)", result_timeout=3)


def test_an_instance_that_does_not_exist(api: Api) -> None:
    api.expect_listing(id=4711)
    failure("not_found", "There is no instance 4711")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tail": 0}, "tail must be from 1 to 100000"),
        ({"tail": MAX_TAIL + 1}, "tail must be from 1 to 100000"),
        ({"result_timeout": 0}, "result_timeout must be from 1 to 86400"),
        ({"id": None}, "one of the following is required: id, label"),
        ({"label": "a"}, "parameters are mutually exclusive: id|label"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_request(api: Api, options: t.Any, says: str) -> None:
    failure("invalid", says, **options)


def test_the_end_of_a_log_for_a_message(api: Api) -> None:
    client, instance = make_client(), Instance(4711, instance_row())
    expect_request(api, tail="2", daemon_logs="true")
    expect_file(api, None, "one\ntwo\nthree\n")
    assert tail_of(client, instance, 2, daemon=True) == "two\nthree"
    expect_request(api, tail="2")
    expect_file(api, None, "\n")
    assert tail_of(client, instance, 2, daemon=False) is None
    expect_request(api, {"error": "invalid_id", "msg": "Invalid instance id."}, 404, tail="2")
    assert tail_of(client, instance, 2, daemon=False) is None
