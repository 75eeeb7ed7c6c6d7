# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that the processes of one user share: whose they are, who may write when, and what a fault leaves behind."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import private_files
from ansible_collections.vastai.cloud.plugins.module_utils._api.private_files import (
    MAX_BYTES,
    PrivateFile,
    shared_directory,
)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the file of a test is; it is made by the code under test."""
    return tmp_path / "cache" / "place"


@pytest.fixture(params=[False, True], ids=["fast", "durable"])
def file(folder: pathlib.Path, request: pytest.FixtureRequest) -> PrivateFile:
    """The same file in both ways of saving."""
    return PrivateFile(str(folder), "name.json", durable=request.param)


def read(file: PrivateFile) -> bytes:
    with file.locked() as content:
        return content.data.rstrip()


def save(file: PrivateFile, *contents: bytes) -> None:
    with file.locked() as content:
        for data in contents:
            content.save(data)
            assert content.data == data


def test_what_is_saved_is_read_again(file: PrivateFile, folder: pathlib.Path) -> None:
    assert read(file) == b""
    for data in (b"[1]", b"[1, 2, 3]", b"[2]", b""):
        save(file, b"[before]", data)
        assert read(file) == data
    assert [path.name for path in folder.iterdir()] == ["name.json"]


def test_what_is_not_saved_stays(file: PrivateFile) -> None:
    save(file, b"[1]")
    with pytest.raises(ValueError, match="the body"), file.locked():
        raise ValueError("the body")
    assert read(file) == b"[1]"


def test_folder_and_file_are_private(file: PrivateFile, folder: pathlib.Path) -> None:
    save(file, b"[1]")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "name.json").stat().st_mode) == 0o600


def test_without_a_folder_there_is_no_file() -> None:
    with pytest.raises(OSError, match="not a directory"), PrivateFile(None, "name.json").locked():
        pytest.fail("entered")


def folder_open_to_others(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o750)


def folder_a_link(folder: pathlib.Path) -> None:
    (folder.parent / "target").mkdir(parents=True, mode=0o700)
    folder.symlink_to(folder.parent / "target")


def file_open_to_others(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    (folder / "name.json").touch(0o640)


def file_a_link(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    (folder / "target").touch(0o600)
    (folder / "name.json").symlink_to("target")


def file_a_fifo(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    os.mkfifo(folder / "name.json", 0o600)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (folder_open_to_others, "not private"),
        (folder_a_link, "Not a directory"),
        (file_open_to_others, "not private"),
        (file_a_link, "symbolic links"),
        (file_a_fifo, "seek"),
    ],
)
def test_what_is_not_ours_alone_is_not_used(
    file: PrivateFile, folder: pathlib.Path, spoil: t.Callable[[pathlib.Path], None], says: str
) -> None:
    spoil(folder)
    with pytest.raises(OSError, match=says), file.locked():
        pytest.fail("entered")


def test_content_is_bounded(file: PrivateFile, folder: pathlib.Path) -> None:
    save(file, b"[1]")
    with file.locked() as content, pytest.raises(OSError, match="too large") as raised:
        content.save(b"x" * (MAX_BYTES + 1))
    assert raised.value.errno == errno.EFBIG
    assert read(file) == b"[1]"
    (folder / "name.json").write_bytes(b"x" * (MAX_BYTES + 1))
    assert read(file) == b""
    save(file, b"[2]")
    assert (folder / "name.json").read_bytes() == b"[2]"


def test_a_write_that_falls_short_is_told(file: PrivateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda handle, data, offset: len(data) - 1)
    with file.locked() as content, pytest.raises(OSError, match="space"):
        content.save(b"[1]")


@pytest.mark.parametrize("call", ["pwrite", "fsync", "rename"])
def test_a_durable_save_that_fails_leaves_the_old_content(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    file = PrivateFile(str(folder), "name.json", durable=True)
    save(file, b"[1]")
    with monkeypatch.context() as patch:

        def fails(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, call, fails)
        with file.locked() as content, pytest.raises(OSError, match="error"):
            content.save(b"[2]")
    assert read(file) == b"[1]"
    save(file, b"[3]")
    assert read(file) == b"[3]"


def test_a_lock_that_is_held_is_not_waited_for_for_ever(file: PrivateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files, "MAX_LOCK_WAIT", 0.02)
    with file.locked() as content:
        content.save(b"[1]")
        with pytest.raises(BlockingIOError), file.locked():
            pytest.fail("entered")
    assert read(file) == b"[1]"


def test_a_file_that_is_replaced_again_and_again_is_given_up(
    file: PrivateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(private_files, "MAX_LOCK_WAIT", 0.02)
    monkeypatch.setattr(private_files, "_is_current", lambda *_file: False)
    with pytest.raises(BlockingIOError, match="replaced repeatedly"), file.locked():
        pytest.fail("entered")
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_file_that_is_removed_while_its_lock_is_waited_for_is_made_again(
    file: PrivateFile, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(file, b"[1]")
    lock = private_files._lock
    removed: list[int] = []

    def remove_first(handle: int, deadline: float) -> None:
        lock(handle, deadline)
        if not removed:
            removed.append(handle)
            (folder / "name.json").unlink()

    monkeypatch.setattr(private_files, "_lock", remove_first)
    save(file, b"[2]")
    assert read(file) == b"[2]"


def _count(folder: pathlib.Path, durable: bool, times: int) -> None:
    for _time in range(times):
        with PrivateFile(str(folder), "name.json", durable=durable).locked() as content:
            content.save(b"%d" % (int(content.data or b"0") + 1))


@pytest.mark.parametrize("durable", [False, True])
def test_many_processes_at_once_lose_no_change(
    folder: pathlib.Path, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "MAX_LOCK_WAIT", 60.0)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.starmap(_count, [(folder, durable, 10)] * 4, chunksize=1)
    assert read(PrivateFile(str(folder), "name.json")) == b"40"


def test_no_handle_stays_open(file: PrivateFile) -> None:
    before = len(os.listdir("/proc/self/fd"))
    save(file, b"[1]", b"[2]", b"[3]")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"HOME": "/home/u"}, "/home/u/.cache/ansible-vastai-cloud"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": ""}, "/home/u/.cache/ansible-vastai-cloud"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "/cache"}, "/cache/ansible-vastai-cloud"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "relative"}, None),
        ({}, None),
    ],
)
def test_processes_meet_below_the_cache_of_their_user(environ: dict[str, str], directory: str | None) -> None:
    assert shared_directory(environ) == directory
