# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_template and vast_template_info against declared calls."""

from __future__ import annotations

import typing as t

import pytest
import requests
from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.vastai.cloud.plugins.doc_fragments import offer
from ansible_collections.vastai.cloud.plugins.modules import vast_template as module

from ..harness import NULL, Api, FakeClock, Result, fail_as, interrupt_after, run_module, succeed

MODULE = "vast_template"
PATH = "/api/v0/template/"
MARKER = "Kept by vastai.cloud for user 5."
LOST = requests.ConnectionError("reset")
NONE = {"success": False, "msg": "No templates found"}
FOUND_BY_NAME = {
    "select_filters": {"name": {"eq": "vllm"}, "creator_id": {"eq": 5}},
    "select_cols": ["*"],
}
LOGINS = {"docker_login_repo": "", "docker_login_user": "", "docker_login_pass": ""}
CREATED = {"name": "vllm", **LOGINS, "desc": MARKER, "image": "vllm/vllm-openai", "private": True}
GIVEN: dict[str, t.Any] = {"name": "vllm", "image": "vllm/vllm-openai"}


def row(template_id: int = 8, **fields: t.Any) -> dict[str, t.Any]:
    """A template as the API lists it, secrets included."""
    return {
        "id": template_id,
        "hash_id": f"hash-{template_id}",
        "name": "vllm",
        "image": "vllm/vllm-openai",
        "tag": "latest",
        "env": "-e TOKEN=SECRET-env -p 8000:8000",
        "onstart": "echo SECRET-onstart",
        "runtype": "ssh",
        "use_ssh": True,
        "ssh_direct": True,
        "jup_direct": False,
        "private": True,
        "recommended_disk_space": 60,
        "creator_id": 5,
        "created_at": 1_790_000_000.0,
        "count_created": 0,
        "desc": MARKER,
        "docker_login_repo": "",
        "docker_login_user": "",
        "docker_login_pass": "********",
        "extra_filters": {},
        **fields,
    }


def user(api: Api) -> None:
    """Declare did not report the user."""
    api.expect("GET", "/api/v0/users/current/", {"id": 5, "email": "me@example.com"})


def listed(api: Api, *rows: dict[str, t.Any], times: int = 1) -> None:
    """Declare the listing of the own templates of the name."""
    found = {"success": True, "templates_found": len(rows), "templates": list(rows)} if rows else NONE
    for _time in range(times):
        api.expect("GET", PATH, found, query=FOUND_BY_NAME)


def start(api: Api, *rows: dict[str, t.Any]) -> None:
    """Declare what each task begins with."""
    user(api)
    listed(api, *rows)


def create(api: Api, reply: t.Any = None, body: t.Any = None, **more: t.Any) -> None:
    """Declare the create."""
    answer = {"success": True, "template": {"id": 8}} if reply is None else reply
    api.expect("POST", PATH, answer, body=body or CREATED, **more)


def edit(api: Api, reply: t.Any = None, hash_id: str = "hash-8", status: int = 200, **sent: t.Any) -> None:
    """Declare an edit."""
    answer = {"success": True, "hash_id": "new"} if reply is None else reply
    api.expect("PUT", PATH, answer, body={"hash_id": hash_id, **sent}, status=status)


def test_it_is_created_with_the_marker_and_proven(api: Api) -> None:
    start(api)
    create(api)
    listed(api, row())
    result = succeed(MODULE, **GIVEN)
    assert (result["changed"], result["hash_id_before"], result["template"]["hash_id"]) == (True, None, "hash-8")
    assert result["template"]["desc"] == ""
    assert result["diff"]["after"] == {"state": "present", "image": "vllm/vllm-openai", "private": True}


