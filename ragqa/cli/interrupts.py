"""Ctrl-C ends a command as an interruption, whatever the library that was running made of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_pressed = threading.Event()


def heed() -> None:
    """Note each Ctrl-C, and send it again where Python would ignore it. A SIGINT that is ignored stays so."""
    _pressed.clear()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)
    sys.unraisablehook = _interrupt_again


@contextmanager
def reported(kept: str = "") -> Iterator[None]:
    """Raise `KeyboardInterrupt` where Ctrl-C ended the block.

    A library in C may replace the `KeyboardInterrupt` by an error of its own: safetensors does while it reads a file.

    :param kept: what is kept of the work, for the message; where it is empty, the message of the exception stays.
    """
    _pressed.clear()
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(kept or str(error)) from None
    except Exception as error:
        if not _pressed.is_set():
            raise
        raise KeyboardInterrupt(kept) from error


def _note(number: int, frame: FrameType | None) -> None:
    _pressed.set()
    signal.default_int_handler(number, frame)


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Send the interrupt again where Ctrl-C was pressed during a callback: Python ignores exceptions there."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()  # after the callback has ended
    else:
        sys.__unraisablehook__(unraisable)
