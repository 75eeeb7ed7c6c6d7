# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An ssh key of the account, and of instances."""

from __future__ import annotations

import collections.abc as c
import typing as t

from hypothesis import strategies as st

from ..draws import ACCOUNT_KEY, checks, connection
from ..steps import Task
from ..subject import Plain
from ..world import GROUP, Run

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC b@example.com"
INSTANCES: tuple[list[str], ...] = (["1"], ["batch"], ["1", "2"], ["nobody"])


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A key of the account, there or not."""
    options: dict[str, t.Any] = {
        "public_key": draw(st.sampled_from((ACCOUNT_KEY, OTHER_KEY))),
        "state": draw(st.sampled_from(("present", "absent"))),
        **draw(connection()),
    }
    if draw(st.sampled_from((False, False, True))):
        options["instances"] = draw(st.sampled_from(INSTANCES))
    return Task("vast_ssh_key", options, draw(checks()))


class SshKey(Plain):
    """An ssh key of the account, and of instances."""

    module = "vast_ssh_key"
    places = ("any", "ssh")

    def tasks(self) -> st.SearchStrategy[Task]:
        return tasks()

    def names(self, task: Task) -> set[str]:
        return {"ssh key", *task.options.get("instances", ())}

    def success(self, run: Run) -> c.Iterator[str]:
        if run.touched(GROUP):
            return
        text = run.task.options["public_key"].split()[:2]
        count = {
            number: sum(row["public_key"].split()[:2] == text for row in rows.get("ssh_keys", {}).values())
            for number, rows in enumerate((run.kept_before, run.kept))
        }
        # An empty list is what an account without keys answers; nobody can tell that it is not true.
        lied_to = any(sent.fault == "list" for sent in run.sent)
        if run.task.options["state"] == "present" and not 1 <= count[1] <= max(1, count[0] + lied_to):
            yield f"the account has the key {count[1]} times"
        if run.task.options["state"] == "absent" and count[1] and not lied_to:
            yield "the account still has the key"

    def foreseen(self, run: Run) -> bool | None:
        if "instances" in run.task.options:
            return None
        text = run.task.options["public_key"].split()[:2]
        is_there = any(row["public_key"].split()[:2] == text for row in run.kept_before.get("ssh_keys", {}).values())
        return is_there is not (run.task.options["state"] == "present")

    def excuses(self, run: Run, stubborn: c.Collection[int]) -> bool:
        return run.result["error_class"] == "not_found" and bool(run.task.options.get("instances"))


SUBJECT = SshKey()
