# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading, selecting and judging instances."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import (
    Ambiguous,
    Exchange,
    Invalid,
    NotFound,
    ProtocolError,
    VastError,
)
from ansible_collections.vastai.cloud.plugins.module_utils._api.listings import read_all
from ansible_collections.vastai.cloud.plugins.module_utils._core.plan import Plan
from ansible_collections.vastai.cloud.plugins.module_utils._core.resource import Item
from ansible_collections.vastai.cloud.plugins.module_utils._instances import instance as instances
from ansible_collections.vastai.cloud.plugins.module_utils._instances.find import Ref, find
from ansible_collections.vastai.cloud.plugins.module_utils._instances.instance import (
    RESULT_FIELDS,
    Instance,
    read,
)
from ansible_collections.vastai.cloud.plugins.module_utils._instances.look import reread

from ...harness import Api, FakeClock, instance_row, list_query, listing, make_client, stopped_row

LIST = "/api/v1/instances/"
BY_LABEL = {"label": {"eq": "train-01"}}
OCI = "Error: OCI runtime create failed: no such device"


NO_TOTALS: list[t.Any] = ["1", "3", 1.0, 3.0, None, True, -1, [1], {}]
NO_WORDS: list[t.Any] = ["false", "true", 0, 1, []]


def instance(**fields: t.Any) -> Instance:
    return Instance(4711, instance_row(**fields))


def expect_page(api: Api, page: t.Any, after: str | None = None) -> None:
    more = {} if after is None else {"after_token": after}
    api.expect("GET", LIST, page, query=list_query(BY_LABEL, **more))


def test_reads_every_page_in_order_and_keeps_the_interval_between_them(api: Api, clock: FakeClock) -> None:
    expect_page(api, listing(instance_row(1), instance_row(2), next_token="a", total_instances=7))
    expect_page(api, listing(instance_row(3), instance_row(4), next_token="b", total_instances=7), after="a")
    expect_page(api, listing(instance_row(5), instance_row(6), next_token="c", total_instances=7), after="b")
    expect_page(api, listing(instance_row(7), total_instances=7), after="c")
    assert [found.id for found in read(make_client(), BY_LABEL)] == [1, 2, 3, 4, 5, 6, 7]
    assert clock.slept == pytest.approx([1.05] * 3)


@pytest.mark.parametrize("last", [None, ""])
def test_a_page_without_a_next_token_is_the_last(api: Api, last: str | None) -> None:
    expect_page(api, listing(instance_row(1), next_token=last))
    assert len(read(make_client(), BY_LABEL)) == 1


def test_more_rows_than_announced_are_those_that_came_up_between_two_pages(api: Api) -> None:
    expect_page(api, listing(instance_row(1), next_token="a", total_instances=1))
    expect_page(api, listing(instance_row(2), total_instances=1), after="a")
    assert len(read(make_client(), BY_LABEL)) == 2


def test_an_empty_listing_has_no_instances(api: Api) -> None:
    expect_page(api, listing())
    assert read(make_client(), BY_LABEL) == []


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ({"success": True}, "page 1 has no list of instances"),
        ({"success": True, "instances": None}, "page 1 has no list of instances"),
        ({"success": True, "instances": {"4711": instance_row()}}, "page 1 has no list of instances"),
        (listing({"label": "train-01"}), "page 1 has a row without an id"),
        (listing(instance_row(id="4711")), "page 1 has a row without an id"),
        (listing(instance_row(id=True)), "page 1 has a row without an id"),
        ({"instances": ["4711"]}, "page 1 has a row without an id"),
        ({"instances": [None]}, "page 1 has a row without an id"),
        (listing(instance_row(1), instance_row(1)), "page 1 lists instance 1 a second time"),
        (listing(instance_row(1), total_instances=2), "it announces 2 instances and shows 1"),
        (listing(total_instances=1), "it announces 1 instances and shows 0"),
        *(
            (
                listing(instance_row(1), total_instances=total),
                "it does not say in total_instances how many instances there are",
            )
            for total in NO_TOTALS
        ),
        ({"success": True, "instances": []}, "it does not say in total_instances how many instances there are"),
        (listing(success=None), "page 1 does not report success"),
        (listing(error="database"), "page 1 does not report success"),
        (listing(error_msg="database"), "page 1 does not report success"),
        (listing(*map(instance_row, range(1, 27))), "page 1 has 26 rows where 25 is the most"),
        (listing(next_token=5), "page 1 does not name a new page"),
        (listing(next_token=["a"]), "page 1 does not name a new page"),
    ],
)
def test_nothing_is_concluded_from_a_malformed_page(api: Api, page: t.Any, says: str) -> None:
    expect_page(api, page)
    with pytest.raises(ProtocolError) as raised:
        read(make_client(), BY_LABEL)
    assert raised.value.msg == (f"The listing of instances is not valid: {says}. It was ignored; run the task again.")
    assert raised.value.exchange == Exchange("GET", "https://vast.test/api/v1/instances/", 200)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (listing(instance_row(2), next_token="a"), "page 2 does not name a new page"),
        (listing(instance_row(1)), "page 2 lists instance 1 a second time"),
        (listing(instance_row(2), total_instances=3), "it announces 3 instances and shows 2"),
        ({"success": True}, "page 2 has no list of instances"),
        (b"<html><title>502</title></html>", "an HTML page"),
    ],
)
def test_nothing_is_concluded_when_the_second_page_is_wrong(api: Api, page: t.Any, says: str) -> None:
    expect_page(api, listing(instance_row(1), next_token="a", total_instances=2))
    expect_page(api, page, after="a")
    with pytest.raises(ProtocolError, match=says):
        read(make_client(), BY_LABEL)


