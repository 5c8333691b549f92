"""Small parts that meet the Protocols of `ragqa.stages`, for tests that need no model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from ragqa import kinds
from ragqa.config import EmbedSpec, GenerateSpec, Kind, Kinds
from ragqa.records import Answer, Chunk, Citation, Document, Generation, Hit, Prompt
from ragqa.stages import Needs

Vectors = NDArray[np.float32]


class WordEmbedder:
    """Counts hashed words, L2-normalised: texts that share words are close. One word is one token."""

    dim = 64

    def __init__(self, window: int = 512) -> None:
        self.window = window
        self.embedded: list[str] = []
        self.identity = {"weights": "words", "dim": str(self.dim)}
        self.recorded = {"engine": "words"}

    def load(self) -> None:
        """Have nothing to load."""

    def count(self, text: str) -> int:
        return len(self.offsets(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        return np.array([self._vector(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dim)

    def embed_question(self, question: str) -> Vectors:
        return self._vector(question)

    def _vector(self, text: str) -> Vectors:
        vector = np.full(self.dim, 1e-3, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % self.dim] += 1
        unit: Vectors = vector / np.linalg.norm(vector)
        return unit


class EchoGenerator:
    """Answers with the first line of the first passage; one word is one token."""

    def __init__(self, window: int = 1000, answer: str | None = None) -> None:
        self.window = window
        self._answer = answer

    def count(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))

    def chat(self, system: str, user: str) -> str:
        return f"<system>{system}</system>\n{user}"

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        text = self._answer if self._answer is not None else prompt.passages[0].chunk.text.splitlines()[0]
        yield from re.findall(r"\S+\s*", text)
        yield Generation(text, self.count(text), "stop")


class ToldSystem:
    """A `System` that is told what to find and say: an answer that is an exception is raised, an empty one abstains.

    `alone` holds what it says to questions for which passages are given; it says the same as ever to the others. The
    first `top_k` hits are used, and the first `fits` of them are in the prompt. `asked` notes each question that it was
    to answer and whether passages were given, `depths` how deep it was to look, `histories` the turns it was given.
    """

    def __init__(
        self,
        answers: Mapping[str, str | Exception] | None = None,
        hits: Sequence[Hit] = (),
        *,
        alone: Mapping[str, str] | None = None,
        top_k: int = 2,
        fits: int = 2,
        citations: Sequence[Citation] = (),
        **fields: Any,
    ) -> None:
        self.answers, self.alone = dict(answers or {}), dict(alone or {})
        self.hits, self.top_k, self.fits = list(hits), top_k, fits
        self.citations, self.fields = tuple(citations), fields
        self.asked: list[tuple[str, bool]] = []
        self.depths: list[int] = []
        self.histories: list[Sequence[tuple[str, str]]] = []

    def with_documents(self, documents: Sequence[Document]) -> ToldSystem:
        return self

    def search(self, question: str, k: int, *, history: Sequence[tuple[str, str]] = ()) -> list[Hit]:
        self.depths.append(k)
        self.histories.append(history)
        return self.hits[:k]

    def prompt(
        self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[tuple[str, str]] = ()
    ) -> Prompt:
        shown = tuple(self.hits[: self.top_k] if passages is None else passages)[: self.fits]
        text = "\n".join([*(hit.chunk.text for hit in shown), question])
        return Prompt(text, {"question": len(question.split())}, shown)

    def ask(
        self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        self.asked.append((question, passages is not None))
        self.histories.append(history)
        text = self.answers[question]
        if passages is not None:
            text = self.alone.get(question, text)
        if isinstance(text, Exception):
            raise text
        used = tuple(self.hits[: self.top_k] if passages is None else passages)
        usage = {"retrieve_ms": 1.0, "generate_ms": 2.0, "answer_tokens": len(text.split())}
        values: dict[str, Any] = {"abstained": not text, "finish": "stop", **self.fields}
        return Answer(question, text, self.citations, used, self.prompt(question, passages), usage, 1, **values)

    def score(self, prompt: Prompt, answer: str) -> list[float]:
        """Be the surer, the more passages are in the prompt."""
        return [-1.0 / (1 + len(prompt.passages))] * len(answer.split())


PIPELINE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive, chunk_size: 40, overlap: 8}
embed:    {kind: words}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 2}
prompt:   {kind: in_context, template: qa, answer: write, min_confidence: 0}
generate: {kind: echo}
"""


class Words(EmbedSpec):
    kind: Literal["words"]
    weights: str = "words"


def _word_embedder(spec: Words, needs: Needs) -> WordEmbedder:
    embedder = WordEmbedder()
    embedder.identity["weights"] = spec.weights
    return embedder


class Echo(GenerateSpec):
    kind: Literal["echo"]
    max_new_tokens: int = 20
    answer: str | None = None


WORDS = Kind("embed", Words, _word_embedder)
ECHO = Kind("generate", Echo, lambda spec, needs: EchoGenerator(answer=spec.answer))


def write_project(folder: Path, names: Iterable[str]) -> None:
    """Write a document about each of some things, and a pipeline file over small parts."""
    (folder / "documents").mkdir()
    for name in names:
        text = f"The {name} has a master called {name.title()}son.\n"
        (folder / "documents" / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")


def add_kinds(patch: pytest.MonkeyPatch, *own: Kind[Any]) -> None:
    """Let every pipeline file choose these kinds, also one that a command reads."""
    patch.setattr(kinds, "BUILTIN", kinds.BUILTIN.and_own(own))


def replace_generators(patch: pytest.MonkeyPatch, build: Callable[[Any, Needs], Any]) -> None:
    """Have every kind of generator that a file may name built by this function."""
    table = kinds.BUILTIN
    patch.setattr(kinds, "BUILTIN", Kinds([replace(k, build=build) if k.slot == "generate" else k for k in table]))


def always(part: Any) -> Callable[[Any, Needs], Any]:
    """Return a builder that gives this part."""
    return lambda spec, needs: part


def document(text: str, source: str = "a.txt", media_type: str = "text/plain", **fields: object) -> Document:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    values: dict[str, Any] = {"title": "", "encoding": "utf-8", "extractor": "test/1", **fields}
    return Document(
        id=digest, source=source, path=f"/x/{source}", sha256=digest, media_type=media_type, text=text, **values
    )


def hit(text: str, source: str = "a.txt", start: int = 0, score: float = 1.0, **scores: float) -> Hit:
    chunk = Chunk(f"{source}:{start}", source, start, start + len(text), text)
    return Hit(chunk, source, f"/x/{source}", score, scores or {"dense": score})


def passage(of: Document, start: int, end: int, score: float = 1.0) -> Hit:
    """Return a span of a document as it would be found."""
    chunk = Chunk(f"{of.id}:{start}-{end}", of.id, start, end, of.text[start:end], page=of.page_of(start))
    return Hit(chunk, of.source, of.path, score, {"dense": score})