EVERYTHING: dict[str, t.Any] = {
    "name": "vllm",
    "image": "vllm/vllm-openai:v1",
    "env": {"TOKEN": "SECRET of mine", "N": 1},
    "ports": ["8000/tcp", "70/udp", "1:2"],
    "onstart": "echo hi",
    "runtype": "ssh_direct",
    "args": ["--model", "a b"],
    "extra_filters": {"min_gpu_ram_gb": 24},
    "disk": 60,
    "docker_login": {"repo": "docker.io", "user": "me", "pass": "SECRET-pass"},
    "private": False,
    "desc": "My server",
    "readme": "Read me",
}
AS_SENT: dict[str, t.Any] = {
    "image": "vllm/vllm-openai",
    "tag": "v1",
    "runtype": "ssh",
    "use_ssh": True,
    "ssh_direct": True,
    "jup_direct": False,
    "env": "-e TOKEN='SECRET of mine' -e N=1 -p 1:2 -p 70:70/udp -p 8000:8000",
    "args_str": "--model 'a b'",
    "docker_login_repo": "docker.io",
    "docker_login_user": "me",
    "docker_login_pass": "SECRET-pass",
    "recommended_disk_space": 60.0,
    "desc": f"My server\n\n{MARKER}",
    "onstart": "echo hi",
    "readme": "Read me",
    "readme_visible": True,
    "private": False,
    "extra_filters": {"gpu_ram": {"gte": 24000}, "verified": {"eq": True}},
}


def test_everything_is_sent_as_the_api_calls_it_and_found_again(api: Api) -> None:
    start(api)
    create(api, body={"name": "vllm", **AS_SENT})
    there = row(
        **{
            **AS_SENT,
            "docker_login_pass": "********",
            "extra_filters": '{"gpu_ram": {"gte": 24000}, "verified": {"eq": true}}',
        }
    )
    listed(api, there)
    assert succeed(MODULE, **EVERYTHING)["changed"] is True
    start(api, there)
    second = succeed(MODULE, **EVERYTHING)
    assert (second["changed"], second["template"]["desc"]) == (False, "My server")


def test_a_query_may_ask_for_room_on_the_disk(api: Api) -> None:
    start(api, row(extra_filters='{"disk_space": {"gte": 100}, "verified": {"eq": true}}'))
    filters = {"query": {"disk_space": {"gte": 100}}}
    assert succeed(MODULE, **GIVEN, disk=60, extra_filters=filters, check_mode=True)["changed"] is False


@pytest.mark.parametrize(
    ("reply", "error_class"), [({"success": False, "msg": "no"}, "invalid"), (LOST, "unknown_outcome")]
)
def test_no_secret_shows_in_what_was_sent(api: Api, reply: t.Any, error_class: str) -> None:
    start(api)
    create(api, reply, body={"name": "vllm", **AS_SENT})
    listed(api, times=1 if error_class == "invalid" else 4)
    fail_as(MODULE, error_class, "template", **EVERYTHING)


def test_what_is_as_asked_for_is_left_alone(api: Api) -> None:
    start(api, row())
    result = succeed(MODULE, **GIVEN, ports=["8000"], env={"TOKEN": "SECRET-env"}, runtype="ssh_direct", desc="")
    assert (result["changed"], result["hash_id_before"]) == (False, "hash-8")


def test_an_edit_sends_what_differs_only_and_keeps_the_rest(api: Api) -> None:
    start(api, row(env="-e TOKEN=SECRET-env -p 8000:8000 -h box"))
    edit(api, tag="v2", env="-e TOKEN=SECRET-env -p 9000:9000 -h box")
    listed(api, row(tag="v2", hash_id="new", env="-e TOKEN=SECRET-env -p 9000:9000 -h box"))
    result = succeed(MODULE, **GIVEN, tag="v2", ports=["9000"])
    assert (result["changed"], result["hash_id_before"], result["template"]["hash_id"]) == (True, "hash-8", "new")
    assert result["diff"]["before"] == {"tag": "latest", "ports": ["8000:8000"]}
    assert result["diff"]["after"] == {"tag": "v2", "ports": ["9000:9000"]}