@pytest.mark.parametrize(
    ("page", "error"),
    [
        (listing(success=False), Invalid),
        ({"error": "db", "instances": []}, Invalid),
        *((listing(success=success), ProtocolError) for success in NO_WORDS),
    ],
)
def test_a_listing_that_says_no_proves_nothing(api: Api, page: t.Any, error: type[VastError]) -> None:
    expect_page(api, page)
    with pytest.raises(error):
        read(make_client(), BY_LABEL)


def test_a_listing_need_not_say_that_it_succeeded_and_may_hold_an_empty_error(api: Api) -> None:
    page = listing(instance_row(1), error=None)
    del page["success"]
    expect_page(api, page)
    assert len(read(make_client(), BY_LABEL)) == 1


def test_a_full_page_is_taken(api: Api) -> None:
    expect_page(api, listing(*map(instance_row, range(1, 26))))
    assert len(read(make_client(), BY_LABEL)) == 25


def test_a_listing_without_an_end_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{read_all.__module__}.MAX_PAGES", 2)
    expect_page(api, listing(instance_row(1), next_token="a"))
    expect_page(api, listing(instance_row(2), next_token="b"), after="a")
    with pytest.raises(ProtocolError, match="more than 2 pages"):
        read(make_client(), BY_LABEL)


@pytest.mark.parametrize(
    ("target", "by"), [(Ref(id=4711), {"id": 4711}), (Ref(label="train-01"), {"label": "train-01"})]
)
def test_finds_the_one_that_is_meant(api: Api, target: Ref, by: dict[str, t.Any]) -> None:
    api.expect_listing(instance_row(), **by)
    assert find(make_client(), target).id == 4711


@pytest.mark.parametrize(
    ("target", "by", "says"),
    [
        (
            Ref(id=4711),
            {"id": 4711},
            "There is no instance 4711 in this account (by a complete listing).",
        ),
        (
            Ref(label="train-01"),
            {"label": "train-01"},
            "No instance of this account has the label 'train-01' (by a complete listing).",
        ),
    ],
)
def test_an_ignored_filter_selects_no_foreign_instance(api: Api, target: Ref, by: dict[str, t.Any], says: str) -> None:
    api.expect_listing(instance_row(1, label="other"), instance_row(2, label="Train-01"), **by)
    if target.label:
        api.expect_listing()
    with pytest.raises(NotFound) as raised:
        find(make_client(), target)
    assert raised.value.msg == says


def test_an_ignored_filter_does_not_make_a_label_ambiguous(api: Api) -> None:
    api.expect_listing(instance_row(1, label=None), instance_row(2), instance_row(3, label="train"), label="train-01")
    assert find(make_client(), Ref(label="train-01")).id == 2


def test_several_with_the_label_are_all_named(api: Api) -> None:
    api.expect_listing(instance_row(12), instance_row(4711), instance_row(99), label="train-01")
    with pytest.raises(Ambiguous) as raised:
        find(make_client(), Ref(label="train-01"))
    assert raised.value.msg == "3 instances have the label 'train-01': 12, 4711, 99. Select one of them by id."


