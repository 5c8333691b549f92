"""A conversation with a pipeline: a question is searched, and put to the model, with the turns before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ragqa.pipeline import Pipeline
from ragqa.records import Answer

if TYPE_CHECKING:
    from ragqa.pipeline.answer.asking import Event

TURNS = 4
"""The number of earlier questions in the prompt, each with the text that was cited for its answer."""
NO_ANSWER = "I do not know."
"""The text in the prompt in place of a citation, for a question without an answer."""

NOT_UNDERSTOOD = ("unknown_name", "nothing_asked")
"""The reasons of abstentions whose questions are no topic to go on with."""


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

        Where the question does not stand alone, words of the last question and of the text cited for it are searched
        too; `Answer.searched` has them. A question whose answer is not read to its end is not added to the conversation.

        :raises UsageError: the question is empty or too long; the conversation can continue.
        """
        turns = [answer for answer in self.answers if answer.reason not in NOT_UNDERSTOOD]
        history = [(answer.question, remembered(each.text for each in answer.citations)) for answer in turns[-TURNS:]]
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


def remembered(cited: Iterable[str]) -> str:
    """Return the text by which an answer is remembered: what it cites, since a model's words may be wrong."""
    return " ".join(dict.fromkeys(cited)) or NO_ANSWER
