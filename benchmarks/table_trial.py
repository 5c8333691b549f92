"""Small tables with questions as people ask them, written by hand (`benchmarks/table_trial/*.yaml`), and the judgement of answers.

A file has a title, tables, and questions: a text, the cells that a right answer says (none where only a refusal is
right), and the first cells of the rows that it may quote, after the year or the heading of their table where there are several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.table_files import Sheet
from ragqa import text_analysis
from ragqa.records import Answer

FOLDER = Path(__file__).with_suffix("")
OUTCOMES = ("right", "row", "part", "wrong", "refused", "rightly refused")
"""`right` says the cell alone, `row` the whole row, `part` one of several cells or rows that are asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the cells of a right answer, and the rows that may be quoted."""

    text: str
    cells: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    headers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """Tables of one file, and questions about them."""

    title: str
    sheets: tuple[Sheet, ...]
    questions: tuple[Asked, ...]


def trial(name: str) -> Trial:
    """Return the tables and questions of a file in `FOLDER`."""
    data = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    sheets = tuple(
        Sheet(each["header"], each["rows"], each.get("heading", ""), each.get("groups", ())) for each in data["tables"]
    )
    return Trial(data["title"], sheets, tuple(_asked(sheets, *each) for each in data["questions"]))


def _asked(sheets: Sequence[Sheet], text: str, cells: Any, rows: Any = ()) -> Asked:
    wanted = (cells,) if isinstance(cells, str) else tuple(cells or ())
    named = (rows,) if isinstance(rows, str) else tuple(rows)
    return Asked(
        text, wanted, tuple(_row(sheets, name) for name in named), tuple(tuple(sheet.names) for sheet in sheets)
    )


def _row(sheets: Sequence[Sheet], name: str) -> tuple[str, ...]:
    """Return the row with a first cell; `2024/Basic` is one in the table whose heading has 2024."""
    part, _, key = name.rpartition("/")
    return next(
        tuple(row) for sheet in sheets if part in sheet.heading for row in sheet.rows if key in (row[0], row[1])
    )


def judged(asked: Asked, answer: Answer) -> str:
    """Return one of `OUTCOMES`. A cell must be cited from one of the rows; what is quoted may have no other words."""
    if answer.abstained:
        return "refused" if asked.cells else "rightly refused"
    said = _words(answer.text)
    there = [
        cell
        for cell in asked.cells
        if any(_words(change(cell)) <= _words(change(answer.text)) for change in (str, _without_marks))
    ]
    if not there or not all(_is_of(asked, citation.text) for citation in answer.citations):
        return "wrong"
    if answer.kind == "catalogue":  # a count, and the rows that were counted
        return "right" if answer.text.split()[0] in asked.cells else "wrong"
    rest = said - Counter(word for each in there for word in _words(each))
    if len(there) < len(asked.cells):
        return "part" if not rest or _is_of(asked, answer.text) else "wrong"
    if not rest:
        return "right"
    return "row" if _is_of(asked, answer.text) else "wrong"


def _words(text: str) -> Counter[str]:
    """Return the words of a text; a number is the same with and without its commas and last zeros."""
    words = []
    for word in text.replace("|", " ").split():
        bare = word.replace(",", "")
        try:
            words.append(f"{float(bare):g}")
        except ValueError:
            words += text_analysis.words(word)
    return Counter(words)


def _is_of(asked: Asked, text: str) -> bool:
    """Tell whether a text has no words beside those of the rows that may be quoted, and of headers."""
    every = [cell for row in (*asked.rows, *asked.headers) for cell in row]
    free = Counter(text_analysis.words(asked.text))
    return any(_words(change(text)) <= _words(change(" ".join(every))) + free for change in (str, _without_marks))


def _without_marks(text: str) -> str:
    """Return a text without the marks of delimited text."""
    return text.replace('"', "").replace(",", " ").replace(";", " ")
