"""What a question asks for, a year, a number or a price: excerpts without one do not answer it, and several may disagree."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa.evidence.amounts import is_number, tells_price, tokens
from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.question_analysis import QuestionAnalysis, fits

MARGIN = 1.6
"""How far, in log-odds, an excerpt of a quote may be below the best one."""
DISPUTE = 1.0
"""How far, in log-odds, another document's number may be below one that it disputes."""
_TYPED = re.compile(r"(?:(?:in |on )?(?:what|which) (?:year|date|day|month|decade|century)|how many)\b", re.IGNORECASE)
_PRICE = re.compile(
    r"how (?:much|expensive)\b.*\b(?:costs?|price|pay|charge|fee|fare)\b|"
    r"what (?:do|does|did|will|would|is|are|was|were)\b.*\b(?:cost|price|fare|fee)s?\b",
    re.IGNORECASE,
)


def from_the_first_that_fits(question: QuestionAnalysis, ranked: Sequence[RankedExcerpt]) -> Sequence[RankedExcerpt]:
    """Leave out what is above the best excerpt with a year, a number or a price, where a question asks for one by name.

    Return `[]` where that is more than `MARGIN` below the best excerpt of all, or where none has one.
    """
    if question.kind != "fact" or not (_TYPED.match(question.own) or _PRICE.match(question.own)):
        return ranked
    for place, each in enumerate(ranked):
        if fits(question.answer_type, each.candidate.text) and may_be_price(question, each.candidate):
            return ranked[place:] if each.score >= ranked[0].score - MARGIN else []
    return []


def may_be_price(question: QuestionAnalysis, candidate: Candidate) -> bool:
    """Tell whether a number of an excerpt may be a price: it, its heading or its table speaks of money.

    True for a question that does not ask for a price.
    """
    around = f"{candidate.hit.chunk.context} {candidate.heading} {candidate.before} {candidate.text}"
    return not _PRICE.match(question.own) or tells_price(around)


def is_disputed(question: QuestionAnalysis, candidate: Candidate, ranked: Sequence[RankedExcerpt]) -> bool:
    """Tell whether another document answers a question for a number or a date as well, with another one.

    A short answer would hide that.
    """
    if question.answer_type not in ("number", "date"):
        return False
    own = next((each for each in ranked if each.candidate == candidate), None)
    said = _numbers(candidate.text).difference(question.numbers)
    if own is None or not said:
        return False
    others = (each for each in ranked if each.candidate.hit.chunk.document_id != candidate.hit.chunk.document_id)
    as_good = (
        each for each in others if each.score >= own.score - DISPUTE and each.features[1] > own.features[1] - 1e-6
    )
    texts = (each.candidate.text for each in as_good if fits(question.answer_type, each.candidate.text))
    return any(found and not found & said for found in (_numbers(text).difference(question.numbers) for text in texts))


def _numbers(text: str) -> set[str]:
    return {each for each in tokens(text) if is_number(each)}
