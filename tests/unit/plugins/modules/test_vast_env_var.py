# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_env_var against declared calls."""

from __future__ import annotations

import typing as t

import pytest
import requests

from ..harness import Api, fail_as, succeed

MODULE = "vast_env_var"
PATH = "/api/v0/secrets/"
VALUE = "SECRET-value"
GIVEN: dict[str, t.Any] = {"name": "hf_token", "value": VALUE}
LOST = requests.ConnectionError("reset")
YES = {"success": True}


def names(api: Api, *there: str, times: int = 1) -> None:
    """Declare the listing."""
    for _time in range(times):
        api.expect("GET", PATH, {"success": True, "secrets": dict.fromkeys(there, "********")})


def send(api: Api, method: str, reply: t.Any = None, **more: t.Any) -> None:
    reply = YES if reply is None else reply
    """Declare a write of the value."""
    api.expect(method, PATH, reply, body={"key": "HF_TOKEN", "value": VALUE}, **more)


def drop(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    reply = YES if reply is None else reply
    """Declare the deletion."""
    api.expect("DELETE", PATH, reply, body={"key": "HF_TOKEN"}, **more)


def test_it_is_created_in_capitals_and_never_shown(api: Api) -> None:
    names(api, "OTHER")
    send(api, "POST")
    names(api, "OTHER", "HF_TOKEN")
    result = succeed(MODULE, **GIVEN)
    assert (result["changed"], result["name"]) == (True, "HF_TOKEN")
    assert result["diff"]["before"] == {"state": "absent", "value": None}
    assert result["diff"]["after"] == {"state": "present", "value": "********"}
    assert result["diff"]["before_header"] == result["diff"]["after_header"] == "environment variable HF_TOKEN"
    assert len(result["actions"]) == 2


def test_what_is_there_is_left_as_it_is(api: Api) -> None:
    names(api, "HF_TOKEN")
    assert succeed(MODULE, **GIVEN)["changed"] is False


def test_always_sends_the_value_each_time(api: Api) -> None:
    names(api, "HF_TOKEN")
    send(api, "PUT")
    names(api, "HF_TOKEN")
    result = succeed(MODULE, **GIVEN, update="always")
    assert (result["changed"], result["diff"]["after"]) == (True, {"value": "******** (new)"})


@pytest.mark.parametrize("there", [(), ("HF_TOKEN",)])
def test_check_mode_sends_nothing(api: Api, there: tuple[str, ...]) -> None:
    names(api, *there)
    assert succeed(MODULE, **GIVEN, update="always", check_mode=True)["changed"] is True


def test_after_a_lost_post_the_value_is_unknown_and_put_once(api: Api) -> None:
    names(api)
    send(api, "POST", LOST)
    names(api, "HF_TOKEN", times=4)
    send(api, "PUT")
    names(api, "HF_TOKEN")
    assert succeed(MODULE, **GIVEN)["changed"] is True


def test_a_lost_post_that_was_not_carried_out_is_sent_once_more(api: Api) -> None:
    names(api)
    send(api, "POST", LOST)
    names(api, times=4)
    send(api, "POST")
    names(api, "HF_TOKEN")
    assert succeed(MODULE, **GIVEN)["changed"] is True


def test_two_lost_replies_leave_it_unknown(api: Api) -> None:
    names(api, "HF_TOKEN")
    for _attempt in range(2):
        send(api, "PUT", LOST)
        names(api, "HF_TOKEN", times=4)
    fail_as(MODULE, "unknown_outcome", "environment variable HF_TOKEN", **GIVEN, update="always")


@pytest.mark.parametrize(("there", "seen"), [((), "not listed"), (("HF_TOKEN",), "listed")])
def test_what_was_accepted_and_does_not_show_is_a_failure(api: Api, there: tuple[str, ...], seen: str) -> None:
    names(api, *there)
    for _attempt in range(2):
        if there:
            drop(api)
        else:
            send(api, "POST")
        names(api, *there, times=4)
    options = {"name": "hf_token", "state": "absent"} if there else GIVEN
    fail_as(MODULE, "server", "environment variable HF_TOKEN", f"Last seen: {seen}.", **options)


def test_a_refusal(api: Api) -> None:
    names(api)
    send(api, "POST", {"success": False, "error": "invalid_characters", "msg": "No"}, status=400)
    names(api)
    assert fail_as(MODULE, "invalid", **GIVEN)["changed"] is False


@pytest.mark.parametrize("reply", [YES, LOST])
def test_it_is_deleted(api: Api, reply: t.Any) -> None:
    names(api, "HF_TOKEN", "OTHER")
    drop(api, reply)
    names(api, "OTHER")
    result = succeed(MODULE, name="HF_TOKEN", state="absent")
    assert (result["changed"], result["diff"]["after"]) == (True, {"state": "absent"})


def test_what_is_absent_is_left_alone(api: Api) -> None:
    names(api)
    assert succeed(MODULE, name="HF_TOKEN", state="absent")["changed"] is False


def test_the_limit_is_told_before_anything_is_sent(api: Api) -> None:
    names(api, *(f"V{number}" for number in range(16)))
    fail_as(MODULE, "invalid", "environment variable HF_TOKEN", "allows 16", **GIVEN)


def test_a_value_that_is_not_documented_is_sent_with_a_warning(api: Api) -> None:
    names(api)
    value = "SECRET value"
    api.expect("POST", PATH, YES, body={"key": "HF_TOKEN", "value": value})
    names(api, "HF_TOKEN")
    (warning,) = succeed(MODULE, name="HF_TOKEN", value=value).warnings
    assert "HF_TOKEN" in warning


@pytest.mark.parametrize("secrets", [None, [], "x"])
def test_nothing_is_concluded_from_what_is_no_listing(api: Api, secrets: t.Any) -> None:
    api.expect("GET", PATH, {"success": True, "secrets": secrets})
    fail_as(MODULE, "protocol", **GIVEN)


@pytest.mark.parametrize("name", ["", "1X", "A-B", "A B", "Ä"])
def test_names_that_cannot_be(name: str) -> None:
    fail_as(MODULE, "invalid", "name must be", name=name, value="x")


def test_a_value_is_required() -> None:
    fail_as(MODULE, "invalid", "value", name="A")
