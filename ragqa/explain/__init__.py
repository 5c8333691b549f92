"""Answer -> citations, chosen and verified by code; and when to abstain. Knows texts only, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragqa.records import Citation, Hit

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+[\"'”’)\]]*(?=\s)|(?=\n\s*\n)|\Z)", re.DOTALL)
_STOP = frozenset(
    ["a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "may", "me", "more", "most", "my", "no", "not", "of", "on", "or", "our", "she", "should", "so", "some", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your"]
)
MAX_CITATIONS = 3
REFUSALS = ("i do not know", "i don't know", "the passages do not", "not mentioned in the passages", "no answer")


def content_words(text: str) -> set[str]:
    """Return the lower-cased words of a text that are not function words."""
    return {word for word in (w.lower() for w in _WORD.findall(text)) if word not in _STOP and len(word) > 1}


def no_evidence(question: str, hits: Sequence[Hit], min_score: float) -> bool:
    """Tell whether nothing was found: no hit, or the best cosine below `min_score` and no shared content word."""
    if not hits:
        return True
    cosines = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    if not cosines or max(cosines) >= min_score:
        return False
    asked = content_words(question)
    return not any(asked & content_words(hit.chunk.indexed_text) for hit in hits)


def refused(text: str) -> bool:
    """Tell whether the generator itself said that the passages do not hold the answer."""
    said = text.strip().lower().replace("’", "'")
    return not said or said.startswith(REFUSALS)


def cite(question: str, answer: str, passages: Sequence[Hit]) -> tuple[Citation, ...]:
    """Return the spans that support an answer, best first; at least one where there are passages.

    The spans that contain the answer word for word, in the order of the passages; where none does, the sentence of
    any passage that shares most with answer and question.
    """
    verbatim = [span for hit in passages for span in _occurrences(answer, hit)]
    if verbatim:
        return tuple(verbatim[:MAX_CITATIONS])
    scored = [(_support(question, answer, hit.chunk.text[a:b]), -rank, hit, a, b)
              for rank, hit in enumerate(passages) for a, b in sentences(hit.chunk.text)]  # fmt: skip
    if not scored:
        return ()
    _, _, hit, start, end = max(scored, key=lambda item: item[:2])
    return (_citation(hit, start, end),)


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans of the sentences of a text, white space around them left out."""
    return [m.span() for m in _SENTENCE.finditer(text) if m.group().strip()]


def _occurrences(answer: str, hit: Hit) -> list[Citation]:
    """Return the sentence of a passage that holds the answer, ignoring case, white space and final punctuation."""
    words = answer.strip().strip(".\"'").split()
    if not words:
        return []
    pattern = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)", re.IGNORECASE)
    match = pattern.search(hit.chunk.text)
    if match is None:
        return []
    spans = [(a, b) for a, b in sentences(hit.chunk.text) if a < match.end() and b > match.start()]
    start, end = (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else match.span()
    return [_citation(hit, start, end)]


def _support(question: str, answer: str, sentence: str) -> float:
    """Score a sentence: the share of the answer's content words that it holds, then that of the question's."""
    here = content_words(sentence)
    said, asked = content_words(answer), content_words(question)
    in_answer = len(here & said) / len(said) if said else 0.0
    in_question = len(here & asked) / len(asked) if asked else 0.0
    return 2 * in_answer + in_question


def _citation(hit: Hit, start: int, end: int) -> Citation:
    chunk = hit.chunk
    return Citation(hit.source, hit.path, chunk.page, chunk.start + start, chunk.start + end, chunk.text[start:end])
