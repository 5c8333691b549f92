"""The whole framework on one page: one Protocol per stage, and what one stage needs of another.

    Loader -> Splitter -> Embedder -> Index (a Searcher when it is open) -> Retriever -> Prompter -> Generator

Anything that has these methods can stand in for a built-in part. Each Protocol says which of its methods may be called from
several threads at once. Where it says nothing else, a pipeline calls a part from one thread at a time, which need not always
be the same thread; pipelines that share a part take turns. The Protocols of the index are in `stages/index.py`, those of its
maintenance in `stages/maintenance.py`, those of a constraint's answers in `stages/decoding.py`. `stages/needs.py` says what the
builder of a part may ask for, and `stages/system.py` what evaluation takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

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
from ragqa.stages.maintenance import Checkup, Collected, Fault, IndexMaintenance
from ragqa.stages.needs import Needs
from ragqa.stages.system import LoadableSystem, System

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.records import Chunk, Document, Extracted, Generation, Hit, Prompt, Scan, SearchTexts, SourceFile
    from ragqa.stages.decoding import AnswerState, DecodingRequest

    Vectors = NDArray[np.float32]

__all__ = [
    "CANARIES",
    "BatchGenerator",
    "Checkup",
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
    "Loadable",
    "LoadableSystem",
    "Loader",
    "MaintenanceReport",
    "Needs",
    "Prompter",
    "Retriever",
    "Rewriter",
    "Scorer",
    "Searcher",
    "Splitter",
    "System",
    "TokenCounter",
]


@runtime_checkable
class TokenCounter(Protocol):
    """Counts a text in a model's own tokens, special tokens left out. Both methods may be called from several threads at once."""

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`, in order."""
        ...


class Loader(Protocol):
    """Finds files and reads them.

    `read` is called from one thread, which only reads and splits, while others may call `scan` and `extractor`.
    """

    def scan(self) -> Scan:
        """Return the files that may be read, and what was rejected or skipped already."""
        ...

    def read(self, file: SourceFile) -> Document:
        """Return the document in `file`. Raises `RejectedError` with the reason where it has none."""
        ...

    def extractor(self, media_type: str) -> str:
        """Return the name and version of what reads this type; another one means that a file is read again."""
        ...


@runtime_checkable
class FileFormat(Protocol):
    """Reads files of one format. A loader of files takes formats of a user's own besides the built-in ones.

    `read` is called for one file at a time, from another thread than the rest.
    """

    @property
    def media_type(self) -> str:
        """Return the type of the files, such as `text/x-rst`; a document's id depends on it."""
        ...

    @property
    def suffixes(self) -> Sequence[str]:
        """Return how names of such files end, in small letters: `(".rst",)`."""
        ...

    @property
    def extractor(self) -> str:
        """Return the name and version of what reads them, such as `rst/1`; another one means that files are read again."""
        ...

    def read(self, data: bytes) -> Extracted:
        """Return the text of a file. Raises `RejectedError` with the reason where it has none."""
        ...


class Splitter(Protocol):
    """Cuts a document into chunks whose spans are exact.

    `split` is called from the thread that reads files, while other threads embed texts and ask for the fingerprint.
    """

    @property
    def fingerprint(self) -> str:
        """Return what the chunks depend on besides the document: the kind, its settings, its version."""
        ...

    def split(self, document: Document) -> list[Chunk]:
        """Return the chunks of `document` in order of their start; none for a blank document."""
        ...


@runtime_checkable
class Loadable(Protocol):
    """Has weights, or vectors to compute, that it would otherwise load when they are first needed.

    `load` may be called while another thread uses the part, and by two threads at once.
    """

    def load(self) -> None:
        """Load now what is not yet loaded."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors, float32[n, dim]; float32[0, dim] for no texts.

    Questions take turns. Where a pipeline answers while it indexes, one thread embeds passages, another embeds what a
    question needs (the question, canaries, an imagined passage), and a third, which reads files, calls `count` and
    `offsets`: all of them at once. `dim`, `identity` and `recorded` may be read at any time.
    """

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        ...

    @property
    def identity(self) -> dict[str, str]:
        """Return everything a vector depends on besides its text, field by field."""
        ...

    @property
    def recorded(self) -> dict[str, str]:
        """Return what is worth knowing of the vectors' making and does not change them: dtype, engine."""
        ...

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`, special tokens left out."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`, in order."""
        ...

    def load(self) -> None:
        """Load the weights now, where they are not yet loaded."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32[len(texts), dim], rows L2-normalised. Raises `UsageError` where a text exceeds the window."""
        ...

    def embed_question(self, question: str) -> Vectors:
        """Return float32[dim], L2-normalised. Raises `UsageError` where the question exceeds the window."""
        ...


