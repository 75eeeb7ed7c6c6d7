# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Result files: from where they are fetched, with what, and what becomes of each answer."""

from __future__ import annotations

import json
import pathlib
import typing as t
from unittest import mock

import pytest
import requests
from urllib3.exceptions import NewConnectionError, ProtocolError

from ansible_collections.vastai.cloud.plugins.module_utils._api import client as clients
from ansible_collections.vastai.cloud.plugins.module_utils._api import downloads
from ansible_collections.vastai.cloud.plugins.module_utils._api.client import Client
from ansible_collections.vastai.cloud.plugins.module_utils._api.clock import Clock
from ansible_collections.vastai.cloud.plugins.module_utils._api.downloads import fetch_result
from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Exchange, VastError
from ansible_collections.vastai.cloud.plugins.module_utils._api.settings import Settings

from ...harness import KEY, URL, Api
from .server import GOOD, READ, Answer, Authority, RealClock, Serve, call, http, unused_port
from .server import connect as connect_to
from .test_client_wire import CUT_OFF

RESULT = "https://files.test/logs/abc.log"
Connect = t.Callable[..., Client]

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.SystemTimeWarning")


@pytest.fixture
def connect() -> Connect:
    """A client with some settings changed."""

    def build(**changes: t.Any) -> Client:
        options = {"api_key": KEY, "api_url": URL, **changes}
        return Client(Settings(**options), agent="test", warn=pytest.fail, clock=Clock())

    return build


def reset() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer")))


def refused() -> requests.ConnectionError:
    return requests.ConnectionError(NewConnectionError(t.cast("t.Any", object()), "Connection refused"))


@pytest.fixture
def netrc(home: pathlib.Path) -> None:
    """A password for the host of the files, which requests would use by itself."""
    file = home / ".netrc"
    file.write_text("machine files.test login u password p\n")
    file.chmod(0o600)


@pytest.mark.usefixtures("netrc")
def test_a_result_file_is_fetched_without_key_and_without_netrc_password(api: Api, connect: Connect) -> None:
    api.expect("GET", RESULT, "12K /root", authorized=False)
    assert fetch_result(connect(), RESULT) == "12K /root"


def test_own_authority_vouches_for_the_api_and_not_for_public_storage(connect: Connect) -> None:
    client = connect(ca_path="/own-ca.pem")
    with mock.patch.object(requests.adapters.HTTPAdapter, "send", side_effect=requests.ConnectionError) as send:
        fetch_result(client, f"{URL}/logs/abc.log")
        fetch_result(client, RESULT)
    assert [request.kwargs["verify"] for request in send.call_args_list] == ["/own-ca.pem", True]


@pytest.mark.parametrize("status", [201, 204, 206, 299, 400, 403, 404, 500, 503])
def test_a_result_file_that_is_not_there_yet_is_none(api: Api, connect: Connect, status: int) -> None:
    api.expect("GET", RESULT, "<Error/>", status=status, authorized=False)
    assert fetch_result(connect(), RESULT) is None


@pytest.mark.parametrize("lost", [reset(), refused(), requests.ReadTimeout()], ids=["reset", "refused", "timeout"])
def test_a_result_file_that_cannot_be_reached_may_come_later(api: Api, connect: Connect, lost: Exception) -> None:
    api.expect("GET", RESULT, lost, authorized=False)
    assert fetch_result(connect(), RESULT) is None


def test_an_empty_result_file_is_a_result(api: Api, connect: Connect) -> None:
    api.expect("GET", RESULT, "", authorized=False)
    assert fetch_result(connect(), RESULT) == ""


def test_a_result_file_at_the_origin_of_the_api_needs_no_https(api: Api, connect: Connect) -> None:
    api.expect("GET", "http://127.0.0.1:8080/logs/abc.log", "text", authorized=False)
    client = connect(api_url="http://127.0.0.1:8080/vast")
    assert fetch_result(client, "http://127.0.0.1:8080/logs/abc.log") == "text"


@pytest.mark.parametrize(
    "url",
    [
        "http://files.test/abc.log",
        "http://vast.test/abc.log",
        "http://127.0.0.1/abc.log",
        "file:///etc/passwd",
        "ftp://files.test/abc.log",
        "//files.test/abc.log",
        "http://files.test:port/abc.log",
        "https:///abc.log",
    ],
)
@pytest.mark.usefixtures("api")
def test_a_result_file_elsewhere_without_https_is_not_fetched(connect: Connect, url: str) -> None:
    with pytest.raises(VastError) as failed:
        fetch_result(connect(), url)
    assert failed.value.error_class == "protocol"


