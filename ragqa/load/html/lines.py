"""Pieces of text and ends of lines -> lines, as a browser lays them out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text that is not changed any more; `level` is that of a heading, 0 for other lines.

    `flat` is its text as part of another line, where that differs, as for the row of a table.
    """

    text: str
    level: int = 0
    flat: str | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """The end of a line, with a blank line below it or not."""

    blank: bool


NEW_LINE, BLANK_LINE = Break(False), Break(True)

Piece = str | Line | Break


def laid_out(pieces: Iterable[Piece]) -> list[Line]:
    """Return pieces as lines: white space in them is one space, and blank lines are single and within the text."""
    lines: list[Line] = []
    words: list[str] = []
    blank = False

    def finish(line: Line | None) -> None:
        nonlocal blank
        written = Line(" ".join("".join(words).split()))
        words.clear()
        for each in (written, line):
            if each is not None and each.text:
                if blank and lines:
                    lines.append(Line(""))
                blank = False
                lines.append(each)

    for piece in pieces:
        if isinstance(piece, str):
            words.append(piece)
        else:
            finish(piece if isinstance(piece, Line) else None)
            blank = blank or (piece.blank if isinstance(piece, Break) else not piece.text)
    finish(None)
    return lines


def one_line(pieces: Iterable[Piece]) -> str:
    """Return pieces as one line."""
    flat = (line.text if line.flat is None else line.flat for line in laid_out(pieces))
    return " ".join(" ".join(flat).split())


def preformatted(inner: Sequence[Piece], *, code: bool) -> list[Piece]:
    """Return preformatted text as lines that keep their spaces; code between fences, as in Markdown."""
    parts = (each if isinstance(each, str) else f"\n{each.text}" if isinstance(each, Line) else "\n" for each in inner)
    lines = "".join(parts).expandtabs(4).strip("\n").split("\n")
    shown: list[Piece] = [Line(line.rstrip()) if line.strip() else BLANK_LINE for line in lines]
    if not code or all(each is BLANK_LINE for each in shown):
        return shown
    longest = max((len(run) for line in lines for run in re.findall(r"^\s*(`{3,})", line)), default=2)
    fence = Line("`" * (longest + 1), flat="")
    return [fence, *shown, fence]


def item(marker: str, lines: Sequence[Line]) -> list[Piece]:
    """Return a list item: its marker before its first line, and the other lines below that."""
    filled = [line.text for line in lines if line.text]
    if not filled:
        return []
    return [Line(f"{marker} {filled[0]}"), *(Line(f"  {text}") for text in filled[1:])]
