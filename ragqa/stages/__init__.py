"""The Protocols of the framework: one for each stage, and those by which stages use one another.

    Loader -> Splitter -> Embedder -> Index (a Searcher when it is open) -> Retriever -> Prompter -> Generator

Any object with these methods can replace a built-in part. Each Protocol says which of its methods may be called from
several threads at once. Unless it says otherwise, a pipeline calls a part from one thread at a time, which need not
always be the same thread; pipelines that share a part take turns. `stages/index.py` has the Protocols of the index,
`stages/batches.py` those of parts that do several at once, `stages/maintenance.py` those of its maintenance,
`stages/judging.py` those of models that judge passages, and `stages/decoding.py` those of a constraint and its answers.
`stages/needs.py` has the Protocol of the object that builders get, `stages/system.py` that of a system under
evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ragqa.stages.batches import BatchEmbedder, BatchGenerator, BatchRetriever, BatchSearcher
from ragqa.stages.decoding import Constraint
from ragqa.stages.index import (
    CANARIES,
    Entry,
    Index,
    Indexed,
    IndexReader,
    IndexWriter,
    MaintenanceReport,
    Searcher,
)
from ragqa.stages.judging import ChoiceModel, LikelihoodModel, PassageReader, VerdictModel
from ragqa.stages.maintenance import Checkup, Collected, Fault, IndexMaintenance
from ragqa.stages.needs import Needs
from ragqa.stages.system import LoadableSystem, System

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.records import Chunk, Document, Extracted, Generation, Hit, Prompt, Scan, SearchTexts, SourceFile

    Vectors = NDArray[np.float32]

__all__ = [
    "CANARIES",
    "BatchEmbedder",
    "BatchGenerator",
    "BatchRetriever",
    "BatchSearcher",
    "Checkup",
    "ChoiceModel",
    "Collected",
    "Constraint",
    "Embedder",
    "Entry",
    "Fault",
    "FileFormat",
    "Generator",
    "Index",
    "IndexMaintenance",
    "IndexReader",
    "IndexWriter",
    "Indexed",
    "LikelihoodModel",
    "LiteralReader",
    "Loadable",
    "LoadableSystem",
    "Loader",
    "MaintenanceReport",
    "Needs",
    "PassageReader",
    "Prompter",
    "Retriever",
    "Rewriter",
    "Scorer",
    "Searcher",
    "Splitter",
    "System",
    "TokenCounter",
    "VerdictModel",
    "VocabularyBound",
]


@runtime_checkable
class TokenCounter(Protocol):
    """Counts the tokens of texts, without special tokens. Both methods may be called from several threads at once."""

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`, in order."""
        ...


class Loader(Protocol):
    """Finds files and reads them.

    `read` is called from one thread, which only reads and splits; other threads may call `scan` and `extractor`
    meanwhile.
    """

    def scan(self) -> Scan:
        """Return the files to read, and those that were already rejected or skipped."""
        ...

    def read(self, file: SourceFile) -> Document:
        """Return the document in `file`. Raises `RejectedError` with the reason where there is none.

        A file of which `NoTextError` is raised is read again only after a change of its bytes or of `extractor`; any
        other one is tried again in the next run.
        """
        ...

    def extractor(self, media_type: str) -> str:
        """Return the name and version of the extractor of this type; after a change, files are read again."""
        ...


@runtime_checkable
class FileFormat(Protocol):
    """Reads files of one format. A loader of files accepts your own formats besides the built-in ones.

    `read` is called for one file at a time, from another thread than the other members.
    """

    @property
    def media_type(self) -> str:
        """Return the type of the files, such as `text/x-rst`; a document's id depends on it."""
        ...

    @property
    def suffixes(self) -> Sequence[str]:
        """Return the suffixes of such files in lower case: `(".rst",)`."""
        ...

    @property
    def extractor(self) -> str:
        """Return the name and version of this extractor, such as `rst/1`; after a change, files are read again."""
        ...

    def read(self, data: bytes) -> Extracted:
        """Return the text of a file. Raises `RejectedError` with the reason where it has none."""
        ...


class Splitter(Protocol):
    """Cuts a document into chunks whose spans are exact.

    `split` is called from the thread that reads files; other threads may embed texts and read the fingerprint
    meanwhile. A splitter may have the attribute `version`, a text. After a change of it, documents are read and cut again.
    """

    @property
    def fingerprint(self) -> str:
        """Return a text with the kind and the settings. An index with another one is refused."""
        ...

    def split(self, document: Document) -> list[Chunk]:
        """Return the chunks of `document` in order of their start; none for a blank document."""
        ...


@runtime_checkable
class Loadable(Protocol):
    """Can load its weights, or compute its vectors, before they are first needed.

    `load` may be called while another thread uses the part, and by two threads at once.
    """

    def load(self) -> None:
        """Load everything that is not yet loaded."""
        ...


