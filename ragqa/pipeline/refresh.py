"""Bringing an index up to date: what has to be done, and doing it in commits small enough to lose."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from ragqa.errors import NothingUsableError, RejectedError
from ragqa.index import Entry, IndexWriter
from ragqa.records import Chunk, Document, FileStatus, Scan, SourceFile
from ragqa.stages import Embedder, Loader, Splitter

if TYPE_CHECKING:
    from ragqa.stages import Vectors

COMMIT_CHUNKS = 512
"""How many chunks one commit of a long run holds: an interruption costs at most these."""

EMBED_CHUNKS = 128
"""How many chunks are embedded between two reports of progress."""

LOOK_AHEAD = 4
"""How many files are read and split while others are embedded."""

Content = tuple[Document, list[Chunk]]

Progress = Callable[[int, int], None]
"""Called with the chunks done and the chunks expected in all (an estimate until the last file was read)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A file to take in, and why.

    `parse` is False where only its name is new: its content is known. `retry` is True where the same bytes were
    rejected in the last run.
    """

    file: SourceFile
    reason: str
    parse: bool = True
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: files to take in, files left alone, sources to remove, files of no use."""

    read: tuple[Reading, ...]
    unchanged: tuple[SourceFile, ...]
    removed: tuple[str, ...]
    others: tuple[FileStatus, ...]

    @property
    def changed(self) -> tuple[Reading, ...]:
        """Return the files that are new or changed since the last run; those that it rejected are neither."""
        return tuple(reading for reading in self.read if not reading.retry)

    @property
    def is_empty(self) -> bool:
        """Tell whether the folder is as the last run found it."""
        return not self.changed and not self.removed


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with its cost: the chunks of the files to read, and how many of them were never embedded before."""

    plan: Plan
    rejected: tuple[FileStatus, ...]
    chunks: int
    to_embed: int


@dataclass(slots=True)
class IndexReport:
    """What a run did. `statuses` has one entry for each file; the counts add up to the number of files.

    `recall` is the recall@10 of the search structure against an exact search; None where the search is exact.
    """

    statuses: list[FileStatus] = field(default_factory=list)
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    embed_seconds: float = 0.0
    generation: int = 0
    dropped_vectors: int = 0
    search: str = "flat"
    recall: float | None = None

    def count(self, status: str) -> int:
        """Return how many files ended with a status."""
        return sum(entry.status == status for entry in self.statuses)


class Indexed(Protocol):
    """What an index says of the files that it was built from."""

    def sources(self) -> Mapping[str, str]:
        """Return the document id of every source."""

    def extractors(self) -> Mapping[str, str]:
        """Return the extractor of every document by id."""

    def rejected(self) -> Mapping[str, tuple[str, str]]:
        """Return (document id, reason) by source of the files that the last run could not use."""


def make_plan(scan: Scan, indexed: Indexed | None, loader: Loader) -> Plan:
    """Compare a folder with an index, or with nothing where there is none yet."""
    known = indexed.sources() if indexed else {}
    extractors = indexed.extractors() if indexed else {}
    rejected = indexed.rejected() if indexed else {}
    read: list[Reading] = []
    unchanged: list[SourceFile] = []
    for file in scan.files:
        extractor = loader.extractor(file.media_type)
        before = extractors.get(file.document_id)
        failed, why = rejected.get(file.source, ("", ""))
        if failed == file.document_id:
            read.append(Reading(file, f"rejected by the last run: {why}", retry=True))
        elif before is None:
            read.append(Reading(file, "changed" if file.source in known else "new"))
        elif before != extractor:
            read.append(Reading(file, f"extractor {before} is now {extractor}"))
        elif known.get(file.source) != file.document_id:
            read.append(Reading(file, "another name for known content", parse=False))
        else:
            unchanged.append(file)
    present = {file.source for file in scan.files}
    removed = tuple(sorted(source for source in known if source not in present))
    return Plan(tuple(read), tuple(unchanged), removed, scan.others)


def preview(plan: Plan, loader: Loader, splitter: Splitter, has_vector: Callable[[Chunk], bool]) -> Preview:
    """Read and split what the plan would read, and count; nothing is embedded or written."""
    rejected: list[FileStatus] = []
    chunks: dict[str, Chunk] = {}
    parsed: set[str] = set()
    for reading in plan.read:
        if not reading.parse or reading.file.document_id in parsed:
            continue
        try:
            chunks |= {chunk.id: chunk for chunk in splitter.split(loader.read(reading.file))}
            parsed.add(reading.file.document_id)
        except RejectedError as error:
            rejected.append(FileStatus(reading.file.source, "rejected", str(error)))
    to_embed = {chunk.indexed_text for chunk in chunks.values() if not has_vector(chunk)}
    return Preview(plan, tuple(rejected), len(chunks), len(to_embed))


class Refresh:
    """One run over a plan: reads, splits, embeds what was never embedded, and commits."""

    def __init__(
        self,
        loader: Loader,
        splitter: Splitter,
        embedder: Embedder,
        writer: IndexWriter,
        progress: Progress,
        *,
        strict: bool = False,
        atomic: bool = False,
        search: str = "flat",
    ) -> None:
        self._loader = loader
        self._splitter = splitter
        self._embedder = embedder
        self._writer = writer
        self._progress = progress
        self._at_once = strict or atomic or writer.rebuilding
        self._search = search
        self._strict = strict
        self._parsed: set[str] = set()
        self._pending: list[Content] = []
        self._sources: dict[str, str | None] = {}
        self._report = IndexReport()
        self._checked = False
        self._read_chunks = self._done_chunks = self._read_bytes = self._all_bytes = 0

    def run(self, plan: Plan) -> IndexReport:
        """Do what the plan says. What was committed before an error or an interruption stays.

        :raises NothingUsableError: no file could be used; the index is as it was.
        :raises RejectedError: a file was rejected in a strict run, before anything was embedded; likewise.
        """
        report = self._report
        report.statuses += [*plan.others, *(FileStatus(file.source, "unchanged") for file in plan.unchanged)]
        self._all_bytes = sum(reading.file.size for reading in plan.read)
        # new names of known content first: a batch must not remove what a later one would have named
        for reading, outcome in ahead(self._read, sorted(plan.read, key=lambda reading: reading.parse), LOOK_AHEAD):
            self._take(reading, outcome)
            if not self._at_once and sum(len(chunks) for _, chunks in self._pending) >= COMMIT_CHUNKS:
                self._commit()
        self._refuse_nothing()
        if self._strict:
            self._refuse_rejected()
        self._sources |= dict.fromkeys(plan.removed)
        self._sources |= {entry.source: None for entry in report.statuses if entry.status == "rejected"}
        self._commit(self._rejected(plan))
        self._maintain()
        report.removed = len(plan.removed)
        report.generation, report.chunks = self._writer.generation, self._writer.chunks
        return report

    def _read(self, reading: Reading) -> Content | None:
        """Read and split a file; None where its content is known. Runs beside the rest, and changes nothing.

        :raises RejectedError: it cannot be used.
        """
        if not reading.parse or reading.file.document_id in self._parsed:
            return None
        document = self._loader.read(reading.file)  # as it is now, which may be newer than the plan
        return document, self._splitter.split(document)

    def _take(self, reading: Reading, outcome: Future[Content | None]) -> None:
        """Note what became of a file."""
        file = reading.file
        try:
            content = outcome.result()
        except RejectedError as error:
            self._report.statuses.append(FileStatus(file.source, "rejected", str(error)))
        else:
            self._sources[file.source] = content[0].id if content else file.document_id
            self._report.statuses.append(FileStatus(file.source, "indexed"))
            if content and content[0].id not in self._parsed:
                self._pending.append(content)
                self._read_chunks += len(content[1])
                self._parsed.add(content[0].id)
        self._read_bytes += file.size

    def _rejected(self, plan: Plan) -> dict[str, tuple[str, str]]:
        reasons = {entry.source: entry.reason for entry in self._report.statuses if entry.status == "rejected"}
        files = (reading.file for reading in plan.read if reading.file.source in reasons)
        return {file.source: (file.document_id, reasons[file.source]) for file in files}

    def _maintain(self) -> None:
        """Drop what is dead when it has piled up, and keep a search structure where one is due."""
        self._report.dropped_vectors, structure = self._writer.maintain(self._search)
        if structure is not None:
            self._report.search, self._report.recall = structure.kind, structure.recall

    def _refuse_nothing(self) -> None:
        report = self._report
        if report.count("indexed") + report.count("unchanged"):
            return
        raise NothingUsableError(
            f"none of {len(report.statuses)} files could be used: {self._reasons()}; index unchanged"
        )

    def _refuse_rejected(self) -> None:
        rejected = self._report.count("rejected")
        if rejected:
            what = f"{rejected} of {len(self._report.statuses)} files were rejected"
            raise RejectedError(f"{what}: {self._reasons()}; index unchanged, because the run is strict")

    def _reasons(self) -> str:
        """Return why files were rejected: the first five of them."""
        reasons = [f"{entry.source}: {entry.reason}" for entry in self._report.statuses if entry.status == "rejected"]
        return "; ".join(reasons[:5]) + ("; ..." if len(reasons) > 5 else "")

    def _commit(self, rejected: Mapping[str, tuple[str, str]] | None = None) -> None:
        """Publish what is pending; sources and rejected files that did not change cost nothing."""
        known = self._writer.sources()
        sources = {s: i for s, i in self._sources.items() if i is not None or s in known}
        if rejected == self._writer.rejected():
            rejected = None
        if self._pending or sources or rejected is not None:
            chunks = [chunk for _, own in self._pending for chunk in own]
            entries = [Entry(document, own) for document, own in self._pending]
            self._writer.commit(entries, self._embed_missing(chunks), sources, rejected)
        self._pending, self._sources = [], {}

    def _embed_missing(self, chunks: Sequence[Chunk]) -> dict[str, Vectors]:
        """Return float32[dim] by text for the texts that were never embedded before."""
        texts = self._writer.missing(chunks)
        expected = Counter(chunk.indexed_text for chunk in chunks)
        self._done_chunks += len(chunks) - sum(expected[text] for text in texts)
        vectors: dict[str, Vectors] = {}
        for first in range(0, len(texts), EMBED_CHUNKS):
            part = texts[first : first + EMBED_CHUNKS]
            vectors |= zip(part, self._embed(part), strict=True)
            self._done_chunks += sum(expected[text] for text in part)
            self._progress(self._done_chunks, self._expected_chunks())
        return vectors

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if not self._checked:
            self._embedder.load()
            self._writer.check_embedder(self._embedder.embed_passages)
            self._checked = True
        started = time.perf_counter()
        vectors = self._embedder.embed_passages(texts)
        self._report.embed_seconds += time.perf_counter() - started
        self._report.embedded += len(texts)
        return vectors

    def _expected_chunks(self) -> int:
        share = self._read_bytes / self._all_bytes if self._all_bytes else 1.0
        return max(self._done_chunks, round(self._read_chunks / share) if share else 0)


Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(work: Callable[[Item], Result], items: Iterable[Item], depth: int) -> Iterator[tuple[Item, Future[Result]]]:
    """Yield each item with its finished or coming result, in order; a thread works on up to `depth` items in advance."""
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ragqa-read")
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > depth:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # native code must not be left running when Python ends
