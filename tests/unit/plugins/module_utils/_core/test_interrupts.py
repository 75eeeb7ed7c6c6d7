# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signals and the end of whoever reads; what is undone after them is in the tests of the modules."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from ansible_collections.vastai.cloud.plugins.module_utils._core.interrupts import (
    SIGNALS,
    Interrupted,
    interruptible,
    is_abandoned,
)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_the_part_once_and_is_ignored_outside_it(number: signal.Signals) -> None:
    former = [signal.getsignal(each) for each in SIGNALS]
    with interruptible() as part:
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted, match=number.name), part():
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in SIGNALS] == former


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_stays_ignored_as_under_nohup(number: signal.Signals) -> None:
    former = signal.signal(number, signal.SIG_IGN)
    try:
        with interruptible() as part, part():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, former)


def test_a_thread_cannot_take_signals_over_and_works_all_the_same() -> None:
    done: list[bool] = []

    def work() -> None:
        with interruptible() as part, part():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_pipe_that_nobody_reads_is_told_from_one_that_is_read_and_from_a_file() -> None:
    reader, writer = os.pipe()
    assert is_abandoned(writer) is False
    os.close(reader)
    assert is_abandoned(writer) is True
    os.close(writer)
    assert is_abandoned(writer) is False
    with open(os.devnull, "w") as nothing:
        assert is_abandoned(nothing.fileno()) is False
