"""The kinds of constraint that come with the package: what `generate.decode` names (see `ragqa.stages.Constraint`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ragqa.generate.protocols import AnswerState, DecodingRequest
from ragqa.generate.spans import SpanConstraint
from ragqa.stages import Constraint


class Unconstrained:
    """Any token may come: the answer is what the model writes."""

    has_confidence = False
    stepwise = True

    def begin(self, request: DecodingRequest) -> AnswerState:
        """Return an answer that is written token by token."""
        return request.sequence()


CONSTRAINTS: Mapping[str, Callable[[], Constraint]] = {"free": Unconstrained, "span": SpanConstraint}
"""What builds each kind."""
