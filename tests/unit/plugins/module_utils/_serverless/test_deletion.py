# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a deletion is refused; its requests are held by the tests of the module."""

from __future__ import annotations

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.deletion import says_absent


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("Routegroup not found for user", True),
        ("Endpoint 77 for user 5 not found.", True),
        ("Endpoint job 77 not found", True),
        ("bad client_id", False),
        ("User not found", False),
        ("Endpoint is busy", False),
    ],
)
def test_words_of_absence_of_both_generations_are_understood(text: str, absent: bool) -> None:
    error = Invalid(f"Vast.ai answered 400 to DELETE https://vast.test/api/v0/endptjobs/77/: {text}")
    assert says_absent(error) is absent
