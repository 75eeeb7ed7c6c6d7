# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an instance runs: refused, sent, and compared."""

from __future__ import annotations

import base64
import gzip
import random
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._instances.contents import (
    MAX_ONSTART,
    Contents,
    full_image,
    stored_flags,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import Instance

from ...harness import instance_row


def contents(**options: t.Any) -> Contents:
    return Contents.from_options(options)


def box(**fields: t.Any) -> Instance:
    return Instance(4711, instance_row(**fields))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"env": {"A": "1"}, "secret_env": {"A": "12345"}}, "A is in both env and secret_env", id="both"),
        pytest.param({"secret_env": {"A": "123"}}, "secret_env: A has fewer than 4 characters", id="short"),
        pytest.param({"secret_env": {"A": ""}}, "fewer than 4", id="empty-secret"),
        pytest.param({"image": " "}, "image must not be empty", id="image"),
        pytest.param({"template_hash_id": ""}, "template_hash_id must not be empty", id="template"),
        pytest.param({"image_login": ""}, "image_login must not be empty", id="login"),
        pytest.param({"args": ["x"], "runtype": "ssh"}, "args requires runtype=args", id="args"),
        pytest.param({"env": {"-p 80:80": "1"}}, "-p 80:80 cannot be the name of a variable", id="flag"),
        pytest.param({"env": {"A": True}}, "A must be a string", id="bool"),
        pytest.param({"env": {"A": 1.1}}, "A must be a string", id="float"),
        pytest.param({"env": {"A": None}}, "A must be a string", id="null"),
        pytest.param({"env": {"A": ["x"]}}, "A must be a string", id="list"),
        pytest.param({"ports": ["http"]}, "ports: 'http' must be a port", id="port"),
        pytest.param({"ports": ["0"]}, "ports: '0'", id="port-0"),
        pytest.param({"ports": ["70000/tcp"]}, "ports: '70000/tcp'", id="port-beyond"),
        pytest.param({"ports": ["80:0"]}, "ports: '80:0'", id="container-port-0"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(Invalid) as refused:
        contents(**options)
    assert says in refused.value.msg


def test_nothing_of_a_secret_is_in_a_refusal() -> None:
    with pytest.raises(Invalid) as refused:
        contents(secret_env={"A": "xyz"})
    assert "xyz" not in refused.value.msg


def test_what_a_create_sends() -> None:
    asked = contents(
        image="alpine",
        env={"DEBUG": "1", "N": 2},
        secret_env={"HF_TOKEN": "s3cret"},
        ports=["8000", "9000:9001/udp"],
        onstart="date",
        image_login="-u me -p pass registry",
    )
    assert asked.create_body() == {
        "image": "alpine",
        "runtype": "ssh_direct",
        "env": {"DEBUG": "1", "N": "2", "HF_TOKEN": "s3cret", "-p 8000:8000": "1", "-p 9000:9001/udp": "1"},
        "onstart": "date",
        "image_login": "-u me -p pass registry",
    }


def test_a_template_says_how_it_is_run_unless_the_task_does() -> None:
    assert contents(template_hash_id="abc").create_body() == {"template_hash_id": "abc"}
    assert contents(template_hash_id="abc", runtype="args", args=["a"]).create_body() == {
        "template_hash_id": "abc",
        "runtype": "args",
        "args": ["a"],
    }


def test_a_long_script_is_packed_and_unpacks_to_what_it_was() -> None:
    script = "echo hello world\n" * 1000
    packed = contents(onstart=script).onstart
    assert packed is not None
    assert len(packed) <= MAX_ONSTART
    assert gzip.decompress(base64.b64decode(packed.split()[1])).decode() == script
    assert packed == contents(onstart=script).onstart
    assert contents(onstart="x" * MAX_ONSTART).onstart == "x" * MAX_ONSTART


def test_a_script_that_stays_too_long_is_refused() -> None:
    noise = random.Random(1).randbytes(4500).hex()
    with pytest.raises(Invalid, match="onstart has 9000 characters"):
        contents(onstart=noise)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("pytorch/pytorch:2.5", "docker.io/pytorch/pytorch:2.5"),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest"),
        ("localhost/a", "localhost/a:latest"),
        ("reg:5000/a/b:1", "reg:5000/a/b:1"),
        ("a@sha256:abc", "docker.io/library/a@sha256:abc"),
        ("docker.io/library/alpine:latest", "docker.io/library/alpine:latest"),
    ],
)
def test_the_full_name_of_an_image(short: str, full: str) -> None:
    assert full_image(short) == full


