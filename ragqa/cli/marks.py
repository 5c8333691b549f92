"""Text of documents and of models between lines of ours: which is which can always be told.

Each line of such text stands behind a mark, and no line of ours begins with one. On a terminal rows are broken here,
before the terminal would break them: what it begins anew at the left edge would have no mark.
"""

from __future__ import annotations

import re
import shlex
import sys
import unicodedata

import click

from ragqa.cli.terminal import escaped, width

MARK = "| "
"""Stands before each line of text that is not ours, after its indentation."""
_GOES_ON = "... "
"""Stands before each row but the first of a line of ours that is wider than the terminal."""
_TAB = 8
"""The most columns of a tab."""
_PARTS = re.compile(r"\n|[ \t]+|[^\n \t]+")
_BLANK = r"\s\u115f\u1160\u2800\u3164\uffa0"
"""What looks blank, as the inside of a class of characters."""
_BLANKS_AND_WORDS = re.compile(f"[{_BLANK}]+|[^{_BLANK}]+")
_UNSAFE = re.compile(rf"[{_BLANK}!-$&-*;<>?[\]^`{{-~]")
"""What a shell or a reader could take for the end of a name."""


class Marked:
    """Prints a text that comes in pieces, each of its lines behind the mark.

    Blanks at the ends of lines and line ends around the text are left out. On a terminal the last word of a piece is
    held back until it is known to fit.

    :param indent: what stands before the mark.
    """

    def __init__(self, indent: str = "") -> None:
        self._indent, self._width = indent, width(sys.stdout)
        self._column, self._line_ends, self._blanks, self._word = 0, 0, "", ""
        self._return = ""

    @property
    def empty(self) -> bool:
        """Tell whether nothing was printed yet."""
        return not self._column

    def write(self, piece: str) -> None:
        """Print a piece, as far as it can be printed yet."""
        text = (self._return + piece).replace("\r\n", "\n")
        self._return = "\r" if text.endswith("\r") else ""  # the first half of a line end, or a control
        out = "".join(map(self._part, _PARTS.findall(text.removesuffix("\r"))))
        _print(out if self._width else out + self._end_word())

    def end(self) -> None:
        """Print what was held back, and end the line."""
        self._word += self._return
        out = self._end_word()
        _print(out if self.empty else f"{out}\n")

    def _part(self, part: str) -> str:
        if part[0] not in "\n \t":
            self._word += part
            return ""
        out = self._end_word()
        if part == "\n":
            self._line_ends, self._blanks = self._line_ends + 1, ""
        else:
            self._blanks += part
        return out

    def _end_word(self) -> str:
        """Return the word that was held back, and what stands before it; empty for none."""
        word, self._word = escaped(self._word), ""
        if not word:
            return ""
        begins = self.empty or self._line_ends > 0
        before = "" if self.empty else self._blanks
        if not begins and self._width and self._column + _cells(before + word) > self._width:
            begins, before = True, ""
        out = self._begin_line() if begins else ""
        if self._width and self._column + _cells(before) >= self._width:
            before = ""
        self._line_ends, self._blanks = 0, ""
        return out + before + self._fitted(word, _cells(before))

    def _begin_line(self) -> str:
        """Return the end of the line before, the empty lines after it, and the mark of a new one."""
        ends = "" if self.empty else "\n" + f"{self._indent}{MARK.rstrip()}\n" * (self._line_ends - 1)
        self._column = len(self._indent) + len(MARK)
        return f"{ends}{self._indent}{MARK}"

    def _fitted(self, word: str, cells_before: int) -> str:
        """Return a word, broken where it is wider than what is left of its row."""
        self._column += cells_before
        out = ""
        for character in word:
            cells = _cells(character)
            if self._width and self._column + cells > self._width:
                out += f"\n{self._indent}{MARK}"
                self._column = len(self._indent) + len(MARK)
            out += character
            self._column += cells
        return out


def _print(text: str) -> None:
    if text:
        click.echo(text, nl=False)


def marked(text: str, indent: str = "") -> None:
    """Print a text, each of its lines behind the mark."""
    printer = Marked(indent)
    printer.write(text)
    printer.end()


def say(text: str, *, err: bool = False) -> None:
    """Print a line of ours that quotes names or texts of documents, escaped; on a terminal it goes on behind dots."""
    columns = width(sys.stderr if err else sys.stdout)
    click.echo(_broken(escaped(text), columns) if columns else escaped(text), err=err)


def _broken(line: str, columns: int) -> str:
    """Return a line as rows, broken at blanks, and within a word that is wider than a row."""
    indent = " " * (len(line) - len(line.lstrip(" ")) + 4) + _GOES_ON
    rows, row = [], ""
    for part in _BLANKS_AND_WORDS.findall(line):
        if row.strip() and _cells(row + part) > columns:
            rows.append(row.rstrip())
            row, part = indent, part.lstrip()
        for character in part:
            if _cells(row + character) > columns:
                rows.append(row)
                row = indent
            row += character
    return "\n".join([*rows, row.rstrip()])


def name(text: str) -> str:
    """Return a name for the middle of a line: escaped, and between quotes, as a shell takes it, where it has blanks."""
    shown = escaped(text)
    return shlex.quote(shown) if _UNSAFE.search(shown) else shown


def _cells(text: str) -> int:
    """Return how many columns a text may have at most: one for each character, two for those that may be wide."""
    return sum(_TAB if c == "\t" else 1 + (unicodedata.east_asian_width(c) in "WFA") for c in text)
