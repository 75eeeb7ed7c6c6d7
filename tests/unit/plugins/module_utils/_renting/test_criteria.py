# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Criteria for offers: what is refused, what is sent, and what is held against a row."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._core.amounts import number
from ansible_collections.vastai.cloud.plugins.module_utils._renting.criteria import (
    Criteria,
    country,
    price,
)
from ansible_collections.vastai.cloud.plugins.module_utils._renting.offers import search_body
from ansible_collections.vastai.cloud.plugins.module_utils._renting.options import OFFER_OPTIONS

from ...harness import offer_row


def criteria(disk: float = 100, **options: t.Any) -> Criteria:
    """Criteria as a module makes them."""
    checked = ArgumentSpecValidator(OFFER_OPTIONS).validate(options)
    assert checked.error_messages == []
    return Criteria.from_options(checked.validated_parameters, disk)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param({"gpu_name": ["A_40", " RTX  5090"]}, {"gpu_name": {"in": ["A 40", "RTX 5090"]}}, id="gpu"),
        pytest.param({"num_gpus": 4}, {"num_gpus": {"eq": 4}}, id="count"),
        pytest.param({"min_gpu_ram_gb": 24}, {"gpu_ram": {"gte": 24000}}, id="gpu-ram-in-mb"),
        pytest.param({"min_cpu_ram_gb": 0.5}, {"cpu_ram": {"gte": 500}}, id="cpu-ram-in-mb"),
        pytest.param({"min_compute_cap": 8.9}, {"compute_cap": {"gte": 890}}, id="compute-cap-times-100"),
        pytest.param({"min_duration_hours": 1.5}, {"duration": {"gte": 5400}}, id="duration-in-seconds"),
        pytest.param({"min_cuda": 12.4}, {"cuda_max_good": {"gte": 12.4}}, id="cuda"),
        pytest.param({"min_inet_down": 500}, {"inet_down": {"gte": 500}}, id="down"),
        pytest.param({"min_inet_up": 500}, {"inet_up": {"gte": 500}}, id="up"),
        pytest.param({"min_cpu_cores": 8}, {"cpu_cores_effective": {"gte": 8}}, id="cores"),
        pytest.param({"min_reliability": 0.98}, {"reliability": {"gte": 0.98}}, id="reliability"),
        pytest.param({"min_direct_ports": 2}, {"direct_port_count": {"gte": 2}}, id="ports"),
        pytest.param({"country": ["no", " SE "]}, {"geolocation": {"in": ["NO", "SE"]}}, id="country"),
        pytest.param({"datacenter": True}, {"datacenter": {"eq": True}}, id="datacenter"),
        pytest.param({"static_ip": False}, {"static_ip": {"eq": False}}, id="static-ip"),
        pytest.param({"machine_id": [5]}, {"machine_id": {"in": [5]}}, id="machine"),
        pytest.param({"host_id": [5]}, {"host_id": {"in": [5]}}, id="host"),
        pytest.param({"exclude_machine_id": [5]}, {"machine_id": {"notin": [5]}}, id="not-machine"),
        pytest.param(
            {"machine_id": [5, 6], "exclude_machine_id": [6]},
            {"machine_id": {"in": [5, 6], "notin": [6]}},
            id="both-about-a-machine",
        ),
        pytest.param({"exclude_host_id": [5]}, {"host_id": {"notin": [5]}}, id="not-host"),
        pytest.param({"max_price": 0.5}, {"dph_total": {"lte": 0.5}}, id="price"),
        pytest.param({"query": {"pci_gen": {"gte": 4, "lt": 6}}}, {"pci_gen": {"gte": 4, "lt": 6}}, id="query"),
        pytest.param({"query": {"gpu_name": {"eq": "RTX_4090"}}}, {"gpu_name": {"eq": "RTX 4090"}}, id="query-gpu"),
        pytest.param({"query": {"external": {"eq": True}}}, {"external": {"eq": True}}, id="external"),
    ],
)
def test_what_is_sent(options: dict[str, t.Any], sent: dict[str, t.Any]) -> None:
    assert search_body(criteria(**options), 20) == {
        "rentable": {"eq": True},
        "rented": {"eq": False},
        "external": {"eq": False},
        "verified": {"eq": True},
        "disk_space": {"gte": 100},
        "type": "on-demand",
        "order": [["dph_total", "asc"]],
        "limit": 20,
        "allocated_storage": 100,
        **sent,
    }


def test_any_machine_is_asked_for_as_the_official_client_does() -> None:
    assert "verified" not in search_body(criteria(verified=False), 1)


