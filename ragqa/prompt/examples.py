"""In-context examples: questions with their answers, shown to the generator before the question that is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.errors import UsageError
from ragqa.stages import Embedder

if TYPE_CHECKING:
    from ragqa.stages import Vectors

Pair = tuple[str, str]


def read_pairs(path: Path) -> list[Pair]:
    """Return question and first answer of each answerable line of a questions.jsonl.

    :raises UsageError: the file cannot be read, a line is not such an object, or none has an answer.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"prompt.examples: cannot read {path}: {error}") from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if row["answers"]:
                pairs.append((str(row["question"]), str(row["answers"][0])))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise UsageError(f"prompt.examples: {path}:{number}: needs `question` and `answers`: {error}") from error
    if not pairs:
        raise UsageError(f"prompt.examples: {path} has no question with an answer")
    return pairs


def example_bytes(pair: Pair) -> int:
    """Return the most UTF-8 bytes that an example has in a prompt, its two labels included."""
    return len("".join(pair).encode()) + 32


class Examples:
    """Chooses examples for a question; the question itself is never among them.

    :param embedder: rank the examples by similarity to the question; None takes the first ones.
    """

    def __init__(self, pairs: Sequence[Pair], n: int, embedder: Embedder | None = None) -> None:
        self._pairs = list(pairs)
        self._n = n
        self._embedder = embedder

    def __call__(self, question: str) -> list[Pair]:
        """Return up to n pairs; the most similar stands last, next to the question (Liu et al. 2022)."""
        asked = question.split()
        usable = [i for i, pair in enumerate(self._pairs) if pair[0].split() != asked]
        if self._embedder is None:
            return [self._pairs[i] for i in usable[: self._n]]
        similarity = self._vectors @ self._embedder.embed_question(question)
        best = sorted(usable, key=lambda i: (-float(similarity[i]), i))[: self._n]
        return [self._pairs[i] for i in reversed(best)]

    @cached_property
    def _vectors(self) -> Vectors:
        assert self._embedder is not None
        return self._embedder.embed_passages([question for question, _ in self._pairs])
