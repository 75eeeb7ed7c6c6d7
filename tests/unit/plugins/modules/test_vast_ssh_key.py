# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_ssh_key against declared calls."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import typing as t

import pytest
import requests

from ..harness import URL, Api, Result, fail_as, instance_row, run_module, succeed

MODULE = "vast_ssh_key"
PATH = "/api/v0/ssh/"


def line(seed: int, comment: str = "bob@example.com", kind: str = "ssh-ed25519") -> str:
    """A public key."""
    raw = len(kind).to_bytes(4, "big") + kind.encode() + b"\0\0\0 " + bytes([seed]) * 32
    return f"{kind} {base64.b64encode(raw).decode()} {comment}".strip()


KEY = line(1)
LOST = requests.ConnectionError("reset")


def row(key_id: int = 8, text: str = KEY, **fields: t.Any) -> dict[str, t.Any]:
    """A row of the account's keys."""
    return {"id": key_id, "user_id": 5, "public_key": text, "deleted_at": None, **fields}


def keys(api: Api, *rows: t.Any, times: int = 1) -> None:
    """Declare the listing of the account's keys."""
    for _time in range(times):
        api.expect("GET", PATH, list(rows))


def on(api: Api, number: int, *rows: t.Any) -> None:
    """Declare the keys of an instance, which come as JSON in a text (F6.1)."""
    api.expect("GET", f"/api/v0/instances/{number}/ssh/", {"success": True, "ssh_keys": json.dumps(rows)})


def add(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    """Declare the create."""
    api.expect("POST", PATH, {"success": True, "key": row()} if reply is None else reply, body={"ssh_key": KEY}, **more)


def remove(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    """Declare the deletion."""
    api.expect("DELETE", f"{PATH}8/", {"success": True} if reply is None else reply, body={}, **more)


def test_a_key_is_added_and_proven(api: Api) -> None:
    keys(api)
    add(api)
    keys(api, row())
    result = succeed(MODULE, public_key=KEY)
    assert (result["changed"], result["id"], result["public_key"], result["attached"]) == (True, 8, KEY, [])
    assert result["actions"] == [f"add ssh key ssh-ed25519 ...{KEY.split()[1][-12:]} (bob@example.com)"]
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"state": "absent"}, {"state": "present"})


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ({"msg": "no keys"}, "it contains no list of ssh keys with ids"),
        ([row(), "9"], "it contains no list of ssh keys with ids"),
        ([row(), row(True)], "it contains no list of ssh keys with ids"),
        ([row(), row()], "it lists a row twice"),
    ],
)
def test_a_listing_that_cannot_be_relied_on_changes_nothing(api: Api, listed: t.Any, problem: str) -> None:
    api.expect("GET", PATH, listed)
    result = fail_as(MODULE, "protocol", public_key=KEY)
    told = f"The listing of ssh keys is not valid: {problem}. It was ignored; run the task again."
    assert result["msg"] == told
    assert (result["method"], result["url"], result["status_code"]) == ("GET", f"{URL}{PATH}", 200)


@pytest.mark.parametrize("known", [row(), row(text=line(1, "old comment")), {"id": 8, "key": KEY}])
def test_a_key_that_is_there_is_left_alone_whatever_its_comment(api: Api, known: dict[str, t.Any]) -> None:
    keys(api, row(7, line(2)), known)
    result = succeed(MODULE, public_key=KEY)
    assert (result["changed"], result["id"]) == (False, 8)


def test_an_account_without_keys_may_answer_404(api: Api) -> None:
    refusal = {"success": False, "error": "not_found", "msg": "No SSH keys found"}
    api.expect("GET", PATH, refusal, status=404)
    add(api)
    keys(api, row())
    assert succeed(MODULE, public_key=KEY)["changed"] is True


