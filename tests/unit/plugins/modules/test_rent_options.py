# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renting: what is refused before any request, and listings that nothing is rented after."""

from __future__ import annotations

import typing as t

import pytest

from ..harness import (
    Api,
    list_query,
    listing,
)
from .rentals import (
    BIDDING,
    KEY,
    LABEL,
    SEARCH,
    box,
    destroyed,
    listed,
    refuse,
    start,
)


def test_the_token_of_a_registry_is_masked_alone_too(api: Api) -> None:
    start(api)
    login = "-u me -p hidden-token-7 registry.test"
    api.expect_any("PUT", "/api/v0/asks/9001/", {"success": True, "new_contract": 4711})
    listed(api, box(status_msg="login with hidden-token-7 failed", num_gpus=3))
    destroyed(api)
    assert "hidden-token-7" not in refuse("unavailable", image_login=login).text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label": " train-01"}, "label must not begin or end with a space"),
        ({"offer": {"gpu_name": ["H100"]}}, "max_price is required"),
        ({"disk": None}, "disk is required"),
        ({"image": None}, "image or template_hash_id"),
        ({"id": 7}, "combined with id"),
        ({"state": "stopped"}, "state=running or state=present"),
        ({"bid": 0.2}, "bid requires"),
        ({"offer": BIDDING}, "needs bid"),
        ({"bid": 200.0, "offer": BIDDING}, "bid must be"),
        ({"attempts": 0}, "attempts must be"),
        ({"attempts": 2, "offer": {"id": 9001, "max_price": 1}}, "attempts cannot be more"),
        ({"boot_timeout": 0}, "boot_timeout must be"),
        ({"disk": 0}, "disk must be"),
        ({"offer": {"id": 0, "max_price": 1}}, "offer.id must be"),
        ({"wait_for": "ssh", "runtype": "args"}, "runtype=args"),
        ({"wait_for": "ssh", "wait": False}, "needs wait=true"),
        ({"wait_for": "ssh", "state": "stopped", "offer": None}, "state=running or state=present"),
        ({"on_unavailable": "replace"}, "accept_data_loss"),
        ({"on_unavailable": "replace", "offer": None}, "needs offer"),
        ({"on_unavailable": "replace", "state": "restarted", "accept_data_loss": True}, "state=running or"),
        ({"state": "absent"}, "state=running or"),
        ({"accept_data_loss": True}, "accept_data_loss requires"),
        ({"secret_env": {"A": "abc"}}, "fewer than 4"),
        ({"env": {"A": "abcd"}, "secret_env": {"A": "abcd"}}, "in both env and secret_env"),
        ({"ssh_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}, "ssh_keys[0] is a private key"),
        ({"ssh_keys": [KEY, KEY[:-14]]}, "ssh_keys[1] must be a public key as OpenSSH writes it"),
        ({"budget": {"max_per_hour": -1}}, "budget.max_per_hour"),
        ({"budget": {}}, "budget must not be empty; omit it instead"),
        ({"offer": {"max_price": 1, "query": {}}}, "query must not be empty; omit it instead"),
        ({"offer": {"max_price": 1, "min_gpu_ram_gb": 24000}}, "write 24"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_request(api: Api, options: dict[str, t.Any], says: str) -> None:
    refuse("invalid", says, **options)
    assert api.calls == []


def test_without_offer_nothing_is_rented(api: Api) -> None:
    listed(api)
    api.expect_listing()
    refuse("not_found", "train-01", offer=None)
    listed(api)
    refuse("not_found", "train-01", offer=None, on_duplicate="destroy_younger")


def test_absence_is_not_concluded_from_an_error(api: Api) -> None:
    reply = {"success": False, "error": "not_found", "msg": "no such thing"}
    api.expect("GET", "/api/v1/instances/", reply, status=404, query=list_query({"label": {"eq": LABEL}}))
    refuse("not_found")


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "error_class"),
    [
        ({"success": False, "error": "auth_error", "msg": "Invalid user key"}, 404, "auth"),
        (listing(total_instances=1), 200, "protocol"),
        ({"success": True}, 200, "protocol"),
    ],
)
def test_nothing_is_rented_after_a_listing_that_cannot_be_relied_on(
    api: Api, reply: t.Any, status: int, error_class: str, check_mode: bool
) -> None:
    api.expect("GET", "/api/v1/instances/", reply, status=status, query=list_query({"label": {"eq": LABEL}}))
    refuse(error_class, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_wrong_key_at_the_search_is_no_empty_market(api: Api, check_mode: bool) -> None:
    listed(api)
    reply = {"success": False, "error": "auth_error", "msg": "Invalid user key"}
    api.expect("POST", "/api/v0/bundles/", reply, status=404, body=SEARCH)
    refuse("auth", "The API key is wrong", check_mode=check_mode)
