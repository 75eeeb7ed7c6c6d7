# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a sequence is made of: tasks, what goes wrong with replies, and what others do. All of it prints as Python."""

from __future__ import annotations

import base64
import dataclasses
import typing as t

from ..plugins.harness import KEY

HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
THE_FIRST_PAGE = base64.b64encode(b'{"values": {"id": 0}}').decode()
LEAK = {
    "success": False,
    "error": "invalid_args",
    "msg": f"bad request with api_key={KEY} and Bearer {KEY}",
    "api_key": KEY,
    "extra_env": [["HF_TOKEN", "SECRET-of-a-reply"]],
    "jupyter_token": "SECRET-of-a-reply",
}


@dataclasses.dataclass(frozen=True)
class Task:
    """One task of a play."""

    module: str
    options: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    check: bool = False


@dataclasses.dataclass(frozen=True)
class Fault:
    """Replies that go wrong: after `skip` requests of the kind `where`, so many `times` (None: until the task ends)."""

    kind: str
    where: str = "any"
    skip: int = 0
    times: int | None = 1

    def rule(self) -> dict[str, t.Any]:
        """The same in the simulator's words."""
        method, path = PLACES[self.where]
        name = f"{self.kind}"
        return {
            **KINDS[self.kind],
            "method": method,
            "path": path,
            "skip": self.skip,
            "times": self.times,
            "name": name,
        }


@dataclasses.dataclass(frozen=True)
class Event:
    """What happens to an instance or endpoint just before the task's request number `at`."""

    kind: str
    target: int
    at: int = 1


@dataclasses.dataclass(frozen=True)
class End:
    """How a task is ended from outside, at its request number `at`: before it is sent, or after its reply.

    `how`: SIGINT, SIGTERM, SIGHUP, or `kill`, after which the task does nothing any more; it is then run again.
    """

    how: str
    at: int = 1
    after: bool = False


@dataclasses.dataclass(frozen=True)
class Meanwhile:
    """Another task that runs just before request number `at` of the first one; `elsewhere`: on another machine."""

    task: Task
    at: int = 2
    elsewhere: bool = False


@dataclasses.dataclass(frozen=True)
class Step:
    """One task, and what goes wrong while it runs."""

    task: Task
    faults: tuple[Fault, ...] = ()
    events: tuple[Event, ...] = ()
    end: End | None = None
    meanwhile: tuple[Meanwhile, ...] = ()


@dataclasses.dataclass(frozen=True)
class Nature:
    """What kind of account it is: options of the simulator, and how its instances behave."""

    options: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    behaviour: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    @property
    def lag(self) -> float:
        """Seconds by which rows are old."""
        return float(self.behaviour.get("row_lag", 0.0))


PLACES = {
    "any": ("*", "/api/*"),
    "listing": ("GET", "/api/v1/instances/"),
    "put": ("PUT", "/api/v0/instances/*"),
    "result": ("GET", "/results/*"),
    "endpoints": ("GET", "/api/v0/endptjobs/"),
    "delete": ("DELETE", "/api/v0/endptjobs/*"),
    "search": ("POST", "/api/v0/bundles/"),
    "create": ("PUT", "/api/v0/asks/*"),
    "destroy": ("DELETE", "/api/v0/instances/*"),
    "keys": ("POST", "/api/v0/instances/*/ssh/"),
    "create-endpoint": ("POST", "/api/v0/endptjobs/"),
    "change": ("PUT", "/api/v0/endptjobs/*"),
    "create-group": ("POST", "/api/v0/workergroups/"),
    "change-group": ("PUT", "/api/v0/workergroups/*"),
    "update-workers": ("POST", "/update_workers/"),
    "engine": ("POST", "/get_*"),
    "price increases": ("*", "/api/v0/instances/*-price-increase*"),
    "secrets": ("*", "/api/v0/secrets/"),
    "apikeys": ("*", "/api/v0/auth/apikeys/*"),
    "volumes": ("*", "/api/v0/volumes/"),
    "template": ("*", "/api/v0/template/"),
    "ssh": ("*", "/api/v0/ssh/*"),
}


def _refusal(status: int, slug: str = "some_error", msg: str = "It went wrong.", **more: t.Any) -> dict[str, t.Any]:
    return {"action": "reply", "status": status, "body": {"success": False, "error": slug, "msg": msg}, **more}


def _reply(body: t.Any, status: int = 200, **more: t.Any) -> dict[str, t.Any]:
    return {"action": "reply", "status": status, "body": body, **more}


