"""Rewriting: a question -> several queries, by texts of a language model or by the best passages."""

from __future__ import annotations

import re
from functools import reduce

from ragqa import stopping, text_analysis
from ragqa.errors import UsageError
from ragqa.records import Generation, Prompt, SearchTexts
from ragqa.retrieve.first_stage import FirstStage, best_ids
from ragqa.retrieve.state import RetrievalState, SearchQuery
from ragqa.stages import Embedder, Generator, Rewriter

FEEDBACK_WEIGHT = 0.2
"""The weight of the passages in the vector of a query after feedback."""

_PARAPHRASE = (
    "Write {n} other questions that ask for the same as the question below, in other words. One question a line, nothing else.\n"
    "\nQuestion: {question}"
)
_PASSAGE = "Write a short passage, of two or three sentences, that answers the question below.\n\nQuestion: {question}"

_LIST_MARK = re.compile(r"^\s*(?:[-–*•]\s+|\(?\d{1,2}[.):](?!\d)\s*)")
"""The list mark before a line of a model's text. A number that is part of the line itself is not a mark."""


class MultiQueryRewriter:
    """A `Rewriter` that adds paraphrases of the question.

    :param n: the number of paraphrases that the generator is asked for.
    """

    def __init__(self, generator: Generator, n: int) -> None:
        self._generator = generator
        self._n = n

    def rewrite(self, question: str) -> SearchTexts:
        """Return up to n paraphrases; fewer if the model writes fewer.

        :raises UsageError: the generator ran out of time.
        """
        return SearchTexts(questions=tuple(paraphrases(question, self._n, self._generator)))


class HydeRewriter:
    """A `Rewriter` that adds a hypothetical passage, written by the generator as an answer to the question."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def rewrite(self, question: str) -> SearchTexts:
        """Return one hypothetical passage.

        :raises UsageError: the generator wrote no text, or ran out of time.
        """
        return SearchTexts(passages=(hypothetical_passage(question, self._generator),))


def rewrite_question(
    state: RetrievalState, *, rewriter: Rewriter, stage: FirstStage, embedder: Embedder
) -> RetrievalState:
    """Add the texts of a rewriter: passages move the question's vector, and other questions become queries.

    :raises UsageError: the rewriter gives passages and no vectors are searched, or a passage exceeds the embedder's
        window.
    """
    texts = rewriter.rewrite(state.question.text)
    question = _moved_by(state.question, texts.passages, embedder) if texts.passages else state.question
    others = [query for query in state.queries if query is not state.question]
    return state.with_queries([question, *others, *(stage.query(text, embedder) for text in texts.questions)])


def feed_back(state: RetrievalState, *, n: int, stage: FirstStage) -> RetrievalState:
    """Move the vector of each query towards the mean of the n best passages that it finds (Rocchio 1971)."""
    return state.with_queries([_fed_back(state, query, n, stage) for query in state.queries])


def paraphrases(question: str, n: int, generator: Generator) -> list[str]:
    """Return up to n different paraphrases of a question; fewer if the model writes fewer.

    :raises UsageError: the generator ran out of time.
    """
    text = _generate(_PARAPHRASE.replace("{n}", str(n)), question, generator)
    lines = (_LIST_MARK.sub("", line).strip() for line in text.splitlines())
    return [line for line in dict.fromkeys(lines) if text_analysis.words(line) and line != question.strip()][:n]


def hypothetical_passage(question: str, generator: Generator) -> str:
    """Return a hypothetical passage that answers the question (HyDE: Gao et al. 2022,
    https://arxiv.org/abs/2212.10496).

    :raises UsageError: the model wrote no text, or ran out of time.
    """
    passage = _generate(_PASSAGE, question, generator).strip()
    if not passage:
        raise UsageError("retrieve.rewrite: the generator wrote no passage for this question: leave the key out")
    return passage


def _moved_by(query: SearchQuery, passages: tuple[str, ...], embedder: Embedder) -> SearchQuery:
    """Return the query with the vectors of passages added to its own."""
    if query.vector is None:
        raise UsageError("retrieve.rewrite: it gives passages, which move a vector; kind lexical searches no vectors")
    try:
        vectors = embedder.embed_passages(passages)
    except UsageError as error:
        message = f"retrieve.rewrite: the imagined passage: {error}; lower generate.max_new_tokens"
        raise UsageError(message) from error
    return query.moved_to(reduce(lambda total, vector: total + vector, vectors, query.vector))


def _fed_back(state: RetrievalState, query: SearchQuery, n: int, stage: FirstStage) -> SearchQuery:
    scores = stage.rank(state.searcher, [query], max(state.fetch_k, n))
    vectors = state.searcher.vectors(best_ids(scores, n))
    if not len(vectors) or query.vector is None:
        return query
    return query.moved_to((1 - FEEDBACK_WEIGHT) * query.vector + FEEDBACK_WEIGHT * vectors.mean(axis=0))


def _generate(instruction: str, question: str, generator: Generator) -> str:
    """Return the generator's text after an instruction.

    :raises UsageError: the generator ran out of time.
    """
    turn = instruction.replace("{question}", question)
    text = generator.chat("", turn)
    start = text.find(turn.strip())
    literal = ((start, start + len(turn.strip())),)
    last: str | Generation = ""
    for piece in generator.stream(Prompt(text, {"rewrite": generator.count(text)}, (), literal=literal)):
        stopping.check()
        last = piece
    assert isinstance(last, Generation)
    if last.finish == "deadline":
        raise UsageError("retrieve.rewrite: the generator ran out of time: raise generate.deadline")
    return last.text