@pytest.mark.parametrize("url", ["http://u:s3cr3t@files.test/a.log", "http://files.test/a.log?X-Signature=s3cr3t"])
def test_a_signed_address_is_shown_without_its_signature(connect: Connect, url: str) -> None:
    with pytest.raises(VastError, match=r"files\.test/a\.log") as failed:
        fetch_result(connect(), url)
    assert "s3cr3t" not in json.dumps(failed.value.failure())


@pytest.mark.parametrize("status", [300, 302, 399])
def test_a_redirect_of_a_result_file_is_refused(api: Api, connect: Connect, status: int) -> None:
    api.expect("GET", RESULT, "", status=status, headers={"Location": "http://127.0.0.1/"}, authorized=False)
    with pytest.raises(VastError) as failed:
        fetch_result(connect(), RESULT)
    assert failed.value.error_class == "protocol"
    assert failed.value.msg == f"The result at {RESULT} redirects to another address; the redirect was not followed."
    assert failed.value.exchange == Exchange("GET", RESULT, status)


def test_a_result_file_that_is_too_large_is_refused(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", 100)
    api.expect("GET", RESULT, "x" * 101, authorized=False)
    with pytest.raises(VastError) as failed:
        fetch_result(connect(), RESULT)
    assert failed.value.error_class == "protocol"
    assert failed.value.msg == f"The result at {RESULT} could not be read: the reply is larger than 100 bytes."
    assert failed.value.exchange == Exchange("GET", RESULT)


def test_a_result_file_that_is_no_text_is_read_as_far_as_it_is_one(serve: Serve) -> None:
    server = serve(Answer(http(b"caf\xe9 12K")))
    assert fetch_result(connect_to(server.url), f"{server.url}/a.log") == "caf\ufffd 12K"


@pytest.mark.parametrize("size", [99, 100])
def test_a_result_file_up_to_the_limit_is_read(
    api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(downloads, "MAX_RESULT_BYTES", 100)
    api.expect("GET", RESULT, "x" * size, authorized=False)
    assert fetch_result(connect(), RESULT) == "x" * size


def test_a_reply_may_have_16_mebibytes_and_a_result_file_4() -> None:
    assert (clients.MAX_REPLY_BYTES, downloads.MAX_RESULT_BYTES) == (16_777_216, 4_194_304)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://files.test/a.log", "http://files.test/a.log"),
        ("http://files.test:port/a.log", "http://files.test:port/a.log"),
        ("http://files.test/a\u2028b.log", r"http://files.test/a\u2028b.log"),
        ("http://u:s3cr3t@files.test:8080/a/b.log", "http://files.test:8080/a/b.log"),
        ("http://u:s3@cr3t@files.test/a.log", "http://files.test/a.log"),
        ("http://files.test/a.log?X-Signature=s3cr3t#s3cr3t", "http://files.test/a.log?********"),
    ],
)
@pytest.mark.usefixtures("api")
def test_the_refused_address_of_a_result_file_is_shown_without_its_secrets(
    connect: Connect, url: str, shown: str
) -> None:
    with pytest.raises(VastError) as failed:
        fetch_result(connect(), url)
    assert failed.value.msg == f"Vast.ai reports the result at {shown}, which is not https; it was not fetched."
    assert failed.value.exchange == Exchange("GET", shown)


def test_a_result_file_that_cannot_be_asked_for_tells_why(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"/{KEY}.pem")
    with pytest.raises(VastError) as failed:
        fetch_result(connect(), RESULT)
    assert failed.value.msg == (
        f"The result at {RESULT} cannot be fetched: the environment variable REQUESTS_CA_BUNDLE "
        "names /********.pem, which does not exist."
    )
    assert failed.value.exchange == Exchange("GET", RESULT)


def test_a_result_file_is_fetched_over_a_connection_without_the_key(serve: Serve) -> None:
    server = serve(GOOD, Answer(http(b"12K\t/root\n")))
    client = connect_to(server.url)
    call(client, READ)
    assert fetch_result(client, f"{server.url}/logs/a.log") == "12K\t/root\n"
    assert [KEY.encode() in request for request in server.requests] == [True, False]
    assert b"authorization" not in server.requests[1].lower()


def test_a_result_file_is_not_fetched_from_where_it_redirects_to(serve: Serve) -> None:
    other = serve()
    server = serve(Answer(http(b"", f"Location: {other.url}/", status="302 Found")))
    with pytest.raises(VastError) as failed:
        fetch_result(connect_to(server.url), f"{server.url}/logs/a.log")
    assert failed.value.error_class == "protocol"
    assert other.requests == []


