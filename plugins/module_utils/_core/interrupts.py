# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE: for the plugins of this collection only; it changes without notice.
"""Signals that end a task, as an exception while something is on its way, so that it can be undone."""

from __future__ import annotations

import collections.abc as c
import contextlib
import select
import signal
import threading
import types
import typing as t

from .._api.errors import WaitTimeout

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asks the task to end. No Exception, so that nothing takes it for a lost connection."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TaskInterrupted(WaitTimeout):
    """What fails because of it: nothing more is to be begun."""


def is_abandoned(descriptor: int = 1) -> bool:
    """Whether nobody reads any more what this process prints, as after the `timeout` of a task: its module lives on."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        poll = select.poll()
        poll.register(descriptor, 0)
        return any(event & select.POLLERR for _descriptor, event in poll.poll(0))
    return False


def listen() -> None:
    """Raises Interrupted once nobody waits for the task."""
    if is_abandoned():
        raise Interrupted("the end of the Ansible task")


@contextlib.contextmanager
def interruptible() -> c.Iterator[t.Callable[[], contextlib.AbstractContextManager[None]]]:
    """Take the signals over; gives what marks the part that they interrupt. Outside it they are ignored.

    Only the main thread can do so; elsewhere the signals stay as they are. One that is ignored, as under nohup, stays
    ignored.
    """
    armed = False

    def handle(number: int, _frame: types.FrameType | None) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise Interrupted(signal.Signals(number).name)

    @contextlib.contextmanager
    def part() -> c.Iterator[None]:
        nonlocal armed
        armed = True
        try:
            yield
        finally:
            armed = False

    former: dict[signal.Signals, t.Any] = {}
    if threading.current_thread() is threading.main_thread():
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        former = {number: signal.signal(number, handle) for number in heard}
    try:
        yield part
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def failing_at_signals() -> c.Iterator[None]:
    """Have a signal that asks the task to end raise TaskInterrupted."""
    with interruptible() as part:
        try:
            with part():
                yield
        except Interrupted as interrupted:
            raise TaskInterrupted(f"Interrupted by {interrupted.name}.") from None
