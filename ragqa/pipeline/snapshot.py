"""Keeps the latest generation of an index open, so that no question waits until one is opened and checked.

One thread opens new generations and checks their bytes. A question borrows a reader that is open already. Each reader is
one read transaction, which one borrower uses at a time.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Self, cast

from ragqa.errors import IndexCorruptError, LockedError, RagqaError, ResourceError, UsageError

if TYPE_CHECKING:
    from ragqa.stages import IndexReader, Vectors

SECONDS = 1.0
"""The seconds between two looks for a new generation."""
SPARE = 4
"""How many readers wait to be borrowed, besides as many as were ever borrowed at once, up to `MOST`."""
MOST = 64
"""The most readers of a generation that wait."""

_log = logging.getLogger("ragqa.index")


class Snapshots:
    """Lends readers of the latest generation; a context manager. `lend` may be called from several threads at once.

    A commit is seen within about `seconds`, and then by all borrowers. Readers of an older generation are closed when they
    are given back. If the index is damaged or of another embedder after a change, `lend` raises that error until it is
    repaired. If it is only locked, or out of reach for a time, the last generation is kept.

    :param opened: opens the latest generation.
    :raises RagqaError: the index cannot be opened now.
    """

    def __init__(self, opened: Callable[[], IndexReader], *, seconds: float = SECONDS, spare: int = SPARE) -> None:
        self._opened, self._seconds, self._spare = opened, seconds, spare
        self._process = os.getpid()
        self._borrowed = self._peak = 0
        """How many readers are borrowed now, and the most that ever were at once."""
        self._guard, self._refreshing = Lock(), Lock()
        self._stopped, self._wanted = Event(), Event()
        self._pool: _Pool | None = None
        self.problem: Exception | None = None
        """The error of the latest generation, where it cannot be opened."""
        self.refresh()
        if self.problem is not None:
            raise self.problem
        self._thread = Thread(target=self._run, name="ragqa-snapshot", daemon=True)
        self._thread.start()

    @property
    def generation(self) -> int:
        """Return the number of the generation that is lent; 0 where none can be."""
        pool = self._pool
        return pool.generation if pool else 0

    @property
    def is_of_this_process(self) -> bool:
        """Tell whether readers can be borrowed here: a forked process has no thread that refreshes them."""
        return self._process == os.getpid() and not self._stopped.is_set()

    def lend(self) -> IndexReader:
        """Return a reader of the latest generation that is open already; its `close` gives it back.

        Only where more readers are taken at once than were spare is one opened here.

        :raises RagqaError: the latest generation cannot be opened; see `problem`.
        """
        with self._guard:
            pool, problem = self._pool, self.problem
            reader = pool.idle.pop() if pool and pool.idle else None
            self._borrowed += reader is not None
            self._peak = max(self._peak, self._borrowed)
            if pool and len(pool.idle) < self._spare:
                self._wanted.set()
        if problem is not None:
            raise problem.with_traceback(None)
        if reader is None or pool is None:
            return self._opened()
        return cast("IndexReader", _Lent(reader, lambda given, sound: self._given_back(pool, given, sound)))

    def refresh(self) -> None:
        """Open the latest generation now, if it is not the one that is lent; several callers do this once."""
        with self._refreshing:
            try:
                reader = self._opened()
            except (LockedError, ResourceError) as error:
                if self._pool is None:
                    self._swap(None, error)
                _log.warning("the index cannot be looked at now, so the last generation is used: %s", error)
                return
            except Exception as error:  # of any kind of index; the borrowers get it
                self._swap(None, error)
                return
            pool = self._pool
            if pool is None or pool.version != _version(reader):
                pool = _Pool(reader)
                self._fill(pool)
                self._swap(pool, None)
            else:
                self._take_back(pool, reader, True)
                self._fill(pool)

    def close(self) -> None:
        """Stop the thread and close all readers that are not borrowed; the others are closed when they are given back."""
        self._stopped.set()
        self._wanted.set()
        self._thread.join()
        self._swap(None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.wait(self._seconds)
            self._wanted.clear()
            if not self._stopped.is_set():
                self.refresh()

    def _fill(self, pool: _Pool) -> None:
        """Open readers of the generation of a pool until enough are spare. A newer one is left to the next refresh."""
        while len(pool.idle) < self._wait(pool):
            try:
                reader = self._opened()
            except Exception:  # told by the next refresh, if it lasts
                return
            if _version(reader) != pool.version:
                reader.close()
                return
            with self._guard:
                pool.idle.append(reader)

    def _swap(self, pool: _Pool | None, problem: Exception | None) -> None:
        with self._guard:
            old, self._pool, self.problem = self._pool, pool, problem
            idle = [] if old is None else old.retire()
        for reader in idle:
            _close(reader)

    def _wait(self, pool: _Pool) -> int:
        """Return how many readers of a pool should wait."""
        borrowed = self._borrowed if pool is self._pool else 0
        return min(MOST, self._spare + self._peak - borrowed)

    def _given_back(self, pool: _Pool, reader: IndexReader, sound: bool) -> None:
        with self._guard:
            self._borrowed -= 1
        self._take_back(pool, reader, sound)

    def _take_back(self, pool: _Pool, reader: IndexReader, sound: bool) -> None:
        """Keep a reader for the next borrower, or close it where its generation is not lent any more."""
        with self._guard:
            kept = sound and not pool.is_retired and len(pool.idle) < min(MOST, self._spare + self._peak)
            if kept:
                pool.idle.append(reader)
        if not kept:
            reader.close()


class _Pool:
    """The readers of one generation that wait for a borrower."""

    def __init__(self, first: IndexReader) -> None:
        self.generation, self.version = first.generation, _version(first)
        self.idle = [first]
        self.is_retired = False

    def retire(self) -> list[IndexReader]:
        """Let no reader wait any more; return those that do."""
        self.is_retired, idle, self.idle = True, self.idle, []
        return idle


class _Lent:
    """A borrowed reader: everything that the reader is, except that `close` gives it back."""

    def __init__(self, reader: IndexReader, give_back: Callable[[IndexReader, bool], None]) -> None:
        self._reader: IndexReader | None = reader
        self._give_back = give_back

    def __getattr__(self, name: str) -> Any:
        return getattr(self._borrowed, name)

    @property
    def _borrowed(self) -> IndexReader:
        if self._reader is None:
            raise UsageError("this reader of the index is closed: open it again")
        return self._reader

    def dense_many(self, vectors: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """Return for each row of vectors what `dense` returns for it."""
        many = getattr(self._borrowed, "dense_many", None)
        if many is None:
            return [self._borrowed.dense(vector, k) for vector in vectors]
        found: list[list[tuple[str, float]]] = many(vectors, k)
        return found

    def close(self, *, sound: bool = True) -> None:
        """Give the reader back, once.

        :raises LockedError: as `close` of the reader does.
        """
        reader, self._reader = self._reader, None
        if reader is None:
            return
        unchanged = False
        try:
            getattr(reader, "refuse_change", lambda: None)()
            unchanged = True
        finally:
            self._give_back(reader, sound and unchanged)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Give the reader back; after an error that may be its own, it is closed instead of lent again."""
        own = isinstance(error, Exception) and (
            not isinstance(error, RagqaError) or isinstance(error, IndexCorruptError)
        )
        self.close(sound=not own)


def _version(reader: IndexReader) -> object:
    """Return what tells the state of an index: `version`, where a reader has it, since a restored copy may have the number
    of another generation; else the generation."""
    return getattr(reader, "version", reader.generation)


def _close(reader: IndexReader) -> None:
    try:
        reader.close()
    except RagqaError as error:  # nobody has read from it meanwhile
        _log.debug("a reader was closed: %s", error)