@pytest.mark.parametrize(
    ("options", "fields", "drift"),
    [
        pytest.param({"image": "alpine"}, {"image_uuid": "docker.io/library/alpine:latest"}, [], id="same-image"),
        pytest.param({"image": "alpine:3"}, {"image_uuid": "alpine"}, ["image"], id="image"),
        pytest.param({"image": "alpine"}, {"image_uuid": None}, ["image"], id="no-image"),
        pytest.param({"template_hash_id": "a"}, {"template_hash_id": "b"}, ["template_hash_id"], id="template"),
        pytest.param({"template_hash_id": "a"}, {"template_hash_id": "a"}, [], id="same-template"),
        pytest.param({"runtype": "ssh_direct"}, {"image_runtype": "ssh ssh_direc ssh_proxy"}, [], id="same-runtype"),
        pytest.param({"runtype": "ssh"}, {"image_runtype": "ssh ssh_direc ssh_proxy"}, ["runtype"], id="runtype"),
        pytest.param({"env": {"A": "1"}}, {"extra_env": [["A", "1"], ["B", "2"]]}, [], id="env-is-there"),
        pytest.param({"env": {"A": "1"}}, {"extra_env": [["A", "2"]]}, ["env"], id="env"),
        pytest.param({"secret_env": {"A": "12345"}}, {"extra_env": []}, ["secret_env"], id="secret"),
        pytest.param({"ports": ["80"]}, {"extra_env": [["-p 80:80", "1"]]}, [], id="port-is-there"),
        pytest.param({"ports": ["80/udp"]}, {"extra_env": [["-p 80:80", "1"]]}, ["ports"], id="port"),
        pytest.param({"ports": ["80"]}, {"extra_env": [["-p nonsense", "1"]]}, ["ports"], id="odd-port"),
        pytest.param({"ports": ["80"]}, {"extra_env": [["-p 70000:80", "1"]]}, ["ports"], id="port-beyond"),
        pytest.param({"onstart": "date\n"}, {"onstart": "date"}, [], id="same-script"),
        pytest.param({"onstart": "date"}, {"onstart": None}, ["onstart"], id="script"),
        pytest.param({"args": ["a"]}, {"image_args": ["a"]}, [], id="same-args"),
        pytest.param({"args": []}, {"image_args": ["a"]}, ["args"], id="args"),
        pytest.param({}, {"image_uuid": "x", "extra_env": None}, [], id="nothing-asked"),
    ],
)
def test_drift(options: dict[str, t.Any], fields: dict[str, t.Any], drift: list[str]) -> None:
    assert contents(**options).drift(box(**fields)) == drift


@pytest.mark.parametrize("stored", [[["A", "1"]], {"A": "1"}, ["A=1"], [("A", 1)], [["A", "1"], ["odd"], 7]], ids=repr)
def test_the_environment_is_stored_in_several_forms(stored: t.Any) -> None:
    assert stored_flags(box(extra_env=stored)) == {"A": "1"}


def test_an_update_sends_what_differs_and_the_whole_environment() -> None:
    current = box(extra_env=[["A", "1"], ["KEEP", "x"], ["-p 22:22", "1"]], image_uuid="old")
    asked = contents(image="new", env={"A": "2"}, onstart="date", args=["x"], template_hash_id="t")
    assert asked.update_body(current, asked.drift(current)) == {
        "image": "new",
        "template_hash_id": "t",
        "env": {"A": "2", "KEEP": "x", "-p 22:22": "1"},
        "onstart": "date",
        "args": ["x"],
    }
    assert asked.update_body(current, []) == {}


def test_variables_that_differ_are_told_by_name() -> None:
    asked = contents(env={"B": "2", "A": "1"}, secret_env={"C": "12345"})
    assert asked.drifting_names(box(extra_env=[["A", "1"]])) == ["B", "C"]
