"""The Protocols of a system under evaluation, which finds passages and answers questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ragqa.records import Answer, Document, Hit, Prompt


class System(Protocol):
    """A system that finds passages and answers questions, and can be evaluated. `Pipeline` is one.

    Evaluation asks one question at a time, from one thread. `history` has earlier questions and answers of a
    conversation; it is passed only for a question that has some.
    """

    def with_documents(self, documents: Sequence[Document]) -> System:
        """Return the same system with these documents in place of its own."""
        ...

    def search(self, question: str, k: int, *, history: Sequence[tuple[str, str]] = ()) -> list[Hit]:
        """Return up to k hits, best first."""
        ...

    def ask(
        self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """Return an answer from the given passages; for None, from those that the system retrieves.

        With an empty list, the system answers without passages, from the knowledge of its model.
        """
        ...

    def prompt(
        self, question: str, passages: Sequence[Hit] | None = None, *, history: Sequence[tuple[str, str]] = ()
    ) -> Prompt:
        """Return the prompt that `ask` gives to the model."""
        ...

    def score(self, prompt: Prompt, answer: str) -> list[float]:
        """Return the natural log-probability of each token of an answer after a prompt.

        Raises `UsageError` where the system cannot compute it.
        """
        ...


@runtime_checkable
class LoadableSystem(Protocol):
    """A `System` that can load its models before it is asked, so that no question waits for them.

    Evaluation calls `load_models` from the thread that asks the questions.
    """

    def load_models(self, *, retrieval: bool = True, answers: bool = True) -> None:
        """Load the models that retrieval, answers or both need, where they are not yet loaded."""
        ...