@pytest.mark.parametrize("cut_off", CUT_OFF)
def test_half_a_result_file_is_no_result(serve: Serve, cut_off: Answer) -> None:
    server = serve(cut_off)
    assert fetch_result(connect_to(server.url), f"{server.url}/logs/a.log") is None


def test_an_own_authority_is_not_trusted_for_result_files_elsewhere(serve: Serve, authority: Authority) -> None:
    tls = authority.server_of("127.0.0.1")
    own, elsewhere = serve(Answer(http(b"text")), tls=tls), serve(Answer(http(b"text")), tls=tls)
    client = connect_to(own.url, ca_path=authority.file)
    assert fetch_result(client, f"{own.url}/a.log") == "text"
    with pytest.raises(VastError, match="not trusted") as failed:
        fetch_result(client, f"{elsewhere.url}/a.log")
    assert failed.value.error_class == "transport"
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "https://files.test\\@vast.test/a.log",
        "https://vast.test\\@files.test/a.log",
        "https://vast.test\\.files.test/a.log",
        "https://user@files.test/a.log",
        "https://:@files.test/a.log",
        "https://files.test /a.log",
        "https://files.test/a\nb.log",
        "https://files.test/a\x00.log",
        "https://files.test/\u2028.log",
        "https://files.test/a.log#b",
        "https://files.t\u0435st/a.log",
        "https://files.test:99999/a.log",
        "https://files.test:/a.log",
        "https://[::1/a.log",
        "https://[",
        "https://",
        " https://files.test/a.log",
        "https://files.test/a.log\n",
        "https://files.test/%zz<script>",
        "https://\ud800/a.log",
    ],
)
@pytest.mark.usefixtures("api")
def test_an_odd_address_is_not_asked_for(connect: Connect, url: str) -> None:
    with pytest.raises(VastError) as failed:
        fetch_result(connect(), url)
    assert failed.value.error_class == "protocol"
    assert "was not fetched" in failed.value.msg
    assert failed.value.msg.isprintable()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://[", "an address that cannot be read"),
        ("https://user:s3cr3t@files.test/a.log", "https://files.test/a.log"),
        ("https://files.test/\u2028.log", r"https://files.test/\u2028.log"),
    ],
)
@pytest.mark.usefixtures("api")
def test_an_odd_address_is_told_as_it_may_be_shown(connect: Connect, url: str, shown: str) -> None:
    with pytest.raises(VastError) as failed:
        fetch_result(connect(), url)
    assert (
        failed.value.msg == f"Vast.ai reports the result at {shown}, which is not a plain address; it was not fetched."
    )
    assert failed.value.exchange == Exchange("GET", shown)


def test_what_is_checked_is_what_is_asked_for(serve: Serve) -> None:
    api, foreign = serve(), serve()
    host = f"127.0.0.1:{api.server_address[1]}"
    for url in (f"{foreign.url}\\@{host}/x", f"{foreign.url}/\\@{host}/x", f"{foreign.url}#@{host}/x"):
        with pytest.raises(VastError, match="was not fetched"):
            fetch_result(connect_to(api.url), url)
    assert foreign.requests == []


@pytest.mark.usefixtures("api")
def test_an_address_that_requests_reads_differently_is_not_asked_for(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare_url(request: requests.PreparedRequest, *_arguments: t.Any) -> None:
        request.url = "https://elsewhere.test/a.log"

    monkeypatch.setattr(requests.PreparedRequest, "prepare_url", prepare_url)
    with pytest.raises(VastError, match="has an ambiguous address") as failed:
        fetch_result(connect(), RESULT)
    assert failed.value.exchange == Exchange("GET", RESULT)


def test_a_signed_address_is_asked_for_as_it_is(serve: Serve) -> None:
    server = serve(Answer(http(b"text")))
    path = "/logs/a%2Fb.log?X-Amz-Credential=A%2F2026&X-Amz-Signature=ab+c~_.-=="
    assert fetch_result(connect_to(server.url), server.url + path) == "text"
    assert server.requests[0].startswith(b"GET " + path.encode() + b" HTTP/1.1\r\n")


def test_a_result_file_that_drips_may_come_later(serve: Serve) -> None:
    server = serve(Answer(http(b"x", length=1000), again=b"x", pause=0.01))
    client = connect_to(server.url, clock=RealClock(), api_timeout=0.1)
    assert fetch_result(client, f"{server.url}/a.log") is None


def test_a_result_file_on_this_machine_that_nobody_serves_is_final(serve: Serve) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(VastError, match="cannot be fetched: no connection") as failed:
        fetch_result(connect_to(url), f"{url}/a.log")
    assert failed.value.error_class == "transport"
