"""Chooses the most central sentences of a document, and groups documents, by vectors that are in the index."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragqa import text_analysis
from ragqa.pipeline.catalogue.sections import Sections, Sentence
from ragqa.records import Chunk, Document
from ragqa.stages import Embedder, IndexReader

Vectors = NDArray[np.float32]

MOST_SENTENCES = 8
"""The most sentences of the summary of one document."""
MOST_EMBEDDED = 96
"""About how many sentences of a document are compared by vectors. The others were compared by their words."""
MOST_TOKENS = 200
ALIKE = 0.6
"""Two sentences that share this part of their words say the same."""
LEAST_GROUP = 4
"""The documents for which there is one group, up to the most groups."""
LEAD = 0.12
"""The advantage of the first sentence of a section; the n-th has the n-th part of it."""
OPENING = 0.25
"""The same for the first sentence of a document, where one sentence stands for all of it."""
POINTING = 0.15
"""The disadvantage of a sentence that points to the one before it."""
ROUNDS = 20
"""The most rounds in which groups are improved."""

_POINTING = text_analysis.POINTING_WORDS | frozenset(
    ["here", "therefore", "thus", "otherwise", "instead", "additionally", "furthermore", "moreover"]
)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A sentence with its vector and its score."""

    sentence: Sentence
    vector: Vectors
    score: float


def number_of_sentences(sections: Sections) -> int:
    """Return how many sentences a summary has: 2 for a short document, up to `MOST_SENTENCES` for a long one."""
    wanted = max(len(sections.spans), round(math.sqrt(len(sections.sentences))))
    return max(1, min(MOST_SENTENCES, wanted, max(2, math.ceil(len(sections.sentences) / 2))))


