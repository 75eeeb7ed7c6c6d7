# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One request: what is sent, what is tried again and for how long, what every failure holds."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import platform
import random
import sys
import typing as t
from unittest import mock

import pytest
import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProtocolError, ProxyError

from ansible_collections.vastai.cloud.plugins.module_utils._api import client as clients
from ansible_collections.vastai.cloud.plugins.module_utils._api import wire
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client, Route
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock, Deadline
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import VastError
from ansible_collections.vastai.cloud.plugins.module_utils._api.refusals import requests_missing
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings
from ansible_collections.vastai.cloud.plugins.module_utils._version import VERSION

from ...harness import KEY, URL, Api, FakeClock

READ = Route("GET", "/api/v0/things/", 1.0)
WRITE = Route("PUT", "/api/v0/things/{id}/", 1.0)
ASK = Route("POST", "/ask/", 1.0, reads=True)
ENGINE = Route("POST", "/workers/", 1.0, engine=True, reads=True)
ROUTES = pytest.mark.parametrize("route", [READ, WRITE], ids=["GET", "PUT"])
RESULT = "https://files.test/logs/abc.log"

Connect = t.Callable[..., Client]


def settings(**changes: t.Any) -> Settings:
    return Settings(**{"api_key": KEY, "api_url": URL, **changes})


@pytest.fixture
def warnings() -> list[str]:
    """What the user was warned of."""
    return []


@pytest.fixture
def connect(warnings: list[str]) -> Connect:
    """A client with some settings changed."""

    def build(**changes: t.Any) -> Client:
        return Client(settings(**changes), agent="ansible-core/2.19.1", warn=warnings.append, clock=Clock())

    return build


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest of the random waits, always."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def expect(api: Api, route: Route, reply: t.Any = None, **more: t.Any) -> None:
    api.expect(route.method, route.path.format(id=5), {"success": True} if reply is None else reply, **more)


def call(client: Client, route: Route) -> dict[str, t.Any]:
    return client.call(route, ids={"id": 5})


def failure(client: Client, route: Route) -> dict[str, t.Any]:
    with pytest.raises(VastError) as failed:
        call(client, route)
    return failed.value.failure()


def sent_request(client: Client, route: Route, **keywords: t.Any) -> mock.Mock:
    """What the session was asked to send."""
    with mock.patch.object(requests.adapters.HTTPAdapter, "send", autospec=True) as send:
        send.side_effect = requests.ConnectionError
        with pytest.raises(VastError):
            client.call(route, ids={"id": 5}, **keywords)
    return send


def test_a_call_sends_query_and_body_and_returns_the_object(api: Api, connect: Connect) -> None:
    api.expect("PUT", "/api/v0/things/5/", {"success": True, "n": 1}, query={"q": "x"}, body={"state": "stopped"})
    assert connect().call(WRITE, ids={"id": 5}, params={"q": "x"}, body={"state": "stopped"}) == {
        "success": True,
        "n": 1,
    }


def test_the_key_is_in_the_header_and_nowhere_else(connect: Connect) -> None:
    request = sent_request(connect(), WRITE, params={"q": "x"}, body={"a": 1}).call_args.args[1]
    assert request.headers.pop("Authorization") == f"Bearer {KEY}"
    assert KEY not in f"{request.url} {request.body!r} {request.headers}"


def test_it_asks_for_json_and_names_collection_caller_and_python(connect: Connect) -> None:
    request = sent_request(connect(), WRITE).call_args.args[1]
    assert request.headers["Accept"] == "application/json"
    wanted = f"ansible-vastai.cloud/{VERSION} ansible-core/2.19.1 python/{platform.python_version()}"
    assert request.headers["User-Agent"] == wanted


def test_a_path_prefix_of_the_address_is_kept_and_the_slash_at_the_end_too(api: Api, connect: Connect) -> None:
    api.expect("GET", "https://gateway.test/vast/api/v0/things/", {})
    connect(api_url="https://gateway.test/vast").call(READ)
    assert api.calls == [("GET", "https://gateway.test/vast/api/v0/things/")]


