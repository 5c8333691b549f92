"""What is done now and then while the server runs, each in a thread: indexing, or comparing the files with the index; and
giving freed memory back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragqa import machine
from ragqa.serve.log import LOG
from ragqa.serve.progress import Progress

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline

GIVE_BACK_SECONDS = 15.0
"""The time between two times that freed memory is given back to the machine."""
COMPARE_SECONDS = 60.0
"""The time between two comparisons of the files with the index; at least twenty times as long as one takes."""


@contextmanager
def upkeep(pipeline: Pipeline, index_every: float | None, progress: Progress, *, compares: bool) -> Iterator[None]:
    """Give memory back, and index, now and then within the block.

    :param index_every: seconds between two runs of indexing; None for none.
    :param progress: is told how far each run is.
    :param compares: where nothing is indexed, compare the files with the index now and then, and tell `progress`.
    """
    stop = threading.Event()
    _repeat(machine.give_back_memory, GIVE_BACK_SECONDS, stop, "ragqa-memory")
    if index_every is not None:
        _repeat(lambda: _index(pipeline, progress), index_every, stop, "ragqa-index")
    elif compares:
        threading.Thread(
            target=_compare_often, args=(pipeline, progress, stop), name="ragqa-compare", daemon=True
        ).start()
    try:
        yield
    finally:
        stop.set()


def _repeat(work: Callable[[], None], seconds: float, stop: threading.Event, name: str) -> None:
    def run() -> None:
        while not stop.wait(seconds):
            work()

    threading.Thread(target=run, name=name, daemon=True).start()


def _compare_often(pipeline: Pipeline, progress: Progress, stop: threading.Event) -> None:
    took = 0.0
    while not stop.wait(max(COMPARE_SECONDS, 20 * took) if took else 0):
        began = time.monotonic()
        compare(pipeline, progress)
        took = time.monotonic() - began


def compare(pipeline: Pipeline, progress: Progress) -> None:
    """Tell how the files differ from the index; no model is loaded, and nothing is indexed."""
    try:
        plan = pipeline.changes()
        progress.compared(len(plan.changed), len(plan.removed))
    except Exception as error:
        progress.compared(0, 0, type(error).__name__)


def _index(pipeline: Pipeline, progress: Progress) -> None:
    """Index once. An error ends this run alone, and is logged by its type."""
    try:
        with progress.run():
            report = pipeline.index(progress=lambda done, total: progress.stage("embedding", done, total))
        progress.ended(report)
        LOG.info('{"index": %d, "embedded": %d, "removed": %d}', report.generation, report.embedded, report.removed)
    except Exception as error:
        progress.ended(None, type(error).__name__)
        LOG.warning("indexing failed: %s; `ragqa index` says why", type(error).__name__)
