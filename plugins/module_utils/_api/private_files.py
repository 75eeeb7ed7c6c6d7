# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Small files that the processes of one user share: nobody else's, never a link, read and written under a lock."""

from __future__ import annotations

import collections.abc as c
import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import time
import typing as t

MAX_BYTES = 65536
MAX_LOCK_WAIT = 2.0
"""For how many seconds a lock is waited for."""


class Content:
    """What a locked file holds: `data` is b"" for a new file and for one that is too large to be ours."""

    def __init__(self, data: bytes, save: c.Callable[[bytes], None]) -> None:
        self.data = data
        self._save = save

    def save(self, data: bytes) -> None:
        """Write the whole content; blanks at its end mean nothing. Raises OSError."""
        if len(data) > MAX_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        self._save(data)
        self.data = data


class PrivateFile:
    """One file in a folder of this user alone, both made when they are missing.

    `durable`: what was saved survives a crash of the machine, and who is killed while saving leaves the old content.
    Otherwise saving is fast, and an interrupted one may leave a mixture that no JSON parser reads.
    """

    def __init__(self, directory: str | None, name: str, *, durable: bool = False) -> None:
        self._directory = directory
        self._name = name
        self._durable = durable

    @contextlib.contextmanager
    def locked(self) -> c.Iterator[Content]:
        """The content, while nobody else may use the file.

        Raises OSError before the body is entered: no folder, folder or file of others or open to them, a link, a lock
        that could not be had within MAX_LOCK_WAIT, a file that cannot be read.
        """
        if self._directory is None:
            raise FileNotFoundError(errno.ENOENT, "not a directory of this user")
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with contextlib.ExitStack() as until_left:
            until_left.callback(_close, folder)
            _refuse_foreign(os.fstat(folder))
            handle = self._open_locked(folder)
            until_left.callback(_close, handle)
            found = os.pread(handle, MAX_BYTES + 1, 0)
            size = len(found)

            def save(new: bytes) -> None:
                nonlocal size
                if self._durable:
                    until_left.callback(_close, _replace(folder, self._name, new))
                else:
                    size = _overwrite(handle, size, new)

            yield Content(found if size <= MAX_BYTES else b"", save)

    def _open_locked(self, folder: int) -> int:
        deadline = time.monotonic() + MAX_LOCK_WAIT
        while True:
            handle = _open(folder, self._name, os.O_CREAT)
            try:
                _refuse_foreign(os.fstat(handle))
                _lock(handle, deadline)
                current = _is_current(folder, self._name, handle)
            except BaseException:
                _close(handle)
                raise
            if current:
                return handle
            _close(handle)
            if time.monotonic() > deadline:
                raise BlockingIOError(errno.EAGAIN, "replaced repeatedly")


def shared_directory(environ: t.Mapping[str, str]) -> str | None:
    """Where the processes of this user meet: below `XDG_CACHE_HOME`, by default `~/.cache`; None without a home."""
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", ""), ".cache")
    return os.path.join(cache, "ansible-vastai-cloud") if os.path.isabs(cache) else None


def digest(text: str) -> str:
    """A text in the name of a file, such as an account with its key, which cannot be told from it."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _open(folder: int, name: str, flags: int) -> int:
    return os.open(name, flags | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=folder)


def _close(handle: int) -> None:
    # A full quota may show only here; the handle is closed nevertheless.
    with contextlib.suppress(OSError):
        os.close(handle)


def _refuse_foreign(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(errno.EPERM, "not private to this user")


def _lock(handle: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _is_current(folder: int, name: str, handle: int) -> bool:
    """Whether the locked file is still the one with this name: a durable save puts a new one in its place."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _overwrite(handle: int, size: int, data: bytes) -> int:
    """Write over what a file of this size holds; its new size."""
    # To shorten the file would take longer than all the rest, so only one that is far too large is.
    if size > MAX_BYTES:
        os.ftruncate(handle, 0)
        size = 0
    _write(handle, data.ljust(size))
    return max(size, len(data))


def _write(handle: int, data: bytes) -> None:
    if os.pwrite(handle, data, 0) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _replace(folder: int, name: str, data: bytes) -> int:
    """Put a new file in the place of the old one, whole; the handle returned holds its lock."""
    new = f"{name}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    handle = _open(folder, new, os.O_CREAT | os.O_EXCL)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write(handle, data)
        os.fsync(handle)
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except BaseException:
        _close(handle)
        raise
    return handle
