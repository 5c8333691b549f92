"""The events of an experiment that a caller may listen to, since an experiment itself prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ragqa.records import FileStatus


def _ignore(*heard: Any) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that are called as an experiment goes on; those that are not given do nothing.

    `say` gets sentences: steps that begin, notes (`note: ...`) and warnings (`warning: ...`); notes are in the record that
    the experiment returns, too. `indexed` gets the chunks that are done and those expected, `asked` the questions that are
    done and those expected, from 0 on. `left_out` gets the files of the corpus that were skipped or rejected, or
    are as they were.
    """

    say: Callable[[str], None] = _ignore
    indexed: Callable[[int, int], None] = _ignore
    asked: Callable[[int, int], None] = _ignore
    left_out: Callable[[Sequence[FileStatus]], None] = _ignore


SILENT = Listener()
"""A listener that does nothing."""
