"""In-context examples: questions with their answers, shown to the generator before the user's question."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ragqa.errors import UsageError
from ragqa.files import read_text
from ragqa.stages import Embedder

if TYPE_CHECKING:
    from ragqa.stages import Vectors

EXAMPLES_BYTES = 100_000_000
"""The most bytes of a file of examples that is read."""

Pair = tuple[str, str]


class Example(tuple[str, str]):
    """A pair of a question and its answer, with an id and a passage.

    `id` is the id of its line, else the question itself. `passage` is the quote that supports the answer; empty if
    there is none.
    """

    id: str
    passage: str

    def __new__(cls, question: str, answer: str, id: str = "", passage: str = "") -> Self:
        """Return an example. `Example(*pair)` makes one from a plain pair."""
        example = super().__new__(cls, (question, answer))
        example.id, example.passage = id or question, passage
        return example


def read_pairs(path: Path, split: str | None = None) -> list[Example]:
    """Return each answerable line of a questions.jsonl: the question, its first answer and its first evidence.

    :param split: use only the lines whose key `split` has this value.
    :raises UsageError: the file cannot be read, a line is not such an object, or no line (of the split) has an answer.
    """
    try:
        lines = read_text(path, EXAMPLES_BYTES).split("\n")
    except OSError as error:
        raise UsageError(f"prompt.examples: {path}: cannot be read: {error.strerror}") from None
    examples: list[Example] = []
    splits: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if row.get("answerable", True) and row["answers"]:
                splits.add(str(row.get("split", "")))
                if split is None or row.get("split") == split:
                    examples.append(_example(row))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            message = "needs `question` and `answers`, as a JSON object"
            raise UsageError(f"prompt.examples: {path}:{number}: {message}") from None
    if not examples and splits and split is not None:
        there = ", ".join(sorted(splits - {""})) or "no splits"
        raise UsageError(f"prompt.examples: {path} has no answer of split {split!r}; there are: {there}")
    if not examples:
        raise UsageError(f"prompt.examples: {path} has no question with an answer")
    return examples


def _example(row: Mapping[str, Any]) -> Example:
    evidence: Mapping[str, Any] = next(iter(row.get("evidence") or ()), {})
    return Example(str(row["question"]), str(row["answers"][0]), str(row.get("id", "")), str(evidence.get("text", "")))


def example_bytes(example: Example, *, plain: bool = False) -> int:
    """Return the most UTF-8 bytes of an example in a prompt, with its labels.

    :param plain: the template is plain, so that the prompt shows the example's passage too.
    """
    return len("".join([*example, example.passage if plain else ""]).encode()) + 40


class Examples:
    """Chooses examples for a question. The question itself is never one of them.

    :param embedder: ranks the examples by similarity to the question; None takes the first ones.
    :param seed: puts the examples into a random order first, the same for every question; None keeps their order.
    """

    def __init__(
        self, pairs: Sequence[Pair], n: int, embedder: Embedder | None = None, *, seed: int | None = None
    ) -> None:
        self._pairs = list(pairs) if seed is None else random.Random(seed).sample(list(pairs), len(pairs))
        self._n = n
        self._embedder = embedder

    def load(self) -> None:
        """Embed the examples now, if they are ranked by similarity."""
        if self._embedder is not None:
            self._vectors  # noqa: B018  # a cached property: reading it embeds

    def __call__(self, question: str) -> list[Pair]:
        """Return up to n pairs; the most similar is last, next to the question (Liu et al. 2022)."""
        words = question.split()
        usable = [i for i, pair in enumerate(self._pairs) if pair[0].split() != words]
        if self._embedder is None:
            return [self._pairs[i] for i in usable[: self._n]]
        similarity = self._vectors @ self._embedder.embed_question(question)
        best = sorted(usable, key=lambda i: (-float(similarity[i]), i))[: self._n]
        return [self._pairs[i] for i in reversed(best)]

    @cached_property
    def _vectors(self) -> Vectors:
        assert self._embedder is not None
        return self._embedder.embed_passages([question for question, _ in self._pairs])
