"""Brings an index up to date: reads new files, publishes their texts, then embeds them and publishes the vectors."""

from __future__ import annotations

import hashlib
import logging
import sys
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragqa.errors import DocumentsGoneError, NoTextError, NothingUsableError, RejectedError
from ragqa.pipeline.ingest import embedding, unknown
from ragqa.pipeline.ingest.embedding import Ahead, Embedding, Progress
from ragqa.pipeline.ingest.plan import Plan, PlannedFile, make_plan, why_nothing
from ragqa.pipeline.ingest.provenance import Refusal
from ragqa.pipeline.ingest.reading import Content, Estimate, Spent, prefetch, read_and_split
from ragqa.records import Coverage, FileStatus, SourceFile, unread
from ragqa.records.unread import Unread
from ragqa.stages import Entry

if TYPE_CHECKING:
    from ragqa.pipeline.assemble.components import Components
    from ragqa.stages import IndexWriter, Vectors

TEXT_CHUNKS = 16_384
"""The number of chunks whose texts are one commit in a long run. An interruption loses at most these."""

PREFETCH_BYTES = 64 << 20
"""The most memory of files that were read and split and wait to be committed, in bytes."""

_CHUNK_BYTES = 400
"""The approximate memory of a chunk besides its text, in bytes."""

_log = logging.getLogger("ragqa.index")


