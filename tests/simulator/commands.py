# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The three commands that a stopped instance accepts: ls, du and rm, with their usual output and error texts."""

from __future__ import annotations

import getopt
import posixpath
import shlex
from dataclasses import dataclass

from .filesystem import FileTree

COMMANDS = ("ls", "du", "rm")
MAX_LENGTH = 512
SHELL_OPERATORS = frozenset(";|&<>`$\n")
UNITS = "KMGTP"
DATE = "Jan  1 00:00"


class CommandRefused(Exception):
    """The API answers 400; nothing was run."""


@dataclass
class Command:
    name: str
    options: dict[str, str]
    paths: list[str]
    usage_error: str = ""


OPTIONS = {
    "ls": ("1adhlrtS", ["all", "directory", "human-readable"]),
    "du": ("achsd:", ["all", "human-readable", "summarize", "max-depth="]),
    "rm": ("dfrRv", ["force", "recursive"]),
}


def parse(text: object) -> Command:
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_LENGTH or SHELL_OPERATORS & set(text):
        raise CommandRefused
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CommandRefused from error
    if words[0] not in COMMANDS:
        raise CommandRefused
    try:
        options, paths = getopt.gnu_getopt(words[1:], *OPTIONS[words[0]])
    except getopt.GetoptError as error:
        return Command(words[0], {}, [], f"{words[0]}: invalid option -- '{error.opt}'\n")
    if words[0] == "ls" and len(paths) > 1:
        raise CommandRefused
    return Command(words[0], dict(options), paths)


def is_read_only(text: object) -> bool:
    try:
        return parse(text).name != "rm"
    except CommandRefused:
        return False


def run(command: Command, files: FileTree, prefix: str) -> str:
    """The output, with `prefix` before every path: the host runs the command outside the container."""
    if command.usage_error:
        return command.usage_error
    shown = Shown(files, prefix)
    return {"ls": list_path, "du": disk_usage, "rm": remove}[command.name](command, shown)


@dataclass
class Shown:
    """A tree whose paths are printed as the host sees them."""

    files: FileTree
    prefix: str

    def name(self, path: str) -> str:
        return self.prefix + path

    def missing(self, command: str, verb: str, path: str) -> str:
        return f"{command}: cannot {verb} '{self.name(path)}': No such file or directory\n"


def list_path(command: Command, shown: Shown) -> str:
    files = shown.files
    found = files.expand((command.paths or ["/"])[0])
    if not files.exists(found[0]):
        return shown.missing("ls", "access", found[0])
    as_entry = "-d" in command.options or "--directory" in command.options
    if as_entry or len(found) > 1 or not files.is_directory(found[0]):
        return "".join(entry_line(command, files, path, shown.name(path)) for path in found)
    everything = "-a" in command.options or "--all" in command.options
    names = [path for path in files.children(found[0]) if everything or not posixpath.basename(path).startswith(".")]
    lines = [entry_line(command, files, path, posixpath.basename(path)) for path in names]
    if everything:
        lines[:0] = [entry_line(command, files, found[0], dots) for dots in (".", "..")]
    if "-l" in command.options:
        lines.insert(0, f"total {sum(files.usage(path) for path in names) // 1024}\n")
    return "".join(lines)


def entry_line(command: Command, files: FileTree, path: str, name: str) -> str:
    if "-l" not in command.options:
        return f"{name}\n"
    size = files.entries[path]
    human = "-h" in command.options or "--human-readable" in command.options
    shown_size = human_size(size or 4096) if human else str(4096 if size is None else size)
    mode, links = ("drwxr-xr-x", 2) if size is None else ("-rw-r--r--", 1)
    return f"{mode} {links} root root {shown_size:>11} {DATE} {name}\n"


def disk_usage(command: Command, shown: Shown) -> str:
    lines: list[str] = []
    total = 0
    depth_text = command.options.get("-d", command.options.get("--max-depth", ""))
    if depth_text and not depth_text.isdigit():
        return f"du: invalid maximum depth '{depth_text}'\n"
    depth = 0 if {"-s", "--summarize"} & command.options.keys() else int(depth_text or 999)
    for pattern in command.paths or ["/"]:
        for path in shown.files.expand(pattern):
            if not shown.files.exists(path):
                lines.append(shown.missing("du", "access", path))
                continue
            lines += usage_lines(command, shown, path, depth)
            total += shown.files.usage(path)
    if "-c" in command.options:
        lines.append(f"{usage_size(command, total)}\ttotal\n")
    return "".join(lines)


def usage_lines(command: Command, shown: Shown, path: str, depth: int, top: bool = True) -> list[str]:
    """Children first, as du prints them."""
    files = shown.files
    lines: list[str] = []
    if depth > 0:
        for child in files.children(path):
            lines += usage_lines(command, shown, child, depth - 1, top=False)
    if top or files.is_directory(path) or {"-a", "--all"} & command.options.keys():
        lines.append(f"{usage_size(command, files.usage(path))}\t{shown.name(path)}\n")
    return lines


def usage_size(command: Command, size: int) -> str:
    human = {"-h", "--human-readable"} & command.options.keys()
    return human_size(size) if human else str(-(-size // 1024))


def human_size(size: int) -> str:
    """Powers of 1024, rounded up, one decimal below ten: 4.0K, 12G."""
    if size < 1024:
        return str(size)
    exponent = min((size.bit_length() - 1) // 10, len(UNITS))
    unit = UNITS[exponent - 1]
    tenths = -(-size * 10 // 1024**exponent)
    return f"{tenths / 10:.1f}{unit}" if tenths < 100 else f"{-(-tenths // 10)}{unit}"


def remove(command: Command, shown: Shown) -> str:
    files = shown.files
    recursive = bool({"-r", "-R", "--recursive"} & command.options.keys())
    force = bool({"-f", "--force"} & command.options.keys())
    if not command.paths:
        return "" if force else "rm: missing operand\n"
    lines: list[str] = []
    for pattern in command.paths:
        for path in files.expand(pattern):
            if not files.exists(path):
                lines += [] if force else [shown.missing("rm", "remove", path)]
            elif files.is_directory(path) and not recursive:
                lines.append(f"rm: cannot remove '{shown.name(path)}': Is a directory\n")
            else:
                files.remove(path)
    return "".join(lines)