@runtime_checkable
class LoadableAhead(Protocol):
    """A generator that can load its weights while passages are retrieved, without slowing that down."""

    def load_ahead(self) -> None:
        """Begin to load in another thread, and return at once. An error is raised where the weights are needed."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors, float32[n, dim]; float32[0, dim] for no texts.

    A pipeline embeds for one question at a time. While it also indexes, three threads use the embedder at once: one
    embeds passages, one embeds for questions (the question, canaries, a hypothetical passage), and one reads files and
    calls `count` and `offsets`. `dim`, `identity` and `recorded` may be read at any time.
    """

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        ...

    @property
    def identity(self) -> dict[str, str]:
        """Return everything besides the text that a vector depends on, by name."""
        ...

    @property
    def recorded(self) -> dict[str, str]:
        """Return facts about how vectors are computed that do not change them, by name: dtype, engine."""
        ...

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`, special tokens left out."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`, in order."""
        ...

    def load(self) -> None:
        """Load the weights where they are not yet loaded."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32[len(texts), dim], rows L2-normalised. Raises `UsageError` where a text exceeds the window.

        A row of zeros stands for a text that the embedder cannot read.
        """
        ...

    def embed_question(self, question: str) -> Vectors:
        """Return float32[dim], L2-normalised.

        A question that exceeds the window is embedded in parts, with a warning: the mean of their vectors, normalised.
        """
        ...


@runtime_checkable
class VocabularyBound(Protocol):
    """An embedder that cannot read every text. `unknown_share` may be called while other threads use the embedder."""

    def unknown_share(self, text: str) -> float:
        """Return the share of the letters of a text that it cannot read, between 0 and 1."""
        ...


class Retriever(Protocol):
    """Ranks the passages of an index for a question. One thread at a time calls it, with a searcher of its own."""

    def retrieve(
        self, question: str, searcher: Searcher, k: int | None = None, *, also: Sequence[str] = ()
    ) -> list[Hit]:
        """Return the best `k` hits, best first; where `k` is None, the number that the stage is set to.

        `also` has other texts of the same question; it is passed only for a question that goes on with the one before.
        """
        ...


class Rewriter(Protocol):
    """Writes other texts to search with; the question itself is always searched too.

    `rewrite` may be called from several threads at once.
    """

    def rewrite(self, question: str) -> SearchTexts:
        """Return paraphrases of the question, hypothetical passages, or both; an empty `SearchTexts` changes nothing.

        Passages need a retriever that searches vectors. Raises `UsageError` where no text can be written.
        """
        ...


class Scorer(Protocol):
    """Scores passages for a question, more precisely than an index can. A reranker orders hits by these scores.

    One thread at a time calls it.
    """

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return one score for each passage, in their order; higher is better, on any scale; `[]` for none."""
        ...


class Prompter(Protocol):
    """Puts passages and a question into a prompt that fits the generator's window.

    A prompter whose prompts have `Prompt.letter` has the attribute `lettered = True`: it gets each sentence as a passage.
    """

    def build(self, question: str, hits: Sequence[Hit], history: Sequence[tuple[str, str]] = ()) -> Prompt:
        """Return the prompt. It has the passages that fit, best first; `Prompt.dropped` names the others.

        :param history: earlier questions and answers of a conversation.
        :raises UsageError: the question and the fixed parts of the prompt exceed the window.
        """
        ...


class Generator(Protocol):
    """Writes text after a prompt.

    It calls `stopping.check` between two tokens or passes, so that an answer that is not wanted any more stops there, and
    ends with `deadline` at `stopping.until` at the latest.
    A pipeline calls the generator from one thread at a time. Between two pieces of a stream, another thread may begin a
    second stream; and the pieces of one stream may be taken by different threads, one after another. A generator that
    can write several answers at once, such as an endpoint, has the attribute `concurrent = True`: then all methods are
    called from several threads at once.
    """

    @property
    def window(self) -> int:
        """Return the most tokens of prompt and answer together."""
        ...

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        ...

    def chat(self, system: str, user: str) -> str:
        """Return the prompt of one turn in the model's chat format; plain text where the model has no chat format."""
        ...

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield pieces of the text as they are generated and, last, the `Generation`."""
        ...


@runtime_checkable
class LiteralReader(Protocol):
    """A generator that reads special tokens within `Prompt.literal` as text. Its methods are called as `count` is."""

    def count_literal(self, text: str, literal: Sequence[tuple[int, int]]) -> int:
        """Return the number of tokens of a prompt's text, with the spans in which special tokens are text."""
        ...

    def special_texts(self, text: str) -> frozenset[str]:
        """Return the texts of the model's special tokens that stand in a text; none where they are not known."""
        ...
