"""Answers and passages that try to pass for what ragqa says of them: a reader of the printed output is never misled.

The rule that the reader goes by is the documented one: what stands behind `|` is text of a model or of a document, and
everything else is ours, with names of documents and, between quotes, their fields. On a terminal a line of ours goes on
behind dots.
"""

from __future__ import annotations

import io
import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

from ragqa.cli import answers, marks, sources
from ragqa.cli.search import print_hits
from ragqa.cli.terminal import Screen, escaped, one_line
from ragqa.records import Answer, AnswerSentence, Chunk, Citation, Hit
from tests.torture import Trial

_LURES = (
    "Sources:", "\n\nSources:\n", "  [1] trusted.pdf:0-10", "[2] trusted.pdf:5-9 (page 3)", "      | quoted", "| ", "|", "\n|",
    "No answer: no evidence.", "[cut off at generate.deadline]", "\n\n", "\r\n", "\r", "\n", "\v", "\f", "\x85", "\u2028", "\u2029",
    "\x1b[2K", "\x1b[1A", "\x1b[8m", "\x9b2J", "\b" * 20, "\x00", "\x7f", "\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u200b", "\ufeff",
    "\U000e0041", "\udcff", "\t", " " * 7, " " * 90, "\u00a0" * 30, "\u3000" * 9, "\u2800" * 40, "\u3164", "漢字" * 9, "👩\u200d👩\u200d👧", "e\u0301",
    "ragqa: error: ", "warning: ", "> ", "[1] 0.912  trusted.pdf [0:5]  dense 0.9", "x" * 100, "'", '"', "`", "\\", "\\n",
    "Captain Ilse Brandt", "The ferry Morwen sails at dawn.", "a", "é", "1.",
)  # fmt: skip
_ENDS = ("stop", "stop", "stop", "deadline", "length")
_WIDTHS = (None, None, 40, 41, 60, 80, 81, 132)
"""Columns; the longest line that is wholly ours has 36."""


class Terminal(io.StringIO):
    """What a terminal of some width is sent; None for no terminal."""

    def __init__(self, columns: int | None) -> None:
        super().__init__(newline="")
        self.columns = columns

    def isatty(self) -> bool:
        return self.columns is not None

    def rows(self) -> list[str]:
        """Return the rows that a person sees: those that are too wide go on at the left edge."""
        lines = self.getvalue().split("\n")
        assert lines.pop() == "", "the last line has no end"
        return [row for line in lines for row in _rows(line, self.columns)]


def _rows(line: str, columns: int | None) -> Iterator[str]:
    row = ""
    for character in line:
        if columns is not None and marks._cells(row + character) > columns:
            yield row
            row = ""
        row += character
    yield row


def printed(columns: int | None, show: Callable[..., object], *arguments: object) -> list[str]:
    """Return the rows that a function prints."""
    terminal = Terminal(columns)
    size = os.terminal_size((columns or 80, 24))
    measured = patch.object(os, "get_terminal_size", lambda *_: size)
    with measured, patch.object(terminal, "fileno", lambda: 1), redirect_stdout(Screen(terminal)):
        show(*arguments)
    return terminal.rows()