@pytest.mark.parametrize(
    ("api_url", "engine"),
    [
        (URL, URL),
        ("https://gateway.test/vast", "https://gateway.test/vast"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://console.vast.ai", "https://run.vast.ai"),
    ],
)
def test_only_the_engine_of_vast_ai_itself_has_another_host(
    api: Api, connect: Connect, api_url: str, engine: str
) -> None:
    api.expect("POST", f"{engine}/workers/", {"n": 1}, body={"id": 5})
    api.expect("GET", f"{api_url}/api/v0/things/", {"n": 2})
    client = connect(api_url=api_url)
    assert client.call(ENGINE, body={"id": 5}) == {"n": 1}
    assert call(client, READ) == {"n": 2}


def test_a_failure_of_the_engine_tells_its_address(api: Api, connect: Connect) -> None:
    api.expect("POST", "https://run.vast.ai/workers/", {"error": "no"}, status=401)
    failed = failure(connect(api_url="https://console.vast.ai"), ENGINE)
    assert (failed["error_class"], failed["url"]) == ("auth", "https://run.vast.ai/workers/")


@pytest.mark.parametrize(
    ("reply", "returned"), [([1, 2], {"rows": [1, 2]}), ([], {"rows": []}), ({"n": 1}, {"n": 1}), ({}, {})]
)
def test_a_bare_list_is_put_under_the_name_that_is_asked_for(
    api: Api, connect: Connect, reply: t.Any, returned: dict[str, t.Any]
) -> None:
    expect(api, ASK, reply)
    assert connect().call(ASK, list_key="rows") == returned


@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [('"text"', 200, "protocol"), (b"", 200, "protocol"), ([1], 400, "invalid"), ([1], 500, "server")],
)
def test_a_refusal_or_a_text_is_no_bare_list(
    api: Api, connect: Connect, reply: t.Any, status: int, error_class: str
) -> None:
    expect(api, ASK, reply, status=status)
    with pytest.raises(VastError) as failed:
        connect().call(ASK, list_key="rows")
    assert failed.value.error_class == error_class


@pytest.mark.parametrize("more", [{"success": False}, {"success": True}, {}, {"success": "maybe"}])
def test_what_exists_by_its_id_is_returned_whatever_else_is_said(
    api: Api, connect: Connect, more: dict[str, t.Any]
) -> None:
    api.expect("PUT", "/api/v0/things/1/", {"new_thing": 7, **more})
    assert connect().call(WRITE, ids={"id": 1}, keep="new_thing")["new_thing"] == 7


@pytest.mark.parametrize("named", [{}, {"new_thing": None}, {"new_thing": True}, {"new_thing": 0}, {"other": 7}])
@pytest.mark.parametrize("status", [200, 400])
def test_without_an_id_a_no_stays_a_failure(api: Api, connect: Connect, named: dict[str, t.Any], status: int) -> None:
    api.expect("PUT", "/api/v0/things/1/", {"success": False, "msg": "no", **named}, status=status)
    with pytest.raises(VastError) as caught:
        connect().call(WRITE, ids={"id": 1}, keep="new_thing")
    assert caught.value.error_class == "invalid"


def test_an_id_in_a_failure_is_none(api: Api, connect: Connect) -> None:
    api.expect("PUT", "/api/v0/things/1/", {"new_thing": 7}, status=400)
    with pytest.raises(VastError):
        connect().call(WRITE, ids={"id": 1}, keep="new_thing")


def test_a_client_for_check_mode_reads_and_refuses_to_write(api: Api) -> None:
    client = Client(settings(), agent="test", warn=pytest.fail, clock=Clock(), writes=False)
    expect(api, READ, {"n": 1})
    expect(api, ASK, {"n": 2})
    assert [call(client, READ), call(client, ASK)] == [{"n": 1}, {"n": 2}]
    with pytest.raises(RuntimeError, match="check mode"):
        call(client, WRITE)


@ROUTES
def test_nothing_is_sent_again_after_the_deadline_of_the_task(
    api: Api, connect: Connect, clock: FakeClock, route: Route
) -> None:
    for _try in range(3):
        expect(api, route, refused())
    start = clock.now()
    with pytest.raises(VastError):
        connect().call(route, ids={"id": 5}, deadline=Deadline(Clock(), 5))
    assert clock.now() - start <= 5


