"""The Protocols of models that judge passages: whether they answer a question, which of them does, how likely a text is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ragqa.records import Hit, Prompt, TokenScores


@runtime_checkable
class LikelihoodModel(Protocol):
    """Computes the log-likelihood of one text after another. One thread at a time calls it."""

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        """Return for each pair the natural log-probability of each token of the second text, given the first text."""
        ...


@runtime_checkable
class VerdictModel(Protocol):
    """A generator that can say whether the passages of a prompt answer its question. One thread at a time calls it."""

    def verdict(self, prompt: Prompt) -> float | None:
        """Return the log-odds that the passages answer the question; None if the prompt has no slot for a verdict."""
        ...


@runtime_checkable
class ChoiceModel(Protocol):
    """A generator that can say which passage of a prompt answers its question. One thread at a time calls it."""

    def choice(self, prompt: Prompt) -> list[float] | None:
        """Return for each passage the natural log-probability that it answers; None if the prompt names no letter."""
        ...


class PassageReader(Protocol):
    """Finds where in passages an answer begins and ends. One thread at a time calls it."""

    def read(self, question: str, hits: Sequence[Hit]) -> list[TokenScores]:
        """Return the scores of the tokens of each hit, in the order of the hits."""
        ...
