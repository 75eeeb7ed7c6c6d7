# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nothing secret leaves, by value or by name; what is no secret stays as it is; nothing hidden acts on a terminal."""

from __future__ import annotations

import base64
import json
import time
import typing as t
import urllib.parse

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api import redact
from ansible_collections.vastai.cloud.plugins.module_utils._api.redact import MASK, MAX_SHOWN, Redactor, visible
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.endpoints import Endpoint

from ...harness import KEY, endpoint_row, instance_row

HEX = "5f3c9a7b1e2d4c6f8091a2b3c4d5e6f70718293a4b5c6d7e8f90a1b2c3d4e5f6"
ODD = 'quote"and\\back/slash+plus%'


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def ways(key: str) -> list[str]:
    """Texts that hold a key in one of the ways that it may be written."""
    return [
        f"key {key} is wrong",
        key.upper(),
        key.lower(),
        json.dumps({"a": key}),
        f"https://vast.test/?k={urllib.parse.quote(key, safe='')}",
        key.encode().hex(),
        key.encode().hex().upper(),
        *(b64(f"{before}{key}{after}") for before in ("", "u", "us", "user:") for after in ("", "z", "zz")),
        b64(f"us{key}").rstrip("="),
        base64.urlsafe_b64encode(key.encode()).decode(),
        f"x{key[3:15]}y",
        f"x{key[-13:]}y",
        f"x{key[4:17].upper()}y",
        f"caf\u00e9 {key.upper()} \u0130",
        f"caf\u00e9 {key} \u0130",
    ]


def leaks(text: str, key: str) -> list[str]:
    """The runs of a key that are left in a text, in any way of writing it."""
    written = [key, key.encode().hex(), *(b64("x" * before + key)[before + 1 : -4] for before in range(3))]
    runs = {form[at : at + 12].lower() for form in written for at in range(len(form) - 11)}
    return [run for run in runs if run in text.lower()]


@pytest.mark.parametrize("key", [KEY, HEX, ODD])
def test_the_key_is_masked_however_it_is_written(key: str) -> None:
    redactor = Redactor([key])
    for text in ways(key):
        for shown in (redactor.text(text), redactor.clean(text), redactor.data({"msg": text})):
            assert MASK in shown
            assert leaks(shown, key) == [], shown


@pytest.mark.parametrize("key", [KEY, HEX])
def test_each_way_of_writing_a_key_would_be_a_leak(key: str) -> None:
    assert [text for text in ways(key) if not leaks(text, key)] == []


def test_what_stands_around_the_key_stays() -> None:
    assert Redactor([KEY]).text(f"a {KEY} b {KEY.upper()} c") == f"a {MASK} b {MASK} c"
    assert Redactor([KEY]).text(f"x{KEY[14:28]}y") == f"x{MASK}y"


@pytest.mark.parametrize(
    "written",
    [
        urllib.parse.quote(ODD, safe=""),
        b64("~~~>>>???key"),
        base64.urlsafe_b64encode(b"~~~>>>???key").decode(),
    ],
)
def test_a_key_of_odd_characters_is_masked_as_a_whole(written: str) -> None:
    assert Redactor([ODD, "~~~>>>???key"]).text(f"a={written}&b=5") == f"a={MASK}&b=5"


def test_a_short_run_of_the_key_is_no_leak() -> None:
    assert Redactor([HEX]).text(f"commit {HEX[:11]}") == f"commit {HEX[:11]}"


@pytest.mark.parametrize("secret", ["abc", "abcde", "elevenchars"])
def test_a_short_secret_is_masked_as_a_whole(secret: str) -> None:
    redactor = Redactor([secret, ""])
    assert redactor.text(f"<{secret}> <{secret.upper()}>") == f"<{MASK}> <{MASK}>"
    assert redactor.text(secret) == MASK
    assert redactor.text(f"{secret[0]}{secret}") == f"{secret[0]}{MASK}"
    assert redactor.text(secret[:-1]) == secret[:-1]


def test_several_secrets_are_masked() -> None:
    assert Redactor([HEX, "second-secret-value"]).clean([HEX, "a second-secret-value"]) == [MASK, f"a {MASK}"]
    assert Redactor([]).clean(["anything"]) == ["anything"]


def test_a_key_of_equal_parts_leaves_no_part() -> None:
    key = "abcdef" * 6 + "012345" * 4
    assert leaks(Redactor([key]).text(f"{key[30:42]} {key}"), key) == []


