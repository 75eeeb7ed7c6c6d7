# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the README and the guides tell people to write, held against what the modules and playbooks really take."""

from __future__ import annotations

import collections.abc as c
import pathlib
import re
import textwrap
import typing as t

import pytest
from ansible.module_utils.common.yaml import yaml_load
from ansible.vars.reserved import get_reserved_names

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.vast_module import API_OPTIONS
from ansible_collections.vastai.cloud.plugins.module_utils._api import errors

from .harness import COLLECTION, NAMES
from .modules.test_documentation import real_spec, real_validator

GUIDES = [COLLECTION / "README.md", *sorted((COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))]
PLAYBOOKS = {path.stem for path in (COLLECTION / "playbooks").glob("*.yml")}
PREFIX = "vastai.cloud."
IN_MARKDOWN = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_RST = re.compile(r"^( *)\.\. code-block:: (\S+)\n\n(.*?)(?=^(?!\1 {4}|$)|\Z)", re.MULTILINE | re.DOTALL)

every_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)


def blocks(guide: pathlib.Path, *languages: str) -> list[str]:
    """The blocks of code in some languages, without their indentation."""
    text = guide.read_text(encoding="utf-8")
    found = IN_MARKDOWN.findall(text) if guide.suffix == ".md" else [each[1:] for each in IN_RST.findall(text)]
    return [textwrap.dedent(code) for language, code in found if language in languages]


def mappings(found: t.Any) -> c.Iterator[dict[str, t.Any]]:
    """Every mapping in a document, the outer ones first."""
    if isinstance(found, dict):
        yield found
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from mappings(inner)


def tasks(guide: pathlib.Path) -> list[tuple[str, dict[str, t.Any]]]:
    """Each task of this collection in a guide: the module and its arguments."""
    return [
        (key.removeprefix(PREFIX), arguments or {})
        for code in blocks(guide, "yaml", "yaml+jinja")
        for mapping in mappings(yaml_load(code))
        for key, arguments in mapping.items()
        if key.startswith(PREFIX)
    ]


def shell_words(guide: pathlib.Path, pattern: str) -> list[tuple[str, ...]]:
    """What a pattern finds in the commands of a guide."""
    return [found for code in blocks(guide, "shell", "console") for found in re.findall(pattern, code)]


def mistakes(module: str, arguments: dict[str, t.Any]) -> list[str]:
    """What the module would say of these arguments."""
    return [*real_validator(module, arguments).validate(arguments).error_messages]


def test_the_blocks_are_found() -> None:
    found = {guide.stem: len(blocks(guide, "yaml", "yaml+jinja", "shell")) for guide in GUIDES}
    assert {name for name, count in found.items() if not count} == set()
    mark = re.compile(r"(?:^```|code-block:: )(?:yaml|shell)", re.MULTILINE)
    assert found == {guide.stem: len(mark.findall(guide.read_text(encoding="utf-8"))) for guide in GUIDES}


@every_guide
def test_each_task_of_a_guide_would_be_accepted(guide: pathlib.Path) -> None:
    for module, arguments in tasks(guide):
        assert module in NAMES
        assert mistakes(module, arguments) == []


def test_a_task_with_a_mistake_would_be_noticed() -> None:
    assert mistakes("vast_instance", {"label": "a", "stat": "stopped"}) != []


@every_guide
def test_each_command_of_a_guide_would_be_accepted(guide: pathlib.Path) -> None:
    for module, quoted in shell_words(guide, r'-m vastai\.cloud\.(\w+)(?: -a "([^"]*)")?'):
        arguments = dict(re.findall(r"(\w+)=('[^']*'|\S+)", quoted))
        assert module in NAMES
        assert not arguments or mistakes(module, arguments) == []


