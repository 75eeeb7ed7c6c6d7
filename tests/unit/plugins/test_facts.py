# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every fact about the API that code or tests rely on stands in docs/api_facts.md, with a public source."""

from __future__ import annotations

import re

import pytest

from .harness import COLLECTION

PAGE = (COLLECTION / "docs" / "api_facts.md").read_text(encoding="utf-8")
FACTS = frozenset(re.findall(r"^#{2,3} (F\d+(?:\.\d+)?) ", PAGE, re.MULTILINE))
SOURCES = ("reference", "generated", "guides", "client", "dstack", "issue", "observed")
FOLDERS = ("plugins", "tests/simulator", "tests/unit", "tests/integration")
FILES = sorted(
    path.relative_to(COLLECTION).as_posix()
    for folder in FOLDERS
    for path in (COLLECTION / folder).rglob("*.*")
    if path.suffix in (".py", ".yml", ".md")
)


@pytest.mark.parametrize("file", FILES)
def test_references_resolve(file: str) -> None:
    text = (COLLECTION / file).read_text(encoding="utf-8")
    named = set(re.findall(r"\b(F[1-9](?:\.\d+)?)\b(?!\d)", text))
    assert named - FACTS == set()
    assert re.findall(r"\bL-[A-N]\b", text) == []


def test_every_fact_names_its_source() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| Fact"))]
    facts = rows[len(SOURCES) + 1 :]
    assert len(facts) > 40
    assert [row for row in facts if not any(source in row.rsplit("|", 2)[1] for source in SOURCES)] == []
