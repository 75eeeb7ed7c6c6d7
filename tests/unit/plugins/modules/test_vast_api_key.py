# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vast_api_key against declared calls."""

from __future__ import annotations

import errno
import pathlib
import signal
import stat
import typing as t

import pytest
import requests

from ..harness import KEY, Api, FakeClock, Result, fail_as, run_module, succeed

MODULE = "vast_api_key"
PATH = "/api/v0/auth/apikeys/"
NEW = "SECRET-new-key"
LOST = requests.ConnectionError("reset")
DELETED = "Successfully Deleted API Key"


def row(number: int = 7, name: str | None = "ci", **more: t.Any) -> dict[str, t.Any]:
    """A key as the listing shows it."""
    return {"id": number, "user_id": 1, "key": None, "key_type": "api", "name": name, **more}


def keys(api: Api, *rows: dict[str, t.Any], times: int = 1) -> None:
    """Declare the listing."""
    for _time in range(times):
        api.expect("GET", PATH, {"apikeys": [*rows]})


def made(number: int = 7, key: str = NEW) -> dict[str, t.Any]:
    """The reply to a creation."""
    return {"success": True, "id": number, "key": key, "permissions": {}}


def make(api: Api, reply: t.Any = None, **more: t.Any) -> None:
    """Declare a creation."""
    body = {"name": "ci", "permissions": {"api": {"misc": {}}}}
    api.expect("POST", PATH, made() if reply is None else reply, body=body, **more)


def drop(api: Api, number: int = 7, reply: t.Any = DELETED, **more: t.Any) -> None:
    """Declare a deletion."""
    api.expect("DELETE", f"{PATH}{number}/", reply, body={}, **more)