@pytest.mark.parametrize(
    "text",
    [
        "got api_key=s3cr3t&x=1",
        "Authorization: Bearer s3cr3t",
        "Authorization: Basic dTpzM2NyM3Q= s3cr3t",
        "Authorization: Token s3cr3t",
        '"Authorization": "Digest a=1, s3cr3t"',
        "sent Basic s3cr3t+s3cr3t=",
        "Cookie: a=1; sid=s3cr3t",
        'Set-Cookie: sid="s3cr3t"',
        "{'password': 's3cr3t'}",
        "password='with blanks s3cr3t'",
        'password="never closed s3cr3t',
        "pwd=s3cr3t",
        "PASSPHRASE: s3cr3t",
        "docker_login_pass=s3cr3t",
        "credentials: s3cr3t",
        '{"jupyter_token":"s3cr3t"}',
        r"bad input {\"token\": \"s3cr3t\"}",
        r"bad input {\"token\": \"with s3cr3t\"}",
        "https://files.test/log?X-Amz-Signature=s3cr3t",
        "https://files.test/log?sv=1&sig=s3cr3t",
        "cannot reach http://user:s3cr3t@proxy.test:3128/",
        "git clone https://s3cr3t@git.test/repo",
        "docker login -u me -p s3cr3t registry.test",
        "run --hf-token s3cr3t --port 8080",
        "-----BEGIN OPENSSH PRIVATE KEY-----\ns3cr3t\n-----END",
    ],
)
def test_secrets_in_texts_are_masked_by_name(text: str) -> None:
    redactor = Redactor([KEY])
    for shown in (redactor.text(text), redactor.clean({"status_msg": text})["status_msg"], redactor.data([text])):
        assert "s3cr3t" not in shown
        assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "success, running pytorch/pytorch:latest/ssh",
        "Authorization Error. Your key lacks the api.instances route access which is required for this action.",
        "No such key",
        "monkey: business",
        "see https://cloud.vast.ai/manage-keys/",
    ],
)
def test_texts_without_a_secret_stay(text: str) -> None:
    shown = Redactor([KEY]).clean(text)
    assert shown == (f"monkey: {MASK}" if text.startswith("monkey") else text)


@pytest.mark.parametrize(
    "data",
    [
        {"api_key": "s3cr3t"},
        {"apiKey": "s3cr3t"},
        {"API-KEY": "s3cr3t"},
        {"instances": [{"jupyter_token": "s3cr3t"}]},
        {"deleted_workers": [{"id": 5, "jupyter_token": "s3cr3t"}]},
        {"a": {"b": [{"extra_env": [["HF_TOKEN", "s3cr3t"]]}]}},
        {"env": {"A": "s3cr3t"}},
        {"env_vars": [{"key": "A", "value": "s3cr3t"}]},
        {"key": "A", "value": "s3cr3t"},
        {"name": "HF_TOKEN", "value": "s3cr3t"},
        {"pairs": [["HF_TOKEN", "s3cr3t"]]},
        {"pairs": [["HF_TOKEN", ["s3cr3t"]]]},
        {"onstart": "export A=s3cr3t"},
        {"image_login": "-u me -p s3cr3t"},
        {"docker_login_pass": "s3cr3t"},
        {"pass": "s3cr3t"},
        {"sid": "s3cr3t"},
        {"Authorization": "s3cr3t"},
        {"auth": ["me", "s3cr3t"]},
        {"args": ["--a", "s3cr3t"]},
        {"image_args": ["s3cr3t"]},
        {"launch_args": "s3cr3t"},
        {"Set-Cookie": "s3cr3t"},
        {"credentials": {"a": {"b": "s3cr3t"}}},
        {"pwd": "s3cr3t"},
        {"session_id": "s3cr3t"},
        {"msg": 'bad input {"token": "s3cr3t"}'},
    ],
)
def test_secret_fields_are_masked_by_name_at_any_level(data: t.Any) -> None:
    redactor = Redactor([KEY])
    for shown in (redactor.data(data), json.dumps(redactor.clean(data))):
        assert "s3cr3t" not in shown
        assert MASK in shown


def test_numbers_are_masked_where_they_may_be_secrets_and_shown_where_they_count() -> None:
    redactor = Redactor([KEY])
    assert redactor.clean({"token": 123456, "env": {"PIN": 1234}}) == {"token": MASK, "env": {"PIN": MASK}}
    counts: dict[str, t.Any] = {
        "ssh_keys": 3,
        "max_tokens": 10,
        "failed_logins": 2,
        "secrets": 1,
        "has_password": True,
        "api_key": None,
        "token": "",
        "env": [],
    }
    assert redactor.clean(counts) == counts


def test_lines_of_a_text_are_no_names_and_values() -> None:
    lines = {"stdout_lines": ["id_rsa.key", "model.bin"], "rows": [["a", "b"], ["c", "d"], [5, "e"]]}
    assert Redactor([KEY]).clean(lines) == lines


def test_names_that_only_look_like_secrets_are_shown() -> None:
    fields = {
        "key_type": "ssh",
        "ssh_key_id": "5",
        "key_source": "VAST_API_KEY",
        "error_class": "auth",
        "public_key": "x",
        "next_token": "page 2",
        "token_type": "bearer",
        "limits": [{"name": "price", "value": "0.5"}],
    }
    assert Redactor([KEY]).clean(fields) == fields


INSTANCE = Instance(4711, instance_row()).result()
ENDPOINT = Endpoint(77, endpoint_row()).result()