def test_looking_again_tells_gone_from_there(api: Api) -> None:
    api.expect_listing(stopped_row(), id=4711)
    api.expect_listing(instance_row(1), id=4711)
    client = make_client()
    ref = Ref(4711)
    item = Item(ref, Instance(4711, instance_row()), Plan(""))
    assert reread(client, [item])[ref].is_stopped
    assert reread(client, [item]) == {}


def test_many_are_seen_again_also_where_the_api_refuses_to_filter_by_id(api: Api) -> None:
    refused = {"success": False, "error": "invalid_args", "msg": "unknown column"}
    api.expect("GET", LIST, refused, status=400, query=list_query({"id": {"in": [1, 2]}}))
    api.expect_listing(instance_row(1), instance_row(3))
    items = [Item(Ref(each), Instance(each, instance_row(each)), Plan("")) for each in (1, 2)]
    assert reread(make_client(), items).keys() == {Ref(1)}


RUNNING, STOPPED, QUEUED, LOST, CANNOT_BOOT = "is_running", "is_stopped", "is_queued", "is_lost", "cannot_boot"
JUDGEMENTS = (RUNNING, STOPPED, QUEUED, LOST, CANNOT_BOOT)


@pytest.mark.parametrize(
    ("actual", "intended", "cur", "true"),
    [
        pytest.param(None, "running", "running", [], id="just created"),
        pytest.param("loading", "running", "running", [], id="loading"),
        pytest.param("created", "running", "running", [], id="created"),
        pytest.param("running", "running", "running", [RUNNING], id="up"),
        pytest.param("RUNNING", "Running", " running\n", [RUNNING], id="up, in capitals and with blanks"),
        pytest.param("running", "stopped", "running", [], id="stop requested, contract still runs"),
        pytest.param("running", "stopped", "stopped", [STOPPED], id="stop requested, container still ending"),
        pytest.param("exited", "stopped", "stopped", [STOPPED], id="stopped"),
        pytest.param("stopped", "stopped", "stopped", [STOPPED], id="stopped, the rare word"),
        pytest.param("created", "stopped", "stopped", [STOPPED], id="stopped before it ever ran"),
        pytest.param("exited", "running", "running", [], id="start accepted, container not yet there, or crashed"),
        pytest.param("exited", "running", "stopped", [QUEUED], id="start queued"),
        pytest.param("rebooting", "running", "running", [], id="rebooting"),
        pytest.param("recycling", "running", "running", [], id="recycling"),
        pytest.param("offline", "running", "running", [LOST], id="host lost"),
        pytest.param("unknown", "running", "running", [LOST], id="host silent"),
        pytest.param("offline", "stopped", "stopped", [STOPPED, LOST], id="stopped on a lost host"),
        pytest.param("frozen", "frozen", "running", [], id="frozen"),
        pytest.param("exited", "stopped", "unloaded", [], id="destroyed"),
        pytest.param("thawing", "running", "running", [], id="a word of tomorrow"),
        pytest.param("", None, None, [], id="nothing told"),
    ],
)
def test_a_state_is_judged_by_all_its_fields(
    actual: str | None, intended: str | None, cur: str | None, true: list[str]
) -> None:
    status = {"actual_status": actual, "intended_status": intended, "cur_state": cur, "next_state": cur}
    seen = instance(**status, status_msg=None)
    assert [name for name in JUDGEMENTS if getattr(seen, name)] == true
    words = {RUNNING: "running", STOPPED: "stopped"}
    known = next((word for name, word in words.items() if name in true), None)
    assert seen.state == (known or seen.described)


@pytest.mark.parametrize(
    ("actual", "status_msg", "cannot_boot"),
    [("created", OCI, True), ("created", "pulling", False), ("created", None, False), ("loading", OCI, False)],
)
def test_a_container_that_cannot_be_created_is_told_from_one_that_boots(
    actual: str, status_msg: str | None, cannot_boot: bool
) -> None:
    assert instance(actual_status=actual, status_msg=status_msg).cannot_boot is cannot_boot


def test_a_state_is_described_with_every_field_and_the_daemons_words() -> None:
    seen = instance(actual_status=None, intended_status="RUNNING", cur_state="stopped", status_msg=" no credit \n")
    assert seen.described == ("actual_status null, intended_status running, cur_state stopped, status_msg 'no credit'")


