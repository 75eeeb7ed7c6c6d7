# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where key and address come from, and which values are refused before anything is sent."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import AuthError, Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import DEFAULT_URL, Settings, origin

from ...harness import KEY

DEFAULTS = {
    "api_key": None,
    "api_url": None,
    "api_timeout": 60,
    "retry_timeout": 120,
    "api_pacing": True,
    "validate_certs": True,
    "ca_path": None,
}


def settings(environ: dict[str, str] | None = None, **options: t.Any) -> Settings:
    return Settings.from_options({**DEFAULTS, "api_key": KEY, **options}, environ or {})


def key_found(environ: dict[str, str], option: str | None = None) -> str:
    return settings(environ, api_key=option).api_key


def store_key(config: pathlib.Path, content: bytes) -> pathlib.Path:
    file = config / "vastai" / "vast_api_key"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def test_key_comes_from_option_then_environment_then_key_file(tmp_path: pathlib.Path) -> None:
    store_key(tmp_path / ".config", b"from-file\n")
    environ = {"HOME": str(tmp_path), "VAST_API_KEY": "from-environment"}
    assert key_found(environ, "from-option") == "from-option"
    assert key_found(environ) == "from-environment"
    assert key_found({"HOME": str(tmp_path)}) == "from-file"


@pytest.mark.parametrize("name", ["api_key", "api_url", "ca_path"])
@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_option_that_is_given_and_empty_is_refused_by_its_name(
    tmp_path: pathlib.Path, name: str, value: str
) -> None:
    store_key(tmp_path / ".config", b"another-account")
    environ = {"HOME": str(tmp_path), "VAST_API_KEY": "another-account", "VAST_URL": "https://another.test"}
    with pytest.raises(Invalid, match=f"^{name} must not be empty; omit it instead.$"):
        settings(environ, **{name: value})


def test_the_source_of_the_key_is_told(tmp_path: pathlib.Path) -> None:
    environ = {"HOME": str(tmp_path)}
    (tmp_path / ".vast_api_key").write_text("old")
    assert settings(environ, api_key=None).key_source == f"the file {tmp_path}/.vast_api_key"
    store_key(tmp_path / ".config", b"new")
    assert settings(environ, api_key=None).key_source == f"the file {tmp_path}/.config/vastai/vast_api_key"
    environ["VAST_API_KEY"] = "from-environment"
    assert settings(environ, api_key=None).key_source == "the environment variable VAST_API_KEY"
    assert settings(environ, api_key=KEY).key_source == "the option api_key"


