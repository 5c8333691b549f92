"""Keeps an index in step with its folder: a run of `Pipeline.index` each time that files have changed and come to rest."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa.errors import LockedError, NothingUsableError, RagqaError, RejectedError, ResourceError, UsageError

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline
    from ragqa.pipeline.ingest.refresh import IndexReport

SETTLE_SECONDS = 1.6
"""A run begins when no file has changed for so long."""
MOST_SECONDS = 30.0
"""A run begins so long after the first change, also where files go on changing."""
_TICK = 0.2
"""How often the watcher looks whether changes have come to rest, and whether the folders are still the same."""
_WAIT_SECONDS = 5.0
_SURVIVED = (NothingUsableError, RejectedError, ResourceError)
"""Errors that a later change may mend."""


def watch(
    pipeline: Pipeline,
    stop: threading.Event | None = None,
    index: Callable[..., IndexReport] | None = None,
    **options: Any,
) -> Iterator[IndexReport | RagqaError]:
    """Bring the index up to date, and again after each set of changes in its folders; yield the report of each run.

    An error that a later change may mend is yielded in place of a report: no file could be used, most documents are
    gone (none was removed), a file was rejected in a strict run, the disk is full, or another process writes the index.
    For that process it waits as long as it takes. A file that is read while it is written is read again when it has come to rest.

    :param stop: ends the generator when it is set, after the present run.
    :param index: what is called for each run in place of `pipeline.index`, with its arguments.
    :param options: arguments of `Pipeline.index` for each run; `rebuild` is for the first one alone.
    :raises UsageError: the documents come from no folder, or `wait` is among the options.
    :raises ResourceError: the folders cannot be watched.
    """
    roots = [Path(os.path.realpath(root)) for root in pipeline.components.roots]
    if not roots:
        raise UsageError("watch: these documents come from no folder; call index() after a change")
    if "wait" in options:
        raise UsageError("watch: waits for another writer as long as it takes; leave `wait` out")
    return _runs(pipeline, roots, stop or threading.Event(), partial(index or pipeline.index, **options))


def _runs(
    pipeline: Pipeline, roots: Sequence[Path], stop: threading.Event, index: partial[IndexReport]
) -> Iterator[IndexReport | RagqaError]:
    with closing(_Changes(roots)) as changes:
        changes.seen()  # begins the watch before the first run, so that no change during it is missed
        done = yield from _run(index, stop)
        again = partial(index, rebuild=False)
        while _settled(changes, stop):
            if not done or not pipeline.has_index() or not pipeline.changes().is_empty:
                done = yield from _run(again, stop)


def _run(index: partial[IndexReport], stop: threading.Event) -> Generator[IndexReport | RagqaError, None, bool]:
    """Yield the report of a run, or its error, and return whether it was done. An index that is locked is told once."""
    wait, locked = 0.0, False
    while not stop.is_set():
        try:
            yield index(wait=wait)
            return True
        except LockedError as error:
            if not locked:
                yield error
            wait, locked = _WAIT_SECONDS, True
        except _SURVIVED as error:
            yield error
            return False
    return False


def _settled(changes: _Changes, stop: threading.Event) -> bool:
    """Wait until files have changed and come to rest; return False where the watch is to end."""
    first = last = 0.0
    while not stop.is_set():
        changed, now = changes.seen(), time.monotonic()
        if changed:
            first, last = first or now, now
        if first and (now - last >= SETTLE_SECONDS or now - first >= MOST_SECONDS):
            return True
    return False


class _Changes:
    """Tells when files change under the roots: folders, with all that is in them, and single files.

    A root that is removed, replaced or mounted anew is a change too. The system tells nothing of the new one, so it is watched anew.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._identities: list[tuple[int, int] | None] = []
        self._ticks: Generator[set[tuple[Any, str]]] | None = None

    def close(self) -> None:
        """End the watch."""
        if self._ticks is not None:
            self._ticks.close()
            self._ticks = None

    def seen(self) -> bool:
        """Wait for at most a tick, and tell whether a file has changed.

        :raises ResourceError: the folders cannot be watched.
        """
        identities = [_identity(root) for root in self._roots]
        replaced = identities != self._identities
        if replaced:
            self.close()
            self._identities = identities
        if None in identities:
            time.sleep(_TICK)
            return replaced
        return self._changed() or replaced

    def _changed(self) -> bool:
        from watchfiles._rust_notify import WatchfilesRustInternalError

        try:
            self._ticks = self._ticks or self._open()
            return any(self._is_below(Path(path)) for _, path in next(self._ticks))
        except FileNotFoundError:  # removed between the look and the watch
            self._identities = []
            return False
        except (OSError, WatchfilesRustInternalError) as error:
            raise ResourceError(
                f"the folder cannot be watched: {error}; with WATCHFILES_FORCE_POLLING=1 in the environment, it is looked through instead"
            ) from error

    def _open(self) -> Generator[set[tuple[Any, str]]]:
        import watchfiles

        folders = {root if root.is_dir() else root.parent for root in self._roots}
        return watchfiles.watch(
            *sorted(folders),
            watch_filter=None,
            rust_timeout=int(_TICK * 1000),
            yield_on_timeout=True,
            recursive=any(root.is_dir() for root in self._roots),
            ignore_permission_denied=True,
        )

    def _is_below(self, path: Path) -> bool:
        """Tell whether a path is a root, or below one with no hidden file or folder on the way."""
        for root in self._roots:
            with suppress(ValueError):
                if not any(part.startswith(".") for part in path.relative_to(root).parts):
                    return True
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a folder or file from another one of the same name; None where there is none.

    Of a file that is enough: many editors write a new file in the place of the old one.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
