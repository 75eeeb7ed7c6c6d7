# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of a cache are for their owner."""

from __future__ import annotations

import os
import pathlib
import types

import pytest
from ansible.plugins.cache import BaseFileCacheModule

from ansible_collections.vastai.cloud.plugins.plugin_utils import private_cache


def make_twice(folder: pathlib.Path) -> None:
    folder.mkdir()
    folder.mkdir()


def test_folders_are_made_for_their_owner_and_the_mask_comes_back(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o022)
    try:
        with pytest.raises(FileExistsError), private_cache.private_folders():
            make_twice(tmp_path / "new")
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_a_file_that_is_gone_needs_no_protection(tmp_path: pathlib.Path) -> None:
    assert private_cache.make_private(str(tmp_path / "gone"))
    assert private_cache.is_own(str(tmp_path / "gone"))


def test_a_file_that_cannot_be_protected_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o644)

    def refuse(path: str, mode: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chmod", refuse)
    assert not private_cache.make_private(str(file))
    monkeypatch.setattr(os, "chmod", lambda path, mode: None)
    assert not private_cache.make_private(str(file))


def test_a_file_of_another_user_is_not_our_own(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o600)
    assert private_cache.is_own(str(file))
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert not private_cache.is_own(str(file))


class Cache(BaseFileCacheModule):
    """A cache plugin that keeps its files in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def _get_cache_file_name(self, key: str) -> str:
        return str(self.folder / key)

    def _load(self, filepath: str) -> None:
        pass

    def _dump(self, value: object, filepath: str) -> None:
        pass


def test_the_files_of_a_key_are_found_by_the_end_of_their_names(tmp_path: pathlib.Path) -> None:
    for name in ("a_key", "s1_a_key", "another"):
        (tmp_path / name).touch()
    found = private_cache.cache_files(types.SimpleNamespace(_plugin=Cache(tmp_path)), "a_key")
    assert found == [str(tmp_path / "a_key"), str(tmp_path / "s1_a_key")]


def test_a_cache_without_files_or_folder_has_none(tmp_path: pathlib.Path) -> None:
    assert private_cache.cache_files(object(), "key") == []
    assert private_cache.cache_files(types.SimpleNamespace(_plugin=Cache(tmp_path / "gone")), "key") == []
