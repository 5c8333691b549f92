"""Mutated PDF, DOCX and HTML files through `Pipeline.index`: no hang, no crash, one status and one reason a file.

Three sound files close every batch, and must be read whatever came before.
"""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ragqa import Pipeline
from ragqa.load import FolderLoader, Limits
from ragqa.pipeline.ingest.refresh import IndexReport
from ragqa.records import Chunk, Document, SourceFile
from ragqa.split import RecursiveSplitter
from ragqa.stages import IndexReader
from tests.fakes import ECHO, PIPELINE, WORDS
from tests.torture import Trial
from tests.torture.mutations import drawn_pdf, made_docx, made_html, mutated

LIMITS = Limits(seconds=5.0, memory_bytes=512 << 20)
BATCH = 100
START_SECONDS = 10.0
"""What a file may take beside its limit: a parser process may have to be started for it."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class Clock:
    """The seconds that each file took in the stages that are measured, and the file that is at work."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.current = ""

    @contextmanager
    def on(self, source: str) -> Iterator[None]:
        """Add the time until the end of the block."""
        self.current, started = source, time.perf_counter()
        try:
            yield
        finally:
            self.seconds[source] += time.perf_counter() - started


class TimedLoader(FolderLoader):
    """The loader, with a clock."""

    clock: Clock

    def read(self, file: SourceFile) -> Document:
        """Read a file on the clock."""
        with self.clock.on(file.source):
            return super().read(file)


class TimedSplitter(RecursiveSplitter):
    """The splitter, with the same clock: what a parser gives must not hang this process either."""

    clock: Clock

    def split(self, document: Document) -> list[Chunk]:
        """Split a document on the clock."""
        with self.clock.on(document.source):
            return super().split(document)


class Hang(BaseException):
    """The bound is over. No handler of errors takes it for one."""


