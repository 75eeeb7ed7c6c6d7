# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All kinds of things that there are: whatever lies in the folder `resources`."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from . import resources
from .model import Account
from .resource import Resource
from .routes import Router


def _found() -> list[Resource]:
    names = sorted(module.name for module in pkgutil.iter_modules(resources.__path__))
    found: list[Resource] = [import_module(f"{resources.__name__}.{name}").RESOURCE for name in names]
    return sorted(found, key=lambda resource: resource.order)


RESOURCES = _found()
ROUTER = Router(route for resource in RESOURCES for route in resource.routes)
SECTIONS = {name: load for resource in RESOURCES for name, load in resource.sections.items()}


def advance(account: Account) -> None:
    """Apply everything that has fallen due; called before each request is looked at."""
    for resource in RESOURCES:
        resource.advance(account)
