"""The metrics of one answer, each in [0, 1]. Pure functions.

Exact match and F1: Rajpurkar, Jia and Liang (2018), the official SQuAD 2.0 script. `contains` and `has_answer` compare
whole words and whole numbers (Karpukhin et al. 2020, DPR), so that "art" is not found in "party", nor "5" in "5.2".
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from ragqa import text_analysis
from ragqa.records import Answer, Citation, Hit

VERSION = 3
"""The version of the definitions. It is raised when a metric changes, since scores of other versions are not reused."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MARK = f"[{re.escape(string.punctuation)}]"
_OUTSIDE_NUMBERS = re.compile(rf"(?<=\d),(?=\d{{3}}(?!\d))|(?<!\d){_MARK}|{_MARK}(?!\d)")
"""ASCII punctuation except between two digits; thousands separators, which are commas, are punctuation too."""
_WORD_FOLLOWS = re.compile(r"\s*\w")


def prediction(answer: Answer) -> str:
    """Return the text of an answer for scoring: empty where the system abstained."""
    return "" if answer.abstained or not answer.text.strip() else answer.text


def normalize(text: str) -> str:
    """Lower the case, drop ASCII punctuation, drop the words a, an and the, and squeeze white space, in this order."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 where the normalised prediction equals a normalised gold, else 0.

    Golds that normalise to nothing are dropped. Where none is left, the question has no answer, and an empty prediction
    is correct.
    """
    return _best(lambda gold: float(normalize(prediction) == gold), golds)


def f1(prediction: str, golds: Sequence[str]) -> float:
    """Return the best harmonic mean of word precision and recall over the golds; empty golds as in `exact_match`."""
    words = normalize(prediction).split()
    return _best(lambda gold: _word_f1(words, gold.split()), golds)


def contains(prediction: str, golds: Sequence[str]) -> float:
    """Return 1 where the prediction contains the words of a gold in order, without other words between, else 0.

    Words are normalised, but numbers keep their decimal points: 1.2 does not contain 12. In scripts without spaces,
    characters are compared. A gold that is an article, such as "A", matches where it has the same case and no word
    follows it. Without golds, an empty prediction scores 1 and any other 0.
    """
    searched = _searched(prediction)
    forms = {gold: _searched(gold) for gold in golds}
    if any(
        any(text_analysis.occurrences(form, searched)) if form else _ends_a_phrase(gold, prediction)
        for gold, form in forms.items()
    ):
        return 1.0
    return 0.0 if any(forms.values()) else exact_match(prediction, golds)


def rouge_l(prediction: str, golds: Sequence[str]) -> float:
    """Return the best ROUGE-L F1 over the golds: by the longest common subsequence of normalised words (Lin 2004).

    Empty golds are treated as in `exact_match`. Words are not stemmed.
    """
    words = normalize(prediction).split()
    return _best(lambda gold: _lcs_f1(words, gold.split()), golds)


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


def _best(score: Callable[[str], float], golds: Sequence[str]) -> float:
    """Return the best score over the normalised golds; the score of an empty gold where none is left."""
    normalized = [gold for gold in map(normalize, golds) if gold]
    return max(score(gold) for gold in normalized or [""])


def _searched(text: str) -> str:
    """Return a text as `contains` compares it: normalised, but with the punctuation inside numbers."""
    return " ".join(_ARTICLES.sub(" ", _OUTSIDE_NUMBERS.sub("", text.lower())).split())


def _ends_a_phrase(article: str, text: str) -> bool:
    """Tell whether a text has an article in the same case with no word after it, as in a name such as "Vitamin A"."""
    return any(not _WORD_FOLLOWS.match(text, end) for _, end in text_analysis.occurrences(article, text))


def _word_f1(words: Sequence[str], gold: Sequence[str]) -> float:
    """Return the F1 of the multisets of words."""
    if not words or not gold:
        return float(words == gold)
    return 2 * sum((Counter(words) & Counter(gold)).values()) / (len(words) + len(gold))


def _lcs_f1(words: Sequence[str], gold: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence, whose length is computed row by row."""
    if not words or not gold:
        return float(words == gold)
    row = [0] * (len(gold) + 1)
    for word in words:
        last = row
        row = [0]
        for column, other in enumerate(gold, start=1):
            row.append(last[column - 1] + 1 if word == other else max(last[column], row[-1]))
    return 2 * row[-1] / (len(words) + len(gold))
