# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Mutants of one file: mutmut's changes, and a few of ours, each made alone.

mutmut itself leaves out every decorated function, and here the judgements are properties.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst
from libcst.metadata import CodeRange, MetadataWrapper, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators


@dataclass(frozen=True)
class Mutant:
    """A file with one change; `before` and `after` are the lines in which it differs."""

    file: str
    line: int
    before: str
    after: str
    source: str

    @property
    def diff(self) -> str:
        lines = [f"- {line}" for line in self.before.splitlines()] + [f"+ {line}" for line in self.after.splitlines()]
        return "\n".join([f"{self.file}:{self.line}", *lines])


def mutants(path: Path) -> Iterator[Mutant]:
    """All of a file, none twice."""
    source = path.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(libcst.parse_module(source))
    visitor = _Changes(wrapper.module, source)
    wrapper.visit(visitor)
    for changed in dict.fromkeys(visitor.sources):
        if changed != source and not is_as_false(source, changed) and is_python(changed):
            yield _mutant(f"{path.parent.name}/{path.name}", source.splitlines(), changed)


def _mutant(file: str, old: list[str], changed: str) -> Mutant:
    new = changed.splitlines()
    top = next(number for number, (was, now) in enumerate(zip(old, new, strict=False)) if was != now)
    tail = 0
    while tail < min(len(old), len(new)) - top and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    before, after = old[top : len(old) - tail], new[top : len(new) - tail]
    return Mutant(file, top + 1, _joined(before), _joined(after), changed)


def is_as_false(source: str, changed: str) -> bool:
    """Whether the change only puts None for False: mypy refuses that, and who asks whether it is true cannot tell."""
    same = next((at for at, (was, now) in enumerate(zip(source, changed, strict=False)) if was != now), len(source))
    return source[same : same + 5] == "False" and source[:same] + "None" + source[same + 5 :] == changed


def is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _joined(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)


class _Changes(libcst.CSTVisitor):
    METADATA_DEPENDENCIES = (WhitespaceInclusivePositionProvider,)

    def __init__(self, module: libcst.Module, source: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self._module = module
        self._lines = source.splitlines(keepends=True)

    def on_visit(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.Annotation):
            return False
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                self._replace(node, operator(node))
        if isinstance(node, (libcst.If, libcst.While, libcst.CompIf)):
            whole = node.test.with_changes(lpar=[libcst.LeftParen()], rpar=[libcst.RightParen()])
            self._replace(node.test, [libcst.UnaryOperation(libcst.Not(), whole)])
        if isinstance(node, libcst.Return) and node.value is not None:
            self._replace(node.value, [libcst.Name("None")])
        return True

    def _replace(self, node: libcst.CSTNode, changes: Iterable[libcst.CSTNode]) -> None:
        place: CodeRange = self.get_metadata(WhitespaceInclusivePositionProvider, node)
        first, last = place.start.line - 1, place.end.line - 1
        head = "".join(self._lines[:first]) + self._lines[first][: place.start.column]
        for change in changes:
            rest = self._lines[last][place.end.column :] + "".join(self._lines[last + 1 :])
            self.sources.append(head + self._module.code_for_node(change) + rest)
