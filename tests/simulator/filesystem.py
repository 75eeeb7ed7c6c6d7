# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of one container: just enough of a tree for ls, du and rm."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

BLOCK = 4096


class FileTree:
    """Absolute paths and their sizes in bytes; None stands for a directory."""

    def __init__(self, entries: dict[str, int | None] | None = None) -> None:
        self.entries: dict[str, int | None] = {"/": None}
        for path, size in (entries or {}).items():
            self.add(path, size)

    def add(self, path: str, size: int | None) -> None:
        path = self.normalise(path)
        for parent in self.parents(path):
            self.entries[parent] = None
        self.entries[path] = size

    @staticmethod
    def normalise(path: str) -> str:
        """Relative paths start at the root, and nothing climbs above it."""
        return posixpath.normpath("/" + path.lstrip("/"))

    @staticmethod
    def parents(path: str) -> Iterator[str]:
        while path != "/":
            path = posixpath.dirname(path)
            yield path

    def exists(self, path: str) -> bool:
        return path in self.entries

    def is_directory(self, path: str) -> bool:
        return self.exists(path) and self.entries[path] is None

    def children(self, path: str) -> list[str]:
        return sorted(entry for entry in self.entries if entry != "/" and posixpath.dirname(entry) == path)

    def expand(self, pattern: str) -> list[str]:
        """The paths a shell would put in place of the pattern; the pattern itself when there are none."""
        wanted = self.normalise(pattern)
        if not any(character in wanted for character in "*?["):
            return [wanted]
        depth = wanted.count("/")
        found = [entry for entry in self.entries if entry.count("/") == depth and fnmatchcase(entry, wanted)]
        return sorted(found) or [wanted]

    def usage(self, path: str) -> int:
        """Bytes on disk, counted in whole blocks as du does."""
        size = self.entries[path]
        if size is not None:
            return -(-size // BLOCK) * BLOCK
        return BLOCK + sum(self.usage(child) for child in self.children(path))

    def remove(self, path: str) -> None:
        """Take the path and everything below it away; the root itself stays."""
        prefix = path.rstrip("/") + "/"
        for entry in list(self.entries):
            if entry != "/" and (entry == path or entry.startswith(prefix)):
                del self.entries[entry]
