# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The options of renting, apart from what they mean, so that a task that rents nothing need not load that."""

from __future__ import annotations

import typing as t

ORDERS: t.Mapping[str, tuple[str, str]] = {
    "price": ("dph_total", "asc"),
    "performance_per_price": ("dlperf_per_dphtotal", "desc"),
    "performance": ("dlperf", "desc"),
    "reliability": ("reliability", "desc"),
    "inet_down": ("inet_down", "desc"),
}
RUNTYPES = ("ssh", "ssh_direct", "ssh_proxy", "jupyter", "jupyter_direct", "jupyter_proxy", "args")

OFFER_OPTIONS: dict[str, dict[str, t.Any]] = {
    "gpu_name": {"type": "list", "elements": "str"},
    "num_gpus": {"type": "int"},
    "min_gpu_ram_gb": {"type": "float"},
    "min_cpu_cores": {"type": "float"},
    "min_cpu_ram_gb": {"type": "float"},
    "min_inet_down": {"type": "float"},
    "min_inet_up": {"type": "float"},
    "min_reliability": {"type": "float"},
    "min_cuda": {"type": "float"},
    "min_compute_cap": {"type": "float"},
    "min_direct_ports": {"type": "int"},
    "min_duration_hours": {"type": "float"},
    "country": {"type": "list", "elements": "str"},
    "datacenter": {"type": "bool"},
    "verified": {"type": "bool", "default": True},
    "static_ip": {"type": "bool"},
    "machine_id": {"type": "list", "elements": "int"},
    "host_id": {"type": "list", "elements": "int"},
    "exclude_machine_id": {"type": "list", "elements": "int"},
    "exclude_host_id": {"type": "list", "elements": "int"},
    "interruptible": {"type": "bool", "default": False},
    "max_price": {"type": "float"},
    "query": {"type": "dict"},
    "order": {"type": "str", "choices": list(ORDERS), "default": "price"},
    "prefer": {"type": "str", "choices": ["gpu_name"]},
    "limit": {"type": "int", "default": 20},
}
"""Without `disk`, which stands beside them: the same number is asked for and rented."""

CONTENT_OPTIONS: dict[str, dict[str, t.Any]] = {
    "image": {"type": "str"},
    "template_hash_id": {"type": "str"},
    "runtype": {"type": "str", "choices": list(RUNTYPES)},
    "env": {"type": "dict"},
    "secret_env": {"type": "dict", "no_log": True},
    "ports": {"type": "list", "elements": "str"},
    "onstart": {"type": "str"},
    "args": {"type": "list", "elements": "str"},
    "image_login": {"type": "str", "no_log": True},
}

BUDGET_OPTIONS: dict[str, dict[str, t.Any]] = {
    "max_per_hour": {"type": "float"},
    "min_credit": {"type": "float"},
}

RENT_OPTIONS: dict[str, dict[str, t.Any]] = {
    "offer": {"type": "dict", "options": {**OFFER_OPTIONS, "id": {"type": "int"}}},
    **CONTENT_OPTIONS,
    "disk": {"type": "float"},
    "ssh_keys": {"type": "list", "elements": "str", "no_log": False},
    "volumes": {
        "type": "list",
        "elements": "dict",
        "options": {key: {"type": "str", "required": True} for key in ("name", "path")},
    },
    "bid": {"type": "float"},
    "wait_for": {"type": "str", "choices": ["running", "ssh"], "default": "running"},
    "boot_timeout": {"type": "int", "default": 600},
    "attempts": {"type": "int", "default": 1},
    "retain_failed": {"type": "bool", "default": False},
    "accept_data_loss": {"type": "bool", "default": False},
    "on_drift": {"type": "str", "choices": ["keep", "recycle"], "default": "keep"},
    "on_duplicate": {"type": "str", "choices": ["fail", "destroy_younger"], "default": "fail"},
    "budget": {"type": "dict", "options": BUDGET_OPTIONS},
}
"""What `vast_instance` takes for the whole life of an instance."""


def rents(given: t.Mapping[str, t.Any]) -> bool:
    """Whether a task may rent, or says what the instance runs, where its state has a use for that."""
    if given["offer"] is not None or given["on_unavailable"] == "replace":
        return True
    if given["state"] in ("absent", "restarted"):
        return False
    return any(given[name] not in (None, rule.get("default")) for name, rule in RENT_OPTIONS.items())
