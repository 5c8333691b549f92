"""How far a run of indexing is, for who watches it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragqa.pipeline.ingest.refresh import IndexReport


class Progress:
    """The state of indexing, which one thread changes and any thread reads.

    A run first reads files and finds out which are new (`reading`), then embeds their texts (`embedding`).
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._stage, self._done, self._total = "", 0, 0
        self._last: dict[str, Any] | None = None
        self._changes: dict[str, Any] | None = None

    @contextmanager
    def run(self) -> Iterator[None]:
        """Note that a run goes on within the block."""
        self.stage("reading")
        try:
            yield
        finally:
            self.stage("")

    def stage(self, name: str, done: int = 0, total: int = 0) -> None:
        """Note how far the run is.

        :param done: the chunks that are embedded. :param total: those that are expected.
        """
        with self._guard:
            self._stage, self._done, self._total = name, done, total

    def ended(self, report: IndexReport | None, error: str = "") -> None:
        """Note how a run ended.

        :param report: None where it failed. :param error: the name of the error then.
        """
        counts = (report.count("indexed"), report.removed, report.count("rejected")) if report else (0, 0, 0)
        last = {
            "ended": _now(),
            **dict(zip(("added", "removed", "rejected"), counts, strict=True)),
            "error": error or None,
        }
        with self._guard:
            self._last = last

    def compared(self, changed: int, removed: int, error: str = "") -> None:
        """Note how many files are new or changed, and how many are gone, since they were indexed.

        :param error: the name of the error where they could not be compared.
        """
        changes = {"compared": _now(), "changed": changed, "removed": removed, "error": error or None}
        with self._guard:
            self._changes = changes

    def state(self) -> dict[str, Any]:
        """Return the state as plain data."""
        with self._guard:
            stage, done, total = self._stage, self._done, self._total
            known = {"last": self._last, "changes": self._changes}
        return {"running": bool(stage), "stage": stage, "done": done, "total": total, **known}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
