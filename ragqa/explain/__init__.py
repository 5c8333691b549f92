"""Answer -> citations, chosen and verified by code, and the rule for abstention. This room uses texts, and no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ragqa import text_analysis
from ragqa.errors import IndexCorruptError
from ragqa.records import Citation, Document, Hit

MAX_CITATIONS = 3
REFUSALS = ("i do not know", "i don't know", "the passages do not", "not mentioned in the passages", "no answer")


def content_words(text: str) -> set[str]:
    """Return the words by which texts are compared, without stop words and single Latin letters or digits.

    A text may have no such words. For the words of a search, see `ragqa.text_analysis.query_words`.
    """
    return {
        word
        for word in text_analysis.words(text)
        if word not in text_analysis.STOP_WORDS and (len(word) > 1 or not word.isascii())
    }


def no_evidence(question: str, hits: Sequence[Hit], min_score: float) -> bool:
    """Tell whether there is no evidence: no hit, or a best cosine below `min_score` and no shared content word."""
    if not hits:
        return True
    cosines = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    if not cosines or max(cosines) >= min_score:
        return False
    wanted = content_words(question)
    return not any(wanted & content_words(hit.chunk.indexed_text) for hit in hits)


def refused(text: str) -> bool:
    """Tell whether the generator itself wrote that the passages do not contain the answer."""
    answer = text.strip().lower().replace("’", "'")
    return not answer or answer.startswith(REFUSALS)


def cite(
    question: str, answer: str, passages: Sequence[Hit], document_of: Callable[[str], Document]
) -> tuple[Citation, ...]:
    """Return the spans that support an answer, best first; at least one if there are passages.

    These are the sentences that contain the answer word for word, in the order of the passages. If there are none, it
    is the one sentence of all passages that shares most words with answer and question.

    :param document_of: returns the document with an id; each span is compared with its text.
    :raises IndexCorruptError: the text of a span differs from the document's.
    """
    spans = [(hit, *span) for hit in passages if (span := _occurrence(answer, hit.chunk.text))]
    if not spans:
        spans = _best_sentence(question, answer, passages)
    return tuple(_verified(hit, start, end, document_of) for hit, start, end in spans[:MAX_CITATIONS])


def _occurrence(answer: str, text: str) -> tuple[int, int] | None:
    """Return the span of the sentences that contain the answer.

    Case, white space and final punctuation are ignored; see `occurrences`.
    """
    span = next(text_analysis.occurrences(answer.strip().strip(".\"'"), text, ignore_case=True), None)
    if span is None:
        return None
    start, end = span
    around = [(a, b) for a, b in text_analysis.sentences(text) if a < end and b > start]
    return (around[0][0], around[-1][1]) if around else span


def _best_sentence(question: str, answer: str, passages: Sequence[Hit]) -> list[tuple[Hit, int, int]]:
    spans = [(hit, *span) for hit in passages for span in text_analysis.sentences(hit.chunk.text)]
    return sorted(spans, key=lambda s: -_support(question, answer, s[0].chunk.text[s[1] : s[2]]))[:1]


def _support(question: str, answer: str, sentence: str) -> float:
    """Return the score of a sentence: the share of the answer's content words in it, then that of the question's."""
    in_sentence, of_answer, of_question = map(content_words, (sentence, answer, question))
    from_answer = len(in_sentence & of_answer) / len(of_answer) if of_answer else 0.0
    from_question = len(in_sentence & of_question) / len(of_question) if of_question else 0.0
    return 2 * from_answer + from_question


def _verified(hit: Hit, start: int, end: int, document_of: Callable[[str], Document]) -> Citation:
    """Return the citation of a span of a passage, after a comparison with the stored document."""
    chunk, text = hit.chunk, hit.chunk.text[start:end]
    document = document_of(chunk.document_id)
    low, high = chunk.start + start, chunk.start + end
    if document.text[low:high] != text:
        raise IndexCorruptError(
            f"{hit.source}[{low}:{high}] does not stand in its document: run `ragqa index --rebuild`"
        )
    return Citation(hit.source, hit.path, document.page_of(low), low, high, text)
