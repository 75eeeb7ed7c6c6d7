# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The files of an inventory's cache: for their owner only."""

from __future__ import annotations

import collections.abc as c
import contextlib
import os
import stat
import typing as t

from ansible.plugins.cache import BaseFileCacheModule


@contextlib.contextmanager
def private_folders() -> c.Iterator[None]:
    """Folders that are made meanwhile are for their owner only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def cache_files(cache: t.Any, key: str) -> list[str]:
    """The files that hold what is cached under that key; none for a cache that is not kept in files.

    By the end of their names: ansible-core 2.19 and newer put the version of their own format before the key.
    """
    plugin = getattr(cache, "_plugin", None)
    if not isinstance(plugin, BaseFileCacheModule):
        return []
    folder = os.path.dirname(plugin._get_cache_file_name(key))
    try:
        return sorted(entry.path for entry in os.scandir(folder) if entry.name.endswith(key))
    except OSError:
        return []


def is_own(path: str) -> bool:
    """Whether only this user can have written the file; also where there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return True
    writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not writable


def make_private(path: str) -> bool:
    """Let only the owner read the file, which Ansible leaves readable for all. Tells whether that is so."""
    try:
        os.chmod(path, 0o600)
        return not os.stat(path).st_mode & 0o077
    except OSError:
        return not os.path.exists(path)
