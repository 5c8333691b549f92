"""Compares a text that was read with a reference text in Markdown. The markup of both is dropped in the same way."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TARGET = re.compile(r"\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"\n]*\")?\)")
"""The target of a link or picture; its text stays."""
_TAG = re.compile(r"</?(?:br|sub|sup|u)\s*/?>", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_WORD = re.compile(r"[^\W_]+")
_CELLS = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)+\s*(?::?-+:?\s*)?")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A pipe table of a reference: the words of its header cells, and of the cells of each row that has any."""

    header: tuple[Words, ...]
    rows: tuple[tuple[Words, ...], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How much of a reference was read, each from 0 to 1; None where there is nothing to count.

    :param recall: share of the reference's words that were read; a word that it has twice is to be read twice.
    :param precision: share of the words read that the reference has.
    :param order: share of the reference's pairs of neighbouring words that are neighbours in the text read.
    :param rows: share of the rows of its tables whose cells are all in one line, each with its words together.
    :param names: share of the names of its tables' columns that are in a line, their words together.
    """

    recall: float | None
    precision: float | None
    order: float | None
    rows: float | None
    names: float | None


def plain(text: str) -> str:
    """Return a text without the marks of Markdown that have letters in them, its line ends kept."""
    for markup in (_COMMENT, _TAG):
        text = markup.sub(" ", text)
    return unicodedata.normalize("NFKC", html.unescape(_ESCAPE.sub("", _TARGET.sub("]", text))))


def words(text: str) -> Words:
    """Return the words of a plain text in lower case. No mark, such as `#` or `|`, is one."""
    return tuple(_WORD.findall(text.lower()))


def tables(markdown: str) -> Iterator[Table]:
    """Yield the pipe tables of a reference. Each begins with a line of names and a line of dashes."""
    lines = markdown.splitlines()
    for i, line in enumerate(lines):
        if i and "|" in lines[i - 1] and _RULE.fullmatch(line):
            end = next((k for k in range(i + 1, len(lines)) if "|" not in lines[k]), len(lines))
            rows = (_cells(row) for row in lines[i + 1 : end])
            yield Table(_cells(lines[i - 1]), tuple(row for row in rows if row))


def _cells(line: str) -> tuple[Words, ...]:
    return tuple(cell for part in _CELLS.split(line) if (cell := words(plain(part))))


def score(read: str, reference: str) -> Score:
    """Compare a text with its reference."""
    lines = [words(line) for line in plain(read).splitlines()]
    own, wanted = [word for line in lines for word in line], words(plain(reference))
    found = list(tables(reference))
    joined = ["".join(f" {word}" for word in line) + " " for line in lines]
    return Score(
        recall=_share(wanted, own),
        precision=_share(own, wanted),
        order=_share(list(pairwise(wanted)), list(pairwise(own))),
        rows=_held([row for table in found for row in table.rows], joined),
        names=_held([(name,) for table in found for name in table.header], joined),
    )


def _share(wanted: Sequence[object], given: Iterable[object]) -> float | None:
    """Return the share of a multiset that is in another one."""
    return (Counter(wanted) & Counter(given)).total() / len(wanted) if wanted else None


def _held(rows: Sequence[tuple[Words, ...]], lines: Sequence[str]) -> float | None:
    """Return the share of rows all of whose cells are in one line."""
    if not rows:
        return None
    kept = sum(any(_holds(line, row) for line in lines) for row in rows)
    return kept / len(rows)


def _holds(line: str, cells: tuple[Words, ...]) -> bool:
    """Tell whether a line, a blank around each word, has every cell, equal ones as often as they are there."""
    wanted = Counter(f" {' '.join(cell)} " for cell in cells)
    return all(_count(line, cell) >= number for cell, number in wanted.items())


def _count(line: str, cell: str) -> int:
    """Return how often a cell is in a line. Neighbours share a blank, which `str.count` would count for one alone."""
    count, at = 0, line.find(cell)
    while at >= 0:
        count, at = count + 1, line.find(cell, at + len(cell) - 1)
    return count