@pytest.fixture
def netrc(home: pathlib.Path) -> None:
    """Passwords for the hosts of the tests, which requests would use by itself."""
    file = home / ".netrc"
    file.write_text("machine vast.test login u password p\nmachine files.test login u password p\n")
    file.chmod(0o600)


@pytest.mark.usefixtures("netrc")
def test_a_netrc_password_does_not_replace_the_key(api: Api, connect: Connect) -> None:
    expect(api, READ, authorized=True)
    call(connect(), READ)


@pytest.mark.parametrize(
    ("changes", "verify"),
    [
        ({"validate_certs": False}, False),
        ({"ca_path": "/own-ca.pem"}, "/own-ca.pem"),
        ({"ca_path": "/own-ca.pem", "validate_certs": False}, False),
        ({}, __file__),
    ],
)
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_options_for_certificates_beat_requests_ca_bundle(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, variable: str, changes: dict[str, t.Any], verify: bool | str
) -> None:
    monkeypatch.setenv(variable, __file__)
    assert sent_request(connect(**changes), WRITE).call_args.kwargs["verify"] == verify


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@ROUTES
def test_a_missing_bundle_of_authorities_is_named_and_not_tried_again(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, clock: FakeClock, variable: str, route: Route
) -> None:
    monkeypatch.setenv(variable, "/nowhere/bundle.pem")
    failed = failure(connect(), route)
    assert failed["error_class"] == "invalid"
    assert f"the environment variable {variable} names /nowhere/bundle.pem, which does not exist." in failed["msg"]
    assert clock.slept == []


def test_connecting_and_reading_have_time_limits(connect: Connect) -> None:
    assert sent_request(connect(api_timeout=7), WRITE).call_args.kwargs["timeout"] == (10.0, 7)


@ROUTES
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_and_is_not_followed(api: Api, connect: Connect, route: Route, status: int) -> None:
    expect(api, route, b"", status=status, headers={"Location": "https://elsewhere.test/"})
    failed = failure(connect(), route)
    assert failed["error_class"] == "protocol"
    assert "https://elsewhere.test/" in failed["msg"]


@pytest.mark.parametrize(
    ("reply", "headers", "slept"),
    [
        pytest.param("API requests too frequent", None, 1.0, id="text"),
        pytest.param("API requests too frequent endpoint threshold=2.5", None, 2.5, id="threshold-in-text"),
        pytest.param({"detail": "too frequent, threshold=4.0"}, None, 4.0, id="threshold-in-json"),
        pytest.param({"error": "rate_limit_exceeded", "retry_after": 3}, None, 3.0, id="retry_after"),
        pytest.param("slow down", {"Retry-After": "8"}, 8.0, id="Retry-After"),
    ],
)
def test_a_refused_write_is_sent_again_as_late_as_the_refusal_asks(
    api: Api, connect: Connect, clock: FakeClock, reply: t.Any, headers: dict[str, str] | None, slept: float
) -> None:
    expect(api, WRITE, reply, status=429, headers=headers)
    expect(api, WRITE)
    assert call(connect(), WRITE) == {"success": True}
    # The turn taken for the refused request is over only a margin after the interval.
    assert sum(clock.slept) == pytest.approx(max(slept, 1.05))


def test_a_write_refused_for_ever_ends_within_the_budget(api: Api, connect: Connect, clock: FakeClock) -> None:
    start = clock.now()
    for _refusal in range(6):
        expect(api, WRITE, "API requests too frequent", status=429)
    failed = failure(connect(retry_timeout=60), WRITE)
    assert failed["error_class"] == "rate_limited"
    assert failed["status_code"] == 429
    assert "Gave up after trying 6 times: retry_timeout is 60 s." in failed["msg"]
    assert clock.slept == pytest.approx([1.05, 2, 4, 8, 16], abs=0.2)
    assert clock.now() - start <= 60


@pytest.mark.parametrize(("spread", "slept"), [(0, [0.5, 1, 2, 4, 8, 15, 15]), (1, [1, 2, 4, 8, 16, 30, 30])])
def test_pauses_double_up_to_half_a_minute_and_are_spread_over_their_second_half(
    api: Api,
    connect: Connect,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    spread: int,
    slept: list[float],
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *bounds: bounds[spread])
    for _attempt in slept:
        expect(api, READ, refused())
    expect(api, READ, {"n": 1})
    assert connect(retry_timeout=200, api_pacing=False).call(READ) == {"n": 1}
    assert clock.slept == pytest.approx(slept)


