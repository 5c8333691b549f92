"""A question -> its hits, or several questions in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragqa.pipeline.answer import by_words
from ragqa.records import Hit
from ragqa.stages import BatchRetriever

if TYPE_CHECKING:
    from ragqa.pipeline.answer.draft import AskedQuestion
    from ragqa.pipeline.assemble.components import Components
    from ragqa.stages import IndexReader, Searcher


def retrieve(components: Components, reader: IndexReader, question: AskedQuestion, k: int | None = None) -> list[Hit]:
    """Return the best hits, `top_k` of them unless `k` is given.

    Where words of the turn before are searched too, the scores are means over both texts.

    :raises ModelError: the embedder is not the one that built the index.
    """
    searcher: Searcher = reader
    if components.config.retrieve.uses_vectors:
        reader.check_embedder(components.canaries)
        searcher = by_words.searcher(reader, components.embedder, components.made_vectors, question.searched)
    also: Any = {} if question.searched == question.text else {"also": [question.text]}
    return components.retriever.retrieve(question.searched, searcher, k, **also)


def retrieve_many(
    components: Components, reader: IndexReader, questions: Sequence[AskedQuestion], k: int | None = None
) -> list[list[Hit]]:
    """Return for each question, none of which has a history, what `retrieve` returns for it.

    They are searched in one pass where the retriever can do that and all texts have a vector.
    """
    retriever, uses_vectors = components.retriever, components.config.retrieve.uses_vectors
    if not isinstance(retriever, BatchRetriever) or (uses_vectors and reader.coverage().pending):
        return [retrieve(components, reader, question, k) for question in questions]
    if uses_vectors:
        reader.check_embedder(components.canaries)
    return retriever.retrieve_many([question.text for question in questions], reader, k)
