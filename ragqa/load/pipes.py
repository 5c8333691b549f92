"""Rows of cells -> the lines of a table with pipes, as in Markdown, which the splitters know as a table."""

from __future__ import annotations

from collections.abc import Sequence

REPEATED_CHARACTERS = 200
"""A merged cell with a longer text is read once; a shorter one in each column and row that it covers."""


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the names of its columns, a line of dashes, and the other rows.

    Rows without any text are left out, and so are columns without any at the right. Rows of a single column, or a
    single row, are lines without pipes: no column has a name there.
    """
    filled = [[" ".join(cell.split()) for cell in row] for row in rows]
    filled = [row for row in filled if any(row)]
    width = max((place + 1 for row in filled for place, cell in enumerate(row) if cell), default=0)
    if width < 2 or len(filled) < 2:
        return [cell for row in filled for cell in row if cell]
    lines = [_line(row[:width] + [""] * (width - len(row))) for row in filled]
    return [lines[0], "|" + "---|" * width, *lines[1:]]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