def test_a_public_one_becomes_private_unless_it_is_named_public(api: Api) -> None:
    start(api, row(private=False))
    assert succeed(MODULE, name="vllm", check_mode=True)["diff"]["after"] == {"private": True}
    start(api, row(private=False))
    assert succeed(MODULE, name="vllm", private=False)["changed"] is False


def test_an_edit_may_make_a_copy(api: Api) -> None:
    start(api, row())
    edit(api, tag="v2")
    listed(api, row(), row(9, tag="v2"))
    assert succeed(MODULE, **GIVEN, tag="v2")["template"]["id"] == 9


def test_variables_that_are_not_named_are_removed(api: Api) -> None:
    start(api, row())
    edit(api, env="-p 8000:8000")
    listed(api, row(hash_id="new", env="-p 8000:8000"))
    result = succeed(MODULE, **GIVEN, env={})
    assert (result["changed"], result["diff"]["before"]) == (True, {"env": "********"})
    assert result["diff"]["after"] == {"env": "******** (new)"}


def test_variables_and_ports_travel_in_one_text(api: Api) -> None:
    start(api, row())
    edit(api, env="-e A=1 -p 9000:9000")
    listed(api, row(hash_id="new", env="-e A=1 -p 9000:9000"))
    result = succeed(MODULE, **GIVEN, env={"A": "1"}, ports=["9000/tcp"])
    assert result["actions"] == ["set env of template vllm", "set ports of template vllm"]


@pytest.mark.parametrize("options", [{}, {"tag": "v2"}])
def test_check_mode_sends_nothing(api: Api, options: dict[str, str]) -> None:
    start(api, *([row()] if options else []))
    result = succeed(MODULE, **GIVEN, **options, check_mode=True)
    assert (result["changed"], result["template"] is None) == (True, not options)


def test_a_lost_create_that_was_carried_out(api: Api) -> None:
    start(api)
    create(api, LOST)
    listed(api)
    listed(api, row())
    assert succeed(MODULE, **GIVEN)["changed"] is True


def test_a_lost_create_that_was_not_is_never_sent_again(api: Api) -> None:
    start(api)
    create(api, LOST)
    listed(api, times=4)
    fail_as(MODULE, "unknown_outcome", "template vllm", "nothing was sent again", **GIVEN)


def test_a_lost_edit_is_sent_once_more_when_it_does_not_show(api: Api) -> None:
    start(api, row())
    edit(api, LOST, tag="v2")
    listed(api, row(), times=4)
    edit(api, tag="v2")
    listed(api, row(hash_id="new", tag="v2"))
    assert succeed(MODULE, **GIVEN, tag="v2")["changed"] is True


STALE = {"success": False, "msg": "Unable to Update Template. None found for given Hash ID: hash-8"}


def test_a_stale_hash_is_read_again_once(api: Api) -> None:
    start(api, row())
    edit(api, STALE, tag="v2", status=400)
    listed(api, row(hash_id="other", image="somebody/elses"))
    edit(api, hash_id="other", image="vllm/vllm-openai", tag="v2")
    listed(api, row(hash_id="new", tag="v2"))
    result = succeed(MODULE, **GIVEN, tag="v2")
    assert (result["changed"], result["template"]["hash_id"], result["hash_id_before"]) == (True, "new", "hash-8")


def test_a_hash_that_is_stale_twice_is_a_failure(api: Api) -> None:
    start(api, row())
    for _attempt in range(2):
        edit(api, STALE, tag="v2", status=400)
        listed(api, row())
    assert fail_as(MODULE, "invalid", "given Hash", **GIVEN, tag="v2")["changed"] is False


