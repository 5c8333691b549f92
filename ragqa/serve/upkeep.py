"""Keeps the index up to date while the server runs: one run of indexing each so many seconds, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragqa.serve.log import LOG

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline


@contextmanager
def indexing(pipeline: Pipeline, seconds: float | None) -> Iterator[None]:
    """Index now and then within the block. An error ends one run, and is logged by its type.

    :param seconds: the time between two runs; None for none.
    """
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(seconds):
            try:
                report = pipeline.index()
                LOG.info(
                    '{"index": %d, "embedded": %d, "removed": %d}', report.generation, report.embedded, report.removed
                )
            except Exception as error:
                LOG.warning("indexing failed: %s; `ragqa index` says why", type(error).__name__)

    if seconds is not None:
        threading.Thread(target=work, name="ragqa-index", daemon=True).start()
    try:
        yield
    finally:
        stop.set()
