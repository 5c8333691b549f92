"""Ranks excerpts by how likely they answer a question: words shared with it, and vectors similar to its own.

A log-linear model of nine features, fitted on questions of four styles (facts of encyclopaedia articles, turns of real
conversations, long questions with several sentences as the answer, questions about the documents of an organisation).
`make fit-evidence` repeats the fit. Where a generator chooses among the excerpts, its choice is added with a weight of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ragqa import identifiers, text_analysis
from ragqa.evidence.families import family
from ragqa.evidence.passages import Candidate
from ragqa.identifiers import Identifier
from ragqa.question_analysis import QuestionAnalysis, defines, fits
from ragqa.records import Hit, TokenScores
from ragqa.stages import Embedder

FEATURES = (
    "cover",
    "cover_context",
    "cosine",
    "cosine_context",
    "short",
    "below_best_cover",
    "below_best_cosine",
    "fits",
    "defines",
)
"""The first two are the shares of the question's terms in the excerpt, and in it with its context; the next two are the
cosines of the question with both. Then follow whether the excerpt is a fragment, how far the two values with context
are below the best ones of all excerpts, whether it has a date, a number or a name where the question asks for one, and
whether it says what the subject of the question is."""
CONSTANT = -2.34
WEIGHTS = (0.5, 0.43, 3.2, -0.5, -0.95, 4.09, 5.19, 0.36, 0.8)
"""The weights of `FEATURES` in the log-odds that an excerpt answers the question.

A later fit, with other sentence ends and dates, differs by at most 0.15 and was no better."""
READER_FEATURES = (*FEATURES, "read", "below_best_read")
"""The same where a reader read the passages: its log-odds that an answer begins in the excerpt, against no answer in the
passage, and how far they are below the best ones of all excerpts."""
READER_CONSTANT = -0.11
READER_WEIGHTS = (-0.13, 0.69, 2.14, -1.58, -0.55, 4.32, 4.73, 0.16, 0.8, 0.11, 0.19)
"""Fitted on questions from which that reader did not learn: `make fit-evidence ARGS="--reader DIR"`."""
READ_BOUNDS = (-12.0, 8.0)
"""The least and the most log-odds of a reader that count."""
CHOICE_WEIGHT = 0.5
"""The weight of a generator's log-probability for the passage of an excerpt, relative to that of the likeliest one.

Chosen on tuning questions; `make fit-verdicts` prints what the choice gains."""
LEAST_CHOICE = math.log(1e-3)
"""The least log-probability that counts, and that of an excerpt that the generator has not read."""
_NAME = re.compile(r"\b[^\W\d_a-zß-öø-ÿ][^\W\d_]+")
"""A word with a capital letter, or of a script without small ones."""
MAX_TOKENS = 120
"""The most tokens of an excerpt, with its context, that are embedded."""
SHORT = 4
"""An excerpt of fewer words is a fragment, such as a cell or a label."""


@dataclass(frozen=True, slots=True)
class RankedExcerpt:
    """A candidate with its score: the log-odds that it answers the question.

    `features` are the values of `FEATURES`, or of `READER_FEATURES`.
    """

    candidate: Candidate
    score: float
    features: tuple[float, ...]


def term_weights(terms: Sequence[str], counts: Sequence[int]) -> dict[str, float]:
    """Return the weight of each term of a question: the rarer in the index, the higher; they sum to 1.

    :param counts: the number of texts of the index that have each term. A term that is in none has the highest weight,
        so that no text covers the question well.
    """
    raw = {term: 1 / (2 + math.log1p(n)) for term, n in zip(terms, counts, strict=True)}
    whole = sum(raw.values()) or 1.0
    return {term: weight / whole for term, weight in raw.items()}


def only(weights: Mapping[str, float], terms: Sequence[str]) -> Mapping[str, float]:
    """Return the weights of some terms and of identifiers, which sum to 1; all weights where none is left.

    What a follow-up question takes over from the turn before need not be in its answer.
    """
    kept = {term: weight for term, weight in weights.items() if term in terms or term.startswith("=")}
    whole = sum(kept.values())
    return {term: weight / whole for term, weight in kept.items()} if whole else weights


def rank(
    question: QuestionAnalysis,
    candidates: Sequence[Candidate],
    embedder: Embedder,
    weights: Mapping[str, float],
    read: Sequence[TokenScores] = (),
) -> list[RankedExcerpt]:
    """Return the candidates with their scores, best first; ties by their order.

    :param weights: the weights of the question's terms.
    :param read: what a reader found in the passages; empty for none.
    """
    if not candidates:
        return []
    contexts = [_in_context(each) for each in candidates]
    texts = [_end(text, embedder) for text in [*(each.text for each in candidates), *contexts]]
    vectors = embedder.embed_passages(texts) @ embedder.embed_question(_end(question.core, embedder))
    wanted = identifiers.asked(question.core)
    rows = [
        _features(each, contexts[n], (vectors[n], vectors[len(contexts) + n]), weights, wanted)
        for n, each in enumerate(candidates)
    ]
    cover, cosine = max(row[1] for row in rows), max(row[3] for row in rows)
    odds = [log_odds_of_answer(each, read) for each in candidates]
    best = max(odds)
    constant, model = (READER_CONSTANT, READER_WEIGHTS) if read else (CONSTANT, WEIGHTS)
    ranked = []
    for each, row, own in zip(candidates, rows, odds, strict=True):
        short = float(len(text_analysis.words(each.text)) < SHORT)
        features = (
            *row,
            short,
            row[1] - cover,
            row[3] - cosine,
            float(_is_typed(question, each)),
            _defines(question, each),
            *((own, own - best) if read else ()),
        )
        score = constant + sum(w * x for w, x in zip(model, features, strict=True))
        ranked.append(RankedExcerpt(each, score, features))
    return sorted(ranked, key=lambda each: -each.score)


def log_odds_of_answer(candidate: Candidate, read: Sequence[TokenScores]) -> float:
    """Return a reader's log-odds that an answer begins in an excerpt, within `READ_BOUNDS`; the least where it read none."""
    own = (each for each in read if each.document_id == candidate.hit.chunk.document_id)
    least, most = READ_BOUNDS
    return min(most, max([least, *(each.of_excerpt(candidate.start, candidate.end) for each in own)]))


