"""Reading and splitting files while others are embedded, and how many chunks there will be in all."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from threading import Condition, Lock
from typing import TypeVar

from ragqa.errors import RejectedError
from ragqa.load.formats import DOCX, HTML, PDF
from ragqa.messages import brief
from ragqa.records import Chunk, Document, SourceFile
from ragqa.stages import Loader, Splitter

BYTES_PER_CHUNK = 600
"""What is taken for the bytes of text that make a chunk before any file was read."""

TEXT_SHARE = {
    HTML: 0.3,
    PDF: 0.05,
    DOCX: 0.03,
}
"""What is taken for the bytes of text in a byte of a file before files of its type were read; 1 where it is not said."""

PRIOR_BYTES = 20_000
"""How many bytes of text have to be read of a type before they count for as much as what was taken."""

PREFETCH_FILES = 10_000
"""How many files are read in advance at most, however small they are."""

Content = tuple[Document, list[Chunk]]
Item = TypeVar("Item")
Result = TypeVar("Result")


def read_and_split(loader: Loader, splitter: Splitter, file: SourceFile) -> Content:
    """Return the document in a file and its chunks. Whatever is wrong with one file is about that file alone.

    :raises RejectedError: it cannot be read, split or stored; the message says which.
    """
    document = loader.read(file)
    try:
        chunks = splitter.split(document)
    except (RejectedError, MemoryError):
        raise
    except Exception as error:
        raise RejectedError(f"cannot be split: {type(error).__name__}: {brief(error)}") from error
    _refuse_unstorable(document, chunks)
    return document, chunks


def _refuse_unstorable(document: Document, chunks: Sequence[Chunk]) -> None:
    """Refuse text that is not Unicode and metadata that are not JSON, which a loader of one's own may give."""
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
    """Yield each item with its finished or coming result, in order. A thread works on the items in advance.

    :param weight: of a result that waits to be taken.
    :param budget: no item is begun while as much waits.
    """
    room = Condition()
    weights: deque[int] = deque()  # of the results that wait, in the order of the items
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
            futures += [(item, pool.submit(one, item)) for item in islice(coming, PREFETCH_FILES - len(futures))]
            if not futures:
                return
            item, future = futures.popleft()
            yield item, future
            future.exception()  # it has ended
            with room:
                waiting -= weights.popleft()
                room.notify()
    finally:
        with room:
            left = True
            room.notify()
        pool.shutdown(wait=True, cancel_futures=True)  # native code must not be left running when Python ends


@dataclass(slots=True)
class _Type:
    """What is known of the files of one type: those that are not read yet, and what those read gave."""

    share: float
    unread_bytes: int = 0
    read_bytes: int = 0
    chunks: int = 0


class Estimate:
    """How many chunks the files of a run make: those of files that were read, and a guess by type of the others.

    It may be told by one thread and asked by another.

    :param files: those that will be read; the same content counts once.
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
        """Return the chunks of all files; exact once all were read."""
        with self._guard:
            kinds = self._types.values()
            text = sum(kind.share * kind.read_bytes for kind in kinds)
            usual = (sum(kind.chunks for kind in kinds) + 1) / (text + BYTES_PER_CHUNK)
            return round(sum(kind.chunks + kind.unread_bytes * _rate(kind, usual) for kind in kinds))


def _rate(kind: _Type, usual: float) -> float:
    """Return the chunks in a byte of a type, of what was read of it; as long as that is little, of what is usual.

    :param usual: chunks in a byte of text, of all types.
    """
    return (kind.chunks + usual * PRIOR_BYTES) / (kind.read_bytes + PRIOR_BYTES / kind.share)
