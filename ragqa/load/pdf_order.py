"""Columns of prose on a PDF's page whose lines are drawn across the page: a line of the left one, that of the right one.

Such a page is read column by column. What is no prose, as a table or a list of names and values, stays as it is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ragqa.load.pdf_lines import Line, Segment, is_right_to_left, line_text, lines_of_pieces
from ragqa.load.pdf_places import Piece, Rule

_GUTTER = 0.9
"""The least width of the space between two columns, as a part of the font's size."""
_ALIGNED = 0.4
_LEAST_LINES = 6
"""The fewest lines that each of two columns has, side by side."""
_NARROWEST = 7.0
"""The least width of a column of prose, in sizes of the font."""
_SWITCHES = 1.2
"""How often what is drawn goes from one column to the other, for each line: twice where it is drawn line by line."""
_FAR = 2.5
"""Lines further from one another than this, in usual distances of lines, are not in the same columns."""
_DEEPEST = 4
"""The most columns side by side are one more than this."""
_MOST_CANDIDATES = 12
_MORE_PARTS = 1.4
"""Lines with so many times the parts of lines of prose may be rows of a table, and stay whole."""


def column_lines(pieces: Sequence[Piece], rules: Sequence[Rule]) -> list[Line] | None:
    """Return the lines of a page column by column; None where it has no columns that are drawn line by line.

    :param pieces: in the order in which they are drawn, the last ones those in place of tables.
    :param rules: those from side to side.
    """
    if len(pieces) < 4 * _LEAST_LINES or is_right_to_left(pieces):
        return None
    page = _Page({id(piece): number for number, piece in enumerate(pieces) if piece.shown >= 0}, rules)
    lines = list(page.ordered(lines_of_pieces(pieces)))
    return lines if page.has_columns else None


@dataclass(frozen=True, slots=True)
class _Band:
    """Lines one below the other, and the left side of the right one of their two columns; None where they have none."""

    lines: Sequence[Line]
    at: float | None


class _Page:
    """Puts the lines of a page in order.

    :param drawn: the place of each piece of text in what is drawn, by its id.
    :param rules: those from side to side. What is above one that crosses both columns comes before what is below it.
    """

    def __init__(self, drawn: Mapping[int, int], rules: Sequence[Rule]) -> None:
        self.has_columns = False
        self._drawn, self._rules = drawn, rules

    def ordered(self, lines: Sequence[Line], depth: int = 0) -> Iterator[Line]:
        """Yield lines; those of columns one column after the other."""
        at = self._gutter(lines) if depth < _DEEPEST else None
        if at is None:
            yield from lines
            return
        self.has_columns = True
        bands = list(_bands(lines, at, self._rules))
        most = _MORE_PARTS * max(_parts(band) for band in bands if band.at is not None and self._prose(band, at))
        for band in bands:
            if band.at is None or _parts(band) > most:
                yield from band.lines
                continue
            for is_right in (False, True):
                pieces = (piece for line in band.lines for piece in line.pieces if (piece.x0 >= _left_of(at, line)) is is_right)  # fmt: skip
                yield from self.ordered(lines_of_pieces(pieces), depth + 1)

    def _gutter(self, lines: Sequence[Line]) -> float | None:
        """Return the left side of the column to the right of the space that most lines leave free; None without one."""
        starts: Counter[int] = Counter()
        for line in lines:
            starts.update({round(segment.x0) for segment in line.segments[1:]} or {round(line.segments[0].x0)})
        near = {x: sum(starts[x + step] for step in (-1, 0, 1)) for x in starts}
        candidates = sorted((x for x in near if near[x] >= _LEAST_LINES), key=lambda x: (-near[x], x))
        best: tuple[int, float] | None = None
        for x in candidates[:_MOST_CANDIDATES]:
            count = sum(self._prose(band, x) for band in _bands(lines, x, self._rules) if band.at is not None)
            if count and (best is None or count > best[0]):
                best = count, float(x)
        return best[1] if best else None

    def _prose(self, band: _Band, at: float) -> int:
        """Return the number of lines of a band whose two columns are prose that is drawn line by line; else 0."""
        left = [segment for line in band.lines if (segment := _side(line, at, is_right=False))]
        right = [segment for line in band.lines if (segment := _side(line, at, is_right=True))]
        both = min(len(left), len(right))
        if both < _LEAST_LINES or not (_is_prose(left) and _is_prose(right)):
            return 0
        size = median(line.size for line in band.lines)
        if at - sorted(segment.x1 for segment in left)[int(0.9 * len(left))] < _GUTTER * size:
            return 0
        sides = sorted(
            (self._drawn[id(piece)], is_right)
            for segments, is_right in ((left, False), (right, True))
            for segment in segments
            for piece in segment.pieces
            if id(piece) in self._drawn
        )
        switches = sum(before[1] is not after[1] for before, after in pairwise(sides))
        return len(left) + len(right) if switches >= _SWITCHES * both else 0


