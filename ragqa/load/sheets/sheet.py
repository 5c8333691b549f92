"""A sheet of any spreadsheet format: its rows as they are shown, its merged cells, and what else is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ragqa.errors import RejectedError

TAB = "\t"
_REPEATED_CHARACTERS = 200
"""A merged cell with a longer text is read once; a shorter one in each row and column that it covers."""
_MOST_FILLED = 1_000_000
"""The most cells of a sheet that merged cells fill."""
_FEW = 63
"""The most columns behind the last filled one that a merged cell fills."""
_LABEL_CHARACTERS = 80
MOST_ROWS, MOST_COLUMNS = 1 << 20, 1 << 14
"""The most rows and columns of a sheet."""
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")

Merged = tuple[int, int, int, int]
"""First row, first column, last row and last column of a merged cell. Rows count from 1, columns from 0."""


class Budget:
    """The characters of text that may still be read.

    :raises RejectedError: by `take`, where there are none left.
    """

    def __init__(self, characters: int) -> None:
        self._most = self._left = characters

    def take(self, line: str) -> None:
        """Take the characters of a line."""
        self._left -= len(line) + 1
        if self._left < 0:
            raise RejectedError(f"too long: more than {self._most:,} characters")


@dataclass(slots=True)
class Comment:
    """A comment on a cell."""

    row: int
    column: int
    author: str
    text: str


@dataclass(slots=True)
class Sheet:
    """A sheet. `rows` has each row that is not empty by its number, as its cells with tabs between them.

    `boxes` are the texts of text boxes, and `hidden_columns` the first and the last column of those that are hidden.

    :param budget: bounds the text of all sheets of a file.
    """

    name: str
    budget: Budget
    hidden: bool = False
    rows: dict[int, str] = field(default_factory=dict)
    merged: list[Merged] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    hidden_rows: int = 0
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)

    def put(self, number: int, cells: Iterable[tuple[int, str]]) -> None:
        """Put a row: the texts of its cells by column, in the order of the columns."""
        line, at = [], 0
        for column, text in cells:
            if column >= at and (shown := cell(text)):
                line.append(TAB * (column - at) + shown)
                at = column
        if line and 0 < number <= MOST_ROWS:
            self.rows[number] = "".join(line)
            self.budget.take(self.rows[number])

    def used_columns(self) -> list[int]:
        """Return the columns that are not empty."""
        used: set[int] = set()
        for line in self.rows.values():
            used.update(column for column, text in enumerate(line.split(TAB)) if text)
        return sorted(used)

    def fill_merged(self) -> set[int]:
        """Repeat merged cells in the rows and columns that they cover, and return the rows where one covers columns.

        A row in which nothing else is, such as a title over a table, is left as it is.
        """
        over_columns: set[int] = set()
        left = _MOST_FILLED
        for top, first, bottom, last in self.merged:
            if top not in self.rows or first > last:
                continue
            text = self.cell(top, first)
            if not text or len(text) > _REPEATED_CHARACTERS:
                continue
            numbers: Iterable[int] = range(top, bottom + 1)
            if bottom - top >= len(self.rows):
                numbers = [number for number in self.rows if top <= number <= bottom]
            for number in numbers:
                cells = self.rows.get(number, "").split(TAB)
                if not any(text for place, text in enumerate(cells) if not first <= place <= last):
                    continue
                end = min(last, max(len(cells) - 1, first + _FEW))
                cells += [""] * (end + 1 - len(cells))
                cells[first : end + 1] = [text] * (end + 1 - first)
                self.rows[number] = TAB.join(cells)
                left -= end + 1 - first
                if end > first and number == top:
                    over_columns.add(top)
            if left < 0:
                break
        return over_columns

    def cell(self, row: int, column: int) -> str:
        """Return the text of a cell."""
        return next(iter(self.rows.get(row, "").split(TAB)[column : column + 1]), "")

    def comment_lines(self) -> Iterator[str]:
        """Yield each comment as a line, with the text of its cell and that of its row's first one."""
        for comment in self.comments:
            first = next(filter(None, self.rows.get(comment.row, "").split(TAB)), "")
            own = self.cell(comment.row, comment.column)
            about = ": ".join(_short(text) for text in dict.fromkeys((first, own)) if text)
            by = f" by {author}" if (author := cell(comment.author)) else ""
            where = f"{column_name(comment.column)}{comment.row}"
            if text := cell(comment.text):
                yield f"Comment on {where}{f' ({about})' if about else ''}{by}: {text}"


def cell(text: str) -> str:
    """Return the text of a cell on one line. A quotation mark at its beginning that is never closed is written as CSV
    writes it, since it would reach over the following rows."""
    text = " ".join(text.split())
    if text.startswith('"') and text.count('"') % 2:
        escaped = text.replace('"', '""')
        return f'"{escaped}"'
    return text


def column_name(column: int) -> str:
    """Return the letters of a column: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column > 0:
        column, place = divmod(column - 1, 26)
        letters = chr(65 + place) + letters
    return letters


def place_of(reference: str) -> tuple[int, int] | None:
    """Return row and column of a reference such as `B3`; None for others."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        return None
    column = 0
    for letter in match[1].upper():
        column = 26 * column + ord(letter) - 64
    return int(match[2]), column - 1


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_CHARACTERS else f"{text[: _LABEL_CHARACTERS - 1]}…"
