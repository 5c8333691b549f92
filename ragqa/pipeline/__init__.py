"""The pipeline: the only room that knows all stages. It hands records from one to the next."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.config import Config, load_config
from ragqa.errors import NothingUsableError, UsageError
from ragqa.pipeline.parts import Parts
from ragqa.records import Answer, Generation, Hit, Prompt

if TYPE_CHECKING:
    from ragqa.config.specs import Spec
    from ragqa.index import IndexReader
    from ragqa.index.reader import Catalogue
    from ragqa.pipeline.check import Report
    from ragqa.pipeline.refresh import IndexReport, Plan, Preview, Progress
    from ragqa.prompt import Turn
    from ragqa.stages import Vectors

__all__ = ["Config", "Pipeline"]


class Pipeline(Parts):
    """A pipeline file at work. It is a `System`: anything that evaluates systems takes it.

    pipeline = Pipeline.from_file("pipelines/quickstart.yaml")
    pipeline.index()
    print(pipeline.ask("Who runs the ferry?").text)
    """

    _catalogue: Catalogue | None = None

    @classmethod
    def from_file(
        cls, path: str | Path, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()
    ) -> Pipeline:
        """Build a pipeline from a file; no model is loaded yet.

        :param overrides: `section.key=value` each, as `--set` takes them.
        :param extra_specs: section classes of your own; see `load_config`.
        :raises ConfigError: the file has mistakes; all of them are listed.
        """
        return cls(load_config(path, overrides, extra_specs))

    @classmethod
    def from_folder(cls, folder: str | Path, overrides: Sequence[str] = ()) -> Pipeline:
        """Build the quickstart pipeline for a folder, its index kept in the cache, never in the folder.

        :raises UsageError: there is no such folder.
        """
        from ragqa import models

        root = Path(folder).expanduser().resolve()
        if not root.exists():
            raise UsageError(f"folder not found: {root}")
        index = models.cache_dir() / "folders" / hashlib.sha256(str(root).encode()).hexdigest()[:32]
        paths = (f"load.path={json.dumps(str(root))}", f"index.path={json.dumps(str(index))}")
        with as_file(files("ragqa.config") / "quickstart.yaml") as file:
            return cls.from_file(file, (*paths, *overrides))

    def check(self) -> Report:
        """Return what is wrong outside the file (paths, models), and the proof of the context budget; loads no model."""
        from ragqa.pipeline.check import check

        return check(self.config)

    def plan(self) -> Preview:
        """Return what `index` would read, embed and remove, and why. It reads and splits new files, and writes nothing.

        :raises ModelError: the index was built by another embedder or splitter.
        """
        from ragqa.pipeline.refresh import preview

        if not self.has_index():
            return preview(self._plan(None), self.loader, self.splitter, lambda chunk: False)
        with self._open(self._identity) as reader:
            return preview(self._plan(reader), self.loader, self.splitter, reader.has_vector)

    def index(
        self,
        *,
        rebuild: bool = False,
        strict: bool = False,
        atomic: bool = False,
        wait: float = 0.0,
        progress: Progress = lambda done, total: None,
    ) -> IndexReport:
        """Bring the index up to date with the folder; embeds only what was never embedded before.

        :param rebuild: index everything again; until that is done, the old index answers.
        :param strict: one rejected file ends the run, and nothing of it is kept.
        :param atomic: publish the whole run in one commit; otherwise an interruption keeps what was committed.
        :param wait: seconds to wait for another writer of the index.
        :raises NothingUsableError: no file could be used; an old index is kept as it is.
        :raises RejectedError: a file was rejected, and `strict` was asked for.
        :raises ModelError: the index was built by another embedder or splitter.
        :raises LockedError: another process writes this index.
        """
        from ragqa.index import IndexWriter
        from ragqa.pipeline.refresh import Refresh, make_plan

        started = time.perf_counter()
        scan = self.loader.scan()
        if not scan.files:
            where = ", ".join(map(str, self.roots))
            raise NothingUsableError(f"no documents found under {where} ({len(scan.others)} files, none usable)")
        path = Path(self.config.index.path)
        recorded = self.embedder.recorded
        with IndexWriter(path, self._identity, rebuild=rebuild, wait=wait, recorded=recorded) as writer:
            refresh = Refresh(
                self.loader, self.splitter, self.embedder, writer, progress,
                strict=strict, atomic=atomic, search=self.config.index.search,
            )  # fmt: skip
            report = refresh.run(make_plan(scan, writer, self.loader))
        report.seconds = time.perf_counter() - started
        return report

    def search(self, question: str, k: int | None = None) -> list[Hit]:
        """Return the best hits for a question, `top_k` of them unless `k` is given.

        :raises NothingUsableError: there is no index yet.
        :raises UsageError: the question is empty or too long.
        """
        with self.open_index() as reader:
            return self._retrieve(question, reader, k)

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """Return up to k hits, best first; the `System` name of `search`."""
        return self.search(question, k)

    def prompt(self, question: str) -> Prompt:
        """Return the exact prompt that `ask` would give to the generator."""
        return self.prompter.build(question, self.search(question))

    def ask(self, question: str) -> Answer:
        """Return an answer with its citations; see `stream` for the pieces as they are written."""
        return self.answer(question)

    def answer(self, question: str, passages: Sequence[Hit] | None = None) -> Answer:
        """Return an answer from the passages given, or from those retrieved; the `System` name of `ask`."""
        *_, answer = self.stream(question, passages=passages)
        assert isinstance(answer, Answer)
        return answer

    def ask_many(self, questions: Sequence[str]) -> list[Answer]:
        """Return the answers to several questions, in order; `[]` for none."""
        return [self.ask(question) for question in questions]

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), passages: Sequence[Hit] | None = None
    ) -> Iterator[str | Answer]:
        """Yield pieces of the answer's text as they are written and, last, the `Answer`.

        :param history: earlier turns; the last question is searched along with this one.
        :param passages: answer from these instead of what is retrieved.
        """
        from ragqa import explain

        clock = _Clock()
        with self.open_index() as reader:
            searched = f"{history[-1][0]}\n{question}" if history else question
            hits = tuple(self._retrieve(searched, reader) if passages is None else passages)
            clock.lap("retrieve_ms")
            if explain.no_evidence(searched, hits, self.config.retrieve.min_score):
                yield _abstained(question, "no_evidence", hits, None, clock.ledger, reader.generation)
                return
            prompt = self.prompter.build(question, hits, history)
            clock.lap("prompt_ms")
            generation = yield from self._generate(prompt)
            clock.lap("generate_ms")
            ledger = clock.ledger | {f"{part}_tokens": n for part, n in prompt.tokens.items()}
            ledger["answer_tokens"] = generation.n_tokens
            text = generation.text.strip()
            if explain.refused(text):
                reason = "deadline" if generation.finish == "deadline" else "not_in_passages"
                yield _abstained(question, reason, hits, prompt, ledger, reader.generation, generation.finish)
                return
            citations = explain.cite(question, text, prompt.passages, reader.document)
            yield Answer(question, text, citations, hits, prompt, ledger, reader.generation, finish=generation.finish)

    def open_index(self) -> IndexReader:
        """Open the latest generation for reading; close it after use (it is a context manager).

        :raises NothingUsableError: there is no index yet.
        :raises ModelError: the index was built by another embedder.
        """
        return self._open(self._identity)

    def changes(self) -> Plan:
        """Return how the folder differs from the index; reads hashes only, and loads no model.

        :raises NothingUsableError: there is no index yet.
        """
        with self._open({}) as reader:
            return self._plan(reader)

    @property
    def _identity(self) -> dict[str, str]:
        return {**self.embedder.identity, "dim": str(self.embedder.dim), "splitter": self.splitter.fingerprint}

    def _open(self, identity: dict[str, str]) -> IndexReader:
        from ragqa.index import IndexReader

        path, where = Path(self.config.index.path), self.config.retrieve.filter
        try:
            reader = IndexReader(path, identity, locate=self._locate, where=where, catalogue=self._catalogue)
        except NothingUsableError as error:
            raise NothingUsableError(f"no index at {path}: run `ragqa index {self.config.file}`") from error
        self._catalogue = reader.catalogue
        return reader

    def has_index(self) -> bool:
        """Tell whether there is an index to open."""
        from ragqa.index import exists

        return exists(Path(self.config.index.path))

    def _plan(self, reader: IndexReader | None) -> Plan:
        from ragqa.pipeline.refresh import make_plan

        return make_plan(self.loader.scan(), reader, self.loader)

    def _locate(self, source: str) -> str:
        """Return the absolute path of a source: with several roots, its first part names the root."""
        if len(self.roots) == 1:
            root = self.roots[0]
            return str(root if root.is_file() else root / source)
        root = next((r for r in self.roots if r.name == source.split("/")[0]), self.roots[0])
        return str(root.parent / source)

    @cached_property
    def _canaries(self) -> Vectors:
        from ragqa.index import CANARIES

        return self.embedder.embed_passages(CANARIES)

    def _retrieve(self, question: str, reader: IndexReader, k: int | None = None) -> list[Hit]:
        from ragqa.retrieve import check_question

        check_question(question)
        if self.config.retrieve.kind != "lexical":
            reader.check_embedder(self._canaries)
        return self.retriever.retrieve(question, reader, k)

    def _generate(self, prompt: Prompt) -> Generator[str, None, Generation]:
        """Yield the pieces; return the `Generation`."""
        for piece in self.generator.stream(prompt):
            if isinstance(piece, Generation):
                return piece
            yield piece
        raise AssertionError("a generator must end with its Generation")


class _Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.ledger: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.ledger[name] = round(1000 * (now - self._last), 1)
        self._last = now


def _abstained(
    question: str,
    reason: str,
    hits: tuple[Hit, ...],
    prompt: Prompt | None,
    ledger: dict[str, float],
    generation: int,
    finish: str = "",
) -> Answer:
    return Answer(question, "", (), hits, prompt, ledger, generation, abstained=True, reason=reason, finish=finish)
