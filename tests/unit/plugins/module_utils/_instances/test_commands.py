# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands on the disk of a stopped instance."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid, ProtocolError
from ansible_collections.vastai.cloud.plugins.module_utils._instances.commands import (
    Wanted,
    existence_command,
    is_read_only,
    path_exists,
    plan_command,
    run_command,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance

from ...harness import Api, make_client, stopped_row

COMMAND = "/api/v0/instances/command/4711/"
RESULT = "https://results.test/4711.log"
INSTANCE = Instance(4711, stopped_row())
HOST_PATH = "/var/lib/docker/overlay2/abc/merged"


def expect_command(api: Api, command: str, text: str, **reply: t.Any) -> None:
    api.expect("PUT", COMMAND, {"success": True, "result_url": RESULT, **reply}, body={"command": command})
    api.expect("GET", RESULT, text, authorized=False)


@pytest.mark.parametrize(
    ("command", "read_only"),
    [
        ("ls", True),
        ("ls /workspace", True),
        ("ls -la '/my files'", True),
        ("du -d1 -h /workspace", True),
        ("  ls /workspace ", True),
        ("\tdu", True),
        ("ls *.py", True),
        ("lsof", False),
        ("ls-la", False),
        ("dumpe2fs /dev/sda", False),
        ("rm -rf /workspace", False),
        ("LS", False),
        ("/bin/ls", False),
        ("sudo ls", False),
        ("ls;rm x", False),
        ("ls ; rm x", False),
        ("ls && rm x", False),
        ("ls & rm x", False),
        ("ls || rm x", False),
        ("ls | xargs rm", False),
        ("ls $(rm x)", False),
        ("ls `rm x`", False),
        ("ls ${X:=1}", False),
        ("ls <(rm x)", False),
        ("du>f", False),
        ("du > f", False),
        ("ls < f", False),
        ("ls\nrm x", False),
        ("ls\rrm x", False),
        ("\nls", False),
        ("ls ';'", False),
        ("", False),
        ("   ", False),
    ],
)
def test_only_plain_ls_and_du_only_look(command: str, read_only: bool) -> None:
    assert is_read_only(command) is read_only
    assert plan_command(INSTANCE, command).changed is not read_only


def test_the_plan_of_a_command_shows_it() -> None:
    result = plan_command(INSTANCE, "rm -f /a").result()
    assert result["actions"] == ["run 'rm -f /a' on instance 4711 (train-01)"]
    assert result["diff"]["before"] == {"command": None}
    assert result["diff"]["after"] == {"command": "rm -f /a"}


@pytest.mark.parametrize(
    ("writeable_path", "trimmed"),
    [
        (HOST_PATH, "/workspace/a\n/workspace/b\n"),
        (HOST_PATH + "/", "/workspace/a\n/workspace/b\n"),
        ("/", f"{HOST_PATH}/workspace/a\n{HOST_PATH}/workspace/b\n"),
        ("", f"{HOST_PATH}/workspace/a\n{HOST_PATH}/workspace/b\n"),
        (None, f"{HOST_PATH}/workspace/a\n{HOST_PATH}/workspace/b\n"),
        (5, f"{HOST_PATH}/workspace/a\n{HOST_PATH}/workspace/b\n"),
    ],
)
def test_output_has_the_paths_of_the_container(api: Api, writeable_path: t.Any, trimmed: str) -> None:
    text = f"{HOST_PATH}/workspace/a\n{HOST_PATH}/workspace/b\n"
    expect_command(api, "ls /workspace", text, writeable_path=writeable_path)
    assert run_command(make_client(), INSTANCE, "ls /workspace", 60).text == trimmed


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/a", "ls -d /a"),
        ("/my files", "ls -d '/my files'"),
        ("/it's", """ls -d '/it'"'"'s'"""),
    ],
)
def test_a_path_is_quoted_for_the_shell(path: str, command: str) -> None:
    assert existence_command(path) == command


