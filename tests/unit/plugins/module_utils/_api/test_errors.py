# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a failure says beyond what the API said."""

from __future__ import annotations

import sys

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import requests_missing


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
