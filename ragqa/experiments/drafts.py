"""Passages -> draft questions with answers and evidence, for a person to review.

    sample -> an answer, by rules -> a question, by a generator -> checks, by code -> Question

Only the question is written by a model, so the documents contain answer and evidence word for word.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ragqa import text_analysis
from ragqa.evaluate import metrics
from ragqa.evaluate.dataset import Evidence, Question, Span
from ragqa.evaluate.metrics.normal_forms import squad_form
from ragqa.evaluate.metrics.ranking import covers
from ragqa.records import Chunk, Dropped, Generation, Prompt
from ragqa.stages import Generator, System

DEPTH = 10
"""The number of hits among which the question must find its evidence."""

TRIES_PER_DRAFT = 10
"""The most tries for each requested draft, so that the run ends even where a generator writes no usable question."""

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_ANSWER = re.compile(
    rf"""(?<![\w.,:/-])(?P<date>\d{{4}}-\d\d-\d\d|\d{{1,2}}\ (?:{_MONTHS})(?:\ \d{{4}})?|(?:{_MONTHS})\ (?:\d{{1,2}},\ )?\d{{4}})\b
    |(?<![\w.,:/-])(?P<number>[$€£¥]\ ?\d+(?:[.,]\d+)*|(?!(?:19|20)\d\d\ )\d+(?:[.,]\d+)*\ ?(?:%|°C?|[^\W\d_]{{1,15}}\b(?!-)))
    |["“](?P<quoted>[^"“”\n]{{3,60}})["”]
    |\b(?!(?:{_MONTHS}|{_DAYS})\b)(?P<name>[A-ZÀ-Þ](?:[\w-]|['’](?!s\b)){{2,}}(?:\ [A-ZÀ-Þ](?:[\w-]|['’](?!s\b))+)*)""",
    re.VERBOSE,
)
_SENTENCE = re.compile(r"(?:.{30,}\n)*.+[.!?…][\"”)]?")
"""Prose, in contrast to a table or a heading: it ends like a sentence, and only its last line is short."""

_BEGIN = re.compile(r"[\"“(]?(?!(?:He|Her|His|It|Its|She|That|Their|These|They|This|Those|We|You|I)\b)[A-ZÀ-Þ0-9]")
"""The beginning of a sentence that can be understood alone: a capital or a digit, and no pronoun."""

_COUNT = re.compile(r"[\d.,]+\s([a-z]{3,}s)")
_NEXT_WORD = re.compile(r"[^\S\n]*([^\W_]+)")
_LEAST = 3
"""The least number of content words that a sentence must have besides the answer."""

_PROMPT = """Write a question about each text. It can be understood without the text, and its answer is given.

Title: Corran Point lighthouse
Text: The tower was built in 1862 by Thomas Arkwell and stands 31 metres tall.
Answer: Thomas Arkwell
Question: Who built the tower of the Corran Point lighthouse?

Title: Velden tramway
Text: A monthly ticket is valid for 31 days and is sold at every station.
Answer: 31 days
Question: How many days is a monthly ticket of the Velden tramway valid?

Title: Ashmere library
Text: The collection moved to its new building on 3 May 2011 after a flood.
Answer: 3 May 2011
Question: When did the collection of the Ashmere library move to its new building?

Title: {title}
Text: {text}
Answer: {answer}
Question:"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk and the source of its document."""

    source: str
    chunk: Chunk


def sample(sources: Mapping[str, str], chunks: Callable[[str], Sequence[Chunk]], seed: int) -> Iterator[Passage]:
    """Yield every passage once, in an order drawn by the seed: one of each document before a second of any.

    Yield nothing for no documents. Sources of the same text are one document.

    :param sources: document ids by source.
    :param chunks: returns the chunks of a document id; called when the first of them is needed.
    """
    rng = random.Random(seed)
    documents = sorted({id_: source for source, id_ in sorted(sources.items(), reverse=True)}.items())
    rng.shuffle(documents)
    waiting = []
    for id_, source in documents:
        left = [Passage(source, chunk) for chunk in chunks(id_)]
        rng.shuffle(left)
        if left:
            yield left.pop()
            waiting.append(left)
    while waiting := [left for left in waiting if left]:
        yield from [left.pop() for left in waiting]


def draft(
    passages: Iterable[Passage], generator: Generator, system: System, n: int, seed: int = 0
) -> Iterator[Question | Dropped]:
    """Yield up to n drafts as they are made and, for each try without a draft, the reason.

    A try asks for one answer candidate of one passage. After all passages, they are tried again for other candidates.
    There are fewer drafts where no candidate is left, or after `TRIES_PER_DRAFT * n` tries. A draft is kept where
    its question finds its evidence among the first `DEPTH` hits: the round trip of Alberti et al. (2019), by retrieval
    as in Promptagator (Dai et al. 2022).

    :param generator: writes without a constraint and stops at the end of the line; later text is ignored.
    :raises UsageError: a sentence and the examples exceed the generator's window.
    """
    rng, drafts = random.Random(seed), dict[str, Question]()
    for passage, candidate in islice(_tries(passages, rng), TRIES_PER_DRAFT * n):
        if candidate is None:
            yield Dropped(_place(passage), "no whole sentence holds what looks like an answer")
            continue
        made = _draft(passage, candidate, generator)
        key = squad_form(made.question)
        if reason := "the question is asked already" if key in drafts else _fault(made, passage, system):
            yield Dropped(_place(passage), reason)
            continue
        drafts[key] = made
        yield made
        if len(drafts) == n:
            return


