"""What a question asks for by name, a year, a number or a price: excerpts without one do not answer it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa.evidence.amounts import tells_price
from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.question_analysis import QuestionAnalysis, fits

MARGIN = 1.6
"""How far, in log-odds, an excerpt of a quote may be below the best one."""
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
