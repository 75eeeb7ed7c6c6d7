# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The v1 list of instances: filters, order, columns and keyset pages."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from .model import Account, Instance, Row
from .reply import Reply, json_reply
from .request import Request
from .rows import STORED_COLUMNS

LIMIT_IF_NOT_POSITIVE = 5


class QueryError(Exception):
    def __init__(self, msg: str, error: str = "invalid_request") -> None:
        super().__init__(msg)
        self.msg = msg
        self.error = error


def list_instances(account: Account, request: Request) -> Reply:
    try:
        order = parse_order(request.query.get("order_by"), account)
        filters = parse_filters(request.query.get("select_filters"), account)
        columns = parse_columns(request.query.get("select_cols"))
        limit = parse_limit(request.query.get("limit"), account.options.page_size)
        token = request.query.get("after_token")
        after = parse_token(token, order) if token else None
        listed = [each for each in account.instances.values() if each.is_listed(account.clock.now())]
        matching = [each for each in listed if all(test(each) for test in filters)]
        matching.sort(key=cmp_to_key(lambda one, other: compare(order, position(one, order), position(other, order))))
        matching = [each for each in matching if not is_overlooked(each)]
        rest = beyond(matching, order, after)
    except QueryError as error:
        return json_reply({"error": error.error, "msg": error.msg}, 400)
    page = rest[:limit]
    now = account.clock.now()
    body = {
        "success": True,
        "instances_found": len(page),
        "total_instances": len(matching),
        "label_counts": Counter(each.row["label"] or "" for each in matching),
        "next_token": make_token(page[-1], order) if len(rest) > limit else None,
        "instances": [select(each.shown(now), columns) for each in page],
    }
    if not account.options.label_counts:
        del body["label_counts"]
    return json_reply(body)


def is_overlooked(instance: Instance) -> bool:
    """Whether this listing lacks a row that it should have; counts it."""
    if instance.behaviour.missing_listings <= 0:
        return False
    instance.behaviour.missing_listings -= 1
    return True


@dataclass
class Sort:
    column: str
    descending: bool


def load(text: str | None, kind: type, default: Any, name: str) -> Any:
    if not text:
        return default
    try:
        value = json.loads(text)
    except ValueError as error:
        raise QueryError(f"Error in query parameters: {name} is not valid JSON") from error
    if not isinstance(value, kind):
        raise QueryError(f"Error in query parameters: {name} must be a JSON {kind.__name__}")
    return value


def stored(column: Any, account: Account) -> str:
    if not isinstance(column, str) or column not in STORED_COLUMNS - set(account.options.refused_columns.split(",")):
        raise QueryError(f"Error in query parameters: {column} is not a valid search key")
    return str(column)


def parse_order(text: str | None, account: Account) -> list[Sort]:
    order: list[Sort] = []
    for entry in load(text, list, [], "order_by"):
        if not isinstance(entry, dict):
            raise QueryError("Error in query parameters: order_by must hold objects")
        order.append(Sort(stored(entry.get("col"), account), entry.get("dir") == "desc"))
    if not any(sort.column == "id" for sort in order):
        order.append(Sort("id", False))
    return order


def parse_columns(text: str | None) -> list[str]:
    return [str(column) for column in load(text, list, ["*"], "select_cols")]


def parse_limit(text: str | None, most: int) -> int:
    if text is None:
        return most
    try:
        limit = int(text)
    except ValueError as error:
        raise QueryError("Error in query parameters: limit must be an integer") from error
    return min(limit, most) if limit > 0 else LIMIT_IF_NOT_POSITIVE


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "neq": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "lt": lambda value, wanted: value is not None and value < wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
    "in": lambda value, wanted: value in wanted,
    "notin": lambda value, wanted: value not in wanted,
}


def parse_filters(text: str | None, account: Account) -> list[Callable[[Instance], bool]]:
    tests: list[Callable[[Instance], bool]] = []
    for column, conditions in load(text, dict, {}, "select_filters").items():
        stored(column, account)
        if not isinstance(conditions, dict):
            raise QueryError(f"Error in query parameters: {column} needs an operator")
        for operator, wanted in conditions.items():
            if operator not in OPERATORS:
                raise QueryError(f"Error in query parameters: {operator} is not a valid operator")
            if operator in ("in", "notin") and not isinstance(wanted, list):
                raise QueryError(f"Error in query parameters: {operator} needs a list")
            tests.append(make_test(column, operator, wanted, account.clock.now()))
    return tests


def make_test(column: str, operator: str, wanted: Any, now: float) -> Callable[[Instance], bool]:
    def test(instance: Instance) -> bool:
        # What is stored, which for an offline host is the last status that it reported.
        row = instance.shown(now)
        offline = column == "actual_status" and row[column] == "offline"
        value = instance.reported_status if offline else row[column]
        try:
            return OPERATORS[operator](value, wanted)
        except TypeError as error:
            raise QueryError(f"Error in query parameters: bad value for {column}") from error

    return test


def position(instance: Instance, order: list[Sort]) -> list[Any]:
    return [instance.row[sort.column] for sort in order]


def compare(order: list[Sort], one: list[Any], other: list[Any]) -> int:
    """Where one position stands to another; null comes after every value."""
    for sort, left, right in zip(order, one, other, strict=True):
        if left == right:
            continue
        greater = left is None or (right is not None and left > right)
        return 1 if greater != sort.descending else -1
    return 0


def beyond(matching: list[Instance], order: list[Sort], after: list[Any] | None) -> list[Instance]:
    if after is None:
        return matching
    try:
        return [each for each in matching if compare(order, position(each, order), after) > 0]
    except TypeError as error:
        raise QueryError("Invalid after_token", "invalid_token") from error


def make_token(last: Instance, order: list[Sort]) -> str:
    values = {sort.column: last.row[sort.column] for sort in order}
    return base64.b64encode(json.dumps({"values": values}).encode()).decode()


def parse_token(token: str, order: list[Sort]) -> list[Any]:
    try:
        values = json.loads(base64.b64decode(token, validate=True))["values"]
        return [values[sort.column] for sort in order]
    except (ValueError, TypeError, KeyError) as error:
        raise QueryError("Invalid after_token", "invalid_token") from error


def select(row: Row, columns: list[str]) -> Row:
    return dict(row) if "*" in columns else {column: row.get(column) for column in columns}


def list_filters(account: Account, _request: Request) -> Reply:
    """The distinct values that the human-readable list offers to filter by."""
    names = ("actual_status", "verification", "gpu_name")
    seen = {tuple(instance.row[name] for name in names) for instance in account.instances.values()}
    return json_reply({"filters": [dict(zip(names, values, strict=True)) for values in sorted(seen, key=str)]})
