# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is remembered of workers that are not proven gone."""

from __future__ import annotations

import json
import pathlib
import stat

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import private_files
from ansible_collections.vastai.cloud.plugins.module_utils._serverless import leaks
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.leaks import Leak, Memory, dump, load

from ...harness import make_client

PROD = Leak(77, "llama-prod", frozenset({1001, 1002}), frozenset({1002}))
TEST = Leak(78, "llama-test", frozenset({5}), unknown=True)


@pytest.fixture
def memory() -> Memory:
    """A new one, of which no warning is expected."""
    return Memory(make_client())


def found(home: pathlib.Path) -> pathlib.Path:
    (file,) = (home / ".cache" / "ansible-vastai-cloud").glob("endpoints-*.json")
    return file


@pytest.mark.parametrize("leak", [PROD, TEST, Leak(77, ""), Leak(0, "llama-prod", frozenset({1}))])
def test_what_is_written_is_read_again(leak: Leak) -> None:
    assert load(dump([leak, PROD])) == [leak, PROD]


@pytest.mark.parametrize("empty", [b"", b"  ", b"[]", b"[]  "])
def test_a_new_file_remembers_nothing(empty: bytes) -> None:
    assert load(empty) == []


def test_no_more_is_written_than_the_file_can_hold() -> None:
    many = [Leak(number, "x") for number in range(leaks.MAX_LEAKS + 1)]
    assert load(dump(many)) == many[1:]


def test_more_workers_than_are_remembered_are_unknown_workers() -> None:
    (read,) = load(dump([PROD._replace(workers=frozenset(range(leaks.MAX_WORKERS + 1)))]))
    assert (len(read.workers), read.unknown) == (leaks.MAX_WORKERS, True)


@pytest.mark.parametrize(
    ("endpoint_id", "name", "expected"),
    [
        (77, None, [PROD]),
        (None, "llama-test", [TEST]),
        (None, "LLAMA-test", []),
        (79, None, []),
        (None, "", []),
    ],
)
def test_leaks_are_found_by_id_or_name(
    memory: Memory, endpoint_id: int | None, name: str | None, expected: list[Leak]
) -> None:
    memory.remember(PROD)
    memory.remember(TEST)
    assert memory.concerning(endpoint_id, name) == expected


def test_the_file_is_private_and_holds_neither_key_nor_address(memory: Memory, home: pathlib.Path) -> None:
    memory.remember(PROD)
    assert stat.S_IMODE(found(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(found(home).parent.stat().st_mode) == 0o700
    assert json.loads(found(home).read_text()) == [
        {"id": 77, "name": "llama-prod", "workers": [1001, 1002], "failed": [1002], "unknown": False}
    ]


def test_nothing_is_made_by_looking(memory: Memory, home: pathlib.Path) -> None:
    assert memory.concerning(77, None) == []
    assert not (home / ".cache").exists()


def test_what_several_tasks_remember_of_one_group_is_joined(memory: Memory) -> None:
    memory.remember(PROD._replace(unknown=True))
    memory.remember(TEST)
    memory.remember(PROD._replace(workers=frozenset({1003}), failed=frozenset({1003})))
    assert memory.concerning(77, None) == [
        PROD._replace(workers=frozenset({1001, 1002, 1003}), failed=frozenset({1002, 1003}))
    ]


def test_groups_of_one_id_and_other_names_are_kept_apart(memory: Memory) -> None:
    renamed = PROD._replace(name="llama-new")
    memory.remember(PROD)
    memory.remember(renamed)
    assert memory.concerning(77, None) == [PROD, renamed]


def test_a_group_without_anything_to_prove_is_not_remembered(memory: Memory) -> None:
    memory.remember(Leak(77, "llama-prod"))
    assert memory.concerning(77, None) == []


def test_only_what_is_proven_is_forgotten(memory: Memory) -> None:
    memory.remember(PROD)
    memory.remember(TEST)
    memory.forget({77}, {1002, 5})
    assert memory.concerning(77, None) == [PROD._replace(workers=frozenset({1001}), failed=frozenset())]
    memory.forget({77}, {1001})
    assert memory.concerning(77, None) == []
    assert memory.concerning(78, None) == [TEST]


@pytest.mark.parametrize(("unknown", "left"), [(True, [TEST._replace(workers=frozenset())]), (False, [])])
def test_nameless_workers_are_forgotten_when_they_are_settled(memory: Memory, unknown: bool, left: list[Leak]) -> None:
    memory.remember(TEST)
    memory.forget({78}, {5}, unknown=unknown)
    assert memory.concerning(78, None) == left


def test_a_memory_that_is_full_says_what_it_lets_go(monkeypatch: pytest.MonkeyPatch, home: pathlib.Path) -> None:
    monkeypatch.setattr(leaks, "MAX_LEAKS", 1)
    warnings: list[str] = []
    memory = Memory(make_client(warnings.append))
    memory.remember(PROD)
    memory.remember(TEST)
    assert warnings == [f"{found(home)} is full and no longer contains the workers of endpoint 77 (llama-prod)."]
    assert memory.concerning(77, None) == []


def test_more_than_the_file_takes_is_told_and_keeps_what_it_has(memory: Memory, home: pathlib.Path) -> None:
    memory.remember(PROD)
    warnings: list[str] = []
    full = Memory(make_client(warnings.append))
    full.remember(TEST._replace(name="x" * 70000))
    assert len(warnings) == 1
    assert f"cannot be recorded in {found(home)}: " in warnings[0]
    assert "list them in the option workers of later tasks" in warnings[0]
    assert memory.concerning(77, None) == [PROD]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (b'[{"id": 1, "name": "x", "workers": ["5"], "failed": []}]', "it contains workers without ids"),
        (b"{}", "it contains no list"),
        (b"too large".ljust(private_files.MAX_BYTES + 1), "Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_what_to_do(
    memory: Memory, home: pathlib.Path, damage: bytes, reason: str
) -> None:
    memory.remember(PROD)
    found(home).write_bytes(damage)
    warnings: list[str] = []
    assert Memory(make_client(warnings.append)).concerning(77, None) == []
    (warning,) = warnings
    assert warning == (
        f"The leftover workers of earlier tasks are not known: {found(home)} cannot be used: {reason}. "
        "Check the instances of the account, and list leftover workers in the option workers."
    )


def test_without_a_home_what_cannot_be_remembered_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    warnings: list[str] = []
    Memory(make_client(warnings.append)).remember(PROD)
    (warning,) = warnings
    assert warning.startswith("Workers that may still exist cannot be recorded in endpoints-")
    assert warning.endswith(
        ".json: [Errno 2] not a directory of this user. Note their ids, and list them in the option workers of "
        "later tasks."
    )
    assert list(tmp_path.iterdir()) == []


def test_what_changes_nothing_is_not_written(memory: Memory, home: pathlib.Path) -> None:
    memory.remember(PROD)
    before = found(home).stat().st_ino
    memory.remember(PROD)
    memory.forget({77}, {4711})
    assert found(home).stat().st_ino == before


def test_messages_call_a_group_by_id_and_name() -> None:
    assert (PROD.display_name, Leak(77, "").display_name) == ("endpoint 77 (llama-prod)", "endpoint 77")