@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        ({"success": False, "error": "auth_error", "msg": "Invalid user key"}, 404, "auth"),
        ("404 page not found", 404, "protocol"),
        ({"success": False, "error": "no_such_instance", "msg": "No such instance."}, 404, "not_found"),
        ({"keys": None}, 200, "protocol"),
        ([{"public_key": KEY}], 200, "protocol"),
        ([row(), row()], 200, "protocol"),
        ({"success": False, "msg": "no"}, 403, "permission"),
    ],
)
def test_nothing_is_concluded_from_what_is_no_listing(api: Api, reply: t.Any, status: int, error_class: str) -> None:
    api.expect("GET", PATH, reply, status=status)
    fail_as(MODULE, error_class, public_key=KEY)


def test_a_key_that_is_there_several_times_is_deleted_in_one_run(api: Api) -> None:
    rows = [row(), row(9, line(1, "twin")), row(10)]
    keys(api, row(7, line(2)), *rows)
    for number in (8, 9, 10):
        api.expect("DELETE", f"{PATH}{number}/", {"success": True}, body={})
    keys(api, row(7, line(2)))
    result = succeed(MODULE, public_key=KEY, state="absent")
    assert (result["changed"], result["id"], len(result["actions"])) == (True, None, 3)


def test_a_key_that_is_attached_several_times_is_detached_in_one_run(api: Api) -> None:
    api.expect_listing(instance_row(4711), id=4711)
    keys(api)
    on(api, 4711, row(8), row(9))
    for number, left in ((8, [row(9)]), (9, [])):
        api.expect("DELETE", f"/api/v0/instances/4711/ssh/{number}/", {"success": True}, body={})
        on(api, 4711, *left)
    result = succeed(MODULE, public_key=KEY, state="absent", instances=["4711"])
    assert (result["changed"], result["attached"]) == (True, [])


def test_check_mode_sends_nothing(api: Api) -> None:
    keys(api)
    result = succeed(MODULE, public_key=KEY, check_mode=True)
    assert (result["changed"], result["id"], result["public_key"]) == (True, None, KEY)


def test_a_lost_reply_of_a_create_that_was_carried_out(api: Api) -> None:
    keys(api)
    add(api, LOST)
    keys(api)
    keys(api, row())
    assert succeed(MODULE, public_key=KEY)["changed"] is True


def test_a_lost_reply_of_a_create_that_was_not_is_never_sent_again(api: Api) -> None:
    keys(api)
    add(api, LOST)
    keys(api, times=6)
    result = fail_as(MODULE, "unknown_outcome", "ssh key ssh-ed25519", "nothing was sent again", public_key=KEY)
    assert result["changed"] is False


def test_a_yes_that_the_listing_never_shows_is_a_failure(api: Api) -> None:
    keys(api)
    add(api)
    keys(api, times=6)
    fail_as(MODULE, "server", "accepted the request, but ssh key", "(state)", public_key=KEY)


def test_a_refused_create(api: Api) -> None:
    keys(api)
    add(api, {"success": False, "error": "no_ssh_key", "msg": "No ssh key provided"}, status=400)
    keys(api)
    result = fail_as(MODULE, "invalid", "No ssh key provided", public_key=KEY)
    assert (result["changed"], result["id"], result["error"]) == (False, None, "no_ssh_key")


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"success": True}, 200),
        (LOST, 200),
        ("oops", 502),
    ],
)
def test_a_deletion_is_proven_whatever_is_answered(api: Api, reply: t.Any, status: int) -> None:
    keys(api, row())
    remove(api, reply, status=status)
    keys(api)
    result = succeed(MODULE, public_key=KEY, state="absent")
    assert (result["changed"], result["id"]) == (True, None)
    assert result["diff"]["after"] == {"state": "absent"}


def test_what_somebody_else_deletes_meanwhile_is_not_our_doing(api: Api) -> None:
    keys(api, row())
    remove(api, {"success": False, "error": "no_ssh_key", "msg": "No ssh key provided"}, status=400)
    keys(api)
    assert succeed(MODULE, public_key=KEY, state="absent")["changed"] is False


