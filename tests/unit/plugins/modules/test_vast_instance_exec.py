# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_instance_exec, by the requests it sends and the result it gives."""

from __future__ import annotations

import functools
import typing as t

import pytest
import requests

from ..harness import (
    NULL,
    Api,
    FakeClock,
    Result,
    fail_as,
    instance_row,
    interrupt_after,
    list_query,
    listing,
    stopped_row,
    succeed,
)

COMMAND = "/api/v0/instances/command/4711/"
LIST = "/api/v1/instances/"
RESULT = "https://results.test/4711.log"
NAME = "instance 4711 (train-01)"
MODULE = "vast_instance_exec"
LOST = requests.ConnectionError("Connection reset by peer")
RUNNING_REFUSAL = {
    "success": False,
    "error": "invalid_args",
    "msg": "Execute command only avail on stopped instances. Use ssh to run commands on running instances.",
}
BAD_COMMAND = {"success": False, "error": "invalid_args", "msg": "Invalid command given."}
ABSENT = "ls: cannot access '/a/b': No such file or directory\n"
PRESENT = "/a/b\n"

failure = functools.partial(fail_as, MODULE)


def expect_accepted(api: Api, command: str, url: t.Any = RESULT, **reply: t.Any) -> None:
    accepted = {"success": True, "result_url": url, "msg": "Command is executing, wait a few seconds", **reply}
    api.expect("PUT", COMMAND, accepted, body={"command": command})


def expect_command(api: Api, command: str, text: str, **reply: t.Any) -> None:
    expect_accepted(api, command, **reply)
    expect_result(api, text)


def expect_result(api: Api, text: t.Any, status: int = 200, **more: t.Any) -> None:
    api.expect("GET", RESULT, text, status=status, authorized=False, **more)


@pytest.fixture
def stopped(api: Api) -> Api:
    """An API that shows the instance stopped."""
    api.expect_listing(stopped_row(), id=4711)
    return api


def run(command: str, **options: t.Any) -> Result:
    return succeed(MODULE, id=4711, command=command, **options)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_command_that_only_looks_runs_in_check_mode_too(stopped: Api, clock: FakeClock, check_mode: bool) -> None:
    expect_command(stopped, "du -d1 /workspace", "8.0K\t/workspace/a\n9.0K\t/workspace\n\n")
    result = run("du -d1 /workspace", check_mode=check_mode)
    assert result["changed"] is False
    assert result["actions"] == []
    assert result["stdout"] == "8.0K\t/workspace/a\n9.0K\t/workspace"
    assert result["stdout_lines"] == ["8.0K\t/workspace/a", "9.0K\t/workspace"]
    assert result["instance"]["id"] == 4711
    assert "rc" not in result.values
    assert clock.slept == pytest.approx([0.5])


def test_any_other_command_counts_as_a_change(stopped: Api) -> None:
    expect_command(stopped, "rm -f /a", "")
    result = run("rm -f /a")
    assert result["changed"] is True
    assert result["actions"] == [f"run 'rm -f /a' on {NAME}"]
    assert result["diff"]["after"] == {"command": "rm -f /a"}
    assert result["stdout"] == ""
    assert result["stdout_lines"] == []


@pytest.mark.parametrize(
    ("command", "known"), [("rm -f /a", True), ("ls; rm /a", False), ("ls > /a", False), ("cat /a", False)]
)
def test_any_other_command_is_not_sent_in_check_mode(stopped: Api, command: str, known: bool) -> None:
    result = run(command, check_mode=True)
    assert result["changed"] is True
    assert result["actions"] == [f"run {command!r} on {NAME}"]
    assert result["stdout"] == ""
    told = f"Vast.ai is known to run only ls, rm and du, so it may refuse {command!r}."
    assert result.warnings == ([] if known else [told])


