# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that the campaign plays: whatever lies in the folder `subjects`."""

from __future__ import annotations

import importlib
import pkgutil

from . import subjects
from .steps import Task
from .subject import Subject


def _found() -> dict[str, Subject]:
    names = sorted(module.name for module in pkgutil.iter_modules(subjects.__path__))
    made = {name: importlib.import_module(f"{subjects.__name__}.{name}").SUBJECT for name in names}
    return {name: subject for name, subject in made.items() if subject.exists()}


SUBJECTS = _found()
"""By the names of their files: a module that does several things is several subjects."""


def subject_of(task: Task) -> Subject:
    """Whose task it is."""
    return next(subject for subject in SUBJECTS.values() if subject.covers(task))