def test_nothing_in_a_description_acts_on_a_terminal() -> None:
    seen = instance(actual_status="run\x1b[2K", intended_status="\u202e", cur_state="a\nb", status_msg="\x07\u200b")
    assert seen.described.isprintable()


def test_a_long_status_message_is_cut_in_descriptions() -> None:
    assert instance(status_msg="x" * 10_000).described.endswith(f", status_msg '{'x' * 200}'")


@pytest.mark.parametrize("status_msg", [None, "", " \n"])
def test_a_description_without_a_status_message_has_the_three_states_only(status_msg: str | None) -> None:
    seen = instance(status_msg=status_msg)
    assert seen.described == "actual_status running, intended_status running, cur_state running"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("gpu", "instance 4711 (gpu)"),
        ("", "instance 4711"),
        (None, "instance 4711"),
        ("a\n[ERROR]: b\x1b[2K\u202e", "instance 4711 (a\\n[ERROR]: b\\x1b[2K\\u202e)"),
    ],
)
def test_messages_call_it_by_id_and_label(label: str | None, name: str) -> None:
    assert instance(label=label).display_name == name


IPV4 = {"HostIp": "0.0.0.0", "HostPort": "20022"}
IPV6 = {"HostIp": "::", "HostPort": "30022"}
DIRECT = {"host": "203.0.113.7", "port": 20022, "user": "root", "via": "direct"}
PROXY = {"host": "ssh4.vast.ai", "port": 14711, "user": "root", "via": "proxy"}


@pytest.mark.parametrize(
    ("fields", "ssh"),
    [
        pytest.param({}, DIRECT, id="published port"),
        pytest.param({"ports": {"22/tcp": [IPV4, IPV6]}}, DIRECT, id="IPv4 first"),
        pytest.param({"ports": {"22/tcp": [IPV6, IPV4]}}, DIRECT, id="IPv6 first, whose port is another"),
        pytest.param({"ports": {"22/tcp": [{"HostPort": "20022"}]}}, DIRECT, id="without a host address"),
        pytest.param({"image_runtype": "jupyter_direc ssh_direc ssh_proxy"}, DIRECT, id="jupyter, published port"),
        pytest.param({"ports": None}, PROXY, id="no ports"),
        pytest.param({"ports": {}}, PROXY, id="empty ports"),
        pytest.param({"ports": {"80/tcp": [IPV4]}}, PROXY, id="ssh not published"),
        pytest.param({"ports": {"22/tcp": []}}, PROXY, id="ssh without a host port"),
        pytest.param({"ports": {"22/tcp": None}}, PROXY, id="ssh with null"),
        pytest.param({"ports": {"22/tcp": ["20022"]}}, PROXY, id="ports as text"),
        pytest.param({"ports": {"22/tcp": [{"HostPort": "ssh"}]}}, PROXY, id="a port that is no number"),
        pytest.param({"ports": [20022]}, PROXY, id="ports as a list"),
        pytest.param({"public_ipaddr": None}, PROXY, id="no address"),
        pytest.param({"public_ipaddr": " \n"}, PROXY, id="blank address"),
        pytest.param(
            {"ports": None, "image_runtype": "jupyter_direc ssh_direc ssh_proxy"},
            {**PROXY, "port": 14712},
            id="jupyter, proxy one port up",
        ),
        pytest.param({"ports": None, "image_runtype": None}, PROXY, id="no runtype"),
        pytest.param({"ports": None, "ssh_port": "14711"}, PROXY, id="proxy port as text"),
        pytest.param({"ports": None, "ssh_port": None}, None, id="no proxy port"),
        pytest.param({"ports": None, "ssh_port": "ssh"}, None, id="a proxy port that is no number"),
        pytest.param({"ports": None, "ssh_host": None}, None, id="no proxy host"),
    ],
)
def test_tells_where_ssh_answers(fields: dict[str, t.Any], ssh: dict[str, t.Any] | None) -> None:
    assert instance(**fields).ssh() == ssh


@pytest.mark.parametrize(
    "row", [{}, {"ssh_host": "ssh4.vast.ai"}, {"ssh_port": 14711}, {"public_ipaddr": "203.0.113.7"}]
)
def test_without_a_whole_address_ssh_answers_nowhere(row: dict[str, t.Any]) -> None:
    assert Instance(4711, row).ssh() is None


