"""A conversation with a pipeline: the prompt of each question contains the last turns."""

from __future__ import annotations

from collections.abc import Iterator

from ragqa.pipeline import Pipeline
from ragqa.pipeline.answer.asking import Event
from ragqa.records import Answer

TURNS = 4
"""The number of earlier questions and answers in the prompt."""
NO_ANSWER = "I do not know."
"""The text in the prompt in place of the answer to a question without an answer."""


class Conversation:
    """A conversation: it asks a pipeline one question after another. Use it in one thread only.

    The prompt template needs a slot for earlier turns, as in the built-in template `chat`.

    :param pipeline: a pipeline with an index.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.answers: list[Answer] = []

    def stream(self, question: str) -> Iterator[Event]:
        """Yield the events of `Pipeline.stream`; the last is the `Answer`, which is added to `answers`.

        The search uses the previous question together with this one. A question whose answer is not read to its end is
        not added to the conversation.

        :raises UsageError: the question is empty or too long; the conversation can continue.
        """
        history = [(answer.question, answer.text or NO_ANSWER) for answer in self.answers[-TURNS:]]
        for piece in self._pipeline.stream(question, history=history):
            if isinstance(piece, Answer):
                self.answers.append(piece)
            yield piece

    def ask(self, question: str) -> Answer:
        """Return the answer to a question.

        :raises UsageError: see `stream`.
        """
        for _ in self.stream(question):
            pass
        return self.answers[-1]