def test_after_a_signal_a_stale_hash_is_not_sent_again(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(api, row())
    edit(api, STALE, tag="v2", status=400)
    listed(api, row(hash_id="other", image="somebody/elses"))
    interrupt_after(api, clock, monkeypatch, 3)
    assert fail_as(MODULE, "timeout", "Interrupted by SIGTERM", **GIVEN, tag="v2")["changed"] is False


def test_somebody_elses_template_is_not_adopted(api: Api) -> None:
    start(api)
    create(api, {"success": False, "msg": "Existing Template Found: 77.", "template": {"id": 77}})
    listed(api)
    result = fail_as(MODULE, "invalid", "Existing Template Found", **GIVEN)
    assert (result["changed"], result["template"]) == (False, None)


def test_rows_of_others_do_not_count_whatever_the_filter_did(api: Api) -> None:
    start(api, row(creator_id=6), row(9, name="other"))
    assert succeed(MODULE, **GIVEN, check_mode=True)["changed"] is True


def test_the_newest_counts_and_older_ones_of_ours_are_named(api: Api) -> None:
    start(api, row(7), row(8), row(6, desc="by hand"))
    result = succeed(MODULE, **GIVEN)
    assert (result["template"]["id"], len(result.warnings)) == (8, 1)
    assert "still exist: 7." in result.warnings[0]


def test_all_of_the_name_are_deleted(api: Api) -> None:
    start(api, row(7), row(8))
    api.expect("DELETE", PATH, {"success": True}, body={"template_id": 8})
    api.expect("DELETE", PATH, LOST, body={"template_id": 7})
    listed(api)
    result = succeed(MODULE, name="vllm", state="absent")
    assert (result["changed"], result["template"], len(result["actions"])) == (True, None, 2)


def test_what_others_use_is_not_deleted(api: Api) -> None:
    start(api, row())
    refusal = {"success": False, "msg": "Cannot Delete Template. Other Users are still using it."}
    api.expect("DELETE", PATH, refusal, status=400, body={"template_id": 8})
    listed(api, row())
    assert fail_as(MODULE, "invalid", "still using it", name="vllm", state="absent")["template"]["id"] == 8


@pytest.mark.parametrize("msg", ["invalid_template", STALE["msg"]])
def test_a_deletion_that_is_refused_is_a_failure_and_never_an_edit(api: Api, msg: str) -> None:
    start(api, row(private=False))
    api.expect("DELETE", PATH, {"success": False, "msg": msg}, status=400, body={"template_id": 8})
    listed(api, row(private=False))
    result = fail_as(MODULE, "invalid", str(msg), name="vllm", state="absent")
    assert (result["changed"], result["template"]["id"]) == (False, 8)


def test_what_is_absent_is_left_alone(api: Api) -> None:
    start(api)
    result = succeed(MODULE, name="vllm", state="absent")
    assert (result["changed"], result["template"], result["actions"]) == (False, None, [])


def test_without_the_right_to_know_the_user_it_is_a_permission(api: Api) -> None:
    refusal = {"msg": "Authorization Error. Your key lacks the api.user route access which is required."}
    api.expect("GET", "/api/v0/users/current/", refusal, status=401)
    fail_as(MODULE, "permission", **GIVEN)


@pytest.mark.parametrize("reply", [{}, {"id": True}, {"id": "5"}])
def test_a_user_without_an_id(api: Api, reply: dict[str, t.Any]) -> None:
    api.expect("GET", "/api/v0/users/current/", reply)
    fail_as(MODULE, "protocol", "did not report the user", **GIVEN)


@pytest.mark.parametrize(
    "reply",
    [
        {"success": True, "templates": None},
        {"success": True, "templates": [{}]},
        {"success": True, "templates_found": 2, "templates": [row()]},
    ],
)
def test_nothing_is_concluded_from_what_is_no_listing(api: Api, reply: dict[str, t.Any]) -> None:
    user(api)
    api.expect("GET", PATH, reply, query=FOUND_BY_NAME)
    fail_as(MODULE, "protocol", "template", **GIVEN)


def test_a_listing_that_is_refused(api: Api) -> None:
    user(api)
    api.expect("GET", PATH, {"success": False, "msg": "bad"}, status=400, query=FOUND_BY_NAME)
    fail_as(MODULE, "invalid", "bad", **GIVEN)


def test_an_image_is_required_to_create(api: Api) -> None:
    start(api)
    fail_as(MODULE, "invalid", "image is required to create template vllm", name="vllm")


@pytest.mark.parametrize("have", ["-e 'open", "--env A=1 --publish 80", "-eTOKEN=x -p80", ""])
def test_flags_in_other_spellings(api: Api, have: str) -> None:
    start(api, row(env=have))
    wanted = {"--env A=1 --publish 80": ({"A": "1"}, ["80"]), "-eTOKEN=x -p80": ({"TOKEN": "x"}, ["80:80/tcp"])}
    env, ports = wanted.get(have, ({}, []))
    assert succeed(MODULE, **GIVEN, env=env, ports=ports, check_mode=True)["changed"] is False


@pytest.mark.parametrize(("have", "changed"), [("'open", True), ("--model 'a b'", False), ("--model a b", True)])
def test_arguments_are_compared_word_by_word(api: Api, have: str, changed: bool) -> None:
    start(api, row(args_str=have))
    assert succeed(MODULE, **GIVEN, args=["--model", "a b"], check_mode=True)["changed"] is changed


@pytest.mark.parametrize(("have", "changed"), [("{", True), ("[" * 5000, True), (None, True)])
def test_filters_that_cannot_be_read_differ(api: Api, have: t.Any, changed: bool) -> None:
    start(api, row(extra_filters=have))
    assert succeed(MODULE, **GIVEN, extra_filters={}, check_mode=True)["changed"] is changed


@pytest.mark.parametrize("image", ["host:5000/a/b", "a/b@sha256:0123", "alpine"])
def test_images_without_a_tag(api: Api, image: str) -> None:
    start(api, row(image=image))
    assert succeed(MODULE, name="vllm", image=image)["changed"] is False


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"image": "a:1", "tag": "2"}, "tag"),
        ({"image": " "}, "image must not be empty"),
        ({"name": " "}, "name must not be empty"),
        ({"env": {"A-B": "1"}}, "name of a variable"),
        ({"env": {"A": True}}, "in quotes"),
        ({"ports": ["x"]}, "must be a port"),
        ({"ports": ["0"]}, "must be a port"),
        ({"ports": ["70000"]}, "must be a port"),
        ({"extra_filters": {"min_gpu_ram_gb": -1}}, "min_gpu_ram_gb"),
        ({"disk": 0}, "disk must be from 1"),
        ({"docker_login": {"repo": "x"}}, "missing required"),
        ({"tag": NULL}, "null"),
    ],
)
def test_options_that_cannot_be(options: dict[str, t.Any], says: str) -> None:
    fail_as(MODULE, "invalid", says, **{"name": "vllm", **options})


