# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a failure says beyond what the API said."""

from __future__ import annotations

import sys

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import errors
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
    Exchange,
    Invalid,
    RateLimited,
    VastError,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.refusals import requests_missing


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        (errors.AuthError, "auth"),
        (errors.PermissionDenied, "permission"),
        (errors.NotFound, "not_found"),
        (errors.Ambiguous, "ambiguous"),
        (errors.Invalid, "invalid"),
        (errors.RateLimited, "rate_limited"),
        (errors.QuotaExceeded, "quota"),
        (errors.Unavailable, "unavailable"),
        (errors.BudgetExceeded, "budget"),
        (errors.Leaked, "leaked"),
        (errors.Deprecated, "deprecated"),
        (errors.ServerError, "server"),
        (errors.TransportError, "transport"),
        (errors.UnknownOutcome, "unknown_outcome"),
        (errors.WaitTimeout, "timeout"),
        (errors.ProtocolError, "protocol"),
        (errors.DependencyError, "dependency"),
    ],
)
def test_each_failure_has_the_class_that_playbooks_ask_for(error: type[VastError], error_class: str) -> None:
    assert error("the text").failure() == {"msg": "the text", "error_class": error_class}


def test_a_failure_that_knows_more_keeps_what_it_knew() -> None:
    exchange = Exchange("PUT", "https://vast.test/", 400, "slug", "{}")
    more = Invalid("the text", exchange, changed=False, id=5).with_context("the text, and more", changed=True)
    assert isinstance(more, Invalid)
    assert str(more) == "the text, and more"
    assert more.failure() == {
        "msg": "the text, and more",
        "error_class": "invalid",
        "changed": True,
        "id": 5,
        "method": "PUT",
        "url": "https://vast.test/",
        "status_code": 400,
        "error": "slug",
        "response": "{}",
    }


def test_only_a_refusal_that_names_a_pace_may_be_repeated_and_asks_for_time() -> None:
    refused = RateLimited("too frequent")
    assert (refused.wait, refused.threshold, refused.repeatable) == (0.0, None, False)
    refused = refused.with_pace(5.0, 2.0)
    assert (refused.wait, refused.threshold, refused.repeatable) == (5.0, 2.0, True)


@pytest.mark.parametrize(
    ("python", "prefix", "base", "command"),
    [
        pytest.param("/v/bin/python", "/v", "/usr", "/v/bin/python -m pip install requests", id="environment"),
        pytest.param(
            "/usr/bin/python3",
            "/usr",
            "/usr",
            "/usr/bin/python3 -m pip install requests, or the package python3-requests of your distribution",
            id="system",
        ),
        pytest.param(
            "/h/pipx/venvs/ansible-core/bin/python",
            "/h/pipx/venvs/ansible-core",
            "/usr",
            "pipx inject ansible-core requests, or /h/pipx/venvs/ansible-core/bin/python -m pip install requests",
            id="pipx",
        ),
        pytest.param("/a b/python", "/a b", "/usr", "'/a b/python' -m pip install requests", id="blank-in-path"),
        pytest.param("", "/v", "/usr", "python3 -m pip install requests", id="unknown"),
    ],
)
def test_without_requests_the_very_command_is_told(
    monkeypatch: pytest.MonkeyPatch, python: str, prefix: str, base: str, command: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sys, "base_prefix", base)
    failure = requests_missing("Traceback").failure()
    assert failure["msg"].endswith(f". Install it: {command}.")
    assert failure["msg"].startswith(f"The Python library requests is missing for {python or 'python3'}.")
    assert (failure["error_class"], failure["exception"]) == ("dependency", "Traceback")
