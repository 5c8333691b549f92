"""Three documents, and the common helpers of the tests of an index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from ragqa.errors import RagqaError
from ragqa.stages import Entry, Index, IndexReader
from ragqa.testing.documents import IDENTITY, commit, entry, vector

FERRY = entry("ferry.txt", "The ferry leaves at noon.\nIn winter the ferry stays in the harbour.", title="Ferry")
LOAN = entry("loan.txt", "Mara Lind approves a loan.\nA loan is paid back in ten years.", title="Loans")
TURBINE = entry("turbine.txt", "The turbine turns in the wind.\nThe ferry passes the turbine.", title="Wind")
ALL = [FERRY, LOAN, TURBINE]
QUESTION = "Where is the ferry in winter, in the harbour?"


def refuses(error: type[RagqaError], work: Callable[[], object], promise: str) -> str:
    """Return the message of the error that `work` raises; fail with `promise` where it raises none or another."""
    try:
        work()
    except error as raised:
        return str(raised)
    except Exception as raised:
        raise AssertionError(f"{promise}; it raised {type(raised).__name__} instead of {error.__name__}") from raised
    raise AssertionError(f"{promise}; it raised nothing instead of {error.__name__}")


def answers(reader: IndexReader) -> tuple[object, ...]:
    """Return the results of all methods of a reader for the sample documents, for comparison with another reader."""
    chunks = {id_: reader.chunks(id_) for id_ in sorted(set(reader.sources().values()))}
    dense, lexical = reader.dense(vector(QUESTION), 50), reader.lexical(QUESTION, 50)
    hits = reader.hits([(id_, score, {}) for id_, score in dense])
    return dict(reader.sources()), dict(reader.contents()), dict(reader.rejected()), chunks, dense, lexical, hits


class Made(ABC):
    """A base class with methods that make the index under test."""

    @abstractmethod
    def make(self, folder: Path) -> Index:
        """Return an empty index; `folder` exists, is empty, and belongs to this test alone."""

    def indexed(self, folder: Path, entries: Sequence[Entry] = ALL) -> Index:
        """Return an index with entries, which were added in one commit."""
        index = self.make(folder)
        with index.write(IDENTITY) as writer:
            commit(writer, entries)
        return index