AFTER: dict[str, t.Any] = {"when": "after"}

KINDS: dict[str, dict[str, t.Any]] = {
    # Refused: nothing is done.
    **{f"{status}": _refusal(status) for status in (400, 402, 405, 408, 409, 410, 413, 422, 451, 500, 501, 505, 599)},
    "401": _refusal(401, "auth_error", "Invalid user key"),
    "403": _refusal(403, "not_authorized", "Not allowed."),
    "403-login": _refusal(403, "auth_error", "This action requires login."),
    "404": _reply("404 page not found", 404),
    "404-key": _refusal(404, "auth_error", "Invalid user key"),
    "404-instance": _refusal(404, "no_such_instance", "No such instance."),
    "400-absent": _refusal(400, "invalid_args", "Routegroup not found for user"),
    "404-html": _reply(HTML, 404),
    "410-html": _reply(HTML, 410),
    "410-route": _refusal(410, "deprecated_endpoint", "Use another."),
    "400-leak": _reply(LEAK, 400),
    "500-leak": _reply(f"Traceback: token={KEY} password='SECRET-of-a-reply' in {KEY}", 500),
    "429-text": _reply("API requests too frequent: endpoint threshold=3.0", 429),
    "429-json": _reply({"success": False, "error": "too_many_requests", "msg": "Slow down", "retry_after": 4}, 429),
    "429-header": _reply("Too many", 429, headers={"Retry-After": "7"}),
    "429-long": _reply("Too many", 429, headers={"Retry-After": "3600"}),
    "429-quota": _refusal(429, "search_quota_exceeded", "Quota."),
    "false": _refusal(200),
    "false-unavailable": _refusal(200, "resources_unavailable", "Required resources are currently unavailable."),
    # Nobody knows: in between, something answered for the API.
    **{f"{status}": _reply(HTML, status) for status in (502, 503, 504, 520, 524)},
    **{f"{status}-after": _reply(HTML, status, **AFTER) for status in (500, 502, 503, 504, 522)},
    "html": _reply(HTML),
    "empty": _reply(""),
    "list": _reply([]),
    "null": _reply("null"),
    "html-after": _reply(HTML, **AFTER),
    "empty-after": _reply("", **AFTER),
    "drop": {"action": "drop"},
    "drop-after": {"action": "drop", **AFTER},
    "truncate": {"action": "truncate"},
    "slow": {"action": "delay", "seconds": 20},
    "too-slow": {"action": "delay", "seconds": 200},
    "drip": {"action": "drip", "rate": 20000},
    "redirect": {"action": "redirect", "location": f"https://elsewhere.test/?api_key={KEY}"},
    # Done by halves, or twice.
    **{f"{status}-half": _refusal(status, **AFTER, parts=1) for status in (400, 403, 429, 500)},
    "false-half": _refusal(200, **AFTER, parts=1),
    "drop-half": {"action": "drop", **AFTER, "parts": 1},
    "twice": {"action": "duplicate"},
    # Renting.
    "create-twice": {"action": "duplicate"},
    "no-contract-told": {"action": "merge", "delete": ["new_contract"]},
    "contract-is-text": {"action": "merge", "set": {"new_contract": "31"}},
    "not-started": {"action": "merge", "set": {"success": False}},
    "404-ask": _refusal(404, "no_such_ask", "error 404/3603: no_such_ask  Ask is not available."),
    "410-ask": _refusal(410, "no_such_ask", "Instance type is no longer available."),
    "400-credit": _refusal(400, "insufficient_credit", "Insufficient credit."),
    "no-offers": _reply({"offers": []}),
    "offers-null": _reply({"offers": None}),
    # A listing that is not valid.
    "total-text": {"action": "merge", "set": {"total_instances": "99"}},
    "total-null": {"action": "merge", "set": {"total_instances": None, "next_token": None}},
    "total-only": _reply({"success": True, "total_instances": 0, "next_token": None}),
    "error-in-listing": _reply({"error": "internal", "instances": [], "total_instances": 0, "next_token": None}),
    "no-instances": {"action": "merge", "delete": ["instances"]},
    "null-instances": {"action": "merge", "set": {"instances": None}},
    "null-row": {"action": "merge", "set": {"instances.0": None}},
    "row-without-id": {"action": "merge", "delete": ["instances.0.id"]},
    "more-announced": {"action": "merge", "set": {"total_instances": 99}},
    "row-missing": {"action": "merge", "delete": ["instances.0"]},
    "cut-short": {"action": "merge", "set": {"next_token": None}},
    "page-again": {"action": "merge", "set": {"next_token": THE_FIRST_PAGE}},
    "bad-token": {"action": "merge", "set": {"next_token": "x"}},
    "false-after": {"action": "merge", "set": {"success": False}},
    # Other replies with a part missing.
    "no-results": {"action": "merge", "delete": ["results"]},
    "unknown-workers": {"action": "merge", "set": {"failed_workers": [9999]}},
    "no-workers-told": {"action": "merge", "delete": ["deleted_workers"]},
    "workers-not-ids": {"action": "merge", "set": {"failed_workers": ["x"]}},
    "no-result-url": {"action": "merge", "delete": ["result_url"]},
    "foreign-result-url": {"action": "merge", "set": {"result_url": f"http://elsewhere.test/x?key={KEY}"}},
}