def test_a_refusal_that_names_no_time_is_waited_out_by_the_usual_pause(
    api: Api, connect: Connect, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    unpaced = Route("PUT", "/api/v0/things/5/", 0.0)
    for _refusal in range(2):
        expect(api, unpaced, "slow down", status=429)
    expect(api, unpaced, {"n": 1})
    assert connect().call(unpaced) == {"n": 1}
    assert clock.slept == pytest.approx([0.5, 1.0])


def test_without_pacing_a_refusal_is_waited_out_for_the_interval_at_least(
    api: Api, connect: Connect, clock: FakeClock
) -> None:
    slow = Route("PUT", "/api/v0/things/5/", 3.0)
    expect(api, slow, "slow down", status=429)
    expect(api, slow, {"n": 1})
    assert connect(api_pacing=False).call(slow) == {"n": 1}
    assert clock.slept == pytest.approx([3.0])


def test_an_interval_that_a_refusal_names_is_kept_from_then_on(api: Api, connect: Connect, clock: FakeClock) -> None:
    expect(api, READ, "API requests too frequent endpoint threshold=2.5", status=429)
    for _call in range(2):
        expect(api, READ)
        call(connect(), READ)
    assert clock.slept == pytest.approx([2.5, 2.625])


def test_a_pause_that_ends_with_the_budget_is_waited_for(api: Api, connect: Connect, clock: FakeClock) -> None:
    expect(api, READ, refused())
    expect(api, READ, {"n": 1})
    assert connect(retry_timeout=1, api_pacing=False).call(READ) == {"n": 1}
    assert clock.slept == [1.0]


def test_a_wait_beyond_the_budget_is_not_waited(api: Api, connect: Connect, clock: FakeClock) -> None:
    expect(api, READ, "slow down", status=429, headers={"Retry-After": "3600"})
    assert failure(connect(), READ)["error_class"] == "rate_limited"
    assert clock.slept == []


def test_a_very_long_wait_does_not_become_a_burst_of_requests(api: Api, connect: Connect, clock: FakeClock) -> None:
    for _refusal in range(3):
        expect(api, READ, "slow down", status=429, headers={"Retry-After": "700"})
    assert failure(connect(retry_timeout=1500), READ)["error_class"] == "rate_limited"
    assert clock.slept == pytest.approx([600, 600])


@ROUTES
def test_a_used_up_quota_is_never_tried_again(api: Api, connect: Connect, clock: FakeClock, route: Route) -> None:
    expect(api, route, {"error": "search_quota_exceeded", "msg": "quota"}, status=429)
    assert failure(connect(), route)["error_class"] == "quota"
    assert clock.slept == []


def reset() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer")))


LOST_REPLIES = [
    pytest.param(reset, id="reset"),
    pytest.param(lambda: requests.ReadTimeout("Read timed out."), id="read-timeout"),
    pytest.param(
        lambda: requests.exceptions.ProxyError(
            MaxRetryError(
                t.cast("t.Any", None), "/", ProxyError("Cannot connect to proxy.", ConnectionResetError("reset"))
            )
        ),
        id="reset-behind-a-proxy-as-urllib3-1.26-has-it",
    ),
]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_error_is_tried_again_only_when_reading(
    api: Api, connect: Connect, clock: FakeClock, status: int
) -> None:
    expect(api, READ, "<html></html>", status=status)
    expect(api, READ, {"n": 1})
    expect(api, WRITE, "<html></html>", status=status)
    client = connect()
    assert call(client, READ) == {"n": 1}
    assert failure(client, WRITE)["error_class"] == "unknown_outcome"
    assert len(api.calls) == 3


@pytest.mark.parametrize("lost", LOST_REPLIES)
def test_a_lost_reply_is_asked_for_again_only_when_reading(
    api: Api, connect: Connect, lost: t.Callable[[], Exception]
) -> None:
    expect(api, READ, lost())
    expect(api, READ, {"n": 1})
    expect(api, WRITE, lost())
    client = connect()
    assert call(client, READ) == {"n": 1}
    failed = failure(client, WRITE)
    assert failed["error_class"] == "unknown_outcome"
    assert "may have been carried out" in failed["msg"]
    assert len(api.calls) == 3


@pytest.mark.parametrize("lost", LOST_REPLIES)
def test_a_post_that_only_reads_is_sent_again_after_a_lost_reply(
    api: Api, connect: Connect, lost: t.Callable[[], Exception]
) -> None:
    expect(api, ASK, lost(), body={"id": 5})
    expect(api, ASK, "<html></html>", status=503, body={"id": 5})
    expect(api, ASK, {"n": 1}, body={"id": 5})
    assert connect().call(ASK, body={"id": 5}) == {"n": 1}


def test_a_post_is_not_sent_again_unless_it_is_known_to_read(api: Api, connect: Connect) -> None:
    post = Route("POST", "/ask/", 1.0)
    expect(api, post, reset())
    assert failure(connect(), post)["error_class"] == "unknown_outcome"


def test_a_post_that_only_reads_has_no_doubtful_outcome(api: Api, connect: Connect) -> None:
    expect(api, ASK, '"Invalid key"')
    expect(api, ASK, reset())
    client = connect(retry_timeout=0)
    assert failure(client, ASK)["error_class"] == "protocol"
    assert failure(client, ASK)["error_class"] == "transport"


def refused() -> requests.ConnectionError:
    reason = NewConnectionError(t.cast("t.Any", object()), "Connection refused")
    return requests.ConnectionError(MaxRetryError(t.cast("t.Any", None), "/", reason))


def behind_proxy(reason: Exception) -> requests.ConnectionError:
    return requests.exceptions.ProxyError(
        MaxRetryError(t.cast("t.Any", None), "/", ProxyError("Unable to connect to proxy", reason))
    )


NEVER_SENT = [
    pytest.param(refused, id="refused"),
    pytest.param(lambda: requests.ConnectTimeout("connect timed out"), id="connect-timeout"),
    pytest.param(lambda: behind_proxy(ConnectTimeoutError("proxy timed out")), id="no-proxy"),
]


@ROUTES
@pytest.mark.parametrize("lost", NEVER_SENT)
def test_what_was_never_sent_is_tried_again(
    api: Api, connect: Connect, clock: FakeClock, route: Route, lost: t.Callable[[], Exception]
) -> None:
    expect(api, route, lost())
    expect(api, route, lost())
    expect(api, route, {"n": 1})
    assert call(connect(), route) == {"n": 1}
    assert sum(clock.slept) >= 3.0


@ROUTES
def test_no_connection_for_ever_ends_within_the_budget(
    api: Api, connect: Connect, clock: FakeClock, route: Route
) -> None:
    start = clock.now()
    for _try in range(4):
        expect(api, route, refused())
    failed = failure(connect(retry_timeout=10), route)
    assert failed["error_class"] == "transport"
    assert "was not sent: no connection (Connection refused)" in failed["msg"]
    assert clock.now() - start <= 10


@ROUTES
@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        ("API requests too frequent", 429, "rate_limited"),
        (refused(), 0, "transport"),
    ],
)
def test_retry_timeout_zero_tries_once(
    api: Api, connect: Connect, clock: FakeClock, route: Route, reply: t.Any, status: int, error_class: str
) -> None:
    expect(api, route, reply, status=status)
    failed = failure(connect(retry_timeout=0), route)
    assert failed["error_class"] == error_class
    assert "trying once" in failed["msg"]
    assert clock.slept == []


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        pytest.param([1, 2], "an empty body", id="list"),
        pytest.param(b"", "an empty body", id="empty"),
        pytest.param("<html><title>Welcome</title></html>", "an HTML page titled 'Welcome'", id="html"),
        pytest.param('"Successfully done"', "Successfully done", id="json-text"),
    ],
)
def test_a_200_without_an_object_proves_nothing(api: Api, connect: Connect, reply: t.Any, says: str) -> None:
    expect(api, READ, reply)
    expect(api, WRITE, reply)
    client = connect()
    read, written = failure(client, READ), failure(client, WRITE)
    assert (read["error_class"], written["error_class"]) == ("protocol", "unknown_outcome")
    assert says in read["msg"]
    assert read["status_code"] == written["status_code"] == 200


