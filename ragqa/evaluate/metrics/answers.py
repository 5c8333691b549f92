"""The metrics of one answer, each in [0, 1]. Pure functions.

Exact match and F1: Rajpurkar, Jia and Liang (2018), the official SQuAD 2.0 script, but for an answer such as "A", of
which the script leaves nothing: it is compared in its strict form, so that it never equals no answer. The strict
variants compare the strict forms of all answers. `contains` and `has_answer` look for whole words and whole numbers of
the strict form (Karpukhin et al. 2020, DPR), so that "art" is not found in "party", nor "5" in "5.2".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ragqa import text_analysis
from ragqa.evaluate.metrics.normal_forms import JOINTS, squad_form, strict_form
from ragqa.records import Answer, Citation, Hit

VERSION = 4
"""The version of the definitions. It is raised when a metric changes, since scores of other versions are not reused."""

_GLUED_BEFORE, _GLUED_AFTER = "-^", "+#^-"
"""Marks beside a text that make it another one: 5 is not found in -5, nor C in C++."""


def prediction(answer: Answer) -> str:
    """Return the text of an answer for scoring: empty where the system abstained."""
    return "" if answer.abstained or not answer.text.strip() else answer.text


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 where the prediction equals a gold in SQuAD's form, else 0.

    A gold of which SQuAD's form leaves nothing is compared in its strict form. Without golds, the question has no
    answer, and only a blank prediction is right.
    """
    return _best(_equal, _squad_pairs(prediction, golds), prediction)


def exact_match_strict(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 where the prediction equals a gold in the strict form, else 0; without golds as in `exact_match`."""
    return _best(_equal, _strict_pairs(prediction, golds), prediction)


def f1(prediction: str, golds: Sequence[str]) -> float:
    """Return the best harmonic mean of word precision and recall over the golds; forms as in `exact_match`."""
    return _best(_word_f1, _squad_pairs(prediction, golds), prediction)


def f1_strict(prediction: str, golds: Sequence[str]) -> float:
    """Return the best harmonic mean of word precision and recall over the golds, in the strict form."""
    return _best(_word_f1, _strict_pairs(prediction, golds), prediction)


def contains(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 where the prediction contains the words of a gold in order, without other words between, else 0.

    Words are compared in the strict form. In scripts without spaces, characters are compared. Without golds, a blank
    prediction scores 1 and any other 0.
    """
    return _best(_holds, _strict_pairs(prediction, golds), prediction)


def rouge_l(prediction: str, golds: Sequence[str]) -> float:
    """Return the best ROUGE-L F1 over the golds: by the longest common subsequence of normalised words (Lin 2004).

    Forms are those of `exact_match`. Words are not stemmed.
    """
    return _best(_lcs_f1, _squad_pairs(prediction, golds), prediction)


def has_answer(hits: Sequence[Hit], golds: Sequence[str]) -> float:
    """Return 1 where a hit's text contains the words of a gold answer, else 0; 0 for no hits or no golds."""
    return max((contains(hit.chunk.text, golds) for hit in hits if golds), default=0.0)


def citation_precision(citations: Sequence[Citation], gold: Sequence[tuple[str, int, int]]) -> float:
    """Return the share of citations that overlap a gold span `(source, start, end)`.

    :raises ValueError: there are no citations, so precision is undefined.
    """
    if not citations:
        raise ValueError("citation precision needs at least one citation")
    return sum(any(_overlap(citation, span) for span in gold) for citation in citations) / len(citations)


def citation_recall(citations: Sequence[Citation], gold: Sequence[tuple[str, int, int]]) -> float:
    """Return the share of distinct gold spans `(source, start, end)` that a citation overlaps; 0 for no citations.

    :raises ValueError: there is no gold span.
    """
    spans = set(gold)
    if not spans:
        raise ValueError("citation recall needs at least one gold span")
    return sum(any(_overlap(citation, span) for citation in citations) for span in spans) / len(spans)


def _overlap(citation: Citation, span: tuple[str, int, int]) -> bool:
    source, start, end = span
    return citation.source == source and citation.start < end and start < citation.end


Pair = tuple[str, str]
"""The forms of a prediction and of a gold."""


def _squad_pairs(prediction: str, golds: Sequence[str]) -> Iterator[Pair]:
    said = squad_form(prediction)
    for gold in golds:
        if form := squad_form(gold):
            yield said, form
        else:
            yield from _strict_pairs(prediction, [gold])


def _strict_pairs(prediction: str, golds: Sequence[str]) -> Iterator[Pair]:
    for joint in JOINTS:
        said = strict_form(prediction, joint)
        yield from ((said, form) for form in (strict_form(gold, joint) for gold in golds) if form)


def _best(score: Callable[[str, str], float], pairs: Iterator[Pair], prediction: str) -> float:
    """Return the best score of the pairs; where there is none, 1 for a blank prediction, else 0."""
    return max((score(said, gold) for said, gold in pairs), default=float(not prediction.strip()))


def _equal(said: str, gold: str) -> float:
    return float(said == gold)


def _holds(said: str, gold: str) -> float:
    """Return 1 where a form has the words of another one, and no mark beside them that belongs to them."""
    return float(
        any(
            said[max(0, start - 1) : start] not in tuple(_GLUED_BEFORE)
            and said[end : end + 1] not in tuple(_GLUED_AFTER)
            for start, end in text_analysis.occurrences(gold, said)
        )
    )


def _word_f1(said: str, gold: str) -> float:
    """Return the F1 of the multisets of words; the words of a gold are never none."""
    words, wanted = said.split(), gold.split()
    return 2 * sum((Counter(words) & Counter(wanted)).values()) / (len(words) + len(wanted))


def _lcs_f1(said: str, gold: str) -> float:
    """Return the F1 of the longest common subsequence, whose length is computed row by row."""
    words, wanted = said.split(), gold.split()
    row = [0] * (len(wanted) + 1)
    for word in words:
        last = row
        row = [0]
        for column, other in enumerate(wanted, start=1):
            row.append(last[column - 1] + 1 if word == other else max(last[column], row[-1]))
    return 2 * row[-1] / (len(words) + len(wanted))