LISTING_KINDS = (
    "no-instances",
    "null-instances",
    "null-row",
    "row-without-id",
    "more-announced",
    "row-missing",
    "cut-short",
    "page-again",
    "bad-token",
    "total-text",
    "total-null",
    "total-only",
    "error-in-listing",
)
OWN_PLACES = {
    **dict.fromkeys(LISTING_KINDS, "listing"),
    **dict.fromkeys(("429-half", "400-half", "403-half", "500-half", "false-half", "drop-half", "twice"), "put"),
    "no-results": "endpoints",
    "400-absent": "delete",
    "no-workers-told": "delete",
    "unknown-workers": "delete",
    "workers-not-ids": "delete",
    "create-twice": "create",
    "no-contract-told": "create",
    "contract-is-text": "create",
    "not-started": "create",
    "404-ask": "create",
    "410-ask": "create",
    "400-credit": "create",
    "no-offers": "search",
    "offers-null": "search",
    "no-result-url": "put",
    "foreign-result-url": "put",
}
"""Where the kinds belong that make sense in one place only."""

CHANGES: dict[str, dict[str, t.Any]] = {
    "gpu_taken": {"gpu_available": False},
    "gpu_free": {"gpu_available": True},
    "gpu_free_later": {"gpu_available": False, "gpu_free_after": 20.0},
    "flickers": {"missing_listings": 1},
    "flickers_twice": {"missing_listings": 2},
    "lags": {"row_lag": 6.0},
    "starts_late": {"start_delay": 30.0},
    "stays_stale": {"stale_status": 40.0},
    "refuses_silently": {"refusal": "silent"},
    "refuses_without_slug": {"refusal": "no_slug"},
    "refuses_with_400": {"refusal": "status_400"},
    "queues_in_next_state": {"queue_shows": "next_state"},
    "queues_unseen": {"queue_shows": "nothing"},
}
"""Events that change how an instance behaves from then on."""
EVENTS = (
    "stopped",
    "started",
    "recycled",
    "vanished",
    "relabelled",
    "crashed",
    "offline",
    "ignored",
    "stuck",
    "crash_on_start",
    "bulk_ignored",
    "vanishes",
    *CHANGES,
)

NEWEST = 0
"""As the target of an event: the instance that was rented last."""
MARKET: dict[str, dict[str, t.Any]] = {
    "others_rent": {"others": 1},
    "others_rent_all": {"others": 2},
    "delisted": {"listed": False},
    "dearer": {"price": 3.0},
    "floor_rises": {"floor": 0.9},
    "asks_are_gone": {"answer": "gone"},
    "asks_are_unknown": {"answer": "no_such_ask"},
    "does_not_start": {"answer": "stopped"},
    "tells_no_id": {"answer": "no_id"},
    "rents_with_a_500": {"answer": "server_error"},
    "keeps_offers": {"keeps_offers": True},
    "ignores_labels": {"ignores_label": True},
    "other_gpu": {"delivers": {"gpu_name": "RTX 3090"}},
    "other_disk": {"delivers": {"disk_space": 5.0}},
    "other_price": {"delivers": {"dph_total": 9.9}},
    "boxes_have_oci_failures": {"behaviour": {"oci_failure": True}},
    "boxes_crash": {"behaviour": {"crash_on_start": True}},
    "boxes_are_offline": {"behaviour": {"offline_on_start": True}},
    "boxes_are_stuck": {"behaviour": {"stuck": True}},
    "boxes_load_forever": {"behaviour": {"stuck": "loading"}},
    "boxes_show_late": {"behaviour": {"row_lag": 9.0}},
    "boxes_flicker": {"behaviour": {"missing_listings": 2}},
}
"""What becomes of a machine of the market, for what is rented from then on."""