def test_interruptible_offers_are_bids() -> None:
    assert search_body(criteria(interruptible=True), 1)["type"] == "bid"


@pytest.mark.parametrize(
    ("order", "sent"),
    [
        ("price", ["dph_total", "asc"]),
        ("performance_per_price", ["dlperf_per_dphtotal", "desc"]),
        ("performance", ["dlperf", "desc"]),
        ("reliability", ["reliability", "desc"]),
        ("inet_down", ["inet_down", "desc"]),
    ],
)
def test_order(order: str, sent: list[str]) -> None:
    assert search_body(criteria(order=order), 1)["order"] == [sent]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"min_gpu_ram_gb": 24000}, "min_gpu_ram_gb is in GB: 24000 looks like MB; write 24.", id="mb"),
        pytest.param({"min_cpu_ram_gb": 128000}, "write 128", id="cpu-mb"),
        pytest.param({"min_gpu_ram_gb": 10**7}, "between 0 and 1000 GB", id="far-too-much"),
        pytest.param({"min_reliability": 98}, "min_reliability must be between 0 and 1", id="percent"),
        pytest.param({"min_compute_cap": 890}, "min_compute_cap must be between 0 and 99", id="times-100"),
        pytest.param({"min_inet_up": -1}, "min_inet_up", id="negative"),
        pytest.param({"max_price": float("nan")}, "max_price", id="nan"),
        pytest.param({"max_price": float("inf")}, "max_price", id="infinite"),
        pytest.param({"num_gpus": 0}, "num_gpus", id="no-gpu"),
        pytest.param({"gpu_name": []}, "gpu_name must not be empty", id="empty"),
        pytest.param({"gpu_name": ["RTX 4090", ""]}, "gpu_name must not be empty", id="empty-item"),
        pytest.param({"country": ["Norway"]}, "two-letter codes", id="country"),
        pytest.param({"country": ["1A"]}, "two-letter codes", id="no-letters"),
        pytest.param({"machine_id": []}, "machine_id", id="no-machine"),
        pytest.param({"exclude_host_id": [0]}, "exclude_host_id", id="host-0"),
        pytest.param({"machine_id": [2**63]}, "machine_id", id="huge"),
        pytest.param({"limit": 0}, "limit must be from 1 to 64", id="limit-0"),
        pytest.param({"limit": 65}, "limit must be from 1 to 64", id="limit-65"),
        pytest.param({"prefer": "gpu_name"}, "prefer=gpu_name requires gpu_name", id="prefer"),
        pytest.param(
            {"query": {"gpu_nam": {"eq": "x"}}}, "'gpu_nam'. Did you mean 'gpu_name' or 'gpu_ram'?", id="near-field"
        ),
        pytest.param({"query": {"zzz": {"eq": "x"}}}, "does not know the field 'zzz'.", id="field"),
        pytest.param({"query": {"pci_gen": {">=": 4}}}, "operator '>='", id="operator"),
        pytest.param({"query": {"pci_gen": 4}}, "must be a dictionary such as {gte: 1}", id="bare"),
        pytest.param({"query": {"pci_gen": {}}}, "must be a dictionary", id="no-operator"),
        pytest.param({"query": {"pci_gen": {"in": 4}}}, "needs a list", id="no-list"),
        pytest.param({"query": {"pci_gen": {"in": []}}}, "needs a list", id="empty-list"),
        pytest.param({"query": {"pci_gen": {"gte": [4]}}}, "needs one value", id="list"),
        pytest.param({"query": {"pci_gen": {"gte": None}}}, "must not be empty", id="null"),
        pytest.param({"query": {}}, "query must not be empty", id="no-field"),
        pytest.param({"query": {"pci_gen": {"gte": True}}}, "needs a number for gte, not True", id="boolean"),
        pytest.param({"query": {"pci_gen": {"lt": "4"}}}, "needs a number for lt, not '4'", id="text"),
        pytest.param({"query": {"pci_gen": {"gt": float("nan")}}}, "needs a number for gt, not nan", id="nan"),
        pytest.param(
            {"min_inet_up": 1, "query": {"inet_up": {"gte": 4}}},
            "inet_up is already set by another option",
            id="twice",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(Invalid) as refused:
        criteria(**options)
    assert says in refused.value.msg


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        pytest.param({"gpu_name": ["RTX 4090"]}, {"gpu_name": "H100"}, id="gpu"),
        pytest.param({"num_gpus": 1}, {"num_gpus": 2}, id="count"),
        pytest.param({"num_gpus": 1}, {"num_gpus": None}, id="count-not-told"),
        pytest.param({"min_gpu_ram_gb": 24}, {"gpu_ram": 23999}, id="ram"),
        pytest.param({"min_gpu_ram_gb": 24}, {"gpu_ram": "24564"}, id="ram-as-text"),
        pytest.param({"min_reliability": 0.99}, {"reliability": 0.98}, id="reliability"),
        pytest.param({"min_reliability": 0.99}, {"reliability2": 0.98}, id="reliability2"),
        pytest.param({"country": ["NO"]}, {"geolocation": "Oslo, SE"}, id="country"),
        pytest.param({"country": ["NO"]}, {"geolocation": None}, id="country-not-told"),
        pytest.param({"static_ip": True}, {"static_ip": False}, id="static"),
        pytest.param({"machine_id": [1]}, {"machine_id": 2}, id="machine"),
        pytest.param({"exclude_machine_id": [2]}, {"machine_id": 2}, id="not-machine"),
        pytest.param({"exclude_host_id": [2]}, {"host_id": None}, id="host-not-told"),
        pytest.param({"max_price": 0.34}, {}, id="price"),
        pytest.param({"max_price": 0.4}, {"dph_base": 0.39, "dph_total": 0.392}, id="price-without-this-disk"),
        pytest.param({"max_price": 0.4}, {"dph_base": 0.1, "dph_total": 0.5}, id="the-dearer-price-counts"),
        pytest.param({"max_price": 9}, {"dph_base": float("nan"), "dph_total": "free"}, id="no-price"),
        pytest.param({}, {"disk_space": 99.9}, id="disk"),
        pytest.param({}, {"verification": "unverified"}, id="unverified"),
        pytest.param({"query": {"pci_gen": {"gte": 4}}}, {"pci_gen": 3}, id="query"),
        pytest.param({"query": {"pci_gen": {"gt": 4}}}, {"pci_gen": 4}, id="query-gt"),
        pytest.param({"query": {"pci_gen": {"lt": 4}}}, {"pci_gen": 4}, id="query-lt"),
        pytest.param({"query": {"cpu_arch": {"neq": "arm64"}}}, {"cpu_arch": "arm64"}, id="query-neq"),
    ],
)
def test_a_row_that_does_not_fit_is_noticed(options: dict[str, t.Any], fields: dict[str, t.Any]) -> None:
    wanted = criteria(**options)
    option = next(iter(options), None)
    expected = [option] if option else ["disk" if "disk_space" in fields else "verified"]
    assert wanted.misses(offer_row(**fields)) == expected