@every_guide
def test_each_playbook_of_a_guide_exists(guide: pathlib.Path) -> None:
    named = {*shell_words(guide, r"ansible-playbook vastai\.cloud\.(\w+)")}
    imported = {
        mapping["ansible.builtin.import_playbook"].removeprefix(PREFIX)
        for code in blocks(guide, "yaml")
        for mapping in mappings(yaml_load(code))
        if "ansible.builtin.import_playbook" in mapping
    }
    assert named | imported <= PLAYBOOKS


@every_guide
def test_each_module_default_of_a_guide_is_an_option_of_every_module(guide: pathlib.Path) -> None:
    for code in blocks(guide, "yaml", "yaml+jinja"):
        for mapping in mappings(yaml_load(code)):
            assert mapping.get("group/vastai.cloud.all", {}).keys() <= API_OPTIONS.keys()


@pytest.mark.parametrize(
    ("guide", "row"),
    [("README.md", r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$"), ("docs/docsite/rst/errors.rst", r"^  \* - ``(\w+)``$")],
)
def test_the_table_of_failures_holds_every_error_class(guide: str, row: str) -> None:
    text = (COLLECTION / guide).read_text(encoding="utf-8")
    classes = {leaf.error_class for leaf in errors.VastError.__subclasses__()}
    assert set(re.findall(row, text, re.MULTILINE)) - {"error_class"} == classes


def test_the_execution_environment_of_the_guide_is_the_one_that_is_tested() -> None:
    first, *_others = blocks(COLLECTION / "docs" / "docsite" / "rst" / "automation_platform.rst", "yaml")
    tested = (COLLECTION / "tests" / "ee" / "execution-environment.yml").read_text(encoding="utf-8")
    assert yaml_load(first) == yaml_load(tested)


every_playbook = pytest.mark.parametrize("playbook", sorted(PLAYBOOKS))


def source(playbook: str) -> str:
    return (COLLECTION / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8")


@every_playbook
def test_a_playbook_never_becomes_somebody_else(playbook: str) -> None:
    assert {play["become"] for play in yaml_load(source(playbook))} == {False}


@every_playbook
def test_the_head_of_a_playbook_tells_how_to_run_it(playbook: str) -> None:
    head = source(playbook).partition("\n- name:")[0]
    assert f"vastai.cloud.{playbook}" in head or "make demo" in head
    assert all(line.startswith(("#", "---")) for line in head.splitlines())


@every_playbook
def test_no_variable_of_a_playbook_is_reserved(playbook: str) -> None:
    head = source(playbook).partition("\n- name:")[0]
    documented = set(re.findall(r"^# ([a-z]\w*) {2,}\S", head, re.MULTILINE))
    assert documented or playbook in {"demo", "inventory_demo"}
    assert documented & get_reserved_names() == set()


def test_the_account_playbook_knows_each_option_and_passes_it_on() -> None:
    (play,) = yaml_load(source("account"))
    passed = {
        text.split("]")[0].split("vastai_account.")[1].partition("[")[0]: (key.removeprefix(PREFIX), arguments)
        for task in play["tasks"]
        for key, arguments in task.items()
        if key.startswith(PREFIX) and (text := task["vars"]["vastai_entry"])
    }
    known = play["vars"]["vastai_known"]
    assert list(known) == list(passed)
    of_every_task = {*API_OPTIONS, "return_key"}
    for name, (module, arguments) in passed.items():
        assert known[name] == list(arguments)
        assert set(known[name]) == set(real_spec(module)[0]) - of_every_task


def test_each_entry_of_the_account_file_of_the_guide_would_be_accepted() -> None:
    guide = COLLECTION / "docs" / "docsite" / "rst" / "account.rst"
    account = yaml_load(blocks(guide, "yaml")[0])
    assert list(account) == ["ssh_keys", "env_vars", "templates", "volumes", "api_keys"]
    for name, entries in account.items():
        assert [mistakes(f"vast_{name.removesuffix('s')}", entry) for entry in entries] == [[]] * len(entries)
