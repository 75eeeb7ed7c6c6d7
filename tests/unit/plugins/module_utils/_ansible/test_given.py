# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options as they were given: what AnsibleModule would convert, or take for not given, without a word."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._ansible.given import Spec, faults, without_nulls

SPEC: Spec = {
    "id": {"type": "int"},
    "interval": {"type": "float"},
    "name": {"type": "str"},
    "file": {"type": "path"},
    "wait": {"type": "bool"},
    "ids": {"type": "list", "elements": "int"},
    "names": {"type": "list", "elements": "str"},
    "untyped": {},
    "select": {"type": "dict", "options": {"ids": {"type": "list", "elements": "int"}, "prefix": {"type": "str"}}},
    "free": {"type": "dict"},
}


def told(**given: t.Any) -> list[str]:
    return [sentence for _name, sentence in faults(SPEC, given)]


@pytest.mark.parametrize("name", SPEC)
def test_null_is_refused_whatever_the_type(name: str) -> None:
    assert list(faults(SPEC, {name: None})) == [(name, f"{name} must not be null; omit it instead.")]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"select": {"prefix": None}}, "select.prefix must not be null"),
        ({"select": '{"prefix": null}'}, "select.prefix must not be null"),
        ({"names": ["a", None]}, "names[1] must not be null"),
        ({"select": {"ids": [1, None]}}, "select.ids[1] must not be null"),
        ({"id": True}, "id must be a number, not true"),
        ({"id": False}, "id must be a number, not false"),
        ({"ids": [1, True]}, "ids[1] must be a number, not true"),
        ({"interval": True}, "interval must be a number, not true"),
        ({"select": {"ids": [True]}}, "select.ids[0] must be a number, not true"),
        ({"name": ["a"]}, "name must be a string, not a list"),
        ({"name": {"a": 1}}, "name must be a string, not a dictionary"),
        ({"file": ["a"]}, "file must be a string, not a list"),
        ({"names": [["a"]]}, "names[0] must be a string, not a list"),
        ({"untyped": []}, "untyped must be a string, not a list"),
    ],
)
def test_what_would_be_something_else_is_refused_by_name(given: dict[str, t.Any], says: str) -> None:
    assert [sentence.startswith(says) for sentence in told(**given)] == [True], told(**given)


ENDLESS = [float("nan"), float("inf"), "nan", "-inf", "Infinity", "1e999999999", 10**400, "9" * 400, 2**64, -(2**64)]


@pytest.mark.parametrize("value", ENDLESS)
@pytest.mark.parametrize("name", ["id", "interval"])
def test_a_number_that_is_none_or_too_large_is_refused_before_it_is_converted(name: str, value: t.Any) -> None:
    assert told(**{name: value}) == [f"{name} must be a finite number of at most 19 digits."]


def test_so_it_is_inside_of_lists_and_dictionaries() -> None:
    assert told(ids=f"1,{'9' * 400}")[0].startswith("ids[1] must be a finite number")
    assert told(select={"ids": "1e999999999"})[0].startswith("select.ids[0] must be a finite number")


def test_every_fault_is_told() -> None:
    assert [name for name, _sentence in faults(SPEC, {"id": True, "name": None, "wait": True})] == ["id", "name"]


@pytest.mark.parametrize("value", ["nonsense", "{a: b}", [1], 5, True])
def test_what_is_no_dictionary_is_told_by_the_name_of_the_option_and_not_shown(value: t.Any) -> None:
    assert told(select=value) == ["select must be a dictionary. The given value is not shown."]


LOGIN: dict[str, t.Any] = {"login": {"type": "dict", "options": {"user": {}, "pass": {"no_log": True}}}}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"user": "me", "password": "s3cr3t"}, "login has no option password; it has pass, user."),
        ("user=me password=s3cr3t", "login has no option password; it has pass, user."),
        ("-u me -p s3cr3t", "login must be a dictionary. The given value is not shown."),
    ],
)
def test_a_login_in_another_form_is_refused_before_anything_shows_it(value: t.Any, says: str) -> None:
    assert list(faults(LOGIN, {"login": value})) == [("login", says)]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"id": 0, "ids": [], "name": "", "names": [], "select": {}, "free": {"a": None}, "wait": False},
        {"id": "forty", "ids": "a,b", "interval": "soon", "names": 5, "wait": "perhaps"},
        {"id": 2**63 - 1, "interval": "2.5", "ids": ["1", 2], "select": "prefix=a"},
        {"_ansible_diff": None, "unknown": None},
        {"ids": {"a": 1}, "id": [1]},
        {"name": True, "names": [1, True]},
    ],
)
def test_the_rest_is_left_to_ansible(given: dict[str, t.Any]) -> None:
    assert told(**given) == []


@pytest.mark.parametrize(
    ("value", "rules", "left"),
    [
        (None, {"type": "list"}, []),
        (None, {"type": "str"}, ""),
        (None, {}, ""),
        (["a", None], {"type": "list"}, ["a"]),
        ([None], {"type": "list"}, []),
        ("a,b", {"type": "list"}, "a,b"),
    ],
)
def test_a_criterion_that_is_null_is_an_empty_one(value: t.Any, rules: dict[str, t.Any], left: t.Any) -> None:
    assert without_nulls(value, rules) == left