def best_span(candidate: Candidate, read: Sequence[TokenScores]) -> tuple[int, int, float] | None:
    """Return the span of an excerpt that answers best by a reader, with its score; None where it read nothing of it."""
    own = (each for each in read if each.document_id == candidate.hit.chunk.document_id)
    found = [span for each in own if (span := each.best_span(candidate.start, candidate.end))]
    return max(found, key=lambda span: span[2], default=None)


def with_choice(
    ranked: Sequence[RankedExcerpt], passages: Sequence[Hit], choice: Sequence[float]
) -> list[RankedExcerpt]:
    """Return ranked excerpts with scores that a generator's choice among passages has changed, best first.

    :param choice: the log-probability of each passage.
    """
    best = max(LEAST_CHOICE, *choice) if choice else LEAST_CHOICE
    found = []
    for each in ranked:
        place = passage_of(each.candidate, passages)
        log_probability = LEAST_CHOICE if place is None else max(LEAST_CHOICE, choice[place])
        found.append(replace(each, score=each.score + CHOICE_WEIGHT * (log_probability - best)))
    return sorted(found, key=lambda each: -each.score)


def passage_of(candidate: Candidate, passages: Sequence[Hit]) -> int | None:
    """Return the number of the passage in which an excerpt begins, from 0; None if it begins in none."""
    return next((n for n, hit in enumerate(passages) if _begins_in(candidate, hit)), None)


def _begins_in(candidate: Candidate, hit: Hit) -> bool:
    same = candidate.hit.chunk.document_id == hit.chunk.document_id
    return same and hit.chunk.start <= candidate.start < hit.chunk.end


def _is_typed(question: QuestionAnalysis, candidate: Candidate) -> bool:
    """Tell whether an excerpt has what can be an answer: a date, a number, or a name that the question has not."""
    if question.answer_type in ("date", "number"):
        return fits(question.answer_type, candidate.text)
    if question.answer_type == "thing":
        return True
    own = set(text_analysis.words(question.core))
    return any(name.lower() not in own for name in _NAME.findall(candidate.text, 1))


def _defines(question: QuestionAnalysis, candidate: Candidate) -> float:
    around = f"{candidate.hit.source} {candidate.hit.chunk.context} {candidate.heading}"
    return float(defines(question, candidate.text, around) or _is_entry(question, candidate))


def _is_entry(question: QuestionAnalysis, candidate: Candidate) -> bool:
    """Tell whether an excerpt is the first one below a heading that is the subject of a question, as in a glossary."""
    if question.kind != "definition" or candidate.kind != "sentence" or not candidate.heading:
        return False
    chunk = candidate.hit.chunk
    first = chunk.text[: max(0, candidate.start - chunk.start)].rstrip().endswith(candidate.heading)
    subject = {text_analysis.term(word) for word in text_analysis.content_words(candidate.heading)}
    return first and subject == set(question.terms)


def _features(
    candidate: Candidate,
    context: str,
    cosines: tuple[float, float],
    weights: Mapping[str, float],
    wanted: Sequence[Identifier],
) -> tuple[float, float, float, float]:
    """Return the first four of `FEATURES`; `cosines` are those of the excerpt, and of it in its context."""
    terms = terms_of(candidate.text, wanted)
    around = [*terms, *terms_of(f"{context} {candidate.hit.source}", wanted)]
    return covered(weights, terms), covered(weights, around), float(cosines[0]), float(cosines[1])


def terms_of(text: str, wanted: Sequence[Identifier]) -> list[str]:
    """Return the search terms of a text, with the wanted identifiers that it has and all ways to write them."""
    having = {f"={each.exact}" for each in wanted}.intersection(identifiers.terms(text) if wanted else ())
    words = (term for part in (text, *spelled(text, wanted)) for term in text_analysis.terms(part))
    return [*words, *sorted(having)]


def spelled(text: str, wanted: Sequence[Identifier]) -> list[str]:
    """Return each way to write the wanted identifiers that a text has: 5 March 2024 is 2024-03-05 too."""
    there = set(identifiers.terms(text)) if wanted else ()
    return [spelling for each in wanted if f"={each.exact}" in there for spelling in each.spellings]


def covered(weights: Mapping[str, float], terms: Sequence[str]) -> float:
    """Return the weight of the question's terms that have a term of their family among some terms, between 0 and 1."""
    there = set(map(family, terms))
    return sum(weight for term, weight in weights.items() if family(term) in there)


def _in_context(candidate: Candidate) -> str:
    """Return an excerpt after its title, its heading and the sentence before it."""
    parts = (candidate.hit.chunk.context.replace("\n", " "), candidate.heading, candidate.before[-200:], candidate.text)
    return " ".join(part for part in parts if part)


def _end(text: str, embedder: Embedder) -> str:
    """Return the last `MAX_TOKENS` tokens of a text."""
    offsets = embedder.offsets(text) if len(text) > MAX_TOKENS else []
    return text if len(offsets) <= MAX_TOKENS else text[offsets[-MAX_TOKENS][0] :]