def test_the_criteria_are_documented_as_those_of_offers() -> None:
    told = yaml_load(module.DOCUMENTATION)["options"]["extra_filters"]["suboptions"]
    offers = yaml_load(offer.ModuleDocFragment.DOCUMENTATION)["options"]
    assert told == {name: entry for name, entry in offers.items() if name not in module.OF_A_SEARCH}


INFO = "vast_template_info"


def info(api: Api, filters: dict[str, t.Any], *rows: dict[str, t.Any]) -> None:
    """Declare a search."""
    found = {"success": True, "templates_found": len(rows), "templates": list(rows)} if rows else NONE
    api.expect("GET", PATH, found, query={"select_filters": filters, "select_cols": ["*"]})


def ids(result: Result) -> list[int]:
    """Of the templates found."""
    return [each["id"] for each in result["templates"]]


def test_info_holds_each_against_the_criteria(api: Api) -> None:
    info(
        api,
        {"name": {"eq": "vllm"}, "recommended": {"eq": False}},
        row(9),
        row(8, desc=f"x\n\n{MARKER}"),
        row(7, name="x"),
    )
    result = succeed(INFO, name="vllm", recommended=False)
    assert ids(result) == [8, 9]
    assert result["templates"][0]["desc"] == "x"


@pytest.mark.parametrize(("own", "op", "found"), [(True, "eq", [8]), (False, "neq", [9])])
def test_info_tells_own_ones_and_others(api: Api, own: bool, op: str, found: list[int]) -> None:
    user(api)
    info(api, {"creator_id": {op: 5}}, row(8), row(9, creator_id=6))
    assert ids(succeed(INFO, own=own)) == found


