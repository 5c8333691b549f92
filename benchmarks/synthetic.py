"""A corpus of any size with the statistics of a real one: what `benchmarks.scale` puts into its indexes.

Texts are sentences of real articles, drawn anew, so that frequencies of terms are those of real text; a document keeps
to one article. Vectors are those of real chunks of the same article, with noise: Gaussian, with the covariance of the
real ones. What is not drawn is the growth of the vocabulary: numbers stand in for it, see `_text`.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.run import QUICKSTART, ROOT
from ragqa import Pipeline
from ragqa.records import Chunk, Document
from ragqa.stages import Embedder, Entry

Vectors = NDArray[np.float32]

SEED = 0
CHUNKS = 10
"""Chunks of a document."""
CHARACTERS = 800
NEAR = (0.7, 0.9)
"""The cosine of a drawn vector to the real one that it comes from; every value between is as likely."""
REAL_CHUNKS = 2_000

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SENTENCE_CHARACTERS = (20, 400)


@dataclass(frozen=True)
class Block:
    """Documents that are committed together.

    :param vectors: float32[number of chunks, dim], in the order of the chunks.
    """

    entries: list[Entry]
    vectors: Vectors

    @property
    def chunks(self) -> list[Chunk]:
        """Return the chunks of all documents in order."""
        return [chunk for entry in self.entries for chunk in entry.chunks]


@dataclass(frozen=True)
class Questions:
    """Real questions and their vectors, float32[n, dim]; meets the part of an `Embedder` that a retriever needs."""

    texts: list[str]
    vectors: Vectors

    def embed_question(self, question: str) -> Vectors:
        """Return the vector made before, float32[dim]: encoding is not what is measured."""
        vector: Vectors = self.vectors[self.texts.index(question)]
        return vector


def articles() -> list[str]:
    """Return the texts that are drawn from: the articles of the data folder, or else the sample corpus."""
    archive = _data() / "squad" / "articles.zip"
    if archive.is_file():
        with zipfile.ZipFile(archive) as opened:
            names = sorted(name for name in opened.namelist() if name.endswith(".txt"))
            return [opened.read(name).decode("utf-8") for name in names]
    files = sorted(file for file in (ROOT / "corpora" / "tarnwick" / "documents").rglob("*") if file.is_file())
    return [file.read_text(encoding="utf-8") for file in files if file.suffix in (".md", ".txt")]


def question_texts(n: int) -> list[str]:
    """Return n real questions on those articles, each once, drawn in a fixed order; fewer where there are not as many."""
    squad = _data() / "squad" / "dev-v1.1.json"
    if squad.is_file():
        paragraphs = (p for a in json.loads(squad.read_text(encoding="utf-8"))["data"] for p in a["paragraphs"])
        texts = [question["question"].strip() for paragraph in paragraphs for question in paragraph["qas"]]
    else:
        lines = (ROOT / "corpora" / "tarnwick" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["question"] for line in lines]
    distinct = sorted(set(texts))
    return random.Random(SEED).sample(distinct, min(n, len(distinct)))


def _data() -> Path:
    return Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))


def prepare(place: Path, n_questions: int) -> None:
    """Embed real chunks and questions with the encoder of the quickstart, once for all sizes."""
    embedder = Pipeline.from_file(QUICKSTART).components.embedder
    texts = articles()
    each = -(-REAL_CHUNKS // len(texts))
    real = [chunk for text in texts for chunk in _real_chunks(text, each, embedder)]
    np.save(place / "real.npy", embedder.embed_passages(real).reshape(len(texts), each, embedder.dim))
    questions = question_texts(n_questions)
    np.save(place / "questions.npy", np.array([embedder.embed_question(question) for question in questions]))
    (place / "questions.json").write_text(json.dumps(questions), encoding="utf-8")


def _real_chunks(text: str, n: int, embedder: Embedder) -> Iterator[str]:
    """Yield n pieces that stand in a text, evenly spread; half as long where they would not fit the encoder's window."""
    for start in np.linspace(0, max(0, len(text) - CHARACTERS), n, dtype=int):
        piece = text[start : start + CHARACTERS]
        yield piece if embedder.count(piece) < 250 else piece[: CHARACTERS // 2]


def questions(place: Path) -> Questions:
    """Return what `prepare` made of the questions."""
    texts = json.loads((place / "questions.json").read_text(encoding="utf-8"))
    return Questions(texts, np.load(place / "questions.npy"))


def blocks(place: Path, n_chunks: int, block_chunks: int) -> Iterator[Block]:
    """Yield a corpus of n chunks a block at a time, the same each time; more whole blocks leave the first ones the same.

    :param n_chunks: and `block_chunks`: multiples of `CHUNKS`.
    """
    real = np.load(place / "real.npy")
    sentences = [_sentences(text) for text in articles()]
    usable = [number for number, found in enumerate(sentences) if len(found) >= CHUNKS]
    colour = _colour(real.reshape(-1, real.shape[-1]))
    for first in range(0, n_chunks, block_chunks):
        count = min(block_chunks, n_chunks - first)
        draw = random.Random(f"{SEED} {first}")
        owners = [draw.choice(usable) for _ in range(count // CHUNKS)]
        entries = [_document(first + i * CHUNKS, sentences[owner], draw) for i, owner in enumerate(owners)]
        yield Block(entries, _near(real[np.repeat(owners, CHUNKS)], colour, np.random.default_rng([SEED, first])))


def _sentences(text: str) -> list[str]:
    low, high = _SENTENCE_CHARACTERS
    return [sentence for sentence in _SENTENCE.split(text) if low <= len(sentence) <= high]


def _document(first: int, sentences: Sequence[str], draw: random.Random) -> Entry:
    """Return a document of `CHUNKS` chunks, the first of which is number `first` of the corpus."""
    texts = [_text(first + i, sentences, draw) for i in range(CHUNKS)]
    whole = "\n\n".join(texts)
    digest = hashlib.sha256(whole.encode()).hexdigest()
    source = f"{first // CHUNKS:08}.txt"
    document = Document(digest, source, source, digest, "text/plain", "utf-8", whole, "", "synthetic/1")
    chunks, start = [], 0
    for number, text in enumerate(texts):
        chunks.append(Chunk(f"{digest[:24]}-{number}", digest, start, start + len(text), text))
        start += len(text) + 2
    return Entry(document, chunks)


def _text(number: int, sentences: Sequence[str], draw: random.Random) -> str:
    """Return sentences and a reference that makes them distinct; that of every fourth chunk is a term of its own."""
    reference = f"ref{number:08}" if number % 4 == 0 else f"ref{number // 1000} no{number % 1000}"
    parts, length = [reference], len(reference)
    while length < CHARACTERS - 85:  # the last sentence goes beyond, by as much on average
        parts.append(draw.choice(sentences))
        length += 1 + len(parts[-1])
    return " ".join(parts)


def _colour(real: Vectors) -> Vectors:
    """Return what white noise has to be multiplied by to have the covariance of the real vectors, float32[dim, dim]."""
    covariance = np.cov(real.T.astype(np.float64)) + 1e-6 * np.eye(real.shape[1])
    return np.asarray(np.linalg.cholesky(covariance).T, dtype=np.float32)


def _near(real: Vectors, colour: Vectors, generator: np.random.Generator) -> Vectors:
    """Return for each row of float32[n, choices, dim] a unit vector near one of its choices, float32[n, dim]."""
    n, choices, dim = real.shape
    bases = real[np.arange(n), generator.integers(choices, size=n)]
    noise = generator.standard_normal((n, dim), dtype=np.float32) @ colour
    noise -= (noise * bases).sum(axis=1, keepdims=True) * bases
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosine = generator.uniform(*NEAR, size=(n, 1)).astype(np.float32)
    vectors: Vectors = cosine * bases + np.sqrt(1 - cosine**2) * noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
