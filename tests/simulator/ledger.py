# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was billed: by the second, the disk always, the GPU while the container runs."""

from __future__ import annotations

from .model import Account, Instance, Row, dollars


def everything(account: Account) -> list[Instance]:
    """What exists and what is gone, billed up to now."""
    now = account.clock.now()
    for instance in account.instances.values():
        instance.bill(now)
    return [*account.destroyed, *account.instances.values()]


def spent(account: Account) -> float:
    return sum(each.gpu_cost + each.disk_cost for each in everything(account))


def left(account: Account) -> float:
    """Dollars of balance and credit that are left."""
    return dollars(account.user["credit"]) + dollars(account.user["balance"]) - spent(account)


def rates(account: Account) -> tuple[float, float]:
    """Dollars an hour now: GPUs, disks."""
    existing = account.instances.values()
    gpus = sum(dollars(each.row["dph_base"]) for each in existing if each.bills_gpu)
    return gpus, sum(dollars(each.row["storage_total_cost"]) for each in existing)


def show(account: Account) -> Row:
    gpus, disks = rates(account)
    return {
        "total": spent(account),
        "per_hour": gpus + disks,
        "instances": [entry(each, each.id in account.instances) for each in everything(account)],
    }


def entry(instance: Instance, exists: bool) -> Row:
    return {
        "id": instance.id,
        "label": instance.row["label"],
        "exists": exists,
        "gpu_seconds": instance.gpu_seconds,
        "disk_seconds": instance.disk_seconds,
        "gpu_cost": instance.gpu_cost,
        "disk_cost": instance.disk_cost,
    }
