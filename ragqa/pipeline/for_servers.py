"""What a program that serves many users asks of a pipeline, in its simplest form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ragqa.stopping import Stopped, stoppable

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline
    from ragqa.records import Hit

Item = TypeVar("Item")


class ForServers:
    """Several searches in one call, and models that stay loaded."""

    def search_many(self: Pipeline, questions: Sequence[str], k: int | None = None) -> list[list[Hit]]:  # type: ignore[misc]
        """Return the hits of each question, as `search` does."""
        return [self.search(question, k) for question in questions]

    @contextmanager
    def keep_warm(self: Pipeline) -> Iterator[None]:  # type: ignore[misc]
        """Load all models."""
        self.load_models()
        yield


def until(cancelled: Callable[[], bool] | None, events: Iterator[Item]) -> Iterator[Item]:
    """Yield events, until `cancelled` returns True."""
    if cancelled is None:
        yield from events
        return
    while True:
        try:
            with stoppable(cancelled):
                event = next(events)
        except (StopIteration, Stopped):
            return
        yield event
