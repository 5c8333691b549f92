"""A pipeline -> drafted questions with answers about its own documents, for a person to review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ragqa.config.generators import FreeDecode
from ragqa.evaluate.dataset import Question
from ragqa.experiments.drafts import draft, sample
from ragqa.experiments.listener import SILENT, Listener
from ragqa.experiments.setup import refresh
from ragqa.pipeline import Pipeline
from ragqa.records import Dropped
from ragqa.stages import Generator

MAX_NEW_TOKENS = 48
"""The longest drafted question, in tokens; longer texts are assumed not to be questions."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Drafted questions, and the number of tries without a draft by reason, the most frequent first."""

    questions: tuple[Question, ...]
    dropped: Mapping[str, int]

    @property
    def tries(self) -> int:
        """Return the number of tries."""
        return len(self.questions) + sum(self.dropped.values())


def draft_questions(pipeline: Pipeline, n: int = 20, *, seed: int = 0, listener: Listener = SILENT) -> Drafts:
    """Draft up to n questions about the documents of a pipeline, after its index was brought up to date.

    The pipeline's generator writes the questions; answers and evidence are chosen by code. See
    `ragqa.experiments.drafts`.

    :param seed: draws the passages and the answers.
    :raises UsageError: a sentence and the examples exceed the generator's window.
    """
    refresh(pipeline, listener)
    questions: list[Question] = []
    dropped = Counter[str]()
    with pipeline.open_index() as reader:
        passages = sample(reader.sources(), reader.chunks, seed)
        for drafted in draft(passages, question_writer(pipeline), pipeline, n, seed):
            if isinstance(drafted, Dropped):
                dropped[drafted.reason] += 1
            else:
                questions.append(drafted)
            listener.asked(len(questions), n)
    return Drafts(tuple(questions), dict(dropped.most_common()))


def question_writer(pipeline: Pipeline) -> Generator:
    """Return the pipeline's generator with settings to write a single line without a constraint."""
    return pipeline.components.generator_with(
        stop=["\n"], max_new_tokens=MAX_NEW_TOKENS, decode=FreeDecode(kind="free")
    )
