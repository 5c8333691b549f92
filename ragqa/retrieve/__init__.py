"""question -> ranked Hits: dense, lexical, or both fused; then reranked, deduplicated and expanded by the pipeline
file.

`retriever` has the list of steps. `first_stage` searches the index, and `fusion` combines scores. `rewrite`, `rerank`,
`diversity` and `passages` have the other steps. `state` is the data that the steps pass on.
"""

from __future__ import annotations

from ragqa import arguments
from ragqa.errors import UsageError

MAX_QUESTION_CHARS = 8000


def check_question(question: str) -> None:
    """Refuse an invalid question.

    :raises UsageError: the question is not a string, is empty, is longer than `MAX_QUESTION_CHARS`, or contains NULs or
        lone surrogates.
    """
    arguments.text(question, "question", "one string; ask_many takes a list of them")
    if not any(c.isprintable() and not c.isspace() for c in question):
        raise UsageError("the question is empty: write at least one word")
    if len(question) > MAX_QUESTION_CHARS:
        raise UsageError(f"the question has {len(question):,} characters; at most {MAX_QUESTION_CHARS:,} are read")
    if "\0" in question or not arguments.is_unicode(question):
        raise UsageError("the question holds NULs or lone surrogates: write plain text")