def test_check_mode_warns_where_the_command_would_be_refused(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    (warning,) = run("rm -f /a", check_mode=True).warnings
    assert warning.startswith(f"{NAME} is not stopped now (actual_status running")
    assert "would refuse" in warning


def test_the_instance_may_be_selected_by_its_label(api: Api) -> None:
    api.expect_listing(stopped_row(), label="train-01")
    expect_command(api, "ls", "a\n")
    assert succeed(MODULE, label="train-01", command="ls")["stdout"] == "a"


@pytest.mark.parametrize(("strip", "stdout"), [(True, "\n a"), (False, "\n a\r\n\n")])
def test_empty_lines_at_the_end_are_stripped_unless_wanted(stopped: Api, strip: bool, stdout: str) -> None:
    expect_command(stopped, "ls", "\n a\r\n\n")
    assert run("ls", strip_empty_ends=strip)["stdout"] == stdout


def test_the_paths_are_those_of_the_container(stopped: Api) -> None:
    expect_command(stopped, "ls /a", "/mnt/x/merged/a/b\n/mnt/x/merged/a/c\n", writeable_path="/mnt/x/merged/")
    assert run("ls /a")["stdout_lines"] == ["/a/b", "/a/c"]


def test_an_address_without_a_secret_is_returned(stopped: Api) -> None:
    expect_command(stopped, "ls", "a\n")
    assert run("ls")["result_url"] == RESULT


def test_an_address_with_a_secret_is_not_returned(stopped: Api) -> None:
    expect_accepted(stopped, "ls", "https://results.test/4711.log?X-Amz-Signature=SECRET-signature")
    stopped.expect("GET", RESULT, "a\n", query={"X-Amz-Signature": "SECRET-signature"}, authorized=False)
    assert "result_url" not in run("ls").values


def test_an_address_with_a_user_is_not_fetched(stopped: Api) -> None:
    expect_accepted(stopped, "ls", "https://user:SECRET-password@results.test/4711.log")
    fail_as("vast_instance_exec", "protocol", "results.test/4711.log", "not a plain address", id=4711, command="ls")


@pytest.mark.parametrize("not_yet", [403, 404, 503])
def test_a_result_that_is_not_written_yet_is_waited_for(stopped: Api, clock: FakeClock, not_yet: int) -> None:
    expect_accepted(stopped, "ls")
    expect_result(stopped, "<Error>", status=not_yet)
    expect_result(stopped, requests.ConnectionError("reset"))
    expect_result(stopped, "a\n")
    assert run("ls")["stdout"] == "a"
    assert clock.slept == pytest.approx([0.5, 1.0, 1.0])


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        ("creates", PRESENT, "Skipped: /a/b exists."),
        ("removes", ABSENT, "Skipped: /a/b does not exist."),
    ],
)
def test_a_command_that_is_not_needed_is_not_run(
    stopped: Api, option: str, text: str, reason: str, check_mode: bool
) -> None:
    expect_command(stopped, "ls -d /a/b", text)
    result = run("rm -rf /a/b", check_mode=check_mode, **{option: "/a/b"})
    assert result["changed"] is False
    assert result["actions"] == []
    assert result["msg"] == reason
    assert result["stdout"] == ""
    assert "result_url" not in result.values


@pytest.mark.parametrize(("option", "text"), [("creates", ABSENT), ("removes", PRESENT)])
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_command_that_is_needed_is_run_except_in_check_mode(
    stopped: Api, option: str, text: str, check_mode: bool
) -> None:
    expect_command(stopped, "ls -d /a/b", text)
    if not check_mode:
        expect_command(stopped, "rm -rf /a/b", "")
    result = run("rm -rf /a/b", check_mode=check_mode, **{option: "/a/b"})
    assert result["changed"] is True
    assert "msg" not in result.values


def test_with_both_paths_each_is_asked_for(stopped: Api) -> None:
    expect_command(stopped, "ls -d /new", "ls: /new: No such file or directory")
    expect_command(stopped, "ls -d /old", "ls: /old: No such file or directory")
    assert run("rm /old", creates="/new", removes="/old")["msg"] == "Skipped: /old does not exist."