def test_a_reply_that_is_too_large_is_not_read_to_its_end_nor_asked_for_again(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "MAX_REPLY_BYTES", 1000)
    expect(api, READ, b"{" + b" " * 1000)
    expect(api, WRITE, b"{" + b" " * 1000)
    client = connect()
    read, written = failure(client, READ), failure(client, WRITE)
    assert (read["error_class"], written["error_class"]) == ("protocol", "unknown_outcome")
    assert "larger than 1000 bytes" in read["msg"]


def test_a_failure_tells_what_was_sent_and_what_came_back(api: Api, connect: Connect) -> None:
    expect(api, WRITE, {"success": False, "error": "invalid_args", "msg": "bad state"}, status=400)
    failed = failure(connect(), WRITE)
    msg = failed.pop("msg")
    assert all(part in msg for part in ("PUT", f"{URL}/api/v0/things/5/", "400", "bad state"))
    assert failed == {
        "error_class": "invalid",
        "method": "PUT",
        "url": f"{URL}/api/v0/things/5/",
        "status_code": 400,
        "error": "invalid_args",
        "response": json.dumps({"success": False, "error": "invalid_args", "msg": "bad state"}),
    }


def test_a_failure_without_a_reply_has_the_same_keys(api: Api, connect: Connect) -> None:
    expect(api, WRITE, reset())
    failed = failure(connect(), WRITE)
    assert {key: failed[key] for key in ("method", "url", "status_code", "error", "response")} == {
        "method": "PUT",
        "url": f"{URL}/api/v0/things/5/",
        "status_code": None,
        "error": None,
        "response": None,
    }


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"error": f"bad {KEY}", "msg": f"the key {KEY} is bad", "seen": [KEY]}, 400),
        (f"<html><title>{KEY}</title></html>", 200),
        (f"too frequent for {KEY}", 429),
        (requests.ReadTimeout(f"{KEY} timed out"), 0),
    ],
)
def test_an_echoed_key_is_in_no_part_of_a_failure(api: Api, connect: Connect, reply: t.Any, status: int) -> None:
    expect(api, WRITE, reply, status=status)
    failed = failure(connect(retry_timeout=0), WRITE)
    assert KEY not in json.dumps(failed)
    assert "********" in failed["msg"]


