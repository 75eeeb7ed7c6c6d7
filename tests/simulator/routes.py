# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which call goes where: its template, permission, printed minimum interval and whether it writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import catalogue, engine, instances, listing, results, serverless
from .model import Account
from .reply import Reply
from .request import Request

Handler = Callable[[Account, Request], Reply]

V0 = "/api/v0"


@dataclass(frozen=True)
class Route:
    """`access` is a permission, "key" (any key), "engine" (see auth.py) or "open"."""

    method: str
    template: str
    handler: Handler
    access: str
    interval: float = 0.0
    writes: Callable[[Request], bool] | None = None

    def match(self, path: str) -> dict[str, str] | None:
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.template)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None

    def is_write(self, request: Request) -> bool:
        return self.writes(request) if self.writes else self.method != "GET"


def reads(_request: Request) -> bool:
    return False


# The first match counts: words in a path stand before {id}.
ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/instances/", listing.list_instances, "instance_read", 1.0),
    Route("GET", f"{V0}/instances/", instances.deprecated_list, "instance_read"),
    Route("PUT", f"{V0}/instances/", instances.manage_many, "instance_write"),
    Route("DELETE", f"{V0}/instances/", instances.destroy_many, "instance_write"),
    Route("GET", f"{V0}/instances/filters/", listing.list_filters, "instance_read"),
    Route("GET", f"{V0}/instances/{{id}}/", instances.show, "instance_read", 2.0),
    Route("PUT", f"{V0}/instances/{{id}}/", instances.manage, "instance_write", 1.0),
    Route("DELETE", f"{V0}/instances/{{id}}/", instances.destroy, "instance_write", 3.0),
    Route("PUT", f"{V0}/instances/recycle/{{id}}/", instances.recycle, "instance_write", 1.0),
    Route("PUT", f"{V0}/instances/reboot/{{id}}/", instances.reboot, "instance_write", 1.0),
    Route("PUT", f"{V0}/instances/command/{{id}}/", results.execute, "instance_write", 1.5, results.writes),
    Route("PUT", f"{V0}/instances/request_logs/{{id}}/", results.request_logs, "instance_read", 0.0, reads),
    Route("GET", f"{V0}/endptjobs/", serverless.list_endpoints, "misc", 3.0),
    Route("POST", f"{V0}/endptjobs/", serverless.create_endpoint, "misc", 4.0),
    Route("GET", f"{V0}/endptjobs/{{id}}/", serverless.show_endpoint, "misc", 3.0),
    Route("PUT", f"{V0}/endptjobs/{{id}}/", serverless.update_endpoint, "misc", 2.0),
    Route("DELETE", f"{V0}/endptjobs/{{id}}/", serverless.delete_endpoint, "misc", 3.0),
    *(
        route
        for name in ("workergroups", "autojobs")
        for route in (
            Route("GET", f"{V0}/{name}/", serverless.list_workergroups, "misc", 2.0),
            Route("POST", f"{V0}/{name}/", serverless.create_workergroup, "misc", 4.0),
            Route("PUT", f"{V0}/{name}/{{id}}/", serverless.update_workergroup, "misc", 2.0),
            Route("DELETE", f"{V0}/{name}/{{id}}/", serverless.delete_workergroup, "misc", 3.0),
        )
    ),
    *(
        Route("POST", f"/{name}/", handler, "engine", 0.0, reads)
        for name, handler in (
            ("get_endpoint_workers", engine.endpoint_workers),
            ("get_workergroup_workers", engine.workergroup_workers),
            ("get_endpoint_logs", engine.endpoint_logs),
            ("get_workergroup_logs", engine.workergroup_logs),
            ("get_autogroup_logs", engine.workergroup_logs),
        )
    ),
    Route("GET", f"{V0}/users/current", catalogue.current_user, "user_read"),
    Route("GET", f"{V0}/gpu_names/unique/", catalogue.gpu_names, "open"),
    Route("GET", f"{V0}/gpu_types/", catalogue.gpu_types, "open"),
    Route("GET", f"{V0}/ssh/", catalogue.ssh_keys, "user_read"),
    Route("GET", f"{V0}/volumes", catalogue.volumes, "instance_read", 5.5),
    Route("GET", "/results/{name}", results.fetch, "open"),
)

# Paths that clients use without the slash at their end; everything else is redirected.
NO_SLASH = frozenset(f"{V0}/{name}" for name in ("users/current", "volumes"))


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    for route in ROUTES:
        params = route.match(path) if route.method == method else None
        if params is not None:
            return route, params
    return None


def canonical(path: str) -> str:
    """The spelling that the routes are written in; engine calls come with and without a slash at the end."""
    if path.rstrip("/") in NO_SLASH:
        return path.rstrip("/")
    return path + "/" if re.fullmatch(r"/get_\w+", path) else path


def methods(path: str) -> list[str]:
    return sorted({route.method for route in ROUTES if route.match(path) is not None})
