"""Candidates and ranked excerpts of texts, without an embedder."""

from __future__ import annotations

from collections.abc import Sequence

from ragqa.evidence.passages import Candidate, candidates
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.records import Document
from tests.fakes import document, passage


def of_texts(*texts: str) -> list[Candidate]:
    """Return the candidates of documents with these texts, each of which was found whole, in this order."""
    documents = [document(text, f"{number}.txt") for number, text in enumerate(texts)]
    return of_documents(*documents)


def of_documents(*documents: Document) -> list[Candidate]:
    by_id = {each.id: each for each in documents}
    return candidates([passage(each, 0, len(each.text)) for each in documents], by_id.__getitem__)


def ranked(found: Sequence[Candidate], *best: str, rest: float = -9.0) -> list[RankedExcerpt]:
    """Return candidates with scores: 0 for the one that has the first of some words, -0.1 for that with the second,
    and so on; `rest` for the others."""
    scored = []
    for each in found:
        place = next((number for number, words in enumerate(best) if words in each.text), None)
        scored.append(RankedExcerpt(each, rest if place is None else -0.1 * place, (0.0,) * 8))
    return sorted(scored, key=lambda each: -each.score)
