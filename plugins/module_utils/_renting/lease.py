# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""The whole life of one instance in one task: find it or rent it, and bring what it runs to what was asked.

It does for an instance that exists what a task without these options does; only what is missing is rented.
"""

from __future__ import annotations

import collections.abc as c
import itertools
import time
import typing as t

from .._api.client import Client
from .._api.clock import Deadline, Waits
from .._api.errors import Ambiguous, Invalid, NotFound, Unavailable, VastError, WaitTimeout
from .._core.amounts import number
from .._core.arguments import check_number
from .._core.plan import Change, Plan
from .._core.resource import Item, outcome
from .._instances.contents import DISK_MARGIN, LEAST_SECRET, Contents, Drift
from .._instances.find import Ref, carriers, find, one_of
from .._instances.instance import Instance
from .._instances.switch import switch, to_switch

if t.TYPE_CHECKING:
    from .mounts import Listing
    from .rent import Rented
    from .wish import Wish

LEAST_BID, HIGHEST_BID = 0.001, 128.0
"""What the API takes as a bid, in US dollars per hour (F3.5)."""
MOST_ATTEMPTS = 20
MOST_BOOT = 86_400
MOST_DISK = 1_000_000

Leased = Item[Instance]


class Lease:
    """What one task says, checked. Raises Invalid when it is made from options that cannot work together."""

    def __init__(self, options: t.Mapping[str, t.Any], target: Ref, waits: Waits, volumes: Listing) -> None:
        self.options = options
        self.target = target
        self.waits = waits
        self.volumes = volumes
        self.state: str | None = None if options["state"] == "present" else options["state"]
        self.contents = Contents.from_options(options)
        self.before: list[dict[str, t.Any]] = []
        self.bid: float | None = options["bid"]
        _check_numbers(options)
        _check_waits(options, waits)
        self.wish: Wish | None = None
        if options["offer"] is not None:
            from .wish import to_wish

            self.wish = to_wish(options, target, self.contents)
        elif options["volumes"]:
            raise Invalid("volumes needs offer: an instance gets its volumes when it is rented, and never later.")
        if options["on_unavailable"] == "replace":
            _check_replace(options)
        elif options["accept_data_loss"]:
            raise Invalid("accept_data_loss requires on_unavailable=replace.")

    @property
    def secrets(self) -> list[str]:
        """What must never show."""
        login = self.contents.image_login or ""
        words = login.split()
        passwords = [word for flag, word in itertools.pairwise(words) if flag in ("-p", "--password")]
        known = [*(self.contents.secret_env or {}).values(), login, *passwords]
        return [secret for secret in known if len(secret) >= LEAST_SECRET]

    def bring(self, client: Client, deadline: Deadline, *, planned: bool) -> dict[str, t.Any]:
        """Do all of it, or with `planned` only say what would be done. Raises the leaves of VastError."""
        since = time.time()
        found = self.find(client, planned=planned)
        if found is not None:
            return self.converge(client, found, deadline, planned=planned)
        wish = self.resolved(client, deadline, planned=planned)
        if planned:
            return self.foreseen(client, wish)
        return self.rent(client, wish, deadline, since, Plan(f"the instance {wish.label}"))

    def resolved(self, client: Client, deadline: Deadline, *, planned: bool) -> Wish:
        """What is to be rented, on the machine of its volumes if it is to have some. Raises the leaves of VastError."""
        wish = t.cast("Wish", self.wish)
        if wish.mounts:
            from .mounts import resolve

            wish = resolve(client, wish, self.volumes, deadline, planned=planned)
        return wish

    def find(self, client: Client, *, planned: bool) -> Instance | None:
        """The instance that is meant; None when it may be rented. Raises NotFound and Ambiguous otherwise."""
        if self.target.id is not None or (self.wish is None and self.options["on_duplicate"] == "fail"):
            return find(client, self.target)
        label = str(self.target.label)
        found = carriers(client, label)
        if len(found) > 1 and self.options["on_duplicate"] == "destroy_younger":
            return self.oldest(client, found, planned=planned)
        if not found and self.wish is None:
            raise NotFound(f"No instance of this account has the label {label!r} (by a complete listing).")
        return one_of(found, label)

    def oldest(self, client: Client, found: list[Instance], *, planned: bool) -> Instance:
        """The oldest of several; the younger ones are destroyed."""
        from .._instances.destroy import plan_destroy
        from .duplicates import destroy_all, oldest_of

        oldest = oldest_of(found)
        if oldest is None:
            ids = ", ".join(str(each.id) for each in found)
            raise Ambiguous(
                f"{len(found)} instances have the label {self.target.label!r}: {ids}. Vast.ai does not report "
                "when each was rented, so none was destroyed as the younger one. Destroy those that you do not "
                "need by id."
            )
        younger = [each for each in found if each is not oldest]
        if not planned:
            destroy_all(client, younger)
        changes = [
            change._replace(field=f"instance {each.id}") for each in younger for change in plan_destroy(each).changes
        ]
        self.before = [{**Plan(oldest.display_name, tuple(changes)).result(), "instance": oldest.result()}]
        return oldest

    def foreseen(self, client: Client, wish: Wish) -> dict[str, t.Any]:
        """What check mode says: which offer would be rented, and at what price. Only reads."""
        from .memory import SETTLE_WITHIN, is_in_doubt
        from .quote import quote

        if is_in_doubt(client, wish.label):
            client.warn(
                f"Another task is renting, or may have rented, an instance as {wish.label!r}. A run polls the "
                f"listing for it for up to {SETTLE_WITHIN:g} s before it rents."
            )
        offer = quote(client, wish)
        plan = Plan(f"the instance {wish.label}", (_renting(offer.result(), wish.price_of(offer), wish),))
        return {**plan.result(), "instance": None, "drift": [], "attempts": []}

    def rent(self, client: Client, wish: Wish, deadline: Deadline, since: float, before: Plan) -> dict[str, t.Any]:
        """Rent, or converge what turned up meanwhile. `before`: what was done before it."""
        from .rent import Rental

        rented = Rental(client, wish, self.waits, deadline, since).run()
        if rented.offer is None:
            try:
                result = self.converge(client, rented.instance, deadline, planned=False)
            except VastError as error:
                changed = error.result.get("changed", False) or rented.changed
                raise error.with_context(error.msg, changed=changed, attempts=rented.attempts) from error
            return {**result, "changed": result["changed"] or rented.changed, "attempts": rented.attempts}
        if wish.mounts:
            from .mounts import unmounted

            if names := unmounted(rented.instance, wish.mounts):
                client.warn(
                    f"{rented.instance.display_name} was rented with the volume {', '.join(names)}, but does not show "
                    "it. What is written to its path may be lost with the instance; check it before you rely on it."
                )
        return self.told(rented, wish, before)

    def told(self, rented: Rented, wish: Wish, before: Plan) -> dict[str, t.Any]:
        """The result of a rental."""
        offer = t.cast("t.Any", rented.offer)
        change = _renting(offer.result(), wish.price_of(offer), wish)
        plan = Plan(f"the instance {wish.label}", (*before.changes, change))
        instance = rented.instance.result()
        return {**plan.result(), "instance": instance, "drift": [], "attempts": rented.attempts}

    def converge(self, client: Client, found: Instance, deadline: Deadline, *, planned: bool) -> dict[str, t.Any]:
        """What a task does with an instance that exists: its bid, its state, what it runs, and whether it answers."""
        drift = self.drift(found)
        if drift.options:
            client.warn(f"{found.display_name} differs from the task in {', '.join(drift.names)}.")
        if self.wish is not None and (unlike := self.wish.unlike(found)):
            client.warn(f"{found.display_name} differs from offer: {'; '.join(unlike)}. It was left as it is.")
        results = self.before
        try:
            results.extend(self.steps(client, found, drift, deadline, planned=planned))
        except VastError as error:
            changed = error.result.get("changed", False) or any(each["changed"] for each in results)
            raise error.with_context(error.msg, changed=changed) from error
        return {"attempts": [], "drift": drift.names, **_merged(results)}

    def steps(
        self, client: Client, found: Instance, drift: Drift, deadline: Deadline, *, planned: bool
    ) -> c.Iterator[dict[str, t.Any]]:
        """The results of the steps, one after the other; each shows the instance as it is then."""
        if self.bid is not None and found.row.get("is_bid"):
            from .bids import rebid

            yield rebid(client, found, self.bid, self.wish, deadline, planned=planned)
        elif self.bid is not None:
            client.warn(f"{found.display_name} is not interruptible, so bid was ignored.")
        item = to_switch(found, self.state, None if self.target.id is None else self.target.label)
        if not planned:
            switch(client, [item], self.state, self.waits, deadline, queues=self.options["on_unavailable"] == "wait")
            if self.wish is not None and self.is_to_be_replaced(item):
                yield self.replace(client, item, deadline)
                return
        if item.error is not None and found.row.get("is_bid"):
            from .bids import maybe_outbid

            item.error = maybe_outbid(item.error, found)
        last = outcome(item, "instance", planned=planned)
        yield last
        seen = item.seen
        if drift.names and self.options["on_drift"] == "recycle":
            from .refit import refit

            for step, after in refit(self, client, item.seen, drift, deadline, planned=planned):
                last, seen = step, after
                yield step
        # One that is to be present only may be stopped.
        runs = self.state == "running" or seen.wants_running
        if not planned and runs and self.waits.wait and self.options["wait_for"] == "ssh":
            last["instance"] = self.await_ssh(client, seen, deadline)

    def drift(self, found: Instance) -> Drift:
        """In what the instance differs from the options."""
        options = self.contents.drift(found)
        disk, wanted = number(found.row.get("disk_space")), self.options["disk"]
        if wanted is not None and disk is not None and disk < wanted * DISK_MARGIN:
            options.append("disk")
        names: list[str] = []
        for option in options:
            if option in ("env", "secret_env"):
                own = getattr(self.contents, option) or {}
                names += [f"{option}.{name}" for name in self.contents.drifting_names(found) if name in own]
            else:
                names.append(option)
        return Drift(options, names)

    def is_to_be_replaced(self, item: Leased) -> bool:
        """Whether it could not start for want of its GPU, and may be replaced."""
        replaces = self.options["on_unavailable"] == "replace"
        return replaces and item.unavailable is not None and isinstance(item.error, Unavailable) and not item.gone

    def replace(self, client: Client, item: Leased, deadline: Deadline) -> dict[str, t.Any]:
        """Destroy what cannot start, and rent anew. Raises the leaves of VastError."""
        from .replace import replace

        return replace(self, client, item, deadline)

    def await_ssh(self, client: Client, found: Instance, deadline: Deadline) -> dict[str, t.Any]:
        """Wait until an SSH server answers, and show the instance as it is then. Raises the leaves of VastError."""
        from .._core.converge import converge
        from .._instances.reach import Answer

        item: Leased = Item(Ref(found.id), found, Plan(found.display_name))
        limit = deadline.bounded(self.options["boot_timeout"])
        converge(client, Answer("running"), [item], self.waits, limit)
        if isinstance(item.error, WaitTimeout) and limit.expired:
            item.error = WaitTimeout(
                f"No SSH server answered at {item.name} in time. It exists and bills. Last seen: {item.seen.described}."
            )
        shown: dict[str, t.Any] = outcome(item, "instance", planned=False)["instance"]
        return shown


def _merged(results: c.Sequence[dict[str, t.Any]]) -> dict[str, t.Any]:
    """What several steps on one instance come to."""
    last = results[-1]
    diff = {**last["diff"]}
    for side in ("before", "after"):
        diff[side] = {name: value for each in results for name, value in each["diff"][side].items()}
    return {
        **last,
        "changed": any(each["changed"] for each in results),
        "actions": [action for each in results for action in each["actions"]],
        "diff": diff,
    }


def _renting(offer: t.Mapping[str, t.Any], price: float | None, wish: Wish) -> Change:
    shown = {
        "offer_id": offer["id"],
        "machine_id": offer["machine_id"],
        "gpu_name": offer["gpu_name"],
        "num_gpus": offer["num_gpus"],
        "disk": wish.disk,
        "per_hour": price,
    }
    action = (
        f"rent offer {offer['id']} ({offer['num_gpus']} x {offer['gpu_name']}, machine {offer['machine_id']}) for "
        f"{price:g} US dollars per hour as {wish.label}"
    )
    if wish.mounts:
        shown["volumes"] = {mount.name: mount.path for mount in wish.mounts}
        action += f", with {', '.join(f'volume {mount.name} at {mount.path}' for mount in wish.mounts)}"
    return Change("instance", None, shown, action)


def _check_numbers(options: t.Mapping[str, t.Any]) -> None:
    for name, least, most in (
        ("attempts", 1, MOST_ATTEMPTS),
        ("boot_timeout", 1, MOST_BOOT),
        ("disk", 1, MOST_DISK),
        ("bid", LEAST_BID, HIGHEST_BID),
    ):
        if options[name] is not None:
            check_number(options[name], name, least, most)


def _check_waits(options: t.Mapping[str, t.Any], waits: Waits) -> None:
    if options["wait_for"] == "ssh":
        if options["runtype"] == "args":
            raise Invalid("wait_for=ssh cannot be met with runtype=args, which runs no SSH server.")
        if not waits.wait:
            raise Invalid("wait_for=ssh needs wait=true.")
        if options["state"] not in ("present", "running"):
            raise Invalid("wait_for=ssh requires state=running or state=present.")


def _check_replace(options: t.Mapping[str, t.Any]) -> None:
    if options["offer"] is None:
        raise Invalid("on_unavailable=replace needs offer, which says what may be rented in its place.")
    if not options["accept_data_loss"]:
        raise Invalid(
            "on_unavailable=replace destroys the instance, and all that is on its disk, when its GPU is taken; it "
            "needs accept_data_loss=true."
        )