def test_info_finds_none(api: Api) -> None:
    info(api, {"hash_id": {"eq": "x"}})
    assert ids(succeed(INFO, hash_id="x", check_mode=True)) == []


def test_info_is_refused(api: Api) -> None:
    api.expect(
        "GET", PATH, {"success": False, "msg": "no"}, status=403, query={"select_filters": {}, "select_cols": ["*"]}
    )
    assert run_module(INFO)["error_class"] == "permission"


def page(api: Api, token: str | None, reply: t.Any, **fields: t.Any) -> None:
    """Declare one page of the search for all, the one after a token."""
    query = {"select_filters": {}, "select_cols": ["*"], **({} if token is None else {"after_token": token})}
    api.expect("GET", PATH, {"success": True, "templates": reply, **fields}, query=query)


def test_info_reads_pages_to_the_end(api: Api) -> None:
    page(api, None, [row(8)], templates_found=1, next_token="t1")
    page(api, "t1", [row(9)], templates_found=1, next_token=None)
    result = succeed(INFO)
    assert (ids(result), result["more"]) == ([8, 9], False)


@pytest.mark.parametrize("total", [2, 1, None, True])
def test_info_believes_a_count_that_is_no_larger(api: Api, total: t.Any) -> None:
    page(api, None, [row(8), row(9)], templates_found=total)
    result = succeed(INFO)
    assert (ids(result), result["more"]) == ([8, 9], False)


def test_info_does_not_take_half_of_what_is_announced_for_all(api: Api) -> None:
    page(api, None, [row(8)], templates_found=1, next_token="t1")
    page(api, "t1", [row(9)], templates_found=3)
    fail_as(INFO, "protocol", "it announces 3 and shows 2")


def test_info_reads_so_many_pages_and_no_more(api: Api) -> None:
    for number in range(40):
        page(api, f"t{number}" if number else None, [row(number + 1)], next_token=f"t{number + 1}")
    result = succeed(INFO)
    assert (len(ids(result)), result["more"]) == (40, True)


def test_info_reads_a_last_page_without_any(api: Api) -> None:
    page(api, None, [row(8)], next_token="t1")
    api.expect("GET", PATH, NONE, query={"select_filters": {}, "select_cols": ["*"], "after_token": "t1"})
    assert ids(succeed(INFO)) == [8]


@pytest.mark.parametrize("token", ["t1", 7])
def test_info_does_not_turn_in_circles(api: Api, token: t.Any) -> None:
    page(api, None, [row(8)], next_token="t1")
    page(api, "t1", [row(9)], next_token=token)
    assert "does not name a new page" in fail_as(INFO, "protocol")["msg"]


@pytest.mark.parametrize("second", [[row(8)], None, [{"id": None}]])
def test_info_does_not_believe_half_a_page(api: Api, second: t.Any) -> None:
    page(api, None, [row(8)], next_token="t1")
    page(api, "t1", second)
    fail_as(INFO, "protocol", "The listing of templates")


def test_own_templates_of_more_pages_than_are_read_are_not_known(api: Api) -> None:
    user(api)
    filters = {"name": {"eq": "vllm"}, "creator_id": {"eq": 5}}
    for number in range(40):
        token = {"after_token": f"t{number}"} if number else {}
        found = {"success": True, "templates": [row(number + 1)], "next_token": f"t{number + 1}"}
        api.expect("GET", PATH, found, query={"select_filters": filters, "select_cols": ["*"], **token})
    fail_as(MODULE, "protocol", "more than 40 pages", name="vllm", state="absent")