def test_a_secret_in_the_body_is_not_repeated_in_the_message(api: Api, connect: Connect) -> None:
    api.expect("PUT", "/api/v0/things/5/", {"msg": "no"}, status=400, body={"label": "a", "token": "s3cr3t"})
    with pytest.raises(VastError) as failed:
        connect().call(WRITE, ids={"id": 5}, body={"label": "a", "token": "s3cr3t"})
    assert '"label": "a"' in failed.value.msg
    assert "s3cr3t" not in failed.value.msg


def test_an_address_that_requests_refuses_is_invalid_and_not_tried_again(connect: Connect, clock: FakeClock) -> None:
    failed = failure(connect(api_url="https://*.test"), WRITE)
    assert failed["error_class"] == "invalid"
    assert "api_url" in failed["msg"]
    assert clock.slept == []


def test_whoever_waits_long_for_a_connection_is_told_once_why_and_how_long(
    api: Api, connect: Connect, clock: FakeClock, warnings: list[str]
) -> None:
    told_at: list[float] = []

    def warn(text: str) -> None:
        told_at.append(clock.now() - start)
        warnings.append(text)

    client = connect()
    client.warn = warn
    for _call in range(2):
        start = clock.now()
        for _attempt in range(5):
            expect(api, READ, refused())
        expect(api, READ, {"n": 1})
        assert call(client, READ) == {"n": 1}
    assert warnings == [
        f"GET {URL}/api/v0/things/ was not sent: no connection (Connection refused). Trying again for at most 117 s."
    ]
    assert told_at[0] <= 5


