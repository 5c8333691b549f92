"""A question that asks several: each part is answered for itself, and the answers are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Any

from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.pipeline.answer.replies import Event
from ragqa.records import Answer, AnswerSentence, Hit


def in_parts(
    question: AskedQuestion, parts: Sequence[str], answered: Callable[[AskedQuestion], Iterator[Event]]
) -> Iterator[Event]:
    """Yield the events of the parts of a question, each without what was said before, and one answer at the end.

    A part after the first goes on with the one before it, as a follow-up question does. Where no part has an answer, the
    whole question is answered as one.

    :param answered: returns the events of the answer to one part.
    """
    answers: list[Answer] = []
    said: set[str] = set()
    history = [*question.history]
    for number, part in enumerate(parts):
        for event in answered(replace(question, text=part, history=history, goes_on=number > 0)):
            if isinstance(event, Answer):
                answers.append(event)
            elif isinstance(event, AnswerSentence):
                if event.text not in said:
                    yield event
                said.add(event.text)
            elif number == 0:
                yield event
        history.append((part, " ".join(citation.text for citation in answers[-1].citations)))
    if any(not answer.abstained for answer in answers):
        yield merged(question.text, answers)
    else:  # the parts may be more general than the whole
        yield from answered(question)


def merged(question: str, answers: Sequence[Answer]) -> Answer:
    """Return the answers to the parts of a question as one, at least one of which is no abstention.

    Its confidence is the least of those of the parts that are answered. `unanswered` names the others.
    """
    given = [answer for answer in answers if not answer.abstained]
    usage: Counter[str] = Counter()
    for answer in answers:
        usage.update(answer.usage)
    facts: dict[str, Any] = {
        "question": question,
        "hits": _in_turn([answer.hits for answer in answers]),
        "usage": {name: round(value, 1) for name, value in usage.items()},
        "searched": "\n".join(answer.searched for answer in answers),
        "unsupported": sum(answer.unsupported for answer in answers),
    }
    sentences = {each.text: each for answer in reversed(given) for each in reversed(answer.sentences)}
    sure = [answer.confidence for answer in given if answer.confidence is not None]
    kinds = {answer.kind for answer in given}
    return replace(
        given[0],
        **facts,
        text="\n".join(dict.fromkeys(line for answer in given for line in answer.text.split("\n"))),
        citations=tuple(dict.fromkeys(chain.from_iterable(answer.citations for answer in given))),
        sentences=tuple(reversed(sentences.values())),
        confidence=min(sure, default=None),
        kind=kinds.pop() if len(kinds) == 1 else next(kind for kind in ("write", "quote", "span") if kind in kinds),
        finish=next((answer.finish for answer in given if answer.finish != "stop"), given[0].finish),
        unanswered=tuple(answer.question for answer in answers if answer.abstained),
    )


def _in_turn(lists: Sequence[Sequence[Hit]]) -> tuple[Hit, ...]:
    """Return hits of several lists in turn, the best of each first, and each once."""
    found: dict[str, Hit] = {}
    for hit in filter(None, chain.from_iterable(zip_longest(*lists))):
        found.setdefault(hit.chunk.id, hit)
    return tuple(found.values())