@pytest.mark.parametrize("option", ["creates", "removes"])
def test_a_path_that_cannot_be_seen_is_taken_for_neither(stopped: Api, option: str) -> None:
    expect_command(stopped, "ls -d /a/b", "ls: cannot access '/a/b': Permission denied")
    result = failure(
        "protocol", NAME, "/a/b exists", "Permission denied", id=4711, command="rm /a/b", **{option: "/a/b"}
    )
    assert result["instance"]["id"] == 4711


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "command"),
        ({"command": ""}, "command must not be empty"),
        ({"command": " \n"}, "command must not be empty"),
        ({"command": "ls " + "x" * 510}, "command makes a command of 513 characters; Vast.ai allows 512"),
        ({"command": "ls", "creates": "a/b"}, "creates must be an absolute path"),
        ({"command": "ls", "removes": ""}, "removes must be an absolute path"),
        ({"command": "ls", "creates": "/a\nb"}, "without control characters"),
        ({"command": "ls", "result_timeout": 10**6}, "result_timeout must be from 1 to 86400"),
        ({"command": "ls", "creates": "/a;rm b"}, "creates must not contain ;"),
        ({"command": "ls", "removes": NULL}, "removes must not be null"),
        ({"command": ["ls"]}, "command must be a string, not a list"),
        ({"command": "ls", "removes": "/" + "x" * 506}, "removes makes a command of 513 characters"),
        ({"command": "ls", "result_timeout": 0}, "result_timeout must be from 1 to 86400, not 0"),
        ({"command": "ls", "result_timeout": "long"}, "result_timeout"),
        ({"command": "ls", "label": "train-01"}, "mutually exclusive"),
        ({"command": "ls", "id": None}, "id, label"),
        ({"command": "ls", "id": None, "label": ""}, "label must not be empty"),
        ({"command": "ls", "id": -1}, "id must be a positive number"),
        ({"command": "ls", "wait": True}, "wait"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_request(
    api: Api, options: dict[str, t.Any], says: str
) -> None:
    failure("invalid", says, **{"id": 4711, **options})


def test_a_command_of_the_full_length_is_sent(stopped: Api) -> None:
    command = "ls " + "x" * 509
    expect_command(stopped, command, "a\n")
    assert run(command)["stdout"] == "a"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, "ssh -p 20022 root@203.0.113.7 (direct)"),
        ({"ports": None}, "ssh -p 14711 root@ssh4.vast.ai (proxy)"),
        ({"ports": None, "ssh_host": None}, "its address is not known yet"),
    ],
)
@pytest.mark.parametrize("command", ["ls", "rm -f /a"])
def test_on_a_running_instance_it_fails_and_tells_where_ssh_answers(
    api: Api, fields: dict[str, t.Any], where: str, command: str
) -> None:
    api.expect_listing(instance_row(**fields), id=4711)
    api.expect("PUT", COMMAND, RUNNING_REFUSAL, status=400, body={"command": command})
    result = failure("invalid", f"{NAME} is not stopped", f"Use ssh: {where}", id=4711, command=command)
    assert result["instance"]["actual_status"] == "running"
    assert result["error"] == "invalid_args"


def test_a_running_instance_refuses_the_look_at_a_path_in_the_same_words(api: Api) -> None:
    api.expect_listing(instance_row(), id=4711)
    api.expect("PUT", COMMAND, RUNNING_REFUSAL, status=400, body={"command": "ls -d /a"})
    failure("invalid", "ssh -p 20022", id=4711, command="rm /a", removes="/a", check_mode=True)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (BAD_COMMAND, f"Vast.ai does not run 'cat /a' on {NAME}: only ls, rm and du"),
        ({"success": False, "error": "invalid_container", "msg": "Invalid container."}, "Invalid container."),
    ],
)
def test_a_command_that_is_refused_is_explained(stopped: Api, reply: dict[str, t.Any], says: str) -> None:
    stopped.expect("PUT", COMMAND, reply, status=400, body={"command": "cat /a"})
    result = failure("invalid", says, reply["msg"], id=4711, command="cat /a")
    assert result["instance"]["id"] == 4711


@pytest.mark.parametrize(
    ("status", "reply", "error_class"),
    [
        (403, {"msg": "Not allowed"}, "permission"),
        (404, {"error": "auth_error", "msg": "Invalid user key"}, "auth"),
        (483, {"msg": "not JSON"}, "invalid"),
        (301, "", "protocol"),
        (500, {"msg": "boom"}, "server"),
    ],
)
def test_any_other_refusal_fails_and_nothing_is_sent_again(
    stopped: Api, status: int, reply: t.Any, error_class: str
) -> None:
    stopped.expect("PUT", COMMAND, reply, status=status, body={"command": "ls"})
    result = failure(error_class, COMMAND, id=4711, command="ls")
    assert (result["method"], result["status_code"]) == ("PUT", status)


def test_a_refusal_for_its_pace_is_sent_again(stopped: Api, clock: FakeClock) -> None:
    stopped.expect("PUT", COMMAND, "endpoint threshold=1.5", status=429, body={"command": "rm -f /a"})
    expect_command(stopped, "rm -f /a", "")
    assert run("rm -f /a")["changed"] is True
    assert clock.slept[0] >= 1.5


@pytest.mark.parametrize("lost", [{"reply": LOST}, {"reply": "bad gateway", "status": 502}, {"reply": b""}])
def test_after_a_lost_reply_nothing_is_sent_again(stopped: Api, lost: dict[str, t.Any]) -> None:
    command = "rm -f /a"
    stopped.expect("PUT", COMMAND, body={"command": command}, **lost)
    result = failure(
        "unknown_outcome", COMMAND, "may have been carried out", "It was not sent again", id=4711, command=command
    )
    assert (result["instance"]["id"], result["changed"]) == (4711, True)


def test_after_a_failure_of_the_server_it_may_have_run_and_is_not_sent_again(stopped: Api) -> None:
    stopped.expect("PUT", COMMAND, {"msg": "boom"}, status=500, body={"command": "rm -f /a"})
    result = failure("server", "boom", "may have been carried out", "not sent again", id=4711, command="rm -f /a")
    assert (result["instance"]["id"], result["changed"]) == (4711, True)


