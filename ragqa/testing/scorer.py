"""The requirements on every `Scorer`, as tests to inherit; see `ragqa.testing`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from ragqa.stages import Scorer

QUESTION = "When does the ferry leave?"
PASSAGES = ["Mara Lind approves a loan.", "The ferry leaves at noon.", "The turbine turns in the wind.", "Noon."]


class ScorerContract(ABC):
    """The requirements on every `Scorer`."""

    @abstractmethod
    def make(self) -> Scorer:
        """Return the scorer under test. Two returned scorers give the same scores."""

    def test_each_passage_has_one_finite_score(self) -> None:
        """Hits are ordered by their scores, and NaN has no order."""
        scores = self.make().scores(QUESTION, PASSAGES)
        assert len(scores) == len(PASSAGES), f"{len(scores)} scores for {len(PASSAGES)} passages"
        assert all(math.isfinite(score) for score in scores), f"each score must be a finite number; got {scores}"

    def test_scores_are_in_the_order_of_the_passages(self) -> None:
        """The n-th score belongs to the n-th passage, also where the scorer works in another order."""
        scorer = self.make()
        scores, reverse = scorer.scores(QUESTION, PASSAGES), scorer.scores(QUESTION, PASSAGES[::-1])
        for one, other in zip(scores, reverse[::-1], strict=True):
            assert abs(one - other) < 1e-2 + 1e-2 * abs(one), f"{scores} for passages in order, reversed {reverse}"

    def test_equal_passages_have_equal_scores(self) -> None:
        """Ties are broken by the id of a chunk, so that a question has one ranking."""
        scores = self.make().scores(QUESTION, [PASSAGES[1], PASSAGES[0], PASSAGES[1]])
        assert abs(scores[0] - scores[2]) < 1e-2 + 1e-2 * abs(scores[0]), (
            f"the same passage has {scores[0]} and {scores[2]}"
        )

    def test_the_same_question_has_the_same_scores_again(self) -> None:
        """`ragqa replay` compares answers."""
        scorer = self.make()
        before = scorer.scores(QUESTION, PASSAGES)
        scorer.scores("Who approves a loan?", PASSAGES[:2])
        assert scorer.scores(QUESTION, PASSAGES) == before, "the scores changed after another question"

    def test_no_passage_gives_no_score(self) -> None:
        """A search may find nothing."""
        assert self.make().scores(QUESTION, []) == []
