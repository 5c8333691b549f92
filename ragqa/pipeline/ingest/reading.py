"""Reads and splits files while others are embedded, and estimates the total number of chunks."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from threading import Condition, Lock
from typing import TypeVar

from ragqa.errors import RejectedError
from ragqa.load.formats import DOCX, EML, HTML, MSG, PDF
from ragqa.messages import brief
from ragqa.pipeline.ingest.provenance import extractor_of, made_by
from ragqa.records import Chunk, Document, SourceFile
from ragqa.stages import Loader, Splitter

BYTES_PER_CHUNK = 600
"""The assumed bytes of text in a chunk, before any file was read."""

TEXT_SHARE = {
    HTML: 0.3,
    PDF: 0.05,
    DOCX: 0.03,
    EML: 0.2,
    MSG: 0.05,
}
"""The assumed bytes of text in a byte of a file, by type, before files of the type were read; 1 for other types."""

PRIOR_BYTES = 20_000
"""The bytes of text of a type after which measured and assumed rates have equal weight."""

PREFETCH_FILES = 10_000
"""The most files that are read in advance, however small they are."""

Content = tuple[Document, list[Chunk]]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class Spent:
    """The seconds that a run spent on reading files and on splitting their texts, on the clock."""

    reading: float = 0.0
    splitting: float = 0.0

    @contextmanager
    def on_reading(self) -> Iterator[None]:
        """Add the time of the block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.reading += time.perf_counter() - started

    @contextmanager
    def on_splitting(self) -> Iterator[None]:
        """Add the time of the block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.splitting += time.perf_counter() - started


def read_and_split(loader: Loader, splitter: Splitter, file: SourceFile, spent: Spent | None = None) -> Content:
    """Return the document in a file and its chunks. Any fault of one file rejects that file alone.

    :param spent: the time is added there.
    :raises RejectedError: the file cannot be read, split or stored; the message says which.
    """
    spent = spent or Spent()
    with spent.on_reading():
        document = loader.read(file)
    document = replace(document, extractor=made_by(extractor_of(document), splitter))
    try:
        with spent.on_splitting():
            chunks = splitter.split(document)
    except (RejectedError, MemoryError):
        raise
    except Exception as error:
        raise RejectedError(f"cannot be split: {type(error).__name__}: {brief(error)}") from error
    _refuse_unstorable(document, chunks)
    return document, chunks


def _refuse_unstorable(document: Document, chunks: Sequence[Chunk]) -> None:
    """Reject text that is not valid Unicode and metadata that are not JSON, which a loader of your own may return."""
    try:
        for text in (document.text, document.title, document.source, *{chunk.context for chunk in chunks}):
            text.encode()
        json.dumps(dict(document.metadata), default=str)
    except UnicodeEncodeError as error:
        raise RejectedError(f"cannot be stored: {error.object[error.start]!a} is half of a surrogate pair") from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RejectedError(f"its metadata cannot be stored: {brief(error)}") from error


def prefetch(
    work: Callable[[Item], Result], items: Iterable[Item], weight: Callable[[Result], int], budget: int
) -> Iterator[tuple[Item, Future[Result]]]:
    """Yield each item with the future of its result, in order. A thread works on the items in advance.

    :param weight: returns the weight of a result.
    :param budget: no item is begun while the results that wait to be taken weigh this much or more.
    """
    room = Condition()
    weights: deque[int] = deque()  # of the waiting results, in the order of the items
    waiting, left = 0, False

    def one(item: Item) -> Result:
        nonlocal waiting
        with room:
            room.wait_for(lambda: left or waiting < budget)
        if left:
            raise CancelledError
        own = 0
        try:
            result = work(item)
            own = weight(result)
            return result
        finally:
            with room:
                weights.append(own)
                waiting += own

    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ragqa-read")
    coming, futures = iter(items), deque[tuple[Item, Future[Result]]]()
    try:
        while True:
            # 1. Queue more items. 2. Yield the next item; the caller takes its result. 3. Free the weight of that result.
            futures += [(item, pool.submit(one, item)) for item in islice(coming, PREFETCH_FILES - len(futures))]
            if not futures:
                return
            # 2. Yield the next item; the caller takes its result.
            item, future = futures.popleft()
            yield item, future
            future.exception()  # wait until it has ended
            # 3. The result no longer waits: let the thread begin more items.
            with room:
                waiting -= weights.popleft()
                room.notify()
    finally:
        with room:
            left = True
            room.notify()
        pool.shutdown(wait=True, cancel_futures=True)  # native code must not run when Python ends


@dataclass(slots=True)
class _Type:
    """The files of one type: the bytes that are not read yet, the bytes that were read, and their chunks.

    `share` is the assumed share of text in a file.
    """

    share: float
    unread_bytes: int = 0
    read_bytes: int = 0
    chunks: int = 0


class Estimate:
    """The expected number of chunks in a run: those of files that were read, and an estimate by type for the others.

    One thread may call `learn` while another reads `chunks`.

    :param files: the files that will be read; equal contents count once.
    """

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._guard = Lock()
        self._types: dict[str, _Type] = {}
        self._unread = {file.document_id: file for file in files}
        for file in self._unread.values():
            kind = self._types.setdefault(file.media_type, _Type(TEXT_SHARE.get(file.media_type, 1.0)))
            kind.unread_bytes += file.size

    def learn(self, file: SourceFile, chunks: int) -> None:
        """Count the chunks of a file that was read, 0 where it was rejected."""
        with self._guard:
            kind = self._types[file.media_type]
            if self._unread.pop(file.document_id, None):
                kind.unread_bytes -= file.size
                kind.read_bytes += file.size
            kind.chunks += chunks

    @property
    def chunks(self) -> int:
        """Return the chunks of all files; exact after all were read."""
        with self._guard:
            kinds = self._types.values()
            text = sum(kind.share * kind.read_bytes for kind in kinds)
            usual = (sum(kind.chunks for kind in kinds) + 1) / (text + BYTES_PER_CHUNK)
            return round(sum(kind.chunks + kind.unread_bytes * _rate(kind, usual) for kind in kinds))


def _rate(kind: _Type, usual: float) -> float:
    """Return the chunks per byte of a file of a type: a weighted mean of the measured rate and the usual one.

    The usual rate has the weight of `PRIOR_BYTES` of text, so it matters only while little was read.

    :param usual: chunks per byte of text, over all types.
    """
    return (kind.chunks + usual * PRIOR_BYTES) / (kind.read_bytes + PRIOR_BYTES / kind.share)
