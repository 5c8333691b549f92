"""The pipeline: the only room that knows all stages. It hands records from one to the next."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragqa import forks
from ragqa.config import Config, load_config
from ragqa.config.specs import CustomSpec, FolderLoad
from ragqa.errors import NothingUsableError, UsageError
from ragqa.pipeline.parts import Parts
from ragqa.records import Answer, Chunk, Document, Hit, Prompt

if TYPE_CHECKING:
    from ragqa.config.base import Spec
    from ragqa.index import IndexReader
    from ragqa.index.reader import Catalogue
    from ragqa.pipeline.check import Report
    from ragqa.pipeline.refresh import IndexReport, Plan, Preview, Progress
    from ragqa.prompt import Turn
    from ragqa.stages import LikelihoodModel, Vectors

__all__ = ["Config", "Pipeline"]


class MemoryLoad(CustomSpec):
    """What stands for `load` where the documents are in memory; no file can choose it."""

    kind: Literal["memory"] = "memory"


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

    def with_documents(self, documents: Sequence[Document]) -> Pipeline:
        """Return the same pipeline over documents in memory; see `with_folder`. Their sources are their paths.

        :raises UsageError: two documents have the same source.
        :raises ModelError: the embedder's model is not here.
        """
        from ragqa.load import MemoryLoader

        loader = MemoryLoader(documents)
        pipeline = self._over(MemoryLoad(), sorted((document.source, document.id) for document in documents))
        pipeline.loader = loader
        return pipeline

    def with_folder(self, folder: Path, include: Sequence[str] = ()) -> Pipeline:
        """Return the same pipeline over another folder; parts that are built already are shared.

        `load` and `index.path` of the file are not used: the index is in the cache, by what is loaded, the embedder
        and the splitter. It is not built yet: `index` brings it up to date.

        :param include: globs of the files to read; all for none.
        :raises ModelError: the embedder's model is not here.
        """
        root = str(folder.expanduser().resolve())
        return self._over(FolderLoad(kind="folder", path=root, include=list(include)), [root, *include])

    def _over(self, load: Spec, key: object) -> Pipeline:
        """Return this pipeline with another `load`, and an index in the cache that belongs to a key."""
        from ragqa import models

        digest = hashlib.sha256(json.dumps([key, self._identity], sort_keys=True).encode()).hexdigest()
        path = models.cache_dir() / "datasets" / digest[:32]
        pipeline = copy.copy(self)  # with every part that is built
        vars(pipeline).pop("loader", None)
        pipeline.config = replace(
            self.config, load=load, index=self.config.index.model_copy(update={"path": str(path)})
        )
        pipeline._catalogue = None
        return pipeline

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

        forks.check()
        started = time.perf_counter()
        scan = self.loader.scan()
        if not scan.files:
            where = ", ".join(map(str, self.roots)) or self.config.load.kind
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

    def prompt(self, question: str, passages: Sequence[Hit] | None = None) -> Prompt:
        """Return the exact prompt that `answer` would give to the generator."""
        return self.prompter.build(question, self.search(question) if passages is None else passages)

    def score(self, prompt: Prompt, answer: str) -> list[float]:
        """Return the natural log-probability of each of an answer's tokens after a prompt.

        :raises UsageError: the generator does not tell.
        """
        separator = "" if prompt.text[-1:].isspace() else " "
        return self.likelihood_model().log_likelihoods([(prompt.text, separator + answer)])[0]

    def likelihood_model(self) -> LikelihoodModel:
        """Return the generator as what `score` asks.

        :raises UsageError: it does not tell.
        """
        from ragqa.stages import LikelihoodModel

        if not isinstance(self.generator, LikelihoodModel):
            raise UsageError(
                f"the likelihood of an answer needs generate of kind causal_lm, got {self.config.generate.kind}"
            )
        return self.generator

    def ask(self, question: str) -> Answer:
        """Return an answer with its citations; see `stream` for the pieces as they are written."""
        return self.answer(question)

    def answer(self, question: str, passages: Sequence[Hit] | None = None) -> Answer:
        """Return an answer from the passages given, or from those retrieved; the `System` name of `ask`."""
        *_, answer = self.stream(question, passages=passages)
        assert isinstance(answer, Answer)
        return answer

    def ask_many(self, questions: Sequence[str]) -> list[Answer]:
        """Return the answers to several questions, in order; `[]` for none.

        Where the file sets `generate.batch_size`, so many are written at once.

        :raises NothingUsableError: there is no index yet.
        :raises UsageError: a question is empty or too long; none is answered then.
        """
        from ragqa.pipeline import asking

        if not questions:
            return []
        with self.open_index() as reader:
            return asking.answer_many(self, questions, partial(self._retrieve, reader=reader), reader)

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), passages: Sequence[Hit] | None = None
    ) -> Iterator[str | Answer]:
        """Yield pieces of the answer's text as they are written and, last, the `Answer`.

        :param history: earlier turns; the last question is searched along with this one.
        :param passages: answer from these instead of what is retrieved; from what the model knows for none.
        :raises UsageError: the question is empty or too long.
        """
        from ragqa.pipeline import asking

        with self.open_index() as reader:
            retrieve = partial(self._retrieve, reader=reader)
            yield from asking.stream(self, asking.prepare(self, question, retrieve, history, passages), reader)

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

    def documents(self, sources: Collection[str] | None = None) -> dict[str, Document]:
        """Return the indexed documents by source, of these sources or all; those that are not indexed are missing."""
        with self._open({}) as reader:
            ids = reader.sources()
            return {source: reader.document(id_) for source, id_ in ids.items() if sources is None or source in sources}

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the indexed chunks of a document, in order."""
        with self._open({}) as reader:
            return reader.chunks(document_id)

    def fingerprint(self, *, answers: bool = True) -> dict[str, Any]:
        """Return what answers depend on: settings, models by their hashes, and what is indexed. Paths are not part of it.

        :param answers: False for what retrieval depends on; the generator is then not needed, unless it helps retrieve.
        """
        from ragqa.pipeline.settings import settings

        with self._open({}) as reader:
            indexed = json.dumps(sorted(reader.sources().items())).encode()
        spec: Any = self.config.retrieve
        rerank = getattr(spec, "rerank", None)
        writes = answers or getattr(spec, "rewrite", None) or (rerank and rerank.kind == "likelihood")
        return {
            "pipeline": settings(self.config),
            "models": {"embed": self._identity, "generate": getattr(self.generator, "identity", {}) if writes else {}},
            "documents": hashlib.sha256(indexed).hexdigest(),
        }

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
        """Return the absolute path of a source: with several roots, its first part names the root.

        Without any, the source is all that there is.
        """
        if not self.roots:
            return source
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
