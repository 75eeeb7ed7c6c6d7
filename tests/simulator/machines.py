# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machines of the market: what each has, what of it is free, and the offers that are chunks of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from . import lifecycle
from .checks import CHOICES, AccountError, as_list, as_mapping, check_names, load_settings
from .model import Account, Behaviour, Instance, Row
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
    `others`: GPUs that other people have. `listed`: whether it is offered. `keeps_offers`: a rental does not change the
    ids of its offers. `own_bid`: interruptible offers show one's own standing bid as their floor. `script`: changes
    to come, `{at: seconds, field: value}` each. `turns`: how often its chunks were cut anew.
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
    listed: bool = True
    keeps_offers: bool = False
    own_bid: bool = False
    answer: str = "rent"
    delivers: Row = field(default_factory=dict)
    ignores_label: bool = False
    behaviour: Row = field(default_factory=dict)
    ssh: str = ""
    script: list[Row] = field(default_factory=list)
    rented: int = 0
    turns: int = 0

    @property
    def gpu_price(self) -> float:
        """US dollars per hour for each GPU."""
        return GPUS[self.gpu_name][1] if self.price is None else self.price

    @property
    def lowest_bid(self) -> float:
        """The same for an interruptible box."""
        return round(self.gpu_price * 0.6, 4) if self.floor is None else self.floor

    def boxes(self, account: Account) -> list[Instance]:
        """Those of this account."""
        return [each for each in account.instances.values() if each.row["machine_id"] == self.id]

    def free(self, account: Account) -> int:
        """GPUs that nobody has; a stopped box keeps no GPU."""
        taken: int = sum(box.row["num_gpus"] for box in self.boxes(account) if box.row["cur_state"] == "running")
        return max(0, self.num_gpus - self.others - taken)

    def cut_anew(self) -> None:
        """What is rented or given back gives the chunks that are left other ids."""
        if not self.keeps_offers:
            self.turns += 1

    def shown_floor(self, account: Account) -> float:
        """US dollars per hour for each GPU."""
        bids = [box.row["dph_base"] / box.row["num_gpus"] for box in self.boxes(account) if box.row["is_bid"]]
        return max(bids) if self.own_bid and bids else self.lowest_bid

    def offers(self, account: Account, disk: float, *, bid: bool) -> Iterator[Row]:
        """A chunk of each size that still fits."""
        size, step = 1, 0
        floor = self.shown_floor(account) if bid else None
        while self.listed and size <= self.free(account):
            offer_id = self.id * 1000 + self.turns % 100 * NEXT_OFFER + step
            yield offer_row(self, offer_id, size, disk, floor=floor, wall=account.clock.wall())
            size, step = size * 2, step + 1


TYPES: dict[str, Any] = {
    each.name: {"int": int, "str": str, "bool": bool, "Row": dict, "list[Row]": list}.get(str(each.type), (int, float))
    for each in fields(Machine)
}
MACHINE_FIELDS = tuple(each.name for each in fields(Machine) if each.name not in ("rented", "turns"))
CHANGEABLE = tuple(name for name in MACHINE_FIELDS if name not in ("id", "num_gpus", "gpu_name", "script"))


def offer_row(machine: Machine, offer_id: int, size: int, disk: float, *, floor: float | None, wall: float) -> Row:
    """One offer, priced with a disk of that many GB; an interruptible one when there is a floor."""
    memory, _price, bandwidth = GPUS[machine.gpu_name]
    share = size / machine.num_gpus
    base = round((machine.gpu_price if floor is None else floor) * size, 6)
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
        "min_bid": round((machine.lowest_bid if floor is None else floor) * size, 6),
        "storage_total_cost": round(storage, 9),
        "is_bid": floor is not None,
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
    """Add a machine to the market."""
    spec = as_mapping(spec, where)
    check_names(spec, MACHINE_FIELDS, where)
    machine_id = spec.get("id")
    if not isinstance(machine_id, int) or isinstance(machine_id, bool) or machine_id <= 0:
        raise AccountError(f"{where}.id: {machine_id!r} is not a positive number")
    if machine_id in machines(account):
        raise AccountError(f"{where}.id: {machine_id} is taken")
    check_machine(spec, where)
    script = sorted(spec.get("script", []), key=lambda change: float(change["at"]))
    begin = account.clock.now()
    due = [{**change, "at": begin + account.clock.scaled(change["at"])} for change in script]
    machines(account)[machine_id] = Machine(**{**spec, "script": due})


def check_machine(spec: Row, where: str) -> None:
    """Hold fields to their types; AccountError says what is wrong."""
    for name, value in spec.items():
        expected = TYPES[name]
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise AccountError(f"{where}.{name}: {value!r} has the wrong type")
    if spec.get("answer", "rent") not in ANSWERS:
        raise AccountError(f"{where}.answer: {spec['answer']!r} is none of {', '.join(ANSWERS)}")
    if spec.get("gpu_name", "RTX 4090") not in GPUS:
        raise AccountError(f"{where}.gpu_name: {spec['gpu_name']!r} is none of {', '.join(GPUS)}")
    load_settings(Behaviour, spec.get("behaviour", {}), f"{where}.behaviour")
    for position, change in enumerate(spec.get("script", [])):
        check_change(change, f"{where}.script[{position}]")


def check_change(change: Any, where: str) -> None:
    rest = dict(as_mapping(change, where))
    at = rest.pop("at", None)
    if not isinstance(at, (int, float)) or isinstance(at, bool):
        raise AccountError(f"{where}.at: expected seconds")
    check_names(rest, CHANGEABLE, where)
    check_machine(rest, where)


def change_machine(account: Account, machine_id: int, changes: Row, where: str) -> None:
    """What becomes of a machine: its price, who else rents it, how it answers. KeyError when there is none."""
    machine = machines(account)[machine_id]
    check_names(changes, CHANGEABLE, where)
    check_machine(changes, where)
    if changes.get("others", machine.others) != machine.others:
        machine.cut_anew()
    for name, value in changes.items():
        setattr(machine, name, value)
    if "floor" in changes:
        settle_bids(account, machine)
    for box in machine.boxes(account):
        if box.queued and account.has_gpu(box):
            lifecycle.start(account, box)


def settle_bids(account: Account, machine: Machine) -> None:
    """Whoever bids less than the others do is stopped, and goes on when the bid wins again."""
    for box in machine.boxes(account):
        if not box.row["is_bid"]:
            continue
        box.row["min_bid"] = round(machine.lowest_bid * box.row["num_gpus"], 6)
        wins = box.row["dph_base"] >= box.row["min_bid"]
        if not wins and box.row["cur_state"] == "running":
            lifecycle.outbid(account, box)
        elif wins and box.outbid:
            lifecycle.start(account, box)


def advance(account: Account) -> None:
    """Carry out what the scripts say up to now."""
    now = account.clock.now()
    for machine in machines(account).values():
        while machine.script and machine.script[0]["at"] <= now:
            change = dict(machine.script.pop(0))
            del change["at"]
            change_machine(account, machine.id, change, f"machine {machine.id}")