def test_a_deletion_that_was_lost_before_is_sent_once_more(api: Api) -> None:
    keys(api, row())
    remove(api, LOST)
    keys(api, row(), times=6)
    remove(api)
    keys(api)
    assert succeed(MODULE, public_key=KEY, state="absent")["changed"] is True


def test_a_row_of_a_key_that_was_deleted_is_no_key(api: Api) -> None:
    gone = row(deleted_at=1_790_000_000.0)
    keys(api, gone)
    add(api)
    keys(api, gone, row(9))
    result = succeed(MODULE, public_key=KEY)
    assert (result["changed"], result["id"]) == (True, 9)


def test_an_attachment_that_was_deleted_is_none(api: Api) -> None:
    api.expect_listing(instance_row(1), id=1)
    keys(api, row())
    on(api, 1, row(9, deleted_at=1_790_000_000.0))
    result = succeed(MODULE, public_key=KEY, instances=["1"], check_mode=True)
    assert (result["changed"], result["attached"]) == (True, [])


def test_what_is_absent_already_is_left_alone(api: Api) -> None:
    keys(api, row(7, line(2)))
    assert succeed(MODULE, public_key=KEY, state="absent")["changed"] is False


def test_instances_get_it_too(api: Api) -> None:
    api.expect_listing(instance_row(1, label="web"), label="web")
    api.expect_listing(instance_row(2), id=2)
    keys(api, row())
    on(api, 1, row())
    on(api, 2)
    attach = {"success": True, "key": json.dumps(row())}
    api.expect("POST", "/api/v0/instances/2/ssh/", attach, body={"ssh_key": KEY})
    on(api, 2, row())
    result = succeed(MODULE, public_key=KEY, instances=["web", "2"])
    assert (result["changed"], result["attached"]) == (True, [1, 2])
    assert result["actions"][0].endswith("to instance 2 (train-01)")
    assert result["diff"]["after"] == {"instance 2": "attached"}


def test_an_attachment_of_which_the_reply_is_lost_may_be_sent_again(api: Api) -> None:
    api.expect_listing(instance_row(2), id=2)
    keys(api, row())
    on(api, 2)
    path = "/api/v0/instances/2/ssh/"
    api.expect("POST", path, LOST, body={"ssh_key": KEY})
    for _poll in range(5):
        on(api, 2)
    already = {"success": False, "error": "add_ssh_to_instance", "msg": "SSH key already associated with instance."}
    api.expect("POST", path, already, body={"ssh_key": KEY})
    on(api, 2, row())
    assert succeed(MODULE, public_key=KEY, instances=["2"])["attached"] == [2]


def test_after_a_refusal_the_instances_are_left_alone(api: Api) -> None:
    api.expect_listing(instance_row(2), id=2)
    keys(api)
    on(api, 2)
    add(api, {"success": False, "msg": "no"}, status=403)
    keys(api)
    assert fail_as(MODULE, "permission", public_key=KEY, instances=["2"])["attached"] == []


def test_absent_detaches_everywhere_before_it_deletes(api: Api) -> None:
    api.expect_listing(instance_row(1), instance_row(2), instance_row(3, cur_state="unloaded"))
    keys(api, row())
    on(api, 1, row(9))
    on(api, 2)
    api.expect("DELETE", "/api/v0/instances/1/ssh/9/", {"success": True}, body={})
    on(api, 1)
    remove(api)
    keys(api)
    result = succeed(MODULE, public_key=KEY, state="absent", instances=["all"])
    assert (result["changed"], result["attached"]) == (True, [])
    assert [action.split()[0] for action in result["actions"]] == ["detach", "delete"]


@pytest.mark.parametrize("text", ["nonsense", "[" * 5000, "7"])
def test_keys_of_an_instance_that_cannot_be_read(api: Api, text: str) -> None:
    api.expect_listing(instance_row(1), id=1)
    keys(api, row())
    api.expect("GET", "/api/v0/instances/1/ssh/", {"success": True, "ssh_keys": text})
    fail_as(MODULE, "protocol", public_key=KEY, instances=["1"])


