"""What a question asks for, a year, a number or a price: excerpts without one do not answer it, and several may disagree."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa import identifiers
from ragqa.evidence.amounts import amount_of, is_number, may_be_price, tokens
from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import RankedExcerpt
from ragqa.question_analysis import QuestionAnalysis, fits

MARGIN = 1.6
"""How far, in log-odds, an excerpt of a quote may be below the best one."""
DISPUTE = 1.0
"""How far, in log-odds, another document's number may be below one that it disputes."""
_TYPED = re.compile(r"(?:(?:in |on )?(?:what|which) (?:year|date|day|month|decade|century)|how many)\b", re.IGNORECASE)
_PRICED = re.compile(
    r"how much (?:(?:do|does|did|will|would) .*\b(?:cost|charge)\b|(?:is|are|was|were) .*\b(?:price|fare|fee)s?\W*$)|how expensive\b|"
    r"what (?:do|does|did|will|would) .*\bcost\b|what(?:'s| is| are| was| were) the (?:\w+ )?(?:price|fare|fee|cost)s?(?: of\b| for\b|\W*$)",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")


def from_the_first_that_fits(question: QuestionAnalysis, ranked: Sequence[RankedExcerpt]) -> Sequence[RankedExcerpt]:
    """Leave out what is above the best excerpt with a year, a number or a price, where a question asks for one by name.

    Return `[]` where that is more than `MARGIN` below the best excerpt of all, or where none has one.
    """
    typed, priced = _TYPED.match(question.own), _PRICED.match(question.own)
    if question.kind != "fact" or not (typed or priced):
        return ranked
    for place, each in enumerate(ranked):
        if fits(question.answer_type, each.candidate.text) if typed else suits_price(question, each.candidate):
            return ranked[place:] if each.score >= ranked[0].score - MARGIN else []
    return []


def suits_price(question: QuestionAnalysis, candidate: Candidate) -> bool:
    """Tell whether an excerpt may give a price; True for a question that does not ask for one.

    Its heading, its table and its title may say that its numbers are of money.
    """
    around = f"{candidate.hit.chunk.context} {candidate.heading} {candidate.before} {candidate.text}"
    return not _PRICED.match(question.own) or may_be_price(around)


def is_disputed(question: QuestionAnalysis, candidate: Candidate, ranked: Sequence[RankedExcerpt]) -> bool:
    """Tell whether another document answers a question for a number or a date as well, with another one.

    A short answer would hide that.
    """
    if question.answer_type not in ("number", "date"):
        return False
    own = next((each for each in ranked if each.candidate == candidate), None)
    if own is None:
        return False
    others = (each for each in ranked if each.candidate.hit.chunk.document_id != candidate.hit.chunk.document_id)
    as_good = (
        each for each in others if each.score >= own.score - DISPUTE and each.features[1] > own.features[1] - 1e-6
    )
    texts = (each.candidate.text for each in as_good if fits(question.answer_type, each.candidate.text))
    return any(_differ(question, candidate.text, text) for text in texts)


def _differ(question: QuestionAnalysis, one: str, other: str) -> bool:
    """Tell whether two texts have numbers, and none in common; a year that both have is no number that is asked for."""
    asked = _numbers(" ".join(question.numbers))
    numbers = [_numbers(text) - asked for text in (one, other)]
    if question.answer_type == "number":
        shared = {number for number in numbers[0] & numbers[1] if _YEAR.fullmatch(number)}
        numbers = [each - shared for each in numbers]
    return all(numbers) and not numbers[0] & numbers[1]


def _numbers(text: str) -> set[str]:
    """Return the amounts and dates of a text, those in any spelling alike."""
    amounts = (amount_of(token) for token in tokens(text) if is_number(token))
    return {*(str(amount) for amount in amounts if amount is not None), *identifiers.terms(text)}
