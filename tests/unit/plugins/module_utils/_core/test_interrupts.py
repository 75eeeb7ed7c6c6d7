# Copyright: (c) 2026, vastai.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signals and the end of whoever reads; what is undone after them is in the tests of the modules."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import typing as t

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
        with pytest.raises(Interrupted, match=number.name) as interrupted, part():
            os.kill(os.getpid(), number)
        assert interrupted.value.name == number.name
        os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in SIGNALS] == former


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_does_not_interrupt_what_ends_the_part(number: signal.Signals) -> None:
    ended: list[bool] = []

    def end() -> None:
        os.kill(os.getpid(), number)
        ended.append(True)

    with interruptible() as part, contextlib.suppress(Interrupted), part():
        try:
            os.kill(os.getpid(), number)
        finally:
            end()
    assert ended == [True]


@pytest.mark.parametrize("number", SIGNALS)
def test_who_heard_a_signal_before_hears_it_again_afterwards(number: signal.Signals) -> None:
    heard: list[int] = []
    former = signal.signal(number, lambda number, _frame: heard.append(number))
    try:
        with interruptible():
            os.kill(os.getpid(), number)
        assert heard == []
        os.kill(os.getpid(), number)
        assert heard == [number]
    finally:
        signal.signal(number, former)


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
            pass
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


@pytest.mark.parametrize("error", [AttributeError, OSError, ValueError])
def test_where_the_system_cannot_tell_nobody_is_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def poll() -> t.NoReturn:
        raise error("no poll here")

    monkeypatch.setattr(select, "poll", poll)
    assert is_abandoned() is False


def test_it_is_the_standard_output_that_somebody_has_to_read() -> None:
    kept = os.dup(1)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        os.dup2(writer, 1)
        abandoned = is_abandoned()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(writer)
    assert abandoned is True


def test_a_handler_that_is_not_of_python_becomes_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[t.Any] = []
    # Python gives None for one that was set in C.
    monkeypatch.setattr(signal, "signal", lambda _number, handler: given.append(handler))
    with interruptible():
        given.clear()
    assert given == [signal.SIG_DFL] * len(SIGNALS)
