"""The events of an experiment that a caller may receive. An experiment itself prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ragqa.records import FileStatus


def _ignore(*heard: Any) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that an experiment calls while it runs; the default of each does nothing.

    `say` gets sentences: steps that begin, notes (`note: ...`) and warnings (`warning: ...`); notes are also in the
    record that the experiment returns. `indexed` gets the chunks done and expected, `asked` the questions done and
    expected, from 0 on. `left_out` gets the files of the corpus that were skipped, rejected or unchanged.
    """

    say: Callable[[str], None] = _ignore
    indexed: Callable[[int, int], None] = _ignore
    asked: Callable[[int, int], None] = _ignore
    left_out: Callable[[Sequence[FileStatus]], None] = _ignore


SILENT = Listener()
"""A listener that does nothing."""