def central(
    document: Document,
    sections: Sections,
    reader: IndexReader,
    embedder: Embedder,
    most: int,
    embedded: int = MOST_EMBEDDED,
) -> list[Sentence]:
    """Return the most central sentences of a document, at most `most`, in its order.

    Each section offers its best sentence, by the cosines with the mean vectors of the section and of the document and
    by its place; of these the best are taken that say something new. The document's vectors are those of its chunks.

    :param embedded: about how many sentences are compared by vectors.
    """
    candidates = list(_promising(sections, max(2, embedded // max(1, len(sections.spans))), embedder))
    if not candidates:
        return []
    vectors = embedder.embed_passages([each.text for each in candidates])
    whole, means = _means(document, sections, reader, candidates, vectors)
    scored = [
        Scored(each, vector, _score(each, vector, whole, means[each.section], alone=most == 1))
        for each, vector in zip(candidates, vectors, strict=True)
    ]
    return sorted(_reduced(scored, most), key=lambda each: each.start)


def _promising(sections: Sections, each: int, embedder: Embedder) -> Iterator[Sentence]:
    """Yield for each section its first two sentences and those with the most frequent words of the document."""
    counts = Counter(term for sentence in sections.sentences for term in _terms(sentence.text))
    weights = {term: math.log1p(n) for term, n in counts.items()}
    for number in range(len(sections.spans)):
        inside = [sentence for sentence in sections.sentences if sentence.section == number]
        fitting = [sentence for sentence in inside if embedder.count(sentence.text) <= MOST_TOKENS]
        by_words = sorted(fitting[2:], key=lambda sentence: -_weight(sentence.text, weights))
        chosen = [*fitting[:2], *by_words[: max(0, each - 2)]]
        yield from sorted(chosen, key=lambda sentence: sentence.start)


def _weight(text: str, weights: dict[str, float]) -> float:
    """Return the mean weight of the words of a text, less for a very short one."""
    terms = _terms(text)
    return sum(weights[term] for term in terms) / (len(terms) + 3)


def _terms(text: str) -> set[str]:
    return {text_analysis.term(word) for word in text_analysis.content_words(text)}


def _means(
    document: Document, sections: Sections, reader: IndexReader, candidates: Sequence[Sentence], vectors: Vectors
) -> tuple[Vectors, list[Vectors]]:
    """Return the mean vectors of a document and of each section; of the sentences where its chunks have none yet."""
    chunks = reader.chunks(document.id)
    rows = reader.vectors([chunk.id for chunk in chunks]) if chunks else vectors[:0]
    present = np.isfinite(rows).all(axis=1)
    whole = unit(rows[present].mean(axis=0) if present.any() else vectors.mean(axis=0))
    means = []
    for number, (start, end) in enumerate(sections.spans):
        shares = np.array([_overlap(chunk, start, end) for chunk in chunks], dtype=np.float32) * present
        if shares.any():
            means.append(unit((rows[present] * shares[present, None]).sum(axis=0)))
        else:
            own = [vector for each, vector in zip(candidates, vectors, strict=True) if each.section == number]
            means.append(unit(np.mean(own, axis=0)) if own else whole)
    return whole, means


def _overlap(chunk: Chunk, start: int, end: int) -> int:
    return max(0, min(chunk.end, end) - max(chunk.start, start))


def unit(vector: Vectors) -> Vectors:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _score(sentence: Sentence, vector: Vectors, whole: Vectors, section: Vectors, *, alone: bool) -> float:
    """Return the score of a sentence for a summary, or for a summary that it alone is."""
    first = next(iter(text_analysis.words(sentence.text)), "")
    lead = (OPENING * (sentence.section == 0) if alone else LEAD) / (1 + sentence.place)
    return float(0.5 * vector @ section + 0.5 * vector @ whole) + lead - POINTING * (first in _POINTING)


def _reduced(scored: Sequence[Scored], most: int) -> list[Sentence]:
    """Return the best sentences: first the best of each section, then the others, none of which repeats another."""
    best: dict[int, Scored] = {}
    for each in sorted(scored, key=lambda each: -each.score):
        best.setdefault(each.sentence.section, each)
    heads = list(best.values())
    left = [*heads, *sorted((each for each in scored if each not in heads), key=lambda each: -each.score)]
    chosen: list[Scored] = []
    for pool in (left[: len(heads)], left[len(heads) :]):
        waiting = list(pool)
        while waiting and len(chosen) < most:
            taken = max(waiting, key=lambda each: each.score - 0.4 * _nearness(each, chosen))
            waiting.remove(taken)
            if not any(_alike(taken, other) for other in chosen):
                chosen.append(taken)
    return [each.sentence for each in chosen]


def _nearness(one: Scored, others: Sequence[Scored]) -> float:
    return max((float(one.vector @ other.vector) for other in others), default=0.0)


def _alike(one: Scored, other: Scored) -> bool:
    mine, theirs = _terms(one.sentence.text), _terms(other.sentence.text)
    return len(mine & theirs) >= ALIKE * max(1, min(len(mine), len(theirs)))


def groups(vectors: Vectors, most: int) -> list[list[int]]:
    """Return the rows of unit vectors in at most `most` groups, the largest group first, the most central row first.

    This is spherical k-means (Dhillon and Modha 2001) from rows that are far from one another; it has no chance in it.
    """
    count = min(most, math.ceil(len(vectors) / LEAST_GROUP))
    centred = vectors - vectors.mean(axis=0)  # what all documents share does not tell them apart
    vectors = np.array([unit(row) for row in centred])
    chosen = [int(np.argmin(np.linalg.norm(centred, axis=1)))]
    while len(chosen) < count:
        chosen.append(int(np.argmin((vectors @ vectors[chosen].T).max(axis=1))))
    centres = vectors[chosen]
    for _ in range(ROUNDS):
        nearest = np.argmax(vectors @ centres.T, axis=1)
        centres = np.array([_centre(vectors[nearest == n], centres[n]) for n in range(count)])
    cosines = vectors @ centres.T
    nearest = np.argmax(cosines, axis=1)
    found = [sorted(np.flatnonzero(nearest == n).tolist(), key=lambda i: (-cosines[i, n], i)) for n in range(count)]
    return sorted((rows for rows in found if rows), key=lambda rows: (-len(rows), rows[0]))


def _centre(members: Vectors, before: Vectors) -> Vectors:
    return unit(members.mean(axis=0)) if len(members) else before
