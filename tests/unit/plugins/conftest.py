# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures of every test of a plugin: no network, no user, no waiting."""

from __future__ import annotations

import pathlib
import signal
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import clock as clocks
from ansible_collections.vastai.cloud.plugins.module_utils._api import pacing

from .harness import Api, FakeClock, declared_calls


@pytest.fixture(autouse=True, scope="session")
def heard_signals() -> None:
    """The signals that tests send, also where the tests run in the background, as under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def api() -> t.Iterator[Api]:
    """The declared calls."""
    with declared_calls() as declared:
        yield declared


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that jumps, in place of every other."""
    fake = FakeClock()
    monkeypatch.setattr(clocks.Clock, "now", lambda self: fake.now())
    monkeypatch.setattr(clocks.Clock, "sleep", lambda self, seconds: fake.sleep(seconds))
    monkeypatch.setattr(pacing, "machine_time", fake.now)
    monkeypatch.setattr("time.time", fake.now)
    return fake


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    """A user of the test's own: no key, no files, no settings from outside."""
    for name in (
        "VAST_API_KEY",
        "VAST_URL",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path
