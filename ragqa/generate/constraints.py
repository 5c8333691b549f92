"""Answers without a constraint: a `ragqa.stages.Constraint` that allows every token."""

from __future__ import annotations

from ragqa.stages.decoding import AnswerState, DecodingRequest


class Unconstrained:
    """A constraint that allows every token: the answer is the model's own text."""

    has_confidence = False
    stepwise = True

    def begin(self, request: DecodingRequest) -> AnswerState:
        """Return an answer that is written token by token."""
        return request.sequence()