class Forger:
    """Draws texts and names that imitate our output, always the same ones for a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, most: int = 8) -> str:
        return "".join(self._random.choices(_LURES, k=self._random.randint(1, most)))

    def name(self) -> str:
        return self.text(4).replace("/", "").replace("\x00", "") or "a"

    def columns(self) -> int | None:
        return self._random.choice(_WIDTHS)

    def citation(self) -> Citation:
        place = self._random.choice(("", "page 12", self.text(2)))
        start = self._random.randint(0, 99)
        stale = self._random.random() < 0.2
        return Citation("s", f"{os.getcwd()}/{self.name()}", None, start, start + 9, self.text(), stale, place)

    def citations(self, most: int) -> tuple[Citation, ...]:
        return tuple(self.citation() for _ in range(self._random.randint(0, most)))

    def answer(self) -> Answer:
        finish = self._random.choice(_ENDS)
        if self._random.random() < 0.2:
            why, advice = "unknown_name", f"no document names {self.name()}: read on"
            near, hits = self.citations(3), (self.hit(0, "s"),)
            return Answer("q", "", (), hits, None, {}, 1, True, why, finish, nearest=near, advice=advice)
        said = tuple(AnswerSentence(self.text(), self.citations(2)) for _ in range(self._random.randint(1, 3)))
        cited = tuple(dict.fromkeys(each for sentence in said for each in sentence.citations))
        text, hits = "\n".join(each.text for each in said), (self.hit(0, "s"),)
        return Answer("q", text, cited, hits, None, {}, 1, finish=finish, sentences=said)

    def hit(self, number: int, source: str = "") -> Hit:
        chunk = Chunk(str(number), "d", 3, 9, self.text())
        place = self._random.choice(("", "page 7", self.text(2)))
        fields = {"title": self.text(), "status": [self.text(2)]} if self._random.random() < 0.5 else {}
        return Hit(chunk, source or self.name(), "/x", 0.5, {"dense": 0.5}, fields, place=place)


def _bare(text: str) -> str:
    """Return a text without what a break of a row may add or take: blanks."""
    return re.sub(r"\s", "", text)


def _said(text: str) -> str:
    """Return a text as it may be printed: its line ends are line ends, everything else that moves is escaped."""
    return escaped(text.replace("\r\n", "\n"), "\n\t")


def faults_of_answer(forger: Forger) -> list[str]:
    """Print an answer as it is streamed, read it by the rule, and return in what the two differ."""
    answer, columns = forger.answer(), forger.columns()
    rows = printed(columns, answers.stream_answer, iter([*answer.sentences, answer]))
    at = next((n for n, row in enumerate(rows) if not row.startswith("|")), len(rows))
    text, rest = [row.removeprefix("|") for row in rows[:at]], rows[at:]
    numbers = {citation: n for n, citation in enumerate(answer.citations, start=1)}
    said = "".join(
        _said(each.text + "".join(f" [{numbers[citation]}]" for citation in each.citations))
        for each in answer.sentences
    )
    wrong = [] if _bare("".join(text)) == _bare(said) else ["the answer is not what was written"]
    limit = {"deadline": "generate.deadline", "length": "generate.max_new_tokens"}.get(answer.finish)
    places = answer.nearest if answer.abstained else answer.citations
    ours = [f"[cut off at {limit}]"] if limit and not answer.abstained else []
    if answer.abstained:
        advice = f"{answer.advice[:1].upper()}{answer.advice[1:]}."
        ours += ["No answer in these documents.", escaped(advice), *["Nearest passages:"][: len(places)]]
    else:
        ours += ["", "Sources:"] if places else []
    head = "  -" if answer.abstained else "  ["
    begin = next((n for n, row in enumerate(rest) if row.startswith(head)), len(rest))
    if _bare("".join(row.removeprefix("    ...") for row in rest[:begin])) != _bare("".join(ours)):
        wrong.append(f"after the answer stands {rest[:begin]!r}")
    marks = ["-"] * len(places) if answer.abstained else [f"[{n}]" for n in numbers.values()]
    told = [sources.about(answer.hits[0]), *[""] * len(places)]
    expected = [_source(*each, answer) for each in zip(marks, places, told, strict=False)]
    found = list(_blocks(rest[begin:], head, "      ...", "      |"))
    return wrong + ([] if found == expected else [f"the sources are read as {found!r}"])


def _source(mark: str, citation: Citation, told: str, answer: Answer) -> tuple[str, str]:
    page = f" ({one_line(citation.place)})" if citation.place else ""
    stale = " [changed since it was indexed]" if citation.stale else ""
    lines = [each.text for each in answer.sentences if citation in each.citations]
    more = answer.abstained or sources.says_more(citation.text, lines)
    line = f"{mark} {sources.citation_name(citation)}{page}{stale}{told}"
    return _bare(line), _bare(one_line(citation.text)) if more else ""


def _blocks(rows: Sequence[str], head: str, more: str, mark: str) -> Iterator[tuple[str, str]]:
    """Yield each of our lines and the marked text under it, without blanks."""
    line, text = "", ""
    for row in rows:
        if row.startswith(mark):
            text += row.removeprefix(mark)
        elif row.startswith(more):
            line += row.removeprefix(more)
        else:
            if line:
                yield _bare(line), _bare(text)
            line, text = row if row.startswith(head) else f"not ours: {row}", ""
    if line:
        yield _bare(line), _bare(text)


def faults_of_hits(forger: Forger) -> list[str]:
    """Print passages, read them by the rule, and return in what the two differ."""
    hits, columns = [forger.hit(n) for n in range(3)], forger.columns()
    found = list(_blocks(printed(columns, print_hits, hits), "[", "    ...", "    |"))
    expected = [_passage(n, hit) for n, hit in enumerate(hits, start=1)]
    return [] if found == expected else [f"the passages are read as {found!r}"]


def _passage(number: int, hit: Hit) -> tuple[str, str]:
    page = f", {one_line(hit.place)}" if hit.place else ""
    line = f"[{number}] 0.500  {marks.name(hit.source)}{page} [3:9]  dense 0.500{sources.about(hit)}"
    return _bare(line), _bare(one_line(hit.chunk.text))


def run(folder: Path, count: int = 20_000) -> Trial:
    """Print so many forged answers and as many lists of passages."""
    wrong = []
    for seed in range(count):
        faults = [*faults_of_answer(Forger(seed)), *faults_of_hits(Forger(seed))]
        wrong += [f"seed {seed}: {fault}"[:600] for fault in faults]
    return Trial("answers and passages that imitate sources", 2 * count, wrong)
