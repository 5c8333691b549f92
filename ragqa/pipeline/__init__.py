"""The pipeline: the only room that imports all stages. It passes records from one stage to the next.

    assemble/   a pipeline file -> its parts, and the checks of them before they run
    ingest/     documents -> the index
    answer/     a question -> an answer
    catalogue/  a question about the documents themselves -> an answer by code; summaries

`Pipeline` is the entry point: it checks the arguments of callers once, and passes them on.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any

from ragqa import arguments
from ragqa.arguments import AnyPath, path, texts, whole
from ragqa.config import Config, Kind
from ragqa.config.kinds import checked_kinds
from ragqa.errors import ConfigError, RagqaError, UsageError
from ragqa.kinds import load_config
from ragqa.pipeline import given
from ragqa.pipeline.assemble.components import Components
from ragqa.pipeline.over_index import OverIndex
from ragqa.records import Answer, Coverage, Document, Hit, Prompt
from ragqa.stopping import limited

if TYPE_CHECKING:
    from threading import Event as StopEvent

    from ragqa.pipeline.answer.asking import Asking, Event
    from ragqa.pipeline.assemble.check import CheckReport
    from ragqa.pipeline.ingest.embedding import Progress
    from ragqa.pipeline.ingest.plan import Preview
    from ragqa.pipeline.ingest.refresh import IndexReport
    from ragqa.prompt import Turn
    from ragqa.stages import IndexReader

__all__ = ["Config", "Pipeline", "UsageError"]


class Pipeline(OverIndex):
    """The stages of a pipeline file, ready to index and to answer. It is a `System`, so it can be evaluated.

    pipeline = Pipeline.from_file("pipelines/quickstart.yaml")
    pipeline.index()
    pipeline.ask("Who is the master of MV Tern?")  # a fact
    pipeline.ask("How do I become a member of the cooperative?")  # how
    pipeline.ask("What are the tasks of the Lantern Room?")  # a list
    pipeline.ask("When does the ferry to Iceland leave?")  # no document says, so `abstained` is True

    `components` holds the parts, which may be replaced. Without an index, `NothingUsableError` is raised.
    """

    @classmethod
    def from_file(cls, path: AnyPath, overrides: Sequence[str] = (), kinds: Iterable[Kind[Any]] = ()) -> Pipeline:
        """Build a pipeline from a file; no model is loaded yet.

        :param overrides: `section.key=value` each, as `--set` takes them.
        :param kinds: your own kinds, which the file may name besides the built-in ones.
        :raises ConfigError: the file has mistakes; all of them are listed.
        """
        file, own_kinds = given.file(path), checked_kinds(kinds)
        try:
            return cls(load_config(file, overrides, own_kinds))
        except ConfigError:
            from ragqa.pipeline.assemble.check import check_file

            raise ConfigError(check_file(file, overrides, own_kinds).problems) from None

    @classmethod
    def from_folder(cls, folder: AnyPath, overrides: Sequence[str] = (), profile: str | None = None) -> Pipeline:
        """Build the pipeline of a profile for a folder or one document; its index is in the cache, not in the folder.

        :param profile: `small`, `better`, `endpoint`, the path of a pipeline file that serves as one, or `auto`; None
            for the setting `profile`. `ragqa.profiles.choose(profile)` tells which one is taken, and why.
        :raises UsageError: there is no such folder, it is a pipeline file, or there is no such profile.
        """
        from ragqa.pipeline.assemble.folder import default_file

        return cls.from_file(*default_file(folder, overrides, profile))

    def with_documents(self, documents: Iterable[Document | str | tuple[str, str]]) -> Pipeline:
        """Return the same pipeline over documents in memory; see `with_folder`. Their sources are their paths.

        :param documents: strings (called `text-1`, `text-2` and so on), pairs (name, text), or `Document`s.
        :raises UsageError: two documents have the same source, or something else is among them.
        :raises ModelError: the embedder's model is not here.
        """
        from ragqa.pipeline.assemble.over import over_documents

        return self._with(over_documents(self.components, given.documents(documents)))

    def with_folder(self, folder: AnyPath, include: Sequence[str] = ()) -> Pipeline:
        """Return the same pipeline over another folder; both share the parts that are already built.

        The index is in the cache, under a key of the folder, the embedder and the splitter. It is not built yet.

        :param include: globs of the files to read; an empty list reads all.
        :raises ModelError: the embedder's model is not here.
        """
        from ragqa.pipeline.assemble.over import over_folder

        globs = texts(include, "include", "a list of globs such as ['*.md']")
        return self._with(over_folder(self.components, path(folder, "folder").resolve(), globs))

    @classmethod
    def _with(cls, components: Components) -> Pipeline:
        pipeline = cls.__new__(cls)
        pipeline._over(components)
        return pipeline

    def check(self) -> CheckReport:
        """Return faults outside the file (paths, models) and the proof of the context budget. This loads no model."""
        from ragqa.pipeline.assemble.check import check

        return check(self.config)

    def plan(self) -> Preview:
        """Return the plan of the next `index`, with its cost. New files are read and split; nothing is written.

        :raises ModelError: the index was built by another embedder or splitter.
        """
        from ragqa.pipeline.ingest.plan import preview

        with self.open_index() if self.has_index() else nullcontext() as reader:
            return preview(self.components, reader)

    def index(
        self,
        *,
        rebuild: bool = False,
        strict: bool = False,
        atomic: bool = False,
        allow_empty: bool = False,
        embed_later: bool = False,
        wait: float = 0.0,
        progress: Progress = lambda done, total: None,
    ) -> IndexReport:
        """Bring the index up to date with the folder. Only texts that have no vector are embedded. A long run publishes
        texts first: from then on, questions find passages by their words (`Answer.coverage`).

        :param rebuild: index everything again; until that is done, questions are answered from the old index.
        :param strict: raise an error where a file is rejected, and commit nothing.
        :param atomic: publish the whole run in one commit; otherwise an interruption keeps the commits before it.
        :param allow_empty: remove documents that no longer exist, even where they are most or all of those indexed.
        :param embed_later: leave the vectors of a long run to `embed_pending` or to the next run.
        :param wait: seconds to wait for another writer of the index.
        :param progress: called with the chunks done and expected.
        :raises NothingUsableError: no file could be used; an old index is not changed.
        :raises DocumentsGoneError: more than half of the indexed documents no longer exist; none was removed.
        :raises RejectedError: a file was rejected, and `strict` is True.
        :raises ModelError: the index was built by another embedder or splitter.
        :raises LockedError: another process writes this index.
        """
        from ragqa.pipeline.ingest.refresh import Options, bring_up_to_date

        given.run(wait, progress)
        options = Options(rebuild, strict, atomic, allow_empty, embed_later, wait, progress)
        with self._refreshed_after():
            return bring_up_to_date(self.components, options)

    def watch(self, stop: StopEvent | None = None, **options: Any) -> Iterator[IndexReport | RagqaError]:
        """Index now and after each change in the folder, until `stop` is set; see `ragqa.pipeline.ingest.watch.watch`."""
        from ragqa.pipeline.ingest.watch import watch

        return watch(self, stop, **options)

    def embed_pending(
        self, seconds: float = math.inf, *, wait: float = 0.0, progress: Progress = lambda done, total: None
    ) -> Coverage:
        """Embed texts without a vector, beginning no batch after so many seconds; an interruption keeps those before it."""
        from ragqa.pipeline.ingest.embedding import embed_pending

        given.run(wait, progress)
        with self._refreshed_after():
            return embed_pending(self.components, seconds=seconds, wait=wait, progress=progress)

    def search(
        self,
        question: str,
        k: int | None = None,
        *,
        history: Sequence[Turn] = (),
        where: Mapping[str, Any] | None = None,
    ) -> list[Hit]:
        """Return the best hits for a question, `top_k` of them unless `k` is given.

        :param history: earlier turns; where the question does not stand alone, words of the last one are searched too.
        :param where: find only documents with these values, as in `retrieve.filter`, which holds too.
        :raises UsageError: the question is empty or too long, `k` is less than 1, or no document has the values of `where`.
        """
        from ragqa.pipeline.answer.retrieving import retrieve

        asked, depth, wanted = given.asked(question, history), None if k is None else whole(k, "k"), given.where(where)
        with self.open_index() as reader, self.components.lock.held():
            return retrieve(self.components, reader.within(wanted) if wanted else reader, asked, depth)

    def search_many(
        self, questions: Sequence[str], k: int | None = None, *, where: Mapping[str, Any] | None = None
    ) -> list[list[Hit]]:
        """Return for each question what `search` returns for it. They are embedded together, and compared with the vectors
        of the index in one pass, which takes less time than one by one.

        :raises UsageError: as `search`, and no question is searched then.
        """
        from ragqa.pipeline.answer.retrieving import retrieve_many

        asked, depth = [given.asked(text) for text in given.questions(questions)], None if k is None else whole(k, "k")
        wanted = given.where(where)
        with self.open_index() as reader, self.components.lock.held():
            return retrieve_many(self.components, reader.within(wanted) if wanted else reader, asked, depth)

    def prompt(self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[Turn] = ()) -> Prompt:
        """Return the exact prompt that `ask` would give to the generator, if it asks the generator."""
        asked = given.asked(question, history, passages)
        with self.open_index() as reader:
            given.refuse_foreign(asked.passages or (), reader)
            return self._asking(reader).prompt(asked)

    def score(self, prompt: Prompt, answer: str) -> list[float]:
        """Return the natural log-probability of each of an answer's tokens after a prompt.

        :raises UsageError: the generator cannot compute it.
        """
        return self.components.score(given.prompt(prompt).text, arguments.text(answer, "answer"))

    def ask(self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[Turn] = ()) -> Answer:
        """Return an answer with its citations, from the passages given or from those retrieved; see `stream`."""
        *_, answer = self._stream(question, history, passages, undisturbed=True)
        assert isinstance(answer, Answer)
        return answer

    def summarize(self, source: str | None = None) -> Answer:
        """Return cited sentences that say what a document, a folder or all documents are about; `read` says how far.

        :param source: the name of a document or folder, also a loose one ("the employee handbook").
        :raises UsageError: no document or folder has this name.
        """
        named = None if source is None else arguments.text(source, "source")
        with self.open_index() as reader:
            return self._asking(reader).summarize(named)

    def ask_many(self, questions: Iterable[str]) -> list[Answer]:
        """Return the answers to several questions, in order. Where the file sets `generate.batch_size`, that many are
        written in one batch.

        :raises UsageError: a question is empty or too long; no question is answered then.
        """
        asked = [given.asked(text) for text in given.questions(questions)]
        if not asked:
            return []
        with self.open_index() as reader:
            return self._asking(reader).answer_many(asked)

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        passages: Sequence[Hit] | None = None,
        cancelled: Callable[[], bool] | None = None,
        deadline: float | None = None,
    ) -> Iterator[Event]:
        """Yield the `Passages` that are found, the nearest places in them, each `AnswerSentence` when it is known and, last,
        the `Answer`.

        :param history: earlier turns, each a question and the text cited for it or an answer; see `search`.
        :param passages: answer from these instead of retrieved ones; an empty list uses only the model's own knowledge.
        :param cancelled: once it returns True, the events end without an `Answer`, within a token or a pass of a model.
            It is called often, by the thread that takes the events.
        :param deadline: the seconds from now after which the answer ends with what is written by then, besides the
            deadline of the generator.
        :raises UsageError: the question is empty or too long, a passage is not in the index, or `deadline` is no number.
        """
        given.limits(cancelled, deadline)
        return limited(self._stream(question, history, passages), cancelled, deadline)

    async def aask(self, question: str) -> Answer:
        """Return an answer as `ask` does, without blocking the event loop; several may be awaited at once.

        A cancellation stops generation within one token; the `CancelledError` is raised after that.
        """
        async with aclosing(self.astream(question)) as pieces:
            async for piece in pieces:
                last = piece
        assert isinstance(last, Answer)
        return last

    def astream(
        self, question: str, *, history: Sequence[Turn] = (), passages: Sequence[Hit] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yield what `stream` yields, while the event loop goes on; see there for parameters and errors.

        Close it (`contextlib.aclosing`) where its iteration is broken off; it then stops within a token.
        """
        from ragqa.pipeline.answer.aside import aside

        pieces = self._stream(question, history, passages, undisturbed=True)
        return aside(lambda: pieces)

    def _stream(
        self, question: str, history: Sequence[Turn], passages: Sequence[Hit] | None, *, undisturbed: bool = False
    ) -> Generator[Event, None, None]:
        """Check the arguments now; return the events. `undisturbed` keeps other threads from the generator until the end."""
        asked = given.asked(question, history, passages)

        def events() -> Generator[Event, None, None]:
            with self.open_index() as reader:
                given.refuse_foreign(asked.passages or (), reader)
                asking = self._asking(reader)
                with asking.undisturbed() if undisturbed else nullcontext():
                    yield from asking.stream(asked)

        return events()

    def _asking(self, reader: IndexReader) -> Asking:
        from ragqa.pipeline.answer.asking import Asking

        return Asking(self.components, reader, self.files)
