"""What one answer or one ranking is worth, in [0, 1]. Pure functions.

Answers: Rajpurkar, Jia and Liang (2018), the official SQuAD 2.0 script. `contains` and `has_answer` compare whole
words (Karpukhin et al. 2020, DPR), so that "art" is not found in "party".
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragqa.records import Hit

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

COVERED = 0.5
"""The share of a gold span that one hit has to hold for the span to count as found."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a piece of gold evidence stands: code points of the document's text, end exclusive, never empty."""

    document_id: str
    start: int
    end: int


def normalize(text: str) -> str:
    """Lower the case, drop ASCII punctuation, drop the words a, an and the, and squeeze white space, in this order."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 where the normalised prediction equals a normalised gold, else 0.

    Golds that normalise to nothing are dropped; with none left, the question has no answer and an empty prediction
    is right.
    """
    return _best(lambda gold: float(normalize(prediction) == gold), golds)


def f1(prediction: str, golds: Sequence[str]) -> float:
    """Return the best harmonic mean of word precision and recall over the golds; empties as in `exact_match`."""
    words = normalize(prediction).split()
    return _best(lambda gold: _word_f1(words, gold.split()), golds)


def contains(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 where a gold's words stand in the prediction, in their order with nothing between, else 0.

    Without any gold, only an empty prediction scores 1: nothing is not contained in everything.
    """
    words = normalize(prediction)
    return _best(lambda gold: float(f" {gold} " in f" {words} " if gold else not words), golds)


def has_answer(hits: Sequence[Hit], golds: Sequence[str]) -> float:
    """Return 1 where a hit's text contains a gold answer word for word, else 0; 0 for no hits or no golds."""
    return max((contains(hit.chunk.text, golds) for hit in hits if golds), default=0.0)


def recall(hits: Sequence[Hit], gold: Sequence[Span]) -> float:
    """Return the share of the distinct gold spans that some hit covers.

    :raises ValueError: there is no gold span; such a question has no recall.
    """
    spans = set(gold)
    if not spans:
        raise ValueError("recall needs at least one gold span")
    return sum(any(covers(hit, span) for hit in hits) for span in spans) / len(spans)


def reciprocal_rank(hits: Sequence[Hit], gold: Sequence[Span]) -> float:
    """Return 1 / rank of the first hit that covers any gold span, 0 where none does."""
    ranks = (rank for rank, hit in enumerate(hits, start=1) if any(covers(hit, span) for span in gold))
    return 1 / next(ranks, float("inf"))


def covers(hit: Hit, span: Span) -> bool:
    """Tell whether a hit holds at least half of a gold span, counted in code points."""
    if hit.chunk.document_id != span.document_id:
        return False
    shared = min(hit.chunk.end, span.end) - max(hit.chunk.start, span.start)
    return shared >= COVERED * (span.end - span.start)


def _best(score: Callable[[str], float], golds: Sequence[str]) -> float:
    normalized = [gold for gold in map(normalize, golds) if gold]
    return max(score(gold) for gold in normalized or [""])


def _word_f1(words: Sequence[str], gold: Sequence[str]) -> float:
    if not words or not gold:
        return float(words == gold)
    shared = sum((Counter(words) & Counter(gold)).values())
    return 2 * shared / (len(words) + len(gold))