def test_a_row_that_fits_everything_misses_nothing() -> None:
    wanted = criteria(
        gpu_name=["RTX_4090"],
        num_gpus=1,
        min_gpu_ram_gb=24,
        min_reliability=0.99,
        country=["NO"],
        static_ip=True,
        machine_id=[501],
        exclude_machine_id=[502],
        host_id=[31],
        exclude_host_id=[32],
        datacenter=True,
        max_price=0.35,
        query={"gpu_arch": {"eq": "nvidia"}, "id": {"eq": 9001}},
    )
    assert wanted.misses(offer_row()) == []
    assert wanted.unheld == ["datacenter"]
    assert wanted.without("max_price").misses(offer_row(dph_base=9.0)) == []


def test_the_price_counts_the_disk_that_was_asked_for() -> None:
    assert price(offer_row(), 100) == {"per_hour": 0.342222, "gpu": 0.32, "disk": 0.022222, "traffic_per_tb": 3.0}
    assert price(offer_row(), 720) == {"per_hour": 0.48, "gpu": 0.32, "disk": 0.16, "traffic_per_tb": 3.0}
    bare = offer_row(dph_base=None, storage_cost=None, inet_up_cost=None, inet_down_cost="x")
    assert price(bare, 100) == {"per_hour": 0.342222, "gpu": None, "disk": None, "traffic_per_tb": None}
    assert price(offer_row(dph_total=None), 100)["per_hour"] == 0.342222
    assert price({}, 100)["per_hour"] is None


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("-inf"), 10**400, [1]])
def test_what_is_no_number(value: t.Any) -> None:
    assert number(value) is None


@pytest.mark.parametrize(
    ("place", "code"), [("Oslo, NO", "NO"), ("no", "NO"), ("", None), (None, None), ("Oslo, Norway", None), (7, None)]
)
def test_country(place: t.Any, code: str | None) -> None:
    assert country({"geolocation": place}) == code