class Retriever(Protocol):
    """Ranks the passages of an index for a question. One thread at a time calls it, with a searcher that no other uses."""

    def retrieve(self, question: str, searcher: Searcher, k: int | None = None) -> list[Hit]:
        """Return the best `k` hits, best first; as many as the stage is set to where `k` is None."""
        ...


class Rewriter(Protocol):
    """Gives other texts by which a question is searched; the question itself is always searched too.

    `rewrite` may be called from several threads at once.
    """

    def rewrite(self, question: str) -> SearchTexts:
        """Return other wordings of the question, passages like an answer, or both; an empty `SearchTexts` changes nothing.

        Passages need a retriever that searches vectors. Raises `UsageError` where nothing can be written.
        """
        ...


class Scorer(Protocol):
    """Reads a question and passages together, more closely than an index can: a reranker orders hits by its scores.

    One thread at a time calls it.
    """

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return one score for each passage, in their order; higher is better, on any scale; `[]` for none."""
        ...


class Prompter(Protocol):
    """Puts passages and a question into a prompt that fits the generator's window."""

    def build(self, question: str, hits: Sequence[Hit], history: Sequence[tuple[str, str]] = ()) -> Prompt:
        """Return the prompt: passages best first as far as they fit, the others named in `Prompt.dropped`.

        :param history: earlier questions and answers of a conversation.
        :raises UsageError: the question and what has to be in the prompt exceed the window.
        """
        ...


@runtime_checkable
class LikelihoodModel(Protocol):
    """Says how likely a text is after another. One thread at a time calls it."""

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        """Return for each pair the natural log-probability of each of the second text's tokens after the first."""
        ...


class Generator(Protocol):
    """Writes text after a prompt.

    A pipeline has it write one answer at a time, whichever threads ask; where a caller takes the pieces slowly, another
    thread may begin a stream between two of them, and the pieces of one stream may be taken by several threads, one after
    another. A generator that may write several answers at once, such as an endpoint, says so by an attribute
    `concurrent = True`: then all methods are called from several threads at once.
    """

    @property
    def window(self) -> int:
        """Return how many tokens prompt and answer may have together."""
        ...

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        ...

    def chat(self, system: str, user: str) -> str:
        """Return the prompt text of one turn in the model's chat format; plain text where it has none."""
        ...

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield pieces of text as they are written and, last, the `Generation`."""
        ...


@runtime_checkable
class BatchGenerator(Protocol):
    """Writes after several prompts at once. One thread at a time calls it."""

    @property
    def batch_size(self) -> int:
        """Return how many prompts it is set to take at once."""
        ...

    def write_many(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """Return the generation of each prompt, in their order; `[]` for none."""
        ...


class Constraint(Protocol):
    """Limits the tokens of a causal LM's answers, or chooses them. One object serves all answers, and holds none.

    `has_confidence`: its generations have a `confidence`. `stepwise`: an answer is what `DecodingRequest.sequence`
    returns, so that several may be written at once; others read many tokens in a pass.
    """

    @property
    def has_confidence(self) -> bool: ...
    @property
    def stepwise(self) -> bool: ...

    def begin(self, request: DecodingRequest) -> AnswerState:
        """Return the answer to a prompt, of which nothing is written yet."""
        ...
