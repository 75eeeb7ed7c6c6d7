# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""What may be rented, checked. Pure."""

from __future__ import annotations

import typing as t

from .._api.errors import Invalid
from .._core.arguments import check_id
from .._instances.contents import Contents
from .._instances.cost import price
from .._instances.find import Ref
from .budget import Budget
from .criteria import Criteria

if t.TYPE_CHECKING:
    from .._instances.instance import Instance
    from .mounts import Mount
    from .offers import Offer


ROUNDING = 1e-6
"""US dollars by which two sums of the same prices may differ."""


class Wish(t.NamedTuple):
    """What is to be rented: `disk` in GB, prices in US dollars per hour, times in seconds; see the options."""

    label: str
    criteria: Criteria
    max_price: float
    contents: Contents
    offer_id: int | None = None
    bid: float | None = None
    ssh_keys: tuple[str, ...] = ()
    wait_for: str = "running"
    boot_timeout: float = 600.0
    attempts: int = 1
    retain_failed: bool = False
    on_duplicate: str = "fail"
    budget: Budget = Budget()
    mounts: tuple[Mount, ...] = ()

    @property
    def disk(self) -> float:
        """The disk that is priced, filtered by and rented, in GB."""
        return self.criteria.disk

    def about(self, msg: str) -> str:
        """A message that says which rental it is about."""
        return msg if self.label in msg else f"Renting {self.label!r}: {msg}"

    def price_of(self, offer: Offer) -> float | None:
        """What the instance will cost an hour with this disk; of an interruptible one the bid counts."""
        told = offer.price
        if self.bid is None:
            return told["per_hour"]
        return None if told["disk"] is None else round(self.bid + told["disk"], 6)

    def unlike(self, found: Instance) -> list[str]:
        """In what an instance that exists differs from the offer that was asked for, as far as its row tells."""
        wrong = []
        paid = price(found, "dph_total")
        if paid is not None and paid > self.max_price + ROUNDING:
            wrong.append(
                f"it costs {paid:g} US dollars per hour when it runs, and offer.max_price is {self.max_price:g}"
            )
        for each in self.criteria.conditions:
            told = found.row.get(each.field) if each.option in ("gpu_name", "num_gpus") else None
            if told is not None and not each.fits(found.row, self.disk):
                asked = " or ".join(each.value) if isinstance(each.value, list) else each.value
                wrong.append(f"{each.option} is {told}, not {asked}")
        return wrong

    def body(self) -> dict[str, t.Any]:
        """What a create sends."""
        paid = {"cancel_unavail": True} if self.bid is None else {"price": self.bid}
        contents = self.contents.create_body()
        body = {"label": self.label, "disk": self.disk, "target_state": "running", **paid, **contents}
        if self.mounts:
            from .mounts import attached

            body |= attached(self.mounts, self.contents.flags)
        return body


def to_wish(options: t.Mapping[str, t.Any], target: Ref, contents: Contents) -> Wish:
    """What may be rented. Raises Invalid."""
    label, offer = _checked_label(target), options["offer"]
    _check(options, contents)
    mounts: tuple[Mount, ...] = ()
    if options["volumes"]:
        from .mounts import checked_mounts

        mounts = checked_mounts(options["volumes"])
        if options["attempts"] > 1:
            raise Invalid("volumes bind the instance to one machine, so attempts cannot be more than 1.")
    return Wish(
        label=label,
        criteria=Criteria.from_options(offer, options["disk"]),
        max_price=offer["max_price"],
        contents=contents,
        offer_id=offer["id"],
        bid=options["bid"],
        ssh_keys=_checked_keys(options["ssh_keys"]),
        wait_for=options["wait_for"],
        boot_timeout=options["boot_timeout"],
        attempts=options["attempts"],
        retain_failed=options["retain_failed"],
        on_duplicate=options["on_duplicate"],
        budget=Budget.from_options(options["budget"]),
        mounts=mounts,
    )


def _checked_label(target: Ref) -> str:
    """The label to rent under. Raises Invalid for one that no second run would find it by."""
    if target.id is not None or not target.label:
        raise Invalid(
            "offer requires label and cannot be combined with id: the module finds the instance by its label."
        )
    if target.label != target.label.strip():
        raise Invalid(
            f"To rent, label must not begin or end with a space: {target.label!r}. Vast.ai may drop it, and no second "
            "run would find the instance."
        )
    return target.label


def _check(options: t.Mapping[str, t.Any], contents: Contents) -> None:
    """Raises Invalid where something is missing, or does not go together."""
    offer = options["offer"]
    if options["state"] not in ("present", "running"):
        raise Invalid("offer requires state=running or state=present.")
    if offer["max_price"] is None:
        raise Invalid("offer.max_price is required: nothing is rented without a maximum price.")
    if options["disk"] is None:
        raise Invalid("disk is required to rent; it is part of the price and cannot be changed later.")
    if contents.image is None and contents.template_hash_id is None:
        raise Invalid("image or template_hash_id is required to rent.")
    if offer["interruptible"] and options["bid"] is None:
        raise Invalid("offer.interruptible needs bid, in US dollars per hour for the machine.")
    if options["bid"] is not None and not offer["interruptible"]:
        raise Invalid("bid requires offer.interruptible=true.")
    check_id(offer["id"], "offer.id")
    if offer["id"] is not None and options["attempts"] > 1:
        raise Invalid("offer.id names one offer, so attempts cannot be more than 1.")


def _checked_keys(given: t.Iterable[str] | None) -> tuple[str, ...]:
    """Raises Invalid for what is no public key; a broken one would be noticed only after renting."""
    if not given:
        return ()
    from .._core.public_keys import parse

    return tuple(parse(key, f"ssh_keys[{number}]").text for number, key in enumerate(given))
