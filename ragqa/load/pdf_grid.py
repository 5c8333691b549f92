"""Tables of a PDF's page whose cells have rules between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ragqa.load.pdf_lines import Table, cell_text, font_of, is_right_to_left, lines_of_pieces
from ragqa.load.pdf_places import Piece, Placed, Rule

_NEAR = 3.0
"""Rules that are closer than this, in points, meet or are one."""
_SIDE = 8.0
"""The least width, in points, of a first or last column or row that has no rule on its outer side."""
_MOST_LINES = 400
_MOST_CELLS = 4_000
_LONGEST_CELL = 1_500
"""A grid with a longer cell is the layout of a page."""
_REPEATED_CHARACTERS = 200
"""A merged cell with a longer text is read once; a shorter one in each column and row that it covers."""
_LEAST_FILLED = 0.35
_LEAST_CELLS = 0.5
"""A grid of which fewer cells than this part are cells of their own is a form."""
_DEEPEST_HEADER = 3


def ruled_tables(placed: Placed) -> Iterator[Table]:
    """Yield the tables that have rules between their columns, and a rule above and below them."""
    across, down = _merged(placed.across), _merged(placed.down)
    if len(across) > _MOST_LINES or len(down) > _MOST_LINES:
        return
    for rows, columns in _connected(across, down):
        across_all, down_all = _with_sides(rows, columns), _with_sides(columns, rows)
        if len(_distinct(down_all)) > 2 and len(_distinct(across_all)) > 1:
            across_all += _sides_of_boxes(placed.boxes, across_all, down_all)
            table = _Grid(across_all, down_all).table([*placed.pieces, *placed.aside])
            if table:
                yield table


def _merged(rules: Sequence[Rule]) -> list[Rule]:
    """Return rules with those joined that lie on one line and touch."""
    lines: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda each: each.at):
        if lines and rule.at - lines[-1][-1].at <= _NEAR / 2 and rule.at - lines[-1][0].at <= _NEAR:
            lines[-1].append(rule)
        else:
            lines.append([rule])
    return [joined for line in lines for joined in _joined(line)]


def _joined(line: list[Rule]) -> Iterator[Rule]:
    at = sum(rule.at for rule in line) / len(line)
    low = high = None
    for rule in sorted(line, key=lambda each: each.low):
        if low is None or high is None:
            low, high = rule.low, rule.high
        elif rule.low > high + _NEAR:
            yield Rule(at, low, high)
            low, high = rule.low, rule.high
        else:
            high = max(high, rule.high)
    if low is not None and high is not None:
        yield Rule(at, low, high)


def _connected(across: list[Rule], down: list[Rule]) -> Iterator[tuple[list[Rule], list[Rule]]]:
    """Yield the groups of rules that meet one another."""
    group = list(range(len(across) + len(down)))

    def root(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    for i, row in enumerate(across):
        for j, column in enumerate(down, start=len(across)):
            meets = row.low - _NEAR <= column.at <= row.high + _NEAR and column.low - _NEAR <= row.at <= column.high + _NEAR  # fmt: skip
            if meets:
                group[root(i)] = root(j)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for number, rule in enumerate([*across, *down]):
        groups.setdefault(root(number), ([], []))[number >= len(across)].append(rule)
    yield from groups.values()


def _with_sides(rules: list[Rule], others: list[Rule]) -> list[Rule]:
    """Return rules with one on each side where others reach beyond them: many tables have no rules at their sides."""
    if not rules or not others:
        return rules
    lows, highs = sorted(rule.low for rule in others), sorted(rule.high for rule in others)
    low, high = lows[len(lows) // 2], highs[len(highs) // 2]
    first, last = min(rule.at for rule in rules), max(rule.at for rule in rules)
    before, after = min(rule.low for rule in rules), max(rule.high for rule in rules)
    sides = ([low] if first - low > _SIDE else []) + ([high] if high - last > _SIDE else [])
    return rules + [Rule(at, before, after) for at in sides]


def _sides_of_boxes(
    boxes: Sequence[tuple[float, float, float, float]], across: list[Rule], down: list[Rule]
) -> list[Rule]:
    """Return the upper and lower sides of filled rectangles between columns: a colour may part rows without a rule."""
    columns, rows = _distinct(down), _distinct(across)
    found = []
    for left, low, right, high in boxes[:_MOST_LINES]:
        if low < rows[0] - _NEAR or high > rows[-1] + _NEAR or high - low < _SIDE:
            continue
        if all(min(abs(side - column) for column in columns) <= _NEAR for side in (left, right)):
            found += [Rule(low, left, right), Rule(high, left, right)]
    return found


def _distinct(rules: Sequence[Rule]) -> list[float]:
    """Return the places of rules, ascending, with one for those that are near one another."""
    places: list[float] = []
    for rule in sorted(rules, key=lambda each: each.at):
        if not places or rule.at - places[-1] > _NEAR:
            places.append(rule.at)
    return places


class _Grid:
    """The cells between rules. Cells without a rule between them are one, merged cell."""

    def __init__(self, across: list[Rule], down: list[Rule]) -> None:
        self._across, self._down = across, down
        self._xs, self._ys = _distinct(down), _distinct(across)
        self._columns, self._rows = len(self._xs) - 1, len(self._ys) - 1

    def table(self, pieces: Sequence[Piece]) -> Table | None:
        """Return the table with the text between the rules; None where this is none."""
        if self._columns * self._rows > _MOST_CELLS:
            return None
        inside = [piece for piece in pieces if self._row(piece) is not None and self._column(piece) is not None]
        if len(inside) < 4 or is_right_to_left(inside):
            return None
        if self._rows <= 2:
            self._split_by_lines(inside)
        regions = self._regions()
        texts: dict[int, list[Piece]] = {}
        for piece in inside:
            row, column = self._row(piece), self._column(piece)
            assert row is not None and column is not None
            texts.setdefault(regions[row * self._columns + column], []).append(piece)
        cells = {region: cell_text(found) for region, found in texts.items()}
        if max(map(len, cells.values())) > _LONGEST_CELL or len(set(regions)) < _LEAST_CELLS * len(regions):
            return None
        rows = self._texts(regions, cells)
        titles = self._titles(rows, regions)
        return self._made(self._with_header(rows, regions, titles), inside, [row[0] for row in rows[:titles]])

    def _row(self, piece: Piece) -> int | None:
        """Return the row of a piece, counted from the bottom."""
        row = bisect_right(self._ys, piece.middle[1]) - 1
        return row if 0 <= row < self._rows else None

    def _column(self, piece: Piece) -> int | None:
        column = bisect_right(self._xs, piece.middle[0]) - 1
        return column if 0 <= column < self._columns else None

    def _split_by_lines(self, inside: Sequence[Piece]) -> None:
        """Make a row of each line where there is no rule between the rows, and most lines have text in most columns."""
        for low, high in list(pairwise(self._ys)):
            lines = lines_of_pieces(piece for piece in inside if low <= piece.middle[1] < high)
            filled = [len({self._column(piece) for piece in line.pieces}) for line in lines]
            firsts = sum(any(self._column(piece) == 0 for piece in line.pieces) for line in lines)
            if len(lines) > 2 and firsts >= 0.9 * len(lines) and sum(filled) >= 0.75 * self._columns * len(lines):
                for upper, lower in pairwise(lines):
                    at = (upper.y + lower.y) / 2 + 0.3 * lower.size
                    self._ys.append(at)
                    self._across.append(Rule(at, self._xs[0], self._xs[-1]))
        self._ys.sort()
        self._rows = len(self._ys) - 1

    def _regions(self) -> list[int]:
        """Return for each cell the first one of those that it is merged with, row by row."""
        region = list(range(self._rows * self._columns))

        def root(number: int) -> int:
            while region[number] != number:
                number = region[number]
            return number

        for row in range(self._rows):
            for column in range(self._columns):
                here = row * self._columns + column
                x = (self._xs[column] + self._xs[column + 1]) / 2
                y = (self._ys[row] + self._ys[row + 1]) / 2
                if column + 1 < self._columns and not _covers(self._down, self._xs[column + 1], y):
                    region[root(here + 1)] = root(here)
                if row + 1 < self._rows and not _covers(self._across, self._ys[row + 1], x):
                    region[root(here + self._columns)] = root(here)
        return [root(number) for number in range(len(region))]

    def _texts(self, regions: list[int], cells: dict[int, str]) -> list[list[str]]:
        """Return the texts of the rows, from the bottom up. A row that is one cell has its text in the first column."""
        seen: set[int] = set()
        rows: list[list[str]] = []
        for row in reversed(range(self._rows)):
            of_row = regions[row * self._columns : (row + 1) * self._columns]
            texts = []
            for region in of_row:
                text = cells.get(region, "")
                is_repeated = region in seen and (len(text) > _REPEATED_CHARACTERS or len(set(of_row)) == 1)
                texts.append("" if is_repeated else text)
                seen.add(region)
            rows.append(texts)
        return rows

    def _cells_in(self, row: int, regions: list[int]) -> int:
        """Return the number of cells of a row, counted from the top; merged ones count once."""
        first = (self._rows - 1 - row) * self._columns
        return len(set(regions[first : first + self._columns]))

    def _titles(self, rows: list[list[str]], regions: list[int]) -> int:
        """Return the number of rows at the top that are one cell each."""
        singles = (number for number in range(len(rows) - 1) if self._cells_in(number, regions) > 1)
        return next(singles, 0)

    def _with_header(self, rows: list[list[str]], regions: list[int], first: int) -> list[list[str]]:
        """Return rows from the first one on with one header: a name above several columns is put before their names."""
        last = first
        while last < min(first + _DEEPEST_HEADER, len(rows)) - 1 and 1 < self._cells_in(last, regions) < self._columns:
            last += 1
        names = (dict.fromkeys(row[column] for row in rows[first : last + 1]) for column in range(self._columns))
        return [[" ".join(name for name in each if name) for each in names], *rows[last + 1 :]]

    def _made(self, rows: list[list[str]], inside: Sequence[Piece], titles: list[str]) -> Table | None:
        """Return the table of rows, without those that are empty; None where too little is left."""
        columns = [column for column in range(self._columns) if any(row[column] for row in rows)]
        rows = [[row[column] for column in columns] for row in rows if any(row)]
        if len(rows) < 2 or len(columns) < 2:
            return None
        filled = [cell for row in rows for cell in row if cell]
        labels = sum(cell.rstrip().endswith(":") for cell in filled)
        if len(filled) < _LEAST_FILLED * len(rows) * len(columns) or labels > len(filled) / 3:
            return None
        spans = tuple((self._xs[column], self._xs[column + 1]) for column in columns)
        shown = frozenset(piece.shown for piece in inside)
        characters = sum(len(piece.text) for piece in inside)
        fonts = _fonts(rows, inside)
        return Table(rows, spans, self._ys[-1], self._ys[0], shown, characters, fonts, titles, is_ruled=True)


def _fonts(rows: Sequence[Sequence[str]], inside: Sequence[Piece]) -> list[str]:
    """Return the font of the first row, and that of the others."""
    lines = lines_of_pieces(inside)
    first = sum(len(cell) for cell in rows[0])
    header: list[Piece] = []
    taken = 0
    for line in lines:
        if taken >= first:
            break
        header += line.pieces
        taken += sum(len(piece.text) for piece in line.pieces)
    rest = [piece for line in lines for piece in line.pieces][len(header) :]
    return [font_of(header), *[font_of(rest)] * (len(rows) - 1)]


def _covers(rules: Sequence[Rule], at: float, along: float) -> bool:
    return any(abs(rule.at - at) <= _NEAR and rule.low - _NEAR <= along <= rule.high + _NEAR for rule in rules)