def _parts(band: _Band) -> float:
    """Return how many parts a line of a band has on average."""
    return sum(len(line.segments) for line in band.lines) / len(band.lines)


def _left_of(at: float, line: Line) -> float:
    """Return the place from which on text is in the right column; a first line may begin a little before the others."""
    return at - _ALIGNED * line.size


def _side(line: Line, at: float, *, is_right: bool) -> Segment | None:
    """Return what a line has in one of two columns; None where it has nothing there."""
    pieces = tuple(piece for piece in line.pieces if (piece.x0 >= _left_of(at, line)) is is_right)
    return Segment(pieces, pieces[0].x0, max(piece.x1 for piece in pieces)) if pieces else None


def _is_prose(column: Sequence[Segment]) -> bool:
    """Tell whether the lines of a column are prose: most are full from side to side, and begin in a sentence."""
    left = min(segment.x0 for segment in column)
    widths = sorted(segment.x1 - left for segment in column)
    width = widths[int(0.9 * (len(widths) - 1))]
    size = median(segment.pieces[0].size for segment in column)
    if width < _NARROWEST * size or sum(piece.is_monospaced for each in column for piece in each.pieces) > len(column):
        return False
    texts = [line_text(segment.pieces) for segment in column]
    full = sum(segment.x1 - segment.x0 > 0.7 * width for segment in column)
    inside = sum(not (text[0].isupper() or text[0].isdigit()) for text in texts)
    letters = sum(sum(map(str.isalpha, text)) > 0.6 * len(text) for text in texts)
    return full > 0.6 * len(column) and inside > 0.4 * len(column) and letters > 0.5 * len(column)


def _bands(lines: Sequence[Line], at: float, rules: Iterable[Rule]) -> Iterator[_Band]:
    """Yield the lines from top to bottom, parted where one has text across the space between two columns.

    A rule across both columns parts them too, and so does a space that is as high as several lines.
    """
    pitches = [upper.y - lower.y for upper, lower in pairwise(lines)]
    pitch = median(pitches) if pitches else 0.0
    across = sorted(
        (rule.at for rule in rules if rule.low < at - 3 * pitch and rule.high > at + 3 * pitch), reverse=True
    )
    band: list[Line] = []
    kind = False
    for line in lines:
        crosses = _crosses(line, at)
        is_far = bool(band) and band[-1].y - line.y > _FAR * max(pitch, line.size)
        is_parted = bool(band) and any(line.y + 0.3 * line.size < y < band[-1].y + 0.3 * line.size for y in across)
        if band and (crosses is not kind or is_far or is_parted):
            yield _Band(band, None if kind else at)
            band = []
        band.append(line)
        kind = crosses
    if band:
        yield _Band(band, None if kind else at)


def _crosses(line: Line, at: float) -> bool:
    """Tell whether a line has text across the space to the left of a column, or words that go on over it."""
    low, high = at - _GUTTER * line.size, _left_of(at, line)
    return any(segment.x0 < low and segment.x1 > high for segment in line.segments)