def test_keys_of_an_instance_that_come_as_a_list(api: Api) -> None:
    api.expect_listing(instance_row(1), id=1)
    keys(api, row())
    api.expect("GET", "/api/v0/instances/1/ssh/", {"success": True, "ssh_keys": [row()]})
    assert succeed(MODULE, public_key=KEY, instances=["1"])["attached"] == [1]


def test_an_instance_that_does_not_exist(api: Api) -> None:
    api.expect_listing(label="nobody")
    api.expect_listing()
    fail_as(MODULE, "not_found", "'nobody'", public_key=KEY, instances=["nobody"])


def test_the_key_comes_from_a_file(api: Api, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "id.pub"
    path.write_text(f"# mine\n{KEY}\n\n")
    keys(api, row())
    assert succeed(MODULE, file=str(path))["changed"] is False


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "id.pub"
    os.mkfifo(path)
    fail_as(MODULE, "invalid", "one public key; it has 0", file=str(path))


PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRETb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text", [PEM, "PuTTY-User-Key-File-3: ssh-ed25519\nSECRET", "---- BEGIN SSH2 ENCRYPTED\nSECRET"]
)
def test_a_private_key_is_refused_and_never_shown(api: Api, tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "id"
    path.write_text(text)
    for options in ({"public_key": text}, {"file": str(path)}):
        result = fail_as(MODULE, "invalid", "private key", "Nothing was sent", **options)
        assert "b3Bl" not in result.text
    assert api.calls == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it has 0"),
        (f"{KEY}\n{line(2)}", "it has 2"),
        ("ssh-ed25519", "as OpenSSH writes it"),
        ("ssh-ed25519 AAAA me", "as OpenSSH writes it"),
        (f'command="x" {KEY}', "as OpenSSH writes it"),
        (f"ssh-rsa {KEY.split()[1]}", "as OpenSSH writes it"),
        ("ssh-ed25519 !!! me", "as OpenSSH writes it"),
        (f"{' '.join(KEY.split()[:2])[:-4]} cut off", "as OpenSSH writes it"),
        (f"{KEY.split()[0]} {KEY.split()[1]}AAAA too long", "as OpenSSH writes it"),
        (KEY + "x" * 20_000, "one line"),
    ],
)
def test_what_is_no_public_key_is_refused_before_anything_is_sent(text: str, says: str) -> None:
    fail_as(MODULE, "invalid", says, public_key=text)


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"])
def test_keys_of_other_types(api: Api, kind: str) -> None:
    text = line(3, "", kind)
    keys(api, row(text=text))
    assert succeed(MODULE, public_key=text)["changed"] is False


def test_a_certificate_holds_numbers_between_its_texts(api: Api) -> None:
    kind = "ssh-ed25519-cert-v01@openssh.com"
    raw = len(kind).to_bytes(4, "big") + kind.encode() + b"\0\0\0 " + bytes(32) + (7).to_bytes(8, "big")
    text = f"{kind} {base64.b64encode(raw).decode()}"
    keys(api, row(text=text))
    assert succeed(MODULE, public_key=text)["changed"] is False


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"public_key": KEY, "file": "/x"},
        {"public_key": KEY, "instances": []},
        {"public_key": KEY, "instances": [" "]},
        {"public_key": KEY, "instances": ["0"]},
        {"file": "/does/not/exist"},
    ],
)
def test_options_that_cannot_be(options: dict[str, t.Any]) -> None:
    result: Result = run_module(MODULE, **options)
    assert (result.failed, result["error_class"]) == (True, "invalid")


@pytest.mark.parametrize("instances", [[""], ["train-01", " "]])
def test_an_instance_without_a_name_is_refused_under_its_option(instances: list[str]) -> None:
    fail_as(MODULE, "invalid", "instances must be the id or the label", public_key=KEY, instances=instances)
