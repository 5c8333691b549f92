"""Prints the events of an experiment on stderr: sentences, progress bars with the time left, and files left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ragqa.cli.indexing import print_left_out
from ragqa.cli.marks import say
from ragqa.cli.terminal import bar
from ragqa.records import FileStatus

if TYPE_CHECKING:
    from tqdm import tqdm

    from ragqa.experiments import Listener


@contextmanager
def listener() -> Iterator[Listener]:
    """Yield a listener that prints on stderr; work of less than two seconds has no bar."""
    from ragqa.experiments import Listener

    chunks, questions = _Bar(" chunks"), _Bar(" questions")

    def left_out(statuses: Sequence[FileStatus]) -> None:
        chunks.close()
        print_left_out(statuses, verbose=False)

    try:
        yield Listener(lambda sentence: say(sentence, err=True), chunks.draw, questions.draw, left_out)
    finally:
        chunks.close()
        questions.close()


class _Bar:
    """A progress bar that is drawn from its first count on, and removed when the work is done."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bar: tqdm[Any] | None = None

    def draw(self, done: int, expected: int) -> None:
        """Show the progress."""
        if self._bar is None:
            self._bar = bar(total=expected, initial=done, unit=self._unit)
        self._bar.total = expected
        self._bar.update(done - self._bar.n)
        if done == expected:
            self.close()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
