# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All modules that the campaign plays: whatever lies in the folder `subjects`."""

from __future__ import annotations

import importlib
import pkgutil

from . import subjects
from .subject import Subject


def _found() -> dict[str, Subject]:
    names = sorted(module.name for module in pkgutil.iter_modules(subjects.__path__))
    made = [importlib.import_module(f"{subjects.__name__}.{name}").SUBJECT for name in names]
    return {subject.module: subject for subject in made}


SUBJECTS = _found()
