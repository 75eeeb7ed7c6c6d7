# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machines of the market: what each has, what of it is free, and the offers that are chunks of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .checks import CHOICES, AccountError, as_list, as_mapping, check_names, load_settings
from .model import Account, Behaviour, Row
from .rows import GPUS

HOURS_PER_MONTH = 720.0
ANSWERS = ("rent", "no_such_ask", "gone", "refuse", "stopped", "no_id", "server_error", "no_credit", "blacklisted")
NEXT_OFFER = 10
CHOICES["answer"] = ANSWERS


@dataclass
class Machine:
    """
    `answer`: how it answers when it is rented. `delivers`: fields in which a box differs from its offer.
    `ignores_label`: the box gets none. `behaviour`: that of its boxes. `ssh`: the real address of its boxes.
    `others`: GPUs that other people have. `own_bid`: an offer shows one's standing bid as its floor.
    """

    id: int
    host_id: int = 7001
    gpu_name: str = "RTX 4090"
    num_gpus: int = 4
    price: float | None = None
    floor: float | None = None
    storage_cost: float = 0.15
    disk_space: float = 1000.0
    inet_up: float = 700.0
    inet_down: float = 900.0
    inet_up_cost: float = 0.003
    inet_down_cost: float = 0.003
    reliability: float = 0.995
    geolocation: str = "Norway, NO"
    verification: str = "verified"
    datacenter: bool = False
    static_ip: bool = True
    direct_port_count: int = 100
    cuda_max_good: float = 12.8
    cpu_cores: int = 64
    cpu_ram: int = 257650
    duration: float = 90 * 86400.0
    others: int = 0
    answer: str = "rent"
    delivers: Row = field(default_factory=dict)
    ignores_label: bool = False
    behaviour: Row = field(default_factory=dict)
    ssh: str = ""
    rented: int = 0

    @property
    def gpu_price(self) -> float:
        """US dollars an hour for each GPU."""
        return GPUS[self.gpu_name][1] if self.price is None else self.price

    @property
    def lowest_bid(self) -> float:
        """The same for an interruptible box."""
        return round(self.gpu_price * 0.6, 4) if self.floor is None else self.floor

    def free(self, account: Account) -> int:
        """GPUs that nobody has; a stopped box keeps no GPU."""
        taken: int = sum(
            instance.row["num_gpus"]
            for instance in account.instances.values()
            if instance.row["machine_id"] == self.id and instance.row["cur_state"] == "running"
        )
        return max(0, self.num_gpus - self.others - taken)

    def offers(self, account: Account, disk: float, *, bid: bool) -> Iterator[Row]:
        """A chunk of each size that still fits. Each rental gives the chunks that are left other ids."""
        size, step = 1, 0
        while size <= self.free(account):
            offer_id = self.id * 1000 + self.rented % 100 * NEXT_OFFER + step
            yield offer_row(self, offer_id, size, disk, bid=bid, wall=account.clock.wall())
            size, step = size * 2, step + 1


MACHINE_FIELDS = tuple(each.name for each in fields(Machine) if each.name != "rented")


def offer_row(machine: Machine, offer_id: int, size: int, disk: float, *, bid: bool, wall: float) -> Row:
    """One offer, priced with a disk of that many GB."""
    memory, _price, bandwidth = GPUS[machine.gpu_name]
    share = size / machine.num_gpus
    base = round((machine.lowest_bid if bid else machine.gpu_price) * size, 6)
    storage = machine.storage_cost * disk / HOURS_PER_MONTH
    total = base + storage
    shown = asdict(machine)
    same = ("host_id", "gpu_name", "storage_cost", "inet_up", "inet_down", "inet_up_cost", "inet_down_cost")
    more = ("reliability", "geolocation", "verification", "static_ip", "cuda_max_good", "cpu_cores", "duration")
    return {
        **{name: shown[name] for name in (*same, *more, "direct_port_count", "disk_space")},
        "id": offer_id,
        "ask_contract_id": offer_id,
        "bundle_id": 800000 + machine.id,
        "machine_id": machine.id,
        "num_gpus": size,
        "gpu_ram": memory,
        "gpu_total_ram": memory * size,
        "gpu_frac": share,
        "gpu_arch": "nvidia",
        "gpu_mem_bw": bandwidth,
        "compute_cap": 890,
        "cpu_arch": "amd64",
        "cpu_name": "AMD EPYC 7543 32-Core Processor",
        "cpu_cores_effective": machine.cpu_cores * share,
        "cpu_ram": machine.cpu_ram,
        "disk_bw": 2104.0,
        "disk_name": "Samsung SSD 990 PRO",
        "driver_version": "570.133.20",
        "dlperf": 92.4 * size,
        "dlperf_per_dphtotal": round(92.4 * size / total, 3),
        "flops_per_dphtotal": round(82.6 * size / total, 3),
        "total_flops": 82.6 * size,
        "score": round(300.0 * size / total, 3),
        "dph_base": base,
        "dph_total": round(total, 9),
        "min_bid": round(machine.lowest_bid * size, 6),
        "storage_total_cost": round(storage, 9),
        "is_bid": bid,
        "rentable": True,
        "rented": False,
        "external": None,
        "hosting_type": int(machine.datacenter),
        "pci_gen": 4.0,
        "pcie_bw": 24.3,
        "end_date": wall + machine.duration,
        "public_ipaddr": f"192.0.2.{machine.id % 250 + 1}",
        "reliability2": machine.reliability,
        "internet_up_cost_per_tb": machine.inet_up_cost * 1000,
        "internet_down_cost_per_tb": machine.inet_down_cost * 1000,
        "vms_enabled": False,
        "cluster_id": None,
        "search": {"gpuCostPerHour": base, "diskHour": storage, "totalHour": total},
    }


def machines(account: Account) -> dict[int, Machine]:
    """All machines of the market by id."""
    found: dict[int, Machine] = account.things.setdefault("machines", {})
    return found


def load_machines(account: Account, specs: Any, where: str) -> None:
    for position, spec in enumerate(as_list(specs, where)):
        load_machine(account, spec, f"{where}[{position}]")


def load_machine(account: Account, spec: Any, where: str) -> None:
    """Add a machine to the market, or put it in the place of the one with its id."""
    spec = as_mapping(spec, where)
    check_names(spec, MACHINE_FIELDS, where)
    machine_id = spec.get("id")
    if not isinstance(machine_id, int) or isinstance(machine_id, bool) or machine_id <= 0:
        raise AccountError(f"{where}.id: {machine_id!r} is not a positive number")
    if spec.get("answer", "rent") not in ANSWERS:
        raise AccountError(f"{where}.answer: {spec['answer']!r} is none of {', '.join(ANSWERS)}")
    if spec.get("gpu_name", "RTX 4090") not in GPUS:
        raise AccountError(f"{where}.gpu_name: {spec['gpu_name']!r} is none of {', '.join(GPUS)}")
    load_settings(Behaviour, spec.get("behaviour", {}), f"{where}.behaviour")
    known = machines(account).get(machine_id)
    machines(account)[machine_id] = Machine(**spec, rented=known.rented if known else 0)
