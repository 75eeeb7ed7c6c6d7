# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Destroying what an earlier task may have rented a moment ago."""

from __future__ import annotations

import pathlib

from ..harness import (
    Api,
    fail_as,
    list_query,
)
from .rentals import (
    LABEL,
    LOOKS,
    destroyed,
    gone,
    left_in_doubt,
    listed,
    loading,
    note,
    rent,
    start,
    with_box,
)


def test_absent_waits_for_what_an_earlier_task_may_have_rented_and_destroys_it(api: Api) -> None:
    left_in_doubt(api)
    listed(api)
    listed(api)
    listed(api, loading())
    destroyed(api)
    result = gone()
    assert result["destroyed"] == {"id": 4711, "label": LABEL}
    assert any("its outcome is not known" in warning for warning in result.warnings)


def test_absent_says_so_when_a_minute_does_not_show_it(api: Api, home: pathlib.Path) -> None:
    left_in_doubt(api)
    for _look in range(1 + LOOKS):
        listed(api)
    api.expect_listing()
    result = gone()
    assert (result["changed"], result["destroyed"]) == (False, None)
    assert any("No listing of 60 s showed it" in warning for warning in result.warnings)
    assert note(home)["settled"] is False


def test_absent_does_not_take_a_listing_that_fails_for_absence(api: Api) -> None:
    left_in_doubt(api)
    listed(api)
    for _look in range(LOOKS):
        api.expect("GET", "/api/v1/instances/", {"success": True}, query=list_query({"label": {"eq": LABEL}}))
    fail_as("vast_instance", "protocol", "is not valid", label=LABEL, state="absent")


def test_absent_says_so_when_it_cannot_know_of_a_doubt(api: Api, home: pathlib.Path) -> None:
    left_in_doubt(api)
    next((home / ".cache" / "ansible-vastai-cloud").glob("rent-*.json")).chmod(0o644)
    listed(api)
    api.expect_listing()
    (warning,) = gone().warnings
    assert warning.startswith("Whether an earlier task may have rented an instance as 'train-01' is not known: ")
    assert "not private to this user" in warning


def test_after_what_is_settled_absent_asks_once(api: Api) -> None:
    with_box(api)
    rent()
    listed(api)
    api.expect_listing()
    assert gone()["changed"] is False


def test_check_mode_tells_of_a_doubt(api: Api) -> None:
    left_in_doubt(api)
    start(api)
    (warning,) = rent(check_mode=True).warnings
    assert "may have rented, an instance as 'train-01'" in warning