@pytest.mark.parametrize("status", ["exited", "loading", "created", "offline", "stopped", None])
def test_the_last_ports_of_an_instance_that_does_not_run_are_not_shown(status: str | None) -> None:
    result = instance(actual_status=status).result()
    assert (result["ssh"], result["ports"]) == (None, None)


def test_an_address_that_is_none_is_not_shown() -> None:
    assert instance(public_ipaddr="-oProxyCommand=id").result()["public_ipaddr"] is None


ROW = {
    "cur_state": "running",
    "next_state": "stopped",
    "machine_id": 101,
    "host_id": 102,
    "image_uuid": "pytorch/pytorch:latest",
    "image_runtype": "ssh",
    "template_id": 103,
    "template_hash_id": "abc",
    "template_name": "PyTorch",
    "num_gpus": 2,
    "gpu_name": "RTX 4090",
    "gpu_ram": 24564,
    "gpu_util": 97.5,
    "gpu_temp": 61.0,
    "cpu_name": "EPYC 7763",
    "cpu_cores_effective": 16.0,
    "cpu_ram": 128000,
    "disk_space": 40.0,
    "disk_usage": 12.5,
    "inet_up": 800.0,
    "inet_down": 900.0,
    "dph_total": 0.42,
    "dph_base": 0.4,
    "storage_total_cost": 0.02,
    "is_bid": True,
    "min_bid": 0.2,
    "start_date": 1_790_000_000.0,
    "end_date": 1_800_000_000.0,
    "geolocation": "Iceland, IS",
    "country_code": "IS",
    "verification": "verified",
    "reliability2": 0.998,
    "driver_version": "570.86.15",
    "cuda_max_good": 12.8,
    "ports": {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "28080"}]},
}
"""What is passed on of a row as it is (F3.3)."""


def test_the_result_passes_every_documented_field_on_as_it_is() -> None:
    result = Instance(4711, {"id": 4711, "actual_status": "running", **ROW}).result()
    assert {field: value for field, value in result.items() if field in ROW} == ROW


def test_the_states_and_the_label_have_the_spelling_of_the_api() -> None:
    result = instance(label="", actual_status="RUNNING ", intended_status=" Stopped").result()
    assert (result["label"], result["actual_status"], result["intended_status"]) == (None, "RUNNING", "Stopped")


def test_the_listing_is_asked_for_at_its_published_interval() -> None:
    route = instances.LIST
    assert (route.method, route.path, route.interval, route.safe) == ("GET", "/api/v1/instances/", 1.0, True)


def test_the_limits_are_those_of_the_api() -> None:
    assert (instances.PAGE_SIZE, instances.MAX_LABEL) == (25, 1024)


def test_every_word_that_the_api_has_for_a_container_can_be_selected_by() -> None:
    assert instances.STATUSES == (
        "created",
        "exited",
        "frozen",
        "loading",
        "offline",
        "rebooting",
        "recycling",
        "restarting",
        "running",
        "stopped",
        "unknown",
    )


@pytest.mark.parametrize(("seen", "field"), [(instance(), "id"), (Ref(id=4711), "id"), (Ref(label="a"), "label")])
def test_what_was_read_or_asked_for_cannot_be_altered(seen: Instance | Ref, field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(seen, field, None)


def test_the_result_has_every_key_even_when_the_row_has_none() -> None:
    bare = Instance(4711, {"id": 4711}).result()
    assert bare == {
        "id": 4711,
        **dict.fromkeys(("label", "actual_status", "intended_status", "status_msg", "public_ipaddr", "ssh")),
        **dict.fromkeys(RESULT_FIELDS),
    }
    assert instance().result().keys() == bare.keys()


def test_the_result_strips_what_the_api_leaves_around_texts() -> None:
    result = instance(label=" kept as it is ").result()
    assert result["public_ipaddr"] == "203.0.113.7"
    assert result["status_msg"] == "success, running pytorch/pytorch:latest/ssh"
    assert result["label"] == " kept as it is "


def test_the_result_passes_fields_on_as_the_api_has_them_and_no_secret() -> None:
    result = instance(
        gpu_util=None, extra_env=[["A", "SECRET-a"]], future_token="SECRET-b", ssh_key="SECRET-c"
    ).result()
    assert (result["gpu_name"], result["dph_total"], result["gpu_util"]) == ("RTX 4090", 0.42, None)
    assert "SECRET" not in json.dumps(result)


def test_neither_an_instance_nor_a_traceback_of_it_shows_its_row() -> None:
    assert "SECRET" not in repr(instance())
