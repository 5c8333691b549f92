"""Pieces of text of a PDF's page -> lines, and their text. A table as it was found on a page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ragqa.load.pdf_places import Piece
from ragqa.load.pdf_scripts import mark

_SAME_LINE = 0.45
"""Baselines closer than this part of the font's size are those of one line, with raised and lowered characters."""
_NO_SPACE = 0.1
"""A gap between two pieces of less than this part of the font's size is within a word."""
_WIDE_GAP = 0.7
"""A gap between words that is wider than this part of the font's size may be one between columns."""
_NUMERIC = re.compile(
    r"[-+\u2212~<>=\u2264\u2265\u00b1$\u20ac\u00a3\u00a5(#]*\s?\d[\d.,:/\u2013\u2212()%' +-]*\w{0,4}[%*]*"
)
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdfe\ufe70-\ufefc]")
_NO_VALUE = ("-", "\u2013", "\u2014", "n/a", "N/A", "")


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of a line that follow one another without a wide gap, and their left and right side."""

    pieces: tuple[Piece, ...]
    x0: float
    x1: float


@dataclass(frozen=True, slots=True)
class Line:
    """The pieces of a line from left to right, its baseline, the height of its font, and its parts between wide gaps."""

    pieces: tuple[Piece, ...]
    y: float
    size: float
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Line:
        """Return the line of pieces, which are in any order."""
        ordered = sorted(pieces, key=lambda each: each.x0)
        size = max(piece.size for piece in ordered)
        groups: list[list[Piece]] = []
        ends: list[float] = []
        for piece in ordered:
            if not groups or piece.x0 - ends[-1] > _WIDE_GAP * size:
                groups.append([])
                ends.append(piece.x1)
            groups[-1].append(piece)
            ends[-1] = max(ends[-1], piece.x1)
        parts = (Segment(tuple(group), group[0].x0, end) for group, end in zip(groups, ends, strict=True))
        return cls(tuple(ordered), ordered[0].y, size, tuple(parts))


@dataclass(slots=True)
class Table:
    """A table of a page: rows of cells from top to bottom, the first of which is the header.

    :param spans: the left and right sides of the columns.
    :param top: the height of its upper side on the page; `bottom` that of its lower side.
    :param shown: the numbers of the operators that show its text.
    :param characters: how many of them are its own.
    :param fonts: the fonts of most of each row's text.
    :param titles: the texts of rows above the header that are one cell each.
    :param is_ruled: whether it has rules between its columns.
    :param lines_above: the number of lines of the page above it; `lines_below` those below it.
    """

    rows: list[list[str]]
    spans: tuple[tuple[float, float], ...]
    top: float
    bottom: float
    shown: frozenset[int]
    characters: int
    fonts: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    is_ruled: bool = False
    lines_above: int = 0
    lines_below: int = 0

    @property
    def has_own_header(self) -> bool:
        """Tell whether the first row looks unlike the others: another font, or words above numbers."""
        if len(self.rows) < 2:
            return bool(self.rows) and not any(map(is_numeric, self.rows[0]))
        common = Counter(self.fonts[1:]).most_common(1)[0][0]
        if self.fonts[0] != common and self.fonts.count(self.fonts[0]) <= max(1, len(self.rows) // 4):
            return True
        return bool(numeric_columns(self.rows[1:])) and not any(map(is_numeric, self.rows[0]))


def lines_of_pieces(pieces: Iterable[Piece]) -> list[Line]:
    """Return the lines of pieces from top to bottom."""
    groups: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda each: -each.y):
        if groups and groups[-1][0].y - piece.y <= _SAME_LINE * max(piece.size, groups[-1][0].size):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [Line.of(group) for group in groups]


def line_text(pieces: Sequence[Piece]) -> str:
    """Return the text of pieces of a line, which are in order from left to right."""
    text, end, has_space = "", 0.0, False
    base: Piece | None = None
    for piece in pieces:
        is_apart = text and (has_space or piece.x0 - end > _NO_SPACE * piece.size)
        beside = base if base is not None and not is_apart else piece
        text += (" " if is_apart else mark(text, piece.text, piece.y - beside.y, piece.size, beside.size)) + piece.text
        end, has_space = max(end, piece.x1), piece.has_space_after
        base = piece if base is None or is_apart or piece.size >= base.size else base
    return text


def cell_text(pieces: Iterable[Piece]) -> str:
    """Return the text of the pieces of a cell; its line breaks become `\\v`."""
    return "\v".join(line_text(line.pieces) for line in lines_of_pieces(pieces))


def is_numeric(cell: str) -> bool:
    """Tell whether a cell is a number, with its sign or unit."""
    return _NUMERIC.fullmatch(cell) is not None


def numeric_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that mostly have numbers."""
    found = []
    for column in range(len(rows[0]) if rows else 0):
        values = [row[column] for row in rows if row[column] not in _NO_VALUE]
        if len(values) > len(rows) / 4 and sum(map(is_numeric, values)) >= 0.7 * len(values):
            found.append(column)
    return found


def font_of(pieces: Iterable[Piece]) -> str:
    """Return the font of most of the text of pieces."""
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts[piece.font] += len(piece.text)
    return counts.most_common(1)[0][0] if counts else ""


def is_right_to_left(pieces: Iterable[Piece]) -> bool:
    """Tell whether a text has letters that are written from right to left."""
    return any(RIGHT_TO_LEFT.search(piece.text) for piece in pieces)


def flows(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces of each column of a page. A column begins where the text goes up again by several lines."""
    flow: list[Piece] = []
    for piece in pieces:
        if flow and piece.y - flow[-1].y > 8 * max(piece.size, flow[-1].size):
            yield flow
            flow = []
        flow.append(piece)
    if flow:
        yield flow
