# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is asking, and whether they may."""

from __future__ import annotations

from .model import Account, Key
from .reply import Reply, json_reply, refusal
from .request import Request
from .routes import Route


def given_key(request: Request) -> str | None:
    scheme, _sep, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.query.get("api_key") or None


def refuse(account: Account, request: Request, route: Route) -> Reply | None:
    """The reply to those who may not, or None."""
    if route.access == "open":
        return None
    if route.access == "engine":
        return refuse_engine(account, request)
    value = given_key(request)
    if value is None:
        return refusal(403, "auth_error", "This action requires login.")
    key = account.keys.get(value)
    if key is None:
        return refusal(account.options.bad_key_status, "auth_error", "Invalid user key")
    if key.expired:
        return refusal(404, "auth_error", "Session expired. Please log in again.")
    if not key.allows(route.access):
        if account.options.texts == "new":
            name = ".".join(part for part in route.template.split("/")[3:] if part and "{" not in part)
            msg = f"Authorization Error. Your key lacks the api.{name} route access which is required for this action."
            return json_reply({"msg": msg}, 401)
        return refusal(403, "not_authorized", f"This API key lacks the permission {route.access}.")
    return None


def refuse_engine(account: Account, request: Request) -> Reply | None:
    """The engine takes keys in the body too, those of groups included, and says no with a 200."""
    groups = (*account.endpoints.values(), *account.workergroups.values())
    group_keys = {group["api_key"] for group in groups}
    for value in (given_key(request), request.fields.get("api_key")):
        key = account.keys.get(str(value), Key(expired=True))
        if str(value) in group_keys or (not key.expired and key.allows("misc")):
            return None
    kind = "endpoint" if "endpoint" in request.path else "workergroup"
    wanted = request.fields.get("id", request.fields.get("endpoint"))
    return json_reply(f"authenticate_{kind}_apikey: invalid api_key or {kind} {wanted} not found")
