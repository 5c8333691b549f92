"""A question -> other texts that find its passages, written by a language model."""

from __future__ import annotations

import re

from ragqa import stopping, text_analysis
from ragqa.errors import UsageError
from ragqa.records import Generation, Prompt
from ragqa.stages import Generator

_OTHER_WORDS = (
    "Write {n} other questions that ask for the same as the question below, in other words. One question a line, nothing else.\n"
    "\nQuestion: {question}"
)
_PASSAGE = "Write a short passage, of two or three sentences, that answers the question below.\n\nQuestion: {question}"

_MARK = re.compile(r"^\s*(?:[-–*•]\s+|\(?\d{1,2}[.):](?!\d)\s*)")
"""What a model puts before a line of a list; a number that the line itself begins with is no such mark."""


def other_words(question: str, n: int, generator: Generator) -> list[str]:
    """Return up to n paraphrases of a question, each once; fewer where the model writes fewer."""
    written = _write(_OTHER_WORDS.replace("{n}", str(n)), question, generator)
    lines = (_MARK.sub("", line).strip() for line in written.splitlines())
    return [line for line in dict.fromkeys(lines) if text_analysis.words(line) and line != question.strip()][:n]


def hypothetical_passage(question: str, generator: Generator) -> str:
    """Return a passage as it might answer the question (HyDE: Gao et al. 2022, https://arxiv.org/abs/2212.10496).

    :raises UsageError: the model wrote nothing, or ran out of time.
    """
    written = _write(_PASSAGE, question, generator).strip()
    if not written:
        raise UsageError("retrieve.rewrite: the generator wrote no passage for this question: leave the key out")
    return written


def _write(instruction: str, question: str, generator: Generator) -> str:
    text = generator.chat("", instruction.replace("{question}", question))
    last: str | Generation = ""
    for piece in generator.stream(Prompt(text, {"rewrite": generator.count(text)}, ())):
        stopping.check()
        last = piece
    assert isinstance(last, Generation)
    if last.finish == "deadline":
        raise UsageError("retrieve.rewrite: the generator ran out of time: raise generate.deadline")
    return last.text
