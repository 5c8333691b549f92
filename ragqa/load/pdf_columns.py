"""Tables of a PDF's page without rules between their cells: lines whose words stand in columns.

Prose in columns, lists, contents pages and listings of code have words in columns too. What is not sure is no table.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragqa.load.pdf_header import group_names, may_name_groups
from ragqa.load.pdf_lines import (
    Line,
    Segment,
    Table,
    cell_text,
    flows,
    font_of,
    is_numeric,
    is_right_to_left,
    line_text,
    lines_of_pieces,
    numeric_columns,
)  # fmt: skip
from ragqa.load.pdf_places import Piece, Placed, Rule

_CORRIDOR = 0.55
"""The least width of the free strip between two columns, as a part of the font's size."""
_FAR = 3.5
"""Lines further from one another than this, in sizes of the font, are not of one table."""
_TIGHT = 1.4
_CROSSING = 0.1
"""The part of the lines that may have text across the space between two columns."""
_MOST_LINES = 400
_MOST_TRIES = 60
"""The most parts of a run of lines that are compared with the columns of their lines."""
_DEEPEST_HEADER = 4
_SHORT_CELL, _LONG_CELL = 5, 25
"""The most words of a cell on average, without and with rules between all rows."""
_LEADERS = re.compile(r"(?:\.\s?){4,}|\u2026")
_MARKER = re.compile(
    r"[\u2022\u2023\u25aa\u25cf\u25cb\u25e6\u2013\u2014*\uf0b7-]|[([]?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)\]]+"
)
_PAGE = ("page", "pages", "page no.", "p.", "pg", "seite", "p\u00e1gina", "pagina")
_WORD = re.compile(r"[^\W\d_]{2,}")


def aligned_tables(pieces: Sequence[Piece], placed: Placed) -> Iterator[Table]:
    """Yield the tables among pieces of text, which are in the order in which they are drawn."""
    for flow in flows(pieces):
        lines = lines_of_pieces(flow)
        for region in _regions(lines):
            yield from _tables(region, placed.across)


