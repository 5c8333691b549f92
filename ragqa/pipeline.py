"""The pipeline: the only room that knows all stages. It builds them from a file and hands records from one to the next.

Model libraries are imported here, inside the functions that first need them, and nowhere earlier.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragqa.config import Config, load_config
from ragqa.config.specs import CustomSpec
from ragqa.errors import IndexCorruptError, NothingUsableError, RejectedError
from ragqa.records import Answer, Document, FileStatus, Generation, Hit, Prompt, Scan, SourceFile

if TYPE_CHECKING:
    from ragqa.index import IndexReader, IndexWriter

BATCH_CHUNKS = 1024
"""How many chunks one commit of a long build holds: a crash costs at most these."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `index` would do: files to read (and why), files left alone, sources to remove."""

    read: tuple[tuple[SourceFile, str], ...]
    unchanged: tuple[SourceFile, ...]
    removed: tuple[str, ...]
    others: tuple[FileStatus, ...]


@dataclass(slots=True)
class IndexReport:
    """What `index` did. `statuses` has one entry for each file; the counts add up to `files`."""

    statuses: list[FileStatus] = field(default_factory=list)
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    embed_seconds: float = 0.0
    generation: int = 0

    def count(self, status: str) -> int:
        """Return how many files ended with a status."""
        return sum(entry.status == status for entry in self.statuses)


