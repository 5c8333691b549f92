"""A conversation with a pipeline: the model is shown the last turns along with each question."""

from __future__ import annotations

from collections.abc import Iterator

from ragqa.pipeline import Pipeline
from ragqa.records import Answer

TURNS = 4
"""How many earlier questions and answers the model is shown."""
NO_ANSWER = "I do not know."
"""The answer that the model is shown for a question without one."""


class Conversation:
    """Asks a pipeline one question after another. It belongs to one thread.

    The prompt template needs a place for earlier turns, as the built-in template `chat` has one.

    :param pipeline: with an index.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.answers: list[Answer] = []

    def stream(self, question: str) -> Iterator[str | Answer]:
        """Yield pieces of the answer's text as they are written and, last, the `Answer`, which `answers` then has too.

        The previous question is searched along with this one. A question whose answer is not read to its end is not part of
        the conversation.

        :raises UsageError: the question is empty or too long; the conversation can go on.
        """
        history = [(answer.question, answer.text or NO_ANSWER) for answer in self.answers[-TURNS:]]
        for piece in self._pipeline.stream(question, history=history):
            if isinstance(piece, Answer):
                self.answers.append(piece)
            yield piece

    def ask(self, question: str) -> Answer:
        """Return the answer to a question.

        :raises UsageError: as `stream`.
        """
        for _ in self.stream(question):
            pass
        return self.answers[-1]