def _regions(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines that have gaps. A line without one may be between them, where a cell has a second line."""
    region: list[Line] = []
    for line in lines:
        has_gap = len(line.segments) > 1
        is_near = bool(region) and region[-1].y - line.y <= _FAR * max(line.size, region[-1].size)
        if region and not is_near:
            yield region
            region = []
        if has_gap or region:
            region.append(line)
    if region:
        yield region


def _tables(region: list[Line], rules: Sequence[Rule]) -> Iterator[Table]:
    """Yield the tables of a run of lines. It is cut at lines that do not fit the columns of the others."""
    waiting: list[tuple[list[Line], Line | None]] = [(region[:_MOST_LINES], None)]
    tries = 0
    while waiting and (tries := tries + 1) <= _MOST_TRIES:
        whole, above = waiting.pop()
        lines = _trimmed(whole)
        above = above if lines and lines[0] is whole[0] else None
        if sum(len(line.segments) > 1 for line in lines) < 3:
            continue
        columns = _Columns.of(lines)
        misfits = [_worst(lines)] if columns is None else columns.misfits(lines)
        if len(misfits) == len(lines):
            misfits = [_worst(lines)]
        if misfits:
            starts, ends = [0, *(number + 1 for number in misfits)], [*misfits, len(lines)]
            aboves = [above, *(lines[number] for number in misfits)]
            parts = [(lines[start:end], each) for start, end, each in zip(starts, ends, aboves, strict=True)]
            waiting += [part for part in parts if len(part[0]) > 2]
        elif columns and (table := columns.table(lines, above, rules)):
            yield table


def _trimmed(lines: list[Line]) -> list[Line]:
    """Return lines without those at both ends that have no gap."""
    with_gap = [number for number, line in enumerate(lines) if len(line.segments) > 1]
    return lines[with_gap[0] : with_gap[-1] + 1] if with_gap else []


def _worst(lines: list[Line]) -> int:
    """Return the number of the line with the widest segment."""
    widths = [max(segment.x1 - segment.x0 for segment in line.segments) for line in lines]
    return widths.index(max(widths))


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of lines: their left and right sides."""

    spans: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, lines: Sequence[Line]) -> _Columns | None:
        """Return the columns between the strips that hardly any line has text across; None for fewer than two."""
        segments = [segment for line in lines for segment in line.segments]
        size = sorted(line.size for line in lines)[len(lines) // 2]
        allowed = max(int(_CROSSING * len(lines)), 1 if len(lines) > 4 else 0)
        events = sorted([(each.x0, 1) for each in segments] + [(each.x1, -1) for each in segments])
        spans: list[list[float]] = []
        depth = 0
        for at, change in events:
            before, depth = depth, depth + change
            if before <= allowed < depth:
                if spans and at - spans[-1][1] < _CORRIDOR * size:
                    continue
                spans.append([at, at])
            elif depth <= allowed < before and spans:
                spans[-1][1] = at
        columns = cls(tuple((low, high) for low, high in spans))._without_split(lines)
        return columns if len(columns.spans) > 1 else None

    def _without_split(self, lines: Sequence[Line]) -> _Columns:
        """Return columns with those joined that never have text on the same line, as a name and the numbers below it."""
        filled = [{self.column(segment) for segment in line.segments} for line in lines]
        spans = list(self.spans)
        numbers = list(range(len(spans)))
        joined: list[tuple[float, float]] = []
        members: list[set[int]] = []
        for number, span in zip(numbers, spans, strict=True):
            both = joined and any(number in line and members[-1] & line for line in filled)
            if joined and not both:
                joined[-1] = (joined[-1][0], span[1])
                members[-1].add(number)
            else:
                joined.append(span)
                members.append({number})
        return _Columns(tuple(joined))

    def column(self, segment: Segment) -> int:
        """Return the column that the middle of a segment is in, or near."""
        middle = (segment.x0 + segment.x1) / 2
        number = bisect_right(self.spans, middle, key=lambda span: span[0]) - 1
        if number < 0 or (middle > self.spans[number][1] and number + 1 < len(self.spans)):
            beyond = number >= 0 and middle - self.spans[number][1] <= self.spans[number + 1][0] - middle
            return number if beyond else number + 1
        return number

    def fit(self, line: Line) -> bool:
        """Tell whether no segment of a line reaches from one column into another."""
        slack = 0.1 * line.size
        return not any(
            segment.x0 < previous[1] - slack and segment.x1 > following[0] + slack
            for segment in line.segments
            for previous, following in pairwise(self.spans)
        )

    def misfits(self, lines: Sequence[Line]) -> list[int]:
        """Return the numbers of the lines that do not fit the columns, and do not name a group of rows."""
        crossing = [number for number, line in enumerate(lines) if not self.fit(line)]
        groups = {
            number
            for number in crossing
            if 0 < number < len(lines) - 1 and self.names_group(lines[number], lines[number + 1])
        }
        return [number for number in crossing if number not in groups]

    def names_group(self, line: Line, below: Line) -> bool:
        """Tell whether a line across the columns names the rows below it: it begins at the left, and has no gap."""
        is_alone = len(line.segments) == 1 and abs(line.pieces[0].x0 - self.spans[0][0]) <= line.size
        return is_alone and any(is_numeric(line_text(segment.pieces)) for segment in below.segments)

    def table(self, lines: Sequence[Line], above: Line | None, rules: Sequence[Rule]) -> Table | None:
        """Return the table of lines; None where they are rather something else.

        :param above: the line above them, which may have names above several columns.
        """
        pieces = [piece for line in lines for piece in line.pieces]
        if is_right_to_left(pieces) or sum(piece.is_monospaced for piece in pieces) > len(pieces) / 2:
            return None
        cells = [self._cells(line) for line in lines]
        across = self._rules_between(lines, rules)
        grouped = _rows(lines, cells, across)
        rows = [[cell_text(piece for number in row for piece in cells[number][column]) for column in range(len(self.spans))] for row in grouped]  # fmt: skip
        fonts = [font_of(piece for number in row for piece in lines[number].pieces) for row in grouped]
        names: list[str] = []
        if grouped[:2] == [[0], [1]] and may_name_groups(rows):
            names = group_names(lines[0], lines[1], [self.column(segment) for segment in lines[1].segments])
            del rows[: bool(names)], fonts[: bool(names)]
        elif above is not None and (names := self._names(above, lines[0], rows[0])):
            pieces += above.pieces
        if names:
            rows[0] = [" ".join(filter(None, pair)) for pair in zip(names, rows[0], strict=True)]
        characters = sum(len(piece.text) for piece in pieces)
        shown = frozenset(piece.shown for piece in pieces)
        table = Table(rows, self.spans, lines[0].y + lines[0].size, lines[-1].y, shown, characters, fonts)
        return table if _is_table(table, len(across)) and not self._is_prose(lines, cells) else None

    def _cells(self, line: Line) -> list[list[Piece]]:
        """Return the pieces of a line by column."""
        cells: list[list[Piece]] = [[] for _ in self.spans]
        fits = self.fit(line)
        for segment in line.segments:
            cells[self.column(segment) if fits else 0] += segment.pieces
        return cells

    def _names(self, above: Line, first: Line, header: Sequence[str]) -> list[str]:
        """Return for each column the name in the line above the first one; none where that line is no part of a header.

        Where columns have the same name, the line above names groups of columns.
        """
        segments = above.segments
        is_near = above.y - first.y <= 2 * first.size
        if len(segments) < 2 or not is_near or any(is_numeric(line_text(each.pieces)) for each in segments):
            return []
        if len(set(header)) < len(header):
            grouped = group_names(above, first, [self.column(segment) for segment in first.segments])
            if grouped:
                return grouped
        names: list[list[str]] = [[] for _ in self.spans]
        for each in segments:
            over = [number for number, (low, high) in enumerate(self.spans) if each.x0 < high and each.x1 > low]
            if not over:  # it is above the space between two columns
                right = bisect_right(self.spans, each.x0, key=lambda span: span[0])
                over = [number for number in (right - 1, right) if 0 <= number < len(self.spans)]
            for number in over:
                names[number].append(line_text(each.pieces))
        return [" ".join(each) for each in names]

    def _rules_between(self, lines: Sequence[Line], rules: Sequence[Rule]) -> set[int]:
        """Return the numbers of the lines that have a rule below them that is nearly as wide as the columns."""
        left, right = self.spans[0][0], self.spans[-1][1]
        places = [rule.at for rule in rules if min(rule.high, right) - max(rule.low, left) > 0.6 * (right - left)]
        return {
            number
            for number, (upper, lower) in enumerate(pairwise(lines))
            if any(lower.y + 0.3 * lower.size < at < upper.y + 0.3 * upper.size for at in places)
        }

    def _is_prose(self, lines: Sequence[Line], cells: Sequence[Sequence[Sequence[Piece]]]) -> bool:
        """Tell whether most columns are full of words from side to side."""
        full = 0
        for column, (low, high) in enumerate(self.spans):
            texts = [row[column] for row in cells if row[column]]
            wide = sum(text[-1].x1 - text[0].x0 > 0.75 * (high - low) for text in texts)
            words = sum(len(text) for text in texts)
            digits = sum(any(char.isdigit() for piece in text for char in piece.text) for text in texts)
            full += wide > 0.6 * len(texts) and words > 3 * len(texts) and digits < 0.5 * len(texts)
        return full * 2 >= len(self.spans)


def _rows(lines: Sequence[Line], cells: Sequence[Sequence[Sequence[Piece]]], across: set[int]) -> list[list[int]]:
    """Return the numbers of the lines of each row: those between rules, or a line and the rest of its cells below."""
    if len(across) > 2 and len(across) >= len(lines) / 4:
        rows: list[list[int]] = [[]]
        for number in range(len(lines)):
            rows[-1].append(number)
            if number in across and number + 1 < len(lines):
                rows.append([])
        return rows
    header = _header_lines(lines, across)
    rows = [list(range(header))] if header > 1 else []
    for number in range(header if header > 1 else 0, len(lines)):
        if (
            rows
            and number != header
            and number - 1 not in across
            and _continues(lines[number - 1], lines[number], cells[number])
        ):
            rows[-1].append(number)
        else:
            rows.append([number])
    return rows


def _header_lines(lines: Sequence[Line], across: set[int]) -> int:
    """Return the number of lines of the header: those above the first rule, or in another font; 0 where none is told."""
    first = min(across, default=-1) + 1
    if 0 < first <= _DEEPEST_HEADER and len(across) < len(lines) / 2:
        return first
    fonts = [font_of(line.pieces) for line in lines]
    same = next((number for number, font in enumerate(fonts) if font != fonts[0]), len(fonts))
    return same if same < min(len(fonts), _DEEPEST_HEADER + 1) and fonts[0] not in fonts[same:] else 0


def _continues(above: Line, line: Line, cells: Sequence[Sequence[Piece]]) -> bool:
    """Tell whether a line has the rest of cells of the line above it: it is near, and its first column is empty."""
    texts = [" ".join(piece.text for piece in cell) for cell in cells]
    filled = [text for text in texts if text]
    is_near = above.y - line.y <= _TIGHT * line.size
    if not is_near or any(map(is_numeric, filled)):
        return False
    return 2 * len(filled) <= len(cells) and (not texts[0] or (len(filled) == 1 and texts[0][:1].islower()))


def _is_table(table: Table, rules: int) -> bool:
    """Tell whether rows are those of a table, and not of a list, a contents page, a form or prose.

    :param rules: the number of rules between them.
    """
    rows, columns = table.rows, len(table.spans)
    filled = [cell for row in rows for cell in row if cell]
    if len(rows) < (3 if columns > 2 else 4) or len(filled) < 0.55 * len(rows) * columns:
        return False
    if sum(sum(map(bool, row)) > 1 for row in rows) < 0.7 * len(rows):
        return False
    words = sum(len(_WORD.findall(cell)) for cell in filled)
    labels = sum(cell.endswith(":") for cell in filled)
    leaders = sum(_LEADERS.search(" ".join(row)) is not None for row in rows)
    longest = _LONG_CELL if rules >= len(rows) - 1 else _SHORT_CELL
    if words > longest * len(filled) or labels > len(filled) / 4 or leaders > len(rows) / 4:
        return False
    markers = sum(_MARKER.fullmatch(row[0]) is not None for row in rows)
    if columns < 4 and markers > 0.5 * len(rows):
        return False
    numeric = numeric_columns(rows[1:])
    has_header = table.has_own_header
    is_full = columns > 2 and len(rows) > 3 and len(filled) > 0.9 * len(rows) * columns
    if not numeric and not (has_header and (rules or is_full)):
        return False
    if columns == 2 and not (numeric == [1] and (has_header or rules)):
        return False
    return not _is_contents(table, numeric)


def _is_contents(table: Table, numeric: Sequence[int]) -> bool:
    """Tell whether rows end in numbers of pages: ascending integers, and no other numbers but those of sections."""
    columns = len(table.spans)
    if columns > 3 or numeric[-1:] != [columns - 1] or (columns == 3 and 1 in numeric):
        return False
    ends = [row[-1] for row in table.rows if row[-1]]
    numbers = [int(end) for end in ends if end.isdecimal()]
    if len(numbers) < len(ends) - 1 or any(low > high for low, high in pairwise(numbers)):
        return False
    return table.rows[0][-1].lower() in _PAGE or ends[0].isdecimal() or numbers == sorted(set(numbers))
