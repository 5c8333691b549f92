"""The pipeline: the only room that knows all stages. It hands records from one to the next."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa import arguments
from ragqa.arguments import AnyPath, path, texts, whole, wrong_type
from ragqa.config import Config, load_config
from ragqa.config.specs import FolderLoad
from ragqa.errors import ConfigError, NothingUsableError, UsageError
from ragqa.pipeline import given
from ragqa.pipeline.over import MemoryLoad, over
from ragqa.pipeline.parts import Parts
from ragqa.records import Answer, Chunk, Document, Hit, Prompt

if TYPE_CHECKING:
    from ragqa.config.base import Spec
    from ragqa.pipeline.check import Report
    from ragqa.pipeline.plan import Plan, Preview
    from ragqa.pipeline.refresh import IndexReport, Progress
    from ragqa.prompt import Turn
    from ragqa.stages import IndexReader

__all__ = ["Config", "Pipeline", "UsageError"]


class Pipeline(Parts):
    """A pipeline file at work. It is a `System`: anything that evaluates systems takes it.

    pipeline = Pipeline.from_file("pipelines/quickstart.yaml")
    pipeline.index()
    print(pipeline.ask("Who runs the ferry?").text)
    """

    @classmethod
    def from_file(
        cls, path: AnyPath, overrides: Sequence[str] = (), extra_specs: Sequence[type[Spec]] = ()
    ) -> Pipeline:
        """Build a pipeline from a file; no model is loaded yet.

        :param overrides: `section.key=value` each, as `--set` takes them.
        :param extra_specs: section classes of your own; see `load_config`.
        :raises ConfigError: the file has mistakes; all of them are listed.
        """
        file = given.file(path)
        try:
            return cls(load_config(file, overrides, extra_specs))
        except ConfigError:
            from ragqa.pipeline.check import check_file

            raise ConfigError(check_file(file, overrides, extra_specs).problems) from None

    @classmethod
    def from_folder(cls, folder: AnyPath, overrides: Sequence[str] = ()) -> Pipeline:
        """Build the quickstart pipeline for a folder or one document; its index is in the cache, never in the folder.

        :raises UsageError: there is no such folder, or it is a pipeline file.
        """
        from ragqa.pipeline.folder import default_file

        with default_file(folder, overrides) as (file, all_overrides):
            return cls.from_file(file, all_overrides)

    def with_documents(self, documents: Iterable[Document | str | tuple[str, str]]) -> Pipeline:
        """Return the same pipeline over documents in memory; see `with_folder`. Their sources are their paths.

        :param documents: strings, called `text-1`, `text-2` and so on by their place, pairs (name, text), or `Document`s.
        :raises UsageError: two documents have the same source, or something else than these is among them.
        :raises ModelError: the embedder's model is not here.
        """
        from ragqa.load import MemoryLoader

        own = given.documents(documents)
        loader = MemoryLoader(own)
        key = sorted((document.source, document.id) for document in own)
        pipeline = over(self, MemoryLoad(), key, self._identity)
        pipeline.loader = loader
        return pipeline

    def with_folder(self, folder: AnyPath, include: Sequence[str] = ()) -> Pipeline:
        """Return the same pipeline over another folder; parts that are built already are shared.

        `load` and `index.path` of the file are not used: the index is in the cache, by what is loaded, the embedder
        and the splitter. It is not built yet: `index` brings it up to date.

        :param include: globs of the files to read; all for none.
        :raises ModelError: the embedder's model is not here.
        """
        globs = texts(include, "include", "a list of globs such as ['*.md']")
        root = str(path(folder, "folder").resolve())
        return over(self, FolderLoad(kind="folder", path=root, include=globs), [root, *globs], self._identity)

    def check(self) -> Report:
        """Return what is wrong outside the file (paths, models), and the proof of the context budget; loads no model."""
        from ragqa.pipeline.check import check

        return check(self.config)

    def plan(self) -> Preview:
        """Return what `index` would read, embed and remove, and why. It reads and splits new files, and writes nothing.

        :raises ModelError: the index was built by another embedder or splitter.
        """
        from ragqa.pipeline.plan import preview

        if not self.has_index():
            return preview(self._plan(None), self.loader, self.splitter, None)
        with self._open(self._identity) as reader:
            return preview(self._plan(reader), self.loader, self.splitter, reader)

    def index(
        self,
        *,
        rebuild: bool = False,
        strict: bool = False,
        atomic: bool = False,
        allow_empty: bool = False,
        wait: float = 0.0,
        progress: Progress = lambda done, total: None,
    ) -> IndexReport:
        """Bring the index up to date with the folder; embeds only what was never embedded before.

        :param rebuild: index everything again; until that is done, the old index answers.
        :param strict: one rejected file ends the run, and nothing of it is kept.
        :param atomic: publish the whole run in one commit; otherwise an interruption keeps what was committed.
        :param allow_empty: remove documents that are gone even where they are more than half of those indexed, or all.
        :param wait: seconds to wait for another writer of the index.
        :param progress: called with the chunks done and those expected in all, first when embedding begins.
        :raises NothingUsableError: no file could be used; an old index is kept as it is.
        :raises DocumentsGoneError: more than half of the indexed documents are gone; none was removed.
        :raises RejectedError: a file was rejected, and `strict` was asked for.
        :raises ModelError: the index was built by another embedder or splitter.
        :raises LockedError: another process writes this index.
        """
        from ragqa.pipeline.refresh import Options, bring_up_to_date

        given.run(wait, progress)
        options = Options(rebuild, strict, atomic, allow_empty, wait, progress)
        return bring_up_to_date(self, self._identity, options)

    def search(self, question: str, k: int | None = None) -> list[Hit]:
        """Return the best hits for a question, `top_k` of them unless `k` is given.

        :raises NothingUsableError: there is no index yet.
        :raises UsageError: the question is empty or too long, or `k` is less than 1.
        """
        asked, depth = given.question(question), None if k is None else whole(k, "k")
        with self.open_index() as reader, self.turn.taken():
            return self._retrieve(asked, reader, depth)

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """Return up to k hits, best first; the `System` name of `search`."""
        return self.search(question, k)

    def prompt(self, question: str, passages: Sequence[Hit] | None = None) -> Prompt:
        """Return the exact prompt that `answer` would give to the generator."""
        asked, hits = given.question(question), given.passages(passages)
        with self.turn.taken():
            return self.prompter.build(asked, self.search(asked) if hits is None else hits)

    def score(self, prompt: Prompt, answer: str) -> list[float]:
        """Return the natural log-probability of each of an answer's tokens after a prompt.

        :raises UsageError: the generator does not tell.
        """
        text = given.prompt(prompt).text
        separator = "" if text[-1:].isspace() else " "
        pair = (text, separator + arguments.text(answer, "answer"))
        with self.turn.taken():
            return self.likelihood_model().log_likelihoods([pair])[0]

    def ask(self, question: str) -> Answer:
        """Return an answer with its citations; see `stream` for the pieces as they are written."""
        return self.answer(question)

    def answer(self, question: str, passages: Sequence[Hit] | None = None) -> Answer:
        """Return an answer from the passages given, or from those retrieved; the `System` name of `ask`."""
        *_, answer = self._stream(given.question(question), [], given.passages(passages), undisturbed=True)
        assert isinstance(answer, Answer)
        return answer

    def ask_many(self, questions: Iterable[str]) -> list[Answer]:
        """Return the answers to several questions, in order; `[]` for none.

        Where the file sets `generate.batch_size`, so many are written at once.

        :raises NothingUsableError: there is no index yet.
        :raises UsageError: a question is empty or too long; none is answered then.
        """
        from ragqa.pipeline import asking

        asked = given.questions(questions)
        if not asked:
            return []
        with self.open_index() as reader:
            return asking.answer_many(self, asked, partial(self._retrieve, reader=reader), reader)

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), passages: Sequence[Hit] | None = None
    ) -> Iterator[str | Answer]:
        """Yield pieces of the answer's text as they are written and, last, the `Answer`.

        :param history: earlier turns; the last question is searched along with this one.
        :param passages: answer from these instead of what is retrieved; from what the model knows for none.
        :raises UsageError: the question is empty or too long, or passages do not stand in the index.
        """
        return self._stream(given.question(question), given.history(history), given.passages(passages))

    async def aask(self, question: str) -> Answer:
        """Return an answer as `ask` does, while the event loop goes on; several may be awaited at once.

        A cancelled one has stopped, within a token, when the cancellation is raised.
        """
        async with aclosing(self.astream(question)) as pieces:
            async for piece in pieces:
                last = piece
        assert isinstance(last, Answer)
        return last

    def astream(
        self, question: str, *, history: Sequence[Turn] = (), passages: Sequence[Hit] | None = None
    ) -> AsyncGenerator[str | Answer, None]:
        """Yield what `stream` yields, while the event loop goes on; see there for parameters and errors.

        Whoever breaks off its iteration before the end closes it (`contextlib.aclosing`), which stops it within a token.
        """
        from ragqa.pipeline.aside import aside

        asked, turns, hits = given.question(question), given.history(history), given.passages(passages)
        return aside(partial(self._stream, asked, turns, hits, undisturbed=True))

    def _stream(
        self, question: str, history: Sequence[Turn], passages: Sequence[Hit] | None, *, undisturbed: bool = False
    ) -> Generator[str | Answer, None, None]:
        """Answer a question that can be asked.

        :param undisturbed: no other thread uses the generator meanwhile; the pieces must be taken without delay.
        """
        from ragqa.pipeline import asking

        with self.open_index() as reader, asking.undisturbed(self) if undisturbed else nullcontext():
            given.refuse_foreign(passages or (), reader)
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
        if isinstance(sources, str):
            raise wrong_type("sources", sources, "a list of sources")
        with self._open({}) as reader:
            ids = reader.sources()
            return {source: reader.document(id_) for source, id_ in ids.items() if sources is None or source in sources}

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the indexed chunks of a document, in order."""
        with self._open({}) as reader:
            return reader.chunks(arguments.text(document_id, "document_id"))

    def fingerprint(self, *, answers: bool = True) -> dict[str, Any]:
        """Return what answers depend on: settings, models by their hashes, and what is indexed. Paths are not part of it.

        :param answers: False for what retrieval depends on; the generator is then not needed, unless it helps retrieve.
        """
        from ragqa.pipeline.fingerprint import fingerprint

        with self._open({}) as reader:
            return fingerprint(self, self._identity, reader.sources(), answers=answers)

    def _open(self, identity: dict[str, str]) -> IndexReader:
        index = self.search_index
        try:
            return index.open(identity, where=self.config.retrieve.filter, locate=self.files.locate)
        except NothingUsableError as error:
            from ragqa import models

            # of documents that no pipeline file names
            in_cache = Path(index.location).is_relative_to(models.cache_dir())
            advice = "call index() on this pipeline" if in_cache else f"run `ragqa index {self.config.file}`"
            raise NothingUsableError(f"no index at {index.location}: {advice}") from error

    def has_index(self) -> bool:
        """Tell whether there is an index to open."""
        return self.search_index.exists()

    def _plan(self, reader: IndexReader | None) -> Plan:
        from ragqa.pipeline.plan import make_plan

        return make_plan(self.loader.scan(), reader, self.loader)

    def _retrieve(self, question: str, reader: IndexReader, k: int | None = None) -> list[Hit]:
        if self.config.retrieve.kind != "lexical":
            reader.check_embedder(self._canaries)
        return self.retriever.retrieve(question, reader, k)