def test_whoever_is_refused_for_long_is_told_once_why_and_how_long(
    api: Api, connect: Connect, warnings: list[str]
) -> None:
    expect(api, WRITE, "slow down", status=429, headers={"Retry-After": "60"})
    expect(api, WRITE, {"n": 1})
    assert call(connect(), WRITE) == {"n": 1}
    assert len(warnings) == 1
    assert warnings[0].startswith(f"Vast.ai answered 429 to {SENT}")
    assert warnings[0].endswith("Trying again for at most 120 s.")


def test_whoever_waits_long_for_a_turn_is_told_once_why_and_how_long(
    api: Api, connect: Connect, clock: FakeClock, warnings: list[str]
) -> None:
    slow = Route("GET", "/api/v0/things/", 6.0)
    for _call in range(3):
        expect(api, slow)
        call(connect(), slow)
    assert warnings == [f"GET {URL}/api/v0/things/ is waiting for the rate limit of Vast.ai, for at most 120 s."] * 2


@pytest.mark.parametrize("pause", [4.0, 5.0])
def test_a_short_wait_needs_no_word(api: Api, connect: Connect, warnings: list[str], pause: float) -> None:
    expect(api, WRITE, "slow down", status=429, headers={"Retry-After": f"{pause:g}"})
    expect(api, WRITE, {"n": 1})
    assert call(connect(), WRITE) == {"n": 1}
    assert warnings == []


def test_only_a_key_that_crosses_a_network_in_the_clear_is_warned_of(connect: Connect, warnings: list[str]) -> None:
    connect()
    connect(api_url="http://127.0.0.1:8080")
    assert warnings == []
    connect(api_url="http://vast.test")
    assert warnings == ["The API key is sent unencrypted to http://vast.test; use https."]


def test_whoever_has_a_client_can_warn_its_user(connect: Connect, warnings: list[str]) -> None:
    connect().warn("look out")
    assert warnings == ["look out"]


def test_without_requests_the_failure_is_a_dependency(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "REQUESTS_IMPORT_ERROR", "Traceback: no requests")
    with pytest.raises(VastError) as failed:
        connect()
    assert (failed.value.error_class, failed.value.msg) == (
        "dependency",
        requests_missing("").msg,
    )
    assert failed.value.result == {"exception": "Traceback: no requests"}


def test_the_client_can_be_imported_without_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    spec = importlib.util.spec_from_file_location(f"{wire.__package__}._wire_again", wire.__file__)
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert "requests" in again.REQUESTS_IMPORT_ERROR


SENT = f"PUT {URL}/api/v0/things/5/"
TLS = requests.exceptions.SSLError


@pytest.mark.parametrize(
    ("error", "error_class", "says"),
    [
        pytest.param(
            requests.exceptions.InvalidURL(f"no host in {KEY}"),
            "invalid",
            f"{SENT} cannot be sent: no host in ********.",
            id="no address",
        ),
        pytest.param(
            TLS("UNEXPECTED_EOF_WHILE_READING"),
            "unknown_outcome",
            f"The reply to {SENT} was lost: UNEXPECTED_EOF_WHILE_READING. It may have been carried out.",
            id="TLS that fails later",
        ),
        pytest.param(
            requests.ConnectionError("CERTIFICATE_VERIFY_FAILED or WRONG_VERSION_NUMBER, says the peer"),
            "unknown_outcome",
            f"The reply to {SENT} was lost: CERTIFICATE_VERIFY_FAILED or WRONG_VERSION_NUMBER, says the peer. "
            "It may have been carried out.",
            id="words of a TLS error elsewhere",
        ),
        pytest.param(
            requests.ReadTimeout(),
            "unknown_outcome",
            f"The reply to {SENT} was lost: ReadTimeout. It may have been carried out.",
            id="an error without words",
        ),
    ],
)
def test_what_a_failed_transfer_means_is_said_in_full(
    api: Api, connect: Connect, clock: FakeClock, error: Exception, error_class: str, says: str
) -> None:
    expect(api, WRITE, error)
    failed = failure(connect(), WRITE)
    assert (failed["error_class"], failed["msg"]) == (error_class, says)
    assert (failed["method"], failed["url"]) == ("PUT", f"{URL}/api/v0/things/5/")
    assert clock.slept == []