class Pipeline:
    """A pipeline file at work.

    pipeline = Pipeline.from_file("pipelines/quickstart.yaml")
    pipeline.index()
    print(pipeline.ask("Who runs the ferry?").text)
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @classmethod
    def from_file(cls, path: str | Path, overrides: Sequence[str] = ()) -> Pipeline:
        """Build a pipeline from a file; no model is loaded yet.

        :raises ConfigError: the file has mistakes; all of them are listed.
        """
        return cls(load_config(path, overrides))

    @cached_property
    def loader(self) -> Any:
        """The `load` stage."""
        from ragqa.load import FolderLoader

        spec = self.config.load
        if isinstance(spec, CustomSpec):
            return spec.build()
        paths = [spec.path] if isinstance(spec.path, str) else spec.path
        return FolderLoader(
            [Path(p) for p in paths], include=spec.include, exclude=spec.exclude, text_field=spec.text_field
        )

    @cached_property
    def splitter(self) -> Any:
        """The `split` stage."""
        from ragqa.split import Splitter

        spec = self.config.split
        return spec.build(counter=self.embedder) if isinstance(spec, CustomSpec) else Splitter(spec, self.embedder)

    @cached_property
    def embedder(self) -> Any:
        """The `embed` stage."""
        from ragqa.embed.encoder import EncoderEmbedder

        spec = self.config.embed
        return spec.build() if isinstance(spec, CustomSpec) else EncoderEmbedder(spec)

    @cached_property
    def retriever(self) -> Any:
        """The `retrieve` stage."""
        from ragqa.retrieve import Retriever

        spec = self.config.retrieve
        return spec.build(embedder=self.embedder) if isinstance(spec, CustomSpec) else Retriever(spec, self.embedder)

    @cached_property
    def generator(self) -> Any:
        """The `generate` stage."""
        from ragqa.generate.causal_lm import CausalLM

        spec = self.config.generate
        return spec.build() if isinstance(spec, CustomSpec) else CausalLM(spec)

    @cached_property
    def prompter(self) -> Any:
        """The `prompt` stage."""
        from ragqa.prompt import Prompter

        return Prompter(self.config.prompt, self.generator, self.config.generate.max_new_tokens)

    def plan(self) -> Plan:
        """Return what `index` would read and remove, and why; reads and writes nothing but hashes."""
        from ragqa.index import IndexReader

        scan = self.loader.scan()
        try:
            with IndexReader(Path(self.config.index.path), {}) as reader:
                known = reader.sources()
                extractors = {i: reader.document(i).extractor for i in set(known.values())}
        except NothingUsableError:
            known, extractors = {}, {}
        return self._plan(scan, known, extractors)

    def index(
        self, *, rebuild: bool = False, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> IndexReport:
        """Bring the index up to date with the folder; embeds only what was never embedded before.

        :param progress: called with files done and files to read.
        :raises NothingUsableError: no file could be used; an old index is kept as it is.
        """
        from ragqa.index import IndexWriter

        started = time.perf_counter()
        scan = self.loader.scan()
        if not scan.files:
            raise NothingUsableError(f"no documents found under {self.config.load.path} ({len(scan.others)} files)")
        identity = {**self.embedder.identity, "splitter": self.splitter.fingerprint}
        path = Path(self.config.index.path)
        with IndexWriter(path, identity, dim=self.embedder.dim, rebuild=rebuild) as writer:
            plan = self._plan(scan, writer.sources(), writer.extractors())
            report = IndexReport(statuses=[*plan.others, *(FileStatus(f.source, "unchanged") for f in plan.unchanged)])
            self._run(plan, writer, report, progress)
            report.generation, report.chunks = writer.generation, writer.chunks
        report.seconds = time.perf_counter() - started
        return report

    def search(self, question: str, k: int | None = None) -> list[Hit]:
        """Return the best hits for a question, `top_k` of them unless `k` is given."""
        with self.open_index() as reader:
            return self._retrieve(question, reader, k)

    def prompt(self, question: str) -> Prompt:
        """Return the exact prompt that `ask` would give to the generator."""
        prompt: Prompt = self.prompter.build(question, self.search(question))
        return prompt

    def ask(self, question: str) -> Answer:
        """Return an answer with its citations; see `stream` for the pieces as they are written."""
        answer = None
        for piece in self.stream(question):
            answer = piece
        assert isinstance(answer, Answer)
        return answer

    def stream(self, question: str) -> Iterator[str | Answer]:
        """Yield pieces of the answer's text as they are written and, last, the `Answer`."""
        from ragqa import explain

        clock = _Clock()
        with self.open_index() as reader:
            hits = tuple(self._retrieve(question, reader, None))
            clock.lap("retrieve_ms")
            if explain.no_evidence(question, hits, self.config.retrieve.min_score):
                yield Answer(question, "", (), hits, None, clock.ledger, reader.generation, True, "no_evidence")
                return
            prompt = self.prompter.build(question, hits)
            clock.lap("prompt_ms")
            generation = Generation("", 0, "stop")
            for piece in self.generator.stream(prompt):
                if isinstance(piece, Generation):
                    generation = piece
                else:
                    yield piece
            clock.lap("generate_ms")
            ledger = clock.ledger | {f"{part}_tokens": n for part, n in prompt.tokens.items()}
            ledger["answer_tokens"] = generation.n_tokens
            text = generation.text.strip()
            if explain.refused(text):
                yield Answer(
                    question,
                    "",
                    (),
                    hits,
                    prompt,
                    ledger,
                    reader.generation,
                    True,
                    "not_in_passages",
                    generation.finish,
                )
                return
            citations = explain.cite(question, text, prompt.passages)
            for citation, hit in ((c, h) for c in citations for h in hits if h.source == c.source):
                document = reader.document(hit.chunk.document_id)
                if document.text[citation.start : citation.end] != citation.text:
                    raise IndexCorruptError(
                        f"citation {citation.source}:{citation.start} does not stand in its document"
                    )
            yield Answer(question, text, citations, hits, prompt, ledger, reader.generation, finish=generation.finish)

    def ask_many(self, questions: Sequence[str]) -> list[Answer]:
        """Return the answers to several questions, in order."""
        return [self.ask(question) for question in questions]

    def open_index(self) -> IndexReader:
        """Open the latest generation for reading.

        :raises NothingUsableError: there is no index yet.
        """
        from ragqa.index import IndexReader

        path = Path(self.config.index.path)
        if not (path / "ragqa.db").exists():
            raise NothingUsableError(f"no index at {path}: run `ragqa index {self.config.file}`")
        return IndexReader(path, self.embedder.identity, locate=self._locate, where=self.config.retrieve.filter)

    def _locate(self, source: str) -> str:
        path = self.config.load.path
        root = (
            Path(path)
            if isinstance(path, str)
            else next((Path(p).parent for p in path if Path(p).name == source.split("/")[0]), Path(path[0]))
        )
        return str(root.parent / source if root.is_file() else root / source)

    def _retrieve(self, question: str, reader: IndexReader, k: int | None) -> list[Hit]:
        hits: list[Hit] = self.retriever.retrieve(question, reader, k)
        distance = self.config.retrieve.neighbours
        return [reader.neighbours(hit, distance) for hit in hits] if distance else hits

    def _plan(self, scan: Scan, known: dict[str, str], extractors: dict[str, str]) -> Plan:
        read: list[tuple[SourceFile, str]] = []
        unchanged: list[SourceFile] = []
        for file in scan.files:
            extractor = self.loader.extractor(file.media_type)
            if file.document_id not in extractors:
                read.append((file, "changed" if file.source in known else "new"))
            elif extractors[file.document_id] != extractor:
                read.append((file, f"extractor {extractors[file.document_id]} is now {extractor}"))
            elif known.get(file.source) != file.document_id:
                read.append((file, "renamed or copied: embeds nothing"))
            else:
                unchanged.append(file)
        present = {file.source for file in scan.files}
        removed = tuple(sorted(source for source in known if source not in present))
        return Plan(tuple(read), tuple(unchanged), removed, scan.others)

    def _run(self, plan: Plan, writer: IndexWriter, report: IndexReport, progress: Callable[[int, int], None]) -> None:
        documents: list[Document] = []
        sources: dict[str, str | None] = {}
        known = set(writer.extractors())
        waiting = 0
        for done, (file, reason) in enumerate(plan.read):
            progress(done, len(plan.read))
            try:
                if file.document_id not in known or reason.startswith("extractor"):
                    document = self.loader.read(file)
                    documents.append(document)
                    known.add(file.document_id)
                    waiting += len(document.text)
                sources[file.source] = file.document_id
                report.statuses.append(FileStatus(file.source, "indexed"))
            except RejectedError as error:
                report.statuses.append(FileStatus(file.source, "rejected", str(error)))
                sources[file.source] = None
            if waiting > BATCH_CHUNKS * 800:
                self._commit(documents, sources, writer, report)
                documents, sources, waiting = [], {}, 0
        sources |= dict.fromkeys(plan.removed)
        if sources:
            self._commit(documents, sources, writer, report)
        report.removed = len(plan.removed)
        progress(len(plan.read), len(plan.read))

    def _commit(
        self, documents: list[Document], sources: dict[str, str | None], writer: IndexWriter, report: IndexReport
    ) -> None:
        from ragqa.index import Entry

        split = [(document, self.splitter.split(document)) for document in documents]
        chunks = [chunk for _, own in split for chunk in own]
        vectors = writer.vectors(chunks)
        new = [i for i, vector in enumerate(vectors) if vector is None]
        started = time.perf_counter()
        embedded = self.embedder.embed_passages([chunks[i].indexed_text for i in new])
        report.embed_seconds += time.perf_counter() - started
        report.embedded += len(new)
        for i, vector in zip(new, embedded, strict=True):
            vectors[i] = vector
        rows = np.array(vectors, dtype=np.float32).reshape(len(chunks), self.embedder.dim)
        entries, first = [], 0
        for document, own in split:
            entries.append(Entry(document, own, rows[first : first + len(own)]))
            first += len(own)
        writer.commit(entries, sources)


class _Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.ledger: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.ledger[name] = round(1000 * (now - self._last), 1)
        self._last = now