def _tries(passages: Iterable[Passage], rng: random.Random) -> Iterator[tuple[Passage, AnswerCandidate | None]]:
    """Yield each passage with one of its candidates, or None where it has none; then again with the remaining ones."""
    waiting: Iterable[tuple[Passage, list[AnswerCandidate]]] = (
        (p, candidates(p.chunk.text, p.chunk.context)) for p in passages
    )
    first = True
    while first or waiting:
        left = []
        for passage, untried in waiting:
            if not untried:
                yield passage, None
                continue
            chosen = rng.choice(untried)
            yield passage, chosen
            if rest := [candidate for candidate in untried if candidate is not chosen]:
                left.append((passage, rest))
        waiting, first = left, False


@dataclass(frozen=True, slots=True)
class AnswerCandidate:
    """A possible answer: a whole sentence, the answer in it, and the first words of the question.

    `start` and `end` are the span of the sentence in its text, `offset` is the start of the answer.
    """

    sentence: str
    answer: str
    start: int
    end: int
    offset: int
    opening: str = ""


def candidates(text: str, title: str = "") -> list[AnswerCandidate]:
    """Return the answer candidates of a text, in order, by rules for English; `[]` for none.

    An answer is a date, a number with its unit, a quoted term, or a capitalised name that does not begin its sentence.
    It is not part of a longer phrase, and the title does not contain it.
    """
    possible = []
    for start, end in text_analysis.sentences(text):
        sentence = text[start:end]
        if not _is_whole(sentence):
            continue
        for match in _ANSWER.finditer(sentence):
            kind = str(match.lastgroup)
            answer, offset = match[kind], match.start(kind)
            if _is_answer(kind, answer, sentence, match) and not metrics.contains(title, [answer]):
                possible.append(AnswerCandidate(sentence, answer, start, end, start + offset, _opening(kind, answer)))
    return possible


def _is_whole(sentence: str) -> bool:
    """Tell whether a sentence is prose, is not cut off at the edge of its passage, and can be understood alone."""
    return bool(_BEGIN.match(sentence) and _SENTENCE.fullmatch(sentence))


def _is_answer(kind: str, answer: str, sentence: str, match: re.Match[str]) -> bool:
    following = _NEXT_WORD.match(sentence, match.end())
    if kind == "name" and match.start() == 0:
        return False
    if not _content(answer) or text_analysis.words(answer)[-1] in text_analysis.STOP_WORDS:
        return False
    if following and following[1].lower() not in text_analysis.STOP_WORDS:
        return False
    return len(_content(sentence) - _content(answer)) >= _LEAST


def _opening(kind: str, answer: str) -> str:
    """Return the first words of a question for a date or a count. Without them, small models ask for something else."""
    count = _COUNT.fullmatch(answer)
    return "When" if kind == "date" else f"How many {count[1]}" if kind == "number" and count else ""


def _draft(passage: Passage, candidate: AnswerCandidate, generator: Generator) -> Question:
    """Return the question that the generator writes for a candidate."""
    chunk = passage.chunk
    start, end = chunk.start + candidate.start, chunk.start + candidate.end
    key = f"{passage.source}:{chunk.start + candidate.offset}:{candidate.answer}"
    return Question(
        "draft-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8],
        _write(chunk.context, candidate, generator),
        (_squeezed(candidate.answer),),
        evidence=(Evidence(passage.source, candidate.sentence, start=start, end=end),),
        metadata={"split": "draft", "status": "draft", "context": chunk.text},
    )


def _write(title: str, candidate: AnswerCandidate, generator: Generator) -> str:
    """Return the first line that a generator writes, also where its deadline cuts it off."""
    values = {"title": title, "text": candidate.sentence, "answer": candidate.answer}
    text = re.sub(r"\{(\w+)\}", lambda match: _squeezed(values[match[1]]), _PROMPT)
    text += f" {candidate.opening}" if candidate.opening else ""
    *_, last = generator.stream(Prompt(text, {"draft": generator.count(text)}, (), literal=((0, len(text)),)))
    assert isinstance(last, Generation)
    return _squeezed(f"{candidate.opening} {(last.text.strip().splitlines() or [''])[0]}")


def _fault(made: Question, passage: Passage, system: System) -> str:
    """Return the reason why a draft is not kept; empty where it is kept."""
    chunk, (evidence,) = passage.chunk, made.evidence
    asked, title, sentence = map(_content, (made.question, chunk.context, evidence.text))
    if not made.question.endswith("?"):
        return "the question does not end in a question mark"
    if metrics.contains(made.question, made.answers):
        return "the question holds its answer"
    if len(asked) < 2:
        return "the question has fewer than 2 content words"
    if len(asked & (sentence - title)) < 2 or 3 * len(asked - sentence - title) > len(asked):
        return "the question is about something else than its sentence"
    assert evidence.start is not None and evidence.end is not None
    span = Span(chunk.document_id, evidence.start, evidence.end)
    if not any(covers(hit, span) for hit in system.search(made.question, DEPTH)[:DEPTH]):
        return f"the question does not find its sentence among the first {DEPTH} hits"
    return ""


def _content(text: str) -> set[str]:
    """Return the terms of the content words of a text; an empty set for none."""
    return {text_analysis.term(word) for word in text_analysis.words(text) if word not in text_analysis.STOP_WORDS}


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _place(passage: Passage) -> str:
    return f"{passage.source}:{passage.chunk.start}-{passage.chunk.end}"
