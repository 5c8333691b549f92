"""Questions of any length: one that exceeds an encoder's window is embedded in parts."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ragqa.errors import UsageError

Vectors = NDArray[np.float32]

_log = logging.getLogger("ragqa.embed")
_BLANK = re.compile(r"\s+")


class QuestionEmbedder:
    """Embeds questions with an embedder of texts. A question that is too long has the mean of its parts' vectors.

    :param embed: returns float32[n, dim] for texts that fit the window, with the prefix of questions before each.
    :param length: returns the number of tokens of a question as the model reads it.
    :param window: the most tokens that the model reads.
    :param name: the name of the model in messages.
    """

    def __init__(
        self, embed: Callable[[Sequence[str]], Vectors], length: Callable[[str], int], window: int, name: str
    ) -> None:
        self._embed, self._length, self._window, self._name = embed, length, window, name
        self._long: tuple[str, Vectors] | None = None
        """The last question that was embedded in parts, and its vector: it is told once, however often it is asked."""

    def one(self, question: str) -> Vectors:
        """Return float32[dim], L2-normalised."""
        if (long := self._long) and long[0] == question:  # read once, since another thread may replace it
            return long[1]
        vector: Vectors = self.many([question])[0]
        return vector

    def many(self, questions: Sequence[str]) -> Vectors:
        """Return float32[len(questions), dim]: the row of each question is what `one` returns for it."""
        parts = [self._parts(question) for question in questions]
        rows = self._embed([part for each in parts for part in each])
        ends = np.cumsum([0, *map(len, parts)])
        of_each = [rows[start:end] for start, end in pairwise(ends)]
        vectors = [self._joined(question, own) for question, own in zip(questions, of_each, strict=True)]
        return np.array(vectors, dtype=np.float32).reshape(len(vectors), rows.shape[1])

    def _joined(self, question: str, parts: Vectors) -> Vectors:
        """Return the vector of a question from those of its parts; a warning tells that it has several."""
        if len(parts) == 1:
            only: Vectors = parts[0]
            return only
        if (long := self._long) and long[0] == question:
            return long[1]
        _log.warning(
            "the question is longer than the %d tokens that %s reads: it was embedded in %d parts, whose mean is searched",
            self._window, self._name, len(parts),
        )  # fmt: skip
        mean = parts.mean(axis=0)
        unit: Vectors = mean / (np.linalg.norm(mean) or 1.0)
        self._long = question, unit
        return unit

    def _parts(self, question: str) -> list[str]:
        """Return a question in parts that fit the window, each halved at the blank nearest to its middle."""
        if self._length(question) <= self._window or len(question) < 2:
            return [question]
        middle = len(question) // 2
        blanks = [match.start() for match in _BLANK.finditer(question, 1, len(question) - 1)]
        cut = min(blanks, key=lambda at: abs(at - middle), default=middle)
        halves = (question[:cut].strip(), question[cut:].strip())
        return [part for half in halves if half for part in self._parts(half)]


def refuse_long(
    lengths: Sequence[int], window: int, name: str, what: str, numbers: Sequence[int] | None = None
) -> None:
    """Refuse texts that a model would not read to their ends.

    :param lengths: the number of tokens of each text.
    :param what: `query` or `passage`.
    :param numbers: the number of each text in the message; 0, 1, 2, ... where None.
    :raises UsageError: a text is longer than the window.
    """
    for number, length in zip(numbers or range(len(lengths)), lengths, strict=True):
        if length > window:
            where = "the question" if what == "query" else f"text {number}"
            raise UsageError(f"{where} has {length:,} tokens; {name} reads {window:,}")
