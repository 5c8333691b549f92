"""Prints text of documents and of models so that a reader can distinguish it from lines of ragqa.

Each line of such text begins with a mark, and no line of ragqa does. On a terminal, this module breaks long lines into
rows and prints the mark on each, since rows broken by the terminal would have no mark.
"""

from __future__ import annotations

import re
import shlex
import sys
import unicodedata

import click

from ragqa.cli.terminal import escaped, width

MARK = "| "
"""The mark before each line of foreign text, after its indentation."""
_GOES_ON = "... "
"""The mark before the second and later rows of a line of ragqa that is wider than the terminal."""
_TAB = 8
"""The most columns that a tab takes."""
_PARTS = re.compile(r"\n|[ \t]+|[^\n \t]+")
_BLANK = r"\s\u115f\u1160\u2800\u3164\uffa0"
"""Characters that look blank, as the inside of a character class."""
_BLANKS_AND_WORDS = re.compile(f"[{_BLANK}]+|[^{_BLANK}]+")
_UNSAFE = re.compile(rf"[{_BLANK}!-$&-*;<>?[\]^`{{-~]")
"""Characters at which a shell or a reader could assume the end of a name."""


class Marked:
    """Prints a text that arrives in pieces, each of its lines after the mark.

    Blanks at the ends of lines and line ends around the text are dropped. On a terminal the last word of a piece is
    kept until it is complete, since it must fit into its row.

    :param indent: blanks before the mark.
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
        """Print a piece, except an incomplete last word."""
        text = (self._return + piece).replace("\r\n", "\n")
        self._return = "\r" if text.endswith("\r") else ""  # the first half of a line end, or a control character
        out = "".join(map(self._part, _PARTS.findall(text.removesuffix("\r"))))
        _print(out if self._width else out + self._end_word())

    def end(self) -> None:
        """Print the last word, and end the line."""
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
        """Return the waiting word with the blanks or line ends before it; empty for none."""
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
        """Return a word, broken into rows where it is too wide for the rest of its row."""
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
    """Print a text, each of its lines after the mark."""
    printer = Marked(indent)
    printer.write(text)
    printer.end()


def say(text: str, *, err: bool = False) -> None:
    """Print a line of ragqa, which may quote names or texts of documents, escaped; later rows begin with dots."""
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
    """Return a name for use in a line: escaped, and quoted for a shell where it has unsafe characters."""
    shown = escaped(text)
    return shlex.quote(shown) if _UNSAFE.search(shown) else shown


def _cells(text: str) -> int:
    """Return the most columns that a text may have: one for each character, two for those that may be wide."""
    return sum(_TAB if c == "\t" else 1 + (unicodedata.east_asian_width(c) in "WFA") for c in text)