@pytest.mark.parametrize("result", [INSTANCE, ENDPOINT], ids=["instance", "endpoint"])
def test_a_whole_result_stays_as_it_is(result: dict[str, t.Any]) -> None:
    filled = {
        **{field: f"text of {field}" if value is None else value for field, value in result.items()},
        "template_hash_id": "0" * 32,
        "status_msg": "success, running\n",
    }
    prefixed = {f"vast_{field}": value for field, value in filled.items()}
    whole = {"changed": True, "instance": filled, "instances": [filled], "hostvars": prefixed}
    assert Redactor([KEY]).clean(whole) == whole
    assert Redactor([KEY]).clean(filled) is not filled


def test_a_name_that_the_user_gave_is_masked_by_value_only() -> None:
    given = {"label": "token=a100", "endpoint_name": "key: 5", "labels": ["pwd=x"], "vast_label": "token=b"}
    assert Redactor([KEY]).clean(given) == given
    assert Redactor([KEY]).clean({"label": f"x {KEY}"}) == {"label": f"x {MASK}"}


def test_names_of_things_that_the_user_called_so_do_not_hide_what_stands_under_them() -> None:
    given = {
        "before": {"instance 4711 (token-server)": {"state": "running"}, "endpoint 5 (key\n)": {"max_workers": 3}},
        "labels": {"token-server": "2", "my-key": {"state": "running"}},
    }
    assert Redactor([KEY]).clean(given) == given
    assert Redactor([KEY]).clean({"password (old)": "x"}) == {"password (old)": MASK}


def test_keys_are_masked_too_and_types_stay() -> None:
    value = {f"a {HEX}": (1, 2.5, None, True, [HEX]), 5: {"x"}}
    assert Redactor([HEX]).clean(value) == {f"a {MASK}": [1, 2.5, None, True, [MASK]], 5: ["x"]}


def test_a_result_is_not_cut_and_a_message_is() -> None:
    long = "x" * 100_000
    assert Redactor([KEY]).clean({"stdout": long}) == {"stdout": long}
    assert Redactor([KEY]).text(long) == "x" * MAX_SHOWN


def test_a_long_reply_is_cut_after_masking() -> None:
    shown = Redactor([KEY]).text("x" * (MAX_SHOWN - 10) + KEY + "y" * 5000)
    assert len(shown) == 1024
    assert KEY[:10] not in shown


def test_a_failure_shows_a_text_as_it_is_and_sixteen_levels_of_a_reply() -> None:
    redactor = Redactor([KEY])
    assert redactor.data("no such instance") == "no such instance"
    lists: t.Any = "inside"
    fields: t.Any = "inside"
    for _level in range(15):
        lists, fields = [lists], {"a": fields}
    assert redactor.data([lists]) == "[" * 16 + '"inside"' + "]" * 16
    assert redactor.data([[lists]]) == "[" * 17 + '"..."' + "]" * 17
    assert redactor.data({"a": fields}) == '{"a": ' * 16 + '"inside"' + "}" * 16
    assert redactor.data({"a": {"a": fields}}) == '{"a": ' * 16 + '{"...": "..."}' + "}" * 16


def test_an_address_is_shown_without_its_user() -> None:
    assert Redactor([KEY]).text("no proxy at http://me:s3cr3t@proxy.test/") == f"no proxy at http://{MASK}@proxy.test/"


@pytest.mark.parametrize("depth", [10, 100, 500])
def test_a_deep_value_breaks_nothing(depth: int) -> None:
    lists: t.Any = KEY
    fields: t.Any = KEY
    for _level in range(depth):
        lists, fields = [lists], {"a": fields}
    for value in (lists, fields):
        assert KEY not in json.dumps(Redactor([KEY]).clean(value))
        assert KEY not in Redactor([KEY]).data(value)


@pytest.mark.parametrize(
    "unit",
    [
        "key ",
        "key\\",
        'key="',
        "login ",
        "login -",
        " -p",
        "://",
        "a://b",
        "Basic ",
        "--",
        KEY[:6],
        KEY[:11],
        KEY,
        "{'a",
    ],
)
def test_the_work_grows_with_the_text_and_not_with_its_square(unit: str) -> None:
    redactor = Redactor([KEY])
    text = f"token login key {unit * (200_000 // len(unit))}"
    started = time.process_time()
    redactor.clean(text)
    # With the square it would be minutes; a slow machine needs half a second.
    assert time.process_time() - started < 10


def test_a_message_reads_no_more_than_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    masked = Redactor._masked

    def note(self: Redactor, text: str) -> str:
        read.append(len(text))
        return masked(self, text)

    monkeypatch.setattr(Redactor, "_masked", note)
    Redactor([KEY]).text("x" * 10_000_000)
    assert read == [redact.MAX_READ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, caf\u00e9 \u4e2d", "plain text, caf\u00e9 \u4e2d"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("X\n", "X\\n"),
        ("a\x00\x7f\x9b", "a\\x00\\x7f\\x9b"),
        ("a\u202eb\u2066\u200f", "a\\u202eb\\u2066\\u200f"),
        ("a\u200b\ufeff\u2028\u00ad", "a\\u200b\\ufeff\\u2028\\xad"),
        ("a\U000e0041", "a\\U000e0041"),
        ("a\u3164\u115f", "a\\u3164\\u115f"),
        ("a\ud800", "a\\ud800"),
    ],
)
def test_what_acts_or_hides_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert Redactor([KEY]).text(text) == shown
