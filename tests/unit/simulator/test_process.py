# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import http.client
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ansible_collections.vastai.cloud.tests import simulator
from ansible_collections.vastai.cloud.tests.simulator import AccountError, Simulator, cli

FOLDER = Path(simulator.__file__).parent


def launch(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-B", str(FOLDER), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    running = launch("--url-file", str(tmp_path / "url"), "--max-lifetime", "60")
    yield running
    running.kill()
    running.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_life(process: subprocess.Popen[str], tmp_path: Path, number: signal.Signals) -> None:
    assert process.stdout
    url = process.stdout.readline().strip()
    assert process.stdout.readline() == "key: simulator-key-0123456789abcdef\n"
    headers = {"Authorization": "Bearer simulator-key-0123456789abcdef"}
    assert requests.get(f"{url}/api/v1/instances/", headers=headers, timeout=10).status_code == 200
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert (tmp_path / "url").read_text() == f"{url}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["url"]
    assert process.stderr
    assert process.stderr.read() == ""


def test_in_the_background() -> None:
    """The caller gets its streams back at once, and the process to end."""
    done = subprocess.run(
        [sys.executable, "-B", str(FOLDER), "--background", "--max-lifetime", "60"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    url, _key, process = done.stdout.splitlines()
    number = int(process.removeprefix("pid: "))
    try:
        assert requests.get(f"{url}/_simulator/", timeout=10).status_code == 200
    finally:
        os.kill(number, signal.SIGTERM)
    assert done.stderr == ""


def test_ends_by_itself() -> None:
    process = launch("--max-lifetime", "0.1")
    assert process.wait(timeout=10) == 0
    process.communicate()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--host", "0.0.0.0"), "loopback"),
        (("--host", "example.com"), "simulator:"),
        (("--account", "/nonexistent/file"), "cannot read the account file"),
        (("--time-scale", "-1"), "0 or more"),
    ],
)
def test_refusals(arguments: tuple[str, ...], text: str) -> None:
    process = launch(*arguments)
    _output, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert text in errors


@pytest.mark.parametrize("account", ["{}", '{"options": {"bulk": false}}'])
def test_style_of_refusals_outlives_a_reset(tmp_path: Path, account: str) -> None:
    path = tmp_path / "account.json"
    path.write_text(account)
    with cli.make(cli.parser().parse_args(["--account", str(path), "--limit-style", "json"])) as sim:
        sim.reset()
        assert sim.account.options.limit_style == "json"


def test_empty_key() -> None:
    with pytest.raises(AccountError, match="key"):
        Simulator(api_key="")


def test_help() -> None:
    output, _errors = launch("--help").communicate(timeout=10)
    assert "--account" in output


def test_embedded_simulator_stays_on_loopback() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Simulator(host="0.0.0.0")


def test_connections_are_kept() -> None:
    with Simulator(interval_scale=0.0) as sim:
        connection = http.client.HTTPConnection(sim.url.partition("//")[2])
        for _each in range(3):
            connection.request("GET", "/api/v0/gpu_types/")
            reply = connection.getresponse()
            assert (reply.version, reply.status) == (11, 200)
            assert reply.read()
            assert connection.sock is not None


def test_many_clients_at_once() -> None:
    with Simulator({"instances": [{"id": 1}]}, interval_scale=0.0) as sim:
        headers = {"Authorization": f"Bearer {sim.api_key}"}
        url = f"{sim.url}/api/v0/instances/1/"
        statuses: list[int] = []

        def label(name: str) -> None:
            statuses.append(requests.put(url, json={"label": name}, headers=headers, timeout=10).status_code)

        threads = [threading.Thread(target=label, args=(f"n{n}",)) for n in range(25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 25
        assert sorted(entry["seq"] for entry in sim.journal()) == list(range(1, 26))


def test_body_of_unknown_length() -> None:
    with Simulator() as sim:
        assert requests.put(sim.url + "/x", data=iter([b"a"]), timeout=10).status_code == 411


def test_https_with_a_certificate_nobody_trusts(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl makes the certificate")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Simulator(ssl_context=context) as sim:
        assert sim.url.startswith("https://127.0.0.1:")
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(sim.url + "/api/v0/gpu_types/", timeout=10)
        assert sim.journal() == []
        trusting = ssl.create_default_context(cafile=str(certificate))
        trusting.check_hostname = False
        connection = http.client.HTTPSConnection(sim.url.partition("//")[2], context=trusting)
        connection.request("GET", "/api/v0/gpu_types/")
        assert connection.getresponse().status == 200
