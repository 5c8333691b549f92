"""Ctrl-C ends a command as an interruption, whatever a library made of it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from ragqa.cli import interrupts


@pytest.fixture(autouse=True)
def heeded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.heed()
    yield
    signal.signal(signal.SIGINT, before)


def replacing_library() -> None:
    """Replace the interruption by an error, as a library in C does that reads a shape meanwhile."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
    except KeyboardInterrupt:
        raise ValueError("could not determine the shape") from None


def test_an_error_that_a_library_made_of_ctrl_c_is_an_interruption() -> None:
    with pytest.raises(KeyboardInterrupt, match="all is kept"), interrupts.reported("all is kept"):
        replacing_library()


def test_an_error_after_a_ctrl_c_that_was_heeded_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="later"):
        with pytest.raises(KeyboardInterrupt), interrupts.reported():
            replacing_library()
        with interrupts.reported():
            raise ValueError("later")


def test_an_error_without_ctrl_c_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="no shape"), interrupts.reported("all is kept"):
        raise ValueError("no shape")


def test_the_message_of_an_interruption_inside_stays_for_the_command() -> None:
    expected = pytest.raises(KeyboardInterrupt, match="all is kept")
    with expected, interrupts.reported(), interrupts.reported("all is kept"):
        replacing_library()


def test_a_sigint_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.heed()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