def test_a_connection_that_is_refused_is_told_without_the_names_of_objects(api: Api, connect: Connect) -> None:
    expect(api, READ, refused())
    failed = failure(connect(retry_timeout=0), READ)
    assert failed["msg"] == (
        f"GET {URL}/api/v0/things/ was not sent: no connection (Connection refused). "
        "Gave up after trying once: retry_timeout is 0 s."
    )
    assert (failed["method"], failed["url"]) == ("GET", f"{URL}/api/v0/things/")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("<urllib3.connection.HTTPSConnection object at 0x7f394c286710>: Failed: refused", "Failed: refused"),
        ("HTTPSConnection(host='vast.test', port=443): Failed: [Errno 111] refused", "Failed: [Errno 111] refused"),
        ("HTTPConnectionPool(host='vast.test', port=80): Read timed out.", "Read timed out"),
        ("[SSL: SSLV3_ALERT] handshake: failure (_ssl.c:1)", "[SSL: SSLV3_ALERT] handshake: failure (_ssl.c:1)"),
        ("no address of HOST-XX...", "no address of HOST-XX"),
        ("said HTTPConnection(host='vast.test'): no", "said HTTPConnection(host='vast.test'): no"),
    ],
)
def test_the_reason_is_told_in_full_but_for_the_name_of_the_connection(
    api: Api, connect: Connect, says: str, reason: str
) -> None:
    expect(api, WRITE, requests.ConnectionError(says))
    assert failure(connect(), WRITE)["msg"] == f"The reply to {SENT} was lost: {reason}. It may have been carried out."


def test_what_was_lost_when_reading_tells_how_often_it_was_asked_for(api: Api, connect: Connect) -> None:
    for _attempt in range(2):
        expect(api, READ, reset())
    failed = failure(connect(retry_timeout=2.5), READ)
    assert failed["msg"] == (
        f"The reply to GET {URL}/api/v0/things/ was lost: [Errno 104] reset by peer. "
        "Gave up after trying 2 times: retry_timeout is 2.5 s."
    )
    assert (failed["method"], failed["url"]) == ("GET", f"{URL}/api/v0/things/")


def test_a_reply_that_is_too_large_is_told_with_what_was_sent(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "MAX_REPLY_BYTES", 10)
    expect(api, READ, b"{" + b" " * 10)
    failed = failure(connect(), READ)
    assert failed["msg"] == (
        f"The reply to GET {URL}/api/v0/things/ cannot be read: the reply is larger than 10 bytes."
    )
    assert (failed["method"], failed["url"]) == ("GET", f"{URL}/api/v0/things/")


def test_an_answer_that_is_no_object_is_told_with_what_was_sent(api: Api, connect: Connect) -> None:
    expect(api, READ, b"")
    api.expect("PUT", "/api/v0/things/5/", b"", body={"token": "s3cr3t", "n": 1})
    client = connect()
    read = failure(client, READ)
    with pytest.raises(VastError) as written:
        client.call(WRITE, ids={"id": 5}, body={"token": "s3cr3t", "n": 1})
    assert read["msg"] == (
        f"Vast.ai answered 200 to GET {URL}/api/v0/things/, but not with a JSON object: an empty body."
    )
    assert written.value.msg == (
        f'Vast.ai answered 200 to {SENT} {{"token": "********", "n": 1}}, but not with a JSON object: an empty body. '
        "It may have been carried out."
    )
    assert (read["method"], read["url"], read["error"], read["response"]) == ("GET", f"{URL}/api/v0/things/", None, "")


def test_routes_do_not_wait_for_each_other(api: Api, connect: Connect, clock: FakeClock) -> None:
    client = connect()
    for route in (READ, WRITE, ASK):
        expect(api, route)
        call(client, route)
    assert clock.slept == []


def test_only_a_write_that_met_a_server_error_may_have_been_carried_out(api: Api, connect: Connect) -> None:
    for route in (READ, WRITE):
        expect(api, route, {"msg": "boom"}, status=500)
    client = connect()
    assert failure(client, READ)["msg"] == f"Vast.ai answered 500 to GET {URL}/api/v0/things/: boom."
    assert failure(client, WRITE)["msg"] == f"Vast.ai answered 500 to {SENT}: boom. It may have been carried out."
