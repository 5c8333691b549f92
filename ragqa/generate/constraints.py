"""Free answers, as the constraint that allows every token (see `ragqa.stages.Constraint`)."""

from __future__ import annotations

from ragqa.stages.decoding import AnswerState, DecodingRequest


class Unconstrained:
    """Any token may come: the answer is what the model writes."""

    has_confidence = False
    stepwise = True

    def begin(self, request: DecodingRequest) -> AnswerState:
        """Return an answer that is written token by token."""
        return request.sequence()