@dataclass(slots=True)
class IndexReport:
    """The result of a run. `statuses` has one entry for each file; the counts add up to the number of files.

    `recall` is the recall@10 of the search structure against exact search; None where the search is exact. `coverage`
    says how many texts have a vector. `seconds` is the time of the run. `read_seconds` (finding files and reading them,
    OCR included), `split_seconds` and `embed_seconds` are parts of it on the clock; as files are read while others are
    embedded, their sum may be more.
    """

    statuses: list[FileStatus] = field(default_factory=list, repr=False)
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    read_seconds: float = 0.0
    split_seconds: float = 0.0
    embed_seconds: float = 0.0
    generation: int = 0
    dropped_vectors: int = 0
    search: str = "flat"
    recall: float | None = None
    coverage: Coverage = field(default_factory=lambda: Coverage(0, 0))

    def count(self, status: str) -> int:
        """Return the number of files with a status."""
        return sum(entry.status == status for entry in self.statuses)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run; see `Pipeline.index`."""

    rebuild: bool = False
    strict: bool = False
    atomic: bool = False
    allow_empty: bool = False
    embed_later: bool = False
    wait: float = 0.0
    progress: Progress = lambda done, expected: None


def bring_up_to_date(components: Components, options: Options) -> IndexReport:
    """Index new files of a folder, and remove documents whose files are gone; see `Pipeline.index` for the errors."""
    started = time.perf_counter()
    spent, index = Spent(), components.index
    with spent.on_reading():
        scan = components.loader.scan()
    nothing = f"no documents found under {_where(components)}{why_nothing(scan)}"
    if not scan.files and not index.exists():
        raise NothingUsableError(nothing)
    recorded = components.embedder.recorded
    with index.write(components.identity, recorded=recorded, rebuild=options.rebuild, wait=options.wait) as writer:
        plan = make_plan(scan, writer, components.loader, components.splitter)
        if not scan.files and not options.allow_empty:
            gone = f"{nothing}; {plan.documents} of {plan.documents} indexed documents are gone"
            raise DocumentsGoneError(gone) if plan.documents else NothingUsableError(nothing)
        report = Refresh(components, writer, options, spent).run(plan)
    report.seconds = time.perf_counter() - started
    return report


def _where(components: Components) -> str:
    return ", ".join(map(str, components.roots)) or components.config.load.kind


class Refresh:
    """One run over a plan: reads and splits files, and commits their texts, then their vectors.

    While the next file is read, texts of the files before are embedded, unless all are to be embedded later or a
    rejected file would stop the run. A run with few texts to embed, and one that publishes at once, commits texts and
    vectors together.

    :param spent: the time that was spent on reading before, to which that of the run is added.
    """

    def __init__(self, components: Components, writer: IndexWriter, options: Options, spent: Spent) -> None:
        self._loader, self._splitter, self._embedder = components.loader, components.splitter, components.embedder
        self._embedding = Embedding(components.embedder, writer, options.progress)
        self._ahead = Ahead(self._embedding, lambda: self._estimate.chunks)
        self._embeds_ahead = not (options.strict or options.embed_later)
        self._spent = spent
        self._where = _where(components)
        self._writer = writer
        self._options = options
        self._at_once = options.strict or options.atomic or writer.rebuilding
        self._read_ids: set[str] = set()
        self._taken_ids: set[str] = set()
        self._without_text: set[str] = set()
        self._unread: dict[str, tuple[Unread, ...]] = {}
        self._waiting: list[Content] = []
        self._sources: dict[str, str | None] = {}
        self._unknown: dict[str, float] = {}
        self._report = IndexReport()

    def run(self, plan: Plan) -> IndexReport:
        """Carry out a plan. Commits before an error or an interruption are kept.

        :raises NothingUsableError: no file could be used; the index is as it was.
        :raises DocumentsGoneError: more than half of the indexed documents are gone; none was removed.
        :raises RejectedError: a file was rejected in a strict run, before anything was embedded; the index is as it
            was.
        """
        # 1. Refuse a plan that would remove most documents, before anything is read.
        report = self._report
        report.statuses += [*plan.others, *(FileStatus(file.source, "unchanged") for file in plan.unchanged)]
        self._refuse_gone(plan)
        self._estimate = Estimate(planned.file for planned in plan.read if planned.parse)
        if outdated := sum(planned.outdated for planned in plan.read):
            _log.warning(
                f"{outdated:,} documents were indexed by another version: they are read again, and texts that stay the same are not embedded again"
            )
        # 2. Read, and commit texts in parts. New names of known content first, so that no commit removes a document
        # whose new name comes in a later one. Then in the order of hashes, which is random: the files read so far are a fair sample for the estimate.
        # The files inside one other file come one after another, so that it is opened once.
        order = sorted(plan.read, key=lambda planned: (planned.parse, _group(planned.file), planned.file.member))
        for planned, outcome in prefetch(self._read, order, _memory, PREFETCH_BYTES):
            self._embed_until(outcome)
            self._take(planned, outcome)
            self._options.progress(self._embedding.embedded, max(self._estimate.chunks, self._embedding.embedded))
            if not self._at_once and sum(len(chunks) for _, chunks in self._waiting) >= TEXT_CHUNKS:
                self._commit()
        # 3. Check the outcome before the last commit, which removes sources.
        report.statuses.sort(key=lambda entry: entry.source)
        self._refuse_nothing()
        if self._options.strict:
            self._refuse_rejected()
        self._refuse_gone(plan)
        if self._unknown:
            _log.warning(unknown.warning(self._embedder, self._unknown))
        # 4. Remove the sources that are gone or rejected, commit the rest, embed, and do maintenance.
        self._sources |= dict.fromkeys(plan.removed)
        self._sources |= dict.fromkeys(self._rejected_sources)
        self._finish(self._rejected(plan))
        self._maintain()
        report.removed = len(plan.removed)
        report.embedded, report.embed_seconds = self._embedding.embedded, self._embedding.seconds
        report.read_seconds, report.split_seconds = self._spent.reading, self._spent.splitting
        report.generation, report.chunks = self._writer.generation, self._writer.chunk_count
        report.coverage = self._writer.coverage()
        return report

    def _read(self, planned: PlannedFile) -> Content | None:
        """Read and split a file; return None where its content is known. This runs in the reading thread.

        :raises RejectedError: the file cannot be used.
        """
        if planned.refused:
            raise NoTextError(planned.refused)
        if not planned.parse or planned.file.document_id in self._read_ids:
            return None
        try:
            # This reads the file as it is now, which may be newer than the plan.
            document, chunks = read_and_split(self._loader, self._splitter, planned.file, self._spent)
        except RejectedError:
            self._estimate.learn(planned.file, 0)
            raise
        self._estimate.learn(planned.file, len(chunks))
        if share := unknown.unknown_share(self._embedder, chunks):
            self._unknown[planned.file.source] = share
        self._read_ids.add(document.id)
        return document, chunks

    def _embed_until(self, outcome: Future[Content | None]) -> None:
        """Embed texts of the files that were read, and commit them with their vectors, until the next file is read."""
        while not outcome.done() and self._ahead.step():
            if not self._at_once and len(self._ahead.vectors) >= embedding.COMMIT_CHUNKS:
                self._commit()

    def _take(self, planned: PlannedFile, outcome: Future[Content | None]) -> None:
        """Record the status of a file, its source, and its content where that is new."""
        file = planned.file
        try:
            content = outcome.result()
        except RejectedError as error:
            self._report.statuses.append(FileStatus(file.source, "rejected", str(error)))
            if isinstance(error, NoTextError):
                self._without_text.add(file.source)
            return
        id_ = self._sources[file.source] = content[0].id if content else file.document_id
        if content:
            document = content[0]
            facts = unread(document.media_type, document.metadata, len(document.page_starts))
            self._unread[id_] = tuple(facts)
        self._report.statuses.append(FileStatus(file.source, "indexed", unread=self._unread.get(id_, ())))
        if content and id_ not in self._taken_ids:
            self._waiting.append(content)
            self._taken_ids.add(id_)
            if self._embeds_ahead:
                self._ahead.add(self._writer.missing(content[1]))

    @property
    def _rejected_sources(self) -> dict[str, str]:
        """The reason for each source that was rejected."""
        return {entry.source: entry.reason for entry in self._report.statuses if entry.status == "rejected"}

    def _rejected(self, plan: Plan) -> dict[str, tuple[str, str]]:
        """Return what the index keeps of the files that were read and cannot be used."""
        reasons, noted = self._rejected_sources, {}
        for file in (planned.file for planned in plan.read if planned.file.source in reasons):
            reader, final = self._loader.extractor(file.media_type), file.source in self._without_text
            noted[file.source] = Refusal(file.document_id, reader, reasons[file.source], final).noted()
        return noted

    def _maintain(self) -> None:
        """Let the writer drop unused vectors and update its search structure where that is due; record the result."""
        report, done = self._report, self._writer.maintain()
        report.dropped_vectors, report.search, report.recall = done.dropped_vectors, done.search, done.recall

    def _refuse_gone(self, plan: Plan) -> None:
        """Raise an error where most of the indexed documents would be removed, unless that is allowed."""
        reasons = self._rejected_sources
        if self._options.allow_empty or not plan.empties(reasons):
            return
        unusable = f" ({len(reasons)} files cannot be used: {self._reasons()})" if reasons else ""
        raise DocumentsGoneError(
            f"{plan.gone(reasons)} of {plan.documents} indexed documents are gone from {self._where}{unusable}"
        )

    def _refuse_nothing(self) -> None:
        report = self._report
        may_be_empty = self._options.allow_empty and self._writer.generation > 0
        if may_be_empty or report.count("indexed") + report.count("unchanged"):
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
        """Return the reasons of the first five rejected files."""
        reasons = [f"{source}: {reason}" for source, reason in self._rejected_sources.items()]
        return "; ".join(reasons[:5]) + ("; ..." if len(reasons) > 5 else "")

    def _finish(self, rejected: Mapping[str, tuple[str, str]]) -> None:
        """Commit the rest, and embed what has no vector: few texts in the same commit, many after it."""
        lacking = self._writer.missing([chunk for _, own in self._waiting for chunk in own])
        missing = [text for text in lacking if text not in self._ahead.vectors]
        ahead = len(self._ahead.vectors.keys() - set(lacking))  # of texts that were committed before
        left = len(missing) + self._writer.coverage().pending - ahead
        expected, few = self._embedding.embedded + left, left <= embedding.COMMIT_CHUNKS
        self._commit(rejected, self._embedding.vectors(missing, expected) if few or self._at_once else {})
        if few or not self._options.embed_later:
            self._embedding.finish()

    def _commit(
        self, rejected: Mapping[str, tuple[str, str]] | None = None, vectors: Mapping[str, Vectors] | None = None
    ) -> None:
        """Commit the documents and sources that wait for it, with the vectors that were made ahead, if there is any change.

        :param vectors: float32[dim] by text; texts without one stay pending.
        """
        known = self._writer.sources()
        sources = {s: i for s, i in self._sources.items() if i is not None or s in known}
        if rejected == self._writer.rejected():
            rejected = None
        vectors = {**self._ahead.take(), **(vectors or {})}
        if self._waiting or vectors or sources or rejected is not None or self._writer.rebuilding:
            entries = [Entry(document, own) for document, own in self._waiting]
            self._writer.commit(entries, vectors, sources, rejected)
        self._waiting, self._sources = [], {}


def _group(file: SourceFile) -> str:
    """Return a hash: of the content of a file on its own, of the path for all files inside one other file."""
    return hashlib.sha256(file.path.encode("utf-8", "surrogateescape")).hexdigest() if file.member else file.sha256


def _memory(content: Content | None) -> int:
    """Return the approximate memory of a document and its chunks, in bytes."""
    if content is None:
        return 0
    document, chunks = content
    texts = sum(sys.getsizeof(chunk.text) + _CHUNK_BYTES for chunk in chunks)
    return sys.getsizeof(document.text) + texts
