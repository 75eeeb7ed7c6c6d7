# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module ships, and what of it each task imports: read from the files. The house test bounds it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .lab import Lab
from .tables import say, table

PACKAGE = "ansible_collections."


def closures(lab: Lab) -> None:
    say("### What each module ships and imports")
    say()
    rows = []
    for path in sorted((lab.collection / "plugins" / "modules").glob("vast_*.py")):
        ships, imports = closure(path), imported_at_once(path)
        rows.append([path.stem, *counted(ships), *counted(imports)])
    table(["module", "ships files", "KiB", "of them imported at once", "KiB"], rows)
    say(
        "The files of this collection, without those of Ansible; the sizes leave out the documentation of the module "
        "itself. What is not imported at once is imported when a task has something to change, to wait for or to tell."
    )
    say()


def counted(files: Iterable[Path]) -> list[str]:
    texts = [without_docs(path) for path in files]
    return [str(len(texts)), f"{sum(map(len, texts)) / 1024:.0f}"]


def closure(path: Path) -> set[Path]:
    """All that a module ships with it, itself included."""
    return _reached(path, imported)


def imported_at_once(path: Path) -> set[Path]:
    """All that is imported with a file, apart from what its functions import and what only types need."""
    return _reached(path, lambda each: _targets(each, ast.parse(each.read_text(encoding="utf-8")).body))


def imported(path: Path) -> set[Path]:
    """The files of ours that a file imports, wherever in it."""
    return _targets(path, ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def without_docs(path: Path) -> str:
    """A file without the documentation blocks of a module, which are for readers of its source only."""
    text = path.read_text(encoding="utf-8")
    return text[text.index("import typing") :] if path.parent.name == "modules" else text


def _reached(path: Path, step: Callable[[Path], set[Path]]) -> set[Path]:
    found, waiting = {path}, [path]
    while waiting:
        new = step(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def _targets(path: Path, nodes: Iterable[ast.AST]) -> set[Path]:
    return {file for node in nodes if isinstance(node, ast.ImportFrom) for file in _files(path, node)}


def _files(path: Path, node: ast.ImportFrom) -> Iterator[Path]:
    """The files of ours that one import may mean: the module it names, and the modules among its names."""
    if node.level:
        base = path.parents[node.level - 1]
    elif (node.module or "").startswith(PACKAGE):
        base = next((each.parent for each in path.parents if each.name == PACKAGE.rstrip(".")), path.parent)
    else:
        return
    target = base.joinpath(*(node.module or "").split("."))
    candidates = [target.with_suffix(".py"), *(target / f"{alias.name}.py" for alias in node.names)]
    yield from (candidate for candidate in candidates if candidate.is_file())
