# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Searches of workergroups in all the forms in which they are written."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._api.errors import Invalid
from ansible_collections.vastai.cloud.plugins.module_utils._serverless.searches import parsed, same


@pytest.mark.parametrize(
    ("search", "form"),
    [
        ("gpu_name=RTX_4090", {"gpu_name": {"eq": "RTX 4090"}}),
        ('gpu_name="RTX 4090" num_gpus = 2', {"gpu_name": {"eq": "RTX 4090"}, "num_gpus": {"eq": 2.0}}),
        ("num_gpus>=1 num_gpus<=4", {"num_gpus": {"gte": 1.0, "lte": 4.0}}),
        ("gpu_name in [RTX_4090, RTX_3090]", {"gpu_name": {"in": ["RTX 3090", "RTX 4090"]}}),
        ("geolocation notin [CN]  verified=True", {"geolocation": {"notin": ["CN"]}, "verified": {"eq": True}}),
        ("machine_id not in [1,2] dph != 3", {"machine_id": {"notin": [1.0, 2.0]}, "dph": {"neq": 3.0}}),
        ({"gpu_name": {"in": ["RTX_4090"]}}, {"gpu_name": {"in": ["RTX 4090"]}}),
        ({"num_gpus": "1", "rented": {"eq": "false"}}, {"num_gpus": {"eq": 1.0}, "rented": {"eq": False}}),
        ("gpu_ram>=24", {"gpu_ram": {"gte": 24000.0}}),
        ({"gpu_ram": {"gte": 24000}}, {"gpu_ram": {"gte": 24000.0}}),
        (
            {"cluster_id": {"eq": None}, "static_ip": {"eq": True}},
            {"cluster_id": {"eq": None}, "static_ip": {"eq": True}},
        ),
        ("  ", {}),
    ],
)
def test_each_form_is_read_alike(search: t.Any, form: t.Any) -> None:
    assert parsed(search) == form


@pytest.mark.parametrize("search", ["gpu_name", "gpu_name=", "gpu_name=RTX 4090", "num_gpus=>2", "a=1,b=2 c", 5, [1]])
def test_what_is_no_search_is_refused(search: t.Any) -> None:
    with pytest.raises(Invalid):
        parsed(search)


@pytest.mark.parametrize(
    ("asked", "stored", "alike"),
    [
        ("num_gpus=1", {"num_gpus": {"eq": "1"}, "verified": {"eq": True}, "rented": {"eq": False}}, True),
        ("num_gpus=1 verified=false", {"num_gpus": {"eq": 1}, "verified": {"eq": True}}, False),
        ("num_gpus=1 verified=true", {"num_gpus": {"eq": 1}}, False),
        ("num_gpus=1", {"num_gpus": {"eq": 1}, "static_ip": {"eq": True}}, False),
        ("num_gpus>=1", {"num_gpus": {"gt": 1}}, False),
    ],
)
def test_what_the_api_adds_does_not_count_unless_it_is_named(asked: t.Any, stored: t.Any, alike: bool) -> None:
    assert same(parsed(asked), parsed(stored)) is alike
