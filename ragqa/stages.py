"""The whole framework on one page: one Protocol per stage, and what one stage needs of another.

    Loader -> Splitter -> Embedder -> Searcher (the index) -> Retriever -> Prompter -> Generator

Anything that has these methods can stand in for a built-in part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.generate.protocols import AnswerState, DecodingRequest
    from ragqa.records import Answer, Chunk, Document, Generation, Hit, Prompt, Scan, SourceFile

    Vectors = NDArray[np.float32]


@runtime_checkable
class TokenCounter(Protocol):
    """Counts a text in a model's own tokens, special tokens left out."""

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token of `text`, in order."""
        ...


class Loader(Protocol):
    """Finds files and reads them."""

    def scan(self) -> Scan:
        """Return the files that may be read, and what was rejected or skipped already."""
        ...

    def read(self, file: SourceFile) -> Document:
        """Return the document in `file`. Raises `RejectedError` with the reason where it has none.

        Called from another thread than the rest, while texts are embedded; `Splitter.split` and `Embedder.count` too.
        """
        ...

    def extractor(self, media_type: str) -> str:
        """Return the name and version of what reads this type; another one means that a file is read again."""
        ...


class Splitter(Protocol):
    """Cuts a document into chunks whose spans are exact."""

    @property
    def fingerprint(self) -> str:
        """Return what the chunks depend on besides the document: the kind, its settings, its version."""
        ...

    def split(self, document: Document) -> list[Chunk]:
        """Return the chunks of `document` in order of their start; none for a blank document."""
        ...


@runtime_checkable
class Loadable(Protocol):
    """Has weights, or vectors to compute, that it would otherwise load when they are first needed."""

    def load(self) -> None:
        """Load now what is not yet loaded."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors, float32[n, dim]; float32[0, dim] for no texts.

    Passages are embedded in one thread while another embeds a question, where a pipeline answers during `index`.
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


class Searcher(Protocol):
    """One generation of an index, open for reading."""

    @property
    def generation(self) -> int:
        """Return the number of the commit that is being read."""
        ...

    def dense(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """Return up to k `(chunk id, inner product)`, best first; ties by chunk id."""
        ...

    def lexical(self, question: str, k: int) -> list[tuple[str, float]]:
        """Return up to k `(chunk id, BM25)`, best first; higher is better; ties by chunk id."""
        ...

    def dense_scores(self, vector: Vectors, chunk_ids: Sequence[str]) -> list[float]:
        """Return the inner product of each chunk."""
        ...

    def lexical_scores(self, question: str, chunk_ids: Sequence[str]) -> list[float]:
        """Return the BM25 of each chunk, 0 where it shares no term with the question."""
        ...

    def lexical_bound(self, question: str) -> float:
        """Return what no text can score for a question, however often it has each of its terms."""
        ...

    def vectors(self, chunk_ids: Sequence[str]) -> Vectors:
        """Return the vectors of chunks, float32[len(chunk_ids), dim]."""
        ...

    def hits(self, ranked: Sequence[tuple[str, float, dict[str, float]]]) -> list[Hit]:
        """Return the hits of `(chunk id, score, scores)`, in the order given."""
        ...

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document in order."""
        ...

    def span(self, hit: Hit, start: int, end: int) -> Hit:
        """Return a hit with another span of its document as its text; its scores stay."""
        ...


class Retriever(Protocol):
    """Ranks the passages of an index for a question."""

    def retrieve(self, question: str, searcher: Searcher, k: int | None = None) -> list[Hit]:
        """Return the best `k` hits, best first; as many as the stage is set to where `k` is None."""
        ...


class Scorer(Protocol):
    """Reads a question and passages together, more closely than an index can: what a reranker orders hits by."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return one score for each passage, in their order; higher is better, on any scale; `[]` for none."""
        ...


@runtime_checkable
class LikelihoodModel(Protocol):
    """Says how likely a text is after another."""

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        """Return for each pair the natural log-probability of each of the second text's tokens after the first."""
        ...


class Generator(Protocol):
    """Writes text after a prompt.

    A pipeline has it write one answer at a time, whichever threads ask. One that may write several at once, such as an
    endpoint, says so by an attribute `concurrent = True`.
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
    """Writes after several prompts at once."""

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


@runtime_checkable
class LoadableSystem(Protocol):
    """A `System` that can load its models before it is asked, so that no question waits for them."""

    def load_models(self, *, retrieval: bool = True, answers: bool = True) -> None:
        """Load now what retrieval, answers or both need, where it is not yet loaded."""
        ...


class System(Protocol):
    """What evaluation takes: anything that finds passages and answers questions. `Pipeline` is one."""

    def with_documents(self, documents: Sequence[Document]) -> System:
        """Return the same system over these documents in place of its own."""
        ...

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """Return up to k hits, best first."""
        ...

    def answer(self, question: str, passages: Sequence[Hit] | None = None) -> Answer:
        """Return an answer from the passages given, or from those that the system retrieves itself.

        With no passages (`[]`) it answers from what its model knows.
        """
        ...

    def prompt(self, question: str, passages: Sequence[Hit] | None = None) -> Prompt:
        """Return the prompt that `answer` gives to the model."""
        ...

    def score(self, prompt: Prompt, answer: str) -> list[float]:
        """Return the natural log-probability of each token of an answer after a prompt.

        Raises `UsageError` where the system cannot tell.
        """
        ...