class Batches:
    """One index that is brought up to date with a folder, whose files are all replaced between two runs.

    :param make: returns the name and the bytes of the file with a number; None for those of `mutations`.
    """

    def __init__(self, place: Path, seed: int, make: Callable[[int], tuple[str, bytes]] | None = None) -> None:
        self._place, self._make = place, make or partial(mutated, seed=seed)
        self._clock = Clock()
        (place / "documents").mkdir()
        (place / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
        self._pipeline = Pipeline.from_file(place / "pipeline.yaml", kinds=[WORDS, ECHO])
        self._loader = TimedLoader(self._pipeline.components.roots, limits=LIMITS)
        spec: Any = self._pipeline.config.split
        splitter = TimedSplitter(spec, self._pipeline.components.embedder)
        self._loader.clock = splitter.clock = self._clock
        self._pipeline.components.replace(loader=self._loader, splitter=splitter)
        self.counts: Counter[str] = Counter()
        self.files = 0
        self.violations: list[str] = []
        self.slowest_seconds = 0.0

    def batch(self, first: int, end: int) -> None:
        """Index the files with these numbers twice, and look at everything that came of it."""
        topic = f"control {first}"
        files = self._write(first, end, topic)
        before = children()
        report = self._index(len(files))
        if report:
            self._examine(files, topic, report)
            self._compare(report, self._index(len(files)))
        self._loader.close()
        if left := children() - before:
            self._blame(f"files {first} to {end - 1}", f"child processes are left over: {sorted(left)}")

    def _index(self, files: int) -> IndexReport | None:
        """Run the pipeline, within the bound; return None where it raised, which it never should."""
        self._clock.seconds.clear()
        try:
            with bound(files * LIMITS.seconds + START_SECONDS):
                return self._pipeline.index(allow_empty=True)
        except (Exception, Hang) as error:
            self._blame(self._clock.current, f"index() raised {type(error).__name__}: {error}")
            return None
        finally:
            self.slowest_seconds = max([self.slowest_seconds, *self._clock.seconds.values()])

    def _write(self, first: int, end: int, topic: str) -> dict[str, bytes]:
        """Write mutated files, and sound ones that are read after them; return their bytes by name."""
        folder = self._place / "documents"
        shutil.rmtree(folder)
        folder.mkdir()
        files = dict(self._make(number) for number in range(first, end))
        files["sound.pdf"] = drawn_pdf(1, compress=False, topic=topic)
        files["sound.docx"], files["sound.html"] = made_docx(topic), made_html(topic)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return files

    def _examine(self, files: dict[str, bytes], topic: str, report: IndexReport) -> None:
        """Count what became of each file, and find what should not be; the sound files are about the topic."""
        statuses = {entry.source: entry for entry in report.statuses}
        total = sum(map(report.count, ("indexed", "unchanged", "rejected", "skipped")))
        outer = {source.partition("/")[0] for source in statuses}
        if not (len(report.statuses) == total == len(statuses) and outer == files.keys()):
            self._blame("statuses", f"{len(report.statuses)} statuses, {total} counted, {len(files)} files")
            self._blame("statuses", f"without one or unknown: {sorted(outer ^ files.keys())[:5]}")
        self.files += sum(not name.startswith("sound.") for name in files)
        with self._pipeline.open_index() as reader:
            sources = reader.sources()
            if sources.keys() != {entry.source for entry in report.statuses if entry.status == "indexed"}:
                self._blame("sources", "the index does not hold what the report says")
            for source, document_id in sources.items():
                for fault in faults(reader, document_id, topic if source.startswith("sound.") else ""):
                    self._blame(source, fault)
        for source, entry in statuses.items():
            self._examine_status(source, entry.status, entry.reason)

    def _examine_status(self, source: str, status: str, reason: str) -> None:
        if self._clock.seconds[source] > 2 * LIMITS.seconds + START_SECONDS:
            self._blame(source, f"took {self._clock.seconds[source]:.1f} s")
        if status == "rejected" and not (reason.strip() and reason.isprintable()):
            self._blame(source, f"its reason is not one line of text: {reason!r}")
        if source.startswith("sound."):
            if status != "indexed":
                self._blame(source, f"a sound file was {status}: {reason}")
            return
        self.counts[status] += 1

    def _compare(self, report: IndexReport, again: IndexReport | None) -> None:
        """Find what a second run over the same files took for something else; only time may differ."""
        before = {entry.source: entry for entry in report.statuses}
        for entry in again.statuses if again else ():
            expected = "unchanged" if before[entry.source].status == "indexed" else before[entry.source].status
            if entry.status != expected and not before[entry.source].reason.startswith("parser timeout"):
                self._blame(entry.source, f"was {before[entry.source].status}, then {entry.status}: {entry.reason}")

    def trial(self, name: str) -> Trial:
        """Return what came of all batches."""
        counts = ", ".join(f"{n:,} {status}" for status, n in sorted(self.counts.items()))
        notes = f"{counts}; slowest file {self.slowest_seconds:.1f} s, limit {LIMITS.seconds:g} s"
        return Trial(name, self.files, self.violations, notes)

    def _blame(self, where: str, what: str) -> None:
        self.violations.append(f"{where}: {what}"[:500].encode("unicode_escape").decode("ascii"))


def faults(reader: IndexReader, document_id: str, needed: str) -> Iterator[str]:
    """Yield the faults of a stored document; its text must contain `needed`."""
    document, chunks = reader.document(document_id), reader.chunks(document_id)
    if not chunks:
        yield "is indexed without a chunk"
    for chunk in chunks:
        if document.text[chunk.start : chunk.end] != chunk.text or document.page_of(chunk.start) != chunk.page:
            yield f"the span {chunk.start}:{chunk.end} of a chunk is not exact"
    for text in (document.text, document.title, *strings(dict(document.metadata))):
        if found := _NO_TEXT.search(text):
            yield f"{found.group()!r} in what is stored of it"
    starts = document.page_starts
    if list(starts) != sorted(set(starts)) or (starts and not 0 == starts[0] <= starts[-1] <= len(document.text)):
        yield "its pages do not follow one another"
    if needed not in document.text:
        yield "its text is not what was written"


def strings(value: Any) -> Iterator[str]:
    """Yield every string in plain JSON values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from strings(inner)


def children() -> set[int]:
    """Return the processes that this one has started and not collected; none where the system keeps no such list."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(process) for children in lists for process in children.read_text(encoding="ascii").split()}


@contextmanager
def bound(seconds: float) -> Iterator[None]:
    """Raise `Hang` in the block when the time is over. It works in the main thread only."""

    def ring(*_: object) -> None:
        raise Hang(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(folder: Path, count: int = 2000, seed: int = 0) -> Trial:
    """Index `count` mutated files, batch by batch."""
    folder.mkdir()
    batches = Batches(folder, seed)
    for first in range(0, count, BATCH):
        batches.batch(first, min(first + BATCH, count))
    return batches.trial("mutated PDF, DOCX and HTML files through `index`")