def test_the_key_file_of_older_releases_is_read_last(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".vast_api_key").write_text("old\n")
    assert key_found({"HOME": str(tmp_path)}) == "old"
    assert key_found({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == "old"
    store_key(tmp_path / "xdg", b"")
    assert key_found({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == "old"
    store_key(tmp_path / ".config", b"new")
    assert key_found({"HOME": str(tmp_path)}) == "new"


def test_a_fifo_in_place_of_a_key_file_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / ".vast_api_key")
    with pytest.raises(AuthError, match="No API key"):
        key_found({"HOME": str(tmp_path)})


@pytest.mark.parametrize("path", ["/api/v0", "/api/v0/", "/vast", "//x", "/;a"])
def test_an_address_with_a_path_is_refused_with_the_right_form(path: str) -> None:
    with pytest.raises(Invalid, match=r"^api_url must not contain a path\. Use https://api\.test:8443\.$"):
        settings(api_url=f"https://api.test:8443{path}")


def test_an_empty_environment_variable_counts_as_not_set(tmp_path: pathlib.Path) -> None:
    store_key(tmp_path / ".config", b"from-file")
    assert key_found({"HOME": str(tmp_path), "VAST_API_KEY": "", "XDG_CONFIG_HOME": ""}) == "from-file"
    assert settings({"VAST_URL": ""}).api_url == DEFAULT_URL


def test_xdg_config_home_beats_the_default_folder(tmp_path: pathlib.Path) -> None:
    store_key(tmp_path / ".config", b"from-default")
    store_key(tmp_path / "xdg", b"from-xdg")
    assert key_found({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == "from-xdg"


def test_key_file_is_found_without_a_home_in_the_environment(home: pathlib.Path) -> None:
    store_key(home / ".config", b"from-file")
    assert key_found({}) == "from-file"


def test_white_space_around_a_key_is_dropped() -> None:
    assert settings(api_key=" \tspaced-key\n").api_key == "spaced-key"


def test_no_key_anywhere_says_where_to_put_one(tmp_path: pathlib.Path) -> None:
    with pytest.raises(AuthError, match=r"api_key.*VAST_API_KEY.*vastai set api-key.*manage-keys"):
        key_found({"HOME": str(tmp_path)})


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00binary"], ids=["empty", "blank", "binary"])
def test_a_key_file_without_a_key_counts_as_none(tmp_path: pathlib.Path, content: bytes) -> None:
    store_key(tmp_path / ".config", content)
    with pytest.raises(AuthError, match="No API key"):
        key_found({"HOME": str(tmp_path)})


def test_no_more_of_a_key_file_is_read_than_a_key_could_be_long(tmp_path: pathlib.Path) -> None:
    store_key(tmp_path / ".config", b"k" * 10_000)
    assert key_found({"HOME": str(tmp_path)}) == "k" * 4096


def test_an_unreadable_key_file_counts_as_none(tmp_path: pathlib.Path) -> None:
    # A folder in its place fails to open for root too, whom file modes do not stop.
    (tmp_path / ".config" / "vastai" / "vast_api_key").mkdir(parents=True)
    with pytest.raises(AuthError, match="No API key"):
        key_found({"HOME": str(tmp_path)})


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "nul\0byte", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(AuthError) as refused:
        settings(api_key=key)
    assert key not in refused.value.msg
    assert key not in str(refused.value.failure())


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.test", "https://api.test"),
        ("https://api.test/", "https://api.test"),
        (" https://api.test// ", "https://api.test"),
        ("https://api.test:8443/", "https://api.test:8443"),
        ("HTTPS://api.test", "https://api.test"),
        ("https://API.Test", "https://API.Test"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_kept_without_trailing_slash(given: str, used: str) -> None:
    assert settings(api_url=given).api_url == used


def test_address_comes_from_option_then_environment_then_default() -> None:
    environ = {"VAST_URL": "https://environment.test"}
    assert settings(environ, api_url="https://option.test").api_url == "https://option.test"
    assert settings(environ).api_url == "https://environment.test"
    assert settings().api_url == "https://console.vast.ai"


def test_the_engine_has_an_address_of_its_own_at_vast_ai_only() -> None:
    assert settings().engine_url == "https://run.vast.ai"
    assert settings(api_url="https://console.vast.ai/").engine_url == "https://run.vast.ai"
    assert settings(api_url="https://api.test").engine_url == "https://api.test"


@pytest.mark.parametrize(
    "url",
    [
        "api.test",
        "//api.test",
        "ftp://api.test",
        "ftp://api.test:21",
        "https://",
        "https:///path",
        "https://api .test",
        "https://api.test:port",
        "https://api.test:99999",
        "https://[::1",
        "https://user:s3cr3t@api.test",
        "https://user:s3cr3t/more@api.test",
        "https://s3cr3t@api.test",
        "https://api.test/?api_key=s3cr3t",
        "https://api.test/#s3cr3t",
        "https://api.test\\@s3cr3t",
        "https://api.test\\s3cr3t",
        "https://api<test",
        "https://\u0430pi.test",
    ],
)
def test_an_address_that_cannot_work_is_refused_without_showing_its_secrets(url: str) -> None:
    with pytest.raises(Invalid, match="api_url") as refused:
        settings(api_url=url)
    assert "s3cr3t" not in refused.value.msg


@pytest.mark.parametrize(
    ("url", "insecure"),
    [
        ("http://api.test", True),
        ("http://10.0.0.1:8080", True),
        ("https://api.test", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:8080", False),
        ("http://127.0.0.53:8080", False),
        ("http://127.0.0.1.example.com", True),
        ("http://[::1]:8080", False),
    ],
)
def test_only_plain_http_to_another_machine_is_insecure(url: str, insecure: bool) -> None:
    assert settings(api_url=url).insecure is insecure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_timeout", 0),
        ("api_timeout", -1),
        ("api_timeout", 3601),
        ("api_timeout", 99999999999),
        ("api_timeout", True),
        ("api_timeout", "60"),
        ("api_timeout", None),
        ("api_timeout", float("nan")),
        ("api_timeout", float("inf")),
        ("retry_timeout", -1),
        ("retry_timeout", 86401),
        ("retry_timeout", False),
        ("retry_timeout", float("nan")),
    ],
)
def test_numbers_that_cannot_work_are_named(name: str, value: t.Any) -> None:
    with pytest.raises(Invalid, match=rf"{name} must (be|not be) .*{value}"):
        settings(None, **{name: value})


@pytest.mark.parametrize("digits", [15, 20, 400, 5000])
def test_a_number_of_many_digits_is_refused_without_them(digits: int) -> None:
    with pytest.raises(Invalid) as refused:
        settings(api_timeout=10**digits)
    assert refused.value.msg == "api_timeout must be at most 3600, not a number of that many digits."


@pytest.mark.parametrize(("name", "value"), [("api_timeout", 1), ("api_timeout", 3600), ("retry_timeout", 86400)])
def test_numbers_at_their_bounds_are_taken(name: str, value: int) -> None:
    assert getattr(settings(None, **{name: value}), name) == value


def test_what_is_not_said_is_as_the_options_have_it() -> None:
    assert Settings(KEY) == settings()


def test_not_retrying_at_all_is_allowed() -> None:
    assert settings(retry_timeout=0).retry_timeout == 0


def test_a_missing_ca_path_is_refused_by_name(tmp_path: pathlib.Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(Invalid, match=rf"ca_path.*{missing}"):
        settings(ca_path=missing)


@pytest.mark.parametrize(
    ("validate_certs", "with_ca", "verify"),
    [(True, False, True), (True, True, os.devnull), (False, False, False), (False, True, False)],
)
def test_what_requests_is_told_to_verify(validate_certs: bool, with_ca: bool, verify: bool | str) -> None:
    made = settings(validate_certs=validate_certs, ca_path=os.devnull if with_ca else None)
    assert made.verify == verify


def test_the_key_is_not_in_the_representation() -> None:
    assert KEY not in repr(settings())


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://api.test:443/file", True),
        ("https://API.test/file", True),
        ("http://api.test/file", False),
        ("https://api.test:8443/file", False),
        ("https://other.test/file", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, same: bool) -> None:
    assert (origin(url) == origin("https://api.test")) is same
