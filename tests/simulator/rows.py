# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A believable row for one instance, with every field that the list returns."""

from __future__ import annotations

from typing import Any

from .model import Clock, Row

# name: memory in MB, dollars an hour, bandwidth in GB/s
GPUS: dict[str, tuple[int, float, float]] = {
    "RTX 3090": (24576, 0.19, 936.2),
    "RTX 4090": (24564, 0.36, 1008.0),
    "RTX 5090": (32607, 0.52, 1792.0),
    "L40S": (46068, 0.61, 864.0),
    "A100 SXM4": (81920, 0.89, 2039.0),
    "H100 SXM": (81559, 1.87, 3352.0),
}

HOURS_A_MONTH = 720
"""What prices of storage, which are by the month, are divided by."""

PLACES = (("Quebec, CA", "CA"), ("Oregon, US", "US"), ("Norway, NO", "NO"), ("Bulgaria, BG", "BG"))

# Stored on the contract, so filters and orders may name them. The rest of a row is worked out when it is read.
STORED_COLUMNS = frozenset(
    (
        "id",
        "actual_status",
        "intended_status",
        "cur_state",
        "next_state",
        "status_msg",
        "label",
        "machine_id",
        "host_id",
        "bundle_id",
        "hosting_type",
        "image_uuid",
        "image_runtype",
        "template_id",
        "template_hash_id",
        "gpu_name",
        "gpu_ram",
        "cpu_name",
        "cpu_ram",
        "disk_space",
        "min_bid",
        "is_bid",
        "start_date",
        "end_date",
        "geolocation",
        "verification",
        "reliability2",
        "public_ipaddr",
        "ssh_host",
        "ssh_port",
        "driver_version",
        "cuda_max_good",
        "static_ip",
    )
)


def new_row(instance_id: int, clock: Clock, spec: Row) -> Row:
    """All fields: those of the spec as given, the rest made up from the id, the same on every run."""
    row: dict[str, Any] = {}
    for part in (identity(instance_id, clock), software(instance_id), network(instance_id), hardware(spec)):
        row |= part
    row |= prices({**row, **spec})
    return row | spec


def identity(instance_id: int, clock: Clock) -> Row:
    geolocation, country = PLACES[instance_id % len(PLACES)]
    started = round(clock.wall() - 86400.0 - instance_id % 977, 3)
    return {
        "id": instance_id,
        "actual_status": "running",
        "intended_status": "running",
        "cur_state": "running",
        "next_state": "running",
        "status_msg": None,
        "label": None,
        "machine_id": 10000 + instance_id % 9000,
        "host_id": 50000 + instance_id % 900,
        "bundle_id": 700000 + instance_id % 90000,
        "hosting_type": 0,
        "start_date": started,
        "end_date": started + 90 * 86400.0,
        "duration": 90 * 86400.0,
        "uptime_mins": None,
        "client_run_time": 1.0,
        "host_run_time": 2592000.0,
        "time_remaining": "2 Mon 28 D 12 Hr",
        "time_remaining_isbid": "",
        "geolocation": geolocation,
        "country_code": country,
        "verification": "verified",
        "reliability2": 0.9971,
        "rentable": True,
        "external": False,
        "is_bid": False,
        "credit_balance": None,
        "credit_discount": None,
        "credit_discount_max": 0.4,
        "volume_info": [],
        "webpage": None,
    }


def software(instance_id: int) -> Row:
    return {
        "image_uuid": "pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime",
        "image_args": [],
        "image_runtype": "ssh ssh_direc ssh_proxy",
        "extra_env": [["HF_TOKEN", f"SECRET-env-{instance_id}"], ["-p 8080:8080", "1"]],
        "onstart": "touch ~/.no_auto_tmux",
        "template_id": 161005,
        "template_hash_id": "661d064bbda1f2a133816b6d55da07c3",
        "template_name": "PyTorch (simulated)",
        "jupyter_token": f"SECRET-jupyter-token-{instance_id}",
        "os_version": "22.04",
        "driver_version": "570.133.20",
        "cuda_max_good": 12.8,
    }


def network(instance_id: int) -> Row:
    return {
        "ssh_host": f"ssh{instance_id % 9 + 1}.vast.ai",
        "ssh_idx": str(instance_id % 9 + 1),
        "ssh_port": 10000 + instance_id % 50000,
        "machine_dir_ssh_port": 20000 + instance_id % 20000,
        # Real rows carry the white space as well.
        "public_ipaddr": f"192.0.2.{instance_id % 250 + 1} ",
        "local_ipaddrs": f"172.17.0.{instance_id % 250 + 2} 10.0.0.5 \n",
        "ports": None,
        "direct_port_start": -1,
        "direct_port_end": -1,
        "direct_port_count": 100,
        "static_ip": False,
        "inet_up": 812.4,
        "inet_down": 934.6,
        "inet_up_cost": 0.005,
        "inet_down_cost": 0.005,
    }


def hardware(spec: Row) -> Row:
    name = spec.get("gpu_name", "RTX 4090")
    count = spec.get("num_gpus", 1)
    memory, _price, bandwidth = GPUS.get(name, GPUS["RTX 4090"])
    return {
        "num_gpus": count,
        "gpu_name": name,
        "gpu_arch": "nvidia",
        "gpu_ram": memory,
        "gpu_totalram": memory * count,
        "gpu_util": 0.0,
        "gpu_temp": 38.0,
        "gpu_frac": 0.5,
        "gpu_lanes": 16,
        "gpu_mem_bw": bandwidth,
        "bw_nvlink": 0.0,
        "pci_gen": 4.0,
        "pcie_bw": 24.3,
        "cpu_name": "AMD EPYC 7543 32-Core Processor",
        "cpu_arch": "amd64",
        "cpu_cores": 64,
        "cpu_cores_effective": 16.0 * count,
        "cpu_ram": 257650,
        "cpu_util": 0.0,
        "mem_limit": 64.4,
        "mem_usage": 0.9,
        "vmem_usage": 0.5,
        "mobo_name": "ROMED8-2T",
        "disk_name": "Samsung SSD 990 PRO",
        "disk_space": 40.0,
        "disk_usage": 3.1,
        "disk_util": -1.0,
        "disk_bw": 2104.0,
        "dlperf": 92.4,
        "dlperf_per_dphtotal": 230.1,
        "flops_per_dphtotal": 201.3,
        "total_flops": 82.6,
        "score": 311.8,
    }


def prices(row: Row) -> Row:
    _memory, price, _bandwidth = GPUS.get(row["gpu_name"], GPUS["RTX 4090"])
    base = round(price * row["num_gpus"], 4)
    disk = row["disk_space"] * 0.15 / HOURS_A_MONTH
    total = base + disk
    parts = {
        "gpuCostPerHour": base,
        "diskHour": disk,
        "totalHour": total,
        "discountTotalHour": 0,
        "discountedTotalPerHour": total,
    }
    return {
        "dph_base": base,
        "dph_total": total,
        "min_bid": round(base * 0.6, 4),
        "storage_cost": 0.15,
        "storage_total_cost": disk,
        "vram_costperhour": round(base / row["gpu_totalram"], 8),
        "search": dict(parts),
        "instance": dict(parts),
    }


KNOWN_FIELDS = frozenset(new_row(1, Clock(), {}))