@pytest.mark.parametrize("command", ["ls", "rm -f /a"])
@pytest.mark.parametrize(("status", "error_class"), [(403, "permission"), (404, "auth"), (429, "rate_limited")])
def test_a_refusal_is_no_change_and_shows_the_instance(
    stopped: Api, command: str, status: int, error_class: str
) -> None:
    reply = {"error": "auth_error", "msg": "Invalid user key"} if status == 404 else {"msg": "no"}
    stopped.expect("PUT", COMMAND, reply, status=status, body={"command": command})
    result = failure(error_class, COMMAND, id=4711, command=command, retry_timeout=0)
    assert (result["instance"]["id"], result.values.get("changed", False)) == (4711, False)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        ({"error": "auth_error", "msg": "Invalid user key"}, 404, "auth"),
        (listing(stopped_row(), total_instances=2), 200, "protocol"),
    ],
)
def test_without_a_complete_listing_nothing_is_sent(
    api: Api, reply: t.Any, status: int, error_class: str, check_mode: bool
) -> None:
    api.expect("GET", LIST, reply, status=status, query=list_query({"label": {"eq": "train-01"}}))
    failure(error_class, label="train-01", command="rm -f /a", check_mode=check_mode)


@pytest.mark.parametrize("lost", [{"reply": LOST}, {"reply": "bad gateway", "status": 502}])
def test_a_command_that_only_looks_is_sent_again_after_a_lost_reply(stopped: Api, lost: dict[str, t.Any]) -> None:
    stopped.expect("PUT", COMMAND, body={"command": "ls"}, **lost)
    expect_command(stopped, "ls", "a\n")
    assert run("ls")["stdout"] == "a"


def test_a_command_written_as_a_block_only_looks_as_well(stopped: Api) -> None:
    expect_command(stopped, "ls /a", "a\n")
    assert run("ls /a\n", check_mode=True)["changed"] is False


@pytest.mark.parametrize("url", [None, "", 5, "https://[", ["https://results.test/"]])
def test_an_answer_without_a_usable_result_address_says_that_it_may_have_run(stopped: Api, url: t.Any) -> None:
    expect_accepted(stopped, "rm -f /a", url)
    result = failure("protocol", NAME, "but named no result_url", "may have run", id=4711, command="rm -f /a")
    assert result["changed"] is True


@pytest.mark.parametrize(("command", "changed"), [("rm -f /a", True), ("ls", False)])
def test_a_result_that_never_comes_says_that_the_command_may_have_run(
    stopped: Api, clock: FakeClock, command: str, changed: bool
) -> None:
    expect_accepted(stopped, command)
    for _look in range(4):
        expect_result(stopped, "<Error>", status=404)
    says = f"The result of {command!r} on {NAME} did not come within result_timeout (3 s)"
    result = failure("timeout", says, "may have run", id=4711, command=command, result_timeout=3)
    assert result["changed"] is changed
    assert sum(clock.slept) == pytest.approx(3)


def test_a_huge_result_is_not_read_to_its_end(stopped: Api) -> None:
    expect_accepted(stopped, "ls -R /")
    expect_result(stopped, b"x" * (4 * 1024 * 1024 + 1))
    result = failure("protocol", RESULT, "larger than", "may have run", id=4711, command="ls -R /")
    assert result["instance"]["id"] == 4711


def test_a_result_that_redirects_elsewhere_is_not_followed(stopped: Api) -> None:
    expect_accepted(stopped, "ls")
    expect_result(stopped, "", status=302, headers={"Location": "https://evil.test/?k=SECRET-k"})
    failure("protocol", RESULT, "redirects to another address", "may have run", id=4711, command="ls")


@pytest.mark.parametrize(
    "url",
    ["http://results.test/4711.log", "file:///etc/passwd", "ftp://results.test/x", "/4711.log", "http://vast.test/x"],
)
def test_a_result_is_fetched_over_https_only(stopped: Api, url: str) -> None:
    expect_accepted(stopped, "ls", url)
    failure("protocol", url, "not https; it was not fetched", id=4711, command="ls")


def test_a_signed_address_shows_in_no_failure(stopped: Api) -> None:
    expect_accepted(stopped, "ls", "http://results.test/4711.log?sig=SECRET-signature")
    failure("protocol", "http://results.test/4711.log?********", id=4711, command="ls")


def test_a_signal_after_a_command_was_sent_says_so(
    stopped: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_accepted(stopped, "rm -f /a")
    interrupt_after(stopped, clock, monkeypatch, 2)
    says = "Interrupted by SIGTERM", f"'rm -f /a' on {NAME} may have run"
    result = failure("timeout", *says, id=4711, command="rm -f /a")
    assert (result["changed"], result["instance"]["id"]) == (True, 4711)