@pytest.fixture(name="dest")
def fixture_dest(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the key goes."""
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "key"


def given(dest: pathlib.Path | None = None, **more: t.Any) -> dict[str, t.Any]:
    """The options of the tests."""
    return {"name": "ci", "permissions": ["misc"], "dest": dest and str(dest), **more}


def written(dest: pathlib.Path) -> tuple[str, int, list[str]]:
    """What is in the file, its mode, and what is in its folder."""
    return dest.read_text(), stat.S_IMODE(dest.stat().st_mode), [path.name for path in dest.parent.iterdir()]


def test_a_key_is_created_and_written_for_its_user_alone(api: Api, dest: pathlib.Path) -> None:
    keys(api, row(3, "other"), row(4, None))
    make(api)
    keys(api, row(3, "other"), row())
    result = succeed(MODULE, **given(dest))
    assert (result["changed"], result["id"], result["name"]) == (True, 7, "ci")
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"state": "absent"}, {"state": "present"})
    assert written(dest) == (f"{NEW}\n", 0o600, ["key"])
    assert "key" not in result.values


def test_a_key_is_returned_on_request_only(api: Api) -> None:
    keys(api)
    make(api, made(key="shown-once"))
    keys(api, row())
    assert succeed(MODULE, **given(return_key=True))["key"] == "shown-once"


def test_rights_in_the_form_of_the_api(api: Api, dest: pathlib.Path) -> None:
    rights = {"api": {"instance_read": {"constraints": {"id": {"eq": 1}}}}}
    keys(api)
    api.expect("POST", PATH, made(), body={"name": "ci", "permissions": rights})
    keys(api, row())
    assert succeed(MODULE, **given(dest, permissions=rights))["changed"] is True


def test_without_rights_none_are_sent(api: Api, dest: pathlib.Path) -> None:
    keys(api)
    api.expect("POST", PATH, made(), body={"name": "ci"})
    keys(api, row())
    assert succeed(MODULE, name="ci", dest=str(dest))["changed"] is True


@pytest.mark.parametrize("permissions", [[], {}, [1], [""], "", 3])
def test_rights_that_cannot_be(permissions: t.Any) -> None:
    fail_as(MODULE, "invalid", "permissions", **given(permissions=permissions))


@pytest.mark.parametrize("force", [False, True])
def test_what_is_there_with_its_file_is_left_alone(api: Api, dest: pathlib.Path, force: bool) -> None:
    dest.write_text("old")
    keys(api, row())
    result = succeed(MODULE, **given(dest, force=force))
    assert (result["changed"], result["id"], dest.read_text()) == (False, 7, "old")


def test_what_is_there_needs_no_file(api: Api) -> None:
    keys(api, row())
    assert succeed(MODULE, **given())["changed"] is False


def test_a_key_without_its_file_is_a_failure(api: Api, dest: pathlib.Path) -> None:
    keys(api, row())
    fail_as(MODULE, "invalid", "(id 7) exists", str(dest), "force=true", **given(dest))


def test_a_file_without_its_key_is_not_overwritten(api: Api, dest: pathlib.Path) -> None:
    dest.write_text("old")
    keys(api)
    fail_as(MODULE, "invalid", str(dest), "force=true", **given(dest))
    assert dest.read_text() == "old"


def test_force_overwrites_the_file_for_its_user_alone(api: Api, dest: pathlib.Path) -> None:
    dest.write_text("old")
    keys(api)
    make(api)
    keys(api, row())
    succeed(MODULE, **given(dest, force=True))
    assert written(dest) == (f"{NEW}\n", 0o600, ["key"])


def replacing(api: Api) -> None:
    """Declare that 8 comes beside 7."""
    keys(api, row())
    make(api, made(8))
    keys(api, row(), row(8))


def test_force_replaces_a_key_whose_file_is_lost(api: Api, dest: pathlib.Path) -> None:
    replacing(api)
    drop(api)
    keys(api, row(8))
    result = succeed(MODULE, **given(dest, force=True))
    assert (result["changed"], result["id"], result["actions"]) == (True, 8, ["replace API key ci"])
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"key": "********"}, {"key": "******** (new)"})
    assert dest.read_text() == f"{NEW}\n"


def test_an_old_key_that_stays_is_told_and_the_new_one_is_kept(api: Api) -> None:
    keys(api, row())
    make(api, made(8, "shown-once"))
    keys(api, row(), row(8))
    drop(api, reply={"msg": "You cannot delete your primary key."}, status=400)
    keys(api, row(), row(8))
    result = fail_as(MODULE, "invalid", "new key (id 8)", "primary", **given(return_key=True, force=True))
    assert (result["changed"], result["key"]) == (True, "shown-once")


def test_a_refused_replacement_leaves_the_old_key(api: Api, dest: pathlib.Path) -> None:
    keys(api, row())
    make(api, {"msg": "Cannot grant these."}, status=401)
    keys(api, row())
    result = fail_as(MODULE, "permission", "Cannot grant these", "key of this task", **given(dest, force=True))
    assert (result["changed"], dest.exists()) == (False, False)


def test_a_key_that_is_no_longer_accepted_is_not_about_rights(api: Api, dest: pathlib.Path) -> None:
    keys(api)
    make(api, {"success": False, "error": "auth_error", "msg": "Invalid user key"}, status=401)
    keys(api)
    fail_as(MODULE, "auth", **given(dest))


@pytest.mark.parametrize("reply", [LOST, {"success": True, "id": 7}, {"success": True, "key": NEW}, {"success": True}])
def test_a_key_that_nobody_has_is_deleted(api: Api, dest: pathlib.Path, reply: t.Any) -> None:
    keys(api, row(3, "other"))
    make(api, reply)
    keys(api, row(3, "other"), row(), times=2)
    drop(api)
    keys(api, row(3, "other"))
    result = fail_as(MODULE, "unknown_outcome", "API key ci", "(id 7) was deleted", **given(dest))
    assert (result["changed"], dest.exists()) == (False, False)


def test_of_several_new_ones_none_is_deleted(api: Api, dest: pathlib.Path) -> None:
    keys(api)
    make(api, LOST)
    keys(api, row(7), row(8), times=2)
    result = fail_as(MODULE, "unknown_outcome", "ids 7, 8", **given(dest))
    assert result["changed"] is True


def test_a_lost_request_that_made_no_key(api: Api, dest: pathlib.Path) -> None:
    keys(api)
    make(api, LOST)
    keys(api, times=7)
    fail_as(MODULE, "unknown_outcome", "No new key", **given(dest))


def test_a_key_that_cannot_be_deleted_again_is_named(api: Api, dest: pathlib.Path) -> None:
    keys(api)
    make(api, LOST)
    keys(api, row(), times=2)
    drop(api, reply={"msg": "No."}, status=403)
    keys(api, row())
    result = fail_as(MODULE, "unknown_outcome", "(id 7) could NOT be deleted", **given(dest))
    assert result["changed"] is True


@pytest.mark.parametrize("reply", [LOST, {"success": True, "id": 3}])
def test_what_cannot_be_listed_is_not_deleted_on_suspicion(api: Api, dest: pathlib.Path, reply: t.Any) -> None:
    keys(api, row(3, "other"))
    make(api, reply)
    for _poll in range(2):
        api.expect("GET", PATH, {"apikeys": None})
    result = fail_as(MODULE, "protocol", "could NOT be confirmed", **given(dest))
    assert result["changed"] is True


def test_what_cannot_be_listed_is_deleted_by_the_id_that_the_reply_has(api: Api, dest: pathlib.Path) -> None:
    keys(api)
    make(api)
    for _poll in range(2):
        api.expect("GET", PATH, {"apikeys": None})
    drop(api)
    keys(api)
    fail_as(MODULE, "protocol", "(id 7) was deleted", **given(dest))


@pytest.mark.parametrize("force", [False, True])
def test_a_key_that_cannot_be_written_is_deleted(
    api: Api, dest: pathlib.Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    def fsync(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr("os.fsync", fsync)
    keys(api)
    make(api)
    keys(api, row(), times=2)
    drop(api)
    keys(api)
    result = fail_as(
        MODULE, "invalid", "No space left", "(id 7) was deleted", **given(dest, force=force, api_pacing=False)
    )
    assert (result["changed"], list(dest.parent.iterdir())) == (False, [])


def test_a_second_signal_leaves_no_key_that_nobody_has(
    api: Api, dest: pathlib.Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = clock.sleep

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        # While the new key is looked for, and while it is listed to be deleted.
        if len(api.calls) in (2, 3):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(clock, "sleep", interrupted)
    keys(api)
    make(api)
    keys(api, row(), times=2)
    drop(api)
    keys(api)
    says = "Interrupted by SIGINT", "The new key (id 7) was deleted"
    result = fail_as(MODULE, "timeout", *says, **given(dest))
    assert (result["changed"], dest.exists()) == (False, False)


@pytest.mark.parametrize("options", [{"name": " "}, {"name": ""}, {"dest": ""}, {"dest": " ", "return_key": True}])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_names_and_places_that_are_empty(api: Api, options: dict[str, t.Any], state: str) -> None:
    says = f"{next(iter(options))} must not be empty"
    fail_as(MODULE, "invalid", says, **{"name": "ci", "permissions": ["misc"], "state": state, **options})
    assert api.calls == []


@pytest.mark.parametrize("place", ["folder/key", "", "link"])
def test_a_place_that_cannot_be_is_told_before_anything_is_sent(api: Api, tmp_path: pathlib.Path, place: str) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    keys(api)
    fail_as(MODULE, "invalid", "dest", "Nothing was sent", **given(tmp_path / place, force=True))


def test_a_folder_that_may_not_be_written_to(api: Api, dest: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_path: False)
    keys(api)
    fail_as(MODULE, "invalid", "cannot be written to", **given(dest))


def test_a_key_needs_a_place(api: Api) -> None:
    keys(api)
    fail_as(MODULE, "invalid", "dest or return_key is required", **given())


@pytest.mark.parametrize("state", ["present", "absent"])
def test_several_of_a_name(api: Api, dest: pathlib.Path, state: str) -> None:
    keys(api, row(7), row(8))
    fail_as(MODULE, "ambiguous", "ids 7, 8", **given(dest, state=state, force=True))


@pytest.mark.parametrize(("there", "state"), [((), "present"), ((row(),), "present"), ((row(),), "absent")])
def test_check_mode_sends_nothing(
    api: Api, dest: pathlib.Path, there: tuple[dict[str, t.Any], ...], state: str
) -> None:
    keys(api, *there)
    assert succeed(MODULE, **given(dest, state=state, force=True), check_mode=True)["changed"] is True
    assert not dest.exists()


@pytest.mark.parametrize("reply", [DELETED, LOST, {"success": True}])
def test_it_is_deleted(api: Api, dest: pathlib.Path, reply: t.Any) -> None:
    dest.write_text("old")
    keys(api, row(3, "other"), row())
    drop(api, reply=reply)
    keys(api, row(3, "other"))
    result = succeed(MODULE, **given(dest, state="absent"))
    assert (result["changed"], result["id"], result["actions"]) == (True, None, ["delete API key ci"])
    assert dest.read_text() == "old"


def test_what_is_absent_is_left_alone(api: Api) -> None:
    keys(api, row(3, "other"))
    assert succeed(MODULE, name="ci", state="absent")["changed"] is False


@pytest.mark.parametrize("more", [{"key_type": "primary"}, {"key": KEY}])
@pytest.mark.parametrize("options", [{"state": "absent"}, {"force": True, "return_key": True}])
def test_own_and_primary_keys_are_never_deleted(api: Api, more: dict[str, t.Any], options: dict[str, t.Any]) -> None:
    keys(api, row(**more))
    fail_as(MODULE, "invalid", "never deleted", "Nothing was sent", name="ci", **options)


@pytest.mark.parametrize("listing", [None, "x", [{"id": 1}], [row(), row()], [{"name": "ci"}]])
def test_nothing_is_concluded_from_what_is_no_listing(api: Api, listing: t.Any) -> None:
    api.expect("GET", PATH, {"apikeys": listing})
    fail_as(MODULE, "protocol", **given())


def replacing_in_vain(api: Api) -> Result:
    """A run that leaves both keys."""
    keys(api, row())
    make(api, made(8, "shown-once"))
    keys(api, row(), row(8))
    drop(api, reply={"msg": "No."}, status=403)
    keys(api, row(), row(8))
    return run_module(MODULE, **given(return_key=True, force=True))