@pytest.mark.parametrize(
    ("path", "text", "exists"),
    [
        ("/a/b", "/a/b\n", True),
        ("/a/b/", "/a/b/\n", True),
        ("/a/b/", "/a/b\n", True),
        ("/my files", "/my files\n", True),
        ("/", "/\n", True),
        ("/a/b", "ls: cannot access '/a/b': No such file or directory\n", False),
        ("/a/b", "ls: /a/b: No such file or directory", False),
        ("/a/b", "ls: cannot access /a/b: No such file or directory", False),
        ("/a/b/", "ls: cannot access '/a/b/': No such file or directory", False),
        ("/a/b", "LS: /A/B: NO SUCH FILE OR DIRECTORY", False),
        ("/it's", 'ls: cannot access "/it\'s": No such file or directory', False),
    ],
)
def test_the_text_of_ls_tells_whether_a_path_exists(api: Api, path: str, text: str, exists: bool) -> None:
    expect_command(api, existence_command(path), text)
    assert path_exists(make_client(), INSTANCE, path, 60) is exists


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/a/b", "ls: cannot access '/a/b': Permission denied\n"),
        ("/a/b", "ls: Permission denied: /a/b\n"),
        ("/a/b", "ls: cannot access '/a/b': Input/output error"),
        ("/", "ls: cannot open directory '/': Permission denied"),
        ("/a/b", "/a"),
        ("/a/b", ""),
        ("/a/b", "sh: ls: not found"),
        ("/p", "/x/y/p"),
        ("/p", "/bin/sh: 1: ls: cannot find /p"),
        ("/a/b", f"{HOST_PATH}/a/b"),
        ("/a/b", "/a/b\n/a/b"),
        ("/a/b", "ls: cannot access '/x/a/b': No such file or directory"),
        ("/a/b", "ls: cannot access '/a/b.old': No such file or directory"),
        ("/a/b", "sh: /bin/ls: No such file or directory"),
        ("/a/b", "ls: /a/b: No such file or directory\nls: /lib/x: Permission denied"),
    ],
)
def test_any_other_text_of_ls_is_never_taken_for_absence_or_presence(api: Api, path: str, text: str) -> None:
    expect_command(api, existence_command(path), text)
    with pytest.raises(ProtocolError, match=rf"ls on instance 4711 \(train-01\) does not show whether {path} exists"):
        path_exists(make_client(), INSTANCE, path, 60)


def test_the_path_of_the_host_is_taken_out_before_it_is_compared(api: Api) -> None:
    expect_command(api, "ls -d /a", f"{HOST_PATH}/a\n", writeable_path=HOST_PATH)
    absent = f"ls: cannot access '{HOST_PATH}/b': No such file or directory"
    expect_command(api, "ls -d /b", absent, writeable_path=HOST_PATH)
    assert path_exists(make_client(), INSTANCE, "/a", 60) is True
    assert path_exists(make_client(), INSTANCE, "/b", 60) is False


OPTIONS = {"command": "ls", "creates": None, "removes": None, "result_timeout": 60}


@pytest.mark.parametrize("path", ["/a", "/my files", "/it's", "/ü*?[x]", "/"])
@pytest.mark.parametrize("option", ["creates", "removes"])
def test_whatever_path_is_accepted_only_looks(option: str, path: str) -> None:
    Wanted.from_options({**OPTIONS, option: path})
    assert is_read_only(existence_command(path))


@pytest.mark.parametrize("operator", [*";&|<>`$()", "\n", "\r"])
@pytest.mark.parametrize("option", ["creates", "removes"])
def test_a_path_that_a_shell_could_make_more_of_is_refused(option: str, operator: str) -> None:
    with pytest.raises(Invalid, match=option):
        Wanted.from_options({**OPTIONS, option: f"/a{operator}rm b"})


@pytest.mark.parametrize(
    ("given", "command"), [("ls /a\n", "ls /a"), ("rm /a\r\n\n", "rm /a"), ("ls\nrm b\n", "ls\nrm b"), (" ls ", " ls ")]
)
def test_line_ends_after_a_command_are_left_out(given: str, command: str) -> None:
    assert Wanted.from_options({**OPTIONS, "command": given}).command == command
