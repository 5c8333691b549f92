"""How likely an answer is right: calibrated on questions of several styles, answerable and not.

Log-linear models, fitted on tuning questions only; `make fit-evidence` repeats the fit. `answerable` knows the passages
alone; `with_verdict` adds the generator's verdict about them, and `of_answer` its confidence in the answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ragqa import identifiers
from ragqa.evidence.passages import Candidate
from ragqa.evidence.ranking import FEATURES as OF_EXCERPT
from ragqa.evidence.ranking import READER_FEATURES as READ_OF_EXCERPT
from ragqa.evidence.ranking import RankedExcerpt, covered, spelled, terms_of
from ragqa.evidence.selection import quote
from ragqa.question_analysis import QuestionAnalysis
from ragqa.records import Generation, Hit

LEAST = {"strict": 0.5, "balanced": 0.4, "eager": 0.3}
"""The least confidence of an answer by the name of `prompt.min_confidence`."""
FEATURES = ("cosine", "cover_passage", "cover_quote", "terms", "gap", "numbers", "defines", "rank")
WEIGHTS = (-4.61, 4.18, -2.31, 3.98, 0.46, 0.53, -1.36, 3.0, -0.62)
"""A constant, and the weights of `FEATURES`. A passage with words of the question that its quote lacks says less."""
READER_FEATURES = (*FEATURES, "read", "read_most")
READER_WEIGHTS = (-4.51, 3.66, -1.24, 1.99, 1.04, 0.21, -0.95, 3.03, -0.68, 0.16, 0.14)
"""The same where a reader read the passages."""
VERDICT_WEIGHTS = (-1.25, 1.01, 0.43)
"""A constant, and the weights of the log-odds of the passages and of the generator's verdict."""
SPAN_WEIGHTS = (-1.7, 0.92, 0.42)
"""A constant, and the weights of the log-odds of the passages and of the generator's own confidence in a span."""
READER_SPAN_WEIGHTS = (-1.42, 0.57, 0.23)
"""A constant, and the weights of the log-odds of the passages and of a reader's score of a span."""
TEXT_WEIGHTS = (-1.02, 1.12, 0.32, 2.56)
"""As `VERDICT_WEIGHTS`, and the weight of the mean log-probability of the answer's tokens."""


LEAST_SPAN = 0.5
"""The least confidence of a span that is chosen by a generator without a verdict, where a quote can be given instead."""


def least(choice: str | float) -> float:
    """Return the least confidence for a value of `prompt.min_confidence`."""
    return LEAST[choice] if isinstance(choice, str) else choice


def answerable(
    question: QuestionAnalysis, hits: Sequence[Hit], ranked: Sequence[RankedExcerpt], weights: Mapping[str, float]
) -> float:
    """Return the probability that the ranked excerpts of some hits answer a question; 0 for none.

    :param weights: the weights of the question's terms.
    """
    if not ranked:
        return 0.0
    values = features(question, hits, ranked, weights)
    return _logistic(WEIGHTS if len(values) == len(FEATURES) else READER_WEIGHTS, values)


def features(
    question: QuestionAnalysis, hits: Sequence[Hit], ranked: Sequence[RankedExcerpt], weights: Mapping[str, float]
) -> tuple[float, ...]:
    """Return the values of `FEATURES`, or of `READER_FEATURES` where a reader read the passages.

    These are the best cosine of the question with an excerpt in its context, the shares of the question's terms in one hit
    and in the quote with its titles, the logarithm of the number of terms, the score of the best excerpt above that of the
    second, whether a number of the question is not in the passage of the best excerpt, whether that says what the
    question's subject is, and the logarithm of the place of its hit. A reader adds its log-odds of an
    answer in the best excerpt, and the highest of all excerpts.
    """
    best = ranked[0].candidate
    passage = f"{best.hit.source} {best.hit.chunk.indexed_text} {best.text}"
    wanted = identifiers.asked(question.core)
    passages = (covered(weights, terms_of(f"{hit.source} {hit.chunk.indexed_text}", wanted)) for hit in hits)
    quoted = [term for each in quote(question, ranked) for term in terms_of(_with_titles(each), wanted)]
    there = " ".join([passage, *spelled(passage, wanted)])
    gap = ranked[0].score - ranked[1].score if len(ranked) > 1 else 2.0
    return (
        max(each.features[3] for each in ranked),
        max(passages, default=0.0),
        covered(weights, quoted),
        math.log1p(len(question.terms)),
        min(gap, 3.0),
        float(any(number not in there for number in question.numbers)),
        ranked[0].features[OF_EXCERPT.index("defines")],
        math.log1p(best.rank),
        *_read(ranked),
    )


def _read(ranked: Sequence[RankedExcerpt]) -> tuple[float, ...]:
    at = READ_OF_EXCERPT.index("read")
    odds = [each.features[at] for each in ranked if len(each.features) > at]
    return (odds[0], max(odds)) if odds else ()


def _with_titles(candidate: Candidate) -> str:
    """Return an excerpt with what names its subject: its file, its title and its heading."""
    return f"{candidate.hit.source} {candidate.hit.chunk.context} {candidate.heading} {candidate.text}"


def with_verdict(probability: float, verdict: float | None) -> float:
    """Return the probability that the passages answer, with the generator's verdict in log-odds where it has one."""
    return probability if verdict is None else _logistic(VERDICT_WEIGHTS, (log_odds(probability), verdict))


def of_answer(probability: float, verdict: float | None, generation: Generation) -> float:
    """Return the probability that a generated answer is right, by all that its generator says about it."""
    if verdict is not None and generation.logprobs:
        mean = sum(generation.logprobs) / len(generation.logprobs)
        return _logistic(TEXT_WEIGHTS, (log_odds(probability), verdict, mean))
    if generation.confidence is not None:
        return _logistic(SPAN_WEIGHTS, (log_odds(probability), log_odds(generation.confidence)))
    return with_verdict(probability, verdict)


def of_span(probability: float, score: float) -> float:
    """Return the probability that a span is the answer, by the passages and a reader's score of the span."""
    return _logistic(READER_SPAN_WEIGHTS, (log_odds(probability), score))


def log_odds(probability: float) -> float:
    """Return the log-odds of a probability, at most 7 from 0."""
    bounded = min(max(probability, 1e-3), 1 - 1e-3)
    return math.log(bounded / (1 - bounded))


def _logistic(weights: Sequence[float], values: Sequence[float]) -> float:
    """Return the probability of a log-linear model: a constant, then a weight for each value."""
    total = weights[0] + sum(w * x for w, x in zip(weights[1:], values, strict=True))
    return (1 + math.tanh(total / 2)) / 2
